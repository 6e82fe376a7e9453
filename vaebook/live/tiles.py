"""The stills of the plane of squares: tiles, images, and what is drawn on them."""

import numpy as np
import torch
from matplotlib.patches import Rectangle

from vaebook.figures.style import new_figure

CORNERS = [
    ["#c9e2f5", "#ffdcb8"],
    ["#2b6c9e", "#b5590f"],
]  # of the image: see place_colors
PINK = {"color": "#a8457c", "linewidth": 2}
DASHED = {"color": "black", "linewidth": 1.6, "linestyle": "--"}


def place_colors(rows, columns):
    """A colour for each place, row by row: blue to orange rightwards, darker downwards."""
    corners = np.array(
        [[[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in line] for line in CORNERS]
    )
    down, right = np.linspace(0, 1, rows), np.linspace(0, 1, columns)
    mixed = np.einsum(
        "ir,jc,ijk->rck", [1 - down, down], [1 - right, right], corners
    ).round()
    return ["#" + bytes(map(int, color)).hex() for color in mixed.reshape(-1, 3)]


def gaussian(model, x):
    """mu and sigma of one image x `(1, D)`, each `(2,)`."""
    mu, logvar = model.encode(x)
    return mu[0], (0.5 * logvar[0]).exp()


def close_window(clean, image):
    """A square of the plane around the clean square's mean, for both Gaussians.

    Its half width is five standard deviations, doubled until the image's fits.
    Returns (low, high) along both axes. squares.js has the same.
    """
    (centre, sigma), (mu, own) = clean, image
    half, needed = 5 * sigma.max().item(), ((mu - centre).abs() + 2.5 * own).max()
    while half < needed:
        half *= 2
    return [[middle - half, middle + half] for middle in centre.tolist()]


def plane_axes(model, images, settings, window, count):
    """A figure with the tiles of a part of the plane, from `count` codes along each axis."""
    figure, ax = new_figure(4, 3.76)
    along = [
        low + (torch.arange(count) + 0.5) / count * (high - low) for low, high in window
    ]
    codes = torch.cartesian_prod(*along)
    places = torch.cat(
        [(model.decode(part) @ images.T).argmax(1) for part in codes.split(8192)]
    )
    places = places.reshape(count, count).T.numpy()  # z2 upwards
    colors = [bytes.fromhex(color[1:]) for color in settings["colors"]]
    picture = np.array([list(color) for color in colors])[places] / 255
    border = np.zeros(places.shape, bool)
    border[:, :-1] |= places[:, :-1] != places[:, 1:]
    border[:-1] |= places[:-1] != places[1:]
    picture[border] *= 0.5
    (left, right), (bottom, top) = window
    ax.imshow(picture, extent=(left, right, bottom, top), origin="lower")
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    return figure, ax


def picture_axes(pixels):
    """A figure with an image `(H, W)`, values from 0 to 1."""
    figure, ax = new_figure(4, 3.76)
    ax.imshow(pixels.numpy(), cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()
    return figure, ax


def outline(ax, corner, side, pad=0, **style):
    """A frame around a square of pixels whose upper left one is at (row, column)."""
    row, column = corner
    start, edge = (column - 0.5 + pad, row - 0.5 + pad), side - 2 * pad
    ax.add_patch(Rectangle(start, edge, edge, fill=False, **style))


def ring(ax, x, y):
    for color, width in (("white", 5), ("black", 2.5)):
        ax.plot(x, y, "o", markersize=12, mfc="none", mec=color, mew=width)
