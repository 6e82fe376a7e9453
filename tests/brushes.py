"""A live brush for its tests: squares, rings as digits, models of both, what it should show, and strokes."""

import functools

import pytest
import torch

from tests.canvases import canvas, trace
from tests.hands import press
from tests.planes import settle
from vaebook import live
from vaebook.data import all_rectangles
from vaebook.distributions import bernoulli_log_likelihood, kl_standard_normal
from vaebook.layers import BernoulliNoise
from vaebook.live.random import Generator
from vaebook.live.weights import with_rounded_weights
from vaebook.models import BernoulliVAE, ModularVAE
from vaebook.objectives import modular_negative_elbo, negative_elbo
from vaebook.training import fit

HEIGHT, WIDTH, SIDE = 11, 14, 5  # not square, so that a swap of rows and columns shows
COLUMNS = WIDTH - SIDE + 1
EDGE = 11  # of the digits: 121 pixels do not fill their last byte
SQUARES = all_rectangles(image_shape=(HEIGHT, WIDTH), height=SIDE, width=SIDE)
START, P = (3, 4), 0.1
NAMES = ["vanilla", "denoising"]
PICTURES = ["board", "vanilla", "denoising", "exact"]


def digit_images(count):
    """Images of a ring or a bar, 0 and 1: as good as digits for a test."""
    rows = torch.arange(EDGE * EDGE) // EDGE
    columns = torch.arange(EDGE * EDGE) % EDGE
    generator = torch.Generator().manual_seed(9)
    middles = 3 + 5 * torch.rand(count, 2, generator=generator)
    far = ((rows - middles[:, :1]) ** 2 + (columns - middles[:, 1:]) ** 2).sqrt()
    bars = ((columns - middles[:, 1:]).abs() < 1.5) & (rows > 1)
    rings = (far > 1.5) & (far < 3)
    return torch.where(torch.arange(count)[:, None] % 2 == 0, rings, bars).float()


def trained(make, loss, x, p, epochs):
    torch.manual_seed(0)
    model = make()
    model.encode.insert(0, BernoulliNoise(p, torch.Generator().manual_seed(1)))
    fit(model, loss, x, epochs=epochs, batch_size=100, max_lr=1e-2, generator=torch.Generator().manual_seed(2))
    return model.eval()


@functools.cache
def brush_models():
    x = SQUARES.images.repeat(60, 1)
    return {
        name: trained(lambda: ModularVAE(HEIGHT * WIDTH, [32, 32], 2), modular_negative_elbo, x, p, 10)
        for name, p in zip(NAMES, (0, P), strict=True)
    }


@functools.cache
def ring_digits():
    x = digit_images(2000)
    found = {
        name: trained(lambda: BernoulliVAE(EDGE * EDGE, [24], 5), negative_elbo, x, p, 4)
        for name, p in zip(NAMES, (0, P), strict=True)
    }
    labels = torch.tensor([number % 2 for number in range(20)])
    return found | {"images": x[:20], "labels": labels, "x_train": x[20:], "name": "Rings"}


class Truth:
    """What the figure should show, from the models in double precision."""

    def __init__(self, models, seed, images=None, noise=None, weights=None):
        self.models, self.is_square = models, images is None
        self.images = SQUARES.images.double() if images is None else images
        if noise is None:  # Gauss-Hermite's five, from their definition
            roots = [(5 + sign * 10**0.5) ** 0.5 for sign in (1, -1)]
            places = torch.tensor([0.0, *roots, *(-root for root in roots)], dtype=torch.float64)
            weights = 24 / (5 * (places**4 - 6 * places**2 + 3) ** 2)
            noise = torch.cartesian_prod(places, places)
            weights = torch.outer(weights, weights).reshape(-1)
        self.noise, self.weights = noise.double(), weights.double()
        source = Generator(seed)
        self.draws = [torch.from_numpy(source.uniforms(self.images.shape[1])) for _ in range(4)]

    def flips(self, p, draw=0, hand=None):
        flips = self.draws[draw] < p
        for pixel, flipped in (hand or {}).items():
            flips[pixel] = flipped
        return flips

    @torch.no_grad()
    def see(self, which, flips, p, counted=False):
        """x, x', the Gaussians and the restorations of an image: a square at (row, column), or a digit's number.

        counted: whether the models' pixels are those of (3.12), by Bayes' rule.
        """
        clean = self.images[which if isinstance(which, int) else which[0] * COLUMNS + which[1]][None]
        given = torch.where(flips[None], 1 - clean, clean)
        seen = {"x": clean[0], "given": given[0], "restored": {}, "gaussians": {}}
        for name, model in self.models.items():
            pairs = [model.encode(x) for x in (clean, given)]
            seen["gaussians"][name] = [(mu[0], (0.5 * logvar[0]).exp()) for mu, logvar in pairs]
            seen["restored"][name] = model.decode(pairs[1][0])[0].sigmoid()
        p = max(p, 0.01)
        if counted:
            for name, pi in seen["restored"].items():
                white = pi * torch.where(given[0] == 1, 1 - p, p)
                black = (1 - pi) * torch.where(given[0] == 1, p, 1 - p)
                seen["restored"][name] = white / (white + black)
        if self.is_square:
            k = (self.images != given).sum(1).double()
            posterior = p**k * (1 - p) ** (HEIGHT * WIDTH - k)
            seen["restored"]["exact"] = posterior @ self.images / posterior.sum()
        return seen

    @torch.no_grad()
    def numbers(self, which, p=P, draw=0, hand=None, counted=False):
        flips = self.flips(p, draw, hand)
        seen = self.see(which, flips, p, counted)
        found = {"flips": flips.sum().item()}
        for name, restored in seen["restored"].items():
            found[f"wrong{name.capitalize()}"] = ((restored > 0.5).double() != seen["x"]).sum().item()
        for name, model in self.models.items():
            (clean, _), (mu, sigma) = seen["gaussians"][name]
            each = bernoulli_log_likelihood(model.decode(mu + sigma * self.noise), seen["x"])
            kl = kl_standard_normal(mu[None], 2 * sigma.log()[None]).item()
            reconstruction = -(self.weights @ each).item()
            terms = {"loss": kl + reconstruction, "kl": kl, "reconstruction": reconstruction}
            terms["distance"] = (mu - clean).norm().item()
            found |= {f"{term}{name.capitalize()}": value for term, value in terms.items()}
        return found if self.is_square else found | {"wrongExact": "not known"}


@functools.cache
def brush_figure():
    return live.brush(*brush_models().values(), SQUARES, ring_digits())


@functools.cache
def truth_of_squares():
    return Truth({name: with_rounded_weights(model).double() for name, model in brush_models().items()}, 3)


@functools.cache
def truth_of_digits():
    digits = ring_digits()
    rounded = {name: with_rounded_weights(digits[name], digits["x_train"]).double() for name in NAMES}
    noise = torch.tensor(Generator(5).normals(25 * 5)).reshape(25, 5)
    return Truth(rounded, 4, digits["images"].double(), noise, torch.full((25,), 1 / 25))


def agree(visit, expected):
    """Whether the page shows these numbers, to its last digit; great costs to 32 bits."""
    settle(visit)
    for name, value in expected.items():
        if isinstance(value, str):
            assert visit.number(name) == value
        else:
            assert visit.number(name) == pytest.approx(value, abs=6e-4 if "distance" in name else 6e-3, rel=1e-5), name


def status(visit):
    return visit.page.locator(".status").inner_text()


def place_of(box, row, column, shape=(HEIGHT, WIDTH)):
    """Where in the window the middle of a pixel is, on a canvas with this box."""
    edge = min(box["width"] / shape[1], box["height"] / shape[0])
    left, top = (box["width"] - edge * shape[1]) / 2, (box["height"] - edge * shape[0]) / 2
    return box["x"] + left + (column + 0.5) * edge, box["y"] + top + (row + 0.5) * edge


def brush(visit, how, *stops, shape=(HEIGHT, WIDTH)):
    """Put a mouse or a finger down on the first of these pixels, move it over the others, and lift it."""
    box = canvas(visit)[1]
    trace(visit, [place_of(box, *stop, shape) for stop in stops], how)
    settle(visit)


def pixel(row, column, width=WIDTH):
    return row * width + column


def load(visit):
    press(visit, "load", "mouse")
    visit.page.wait_for_function("document.querySelector('[data-control=image]').value === '1'")
    settle(visit)
