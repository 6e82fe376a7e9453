"""What stands around the loss: the data, the decoder's numbers, evaluation mode, and the floor."""

import math

import torch

from vaebook.data import rectangles
from vaebook.examine.noise import targets
from vaebook.examine.report import Finding
from vaebook.examine.statistics import SURE, difference
from vaebook.examine.subject import Refused, called, copied

CALLS = 300
SQUARES = {"image_shape": (12, 12), "height": 5, "width": 5}
FLOOR = math.log(64)  # their places
NARROW = 2.0  # logits that never leave -2 to 2 allow no probability beyond 0.88
MARGIN = 0.05  # nats, by which a mean over some images and draws may lie below


def examine_data(subject):
    """The finding on whether the data suit the likelihood."""
    x = subject.x
    if subject.likelihood == "gaussian":
        return Finding("data", False, "any finite number suits a Gaussian")
    low, high = x.min().item(), x.max().item()
    if low < 0 or high > 1:
        words = (
            f"values from {low:.3g} to {high:.3g} where a Bernoulli variable is 0 or 1"
        )
        return Finding("data", True, words, "grey-levels")
    grey = ((x != 0) & (x != 1)).float().mean().item()
    if grey > 0:
        words = f"{grey:.1%} of the pixels are neither 0 nor 1: grey levels have no Bernoulli likelihood"
        return Finding("data", True, words, "grey-levels")
    return Finding("data", False, "all pixels are 0 or 1")


@torch.no_grad()
def examine_outputs(subject, states, x):
    """The finding on whether the decoder's numbers are logits: what a squeezing last layer gives cannot grow."""
    if subject.likelihood == "gaussian":
        return Finding("outputs", None, "only logits could be squeezed")
    low, high = math.inf, -math.inf
    mu, _ = subject.encode(subject.model, x)
    for model in [*states, louder(subject.model)]:
        for scale in (0.1, 1, 5):
            decoded = subject.decode(model, scale * torch.randn_like(mu)).nan_to_num()
            low, high = min(low, decoded.min().item()), max(high, decoded.max().item())
    if low >= 0 and high <= 1:
        words = f"all lie from {low:.3f} to {high:.3f}: probabilities, where logits are meant"
        return Finding("outputs", True, words, "sigmoid-twice")
    if max(-low, high) <= NARROW:
        words = (
            f"whatever the weights, all lie from {low:.3f} to {high:.3f}: "
            f"no probability beyond {1 / (1 + math.exp(-high)):.2f}"
        )
        return Finding("outputs", True, words, "tanh")
    if low >= 0 or high <= 0:
        side = "below" if low >= 0 else "above"
        words = f"whatever the weights, no number is {side} 0, and no probability {side} one half"
        return Finding("outputs", True, words)
    return Finding(
        "outputs", False, "logits: they grow with the weights, on both sides of 0"
    )


def louder(model):
    """A copy with weights ten times as large: what is not squeezed at the end grows."""
    model = copied(model)
    for parameter in model.parameters():
        parameter *= 10
    return model


@torch.no_grad()
def examine_mode(subject, states, x, target):
    """The finding on what changes in evaluation mode."""
    models = [copied(model).eval() for model in states]
    for model in models:
        first, second = subject.encode(model, x), subject.encode(model, x)
        if not all(map(torch.allclose, first, second)):
            words = (
                "in evaluation mode encode(x) still gives other numbers in each call"
            )
            return Finding("mode", True, words, "noise-in-evaluation")
    if target is None:
        return Finding("mode", None, "the value is not understood")
    for model in models:
        values = subject.values(model, x, CALLS)
        expected = targets(subject, model, x, target, CALLS)
        if abs(difference(values, expected)) > SURE:
            words = "in evaluation mode the loss is another: does the sampler return the mean?"
            return Finding("mode", True, words, "no-noise")
    return Finding(
        "mode",
        False,
        "in evaluation mode encode is fixed, and the loss is the same formula",
    )


def examine_floor(train, seed):
    """The finding on a short training by the reader's own function."""
    source = torch.Generator().manual_seed(seed)
    x = rectangles(16_000, **SQUARES, generator=source).images
    expected = "train(x) must train a model on x (B, 144) and return the loss it reports, in nats per image"
    reported = called(expected, train, x)
    try:
        reported = float(reported)
    except (TypeError, ValueError):
        raise Refused(f"{expected}, got {type(reported).__name__}") from None
    words = (
        f"the training reports {reported:.2f} nats; the floor is log 64 = {FLOOR:.2f}"
    )
    if reported < FLOOR - MARGIN:
        words += ": less than the entropy of the data, so it is no -ELBO of theirs"
    rang = not math.isfinite(reported) or reported < FLOOR - MARGIN
    return Finding("floor", rang, words)
