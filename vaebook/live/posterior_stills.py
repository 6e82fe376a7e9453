"""The stills of the posteriors on the plane of codes."""

import numpy as np
import torch
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle

from vaebook.figures.style import new_figure
from vaebook.live.exact import close_window, exact_posterior
from vaebook.live.figure import Panel
from vaebook.live.plane import PIXELS, cdf, plane_still, ring

BLUE = "#0072b2"


def a_digit(label):
    return f"a{'n' * (int(label) == 8)} {int(label)}"


def panels(model, images, labels, settings):
    """The three pictures, as the page shows them once it has computed them for the first digit."""
    mu, logvar = model.encode(images)
    sigma = (0.5 * logvar).exp()
    cells = exact_posterior(model, images[:1], settings["grid"])
    window = close_window(cells, mu[0], sigma[0], settings["reach"])
    plane = plane_picture(model, labels, settings, mu, sigma, cells)
    decoded = model.decode(mu[:1]).sigmoid()
    pair, axes = new_figure(4, 2.1, 1, 2)
    for ax, pixels in zip(axes, (images[0], decoded), strict=True):
        square = pixels.reshape(PIXELS, PIXELS).numpy()
        ax.imshow(square, cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()

    close, ax = new_figure(4, 3.76)
    draw_cells(ax, cells, lambda z: z)
    draw_ellipses(ax, mu[0], sigma[0], lambda z: z)
    ax.plot(*mu[0].tolist(), "o", markersize=12, mfc="none", mec="black", mew=2.5)
    ax.set(xlim=window[0], ylim=window[1], xlabel="$z_1$", ylabel="$z_2$")
    ax.set_aspect("equal")

    one = a_digit(labels[0])
    gaussian = {"q(z|x), 1 and 2 \N{GREEK SMALL LETTER SIGMA}": "blue"}
    return [
        Panel(
            "plane",
            plane,
            f"The plane of codes, spaced as the prior is, with a faint sheet of decoded digits. On it {len(labels)} "
            "test digits, each at its encoder's mean with its label and small ellipses at one and two standard "
            f"deviations. The chosen one, {one}, is blue, and its exact posterior is orange.",
            1.4,
            {**gaussian, "p(z|x), exact": "orange", "the code": "text"},
            "Test digits on the plane of codes (click one)",
        ),
        [
            Panel(
                "digits",
                pair,
                f"Two digits in a row: left the test image, {one}; right, in grey levels, what the code under the ring "
                "decodes to, at the start the mean of the encoder's Gaussian.",
                title="The digit, and what the code decodes to",
            ),
            Panel(
                "close",
                close,
                "A small part of the plane around the encoder's mean. The exact posterior is a cloud of orange cells, "
                "darker where it is denser. Two ellipses show the encoder's Gaussian, at one and two "
                "standard deviations.",
                title="Close-up around the encoder's mean",
            ),
        ],
    ]


def plane_picture(model, labels, settings, mu, sigma, cells):
    plane, ax = plane_still(model, settings, faint=True)
    draw_cells(ax, cells, cdf)
    for number in reversed(range(len(labels))):  # the first, which is chosen, on top
        color = "black" if number else BLUE
        draw_ellipses(ax, mu[number], sigma[number], cdf, color)
        x, y = cdf(mu[number]).tolist()
        disc = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": color}
        text = {"fontsize": 7, "color": color, "bbox": disc, "clip_on": False}
        ax.annotate(
            str(int(labels[number])), (x, y), (7, 7), textcoords="offset points", **text
        )
    ring(ax, mu[0], "black")
    return plane


def draw_cells(ax, cells, scale):
    """The cells of a posterior, the denser the darker."""
    z, side, log, _ = cells
    density = (log - log.max()).exp().numpy()
    seen = density > 0.004
    low, high = (
        np.asarray(scale(z + sign * side[:, None] / 2))[seen] for sign in (-1, 1)
    )
    boxes = [
        Rectangle(corner, *(end - corner))
        for corner, end in zip(low, high, strict=True)
    ]
    colors = np.array([(0.835, 0.369, 0, alpha) for alpha in density[seen]])
    ax.add_collection(PatchCollection(boxes, facecolors=colors, linewidths=0))


def draw_ellipses(ax, mu, sigma, scale, color=BLUE):
    angle = torch.linspace(0, 2 * torch.pi, 65)
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    for radius in (1, 2):
        points = np.asarray(scale(mu + radius * sigma * circle))
        for style, width in (("white", 2.8), (color, 1.2)):
            ax.plot(*points.T, color=style, linewidth=width)
