"""What all figures share: colours, sizes, and how tensors become arrays."""

import matplotlib.pyplot as plt
import numpy as np

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
    # not as a context: legends and texts are added after this returns
    plt.rcParams.update(STYLE)
    return plt.subplots(
        rows, columns, figsize=(width, height), layout="constrained", **options
    )


def as_array(values):
    """A numpy array of a tensor on any device, or of anything numpy takes."""
    if hasattr(values, "detach"):
        return values.detach().cpu().numpy()
    return np.asarray(values)
