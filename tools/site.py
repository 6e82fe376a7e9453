"""What the book adds to Jupyter Book: a chapter's opening, an anchor for each cell, addresses from one place.

A Sphinx extension; `tools.finish` then goes over the written pages.
"""

from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from tools import claims, finish, katex, notebooks, project

SHARED = "_static/share.png"
LOST = """<h1>Page not found</h1>
<p>There is no page at this address. The <a href="/{name}/index.html">first page</a> lists all chapters.</p>"""


def addresses(app, config):
    """Addresses that follow from the repository's, so that none of them is typed into _config.yml."""
    config.project = config.html_title
    config.html_baseurl = config.ogp_site_url = project.SITE
    config.ogp_image = project.SITE + SHARED
    config.notfound_urls_prefix = f"/{project.NAME}/"
    config.notfound_context = {"title": "Page not found", "body": LOST.format(name=project.NAME)}
    config.html_theme_options.update(repository_url=project.REPOSITORY, path_to_docs="book")


class Opening(SphinxDirective):
    """What the chapter costs, and the buttons: Colab, the notebook, the source."""

    required_arguments = 1

    def run(self):
        chapter = self.arguments[0]
        cost = nodes.paragraph("", f"All cells together run for {project.minutes(chapter)}.")
        buttons = nodes.paragraph(classes=["buttons"])
        download = addnodes.download_reference("", "", nodes.inline("", "Download the notebook"),
                                               reftarget=f"../notebooks/{chapter}.ipynb", refdoc=self.env.docname)
        buttons += [
            nodes.reference("", "Open in Colab", refuri=project.in_colab(chapter), internal=False), nodes.Text(" "),
            download, nodes.Text(" "),
            nodes.reference("", "Source", refuri=project.in_repository(f"book/{chapter}.md"), internal=False)]
        return [nodes.container("", cost, buttons, classes=["opening"])]


def anchor_cells(app, doctree):
    """Give each code cell of a chapter the id that the page of claims links to."""
    path = Path(app.env.doc2path(app.env.docname))
    if path not in project.CHAPTERS:
        return
    shown = [node for node in doctree.findall(nodes.container) if node.get("nb_element") == "cell_code"]
    ids = [cell.id for cell in notebooks.cells_of(path) if cell.cell_type == "code"]
    for node, name in zip(shown, ids, strict=True):
        node["ids"].append(f"cell-{name}")


def keep_together(app, doctree):
    """No line is broken within -ELBO, which gets a true minus sign, nor between a short formula and its full stop."""
    code = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block)
    for text in list(doctree.findall(nodes.Text)):
        if "-ELBO" in text and not isinstance(text.parent, code):
            text.parent.replace(text, nodes.Text(text.replace("-ELBO", "\N{MINUS SIGN}ELBO")))
    for formula in list(doctree.findall(nodes.math)):
        place = formula.parent.index(formula)
        after = formula.parent[place + 1] if place + 1 < len(formula.parent) else None
        if isinstance(after, nodes.Text) and after[0] in ".,;:)?!" and len(formula.astext()) < 25:
            kept = nodes.inline("", "", formula.deepcopy(), nodes.Text(after[0]), classes=["keep"])
            formula.parent[place:place + 2] = [kept, nodes.Text(after[1:])]


def finish_pages(app, error):
    if error is None and app.builder.name == "html":
        finish.finish(Path(app.outdir), SHARED)


def setup(app):
    katex.setup(app)
    app.add_directive("opening", Opening)
    app.add_directive("claims", claims.Claims)
    app.connect("config-inited", addresses, priority=100)
    app.connect("doctree-read", anchor_cells)
    app.connect("doctree-read", keep_together)
    app.connect("build-finished", finish_pages)
    return {"parallel_read_safe": True}
