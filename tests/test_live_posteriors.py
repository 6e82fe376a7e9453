"""Posteriors on the plane of codes: what the page shows is what PyTorch computes, by keyboard, mouse and touch."""

import itertools
import re

import numpy as np
import pytest
import torch

from tests.browser import THEMES, WIDTHS
from tests.hands import HOWS, drag, keys, painted, point_at, press, slide
from tests.planes import (
    Prepared,
    code_near,
    complaints,
    model_and_images,
    of_canvas,
    of_still,
    opened,
    pictures,
    pixels,
    settle,
    status,
)
from tests.posteriors import (
    LABELS,
    MOVED,
    REACH,
    ROWS,
    agree,
    axes,
    figure_of_eight,
    images,
    pick,
    ring_is_at,
    says_gap,
    truth_of_eight,
)
from vaebook import live
from vaebook.live.plane import cdf, of_digits
from vaebook.live.posterior_stills import panels
from vaebook.live.weights import packed
from vaebook.models import BernoulliVAE
from vaebook.objectives import negative_elbo


@pytest.fixture(scope="module")
def figure():
    return figure_of_eight()


@pytest.fixture(scope="module")
def truth():
    return truth_of_eight()


@pytest.fixture
def visit(live_page, figure):
    visit = opened(live_page, figure)
    yield visit
    assert complaints(visit) == []


# In Python ------------------------------------------------------------------------------------------------------------


def test_the_figure_says_what_it_shows(figure, truth):
    html = figure._repr_html_()
    assert "8 test digits of Boxes, each a small ellipse" in figure.note
    assert (
        "cover the plane from \N{MINUS SIGN}6 to 6, " in figure.note and "averaged over 81 fixed codes" in figure.note
    )
    assert "The chosen one, an 8, is blue" in html and "left the test image, an 8; right" in html
    options = re.findall(r'<option value="(\d)"( selected)?>([^<]*)</option>', html)
    article = {8: "an"}
    right = [(str(i), " selected" * (i == 0), f"{i + 1}: {article.get(n, 'a')} {n}") for i, n in enumerate(LABELS)]
    assert options == right
    assert re.search(r"The digit from the board \(loads 0\.\d\N{NO-BREAK SPACE}MB\)", html)
    starts = [float(re.search(rf'control="{name}" .*? value="([^"]+)"', html)[1]) for name in ("z1", "z2")]
    assert starts == pytest.approx(truth.mu[0].tolist(), abs=1e-6)
    assert figure.settings["grid"] == {"count": 48, "reach": REACH + 1}
    other = live.posteriors(*model_and_images(), images([0, 7]), torch.tensor([1, 2]))
    assert "2 test digits, each" in other.note and other.settings["reach"] == 4


def test_the_page_gets_the_decoder_and_the_encoder_later(figure):
    rounded = of_digits(*model_and_images())[0]
    assert figure.weights == [packed(rounded, ("decode",))[0]]
    assert figure.later == {"encoder": [packed(rounded, ("encode",))[0]]}
    assert figure.settings["layers"] == packed(rounded)[1] and figure.settings["labels"] == LABELS


def test_the_cost_of_rounding_is_that_of_this_model(figure):
    model, x = model_and_images()
    noise = torch.randn(10, 1000, 2, generator=torch.Generator().manual_seed(1))  # with others it is another one
    with torch.no_grad():
        after, before = (
            negative_elbo(each, x[:1000], noise)["loss"].mean().item() for each in (of_digits(model, x)[0], model)
        )
    assert figure.shift == pytest.approx(after - before, abs=1e-3) and abs(figure.shift) > 2e-3


def test_the_model_is_left_as_it_was():
    torch.manual_seed(1)
    model, x = BernoulliVAE(784, [8], 2).train(), torch.zeros(3, 784)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    live.posteriors(model, x, x, [0, 1, 2])
    assert model.training and all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


X = torch.zeros(4, 784)
FITTING = {"model": BernoulliVAE(784, [8], 2), "x_train": X, "images": X, "labels": torch.zeros(4)}


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"model": BernoulliVAE(784, [8], 3)}, "model must have latent_dims 2, got 3"),
        ({"x_train": torch.zeros(4, 20)}, "x_train must have shape (B, 784), got (4, 20)"),
        ({"images": torch.zeros(4, 20)}, "images must have shape (B, 784), got (4, 20)"),
        ({"images": torch.zeros(0, 784)}, "images must hold at least one example"),
        ({"images": X + 0.5}, "images must hold only 0 and 1"),
        ({"labels": torch.zeros(3)}, "labels must have shape (4,), got (3,)"),
    ],
)
def test_what_does_not_fit_is_named(changed, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        live.posteriors(**FITTING | changed)
    with pytest.raises(TypeError, match="model must answer"):
        live.posteriors(**FITTING | {"model": object()})


# In the browser: how it starts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme, width", [*itertools.product(THEMES, WIDTHS)])
def test_it_starts_in_each_theme_and_width_with_the_first_digit(live_page, figure, truth, theme, width):
    visit = live_page(figure, theme, width=width)
    agree(visit, truth, 0)
    assert status(visit) == "" and visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)
    before = pictures(visit)
    visit.page.wait_for_timeout(200)
    assert pictures(visit) == before and complaints(visit) == []
    boxes = {part: visit.page.locator(part).bounding_box() for part in ("[data-panel=plane] canvas", ".controls")}
    pair, close = (visit.page.locator(f"[data-panel={name}] canvas").bounding_box() for name in ("digits", "close"))
    plane, controls = boxes.values()
    assert plane["width"] > 300 and pair["y"] + pair["height"] < controls["y"]
    assert (close["y"] > controls["y"]) == (width == 360)


def inner(parts):
    """All but the edges, where a still has its axes."""
    return parts[1:-1, 1:-1]


@torch.no_grad()
@pytest.mark.parametrize("name, most", [("plane", 0.03), ("close", 0.05)])
def test_stills_show_what_the_canvases_show_once_all_is_computed(visit, figure, name, most):
    rounded = of_digits(*model_and_images())[0]
    plane, (_, close) = panels(rounded, images(ROWS), torch.tensor(LABELS), figure.settings)
    still = {"plane": plane, "close": close}[name].still
    found, right = inner(of_canvas(visit, name, 60)), inner(of_still(still, 60))
    difference = np.abs(found - right).max(2)
    assert difference.mean() < most and (difference > 0.25).mean() < 0.03
    orange = [(shown[..., 0] - shown[..., 2] > 0.3).mean() for shown in (found, right)]
    assert orange[0] == pytest.approx(orange[1], rel=0.5) and orange[1] > 0


@torch.no_grad()
def test_the_ring_is_on_the_still_of_the_plane_too(visit, figure, truth):
    plane, _ = panels(of_digits(*model_and_images())[0], images(ROWS), torch.tensor(LABELS), figure.settings)
    across, up = (240 * cdf(truth.mu[0])).int().tolist()
    for parts in (of_canvas(visit, "plane", 240), of_still(plane.still, 240)):
        around = parts[240 - up - 6 : 240 - up + 6, across - 6 : across + 6]
        assert (around.max(2) < 0.4).sum() > 4  # black


@torch.no_grad()
def test_the_still_of_two_digits_is_the_first_and_what_its_mean_decodes_to(figure, truth):
    rounded = of_digits(*model_and_images())[0]
    _, (pair, _) = panels(rounded, images(ROWS), torch.tensor(LABELS), figure.settings)
    for place, right in enumerate((truth.x[0], truth.decode(truth.mu[0]))):
        shown = of_still(pair.still, 28, place)[..., 0].flatten()
        assert np.abs(shown - right.numpy()).mean() < 0.03


# The digits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOWS)
def test_a_digit_is_picked_on_the_plane_and_in_the_list(live_page, figure, how, truth):
    visit = opened(live_page, figure, how)
    for i in (4, 2, 0):
        pick(visit, truth, i, how)
        agree(visit, truth, i)
        says_gap(visit, f"Digit {i + 1}: a{'n' * (i == 0)} {LABELS[i]}")


@pytest.mark.parametrize("i", range(len(ROWS)))
def test_each_digit_s_numbers_are_those_of_exact_sums(visit, truth, i):
    visit.control("digit").select_option(str(i))
    agree(visit, truth, i)
    assert visit.number("gap") > 0


HOLD = """{
  const {costs} = vaeMaths;
  vaeMaths.costs = function* (...given) {
    while (window.held) yield;
    return yield* costs(...given);
  };
}"""


def test_while_a_digit_is_added_up_nothing_of_the_last_one_stands(live_page, figure, truth):
    visit = opened(live_page, Prepared(figure, HOLD))
    pick(visit, truth, 5, "mouse")
    agree(visit, truth, 5)
    visit.page.evaluate("window.held = true")
    pick(visit, truth, 2, "keyboard")
    visit.page.wait_for_timeout(400)
    names = ("loss", "reconstruction", "kl", "evidence", "gap", "inside")
    assert [visit.number(name) for name in names] == ["\N{EN DASH}"] * 6 and status(visit) == ""
    mu = truth.mu[2].tolist()
    assert visit.number("code") == pytest.approx(truth.numbers(2, mu)["code"], abs=0.02)
    assert (pixels(visit, "digits", 2, 0) - truth.x[2]).abs().max() == 0 and ring_is_at(visit, "plane", mu)
    half = 4 * truth.sigma[2].max().item()  # the close-up is as large as without the sum
    assert np.diff(axes(visit, "close")).ravel().tolist() == pytest.approx([2 * half] * 2, rel=1e-4)
    visit.page.evaluate("window.held = false")
    agree(visit, truth, 2)


def test_a_press_picks_the_nearest_digit_within_sixteen_pixels(visit, truth):
    x, y = truth.mu[3].tolist()
    width = visit.page.locator("[data-panel=plane] canvas").evaluate("canvas => canvas.clientWidth") - 68
    aside = lambda pixels: torch.special.ndtri(cdf(x) + pixels / width).item()  # noqa: E731
    point_at(visit, "plane", aside(-18), y)
    settle(visit)
    assert visit.control("digit").input_value() == "0"
    point_at(visit, "plane", aside(-14), y)
    agree(visit, truth, 3)


def test_a_drag_that_ends_at_a_digit_picks_none(visit, truth):
    end = code_near(visit, truth.mu[5].tolist())
    drag(visit, "plane", MOVED, end)
    agree(visit, truth, 0, end)
    drag(visit, "plane", end, MOVED)
    agree(visit, truth, 0, [*MOVED])


# The code -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOWS)
def test_sliders_move_the_code(live_page, figure, how, truth):
    visit, z = opened(live_page, figure, how), truth.mu[0].tolist()
    for place, name in enumerate(("z1", "z2")):
        if how == "keyboard":
            keys(visit, name, "End", *["ArrowLeft"] * (3 + place))
            assert float(visit.control(name).input_value()) == pytest.approx(REACH - 0.03 - 0.01 * place)
        else:
            slide(visit, name, 0.3 + 0.2 * place, how)
        z[place] = float(visit.control(name).input_value())
        agree(visit, truth, 0, z)
    assert status(visit) == ""


@pytest.mark.parametrize("how", ["mouse", "touch"])
@pytest.mark.parametrize("panel", ["plane", "close"])
def test_the_ring_is_dragged_on_both_planes(live_page, figure, how, panel, truth):
    visit = opened(live_page, figure, how)
    window = truth.window(0) if panel == "close" else None
    start = truth.mu[0].tolist()
    end = code_near(visit, [start[0] - 0.2, start[1] + 0.15], panel, window)
    drag(visit, panel, start, end, how)
    agree(visit, truth, 0, end)
    near = "x => Math.abs(document.querySelector('[data-control=z1]').value - x) < 0.1"
    for _ in range(
        5
    ):  # a tap that follows at once ends the finger's swing, and is no click; the swing may take a while
        visit.page.wait_for_timeout(500)
        point_at(visit, panel, *start, how)
        settle(visit)
        if visit.page.evaluate(near, start[0]):
            break
    assert visit.page.evaluate(near, start[0])
    assert visit.number("code") < truth.numbers(0, end)["code"]


def test_a_code_beside_the_close_up_is_not_drawn_there(visit, truth):
    (left, _), (_, top) = truth.window(0)
    visit.control("z1").fill(f"{left - 0.05:.2f}")
    z = [float(visit.control("z1").input_value()), truth.mu[0, 1].item()]
    agree(visit, truth, 0, z)
    around = [(*z, *aside) for aside in ((6, 0), (-6, 0), (0, 6), (0, -6))]
    assert painted(visit, "close", "text", *around) == [False] * 4
    press(visit, "toMean", "mouse")
    visit.control("z2").fill(f"{top + 0.01:.2f}")
    agree(visit, truth, 0, [truth.mu[0, 0].item(), float(visit.control("z2").input_value())])


def test_a_code_stays_within_reach(visit, truth):
    drag(visit, "plane", MOVED, (-9, 9))
    agree(visit, truth, 0, [-REACH, REACH])


@pytest.mark.parametrize("how", HOWS)
def test_the_code_goes_back_to_the_digit_s_mean(live_page, figure, how, truth):
    visit = opened(live_page, figure, how)
    pick(visit, truth, 2, how)
    keys(visit, "z1", "Home")
    agree(visit, truth, 2, [-REACH, truth.mu[2, 1].item()])
    press(visit, "toMean", how)
    agree(visit, truth, 2)
    assert status(visit) == "The code is the mean of the encoder's Gaussian."
