"""What a benchmark has measured and stored, as Markdown: `{measured} squares` in a chapter shows book/squares.json."""

import json
from statistics import mean, median, stdev

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tools import project


def rows(header, *body):
    """A table in Markdown, its first column to the left and all others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *body]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def spread(runs, what, digits=0, times=1):
    """Mean and standard deviation of a number over the runs; a dash where they have none."""
    values = [times * run[what] for run in runs if what in run]
    return (
        f"{mean(values):.{digits}f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{stdev(values):.{digits}f}"
        if values
        else "\N{EN DASH}"
    )


def squares(stored):
    """How chapter 1's settings were chosen, and what they give (see benchmarks/squares.py)."""
    grid, report = stored["grid"], stored["report"]
    chosen = tuple(grid["chosen"])
    cells = []
    for rate, losses in zip(grid["rates"], grid["losses"], strict=True):
        of_row = zip(grid["starts"], losses, strict=True)
        marked = [f"**{loss:.2f}**" if (rate, start) == chosen else f"{loss:.2f}" for start, loss in of_row]
        cells.append([f"{rate:g}", *marked])
    ways = []
    for name, way in report["ways"].items():
        draws = [
            number
            for draw in ("prior", "codes")
            for number in (spread(way["runs"], draw, times=100), spread(way["runs"], f"{draw}, places"))
        ]
        ways.append(
            [name, spread(way["runs"], "loss", digits=2), *draws, f"{median(way['seconds']):.0f}\N{NO-BREAK SPACE}s"]
        )
    choosing, reporting = (len(part["seeds"]) for part in (grid, report))
    return "\n\n".join(
        [
            rows(
                [
                    f"{reporting} seeds",
                    "-ELBO",
                    "N(0, I): % squares",
                    "places",
                    "like codes: % squares",
                    "places",
                    "time",
                ],
                *ways,
            ),
            f"(Measured on {stored['day']}, on {stored['machine']}. A dash: none, or not counted. "
            "`make bench` measures again.)",
            '<details class="hide">\n<summary>Show the grid that the settings are from</summary>',
            f"Mean loss over the batches of the last epoch, in nats, {choosing} other seeds a cell:",
            rows(["peak of the rate", *(f"first weight {start:g}" for start in grid["starts"])], *cells),
            "</details>",
        ]
    )


def markdown(name):
    """What is stored under this name. Raises ValueError for one that is not known."""
    if name not in (known := {"squares": squares}):
        raise ValueError(f"measured must be one of {', '.join(known)}, got {name!r}")
    return known[name](json.loads((project.BOOK / f"{name}.json").read_text(encoding="utf-8")))


class Measured(SphinxDirective):
    """The tables of what is stored under a name."""

    required_arguments = 1

    def run(self):
        tables = self.parse_text_to_nodes(markdown(self.arguments[0]))
        return [nodes.container("", *tables, classes=["measured"])]
