"""The benchmarks behind chapter 3: what is trained on, what chooses, what is kept, what is stored."""

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from benchmarks import common, denoising, few
from vaebook.data import MNISTUnavailable
from vaebook.layers import BernoulliNoise, SaltAndPepper
from vaebook.models import BernoulliVAE
from vaebook.objectives import log_likelihood_on_grid, negative_elbo
from vaebook.training import evaluate


def rows(images):
    return {tuple(row.nonzero().flatten().tolist()) for row in images}


def test_squares_of_all_sizes_stand_at_other_places_in_each_part():
    parts = few.squares(3)
    assert [len(part) for part in parts] == [7 * 75, 7 * 50, 7 * 100]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        corners = [{min(row) for row in rows(parts[place])} for place in (one, other)]
        assert not corners[0] & corners[1]
    assert {len(row) for row in rows(parts[0])} == {side**2 for side in range(4, 11)}
    assert rows(few.squares(4)[0]) != rows(parts[0]) == rows(few.squares(3)[0])


def test_digits_choose_and_report_on_images_that_are_not_trained_on(monkeypatch):
    def numbered(split):
        start, count = {"train": (0, 60_000), "test": (60_000, 10_000)}[split]
        return SimpleNamespace(images=torch.arange(start, start + count)[:, None])

    monkeypatch.setattr(few, "mnist", numbered)
    x, held_out, x_test = few.data("3,000 digits", 5)
    assert len(x) == len(x.unique()) == 3000 and x.max() < 50_000
    assert len(held_out) == len(held_out.unique()) == 1000 and 50_000 <= held_out.min() <= held_out.max() < 60_000
    assert torch.equal(x_test.flatten(), torch.arange(60_000, 70_000))
    assert not torch.equal(few.data("3,000 digits", 6)[0], x) and torch.equal(few.data("3,000 digits", 5)[0], x)


@pytest.mark.parametrize(
    ("remedy", "kind", "numbers"),
    [
        ("nothing", nn.Linear, {}),
        ("flips", BernoulliNoise, {"p": 0.1}),
        ("salt and pepper", SaltAndPepper, {"p": 0.1, "salt": 0.1}),
        ("dropout at the input", nn.Dropout, {"p": 0.1}),
        ("weight decay", nn.Linear, {}),
    ],
)
def test_each_remedy_stands_where_it_belongs(remedy, kind, numbers):
    source = torch.Generator()
    model, optimizer = few.built(12, remedy, 0.1, source)
    first = model.encode[0]
    assert type(first) is kind and {name: getattr(first, name) for name in numbers} == numbers
    assert getattr(first, "generator", source) is source
    assert optimizer.defaults["weight_decay"] == (0.1 if remedy == "weight decay" else 0)
    assert set(few.STRENGTHS) == {"nothing", "flips", "salt and pepper", "dropout at the input", "weight decay"}


def test_what_is_kept_is_what_the_held_out_images_like_best(monkeypatch):
    found = []

    def noted(*given):
        found.append(evaluate(*given)["loss"])
        return {"loss": found[-1]}

    monkeypatch.setitem(few.STEPS, "squares", 1200)
    monkeypatch.setattr(few, "evaluate", noted)
    monkeypatch.setattr(few, "RATE", 1e-2)
    best, step, kept, model, _ = few.trained("squares", "nothing", 0, 1)
    assert len(found) == 40 and best == min(found) < found[-1] and step == 30 * (1 + found.index(best))
    again = BernoulliVAE(576, [400], 20)
    again.load_state_dict(kept)
    _, held_out, _ = few.squares(1)
    assert evaluate(again, negative_elbo, held_out)["loss"] == pytest.approx(best, abs=1e-3)
    assert not torch.equal(again.decode[0].weight, model.decode[0].weight)


def test_whoever_chooses_may_stop_once_nothing_gets_better(monkeypatch):
    asked = []

    def rising(model, loss_of, x):
        asked.append(len(asked))
        return {"loss": abs(len(asked) - 3)}

    monkeypatch.setitem(few.STEPS, "squares", 400)
    monkeypatch.setattr(few, "evaluate", rising)
    best, step, *_ = few.trained("squares", "nothing", 0, 1, patience=4)
    assert (best, step) == (0, 30) and len(asked) == 7


def test_of_cells_that_tie_the_lowest_rate_then_the_lowest_loss_is_taken():
    cells = {(0.1, 3): 8.0, (0.1, 10): 7.64, (0.1, 30): 7.62, (0.2, 3): 7.6, (0.4, 3): 7.9}
    assert denoising.of_lowest_rate(0.05, cells) == (0.1, 30) and denoising.of_lowest_rate(0.01, cells) == (0.2, 3)


def test_wrong_pixels_are_counted_against_the_clean_image():
    class Echo:
        def encode(self, x):
            return x, None

        def decode(self, z):
            return z - 0.5

    x = torch.tensor([[0.0, 1, 1, 0], [1, 1, 0, 0]])
    given = torch.tensor([[1.0, 1, 0, 0], [1, 1, 0, 1]])
    assert denoising.wrong_pixels(Echo(), given, x) == 1.5


def test_codes_of_corrupted_images_find_the_likelihood():
    torch.manual_seed(1)
    model = BernoulliVAE(6, [8], 2).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
        model.encode[-1].logvar.bias += 1  # wide enough for weights of a finite variance
        x = (torch.rand(4, 6) > 0.5).double()
        grid, seen = log_likelihood_on_grid(model, x), []
        model.encode.insert(0, BernoulliNoise(0.3, torch.Generator().manual_seed(3)))
        model.encode[0].register_forward_hook(lambda layer, given, corrupted: seen.append((given[0], corrupted)))
        model.eval()
        bound = denoising.bound_by_corrupted(model, x, 100_000, torch.Generator().manual_seed(0), rows=3)
        ones = denoising.bound_by_corrupted(model, x.repeat(20_000, 1), 1, torch.Generator().manual_seed(1), rows=10**6)
    torch.testing.assert_close(bound, grid, rtol=0, atol=0.03)
    assert not model.training and all(0.28 < (a != b).double().mean() < 0.32 for a, b in seen)
    likelihoods = ones.reshape(20_000, 4).exp()
    error = likelihoods.std(0) / 20_000**0.5
    assert ((likelihoods.mean(0) - grid.exp()).abs() < 4 * error).all() and (error < 0.02 * grid.exp()).all()


def test_a_store_keeps_what_it_had_beside_what_is_new(monkeypatch, tmp_path, capsys):
    def missing():
        raise MNISTUnavailable("no file")

    store = tmp_path / "some.json"
    monkeypatch.setattr("sys.argv", ["benchmark", "--choose"])
    common.keep(store, "What for", lambda: {"rate": 0.5}, None)
    monkeypatch.setattr("sys.argv", ["benchmark"])
    common.keep(store, "What for", None, lambda choice: {"report": [choice["rate"]]})
    found = json.loads(store.read_text())
    assert found == {"choice": {"rate": 0.5}, "report": [0.5], "day": found["day"], "machine": found["machine"]}
    monkeypatch.setattr("sys.argv", ["benchmark", "--choose"])
    common.keep(store, "What for", missing, None)
    assert "not measured, since it takes MNIST: no file" in capsys.readouterr().out
    assert json.loads(store.read_text()) == found


@pytest.mark.parametrize("benchmark", [denoising, few])
def test_settings_are_chosen_and_reported_with_seeds_of_their_own(benchmark):
    assert not {*benchmark.CHOOSING} & {*benchmark.REPORTING} and len(benchmark.REPORTING) >= 5


def test_levels_differ_in_their_flips_alone(monkeypatch):
    seen = []

    def noted(models, loss_of, x, **options):
        seen.append((models, x, [each.get_state() for each in options["generator"]], options))

    monkeypatch.setattr(denoising, "fit", noted)
    for p in (0, 0.1):
        denoising.squares(p, (100, 101), 0.01, 30)
    (some, x, states, options), (others, other_x, other_states, _) = seen
    assert (options["epochs"], options["batch_size"], options["max_lr"]) == (5, 100, 0.01)
    for one, other in zip(some, others, strict=True):
        assert (one.encode[0].p, other.encode[0].p) == (0, 0.1)
        assert all(torch.equal(*pair) for pair in zip(one.parameters(), other.parameters(), strict=True))
        assert torch.equal(one.encode[0].generator.get_state(), other.encode[0].generator.get_state())
    assert all(torch.equal(*pair) for pair in zip(x, other_x, strict=True))
    assert all(torch.equal(*pair) for pair in zip(states, other_states, strict=True))
    assert not torch.equal(x[0], x[1])
