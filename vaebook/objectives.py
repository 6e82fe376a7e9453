"""What is maximised and measured, in nats per example, for any model of the contract.

A model answers encode(x), decode(z) and log_likelihood(z, x), and states its latent_dims.
Noise is an argument: standard normal, `(N, B, Z)`, N codes for each of B examples.
"""

import math

import torch

from vaebook import checks
from vaebook.distributions import (
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    kl_standard_normal,
    sample_latents,
)

__all__ = [
    "active_units",
    "bernoulli_log_likelihood",
    "gaussian_log_likelihood",
    "importance_log_weights",
    "importance_weighted_bound",
    "importance_weighted_loss",
    "kl_standard_normal",
    "log_joint",
    "log_likelihood_on_grid",
    "modular_negative_elbo",
    "negative_elbo",
    "sample_latents",
]


def negative_elbo(model, x, noise):
    """The -ELBO of each example, averaged over N codes, and its two parts.

    x: `(B, D)`.  noise: `(N, B, Z)`, standard normal.
    Returns a dict of `(B,)` tensors in nats: loss = reconstruction + kl. The KL is exact.
    Raises TypeError or ValueError for a model or noise that does not fit.
    Source: Kingma & Welling (2014), equation 10 with L = N.
    """
    checks.noise("noise", noise, x, model)
    mu, logvar = model.encode(x)
    z = sample_latents(mu, logvar, noise)
    reconstruction = -model.log_likelihood(z, x).mean(0)
    kl = kl_standard_normal(mu, logvar)
    return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


def modular_negative_elbo(model, x, noise):
    """The -ELBO of each example for a `ModularVAE`, by way of its layers.

    x: `(B, D)`.  noise: `(N, B, Z)`, standard normal.
    Returns a dict of `(B,)` tensors: loss = reconstruction + kl in nats, and the code's
    mu, sigma and logvar, averaged over its dimensions. Only the reconstruction carries a
    gradient: the gradient of the KL is the layer's business.
    Raises TypeError or ValueError for a model or noise that does not fit.
    """
    checks.noise("noise", noise, x, model)
    mu, logvar = model.kl(model.encode(x))
    z = model.sample((mu, logvar), noise)
    reconstruction = -model.log_likelihood(z, x).mean(0)
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


def importance_log_weights(model, x, noise):
    """log of the weights p(x|z) p(z) / q(z|x) of N codes for each example: `(N, B)`.

    Arguments and errors as for `negative_elbo`. Source: Burda et al. (2016), equation 8.
    """
    checks.noise("noise", noise, x, model)
    mu, logvar = model.encode(x)
    z = sample_latents(mu, logvar, noise)
    log_prior_over_q = 0.5 * (noise.square() + logvar - z.square()).sum(-1)
    return model.log_likelihood(z, x) + log_prior_over_q


def importance_weighted_loss(model, x, noise):
    """Minus the importance-weighted bound on log p(x) of each example, from N codes.

    Arguments and errors as for `negative_elbo`. Returns {"loss": `(B,)`}, in nats.
    Source: Burda et al. (2016), equation 8.
    """
    log_weights = importance_log_weights(model, x, noise)
    return {"loss": math.log(len(noise)) - log_weights.logsumexp(0)}


def importance_weighted_bound(model, x, num_samples, generator=None, rows=5000):
    """Lower bound on log p(x) from `num_samples` weighted codes per example, in nats.

    x: `(B, D)`.  rows: how many codes are decoded at a time. It limits the memory; with
    another number the examples get other draws. Returns `(B,)`.
    Raises TypeError or ValueError if num_samples < 1 or model and x do not suit each other.
    Source: Burda et al. (2016), equation 8.
    """
    checks.positive_int("num_samples", num_samples)
    checks.data("x", x, model)
    like_x = {"device": x.device, "dtype": x.dtype}
    bounds = []
    for part in x.split(max(1, rows // num_samples)):
        shape = (num_samples, len(part), model.latent_dims)
        noise = torch.randn(shape, generator=generator, **like_x)
        bounds.append(-importance_weighted_loss(model, part, noise)["loss"])
    return torch.cat(bounds)


def log_joint(model, z, x):
    """log p(x, z) = log p(x|z) + log p(z), in nats, of codes z for the rows of x.

    Shapes are those of the model's log_likelihood.
    """
    log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)
    return model.log_likelihood(z, x) + log_prior


def log_likelihood_on_grid(model, x, step=0.04, reach=5.0):
    """log p(x) by adding up p(x|z) p(z) over a grid of codes, for one or two numbers.

    x: `(B, D)`.  step: distance of neighbours on the grid, which spans -reach to reach
    on each axis.  Returns `(B,)`, in nats. Raises TypeError or ValueError if the code is
    longer, x does not suit the model, or step or reach is not positive.
    """
    checks.data("x", x, model)
    checks.positive("step", step)
    checks.positive("reach", reach)
    dims = model.latent_dims
    if dims not in (1, 2):
        raise ValueError(f"model must have latent_dims 1 or 2, got {dims}")
    like_x = {"device": x.device, "dtype": x.dtype}
    axis = torch.arange(-reach, reach + step / 2, step, **like_x)
    grid = torch.cartesian_prod(*[axis] * dims).reshape(-1, dims)
    total = torch.full((len(x),), -torch.inf, **like_x)
    for z in grid.split(5000):
        every_code_and_row = log_joint(model, z[:, None], x)  # (5000, B)
        total = torch.logaddexp(total, every_code_and_row.logsumexp(0))
    return total + dims * math.log(step)


def active_units(model, x, threshold=0.01):
    """Which dimensions of the code are used: Var over x of E[z|x] above `threshold`.

    x: `(B, D)`. Returns a boolean tensor `(Z,)`.
    Source: Burda et al. (2016), section 5.2.
    """
    checks.data("x", x, model)
    mu, _ = model.encode(x)
    return mu.var(0) > threshold
