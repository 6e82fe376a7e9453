"""What the book adds to Jupyter Book: openings, a list of chapters, ticks, folds with words, one place for addresses.

A Sphinx extension. `tools.finish` makes its pages lighter, `tools.katex` draws its formulas.
"""

from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
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
        cost = f"All cells together run for {project.minutes(chapter)}."
        buttons = [
            f"[Open in Colab]({project.in_colab(chapter)})",
            f"{{download}}`Download the notebook <../notebooks/{chapter}.ipynb>`",
            f"[Source]({project.in_repository(f'book/{chapter}.md')})",
        ]
        words = self.parse_text_to_nodes(f"{cost}\n\n{' '.join(buttons)}")
        return [nodes.container("", *words, classes=["opening"])]


class Chapters(SphinxDirective):
    """All chapters, and what each costs."""

    def run(self):
        rows = ["| chapter | all its cells together run for |", "| --- | --- |"]
        for place, path in enumerate(project.CHAPTERS, start=1):
            rows.append(f"| [{place}. {project.title(path)}]({path.name}) | {project.minutes(path.stem)} |")
        return self.parse_text_to_nodes("\n".join(rows))


def cells(app, doctree):
    """In each code cell of a chapter: the id that the page of checks links to, claims as ticks, a fold's words."""
    shown = [node for node in doctree.findall(nodes.container) if node.get("nb_element") == "cell_code"]
    path = Path(app.env.doc2path(app.env.docname))
    if path in project.CHAPTERS:
        ids = [cell.id for cell in notebooks.cells_of(path) if cell.cell_type == "code"]
        for node, name in zip(shown, ids, strict=True):
            node["ids"].append(f"cell-{name}")
    for cell in shown:
        checked = notebooks.CHECKED in cell["cell_metadata"].get("tags", [])
        for block in [*cell.findall(nodes.literal_block)] if checked else ():
            if "stream" in block["classes"]:
                place = block.parent.index(block)
                block.parent[place : place + 1] = claims.printed(block.astext().splitlines(), **block.attributes)
        own = "code_prompt_show" in cell["cell_metadata"].get("mystnb", {})
        if cell.get("hide_mode") == "input" and not own:
            what = "check" if checked else what_is_made(cell)
            cell["prompt_show"], cell["prompt_hide"] = f"Show the {what}", f"Hide the {what}"


def what_is_made(cell):
    """What the folded code of a cell makes."""
    html = "".join(node.astext() for node in cell.findall(nodes.raw))
    if "<img" in html or next(cell.findall(nodes.image), None):
        return "code of this figure"
    return "code of this table" if "<table" in html else "code"


def keep_together(app, doctree):
    """No line is broken within -ELBO, which gets a true minus sign, nor between a short formula and its full stop."""
    code = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)
    for text in list(doctree.findall(nodes.Text)):
        if "-ELBO" in text and not isinstance(text.parent, code):
            text.parent.replace(text, nodes.Text(text.replace("-ELBO", "\N{MINUS SIGN}ELBO")))
    for formula in list(doctree.findall(nodes.math)):
        place = formula.parent.index(formula)
        after = formula.parent[place + 1] if place + 1 < len(formula.parent) else None
        if isinstance(after, nodes.Text) and after[0] in ".,;:)?!" and len(formula.astext()) < 25:
            kept = nodes.inline("", "", formula.deepcopy(), nodes.Text(after[0]), classes=["keep"])
            formula.parent[place : place + 2] = [kept, nodes.Text(after[1:])]


def visit_fold(translator, node):
    """A fold whose words are its name, also for a screen reader."""
    show, hide = translator.encode(node["prompt_show"]), translator.encode(node["prompt_hide"])
    words = f'<span class="collapsed">{show}</span><span class="expanded">{hide}</span>'
    translator.body.append(f'<details class="hide"><summary>{words}</summary>\n')


def visit_citation(translator, node):
    """A paper, without the role that docutils gives it and that has been given up since."""
    translator.body.append(translator.starttag(node, "div", CLASS="citation"))


def depart(translator, node):
    translator.body.append("</div>\n" if isinstance(node, nodes.citation) else "</details>\n")


def share(app, error):
    if error is None and app.builder.name == "html":
        finish.share_picture(project.BOOK / "_static" / "manifold.gif", Path(app.outdir, SHARED))


def setup(app):
    katex.setup(app)
    app.add_directive("opening", Opening)
    app.add_directive("chapters", Chapters)
    app.add_directive("claims", claims.Claims)
    app.add_node(HideCodeCellNode, override=True, html=(visit_fold, depart))
    app.add_node(nodes.citation, override=True, html=(visit_citation, depart))
    app.add_node(nodes.image, override=True, html=(finish.visit_image, None))
    app.connect("config-inited", addresses, priority=100)
    app.connect("doctree-read", cells)
    app.connect("doctree-read", keep_together)
    app.connect("doctree-resolved", finish.pictures)
    app.connect("html-page-context", finish.wait, priority=900)
    app.connect("build-finished", share)
    return {"parallel_read_safe": True}
