"""Copies of the model in other states, so that parts of a loss can be told apart."""

import math

import torch

from vaebook.examine.subject import Refused, copied

SCALE = 0.3  # of a parameter's own spread, by which a shaken copy differs
CALM = 8.0  # logits of a copy; beyond SATURATED, sigmoids in single precision fail
SATURATED = 12.0
FEWEST = 3  # states, with which parts can be told apart


def generator(seed, device):
    return torch.Generator(device).manual_seed(seed)


def shaken(model, seed, scale=SCALE):
    """A copy of the model whose parameters are moved at random."""
    model = copied(model)
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.is_floating_point():
                continue
            source = generator(seed, parameter.device)
            like = {"device": parameter.device, "dtype": parameter.dtype}
            noise = torch.randn(parameter.shape, generator=source, **like)
            spread = parameter.std() if parameter.numel() > 1 else parameter.abs()
            parameter += scale * noise * (spread if spread > 0 else 0.1)
            seed += 1
    return model


def pulled(subject, model, x, mu, logvar, steps=120, rate=0.02):
    """A copy of the model whose encoder gives about this mu and logvar for each row of x.

    mu, logvar: numbers, or tensors that broadcast to the encoder's. It need not succeed: what is
    compared is what the copy's own encoder says.
    """
    model = copied(model)
    weights = [part for part in model.parameters() if part.requires_grad]
    if not weights:
        return model
    optimizer = torch.optim.Adam(weights, lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        own_mu, own_logvar = subject.encode(model, x)
        miss = (own_mu - mu).square().mean() + (own_logvar - logvar).square().mean()
        if not miss.requires_grad:
            break
        miss.backward()
        optimizer.step()
    model.zero_grad()
    if subject.likelihood == "bernoulli":
        calm(subject, model, x, weights)
    return model


@torch.no_grad()
def largest(subject, model, x):
    """The largest logit by size, at the codes' means and two sigma from them; inf where one is no number."""
    mu, logvar = subject.encode(model, x)
    shifts = [side * (0.5 * logvar).exp() for side in (-2, 0, 2)]
    sizes = [subject.decode(model, mu + shift).abs().max() for shift in shifts]
    return torch.stack(sizes).nan_to_num(nan=math.inf).max().item()


def calm(subject, model, x, weights, steps=40):
    """Shrink a copy's decoder until no probability is too close to 0 or 1."""
    if largest(subject, model, x) <= CALM:
        return
    mu, _ = subject.encode(model, x)
    total = subject.decode(model, mu.detach()).sum()
    if not total.requires_grad:
        return
    used = torch.autograd.grad(total, weights, allow_unused=True)
    decoder = [part for part, g in zip(weights, used, strict=True) if g is not None]
    for _ in range(steps):
        with torch.no_grad():
            for part in decoder:
                part *= 0.9
        if largest(subject, model, x) <= CALM:
            break


@torch.no_grad()
def usable(subject, model, x):
    """Whether all that a copy gives is finite, and its logits lie where a sigmoid is not yet 0 or 1."""
    try:
        reconstruction, kl = subject.terms(model, x)
        subject.value(model, x)
        size = 0 if subject.likelihood == "gaussian" else largest(subject, model, x)
    except Refused:
        return False
    return size < SATURATED and torch.isfinite(reconstruction + kl).item()


def spread_out(subject, x, seed=0):
    """The model as it came, and six others: shaken, with codes of several means and widths; those that are usable.

    Raises Refused where too few are.
    """
    states = [copied(subject.model)]
    for number in range(6):
        source = generator(seed + 100 * number, x.device)
        with torch.no_grad():
            mu, _ = subject.encode(subject.model, x)
        like = {"generator": source, "device": x.device, "dtype": mu.dtype}
        target_mu = (0.3, 1, 2)[number % 3] * torch.randn(mu.shape[1:], **like)
        target_logvar = torch.empty(mu.shape[1:], device=x.device, dtype=mu.dtype)
        low, high = ((-5, -2), (-2, 1))[
            number % 2
        ]  # narrow codes for exact means, wide ones for what depends on them
        target_logvar.uniform_(low, high, generator=source)
        model = shaken(
            subject.model, seed + 1000 * (number + 1), SCALE * (1 + number / 2)
        )
        states.append(pulled(subject, model, x, target_mu, target_logvar))
    found = [state for state in states if usable(subject, state, x)]
    if len(found) < FEWEST:
        raise Refused(
            f"model must give finite numbers when its weights are changed a little, "
            f"got them in {len(found)} of {len(states)} copies"
        )
    return found
