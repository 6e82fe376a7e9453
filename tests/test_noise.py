"""The noise layer of chapter 3: how often it flips, what it leaves alone, and its gradient."""

import copy
import io
import math

import pytest
import torch
from torch import nn

from vaebook.distributions import bernoulli_log_likelihood, kl_standard_normal
from vaebook.layers import BernoulliNoise, FlipPixels, SaltAndPepper
from vaebook.models import BernoulliVAE, ModularVAE
from vaebook.objectives import modular_negative_elbo


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def binary(*shape, seed=5, white=0.3, dtype=torch.float32):
    return (torch.rand(*shape, generator=source(seed)) < white).to(dtype)


def within_4_standard_deviations(hits, probability):
    deviation = math.sqrt(probability * (1 - probability) / hits.numel())
    return abs(hits.double().mean().item() - probability) <= 4 * deviation


@pytest.mark.parametrize("p", [0.01, 0.05, 0.1, 0.5, 0.95])
def test_a_million_pixels_are_flipped_as_often_as_p_says(p):
    x = binary(1000, 1000)
    noisy = BernoulliNoise(p, source(1))(x)
    flipped = noisy != x
    assert set(noisy.unique().tolist()) == {0, 1}
    assert within_4_standard_deviations(flipped, p)
    assert within_4_standard_deviations(flipped[x == 1], p) and within_4_standard_deviations(flipped[x == 0], p)
    assert within_4_standard_deviations(flipped[:, ::2] & flipped[:, 1::2], p * p)
    assert within_4_standard_deviations(flipped[::2] & flipped[1::2], p * p)


def test_the_default_is_five_percent_and_is_shown():
    assert BernoulliNoise().p == 0.05 and repr(BernoulliNoise(0.2)) == "BernoulliNoise(p=0.2)"


def test_the_ends_flip_nothing_and_everything():
    x = binary(50, 40)
    assert torch.equal(BernoulliNoise(0)(x), x) and torch.equal(BernoulliNoise(1)(x), 1 - x)


def test_each_call_draws_anew_and_the_generator_repeats_it():
    x, layer = binary(20, 30), BernoulliNoise(0.3, source(7))
    first, second = layer(x), layer(x)
    assert not torch.equal(first, second)
    assert torch.equal(BernoulliNoise(0.3, source(7))(x), first)


def test_without_a_generator_pytorchs_own_is_used():
    x = binary(20, 30)
    torch.manual_seed(3)
    first = BernoulliNoise(0.3)(x)
    torch.manual_seed(3)
    assert torch.equal(BernoulliNoise(0.3)(x), first)


def test_evaluation_mode_passes_the_input_and_draws_nothing():
    x, own = binary(20, 30), source(7)
    layer = BernoulliNoise(0.3, own).eval()
    before, globally = own.get_state(), torch.get_rng_state()
    assert layer(x) is x
    BernoulliNoise(0.3).eval()(x)
    assert torch.equal(own.get_state(), before) and torch.equal(torch.get_rng_state(), globally)
    layer.train()
    assert not torch.equal(layer(x), x)


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4, 5), (0, 4), ()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_any_shape_and_floating_dtype(shape, dtype):
    x = torch.ones(shape, dtype=dtype)
    noisy = BernoulliNoise(1)(x)
    assert noisy.shape == x.shape and noisy.dtype == dtype and not noisy.any()


def test_the_backward_pass_is_that_of_the_forward_pass():
    flips = torch.rand(4, 5, generator=source(2)) < 0.5
    x = torch.rand(4, 5, generator=source(1), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: FlipPixels.apply(x, flips), x)


def test_a_gradient_changes_its_sign_where_a_pixel_was_flipped():
    x = binary(6, 9).requires_grad_()
    noisy = BernoulliNoise(0.4, source(4))(x)
    arriving = torch.randn(6, 9, generator=source(5))
    (left,) = torch.autograd.grad(noisy, x, arriving)
    flipped = noisy != x
    assert flipped.any() and not flipped.all()
    assert torch.equal(left, torch.where(flipped, -arriving, arriving))


def test_as_the_first_layer_the_loss_is_that_of_the_clean_image_given_the_noisy_one():
    """(3.6): the code comes from x', and has to explain x."""
    torch.manual_seed(0)
    model, x = ModularVAE(12, [8], 3).double(), binary(200, 12, dtype=torch.float64)
    model.encode.insert(0, BernoulliNoise(0.2, source(1)))
    noise = torch.randn(1, 200, 3, generator=source(2), dtype=torch.float64)
    terms = modular_negative_elbo(model, x, noise)
    noisy = BernoulliNoise(0.2, source(1))(x)
    mu, logvar = model.encode[1:](noisy)
    z = mu + (0.5 * logvar).exp() * noise[0]
    expected = kl_standard_normal(mu, logvar) - bernoulli_log_likelihood(model.decode(z), x)
    torch.testing.assert_close(terms["loss"], expected, rtol=0, atol=1e-10)
    terms["loss"].mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_it_fits_in_front_of_both_encoders_and_adds_no_parameter():
    for model in (ModularVAE(12, [8], 3), BernoulliVAE(12, [8], 3)):
        keys = len(model.state_dict())
        model.encode.insert(0, BernoulliNoise(0.1))
        assert isinstance(model.encode[0], BernoulliNoise) and len(model.state_dict()) == keys
        x = binary(4, 12)
        mu, logvar = model.eval().encode(x)
        again = model.encode(x)
        assert mu.shape == (4, 3) and torch.equal(again[0], mu) and torch.equal(again[1], logvar)
        model.train()
        assert not torch.equal(model.encode(x.repeat(50, 1))[0], mu.repeat(50, 1))


def test_it_can_be_copied_saved_whole_and_run_under_no_grad():
    layer, x = BernoulliNoise(0.3, source(7)), binary(20, 30)
    buffer = io.BytesIO()
    torch.save(nn.Sequential(layer), buffer)
    buffer.seek(0)
    with torch.no_grad():
        expected = copy.deepcopy(layer)(x)
        loaded = torch.load(buffer, weights_only=False)
    assert torch.equal(loaded(x), expected) and loaded[0].p == 0.3 and torch.equal(layer(x), expected)


@pytest.mark.parametrize(
    "p, error",
    [
        (-0.01, ValueError),
        (1.3, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        ("0.1", TypeError),
        (None, TypeError),
    ],
)
def test_a_p_outside_0_and_1_is_named(p, error):
    with pytest.raises(error, match=rf"p must be in \[0, 1\], got {p!r}"):
        BernoulliNoise(p)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "value, message",
    [
        (0.5, "x must hold only 0 and 1, got 1 other entries such as 0.5"),
        (-1.0, "x must hold only 0 and 1, got 1 other entries such as -1"),
        (math.nan, "x must hold only 0 and 1, got 1 other entries such as nan"),
        (math.inf, "x must hold only 0 and 1, got 1 other entries such as inf"),
    ],
)
def test_an_input_that_is_not_binary_is_named(value, message, training):
    x = binary(3, 4)
    x[1, 2] = value
    with pytest.raises(ValueError, match=message):
        BernoulliNoise(0.1).train(training)(x)


@pytest.mark.parametrize("x", [torch.ones(3, dtype=torch.long), torch.ones(3, dtype=torch.bool), [0.0, 1.0]])
def test_an_input_that_is_no_floating_point_tensor_is_named(x):
    with pytest.raises(TypeError, match="x must be a floating-point tensor, got"):
        BernoulliNoise(0.1)(x)


@pytest.mark.parametrize("p, salt", [(0.2, 0.5), (0.1, 0.1), (0.5, 0), (0.3, 1)])
def test_salt_and_pepper_replace_as_often_as_they_say(p, salt):
    x = binary(1000, 1000)
    noisy = SaltAndPepper(p, salt, source(1))(x)
    flipped = noisy != x
    assert within_4_standard_deviations(flipped[x == 0], p * salt)
    assert within_4_standard_deviations(flipped[x == 1], p * (1 - salt))
    for neighbours in (flipped[:, ::2] & flipped[:, 1::2], flipped[::2] & flipped[1::2]):
        both_black = neighbours[(x[:, ::2] + x[:, 1::2] if neighbours.shape[0] == 1000 else x[::2] + x[1::2]) == 0]
        assert within_4_standard_deviations(both_black, (p * salt) ** 2)


def test_salt_and_pepper_are_quiet_in_evaluation_mode_and_say_what_they_are():
    x, own = binary(20, 30), source(7)
    layer = SaltAndPepper(0.3, generator=own).eval()
    before = own.get_state()
    assert layer(x) is x and torch.equal(own.get_state(), before)
    assert repr(layer) == "SaltAndPepper(p=0.3, salt=0.5)"


@pytest.mark.parametrize("salt, error", [(-0.1, ValueError), (1.1, ValueError), ("0.5", TypeError)])
def test_a_share_of_salt_outside_0_and_1_is_named(salt, error):
    with pytest.raises(error, match=rf"salt must be in \[0, 1\], got {salt!r}"):
        SaltAndPepper(0.1, salt)


def test_salt_and_pepper_refuse_what_is_not_binary():
    with pytest.raises(ValueError, match="x must hold only 0 and 1, got 4 other entries such as 0.5"):
        SaltAndPepper(0.1)(torch.full((4,), 0.5))
