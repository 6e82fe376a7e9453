"""Examine a VAE of your own: is its loss the -ELBO of its encoder and its decoder?"""

import torch

from vaebook.examine.conditions import (
    examine_data,
    examine_floor,
    examine_mode,
    examine_outputs,
)
from vaebook.examine.gradient import examine_gradient
from vaebook.examine.noise import examine_noise
from vaebook.examine.report import Finding, Report
from vaebook.examine.states import spread_out
from vaebook.examine.subject import Refused, Subject
from vaebook.examine.value import examine_batch, examine_value

__all__ = ["Finding", "Refused", "Report", "examine"]

ROWS = 12  # of the reader's batch: a number that is seldom the length of a code


def examine(model, loss, x, likelihood="bernoulli", deviation=None, train=None, seed=0):
    """Compare a reader's loss with the -ELBO of the reader's own encoder and decoder.

    model: any module with encode(x) -> mu, logvar, each `(B, ...)`, and decode(z) -> logits; with
    likelihood="gaussian" decode gives mean and logvar, or the mean alone if its deviation is stated.
    loss: function (model, x) -> the scalar that is minimised; it is called some twenty thousand times, on twelve
    rows of x or fewer.  x: a batch `(B, ...)` of the reader's data, on the model's device.
    train: optional function x -> float, which trains on small squares `(B, 144)` and returns the loss it reports:
    the mean over all of x, in nats per image.  seed: of all draws; PyTorch's own state is left as it was, and so
    is the model.

    Returns a Report; `report.rang` names the alarms that rang. Each comparison lets 6 standard errors pass, which
    a normal variable exceeds once in 500 million. Raises Refused, a ValueError, for what cannot be examined.
    """
    if not isinstance(seed, int) or seed < 0:
        raise Refused(f"seed must be an integer of 0 or more, got {seed!r}")
    if train is not None and not callable(train):
        raise Refused(f"train must be a function, got {type(train).__name__}")
    with torch.random.fork_rng(), torch.enable_grad():
        torch.manual_seed(seed)
        subject = Subject(model, loss, x, likelihood, deviation)
        subject.model.train()
        rows = ROWS if ROWS != subject.latent_dims else ROWS - 2
        some = x[:rows] if len(x) >= rows else x[: len(x) // 2 * 2]
        try:
            subject.value(subject.model, some)
        except Refused as error:
            words = f"any number of rows must do, and {len(some)} do not: {error}"
            raise Refused(words) from None
        states = spread_out(subject, some, seed)
        findings, target = examine_value(subject, states, some)
        batch, target = examine_batch(subject, states, some, target)
        findings.append(batch)
        if "noise" not in Report(findings).rang:  # else it has been named
            noise, target = examine_noise(subject, some, target)
            findings.append(noise)
        three = [states[0], states[len(states) // 3], states[-1]]
        findings += [
            *examine_gradient(subject, three, some, target),
            examine_mode(subject, states[:4], some, target),
            examine_data(subject),
            examine_outputs(subject, states, some),
        ]
        if train is not None:
            findings.append(examine_floor(train, seed))
    return Report(findings)
