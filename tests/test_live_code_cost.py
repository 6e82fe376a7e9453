"""What a code costs: sliders, buttons, the plane as their shortcut, and the KL beside them."""

import math
from functools import partial
from itertools import product

import pytest
import torch
from torch.distributions import Normal

from tests.browser import THEMES, WIDTHS
from tests.hands import HOWS, drag, keys, painted, point_at, press, slide, where
from vaebook import live
from vaebook.distributions import kl_standard_normal

START = 2 * math.log(0.25)


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


def said(visit):
    return visit.page.locator(".status").inner_text()


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
    keys(visit, "sigma", *["ArrowRight"] * 20)
    shows(visit, 0.9, 0.5, within=1e-6)
    keys(visit, "sigma", "End")
    shows(visit, 0.9, 2**1.5, within=1e-6)
    keys(visit, "sigma", "Home")
    shows(visit, 0.9, 1 / 32, within=1e-6)
    keys(visit, "mu", "Home")
    shows(visit, -3.0, 1 / 32, within=1e-6)
    assert visit.control("sigma").get_attribute("aria-valuetext") == "0.0313"
    assert visit.control("mu").get_attribute("aria-valuetext") == "-3.00"


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_sliders_move_by_pointer(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch", width=360)
    slide(visit, "mu", 1.0, how)
    slide(visit, "sigma", 0.0, how)
    shows(visit, 3.0, 1 / 32, within=0.1)


@pytest.mark.parametrize("how", HOWS)
def test_half_the_width_costs_nearly_a_bit_and_the_prior_costs_nothing(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    press(visit, "halve", how)
    shows(visit, 1.0, 0.125, within=1e-6)
    before = visit.number("bits")
    press(visit, "halve", how)
    shows(visit, 1.0, 0.0625, within=1e-6)
    assert visit.number("bits") - before == pytest.approx(1, abs=0.02)
    assert said(visit) == "\u03c3 halved: the KL rose by 0.687 nats. One bit is 0.693 nats."
    press(visit, "prior", how)
    shows(visit, 0.0, 1.0, within=1e-6)
    numbers = visit.page.locator(".numbers b").all_inner_texts()
    assert numbers == ["0.000"] * 5 and said(visit) == "The prior itself costs nothing."
    for _ in range(6):
        press(visit, "halve", how)
    shows(visit, 0.0, 1 / 32, within=1e-6)
    assert said(visit) == "The slider ends at \u03c3 = 0.0313."
    keys(visit, "sigma", "End")
    assert said(visit) == ""
    press(visit, "halve", how)
    assert said(visit) == "\u03c3 halved: the KL fell by 2.307 nats. One bit is 0.693 nats."


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_a_point_of_the_plane_sets_both(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    point_at(visit, "plane", -2.0, 1.0, how)
    shows(visit, -2.0, math.exp(0.5))


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_the_code_is_dragged_on_the_plane(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    drag(visit, "plane", (1.0, START), (-1.0, -1.0), how)
    shows(visit, -1.0, math.exp(-0.5), within=0.06)


def test_a_finger_that_moves_beside_the_code_scrolls_and_changes_nothing(live_page, figure):
    visit = live_page(figure, has_touch=True, width=360)
    visit.page.evaluate("document.body.style.minHeight = '3000px'")
    for start, scrolls, mu, logvar in (((-2.0, -5.0), True, 1.0, START), ((1.0, START), False, -1.0, 1.0)):
        where(visit, "plane", *start)
        before = visit.page.evaluate("scrollY")
        drag(visit, "plane", start, (-1.0, 1.0), "touch")
        shows(visit, mu, math.exp(0.5 * logvar))
        assert (visit.page.evaluate("scrollY") > before + 50) == scrolls


def test_outside_of_the_axes_a_drag_stops_at_their_ends(live_page, figure):
    visit = live_page(figure)
    drag(visit, "plane", (0.0, 0.0), (3.15, -7.5))
    shows(visit, 3.0, 1 / 32, within=1e-6)


def test_on_a_contour_the_kl_is_its_level(live_page, figure):
    visit, levels = live_page(figure), [0.1, 0.5, 1.0, 2.0, 3.0, 5.0]
    curves = visit.page.evaluate("levels => levels.map(level => vaeMaths.klContour(level))", levels)
    for level, curve in zip(levels, map(partial(torch.tensor, dtype=torch.float64), curves), strict=True):
        kl = kl_standard_normal(curve[:, :1], curve[:, 1:])
        assert (kl - level).abs().max() < 1e-9
        assert (curve[:, 0].abs() < 1e-6).sum() == 4 and (curve[0] - curve[-1]).abs().max() < 1e-6  # closed
        assert curve[:, 0].max() == pytest.approx(math.sqrt(2 * level), rel=0.01)
        assert curve[:, 0].min() == -curve[:, 0].max() and curve[:, 1].min() < 0 < curve[:, 1].max()
    assert all(painted(visit, "plane", "faint", *((math.sqrt(2 * level), 0.0) for level in levels[:-1])))
    assert not any(painted(visit, "plane", "faint", (1.7, 0.0), (0.7, 0.0)))


PLANE = "document.querySelector('.vae-live').stage.panels.plane"


@pytest.mark.parametrize("theme", THEMES)
def test_arrows_point_down_the_kl_and_are_as_long_as_the_note_says(live_page, figure, theme):
    visit = live_page(figure, theme=theme)
    for at in ((2.0, 1.0), (-1.5, -4.0)):
        point_at(visit, "plane", *at)
        mu, exponent = (float(visit.control(name).input_value()) for name in ("mu", "sigma"))
        logvar, unit = 2 * math.log(10) * exponent, visit.page.evaluate(f"{PLANE}.x.to(1) - {PLANE}.x.to(0)")
        arrows = {"orange": (-mu * unit, 0.0), "green": (0.0, 0.5 * (math.exp(logvar) - 1) * unit)}
        for color, (right, down) in arrows.items():
            length = abs(right + down)
            places = [
                (mu, logvar, right * share, down * share) for share in (1 - 5 / length, 1 + 6 / length, -14 / length)
            ]
            assert painted(visit, "plane", color, *places) == [True, False, False], (color, at)
        across, up = math.copysign(6, mu), -6 if logvar > 0 else 6  # where no arrow crosses the ring
        assert all(painted(visit, "plane", "blue", (mu, logvar, across, 0), (mu, logvar, 0, up)))
    press(visit, "prior", "mouse")
    for color in ("orange", "green"):
        assert not any(painted(visit, "plane", color, (0, 0, 0, 12), (0, 0, 12, 0), (0, 0, -12, 0), (0, 0, 0, -12)))


TOP = "(({y, box}) => y.back(box.top))(document.querySelector('.vae-live').stage.panels.density)"


@pytest.mark.parametrize("sigma, top", [(1 / 32, 16), (0.25, 2), (2**1.5, 0.5)])
def test_both_densities_fit_the_axis_at_any_width(live_page, figure, sigma, top):
    visit = live_page(figure)
    keys(visit, "sigma", *({1 / 32: ["Home"], 2**1.5: ["End"]}.get(sigma, [])))
    shows(visit, 1.0, sigma, within=1e-6)
    assert visit.page.evaluate(TOP) == pytest.approx(top)
    for color, density in {"blue": Normal(1.0, sigma), "text": Normal(0.0, 1.0)}.items():
        z = density.mean + density.stddev * torch.linspace(-1, 1, 41)
        places = torch.stack([z, density.log_prob(z).exp()], 1).tolist()
        found = painted(visit, "density", color, *places)
        assert sum(found) > (40 if color == "blue" else 16), (color, sum(found))
