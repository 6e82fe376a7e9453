"""Does the gradient belong to the value? And does each parameter have one?"""

from dataclasses import replace
from functools import partial

import torch

from vaebook.examine.report import Finding
from vaebook.examine.statistics import ROUNDING, SURE, mean_and_error, surely
from vaebook.examine.subject import copied, reseed
from vaebook.examine.suspects import right_codes, right_kl, terms

CALLS = 60  # in each half: the first finds where to look, the second looks


def gradients(value, parameters):
    """The gradient for each parameter, zero where there is none; None where the value carries none at all."""
    if not value.requires_grad:
        return None
    found = torch.autograd.grad(value, parameters, allow_unused=True)
    return [
        torch.zeros_like(p) if g is None else g.detach()
        for g, p in zip(found, parameters, strict=True)
    ]


def twice(part):
    """The same number with twice its gradient."""
    return 2 * part - part.detach()


SLIPS = {  # words: the entry, and the step of the right terms whose gradient is another, while its value is not
    "no gradient passes the sample": (
        "detached",
        {"codes": lambda mu, logvar, noise: right_codes(mu, logvar, noise).detach()},
    ),
    "the KL's is subtracted": (
        "gradient-subtracted",
        {
            "kl": lambda mu, logvar: (
                2 * right_kl(mu, logvar).detach() - right_kl(mu, logvar)
            )
        },
    ),
    "the KL's for logvar lacks its half": (
        "half-in-backward",
        {"kl": lambda mu, logvar: right_kl(mu, twice(logvar))},
    ),
    "the KL's for logvar lacks its -1": (
        "minus-one-in-backward",
        {
            "kl": lambda mu, logvar: (
                right_kl(mu, logvar) + 0.5 * (logvar - logvar.detach())
            )
        },
    ),
    "the sampler's for logvar lacks its half": (
        "half-in-sampler",
        {"codes": lambda mu, logvar, noise: right_codes(mu, twice(logvar), noise)},
    ),
}


def examine_gradient(subject, states, x, target):
    """Findings on the gradient: does it belong to the value, and is there one for each parameter?"""
    names = [name for name, part in subject.parameters.items() if part.requires_grad]
    if not names:
        return [Finding("gradient", None, "the model has no parameters to train")]
    models, alive = [copied(state) for state in states], set()
    for model in models:
        found = gradients(subject.value(model, x), weights_of(model, names))
        if found is None:
            words = "the loss carries no gradient"
            return [Finding("gradient", True, words, "detached")]
        alive |= {name for name, part in zip(names, found, strict=True) if part.any()}
    dead = has_one([name for name in names if name not in alive])
    if target is None:
        return [Finding("gradient", None, "the value is not understood"), dead]
    wrong = where_off(subject, models, x, target, names)
    if not wrong:
        words = "it is the gradient of the value, for each parameter"
        return [Finding("gradient", False, words), dead]
    words, slip = f"it is not the gradient of the value, for {some(wrong)}", ""
    for likely, (entry, step) in SLIPS.items():
        other = replace(target, terms=partial(terms, **step))
        if not where_off(subject, models, x, other, names):
            words, slip = f"{words}: {likely}", entry
            break
    return [Finding("gradient", True, words, slip), dead]


def weights_of(model, names):
    """The parameters with these names."""
    known = dict(model.named_parameters())
    return [known[name] for name in names]


def where_off(subject, models, x, target, names):
    """Names of the parameters whose gradient is surely not the target's, in one model or another."""
    off = []
    for model in models:
        weights = weights_of(model, names)

        def of_loss(model=model, weights=weights):
            return gradients(subject.value(model, x), weights)

        def of_target(model=model, weights=weights):
            return gradients(target(subject, model, x), weights)

        found = zip(names, misses(of_loss, of_target), strict=True)
        off += [name for name, miss in found if miss > SURE]
    return list(dict.fromkeys(off))


def has_one(dead):
    """The finding on parameters without a gradient."""
    if dead:
        words = f"no gradient reaches {some(dead)}: unused, or cut off"
        return Finding("dead", True, words)
    return Finding("dead", False, "a gradient reaches each parameter")


def some(names):
    return ", ".join(names[:3]) + (
        f" and {len(names) - 3} others" if len(names) > 3 else ""
    )


def misses(of_loss, of_target, seed=0):
    """For each parameter, by how many standard errors the gradients differ where they differ most.

    Each pair of calls starts from one seed. Where the loss draws as the target does, the noise cancels.
    """

    def pair(number):
        both = []
        for function in (of_loss, of_target):
            reseed(seed + number)
            both.append(function())
        return [a - b for a, b in zip(*both, strict=True)]

    where = pair(0)
    for number in range(1, CALLS):
        where = [w + d for w, d in zip(where, pair(number), strict=True)]
    directions = [w / w.norm().clamp(min=1e-30) for w in where]
    lengths = [gradient.norm().item() for gradient in of_target()]
    along = []
    for number in range(CALLS, 2 * CALLS):
        parts = zip(pair(number), directions, strict=True)
        along.append(torch.stack([(d * w).sum() for d, w in parts]))
    mean, error = mean_and_error(torch.stack(along).cpu().double())
    floor = ROUNDING * torch.tensor(lengths, dtype=mean.dtype) + 1e-12
    return surely((mean / (error + floor)).abs(), CALLS).tolist()
