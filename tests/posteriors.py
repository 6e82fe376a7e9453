"""What the live posteriors should show, from sums over a fine grid in PyTorch, and whether a page shows it."""

import math
from functools import cache

import numpy as np
import pytest
import torch

from tests.hands import painted, point_at
from tests.planes import model_and_images, pixels, settle, status
from vaebook import live
from vaebook.distributions import bernoulli_log_likelihood, kl_standard_normal
from vaebook.live.plane import of_digits

ROWS = [63, 0, 1, 22, 77, 11, 13, 5]  # of the data: with gaps of 0.5 to 12 nats, and close-ups of some sizes
LABELS = [8, 3, 1, 2, 9, 4, 7, 5]
DRAWN = [25, 8]  # on the board
REACH = 5.0
MOVED = (-0.3, 0.9)  # a code where no digit is


def images(rows):
    return model_and_images()[1][rows]


@cache
def figure_of_eight():
    return live.posteriors(*model_and_images(), images(ROWS), LABELS, name="Boxes")


class Truth:
    """What the figure should show, from the model in double precision and sums over a fine grid."""

    @torch.no_grad()
    def __init__(self, step=0.025):
        single = of_digits(*model_and_images())[0]
        self.x = images(ROWS + DRAWN)
        axis = torch.arange(-REACH - 1 + step / 2, REACH + 1, step)
        self.z, found = torch.cartesian_prod(axis, axis), []
        for part in self.z.split(20_000):
            logits = single.decode(part)
            softplus = torch.nn.functional.softplus(logits).double().sum(1, keepdim=True)
            found.append((logits @ self.x.T).double() - softplus)
        self.z = self.z.double()
        prior = -np.log(2 * np.pi) - 0.5 * (self.z**2).sum(1, keepdim=True)
        self.joint = torch.cat(found) + prior
        self.evidence = self.joint.logsumexp(0) + 2 * np.log(step)
        self.mass = (self.joint - self.joint.logsumexp(0)).exp()
        self.model, self.x = single.double(), self.x.double()
        self.mu, self.logvar = self.model.encode(self.x)
        self.sigma = (0.5 * self.logvar).exp()

    def share(self, i, window):
        (left, right), (bottom, top) = window
        z1, z2 = self.z.T
        return self.mass[(z1 >= left) & (z1 <= right) & (z2 >= bottom) & (z2 <= top), i].sum().item()

    def window(self, i):
        """The square around mu, of four standard deviations to each side, doubled until it holds 95 %."""
        half = 4 * self.sigma[i].max().item()
        while half < REACH:
            window = [[middle - half, middle + half] for middle in self.mu[i].tolist()]
            if self.share(i, window) >= 0.95:
                break
            half *= 2
        return [[middle - half, middle + half] for middle in self.mu[i].tolist()]

    @torch.no_grad()
    def numbers(self, i, z):
        places, weights = map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(9))
        noise, weights = torch.cartesian_prod(places, places), torch.cartesian_prod(weights, weights).prod(1)
        each = bernoulli_log_likelihood(self.model.decode(self.mu[i] + self.sigma[i] * noise), self.x[i])
        reconstruction = -(weights @ each / weights.sum()).item()
        kl = kl_standard_normal(self.mu[i : i + 1], self.logvar[i : i + 1]).item()
        evidence = -self.evidence[i].item()
        found = {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl, "evidence": evidence}
        code = -bernoulli_log_likelihood(self.decode(z, False), self.x[i]).item()
        return found | {"gap": reconstruction + kl - evidence, "code": code}

    @torch.no_grad()
    def decode(self, z, as_probabilities=True):
        logits = self.model.decode(torch.as_tensor(z, dtype=torch.float64))
        return logits.sigmoid() if as_probabilities else logits


@cache
def truth_of_eight():
    return Truth()


def axes(visit, panel):
    """Where a panel's axes begin and end: [[left, right], [bottom, top]]."""
    script = """name => {
      const {x, y, box} = document.querySelector(".vae-live").stage.panels[name];
      return [[x.back(box.left), x.back(box.right)], [y.back(box.bottom), y.back(box.top)]];
    }"""
    return visit.page.evaluate(script, panel)


INSIDE = """() => {
  const {posterior, window} = document.querySelector(".vae-live").stage.picked;
  return posterior.massIn(window);
}"""


def agree(visit, truth, i, z=None, option=None):
    """The page shows digit i (which may stand at another option) with the code z, by default its mean."""
    settle(visit)
    z = truth.mu[i].tolist() if z is None else z
    for name, value in truth.numbers(i, z).items():
        close = {"evidence": 0.03, "gap": 0.03, "code": 0.02}.get(name, 6e-3)
        assert visit.number(name) == pytest.approx(value, abs=close, rel=1e-4 if name == "code" else 1e-5), name
    assert visit.number("gap") == pytest.approx(visit.number("loss") - visit.number("evidence"), abs=0.0151)
    window = truth.window(i)
    inside = visit.page.evaluate(INSIDE)
    assert visit.number("inside") == f"{math.floor(100 * inside)} %"
    assert inside == pytest.approx(truth.share(i, window), abs=0.01)
    assert sum(axes(visit, "close"), []) == pytest.approx(sum(window, []), abs=1e-5)
    for name, value in zip(("z1", "z2"), z, strict=True):
        assert float(visit.control(name).input_value()) == pytest.approx(value, abs=0.0052)
    assert visit.control("digit").input_value() == str(i if option is None else option)
    assert (pixels(visit, "digits", 2, 0) - truth.x[i]).abs().max() == 0
    assert (pixels(visit, "digits", 2, 1) - truth.decode(z)).abs().max() < 0.006
    assert ring_is_at(visit, "plane", z)
    is_in = all(low <= value <= high for value, (low, high) in zip(z, window, strict=True))
    assert visit.page.locator("[data-panel=close] .handle").is_visible() == is_in
    assert not is_in or ring_is_at(visit, "close", z)


PLACE = """([name, x, y]) => {
  const panel = document.querySelector(".vae-live").stage.panels[name];
  return [panel.x.to(x), panel.y.to(y)];
}"""


def ring_is_at(visit, panel, z):
    """Whether a panel has a ring around a code, and its handle there."""
    box, picture = (visit.page.locator(f"[data-panel={panel}] {part}").bounding_box() for part in (".handle", "canvas"))
    middle = [box["x"] + box["width"] / 2 - picture["x"], box["y"] + box["height"] / 2 - picture["y"]]
    assert middle == pytest.approx(visit.page.evaluate(PLACE, [panel, *z]), abs=1)
    return all(painted(visit, panel, "text", *((*z, *aside) for aside in ((6, 0), (-6, 0), (0, 6), (0, -6)))))


def says_gap(visit, words):
    """What is said of a digit once all is computed; the same gap as among the numbers."""
    assert status(visit) == f"{words}: the gap (2.4) is {visit.number('gap'):.2f} nats."


def pick(visit, truth, i, how):
    """Pick a digit: in the list by keyboard, on the plane by mouse or finger."""
    if how != "keyboard":
        point_at(visit, "plane", *truth.mu[i].tolist(), how)
        return
    visit.control("digit").focus()
    stands = int(visit.control("digit").input_value())
    for _ in range(abs(i - stands)):
        visit.page.keyboard.press("ArrowDown" if i > stands else "ArrowUp")
