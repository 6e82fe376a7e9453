"""Comparing what a loss returns with what it should, both known from draws."""

from dataclasses import dataclass

import torch
from scipy.stats import ks_2samp, norm, t

SURE = 6.0  # standard errors: by luck alone once in 500 million comparisons
ROUNDING = 3e-5  # of a value: what single precision may lose in a sum over a batch


@dataclass(frozen=True)
class Means:
    """Means over draws in several states. values: `(S,)`.  terms: `(S, K)`.

    covariances: `(S, 1 + K, 1 + K)`, of the means of value and terms, which may share their noise.
    """

    values: torch.Tensor
    terms: torch.Tensor
    covariances: torch.Tensor

    def errors(self, weights):
        """The standard error of value - weights . terms in each state, with what rounding may add."""
        signed = torch.cat([weights.new_ones(1), -weights])
        squared = torch.einsum("i,kij,j->k", signed, self.covariances, signed)
        rounding = ROUNDING * (self.terms.abs() @ weights.abs())
        return (squared.clamp(min=0) + rounding.square() + 1e-24).sqrt()

    def misses(self, weights):
        """By how many standard errors value - weights . terms is not 0, `(S,)`."""
        return (self.values - self.terms @ weights) / self.errors(weights)

    def worst(self, weights):
        """The largest miss over the states."""
        return self.misses(weights).abs().max().item()

    def resolution(self, weights):
        """What could still be wrong with the value unseen, in the state where that is most."""
        return SURE * self.errors(weights).max().item()

    def fitted(self, rounds=4):
        """Weights `(K,)` by weighted least squares."""
        of_values = self.covariances[:, 0, 0].sqrt()
        error = of_values + ROUNDING * self.values.abs() + 1e-12
        for _ in range(rounds):
            rows = self.terms / error[:, None]
            inverse = torch.linalg.pinv(rows.T @ rows)
            weights = inverse @ (rows.T @ (self.values / error))
            error = self.errors(weights)
        return weights

    def with_constant(self):
        """With a term more, which is 1 in each state."""
        states, count = self.terms.shape
        covariances = self.covariances.new_zeros(states, count + 2, count + 2)
        covariances[:, : count + 1, : count + 1] = self.covariances
        terms = torch.cat([self.terms, torch.ones_like(self.terms[:, :1])], 1)
        return Means(self.values, terms, covariances)

    def total(self):
        """With one term: the sum of all."""
        count = self.terms.shape[1]
        sums = self.terms.new_zeros(2, 1 + count)
        sums[0, 0], sums[1, 1:] = 1, 1
        covariances = sums @ self.covariances @ sums.T
        return Means(self.values, self.terms.sum(1, keepdim=True), covariances)


def means(values, terms):
    """The Means of draws: values, a list of `(n,)`, and terms, a list of `(n, K)`, an entry for each state.

    Draw i of both starts from one seed: where the loss draws as the terms do, the noise cancels.
    """
    joint = [torch.cat([y[:, None], t], 1) for y, t in zip(values, terms, strict=True)]
    centre = torch.stack([draws.mean(0) for draws in joint])
    covariances = torch.stack([covariance(draws) for draws in joint])
    return Means(centre[:, 0], centre[:, 1:], covariances)


def mean_and_error(draws):
    """Mean of draws `(n, ...)` and its standard error."""
    return draws.mean(0), draws.std(0) / len(draws) ** 0.5


def covariance(draws):
    """Of the mean of draws `(n, K)`: `(K, K)`."""
    centred = draws - draws.mean(0)
    return centred.T @ centred / (len(draws) * (len(draws) - 1))


def surely(miss, count):
    """A miss in standard errors, for an error known from `count` draws only, as one of a known error (Student)."""
    return miss * (SURE / t.isf(norm.sf(SURE), count - 1))


def difference(a, b, rounding=0.0):
    """How far apart the means of two samples are, in standard errors; rounding: by how much they may differ anyway."""
    (mean_a, error_a), (mean_b, error_b) = mean_and_error(a), mean_and_error(b)
    error = (error_a.square() + error_b.square()).sqrt()
    floor = rounding + ROUNDING * (mean_a.abs() + mean_b.abs()) + 1e-12
    return ((mean_a - mean_b) / (error + floor)).item()


def likeness(a, b):
    """The probability by which samples as different as these come from one distribution (Kolmogorov, Smirnov).

    Where their means are surely different, only the shapes count. Both are blurred by what rounding may change:
    noise of +1 and -1 makes values that are few and exact.
    """
    if abs(difference(a, b)) > SURE:
        b = b + (a.mean() - b.mean())
    blur = ROUNDING * (a.abs().mean() + b.abs().mean())
    a, b = (sample + blur * torch.randn_like(sample) for sample in (a, b))
    return ks_2samp(a.numpy(), b.numpy(), method="asymp").pvalue


def draws_in_each(values, single):
    """How many independent draws each value seems to average, if single is of one: by the ratio of variances."""
    return max(1, round((single.var() / values.var().clamp(min=1e-300)).item()))
