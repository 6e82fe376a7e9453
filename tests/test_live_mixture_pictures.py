"""The pictures of chapter 3's live mixture, still and live: what PyTorch computes is where it should be."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.contour import ContourSet
from matplotlib.patches import Ellipse

from tests.hands import painted
from tests.mixtures import FEWEST, HEIGHT, PLACES, SQUARES, P, Truth, denoising_model, mixture_of, move, opened
from tests.planes import settle
from vaebook import live
from vaebook.live import mixture_stills
from vaebook.objectives import log_joint

START, COUNT, LEVELS = (PLACES // 2, PLACES // 2), 32, (math.exp(-0.5), math.exp(-2))


@pytest.fixture(scope="module")
def figure():
    return live.mixture(denoising_model(), SQUARES, P)


@pytest.fixture(scope="module")
def truth():
    return Truth()


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
    if count == 128:  # of few Gaussians there is no such line
        early = [(size, losses[size][1] - nll) for size in (4, 8)]
        assert all(bottom < value < dict(kept)[size] - 0.1 * top for size, value in early)
        assert not any(painted(visit, "bounds", "blue", *early))
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
