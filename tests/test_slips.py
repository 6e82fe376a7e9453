"""Slips: each is another program than the right one, and differs from it from the first steps on."""

import inspect
import math
import re
from dataclasses import replace
from functools import partial

import pytest
import torch
from bs4 import BeautifulSoup
from scipy.stats import t

from tools import project
from vaebook.data import all_rectangles
from vaebook.distributions import bernoulli_log_likelihood
from vaebook.examine.conditions import MARGIN
from vaebook.models import BernoulliVAE
from vaebook.objectives import importance_weighted_bound, negative_elbo
from vaebook.slips import GROUPS, SLIPS, Slip, built, prices, right, source_of
from vaebook.slips.build import replaced
from vaebook.slips.prices import Price, minus_elbo, price
from vaebook.slips.show import alarms, costs, entries, nats, price_table, told_from_zero
from vaebook.slips.together import trained
from vaebook.training import evaluate

X = all_rectangles(image_shape=(12, 12), height=5, width=5).images
IN_THE_LOSS = [slip for slip in SLIPS if slip.alarm not in ("none", "mode", "data", "constant")]


def test_names_are_anchors_and_each_is_there_once():
    names = [slip.name for slip in SLIPS]
    assert len(names) == len({*names}) >= 24 and all(
        name.replace("-", "").isalnum() and name.islower() for name in names
    )


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.name)
def test_a_slip_changes_its_lines_and_no_others(slip):
    right = source_of(slip.source)
    wrong = replaced(right, slip.right, slip.wrong)
    ours, theirs = ({line.strip() for line in text.splitlines()} for text in (right, wrong))
    assert wrong != right
    assert theirs - ours <= {line.strip() for line in slip.wrong.splitlines()}
    assert ours - theirs <= {line.strip() for line in slip.right.splitlines()}


def test_lines_that_do_not_stand_there_once_are_refused():
    for lines in ("nothing = 1", "import torch\nimport torch", "nn.ReLU(),"):
        with pytest.raises(ValueError, match="once"):
            built(Slip("x", "x", lines, "pass", "none"))


@pytest.mark.parametrize("slip", IN_THE_LOSS, ids=lambda slip: slip.name)
def test_a_slip_trains_otherwise_than_the_right_model_from_the_first_steps_on(slip):
    weights = []
    for module in (built(source=slip.source), built(slip)):
        models = trained(module, X, seeds=range(2), options=slip.options, steps=4)
        weights.append([part.clone() for part in models[1].parameters()])
    assert not all(map(torch.allclose, *weights))


@pytest.mark.parametrize("source", ["right", "by_hand"])
def test_models_trained_together_learn(source):
    module = built(source=source)
    models = trained(module, X, seeds=range(2), steps=150)
    losses = [module.evaluate(model, module.loss, X, draws=20) for model in models]
    assert all(loss < 60 for loss in losses) and losses[0] != losses[1]


def test_the_loss_that_a_model_has_is_that_of_the_books_own_objective():
    torch.manual_seed(0)
    model = BernoulliVAE(144, [32], 2)
    ours = evaluate(model, negative_elbo, X, draws=400)["loss"]
    assert abs(minus_elbo(model, X) - ours) < 0.02


def named(name):
    return next(slip for slip in SLIPS if slip.name == name)


def test_the_right_line_in_its_own_place_costs_nothing_and_reports_what_it_has():
    line = named("rand").right
    found = price(Slip("none", "none", line, line, "none"), seeds=range(2), steps=20)
    assert torch.equal(found.price, torch.zeros(2))
    assert found.off.abs().max() < 0.3 and (found.has > 4).all()


def test_a_constant_costs_nothing_and_is_in_the_report():
    found = price(named("minus-one"), seeds=range(2), steps=20)
    assert found.price.abs().max() < 1e-3 and (found.off - 1).abs().max() < 0.3


def test_a_slip_of_the_evaluation_leaves_the_models_as_they_are():
    spoilers = [slip for slip in SLIPS if slip.spoils != "the model"]
    assert len(spoilers) == 4
    for slip in spoilers:
        found = price(slip, seeds=range(2), steps=20)
        assert torch.equal(found.has, found.right)
        assert found.off.abs().max() > 0, slip.name
        weights = []
        for module in (built(source=slip.source), built(slip)):
            models = trained(module, module.data()[0], seeds=range(2), options=slip.options, steps=4)
            weights.append([part.clone() for part in models[1].parameters()])
        assert all(map(torch.equal, *weights)), slip.name


def prices_of(*rows):
    return [(slip, Price(*(torch.tensor(part) for part in parts))) for slip, *parts in rows]


CHEAP = replace(named("minus-one"), title="a < b")
ROWS = prices_of(
    (CHEAP, [9.0, 9.2], [8.0, 8.2], [8.0, 8.2]),
    (named("rand"), [4.0, 4.1], [23.9, 24.1], [8.0, 8.0]),
    (named("one-draw"), [7.0, 7.0], [6.0, 6.0], [6.0, 6.0]),
)


def test_the_table_is_by_price_and_links_to_the_entries():
    table = BeautifulSoup(price_table(ROWS).data, "html.parser")
    links = [link["href"] for link in table.select("tbody th a")]
    assert links == ["#rand", "#minus-one", "#one-draw"]
    cells = [[cell.get_text() for cell in row.select("td")] for row in table.select("tbody tr")]
    cells = [[cell.replace("\xa0", " ").strip() for cell in row] for row in cells]
    assert cells[0] == ["16.0 ± 0.1", "4.05 ± 0.07", "24.0 ± 0.1", "distribution, floor"]
    assert cells[1][0] == "nothing" and cells[2][0] == "0; the report is off by 1.00 ± 0.00"
    shown = BeautifulSoup(entries(ROWS, ["rand", "minus-one"]).data, "html.parser")
    for slip in (named("rand"), replace(named("rand"), in_a_vae=False)):
        words = entries([(slip, ROWS[1][1])], ["rand"]).data
        assert ("other code" in words) != slip.in_a_vae
    assert [part["id"] for part in shown.select("section")] == ["rand", "minus-one"]
    assert shown.select("h3")[1].get_text() == "a < b"
    assert [part.get_text() for part in shown.select("pre")][:2] == [named("rand").wrong, named("rand").right]


def test_numbers_have_about_three_digits():
    for mean, text in ((-0.5, "−0.50 ± 0.71"), (12.34, "12.3 ± 0.7"), (256, "256 ± 1"), (2e4, "over 10,000")):
        assert nats(torch.tensor([mean - 0.5, mean + 0.5])).replace("\xa0", " ") == text


def test_the_floor_rings_only_where_all_seeds_report_less():
    slip = named("minus-one")
    for low, rings in ((4.0, True), (4.2, False)):
        found = Price(torch.tensor([4.0, low]), torch.tensor([9.0, 9.0]), torch.tensor([8.0, 8.0]))
        assert ("floor" in alarms(slip, found)) == rings
    assert costs(slip, found) == "1.00\xa0±\xa00.00"


@pytest.mark.parametrize("shift, told", [(0.0, False), (2.0, False), (2.2, True), (-2.2, True)])
def test_a_price_is_told_from_zero_by_the_interval_of_student(shift, told):
    five = torch.tensor([-1.0, -1.0, 0.0, 1.0, 1.0])  # spread 1; 4.604 / sqrt(5) = 2.059
    assert told_from_zero(five + shift) == told
    found = Price(torch.zeros(5), five + shift, torch.zeros(5))
    assert costs(named("rand"), found).endswith("not told from 0") != told


def test_what_broke_is_told_from_zero_and_what_is_shown_as_zero_costs_nothing():
    assert told_from_zero(torch.tensor([math.inf, 1e30, math.nan]))
    small = torch.tensor([0.004, 0.004, 0.004])
    assert costs(named("rand"), Price(small, small, 0 * small)) == "nothing"


def test_each_slip_says_what_it_does_and_where_it_was_seen_by_an_address():
    assert sum(map(len, GROUPS.values())) == len(SLIPS)
    for slip in SLIPS:
        assert 30 < len(slip.why) < 260 and slip.why.endswith("."), slip.name
        if slip.seen:
            title, path = slip.seen
            place = r"[\w.-]+/[\w.-]+/((issues|pull)/\d+|(blob|commit)/[0-9a-f]{40}(/[\w.]+)?)"
            assert len(title) > 8 and re.fullmatch(place, path), slip.name


def test_the_numbers_that_the_page_types_are_those_of_the_code():
    page = (project.BOOK / "slips.md").read_text(encoding="utf-8")
    by_default = {
        name: part.default
        for call in (right.train, right.evaluate, right.log_likelihood)
        for name, part in inspect.signature(call).parameters.items()
        if name != "draws"
    }
    draws = [inspect.signature(call).parameters["draws"].default for call in (right.evaluate, right.log_likelihood)]
    silent = [slip.name for slip in SLIPS if slip.alarm == "none"]
    assert len(silent) == 7 and "Seven slips ring no alarm" in page
    assert f"that of {by_default['steps']} steps" in page and f"There are {prices.DRAWS} draws" in page
    assert f"mean of {draws[0]} calls" in page and f"with {draws[1]:,} draws" in page
    assert f"more than {MARGIN} nats" in page and f"{math.log(64):.2f}" in page
    assert f"less than {t.ppf(0.995, len(prices.SEEDS) - 1) / math.sqrt(len(prices.SEEDS)):.2f} times" in page
    assert len(prices.SEEDS) == 5 and "five seeds" in page


class Book(right.VAE):
    """The right model with the two answers more that the book's objectives ask for."""

    latent_dims = 2

    def log_likelihood(self, z, x):
        return bernoulli_log_likelihood(self.decode(z), x.expand(*z.shape[:-1], -1))


@pytest.mark.parametrize("source", ["right", "by_hand"])
def test_a_right_loss_and_its_gradient_are_the_books_own(source):
    module = built(source=source)
    torch.manual_seed(0)
    model = module.VAE().eval()
    torch.manual_seed(1)
    ours = module.loss(model, X)
    model.latent_dims, model.log_likelihood = 2, partial(Book.log_likelihood, model)
    torch.manual_seed(1)
    books = negative_elbo(model, X, torch.randn(1, 64, 2))["loss"].mean()
    assert torch.allclose(ours, books)
    weights = list(model.parameters())
    for one, other in zip(*(torch.autograd.grad(loss, weights) for loss in (ours, books)), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_the_right_estimate_of_log_p_is_the_books_own():
    torch.manual_seed(0)
    model = Book().eval()
    bound = importance_weighted_bound(model, X, 2000).mean().item()
    assert abs(right.log_likelihood(model, X, draws=2000) - bound) < 0.02


def test_the_right_training_brings_the_loss_down():
    torch.manual_seed(0)
    model = right.VAE()
    log = right.train(model, right.loss, X, steps=300)
    assert len(log) == 3 and log[2] < log[0] < 60 and log[2] < 35
    assert right.evaluate(model, right.loss, X) < 35
