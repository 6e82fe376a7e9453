"""The formulas that every VAE of the book is made of, in nats: a KL, two likelihoods, a draw."""

import math

from torch.nn import functional as F

from vaebook import checks


def kl_standard_normal(mu, logvar):
    """KL(q || N(0, I)) of q = N(mu, exp(logvar)), in nats.

    mu, logvar: `(..., Z)`. Returns `(...)`. Raises ValueError if their shapes differ.
    Source: Kingma & Welling (2014), appendix B.
    """
    checks.same_shape("logvar", logvar, "mu", mu)
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)


def bernoulli_log_likelihood(logits, x):
    """log p(x|z) of independent Bernoulli pixels, in nats.

    logits: `(..., D)`, log-odds of each pixel.  x: `(..., D)`, values in [0, 1].
    Returns `(...)`. Raises ValueError if the shapes do not fit.
    Source: Kingma & Welling (2014), appendix C.1.
    """
    checks.last_axis("x", x, "logits", logits)
    return (x * logits - F.softplus(logits)).sum(-1)


def gaussian_log_likelihood(mu, logvar, x):
    """log p(x|z) of independent normal coordinates, in nats.

    mu, logvar: `(..., D)`, mean and log-variance of each.  x: `(..., D)`.
    Returns `(...)`. Raises ValueError if the shapes do not fit.
    Source: Kingma & Welling (2014), appendix C.2.
    """
    checks.same_shape("logvar", logvar, "mu", mu)
    checks.last_axis("x", x, "mu", mu)
    scaled = (x - mu).square() / logvar.exp()
    return -0.5 * (math.log(2 * math.pi) + logvar + scaled).sum(-1)


def sample_latents(mu, logvar, noise):
    """Turn standard normal noise into codes: z = mu + sigma * noise.

    mu, logvar: `(B, Z)`, the mean and the log-variance of q(z|x).
    noise: `(B, Z)`, or `(N, B, Z)` for N codes per example.
    Returns z, shaped like `noise`. Source: Kingma & Welling (2014), section 2.4.
    """
    return mu + (0.5 * logvar).exp() * noise
