"""Chapter 1's live figure: the plane of squares, with a code to drag and an image to flip pixels of."""

import copy
import math

import numpy as np
import torch
from matplotlib.patches import Ellipse, Rectangle
from scipy.special import roots_hermitenorm

from vaebook import checks
from vaebook.live.figure import Button, LiveFigure, Panel, Range
from vaebook.live.tiles import (
    DASHED,
    PINK,
    close_window,
    gaussian,
    outline,
    picture_axes,
    place_colors,
    plane_axes,
    ring,
)
from vaebook.live.weights import packed, shift, with_rounded_weights

TILES = {"plane": 128, "posterior": 64}  # codes along each axis, in the page
NUMBERS = {
    "z1": "the code: z1",
    "z2": "z2",
    "row": "nearest square: row",
    "column": "column",
    "wrong": "wrong pixels",
    "flips": "the image: flipped pixels",
    "mu1": "\N{GREEK SMALL LETTER MU}1",
    "mu2": "\N{GREEK SMALL LETTER MU}2",
    "sigma1": "\N{GREEK SMALL LETTER SIGMA}1",
    "sigma2": "\N{GREEK SMALL LETTER SIGMA}2",
    "loss": "\N{MINUS SIGN}ELBO, nats",
    "lossChange": "against the clean square",
    "kl": "KL, the code",
    "klChange": "change",
    "reconstruction": "reconstruction, the corrections",
    "reconstructionChange": "change",
}


@torch.no_grad()
def squares(model, squares):
    """The plane of codes of a VAE of squares: a code to drag, an image to flip pixels of.

    model: trained, with a code of two numbers, of linear layers and ReLUs only; a copy
    with rounded weights is what the page gets, and what the stills show.
    squares: what `all_rectangles` gives for one size, as high as wide.
    Returns a LiveFigure. Its `shift` is what rounding adds to the -ELBO, in nats, on
    1,000 squares with 10 codes each, from a seed.
    Raises TypeError or ValueError for squares or a model that do not fit.
    """
    height, width, side = sizes_of(squares)
    images = squares.images.cpu()
    model = copy.deepcopy(model).cpu().eval()
    checks.data("squares.images", images, model)
    if model.latent_dims != 2:
        raise ValueError(f"model must have latent_dims 2, got {model.latent_dims}")
    rounded, (weights, layers) = with_rounded_weights(model), packed(model)
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randint(len(images), (1000,), generator=generator)
    noise = torch.randn(10, 1000, 2, generator=generator)
    added = shift(model, rounded, images[drawn], noise)

    rows, columns = height - side + 1, width - side + 1
    row, column = rows // 3, columns // 3
    pixel = row + side // 2, column + side  # beside the square's right edge
    mu, logvar = rounded.encode(images)
    furthest = (mu.abs() + (0.5 * logvar).exp()).max().item()
    settings = {
        "shape": [height, width],
        "side": side,
        "layers": layers,
        "colors": place_colors(rows, columns),
        "reach": max(3.2, math.ceil(10 * furthest) / 10),
        "tiles": TILES,
        "flips": [pixel[0] * width + min(pixel[1], width - 1)],
        "quadrature": product_rule(5),
    }
    figure = LiveFigure(
        "squares",
        "The plane of squares: drag a code, flip pixels of an image",
        panels(rounded, images, settings, (row, column)),
        controls(settings, (row, column), pixel),
        NUMBERS,
        settings,
        weights,
        note(layers, added),
        ["images.js", "tiles.js"],
    )
    figure.shift = added
    return figure


def sizes_of(squares):
    """H, W and the side of the squares, from all their boxes; raises if they are not all."""
    boxes = squares.boxes.cpu()
    high, wide = boxes[:, 2:].T
    if not (high == high[0]).all() or not (wide == high[0]).all():
        came = f"heights {high.unique().tolist()}, widths {wide.unique().tolist()}"
        raise ValueError(f"squares must have one size, as high as wide, got {came}")
    side = high[0].item()
    height, width = (boxes[:, :2].amax(0) + side).tolist()
    places = (height - side + 1) * (width - side + 1)
    checks.shape("squares.images", squares.images, (places, height * width))
    return height, width, side


def product_rule(count):
    """Gauss-Hermite points for two standard normal numbers, and weights that add up to 1."""
    places, weights = roots_hermitenorm(count)
    noise = np.stack(np.meshgrid(places, places, indexing="ij"), -1).reshape(-1, 2)
    weights = np.outer(weights, weights).ravel() / weights.sum() ** 2
    return {"noise": noise.tolist(), "weights": weights.tolist()}


def controls(settings, place, pixel):
    """The controls as the figure starts: the code at 0, a square, one of its pixels flipped."""
    (height, width), side, reach = (settings[n] for n in ("shape", "side", "reach"))
    return [
        Range("z1", "code z1", -reach, reach, 0.02, 0),
        Range("z2", "code z2", -reach, reach, 0.02, 0),
        Button("toMean", "Code to the image's mean"),
        Range("squareRow", "square's row", 0, height - side, 1, place[0]),
        Range("squareColumn", "square's column", 0, width - side, 1, place[1]),
        Range("pixelRow", "pixel row", 0, height - 1, 1, pixel[0]),
        Range("pixelColumn", "pixel column", 0, width - 1, 1, min(pixel[1], width - 1)),
        Button("flip", "Flip this pixel", first=True),
        Button("undo", "Undo flips"),
    ]


def note(layers, added):
    units = [layers["encoder"][0][0], *(outputs for _, outputs in layers["encoder"])]
    units[-1] //= 2
    return (
        f"The network is {'-'.join(map(str, units))}, as trained on this page. "
        f"Its weights are rounded to 8 bits, which {'raises' if added >= 0 else 'lowers'} "
        f"the \N{MINUS SIGN}ELBO by {abs(added):.2f} nats on 1,000 squares. The reconstruction is "
        "averaged over 25 fixed codes (Gauss-Hermite), so it does not jitter. "
        "Rows and columns count from 0, from the upper left."
    )


def panels(model, images, settings, place):
    """The four pictures, as the page shows them when it starts."""
    (height, width), side, reach = (settings[n] for n in ("shape", "side", "reach"))
    columns = width - side + 1
    clean = images[place[0] * columns + place[1]][None]
    x = clean.clone()
    x[:, settings["flips"]] = 1 - x[:, settings["flips"]]
    gaussians = [gaussian(model, each) for each in (clean, x)]
    window = close_window(*gaussians)
    logits = model.decode(torch.zeros(1, 2))
    nearest = divmod((logits @ images.T).argmax().item(), columns)

    plane, ax = plane_axes(model, images, settings, [[-reach, reach]] * 2, 256)
    edge = window[0][1] - window[0][0]
    corner = window[0][0], window[1][0]
    frame = {"fill": False, "color": "white", "linewidth": 3}
    ax.add_patch(Rectangle(corner, edge, edge, **frame))
    ax.add_patch(Rectangle(corner, edge, edge, **frame | PINK))
    ring(ax, 0, 0)

    decoded, ax = picture_axes(torch.sigmoid(logits).reshape(height, width))
    outline(ax, nearest, side, color="#d55e00", linewidth=2)

    image, ax = picture_axes(x.reshape(height, width))
    for pixel in settings["flips"]:
        outline(ax, divmod(pixel, width), 1, **PINK)
        outline(ax, divmod(pixel, width), 1, pad=0.25, color="#0072b2", linewidth=2)

    posterior, ax = plane_axes(model, images, settings, window, 256)
    for (mu, sigma), style in zip(gaussians, (DASHED, PINK), strict=True):
        for radius in (1, 2):
            size = (2 * radius * sigma).tolist()
            ax.add_patch(Ellipse(mu, *size, fill=False, color="white", linewidth=4))
            ax.add_patch(Ellipse(mu, *size, fill=False, **style))

    where = f"row {nearest[0]}, column {nearest[1]}"
    return [
        Panel(
            "plane",
            plane,
            f"The plane of codes, z1 and z2 from {-reach:g} to {reach:g}, divided into "
            f"tiles. Each tile holds the codes for which the decoder draws one of the "
            f"{len(images)} squares; its colour tells the square's column, from blue to "
            "orange, and its row, from light to dark. A ring marks the code, a small "
            "frame the surroundings of the image's code.",
            1.3,
            {"the code": "text", "what the fourth picture shows": "pink"},
            "The plane of codes, a tile for each square",
        ),
        Panel(
            "decoded",
            decoded,
            "The probabilities of the pixels that the code decodes to, from black, 0, to "
            f"white, 1. At the code 0, 0 the nearest square, outlined, is at {where}.",
            1.3,
            {"the nearest square": "orange"},
            "What the code decodes to",
        ),
        Panel(
            "image",
            image,
            f"An image with a white square of {side} by {side} pixels on black, at row "
            f"{place[0]}, column {place[1]}. One pixel beside it is flipped and marked.",
            1.3,
            {"flipped": "pink", "the pixel to flip": "blue"},
            "The image (click or tap to flip a pixel)",
        ),
        Panel(
            "posterior",
            posterior,
            "A small part of the plane of codes with its tiles, around the image's code. "
            "Ellipses at one and two standard deviations show the encoder's Gaussian "
            "for the clean square, dashed, and for the image with the flipped pixel.",
            1.3,
            {"q(z|x) of the image, 1 and 2 \N{GREEK SMALL LETTER SIGMA}": "pink"}
            | {"of the clean square": "text dashed"},
            "What the image is encoded to",
        ),
    ]
