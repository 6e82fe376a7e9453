"""The valley of exact networks: its slider, its curves as a shortcut, and the numbers beside them."""

import math
from itertools import product

import pytest
import torch

from tests.browser import THEMES, WIDTHS
from tests.hands import HOWS, drag, keys, painted, point_at, press, slide, where
from vaebook import live
from vaebook.live.training import MEAN, common_information, covariance
from vaebook.live.valley import key_terms
from vaebook.models import probabilistic_pca
from vaebook.objectives import negative_elbo


@pytest.fixture(scope="module")
def figure():
    return live.valley()


def averaged(model, mean, cov):
    """Mean loss, reconstruction and KL by four points and noise of -1 and +1, as chapter 4 has it."""
    columns = math.sqrt(2) * torch.linalg.cholesky(cov).T
    x = torch.cat([mean + columns, mean - columns])
    noise = torch.tensor([-1.0, 1.0]).double()[:, None, None].expand(2, 4, 1)
    return {name: term.mean().item() for name, term in negative_elbo(model, x, noise).items()}


def shows(visit, w1):
    assert float(visit.control("w1").input_value()) == pytest.approx(w1, abs=0.004)
    right = key_terms(float(visit.control("w1").input_value()))
    for name in ("loss", "reconstruction", "kl"):
        assert visit.number(name) == pytest.approx(right[name], abs=6e-4), name
    assert visit.number("excess") == pytest.approx(right["kl"] - common_information(0.5), abs=6e-4)
    assert visit.number("w2") == pytest.approx(0.5 / float(visit.control("w1").input_value()), abs=6e-4)


def test_the_formulas_of_the_still_are_those_of_the_key():
    right = averaged(probabilistic_pca(MEAN, covariance(0.5), 1), MEAN, covariance(0.5))
    found = key_terms(math.sqrt(0.5))
    assert {name: pytest.approx(value, abs=1e-9) for name, value in found.items()} == right
    assert found["kl"] == pytest.approx(common_information(0.5), abs=1e-12)


@pytest.mark.parametrize("theme, width", list(product(THEMES, WIDTHS)))
def test_it_starts_with_the_numbers_of_its_first_network(live_page, figure, theme, width):
    visit = live_page(figure, theme=theme, width=width)
    visit.page.wait_for_timeout(100)
    shows(visit, 0.9)
    assert visit.complaints == [] and visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)


def test_the_slider_moves_by_keyboard_and_only_the_parts_change(live_page, figure):
    visit = live_page(figure)
    keys(visit, "w1", "ArrowRight", "ArrowRight")
    shows(visit, 0.902)
    losses = {visit.number("loss")}
    for key, w1 in (("Home", 0.52), ("End", 0.98), ("PageDown", 0.934)):
        keys(visit, "w1", key)
        shows(visit, w1)
        losses.add(visit.number("loss"))
    assert len(losses) == 1


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_the_slider_moves_by_pointer(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch", width=360)
    slide(visit, "w1", 0.0, how)
    shows(visit, 0.52)


@pytest.mark.parametrize("how", HOWS)
def test_a_button_goes_to_the_lowest_kl(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    press(visit, "lowest", how)
    shows(visit, 0.707)
    assert visit.number("excess") == 0


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_a_point_of_the_curves_sets_the_network(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    point_at(visit, "curves", 0.6, 1.0, how)
    shows(visit, 0.6)
    point_at(visit, "curves", 0.505, 1.0, how)
    shows(visit, 0.52)


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_the_mark_on_the_kl_is_dragged(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    drag(visit, "curves", (0.9, key_terms(0.9)["kl"]), (0.65, 0.6), how)
    shows(visit, 0.65)


def test_a_finger_that_moves_beside_the_mark_scrolls_and_changes_nothing(live_page, figure):
    visit = live_page(figure, has_touch=True, width=360)
    visit.page.evaluate("document.body.style.minHeight = '3000px'")
    for start, scrolls, w1 in (((0.6, 0.4), True, 0.9), ((0.9, key_terms(0.9)["kl"]), False, 0.6)):
        where(visit, "curves", *start)
        before = visit.page.evaluate("scrollY")
        drag(visit, "curves", start, (0.6, 2.9), "touch")
        shows(visit, w1)
        assert (visit.page.evaluate("scrollY") > before + 50) == scrolls


def test_the_page_averages_over_all_data_and_finds_what_the_package_finds(live_page, figure):
    """The page's own averages, for the key and for others, of which it does not know that they are exact."""
    visit = live_page(figure)
    keys = [[0.5, math.sqrt(0.5)], [0.5, 0.52], [0.5, 0.98], [-0.8, 0.95], [0.3, 0.31]]
    found = visit.page.evaluate("keys => keys.map(w => vaeMaths.keyTerms(new vaeMaths.LinearKey(...w)))", keys)
    right = averaged(probabilistic_pca(MEAN, covariance(0.5), 1), MEAN, covariance(0.5))
    assert found[0] == {name: pytest.approx(value, abs=1e-12) for name, value in right.items()}
    for (rho, w1), terms in zip(keys, found, strict=True):
        assert terms == {name: pytest.approx(value, abs=1e-12) for name, value in key_terms(w1, rho).items()}
    wrong = "const key = new vaeMaths.LinearKey(0.5, 0.9); key.precision *= 2; return vaeMaths.keyTerms(key).loss"
    assert visit.page.evaluate(f"(() => {{ {wrong} }})()") > key_terms(0.9)["loss"] + 0.01  # no longer the posterior


@pytest.mark.parametrize("theme", THEMES)
def test_line_and_ellipses_are_drawn_where_they_should_be(live_page, figure, theme):
    visit = live_page(figure, theme=theme)
    for press_home in (False, True):
        if press_home:
            keys(visit, "w1", "Home")
        w1 = float(visit.control("w1").input_value())
        w = torch.tensor([w1, 0.5 / w1]).double()
        sides = (1 - w.square()).sqrt() * torch.tensor([[1, 0], [-1, 0], [0, 1], [0, -1]])
        line = [MEAN + w * z for z in (-2.5, -1.5, 0, 2.5)]
        ellipses = [MEAN + w * z + side for z in (-2, -1, 0, 1, 2) for side in sides]
        assert all(painted(visit, "plane", "blue", *(place.tolist() for place in line + ellipses))), w1
        assert not any(painted(visit, "plane", "blue", *((MEAN + w * z).tolist() for z in (-3.4, 3.4))))
        # what it makes, in dashes, lies on the density of the data, whatever w1 is
        angle = torch.linspace(0, 2 * math.pi, 181).double()[:-1]
        circle = torch.stack([angle.cos(), angle.sin()], 1) @ torch.linalg.cholesky(covariance(0.5)).T
        places = torch.cat([MEAN + circle, MEAN + 2 * circle]).tolist()
        for color, least in {"orange": 0.6, "text": 0.35}.items():
            found = painted(visit, "plane", color, *places)
            assert sum(found) > least * len(places), (color, sum(found))


def test_curves_marks_and_floor_are_drawn_where_they_should_be(live_page, figure):
    visit = live_page(figure)
    floor, best = common_information(0.5), math.sqrt(0.5)
    for name, color in {"loss": "text", "reconstruction": "pink", "kl": "green"}.items():
        curve = [(w1, key_terms(w1)[name]) for w1 in (0.53, 0.6, 0.75, 0.97)]
        mark = [(0.9, key_terms(0.9)[name], 0, down) for down in (-6, 6)]
        assert all(painted(visit, "curves", color, *curve, *mark)), name
        beside = [(x, y, 0, down) for x, y in curve[1:3] for down in (-9, 9)]
        assert not any(painted(visit, "curves", color, *beside)), name
    across = [(w1 / 1000, floor) for w1 in (*range(505, 540), *range(870, 990))]
    assert sum(painted(visit, "curves", "orange", *across)) > 0.4 * len(across)
    below = [(best, floor * share / 20) for share in range(1, 20)]
    assert sum(painted(visit, "curves", "orange", *below)) > 10
    assert not any(painted(visit, "curves", "orange", *((best - 0.03, y) for _, y in below[:-2])))
