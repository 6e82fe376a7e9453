"""What a benchmark has measured and stored, as Markdown: `{measured} squares` shows what is in book/squares.json."""

import json
from statistics import mean, median, stdev

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tools import project


def rows(header, *body, words=1):
    """A table in Markdown: its first column is to the left, the next to the right, the last of `words` to the left."""
    lines = [header, ["---", *["---:"] * (len(header) - words), *["---"] * (words - 1)], *body]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def spread(runs, what, digits=0, times=1):
    """Mean and standard deviation of a number over the runs; a dash where they have none."""
    values = [times * run[what] for run in runs if what in run]
    return (
        f"{mean(values):.{digits}f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{stdev(values):.{digits}f}"
        if values
        else "\N{EN DASH}"
    )


def fold(words, *parts):
    """Paragraphs that are out of view until they are asked for."""
    return "\n\n".join(['<details class="hide">\n<summary>' + words + "</summary>", *parts, "</details>"])


def grid(corner, rows_of, columns, losses, chosen):
    """The losses of a grid, the chosen cell in bold. rows_of, columns: (value, its words) for each."""
    cells = []
    for (row, words), values in zip(rows_of, losses, strict=True):
        of_row = zip(columns, values, strict=True)
        marked = [f"**{loss:.2f}**" if (row, column) == chosen else f"{loss:.2f}" for (column, _), loss in of_row]
        cells.append([words, *marked])
    return rows([corner, *(words for _, words in columns)], *cells)


def seconds(way):
    return f"{median(way['seconds']):.0f}\N{NO-BREAK SPACE}s"


def measured_on(stored, more=""):
    return f"(Measured on {stored['day']}, on {stored['machine']}. {more}`make bench` measures again.)"


def squares(stored):
    """How chapter 1's settings were chosen, and what they give (see benchmarks/squares.py)."""
    searched, report = stored["grid"], stored["report"]
    ways = []
    for name, way in report["ways"].items():
        draws = [
            number
            for draw in ("prior", "codes")
            for number in (spread(way["runs"], draw, times=100), spread(way["runs"], f"{draw}, places"))
        ]
        ways.append([name, spread(way["runs"], "loss", digits=2), *draws, seconds(way)])
    choosing, reporting = (len(part["seeds"]) for part in (searched, report))
    header = "-ELBO", "N(0, I): % squares", "places", "like codes: % squares", "places", "time"
    cells = grid(
        "peak of the rate",
        [(rate, f"{rate:g}") for rate in searched["rates"]],
        [(start, f"first weight {start:g}") for start in searched["starts"]],
        searched["losses"],
        tuple(searched["chosen"]),
    )
    return "\n\n".join(
        [
            rows([f"{reporting} seeds", *header], *ways),
            measured_on(stored, "A dash: none, or not counted. "),
            fold(
                "Show the grid that the settings are from",
                f"Mean loss over the batches of the last epoch, in nats, {choosing} other seeds a cell:",
                cells,
            ),
        ]
    )


WAYS = {  # of chapter 2's models, in words
    "784-400-20": "784-400-20, with the settings chosen here",
    "784-400-20, usual loop, published rate": "the same network, batches of 128, Adam at 0.001 throughout",
    "784-400-20, usual loop, chosen rate": "the same, at the rate chosen for it here, {rival_rate:g}",
    "784-400-150-2": "784-400-150-2, with the settings of the first row",
}


def digits(stored):
    """How chapter 2's settings were chosen, and what they give (see benchmarks/digits.py)."""
    choice, report = stored["choice"], stored["report"]
    chosen = choice["chosen"]
    ways = [
        [words.format(**chosen), spread(report["ways"][name]["runs"], "loss", digits=2), seconds(report["ways"][name])]
        for name, words in WAYS.items()
    ]
    first, second, rival = choice["first"], choice["second"], choice["rival"]
    rates = [(rate, f"peak rate {rate:g}") for rate in first["rates"]]
    batches = [(batch, f"batches of {batch:g}") for batch in first["batches"]]
    rises = [(rise, f"rise {rise:.0%}") for rise in second["rises"]]
    forgets = [(forget, f"$\\beta_2$ = {1 - forget:g}") for forget in second["forgets"]]
    of_rival = [f"{rate:g}: {loss:.2f}" for rate, loss in zip(rival["rates"], rival["losses"], strict=True)]
    passes = [f"{count}: {mean(losses):.2f}" for count, losses in choice["passes"].items()]
    return "\n\n".join(
        [
            rows([f"ten passes, {len(report['seeds'])} seeds", "test -ELBO, nats", "training"], *ways),
            measured_on(stored),
            fold(
                "Show how the settings were chosen",
                f"-ELBO of the held-out images, mean over {len(choice['seeds'])} other seeds, after ten passes over "
                "the other 50,000. Cells within 0.1 nats of the best count as equal; of these the largest batch is "
                "taken, then the lowest rate:",
                grid("held-out -ELBO", rates, batches, first["losses"], (chosen["rate"], chosen["batch_size"])),
                "Then the share of the steps in which the rate rises, and $\\beta_2$. What the first edition had, "
                "chosen there on the test set, stays unless a cell is better by more than 0.1 nats:",
                grid("held-out -ELBO", rises, forgets, second["losses"], (chosen["rise"], chosen["forget"])),
                f"The usual loop, by its rate: {', '.join(of_rival)}.",
                f"The chosen settings, by the number of passes: {', '.join(passes)}.",
            ),
        ]
    )


def pixels(stored):
    """What chapter 2's model has on pixels of three kinds, beside what others have (see benchmarks/digits.py)."""
    report = stored["report"]
    kinds = {
        "threshold at one half": ("784-400-20", "87.65, -ELBO: a tutorial\\*, the same network"),
        "drawn anew": ("stochastic", "86.76, $-\\log p(x)$: {cite:t}`burda2016`, table 1, a code of 50 numbers"),
        "grey levels": ("grey", "about 105.6, -ELBO: PyTorch's example, the same network"),
    }
    body = []
    for kind, (name, elsewhere) in kinds.items():
        runs = report["ways"][name]["runs"]
        body.append([kind, spread(runs, "loss", digits=2), spread(runs, "nll", digits=2), elsewhere])
    bound = f"$-\\log p(x)$, at most ({report['codes']} codes, see below)"
    return "\n\n".join(
        [
            rows(["pixels", "here: -ELBO", bound, "elsewhere"], *body, words=2),
            '(\\*"Variational Autoencoder Code and Experiments". A dash: not measured.)',
        ]
    )


TABLES = {"squares": ("squares", squares), "digits": ("digits", digits), "pixels": ("digits", pixels)}


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
