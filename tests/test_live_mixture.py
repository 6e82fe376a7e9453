"""The live mixture of chapter 3: what it shows is what PyTorch computes, by keyboard, mouse and touch."""

import copy
import html
import itertools
import random
import re

import pytest
import torch

from tests.browser import THEMES, WIDTHS
from tests.hands import HOWS, keys, press, slide
from tests.mixtures import FEWEST, HEIGHT, PLACES, SIDE, SQUARES, P, Truth, agree, denoising_model, move, opened, state
from tests.planes import settle
from vaebook import live
from vaebook.data import all_rectangles
from vaebook.models import BernoulliVAE
from vaebook.objectives import log_joint

START, COUNT = (PLACES // 2, PLACES // 2), 32


@pytest.fixture(scope="module")
def figure():
    return live.mixture(denoising_model(), SQUARES, P)


@pytest.fixture(scope="module")
def truth():
    return Truth()


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
    assert "shown from M = 16 on" in figure.note and "below zero, where by (3.8) it is not" in figure.note
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
    keys(visit, "p", "ArrowRight")
    agree(visit, truth.numbers(START, 0.11, COUNT, 2))
    assert status(visit) == ""  # what was said was of other numbers


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
    assert status(visit) == (words(visit) if name in ("noise", "count") else "")
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


# Frames ---------------------------------------------------------------------------------------------------------------

CLOCK = """() => {  // a clock that only the networks move on, by 2 ms each; parts: how many each frame had
  const stage = document.querySelector(".vae-live").stage, timed = stage.timed.bind(stage);
  const vae = vaeMaths.BernoulliVAE.prototype;
  let time = 0;
  const {plane} = stage.panels, axes = plane.axes;
  window.parts = [];
  window.drawn = 0;
  plane.axes = function (given) {
    window.drawn += 1;
    return axes.call(this, given);
  };
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
        assert max(found) == (3 if sum(found) else 0)  # at 0, 2 and 4 ms of 5.5
        return sum(found)

    visit.page.evaluate(CLOCK)
    assert parts(p=0.2) == 3 * 32  # one copy and two codes for each
    assert parts(count=16) == 0 and parts(count=64) == 3 * 48
    assert parts(noise=1, count=2) == 3 * 2
    visit.page.evaluate("window.drawn = 0")
    assert parts(row=0) == 3 * 2 + 24**2  # another posterior
    assert 2 <= visit.page.evaluate("window.drawn") <= 5  # in 194 frames: only where there is something new
    assert parts(row=START[0]) == 3 * 2  # this one is known


def test_each_part_of_another_square_is_drawn_once_it_is_there_and_no_line_of_the_last_one_stays(visit):
    visit.page.evaluate(CLOCK)
    drawn = visit.page.evaluate(
        """async () => {
          const {stage} = document.querySelector(".vae-live"), {plane} = stage.panels, {axes, context} = plane;
          const {stroke, drawImage} = context, {contour} = vaeMaths, drawn = [], clock = performance.now;
          let slow = 0;
          performance.now = () => clock() + slow;
          vaeMaths.contour = (...given) => (slow += 6, contour(...given));  // a frame for each
          plane.axes = function (given) {
            drawn.push({contours: 0, shades: 0});
            return axes.call(this, given);
          };
          context.stroke = function () {
            if (this.strokeStyle === stage.colors.blue) drawn[drawn.length - 1].contours += 1;
            return stroke.call(this);
          };
          context.drawImage = function (...given) {
            drawn[drawn.length - 1].shades += 1;
            return drawImage.apply(this, given);
          };
          for (const [name, value] of [["count", 8], ["row", 1]]) {
            stage.control(name).value = value;
            stage.control(name).dispatchEvent(new Event("input"));
          }
          while (stage.running) await new Promise(requestAnimationFrame);
          return drawn.map(({contours, shades}) => [contours, shades]);
        }"""
    )
    assert drawn == [[0, 0], [2, 0], [2, 1], [2, 1]]  # ellipses, contours, shade; at last the losses


def test_the_posterior_goes_on_where_it_was_when_something_changes(visit, truth):
    visit.page.evaluate(CLOCK)
    visit.page.evaluate(
        """async () => {
          const {stage} = document.querySelector(".vae-live");
          for (const [name, value] of [["count", 1], ["row", 0], ["p", 0.2]]) {
            stage.control(name).value = value;
            stage.control(name).dispatchEvent(new Event("input"));
            if (name === "count") while (stage.running) await new Promise(requestAnimationFrame);
            else for (let k = 0; k < 30; k++) await new Promise(requestAnimationFrame);
          }
        }"""
    )
    agree(visit, truth.numbers((0, START[1]), 0.2, 1))
    assert visit.page.evaluate("window.parts.reduce((sum, part) => sum + part, 0)") == 24**2 + 1 + 3


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


def test_frames_make_no_canvas_of_their_own(visit):
    """The browser needs 50 ms to collect hundreds of them, within one frame."""
    made = visit.page.evaluate(
        """async () => {
          const {stage} = document.querySelector(".vae-live"), make = document.createElement;
          let made = 0;
          document.createElement = function (name, ...more) {
            made += name === "canvas";
            return make.call(this, name, ...more);
          };
          for (let k = 0; k < 5; k++) {
            stage.control("p").value = 0.05 * k;
            stage.control("p").dispatchEvent(new Event("input"));
            while (stage.running) await new Promise(requestAnimationFrame);
          }
          return made;
        }"""
    )
    assert made == 0


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
