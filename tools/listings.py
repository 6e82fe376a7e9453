"""Keep the code that a chapter shows and the code of `vaebook` the same text.

A code cell of book/*.md with the option `:listing: vaebook.models.sample_latents vaebook.models.BernoulliVAE`
holds the source of those objects, one after the other.

    python -m tools.listings           rewrite the cells from the package
    python -m tools.listings --check   exit with 1 and name the cells that differ
"""

import argparse
import importlib
import inspect
import re
import sys
from pathlib import Path

BOOK = Path(__file__).resolve().parent.parent / "book"
CELL = re.compile(r"(?P<head>```\{code-cell\} ipython3\n(?::.*\n)*:listing: (?P<names>.+)\n(?::.*\n)*)"
                  r"(?P<code>(?:.*\n)*?)(?P<end>```\n)")


def source_of(name):
    """The source text of the object with this dotted name."""
    module, _, attribute = name.rpartition(".")
    return inspect.getsource(getattr(importlib.import_module(module), attribute)).rstrip()


def source_of_all(names):
    """The sources of several dotted names, separated by a space, as a cell shows them."""
    return "\n\n\n".join(source_of(name) for name in names.split())


def with_listings(text):
    """The chapter's text with every listing taken from the package."""
    return CELL.sub(lambda cell: f"{cell['head']}{source_of_all(cell['names'])}\n{cell['end']}", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a listing differs")
    check = parser.parse_args().check
    stale = False
    for path in sorted(BOOK.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        renewed = with_listings(text)
        if renewed != text:
            stale = True
            print(f"{path.name}: listings differ from vaebook" if check else f"{path.name}: listings rewritten")
            if not check:
                path.write_text(renewed, encoding="utf-8")
    sys.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()
