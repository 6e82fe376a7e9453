"""Chapter 2's live figure: posteriors of digits on the plane of codes, the encoder's and the exact ones."""

import copy

import numpy as np
import torch

from vaebook import checks
from vaebook.live.figure import Button, Choice, LiveFigure, Range, megabytes
from vaebook.live.plane import MINUS, of_digits, sheet_settings
from vaebook.live.posterior_stills import a_digit, panels
from vaebook.live.squares import product_rule
from vaebook.live.weights import packed, shift

GRID = 48  # cells along each axis, each of which the page decodes once
NUMBERS = {
    "loss": f"{MINUS}ELBO, nats",
    "reconstruction": "reconstruction",
    "kl": "KL, the code",
    "evidence": f"{MINUS}log p(x)",
    "gap": "gap (2.4)",
    "inside": "of p(z|x) in the close-up",
    "code": f"at the ring: {MINUS}log p(x|z)",
}


@torch.no_grad()
def posteriors(model, x_train, images, labels, name=""):
    """Where digits lie on the plane of codes: the encoder's Gaussian beside the exact posterior.

    model: trained, with a code of two numbers, of linear layers and ReLUs only; the page
    gets its decoder, and its encoder when it is asked for, with rounded weights.
    x_train: `(B, 784)`, what it was trained on.  images: `(T, 784)`, zeros and ones, the
    digits to look at.  labels: `(T,)`.  name: of the data.
    Returns a LiveFigure. Its `shift` is what rounding adds to the -ELBO, in nats, on up to
    1,000 of x_train with 10 codes each, from a seed. Raises TypeError or ValueError for
    arguments that do not fit.
    """
    rounded, decoder, sizes = of_digits(model, x_train)
    images, labels = images.cpu().float(), torch.as_tensor(labels).cpu()
    checks.data("images", images, rounded)
    checks.binary("images", images)
    checks.shape("labels", labels, (len(images),))
    encoder, more = packed(rounded, ("encode",))
    mu, logvar = rounded.encode(images)
    reach = max(4.0, np.ceil(mu.abs().max().item()))
    digits = [
        {"bits": bits_of(x), "mu": each.tolist(), "logvar": spread.tolist()}
        for x, each, spread in zip(images, mu, logvar, strict=True)
    ]
    settings = {
        **sheet_settings(reach),
        "layers": {**more, **sizes},
        "grid": {"count": GRID, "reach": reach + 1},
        "digits": digits,
        "labels": labels.tolist(),
        "quadrature": product_rule(9),
    }
    words = [f"{number}: {a_digit(label)}" for number, label in enumerate(labels, 1)]
    start = mu[0].tolist()
    size = megabytes([encoder])
    controls = [
        Choice("digit", "digit", dict(enumerate(words)), 0),
        Button("board", f"The digit from the board (loads {size})"),
        Button("toMean", "Code to the digit's mean", first=True),
        Range("z1", "code z1", -reach, reach, 0.01, start[0]),
        Range("z2", "code z2", -reach, reach, 0.01, start[1]),
    ]
    figure = LiveFigure(
        "posteriors",
        "Posteriors on the plane of codes: pick a digit, drag the code",
        panels(rounded, images, labels, settings),
        controls,
        NUMBERS,
        settings,
        decoder,
        note(name, len(images), settings["grid"]),
        ["images.js", "plane_maths.js", "plane.js"],
        {"encoder": [encoder]},
    )
    some, generator = x_train[:1000].cpu(), torch.Generator().manual_seed(1)
    noise = torch.randn(10, len(some), 2, generator=generator)
    figure.shift = shift(copy.deepcopy(model).cpu().eval(), rounded, some, noise)
    return figure


def bits_of(x):
    """Zeros and ones as hexadecimal digits, four pixels each."""
    return np.packbits(x.numpy().astype(np.uint8)).tobytes().hex()


def note(name, count, grid):
    data = f" of {name}" if name else ""
    reach = f"{grid['reach']:g}"
    return (
        f"{count} test digits{data}, each a small ellipse with its label. The exact posterior is added up from "
        f"cells that cover the plane from {MINUS}{reach} to {reach}, small where it has its mass; the "
        "reconstruction is averaged over 81 fixed codes (Gauss-Hermite). The button for the board wakes "
        "when a digit has been drawn on this page."
    )
