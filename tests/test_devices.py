"""Nothing in layers, models and objectives mixes devices: run on a CUDA device that is not there.

PyTorch's fake tensors have a device, a shape and no data, and refuse an operation on two devices. Checks that look
at data are set aside.
"""

from types import SimpleNamespace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributions import MultivariateNormal

from vaebook import checks, layers, models, objectives, quadrature
from vaebook.layers import BernoulliNoise, SaltAndPepper
from vaebook.models import BernoulliVAE, GaussianVAE, LinearGaussianVAE, ModularVAE

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*[Cc]uda.*"),
    pytest.mark.skipif(torch.__version__ < (2, 15), reason="before 2.15 torch asks the driver for fake tensors, too"),
]


@pytest.fixture(autouse=True)
def fake_cuda(monkeypatch):
    """Everything inside is on a CUDA device that does not exist."""
    for check in ("data", "binary", "covariance", "linear_decoder"):
        monkeypatch.setattr(checks, check, lambda *_: None)
    with FakeTensorMode(), torch.device("cuda"):
        yield


def denoising(make, layer=BernoulliNoise):
    model = make(12, [8], 2)
    model.encode.insert(0, layer(0.1))
    return model


def linear():
    return LinearGaussianVAE(torch.zeros(2), torch.ones(2, 1), torch.ones(2))


MODELS = {
    "BernoulliVAE": lambda: BernoulliVAE(12, [8], 2),
    "ModularVAE": lambda: ModularVAE(12, [8], 2),
    "denoising BernoulliVAE": lambda: denoising(BernoulliVAE),
    "denoising ModularVAE": lambda: denoising(ModularVAE),
    "salted BernoulliVAE": lambda: denoising(BernoulliVAE, SaltAndPepper),
    "GaussianVAE": lambda: GaussianVAE(2, 8, 1),
    "LinearGaussianVAE": linear,
    "probabilistic PCA": lambda: models.probabilistic_pca(torch.zeros(2), torch.eye(2), 1),
}


def everything(model, x, noise):
    """What a chapter asks of a model, by the name of what is asked; each on the device of x."""
    found = {name: term for name, term in objectives.negative_elbo(model, x, noise).items()}
    found["weights"] = objectives.importance_log_weights(model, x, noise)
    found["weighted"] = objectives.importance_weighted_loss(model, x, noise)["loss"]
    found["bound"] = objectives.importance_weighted_bound(model, x, 3)
    found["grid"] = objectives.log_likelihood_on_grid(model, x, 0.5)
    found["joint"] = objectives.log_joint(model, noise, x)
    found["active"] = objectives.active_units(model, x)
    if isinstance(model, ModularVAE):
        by_layers = objectives.modular_negative_elbo(model, x, noise)
        found |= {f"by layers, {name}": term for name, term in by_layers.items()}
        found["chain"], found[".loss"] = model(x), model.kl.loss
    return found


@pytest.mark.parametrize("name", MODELS)
def test_every_result_is_on_the_device_of_the_data(name):
    model = MODELS[name]()
    x, noise = torch.rand(5, model.data_dims), torch.randn(4, 5, model.latent_dims)
    for what, value in everything(model, x, noise).items():
        assert value.device.type == "cuda", what


def test_averages_without_a_draw_are_on_the_device_of_the_distribution():
    data = MultivariateNormal(torch.zeros(2), torch.eye(2), validate_args=False)
    tensors = [*quadrature.hermite_points(data), quadrature.sigma_points(data)]
    assert {tensor.device.type for tensor in tensors} == {"cuda"}
    asked = set()

    def item(tensor):
        asked.add(tensor.device.type)
        return 0.0

    with pytest.MonkeyPatch.context() as patch:  # a fake tensor has no data to give away
        patch.setattr(torch.Tensor, "item", item)
        quadrature.exact_parts(linear(), data)
    assert asked == {"cuda"}


def test_the_hand_written_gradients_are_there_too():
    """Autograd itself cannot run without the device, so each backward is called as it would call it."""
    mu, logvar, flips = torch.rand(5, 2), torch.rand(5, 2), torch.rand(5, 2) > 0.5
    passes = [
        (layers.AddKLGradient, (mu, logvar, torch.tensor(0.5)), (mu, logvar)),
        (layers.Reparameterize, (mu, logvar, torch.rand(5, 2)), (logvar,)),
        (layers.FlipPixels, (flips,), (mu,)),
    ]
    for function, saved, arriving in passes:
        gradients = function.backward(SimpleNamespace(saved_tensors=saved), *arriving)
        assert {gradient.device.type for gradient in gradients if gradient is not None} == {"cuda"}


def test_no_public_part_is_left_out():
    """What a chapter could use of the three modules is either called above or is a part of what is."""
    called = {
        "EntryByEntry",
        "AddKLGradient",
        "KullbackLeiblerDivergence",
        "Reparameterize",
        "ReparameterizationSampler",
        "GaussianHead",
        "UniformLike",
        "uniform_like",
        "FlipPixels",
        "BernoulliNoise",
        "SaltAndPepper",
    }
    called |= {
        "hidden_layers",
        "mirrored_networks",
        "BernoulliPixels",
        "BernoulliVAE",
        "ModularVAE",
        "GaussianMLP",
        "GaussianCoordinates",
        "GaussianVAE",
        "LinearGaussianVAE",
        "probabilistic_pca",
    }
    called |= {"hermite_points", "sigma_points", "exact_parts"}
    called |= {
        "negative_elbo",
        "modular_negative_elbo",
        "importance_log_weights",
        "importance_weighted_loss",
        "importance_weighted_bound",
        "log_joint",
        "log_likelihood_on_grid",
        "active_units",
    }
    public = {
        name
        for module in (layers, models, objectives, quadrature)
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__
    }
    assert public == called


def cpu_noise_in_the_sampler(monkeypatch):
    monkeypatch.setattr(layers.torch, "randn", lambda *shape, **_: torch.ones(shape[0], device="cpu"))
    return ModularVAE(12, [8], 2)(torch.rand(5, 12))


def cpu_axis_on_the_grid(monkeypatch):
    monkeypatch.setattr(objectives.torch, "arange", lambda *_, **__: torch.ones(3, device="cpu"))
    return objectives.log_likelihood_on_grid(BernoulliVAE(12, [8], 2), torch.rand(5, 12))


def cpu_half_of_a_model(monkeypatch):
    model = BernoulliVAE(12, [8], 2)
    with torch.device("cpu"):
        model.decode = models.mirrored_networks(12, [8], 2)[1]
    return objectives.negative_elbo(model, torch.rand(5, 12), torch.randn(1, 5, 2))


@pytest.mark.parametrize("mix_up", [cpu_noise_in_the_sampler, cpu_axis_on_the_grid, cpu_half_of_a_model])
def test_a_mix_up_of_devices_is_noticed(mix_up, monkeypatch):
    with pytest.raises(RuntimeError, match="device"):
        mix_up(monkeypatch)
