"""What a benchmark has stored becomes tables, on the page and in the notebook."""

import json
import re
from inspect import signature

import pytest
import torch
from torch import nn

from benchmarks import squares
from tools import colab, measured, project
from vaebook.data import all_rectangles
from vaebook.training import falling_kl_weight, seeded

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
    with pytest.raises(ValueError, match="measured must be one of squares, got 'circles'"):
        measured.markdown("circles")


@pytest.mark.parametrize(
    ("values", "best", "expected"),
    [((1, 2, 4), 2, None), ((1, 2, 4), 4, 8), ((1, 3, 9), 1, 1 / 3), ((0.5, 1), 0.5, 0.25), ((0.5, 1), 1, 2)],
)
def test_a_grid_grows_by_its_own_ratio_beyond_the_edge_its_best_cell_lies_on(values, best, expected):
    assert squares.beyond(values, best) == expected


def test_a_grid_does_not_grow_beyond_what_is_the_least_there_is():
    assert squares.beyond((1, 10, 30), 1, least=1) is None and squares.beyond((2, 4), 2, least=1.5) == 1.5


def test_of_cells_that_tie_the_lowest_rate_is_the_best():
    cells = {(0.1, 1): 7.5, (0.2, 1): 7.03, (0.2, 5): 7.02, (0.4, 1): 7.0}
    assert squares.best(cells) == (0.2, 5)
    assert squares.best(cells | {(0.4, 1): 6.9}) == (0.4, 1)


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


def test_settings_are_chosen_and_reported_with_seeds_of_their_own():
    assert not {*squares.CHOOSING} & {*squares.REPORTING} and len(squares.REPORTING) >= 5


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
