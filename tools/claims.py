"""What holds the book to its word, read from the notebooks and the tests: tables for the page about checks."""

import ast
from functools import cache

import nbformat
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from tools import listings, notebooks, project


def compared_cells(chapter):
    """For each cell that is compared: (its section, the lines it prints, the cell, its place among the code cells).

    The place counts from 0, as nbval does.
    """
    stored = nbformat.read(project.ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4)
    section, place, found = "", -1, []
    for cell in stored.cells:
        if cell.cell_type == "markdown":
            headings = [line.lstrip("# ") for line in cell.source.splitlines() if line.startswith(("## ", "### "))]
            section = headings[-1] if headings else section
            continue
        place += 1
        if notebooks.CHECKED in cell.metadata.get("tags", []):
            lines = [line for output in cell.outputs for line in output.text.splitlines() if line.strip()]
            found.append((section, lines, cell, place))
    return found


def names_in(node):
    """The names and attributes that a piece of code uses."""
    inside = list(ast.walk(node))
    return {part.id for part in inside if isinstance(part, ast.Name)} | {
        part.attr for part in inside if isinstance(part, ast.Attribute)}


@cache
def names_in_tests():
    """For each unit test, by (file, name): what it uses, itself or by way of helpers and fixtures."""
    folder, found = project.ROOT / "tests", {}
    parsed = {path.name: ast.parse(path.read_text(encoding="utf-8")).body for path in sorted(folder.glob("*.py"))}
    for file, body in parsed.items():
        definitions = {node.name: node for node in [*parsed["conftest.py"], *body] if hasattr(node, "name")}
        for name, node in definitions.items():
            if name.startswith("test_") and file != "conftest.py":
                used, new = set(), names_in(node) | {argument.arg for argument in node.args.args}
                while new:
                    used |= new
                    new = set().union(*(names_in(definitions[other]) for other in new & definitions.keys())) - used
                found[file, name] = used
    return found


@cache
def of_package(file):
    """Whether a file of tests imports from a module of the package, and so tests it."""
    return "\nfrom vaebook." in (project.ROOT / "tests" / file).read_text(encoding="utf-8")


def taught(chapter):
    """The dotted names of the package's code that a chapter shows, in the chapter's order."""
    text = (project.BOOK / f"{chapter}.md").read_text(encoding="utf-8")
    return list(dict.fromkeys(name for cell in listings.CELL.finditer(text) for name in cell["names"].split()))


def tests_of(name):
    """The unit tests of the package, as (file, name), that use the object with this dotted name.

    A helper that no test calls is tested by way of what calls it in its module.
    """
    module, _, short = name.rpartition(".")
    tests = [(file, test) for (file, test), used in names_in_tests().items() if short in used and of_package(file)]
    if tests:
        return tests
    source = ast.parse((project.ROOT / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
    callers = [node.name for node in source.body
               if hasattr(node, "name") and node.name != short and short in names_in(node)]
    return list(dict.fromkeys(test for caller in callers for test in tests_of(f"{module}.{caller}")))


def table(headers, rows, widths):
    """A table of docutils nodes; each row is a list of lists of nodes."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in widths), cols=len(widths))

    def row(entries):
        return nodes.row("", *(nodes.entry("", *entry) for entry in entries))

    group += nodes.thead("", row([[nodes.paragraph("", text)] for text in headers]))
    group += nodes.tbody("", *(row(entries) for entries in rows))
    return nodes.table("", group, classes=["claims", "colwidths-given"])


def lines_of(parts):
    """Inline nodes, one below the other, as one block."""
    return [nodes.line_block("", *(nodes.line("", "", part) for part in parts))]


def in_words(test):
    """The name of a test as a sentence."""
    return test.removeprefix("test_").replace("_s_", "'s ").replace("_", " ")


class Claims(SphinxDirective):
    """The cells of a chapter that are compared; with `:code:` the code that it shows and the tests of that code.

    With `:tests:` all tests of a file, whose name is then the argument.
    """

    required_arguments = 1
    option_spec = {"code": directives.flag, "tests": directives.flag}

    def run(self):
        name = self.arguments[0]
        return [self.code(name) if "code" in self.options else self.tests(name) if "tests" in self.options
                else self.cells(name)]

    def tests(self, file):
        names = [test for path, test in names_in_tests() if path == file]
        if not names:
            raise self.error(f"tests/{file} holds no test")
        return nodes.bullet_list("", *(nodes.list_item("", nodes.paragraph("", in_words(name))) for name in names))

    def cells(self, chapter):
        rows = []
        for section, lines, cell, place in compared_cells(chapter):
            link = nodes.reference("", section, refuri=f"{chapter}.html#cell-{cell.id}", internal=True)
            note = " (MNIST only)" if "mnist" in cell.metadata["tags"] else ""
            text = "\n".join(lines)
            shown = lines_of([nodes.literal("", line) for line in lines])
            if "columns" in cell.metadata["tags"]:  # laid out by the program that printed it
                shown = [nodes.literal_block(text, text, language="none")]
            rows.append([shown, [nodes.paragraph("", "", link)], [nodes.paragraph("", f"Cell {place}{note}")]])
        return table(["what is printed and compared", "section", "cell"], rows, [68, 20, 12])

    def code(self, chapter):
        rows = []
        for name in taught(chapter):
            tests = [nodes.inline("", f"{file}: {in_words(test)}") for file, test in tests_of(name)]
            rows.append([[nodes.paragraph("", "", nodes.literal("", name.removeprefix("vaebook.")))], lines_of(tests)])
        return table(["code that the chapter shows", "unit tests that use it"], rows, [34, 66])
