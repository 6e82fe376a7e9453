"""The pictures of the live brush, its planes and their stills are what PyTorch computes."""

import matplotlib.pyplot as plt
import pytest
import torch

from tests.brushes import HEIGHT, PICTURES, START, WIDTH, P, agree, brush, brush_figure, status, truth_of_squares
from tests.canvases import canvas, cells
from tests.hands import HOWS, painted, slide, toggle
from tests.planes import settle
from vaebook.live.brush_stills import plane, shared_windows


@pytest.fixture(scope="module")
def figure():
    return brush_figure()


@pytest.fixture(scope="module")
def truth():
    return truth_of_squares()


def test_the_pictures_show_x_and_what_is_restored(visit, truth):
    brush(visit, "mouse", (0, 0))
    hand = {0: not truth.flips(P)[0]}
    flips = truth.flips(P, hand=hand)
    seen = truth.see(START, flips, P)
    palette = visit.page.evaluate("document.querySelector('.vae-live').stage.colors")
    pink, orange = ([int(palette[name][at : at + 2], 16) for at in (1, 3, 5)] for name in ("pink", "orange"))

    def check(panel, values, marked, color):
        beside, middle = (cells(visit, panel, (HEIGHT, WIDTH), aside) for aside in (0.35, 0))
        expected = 255 * values[:, None].expand(-1, 3)
        assert (beside - expected).abs().max() <= 1.5, panel
        wanted = torch.where(marked[:, None], torch.tensor(color).double(), expected)
        assert (middle - wanted).abs().max() <= 1.5, panel

    check("board", seen["given"], flips, pink)
    white = {name: (values > 0.5).double() for name, values in seen["restored"].items()}
    for name, values in white.items():
        check(name, values, values != seen["x"], orange)
    toggle(visit, "grey")
    settle(visit)
    for name, values in seen["restored"].items():
        check(name, values, white[name] != seen["x"], orange)
    check("board", seen["given"], flips, pink)


@pytest.mark.parametrize("how", HOWS)
def test_probabilities_are_shown_on_demand(visit, truth, how):
    toggle(visit, "grey", how)
    settle(visit)
    values = truth.see(START, truth.flips(P), P)["restored"]["vanilla"]
    beside = cells(visit, "vanilla", (HEIGHT, WIDTH), 0.3)
    off = (beside[:, 0] - 255 * values).abs().reshape(HEIGHT, WIDTH)
    assert off[1:-1, 1:-1].max() < 1.5  # around them is a line
    assert ((beside > 20) & (beside < 235)).any()  # something grey
    agree(visit, truth.numbers(START))  # wrong pixels are counted as before


@pytest.mark.parametrize("how", HOWS)
def test_what_was_seen_of_a_pixel_is_counted_on_demand(visit, truth, how):
    slide(visit, "p", 0.9)
    toggle(visit, "seen", how)
    settle(visit)
    p = float(visit.control("p").input_value())
    before, after = (truth.numbers(START, p, counted=counted) for counted in (False, True))
    assert all(before[name] != after[name] for name in ("wrongVanilla", "wrongDenoising"))
    agree(visit, after)
    assert f"Wrong when restored: vanilla {after['wrongVanilla']}" in status(visit)
    toggle(visit, "grey")
    settle(visit)
    values = truth.see(START, truth.flips(p), p, counted=True)["restored"]["denoising"]
    off = (cells(visit, "denoising", (HEIGHT, WIDTH), 0.3)[:, 0] - 255 * values).abs().reshape(HEIGHT, WIDTH)
    assert off[1:-1, 1:-1].max() < 4  # of 255: on a phone, neighbours of the other colour bleed in
    toggle(visit, "seen", how)
    settle(visit)
    agree(visit, before)


def test_the_titles_count_wrong_pixels(visit, truth):
    slide(visit, "p", 0.7)
    settle(visit)
    expected = truth.numbers(START, float(visit.control("p").input_value()))
    for name, text in {"vanilla": "Vanilla", "denoising": "Denoising", "exact": "Exact posterior"}.items():
        title = visit.page.locator(f"[data-panel={name}] .title").inner_text()
        assert title.replace("\N{NO-BREAK SPACE}", " ") == f"{text}: {expected[f'wrong{name.capitalize()}']} wrong"


def test_each_plane_shows_both_codes_at_one_scale(visit, truth):
    slide(visit, "p", 0.6)
    settle(visit)
    p = float(visit.control("p").input_value())
    gaussians = truth.see(START, truth.flips(p), p)["gaussians"]
    spans = []
    for name, ((clean, sigma), (mu, own)) in gaussians.items():
        panel = f"{name}Plane"
        canvas(visit, panel)
        script = """name => {
          const {x, y, box} = document.querySelector(".vae-live").stage.panels[name];
          return [x.back(box.left), x.back(box.right), y.back(box.bottom), y.back(box.top)];
        }"""
        left, right, bottom, top = visit.page.evaluate(script, panel)
        spans += [right - left, top - bottom]
        assert ((left + right) / 2, (bottom + top) / 2) == pytest.approx(clean.tolist(), abs=1e-4)
        for middle, wide, color in ((clean, sigma, "text"), (mu, own, "pink")):
            for radius in (1, 2):
                (x, y), (right, up) = middle.tolist(), (radius * wide).tolist()
                places = [(x + right, y), (x - right, y), (x, y + up), (x, y - up)]
                assert left < x - right and x + right < spans[-1] + left and bottom < y - up and y + up < top
                assert all(painted(visit, panel, color, *places)) or color == "text", (name, color, radius)
        middle = (0.5 * (clean + mu)).tolist()
        if (mu - clean).norm() > 0.2 * spans[-1]:
            assert painted(visit, panel, "faint", middle) == [True]
    assert spans == pytest.approx([spans[0]] * 4, rel=1e-5)
    assert painted(visit, "vanillaPlane", "text", *[(x, y) for x, y in [edge_of(gaussians["vanilla"][0])]]) == [True]


def edge_of(gaussian):
    mu, sigma = gaussian
    return (mu[0] + 2 * sigma[0]).item(), mu[1].item()


@pytest.mark.parametrize("panel", PICTURES)
def test_the_still_is_what_the_canvas_shows_when_it_starts(visit, panel):
    """With its marks. A still has 128 colours."""
    for aside in (0, 0.3):
        still, shown = (cells(visit, panel, (HEIGHT, WIDTH), aside, of=of).double() for of in ("img", "canvas"))
        assert (still - shown).abs().max() < 12 and shown.max() - shown.min() > 128


def test_the_planes_of_the_stills_hold_both_gaussians(truth):
    pairs = truth.see(START, truth.flips(P), P)["gaussians"]
    windows = shared_windows([*pairs.values()])
    for pair, window in zip(pairs.values(), windows, strict=True):
        drawn = plane(pair, window)
        ax = drawn.axes[0]
        found = [(*each.get_center(), each.width, each.height) for each in ax.patches]
        right = [(*mu.tolist(), *(2 * radius * sigma).tolist()) for mu, sigma in pair for radius in (1, 2)]
        assert found == [pytest.approx(each) for each in right]
        assert [*ax.get_xlim(), *ax.get_ylim()] == pytest.approx([*window[0], *window[1]])
        assert ax.lines[0].get_xydata().tolist() == [mu.tolist() for mu, _ in pair]
        plt.close(drawn)
