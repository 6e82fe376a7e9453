"""Losses that a slip would make of a model's `encode` and `decode`: what a wrong value is compared with."""

from dataclasses import dataclass
from functools import partial

import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Suspect:
    """A wrong loss. alarm: which one it belongs to.  words: what it does, for the reader.  slip: its entry.

    terms: function (subject, model, x) -> reconstruction, kl of the batch, with one draw.
    """

    alarm: str
    words: str
    slip: str
    terms: object


def right_codes(mu, logvar, noise):
    return mu + (0.5 * logvar).exp() * noise


def right_kl(mu, logvar):
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


def terms(
    subject,
    model,
    x,
    codes=right_codes,
    noise=torch.randn_like,
    kl=right_kl,
    reconstruct=None,
    sampled=False,
):
    """Reconstruction and KL of a batch, one of whose steps may be another than the right one.

    sampled: take for the KL what the draw says of it, log q(z|x) - log p(z).
    """
    mu, logvar = subject.encode(model, x)
    z = codes(mu, logvar, noise(mu))
    reconstruct = reconstruct or subject.minus_log_likelihood
    reconstruction = reconstruct(subject.decode(model, z), x).mean()
    divergence = sampled_kl(mu, logvar, z) if sampled else kl(mu, logvar)
    return reconstruction, divergence.flatten(1).sum(-1).mean()


def sampled_kl(mu, logvar, z):
    """log q(z|x) - log p(z) in each dimension: its mean over draws is the KL."""
    return 0.5 * (z.square() - (z - mu).square() / logvar.exp() - logvar)


# Noise ----------------------------------------------------------------------------------------------------------------


def signs(mu):
    return torch.randint_like(mu, 2) * 2 - 1


def laplace(mu):
    """Laplace noise of mean 0 and variance 1."""
    u = 0.999999 * (torch.rand_like(mu) - 0.5)
    return -u.sign() * torch.log1p(-2 * u.abs()) / 2**0.5


def shared_by_dimensions(mu):
    return torch.randn_like(mu[:, :1]).expand_as(mu)


def shared_by_batch(mu):
    return torch.randn_like(mu[:1]).expand_as(mu)


def evenly(mu):
    """Uniform noise of mean 0 and variance 1."""
    return (torch.rand_like(mu) - 0.5) * 12**0.5


NOISES = {
    "none at all: z is mu": (torch.zeros_like, "no-noise"),
    "uniform on [0, 1): rand for randn": (torch.rand_like, "rand"),
    "uniform": (evenly, "rand"),
    "+1 or -1": (signs, "signs"),
    "Laplace": (laplace, "laplace"),
    "one draw, shared by all dimensions of a code": (
        shared_by_dimensions,
        "one-draw-per-code",
    ),
    "one draw, shared by the whole batch": (shared_by_batch, "one-draw-per-batch"),
}


# Codes, KL, pixels ----------------------------------------------------------------------------------------------------


def with_variance(mu, logvar, noise):
    return mu + logvar.exp() * noise


def with_logvar(mu, logvar, noise):
    return mu + logvar * noise


def with_exp_of_twice(mu, logvar, noise):
    return mu + (2 * logvar).exp() * noise


def swapped_codes(mu, logvar, noise):
    return right_codes(logvar, mu, noise)


def swapped_kl(mu, logvar):
    return right_kl(logvar, mu)


def kl_of_sigma(mu, logvar):
    return 0.5 * (mu.square() + (0.5 * logvar).exp() - 1 - logvar)


def kl_of_double(mu, logvar):
    return 0.5 * (mu.square() + (2 * logvar).exp() - 1 - 2 * logvar)


def kl_of_raw(mu, logvar):
    return 0.5 * (mu.square() + logvar - 1 - logvar.clamp(min=1e-8).log())


def kl_clipped(mu, logvar):
    return right_kl(mu, logvar.relu())


def kl_half_of_logvar(mu, logvar):
    return mu.square() + logvar.exp() - 0.5 * logvar - 0.5


def kl_without_square(mu, logvar):
    return 0.5 * (mu + logvar.exp() - 1 - logvar)


def pixels(subject, change):
    """The cross entropy of what `change` makes of the decoded numbers."""
    return lambda decoded, x: subject.minus_log_likelihood(change(decoded), x)


def logit_of(decoded, low=1e-7):
    return decoded.clamp(low, 1 - low).logit()


CODES = {
    "the code is mu + variance * noise": (with_variance, "variance-for-sigma"),
    "the code is mu + logvar * noise": (with_logvar, "logvar-for-sigma"),
    "the code is mu + exp(2 logvar) * noise": (with_exp_of_twice, "variance-for-sigma"),
    "mu and logvar are swapped in the sampler": (swapped_codes, "swapped"),
}
KLS = {
    "the KL takes sigma where sigma^2 belongs": (kl_of_sigma, "sigma-in-kl"),
    "the KL takes logvar for log sigma": (kl_of_double, "log-sigma-in-kl"),
    "the KL takes logvar for the variance": (kl_of_raw, "logvar-for-variance-in-kl"),
    "the KL's half stands before the logarithm alone": (
        kl_half_of_logvar,
        "half-on-one-term",
    ),
    "the KL sees logvar through a ReLU": (kl_clipped, "relu-in-kl"),
    "the KL takes mu, not its square": (kl_without_square, "mu-in-kl"),
    "mu and logvar are swapped in the KL": (swapped_kl, "swapped"),
}
READINGS = {  # of what encode gives: all through the loss, so it may be meant so
    "log sigma": lambda mu, second: (mu, 2 * second),
    "sigma": lambda mu, second: (mu, 2 * second.clamp(min=1e-8).log()),
    "what softplus makes sigma": lambda mu, second: (mu, 2 * F.softplus(second).log()),
    "mu, and the first for logvar": lambda first, second: (second, first),
}
PIXELS = {
    "a sigmoid is taken twice": (torch.sigmoid, "sigmoid-twice"),
    "logits are taken as probabilities": (logit_of, "logits-as-probabilities"),
    "tanh stands before the cross entropy": (torch.tanh, "tanh"),
}


def read(reading):
    """Sampler and KL of a loss that reads what encode gives in another way."""
    return {
        "codes": lambda mu, logvar, noise: right_codes(*reading(mu, logvar), noise),
        "kl": lambda mu, logvar: right_kl(*reading(mu, logvar)),
    }


def suspects(subject):
    """All suspects that make sense with the subject's likelihood."""
    found = [
        Suspect("noise", f"the noise is {name}", slip, partial(terms, noise=noise))
        for name, (noise, slip) in NOISES.items()
    ]
    found += [
        Suspect("value", name, slip, partial(terms, codes=codes))
        for name, (codes, slip) in CODES.items()
    ]
    found += [
        Suspect("value", name, slip, partial(terms, kl=kl))
        for name, (kl, slip) in KLS.items()
    ]
    for name, reading in READINGS.items():
        words = f"the loss takes the second of what encode gives for {name}; `examine` takes it for log sigma^2"
        found.append(Suspect("value", words, "", partial(terms, **read(reading))))
    if subject.likelihood == "bernoulli":
        for name, (change, slip) in PIXELS.items():
            reconstruct = pixels(subject, change)
            found.append(
                Suspect("value", name, slip, partial(terms, reconstruct=reconstruct))
            )
        clamped = partial(terms, reconstruct=clamped_cross_entropy)
        found.append(
            Suspect(
                "value",
                "decode gives probabilities, and the loss takes them so",
                "",
                clamped,
            )
        )
    return found


def clamped_cross_entropy(decoded, x):
    """PyTorch's cross entropy of probabilities, whose logarithms end at -100."""
    probabilities, target = decoded.reshape(len(x), -1).clamp(0, 1), x.flatten(1)
    return F.binary_cross_entropy(probabilities, target, reduction="none").sum(-1)
