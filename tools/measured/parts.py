"""What the tables of all chapters are made of, in Markdown."""

from statistics import mean, median, stdev

UNDECIDED = "A question mark: not told from 0."


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


def tried(values, losses):
    """What was tried, and the loss of each."""
    return ", ".join(f"{value:g}: {loss:.2f}" for value, loss in zip(values, losses, strict=True))


def seconds(way):
    return f"{median(way['seconds']):.0f}\N{NO-BREAK SPACE}s"


def measured_on(stored, more=""):
    return f"(Measured on {stored['day']}, on {stored['machine']}. {more}`make bench` measures again.)"
