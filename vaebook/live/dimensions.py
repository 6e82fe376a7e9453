"""Chapter 2's live figure of a code's dimensions: a slider for each, sorted by what it costs."""

import base64
import copy
import math

import numpy as np
import torch
from matplotlib.ticker import MaxNLocator

from vaebook import checks
from vaebook.distributions import kl_standard_normal
from vaebook.figures.style import new_figure
from vaebook.live.figure import Button, Choice, LiveFigure, Panel, Range
from vaebook.live.training import BLUE
from vaebook.live.weights import packed, with_rounded_weights

NUMBERS = {
    "kl": "KL, the code",
    "klChange": "change",
    "reconstruction": "\N{MINUS SIGN}log p(x|z) at this code, not averaged",
    "reconstructionChange": "change",
    "changed": "pixels that changed",
}


@torch.no_grad()
def dimensions(model, x_train, images, labels, name=""):
    """The code of a digit as sliders, those that cost the most first.

    model: trained, of linear layers and ReLUs only; a copy with rounded weights is what
    the page gets, and what the stills show.  x_train: `(B, D)`, what it was trained on.
    images: `(K, D)`, 0 or 1, the digits to choose from, D a square number.
    labels: `(K,)`.  name: of the data, for the reader.
    Returns a LiveFigure. Raises TypeError or ValueError for arguments that do not fit.
    """
    model = copy.deepcopy(model).cpu().eval()
    x_train, images = x_train.cpu(), images.cpu()
    checks.data("x_train", x_train, model)
    checks.data("images", images, model)
    checks.binary("images", images)
    checks.shape("labels", torch.as_tensor(labels), (len(images),))
    side = math.isqrt(images.shape[1])
    if side**2 != images.shape[1]:
        came = f"{images.shape[1]} pixels"
        raise ValueError(f"images must be as high as wide, got {came}")
    rounded = with_rounded_weights(model, x_train)
    weights, layers = packed(rounded, ("decode",))
    mu, logvar = rounded.encode(images)
    bits = np.packbits(images.numpy().astype(bool), axis=1)
    count = model.latent_dims
    halves = max(1, count // 2)
    settings = {
        "layers": layers,
        "side": side,
        "images": base64.b64encode(bits.tobytes()).decode("ascii"),
        "mu": rounded_numbers(mu),
        "logvar": rounded_numbers(logvar),
        "halves": halves,
    }
    reach = max(4, math.ceil(mu.abs().max().item() + 0.5))
    digits = {i: f"{int(label)}, number {i + 1}" for i, label in enumerate(labels)}
    choice = f"a test digit of {name}" if name else "a test digit"
    controls = [
        Choice("digit", choice, digits, 0),
        Button("back", "Back to its code", first=True),
        Button("last", f"The last {halves} to zero"),
        Button("first", f"The first {halves} to zero"),
        Button("all", "All to zero"),
    ]
    order = costs_of(mu[0], logvar[0]).argsort(descending=True, stable=True).tolist()
    for rank, j in enumerate(order):
        value = round(mu[0, j].item(), 2)
        controls.append(
            Range(f"rank{rank + 1}", f"z{j + 1}:", -reach, reach, 0.05, value)
        )
    note = (
        "Beside each slider stands what its number costs: the KL from the prior of the "
        "Gaussian around it, whose \N{GREEK SMALL LETTER SIGMA} stays the encoder's. The sliders are sorted by that "
        "cost at the digit's own code. A pixel has changed where white was likelier than "
        "black and is no more, or the other way round."
    )
    return LiveFigure(
        "dimensions",
        "A slider for each number of a digit's code",
        [
            digits_panel(rounded, images[0], mu[0], int(labels[0])),
            costs_panel(mu[0], logvar[0]),
        ],
        controls,
        NUMBERS,
        settings,
        weights,
        note,
        ["images.js", "dimensions_maths.js"],
    )


def rounded_numbers(values):
    """As a list for the page, of four decimals."""
    return [[round(value, 4) for value in row] for row in values.tolist()]


def costs_of(mu, logvar):
    """What each number of one code costs, `(Z,)`."""
    return kl_standard_normal(mu[:, None], logvar[:, None])


def digits_panel(model, x, z, label):
    """A digit beside what its code decodes to."""
    figure, axes = new_figure(5.6, 2.8, 1, 2)
    side = math.isqrt(len(x))
    for ax, pixels in zip(axes, (x, torch.sigmoid(model.decode(z))), strict=True):
        ax.imshow(pixels.reshape(side, side), cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()
    shown = (
        f"A handwritten {label}, white on black, and beside it what the decoder makes of "
        "its code: the probability of each pixel to be white."
    )
    title = "The digit, and what the code decodes to"
    return Panel("digits", figure, shown, 1.4, title=title)


def costs_panel(mu, logvar):
    """The KL of each dimension as bars, the largest first."""
    figure, ax = new_figure(4, 2.8)
    costs = costs_of(mu, logvar).sort(descending=True).values
    ranks = range(1, len(costs) + 1)
    ax.bar(ranks, costs, 0.72, color=BLUE, edgecolor="black", linewidth=1.2)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlim=(0.4, len(costs) + 0.6))
    ax.set(xlabel="sliders, in their order", ylabel="KL, nats")
    shown = (
        f"Bars for the {len(costs)} dimensions of the code, from the one with the largest KL, "
        f"{costs[0]:.2f} nats, to the one with the smallest, {costs[-1]:.2f}."
    )
    keys = {"at this code": "blue", "at the digit's own code": "text"}
    return Panel("costs", figure, shown, 1, keys, "What each number costs")
