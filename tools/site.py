"""What the book adds to Jupyter Book: openings, lists of chapters and claims, folds with words, one place for addresses.

A Sphinx extension. `tools.finish` makes its pages lighter, `tools.katex` draws its formulas.
"""

import json
from itertools import groupby
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from tools import claims, finish, katex, notebooks, project

SHARED = "_static/share.png"
LOST = """<h1>Page not found</h1>
<p>There is no page at this address. The <a href="/{name}/index.html">first page</a> lists all chapters.</p>"""
# Before the first drawing: the theme's own script takes the system's choice for one only when all has arrived.
THEME = """var page = document.documentElement.dataset;
if (page.theme === "auto") page.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";"""


def addresses(app, config):
    """Addresses that follow from the repository's, so that none of them is typed into _config.yml."""
    config.project = config.html_title
    config.html_baseurl = config.ogp_site_url = project.SITE
    config.ogp_image = project.SITE + SHARED
    config.notfound_urls_prefix = f"/{project.NAME}/"
    config.notfound_context = {"title": "Page not found", "body": LOST.format(name=project.NAME)}
    config.html_theme_options.update(repository_url=project.REPOSITORY, path_to_docs="book")


def link(text, address):
    return nodes.reference("", text, refuri=address)


class Opening(SphinxDirective):
    """What the chapter costs, and the buttons: Colab, the notebook, the source."""

    required_arguments = 1

    def run(self):
        chapter = self.arguments[0]
        download = addnodes.download_reference("", "", nodes.inline("", "Download the notebook"),
                                               reftarget=f"../notebooks/{chapter}.ipynb", refdoc=self.env.docname)
        buttons = [link("Open in Colab", project.in_colab(chapter)), nodes.Text(" "), download, nodes.Text(" "),
                   link("Source", project.in_repository(f"book/{chapter}.md"))]
        return [nodes.container("", nodes.paragraph("", f"All cells together run for {project.minutes(chapter)}."),
                                nodes.paragraph("", "", *buttons, classes=["buttons"]), classes=["opening"])]


class Chapters(SphinxDirective):
    """All chapters, and what each costs on each kind of machine where it was measured."""

    def run(self):
        times = json.loads((project.BOOK / "chapter_times.json").read_text(encoding="utf-8"))
        machines = {device: cost["machine"] for measured in times.values() for device, cost in sorted(measured.items())}
        rows = []
        for place, path in enumerate(project.CHAPTERS, start=1):
            costs = (times.get(path.stem, {}).get(device) for device in machines)
            words = [f"{cost['minutes']:.1f} minutes" if cost else "not measured" for cost in costs]
            rows.append([link(f"{place}. {project.title(path)}", f"{path.stem}.html"), *map(nodes.Text, words)])
        return [claims.table({"chapter": 50} | {f"on {machine}": 25 for machine in machines.values()}, rows)]


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
        if checked:
            tick(cell)
        own = "code_prompt_show" in cell["cell_metadata"].get("mystnb", {})
        if cell.get("hide_mode") == "input" and not own:
            what = "check" if checked else what_is_made(cell)
            cell["prompt_show"], cell["prompt_hide"] = f"Show the {what}", f"Hide the {what}"


def tick(cell):
    """What a compared cell claims becomes a list of ticks and crosses, between the other lines that it prints."""
    for block in [block for block in cell.findall(nodes.literal_block) if "stream" in block["classes"]]:
        parts = []
        for are_claims, lines in groupby(block.astext().splitlines(), lambda line: bool(claims.CLAIM.fullmatch(line))):
            lines = list(lines)
            if are_claims:
                parts.append(claims.ticks(lines))
            elif any(line.strip() for line in lines):
                text = "\n".join(lines)
                parts.append(nodes.literal_block(text, text, **block.attributes))
        place = block.parent.index(block)
        block.parent[place:place + 1] = parts


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
            formula.parent[place:place + 2] = [kept, nodes.Text(after[1:])]


def visit_fold(translator, node):
    words = "".join(f'<span class="{state}">{translator.encode(node[prompt])}</span>'
                    for state, prompt in (("collapsed", "prompt_show"), ("expanded", "prompt_hide")))
    translator.body.append(f'<details class="hide"><summary>{words}</summary>\n')


def visit_citation(translator, node):
    """A paper, without the role that docutils gives it and that has been given up since."""
    translator.body.append(translator.starttag(node, "div", CLASS="citation"))


def share(app, error):
    if error is None and app.builder.name == "html":
        finish.share_picture(project.BOOK / "_static" / "manifold.gif", Path(app.outdir, SHARED))


def setup(app):
    katex.setup(app)
    app.add_directive("opening", Opening)
    app.add_directive("chapters", Chapters)
    app.add_directive("claims", claims.Claims)
    app.add_js_file(None, body=THEME)
    close = {name: lambda translator, node, name=name: translator.body.append(f"</{name}>\n") for name in ("details", "div")}
    app.add_node(HideCodeCellNode, override=True, html=(visit_fold, close["details"]))
    app.add_node(nodes.citation, override=True, html=(visit_citation, close["div"]))
    app.add_node(nodes.image, override=True, html=(finish.visit_image, None))
    app.connect("config-inited", addresses, priority=100)
    app.connect("doctree-read", cells)
    app.connect("doctree-read", keep_together)
    app.connect("doctree-resolved", finish.pictures)
    app.connect("html-page-context", finish.lighten, priority=900)
    app.connect("build-finished", share)
    return {"parallel_read_safe": True}
