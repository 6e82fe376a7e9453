"""Chapter 3's live figure: pixels to brush over, and what two VAEs make of them."""

import base64
import copy

import numpy as np
import torch

from vaebook import checks
from vaebook.distributions import kl_standard_normal, sample_latents
from vaebook.live.brush_stills import LEAST_P, TITLES, corrupted, panels
from vaebook.live.figure import Button, Choice, LiveFigure, Range, Switch, megabytes
from vaebook.live.squares import product_rule, sizes_of
from vaebook.live.weights import packed, with_rounded_weights

MODELS = ["vanilla", "denoising"]
MOST_P = 0.3  # on the slider
CODES = 25  # for each -ELBO
SEEDS = {"square": 3, "digit": 4, "noise": 5}
DIGITS = ["vanilla", "denoising", "images", "labels", "x_train", "name"]
MINUS, MU = "\N{MINUS SIGN}", "\N{GREEK SMALL LETTER MU}"
SPACE, JOINER = "\N{NO-BREAK SPACE}", "\N{WORD JOINER}"
QUANTITIES = {
    "wrong": "wrong pixels",
    "loss": f"{MINUS}ELBO (3.6)",
    "kl": "KL",
    "reconstruction": "reconstruction",
    "distance": f"|{MU}\N{PRIME} {MINUS} {MU}|",
}
NUMBERS = {"flips": "flipped pixels", "wrongExact": "wrong, exact posterior"} | {
    f"{quantity}{model.capitalize()}": f"{text}, {model}"
    for quantity, text in QUANTITIES.items()
    for model in MODELS
}


@torch.no_grad()
def brush(vanilla, denoising, squares, digits=None, p=0.1):
    """An image with pixels to flip, and what a vanilla and a denoising VAE restore.

    vanilla, denoising: trained on the squares, each with a code of two numbers, of
    linear layers and ReLUs; noise layers are left out. The page gets copies with
    rounded weights.
    squares: what `all_rectangles` gives for one size, as high as wide.
    digits: None, or a dict of two models "vanilla" and "denoising", test "images"
    `(B, D)` of 0 and 1, as high as wide, their "labels" `(B,)`, all training images
    "x_train", and the data's "name". The page gets these models when the reader asks.
    p: the share of flipped pixels at the start, at most 0.3, in thousandths.
    Returns a LiveFigure. Its `shifts`, a dict, are what rounding adds to the -ELBO
    (3.6) of each model at this p, in nats, from fixed seeds. Raises TypeError or
    ValueError for models, squares or digits that do not fit.
    """
    checks.number("p", p, f"in [0, {MOST_P}]", lambda p: 0 <= p <= MOST_P)
    p = round(p, 3)  # as the slider has it
    height, width, side = sizes_of(squares)
    images = squares.images.cpu()
    models = {"vanilla": vanilla, "denoising": denoising}
    for name, model in models.items():
        models[name] = prepared(name, model, "squares.images", images)
        if model.latent_dims != 2:
            came = model.latent_dims
            raise ValueError(f"{name} must have latent_dims 2, got {came}")
    rounded = {name: with_rounded_weights(model) for name, model in models.items()}
    pairs = {name: packed(model) for name, model in models.items()}
    shifts = {
        name: cost(models[name], rounded[name], images.repeat(10, 1), p)
        for name in MODELS
    }
    place = (height - side) // 2, (width - side) // 2
    settings = {
        "p": p,
        "leastP": LEAST_P,
        "titles": TITLES,
        "square": {
            "shape": [height, width],
            "side": side,
            "layers": {name: layers for name, (_, layers) in pairs.items()},
            "seed": SEEDS["square"],
            **product_rule(5),
        },
    }
    later = {}
    if digits is not None:
        settings["digit"], later["digits"], more = digit_settings(digits, p)
        shifts |= more
    figure = LiveFigure(
        "brush",
        "Brush pixels over: two VAEs restore the image",
        panels(rounded, images, settings["square"], place, p),
        controls(settings, place, digits, later),
        NUMBERS,
        settings,
        [text for text, _ in pairs.values()],
        note(shifts, digits, p),
        ["images.js", "brush_maths.js", "brush_board.js"],
        later,
    )
    figure.shifts = shifts
    return figure


def prepared(name, model, images_name, images):
    """A copy of a model, in evaluation mode on the CPU; raises unless it suits."""
    try:
        checks.data(images_name, images, model)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from error
    return copy.deepcopy(model).cpu().eval()


def cost(model, rounded, x, p):
    """What rounding adds to the mean of (3.6) over the rows of x, in nats.

    x: `(B, D)`; there is one corruption and one code for each row.
    """
    given, generator = corrupted(x, p, 1), torch.Generator().manual_seed(1)
    noise = torch.randn(len(x), model.latent_dims, generator=generator)
    losses = []
    for each in (rounded, model):
        mu, logvar = each.encode(given)
        z = sample_latents(mu, logvar, noise)
        loss = kl_standard_normal(mu, logvar) - each.log_likelihood(z, x)
        losses.append(loss.mean().item())
    return losses[0] - losses[1]


def digit_settings(digits, p):
    """Of digits: what the page is to know, both models' weights, what rounding adds."""
    if not isinstance(digits, dict) or set(digits) != set(DIGITS):
        came = (
            sorted(digits) if isinstance(digits, dict) else f"a {type(digits).__name__}"
        )
        raise ValueError(f"digits must be a dict of {', '.join(DIGITS)}, got {came}")
    images, x_train = digits["images"].cpu(), digits["x_train"].cpu()
    checks.binary("digits['images']", images)
    checks.shape("digits['labels']", digits["labels"], (len(images),))
    edge = round(images.shape[-1] ** 0.5)
    checks.shape("digits['images']", images, (len(images), edge * edge))
    texts, layers, shifts = [], {}, {}
    for name in MODELS:
        each = f"digits['{name}']"
        model = prepared(each, digits[name], "digits['images']", images)
        checks.data("digits['x_train']", x_train, model)
        rounded = with_rounded_weights(model, x_train)
        text, layers[name] = packed(rounded)
        texts.append(text)
        shifts[f"digits, {name}"] = cost(model, rounded, x_train[:1000], p)
    lengths = {name: digits[name].latent_dims for name in MODELS}
    if len({*lengths.values()}) > 1:
        raise ValueError(f"digits must hold models of one latent_dims, got {lengths}")
    bits = np.packbits(images.numpy().astype(bool), axis=1)
    found = {
        "shape": [edge, edge],
        "layers": layers,
        "images": [base64.b64encode(row.tobytes()).decode("ascii") for row in bits],
        "seed": SEEDS["digit"],
        "noiseSeed": SEEDS["noise"],
        "codes": CODES,
        "words": f"A digit's code has {lengths['vanilla']} numbers, and no plane shows "
        "it: see among the numbers how far its mean moves. The exact posterior of digits "
        "is not known.",
    }
    return found, texts, shifts


def controls(settings, place, digits, later):
    """The controls as the figure starts: a square in the middle, flips at p."""
    (height, width), side = settings["square"]["shape"], settings["square"]["side"]
    found = [Button("draw", "New flips", first=True), Button("clean", "Clean")]
    sliders = [
        Range("p", "share of flips, p", 0, MOST_P, 0.001, settings["p"]),
        Range("squareRow", "square's row", 0, height - side, 1, place[0]),
        Range("squareColumn", "square's column", 0, width - side, 1, place[1]),
    ]
    switches = [
        Switch("seen", "Count the pixel as seen, (3.12)"),
        Switch("grey", "Show probabilities"),
    ]
    if digits is None:
        return [*found, *switches, *sliders]
    size = megabytes(later["digits"])
    options = {0: "a square"} | {
        number: f"a {label}, image {number} of {digits['name']}"
        for number, label in enumerate(digits["labels"].tolist(), 1)
    }
    load = Button("load", f"Load the digits ({size})")
    return [*found, load, Choice("image", "image", options, 0), *switches, *sliders]


def note(shifts, digits, p):
    draws = "" if digits is None else f"; for digits, {CODES} draws"
    added = "; ".join(f"{name} {value:+.2f}" for name, value in shifts.items())
    moved = f"|{JOINER}{MU}\N{PRIME}{SPACE}{MINUS}{SPACE}{MU}|"
    return (
        f"{MINUS}ELBO, KL and reconstruction are the terms of (3.6) for this x\N{PRIME} "
        f"alone, in nats, averaged over {CODES} fixed codes (Gauss-Hermite{draws}). "
        f"How far the code's mean moves, {moved}, is in standard deviations of the prior. "
        "A restored pixel is white where its probability is above one half; (3.12) has that "
        "of a pixel that was seen, with the slider's p. The exact "
        "posterior is that of the square's place, by (3.1). Both take "
        f"{LEAST_P} if that is more. If each pixel is flipped with this p, no other way to "
        "restore has fewer wrong pixels on average. Rounding the weights to 8 bits adds to "
        f"the {MINUS}ELBO (3.6) at p = {p:g}, on average: {added.replace('-', MINUS)}."
    )
