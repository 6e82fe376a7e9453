"""Curves over training and over runs, and histograms."""

import numpy as np

from vaebook.figures.style import LINES, as_array, new_figure

TERM_NAMES = {
    "loss": "-ELBO",
    "reconstruction": "reconstruction",
    "kl": "KL",
    "mu": "mean of the means",
    "sigma": "mean standard deviation",
    "logvar": "mean log-variance",
}
IN_NATS = ("loss", "reconstruction", "kl")


def training_curves(
    history, floors=None, terms=IN_NATS, log_terms=(), test_name="test", example="image"
):
    """Training and test curves of each term over the epochs, three panels to a row.

    history: what `fit` returns.  floors: a dict from a term to {name: height}, the lines
    that it cannot cross.  log_terms: the terms with a logarithmic axis.
    test_name: what the test rows are.  example: what one row of the data is.
    """
    rows = -(-len(terms) // 3)
    columns = min(3, len(terms))
    figure, axes = new_figure(2.9 * columns, 2.6 * rows, rows, columns, squeeze=False)
    for ax, term in zip(axes.flat, terms, strict=False):
        for split, line in [("train", "--"), ("test", "-")]:
            if f"{split}_{term}" in history:
                ax.plot(
                    history["epoch"],
                    history[f"{split}_{term}"],
                    line,
                    marker="." if len(history["epoch"]) <= 20 else None,
                    label=split if split == "train" else test_name,
                )
        ax.set(title=TERM_NAMES.get(term, term), xlabel="epoch")
        if term in IN_NATS:
            ax.set_ylabel(f"nats per {example}")
        if term in log_terms:
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter("{x:g}")
        lines = (floors or {}).get(term, {})
        for (name, height), dots in zip(lines.items(), [":", "-."], strict=False):
            ax.axhline(height, color="black", linestyle=dots, linewidth=1, label=name)
        if lines or ax is axes[0, 0]:
            ax.legend()
    for ax in axes.flat[len(terms) :]:
        ax.set_visible(False)
    return figure


def dots(x, y, xlabel, ylabel):
    """A dot for each pair of x and y, each `(B,)`; from 1 on the axis of x is logarithmic."""
    figure, ax = new_figure(5.2, 3.0)
    ax.plot(as_array(x), as_array(y), ".", color=LINES[0], alpha=0.6)
    ax.set_xscale("symlog", linthresh=1)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return figure


def series_with_spread(series, xlabel, ylabel, floors=None, log_x=False):
    """Mean lines over runs, with every run as a point: a dict from name to (x `(K,)`, y `(runs, K)`).

    floors: a dict from name to a height that no line may cross.
    """
    figure, ax = new_figure(7.4, 3.1)
    for (name, (x, y)), color in zip(series.items(), LINES, strict=False):
        x, y = as_array(x), as_array(y)
        ax.plot(x, y.mean(0), color=color, label=name)
        each_x = np.broadcast_to(x, y.shape).ravel()
        ax.plot(each_x, y.ravel(), ".", color=color, alpha=0.6)
    for name, height in (floors or {}).items():
        ax.axhline(height, color="black", linestyle=":", label=name)
    if log_x:
        ax.set_xscale("log")
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.minorticks_off()
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def line_panels(
    panels, columns=3, log_x=(), log_y=(), inches=2.7, reference=None, dots=()
):
    """Panels of lines side by side: a dict from title to (xlabel, {name: (x, y)}), each `(K,)`.

    log_x, log_y: the titles of the panels with a logarithmic axis.  inches: width of one.
    reference: the name of a line to be drawn in black.  dots: the names that are drawn as
    dots. Lines of one name have one colour in all panels; the legend stands above them.
    """
    rows = -(-len(panels) // columns)
    figure, axes = new_figure(
        inches * columns, 2.4 * rows + 0.4, rows, columns, squeeze=False
    )
    names = list(dict.fromkeys(name for _, lines in panels.values() for name in lines))
    styles = {
        name: {"color": LINES[i % len(LINES)], "linestyle": ["-", "--", ":"][i % 3]}
        for i, name in enumerate(names)
    }
    if reference is not None:
        styles[reference] = {"color": "black", "linestyle": "-", "linewidth": 2.2}
    for name in dots:
        styles[name] |= {"linestyle": "none", "markersize": 8}
    handles = {}
    for ax, (title, (xlabel, lines)) in zip(axes.flat, panels.items(), strict=False):
        for name, (x, y) in lines.items():
            x, y = as_array(x), as_array(y)
            marker = "." if len(x) <= 20 else None
            (handles[name],) = ax.plot(x, y, marker=marker, **styles[name])
        ax.set(title=title, xlabel=xlabel)
        if title in log_x:
            ax.set_xscale("log", base=2)
            ax.xaxis.set_major_formatter("{x:g}")
        if title in log_y:
            ax.set_yscale("log")
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    figure.legend(
        handles.values(), handles, loc="outside upper center", ncols=min(4, len(names))
    )
    return figure


def histograms(groups, xlabel, marks=None, bins=80):
    """Overlaid densities of the values in `groups` (name to `(B,)`), with `marks` (name to a value) as lines."""
    groups = {name: as_array(values) for name, values in groups.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(groups.values())), bins)
    figure, ax = new_figure(6.4, 3.0)
    for name, values in groups.items():
        options = {"density": True, "histtype": "step", "linewidth": 1.5}
        ax.hist(values, bins=edges, label=name, **options)
    colors = LINES[len(groups) :]
    for (name, value), color in zip((marks or {}).items(), colors, strict=False):
        ax.axvline(float(value), color=color, linestyle="--", label=name)
    ax.set(xlabel=xlabel, ylabel="density")
    ax.legend()
    return figure
