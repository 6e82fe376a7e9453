"""Make notebooks/*.ipynb from the chapters book/[0-9]_*.md.

    python -m tools.notebooks           convert, execute, and store the output of the cells that are compared
    python -m tools.notebooks --prose   convert, and keep the stored outputs: for a change of words alone
    python -m tools.notebooks --check   exit with 1 where a notebook is not what its chapter converts to

Cells tagged `nbval-check-output` keep their output, all others none: `pytest --nbval` compares exactly those.
"""

import argparse
import base64
import copy
import hashlib
import json
import os
import re
import sys
import time

import jupytext
import nbformat

from tools import project
from tools.colab import plain_markdown, setup_source
from tools.project import ROOT

CHECKED = "nbval-check-output"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def cells_of(path):
    """The cells of a chapter: clean prose, stable ids, tags kept, no outputs, no time stamps."""
    seen, cells = {}, []
    for cell in jupytext.reads(path.read_text(encoding="utf-8"), fmt="md:myst").cells:
        source = plain_markdown(cell.source) if cell.cell_type == "markdown" else cell.source
        digest = hashlib.sha256(source.encode()).hexdigest()[:10]
        seen[digest] = seen.get(digest, -1) + 1
        make = nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
        new = make(source, id=f"{digest}-{seen[digest]}")
        tags = cell.metadata.get("tags", [])
        if tags:
            new.metadata["tags"] = list(tags)
        if "hide-cell" in tags or "hide-input" in tags:  # folded in Jupyter and in Colab too
            new.metadata.update({"jupyter": {"source_hidden": True}, "cellView": "form"})
        cells.append(new)
    return cells


def convert(path):
    """The notebook of a chapter, without outputs. Its first code cell sets up Colab."""
    cells = cells_of(path)
    first = next(place for place, cell in enumerate(cells) if cell.cell_type == "code")
    cells.insert(first, nbformat.v4.new_code_cell(setup_source(), id="set-up"))
    return nbformat.v4.new_notebook(cells=cells, metadata=METADATA)


def checked_cells(notebook):
    """The code cells whose output is stored and compared, with their place among the code cells."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(place, cell) for place, cell in enumerate(code, start=1) if CHECKED in cell.metadata.get("tags", [])]


def execute(notebook, folder):
    """Run the notebook in `folder`; return it with every output."""
    from nbclient import NotebookClient

    executed = copy.deepcopy(notebook)
    code = [cell for cell in executed.cells if cell.cell_type == "code"]

    def say(cell, cell_index):
        if cell.cell_type == "code":
            print(f"\r  cell {code.index(cell) + 1} of {len(code)}", end="", flush=True)

    NotebookClient(executed, timeout=1200, kernel_name="python3", resources={"metadata": {"path": str(folder)}},
                   on_cell_start=say).execute()
    print()
    return executed


def keep_checked_outputs(notebook, executed):
    """Copy the outputs of the checked cells from `executed` into `notebook`; merge split streams."""
    for (place, cell), (_, ran) in zip(checked_cells(notebook), checked_cells(executed), strict=True):
        if cell.source != ran.source:
            raise ValueError(f"the output of a changed cell cannot be kept; run `make notebooks`:\n{cell.source}")
        outputs = []
        for output in ran.outputs:
            if output.output_type == "stream" and outputs and outputs[-1].get("name") == output.name:
                outputs[-1]["text"] += output.text
            else:
                outputs.append(nbformat.from_dict({**output, "metadata": {}} if "metadata" in output else output))
        if not outputs:
            raise ValueError(f"a cell tagged {CHECKED} printed nothing:\n{cell.source}")
        cell.outputs, cell.execution_count = outputs, place
    return notebook


def convert_again(path):
    """Write the notebook of a chapter whose code has not changed, with the outputs it had."""
    target = ROOT / "notebooks" / f"{path.stem}.ipynb"
    text = nbformat.writes(keep_checked_outputs(convert(path), nbformat.read(target, as_version=4))) + "\n"
    if text != target.read_text(encoding="utf-8"):
        target.write_text(text, encoding="utf-8")
        print(f"{target.name}: converted again")


def save_animations(executed):
    """Write the GIF of each cell with a tag `save-NAME` to book/_static/NAME.gif."""
    for cell in executed.cells:
        for tag in cell.metadata.get("tags", []):
            if tag.startswith("save-"):
                shown = next(output["data"]["text/html"] for output in cell.outputs if "data" in output)
                gif = re.search(r'src="data:image/gif;base64,([^"]+)"', shown)[1]
                (ROOT / "book" / "_static" / f"{tag.removeprefix('save-')}.gif").write_bytes(base64.b64decode(gif))


def save_time(chapter, seconds):
    """Note in book/chapter_times.json, which the first page shows, what a chapter costs on this kind of machine."""
    import torch

    path = ROOT / "book" / "chapter_times.json"
    times = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    machine = torch.cuda.get_device_name() if device == "cuda" else f"{os.cpu_count()} CPU cores"
    times.setdefault(chapter, {})[device] = {"minutes": round(seconds / 60, 1), "machine": machine}
    path.write_text(json.dumps(times, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def without_outputs(notebook):
    """The notebook's text with the outputs left out, to compare with a fresh conversion."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook)


def differences(path):
    """What is wrong with the notebook of a chapter: a list of sentences, empty where all is well."""
    target = ROOT / "notebooks" / f"{path.stem}.ipynb"
    if not target.exists():
        return [f"{target.name} is missing"]
    stored = nbformat.read(target, as_version=4)
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    checked = [cell.id for _, cell in checked_cells(stored)]
    found = [f"{target.name}: checked cell {cell.id} has no output" for cell in code
             if cell.id in checked and not cell.outputs]
    found += [f"{target.name}: cell {cell.id} has output but is not checked" for cell in code
              if cell.id not in checked and (cell.outputs or cell.execution_count)]
    text = target.read_text(encoding="utf-8")
    if text != nbformat.writes(stored) + "\n":
        found.append(f"{target.name} is not in normal form")
    if without_outputs(stored) != nbformat.writes(convert(path)):
        found.append(f"{target.name} is not what {path.name} converts to")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 where a notebook is stale")
    parser.add_argument("--prose", action="store_true", help="execute nothing; keep the stored outputs")
    parser.add_argument("chapters", nargs="*", help="only these, by the start of their name (2_mnist)")
    arguments = parser.parse_args()
    chapters = [path for path in project.CHAPTERS
                if not arguments.chapters or path.stem.startswith(tuple(arguments.chapters))]
    if arguments.check:
        found = [sentence for path in chapters for sentence in differences(path)]
        print("\n".join(found + ["run `make notebooks`"]) if found else "notebooks are in step with their source")
        sys.exit(1 if found else 0)
    if arguments.prose:
        for path in chapters:
            convert_again(path)
        return
    from vaebook.data import mnist

    mnist("test")  # stored outputs are MNIST's: stop here where it cannot be had
    os.environ.pop("JPY_SESSION_NAME", None)  # no progress bars in stored output
    for path in chapters:
        print(f"{path.name} -> notebooks/{path.stem}.ipynb")
        start = time.time()
        executed = execute(convert(path), ROOT / "notebooks")
        save_time(path.stem, time.time() - start)
        save_animations(executed)
        text = nbformat.writes(keep_checked_outputs(convert(path), executed)) + "\n"  # now with that time in its text
        (ROOT / "notebooks" / f"{path.stem}.ipynb").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
