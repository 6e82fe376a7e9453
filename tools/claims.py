"""What holds the book to its word, read from the notebooks and the tests: lists and tables for the page about checks."""

import ast
import re
from functools import cache

import nbformat
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tools import listings, notebooks, project

CLAIM = re.compile(r"\s*(.*\S): (True|False)\s*")
NAMED = {ast.Name: "id", ast.Attribute: "attr", ast.arg: "arg"}  # where such a piece of code has its name


def compared_cells(chapter):
    """For each cell that is compared: (its section, the lines it prints, the cell, its place among the code cells).

    The place counts from 0, as nbval does.
    """
    stored = nbformat.read(project.ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4)
    section, place, found = "", -1, []
    for cell in stored.cells:
        if cell.cell_type == "markdown":
            section = ([section] + re.findall(r"^###? (.*)", cell.source, re.MULTILINE))[-1]
            continue
        place += 1
        if notebooks.CHECKED in cell.metadata.get("tags", []):
            lines = [line for output in cell.outputs for line in output.text.splitlines() if line.strip()]
            found.append((section, lines, cell, place))
    return found


def names_in(node):
    """The names, attributes and arguments of a piece of code."""
    return {getattr(part, NAMED[type(part)]) for part in ast.walk(node) if type(part) in NAMED}


def names_by_definition(path):
    """For each function and class at the top of a file: the names in it."""
    return {node.name: names_in(node) for node in ast.parse(path.read_text(encoding="utf-8")).body if hasattr(node, "name")}


@cache
def names_in_tests():
    """For each unit test of the package, by (file, name): what it uses, itself or by way of helpers and fixtures."""
    folder, found = project.ROOT / "tests", {}
    for path in sorted(folder.glob("test_*.py")):
        if "\nfrom vaebook." in path.read_text(encoding="utf-8"):
            uses = names_by_definition(folder / "conftest.py") | names_by_definition(path)
            for test in filter(re.compile("test_").match, uses):
                new, found[path.name, test] = uses[test], set()
                while new:
                    found[path.name, test] |= new
                    new = set().union(*(uses.get(name, ()) for name in new)) - found[path.name, test]
    return found


def taught(chapter):
    """The dotted names of the package's code that a chapter shows, in the chapter's order."""
    text = (project.BOOK / f"{chapter}.md").read_text(encoding="utf-8")
    return list(dict.fromkeys(name for cell in listings.CELL.finditer(text) for name in cell["names"].split()))


def tests_of(name):
    """The unit tests, as (file, name), that use the object with this dotted name, or else what calls it in its module."""
    module, _, short = name.rpartition(".")
    tests = [test for test, used in names_in_tests().items() if short in used]
    uses = {} if tests else names_by_definition(project.ROOT / f"{module.replace('.', '/')}.py")
    callers = [caller for caller, used in uses.items() if short in used and caller != short]
    return tests or list(dict.fromkeys(test for caller in callers for test in tests_of(f"{module}.{caller}")))


def in_words(test):
    """The name of a test as a sentence."""
    return test.removeprefix("test_").replace("_s_", "'s ").replace("_", " ")


def table(widths, rows):
    """A table of docutils nodes.  widths: of each column, by its header.  rows: lists of nodes."""
    def row(parts):
        return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", part) if inline(part) else part) for part in parts))

    def inline(part):
        return isinstance(part, nodes.Inline | nodes.Text)

    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in widths.values()), cols=len(widths))
    group += [nodes.thead("", row(map(nodes.Text, widths))), nodes.tbody("", *map(row, rows))]
    return nodes.table("", group, classes=["claims", "colwidths-given"])


def ticks(lines, make=nodes.inline):
    """Lines that a cell prints, as a list: a claim with a tick or a cross, and words for those who cannot see these."""
    found = nodes.bullet_list(classes=["ticks"])
    for line in lines:
        text, holds = CLAIM.fullmatch(line).groups() if CLAIM.fullmatch(line) else (line, None)
        words = {"True": ": holds", "False": ": does not hold", None: ""}[holds]
        parts = [make("", text), nodes.inline("", words, classes=["hidden-text"])]
        found += nodes.list_item("", nodes.paragraph("", "", *parts), classes=[f"says-{holds}".lower()])
    return found


class Claims(SphinxDirective):
    """The tests in a file, by its name; or without a name all that is compared in each chapter, and the code that it shows."""

    optional_arguments = 1

    def run(self):
        if self.arguments:
            text = (project.ROOT / "tests" / self.arguments[0]).read_text(encoding="utf-8")
            names = re.findall(r"^def test_(\w+)", text, re.MULTILINE)
            return [nodes.bullet_list("", *(nodes.list_item("", nodes.paragraph("", in_words(name))) for name in names))]
        return [self.of_chapter(place, path) for place, path in enumerate(project.CHAPTERS, start=1)]

    def of_chapter(self, place, path):
        section = nodes.section("", nodes.title("", f"Chapter {place}: {project.title(path)}"), names=[f"chapter {place}"])
        self.state.document.note_implicit_target(section, section)
        rows = []
        for heading, lines, cell, number in compared_cells(path.stem):
            tags = cell.metadata["tags"]
            text = "\n".join(lines)  # laid out by the program that printed it, where it has columns
            shown = nodes.literal_block(text, text, language="none") if "columns" in tags else ticks(lines, nodes.literal)
            link = nodes.reference("", heading, refuri=f"{path.stem}.html#cell-{cell.id}", internal=True)
            rows.append([shown, link, nodes.Text(f"Cell {number}{' (MNIST only)' * ('mnist' in tags)}")])
        section += table({"what is printed and compared": 68, "section": 20, "cell": 12}, rows)
        rows = []
        for name in taught(path.stem):
            tests = [nodes.line("", f"{file}: {in_words(test)}") for file, test in tests_of(name)]
            rows.append([nodes.literal("", name.removeprefix("vaebook.")), nodes.line_block("", *tests)])
        section += table({"code that the chapter shows": 34, "unit tests that use it": 66}, rows)
        return section
