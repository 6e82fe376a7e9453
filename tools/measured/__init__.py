"""What a benchmark has measured and stored, as Markdown: `{measured} squares` shows what is in book/squares.json."""

import json

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tools import project
from tools.measured.chapter_1 import squares
from tools.measured.chapter_2 import digits, pixels
from tools.measured.chapter_3 import few, noises

TABLES = {
    "squares": ("squares", squares),
    "digits": ("digits", digits),
    "pixels": ("digits", pixels),
    "noises": ("denoising", noises),
    "few": ("few", few),
}


def markdown(name):
    """What is stored under this name. Raises ValueError for one that is not known."""
    if name not in TABLES:
        raise ValueError(f"measured must be one of {', '.join(TABLES)}, got {name!r}")
    file, table = TABLES[name]
    return table(json.loads((project.BOOK / f"{file}.json").read_text(encoding="utf-8")))


class Measured(SphinxDirective):
    """The tables of what is stored under a name."""

    required_arguments = 1

    def run(self):
        tables = self.parse_text_to_nodes(markdown(self.arguments[0]))
        return [nodes.container("", *tables, classes=["measured"])]
