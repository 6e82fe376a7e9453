"""Is the noise standard normal, drawn anew for each dimension, each example and each call?"""

from dataclasses import replace
from functools import partial

import torch

from vaebook.examine.report import Finding
from vaebook.examine.states import pulled
from vaebook.examine.statistics import draws_in_each, likeness
from vaebook.examine.suspects import NOISES, terms

CALLS = 8000  # tells Laplace noise from normal noise of the same variance
BY_LUCK = 1e-8
MOST_DRAWS = 8  # in each call: up to here the shape of the noise is looked at


def examine_noise(subject, x, target):
    """The finding on the noise behind the values, and the target with the noise that was found."""
    if target is None:
        return Finding("noise", None, "the value is not understood"), None
    model, one = subject.model, smallest(subject, x)
    narrow = torch.full((subject.latent_dims,), -7.0, device=x.device, dtype=x.dtype)
    narrow[0] = 0
    shape = subject.encode(model, x)[0].shape[1:]
    single = pulled(subject, model, one, 0.0, narrow.reshape(shape))
    wide = pulled(subject, model, one, 0.0, 0.0)
    many = one[:1].repeat(8, *[1] * (x.dim() - 1))
    trials = [(single, one, CALLS), (wide, one, CALLS // 2), (wide, many, CALLS // 4)]
    draws = None
    for state, batch, calls in trials:
        values = subject.values(state, batch, calls)
        expected = targets(subject, state, batch, target, calls)
        if expected.std() < 1e-5 * expected.abs().mean():
            continue  # decode hardly depends on the code here
        if values.std() < 1e-6 * values.abs().mean():
            return Finding(
                "noise", True, "the same noise in every call, or none", "same-noise"
            ), None
        if draws is None:
            draws = min(max(1, round(draws_in_each(values, expected))), 1000)
        if draws > MOST_DRAWS:
            return Finding(
                "noise",
                False,
                f"about {draws} draws in each call; too many to see their shape",
            ), target
        more = [expected] + [
            targets(subject, state, batch, target, calls) for _ in range(draws - 1)
        ]
        expected = torch.stack(more).mean(0)
        if not fits(values, expected):
            return likeliest(subject, state, batch, target, values)
    words = "standard normal, anew for each dimension, example and call"
    return Finding(
        "noise",
        False,
        words + (f"; {draws} draws in each" if draws and draws > 1 else ""),
    ), target


def smallest(subject, x):
    """One example, or two of the same where a model cannot be trained on one."""
    try:
        subject.value(subject.model, x[:1])
        subject.terms(subject.model, x[:1])
        return x[:1]
    except ValueError:
        return x[:1].repeat(2, *[1] * (x.dim() - 1))


@torch.no_grad()
def targets(subject, model, x, target, calls):
    found = [target(subject, model, x).double() for _ in range(calls)]
    return torch.stack(found).cpu()


def fits(values, expected):
    return likeness(values, expected) > BY_LUCK


def likeliest(subject, model, x, target, values):
    """The finding on the noise whose values come nearest, and the target with it; None where none comes near."""
    best = 0.0, None, None, None
    for name, (noise, slip) in NOISES.items():
        suspect = replace(target, terms=partial(terms, noise=noise))
        found = likeness(values, targets(subject, model, x, suspect, len(values)))
        if found > best[0]:
            best = found, name, slip, suspect
    found, name, slip, suspect = best
    if found < BY_LUCK:
        words = "not standard normal, or not drawn anew for each dimension and example"
        return Finding("noise", True, words, "rand"), None
    return Finding("noise", True, f"the noise is {name}", slip), suspect
