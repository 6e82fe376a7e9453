"""Chapter 3's live figure of the mixture (3.3): corrupted copies of a square, and the two bounds."""

import copy
import math

import torch

from vaebook import checks
from vaebook.data import all_rectangles
from vaebook.live.figure import Button, Choice, LiveFigure, Panel, Range
from vaebook.live.mixture_stills import (
    bounds_still,
    copy_still,
    corruptions,
    estimates,
    plane_still,
    posterior_on_grid,
    window_of,
)
from vaebook.live.weights import packed, with_rounded_weights
from vaebook.objectives import log_joint

SIZES = [1, 2, 4, 8, 16, 32, 64, 128]
COUNT, SEED = 32, 1  # Gaussians and noise at the start
PAIRS = 1  # of codes of each Gaussian
FEWEST = 16  # Gaussians for the estimate that leaves one out: fewer make it too low
GRID = {"count": 24, "reach": 5}  # cells for the posterior, standard deviations
CONTOURS = {"count": 64, "levels": [math.exp(-0.5), math.exp(-2)]}
NUMBERS = {
    "flips": "flipped pixels of a copy, on average",
    "nll": "\N{MINUS SIGN}log p(x), nats",
    "trained": "trained, (3.6)",
    "kept": "the mixture, (3.4): own Gaussian kept",
    "leftOut": "left out",
    "gain": "the mixture is tighter by",
}

WORDS = {  # for a screen reader; the page has them, too
    "plane": (
        "The plane of codes around one square's true posterior, a grey shade, with an ellipse "
        "for each corrupted copy, {count} in all, and two contours of their mixture."
    ),
    "bounds": (
        f"Losses over the number of Gaussians from 1 to {SIZES[-1]}, as nats above minus log p(x). "
        "The trained loss is a level line at {trained}. The mixture's estimate that keeps a "
        "code's own Gaussian falls from there to {kept} at {count}; the one that leaves it out {end}."
    ),
}


@torch.no_grad()
def mixture(model, x, p=0.1):
    """The Gaussians of corrupted copies of a square, their mixture, and the two bounds.

    model: trained with flips, with a code of two numbers, of linear layers and ReLUs.
    x: `(B, D)`, all squares of one size in images as high as wide, in the order of
    `all_rectangles`.  p: what it was trained with, and where the slider starts.
    Returns a LiveFigure. Raises TypeError or ValueError for arguments that do not fit.
    """
    checks.data("x", x, model)
    model, x = copy.deepcopy(model).cpu().eval(), x.cpu()
    height, side = sizes_of(x)
    checks.number("p", p, "in [0, 0.3]", lambda p: 0 <= p <= 0.3)
    if model.latent_dims != 2:
        raise ValueError(f"model must have latent_dims 2, got {model.latent_dims}")
    rounded, (weights, layers) = with_rounded_weights(model), packed(model)
    mean, sd = posterior_moments(rounded, x)
    places = height - side + 1
    row = column = places // 2
    found = [
        {"mean": rounded_numbers(m), "sd": rounded_numbers(s)}
        for m, s in zip(mean, sd, strict=True)
    ]
    settings = {
        "layers": layers,
        "shape": [height, height],
        "side": side,
        "posteriors": found,
        "grid": GRID,
        "contours": CONTOURS,
        "fewest": FEWEST,
        "words": WORDS,
        "seed": SEED,
        "pairs": PAIRS,
    }
    controls = [
        Button("noise", "New noise"),
        Choice("count", "corrupted copies, M", SIZES, COUNT),
        Range("p", "flip probability p", 0, 0.3, 0.01, p),
        Range("row", "square's row", 0, places - 1, 1, row),
        Range("column", "square's column", 0, places - 1, 1, column),
    ]
    note = (
        f"The model was trained with p = {p:g}. The noise is fixed: the same pixels flip as p "
        "grows, one by one, and more copies leave the first ones as they are. Each Gaussian "
        f"gives {2 * PAIRS} codes. The mixture's loss lies between the two estimates on average; "
        "with two or four copies chance may put the difference below zero, where by (3.8) it is not. "
        "The estimate that leaves out a code's own Gaussian is far too low with few, and shown "
        f"from M = {FEWEST} on."
    )
    start = found[row * places + column]
    return LiveFigure(
        "mixture",
        "Corrupted copies of a square, their mixture and the two bounds",
        panels(rounded, x[row * places + column], p, settings, start),
        controls,
        NUMBERS,
        settings,
        weights,
        note,
        ["images.js", "mixture_maths.js"],
    )


def rounded_numbers(values):
    """As a list for the page, of four decimals."""
    return [round(value, 4) for value in values.tolist()]


def sizes_of(x):
    """The images' height and the squares' side; raises unless x holds all squares of one size."""
    height, side = math.isqrt(x.shape[1]), math.isqrt(int(x[0].sum()))
    if 0 < side <= height and height**2 == x.shape[1]:
        shape = {"image_shape": (height, height), "height": side, "width": side}
        expected = all_rectangles(**shape).images
        if x.shape == expected.shape and (x == expected).all():
            return height, side
    came = f"shape {tuple(x.shape)} with {x[0].sum():g} white pixels in the first row"
    raise ValueError(
        f"x must hold all squares of one size in images as high as wide, got {came}"
    )


def posterior_moments(model, x, step=0.05):
    """Mean and standard deviation of p(z|x) for each row of x, `(B, 2)`, on a coarse grid.

    They tell the page where to lay a grid of its own. No standard deviation is below
    half a step.
    """
    reach = model.encode(x)[0].abs().max().item() + 1
    axis = torch.arange(-reach, reach + step / 2, step)
    grid = torch.cartesian_prod(axis, axis)
    parts = [log_joint(model, z[:, None], x) for z in grid.split(5000)]
    weights = torch.cat(parts).softmax(0).T.double()
    grid = grid.double()
    mean = weights @ grid
    variance = weights @ grid.square() - mean.square()
    return mean, variance.clamp_min((0.5 * step) ** 2).sqrt()


def panels(model, x, p, settings, found):
    """The three pictures, as the page shows them when it starts."""
    copies, mu, sigma, z = corruptions(model, x, p, COUNT, SEED, PAIRS)
    values, log_evidence = posterior_on_grid(model, x, found, GRID)
    losses = estimates(model, x, mu, sigma, z)
    window = window_of(found, mu, sigma)
    plane = plane_still(values, found, GRID["reach"], window, mu, sigma, CONTOURS)
    bounds = bounds_still(losses, -log_evidence, SIZES[-1], FEWEST)
    ends = [*losses[1], *losses[COUNT]]
    trained, _, kept, left_out = (f"{loss + log_evidence:.2f}" for loss in ends)
    ends = {"trained": trained, "kept": kept, "end": f"ends at {left_out}"}
    words = {name: text.format(count=COUNT, **ends) for name, text in WORDS.items()}
    sigma_ = "\N{GREEK SMALL LETTER SIGMA}"
    return [
        Panel(
            "plane",
            plane,
            words["plane"],
            1,
            {
                f"q(z|x') of each copy, 1 {sigma_}": "pink",
                "of the copy shown": "orange",
                "the mixture": "blue",
                "p(z|x), shaded": "faint",
            },
            "What the encoder makes of the copies",
        ),
        Panel(
            "bounds",
            bounds,
            words["bounds"],
            1,
            {
                "trained, (3.6)": "orange",
                "mixture, own kept": "blue",
                "own left out": "blue dashed",
                "\N{MINUS SIGN}log p(x)": "text dashed",
            },
            "The two bounds, as losses",
        ),
        Panel(
            "copy",
            copy_still(copies[0].reshape(settings["shape"])),
            "A white square on black with some of all pixels flipped: the first corrupted copy.",
            0.5,
            title="The first copy, x'",
        ),
    ]
