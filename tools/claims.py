"""What holds the book to its word: claims as ticks, and the page of checks, made from the notebooks and the tests."""

import ast
import re
from functools import cache
from itertools import groupby

import nbformat
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tools import listings, notebooks, project

CLAIM = re.compile(r"\s*(.*\S): (True|False)\s*")
WORDS = {"True": ": holds", "False": ": does not hold"}
NAMED = {ast.Name: "id", ast.Attribute: "attr", ast.arg: "arg"}  # where such a piece of code has its name


def compared_cells(chapter):
    """For each cell that is compared: (its section, the lines it prints, the cell, its place among the code cells).

    The place counts from 0, as nbval does.
    """
    section, place, found = "", -1, []
    for cell in nbformat.read(project.ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4).cells:
        if cell.cell_type == "markdown":
            section = [section, *re.findall(r"^###? (.*)", cell.source, re.MULTILINE)][-1]
            continue
        place += 1
        if notebooks.CHECKED in cell.metadata.get("tags", []):
            lines = [line for output in cell.outputs for line in output.text.splitlines() if line.strip()]
            found.append((section, lines, cell, place))
    return found


def names_by_definition(path):
    """For each function and class at the top of a file: the names, attributes and arguments in it."""
    return {
        node.name: {getattr(part, NAMED[type(part)]) for part in ast.walk(node) if type(part) in NAMED}
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if hasattr(node, "name")
    }


@cache
def names_in_tests():
    """For each unit test of the package, by (file, name): what it uses, itself or by way of helpers and fixtures."""
    folder, found = project.ROOT / "tests", {}
    for path in sorted(folder.glob("test_*.py")):
        if "\nfrom vaebook." in path.read_text(encoding="utf-8"):
            uses = names_by_definition(folder / "conftest.py") | names_by_definition(path)
            for test in (name for name in uses if name.startswith("test_")):
                used, new = set(), uses[test]
                while new:
                    used |= new
                    new = set().union(*(uses.get(name, ()) for name in new)) - used
                found[path.name, test] = used
    return found


def taught(chapter):
    """The dotted names of the package's code that a chapter shows, in the chapter's order."""
    text = (project.BOOK / f"{chapter}.md").read_text(encoding="utf-8")
    return list(dict.fromkeys(name for cell in listings.CELL.finditer(text) for name in cell["names"].split()))


def tests_of(name):
    """The unit tests, as (file, name), that use the object with this dotted name, or what calls it in its module."""
    module, _, short = name.rpartition(".")
    tests = [test for test, used in names_in_tests().items() if short in used]
    uses = {} if tests else names_by_definition(project.ROOT / f"{module.replace('.', '/')}.py")
    callers = [caller for caller, used in uses.items() if short in used and caller != short]
    return tests or list(dict.fromkeys(test for caller in callers for test in tests_of(f"{module}.{caller}")))


def printed(lines, **options):
    """What a cell prints, as nodes: its claims as lists of ticks and crosses, the rest as it was printed."""
    found = []
    for are_claims, group in groupby(lines, lambda line: bool(CLAIM.fullmatch(line))):
        text = "\n".join(group)
        if are_claims:
            ticks = nodes.bullet_list(classes=["ticks"], support_smartquotes=False)
            for words, holds in (CLAIM.fullmatch(line).groups() for line in text.splitlines()):
                verdict = nodes.inline("", WORDS[holds], classes=["hidden-text"])  # for a screen reader
                ticks += nodes.list_item("", nodes.paragraph("", words, verdict), classes=[holds.lower()])
            found.append(ticks)
        elif text.strip():
            found.append(nodes.literal_block(text, text, **options))
    return found


def in_words(test):
    """The name of a test as a sentence."""
    return test.removeprefix("test_").replace("_s_", "'s ").replace("_", " ")


class Claims(SphinxDirective):
    """The tests in the named file; without a name, of each chapter what is compared and the code that it shows."""

    optional_arguments = 1

    def run(self):
        if self.arguments:
            text = (project.ROOT / "tests" / self.arguments[0]).read_text(encoding="utf-8")
            tests = re.findall(r"^def (test_\w+)", text, re.MULTILINE)
            return self.parse_text_to_nodes("\n".join(f"- {in_words(test)}" for test in tests))
        return [self.of_page(path) for path in project.NOTEBOOKS]

    def of_page(self, path):
        title = project.title(path)
        if path in project.CHAPTERS:
            title = f"Chapter {project.CHAPTERS.index(path) + 1}: {title}"
        section = nodes.section(names=[title.partition(":")[0].lower()])
        section += nodes.title("", title)
        self.state.document.note_implicit_target(section, section)
        for heading, lines, cell, number in compared_cells(path.stem):
            tags = cell.metadata["tags"]
            link = nodes.reference("", heading, refuri=f"{path.stem}.html#cell-{cell.id}", internal=True)
            where = nodes.Text(f", cell {number}{', MNIST only' if 'mnist' in tags else ''}")
            section += nodes.paragraph("", "", link, where, classes=["compared"])
            section += printed(lines, language="none", classes=list(tags))
        lines = ["The code that it shows, and the unit tests that use it:", ""]
        for name in taught(path.stem):
            tests = [f"{in_words(test)} (`{file}`)" for file, test in tests_of(name)]
            lines.append(f"- `{name.removeprefix('vaebook.')}`: {'; '.join(tests)}")
        section += self.parse_text_to_nodes("\n".join(lines))
        return section
