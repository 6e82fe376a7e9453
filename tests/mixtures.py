"""A denoising VAE of small squares, and by PyTorch's own mixtures what chapter 3's live figure should show of it."""

import math
import re
from functools import cache

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from tests.planes import settle
from vaebook.data import all_rectangles
from vaebook.layers import BernoulliNoise
from vaebook.live.random import Generator
from vaebook.live.weights import with_rounded_weights
from vaebook.models import ModularVAE
from vaebook.objectives import log_joint, log_likelihood_on_grid, modular_negative_elbo
from vaebook.training import fit, seeded, seeded_models

HEIGHT, SIDE, P = 11, 5, 0.1
PLACES = HEIGHT - SIDE + 1
SQUARES = all_rectangles(image_shape=(HEIGHT, HEIGHT), height=SIDE, width=SIDE).images
FIRST_SEED, FEWEST = 1, 16  # of the noise; Gaussians from which on the estimate without the own one is shown


@cache
def denoising_model():
    """A model of these squares, trained a little at P; do not change it."""
    [model], [generator] = seeded_models(lambda: ModularVAE(HEIGHT**2, [32, 32], 2), [0])
    model.encode.insert(0, BernoulliNoise(P, seeded(1)))
    x = SQUARES.repeat(200, 1)
    fit(model, modular_negative_elbo, x, epochs=5, batch_size=100, max_lr=1e-2, generator=generator)
    return model.eval()


def mixture_of(mu, sigma):
    """A mixture in equal shares of Gaussians with means and standard deviations `(M, 2)`."""
    return MixtureSameFamily(Categorical(mu.new_ones(len(mu))), Independent(Normal(mu, sigma), 1))


def losses_in_groups(mu, sigma, z, log_p):
    """{size: (kept, left out)} from codes `(M, N, 2)` of M Gaussians and log p(x, z), `(M, N)`, one code at a time."""
    found = {}
    for size in (2**power for power in range(len(mu).bit_length())):
        kept, left_out = [], []
        for start in range(0, len(mu), size):
            group = torch.arange(start, start + size)
            for own in group:
                others = group[group != own]
                kept.append(mixture_of(mu[group], sigma[group]).log_prob(z[own]) - log_p[own])
                if size > 1:
                    left_out.append(mixture_of(mu[others], sigma[others]).log_prob(z[own]) - log_p[own])
        found[size] = [torch.cat(each).mean().item() if each else -math.inf for each in (kept, left_out)]
    return found


class Truth:
    """What the figure should show of a square at (row, column), from the model in double precision."""

    def __init__(self):
        self.model = with_rounded_weights(denoising_model()).double()
        self.images = SQUARES.double()
        self.nll, self.losses = cache(self.nll), cache(self.losses)

    def x(self, place):
        return self.images[place[0] * PLACES + place[1]]

    @torch.no_grad()
    def nll(self, place):
        return -log_likelihood_on_grid(self.model, self.x(place)[None]).item()

    @torch.no_grad()
    def gaussians(self, place, p, count, draw=0):
        """Copies of the square, their mu and sigma, and a pair of codes of each, after `draw` new draws of noise."""
        uniforms, normals = (Generator(2 * (FIRST_SEED + draw) + which) for which in (0, 1))
        x = self.x(place)
        flips = torch.tensor(uniforms.uniforms(count * len(x))).reshape(count, -1) < p
        noise = torch.tensor(normals.normals(2 * count)).reshape(count, 1, 2) * torch.tensor([[1.0], [-1.0]])
        copies = torch.where(flips, 1 - x, x)
        mu, logvar = self.model.encode(copies)
        sigma = (0.5 * logvar).exp()
        return copies, mu, sigma, mu[:, None] + sigma[:, None] * noise

    @torch.no_grad()
    def losses(self, place, p, count, draw=0):
        _, mu, sigma, z = self.gaussians(place, p, count, draw)
        return losses_in_groups(mu, sigma, z, log_joint(self.model, z, self.x(place)))

    def numbers(self, place, p, count, draw=0):
        """What stands below the pictures; of a difference that is shown as a range, both ends."""
        copies = self.gaussians(place, p, count, draw)[0]
        losses = self.losses(place, p, count, draw)
        trained, (kept, left_out) = losses[1][0], losses[count]
        flips = (copies != self.x(place)).sum().item() / count
        found = {"flips": flips, "nll": self.nll(place), "trained": trained, "kept": kept}
        if count < FEWEST:
            return found | {"leftOut": None, "gain": [trained - kept]}
        return found | {"leftOut": left_out, "gain": [trained - kept, trained - left_out]}


def opened(live_page, figure, how="mouse", **options):
    visit = live_page(figure, **({"has_touch": True, "width": 360} if how == "touch" else {}) | options)
    settle(visit)
    return visit


def agree(visit, expected):
    """The page shows these numbers, to its last digit; returns the texts of the losses."""
    settle(visit)
    for name in ("flips", "nll", "trained", "kept"):
        assert visit.number(name) == pytest.approx(expected[name], abs=0.051 if name == "flips" else 0.006), name
    places = [visit.page.locator(f"[data-number={name}]") for name in ("leftOut", "gain")]
    left_out, gain = (place.inner_text().replace("\N{MINUS SIGN}", "-") for place in places)
    ends = [float(end) for end in re.findall(r"-?\d+\.\d\d", gain)]
    assert ends == pytest.approx(expected["gain"], abs=0.006)
    if expected["leftOut"] is None:
        assert left_out == "\N{EN DASH}" and gain == f"at least {ends[0]:.2f}"
    else:
        assert float(left_out) == pytest.approx(expected["leftOut"], abs=0.006)
        assert gain == f"{ends[0]:.2f} to {ends[1]:.2f}"
    assert visit.page.locator(".numbers").evaluate("element => element.style.opacity") == ""


def state(visit):
    """Where the controls stand: place, p and M."""
    row, column, p, count = (float(visit.control(name).input_value()) for name in ("row", "column", "p", "count"))
    return (int(row), int(column)), p, int(count)


def move(visit, **values):
    """Set controls at once, without a frame in between."""
    visit.page.evaluate(
        """values => {
          const {stage} = document.querySelector(".vae-live");
          for (const [name, value] of Object.entries(values)) {
            if (name !== "noise") {
              stage.control(name).value = value;
              stage.control(name).dispatchEvent(new Event("input"));
            } else for (let k = 0; k < value; k++) stage.control(name).click();
          }
        }""",
        values,
    )
