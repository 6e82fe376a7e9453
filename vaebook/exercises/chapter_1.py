"""The exercises of chapter 1: what is right, and the mistakes that people make."""

import math
from functools import partial

import torch

from vaebook.distributions import kl_standard_normal, sample_latents
from vaebook.exercises.function import Function
from vaebook.exercises.number import Number

PLACES, WHITE, BLACK = 17 * 17, 8 * 8, 24 * 24 - 8 * 8


def entropy_of_sizes(sizes, pixels):
    """Of the size of a rectangle along one axis, and of its place, in nats."""
    places = sum(math.log(pixels - size + 1) for size in sizes) / len(sizes)
    return math.log(len(sizes)), places


def sigma_at(kl, half=1.0, one=1.0):
    """The sigma below 1 of a code with mean 0: half (s^2 - one - 2 log s) / 2 = kl."""
    sigma = 0.1
    for _ in range(50):
        sigma = math.exp((sigma**2 - one - 2 * kl / half) / 2)
    return sigma


white, black = WHITE * math.log(9), BLACK * math.log(9 / 8)
size, place = entropy_of_sizes(range(2, 11), 12)
rectangles_in_all = sum(12 - height + 1 for height in range(2, 11)) ** 2
sigma, mass, batches = sigma_at(2), 3 / 4, 4
lost = -math.log(mass)


def kl(mu, logvar, a, b):
    """Against N(a, b^2): (1.8) in units of b."""
    return kl_standard_normal((mu - a) / b, logvar - 2 * math.log(b))


def gradients(
    mu, logvar, noise, grad_z, above=1.0, kl=1.0, half=0.5, kl_half=0.5, power=0.5
):
    """(1.10) and (1.12) together. The last five are right as they are; mistakes differ."""
    shift = (power * logvar).exp() * noise
    by_kl = kl * kl_half * (logvar.exp() - 1)
    return above * grad_z + kl * mu, above * half * grad_z * shift + by_kl


def double(values):
    return torch.tensor(values, dtype=torch.float64)


MU, LOGVAR = (
    double([[0.5, -1.2], [2.1, 0.3], [-0.7, 0.9]]),
    double([[-1.4, 0.2], [-3.0, -0.6], [0.8, -2.2]]),
)
NOISE = double(
    [[[0.3, -1.1], [1.7, 0.4], [-0.6, -0.2]], [[-0.8, 0.5], [0.1, 2.0], [1.3, -1.5]]]
)
GRADIENT = double([[0.7, -0.4], [-1.3, 0.2], [0.6, 1.9]])
ZERO = torch.zeros_like(MU)

QUESTIONS = {
    "1.1": Number(
        right=white + black,
        mistakes={
            "That is the white pixels. Black ones cost something, too.": white,
            "That is the black pixels. White ones cost something, too.": black,
            "That is in bits, not in nats.": (white + black) / math.log(2),
            "That is one pixel, on average. The loss is a sum.": (white + black) / 576,
            "That is for a probability of one half.": 576 * math.log(2),
            "A black pixel has the probability 8/9, not 1/9.": 576 * math.log(9),
            "The two are the wrong way round: 1/9 is the probability of white.": (
                WHITE * math.log(9 / 8) + BLACK * math.log(9)
            ),
        },
        start="What does a white pixel cost, by (1.1), and what a black one?",
    ),
    "1.2": Number(
        right=2 * (size + place),
        mistakes={
            "That is one axis. A rectangle has two.": size + place,
            "That is the sizes. The places are missing.": 2 * size,
            "That is the places. The sizes are missing.": 2 * place,
            "The places of one axis are missing.": 2 * size + place,
            "That is in bits.": 2 * (size + place) / math.log(2),
            "Size 10 is missing.": 2 * sum(entropy_of_sizes(range(2, 10), 12)),
            "From 2 to 10 there are nine sizes.": 2 * (math.log(8) + place),
            "A size of h fits at 13 - h places, not at 12 - h.": (
                2 * sum(entropy_of_sizes(range(2, 11), 11))
            ),
            "That is the logarithm of the number of rectangles, so all would be equally "
            "likely. Here large ones have fewer places, and so each is likelier.": (
                math.log(rectangles_in_all)
            ),
        },
        start="Take one axis: first the size, then the place that is left for it.",
        within=0.001,
    ),
    "1.3": Number(
        right=sigma,
        mistakes={
            "That is the variance.": sigma**2,
            "That is the log-variance.": 2 * math.log(sigma),
            "That is without the -1 of (1.8).": sigma_at(2, one=0),
            "That is without the half of (1.8).": sigma_at(2, half=2),
            "That is for two bits.": sigma_at(2 * math.log(2)),
            "That is rounded too early, or without the variance itself. It is small, "
            "but not 0: put it in, and solve again.": math.exp(-2.5),
            "The -1 of (1.8) is missing, and the variance itself.": math.exp(-2),
            "The half of (1.8) is missing, and the variance itself.": math.exp(-1.5),
            "That is the variance, and without the variance on the other side.": (
                math.exp(-5)
            ),
        },
        start="Put mu = 0 into (1.8), for one number, and leave out the variance at first.",
        within=0.002,
    ),
    "1.4": Number(
        right=batches,
        mistakes={
            "The reconstruction's gradient is divided. Is the KL's? Look at (1.11).": 1,
            "The other way round: the gradient of the reconstruction is divided.": 1
            / batches,
            "Four batches add to both gradients alike, so that cancels.": batches**2,
            "Nothing depends on the batch size here.": 100,
            "A factor is what it is multiplied by, not what comes on top.": batches - 1,
            "Each of the four divides its own loss, and all are added. That is not 4 + 1.": (
                batches + 1
            ),
        },
        start="Which of the two gradients does a factor on the loss reach?",
    ),
    "1.5": Number(
        right=0.5 * math.log(2 * math.pi * math.e),
        mistakes={
            "That is for both numbers of a code.": math.log(2 * math.pi * math.e),
            "The -1 of (1.8) is missing: it stands for the mean of the squared noise.": (
                0.5 * math.log(2 * math.pi)
            ),
            "The -1 of (1.8) has the wrong sign.": 0.5 * math.log(2 * math.pi) - 0.5,
            "The density of the prior has a factor, 1 / sqrt(2 pi).": 0.5,
            "That is noise of variance 1, so of width sqrt(12).": (
                0.5 * math.log(2 * math.pi * math.e / 12)
            ),
            "That is in bits.": 0.5 * math.log2(2 * math.pi * math.e),
        },
        start="What is log q of a uniform density of width sigma? Take E_q[log q - log p].",
    ),
    "1.6": Number(
        right=math.log(PLACES) + lost,
        mistakes={
            "That is the floor. One quarter of the probability is lost elsewhere.": (
                math.log(PLACES)
            ),
            "That is the part above the floor.": lost,
            "A probability of 3/4 of the former costs more, not less.": (
                math.log(PLACES) - lost
            ),
            "A probability is multiplied by 3/4, not a cost.": mass * math.log(PLACES),
            "A probability is multiplied by 3/4. The cost is not divided by it.": (
                math.log(PLACES) / mass
            ),
            "3/4 is a probability. What does it cost?": math.log(PLACES) + mass,
            "That is in bits.": (math.log(PLACES) + lost) / math.log(2),
            "1/4 is what the squares do not have.": math.log(PLACES) + math.log(4),
        },
        start="What probability has each of the 289?",
    ),
    "1.7": Function(
        solution=sample_latents,
        cases={
            "noise of 0 gives the mean": {
                "mu": MU,
                "logvar": LOGVAR,
                "noise": 0 * NOISE[:1],
            },
            "a variance of 1": {"mu": MU, "logvar": ZERO, "noise": NOISE[:1]},
            "another variance": {"mu": MU, "logvar": LOGVAR, "noise": NOISE[:1]},
            "several draws": {"mu": MU, "logvar": LOGVAR, "noise": NOISE},
        },
        mistakes={
            "The noise is scaled by the variance. (1.9) has its root.": (
                lambda mu, logvar, noise: mu + logvar.exp() * noise
            ),
            "The noise is scaled by the log-variance.": (
                lambda mu, logvar, noise: mu + logvar * noise
            ),
            "The noise is scaled by 1 / sigma.": (
                lambda mu, logvar, noise: mu + (-0.5 * logvar).exp() * noise
            ),
            "The noise is not scaled.": lambda mu, logvar, noise: mu + noise,
            "The mean is scaled, too.": (
                lambda mu, logvar, noise: (mu + noise) * (0.5 * logvar).exp()
            ),
            "That is the mean. Where is the noise?": (
                lambda mu, logvar, noise: mu.expand_as(noise)
            ),
            "The noise is subtracted. As likely, but not what (1.9) says.": (
                lambda mu, logvar, noise: mu - (0.5 * logvar).exp() * noise
            ),
        },
    ),
    "1.8": Function(
        solution=kl,
        cases={
            "q is the prior: nothing": {
                "mu": 0.5 + ZERO,
                "logvar": ZERO + math.log(4),
                "a": 0.5,
                "b": 2.0,
            },
            "the prior of (1.2)": {"mu": MU, "logvar": LOGVAR, "a": 0.0, "b": 1.0},
            "another mean": {"mu": MU, "logvar": LOGVAR, "a": -0.8, "b": 1.0},
            "another deviation": {"mu": MU, "logvar": LOGVAR, "a": 0.0, "b": 3.0},
            "one code of four numbers": {
                "mu": MU[:2].reshape(1, 4),
                "logvar": LOGVAR[:2].reshape(1, 4),
                "a": 1.5,
                "b": 0.4,
            },
        },
        mistakes={
            "The half is missing.": lambda mu, logvar, a, b: 2 * kl(mu, logvar, a, b),
            "The logarithm of b is missing, so q = p does not cost 0.": (
                lambda mu, logvar, a, b: (
                    kl(mu, logvar, a, b) - mu.shape[-1] * math.log(b)
                )
            ),
            "b is a standard deviation, and (1.8) wants variances.": (
                lambda mu, logvar, a, b: kl(mu, logvar, a, b**0.5)
            ),
            "That is an average over the code. (1.8) is a sum.": (
                lambda mu, logvar, a, b: kl(mu, logvar, a, b) / mu.shape[-1]
            ),
            "That is the KL against N(0, 1).": (
                lambda mu, logvar, a, b: kl(mu, logvar, 0.0, 1.0)
            ),
            "The variance is divided by b squared, the distance of the means is not.": (
                lambda mu, logvar, a, b: kl(b * mu, logvar, b * a, b)
            ),
            "That is the KL of p against q. It is not symmetric.": (
                lambda mu, logvar, a, b: (
                    0.5
                    * (
                        (b**2 + (mu - a) ** 2) / logvar.exp()
                        - 1
                        + logvar
                        - 2 * math.log(b)
                    ).sum(-1)
                )
            ),
            "The logarithm of b has the wrong sign.": (
                lambda mu, logvar, a, b: (
                    kl(mu, logvar, a, b) - 2 * mu.shape[-1] * math.log(b)
                )
            ),
            "The logarithm of b belongs inside the sum: once for each number.": (
                lambda mu, logvar, a, b: (
                    kl(mu, logvar, a, b) - (mu.shape[-1] - 1) * math.log(b)
                )
            ),
            "That has mu^2 - a^2 in the place of (mu - a)^2.": (
                lambda mu, logvar, a, b: (
                    kl(mu, logvar, a, b) + (a * (mu - a) / b**2).sum(-1)
                )
            ),
            "The numbers of a code are not added up.": (
                lambda mu, logvar, a, b: torch.stack(
                    [
                        kl(*pair, a, b)
                        for pair in zip(
                            mu.split(1, -1), logvar.split(1, -1), strict=True
                        )
                    ],
                    -1,
                )
            ),
            "That is a mean over everything. One sum for each image is wanted.": (
                lambda mu, logvar, a, b: kl(mu, logvar, a, b).mean() / mu.shape[-1]
            ),
            "The images are added up, too. One number for each is wanted.": (
                lambda mu, logvar, a, b: kl(mu, logvar, a, b).sum()
            ),
        },
    ),
    "1.9": Function(
        solution=gradients,
        cases={
            "no gradient from above: the KL's alone": {
                "mu": MU,
                "logvar": LOGVAR,
                "noise": NOISE[0],
                "grad_z": ZERO,
            },
            "at the prior: the reconstruction's alone": {
                "mu": ZERO,
                "logvar": ZERO,
                "noise": NOISE[0],
                "grad_z": GRADIENT,
            },
            "both": {"mu": MU, "logvar": LOGVAR, "noise": NOISE[1], "grad_z": GRADIENT},
        },
        mistakes={
            "The KL's gradient is missing.": partial(gradients, kl=0),
            "The reconstruction's gradient is missing.": partial(gradients, above=0),
            "The half of (1.12) is missing.": partial(gradients, half=1),
            "The half of (1.10) is missing.": partial(gradients, kl_half=1),
            "The noise is missing in the gradient for logvar.": (
                lambda mu, logvar, noise, grad_z: gradients(
                    mu, logvar, torch.ones_like(noise), grad_z
                )
            ),
            "The noise is scaled by the variance. (1.12) has its root.": (
                partial(gradients, power=1)
            ),
            "Both are divided by the number of images. Here nothing is averaged.": (
                lambda mu, *rest: tuple(part / len(mu) for part in gradients(mu, *rest))
            ),
            "The KL's part for logvar has the wrong sign.": partial(
                gradients, kl_half=-0.5
            ),
            "The KL's gradient has the wrong sign.": partial(gradients, kl=-1),
            "The KL is averaged over the images, the reconstruction is not.": (
                lambda mu, *rest: gradients(mu, *rest, kl=1 / len(mu))
            ),
            "The gradient that arrives has the wrong sign.": partial(
                gradients, above=-1
            ),
            "The two are swapped: first mu, then logvar.": (
                lambda mu, logvar, noise, grad_z: gradients(mu, logvar, noise, grad_z)[
                    ::-1
                ]
            ),
        },
    ),
}
