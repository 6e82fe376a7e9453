"""What a code costs: sliders, buttons, the plane as their shortcut, and the KL beside them."""

import math
from itertools import product

import pytest
import torch

from tests.browser import THEMES, WIDTHS
from tests.hands import HOWS, drag, keys, point_at, press, slide
from vaebook import live
from vaebook.distributions import kl_standard_normal


@pytest.fixture(scope="module")
def figure():
    return live.code_cost()


def shows(visit, mu, sigma, within=0.03):
    """The figure stands at mu and sigma, and all its numbers are those of Python for where it stands."""
    mean, exponent = (float(visit.control(name).input_value()) for name in ("mu", "sigma"))
    assert mean == pytest.approx(mu, abs=within) and 10**exponent == pytest.approx(sigma, rel=within)
    at = torch.tensor([mean, 2 * math.log(10**exponent)], dtype=torch.float64, requires_grad=True)
    kl = kl_standard_normal(at[:1], at[1:])
    by_mu, by_logvar = torch.autograd.grad(kl, at)[0].tolist()
    right = {
        "logvar": at[1].item(),
        "kl": kl.item(),
        "bits": kl.item() / math.log(2),
        "bymu": by_mu,
        "bylogvar": by_logvar,
    }
    for name, value in right.items():
        assert visit.number(name) == pytest.approx(value, abs=6e-4), name


@pytest.mark.parametrize("theme, width", list(product(THEMES, WIDTHS)))
def test_it_starts_with_a_narrow_code_beside_the_prior(live_page, figure, theme, width):
    visit = live_page(figure, theme=theme, width=width)
    visit.page.wait_for_timeout(100)
    shows(visit, 1.0, 0.25)
    assert visit.complaints == [] and visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)


def test_sliders_move_by_keyboard(live_page, figure):
    visit = live_page(figure)
    keys(visit, "mu", "ArrowLeft", "ArrowLeft")
    shows(visit, 0.9, 0.25, within=0.01)
    keys(visit, "sigma", "End")
    shows(visit, 0.9, 10**0.45)
    keys(visit, "sigma", "Home")
    shows(visit, 0.9, 10**-1.3)
    keys(visit, "mu", "Home")
    shows(visit, -3.0, 10**-1.3)
    assert visit.control("sigma").get_attribute("aria-valuetext") == "0.05"


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_sliders_move_by_pointer(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch", width=360)
    slide(visit, "mu", 1.0, how)
    slide(visit, "sigma", 0.0, how)
    shows(visit, 3.0, 10**-1.3, within=0.06)


@pytest.mark.parametrize("how", HOWS)
def test_half_the_width_costs_nearly_a_bit_and_the_prior_costs_nothing(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    press(visit, "halve", how)
    shows(visit, 1.0, 0.125)
    before = visit.number("bits")
    press(visit, "halve", how)
    shows(visit, 1.0, 0.0625)
    assert visit.number("bits") - before == pytest.approx(1, abs=0.02)
    press(visit, "prior", how)
    shows(visit, 0.0, 1.0)
    assert visit.number("kl") == visit.number("bymu") == visit.number("bylogvar") == 0
    for _ in range(6):
        press(visit, "halve", how)
    shows(visit, 0.0, 10**-1.3)  # as narrow as the slider goes


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_a_point_of_the_plane_sets_both(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    point_at(visit, "plane", -2.0, 1.0, how)
    shows(visit, -2.0, math.exp(0.5))


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_the_code_is_dragged_on_the_plane(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    drag(visit, "plane", (1.0, 2 * math.log(0.25)), (-1.0, -1.0), how)
    shows(visit, -1.0, math.exp(-0.5), within=0.06)


def test_a_finger_that_moves_beside_the_code_changes_nothing(live_page, figure):
    visit = live_page(figure, has_touch=True, width=360)
    drag(visit, "plane", (-2.0, -4.0), (-2.0, 1.0), "touch")
    shows(visit, 1.0, 0.25)
