"""The plane of codes, spaced as the prior is: what the figures of it have in common."""

import copy

import torch

from vaebook import checks
from vaebook.animation import prior_quantiles, sheet
from vaebook.figures.style import new_figure
from vaebook.live.weights import packed, with_rounded_weights

COUNT = 20  # codes along each axis
TAIL = 0.05  # the prior's probability below the first of them
MINUS = "\N{MINUS SIGN}"
TICKS = [-2, -1, -0.5, 0, 0.5, 1, 2]
PIXELS = 28


def cdf(z):
    return torch.special.ndtr(torch.as_tensor(z, dtype=torch.float64))


def of_digits(model, x_train):
    """A rounded copy of a model of digits with a code of two numbers; raises if it is not one.

    Returns it with its decoder as a text for the page and its networks' sizes.
    """
    checks.contract(model)
    model = copy.deepcopy(model).cpu().eval()
    x_train = x_train.cpu()
    checks.data("x_train", x_train, model)
    checks.examples("x_train", x_train, PIXELS**2)
    if model.latent_dims != 2:
        raise ValueError(f"model must have latent_dims 2, got {model.latent_dims}")
    rounded = with_rounded_weights(model, x_train)
    text, layers = packed(rounded, ("decode",))
    return rounded, text, layers


def sheet_settings(reach):
    """The sheet's codes, and where it ends on axes from 0 to 1."""
    half = (1 - 2 * TAIL) / (COUNT - 1) / 2
    axis = prior_quantiles(COUNT, tail=TAIL).double().tolist()
    return {
        "axis": axis,
        "edges": [TAIL - half, 1 - TAIL + half],
        "reach": reach,
        "count": COUNT,
    }


def plane_still(model, settings, faint=False):
    """A figure with the sheet on axes where a code stands at its probability under the prior.

    faint: grey digits on white, to draw on, instead of white ones on black.
    """
    figure, ax = new_figure(4, 3.76)
    low, high = settings["edges"]
    picture = sheet(model, torch.tensor(settings["axis"]).float(), gap=0).numpy()
    picture = 1 - 0.6 * (1 - 138 / 255) * picture if faint else picture
    grey = {"cmap": "gray", "vmin": 0, "vmax": 1}
    ax.imshow(picture, extent=(low, high, low, high), **grey)
    ticks = {
        "ticks": cdf(TICKS).tolist(),
        "labels": [f"{t:g}".replace("-", MINUS) for t in TICKS],
    }
    ax.set_xticks(**ticks)
    ax.set_yticks(**ticks)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    for side in ("top", "right"):
        ax.spines[side].set_visible(True)
    return figure, ax


def digit_still(pixels):
    """A figure with one digit `(784,)`, values from 0 to 1."""
    figure, ax = new_figure(4, 3.76)
    ax.imshow(pixels.reshape(PIXELS, PIXELS).numpy(), cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()
    return figure, ax


def ring(ax, z, color):
    """A ring around a code, on any ground."""
    for style, width in (("white", 5), (color, 2.5)):
        place = cdf(z).tolist()
        ax.plot(*place, "o", markersize=14, mfc="none", mec=style, mew=width)
