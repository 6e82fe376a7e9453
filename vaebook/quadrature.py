"""Averages over normal distributions without a draw: fixed points, each with a weight."""

import math

import torch
from scipy.special import roots_hermitenorm

from vaebook import checks
from vaebook.distributions import gaussian_log_likelihood, kl_standard_normal
from vaebook.objectives import log_joint


def hermite_points(distribution, num_points=12):
    """Points and weights that average over a normal distribution of D numbers.

    distribution: a `MultivariateNormal`.  num_points: P, along each axis.
    Returns points `(P^D, D)` and weights `(P^D,)`, whose sum is 1. The weighted mean of a
    polynomial is exact up to degree 2 P - 1 along each axis.
    Source: Gauss-Hermite quadrature, Abramowitz & Stegun (1964), 25.4.46.
    """
    checks.positive_int("num_points", num_points)
    mean, dims = distribution.mean, len(distribution.mean)
    rule = roots_hermitenorm(num_points)
    places, weights = (torch.from_numpy(numbers).to(mean) for numbers in rule)
    grid = torch.cartesian_prod(*[places] * dims).reshape(-1, dims)
    shares = torch.cartesian_prod(*[weights / weights.sum()] * dims).reshape(-1, dims)
    return mean + grid @ distribution.scale_tril.T, shares.prod(1)


def sigma_points(distribution):
    """Points `(2 D, D)` with exactly the mean and the covariance of D normal numbers.

    Their plain mean is exact for what is at most quadratic.
    Source: Julier & Uhlmann (1997), equation 12 with kappa = 0.
    """
    steps = math.sqrt(len(distribution.mean)) * distribution.scale_tril.T
    return torch.cat([distribution.mean + steps, distribution.mean - steps])


@torch.no_grad()
def exact_parts(model, distribution, num_points=12, step=0.05, reach=8.0):
    """The averages of (4.14) over all data, without a draw, in nats.

    model: with a code of one number.  distribution: of the data, a `MultivariateNormal`.
    num_points: of the quadrature over x, on each axis.  step, reach: of the grid of codes.
    Returns a dict of numbers: gap = decoder + encoder, kl, loss.
    Raises ValueError for a longer code. Twin of exactParts in live/maths.js.
    """
    if model.latent_dims != 1:
        raise ValueError(f"model must have latent_dims 1, got {model.latent_dims}")
    x, weights = hermite_points(distribution, num_points)
    like_x = {"dtype": x.dtype, "device": x.device}
    z = torch.arange(-reach, reach + step / 2, step, **like_x)[:, None, None]
    mu, logvar = model.encode(x)
    shares = gaussian_log_likelihood(mu, logvar, z).softmax(0)  # of q(z|x), (K, B)
    reconstruction = -(shares * model.log_likelihood(z, x)).sum(0)
    evidence = log_joint(model, z, x).logsumexp(0) + math.log(step)  # log p(x)
    truth, kl = distribution.log_prob(x), kl_standard_normal(mu, logvar)
    loss = reconstruction + kl
    rows = {"gap": loss + truth, "decoder": truth - evidence}
    rows |= {"encoder": loss + evidence, "kl": kl, "loss": loss}
    return {name: (weights @ row).item() for name, row in rows.items()}
