"""What a chapter costs whoever reads it: minutes, exercises, and the time its cells run."""

import re

import jupytext

from tools import project

WORDS_A_MINUTE, LINES_A_MINUTE = 200, 15  # of prose, and of code in view
FORMULAS = re.compile(r"\$\$.*?\$\$|\$[^$]+\$", re.DOTALL)
OUT_OF_VIEW = {"hide-cell", "hide-input", "remove-cell", "remove-input"}
EXERCISE = re.compile(r"^\*\*\d+\.", re.MULTILINE)  # a bold number at the start of a line


def minutes(path):
    """About how long a chapter takes to read, in steps of five minutes: its words, and the code that is open."""
    words = lines = 0
    for cell in jupytext.reads(path.read_text(encoding="utf-8"), fmt="md:myst").cells:
        if cell.cell_type == "markdown":
            words += len(FORMULAS.sub(" ", cell.source).split())
        elif not OUT_OF_VIEW & {*cell.metadata.get("tags", [])}:
            lines += len(cell.source.strip().splitlines())
    return 5 * round((words / WORDS_A_MINUTE + lines / LINES_A_MINUTE) / 5)


def exercises(path):
    """How many exercises a page has."""
    return len(EXERCISE.findall(path.read_text(encoding="utf-8").partition("\n## Exercises\n")[2]))


def cost(chapter):
    """The first sentences of a page that is executed: reading, exercises, running."""
    path = project.BOOK / f"{chapter}.md"
    count = exercises(path)
    asks = f" Exercises: {count}." if count else ""
    return f"About {minutes(path)} minutes to read.{asks} All cells together run for {project.minutes(chapter)}."
