"""The exercises of chapter 4: what is right, and the mistakes that people make."""

import math
from functools import partial

import torch

from vaebook.exercises.function import Function
from vaebook.exercises.number import Number
from vaebook.models import probabilistic_pca

W, S2, AT = (0.6, 0.8), (0.64, 0.36), (1.0, 0.5)  # exercise 4.1
SD, RHO = (2.0, 0.4), -0.6  # exercise 4.2
LAMBDA, FIXED = (3.0, 0.5), 1.2  # exercise 4.3
TOLD = 1.0  # exercise 4.4, nats

evidence = sum(w * x / s2 for w, x, s2 in zip(W, AT, S2, strict=True))
precision = sum(w**2 / s2 for w, s2 in zip(W, S2, strict=True))


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def covariance(sd, rho):
    between = rho * sd[0] * sd[1]
    return double([[sd[0] ** 2, between], [between, sd[1] ** 2]])


def loss_of(ratio):
    """(4.16), from the variances of the data by those of the model."""
    return 0.5 * (ratio - 1 - ratio.log())


def best_ratio(eigenvalues, s2, codes):
    kept = eigenvalues[:codes].clamp(min=s2)  # no variance is smaller than s2
    return eigenvalues / torch.cat([kept, torch.full_like(eigenvalues[codes:], s2)])


def lost(eigenvalues, s2, codes):
    return loss_of(best_ratio(eigenvalues, s2, codes)).sum()


def others_mean(f):
    return (f.sum(0) - f) / (len(f) - 1)


def gradients(factors, slopes, noise, logvar, sign=-1, half=0.5, sigma=True):
    """By mu and by logvar, if each code's slope counts by its factor."""
    each = sign * factors * slopes
    spread = (0.5 * logvar).exp() if sigma else 1
    return each.sum(0), (each * half * spread * noise).sum(0)


def doubly(log_weights, *given, **options):
    return gradients(log_weights.softmax(0).square(), *given, **options)


EIGENVALUES = double([4.0, 2.5, 1.0, 0.3])
F = double([[2.0, -1.0], [5.0, 0.5], [3.5, 4.0], [-1.0, 0.25]])
WEIGHTED = {
    "log_weights": double([[-2.0, -3.5], [-2.4, -1.0], [-4.0, -1.5]]),
    "slopes": double([[0.5, -1.2], [-0.7, 0.4], [1.5, 0.9]]),
    "noise": double([[0.3, -0.8], [-1.1, 0.6], [1.7, 0.2]]),
    "logvar": double([-1.2, 0.4]),
}

QUESTIONS = {
    "4.1": Number(
        right=evidence / (1 + precision),
        mistakes={
            "The precision of the prior, 1, is missing in h.": evidence / precision,
            "Divide by h.": evidence,
            "Each coordinate counts by 1 / s^2. Here all count alike.": (
                sum(w * x for w, x in zip(W, AT, strict=True))
                / (1 + sum(w * w for w in W))
            ),
            "That is w'(x - m) / (s^2 + w'w), with the variances averaged.": (
                sum(w * x for w, x in zip(W, AT, strict=True))
                / (sum(S2) / 2 + sum(w * w for w in W))
            ),
            "That is w'(x - m), what the key would divide by its eigenvalue.": (
                sum(w * x for w, x in zip(W, AT, strict=True))
            ),
            "That is the posterior's variance. Its mean is asked.": 1 / (1 + precision),
            "That is the posterior's standard deviation. Its mean is asked.": (
                1 / math.sqrt(1 + precision)
            ),
            "That is the precision h.": 1 + precision,
            "Divide by the variance s^2, not by the standard deviation.": (
                sum(w * x / math.sqrt(s2) for w, x, s2 in zip(W, AT, S2, strict=True))
                / (1 + sum(w * w / math.sqrt(s2) for w, s2 in zip(W, S2, strict=True)))
            ),
        },
        start="By (4.10), first h = 1 + 0.36 / 0.64 + 0.64 / 0.36. Then the sum.",
    ),
    "4.2": Number(
        right=math.sqrt(abs(RHO)) * SD[0],
        mistakes={
            "That is for a first coordinate of variance 1.": math.sqrt(abs(RHO)),
            "That is w of the key. Its code tells more than it must.": probabilistic_pca(
                double([0, 0]), covariance(SD, RHO), 1
            )
            .w[0]
            .item(),
            "That is one end of the valley, where s_2 is 0.": abs(RHO) * SD[0],
            "That is the other end of the valley, where s_1 is 0.": SD[0],
            "That is the size of w_2.": math.sqrt(abs(RHO)) * SD[1],
            "Scale by the standard deviation, not by the variance.": (
                math.sqrt(abs(RHO)) * SD[0] ** 2
            ),
            "That is for a correlation of 1 - 0.6.": math.sqrt(1 - abs(RHO)) * SD[0],
            "That is w_1 squared.": abs(RHO) * SD[0] ** 2,
            "That is the square root of the covariance's size.": (
                math.sqrt(abs(RHO) * SD[0] * SD[1])
            ),
        },
        start="Scale both coordinates to variance 1. There w_1 = -w_2, and w_1 w_2 is the "
        "correlation. Then scale back.",
    ),
    "4.3": Number(
        right=0.5 * math.log(LAMBDA[0] / FIXED),
        mistakes={
            "The half is missing.": math.log(LAMBDA[0] / FIXED),
            "That is for a variance of 1.": 0.5 * math.log(LAMBDA[0]),
            "That is for the learned variance.": 0.5 * math.log(LAMBDA[0] / LAMBDA[1]),
            "That is w'w by (4.15).": LAMBDA[0] - FIXED,
            "The axis has w'w + s^2 = 3 in all.": (
                0.5 * math.log((LAMBDA[0] - FIXED) / FIXED)
            ),
            "The axis has w'w + s^2 = 3 in all; s^2 is not added once more.": (
                0.5 * math.log(1 + LAMBDA[0] / FIXED)
            ),
            "1.2 is the variance, not the standard deviation.": (
                0.5 * math.log(LAMBDA[0] / FIXED**2)
            ),
            "That is in bits.": 0.5 * math.log2(LAMBDA[0] / FIXED),
            "That is what the model loses, (4.16).": lost(
                double(LAMBDA), FIXED, 1
            ).item(),
            "It is not collapsed yet: 1.2 is below the largest eigenvalue.": 0,
        },
        start="Along the axis the model has the variance c_1 = 3, of which s^2 = 1.2 is left "
        "when the code is known.",
    ),
    "4.4": Number(
        right=math.tanh(TOLD),
        mistakes={
            "The half is missing: (4.12) is half a logarithm.": math.tanh(TOLD / 2),
            "There is a half, not a factor of 2.": math.tanh(2 * TOLD),
            "That is for 1 bit.": math.tanh(math.log(2)),
            "There the coordinates tell 1 nat of each other. The code must tell more.": (
                math.sqrt(1 - math.exp(-2 * TOLD))
            ),
            "That is the odds (1 + r) / (1 - r).": math.exp(2 * TOLD),
            "1 - r is the denominator.": 1 - math.exp(-2 * TOLD),
            "That is 1 - r.": 1 - math.tanh(TOLD),
        },
        start="Solve (4.12) for the correlation: (1 + r) / (1 - r) = e^2.",
    ),
    "4.5": Function(
        solution=lost,
        cases={
            "s2 below all eigenvalues": {
                "eigenvalues": EIGENVALUES,
                "s2": 0.2,
                "codes": 2,
            },
            "two codes, both used": {"eigenvalues": EIGENVALUES, "s2": 1.2, "codes": 2},
            "three codes, one collapsed": {
                "eigenvalues": EIGENVALUES,
                "s2": 1.2,
                "codes": 3,
            },
            "beyond the largest eigenvalue": {
                "eigenvalues": EIGENVALUES,
                "s2": 5.0,
                "codes": 2,
            },
        },
        mistakes={
            "The half is missing.": lambda *given: 2 * lost(*given),
            "No variance can be below s2, not even with a code.": (
                lambda eigenvalues, s2, codes: loss_of(eigenvalues[codes:] / s2).sum()
            ),
            "Each axis is held to have a code. Only the first ones do.": (
                lambda eigenvalues, s2, codes: lost(eigenvalues, s2, len(eigenvalues))
            ),
            "No axis is held to have a code.": (
                lambda eigenvalues, s2, codes: lost(eigenvalues, s2, 0)
            ),
            "The ratio is upside down.": (
                lambda *given: loss_of(1 / best_ratio(*given)).sum()
            ),
            "That is the loss of each axis. Add them up.": (
                lambda *given: loss_of(best_ratio(*given))
            ),
            "That is a mean over the axes. Add them up.": (
                lambda eigenvalues, s2, codes: (
                    lost(eigenvalues, s2, codes) / len(eigenvalues)
                )
            ),
            "The logarithm has the wrong sign.": (
                lambda *given: lost(*given) + best_ratio(*given).log().sum()
            ),
            "The last axes have the codes. The longest ones come first.": (
                lambda eigenvalues, s2, codes: lost(eigenvalues.flip(0), s2, codes)
            ),
            "s2 is a variance already: do not square it.": (
                lambda eigenvalues, s2, codes: lost(eigenvalues, s2**2, codes)
            ),
        },
    ),
    "4.6": Function(
        solution=others_mean,
        cases={
            "two codes: the other one": {"f": F[:2]},
            "four codes": {"f": F},
            "f is the same for each code": {"f": torch.full((3, 2), 1.5).double()},
            "f + 10": {"f": F + 10},
        },
        mistakes={
            "A code's own f is in it. Then the baseline is not independent of the code.": (
                lambda f: f.mean(0).expand_as(f)
            ),
            "There are N - 1 others.": lambda f: (f.sum(0) - f) / len(f),
            "That is the sum of the others.": lambda f: f.sum(0) - f,
            "That is f minus the baseline. The baseline alone is wanted.": (
                lambda f: f - others_mean(f)
            ),
            "That averages over the rows. Each row has codes of its own.": (
                lambda f: (f.sum(1, keepdim=True) - f) / max(1, f.shape[1] - 1) + 0 * f
            ),
            "That takes the next code alone.": lambda f: f.roll(-1, 0),
            "One baseline for all codes of a row cannot leave each one out.": (
                lambda f: f.mean(0)
            ),
        },
    ),
    "4.7": Function(
        solution=doubly,
        cases={
            "one code": {
                name: value if name == "logvar" else value[:1]
                for name, value in WEIGHTED.items()
            },
            "three codes": WEIGHTED,
            "equal weights": WEIGHTED | {"log_weights": torch.zeros(3, 2).double()},
            "weights too small for a float": WEIGHTED
            | {"log_weights": WEIGHTED["log_weights"] - 3000},
        },
        mistakes={
            "The shares are not squared.": (
                lambda log_weights, *given: gradients(log_weights.softmax(0), *given)
            ),
            "That is the gradient of the bound. The loss has the other sign.": (
                partial(doubly, sign=1)
            ),
            "The half is missing in the derivative by logvar.": partial(doubly, half=1),
            "z moves with logvar by sigma noise / 2: sigma is missing.": (
                partial(doubly, sigma=False)
            ),
            "sigma is exp(logvar / 2), not exp(logvar).": (
                lambda log_weights, slopes, noise, logvar: doubly(
                    log_weights, slopes, noise, 2 * logvar
                )
            ),
            "That is the gradient of the average of N bounds.": (
                lambda log_weights, *given: gradients(1 / len(log_weights), *given)
            ),
            "The weights must be divided by their sum first.": (
                lambda log_weights, *given: gradients(
                    log_weights.exp().square(), *given
                )
            ),
            "The shares of a row's codes add up to 1: sum over axis 0.": (
                lambda log_weights, *given: gradients(
                    log_weights.softmax(1).square(), *given
                )
            ),
            "The log-weights themselves are no shares.": (
                lambda log_weights, *given: gradients(log_weights.square(), *given)
            ),
            "That is a mean over the codes. Add them up.": (
                lambda log_weights, *given: gradients(
                    log_weights.softmax(0).square() / len(log_weights), *given
                )
            ),
            "The two gradients are in the other order.": (
                lambda *given: tuple(reversed(doubly(*given)))
            ),
        },
    ),
}
