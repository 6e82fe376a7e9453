import math

import pytest
import torch
from torch.nn import functional as F

from vaebook.models import BernoulliVAE, ModularVAE, sample_latents
from vaebook.objectives import (
    active_units,
    bernoulli_log_likelihood,
    importance_weighted_bound,
    kl_standard_normal,
    log_likelihood_on_grid,
    modular_negative_elbo,
    negative_elbo,
    torn_pairs,
)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class LinearGaussianKey:
    """A model whose log p(x) is known: no pixel depends on the code, so log p(x) = log p(x|z) for every z."""

    data_dims, latent_dims, data_range = 6, 2, (0, 1)
    logits = torch.linspace(-2, 2, 6, dtype=torch.float64)

    def encode(self, x):
        return x[:, :2] - 0.5, 0.3 * x[:, 2:4] - 0.2

    def decode(self, z):
        return self.logits.expand(*z.shape[:-1], 6)

    def __call__(self, x, noise):
        mu, logvar = self.encode(x)
        return self.decode(mu), mu, logvar


def test_kl_is_pytorchs():
    mu, logvar = randn(50, 4), randn(50, 4, seed=1)
    q = torch.distributions.Normal(mu, (logvar / 2).exp())
    p = torch.distributions.Normal(torch.zeros_like(mu), 1.0)
    torch.testing.assert_close(kl_standard_normal(mu, logvar), torch.distributions.kl_divergence(q, p).sum(-1),
                               rtol=0, atol=1e-12)


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


def test_negative_elbo_adds_its_two_parts_per_example(small_model, small_x, generator):
    terms = negative_elbo(small_model, small_x, generator)
    assert {name: term.shape for name, term in terms.items()} == dict.fromkeys(("loss", "reconstruction", "kl"), (30,))
    torch.testing.assert_close(terms["loss"], terms["reconstruction"] + terms["kl"])
    torch.testing.assert_close(terms["kl"], kl_standard_normal(*small_model.encode(small_x)))


def modular_terms(seed=5):
    """A small modular VAE, 7 examples, its loss terms, and the same terms by formulas and autograd alone."""
    torch.manual_seed(0)
    model, x = ModularVAE(12, [8], 3).double(), (randn(7, 12) > 0).double()
    terms = modular_negative_elbo(model, x, torch.Generator().manual_seed(seed))
    mu, logvar = model.encode(x)
    z = sample_latents(mu, logvar, randn(7, 3, seed=seed))
    reconstruction = -bernoulli_log_likelihood(model.decode(z), x)
    kl = kl_standard_normal(mu, logvar)
    formulas = {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl, "mu": mu.mean(-1),
                "sigma": (0.5 * logvar).exp().mean(-1), "logvar": logvar.mean(-1)}
    return model, terms, formulas


def test_the_modular_elbo_reports_what_the_formulas_say():
    model, terms, formulas = modular_terms()
    assert list(terms) == list(formulas)
    for name, term in terms.items():
        assert term.shape == (7,)
        torch.testing.assert_close(term, formulas[name], rtol=0, atol=1e-12, msg=name)
    torch.testing.assert_close(model.kl.loss, formulas["kl"].mean(), rtol=0, atol=1e-12)


def test_the_modular_elbos_hand_written_gradient_is_that_of_the_mean_elbo():
    model, terms, formulas = modular_terms()
    ours = torch.autograd.grad(terms["loss"].mean(), list(model.parameters()))
    theirs = torch.autograd.grad(formulas["loss"].mean(), list(model.parameters()))
    for by_hand, by_autograd in zip(ours, theirs, strict=True):
        torch.testing.assert_close(by_hand, by_autograd, rtol=0, atol=1e-10)


def test_the_noise_of_the_elbo_is_standard_normal(generator):
    """A decoder that hands its code through shows what was drawn: its mean, variance and kurtosis."""
    drawn = []

    class Spy(LinearGaussianKey):
        def __call__(self, x, noise):
            drawn.append(noise)
            return super().__call__(x, noise)

    negative_elbo(Spy(), torch.zeros(100_000, 6), generator)
    noise = drawn[0].flatten()
    assert abs(noise.mean()) < 0.01 and abs(noise.var() - 1) < 0.02 and abs((noise**4).mean() - 3) < 0.15


def test_bound_is_exact_where_the_code_does_not_matter():
    """Then log p(x) is known, whatever the encoder proposes; the ELBO misses it by exactly the KL."""
    model, x = LinearGaussianKey(), (randn(5, 6) > 0).double()
    exact = bernoulli_log_likelihood(model.logits.expand(5, 6), x)
    generator = torch.Generator().manual_seed(0)
    many = importance_weighted_bound(model, x, 200_000, generator)
    one = torch.stack([importance_weighted_bound(model, x, 1, generator) for _ in range(4000)]).mean(0)
    torch.testing.assert_close(many, exact, rtol=0, atol=0.02)
    kl = kl_standard_normal(*model.encode(x))
    torch.testing.assert_close(one, exact - kl, rtol=0, atol=0.1)
    assert (kl > 0.2).any()


def test_bound_converges_to_the_integral_of_a_real_decoder():
    """With a one-dimensional code log p(x) can be integrated numerically."""
    torch.manual_seed(1)
    model = BernoulliVAE(6, [8], 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
        x = (torch.rand(4, 6) > 0.5).float()
        z = torch.linspace(-10, 10, 20_001)[:, None]
        log_joint = (bernoulli_log_likelihood(model.decode(z)[:, None], x)
                     - 0.5 * z.square() - 0.5 * math.log(2 * math.pi))
        exact = torch.logsumexp(log_joint, 0) + math.log(20 / 20_000)
        bound = importance_weighted_bound(model, x, 50_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(bound, exact, rtol=0, atol=0.03)


def test_the_grid_is_exact_where_the_code_does_not_matter():
    model, x = LinearGaussianKey(), (randn(5, 6) > 0).double()
    exact = bernoulli_log_likelihood(model.logits.expand(5, 6), x)
    for step in (0.04, 0.1):
        torch.testing.assert_close(log_likelihood_on_grid(model, x, step), exact, rtol=0, atol=1e-5)


def test_the_grid_agrees_with_the_bound_of_a_real_decoder_in_the_limit():
    torch.manual_seed(1)
    model = BernoulliVAE(6, [8], 2).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
        x = (torch.rand(4, 6) > 0.5).double()
        bound = importance_weighted_bound(model, x, 500_000, torch.Generator().manual_seed(0))
        grid = log_likelihood_on_grid(model, x)
        assert (grid.max() - grid.min()) > 0.1
    torch.testing.assert_close(grid, bound, rtol=0, atol=0.03)


def test_torn_pairs_are_neighbours_that_lie_far_apart():
    place = torch.cartesian_prod(torch.arange(4.0), torch.arange(5.0))
    assert torn_pairs(place, (4, 5)) == 0
    moved = place.clone()
    moved[0] += torch.tensor([-20.0, 0.0])  # a corner has two neighbours, of 4 * 4 + 3 * 5 pairs
    assert torn_pairs(moved, (4, 5)) == pytest.approx(2 / 31)
    assert torn_pairs(moved, (4, 5), factor=30) == 0
    halves = place + 10 * (place[:, :1] > 1)  # a tear between the second and the third row
    assert torn_pairs(halves, (4, 5)) == pytest.approx(5 / 31)
    assert torn_pairs(halves, (4, 5), factor=8) == pytest.approx(5 / 31)  # 8 times the median, not the mean
    assert torn_pairs(halves.reshape(4, 5, 2).transpose(0, 1).reshape(20, 2), (5, 4)) == pytest.approx(5 / 31)


def test_bound_does_not_depend_on_the_rows_decoded_at_a_time(small_model, small_x):
    averages = []
    for rows in (1, 100, 10_000):
        with torch.no_grad():
            bound = importance_weighted_bound(small_model, small_x, 5000, torch.Generator().manual_seed(3), rows)
        assert bound.shape == (30,)
        averages.append(bound)
    torch.testing.assert_close(averages[0], averages[2], rtol=0, atol=0.1)
    torch.testing.assert_close(averages[1], averages[2], rtol=0, atol=0.1)


def test_bound_has_gradients(small_model, small_x):
    importance_weighted_bound(small_model, small_x, 5).sum().backward()
    assert all(parameter.grad is not None for parameter in small_model.parameters())


def test_active_units_are_those_whose_mean_varies():
    class Key(LinearGaussianKey):
        def encode(self, x):
            return torch.stack([x[:, 0], 0.05 * x[:, 1]], dim=1), torch.zeros(len(x), 2)

    assert active_units(Key(), (randn(1000, 6) > 0).double()).tolist() == [True, False]


@pytest.mark.parametrize("call, message", [
    (lambda: kl_standard_normal(torch.zeros(3, 2), torch.zeros(3, 4)), r"logvar must have the shape of mu, \(3, 2\)"),
    (lambda: kl_standard_normal(torch.zeros(3, 2), torch.zeros(1, 2)), "logvar"),
    (lambda: bernoulli_log_likelihood(torch.zeros(3, 5), torch.zeros(3, 4)), r"x must match logits of shape \(3, 5\)"),
    (lambda: bernoulli_log_likelihood(torch.zeros(3, 5), torch.zeros(4, 5)), "x must match logits"),
    (lambda: bernoulli_log_likelihood(torch.zeros(3, 5), torch.zeros(3, 1)), "x must match logits"),
    (lambda: importance_weighted_bound(LinearGaussianKey(), torch.zeros(2, 6), 0), "num_samples .* got 0"),
    (lambda: importance_weighted_bound(LinearGaussianKey(), torch.zeros(2, 5), 3), r"x must have shape \(B, 6\)"),
    (lambda: importance_weighted_bound(LinearGaussianKey(), torch.full((2, 6), math.nan), 3), "x must be finite"),
    (lambda: importance_weighted_bound(LinearGaussianKey(), torch.full((2, 6), 1.5), 3), r"x must .*\[0, 1\].*1.5"),
    (lambda: active_units(LinearGaussianKey(), torch.zeros(0, 6)), "x must hold at least one"),
    (lambda: log_likelihood_on_grid(LinearGaussianKey(), torch.zeros(2, 5)), r"x must have shape \(B, 6\)"),
    (lambda: log_likelihood_on_grid(LinearGaussianKey(), torch.zeros(2, 6), 0), "step must be a positive number"),
    (lambda: log_likelihood_on_grid(LinearGaussianKey(), torch.zeros(2, 6), 0.1, -1), "reach must be a positive"),
    (lambda: log_likelihood_on_grid(ModularVAE(6, [4], 3), torch.zeros(2, 6)), "model must have latent_dims 2, got 3"),
])
def test_errors_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
