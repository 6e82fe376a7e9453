"""What a benchmark has stored becomes tables, on the page and in the notebook."""

import ast
import json
import re
from functools import partial
from inspect import signature

import pytest
import torch
from torch import nn

from benchmarks import common, denoising, digits, few, squares, time_to_loss
from tools import colab, measured, project
from tools.measured import chapter_2
from vaebook.comparisons import paired
from vaebook.data import all_rectangles
from vaebook.models import BernoulliVAE
from vaebook.objectives import negative_elbo
from vaebook.training import falling_kl_weight, fit, one_cycle, seeded

STORED = {
    "grid": {"rates": [0.1, 1.0], "starts": [1, 30], "losses": [[9.0, 8.5], [8.25, 7.126]], "seeds": [1, 2]},
    "report": {
        "seeds": [3, 4, 5],
        "ways": {
            "ours": {
                "runs": [
                    {"prior": 0.5, "prior, places": 30, "codes": 0.4, "codes, places": 9, "loss": nats}
                    for nats in (7.0, 7.2, 7.4)
                ],
                "seconds": [21, 30, 20],
            },
            "theirs": {"runs": [{"prior": share, "codes": 0} for share in (0.1, 0.2, 0.3)], "seconds": [9, 9, 9]},
        },
    },
    "day": "2026-01-02",
    "machine": "a machine",
}


def test_the_chosen_cell_is_marked_and_results_have_a_spread():
    chosen = STORED["grid"] | {"chosen": [1.0, 30]}
    text = measured.squares(STORED | {"grid": chosen})
    assert "| 0.1 | 9.00 | 8.50 |" in text and "| 1 | 8.25 | **7.13** |" in text and text.count("**") == 2
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    assert "| ours | 7.20 ± 0.20 | 50 ± 0 | 30 ± 0 | 40 ± 0 | 9 ± 0 | 21 s |" in text
    assert "| theirs | \N{EN DASH} | 20 ± 10 | \N{EN DASH} | 0 ± 0 | \N{EN DASH} | 9 s |" in text
    assert "2026-01-02, on a machine" in text
    assert "2 other seeds a cell" in text and "| 3 seeds |" in text


def test_a_notebook_has_the_same_tables(monkeypatch, tmp_path):
    monkeypatch.setattr(project, "BOOK", tmp_path)
    stored = STORED | {"grid": STORED["grid"] | {"chosen": [0.1, 1]}}
    (tmp_path / "squares.json").write_text(json.dumps(stored))
    assert colab.plain_markdown("```{measured} squares\n```") == measured.squares(stored)


def test_a_name_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="measured must be one of squares, digits, pixels, noises, few, got 'circles'"):
        measured.markdown("circles")


@pytest.mark.parametrize(
    ("values", "best", "expected"),
    [((1, 2, 4), 2, None), ((1, 2, 4), 4, 8), ((1, 3, 9), 1, 1 / 3), ((0.5, 1), 0.5, 0.25), ((0.5, 1), 1, 2)],
)
def test_a_grid_grows_by_its_own_ratio_beyond_the_edge_its_best_cell_lies_on(values, best, expected):
    assert common.beyond(values, best) == expected


def test_a_grid_does_not_grow_beyond_what_is_the_least_there_is():
    assert common.beyond((1, 10, 30), 1, least=1) is None and common.beyond((2, 4), 2, least=1.5) == 1.5
    assert common.beyond((128,), 128) is None


def test_a_grid_grows_until_its_best_cell_lies_inside():
    asked = []

    def far_from(row, column):
        asked.append((row, column))
        return abs(row - 16) + abs(column - 2)

    rows, columns, cells, chosen = common.grown((1, 2), (1, 2, 4), far_from, lambda cells: min(cells, key=cells.get))
    assert rows == [1, 2, 4, 8, 16, 32] and columns == [1, 2, 4] and chosen == (16, 2)
    assert len(asked) == len({*asked}) == len(cells) == 18
    assert common.in_rows(rows, columns, cells)[4] == [1, 0, 2]


def test_a_grid_grows_for_each_cell_that_is_picked():
    picks = [lambda cells: (2, 2), lambda cells: (4, 2)]
    for order in (picks, picks[::-1]):
        rows, columns, _, chosen = common.grown((1, 2, 4), (1, 2, 4), lambda *cell: 0, *order)
        assert rows == [1, 2, 4, 8] and columns == [1, 2, 4] and chosen == order[-1]({})


def test_what_chooses_is_not_trained_on():
    x = torch.arange(10)[:, None]
    kept, choosing = common.held_out(x, 3)
    assert kept.flatten().tolist() == [*range(7)] and choosing.flatten().tolist() == [7, 8, 9]


def test_pixels_are_drawn_anew_from_grey_levels():
    model, noise = BernoulliVAE(784, [4], 2), torch.zeros(1, 3, 2)
    grey, black_or_white = torch.full((3, 784), 0.3), torch.ones(3, 784)
    torch.manual_seed(0)
    one, other = (digits.drawn_anew(model, grey, noise)["loss"] for _ in range(2))
    assert (one != other).all() and (one != negative_elbo(model, grey, noise)["loss"]).all()
    expected = negative_elbo(model, black_or_white, noise)["loss"]
    assert torch.equal(digits.drawn_anew(model, black_or_white, noise)["loss"], expected)


def test_of_cells_that_tie_the_lowest_rate_is_the_best():
    cells = {(0.1, 1): 7.5, (0.2, 1): 7.03, (0.2, 5): 7.02, (0.4, 1): 7.0}
    assert squares.best(cells) == (0.2, 5)
    assert squares.best(cells | {(0.4, 1): 6.9}) == (0.4, 1)


def test_of_cells_that_tie_the_largest_batch_then_the_lowest_rate_is_taken():
    cells = {(0.1, 100): 85.0, (0.2, 100): 85.05, (0.1, 200): 85.09, (0.2, 200): 85.08, (0.1, 400): 85.2}
    assert digits.fastest(cells) == (0.1, 200)
    assert digits.fastest(cells | {(0.2, 100): 84.8}) == (0.2, 100)


def test_what_the_book_had_stays_unless_another_cell_is_better_by_more_than_a_tie():
    cells = {digits.AS_IT_WAS: 85.0, (0.3, 0.01): 84.95, (0.3, 0.03): 85.3}
    assert digits.as_it_was_or_best(cells) == digits.AS_IT_WAS
    assert digits.as_it_was_or_best(cells | {(0.3, 0.01): 84.8}) == (0.3, 0.01)


def test_the_benchmark_trains_as_fit_does():
    x = torch.bernoulli(torch.full((60, 784), 0.3), generator=seeded(1))
    rise, beta2 = (signature(one_cycle).parameters[name].default for name in ("rise", "beta2"))
    assert digits.AS_IT_WAS == (rise, pytest.approx(1 - beta2))
    settings = {"rate": 1e-2, "batch_size": 20, "rise": rise, "forget": 1 - beta2, "epochs": 2}
    ours, _ = digits.trained(x, 3, partial(digits.cycle, **settings))
    generator, theirs = seeded(3), BernoulliVAE(784, [400], 20)
    fit(theirs, negative_elbo, x, epochs=2, batch_size=20, max_lr=1e-2, generator=generator)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_the_usual_loop_is_compared_with_as_few_passes_as_reach_it(monkeypatch):
    choice = {"rival": {"rates": [0.001, 0.002], "losses": [90.0, 88.0]}, "passes": {"3": [91, 90], "4": [88, 89]}}
    monkeypatch.setattr(time_to_loss, "CHOICE", choice | {"passes": choice["passes"] | {"5": [87.0, 88.0]}})
    assert [time_to_loss.passes_to(rate) for rate in (0.001, 0.002)] == [4, 5]


class Places(nn.Module):
    """A decoder that draws the square at place 0 left of 0, and two wrong pixels more right of it."""

    def encode(self, x):
        return torch.randn(len(x), 2, generator=seeded(0)) - 30, None

    def decode(self, z):
        right = all_rectangles().images[0]
        wrong = right.clone()
        wrong[-2:] = 1
        return torch.where(z[:, :1] < 0, right, wrong) - 0.5


def test_draws_that_are_squares_are_counted():
    found = squares.results_of(Places(), vae=False)
    assert found["prior"] == pytest.approx(0.5, abs=0.02) and found["codes"] == 1 and "loss" not in found
    assert found["prior, places"] == found["codes, places"] == 1


def test_the_usual_recipe_steps_down_the_loss_it_is_given_and_reports_its_last_epoch():
    model, x, seen = nn.Linear(1, 1), torch.ones(40, 1), []
    model.latent_dims = 1

    def loss_of(model, batch, noise):
        seen.append(model(batch).square().mean().item())
        return {"loss": model(batch).square()[:, 0]}

    came = squares.usual_steps(model, x, seeded(0), loss_of, batch_size=10, epochs=3)
    assert len(seen) == 12 and seen[-1] < seen[0] and came == pytest.approx(sum(seen[-4:]) / 4)


@pytest.mark.parametrize("benchmark", [squares, digits])
def test_settings_are_chosen_and_reported_with_seeds_of_their_own(benchmark):
    assert not {*benchmark.CHOOSING} & {*benchmark.REPORTING} and len(benchmark.REPORTING) >= 5


def test_chapter_1_says_of_the_stored_numbers_what_they_show():
    stored = json.loads((project.BOOK / "squares.json").read_text(encoding="utf-8"))
    grid = stored["grid"]
    rates, starts = grid["rates"], grid["starts"]
    cells = {(r, s): grid["losses"][i][j] for i, r in enumerate(rates) for j, s in enumerate(starts)}
    assert tuple(grid["chosen"]) == squares.best(cells) and squares.TIE == 0.05
    rate, start = grid["chosen"]
    assert rates[0] < rate < rates[-1] and start < starts[-1]

    ways = stored["report"]["ways"]
    assert [*stored["report"]["seeds"]] == [*squares.REPORTING] and grid["seeds"] == [*squares.CHOOSING]

    def of(name, what):
        return [run[what] for run in ways[name]["runs"]]

    def with_each_seed(what, one, other):
        return sum(a > b for a, b in zip(of(one, what), of(other, what), strict=True))

    for draws in ("prior", "codes"):  # trained alike
        assert min(of("VAE", draws)) > max(of("auto-encoder", draws))
        assert with_each_seed(draws, "VAE", "VAE, weight 1 throughout") == 5
    assert min(of("VAE", "prior, places")) > 0.95 * 289 and max(of("auto-encoder", "prior, places")) < 289 / 4
    constant = "VAE, weight 1, Adam at 0.001", "auto-encoder, Adam at 0.001"
    assert 0 < with_each_seed("prior", *constant) < 5 and 0 < with_each_seed("codes", *constant) < 5
    assert min(of(constant[0], "prior, places")) > 2 * max(of(constant[1], "prior, places"))
    assert with_each_seed("loss", "VAE, weight 1 throughout", "VAE") == 4
    assert min(of(f"{constant[0]}, 31,250 batches of 16", "loss")) > max(of("VAE", "loss"))


def test_chapter_1_trains_with_the_settings_that_were_chosen():
    rate, start = json.loads((project.BOOK / "squares.json").read_text(encoding="utf-8"))["grid"]["chosen"]
    text = (project.BOOK / "1_modules.md").read_text(encoding="utf-8")
    assert {float(found) for found in re.findall(r"max_lr=([\d.e-]+)", text)} == {rate}
    assert signature(falling_kl_weight).parameters["start"].default == start


def test_chapter_2_says_of_the_stored_numbers_what_they_show():
    stored = json.loads((project.BOOK / "digits.json").read_text(encoding="utf-8"))
    choice, report = stored["choice"], stored["report"]
    assert choice["seeds"] == [*digits.CHOOSING] and report["seeds"] == [*digits.REPORTING]
    for grid, (rows, columns), best in (
        (choice["first"], ("rates", "batches"), digits.fastest),
        (choice["second"], ("rises", "forgets"), digits.as_it_was_or_best),
    ):
        cells = {(r, c): grid["losses"][i][j] for i, r in enumerate(grid[rows]) for j, c in enumerate(grid[columns])}
        chosen = best(cells)
        assert chosen in (tuple(choice["chosen"][name] for name in pair) for pair in CHOSEN)
        for cell in (chosen, min(cells, key=cells.get)):
            assert grid[rows][0] < cell[0] < grid[rows][-1] and grid[columns][0] < cell[1] < grid[columns][-1]
    rival = dict(zip(choice["rival"]["rates"], choice["rival"]["losses"], strict=True))
    best_rate = min(rival, key=rival.get)
    assert best_rate == choice["chosen"]["rival_rate"] and min(rival) < best_rate < max(rival)
    assert len(choice["passes"]["20"]) == 3 and max(choice["passes"]["20"]) < min(choice["passes"]["10"]) - 1

    def of(name, what="loss"):
        return [run[what] for run in report["ways"][name]["runs"]]

    ours = of("784-400-20")
    assert len(ours) == 5 and max(ours) <= 85.0
    assert min(of("784-400-20, usual loop, chosen rate")) > max(ours) + 3
    assert min(of("784-400-20, usual loop, published rate")) > max(ours) + 3
    text = (project.BOOK / "2_mnist.md").read_text(encoding="utf-8")
    assert f"{report['grey_entropy']:.1f} nats on the test set" in text
    assert min(of("stochastic", "nll")) > report["grey_entropy"] and min(of("grey")) > report["grey_entropy"]


CHOSEN = (("rate", "batch_size"), ("rise", "forget"))


def test_chapter_2_trains_with_the_settings_that_were_chosen():
    chosen = json.loads((project.BOOK / "digits.json").read_text(encoding="utf-8"))["choice"]["chosen"]
    text = (project.BOOK / "2_mnist.md").read_text(encoding="utf-8")
    found = re.findall(r'"max_lr": ([\d.e-]+), "batch_size": (\d+)', text)
    assert [(float(rate), int(batch)) for rate, batch in found] == [(chosen["rate"], chosen["batch_size"])]
    used = signature(one_cycle).parameters
    assert chosen["rise"] == used["rise"].default and 1 - chosen["forget"] == pytest.approx(used["beta2"].default)


def test_chapter_2s_tables_show_what_is_stored():
    runs = {"seconds": [20, 21, 30], "runs": [{"loss": loss, "nll": loss - 6} for loss in (83.0, 84.0, 85.0)]}
    names = [*chapter_2.WAYS, "stochastic", "grey"]
    stored = {
        "choice": {
            "seeds": [1, 2, 3],
            "first": {"rates": [0.1, 0.2], "batches": [10, 20], "losses": [[4, 3], [2, 1.254]]},
            "second": {"rises": [0.1, 0.3], "forgets": [0.01, 0.1], "losses": [[8, 7.5], [6, 5]]},
            "rival": {"rates": [0.001, 0.002], "losses": [9.0, 9.5]},
            "passes": {"10": [1.0, 1.5, 2.0]},
            "chosen": {"rate": 0.2, "batch_size": 20, "rise": 0.1, "forget": 0.1, "rival_rate": 0.001},
        },
        "report": {"seeds": [4, 5, 6], "ways": dict.fromkeys(names, runs), "grey_entropy": 50.0, "codes": 7},
        "day": "2026-01-02",
        "machine": "a machine",
    }
    text = measured.digits(stored).replace("\N{NO-BREAK SPACE}", " ")
    assert "| peak rate 0.2 | 2.00 | **1.25** |" in text and "| rise 10% | 8.00 | **7.50** |" in text
    assert "| $\\beta_2$ = 0.99 | $\\beta_2$ = 0.9 |" in text
    assert text.count("**") == 4 and text.count("84.00 ± 1.00 | 21 s |") == 4 and "10: 1.50" in text
    assert "0.001: 9.00, 0.002: 9.50" in text and "ten passes, 3 seeds" in text and "chosen for it here, 0.001" in text
    text = measured.pixels(stored).replace("\N{NO-BREAK SPACE}", " ")
    assert (
        text.count("| 84.00 ± 1.00 | 78.00 ± 1.00 |") == 3
        and "at most (7 codes, see below)" in text
        and "| --- | ---: | ---: | --- |" in text
    )


def test_chapter_3_trains_with_the_settings_that_were_chosen():
    choice = json.loads((project.BOOK / "denoising.json").read_text(encoding="utf-8"))["choice"]
    text = (project.BOOK / "3_denoising.md").read_text(encoding="utf-8")
    found = re.search(r"^settings = (\{.*?\})", text, re.M)[1]
    chosen = {float(p): tuple(cells["chosen"]) for p, cells in choice["squares"].items()}
    assert {float(p): pair for p, pair in ast.literal_eval(found).items()} == chosen and tuple(
        chosen
    ) == denoising.LEVELS
    for cells in choice["squares"].values():
        losses = {
            (r, s): cells["losses"][i][j] for i, r in enumerate(cells["rates"]) for j, s in enumerate(cells["starts"])
        }
        assert tuple(cells["chosen"]) == denoising.of_lowest_rate(denoising.TIES["squares"], losses)
        for rate, start in (cells["chosen"], min(losses, key=losses.get)):
            assert cells["rates"][0] < rate < cells["rates"][-1] and start < cells["starts"][-1]
    number = r"rectangles\((\d+_000), generator=each"
    assert {int(count) for count in re.findall(number, text)} == {denoising.IMAGES}
    assert {int(step) for step in re.findall(r"until=(\d+)", text)} == {denoising.UNTIL}
    default = signature(fit).parameters["max_lr"].default
    assert choice["digits"]["none"]["chosen"] == choice["digits"]["a tenth flipped"]["chosen"] == default


def test_chapter_3_says_of_the_stored_noises_what_they_show():
    report = json.loads((project.BOOK / "denoising.json").read_text(encoding="utf-8"))["report"]
    plain, *noisy = report["digits"].values()
    assert [*report["digits"]] == [*denoising.NOISES] and report["seeds"] == [*denoising.REPORTING]
    least = "a tenth replaced, a tenth of these by 1"
    for number in ("loss", "nll", "nll, corrupted"):
        twin = [run["nll" if number == "nll, corrupted" else number] for run in plain]
        worse = {
            name: paired([run[number] for run in runs], twin, 15)
            for name, runs in report["digits"].items()
            if name != "none"
        }
        assert all(difference.higher for difference in worse.values())
        assert min(worse, key=lambda name: worse[name].mean) == least
    for runs in noisy:
        assert paired([run["wrong"] for run in runs], [run["wrong"] for run in plain], 15).lower
        assert all(run["nll"] < run["nll, corrupted"] for run in runs)


def test_chapter_3_says_of_few_images_what_is_stored():
    stored = json.loads((project.BOOK / "few.json").read_text(encoding="utf-8"))
    assert [*stored["runs"]] == [*few.STEPS] and stored["seeds"]["reporting"] == [*few.REPORTING]
    for remedies in stored["choice"].values():
        for remedy, found in remedies.items():
            best = min(zip(found["losses"], found["strengths"], strict=True))[1]
            inside = min(found["strengths"]) < best < max(found["strengths"])
            assert found["chosen"] == best and (inside or remedy == "nothing")

    def against(name, remedy, other="nothing"):
        pair = ([run["kept"] for run in stored["runs"][name][which]] for which in (remedy, other))
        return paired(*pair, comparisons=19)  # 16 of the table, and 3 with flips

    digits_only = [name for name in few.STEPS if name != "squares"]
    noises = "flips", "salt and pepper"
    ahead = {(name, remedy) for name in few.STEPS for remedy in few.STRENGTHS if against(name, remedy).lower}
    assert {each for each in ahead if each[1] in noises} == {("3,000 digits", "flips")}
    assert -1 < against("3,000 digits", "flips").mean < 0
    dropout, decay = "dropout at the input", "weight decay"
    assert all((name, dropout) in ahead and against(name, dropout, "flips").lower for name in digits_only)
    assert {name for name, remedy in ahead if remedy == decay} == {"1,000 digits", "3,000 digits", "squares"}

    def lost(name, remedy):
        return [run["last"] - run["kept"] for run in stored["runs"][name][remedy]]

    assert min(min(lost(name, remedy)) for name in digits_only for remedy in noises) > 5
    assert max(max(lost(name, decay)) for name in ("1,000 digits", "3,000 digits")) < 1


def test_chapter_3s_tables_show_what_is_stored_and_mark_what_is_not_decided():
    losses = [100.0, 101.0, 103.0]

    def moved(by, name="kept"):
        return [{name: loss + shift, "last": 200.0, "step": 5} for loss, shift in zip(losses, by, strict=True)]

    remedies = {"nothing": moved([0, 0, 0]), "flips": moved([-2, -2.01, -2.02]), "weight decay": moved([-2, 1, 2])}
    choice = {name: {"strengths": [0.1, 0.2], "losses": [9, 8.126], "chosen": 0.2} for name in remedies}
    seeds = {"choosing": [1, 2], "reporting": [3, 4, 5]}
    stored = {
        "choice": {"300 digits": choice},
        "runs": {"300 digits": remedies},
        "seeds": seeds,
        "day": "d",
        "machine": "m",
    }
    text = measured.few(stored).replace("\N{NO-BREAK SPACE}", " ")
    assert "| 300 digits: nothing | 101.33 ± 1.53 | - | 200.0 ± 0.0 |" in text
    assert "| 300 digits: flips, 0.2 | 99.32 ± 1.52 | -2.01 ± 0.01 | 200.0 ± 0.0 |" in text
    assert "| +0.33 ± 1.20 ? |" in text and "300 digits, flips: 0.1: 9.00, 0.2: 8.13" in text
    assert "| images, remedy, 3 seeds |" in text and "Held-out -ELBO, 2 other seeds:" in text

    def runs(by):
        names = {"loss": 0, "nll": -7, "nll, corrupted": -7, "wrong": 0, "wrong, clean": 0}
        pairs = [*zip(losses, by, strict=True)]
        return [{name: loss + shift + less for name, less in names.items()} for loss, shift in pairs]

    cells = {"rates": [0.1, 0.2, 0.4], "starts": [1, 10], "losses": [[9, 8], [7, 6], [8, 9]], "chosen": [0.2, 10]}
    without = [{name: run[name] for name in run if name != "nll, corrupted"} for run in runs([0, 0, 0])]
    stored = {
        "choice": {
            "seeds": [1, 2, 3],
            "squares": {"0": cells},
            "digits": {"none": {"rates": [0.01, 0.02], "losses": [85.5, 86], "chosen": 0.01}},
        },
        "report": {
            "codes": 7,
            "few": 1234,
            "seeds": [4, 5, 6],
            "digits": {"none": without, "a tenth": runs([1, 1.01, 1.02]), "other": runs([1, 1.25, 1.5])},
            "first": {"0": runs([0, 0, 0]), "0.05": runs([-2, 1, 2])},
        },
        "day": "d",
        "machine": "m",
    }
    text = measured.noises(stored).replace("\N{NO-BREAK SPACE}", " ")
    mean = " 101.33 ± 1.53 |"
    assert f"| none |{mean} 94.33 ± 1.53 | \N{EN DASH} |{2 * mean}" in text
    assert f"| other |{5 * ' +1.25 ± 0.14 ? |'}" in text  # p = 0.013: of ten comparisons not decided
    assert f"| a tenth |{5 * ' +1.01 ± 0.01 |'}" in text
    assert text.count("+0.33 ± 1.20 ?") == 3 and "| p = 0, peak 0.2 | 7.00 | **6.00** |" in text
    assert (
        "none: 0.01: 85.50, 0.02: 86.00." in text
        and "| 7 codes | 7 codes, corrupted |" in text
        and "1,234 test" in text
        and "3 seeds a row" in text
    )
