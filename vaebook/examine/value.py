"""Is the value the -ELBO? Its scale, its parts, and what is added to it."""

import itertools
import math
from dataclasses import dataclass, replace
from functools import partial

import torch

from vaebook.examine.report import Finding
from vaebook.examine.statistics import SURE, means
from vaebook.examine.subject import drawn
from vaebook.examine.suspects import suspects

CALLS = 300
NEAR = 2.0  # standard errors, by which a likelier explanation may miss by more


@dataclass(frozen=True)
class Target:
    """What the loss has been found to be: factors times its two terms, for a batch of `rows`.

    terms: (subject, model, x) -> reconstruction, kl.  growth: 1 where each part grows with the batch, or 0.
    """

    terms: object
    reconstruction: float
    kl: float
    constant: float
    rows: int
    growth: int = 0

    def __call__(self, subject, model, x):
        """The value on a batch, with one draw of the codes."""
        reconstruction, kl = self.terms(subject, model, x)
        value = self.reconstruction * reconstruction + self.kl * kl
        return (value + self.constant) * (len(x) / self.rows) ** self.growth


def right_terms(subject, model, x):
    return subject.terms(model, x)


def factors(subject, rows):
    """Factors that people put before a term, with their words; the likeliest last, and of equal ones it alone."""
    pixels, codes = subject.x[0].numel(), subject.latent_dims
    named = [
        (1, "1"),
        (0, "0"),
        (rows, f"{rows}, the size of the batch that is examined"),
        (1 / pixels, f"1/{pixels}, 1 over the number of pixels"),
        (1 / codes, f"1/{codes}, 1 over the length of the code"),
        (1 / (rows * pixels), f"1/{rows * pixels}, 1 over the pixels of the batch"),
        (
            1 / (rows * codes),
            f"1/{rows * codes}, 1 over the numbers of all codes of the batch",
        ),
        (1 / rows, f"1/{rows}, 1 over the size of the batch"),
        (pixels, f"{pixels}, the number of pixels"),
        (codes, f"{codes}, the length of the code" if codes > 2 else f"{codes}"),
        (2, "2"),
        (0.5, "1/2"),
        (-1, "-1"),
        (-rows, f"-{rows}, minus the size of the batch"),
    ]
    return {factor: words for factor, words in reversed(named)}


def slip_of(ratio, subject, rows):
    """The entry of a KL that weighs `ratio` times what the reconstruction weighs."""
    pixels, codes = subject.x[0].numel(), subject.latent_dims
    known = {
        "kl-sign": [-1],
        "no-kl": [0],
        "half-in-kl": [2],
        "kl-mean": [1 / codes, 1 / (rows * codes)],
        "kl-sum-over-batch": [rows],
        "kl-mean-over-batch": [1 / rows],
        "mean-over-pixels": [pixels, rows * pixels, pixels / rows, pixels / codes],
    }
    return next(
        (slip for slip, ratios in known.items() if any(map(close_to(ratio), ratios))),
        "",
    )


def close_to(value):
    return lambda other: math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-12)


def examine_value(subject, states, x):
    """Findings on the value, and the Target that explains it; None where nothing does."""
    rows, known = len(x), factors(subject, len(x))
    values = values_of(subject, states, x)
    truths = terms_of(right_terms, subject, states, x)
    if all(
        v.std() < 1e-6 * v.abs().mean() and t.std(0)[0] > 0
        for v, t in zip(values, truths, strict=True)
    ):
        findings, target = suspected(subject, states, x, values)
        return findings if target else [
            Finding("noise", True, "the same in every call", "same-noise")
        ], target
    with_constant = means(values, truths).with_constant()
    right = [
        factor
        for factor in known
        if factor > 0 and with_constant.worst(weights(factor, factor, 0)) < SURE
    ]
    if right:
        factor = min(
            right, key=lambda factor: with_constant.worst(weights(factor, factor, 0))
        )
        words = "it is the -ELBO" + (f" times {known[factor]}" if factor != 1 else "")
        words += (
            f", within {with_constant.resolution(weights(factor, factor, 0)):.2g} nats"
        )
        return [Finding("value", False, words)], Target(
            right_terms, factor, factor, 0.0, rows
        )
    found = factored(subject, with_constant, rows, known)
    if found:
        return found
    findings, target = suspected(subject, states, x, values)
    if target:
        return findings, target
    one = with_constant_free(means(values, truths).total())
    if one:
        words = f"it is the -ELBO times {one:.4g}"
        return [Finding("value", False, words)], Target(
            right_terms, one, one, 0.0, rows
        )
    fitted = with_constant.fitted()
    if with_constant.worst(fitted) < SURE:
        a, b, c = fitted.tolist()
        words = f"reconstruction times {a:.4g}, KL times {b:.4g}, and {c:+.4g}"
        return [Finding("parts", True, words)], Target(right_terms, a, b, c, rows)
    return findings, None


def weights(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def with_constant_free(total):
    """The factor of -ELBO that explains all values, positive; None where there is none."""
    (factor,) = total.fitted()
    return factor.item() if factor > 0 and total.worst(factor[None]) < SURE else None


def factored(subject, found, rows, known):
    """Findings on factors and a constant that explain the value; None where no pair of known ones does."""
    pixels = subject.x[0].numel()
    circle = 0.5 * math.log(2 * math.pi) * pixels
    scale = math.log(subject.deviation or 1) * pixels
    constants = {  # words, and what is added
        "": lambda a, b: 0.0,
        "the -1 of the KL is missing": lambda a, b: b * subject.latent_dims / 2,
    }
    if subject.likelihood == "gaussian":
        constants |= {
            "log sqrt(2 pi) of the Gaussian is missing": lambda a, b: -a * circle
        }
    if subject.deviation is not None:
        constants |= {
            "log sigma of the Gaussian is missing": lambda a, b: -a * scale,
            "what norms the Gaussian is missing": lambda a, b: -a * (circle + scale),
        }
    fits = []
    for (missing, constant), a, b in itertools.product(constants.items(), known, known):
        if a <= 0 or (a == b and not missing):
            continue
        miss = found.worst(weights(a, b, constant(a, b)))
        if miss < SURE:
            fits.append((bool(missing), a != b, miss, missing, a, b))
    if not fits:
        return None
    plain, _, least, *_ = min(fits)
    likely = [*known]
    near = [fit for fit in fits if fit[0] == plain and fit[2] < least + NEAR]
    _, _, _, missing, a, b = max(
        near, key=lambda fit: (likely.index(fit[4]), likely.index(fit[5]))
    )
    c = constants[missing](a, b)
    findings = []
    if a != b:
        words = f"reconstruction times {known[a]}, KL times {known[b]}"
        findings.append(Finding("parts", True, words, slip_of(b / a, subject, rows)))
    if missing:
        words = f"{c:+.4g} is added to it: {missing}. A constant has no gradient"
        entry = "minus-one" if "KL" in missing else ""
        findings.append(Finding("constant", True, words, entry))
    return findings, Target(right_terms, a, b, c, rows)


@torch.no_grad()
def suspected(subject, states, x, values):
    """The finding on a value that no factor explains, by the suspect that fits best."""
    known, best = factors(subject, len(x)), None
    for suspect in suspects(subject):
        parts = terms_of(suspect.terms, subject, states, x)
        draws = [part.sum(1, keepdim=True) for part in parts]
        if any(not torch.isfinite(d).all() for d in draws):
            continue
        found = means(values, draws)
        for factor in known:
            miss = found.worst(weights(factor))
            if factor > 0 and (best is None or miss < best[0]):
                best = miss, suspect, factor
    if best and best[0] < SURE:
        _, suspect, factor = best
        target = Target(suspect.terms, factor, factor, 0.0, len(x))
        return [Finding(suspect.alarm, True, suspect.words, suspect.slip)], target
    words = "it is not the -ELBO, and no slip of the list explains it"
    return [Finding("value", True, words)], None


def values_of(subject, states, x):
    """What the loss returns in many calls, `(CALLS,)` in each state."""
    return [drawn(partial(subject.value, model, x), CALLS) for model in states]


def terms_of(terms, subject, states, x):
    """Reconstruction and KL in many draws, `(CALLS, 2)` in each state."""

    def both(model):
        return torch.stack(terms(subject, model, x))

    return [drawn(partial(both, model), CALLS) for model in states]


@torch.no_grad()
def examine_batch(subject, states, x, target):
    """The finding on how value and parts grow with the batch, and the target, which then knows it."""
    if target is None:
        return Finding("batch", None, "the value is not understood"), None
    half, parts = x[: len(x) // 2], weights(target.reconstruction, target.kl)
    values = values_of(subject, states, half)
    terms = terms_of(target.terms, subject, states, half)
    found = means(values, terms).with_constant()
    for growth, words in ((0, "a mean over the batch"), (1, "a sum over the batch")):
        share = 0.5**growth
        if found.worst(share * torch.cat([parts, weights(target.constant)])) < SURE:
            return Finding("batch", False, f"each part is {words}"), replace(
                target, growth=growth
            )
    shares = {1: "stays", 0.5: "halves", 2: "doubles"}
    for first, second in itertools.permutations(shares, 2):
        if (
            found.worst(
                weights(
                    first * target.reconstruction, second * target.kl, target.constant
                )
            )
            < SURE
        ):
            words = f"with half the batch the reconstruction {shares[first]}, the KL {shares[second]}"
            slip = "kl-sum-over-batch" if first > second else "kl-mean-over-batch"
            return Finding("batch", True, words, slip), target
    words = "with half the batch it is another formula"
    return Finding("batch", True, words), target
