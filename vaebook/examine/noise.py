"""Is the noise standard normal, drawn anew for each dimension, each example and each call?"""

from dataclasses import replace
from functools import partial
from itertools import product

import torch

from vaebook.examine.report import Finding
from vaebook.examine.states import pulled
from vaebook.examine.statistics import draws_in_each, likeness
from vaebook.examine.suspects import NOISES, terms
from vaebook.examine.value import right_terms

CALLS = 8000  # tells Laplace noise from normal noise of the same variance
BY_LUCK = 1e-8
MOST_DRAWS = 8  # in each call: up to here the shape of the noise is looked at


def examine_noise(subject, x, target):
    """The finding on the noise behind the values, and the target with the noise that was found."""
    if target is None:
        return Finding("noise", None, "the value is not understood"), None
    model, one = subject.model, smallest(subject, x)
    with torch.no_grad():
        shape = subject.encode(model, x)[0].shape[1:]
    narrow = torch.full((subject.latent_dims,), -7.0, device=x.device, dtype=x.dtype)
    narrow[0] = 0
    single = pulled(subject, model, one, 0.0, narrow.reshape(shape))
    wide = pulled(subject, model, one, 0.0, 0.0)
    many = one[:1].repeat(8, *[1] * (x.dim() - 1))
    trials = [(single, one, CALLS), (wide, one, CALLS // 2), (wide, many, CALLS // 4)]
    readings, draws = readings_of(target), {}
    for state, batch, calls in trials:
        values = subject.values(state, batch, calls)
        expected = targets(subject, state, batch, target, calls)
        if expected.std() < 1e-5 * expected.abs().mean():
            continue  # decode hardly depends on the code here
        if values.std() < 1e-6 * values.abs().mean():
            words = "the same noise in every call, or none"
            return Finding("noise", True, words, "same-noise"), None
        for reading in readings:
            first = targets(subject, state, batch, reading, calls)
            count = draws.setdefault(reading, draws_in_each(values, first))
            if count > MOST_DRAWS and reading is target:
                words = f"about {count} draws in each call; too many to see their shape"
                return Finding("noise", None, words), target
            if count > MOST_DRAWS:
                continue
            more = [
                targets(subject, state, batch, reading, calls) for _ in range(count - 1)
            ]
            if likeness(values, torch.stack([first, *more]).mean(0)) > BY_LUCK:
                readings = [reading]
                break
        else:
            return likeliest(subject, state, batch, target, values)
    if not draws:
        return Finding("noise", None, "decode hardly depends on the code"), target
    count = draws[readings[0]]
    words = "standard normal, anew for each dimension, example and call"
    words += f"; {count} draws in each" if count > 1 else ""
    return Finding("noise", False, words), readings[0]


def readings_of(target):
    """The target, and where its terms are right, the same with the KL that the draw gives."""
    if target.terms is not right_terms:
        return [target]
    return [target, replace(target, terms=partial(terms, sampled=True))]


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
    found = [target(subject, model, x) for _ in range(calls)]
    return torch.stack(found).cpu().double()


def likeliest(subject, model, x, target, values):
    """The finding on the noise whose values come nearest, and the target with it; None where none comes near."""
    best = 0.0, None, None, None
    for sampled, (name, (noise, slip)) in product((False, True), NOISES.items()):
        suspect = replace(target, terms=partial(terms, noise=noise, sampled=sampled))
        found = likeness(values, targets(subject, model, x, suspect, len(values)))
        if found > best[0]:
            best = found, name, slip, suspect
    found, name, slip, suspect = best
    if found < BY_LUCK:
        words = "not standard normal, or not drawn anew for each dimension and example"
        return Finding("noise", True, words), None
    return Finding("noise", True, f"the noise is {name}", slip), suspect
