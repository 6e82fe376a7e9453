"""The layers' values, their hand-written gradients, and the places they must work in."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

from vaebook.distributions import kl_standard_normal, sample_latents
from vaebook.layers import GaussianHead, KullbackLeiblerDivergence, ReparameterizationSampler, Reparameterize
from vaebook.models import ModularVAE


def gaussian(*shape, dtype=torch.float64, requires_grad=False):
    source = torch.Generator().manual_seed(3)
    return tuple(torch.randn(*shape, generator=source, dtype=dtype).requires_grad_(requires_grad) for _ in range(2))


def downstream(mu, logvar):
    """Any function of what the layer passes on; its gradients for mu and logvar differ in every entry."""
    return (mu.sin() * logvar.exp() + mu * mu.flip(0)).sum()


class WholeObjective(torch.autograd.Function):
    """The value of downstream loss plus the layer's own, with the gradient that the layer delivers.

    gradcheck wants a backward that scales with what arrives; a layer that adds a gradient of its own does not.
    Their sum, seen as one function, does.
    """

    @staticmethod
    def forward(ctx, mu, logvar, layer):
        with torch.enable_grad():
            pair = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
            value = downstream(*layer(pair))
            ctx.gradients = torch.autograd.grad(value, pair)
        return value.detach() + layer.loss

    @staticmethod
    def backward(ctx, grad_output):
        return *(grad_output * gradient for gradient in ctx.gradients), None


SCALES = [
    ({}, 1.0),
    ({"weight": 2.5}, 2.5),
    ({"size_average": True}, 1 / 15),
    ({"weight": 3, "size_average": True}, 0.2),
    ({"weight": 0}, 0.0),
]


@pytest.mark.parametrize("options, scale", SCALES)
def test_the_kl_layer_passes_on_its_input_and_keeps_the_kl(options, scale):
    mu, logvar = gaussian(5, 3)
    layer = KullbackLeiblerDivergence(**options)
    out_mu, out_logvar = layer((mu, logvar))
    assert torch.equal(out_mu, mu) and torch.equal(out_logvar, logvar)
    q, p = torch.distributions.Normal(mu, (logvar / 2).exp()), torch.distributions.Normal(torch.zeros_like(mu), 1.0)
    expected = scale * torch.distributions.kl_divergence(q, p).sum()
    torch.testing.assert_close(layer.loss, expected, rtol=0, atol=1e-12)
    assert layer.loss.dim() == 0 and not layer.loss.requires_grad


@pytest.mark.parametrize("options, scale", SCALES)
def test_the_kl_layer_adds_the_gradient_of_autograd(options, scale):
    by_hand, by_autograd = gaussian(5, 3, requires_grad=True), gaussian(5, 3, requires_grad=True)
    downstream(*KullbackLeiblerDivergence(**options)(by_hand)).backward()
    (downstream(*by_autograd) + scale * kl_standard_normal(*by_autograd).sum()).backward()
    for ours, theirs in zip(by_hand, by_autograd, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("options", [options for options, _ in SCALES])
def test_gradcheck_of_the_kl_layer(options):
    layer = KullbackLeiblerDivergence(**options)
    pair = gaussian(5, 3, requires_grad=True)
    assert torch.autograd.gradcheck(lambda mu, logvar: WholeObjective.apply(mu, logvar, layer), pair)


def test_the_kl_layer_works_where_only_the_mean_is_used():
    mu, logvar = gaussian(5, 3, requires_grad=True)
    KullbackLeiblerDivergence()((mu, logvar))[0].sum().backward()
    torch.testing.assert_close(mu.grad, 1 + mu.detach())
    torch.testing.assert_close(logvar.grad, 0.5 * (logvar.detach().exp() - 1))


def test_the_sampler_draws_the_reparameterised_code_from_its_generator():
    mu, logvar = gaussian(5, 3)
    z = ReparameterizationSampler(torch.Generator().manual_seed(7))((mu, logvar))
    noise = torch.randn(5, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    torch.testing.assert_close(z, sample_latents(mu, logvar, noise), rtol=0, atol=1e-12)


@pytest.mark.parametrize("codes", [1, 4])
def test_the_sampler_takes_noise_in_the_place_of_its_own_draw(codes):
    by_hand, by_autograd = gaussian(5, 3, requires_grad=True), gaussian(5, 3, requires_grad=True)
    noise, own = torch.randn(codes, 5, 3, dtype=torch.float64), torch.Generator().manual_seed(7)
    before = own.get_state()
    z = ReparameterizationSampler(own)(by_hand, noise)
    assert torch.equal(own.get_state(), before) and z.shape == (codes, 5, 3)
    torch.testing.assert_close(z, sample_latents(*by_autograd, noise), rtol=0, atol=1e-12)
    z.pow(3).sum().backward()
    sample_latents(*by_autograd, noise).pow(3).sum().backward()
    for ours, theirs in zip(by_hand, by_autograd, strict=True):
        assert ours.grad.shape == (5, 3)
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


def test_the_samplers_codes_have_the_mean_and_the_variance_asked_for(generator):
    sampler = ReparameterizationSampler(generator)
    mu, logvar = torch.tensor([1.0, -2.0]).expand(200_000, 2), torch.tensor([-1.0, 2.0]).expand(200_000, 2)
    z = sampler((mu, logvar))
    torch.testing.assert_close(z.mean(0), mu[0], atol=0.03, rtol=0)
    torch.testing.assert_close(z.var(0).log(), logvar[0], atol=0.03, rtol=0)
    kurtosis = ((z - mu) / (logvar / 2).exp()).pow(4).mean(0)
    torch.testing.assert_close(kurtosis, torch.full((2,), 3.0), atol=0.1, rtol=0)  # a normal's; a uniform's is 1.8


def test_gradcheck_of_the_sampler():
    noise, pair = torch.randn(5, 3, dtype=torch.float64), gaussian(5, 3, requires_grad=True)
    assert torch.autograd.gradcheck(lambda mu, logvar: Reparameterize.apply(mu, logvar, noise), pair)


def test_the_samplers_gradient_is_autograds():
    by_hand, by_autograd = gaussian(5, 3, requires_grad=True), gaussian(5, 3, requires_grad=True)
    noise = torch.randn(5, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    z = ReparameterizationSampler(torch.Generator().manual_seed(7))(by_hand)
    z.pow(3).sum().backward()
    sample_latents(*by_autograd, noise).pow(3).sum().backward()
    for ours, theirs in zip(by_hand, by_autograd, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_floating_dtype_and_device_is_kept(dtype, device):
    mu, logvar = (part.to(device, dtype).requires_grad_() for part in gaussian(5, 3))
    layer = KullbackLeiblerDivergence()
    z = ReparameterizationSampler()(layer((mu, logvar)))
    z.sum().backward()
    for tensor in (z, layer.loss, mu.grad, logvar.grad):
        assert tensor.dtype == dtype and tensor.device.type == device and torch.isfinite(tensor).all()


def test_the_layers_work_without_gradients():
    pair = gaussian(5, 3, requires_grad=True)
    layer, sampler = KullbackLeiblerDivergence(), ReparameterizationSampler()
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            assert not sampler(layer(pair)).requires_grad and layer.loss > 0


def save_and_load(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), save_and_load])
def test_a_model_with_the_layers_can_be_copied_pickled_and_moved_after_training(twin_of):
    torch.manual_seed(0)
    model = ModularVAE(12, [8], 3)
    model.sample.generator = torch.Generator().manual_seed(1)
    x = torch.rand(4, 12)
    model(x).sum().backward()
    twin = twin_of(model)
    twin.sample.generator.manual_seed(2)
    model.sample.generator.manual_seed(2)
    torch.testing.assert_close(twin(x), model(x))
    assert torch.equal(twin.kl.loss, model.kl.loss) and twin.data_dims == 12
    moved = twin.double().to("cpu")
    assert moved(x.double()).dtype == torch.float64
    assert list(moved.state_dict()) == list(model.state_dict())  # the layers add nothing to the weights


def test_a_gaussian_head_is_two_linear_layers():
    head, hidden = GaussianHead(6, 2), torch.randn(5, 6)
    mu, logvar = head(hidden)
    torch.testing.assert_close(mu, nn.functional.linear(hidden, head.mu.weight, head.mu.bias))
    torch.testing.assert_close(logvar, nn.functional.linear(hidden, head.logvar.weight, head.logvar.bias))


@pytest.mark.parametrize(
    "weight, error",
    [(-1, ValueError), (float("nan"), ValueError), (float("inf"), ValueError), ("1", TypeError), (None, TypeError)],
)
def test_a_weight_that_is_no_number_of_at_least_zero_is_named(weight, error):
    with pytest.raises(error, match=f"weight must be a number of at least 0, got {weight!r}"):
        KullbackLeiblerDivergence(weight)


FLOAT, LONG = torch.zeros(4, 2), torch.zeros(4, 2, dtype=torch.long)


@pytest.mark.parametrize("layer", [KullbackLeiblerDivergence(), ReparameterizationSampler()])
@pytest.mark.parametrize(
    "pair, error, message",
    [
        ((FLOAT, torch.zeros(4, 3)), ValueError, r"logvar must have the shape of mu, \(4, 2\), got \(4, 3\)"),
        ((LONG, FLOAT), TypeError, "mu must be a floating-point tensor, got a torch.int64 tensor"),
        ((FLOAT, LONG), TypeError, "logvar must be a floating-point tensor, got a torch.int64 tensor"),
        ((FLOAT, 0.0), TypeError, "logvar must be a floating-point tensor, got float"),
        (FLOAT, TypeError, r"gaussian must be a pair \(mu, logvar\), got Tensor"),
        ((FLOAT,), TypeError, r"gaussian must be a pair \(mu, logvar\), got 1 of them"),
    ],
)
def test_a_pair_that_does_not_fit_is_named(layer, pair, error, message):
    with pytest.raises(error, match=message):
        layer(pair)
