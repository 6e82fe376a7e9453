import math

import pytest
import torch

from vaebook.models import BernoulliVAE, ModularVAE
from vaebook.objectives import importance_weighted_bound, modular_negative_elbo, negative_elbo
from vaebook.training import (
    TrainingDiverged,
    evaluate,
    falling_kl_weight,
    fit,
    minibatches,
    seeded,
    seeded_models,
    standard_normal,
)


def new_model(seed=0):
    torch.manual_seed(seed)
    return BernoulliVAE(12, [16], 2)


def two_patterns(count, seed=0):
    """Rows that are one of two complementary patterns: the entropy of the data is ln 2 = 0.693 nats."""
    generator = torch.Generator().manual_seed(seed)
    pattern = torch.tensor([1.0, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1])
    kind = (torch.rand(count, 1, generator=generator) > 0.5).float()
    return kind * pattern + (1 - kind) * (1 - pattern)


def test_fit_approaches_the_entropy_of_the_data_and_does_not_cross_it():
    model, x_test = new_model(), two_patterns(2000, seed=1)
    history = fit(
        model,
        negative_elbo,
        two_patterns(4000),
        x_test,
        epochs=15,
        batch_size=50,
        generator=torch.Generator().manual_seed(0),
    )
    # the encoder's Gaussians cannot be the two half-planes that would be exact: about 0.5 nats are theirs
    assert math.log(2) < history["test_loss"][-1] < math.log(2) + 0.7
    with torch.no_grad():
        nll = -importance_weighted_bound(model, x_test, 500, torch.Generator().manual_seed(1)).mean().item()
    assert math.log(2) - 0.02 < nll < math.log(2) + 0.25


def test_fit_trains_a_modular_vae_whose_kl_gradient_is_its_layers():
    torch.manual_seed(0)
    model, x_test = ModularVAE(12, [16], 2), two_patterns(2000, seed=1)
    history = fit(
        model,
        modular_negative_elbo,
        two_patterns(4000),
        x_test,
        epochs=15,
        batch_size=50,
        generator=torch.Generator().manual_seed(0),
    )
    assert math.log(2) < history["test_loss"][-1] < math.log(2) + 0.7
    assert {"train_mu", "train_sigma", "train_logvar", "test_logvar"} <= set(history)


def test_the_weight_of_the_kl_falls_by_the_same_ratio_to_its_own_value():
    model = ModularVAE(12, [4], 3)
    weights = []
    for step in (0, 500, 1000, 1500, 9999):
        falling_kl_weight(step, model, start=8, until=1500)
        weights.append(model.kl.weight)
    assert weights == pytest.approx([24, 12, 6, 3, 3])


def test_the_history_names_its_series_and_counts_in_steps_and_epochs():
    history = fit(
        new_model(), negative_elbo, two_patterns(250), two_patterns(50), epochs=2, batch_size=100, log_every=2
    )
    assert history["step"] == [2, 4, 6] and history["epoch"] == pytest.approx([2 / 3, 4 / 3, 2])
    series = {f"{split}_{term}" for split in ("train", "test") for term in ("loss", "reconstruction", "kl")}
    assert set(history) == series | {"step", "epoch"}
    assert {len(values) for values in history.values()} == {3}


def test_training_terms_are_means_over_examples_since_the_last_entry():
    def constant_terms(model, x, noise):
        return {"loss": model.decode(torch.zeros(len(x), 2)).mean(-1) * 0, "row": x[:, 0]}

    x = torch.rand(250, 12)
    history = fit(new_model(), constant_terms, x, epochs=1)
    assert history["train_row"] == [pytest.approx(x[:, 0].mean().item(), abs=1e-6)]  # also for the short last batch


def test_each_entry_begins_anew():
    steps = []

    def loss_fn(model, x, noise):
        steps.append(len(steps) + 1.0)
        return {"loss": model.decode(noise[0]).mean(-1), "step": torch.full((len(x),), steps[-1])}

    history = fit(new_model(), loss_fn, two_patterns(100), epochs=1, batch_size=20, log_every=2)
    assert history["train_step"] == [1.5, 3.5, 5]


def test_the_callback_sees_step_zero_and_every_step_after_it():
    steps = []
    fit(
        new_model(),
        negative_elbo,
        two_patterns(250),
        epochs=2,
        batch_size=100,
        callback=lambda step, model: steps.append(step),
    )
    assert steps == list(range(7))


def test_each_epoch_visits_each_row_once_in_a_new_order():
    x = torch.arange(10.0)[:, None]
    batches = list(minibatches(x, 4, epochs=2, generator=torch.Generator().manual_seed(0)))
    assert [len(batch) for batch in batches] == [4, 4, 2] * 2
    first, second = torch.cat(batches[:3]).flatten(), torch.cat(batches[3:]).flatten()
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert first.tolist() != second.tolist() != list(range(10))


def test_the_same_seeds_give_the_same_run_and_others_another():
    def run(seed):
        return fit(
            new_model(), negative_elbo, two_patterns(500), epochs=1, generator=torch.Generator().manual_seed(seed)
        )["train_loss"]

    assert run(0) == run(0) != run(1)


def test_the_learning_rate_rises_and_then_falls_to_nearly_nothing(monkeypatch):
    rates, adam = [], torch.optim.Adam

    class Recording(adam):
        def step(self, *arguments, **options):
            rates.append(self.param_groups[0]["lr"])
            return super().step(*arguments, **options)

    monkeypatch.setattr(torch.optim, "Adam", Recording)
    fit(new_model(), negative_elbo, two_patterns(2000), epochs=10, max_lr=1e-2)
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(1e-2, rel=0.02) and 0.1 < peak / len(rates) < 0.2
    assert rates[: peak + 1] == sorted(rates[: peak + 1]) and rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 1e-4


def test_evaluate_averages_over_examples_with_the_same_noise_each_time():
    model, x = new_model(), two_patterns(1050)
    first, second = evaluate(model, negative_elbo, x), evaluate(model, negative_elbo, x)
    assert first == second != evaluate(model, negative_elbo, x, seed=1)
    with torch.no_grad():
        expected = negative_elbo(model, x, torch.zeros(1, 1050, 2))["kl"].mean().item()
    assert first["kl"] == pytest.approx(expected, rel=1e-5)


def test_evaluate_averages_over_draws_of_the_noise():
    """The mean over many draws comes closer to the expectation; the first draw is the same."""
    model, x = new_model(), two_patterns(30)
    single = [evaluate(model, negative_elbo, x, seed=seed)["loss"] for seed in range(200)]
    many = evaluate(model, negative_elbo, x, draws=200)
    assert many["loss"] == pytest.approx(sum(single) / 200, abs=5 * torch.tensor(single).std().item() / 10)
    assert many["kl"] == pytest.approx(evaluate(model, negative_elbo, x)["kl"], rel=1e-5)
    assert evaluate(model, negative_elbo, x, draws=1) == evaluate(model, negative_elbo, x)
    assert evaluate(model, negative_elbo, x, draws=2)["loss"] != evaluate(model, negative_elbo, x)["loss"]
    seen = []

    def loss_fn(model, x, noise):
        seen.append(len(x))
        return {"loss": x[:, 0]}

    evaluate(model, loss_fn, x, batch_size=20, draws=3)
    assert seen == [20, 10] * 3


def test_evaluate_uses_evaluation_mode_and_puts_the_mode_back():
    model, modes = new_model(), []

    def loss_fn(model, x, noise):
        modes.append((model.training, torch.is_grad_enabled()))
        return {"loss": x[:, 0]}

    evaluate(model.train(), loss_fn, two_patterns(10))
    assert modes == [(False, False)] and model.training


@pytest.mark.parametrize("stop_at", [0, 1, 5])
def test_an_interrupt_returns_the_history_so_far(stop_at):
    def callback(step, model):
        if step == stop_at:
            raise KeyboardInterrupt

    history = fit(new_model(), negative_elbo, two_patterns(250), epochs=4, batch_size=100, callback=callback)
    assert history.get("step", []) == [step for step in (3, 6, 9, 12) if step < stop_at]


@pytest.mark.parametrize("epochs, rows", [(1, 1), (1, 100), (2, 101)])
def test_very_short_runs_work(epochs, rows):
    history = fit(new_model(), negative_elbo, two_patterns(rows), epochs=epochs)
    assert len(history["step"]) == epochs and all(math.isfinite(loss) for loss in history["train_loss"])


good = two_patterns(20)


@pytest.mark.parametrize(
    "x_train, error, message",
    [
        (good[:0], ValueError, r"x_train must hold at least one example, got shape \(0, 12\)"),
        (good[:, :5], ValueError, r"x_train must have shape \(B, 12\), got \(20, 5\)"),
        (good[0], ValueError, r"x_train must have shape \(B, 12\), got \(12,\)"),
        (good * math.nan, ValueError, "x_train must be finite, got 240 NaN or infinite"),
        (good * 255, ValueError, r"x_train must hold values in \[0, 1\], got values from 0 to 255"),
        (good - 0.5, ValueError, r"x_train must hold values in \[0, 1\], got values from -0.5"),
        (good.long(), TypeError, "x_train must be a floating-point tensor, got a torch.int64 tensor"),
        (good.tolist(), TypeError, "x_train must be a floating-point tensor, got list"),
    ],
)
def test_data_that_cannot_be_trained_on_is_named(x_train, error, message):
    with pytest.raises(error, match=message):
        fit(new_model(), negative_elbo, x_train, epochs=1)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"epochs": 0}, "epochs must be an integer of at least 1, got 0"),
        ({"epochs": 1.5}, "epochs must be an integer of at least 1, got 1.5"),
        ({"epochs": 1, "batch_size": 0}, "batch_size must"),
        ({"epochs": 1, "log_every": 0}, "log_every must"),
        ({"epochs": 1, "num_samples": 0}, "num_samples must be an integer of at least 1, got 0"),
        ({"epochs": 1, "max_lr": -1.0}, "max_lr must be a positive number, got -1.0"),
        ({"epochs": 1, "x_test": good[:, :3]}, "x_test must have shape"),
        ({"epochs": 1, "x_test": good * 2}, "x_test must hold values"),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        fit(new_model(), negative_elbo, good, **options)


def test_evaluate_names_bad_data():
    with pytest.raises(ValueError, match="x must hold at least one example"):
        evaluate(new_model(), negative_elbo, good[:0])
    with pytest.raises(ValueError, match="draws must be an integer of at least 1, got 0"):
        evaluate(new_model(), negative_elbo, good, draws=0)


def test_the_step_follows_the_gradient_of_the_mean_over_examples(monkeypatch):
    """Adam hides the scale of the loss, so the gradient itself is looked at."""
    gradients, adam = [], torch.optim.Adam

    class Recording(adam):
        def step(self, *arguments, **options):
            gradients.append(self.param_groups[0]["params"][-1].grad.clone())
            return super().step(*arguments, **options)

    monkeypatch.setattr(torch.optim, "Adam", Recording)

    def loss_fn(model, x, noise):
        return {"loss": model.decode(torch.zeros(len(x), 2)).sum(-1)}

    fit(new_model(), loss_fn, two_patterns(300), epochs=1, batch_size=100)
    assert len(gradients) == 3 and all((gradient == 1).all() for gradient in gradients)  # of the last bias


def test_noise_is_standard_normal_and_has_the_shape_of_the_codes(generator):
    """Its mean, variance and kurtosis: a uniform's or a coin's would be off."""
    noise = standard_normal(5, torch.zeros(40_000, 12), new_model(), generator)
    assert noise.shape == (5, 40_000, 2) and noise.dtype == torch.float32
    assert abs(noise.mean()) < 0.01 and abs(noise.var() - 1) < 0.02 and abs((noise**4).mean() - 3) < 0.15
    for axis in range(3):  # no two codes, rows or dimensions share a draw
        first, second = noise.select(axis, 0).flatten(), noise.select(axis, 1).flatten()
        assert torch.corrcoef(torch.stack([first, second]))[0, 1].abs() < 5 / len(first) ** 0.5
    assert standard_normal(1, torch.zeros(3, 12, dtype=torch.float64), new_model()).dtype == torch.float64


def test_one_call_seeds_the_weights_and_the_draws():
    def run(seed):
        generator = seeded(seed)
        model = BernoulliVAE(12, [4], 2)
        return next(model.parameters()).detach(), torch.rand(3, generator=generator), generator.initial_seed()

    (weights, draws, number), again, other = run(3), run(3), run(4)
    assert torch.equal(weights, again[0]) and torch.equal(draws, again[1]) and number == 3
    assert not torch.equal(weights, other[0]) and not torch.equal(draws, other[1])


def test_each_of_several_models_is_made_from_its_seed():
    models, generators = seeded_models(lambda: BernoulliVAE(12, [16], 2), [3, 5])
    for seed, model, generator in zip([3, 5], models, generators, strict=True):
        own, alone = seeded(seed), BernoulliVAE(12, [16], 2)
        assert all(map(torch.equal, model.parameters(), alone.parameters()))
        assert torch.equal(generator.get_state(), own.get_state())


def test_each_step_and_each_evaluation_gets_as_many_codes_as_asked_for():
    shapes = []

    def loss_fn(model, x, noise):
        shapes.append(tuple(noise.shape))
        return negative_elbo(model, x, noise)

    fit(new_model(), loss_fn, two_patterns(50), two_patterns(20), epochs=1, batch_size=30, num_samples=4)
    assert shapes == [(4, 30, 2), (4, 20, 2), (4, 20, 2)]
    shapes.clear()
    evaluate(new_model(), loss_fn, two_patterns(20), num_samples=3, draws=2)
    assert shapes == [(3, 20, 2)] * 2


def test_noise_is_drawn_anew_for_each_step_and_from_the_generator():
    drawn = []

    def loss_fn(model, x, noise):
        drawn.append(noise)
        return negative_elbo(model, x, noise)

    for seed in (1, 1, 2):
        fit(new_model(), loss_fn, two_patterns(60), epochs=1, batch_size=30, generator=seeded(seed))
    first, second, again, _, other, _ = drawn
    assert torch.equal(first, again) and not torch.equal(first, second) and not torch.equal(first, other)


@pytest.mark.parametrize(
    "returned, error, message",
    [
        (lambda loss: {"kl": loss}, ValueError, "loss_fn must return a term 'loss', got 'kl'"),
        (lambda loss: {}, ValueError, "loss_fn must return a term 'loss', got no term"),
        (lambda loss: loss.mean(), TypeError, r"loss_fn must return a dict of \(B,\) tensors, got Tensor"),
        (lambda loss: {"loss": loss.mean()}, ValueError, r"one value per example, shape \(20,\), got 'loss' of \(\)"),
        (lambda loss: {"loss": loss, "kl": 3.0}, ValueError, r"shape \(20,\), got 'kl' of \(\)"),
        (lambda loss: {"loss": loss[:3]}, ValueError, r"shape \(20,\), got 'loss' of \(3,\)"),
    ],
)
def test_what_a_loss_function_must_not_return_is_named(returned, error, message):
    def loss_fn(model, x, noise):
        return returned(negative_elbo(model, x, noise)["loss"])

    with pytest.raises(error, match=message):
        fit(new_model(), loss_fn, good, epochs=1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("term, named", [("kl", "kl"), ("loss", "loss")])
def test_a_training_that_diverges_stops_at_that_step_and_keeps_the_history(value, term, named):
    steps, seen = [], []

    def loss_fn(model, x, noise):
        steps.append(len(steps) + 1)
        terms = negative_elbo(model, x, noise)
        if len(steps) == 8:
            terms[term] = terms[term] * value
            terms["loss"] = terms["loss"] + 0 * terms[term]
        return terms

    model = new_model()
    words = rf"^{named} is (nan|inf) at step 8 of 30, at learning rate 0\.00\d+"
    with pytest.raises(TrainingDiverged, match=words) as caught:
        fit(
            model,
            loss_fn,
            two_patterns(100),
            epochs=6,
            batch_size=20,
            log_every=3,
            max_lr=5e-3,
            callback=lambda step, _: seen.append(step),
        )
    assert caught.value.history["step"] == [3, 6] and len(caught.value.history["train_loss"]) == 2
    assert steps[-1] == 8 and seen == list(range(8))
    assert all(torch.isfinite(weights).all() for weights in model.parameters())  # the bad step was not taken


def test_a_large_loss_in_half_precision_is_not_taken_for_one_that_diverged():
    def large(model, x, noise):  # each is finite and so is their mean, but their sum is not
        return {"loss": (model.decode(noise[0]).mean(-1) + 40_000).half()}

    assert fit(new_model(), large, two_patterns(20), epochs=1)["step"] == [1]


def test_a_rate_that_is_too_high_is_noticed_where_it_blows_up():
    def without_a_floor(model, x, noise):
        return {"loss": -model.decode(noise[0]).pow(4).sum(-1)}

    with pytest.raises(TrainingDiverged, match="loss is -inf at step"):
        fit(new_model(), without_a_floor, two_patterns(200), epochs=5, batch_size=10, max_lr=1e6)


@pytest.mark.parametrize("call", ["encode", "decode", "log_likelihood"])
def test_a_model_without_one_of_the_three_calls_is_not_trained(call):
    model = new_model()
    if call == "log_likelihood":
        model.log_likelihood = None
    else:
        delattr(model, call)
    for door in (lambda: fit(model, negative_elbo, good, epochs=1), lambda: evaluate(model, negative_elbo, good)):
        with pytest.raises(TypeError, match=rf"model must answer {call}\(.*got a BernoulliVAE without {call}"):
            door()
