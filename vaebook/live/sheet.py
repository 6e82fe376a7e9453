"""The first page's live figure: a sheet of digits, and a code to drag over it."""

import torch

from vaebook.live.figure import Button, LiveFigure, Panel, Range
from vaebook.live.plane import digit_still, of_digits, plane_still, ring, sheet_settings

REACH = 3.0  # of the sliders
START = [-0.5, 1.2]
ORANGE = "#d55e00"


@torch.no_grad()
def sheet(model, x_train, name=""):
    """A sheet of digits that a VAE decodes from a plane of codes, and a code to drag over it.

    model: trained, with a code of two numbers, of linear layers and ReLUs only; the page
    gets its decoder, with rounded weights.  x_train: `(B, 784)`, what it was trained on.
    name: of the data.
    Returns a LiveFigure. Raises TypeError or ValueError for a model or data that do not fit.
    """
    rounded, weights, layers = of_digits(model, x_train)
    settings = {**sheet_settings(REACH), "layers": layers, "seed": 1, "period": 80}
    still, ax = plane_still(rounded, settings)
    ring(ax, START, ORANGE)
    decoded, _ = digit_still(rounded.decode(torch.tensor(START)).sigmoid())
    panels = [
        Panel(
            "plane",
            still,
            "A sheet of 20 by 20 digits on black. Each is what the network draws for one "
            "pair of numbers, z1 to the right and z2 upwards, spaced as the prior is. "
            "Neighbours look alike and turn into each other. A ring marks one pair.",
            1.2,
            {"the code (drag it)": "orange"},
            "Every code is a digit",
        ),
        Panel(
            "digit",
            decoded,
            "One digit, large, in grey levels: what the network draws for the pair of "
            f"numbers under the ring, at the start {START[0]:g} and {START[1]:g}.",
            1,
            title="What it decodes to",
        ),
    ]
    controls = [
        Button("random", "A random code", first=True),
        Button("walk", "Walk"),
        Range("z1", "code z1", -REACH, REACH, 0.01, START[0]),
        Range("z2", "code z2", -REACH, REACH, 0.01, START[1]),
    ]
    return LiveFigure(
        "sheet",
        "Drag the ring over the sheet: the digit follows",
        panels,
        controls,
        {"z1": "z1", "z2": "z2"},
        settings,
        weights,
        note(name),
        ["images.js", "plane_maths.js", "plane.js"],
    )


def note(name):
    data = f" ({name})" if name else ""
    return (
        f"A network that was shown handwritten digits{data}, and never told which is which, draws a "
        "picture for any two numbers: drag the ring, and one digit turns into another."
    )
