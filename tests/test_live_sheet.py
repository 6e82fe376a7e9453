"""The sheet of digits: a code is dragged, drawn or walks over it, and what it decodes to is what PyTorch says."""

import itertools
import math
import random
import re

import numpy as np
import pytest
import torch

from tests.browser import THEMES, WIDTHS
from tests.hands import HOWS, drag, keys, painted, point_at, press, slide
from tests.planes import (
    CLOCK,
    Prepared,
    code_near,
    complaints,
    image_of,
    in_parts,
    model_and_images,
    of_canvas,
    of_still,
    opened,
    pictures,
    pixels,
    recolor,
    settle,
    starting_at,
    status,
)
from vaebook import live
from vaebook.animation import sheet as sheet_of
from vaebook.live.plane import cdf, of_digits, plane_still, ring, sheet_settings
from vaebook.live.random import Generator
from vaebook.live.weights import linear_layers, packed
from vaebook.models import BernoulliVAE

START, REACH, PERIOD = (-0.5, 1.2), 3.0, 80


@pytest.fixture(scope="module")
def figure():
    return live.sheet(*model_and_images(), name="Boxes")


@pytest.fixture(scope="module")
def model():
    return of_digits(*model_and_images())[0].double()


@pytest.fixture(scope="module")
def single():
    """The same in single precision, as Python draws stills."""
    return of_digits(*model_and_images())[0]


@pytest.fixture
def visit(live_page, figure):
    visit = opened(live_page, figure)
    yield visit
    assert complaints(visit) == []


@torch.no_grad()
def agree(visit, model, z):
    """The page shows this code: its numbers, sliders, ring, handle and digit."""
    settle(visit)
    shown(visit, model, z)


@torch.no_grad()
def shown(visit, model, z):
    for name, value in zip(("z1", "z2"), z, strict=True):
        assert visit.number(name) == pytest.approx(value, abs=0.0052)
        assert float(visit.control(name).input_value()) == pytest.approx(value, abs=0.0052)
    right = model.decode(torch.tensor(z).double()).sigmoid()
    assert (pixels(visit, "digit") - right).abs().max() < 0.006
    around = [(9, 0), (-9, 0), (0, 9), (0, -9)]
    assert painted(visit, "plane", "orange", *((*z, *aside) for aside in around)) == [True] * 4
    box, picture = (visit.page.locator(f"[data-panel=plane] {part}").bounding_box() for part in (".handle", "canvas"))
    middle = [box["x"] + box["width"] / 2 - picture["x"], box["y"] + box["height"] / 2 - picture["y"]]
    across, up = cdf(z).tolist()
    right = [58 + across * (picture["width"] - 68), picture["height"] - 36 - up * (picture["height"] - 46)]
    assert middle == pytest.approx(right, abs=1)


# In Python ------------------------------------------------------------------------------------------------------------


def test_the_figure_says_what_it_shows_and_sends_only_the_decoder(figure, single):
    html = figure._repr_html_()
    assert (
        "shown handwritten digits (Boxes), and" in figure.note and "at the start {:g} and {:g}".format(*START) in html
    )
    assert figure.weights == [packed(single, ("decode",))[0]] and not figure.later
    sizes = [[weight.shape[1], weight.shape[0]] for weight, _ in linear_layers(single.decode)]
    assert figure.settings["layers"] == {"decoder": sizes}
    assert "digits, and" in live.sheet(*model_and_images()).note


def test_codes_are_spaced_as_the_prior_is_and_the_sheet_ends_half_a_digit_beyond_them(figure):
    settings = figure.settings
    places = torch.linspace(0.05, 0.95, 20, dtype=torch.float64)
    assert settings["axis"] == pytest.approx(torch.special.ndtri(places).tolist(), abs=1e-5)
    step = (places[1] - places[0]).item()
    assert settings["edges"] == pytest.approx([0.05 - step / 2, 0.95 + step / 2])


def test_the_model_is_left_as_it_was():
    torch.manual_seed(1)
    model = BernoulliVAE(784, [8], 2).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    live.sheet(model, torch.zeros(3, 784))
    assert model.training and all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    "model, x_train, words",
    [
        (BernoulliVAE(784, [8], 3), torch.zeros(4, 784), "model must have latent_dims 2, got 3"),
        (BernoulliVAE(20, [8], 2), torch.zeros(4, 20), "x_train must have shape (B, 784), got (4, 20)"),
        (BernoulliVAE(784, [8], 2), torch.zeros(4, 20), "x_train must have shape (B, 784), got (4, 20)"),
        (BernoulliVAE(784, [8], 2), torch.zeros(0, 784), "x_train must hold at least one example"),
        (BernoulliVAE(784, [8], 2), torch.full((2, 784), 2.0), "x_train must hold values in [0, 1], got"),
    ],
)
def test_what_does_not_fit_is_named(model, x_train, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        live.sheet(model, x_train)
    with pytest.raises(TypeError, match="model must answer"):
        live.sheet(object(), x_train)


# In the browser: how it starts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme, width", [*itertools.product(THEMES, WIDTHS)])
def test_it_starts_in_each_theme_and_width_and_stands_still(live_page, figure, model, theme, width):
    visit = live_page(figure, theme, width=width)
    agree(visit, model, START)
    assert status(visit) == "" and visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)
    before = pictures(visit)
    visit.page.wait_for_timeout(200)
    assert pictures(visit) == before and complaints(visit) == []
    boxes = [visit.page.locator(f"[data-panel={name}] canvas").bounding_box() for name in ("plane", "digit")]
    controls = visit.page.locator(".controls").bounding_box()
    assert boxes[0]["width"] > 300 and all(box["y"] + box["height"] < controls["y"] for box in boxes)
    assert boxes[1]["width"] > (150 if width == 360 else 300)


SHEET = """([digits, isFaint]) => {
  const {stage} = document.querySelector(".vae-live"), {settings} = stage;
  const sheet = digits === null ? stage.sheet : new vaeLive.Sheet(stage.sheet.vae, settings, isFaint);
  let left = digits;
  const goesOn = digits !== null && sheet.work(() => left-- <= 0);
  return [goesOn, sheet.canvas.toDataURL()];
}"""


@torch.no_grad()
@pytest.mark.parametrize("digits, step", [(25, 4), (125, 2), (525, 1), (None, 1)])
def test_the_sheet_holds_the_models_digits_coarse_ones_first(visit, single, digits, step):
    goes_on, url = visit.page.evaluate(SHEET, [digits, False])
    axis = sheet_settings(REACH)["axis"]
    right = sheet_of(single, torch.tensor(axis).float(), gap=0).reshape(20, 28, 20, 28)
    right = right[::step, :, ::step].repeat_interleave(step, 1).repeat_interleave(step, 3).reshape(560, 560)
    found = np.asarray(image_of(url)).astype(float)
    assert np.abs(found[..., :3] - 255 * right.numpy()[..., None]).max() < 1.01 and (found[..., 3] == 255).all()
    assert goes_on == (digits in (25, 125))


@torch.no_grad()
def test_a_faint_sheet_is_grey_and_the_lighter_a_pixel_the_more_opaque(visit, single):
    found = np.asarray(image_of(visit.page.evaluate(SHEET, [525, True])[1])).astype(float)
    right = sheet_of(single, torch.tensor(sheet_settings(REACH)["axis"]).float(), gap=0).numpy()
    assert np.abs(found[..., 3] / 255 - 0.6 * right).max() < 0.005
    assert np.abs(found[right > 0.5] - 138)[:, :3].max() <= 2


@torch.no_grad()
def test_the_still_shows_what_the_canvas_shows_first(visit, figure, single):
    still, ax = plane_still(single, figure.settings)
    ring(ax, START, "#d55e00")
    drawn, live = of_still(still, 80), of_canvas(visit, "plane", 80)
    difference = np.abs(drawn - live).mean(2)[1:-1, 1:-1]
    (across, up), (row, column) = (80 * cdf(START)).tolist(), np.mgrid[1:79, 1:79] + 0.5
    near = np.hypot(row - 80 + up, column - across) < 5  # the ring of the still is larger on a wide page
    assert difference.mean() < 0.03 and difference[~near].max() < 0.2
    for picture in (drawn, live):
        orange = (picture[..., 0] - picture[..., 2])[1:-1, 1:-1] > 0.2
        assert orange[near].sum() > 3 and not orange[~near].any()
    assert live.std() > 0.2


@torch.no_grad()
def test_the_digit_s_still_is_what_the_first_code_decodes_to(figure, model):
    still = image_of(re.search(r'src="([^"]+)"', figure.panels[1])[1]).convert("RGB")
    rows, columns = (np.asarray(still)[..., 0] < 250).nonzero()  # the digit, on white
    box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    right = model.decode(torch.tensor(START).double()).sigmoid()
    assert np.abs(in_parts(still, box, 28)[..., 0].flatten() - right.numpy()).mean() < 0.02


AXES = """() => {
  const {stage} = document.querySelector(".vae-live"), {context, box} = stage.panels.plane, found = [];
  context.fillText = (text, x, y) => {
    found.push([text, (x - box.left) / (box.right - box.left), (box.bottom - y) / (box.bottom - box.top)]);
  };
  stage.paint();
  delete context.fillText;
  return found;
}"""


@torch.no_grad()
def test_numbers_at_the_axes_stand_where_the_prior_puts_them(visit, figure, single):
    ticks = plane_still(single, figure.settings)[1].get_xticks()
    *numbers, last, name = visit.page.evaluate(AXES)
    for place in (0, 1):
        shown = [(text.replace("\N{MINUS SIGN}", "-"), at[place]) for text, *at in numbers[place::2]]
        assert [text for text, _ in shown] == ["-2", "-1", "-0.5", "0", "0.5", "1", "2"]
        assert [at for _, at in shown] == pytest.approx(ticks.tolist(), abs=1e-6)
    assert [last[0], name[0]] == ["z1", "z2"]


# Controls -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOWS)
def test_sliders_move_the_code(live_page, figure, how, model):
    visit, z = opened(live_page, figure, how), [*START]
    for place, name in enumerate(("z1", "z2")):
        if how == "keyboard":
            keys(visit, name, "End", *["ArrowLeft"] * (5 + place))
            z[place] = REACH - 0.05 - 0.01 * place
        else:
            slide(visit, name, 0.3 - 0.1 * place, how)
            z[place] = float(visit.control(name).input_value())
            assert z[place] == pytest.approx(-1.2 - 0.6 * place, abs=0.4)
        agree(visit, model, z)
    assert status(visit) == ""


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_the_ring_is_dragged(live_page, figure, how, model):
    visit = opened(live_page, figure, how)
    z = code_near(visit, (-1.1, 0.35))
    drag(visit, "plane", START, z, how)
    agree(visit, model, z)
    end = code_near(visit, (0.3, 1.4))
    drag(visit, "plane", z, end, how)
    agree(visit, model, end)
    assert status(visit) == ""


def test_a_mouse_drags_from_anywhere_and_a_finger_only_taps(live_page, figure, visit, model):
    start, end = (-1.3, -1.0), code_near(visit, (-0.5, 0.9))
    drag(visit, "plane", start, end, "mouse")
    agree(visit, model, end)
    touched = opened(live_page, figure, "touch")
    drag(touched, "plane", start, (-0.5, 0.9), "touch")
    agree(touched, model, START)
    z = code_near(touched, (-0.2, 0.1))
    point_at(touched, "plane", *z, "touch")
    agree(touched, model, z)


def test_a_code_stays_within_reach(visit, model):
    settle(visit)
    drag(visit, "plane", START, (6, 0), "mouse")  # the right end of the axis
    assert visit.number("z1") == REACH and float(visit.control("z1").input_value()) == REACH
    agree(visit, model, [REACH, visit.number("z2")])
    drag(visit, "plane", (1, 1), (-6, 6), "mouse")
    agree(visit, model, [-REACH, REACH])


def draws(count, seed=1):
    return Generator(seed).normals(2 * count).reshape(count, 2).tolist()


@pytest.mark.parametrize("how", HOWS)
def test_random_codes_are_drawn_from_the_prior(live_page, figure, how, model):
    visit = opened(live_page, figure, how)
    for z in draws(3):
        press(visit, "random", how)
        agree(visit, model, z)
        assert status(visit) == f"A code drawn from the prior: z1 {z[0]:.2f}, z2 {z[1]:.2f}."


@pytest.mark.parametrize("place", [0, 1])
def test_a_code_out_of_reach_is_drawn_again(live_page, figure, model, place):
    far = next(
        seed for seed in range(5000) if abs(draws(1, seed)[0][place]) > REACH > abs(draws(1, seed)[0][1 - place])
    )
    other = starting_at(figure)
    other.settings = figure.settings | {"seed": far}
    visit = live_page(other)
    press(visit, "random", "mouse")
    agree(visit, model, draws(2, far)[1])


# The walk -------------------------------------------------------------------------------------------------------------

TIME = "let time = 0; performance.now = () => time; window.pass = milliseconds => { time += milliseconds; };"
FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def curve(start, seconds):
    """Where the walk is: three times across the unit square and twice up it, in a period."""
    found = []
    for probability, turns in zip(cdf(start).tolist(), (3, 2), strict=True):
        reach = max(0.45, abs(probability - 0.5))
        angle = math.asin((probability - 0.5) / reach) + 2 * math.pi * turns * seconds / PERIOD
        found.append(0.5 + reach * math.sin(angle))
    return torch.special.ndtri(torch.tensor(found, dtype=torch.float64)).tolist()


def go_on(visit, milliseconds):
    visit.page.evaluate(f"() => {{ window.pass({milliseconds}); return {FRAMES}; }}")


@pytest.fixture
def timed(live_page, figure):
    """Opens a page whose clock stands still until the test moves it."""

    def open_timed(how="mouse"):
        return opened(live_page, Prepared(figure, TIME), how)

    return open_timed


@pytest.mark.parametrize("how", HOWS)
def test_a_walk_starts_and_stops_by_its_button(timed, how, model):
    visit, seconds = timed(how), 0
    button = visit.control("walk")
    assert button.inner_text() == "Walk"
    press(visit, "walk", how)
    assert button.inner_text() == "Stop" and status(visit) == ""
    shown(visit, model, START)
    for milliseconds in (50, 100, 30, 100):
        go_on(visit, milliseconds)
        seconds += milliseconds / 1000
        shown(visit, model, curve(START, seconds))
    press(visit, "walk", how)
    z = curve(START, seconds)
    assert button.inner_text() == "Walk" and status(visit) == f"Stopped at z1 {z[0]:.2f}, z2 {z[1]:.2f}."
    go_on(visit, 90)
    agree(visit, model, z)
    press(visit, "walk", how)
    assert status(visit) == ""
    go_on(visit, 100)
    shown(visit, model, curve(z, 0.1))  # from where one is
    assert complaints(visit) == []


def test_a_walk_waits_for_frames_that_come_late(timed, model):
    visit = timed()
    press(visit, "walk", "mouse")
    go_on(visit, 4000)
    shown(visit, model, curve(START, 0.1))


def test_a_walk_that_is_not_seen_stands_still(timed, model):
    visit = timed()
    press(visit, "walk", "mouse")
    visit.page.evaluate("document.querySelector('.vae-live').stage.inView = false")
    for _ in range(3):
        go_on(visit, 100)
    shown(visit, model, START)


ENDS = {
    "slider": lambda visit: keys(visit, "z2", "Home"),
    "random": lambda visit: press(visit, "random", "mouse"),
    "pointer": lambda visit: point_at(visit, "plane", -1, -1),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_whoever_takes_the_code_ends_the_walk(timed, end):
    visit = timed()
    press(visit, "walk", "mouse")
    go_on(visit, 100)
    end(visit)
    assert visit.control("walk").inner_text() == "Walk"
    settle(visit)  # it runs no more
    before = pictures(visit)
    go_on(visit, 100)
    assert pictures(visit) == before


# Sequences, and frames ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_after_any_sequence_it_is_as_if_it_had_started_there(live_page, figure, seed):
    chance, visit = random.Random(seed), live_page(figure)
    acts = [
        lambda: press(visit, "random", "mouse"),
        lambda: press(visit, "walk", "keyboard"),
        lambda: slide(visit, "z1", chance.random()),
        lambda: drag(visit, "plane", (chance.uniform(-1, 1), 0), (0, chance.uniform(-1, 1)), "mouse"),
        lambda: visit.page.set_viewport_size({"width": chance.choice([500, 900]), "height": 700}),
    ]
    for act in [*acts, *chance.choices(acts, k=6)]:
        act()
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    visit.page.mouse.move(0, 0)
    visit.page.evaluate("scrollTo(0, 0)")
    keys(visit, "z1", "Home", *["ArrowRight"] * 4)
    keys(visit, "z2", "End", "ArrowLeft")
    after = pictures(visit)
    assert complaints(visit) == []
    assert after == pictures(live_page(starting_at(figure, z1=-REACH + 0.04, z2=REACH - 0.01)))


@pytest.mark.parametrize("theme", THEMES)
def test_a_page_that_changes_its_colours_has_its_figure_drawn_again(live_page, figure, model, theme):
    visit = opened(live_page, figure, theme=theme)
    before, other = pictures(visit), THEMES[1 - THEMES.index(theme)]
    recolor(visit, other)
    agree(visit, model, START)
    assert pictures(visit) != before and pictures(visit) == pictures(live_page(figure, other))


def test_no_frame_begins_what_it_has_no_time_for(live_page, figure):
    visit = live_page(Prepared(figure, CLOCK))
    settle(visit)
    press(visit, "walk", "mouse")
    visit.page.wait_for_timeout(200)
    frames = [frame for frame in visit.page.evaluate("window.frames") if frame["took"]]
    took = [frame["took"] for frame in frames]
    assert max(took) == 5.5 and sum(took) > 0.5 * 525
    assert all(frame["drawn"] for frame in frames)  # what has been decoded is seen
