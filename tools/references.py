"""References that are links: equations and figures get anchors, and their numbers in the prose lead there.

A Sphinx extension. `(2.4)` names the display with `\\tag{2.4}`, `figure 2.3` the third figure of chapter 2. Sphinx
looks the targets up once all pages are read, and a number without one is a warning, and so an error.
"""

import re
from itertools import groupby
from pathlib import Path

from docutils import nodes
from docutils.utils import get_source_line
from sphinx import addnodes
from sphinx.errors import ExtensionError

from tools import project

TAG = re.compile(r"\\tag\{([\d.]+)\}")
NUMBER = rf"[1-{len(project.CHAPTERS)}]\.\d+"  # of a chapter that exists: other numbers are only numbers
NAMED = re.compile(rf"(\({NUMBER}\)|[Ff]igure[ \n]{NUMBER})(?!\d)")  # a caption's own number has another space
LINKS = (nodes.reference, addnodes.pending_xref)
AS_IT_IS = (nodes.FixedTextElement, nodes.literal, nodes.math, nodes.raw, nodes.title, *LINKS)
PICTURES = ('class="vae-animation"', 'class="vae-live"')


def anchor(kind, number):
    """The id of an equation ("eq") or a figure."""
    return f"{kind}-{number.replace('.', '-')}"


def give(app, node, kind, number):
    """The node, where a reference to this number leads from now on."""
    name, domain = anchor(kind, number), app.env.get_domain("std")
    if name in domain.anonlabels:
        raise ExtensionError(f"{app.env.docname} gives the number {number} a second time ({kind})")
    node["ids"].append(name)
    domain.note_hyperlink_target(name, app.env.docname, name)
    return node


def equations(app, doctree):
    for display in doctree.findall(nodes.math_block):
        for number in TAG.findall(display.astext()):
            give(app, display, "eq", number)


def is_picture(output):
    """Whether an output shows something to look at: an image, an animation, a live figure."""
    html = "".join(node.astext() for node in output.findall(nodes.raw))
    return any(output.findall(nodes.image)) or any(mark in html for mark in PICTURES)


def figures(app, doctree):
    """Each cell of a chapter that shows a picture becomes a figure: a number by its place, the words by `caption`."""
    path, count = Path(app.env.doc2path(app.env.docname)), 0
    if path not in project.CHAPTERS:
        return
    for cell in [node for node in doctree.findall(nodes.container) if node.get("nb_element") == "cell_code"]:
        caption = cell["cell_metadata"].get("caption")
        outputs = [output for part in cell if "cell_output" in part["classes"] for output in part]
        shown = [output for output in outputs if is_picture(output)]
        if caption and not shown:
            shown = outputs[-1:]  # a preview says here what is missing
        if len(shown) > 1 or (caption and not shown):
            raise ExtensionError(f"{path.name}: a figure is a cell that shows one picture, not {len(shown)}: {caption}")
        for output in shown:
            count += 1
            number = f"{project.CHAPTERS.index(path) + 1}.{count}"
            figure, place = give(app, nodes.figure(), "figure", number), output.parent.index(output)
            output.parent[place] = figure
            figure += [output, nodes.caption("", "", *words(number, caption))]


def words(number, caption):
    """What stands below a figure; formulas in a caption stand between dollars, as elsewhere."""
    yield nodes.inline("", f"Figure\N{NO-BREAK SPACE}{number}{'.' * bool(caption)}", classes=["caption-number"])
    for place, part in enumerate(f" {caption}".split("$") if caption else ()):
        yield nodes.math(part, part) if place % 2 else nodes.Text(part)


def links(app, doctree):
    """Make each number of an equation or a figure in the prose a link."""
    for element in list(doctree.findall(nodes.TextElement)):
        if not any(isinstance(around, AS_IT_IS) for around in [element, *ancestors(element)]):
            found = []
            for is_text, group in groupby(list(element), lambda child: isinstance(child, nodes.Text)):
                children = list(group)  # each line of a paragraph is a text of its own
                found += linked(app, "".join(children), element) if is_text else children
            element[:] = found


def ancestors(node):
    while node := node.parent:
        yield node


def linked(app, text, element):
    """The nodes of a text of this element; every second part of the split is a number."""
    parts = enumerate(NAMED.split(text))
    return [link(app, part, element) if place % 2 else nodes.Text(part) for place, part in parts if part]


def link(app, words, element):
    """A reference that Sphinx resolves when it has read all pages."""
    name = anchor("eq" if words.startswith("(") else "figure", words.strip("()").split()[-1])
    options = {"refdomain": "std", "reftype": "ref", "refexplicit": True, "refwarn": True}
    found = addnodes.pending_xref("", nodes.inline("", words), reftarget=name, refdoc=app.env.docname, **options)
    found.source, found.line = get_source_line(element)
    return found


def setup(app):
    app.connect("doctree-read", equations, priority=600)  # after what tools.site makes of cells
    app.connect("doctree-read", figures, priority=600)
    app.connect("doctree-read", links, priority=700)
