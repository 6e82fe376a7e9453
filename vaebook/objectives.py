"""What is maximised and measured: likelihoods and bounds, in nats per example."""

import math

import torch
from torch.nn import functional as F

from vaebook.checks import (
    check_data,
    check_last_axis,
    check_positive,
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


def gaussian_log_likelihood(mu, logvar, x):
    """log p(x|z) of independent normal coordinates, in nats.

    mu, logvar: `(..., D)`, mean and log-variance of each.  x: `(..., D)`.
    Returns `(...)`. Raises ValueError if the shapes do not fit.
    Source: Kingma & Welling (2014), appendix C.2.
    """
    check_same_shape("logvar", logvar, "mu", mu)
    check_last_axis("x", x, "mu", mu)
    scaled = (x - mu).square() / logvar.exp()
    return -0.5 * (math.log(2 * math.pi) + logvar + scaled).sum(-1)


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


def monte_carlo_negative_elbo(model, x, noise):
    """The -ELBO of each example for a `GaussianVAE`, averaged over N codes, and its two parts.

    x: `(B, D)`.  noise: `(N, B, Z)`, standard normal.
    Returns a dict of `(B,)` tensors in nats: loss = reconstruction + kl. The KL is exact.
    Raises ValueError for noise of another shape and for N = 0.
    Source: Kingma & Welling (2014), equation 10 with L = N.
    """
    x_mu, x_logvar, mu, logvar = model(x, noise)
    reconstruction = -gaussian_log_likelihood(x_mu, x_logvar, x).mean(0)
    kl = kl_standard_normal(mu, logvar)
    return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


def importance_weighted_loss(model, x, noise):
    """Minus the importance-weighted bound of each example for a `GaussianVAE`, from N codes.

    Arguments as for `monte_carlo_negative_elbo`. Returns {"loss": `(B,)`}, in nats.
    Source: Burda et al. (2016), equation 8.
    """
    x_mu, x_logvar, mu, logvar = model(x, noise)
    z = sample_latents(mu, logvar, noise)
    log_prior_over_q = 0.5 * (noise.square() + logvar - z.square()).sum(-1)
    log_weights = gaussian_log_likelihood(x_mu, x_logvar, x) + log_prior_over_q
    return {"loss": math.log(len(noise)) - log_weights.logsumexp(0)}


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


def log_likelihood_on_grid(model, x, step=0.04, reach=5.0):
    """log p(x) by adding up p(x|z) p(z) over a grid of codes, for a code of two numbers.

    x: `(B, D)`.  step: distance of neighbours on the grid, which spans -reach to reach
    on both axes.  Returns `(B,)`, in nats. Raises ValueError if the code has another
    length, x does not suit the model, or step or reach is not positive.
    """
    check_data("x", x, model)
    check_positive("step", step)
    check_positive("reach", reach)
    if model.latent_dims != 2:
        raise ValueError(f"model must have latent_dims 2, got {model.latent_dims}")
    axis = torch.arange(-reach, reach + step / 2, step, device=x.device, dtype=x.dtype)
    total = torch.full((len(x),), -torch.inf, device=x.device, dtype=x.dtype)
    for z in torch.cartesian_prod(axis, axis).split(5000):
        x_logits = model.decode(z)
        log_joint = (
            x_logits @ x.T  # log p(x|z) for every code and every image at once
            - F.softplus(x_logits).sum(-1, keepdim=True)
            - 0.5 * z.square().sum(-1, keepdim=True)
        )
        total = torch.logaddexp(total, log_joint.logsumexp(0))
    return total + 2 * math.log(step) - math.log(2 * math.pi)


def torn_pairs(codes, grid_shape, factor=4):
    """How much of a map is torn: the share of neighbours on a grid that lie far apart.

    codes: `(R * C, Z)`, of things on a grid of places, listed row by row.
    grid_shape: (R, C).  A pair is torn if its codes are more than `factor` times as far
    apart as those of the median pair. Returns a number in [0, 1].
    """
    mesh = codes.reshape(*grid_shape, -1)
    down, right = mesh[1:] - mesh[:-1], mesh[:, 1:] - mesh[:, :-1]
    lengths = torch.cat([down.norm(dim=-1).flatten(), right.norm(dim=-1).flatten()])
    return (lengths > factor * lengths.median()).float().mean().item()


def active_units(model, x, threshold=0.01):
    """Which dimensions of the code are used: Var over x of E[z|x] above `threshold`.

    x: `(B, D)`. Returns a boolean tensor `(Z,)`.
    Source: Burda et al. (2016), section 5.2.
    """
    check_data("x", x, model)
    mu, _ = model.encode(x)
    return mu.var(0) > threshold
