import pytest
import torch
from torch import nn

from vaebook.distributions import bernoulli_log_likelihood
from vaebook.models import BernoulliVAE, ModularVAE, hidden_layers


@pytest.mark.parametrize("hidden_sizes", [[], [5], [7, 5], (9, 7, 5)])
def test_any_list_of_hidden_sizes_is_mirrored(hidden_sizes):
    model = BernoulliVAE(11, hidden_sizes, 2)
    mu, logvar = model.encode(torch.zeros(4, 11))
    assert mu.shape == logvar.shape == (4, 2) and model.decode(mu).shape == (4, 11)
    down = [layer.weight.shape for layer in model.encode if hasattr(layer, "weight")]
    up = [layer.weight.shape for layer in model.decode if hasattr(layer, "weight")]
    assert [rows for rows, _ in down] == list(hidden_sizes)
    assert [rows for rows, _ in up] == [*reversed(hidden_sizes), 11]


def test_the_number_of_parameters_is_the_sum_over_linear_layers():
    count = sum(parameter.numel() for parameter in BernoulliVAE(784, [400], 20).parameters())
    assert count == 784 * 400 + 400 + 2 * (400 * 20 + 20) + 20 * 400 + 400 + 400 * 784 + 784


def binary(*shape):
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(3)) > 0.5).double()


@pytest.mark.parametrize("make", [BernoulliVAE, ModularVAE])
def test_the_likelihood_of_each_code_is_that_of_its_own_row(make):
    torch.manual_seed(0)
    model, x = make(12, [8], 3).double(), binary(5, 12)
    z = torch.randn(4, 5, 3, dtype=torch.float64)
    together = model.log_likelihood(z, x)
    assert together.shape == (4, 5) and model.log_likelihood(z[0], x).shape == (5,)
    for sample in range(4):
        torch.testing.assert_close(model.log_likelihood(z[sample], x), together[sample])
        for row in range(5):
            alone = bernoulli_log_likelihood(model.decode(z[sample, row]), x[row])
            torch.testing.assert_close(alone, together[sample, row])


@pytest.mark.parametrize("rows", [1, 5])
def test_codes_without_a_row_of_their_own_meet_every_row(rows):
    torch.manual_seed(0)
    model, x, z = BernoulliVAE(12, [8], 3).double(), binary(rows, 12), torch.randn(7, 3, dtype=torch.float64)
    expected = torch.stack([bernoulli_log_likelihood(model.decode(code), x) for code in z])
    found = model.log_likelihood(z[:, None], x)
    assert found.shape == (7, rows)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_hidden_layers_end_in_a_relu():
    outputs = nn.Sequential(*hidden_layers([4, 6]))(torch.randn(100, 4))
    assert outputs.min() == 0 and outputs.max() > 0


@pytest.mark.parametrize(
    "arguments, name",
    [
        ((0, [4], 2), "data_dims"),
        ((4, [4], 0), "latent_dims"),
        ((4.0, [4], 2), "data_dims"),
        ((4, [0], 2), "hidden_sizes"),
    ],
)
@pytest.mark.parametrize("make", [BernoulliVAE, ModularVAE])
def test_a_size_that_is_none_is_named(make, arguments, name):
    with pytest.raises(ValueError, match=name):
        make(*arguments)


@pytest.mark.parametrize("make", [BernoulliVAE, ModularVAE])
@pytest.mark.parametrize("hidden_sizes", [10, "10", None, 10.5])
def test_hidden_sizes_that_are_no_list_are_named(make, hidden_sizes):
    with pytest.raises(TypeError, match=f"hidden_sizes must be a list of integers, got {hidden_sizes!r}"):
        make(4, hidden_sizes, 2)


def test_both_bernoulli_models_are_laid_out_alike():
    models = []
    for make in (BernoulliVAE, ModularVAE):
        torch.manual_seed(0)
        models.append(make(11, [7, 5], 2))
    plain, modular = (model.state_dict() for model in models)
    assert list(plain) == list(modular)
    assert all(torch.equal(plain[name], modular[name]) for name in plain)


def test_a_modular_vae_is_one_chain_of_modules():
    model = ModularVAE(576, [1152, 1152], 2)
    assert [name for name, _ in model.named_children()] == ["encode", "kl", "sample", "decode"]
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == (577 + 1153) * 1152 + 2 * 1153 * 2 + (3 + 1153) * 1152 + 1153 * 576
    x = torch.rand(5, 576)
    torch.manual_seed(1)
    z = model.sample(model.encode(x))
    torch.manual_seed(1)
    torch.testing.assert_close(model(x), model.decode(z))
    assert model(x).min() < 0  # logits, not probabilities
