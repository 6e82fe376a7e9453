"""What the book adds to Jupyter Book: kept outputs, openings, ticks, folds with words, addresses.

A Sphinx extension. `tools.finish` makes its pages lighter, `tools.katex` draws its formulas.
"""

import ast
from copy import deepcopy
from pathlib import Path

import nbformat
from docutils import nodes
from IPython.core.inputtransformer2 import TransformerManager
from myst_nb.core.read import read_myst_markdown_notebook
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from tools import claims, execute, finish, katex, measured, notebooks, project, reading, references
from tools.cards import Cards, live_figure

TO_COMPUTE = nbformat.v4.new_output("display_data", {"text/markdown": "*`make book` computes this.*"})
SAYS_PREVIEW = "**This is a preview.** It shows what the notebook keeps; `make book` computes the rest.\n\n"

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


def read_kept_outputs(app):
    """Have myst-nb read each chapter with its outputs, and execute nothing itself (`execute_notebooks` is off)."""
    given = {"config": app.env.myst_config}
    readers = {
        path.name: ("tools.site.with_outputs", given | {"chapter": path.stem}, False) for path in project.NOTEBOOKS
    }
    app.env.mystnb_config = app.env.mystnb_config.copy(custom_formats=readers)


def with_outputs(text, config, chapter):
    """A chapter as a notebook with the outputs of its execution; in a preview, with those that its notebook keeps."""
    path = project.BOOK / f"{chapter}.md"
    stored = nbformat.read(notebooks.file_of(path), as_version=4)
    record = stored if execute.PREVIEW else execute.fresh(chapter, notebooks.convert(path))
    if not record:
        raise ExtensionError(f"{path.name} has changed since it was executed; run `make book`")
    notebook = read_myst_markdown_notebook(text, config=config, add_source_map=True)
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}  # knows magics
    outputs = {cell.id: cell.outputs for cell in execute.code_cells(record)}
    for cell, name in zip(execute.code_cells(notebook), code_ids(path), strict=True):
        missing = [deepcopy(TO_COMPUTE)] if execute.PREVIEW and shows_something(cell.source) else []
        cell.outputs = outputs.get(name) or missing
    return notebook


def code_ids(path):
    """The ids that the code cells of a chapter have in its notebook."""
    return [cell.id for cell in notebooks.cells_of(path) if cell.cell_type == "code"]


def shows_something(source):
    """Whether a cell, by its looks, has an output: it prints, or ends with an expression."""
    *_, last = [None, *ast.parse(TransformerManager().transform_cell(source)).body]
    return "print(" in source or (isinstance(last, ast.Expr) and not source.rstrip().endswith(";"))


class Live(SphinxDirective):
    """A live figure of a chapter, by its name, on another page: as it was when the chapter was executed."""

    required_arguments = 2

    def run(self):
        chapter, name = self.arguments
        self.env.note_dependency(str(execute.OUTPUTS / f"{chapter}.ipynb"))
        shown = live_figure(chapter, name)
        if execute.PREVIEW:
            return self.parse_text_to_nodes(TO_COMPUTE["data"]["text/markdown"])
        if not shown:
            raise self.error(f"no cell of {chapter} shows a live figure {name}")
        return [nodes.container("", nodes.raw("", shown, format="html"), classes=["cell_output"])]


class Opening(SphinxDirective):
    """What the chapter costs, and the buttons: Colab, the notebook, the source."""

    required_arguments = 1

    def run(self):
        chapter = self.arguments[0]
        buttons = [
            f"[Open in Colab]({project.in_colab(chapter)})",
            f"{{download}}`Download the notebook <../notebooks/{chapter}.ipynb>`",
            f"[Source]({project.in_repository(f'book/{chapter}.md')})",
        ]
        cost = SAYS_PREVIEW * execute.PREVIEW + reading.cost(chapter)
        words = self.parse_text_to_nodes(f"{cost}\n\n{' '.join(buttons)}")
        return [nodes.container("", *words, classes=["opening"])]


def cells(app, doctree):
    """In each code cell of an executed page: the id that the checks link to, claims as ticks, a fold's words."""
    shown = [node for node in doctree.findall(nodes.container) if node.get("nb_element") == "cell_code"]
    path = Path(app.env.doc2path(app.env.docname))
    if path in project.NOTEBOOKS:
        for node, name in zip(shown, code_ids(path), strict=True):
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
    if "vae-live" in html:
        return "code of this live figure"
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
    references.setup(app)
    app.add_directive("cards", Cards)
    app.add_directive("live", Live)
    app.add_directive("measured", measured.Measured)
    app.add_directive("opening", Opening)
    app.add_directive("claims", claims.Claims)
    app.add_node(HideCodeCellNode, override=True, html=(visit_fold, depart))
    app.add_node(nodes.citation, override=True, html=(visit_citation, depart))
    app.connect("config-inited", addresses, priority=100)
    app.connect("builder-inited", read_kept_outputs, priority=900)
    app.connect("doctree-read", cells)
    app.connect("doctree-read", keep_together)
    app.connect("doctree-resolved", finish.pictures)
    app.connect("html-page-context", finish.wait, priority=900)
    app.connect("build-finished", share)
    return {"parallel_read_safe": True}
