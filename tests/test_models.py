import pytest
import torch

from vaebook.models import (
    BernoulliVAE,
    hidden_layers,
    ModularVAE,
    sample_latents,
)


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


@pytest.mark.parametrize("hidden_sizes", [[], [5], [7, 5], (9, 7, 5)])
def test_any_list_of_hidden_sizes_is_mirrored(hidden_sizes):
    model = BernoulliVAE(11, hidden_sizes, 2)
    x_logits, mu, logvar = model(torch.zeros(4, 11), torch.zeros(4, 2))
    assert x_logits.shape == (4, 11) and mu.shape == logvar.shape == (4, 2)
    down = [layer.weight.shape for layer in model.encoder if hasattr(layer, "weight")]
    up = [layer.weight.shape for layer in model.decoder[0] if hasattr(layer, "weight")]
    assert [rows for rows, _ in down] == list(hidden_sizes)
    assert [rows for rows, _ in up] == list(reversed(hidden_sizes))


def test_the_number_of_parameters_is_the_sum_over_linear_layers():
    count = sum(parameter.numel() for parameter in BernoulliVAE(784, [400], 20).parameters())
    assert count == 784 * 400 + 400 + 2 * (400 * 20 + 20) + 20 * 400 + 400 + 400 * 784 + 784


def test_forward_decodes_the_reparameterised_code(small_model, small_x):
    noise = torch.randn(30, 3, dtype=torch.float64)
    x_logits, mu, logvar = small_model(small_x, noise)
    torch.testing.assert_close(x_logits, small_model.decode(mu + (logvar / 2).exp() * noise))


def test_hidden_layers_end_in_a_relu():
    outputs = hidden_layers([4, 6])(torch.randn(100, 4))
    assert outputs.min() == 0 and outputs.max() > 0


@pytest.mark.parametrize("arguments, name", [((0, [4], 2), "data_dims"), ((4, [4], 0), "latent_dims"),
                                             ((4.0, [4], 2), "data_dims"), ((4, [0], 2), "hidden_sizes")])
@pytest.mark.parametrize("make", [BernoulliVAE, ModularVAE])
def test_a_size_that_is_none_is_named(make, arguments, name):
    with pytest.raises(ValueError, match=name):
        make(*arguments)


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
