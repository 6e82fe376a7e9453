"""Ten digits as a person draws them, in a box that is 1 high, x right and y down; other digits, and a model."""

import functools
import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from vaebook.data import MNISTUnavailable, mnist
from vaebook.models import BernoulliVAE
from vaebook.objectives import negative_elbo
from vaebook.training import fit, seeded


def arc(x, y, width, height, start, end, points=16):
    """A piece of an ellipse around (x, y), angles in turns: from the right, downwards."""
    angles = [2 * math.pi * (start + (end - start) * k / points) for k in range(points + 1)]
    return [(x + width * math.cos(angle), y + height * math.sin(angle)) for angle in angles]


DIGITS = {
    0: [arc(0.32, 0.5, 0.3, 0.48, -0.25, 0.77, 28)],
    1: [[(0.2, 0.2), (0.42, 0.02), (0.38, 0.98)]],
    2: [[*arc(0.33, 0.27, 0.3, 0.26, 0.5, 1.08), (0.03, 0.95), (0.25, 0.9), (0.7, 0.97)]],
    3: [[*arc(0.3, 0.26, 0.29, 0.24, 0.55, 1.25), *arc(0.28, 0.73, 0.33, 0.25, -0.25, 0.42)]],
    4: [[(0.15, 0.05), (0.05, 0.5), (0.62, 0.47)], [(0.58, 0.08), (0.52, 0.97)]],
    5: [[(0.62, 0.03), (0.14, 0.05), (0.1, 0.44), *arc(0.28, 0.68, 0.32, 0.27, -0.35, 0.4)]],
    6: [[(0.52, 0.03), (0.25, 0.25), (0.06, 0.6), *arc(0.32, 0.73, 0.27, 0.24, 0.5, -0.5, 24)]],
    7: [[(0.03, 0.1), (0.35, 0.06), (0.66, 0.07), (0.5, 0.4), (0.28, 0.97)]],
    8: [
        [
            *arc(0.33, 0.25, 0.24, 0.22, -0.1, -0.75),
            *arc(0.33, 0.74, 0.29, 0.25, -0.25, 0.75),
            *arc(0.33, 0.25, 0.24, 0.22, -0.75, -1.1),
        ]
    ],
    9: [[*arc(0.34, 0.28, 0.27, 0.25, -0.05, -1.0, 24), (0.6, 0.3), (0.55, 0.65), (0.45, 0.98)]],
}


def placed(digit, size=20, left=7, top=4):
    """The strokes of a digit that is `size` pixels high, its box at (left, top), in pixels."""
    return [[(left + size * x, top + size * y) for x, y in stroke] for stroke in DIGITS[digit]]


@functools.cache
def scikit_digits():
    """The digits of scikit-learn, 28 x 28, black and white: training images, test images, and their labels."""
    digits = load_digits()
    small = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    large = F.interpolate(small, size=(20, 20), mode="bicubic")
    x = (F.pad(large, (4, 4, 4, 4)).flatten(1) > 0.5).float()
    return x[:-500], x[-500:], torch.tensor(digits.target[-500:])


@functools.cache
def mnist_digits():
    """As many of MNIST, where it is at hand."""
    try:
        train, test = mnist("train"), mnist("test")
    except MNISTUnavailable as error:
        pytest.skip(str(error))
    return train.images[:3000], test.images[:500], test.labels[:500]


@functools.cache
def small_board(digits=scikit_digits):
    """A model of these digits with a code of 6, trained for a moment, and the threshold of its alarm.

    The threshold is chosen as in the chapter: of half of the test images, 5% lie above it.
    """
    x_train, x_test, _ = digits()
    torch.manual_seed(0)
    model = BernoulliVAE(784, [40], 6)
    fit(model, negative_elbo, x_train, epochs=20, batch_size=50, max_lr=5e-3, generator=seeded(0, "cpu"))
    noise = torch.randn(1, 250, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model, negative_elbo(model, x_test[:250], noise)["loss"].quantile(0.95).item()
