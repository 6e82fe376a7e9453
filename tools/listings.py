"""Keep the code that a chapter shows and the code of `vaebook` the same text, and all other cells in one format.

A code cell of book/*.md with the option `:listing: vaebook.models.sample_latents vaebook.models.BernoulliVAE`
holds the source of those objects, one after the other.

    python -m tools.listings            rewrite these cells from the package
    python -m tools.listings --format   run `ruff format` over all other code cells, as those of a notebook
    ... --check                         change nothing; exit with 1 and name the chapters that would change
"""

import argparse
import inspect
import re
import subprocess
import sys
from pkgutil import resolve_name

import nbformat

from tools import project

START, CODE = r"(?P<head>```\{code-cell\} ipython3\n", r"(?P<code>(?:.*\n)*?)(?P<end>```\n)"
CELL = re.compile(START + r"(?::.*\n)*:listing: (?P<names>.+)\n(?::.*\n)*)" + CODE)
OWN_CELL = re.compile(START + r"(?:---\n(?:.*\n)*?---\n|(?!:listing:):.*\n)*+)(?!:listing:)" + CODE)


def with_listings(text):
    """The chapter's text with every listing taken from the package."""

    def code(names):
        return "\n\n\n".join(inspect.getsource(resolve_name(name)).rstrip() for name in names.split())

    return CELL.sub(lambda cell: f"{cell['head']}{code(cell['names'])}\n{cell['end']}", text)


def formatted(text):
    """The chapter's text with its own cells as ruff formats those of a notebook; a cell's magics stay as they are."""
    cells = [nbformat.v4.new_code_cell(cell["code"]) for cell in OWN_CELL.finditer(text)]
    ruff = [sys.executable, "-m", "ruff", "format", "--quiet", "--stdin-filename", "notebooks/chapter.ipynb", "-"]
    notebook = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
    written = subprocess.check_output(ruff, input=notebook, cwd=project.ROOT, text=True)
    cells = iter(nbformat.reads(written, as_version=4).cells)
    return OWN_CELL.sub(lambda cell: f"{cell['head']}{next(cells).source}\n{cell['end']}", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    change, command = (formatted, "make format") if arguments.format else (with_listings, "python -m tools.listings")
    texts = {path: change(path.read_text(encoding="utf-8")) for path in sorted(project.BOOK.glob("*.md"))}
    project.renew(texts, command, arguments.check)


if __name__ == "__main__":
    main()
