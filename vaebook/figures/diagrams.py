"""Drawings of computations."""

from vaebook.figures.style import LINES, new_figure

PLACES = {
    "x": (0.4, 1.2),
    "encoder": (1.7, 1.2),
    r"$\mu, \log\sigma^2$": (3.2, 1.2),
    "z": (4.8, 1.2),
    "decoder": (6.1, 1.2),
    "reconstruction": (7.7, 1.2),
}
NOISE = (4.0, 0.2)


def sampling_graphs():
    """The way from x to the reconstruction with a draw inside the network, and with noise as an input.

    Black arrows: computed forward. Coloured arrows: where a gradient flows back.
    """
    figure, axes = new_figure(7.8, 3.1, 2, 1)
    drawn, given = axes
    arrows(drawn, stops_after="z")
    drawn.text(4.0, 0.72, "a draw: no gradient", ha="center", va="top", color=LINES[1])
    drawn.set_title("the code is drawn inside the network")
    arrows(given)
    box(given, *NOISE, r"noise $\varepsilon$", dashed=True)
    arrow(given, (NOISE[0] + 0.3, NOISE[1] + 0.28), (4.6, 0.9))
    given.set_title(r"the noise is given: $z = \mu + \sigma\,\varepsilon$")
    for ax in axes:
        ax.set(xlim=(0, 8.5), ylim=(-0.15, 1.75), xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set_visible(False)
    return figure


def arrows(axes, stops_after=None):
    """Boxes in a row, forward arrows above, gradients below; none to the left of `stops_after`."""
    names = list(PLACES)
    for name, place in PLACES.items():
        box(axes, *place, name)
    for left, right in zip(names[:-1], names[1:], strict=True):
        (x0, y), (x1, _) = PLACES[left], PLACES[right]
        x0, x1 = x0 + half_width(left), x1 - half_width(right)
        arrow(axes, (x0, y + 0.1), (x1, y + 0.1))
        flows = stops_after is None or names.index(left) >= names.index(stops_after)
        if left != "x" and flows:
            arrow(axes, (x1, y - 0.12), (x0, y - 0.12), color=LINES[1])


def half_width(name):
    """Half the width of a box with this text."""
    return {1: 0.28, 7: 0.45, 14: 0.7}.get(len(name), 0.62)


def box(axes, x, y, text, dashed=False):
    """A text in a frame that is centred at (x, y)."""
    frame = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "black"}
    frame["linestyle"] = "--" if dashed else "-"
    axes.text(x, y, text, ha="center", va="center", bbox=frame)


def arrow(axes, start, end, color="black"):
    """An arrow from start to end, each (x, y)."""
    props = {"arrowstyle": "->", "color": color, "lw": 1.4}
    axes.annotate("", end, start, arrowprops=props)
