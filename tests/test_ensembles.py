"""Models that train together end where each would have ended alone."""

from functools import partial

import pytest
import torch
from torch import nn

from vaebook.data import rectangles
from vaebook.distributions import kl_standard_normal
from vaebook.ensembles import Ensemble
from vaebook.layers import AddKLGradient, BernoulliNoise, FlipPixels, Reparameterize, uniform_like
from vaebook.models import BernoulliVAE, GaussianVAE, ModularVAE
from vaebook.objectives import importance_weighted_loss, modular_negative_elbo, negative_elbo
from vaebook.training import TrainingDiverged, falling_kl_weight, fit, seeded

SEEDS = (0, 1, 2)
SMALL = {"image_shape": (6, 6), "height": 3, "width": 3}


def noisy_modular(seed):
    """With a noise level of its own, which is drawn from a generator of its own."""
    model = ModularVAE(36, [16, 16], 2)
    model.encode.insert(0, BernoulliNoise(0.1 * seed, torch.Generator().manual_seed(100 + seed)))
    return model


KINDS = {
    "modular, noise, falling weight": (noisy_modular, modular_negative_elbo, {}),
    "three codes": (lambda seed: BernoulliVAE(36, [16], 3), negative_elbo, {"num_samples": 3}),
    "Gaussian, weighted": (lambda seed: GaussianVAE(36, 8, 1), importance_weighted_loss, {"num_samples": 4}),
}


def member(kind, seed, dtype=torch.float32):
    """A model, its rows, its generator and its callback, as a seed decides them."""
    make, *_ = KINDS[kind]
    generator = seeded(seed)
    x = rectangles(250, **SMALL, generator=generator).images.to(dtype)
    callback = partial(falling_kl_weight, until=10 * (seed + 1)) if "modular" in kind else None
    return make(seed).to(dtype), x, generator, callback


def train(kind, model, x, generator, callback, **options):
    _, loss_fn, own = KINDS[kind]
    settings = {"epochs": 10, "batch_size": 60, "max_lr": 5e-3, "log_every": 10, **own, **options}
    return fit(model, loss_fn, x, generator=generator, callback=callback, **settings)


def together(kind, seeds=SEEDS, dtype=torch.float32, **options):
    models, xs, generators, callbacks = map(list, zip(*(member(kind, seed, dtype) for seed in seeds), strict=True))
    return models, train(kind, models, xs, generators, callbacks, **options), generators


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-4), (torch.float64, 1e-9)])
@pytest.mark.parametrize("kind", KINDS)
def test_after_fifty_steps_each_is_the_model_trained_alone(kind, dtype, tolerance):
    models, histories, generators = together(kind, dtype=dtype)
    for seed, model, history, generator in zip(SEEDS, models, histories, generators, strict=True):
        alone, x, own, callback = member(kind, seed, dtype)
        expected = train(kind, alone, x, own, callback)
        assert expected["step"] == [10, 20, 30, 40, 50]
        for ours, theirs in zip(model.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)
        assert history.keys() == expected.keys()
        for name, series in expected.items():
            assert history[name] == pytest.approx(series, rel=10 * tolerance, abs=10 * tolerance)
        assert torch.equal(generator.get_state(), own.get_state())
        if "modular" in kind:
            noise = model.encode[0], alone.encode[0]
            assert torch.equal(*(layer.generator.get_state() for layer in noise))
            assert model.encode[0].p == 0.1 * seed and model.kl.weight == alone.kl.weight


def test_the_terms_of_an_ensemble_are_those_of_each_model():
    models = [KINDS["three codes"][0](seed) for seed in SEEDS]
    x = torch.stack([rectangles(20, **SMALL, generator=seeded(seed)).images for seed in SEEDS])
    noise = torch.randn(3, 5, 20, 3, generator=seeded(7))
    expected = [negative_elbo(*each) for each in zip(models, x, noise, strict=True)]
    with Ensemble(models, negative_elbo) as ensemble:
        found = ensemble.terms(x, noise)
        assert [len(stack) for stack in ensemble.parameters()] == [3] * len(list(models[0].parameters()))
    for name, term in found.items():
        torch.testing.assert_close(term, torch.stack([terms[name] for terms in expected]))


def test_what_a_layer_remembers_of_a_training_together_is_no_part_of_it():
    models, _, generators = together("modular, noise, falling weight")
    for seed, model in zip(SEEDS, models, strict=True):
        assert isinstance(model.encode[0].generator, torch.Generator)
        assert model.kl.loss is None
        before = model.encode[0].generator.initial_seed()
        assert before == 100 + seed


def test_each_gets_a_memory_of_its_own_back():
    models, *_ = together("three codes")
    for parameter in models[1].parameters():
        assert parameter.untyped_storage().nbytes() == parameter.numel() * parameter.element_size()
        assert parameter.is_leaf and parameter.requires_grad
    with torch.no_grad():
        models[0].decode[0].weight.zero_()
    assert models[1].decode[0].weight.abs().sum() > 0


def test_a_callback_sees_its_own_model_as_it_is_at_that_step():
    seen = {seed: [] for seed in SEEDS}

    def callback_of(seed):
        def callback(step, model):
            seen[seed].append((step, model, model.encode[0].weight.detach().clone()))

        return callback

    models, xs, generators, _ = map(list, zip(*(member("three codes", seed) for seed in SEEDS), strict=True))
    train("three codes", models, xs, generators, [callback_of(0), None, callback_of(2)], epochs=1)
    assert seen[1] == []
    for seed in (0, 2):
        assert [step for step, *_ in seen[seed]] == [0, 1, 2, 3, 4, 5]
        assert all(model is models[seed] for _, model, _ in seen[seed])
        weights = [weight for *_, weight in seen[seed]]
        assert all(not torch.equal(a, b) for a, b in zip(weights[:-1], weights[1:], strict=True))
        assert torch.equal(weights[-1], models[seed].encode[0].weight)


def test_one_callback_and_one_x_train_serve_all():
    steps, x = [], rectangles(120, **SMALL, generator=seeded(0)).images
    models = [BernoulliVAE(36, [8], 2) for _ in range(2)]
    histories = fit(models, negative_elbo, x, x[:10], epochs=2, batch_size=60, callback=lambda *a: steps.append(a[0]))
    assert steps == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert [len(history["test_loss"]) for history in histories] == [2, 2]
    assert histories[0]["test_loss"] != histories[1]["test_loss"]


@pytest.mark.parametrize("seeds", [[1], SEEDS])
def test_models_train_in_training_mode_whatever_mode_they_come_in(seeds):
    modes = []
    models, xs, generators, _ = map(list, zip(*(member("three codes", seed) for seed in seeds), strict=True))
    for model in models:
        model.eval()
    train("three codes", models, xs, generators, lambda step, model: modes.append(model.training), epochs=1)
    assert len(modes) == 6 * len(seeds) and all(modes)


def test_a_list_of_one_gives_a_list_of_one():
    (model,), (history,), _ = together("three codes", seeds=[1])
    alone = member("three codes", 1)
    assert train("three codes", *alone) == history
    assert all(map(torch.equal, model.parameters(), alone[0].parameters()))


def test_weights_that_are_frozen_stay_and_the_others_train():
    models, xs, generators, callbacks = map(list, zip(*(member("three codes", s) for s in SEEDS), strict=True))
    for model in models:
        model.decode.requires_grad_(False)
    before = [[p.clone() for p in model.parameters()] for model in models]
    train("three codes", models, xs, generators, callbacks, epochs=1)
    for model, old in zip(models, before, strict=True):
        for (name, parameter), first in zip(model.named_parameters(), old, strict=True):
            assert torch.equal(parameter, first) == name.startswith("decode"), name


def test_an_interrupt_returns_the_histories_so_far_and_leaves_models_that_work():
    def interrupt(step, model):
        if step == 7:
            raise KeyboardInterrupt

    models, xs, generators, _ = map(list, zip(*(member("three codes", seed) for seed in SEEDS), strict=True))
    histories = train("three codes", models, xs, generators, [None, interrupt, None], log_every=3)
    assert [history["step"] for history in histories] == [[3, 6]] * 3
    for model, x in zip(models, xs, strict=True):
        weight = model.encode[0].weight
        assert weight.untyped_storage().nbytes() == weight.numel() * weight.element_size()
        assert torch.isfinite(model.encode(x)[0]).all()


def test_a_training_that_diverges_names_the_model_and_keeps_all_histories():
    def loss_fn(model, x, noise):
        terms = negative_elbo(model, x, noise)
        return terms | {"kl": terms["kl"] * model.factor, "loss": terms["loss"] * model.factor}

    def spoil(step, model):
        model.factor = float("nan") if step == 4 else 1.0

    def fine(step, model):
        model.factor = 1.0

    models, xs, generators, _ = map(list, zip(*(member("three codes", seed) for seed in SEEDS), strict=True))
    options = {"epochs": 2, "batch_size": 60, "log_every": 2, "generator": generators}
    with pytest.raises(TrainingDiverged, match="kl of model 2 is nan at step 5 of 10") as caught:
        fit(models, loss_fn, xs, callback=[fine, spoil, fine], **options)
    assert [history["step"] for history in caught.value.history] == [[2, 4]] * 3
    assert models[0].factor == 1.0


def wider():
    return [BernoulliVAE(36, [8], 2), BernoulliVAE(36, [9], 2)]


def other_class():
    models = [BernoulliVAE(36, [8], 2), BernoulliVAE(36, [8], 2)]
    models[1].decode[1] = nn.Tanh()
    return models


def deeper():
    return [BernoulliVAE(36, [8], 2), BernoulliVAE(36, [8, 8], 2)]


def other_mode():
    models = [BernoulliVAE(36, [8], 2), BernoulliVAE(36, [8], 2)]
    models[1].encode.eval()
    return models


def other_setting():
    models = [ModularVAE(36, [8], 2), ModularVAE(36, [8], 2)]
    models[1].kl.size_average = False
    return models


def other_dtype():
    return [BernoulliVAE(36, [8], 2), BernoulliVAE(36, [8], 2).double()]


def one_frozen():
    models = [BernoulliVAE(36, [8], 2), BernoulliVAE(36, [8], 2)]
    models[1].decode[0].bias.requires_grad_(False)
    return models


UNLIKE = {
    one_frozen: r"decode\.0\.bias must be the same in all models, got .*False\) in model 2 and .*True\) in model 1",
    wider: r"encode\.0\.weight must be the same in all models, got \(\(9, 36\).* in model 2 and \(\(8, 36\)",
    other_class: r"decode\.1\.class must be the same in all models, got .*Tanh.* in model 2 and .*ReLU",
    deeper: r"encode\.2\.class must be the same in all models",
    other_mode: r"encode\.training must be the same in all models, got False in model 2 and True in model 1",
    other_setting: r"kl\.size_average must be the same in all models, got False in model 2 and True in model 1",
    other_dtype: r"must be the same in all models, got .*float64",
}


@pytest.mark.parametrize("make", UNLIKE, ids=lambda make: make.__name__)
def test_models_that_are_not_of_one_structure_are_refused(make):
    x = rectangles(20, **SMALL, generator=seeded(0)).images
    with pytest.raises(ValueError, match=UNLIKE[make]):
        fit(make(), modular_negative_elbo, x, epochs=1)


def test_lists_that_do_not_fit_are_named():
    x = rectangles(20, **SMALL, generator=seeded(0)).images
    model, one = BernoulliVAE(36, [8], 2), torch.Generator()
    pair = [BernoulliVAE(36, [8], 2), BernoulliVAE(36, [8], 2)]
    for models, options, message in (
        ([], {}, "model must be one object for each model"),
        ([model, model], {}, "model must be one object for each model, and another for each"),
        (pair, {"generator": one}, "generator must be one object for each model, and another for each"),
        (pair, {"generator": [one]}, "generator must be one, or 2 of them, one for each model, got 1"),
        (pair, {"callback": [None] * 3}, "callback must be one, or 2 of them, one for each model, got 3"),
        (pair, {"x_train": [x, x[:10]]}, r"x_train must have the shape of the first one, \(20, 36\), got \(10, 36\)"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(models, negative_elbo, options.pop("x_train", x), epochs=1, **options)


def test_what_a_noise_layer_refuses_it_refuses_in_an_ensemble_too():
    models, xs, generators, callbacks = map(
        list, zip(*(member("modular, noise, falling weight", seed) for seed in SEEDS), strict=True)
    )
    xs[1] = xs[1].clone()
    xs[1][:] = 0.5
    with pytest.raises(ValueError, match="x must hold only 0 and 1, got .* such as 0.5"):
        train("modular, noise, falling weight", models, xs, generators, callbacks)


def test_what_a_loss_must_not_return_is_named():
    models, xs, generators, callbacks = map(list, zip(*(member("three codes", s) for s in SEEDS), strict=True))
    with pytest.raises(ValueError, match=r"one value per example, shape \(60,\), got 'loss' of \(\)"):
        fit(models, lambda *a: {"loss": negative_elbo(*a)["loss"].mean()}, xs, epochs=1, batch_size=60)


def entries(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def through(function, *args):
    result = function.apply(*args)
    parts = result if isinstance(result, tuple) else (result,)
    return sum((part**3 + part).sum() for part in parts)


CASES = {
    "KL": (AddKLGradient, (entries(4, 5, 2), entries(4, 5, 2, seed=2), entries(4, seed=3))),
    "sampler": (Reparameterize, (entries(4, 5, 2), entries(4, 5, 2, seed=2), entries(4, 3, 5, 2, seed=3))),
    "flips": (FlipPixels, (entries(4, 5, 6), entries(4, 5, 6, seed=2) > 0)),
}


@pytest.mark.parametrize("name", CASES)
def test_hand_written_gradients_for_several_models_are_those_of_each(name):
    function, stacks = CASES[name]
    of_one = partial(through, function)
    expected = [torch.func.grad(of_one)(*args) for args in zip(*stacks, strict=True)]
    together = torch.func.vmap(torch.func.grad(of_one))(*stacks)
    torch.testing.assert_close(together, torch.stack(expected), rtol=1e-12, atol=1e-12)

    leaf = stacks[0].clone().requires_grad_()
    torch.func.vmap(of_one)(leaf, *stacks[1:]).sum().backward()
    torch.testing.assert_close(leaf.grad, torch.stack(expected), rtol=1e-12, atol=1e-12)


def test_models_may_share_an_argument_and_have_their_axis_elsewhere():
    mu, logvar, noise = CASES["sampler"][1]
    expected = torch.stack([m + (0.5 * logvar[0]).exp() * e for m, e in zip(mu, noise, strict=True)])
    found = torch.func.vmap(Reparameterize.apply, in_dims=(1, None, 2))(
        mu.movedim(0, 1), logvar[0], noise.movedim(0, 2)
    )
    torch.testing.assert_close(found, expected)


def test_second_derivatives_of_the_layers_are_right():
    mu, logvar, noise = (stack[0].clone() for stack in CASES["sampler"][1])
    inputs = mu.requires_grad_(), logvar.requires_grad_()
    assert torch.autograd.gradgradcheck(lambda *pair: Reparameterize.apply(*pair, noise), inputs)
    scale = torch.tensor(0.7, dtype=torch.float64)
    passed_on = AddKLGradient.apply(*inputs, scale)
    (first,) = torch.autograd.grad(sum(part.sum() for part in passed_on), [inputs[1]], create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), [inputs[1]])
    torch.testing.assert_close(second, 0.7 * 0.5 * logvar.exp())
    (by_formula,) = torch.autograd.grad(0.7 * kl_standard_normal(*inputs).sum(), [inputs[1]])
    torch.testing.assert_close(first - 1, by_formula)


def test_uniform_numbers_come_from_the_generator_of_each():
    x = torch.zeros(3, 4, 5)
    sources = tuple(torch.Generator().manual_seed(seed) for seed in SEEDS)
    found = torch.func.vmap(lambda x: uniform_like(x, sources))(x)
    for seed, drawn in zip(SEEDS, found, strict=True):
        assert torch.equal(drawn, torch.rand(4, 5, generator=torch.Generator().manual_seed(seed)))
        assert torch.equal(drawn, uniform_like(x[0], torch.Generator().manual_seed(seed)))
