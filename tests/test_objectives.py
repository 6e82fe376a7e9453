import math

import pytest
import torch
from scipy.special import logsumexp

from vaebook import objectives
from vaebook.distributions import bernoulli_log_likelihood, kl_standard_normal, sample_latents
from vaebook.models import BernoulliVAE, GaussianVAE, ModularVAE
from vaebook.objectives import (
    active_units,
    importance_log_weights,
    importance_weighted_bound,
    importance_weighted_loss,
    log_joint,
    log_likelihood_on_grid,
    modular_negative_elbo,
    negative_elbo,
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

    def log_likelihood(self, z, x):
        return bernoulli_log_likelihood(self.decode(z), x)


def test_negative_elbo_adds_its_two_parts_per_example(small_model, small_x):
    for codes in (1, 6):
        noise = randn(codes, 30, 3)
        terms = negative_elbo(small_model, small_x, noise)
        assert list(terms) == ["loss", "reconstruction", "kl"] and {term.shape for term in terms.values()} == {(30,)}
        torch.testing.assert_close(terms["loss"], terms["reconstruction"] + terms["kl"])
        torch.testing.assert_close(terms["kl"], kl_standard_normal(*small_model.encode(small_x)))
        mu, logvar = small_model.encode(small_x)
        one_by_one = [
            -bernoulli_log_likelihood(small_model.decode(mu + (logvar / 2).exp() * one), small_x) for one in noise
        ]
        torch.testing.assert_close(terms["reconstruction"], torch.stack(one_by_one).mean(0))


def modular_terms(codes=1):
    """A small modular VAE, 7 examples, its loss terms, and the same terms by formulas and autograd alone."""
    torch.manual_seed(0)
    model, x, noise = ModularVAE(12, [8], 3).double(), (randn(7, 12) > 0).double(), randn(codes, 7, 3, seed=5)
    terms = modular_negative_elbo(model, x, noise)
    mu, logvar = model.encode(x)
    z = sample_latents(mu, logvar, noise)
    reconstruction = -bernoulli_log_likelihood(model.decode(z), x).mean(0)
    kl = kl_standard_normal(mu, logvar)
    formulas = {
        "loss": reconstruction + kl,
        "reconstruction": reconstruction,
        "kl": kl,
        "mu": mu.mean(-1),
        "sigma": (0.5 * logvar).exp().mean(-1),
        "logvar": logvar.mean(-1),
    }
    return model, terms, formulas, negative_elbo(model, x, noise)


@pytest.mark.parametrize("codes", [1, 4])
def test_the_modular_elbo_reports_what_the_formulas_say(codes):
    model, terms, formulas, general = modular_terms(codes)
    assert list(terms) == list(formulas)
    for name, term in terms.items():
        assert term.shape == (7,)
        torch.testing.assert_close(term, formulas[name], rtol=0, atol=1e-12, msg=name)
    for name, term in general.items():
        torch.testing.assert_close(term, terms[name], rtol=0, atol=1e-12, msg=name)
    torch.testing.assert_close(model.kl.loss, formulas["kl"].mean(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("codes", [1, 4])
def test_the_modular_elbos_hand_written_gradient_is_that_of_the_mean_elbo(codes):
    model, terms, formulas, general = modular_terms(codes)
    gradients = [
        torch.autograd.grad(loss.mean(), list(model.parameters()))
        for loss in (terms["loss"], formulas["loss"], general["loss"])
    ]
    for by_hand, *by_autograd in zip(*gradients, strict=True):
        for other in by_autograd:
            torch.testing.assert_close(by_hand, other, rtol=0, atol=1e-10)


def test_no_objective_changes_a_model():
    model, x, noise = ModularVAE(12, [8], 2).double(), (randn(7, 12) > 0).double(), randn(4, 7, 2)
    model.sample.generator = own = torch.Generator().manual_seed(3)
    state, weights = own.get_state(), {name: value.clone() for name, value in model.state_dict().items()}
    for loss_fn in (negative_elbo, modular_negative_elbo, importance_weighted_loss):
        loss_fn(model, x, noise)
    importance_weighted_bound(model, x, 5)
    log_likelihood_on_grid(model, x, 0.5)
    active_units(model, x)
    assert model.sample.generator is own and torch.equal(own.get_state(), state) and model.training
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_the_weighted_loss_is_the_bound_turned_round(small_model, small_x):
    """The weights written out: p(x|z) p(z) / q(z|x), each by PyTorch's own densities."""
    noise = randn(8, 30, 3)
    mu, logvar = small_model.encode(small_x)
    q, prior = torch.distributions.Normal(mu, (logvar / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    z = q.loc + q.scale * noise
    pixels = torch.distributions.Bernoulli(logits=small_model.decode(z))
    log_weights = pixels.log_prob(small_x).sum(-1) + (prior.log_prob(z) - q.log_prob(z)).sum(-1)
    assert torch.allclose(importance_log_weights(small_model, small_x, noise), log_weights, rtol=0, atol=1e-9)
    expected = logsumexp(log_weights.detach().numpy(), axis=0) - math.log(8)
    assert -importance_weighted_loss(small_model, small_x, noise)["loss"].detach().numpy() == pytest.approx(expected)
    with torch.no_grad():
        bound = importance_weighted_bound(small_model, small_x, 8, torch.Generator().manual_seed(1), rows=10**6)
        drawn = torch.randn(8, 30, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        assert torch.equal(bound, -importance_weighted_loss(small_model, small_x, drawn)["loss"])


def test_the_joint_is_likelihood_plus_prior(small_model, small_x):
    z = randn(4, 30, 3)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    torch.testing.assert_close(log_joint(small_model, z, small_x), small_model.log_likelihood(z, small_x) + prior)


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
        log_joint = (
            bernoulli_log_likelihood(model.decode(z)[:, None], x) - 0.5 * z.square() - 0.5 * math.log(2 * math.pi)
        )
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


def test_the_grid_of_one_number_is_an_integral():
    torch.manual_seed(1)
    model, x = GaussianVAE(3, 5, 1).double(), randn(4, 3)
    z = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    with torch.no_grad():
        joint = log_joint(model, z[:, None, None], x)
        expected = torch.trapezoid(joint.exp(), z, dim=0).log()
        torch.testing.assert_close(log_likelihood_on_grid(model, x, 0.01, 8.0), expected, rtol=0, atol=1e-8)


def test_the_rows_decoded_at_a_time_change_the_draws_and_not_the_bound(small_model, small_x):
    with torch.no_grad():
        bounds = [
            importance_weighted_bound(small_model, small_x, 5000, torch.Generator().manual_seed(3), rows)
            for rows in (5000, 50_000, 10**6)
        ]  # one example at a time, ten, and all
    for bound in bounds:
        assert bound.shape == (30,) and (bound - bounds[0]).mean().abs() < 0.03
    assert not torch.equal(bounds[0], bounds[1]) and not torch.equal(bounds[1], bounds[2])


def test_bound_has_gradients(small_model, small_x):
    importance_weighted_bound(small_model, small_x, 5).sum().backward()
    assert all(parameter.grad is not None for parameter in small_model.parameters())


def test_active_units_are_those_whose_mean_varies():
    class Key(LinearGaussianKey):
        def encode(self, x):
            return torch.stack([x[:, 0], 0.05 * x[:, 1]], dim=1), torch.zeros(len(x), 2)

    assert active_units(Key(), (randn(1000, 6) > 0).double()).tolist() == [True, False]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: importance_weighted_bound(LinearGaussianKey(), torch.zeros(2, 6), 0), "num_samples .* got 0"),
        (lambda: importance_weighted_bound(LinearGaussianKey(), torch.zeros(2, 5), 3), r"x must have shape \(B, 6\)"),
        (lambda: importance_weighted_bound(LinearGaussianKey(), torch.full((2, 6), math.nan), 3), "x must be finite"),
        (lambda: importance_weighted_bound(LinearGaussianKey(), torch.full((2, 6), 1.5), 3), r"x must .*\[0, 1\].*1.5"),
        (lambda: active_units(LinearGaussianKey(), torch.zeros(0, 6)), "x must hold at least one"),
        (lambda: log_likelihood_on_grid(LinearGaussianKey(), torch.zeros(2, 5)), r"x must have shape \(B, 6\)"),
        (lambda: log_likelihood_on_grid(LinearGaussianKey(), torch.zeros(2, 6), 0), "step must be a positive number"),
        (lambda: log_likelihood_on_grid(LinearGaussianKey(), torch.zeros(2, 6), 0.1, -1), "reach must be a positive"),
        (
            lambda: log_likelihood_on_grid(ModularVAE(6, [4], 3), torch.zeros(2, 6)),
            "must have latent_dims 1 or 2, got 3",
        ),
    ],
)
def test_errors_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()


DOORS = {
    "negative_elbo": lambda model, x: negative_elbo(model, x, torch.zeros(1, len(x), 2)),
    "importance_weighted_loss": lambda model, x: importance_weighted_loss(model, x, torch.zeros(1, len(x), 2)),
    "importance_weighted_bound": lambda model, x: importance_weighted_bound(model, x, 3),
    "log_likelihood_on_grid": log_likelihood_on_grid,
    "active_units": active_units,
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("call", ["encode", "decode", "log_likelihood"])
def test_a_model_without_one_of_the_three_calls_is_refused_by_its_name(door, call):
    class Partial:
        data_dims, latent_dims = 6, 2

    for name in {"encode", "decode", "log_likelihood"} - {call}:
        setattr(Partial, name, getattr(LinearGaussianKey, name))
    with pytest.raises(TypeError, match=rf"model must answer {call}\(.*got a Partial without {call}"):
        DOORS[door](Partial(), torch.zeros(4, 6))


def test_a_model_that_does_not_say_how_long_its_code_is_is_refused():
    class Silent:
        def __init__(self):
            self.encode = self.decode = self.log_likelihood = lambda *_: None

    with pytest.raises(TypeError, match="model must state its latent_dims, got a Silent without them"):
        negative_elbo(Silent(), torch.zeros(4, 6), torch.zeros(1, 4, 2))


def test_the_formulas_can_be_had_from_here_too():
    for name in ("kl_standard_normal", "bernoulli_log_likelihood", "gaussian_log_likelihood", "sample_latents"):
        assert getattr(objectives, name).__module__ == "vaebook.distributions"
