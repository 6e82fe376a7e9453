"""What is maximised and measured: likelihoods and bounds, in nats per example."""

import math

import torch
from torch.nn import functional as F

from vaebook.checks import (
    check_data,
    check_last_axis,
    check_positive_int,
    check_same_shape,
)
from vaebook.models import sample_latents


def kl_standard_normal(mu, logvar):
    """KL(q || N(0, I)) of q = N(mu, exp(logvar)), in nats.

    mu, logvar: `(..., Z)`. Returns `(...)`. Raises ValueError if their shapes differ.
    Source: Kingma & Welling (2014), appendix B.
    """
    check_same_shape("logvar", logvar, "mu", mu)
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)


def bernoulli_log_likelihood(logits, x):
    """log p(x|z) of independent Bernoulli pixels, in nats.

    logits: `(..., D)`, log-odds of each pixel.  x: `(..., D)`, values in [0, 1].
    Returns `(...)`. Raises ValueError if the shapes do not fit.
    Source: Kingma & Welling (2014), appendix C.1.
    """
    check_last_axis("x", x, "logits", logits)
    return (x * logits - F.softplus(logits)).sum(-1)


def negative_elbo(model, x, generator=None):
    """The -ELBO of each example with one sample of the code, and its two parts.

    x: `(B, D)`.  generator: source of the noise, on the device of `x`.
    Returns a dict of `(B,)` tensors in nats: loss = reconstruction + kl.
    Source: Kingma & Welling (2014), equation 10 with L = 1.
    """
    noise = torch.randn(
        len(x), model.latent_dims, generator=generator, device=x.device, dtype=x.dtype
    )
    x_logits, mu, logvar = model(x, noise)
    reconstruction = -bernoulli_log_likelihood(x_logits, x)
    kl = kl_standard_normal(mu, logvar)
    return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


def modular_negative_elbo(model, x, generator=None):
    """The -ELBO of each example for a `modular_vae`, whose KL layer adds its gradient.

    x: `(B, D)`.  generator: source of the noise, handed to the model's sampler.
    Returns a dict of `(B,)` tensors: loss = reconstruction + kl in nats, and the code's
    mu, sigma and logvar, averaged over its dimensions. Only the reconstruction carries a
    gradient: the gradient of the KL is the layer's business.
    """
    model.sample.generator = generator
    mu, logvar = model.encode(x)
    x_logits = model.decode(model.sample(model.kl((mu, logvar))))
    reconstruction = -bernoulli_log_likelihood(x_logits, x)
    mu, logvar = mu.detach(), logvar.detach()
    kl = kl_standard_normal(mu, logvar)
    return {
        "loss": reconstruction + kl,
        "reconstruction": reconstruction,
        "kl": kl,
        "mu": mu.mean(-1),
        "sigma": (0.5 * logvar).exp().mean(-1),
        "logvar": logvar.mean(-1),
    }


def importance_weighted_bound(model, x, num_samples, generator=None, rows=5000):
    """Lower bound on log p(x) from `num_samples` weighted codes per example, in nats.

    x: `(B, D)`.  rows: how many codes are decoded at a time (memory, not result).
    Returns `(B,)`. Raises ValueError if num_samples < 1 or x does not suit the model.
    Source: Burda et al. (2016), equation 8.
    """
    check_positive_int("num_samples", num_samples)
    check_data("x", x, model)
    bounds = []
    for part in x.split(max(1, rows // num_samples)):
        mu, logvar = model.encode(part)
        noise = torch.randn(
            num_samples, *mu.shape, generator=generator, device=x.device, dtype=x.dtype
        )
        z = sample_latents(mu, logvar, noise)
        log_prior_over_q = 0.5 * (noise.square() + logvar - z.square()).sum(-1)
        log_weights = bernoulli_log_likelihood(model.decode(z), part) + log_prior_over_q
        bounds.append(log_weights.logsumexp(0) - math.log(num_samples))
    return torch.cat(bounds)


def active_units(model, x, threshold=0.01):
    """Which dimensions of the code are used: Var over x of E[z|x] above `threshold`.

    x: `(B, D)`. Returns a boolean tensor `(Z,)`.
    Source: Burda et al. (2016), section 5.2.
    """
    check_data("x", x, model)
    mu, _ = model.encode(x)
    return mu.var(0) > threshold
