"""The exercises of chapter 3: what is right, and the mistakes that people make."""

import math
from functools import partial

import torch

from vaebook.exercises.function import Function
from vaebook.exercises.number import Number

REPLACED, SALT, WHITE = 0.3, 0.1, 0.25  # exercise 3.1
THRESHOLD = 0.2  # the flip probability of exercise 3.2
GAPS = (1, 2)  # exercise 3.3, nats
FLIPS, FLIP = (1, 2, 4), 0.2  # exercise 3.4
LOG_2PI = math.log(2 * math.pi)


def flipped(white, black):
    """The share of flipped pixels, from those of the white and of the black ones."""
    return WHITE * white + (1 - WHITE) * black


def first_place(factors):
    return factors[0] / sum(factors)


def places(odds):
    return first_place([odds**flips for flips in FLIPS])


def erased(x, u, p):
    return x * (u >= p)


def evidence(r, salt):
    """How much likelier a white pixel than a black one comes as white, and as black."""
    white = math.log((1 - r * (1 - salt)) / (r * salt))
    return white, math.log(r * (1 - salt) / (1 - r * salt))


def by_evidence(logits, given, white, black):
    return (logits + torch.where(given == 1, white, black) > 0).double()


def by_flips(logits, given, p):
    known = math.log((1 - p) / p)
    return by_evidence(logits, given, known, -known)


def unsalted(logits, given, r, salt):
    return by_evidence(logits, given, *evidence(r, salt))


def of_others(log_q):
    """The Gaussians that a code is not from, `(M, M)`; -inf for its own."""
    own = torch.eye(len(log_q), dtype=torch.bool)
    return log_q.masked_fill(own, -math.inf)


def left_out(log_q):
    return of_others(log_q).logsumexp(1) - math.log(len(log_q) - 1)


def log_normal(z, mu, logvar, half=0.5, constant=LOG_2PI):
    """log of a Gaussian's density at z, over the last axis; the last two are right."""
    far = (z - mu).square() / logvar.exp()
    return -half * (far + logvar + constant).sum(-1)


def weighted(log_joint, z, mu, logvar, sign=-1, terms=False, **options):
    """(3.13), or the logarithms of its K weights. The last ones are right as they are."""
    log_weights = log_joint + sign * log_normal(z, mu, logvar, **options)
    if terms:
        return log_weights
    return log_weights.logsumexp(0) - math.log(len(z))


def by_average(log_joint, z, mu, logvar):
    """The weight of a code by the average of all K Gaussians."""
    every = log_normal(z[:, None], mu[None], logvar[None]).logsumexp(1)
    return (log_joint - every).logsumexp(0)


def double(values):
    return torch.tensor(values, dtype=torch.float64)


X = double([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1]])
U = double([[0.12, 0.05, 0.71, 0.44, 0.93], [0.38, 0.81, 0.29, 0.57, 0.02]])
LOGITS = double([[-1.0, 0.4, 3.1, -2.9, 1.2, -0.2], [2.5, -1.9, 0.9, -4.0, 0.2, -5.5]])
SEEN = double([[1, 0, 0, 1, 0, 1], [0, 1, 1, 1, 1, 1]])
SALTED = {"logits": LOGITS, "given": SEEN}
LOG_Q = double([[1.2, -0.7, -3.0], [-2.4, 0.9, 0.1], [-5.0, -1.1, 1.6]])
MU = double([[[0.5, -1.2], [1.1, 0.3]], [[0.1, -0.9], [1.4, 0.6]]])
LOGVAR = double([[[-1.4, 0.2], [-3.0, -0.6]], [[-0.8, 0.1], [-2.0, -1.1]]])
Z = double([[[0.7, -2.0], [1.2, 0.7]], [[-0.2, -0.4], [1.0, 0.2]]])
JOINT = double([[-86.0, -72.5], [-84.5, -74.0]])
GIVEN = {"log_joint": JOINT, "z": Z, "mu": MU, "logvar": LOGVAR}

share = flipped(REPLACED * (1 - SALT), REPLACED * SALT)
odds = FLIP / (1 - FLIP)

QUESTIONS = {
    "3.1": Number(
        right=share,
        mistakes={
            "That is the share of the replaced pixels. Some stay as they were.": REPLACED,
            "That is for a fair coin.": REPLACED / 2,
            "That is the share of the white pixels. How many are white?": (
                REPLACED * (1 - SALT)
            ),
            "That is the share of the black pixels. How many are black?": REPLACED
            * SALT,
            "The black pixels that turn white are missing.": (
                flipped(REPLACED * (1 - SALT), 0)
            ),
            "The white pixels that turn black are missing.": flipped(
                0, REPLACED * SALT
            ),
            "Salt is white: it flips the black pixels.": (
                flipped(REPLACED * SALT, REPLACED * (1 - SALT))
            ),
            "That is the share of the pixels that stay as they were.": 1 - share,
            "That is a percentage.": 100 * share,
        },
        start="A white pixel is flipped if it is replaced, and by a 0. A black one?",
    ),
    "3.2": Number(
        right=1 - THRESHOLD,
        mistakes={
            "That forgets what was seen of the pixel.": 0.5,
            "That is for a pixel that arrived white.": THRESHOLD,
            "That is the logit. Its probability is asked.": math.log(4),
            "These are the odds. The probability is asked.": 4,
            "These are the odds of a flip.": 0.25,
            "That is the share of pixels that are not flipped, less the others.": (
                1 - 2 * THRESHOLD
            ),
            "That is the probability of (3.11), that it arrives white.": (
                THRESHOLD * (1 - THRESHOLD) + (1 - THRESHOLD) * THRESHOLD
            ),
            "That is for one flip in ten.": 0.9,
            "The pixel is one of many, but each has its own evidence: 1 - p once.": (
                (1 - THRESHOLD) ** 2
            ),
            "That is the logit, for a pixel that arrived white.": -math.log(4),
        },
        start="By Bayes' rule: it is white with a probability in proportion to pi * p, and "
        "black to (1 - pi) * (1 - p).",
    ),
    "3.3": Number(
        right=sum(GAPS) / 2 - math.log(2),
        mistakes={
            "That is the trained bound, the average of the two.": sum(GAPS) / 2,
            "That is the better of the two Gaussians. Their mixture is better still.": (
                min(GAPS)
            ),
            "That is the worse of the two Gaussians.": max(GAPS),
            "That has the two bounds in the other order.": sum(GAPS) / 2 + math.log(2),
            "That is what the code tells of the flips. Subtract it.": math.log(2),
            "That subtracts bits from nats.": sum(GAPS) / 2 - 1,
            "Subtract from the average of the two, not from the better one.": (
                min(GAPS) - math.log(2)
            ),
            "Add the two bounds with half their weight each.": (
                sum(GAPS) - math.log(2)
            ),
            "Two Gaussians tell at most log 2, not log 4.": (
                sum(GAPS) / 2 - 2 * math.log(2)
            ),
        },
        start="(3.5) is the average of the two bounds. By (3.8) the mixture's is higher, by "
        "what the code tells of the flips. Which of the two was it?",
        within=0.003,
    ),
    "3.4": Number(
        right=places(odds),
        mistakes={
            "That is before the image was seen.": 1 / 3,
            "The pixels that were not flipped count, too: 1 - p each.": places(FLIP),
            "That counts the pixels that were not flipped alone.": places(1 - FLIP),
            "The more flips a place needs, the less likely it is.": places(1 / odds),
            "The other places have not quite probability 0.": 1,
            "Divide by the sum over the three places.": odds,
            "That is the probability of another place.": 1 - places(odds),
            "That is for one flip in ten.": places(1 / 9),
            "That is the second place.": odds**2 / sum(odds**k for k in FLIPS),
            "The third place is missing in the sum.": odds / (odds + odds**2),
            "These are the odds of the first place against the others.": (
                places(odds) / (1 - places(odds))
            ),
        },
        start="By (3.1), each flip more multiplies the probability by p / (1 - p).",
        within=0.003,
    ),
    "3.5": Function(
        solution=erased,
        cases={
            "p = 0: nothing is erased": {"x": X, "u": U, "p": 0.0},
            "p = 1: everything": {"x": X, "u": U, "p": 1.0},
            "a black image stays black": {"x": 0 * X, "u": U, "p": 0.4},
            "p = 0.4": {"x": X, "u": U, "p": 0.4},
            "u equal to p: u is below p with probability p": {
                "x": X,
                "u": U.round(decimals=1),
                "p": 0.4,
            },
        },
        mistakes={
            "It keeps the share p. Erase it.": lambda x, u, p: x * (u < p),
            "That flips. Masking only erases.": (
                lambda x, u, p: torch.where(u < p, 1 - x, x)
            ),
            "That sets to 1.": lambda x, u, p: torch.where(u < p, 1.0, x),
            "That is dropout: it divides by 1 - p, and x' is no longer binary.": (
                lambda x, u, p: x * (u >= p) / (1 - p)
            ),
            "u equal to p must be kept: u is from [0, 1), and below p with probability p.": (
                lambda x, u, p: x * (u > p)
            ),
            "That is the mask. What is left of x is wanted.": (
                lambda x, u, p: (u >= p).double()
            ),
            "That is the expected image. Pixels are 0 or 1.": (
                lambda x, u, p: x * (1 - p)
            ),
            "That draws the pixel anew where u is below p.": (
                lambda x, u, p: torch.where(u < p, (u < p / 2).double(), x)
            ),
            "1 - p is the share that is kept: compare u with p.": (
                lambda x, u, p: x * (u >= 1 - p)
            ),
        },
    ),
    "3.6": Function(
        solution=unsalted,
        cases={
            "nearly nothing is replaced: the image decides": {
                **SALTED,
                "r": 0.01,
                "salt": 0.5,
            },
            "a fair coin": {**SALTED, "r": 0.4, "salt": 0.5},
            "nearly masking: a 1 is surely white, a 0 says little": {
                **SALTED,
                "r": 0.6,
                "salt": 0.02,
            },
            "nearly all salt": {**SALTED, "r": 0.3, "salt": 0.97},
            "r = 0.3, salt = 0.2": {**SALTED, "r": 0.3, "salt": 0.2},
        },
        mistakes={
            "That forgets what was seen of the pixel.": (
                lambda logits, given, r, salt: (logits > 0).double()
            ),
            "That is the image as it came.": (
                lambda logits, given, r, salt: given.clone()
            ),
            "That is (3.12) with the share r / 2: right for a fair coin only.": (
                lambda logits, given, r, salt: by_flips(logits, given, r / 2)
            ),
            "That is (3.12) with p = r. A replaced pixel may stay as it was.": (
                lambda logits, given, r, salt: by_flips(logits, given, r)
            ),
            "What was seen has the wrong sign.": (
                lambda logits, given, r, salt: by_evidence(
                    logits, given, *(-each for each in evidence(r, salt))
                )
            ),
            "The evidence of black and of white is the wrong way round.": (
                lambda logits, given, r, salt: by_evidence(
                    logits, given, *reversed(evidence(r, salt))
                )
            ),
            "salt is the share of 1s among the replaced pixels, not of 0s.": (
                lambda logits, given, r, salt: unsalted(logits, given, r, 1 - salt)
            ),
            "A black pixel is evidence, too.": (
                lambda logits, given, r, salt: by_evidence(
                    logits, given, evidence(r, salt)[0], 0
                )
            ),
            "A white pixel is evidence, too.": (
                lambda logits, given, r, salt: by_evidence(
                    logits, given, 0, evidence(r, salt)[1]
                )
            ),
            "A replaced pixel can come as it was: by a 1, if it was white.": (
                lambda logits, given, r, salt: by_evidence(
                    logits,
                    given,
                    math.log((1 - r) / (r * salt)),
                    math.log(r * (1 - salt) / (1 - r)),
                )
            ),
            "That is the logit. 0 or 1 is wanted.": (
                lambda logits, given, r, salt: (
                    logits + torch.where(given == 1, *evidence(r, salt))
                )
            ),
            "The logarithm of the ratio is missing.": (
                lambda logits, given, r, salt: by_evidence(
                    logits, given, *map(math.exp, evidence(r, salt))
                )
            ),
        },
    ),
    "3.7": Function(
        solution=left_out,
        cases={
            "two corruptions: the other Gaussian alone": {"log_q": LOG_Q[:2, :2]},
            "three": {"log_q": LOG_Q},
            "all Gaussians equal": {"log_q": torch.full((4, 4), -0.5).double()},
            "densities too small for a float": {"log_q": LOG_Q - 3000},
        },
        mistakes={
            "A code's own Gaussian is kept.": (
                lambda log_q: log_q.logsumexp(1) - math.log(len(log_q))
            ),
            "There are M - 1 others.": (
                lambda log_q: of_others(log_q).logsumexp(1) - math.log(len(log_q))
            ),
            "Divide by M - 1.": lambda log_q: of_others(log_q).logsumexp(1),
            "That is a mean of logarithms.": (
                lambda log_q: (log_q.sum(1) - log_q.diagonal()) / (len(log_q) - 1)
            ),
            "Codes are axis 0. The sum is over Gaussians, axis 1.": (
                lambda log_q: left_out(log_q.T)
            ),
            "The density of its own Gaussian is set to 1, not to 0.": (
                lambda log_q: (
                    log_q.masked_fill(
                        torch.eye(len(log_q), dtype=torch.bool), 0
                    ).logsumexp(1)
                    - math.log(len(log_q) - 1)
                )
            ),
            "That is the density. Its logarithm is wanted.": (
                lambda log_q: left_out(log_q).exp()
            ),
            "Some densities are too small for a float. Let logsumexp add them up.": (
                lambda log_q: (
                    (log_q.exp().sum(1) - log_q.diagonal().exp())
                    .div(len(log_q) - 1)
                    .log()
                )
            ),
            "That is the nearest of the others alone.": (
                lambda log_q: of_others(log_q).amax(1)
            ),
            "One number for each code is wanted.": lambda log_q: left_out(log_q).mean(),
            "That is its own Gaussian alone.": lambda log_q: log_q.diagonal(),
        },
    ),
    "3.8": Function(
        solution=weighted,
        cases={
            "one code": {name: value[:1] for name, value in GIVEN.items()},
            "two codes, each from a corruption of its own": GIVEN,
            "both from the same one": GIVEN
            | {"mu": MU[:1].repeat(2, 1, 1), "logvar": LOGVAR[:1].repeat(2, 1, 1)},
            "weights too small for a float": GIVEN | {"log_joint": JOINT - 3000},
        },
        mistakes={
            "That is the mean of the logarithms.": (
                lambda *given: weighted(*given, terms=True).mean(0)
            ),
            "The sum of the weights. Divide by K.": (
                lambda *given: weighted(*given, terms=True).logsumexp(0)
            ),
            "All codes are weighted by the first Gaussian. Each is from its own.": (
                lambda log_joint, z, mu, logvar: weighted(
                    log_joint, z, mu[:1], logvar[:1]
                )
            ),
            "All codes are weighted by the mean of the Gaussians' parameters.": (
                lambda log_joint, z, mu, logvar: weighted(
                    log_joint, z, mu.mean(0, keepdim=True), logvar.mean(0, keepdim=True)
                )
            ),
            "That weights by the average of all Gaussians. It is unbiased, too, and often "
            "better; here each code has its own.": by_average,
            "The density of the code is missing.": (
                lambda log_joint, z, mu, logvar: (
                    log_joint.logsumexp(0) - math.log(len(z))
                )
            ),
            "The density has the wrong sign. It divides.": partial(weighted, sign=1),
            "log sqrt(2 pi) is missing for each number of the code.": (
                partial(weighted, constant=0)
            ),
            "The half is missing in the density.": partial(weighted, half=1),
            "Some weights are too small for a float. Let logsumexp add them up.": (
                lambda *given: weighted(*given, terms=True).exp().mean(0).log()
            ),
            "The log-variance is missing in the density.": (
                lambda log_joint, z, mu, logvar: (
                    (
                        log_joint - log_normal(z, mu, logvar) - 0.5 * logvar.sum(-1)
                    ).logsumexp(0)
                    - math.log(len(z))
                )
            ),
            "The images are averaged, too. One number for each is wanted.": (
                lambda *given: weighted(*given).mean()
            ),
            "The sign: it is an estimate of log p(x), not a loss.": (
                lambda *given: -weighted(*given)
            ),
        },
    ),
}
