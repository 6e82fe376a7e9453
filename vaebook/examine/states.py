"""Copies of the model in other states, so that parts of a loss can be told apart."""

import copy

import torch

SCALE = 0.3  # of a parameter's own spread, by which a shaken copy differs


def generator(seed, device):
    return torch.Generator(device).manual_seed(seed)


def shaken(model, seed, scale=SCALE):
    """A copy of the model whose parameters are moved at random."""
    model = copy.deepcopy(model)
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
    model = copy.deepcopy(model)
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
    return model


def spread_out(subject, x, seed=0):
    """The model as it came, and six others: shaken, with codes of several means and widths."""
    states = [copy.deepcopy(subject.model)]
    for number in range(6):
        source = generator(seed + 100 * number, x.device)
        mu, logvar = subject.encode(subject.model, x)
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
    return states
