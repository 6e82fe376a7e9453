"""The exercises of chapter 2: what is right, and the mistakes that people make."""

import math
from functools import partial

import torch

from vaebook.distributions import kl_standard_normal
from vaebook.exercises.function import Function
from vaebook.exercises.number import Number

LOG_WEIGHTS = (-100.0, -102.0, -101.0)
NORMAL, ANOMALIES = (61, 75, 80, 92), (70, 85, 90)  # scores of exercise 2.4
GREY = 0.25


def kl_of(mu, var, other_mu, other_var, half=0.5, minus=1.0):
    """KL(N(mu, var) || N(other_mu, other_var)); the last two are right as they are."""
    ratio, far = var / other_var, (mu - other_mu) ** 2 / other_var
    return half * (ratio + far - minus - math.log(ratio))


def log_sum(values):
    return math.log(sum(map(math.exp, values)))


def share_above(anomalies, normal):
    """The AUROC: of all pairs, those whose anomaly has the higher score."""
    pairs = [(a, n) for a in anomalies for n in normal]
    return sum(a > n for a, n in pairs) / len(pairs)


def entropy(g):
    return -g * math.log(g) - (1 - g) * math.log(1 - g)


def on_grid(log_joint, step, steps=2, sign=1):
    """log p(x) from log p(x, z) on a plane's grid. The last two are right as they are."""
    return log_joint.logsumexp(0) + sign * steps * math.log(step)


def bound(
    log_likelihood, mu, logvar, noise, *, prior=1.0, q=1.0, power=0.5, terms=False
):
    """(2.9), or the mean of the K logarithms. The last four are right as they are."""
    z = mu + (power * logvar).exp() * noise
    log_prior, log_q = -0.5 * z.square(), -0.5 * (noise.square() + logvar)
    log_weights = log_likelihood + (prior * log_prior - q * log_q).sum(-1)
    if terms:
        return log_weights
    return log_weights.logsumexp(0) - math.log(len(noise))


def effective_by(log_weights, taken_out):
    weights = (log_weights - taken_out).exp()
    return weights.sum(0).square() / weights.square().sum(0)


def effective(log_weights):
    return effective_by(log_weights, log_weights.amax(0))


def acceptance(new, old):
    return (new - old).exp().clamp(max=1)


def double(values):
    return torch.tensor(values, dtype=torch.float64)


JOINT = double([[-91.0, -80.5], [-88.5, -83.0], [-90.0, -79.0], [-95.0, -84.5]])
MU, LOGVAR = double([[0.5, -1.2], [1.1, 0.3]]), double([[-1.4, 0.2], [-3.0, -0.6]])
NOISE = double(
    [[[0.3, -1.1], [1.7, 0.4]], [[-0.8, 0.5], [0.1, 2.0]], [[1.3, -1.5], [-0.6, -0.2]]]
)
LIKELIHOOD = double([[-84.0, -70.5], [-86.0, -71.0], [-83.5, -73.0]])
NEW, OLD = double([-90.0, -84.0, -71.5]), double([-88.0, -86.5, -71.2])

gap = kl_of(1, 1 / 4, 0, 1 / 2)
of_mean = log_sum(LOG_WEIGHTS) - math.log(3)
auroc = share_above(ANOMALIES, NORMAL)

QUESTIONS = {
    "2.1": Number(
        right=gap,
        mistakes={
            "The half of (2.7) is missing.": 2 * gap,
            "That is the KL the other way round, of the posterior from q.": (
                kl_of(0, 1 / 2, 1, 1 / 4)
            ),
            "1/4 and 1/2 are variances. You took them for standard deviations.": (
                kl_of(1, 1 / 16, 0, 1 / 4)
            ),
            "That is the KL from the prior, as in (2.7).": kl_of(1, 1 / 4, 0, 1),
            "The means differ: where is their distance?": kl_of(0, 1 / 4, 0, 1 / 2),
            "The distance of the means counts in units of the posterior's variance.": (
                gap - 0.5
            ),
            "The -1 is missing.": kl_of(1, 1 / 4, 0, 1 / 2, minus=0),
            "That is in bits.": gap / math.log(2),
            "The logarithm has the wrong sign.": gap - math.log(2),
        },
        start="By (2.4) it is a KL. Measure in units of the posterior: mean 1 / s, variance "
        "(1/4) / s^2, with s^2 = 1/2. Then use (2.7).",
        within=0.003,
    ),
    "2.2": Number(
        right=of_mean,
        mistakes={
            "That is the mean of the logarithms: an ELBO, with three draws.": -101,
            "That is the logarithm of the sum. (2.9) has the mean.": (
                log_sum(LOG_WEIGHTS)
            ),
            "That is the largest of the three.": -100,
            "That is the largest, less log 3. The others count, too.": -100
            - math.log(3),
            "The logarithm of 3 is subtracted twice.": of_mean - math.log(3),
            "That is in bits.": of_mean / math.log(2),
            "That is the mean weight. Its logarithm is wanted.": math.exp(of_mean),
            "The -100 that you took out is missing.": of_mean + 100,
            "That has log 2 in the place of log 3.": (
                log_sum(LOG_WEIGHTS) - math.log(2)
            ),
        },
        start="Take e^-100 out of the mean, then its logarithm.",
        within=0.0003,
    ),
    "2.3": Number(
        right=1 / 3,
        mistakes={
            "That is for the prior, without an image: (1/2) * 1.": 1 / 2,
            "That is the posterior's variance. Half of it is enough.": 2 / 3,
            "That is a standard deviation.": 3**-0.5,
            "That is half of the posterior's precision, 3/2.": 3 / 4,
            "That is the posterior's precision.": 3 / 2,
            "That is the limit of the precision, 1 / sigma^2.": 3,
            "That is a quarter of the posterior's variance.": 1 / 6,
            "That is half of the likelihood's variance.": 1,
            "That is the likelihood's variance.": 2,
            "That is twice the posterior's variance. Half of it is enough.": 4 / 3,
        },
        start="w is proportional to p(z|x) / q(z|x). In E_q[w^2], what stands before z^2 "
        "in the exponent?",
    ),
    "2.4": Number(
        right=auroc,
        mistakes={
            "That is the share of pairs in which the normal image scores higher.": (
                1 - auroc
            ),
            "That is the number of pairs. Divide by all of them.": 12 * auroc,
            "That is the share of anomalies above the mean of the normal scores.": 2
            / 3,
            "There are 12 pairs, not 3.": 4 * auroc,
            "There are 12 pairs, not 4.": 3 * auroc,
            "Count again: 90 beats three, 85 beats three, 70 beats one.": 1 / 2,
            "That is a percentage. An AUROC is a probability.": 100 * auroc,
        },
        start="Go through the 12 pairs of one anomaly and one normal image.",
    ),
    "2.5": Number(
        right=entropy(GREY),
        mistakes={
            "That is in bits.": entropy(GREY) / math.log(2),
            "That is the white part. A black pixel costs, too.": -GREY * math.log(GREY),
            "That is the black part. A white pixel costs, too.": (
                -(1 - GREY) * math.log(1 - GREY)
            ),
            "That is for a probability of one half.": math.log(2),
            "That is what a white pixel costs.": -math.log(GREY),
            "That is what a black pixel costs.": -math.log(1 - GREY),
            "That is the grey level.": GREY,
            "That is the variance of the pixel.": GREY * (1 - GREY),
            "The pixel is drawn. No probability foresees it.": 0,
            "The two probabilities are the wrong way round.": (
                -(1 - GREY) * math.log(GREY) - GREY * math.log(1 - GREY)
            ),
        },
        start="With probability 1/4 it costs -log pi, else -log(1 - pi). Which pi is best?",
    ),
    "2.6": Function(
        solution=on_grid,
        cases={
            "a step of 1": {"log_joint": JOINT, "step": 1.0},
            "a step of a tenth": {"log_joint": JOINT, "step": 0.1},
            "one image": {"log_joint": JOINT[:, :1], "step": 0.5},
            "likelihoods too small for a float": {
                "log_joint": JOINT - 3000,
                "step": 0.1,
            },
        },
        mistakes={
            "The area of a cell is missing.": partial(on_grid, steps=0),
            "A cell of the plane is step * step.": partial(on_grid, steps=1),
            "The logarithm of the area has the wrong sign.": partial(on_grid, sign=-1),
            "That is a mean over the codes. An integral is a sum times an area.": (
                lambda log_joint, step: (
                    on_grid(log_joint, step) - math.log(len(log_joint))
                )
            ),
            "That is the best code alone.": (
                lambda log_joint, step: log_joint.amax(0) + 2 * math.log(step)
            ),
            "Logarithms are added up. Add up what they are logarithms of.": (
                lambda log_joint, step: log_joint.sum(0) + 2 * math.log(step)
            ),
            "The images are added up. The sum is over codes, axis 0.": (
                lambda log_joint, step: log_joint.logsumexp(1) + 2 * math.log(step)
            ),
            "That is p(x). Its logarithm is wanted.": (
                lambda log_joint, step: on_grid(log_joint, step).exp()
            ),
            "The area multiplies p(x), not its logarithm.": (
                lambda log_joint, step: log_joint.logsumexp(0) * step**2
            ),
            "Some likelihoods are too small for a float. Take the largest out first, or "
            "let logsumexp do it.": (
                lambda log_joint, step: (
                    log_joint.exp().sum(0).log() + 2 * math.log(step)
                )
            ),
            "The images are added up, too.": (
                lambda log_joint, step: (
                    log_joint.flatten().logsumexp(0) + 2 * math.log(step)
                )
            ),
        },
    ),
    "2.7": Function(
        solution=bound,
        cases={
            "q is the prior": {
                "log_likelihood": LIKELIHOOD,
                "mu": 0 * MU,
                "logvar": 0 * MU,
                "noise": NOISE,
            },
            "one code: a draw of the ELBO": {
                "log_likelihood": LIKELIHOOD[:1],
                "mu": MU,
                "logvar": LOGVAR,
                "noise": NOISE[:1],
            },
            "three codes": {
                "log_likelihood": LIKELIHOOD,
                "mu": MU,
                "logvar": LOGVAR,
                "noise": NOISE,
            },
            "weights too small for a float": {
                "log_likelihood": LIKELIHOOD - 3000,
                "mu": MU,
                "logvar": LOGVAR,
                "noise": NOISE,
            },
        },
        mistakes={
            "The mean of the logarithms: that is the ELBO, with K draws.": (
                lambda *given: bound(*given, terms=True).mean(0)
            ),
            "The sum of the weights. Divide by K.": (
                lambda *given: bound(*given, terms=True).logsumexp(0)
            ),
            "The largest weight alone, over K.": (
                lambda *given: (
                    bound(*given, terms=True).amax(0) - math.log(len(given[3]))
                )
            ),
            "The prior is missing in the weight.": partial(bound, prior=0),
            "q is missing in the weight.": partial(bound, q=0),
            "Neither prior nor q: that is the likelihood, averaged.": (
                partial(bound, prior=0, q=0)
            ),
            "The prior has the wrong sign.": partial(bound, prior=-1),
            "q has the wrong sign. It divides.": partial(bound, q=-1),
            "The noise is scaled by the variance. (2.8) has its root.": (
                partial(bound, power=1)
            ),
            "The log-variance is missing in log q.": (
                lambda log_likelihood, mu, logvar, noise: (
                    bound(log_likelihood, mu, logvar, noise) - 0.5 * logvar.sum(-1)
                )
            ),
            "The sign: (2.9) is a bound, not a loss.": lambda *given: -bound(*given),
            "Prior and q have changed places. q divides.": partial(
                bound, prior=-1, q=-1
            ),
            "The KL in closed form is a mean over codes. A weight is that of one code.": (
                lambda log_likelihood, mu, logvar, noise: (
                    (log_likelihood - kl_standard_normal(mu, logvar)).logsumexp(0)
                    - math.log(len(noise))
                )
            ),
            "The log-variance in log q has a half.": (
                lambda log_likelihood, mu, logvar, noise: (
                    bound(log_likelihood, mu, logvar, noise) + 0.5 * logvar.sum(-1)
                )
            ),
            "Divide the sum by K, not its logarithm.": (
                lambda *given: bound(*given, terms=True).logsumexp(0) / len(given[3])
            ),
            "Some weights are too small for a float. Take the largest out first, or let "
            "logsumexp do it.": (
                lambda *given: bound(*given, terms=True).exp().mean(0).log()
            ),
            "The images are averaged, too. One number for each is wanted.": (
                lambda *given: bound(*given).mean()
            ),
        },
    ),
    "2.8": Function(
        solution=effective,
        cases={
            "equal weights: K": {"log_weights": torch.zeros_like(JOINT)},
            "one weight has all: 1": {"log_weights": double([[0, -900], [-900, 0.0]])},
            "in between": {"log_weights": JOINT},
            "weights too small for a float": {"log_weights": JOINT - 3000},
            "two images far apart": {"log_weights": JOINT + double([0, -1000])},
        },
        mistakes={
            "The weights are too small for a float. Take the largest out first.": (
                lambda log_weights: effective_by(log_weights, 0)
            ),
            "Take out the largest of each image, not of all.": (
                lambda log_weights: effective_by(log_weights, log_weights.max())
            ),
            "These are logarithms of the weights.": (
                lambda log_weights: (
                    log_weights.sum(0).square() / log_weights.square().sum(0)
                )
            ),
            "The sum above is squared, too.": (
                lambda log_weights: (
                    (log_weights - log_weights.amax(0)).exp().sum(0)
                    / (log_weights - log_weights.amax(0)).exp().square().sum(0)
                )
            ),
            "That is its logarithm.": lambda log_weights: effective(log_weights).log(),
            "That is its inverse.": lambda log_weights: 1 / effective(log_weights),
            "That is a share of K. The number of codes is wanted.": (
                lambda log_weights: effective(log_weights) / len(log_weights)
            ),
            "That is its root.": lambda log_weights: effective(log_weights).sqrt(),
            "That is one over the largest weight.": (
                lambda log_weights: 1 / log_weights.softmax(0).amax(0)
            ),
            "That is e to the entropy of the weights: another measure.": (
                lambda log_weights: (
                    -torch.xlogy(log_weights.softmax(0), log_weights.softmax(0)).sum(0)
                ).exp()
            ),
            "That is for each code the weights of all images. The codes are axis 0.": (
                lambda log_weights: effective(log_weights.T)
            ),
            "That is over all images at once.": (
                lambda log_weights: effective(log_weights.reshape(-1, 1))[0]
            ),
        },
    ),
    "2.9": Function(
        solution=acceptance,
        cases={
            "a better proposal: always": {"new": OLD + 1, "old": OLD},
            "a worse proposal": {"new": OLD - 2, "old": OLD},
            "several": {"new": NEW, "old": OLD},
            "weights too small for a float": {"new": NEW - 3000, "old": OLD - 3000},
        },
        mistakes={
            "The weights are too small for a float. Subtract first.": (
                lambda new, old: (new.exp() / old.exp()).clamp(max=1)
            ),
            "At most 1, not at least 1.": lambda new, old: (
                (new - old).exp().clamp(min=1)
            ),
            "The ratio is the wrong way round.": lambda new, old: acceptance(old, new),
            "A probability is at most 1.": lambda new, old: (new - old).exp(),
            "That is the logarithm of it.": lambda new, old: (new - old).clamp(max=0),
            "That is 1 or 0. A worse proposal is accepted now and then.": (
                lambda new, old: (new > old).double()
            ),
            "That is Barker's rule. It is valid, and accepts less.": (
                lambda new, old: (new - old).sigmoid()
            ),
            "These are logarithms: the ratio is the exponential of a difference.": (
                lambda new, old: (new / old).clamp(max=1)
            ),
        },
    ),
}
