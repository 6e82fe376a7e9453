"""Chapter 2's live figure: a board to draw a digit on, and what a VAE makes of it."""

import base64
import copy
import math

import numpy as np
import torch

from vaebook import checks
from vaebook.live.board_stills import panels
from vaebook.live.centring import SIDE
from vaebook.live.figure import Button, Choice, LiveFigure, Switch
from vaebook.live.random import Generator
from vaebook.live.weights import packed, shift, with_rounded_weights
from vaebook.objectives import negative_elbo

MINUS = "\N{MINUS SIGN}"
DRAWS, SEED = 10, 2  # of the noise, which is the same for every picture
REACH = 4  # of the axis of the code; the page doubles it where a bar is longer
WIDTHS = {2: "2 pixels wide", 3: "3 pixels wide", 4: "4 pixels wide"}


@torch.no_grad()
def board(model, x_train, x_test, threshold, images, labels, name="MNIST"):
    """A board to draw a digit on: its code, its reconstruction, its -ELBO, and the alarm.

    model: trained, of 784 pixels and any code, of linear layers and ReLUs only; a copy with
    rounded weights is what the page gets, and what all that is shown comes from.
    x_train, x_test: `(B, 784)`, all the images; the first say which pixels are ever lit, the
    second are those that a drawing is ranked among.  threshold: of the alarm, in nats.
    images, labels: `(n, 784)` of 0 and 1, and `(n,)`, digits to begin with.  name: the data's.

    Returns a LiveFigure. Its `shift` is what rounding adds to the -ELBO, in nats, on up to
    1,000 of x_test with 10 codes each, from a seed. Its `percentiles`, `(1000,)`: the -ELBO
    that k of 1,000 images of x_test do not exceed, k from 1, each with the page's ten codes.
    Raises TypeError or ValueError for arguments that do not fit.
    """
    model = copy.deepcopy(model).cpu().eval()
    given = {"x_train": x_train, "x_test": x_test, "images": images}
    for argument, x in given.items():
        checks.data(argument, x, model)
        checks.examples(argument, x, SIDE**2)
    checks.binary("images", images)
    checks.shape("labels", labels, (len(images),))
    checks.number("threshold", threshold, "a finite number", math.isfinite)
    x_train, x_test, images = (x.cpu() for x in given.values())

    rounded = with_rounded_weights(model, x_train)
    encoder, decoder = (packed(rounded, (part,)) for part in ("encode", "decode"))
    some = x_test[:1000]
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(10, len(some), model.latent_dims, generator=generator)
    settings = {
        "layers": encoder[1] | decoder[1],
        "draws": DRAWS,
        "seed": SEED,
        "reach": REACH,
        "threshold": float(threshold),
        "percentiles": thousandths(costs(rounded, x_test)).tolist(),
        "digits": [as_bits(image) for image in images],
    }
    added = shift(model, rounded, some, noise)
    figure = LiveFigure(
        "board",
        "Draw a digit, and see what the model makes of it",
        panels(rounded, images[:1], labels[0].item(), REACH),
        controls(labels),
        numbers(settings, len(x_test), name),
        settings,
        [encoder[0], decoder[0]],
        note(settings, added, len(some), name),
        ["images.js", "board_maths.js", "bars.js"],
    )
    figure.shift = added
    figure.percentiles = torch.tensor(settings["percentiles"], dtype=torch.float64)
    return figure


def fixed_noise(latent_dims):
    """The ten draws `(N, 1, Z)` with which the page computes every -ELBO."""
    drawn = Generator(SEED).normals(DRAWS * latent_dims)
    return torch.tensor(drawn).float().reshape(DRAWS, 1, latent_dims)


def costs(model, x):
    """The -ELBO of each row `(B,)`, as the page computes it: all with the same ten draws."""
    noise = fixed_noise(model.latent_dims)
    parts = [
        negative_elbo(model, part, noise.expand(-1, len(part), -1))["loss"]
        for part in x.split(500)
    ]
    return torch.cat(parts)


def thousandths(values):
    """For k from 1 to 1000 the smallest value that k of 1000 values do not exceed.

    A thousandth of a nat lower, so that the page, which computes in other steps, counts
    a value itself.
    """
    ordered, count = np.sort(values.double().numpy()), len(values)
    ranks = -(-np.arange(1, 1001) * count // 1000)  # rounded up
    return (ordered[ranks - 1] - 0.001).round(3)


def as_bits(image):
    """A picture of 0 and 1 as base64, eight pixels to a byte, the highest bit first."""
    bits = np.packbits(image.numpy().astype(np.uint8)).tobytes()
    return base64.b64encode(bits).decode("ascii")


def controls(labels):
    """The controls as the figure starts: with the first digit, not centred."""
    digits = {-1: "none of them"}
    for number, label in enumerate(labels.tolist()):
        digits[number] = f"{number + 1}: a {label:g}"
    return [
        Button("blank", "Blank", first=True),
        Switch("eraser", "eraser"),
        Choice("width", "pen", WIDTHS, 3),
        Switch("centred", "centre as MNIST was"),
        Choice("digit", "test digit", digits, 0),
        Button("shift", "Shift by 4 pixels"),
        Button("invert", "Invert"),
        Button("eraseHalf", "Erase the lower half"),
        Button("noise", "Uniform noise"),
        Button("sheet", "Place it on the sheet"),
    ]


def numbers(settings, count, name):
    return {
        "reconstruction": "reconstruction",
        "kl": "+ KL",
        "loss": f"= {MINUS}ELBO, nats",
        "percentile": f"test digits of {name} that cost no more, of {count:,}:",
        "verdict": f"alarm above {settings['threshold']:.1f} nats:",
        "dearest": "dearest dimensions",
    }


def note(settings, added, count, name):
    """How to draw without a pointer, what centring is, and what the page's model differs by."""
    encoder, decoder = (settings["layers"][part] for part in ("encoder", "decoder"))
    word = "raises" if added >= 0 else "lowers"
    return (
        "Keyboard: go to the board with Tab; the arrow keys move the cursor, space puts the pen down, "
        "and space again lifts it. Centred, a drawing is scaled until its longer side is 20 pixels, and "
        "its centre of mass is put in the middle, as it was done for MNIST. The buttons change what the "
        "model sees, and turn the centring off; Blank turns it on. The model is "
        f"{encoder[0][0]}-{'-'.join(str(outputs) for _, outputs in encoder[:-1])}-{decoder[0][0]}, with "
        f"weights rounded to 8 bits, which {word} the {MINUS}ELBO by {abs(added):.2f} nats on {count:,} "
        f"test digits of {name}. Every {MINUS}ELBO is the mean over the same {settings['draws']} draws of "
        "the noise, so that it does not jitter."
    )
