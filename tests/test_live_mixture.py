"""The live mixture of chapter 3: what it shows is what PyTorch computes, by keyboard, mouse and touch."""

import copy
import html
import itertools
import math
import random
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.contour import ContourSet
from matplotlib.patches import Ellipse

from tests.browser import THEMES, WIDTHS
from tests.hands import HOWS, keys, painted, press, slide
from tests.mixtures import FEWEST, HEIGHT, PLACES, SIDE, SQUARES, P, Truth, denoising_model, mixture_of
from tests.planes import settle
from vaebook import live
from vaebook.data import all_rectangles
from vaebook.live import mixture_stills
from vaebook.models import BernoulliVAE
from vaebook.objectives import log_joint

START, COUNT, LEVELS = (PLACES // 2, PLACES // 2), 32, (math.exp(-0.5), math.exp(-2))


@pytest.fixture(scope="module")
def figure():
    return live.mixture(denoising_model(), SQUARES, P)


@pytest.fixture(scope="module")
def truth():
    return Truth()


def opened(live_page, figure, how="mouse", **options):
    visit = live_page(figure, **({"has_touch": True, "width": 360} if how == "touch" else {}) | options)
    settle(visit)
    return visit


@pytest.fixture
def visit(live_page, figure):
    visit = opened(live_page, figure)
    yield visit
    assert complaints(visit) == []


def complaints(visit):
    """All but those about a test that looks at a canvas."""
    return [words for words in visit.complaints if "readback operations" not in words]


def status(visit):
    return visit.page.locator(".status").inner_text()


def agree(visit, expected):
    """The page shows these numbers, to its last digit; returns the texts of the losses."""
    settle(visit)
    for name in ("flips", "nll", "trained", "kept"):
        assert visit.number(name) == pytest.approx(expected[name], abs=0.051 if name == "flips" else 0.006), name
    places = [visit.page.locator(f"[data-number={name}]") for name in ("leftOut", "gain")]
    left_out, gain = (place.inner_text().replace("\N{MINUS SIGN}", "-") for place in places)
    ends = [float(end) for end in re.findall(r"-?\d+\.\d\d", gain)]
    assert ends == pytest.approx(expected["gain"], abs=0.006)
    if expected["leftOut"] is None:
        assert left_out == "\N{EN DASH}" and gain == f"at least {ends[0]:.2f}"
    else:
        assert float(left_out) == pytest.approx(expected["leftOut"], abs=0.006)
        assert gain == f"{ends[0]:.2f} to {ends[1]:.2f}"
    assert visit.page.locator(".numbers").evaluate("element => element.style.opacity") == ""


def state(visit):
    """Where the controls stand: place, p and M."""
    row, column, p, count = (float(visit.control(name).input_value()) for name in ("row", "column", "p", "count"))
    return (int(row), int(column)), p, int(count)


def words(visit):
    """What is to be said after a choice, from the numbers on the page."""
    count, least = int(visit.control("count").input_value()), "at most {kept}"
    shown = {
        name: visit.page.locator(f"[data-number={name}]").inner_text() for name in ("trained", "kept", "leftOut", "nll")
    }
    least = "between {leftOut} and {kept}" if count >= FEWEST else "at most {kept}"
    return (
        f"{count} {'Gaussian' if count == 1 else 'Gaussians'}: trained {{trained}} nats, the mixture {least}, "
        "\N{MINUS SIGN}log p(x) {nll}."
    ).format(**shown)


def described(truth, place, p, count, draw=0):
    """What a screen reader is told of two of the pictures."""
    losses, nll = truth.losses(place, p, count, draw), truth.nll(place)
    trained, kept, left_out = (f"{loss - nll:.2f}" for loss in (losses[1][0], *losses[count]))
    end = f"ends at {left_out}" if count >= FEWEST else "is not shown"
    return {
        "plane": "The plane of codes around one square's true posterior, a grey shade, with an ellipse for each "
        f"corrupted copy, {count} in all, and two contours of their mixture.",
        "bounds": "Losses over the number of Gaussians from 1 to 128, as nats above minus log p(x). The trained loss "
        f"is a level line at {trained}. The mixture's estimate that keeps a code's own Gaussian falls from there to "
        f"{kept} at {count}; the one that leaves it out {end}.",
    }


# In Python ------------------------------------------------------------------------------------------------------------


def test_the_figure_describes_what_it_shows(figure, truth):
    page = figure._repr_html_()
    for text in described(truth, START, P, COUNT).values():
        assert html.escape(text) in page
    assert "with p = 0.1." in figure.note and "gives 2 codes" in figure.note
    assert "shown from M = 16 on" in figure.note
    assert "with p = 0.05." in live.mixture(denoising_model(), SQUARES, 0.05).note


def test_the_page_is_told_where_each_posterior_is(figure, truth):
    """Means and deviations of p(z|x) on a grid of its own, three times as fine."""
    axis = torch.arange(-4, 4, 0.017, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)
    assert len(figure.settings["posteriors"]) == PLACES**2
    for number in (0, 12, 24, 40):
        with torch.no_grad():
            shares = log_joint(truth.model, z[:, None], truth.images[number][None])[:, 0].softmax(0)
        mean = shares @ z
        sd = (shares @ (z - mean) ** 2).sqrt()
        found = figure.settings["posteriors"][number]
        assert found["mean"] == pytest.approx(mean.tolist(), abs=0.01)
        assert found["sd"] == pytest.approx(sd.tolist(), abs=0.01)


def stills(figure, truth, monkeypatch):
    """The axes of the three stills, before they are pictures."""
    drawn = []
    monkeypatch.setattr(plt, "close", lambda figure: drawn.append(figure.axes[0]))
    live.mixture(denoising_model(), SQUARES, P)
    return drawn


def test_the_stills_show_what_the_page_starts_with(figure, truth, monkeypatch):
    plane, bounds, copied = stills(figure, truth, monkeypatch)
    copies, mu, sigma, _ = truth.gaussians(START, P, COUNT)
    window = window_of(figure, START, mu, sigma)
    assert [plane.get_xlim(), plane.get_ylim()] == [pytest.approx(side, abs=1e-5) for side in window]
    found = [patch for patch in plane.patches if isinstance(patch, Ellipse)]
    centres, sizes = ([getattr(each, f"get_{name}")() for each in found] for name in ("center", "width"))
    np.testing.assert_allclose(centres, mu, atol=1e-4)
    np.testing.assert_allclose(sizes, 2 * sigma[:, 0], atol=1e-4)
    np.testing.assert_allclose([each.get_height() for each in found], 2 * sigma[:, 1], atol=1e-4)
    assert len({each.get_edgecolor() for each in found[1:]} | {found[0].get_edgecolor()}) == 2
    lines = next(each for each in plane.collections if isinstance(each, ContourSet))
    mixture, peak = mixture_of(mu, sigma), peak_of(mu, sigma, window)
    for path, level in zip(lines.get_paths(), sorted(LEVELS), strict=True):
        heights = mixture.log_prob(torch.tensor(path.vertices)).exp() / peak
        assert len(heights) > 20 and heights == pytest.approx(np.full(len(heights), level), rel=0.15)
    x, nll, losses = truth.x(START), truth.nll(START), truth.losses(START, P, COUNT)
    shade, place = plane.images[0], figure.settings["posteriors"][START[0] * PLACES + START[1]]
    ends = [m + sign * 5 * s for m, s in zip(place["mean"], place["sd"], strict=True) for sign in (-1, 1)]
    assert shade.get_extent() == pytest.approx(ends, abs=1e-5) and shade.origin == "upper"
    with torch.no_grad():
        heights = log_joint(truth.model, cells(figure, START)[:, None], x[None])[:, 0]
    np.testing.assert_allclose(shade.get_array().reshape(-1), (heights - heights.max()).exp(), atol=1e-3)
    level, trained, kept, left_out = (line.get_xydata() for line in bounds.lines[:4])
    np.testing.assert_allclose(level, [[1, 0], [128, 0]])
    np.testing.assert_allclose(trained, [[1, losses[1][0] - nll], [128, losses[1][0] - nll]], atol=0.005)
    np.testing.assert_allclose(kept, [[size, losses[size][0] - nll] for size in losses], atol=0.005)
    np.testing.assert_allclose(left_out, [[size, losses[size][1] - nll] for size in (16, 32)], atol=0.005)
    top = mixture_stills.end_of_axis(losses[1][0] - nll)
    assert bounds.get_ylim() == pytest.approx((-0.15 * top, top)) and bounds.get_xlim() == (0.9, 142)
    assert np.array_equal(copied.images[0].get_array().reshape(-1), copies[0])


def test_the_model_is_left_as_it_was():
    model = copy.deepcopy(denoising_model()).train()
    before = copy.deepcopy(model.state_dict())
    live.mixture(model, SQUARES, P)
    assert model.training and all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def fitting(pixels=HEIGHT**2, latent=2):
    return BernoulliVAE(pixels, [8], latent)


WIDE = all_rectangles(image_shape=(HEIGHT, HEIGHT + 1), height=SIDE, width=SIDE).images
NOT_SQUARES = all_rectangles(image_shape=(HEIGHT, HEIGHT), height=SIDE, width=SIDE - 1).images


@pytest.mark.parametrize(
    "model, x, p, error, said",
    [
        (object(), SQUARES, P, TypeError, "model must answer encode(x)"),
        (fitting(), SQUARES.tolist(), P, TypeError, "x must be a floating-point tensor, got list"),
        (fitting(), SQUARES[:, 1:], P, ValueError, "x must have shape (B, 121), got (49, 120)"),
        (fitting(latent=3), SQUARES, P, ValueError, "model must have latent_dims 2, got 3"),
        (fitting(), SQUARES, 0.31, ValueError, "p must be in [0, 0.3], got 0.31"),
        (fitting(), SQUARES, -0.01, ValueError, "p must be in [0, 0.3], got -0.01"),
        (fitting(), SQUARES[:-1], P, ValueError, "squares of one size in images as high as wide, got shape (48, 121)"),
        (fitting(), SQUARES.flip(0), P, ValueError, "x must hold all squares of one size"),
        (fitting(), 0 * SQUARES, P, ValueError, "with 0 white pixels in the first row"),
        (fitting(), NOT_SQUARES, P, ValueError, "with 20 white pixels in the first row"),
        (fitting(132), WIDE, P, ValueError, "images as high as wide, got shape (56, 132)"),
    ],
)
def test_what_does_not_fit_is_named(model, x, p, error, said):
    with pytest.raises(error, match=re.escape(said)):
        live.mixture(model, x, p)


# Controls -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme, width", [*itertools.product(THEMES, WIDTHS)])
def test_it_starts_in_each_theme_and_width_and_stands_still(live_page, figure, truth, theme, width):
    visit = opened(live_page, figure, theme=theme, width=width)
    assert state(visit) == (START, P, COUNT)
    agree(visit, truth.numbers(START, P, COUNT))
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)
    before = pictures(visit)
    visit.page.wait_for_timeout(200)
    assert pictures(visit) == before and status(visit) == "" and complaints(visit) == []


@pytest.mark.parametrize("how", HOWS)
def test_the_flip_probability_is_set(live_page, figure, truth, how):
    visit = opened(live_page, figure, how)
    if how == "keyboard":
        keys(visit, "p", "ArrowRight", "ArrowRight", "ArrowRight")
        assert state(visit)[1] == 0.13 and visit.control("p").get_attribute("aria-valuetext") == "0.13"
    else:
        slide(visit, "p", 0.8, how)
        assert 0.2 < state(visit)[1] < 0.27
    agree(visit, truth.numbers(*state(visit)))
    keys(visit, "p", "End")
    agree(visit, truth.numbers(START, 0.3, COUNT))
    assert status(visit) == ""  # a slider is not read out


@pytest.mark.parametrize("how", HOWS)
def test_the_square_is_moved(live_page, figure, truth, how):
    visit = opened(live_page, figure, how)
    if how == "keyboard":
        keys(visit, "row", "ArrowRight", "ArrowRight")
        keys(visit, "column", "ArrowLeft")
        assert state(visit)[0] == (5, 2)
    else:
        slide(visit, "row", 0.99, how)
        slide(visit, "column", 0.2, how)
        assert state(visit)[0] == (6, 1)
    agree(visit, truth.numbers(*state(visit)))
    assert status(visit) == ""


@pytest.mark.parametrize("how", HOWS)
def test_the_number_of_copies_is_chosen_and_said(live_page, figure, truth, how):
    visit = opened(live_page, figure, how)
    if how == "keyboard":
        visit.control("count").focus()
    for count in (16, 8, 1, 128):
        if how != "keyboard":
            visit.control("count").select_option(str(count))
        else:
            while (now := state(visit)[2]) != count:
                visit.page.keyboard.press("ArrowUp" if now > count else "ArrowDown")
        agree(visit, truth.numbers(START, P, count))
        assert status(visit) == words(visit)
        for panel, text in described(truth, START, P, count).items():
            assert visit.page.locator(f"[data-panel={panel}] canvas").get_attribute("aria-label") == text


@pytest.mark.parametrize("how", HOWS)
def test_new_noise_is_drawn_and_said(live_page, figure, truth, how):
    visit = opened(live_page, figure, how)
    for draw in (1, 2):
        press(visit, "noise", how)
        agree(visit, truth.numbers(START, P, COUNT, draw))
        assert status(visit) == words(visit)


def test_without_flips_all_losses_are_one(visit, truth):
    keys(visit, "p", "Home")
    agree(visit, truth.numbers(START, 0, COUNT))
    assert visit.number("flips") == 0 and visit.number("kept") == visit.number("trained") == visit.number("leftOut")
    for row, count in itertools.product(range(PLACES), (8, 16, 128)):  # where roundings are of either sign
        move(visit, row=row, count=count)
        settle(visit)
        gain = visit.page.locator("[data-number=gain]").inner_text()
        assert gain == ("at least 0.00" if count == 8 else "0.00 to 0.00")


def test_every_square_has_its_own_loss(visit, truth):
    for row, column in itertools.product(range(PLACES), repeat=2):
        if (row + 2 * column) % 5 == 0:
            move(visit, row=row, column=column)
            settle(visit)
            assert visit.number("nll") == pytest.approx(truth.nll((row, column)), abs=0.012), (row, column)


def move(visit, **values):
    """Set controls at once, without a frame in between."""
    visit.page.evaluate(
        """values => {
          const {stage} = document.querySelector(".vae-live");
          for (const [name, value] of Object.entries(values)) {
            if (name !== "noise") {
              stage.control(name).value = value;
              stage.control(name).dispatchEvent(new Event("input"));
            } else for (let k = 0; k < value; k++) stage.control(name).click();
          }
        }""",
        values,
    )


def pictures(visit):
    """All canvases, to the last pixel."""
    return visit.page.locator("canvas").evaluate_all("found => found.map(canvas => canvas.toDataURL())")


def everything(visit):
    settle(visit)
    return [visit.page.locator(".numbers").inner_text(), *pictures(visit)]


@pytest.mark.parametrize("seed", range(4))
def test_after_any_controls_all_is_as_after_a_fresh_start_there(live_page, figure, truth, seed):
    visit, chance = opened(live_page, figure), random.Random(seed)
    draw = 0
    ranges = {"p": [k / 100 for k in range(31)], "row": range(PLACES), "column": range(PLACES), "count": [1, 2, 8, 64]}
    for _ in range(25):
        name = chance.choice(["noise", *ranges])
        draw += name == "noise"
        move(visit, **{name: 1 if name == "noise" else chance.choice(ranges[name])})
        visit.page.wait_for_timeout(chance.choice([0, 0, 5, 20, 60, 150]))  # before, within or after its work
    found, place = everything(visit), state(visit)
    agree(visit, truth.numbers(*place, draw))
    fresh = opened(live_page, figure)
    (row, column), p, count = place
    move(fresh, noise=draw, row=row, column=column, p=p, count=count)
    assert everything(fresh) == found


def test_it_follows_the_theme_and_the_width_of_the_page(live_page, figure):
    visit = opened(live_page, figure)
    visit.page.set_viewport_size({"width": 360, "height": 900})
    visit.page.evaluate(
        """() => {
          Object.assign(document.body.style, {background: "#121212", color: "#e8e8e8"});
          document.documentElement.dataset.theme = "dark";
        }"""
    )
    visit.page.wait_for_timeout(200)
    found = everything(visit)
    assert everything(opened(live_page, figure, theme="dark", width=360)) == found


# Pictures -------------------------------------------------------------------------------------------------------------


def window_of(figure, place, mu, sigma):
    """[low, high] of both axes: three of the posterior's deviations, then a quarter more until all is in it."""
    found = figure.settings["posteriors"][place[0] * PLACES + place[1]]
    half, mean = 3 * max(found["sd"]), torch.tensor(found["mean"], dtype=torch.float64)
    while ((mu - mean).abs() + 1.5 * sigma > half).any():
        half *= 1.25
    return [(middle - half, middle + half) for middle in mean.tolist()]


def nodes(window):
    across, up = (torch.linspace(*side, 64, dtype=torch.float64) for side in window)
    return torch.stack([across.expand(64, 64), up[:, None].expand(64, 64)], -1)


def peak_of(mu, sigma, window):
    return mixture_of(mu, sigma).log_prob(nodes(window)).max().exp()


def cells(figure, place):
    """The middles of the cells of the posterior's grid, row by row from the upper left."""
    found = figure.settings["posteriors"][place[0] * PLACES + place[1]]
    axis = (2 * (torch.arange(24).double() + 0.5) / 24 - 1) * 5
    z1, z2 = (m + s * axis for m, s in zip(found["mean"], found["sd"], strict=True))
    return torch.stack([z1.expand(24, 24), z2.flip(0)[:, None].expand(24, 24)], -1).reshape(-1, 2)


ENDS = """name => {
  const {x, y, box} = document.querySelector(".vae-live").stage.panels[name];
  return [[x.back(box.left), x.back(box.right)], [y.back(box.bottom), y.back(box.top)]];
}"""


@pytest.mark.parametrize(
    "theme, place, p, count", [("light", (5, 1), 0.2, 8), ("dark", (2, 4), 0.1, 64), ("light", START, P, 2)]
)
def test_the_plane_shows_an_ellipse_for_each_copy_and_the_contours_of_their_mixture(
    live_page, figure, truth, theme, place, p, count
):
    visit = opened(live_page, figure, theme=theme)
    move(visit, row=place[0], column=place[1], p=p, count=count)
    settle(visit)
    _, mu, sigma, _ = truth.gaussians(place, p, count)
    window = window_of(figure, place, mu, sigma)
    for found, expected in zip(visit.page.evaluate(ENDS, "plane"), window, strict=True):
        assert found == pytest.approx(expected, abs=1e-4)
    angles = torch.arange(16).double() / 8 * math.pi
    round_ = torch.stack([angles.cos(), angles.sin()], -1)
    ellipses = mu[:, None] + sigma[:, None] * round_
    contours = contour_points(mu, sigma, window)
    assert sum(painted(visit, "plane", "blue", *contours)) >= 0.98 * len(contours)
    for color, points in {"orange": ellipses[:1], "pink": ellipses[1:]}.items():
        places = points.reshape(-1, 2).tolist()
        seen = painted(visit, "plane", color, *places)
        assert np.mean(seen) > 0.5  # the rest is below other lines, or paler over the shade
        assert np.logical_or(seen, painted(visit, "plane", "blue", *places)).mean() > 0.85


def contour_points(mu, sigma, window):
    """Where the density crosses a level of the peak on the way from one node of a grid to the next."""
    places = nodes(window)
    density = mixture_of(mu, sigma).log_prob(places).exp()
    found = []
    for level in LEVELS:
        above = density > level * density.max()
        row, column = (above[:, 1:] != above[:, :-1]).nonzero().T
        start, end = density[row, column], density[row, column + 1]
        share = ((level * density.max() - start) / (end - start))[:, None]
        found += torch.lerp(places[row, column], places[row, column + 1], share).tolist()
    assert len(found) > 30
    return found


PIXELS = """([name, points]) => {
  const panel = document.querySelector(".vae-live").stage.panels[name], {context, canvas} = panel;
  const {data, width} = context.getImageData(0, 0, canvas.width, canvas.height);
  return points.map(([x, y]) => {
    const [column, row] = [panel.x.to(x), panel.y.to(y)].map(value => Math.floor(value * devicePixelRatio));
    const at = 4 * (row * width + column);
    return [...data.slice(at, at + 4)];
  });
}"""


@pytest.mark.parametrize("theme, place", [("light", (6, 0)), ("dark", (1, 5))])
def test_the_shade_is_as_dark_as_the_posterior_is_high(live_page, figure, truth, theme, place):
    visit = opened(live_page, figure, theme=theme)
    move(visit, row=place[0], column=place[1], count=1)
    settle(visit)
    (left, right), (bottom, top) = visit.page.evaluate(ENDS, "plane")
    codes = cells(figure, place)
    with torch.no_grad():
        heights = log_joint(truth.model, codes[:, None], truth.x(place)[None])[:, 0]
    inside = ((codes > torch.tensor([left, bottom])) & (codes < torch.tensor([right, top]))).all(1)
    alphas = (190 * (heights - heights.max()).exp())[inside].numpy()
    found = np.array(visit.page.evaluate(PIXELS, ["plane", codes[inside].tolist()]))
    text = 34 if theme == "light" else 232
    plain = (abs(found[:, :3] - text) < 12).all(1) | (found[:, 3] < 5)  # no line is there
    assert plain.mean() > 0.7 and alphas[plain].max() > 60
    assert abs(found[plain, 3] - alphas[plain]).mean() < 4
    assert np.corrcoef(found[plain, 3], alphas[plain])[0, 1] > 0.98


@pytest.mark.parametrize("theme, p, count", [("light", P, 128), ("dark", 0.25, 16), ("light", P, 4)])
def test_the_bounds_are_lines_over_the_number_of_gaussians(live_page, figure, truth, theme, p, count):
    visit = opened(live_page, figure, theme=theme)
    move(visit, p=p, count=count)
    settle(visit)
    losses, nll = truth.losses(START, p, count), truth.nll(START)
    kept = [(size, losses[size][0] - nll) for size in losses]
    left_out = [(size, losses[size][1] - nll) for size in losses if size >= FEWEST]
    (_, right), (bottom, top) = visit.page.evaluate(ENDS, "bounds")
    expected = mixture_stills.end_of_axis(kept[0][1])
    assert (right, bottom, top) == pytest.approx((142, -0.15 * expected, expected))
    assert all(painted(visit, "bounds", "blue", *kept, *left_out))
    assert all(painted(visit, "bounds", "orange", *((size, kept[0][1]) for size in (1.5, 3, 50, 120))))
    levels = np.array(visit.page.evaluate(PIXELS, ["bounds", [(1.1 ** (k / 4), 0) for k in range(200)]]))[:, 3] > 80
    assert 0.4 < levels.mean() < 0.8  # dashed
    beyond = [(2 * size, value, 0, shift) for size, value in (kept[-1],) for shift in (-12, 12) if size < 128]
    assert not any(painted(visit, "bounds", "blue", *beyond))
    if len(left_out) > 1:
        (_, high), (_, low) = kept[4], left_out[0]
        alphas = [pixel[3] for pixel in visit.page.evaluate(PIXELS, ["bounds", [[16.5, (high + low) / 2]]])]
        assert alphas == [pytest.approx(51, abs=2)]
    rings = [line[-1] for line in (kept, left_out) if line]
    assert all(
        painted(visit, "bounds", "blue", *((*end, *aside) for end in rings for aside in ((4, 0), (-4, 0), (0, 4))))
    )


@pytest.mark.parametrize("theme, place, p", [("light", (5, 1), 0.2), ("dark", (0, 6), 0.03)])
def test_the_first_copy_is_shown(live_page, figure, truth, theme, place, p):
    visit = opened(live_page, figure, theme=theme)
    move(visit, row=place[0], column=place[1], p=p, noise=1)
    settle(visit)
    shown = visit.page.evaluate(
        """count => {
          const {canvas, context, width, height} = document.querySelector(".vae-live").stage.panels.copy;
          const edge = Math.min(width, height) / count, left = (width - edge * count) / 2, found = [];
          const top = (height - edge * count) / 2, ratio = devicePixelRatio;
          for (let row = 0; row < count; row++) for (let column = 0; column < count; column++) {
            const [x, y] = [left + (column + 0.5) * edge, top + (row + 0.5) * edge];
            found.push(...context.getImageData(x * ratio, y * ratio, 1, 1).data);
          }
          return found;
        }""",
        HEIGHT,
    )
    copied = truth.gaussians(place, p, 1, draw=1)[0][0]
    assert (copied != truth.x(place)).any()
    assert torch.equal(
        torch.tensor(shown).reshape(-1, 4),
        torch.cat([255 * copied[:, None].expand(-1, 3), 255 + 0 * copied[:, None]], 1).long(),
    )


# Frames ---------------------------------------------------------------------------------------------------------------

CLOCK = """() => {  // a clock that only the networks move on, by 2 ms each; parts: how many each frame had
  const stage = document.querySelector(".vae-live").stage, timed = stage.timed.bind(stage);
  const vae = vaeMaths.BernoulliVAE.prototype;
  let time = 0;
  window.parts = [];
  performance.now = () => time;
  stage.timed = act => {
    window.parts.push(0);
    return timed(act);
  };
  for (const name of ["encode", "decode"]) {
    const work = vae[name];
    vae[name] = function (x) {
      time += 2;
      window.parts[window.parts.length - 1] += 1;
      return work.call(this, x);
    };
  }
}"""


def test_a_frame_begins_no_part_once_its_time_is_over_and_nothing_is_computed_twice(visit):
    def parts(**values):
        visit.page.evaluate("window.parts = []")
        move(visit, **values)
        settle(visit)
        found = visit.page.evaluate("window.parts")
        assert max(found) <= 3  # at 0, 2 and 4 ms of 5.5
        return sum(found)

    visit.page.evaluate(CLOCK)
    assert parts(p=0.2) == 3 * 32  # one copy and two codes for each
    assert parts(count=16) == 0 and parts(count=64) == 3 * 48
    assert parts(noise=1, count=2) == 3 * 2
    assert parts(row=0) == 3 * 2 + 24**2  # another posterior
    assert parts(row=START[0]) == 3 * 2  # this one is known


def test_pictures_follow_while_each_frame_brings_another_p(visit, truth):
    visit.page.evaluate(CLOCK)
    changes, opacity = visit.page.evaluate(
        """async () => {
          const {stage} = document.querySelector(".vae-live"), control = stage.control("p"), shown = new Set();
          for (let k = 0; k < 60; k++) {
            control.value = 0.1 + 0.01 * (k % 20);
            control.dispatchEvent(new Event("input"));
            await new Promise(requestAnimationFrame);
            shown.add(stage.root.querySelector("[data-number=flips]").textContent);
          }
          return [shown.size, stage.root.querySelector(".numbers").style.opacity];
        }"""
    )
    assert changes > 3 and opacity == "0.55"  # the losses are not yet those of what is seen
    agree(visit, truth.numbers(START, 0.29, COUNT))


def test_new_noise_does_not_mix_with_what_is_being_computed(visit, truth):
    visit.page.evaluate(CLOCK)
    shown = visit.page.evaluate(
        """async () => {
          const {stage} = document.querySelector(".vae-live"), shown = new Set();
          const frame = () => new Promise(requestAnimationFrame);
          stage.control("p").value = 0.3;
          stage.control("p").dispatchEvent(new Event("input"));
          for (let k = 0; k < 4; k++) await frame();
          stage.control("noise").click();
          while (stage.running) {
            await frame();
            shown.add(stage.root.querySelector("[data-number=flips]").textContent);
          }
          return [...shown];
        }"""
    )
    expected = [truth.numbers(START, *each)["flips"] for each in ((P, COUNT), (0.3, COUNT), (0.3, COUNT, 1))]
    assert all(min(abs(flips - float(text)) for flips in expected) < 0.051 for text in shown)
    agree(visit, truth.numbers(START, 0.3, COUNT, 1))


def test_on_a_phone_plane_and_sliders_are_in_view_together(live_page, figure):
    visit = opened(live_page, figure, "touch")
    plane, bounds = (visit.page.locator(f"[data-panel={name}]").bounding_box() for name in ("plane", "bounds"))
    slider = visit.control("column").bounding_box()
    assert plane["y"] < slider["y"] < bounds["y"] and slider["y"] + slider["height"] - plane["y"] < 800
    for name in ("noise", "count", "p", "row", "column"):
        box = visit.control(name).bounding_box()
        assert box["height"] >= 24 and box["x"] >= 0 and box["x"] + box["width"] <= 360


def test_without_scripts_the_stills_are_there(live_page, figure):
    visit = live_page(figure, java_script_enabled=False)
    images = visit.page.locator(".panel img")
    assert images.count() == 3 and all(image.is_visible() for image in images.all())
    assert not visit.page.locator(".controls").is_visible() and not visit.page.locator(".numbers").is_visible()
