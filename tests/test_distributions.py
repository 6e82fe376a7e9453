"""The formulas against PyTorch's distributions, SciPy, and sums that must be one."""

import math

import pytest
import torch
from scipy import integrate, special, stats
from torch.nn import functional as F

from vaebook.distributions import bernoulli_log_likelihood, gaussian_log_likelihood, kl_standard_normal, sample_latents


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_kl_is_pytorchs():
    mu, logvar = randn(50, 4), randn(50, 4, seed=1)
    q = torch.distributions.Normal(mu, (logvar / 2).exp())
    p = torch.distributions.Normal(torch.zeros_like(mu), 1.0)
    torch.testing.assert_close(
        kl_standard_normal(mu, logvar), torch.distributions.kl_divergence(q, p).sum(-1), rtol=0, atol=1e-12
    )


def test_kl_is_zero_at_the_prior_and_summed_over_dimensions():
    assert kl_standard_normal(torch.zeros(3, 7), torch.zeros(3, 7)).tolist() == [0, 0, 0]
    torch.testing.assert_close(kl_standard_normal(torch.full((1, 10), 2.0), torch.zeros(1, 10)), torch.tensor([20.0]))


def test_bernoulli_log_likelihood_is_the_summed_cross_entropy():
    logits, x = 5 * randn(3, 8, 12), (randn(3, 8, 12, seed=1) > 0).double()
    expected = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    torch.testing.assert_close(bernoulli_log_likelihood(logits, x), expected, rtol=0, atol=1e-6)


def test_bernoulli_probabilities_of_all_images_sum_to_one():
    images = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 5)
    total = bernoulli_log_likelihood(randn(5).expand(32, 5), images).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-12)


def test_a_batch_broadcasts_against_many_codes():
    logits, x = randn(7, 4, 12), (randn(4, 12, seed=1) > 0).double()
    assert bernoulli_log_likelihood(logits, x).shape == (7, 4)


def test_likelihood_stays_finite_for_a_decoder_that_is_sure():
    logits = torch.tensor([[200.0, -200.0]])
    assert bernoulli_log_likelihood(logits, torch.tensor([[1.0, 0.0]])).item() == 0
    assert bernoulli_log_likelihood(logits, torch.tensor([[0.0, 1.0]])).item() == -400


def test_the_likelihoods_are_scipys():
    logits, x = 3 * randn(6, 5), (randn(6, 5, seed=1) > 0).double()
    expected = stats.bernoulli.logpmf(x.numpy(), special.expit(logits.numpy())).sum(-1)
    assert bernoulli_log_likelihood(logits, x).numpy() == pytest.approx(expected, abs=1e-10)
    mu, logvar, x = randn(6, 5), randn(6, 5, seed=1), randn(6, 5, seed=2)
    expected = stats.norm.logpdf(x.numpy(), mu.numpy(), (logvar / 2).exp().numpy()).sum(-1)
    assert gaussian_log_likelihood(mu, logvar, x).numpy() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("mu, sigma", [(0.7, 0.3), (-2.0, 1.0), (0.0, 2.5)])
def test_the_kl_is_its_integral(mu, sigma):
    q, p = stats.norm(mu, sigma), stats.norm()
    value, _ = integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), mu - 12 * sigma, mu + 12 * sigma)
    ours = kl_standard_normal(torch.tensor([mu]), torch.tensor([2 * math.log(sigma)]))
    assert ours.item() == pytest.approx(value, abs=1e-5)


def test_codes_have_the_mean_and_the_variance_asked_for(generator):
    mu, logvar = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2.0]])
    noise = torch.randn(200_000, 1, 2, generator=generator)
    z = sample_latents(mu, logvar, noise)
    assert z.shape == noise.shape
    torch.testing.assert_close(z.mean(0), mu, atol=0.03, rtol=0)
    torch.testing.assert_close(z.var(0).log(), logvar, atol=0.03, rtol=0)


def test_gradients_pass_to_mean_and_log_variance():
    mu = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    logvar = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    noise = torch.randn(4, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda m, v: sample_latents(m, v, noise), (mu, logvar))


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: kl_standard_normal(torch.zeros(3, 2), torch.zeros(3, 4)),
            r"logvar must have the shape of mu, \(3, 2\)",
        ),
        (lambda: kl_standard_normal(torch.zeros(3, 2), torch.zeros(1, 2)), "logvar"),
        (
            lambda: bernoulli_log_likelihood(torch.zeros(3, 5), torch.zeros(3, 4)),
            r"x must match logits of shape \(3, 5\)",
        ),
        (lambda: bernoulli_log_likelihood(torch.zeros(3, 5), torch.zeros(4, 5)), "x must match logits"),
        (lambda: bernoulli_log_likelihood(torch.zeros(3, 5), torch.zeros(3, 1)), "x must match logits"),
    ],
)
def test_errors_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
