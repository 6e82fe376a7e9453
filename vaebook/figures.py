"""The book's figures: tensors in, matplotlib figure out. Nothing here trains, loads or samples."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

# Okabe & Ito's palette for lines (Okabe & Ito 2008), Paul Tol's "muted" for the ten digits (Tol 2021):
# both stay apart for colour-blind readers.
LINES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
DIGITS = [
    "#332288",
    "#88CCEE",
    "#44AA99",
    "#117733",
    "#999933",
    "#DDCC77",
    "#CC6677",
    "#882255",
    "#AA4499",
    "#BBBBBB",
]
STYLE = {
    "figure.dpi": 130,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=LINES),
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


def new_figure(width, height, rows=1, columns=1, **options):
    """A figure of the book's style, `width` x `height` inches, and its axes."""
    plt.rcParams.update(
        STYLE
    )  # not as a context: legends and texts are added after this returns
    return plt.subplots(
        rows, columns, figsize=(width, height), layout="constrained", **options
    )


def as_array(values):
    """A numpy array of a tensor on any device, or of anything numpy takes."""
    return (
        values.detach().cpu().numpy()
        if hasattr(values, "detach")
        else np.asarray(values)
    )


def show_image(axes, image):
    """Draw `(H, W)` in [0, 1] in grey without ticks or frame."""
    axes.imshow(as_array(image), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def image_rows(rows, image_shape=(28, 28), titles=None, image_inches=0.75):
    """One row of images for each entry of `rows`: a dict from the row's name to `(B, D)`.

    titles: a text above each column, or None.
    """
    columns = max(len(images) for images in rows.values())
    width = columns * image_inches + 1.5
    figure, axes = new_figure(
        width, len(rows) * image_inches + 0.25, len(rows), columns, squeeze=False
    )
    for row_axes, (name, images) in zip(axes, rows.items(), strict=True):
        for ax in row_axes:
            ax.axis("off")
        for ax, image in zip(row_axes, images, strict=False):
            ax.axis("on")
            show_image(ax, image.reshape(image_shape))
        row_axes[0].set_ylabel(name, rotation=0, ha="right", va="center")
    if titles is not None:
        for ax, title in zip(axes[0], titles, strict=False):
            ax.set_title(title, fontsize=8.5)
    return figure


def image_panels(panels, inches=3.4):
    """Pictures `(H, W)` side by side: a dict from title to picture."""
    figure, axes = new_figure(
        inches * len(panels), inches + 0.25, 1, len(panels), squeeze=False
    )
    for ax, (title, picture) in zip(axes[0], panels.items(), strict=True):
        show_image(ax, picture)
        ax.set_title(title)
    return figure


def training_curves(
    history, floor=None, floor_name="floor", terms=("loss", "reconstruction", "kl")
):
    """Training and test curves of each term over the epochs, one panel a term.

    history: what `fit` returns.  floor: nats that the first term cannot cross, or None.
    """
    names = {"loss": "-ELBO", "reconstruction": "reconstruction", "kl": "KL"}
    figure, axes = new_figure(2.9 * len(terms), 2.7, 1, len(terms), squeeze=False)
    for ax, term in zip(axes[0], terms, strict=True):
        for split, line in [("train", "--"), ("test", "-")]:
            if f"{split}_{term}" in history:
                ax.plot(
                    history["epoch"],
                    history[f"{split}_{term}"],
                    line,
                    marker=".",
                    label=split,
                )
        ax.set(title=names.get(term, term), xlabel="epoch")
    if floor is not None:
        axes[0, 0].axhline(floor, color="black", linestyle=":", label=floor_name)
    axes[0, 0].set_ylabel("nats per image")
    axes[0, 0].legend()
    return figure


def series_with_spread(series, xlabel, ylabel, floors=None, log_x=False):
    """Mean lines over runs, with every run as a point: a dict from name to (x `(K,)`, y `(runs, K)`).

    floors: a dict from name to a height that no line may cross.
    """
    figure, ax = new_figure(7.4, 3.1)
    for (name, (x, y)), color in zip(series.items(), LINES, strict=False):
        x, y = as_array(x), as_array(y)
        ax.plot(x, y.mean(0), color=color, label=name)
        ax.plot(
            np.broadcast_to(x, y.shape).ravel(), y.ravel(), ".", color=color, alpha=0.6
        )
    for name, height in (floors or {}).items():
        ax.axhline(height, color="black", linestyle=":", label=name)
    if log_x:
        ax.set_xscale("log")
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.minorticks_off()
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def plane_of_codes(codes, labels, regions, extent):
    """Codes `(B, 2)` coloured by label, beside the label each point of the plane decodes to `(H, W)`.

    extent: (left, right, bottom, top) of `regions`, whose first row is the bottom.
    """
    codes, labels, regions = as_array(codes), as_array(labels), as_array(regions)
    figure, (left, right) = new_figure(7.8, 3.9, 1, 2, sharex=True, sharey=True)
    colors = ListedColormap(DIGITS)
    left.scatter(
        *codes.T,
        c=labels,
        cmap=colors,
        vmin=-0.5,
        vmax=9.5,
        s=2,
        linewidths=0,
        rasterized=True,
    )
    right.imshow(
        regions,
        cmap=colors,
        vmin=-0.5,
        vmax=9.5,
        extent=extent,
        origin="lower",
        interpolation="nearest",
    )
    rows, columns = regions.shape
    for digit in range(10):
        if (labels == digit).any():
            mark_digit(left, *np.median(codes[labels == digit], axis=0), digit)
        inside = np.argwhere(regions == digit)
        if len(inside):
            centre = inside[np.abs(inside - np.median(inside, axis=0)).sum(1).argmin()]
            x = extent[0] + (centre[1] + 0.5) / columns * (extent[1] - extent[0])
            mark_digit(
                right,
                x,
                extent[2] + (centre[0] + 0.5) / rows * (extent[3] - extent[2]),
                digit,
            )
    left.set(
        title="where the test images are encoded",
        xlabel="$z_1$",
        ylabel="$z_2$",
        xlim=extent[:2],
        ylim=extent[2:],
        aspect="equal",
    )
    right.set(title="which digit each code decodes to", xlabel="$z_1$", aspect="equal")
    return figure


def mark_digit(axes, x, y, digit):
    """Write a digit on a white disc, so that colour is not the only way to read the plane."""
    axes.text(
        x,
        y,
        str(digit),
        ha="center",
        va="center",
        fontsize=8,
        bbox={
            "boxstyle": "circle,pad=0.2",
            "facecolor": "white",
            "edgecolor": DIGITS[digit],
        },
    )


def histograms(groups, xlabel, marks=None, bins=80):
    """Overlaid densities of the values in `groups` (name to `(B,)`), with `marks` (name to a value) as lines."""
    groups = {name: as_array(values) for name, values in groups.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(groups.values())), bins)
    figure, ax = new_figure(6.4, 3.0)
    for name, values in groups.items():
        ax.hist(
            values, bins=edges, density=True, histtype="step", linewidth=1.5, label=name
        )
    for (name, value), color in zip(
        (marks or {}).items(), LINES[len(groups) :], strict=False
    ):
        ax.axvline(float(value), color=color, linestyle="--", label=name)
    ax.set(xlabel=xlabel, ylabel="density")
    ax.legend()
    return figure


def score_heatmap(means, spreads, row_names, column_names):
    """Numbers in [0, 1] `(rows, columns)` as coloured cells, with each mean and its spread written in."""
    means, spreads = as_array(means), as_array(spreads)
    figure, ax = new_figure(1.7 * len(column_names) + 1.2, 0.42 * len(row_names) + 0.7)
    ax.imshow(means, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (row, column), mean in np.ndenumerate(means):
        ax.text(
            column,
            row,
            f"{mean:.2f} ± {spreads[row, column]:.2f}",
            ha="center",
            va="center",
            color="white" if mean < 0.5 else "black",
        )
    ax.set_xticks(range(len(column_names)), column_names)
    ax.set_yticks(range(len(row_names)), row_names)
    ax.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return figure
