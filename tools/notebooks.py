"""Make notebooks/*.ipynb from the chapters that _toc.yml lists.

    python -m tools.notebooks           convert, execute what has changed, and store the outputs that are compared
    python -m tools.notebooks --prose   convert, and keep the stored outputs: enough where the words have changed, or
                                        the package that the notebooks carry
    python -m tools.notebooks --check   exit with 1 where a notebook is not what its chapter converts to

Cells tagged `nbval-check-output` keep their output, all others none: `pytest --nbval` compares exactly those.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from collections import Counter

import jupytext
import nbformat

from tools import execute, project
from tools.colab import plain_markdown
from tools.wheel import SET_UP, set_up

CHECKED = "nbval-check-output"
FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}  # in Jupyter and in Colab
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def file_of(path):
    """The notebook of a chapter."""
    return project.ROOT / "notebooks" / f"{path.stem}.ipynb"


def cells_of(path):
    """The cells of a chapter: clean prose, stable ids, tags kept, no outputs, no time stamps."""
    seen, cells = Counter(), jupytext.reads(path.read_text(encoding="utf-8"), fmt="md:myst").cells
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = plain_markdown(cell.source)
        digest = hashlib.sha256(cell.source.encode()).hexdigest()[:10]
        cell.id = f"{digest}-{seen[digest]}"
        seen[digest] += 1
        tags = cell.metadata.get("tags", [])
        folded = FOLDED if {"hide-cell", "hide-input"} & {*tags} else {}
        cell.metadata = nbformat.from_dict(({"tags": tags} if tags else {}) | folded)
    return cells


def convert(path):
    """The notebook of a chapter, without outputs. Its first code cell gets the book's package where that is missing."""
    cells = cells_of(path)
    first = [cell.cell_type for cell in cells].index("code")
    cells.insert(first, nbformat.v4.new_code_cell(set_up(), id=SET_UP, metadata=FOLDED))
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})


def checked_cells(notebook):
    """The cells whose output is stored and compared."""
    return [cell for cell in notebook.cells if CHECKED in cell.metadata.get("tags", [])]


def with_outputs(notebook, executed):
    """The text of a notebook with the outputs that its checked cells have in `executed`."""
    ran = {cell.id: cell for cell in executed.cells}
    code = [cell.id for cell in notebook.cells if cell.cell_type == "code"]
    for cell in checked_cells(notebook):
        if cell.id not in ran or ran[cell.id].source != cell.source:
            raise ValueError(f"a new or changed cell has no output yet; run `make notebooks`:\n{cell.source}")
        if not ran[cell.id].outputs:
            raise ValueError(f"a cell tagged {CHECKED} printed nothing:\n{cell.source}")
        cell.outputs, cell.execution_count = ran[cell.id].outputs, code.index(cell.id) + 1
    return nbformat.writes(notebook) + "\n"


def converted(paths):
    """What the notebooks of these chapters should read, by file; outputs are those stored."""
    texts = {}
    for path in paths:
        file = file_of(path)
        stored = nbformat.read(file, as_version=4) if file.exists() else nbformat.v4.new_notebook()
        try:
            texts[file] = with_outputs(convert(path), stored)
        except ValueError as error:
            sys.exit(f"{file.name}: {error}")
    return texts


def save_animations(executed):
    """Write the GIF of each cell with a tag `save-NAME` to book/_static/NAME.gif."""
    for cell in executed.cells:
        for name in (tag.removeprefix("save-") for tag in cell.metadata.get("tags", []) if tag.startswith("save-")):
            shown = next(output["data"]["text/html"] for output in cell.outputs if "data" in output)
            gif = re.search(r'src="data:image/gif;base64,([^"]+)"', shown)[1]
            (project.BOOK / "_static" / f"{name}.gif").write_bytes(base64.b64decode(gif))


def save_time(chapter, seconds, machine):
    """Note in book/chapter_times.json, which the pages show, what a chapter costs on a machine; others' times stay."""
    path = project.BOOK / "chapter_times.json"
    times = json.loads(path.read_text(encoding="utf-8"))
    times.setdefault(chapter, {})[machine] = round(seconds / 60, 1)
    path.write_text(json.dumps(times, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--prose", action="store_true")
    parser.add_argument("chapters", nargs="*", default=[""], help="only these, by the start of their name (2_mnist)")
    arguments = parser.parse_args()
    chapters = [path for path in project.NOTEBOOKS if path.stem.startswith(tuple(arguments.chapters))]
    if arguments.check or arguments.prose:
        project.renew(converted(chapters), "python -m tools.notebooks --prose", arguments.check)
    from vaebook.data import mnist

    mnist("test")  # stored outputs are MNIST's: stop here where it cannot be had
    for name, record in execute.executed({path.stem: convert(path) for path in chapters}).items():
        save_time(name, record.metadata.run.seconds, record.metadata.run.machine)
        save_animations(record)
    for path in chapters:  # converted once more, since that time is in the text
        file_of(path).write_text(with_outputs(convert(path), execute.kept(path.stem)), encoding="utf-8")


if __name__ == "__main__":
    main()
