"""A live digit board for its tests: what it should show, what it holds, and how one draws on it."""

import functools
import itertools

import numpy as np
import pytest
import torch

from tests.canvases import canvas, cells, trace
from tests.planes import settle
from tests.strokes import scikit_digits, small_board
from vaebook import live
from vaebook.live.centring import FINE, INK, SIDE
from vaebook.live.random import Generator
from vaebook.live.weights import with_rounded_weights
from vaebook.objectives import negative_elbo

TWENTY = 20
LINES = (np.mgrid[:INK, :INK] + 0.5) / FINE  # where the ink's dots are: rows and columns, in pixels


def digit(number):
    return scikit_digits()[1][number].numpy().reshape(SIDE, SIDE)


@functools.cache
def board_figure():
    x_train, x_test, labels = scikit_digits()
    model, threshold = small_board()
    return live.board(model, x_train, x_test, threshold, x_test[:TWENTY], labels[:TWENTY], name="scikit-learn")


class Truth:
    """What the figure should show, from the model in double precision."""

    def __init__(self, model):
        x_train, self.x_test, _ = scikit_digits()
        self.model = with_rounded_weights(model, x_train).double()
        self.noise = torch.tensor(Generator(2).normals(60)).reshape(10, 1, 6)
        self.among = self.terms(self.x_test)["loss"]

    @torch.no_grad()
    def terms(self, x):
        return negative_elbo(self.model, x.double(), self.noise.expand(-1, len(x), -1))

    @torch.no_grad()
    def code(self, x):
        mu, logvar = (part[0] for part in self.model.encode(torch.tensor(x).double().reshape(1, -1)))
        return mu, (0.5 * logvar).exp(), 0.5 * (mu**2 + logvar.exp() - 1 - logvar)

    def probabilities(self, x):
        with torch.no_grad():
            return torch.sigmoid(self.model.decode(self.code(x)[0])).numpy()


@functools.cache
def truth_of_board():
    return Truth(small_board()[0])


def state(visit, part):
    """A part of what the page holds once all is computed, as a list or number: for arrays `state.x`, `state.ink`."""
    settle(visit)
    return visit.page.evaluate(
        "(found => ArrayBuffer.isView(found) ? [...found] : found)"
        f"(document.querySelector('.vae-live').stage.board.{part})"
    )


def picture(visit):
    """What the page gives the model."""
    return np.reshape(state(visit, "state.x"), (SIDE, SIDE))


def ink_of(visit):
    return np.reshape(state(visit, "state.ink"), (INK, INK))


def enlarged(x):
    """A picture as ink."""
    return np.kron(x, np.ones((FINE, FINE)))


def said(visit):
    return visit.page.locator(".status").inner_text()


def agree(visit, truth, x):
    """The page gives the model this picture, and shows what the model makes of it."""
    assert (picture(visit) == x).all()
    terms = {name: value.item() for name, value in truth.terms(torch.tensor(x).reshape(1, -1)).items()}
    for name, value in terms.items():
        assert visit.number(name) == pytest.approx(value, abs=6e-3, rel=1e-5), name
    percent = 100 * (truth.among <= terms["loss"] + 1e-3).double().mean().item()
    assert float(visit.number("percentile").rstrip("%")) == pytest.approx(percent, abs=0.21)
    assert visit.number("verdict") == ("alarm" if terms["loss"] > small_board()[1] else "no alarm")
    prices = truth.code(x)[2]
    top = prices.argsort(descending=True)[:3].tolist()
    shown = [each.split() for each in visit.number("dearest").split(", ")]
    assert [name for name, _ in shown] == [f"z{j + 1}" for j in top]
    assert [float(price) for _, price in shown] == pytest.approx(prices[top].tolist(), abs=6e-3)


def standing(visit):
    """The controls that tell what is on the board."""
    return {name: visit.control(name).is_checked() for name in ("centred", "eraser")} | {
        "digit": int(visit.control("digit").input_value())
    }


def on_board(box, points):
    """Where points of the board, in pixels of 28, are in the window."""
    edge = box["width"] / SIDE
    return [(box["x"] + x * edge, box["y"] + y * edge) for x, y in points]


def draw(visit, strokes, how="mouse"):
    """Draw as a person does, from point to point; what a keyboard cannot, a mouse does."""
    box = canvas(visit)[1]
    for points in strokes:
        trace(visit, on_board(box, points), how)
    settle(visit)


def apart(strokes):
    """How far each dot of ink is from the lines of some strokes, in pixels."""
    rows, columns = LINES
    found = np.full((INK, INK), np.inf)
    for points in strokes:
        for (x0, y0), (x1, y1) in itertools.pairwise([points[0], *points]):
            dx, dy = x1 - x0, y1 - y0
            along = ((columns - x0) * dx + (rows - y0) * dy) / ((dx * dx + dy * dy) or 1)
            along = along.clip(0, 1)
            found = np.minimum(found, np.hypot(columns - x0 - along * dx, rows - y0 - along * dy))
    return found


def inked(visit, before, strokes, width, value=1, within=0.16):
    """Whether the ink is what the strokes leave of `before`, but for dots that are close to a line's edge."""
    ink = ink_of(visit)
    distance = apart(strokes)
    clear = abs(distance - width / 2) > within  # a pointer's place is rounded
    assert (ink == np.where(distance <= width / 2, value, before))[clear].all()
    return ink


BLANK = np.zeros((INK, INK), int)


def strike(visit, *pressed):
    """Press keys on the board: pairs of a key and how often."""
    for key, times in pressed:
        for _ in range(times):
            canvas(visit)[0].press(key)
    settle(visit)


def shades(visit, panel, count=SIDE, of="canvas"):
    """Red, green and blue in the middle of each of count x count parts of a panel."""
    return cells(visit, panel, (count, count), of=of).numpy()
