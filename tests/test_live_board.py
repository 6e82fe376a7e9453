"""The live digit board: what is drawn, seen and counted is what Python computes, by keyboard, mouse and touch."""

import itertools
import re

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.boards import (
    BLANK,
    agree,
    apart,
    board_figure,
    digit,
    draw,
    enlarged,
    ink_of,
    inked,
    picture,
    said,
    standing,
    state,
    strike,
    truth_of_board,
)
from tests.browser import THEMES, WIDTHS
from tests.canvases import canvas, cells
from tests.hands import HOWS, choose, press, toggle
from tests.planes import settle
from tests.strokes import placed, scikit_digits, small_board
from vaebook import live
from vaebook.live.centring import SIDE, seen
from vaebook.live.random import Generator
from vaebook.live.weights import with_rounded_weights
from vaebook.models import BernoulliVAE
from vaebook.objectives import negative_elbo


@pytest.fixture(scope="module")
def figure():
    return board_figure()


@pytest.fixture(scope="module")
def truth():
    return truth_of_board()


# In Python ------------------------------------------------------------------------------------------------------------


def test_the_figure_describes_the_board_and_says_what_rounding_costs(figure, truth):
    assert 0 < abs(figure.shift) < 0.3
    word = "raises" if figure.shift >= 0 else "lowers"
    said = f"which {word} the \N{MINUS SIGN}ELBO by {abs(figure.shift):.2f} nats on 500 test digits of scikit-learn"
    assert said in figure.note and "784-40-6" in figure.note and "space puts the pen down" in figure.note
    assert "turn the centring off; Blank turns it on" in figure.note
    assert "test digits of scikit-learn that cost no more, of 500" in figure.numbers["percentile"]
    assert len(figure.weights) == 2 and figure.settings["threshold"] == small_board()[1]
    assert f"alarm above {small_board()[1]:.1f} nats" in figure.numbers["verdict"]


def test_the_cost_of_rounding_is_that_of_this_model(figure):
    x_train, x_test, _ = scikit_digits()
    noise = torch.randn(20, 500, 6, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        after, before = (
            negative_elbo(each, x_test, noise)["loss"].mean().item()
            for each in (with_rounded_weights(small_board()[0], x_train), small_board()[0])
        )
    assert figure.shift == pytest.approx(after - before, abs=0.03)


def test_percentiles_are_what_k_of_a_thousand_test_digits_do_not_exceed(figure, truth):
    """500 digits: two thousandths each."""
    assert figure.percentiles.shape == (1000,)
    ordered = truth.among.sort().values
    assert figure.percentiles[1::2].tolist() == pytest.approx(ordered.tolist(), abs=2e-3)
    assert (figure.percentiles[::2] == figure.percentiles[1::2]).all()


def test_the_model_is_left_as_it_was():
    x_train, x_test, labels = scikit_digits()
    torch.manual_seed(1)
    model = BernoulliVAE(784, [8], 3).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    live.board(model, x_train[:50], x_test[:20], torch.tensor(90.0), x_test[:3], labels[:3])
    assert model.training and all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


X = torch.zeros(4, 784)
FITTING = {"model": BernoulliVAE(784, [8], 3), "x_train": X, "x_test": X, "threshold": 90.0, "images": X}
FITTING |= {"labels": torch.zeros(4)}


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"model": BernoulliVAE(20, [8], 3), "x_train": torch.zeros(4, 20)}, "x_train must have shape (B, 784), got"),
        ({"x_train": torch.zeros(4, 20)}, "x_train must have shape (B, 784), got (4, 20)"),
        ({"x_test": torch.zeros(0, 784)}, "x_test must hold at least one example"),
        ({"images": X + 0.5}, "images must hold only 0 and 1"),
        ({"labels": torch.zeros(3)}, "labels must have shape (4,), got (3,)"),
        ({"threshold": torch.nan}, "threshold must be a finite number, got nan"),
    ],
)
def test_what_does_not_fit_is_named(changed, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        live.board(**FITTING | changed)


def test_a_threshold_that_is_no_number_is_named():
    with pytest.raises(TypeError, match="threshold must be a finite number, got 'high'"):
        live.board(**FITTING | {"threshold": "high"})


# In the browser: how it starts ----------------------------------------------------------------------------------------


def test_it_starts_with_the_first_digit_as_it_is_and_nothing_moves(visit, truth):
    agree(visit, truth, digit(0))
    assert standing(visit) == {"centred": False, "eraser": False, "digit": 0} and said(visit) == ""
    frames = "let count = 0; const {stage} = document.querySelector('.vae-live'), timed = stage.timed.bind(stage);"
    frames += "stage.timed = act => { count += 1; return timed(act); };"
    visit.page.evaluate(f"() => {{ {frames} window.count = () => count; }}")
    visit.page.wait_for_timeout(300)
    assert visit.page.evaluate("window.count()") == 0


@pytest.mark.parametrize("theme, width", [*itertools.product(THEMES, WIDTHS)])
def test_it_starts_in_each_theme_and_width(visit, width):
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)
    boxes = [canvas(visit, name)[1] for name in ("board", "seen", "decoded")]
    assert all(abs(box["width"] - box["height"]) < 1 and box["width"] > 100 for box in boxes)
    assert boxes[0]["width"] > 1.5 * boxes[1]["width"]
    if width == 360:
        assert boxes[0]["width"] < 280 and boxes[1]["y"] == boxes[2]["y"]  # a margin to scroll by; side by side


def test_without_scripts_the_still_is_there_and_no_control(live_page, figure):
    visit = live_page(figure, java_script_enabled=False)
    assert visit.page.locator("[data-panel=board] img").is_visible() and not visit.control("blank").is_visible()


# Controls -------------------------------------------------------------------------------------------------------------


def shifted(x):
    return F.pad(torch.tensor(x)[None], (4, -4, 4, -4))[0].numpy()


ACTS = {
    "shift": (shifted, "Shifted by 4 pixels, down and to the right:"),
    "invert": (lambda x: 1 - x, "Inverted:"),
    "eraseHalf": (lambda x: np.where(np.arange(SIDE)[:, None] < SIDE // 2, x, 0), "Without its lower half:"),
    "noise": (lambda x: (Generator(2).uniforms(784) > 0.5).reshape(SIDE, SIDE) * 1.0, "Uniform noise:"),
    "blank": (lambda x: 0 * x, "A blank board:"),
}


@pytest.mark.parametrize("how, name", [*itertools.product(HOWS, ACTS)])
def test_buttons_act_on_what_the_model_sees_and_turn_the_centring_off(visit, how, name, truth):
    press(visit, "blank", how)
    draw(visit, placed(2, 12, 14, 13), how)
    before = picture(visit)
    assert standing(visit)["centred"] and before.sum() > 60
    act, words = ACTS[name]
    press(visit, name, how)
    agree(visit, truth, act(before))
    assert standing(visit) == {"centred": name == "blank", "eraser": False, "digit": -1}
    assert (ink_of(visit) == enlarged(act(before))).all()
    loss, verdict = (visit.page.locator(f"[data-number={each}]").inner_text() for each in ("loss", "verdict"))
    assert said(visit) == f"{words} \N{MINUS SIGN}ELBO {loss} nats, {verdict}."


def test_a_button_acts_on_what_was_drawn_a_moment_before(visit, truth):
    """Nothing is computed between the two, as if both came in one frame."""
    visit.page.evaluate(
        """() => {
          const {stage} = document.querySelector(".vae-live"), {canvas} = stage.panels.board;
          const {left, top, width} = canvas.getBoundingClientRect(), at = {clientX: left + width / 2, clientY: top + 9};
          canvas.setPointerCapture = () => {};
          for (const kind of ["pointerdown", "pointerup"]) {
            canvas.dispatchEvent(new PointerEvent(kind, {pointerId: 5, button: 0, ...at}));
          }
          stage.control("shift").click();
        }"""
    )
    edge = SIDE / canvas(visit)[1]["width"]
    before = np.where(apart([[(14, 9 * edge)]]) <= 1.5, 1, enlarged(digit(0)))
    agree(visit, truth, shifted(seen(before, False)))


def test_a_digit_may_be_shifted_twice_and_noise_is_another_one_each_time(visit, truth):
    press(visit, "shift", "mouse")
    press(visit, "shift", "mouse")
    agree(visit, truth, shifted(shifted(digit(0))))
    drawn = (Generator(2).uniforms(2 * 784) > 0.5).reshape(2, SIDE, SIDE) * 1.0
    for noise in drawn:
        press(visit, "noise", "mouse")
        agree(visit, truth, noise)


@pytest.mark.parametrize("how", HOWS)
def test_centring_is_turned_on_and_off(visit, how, truth):
    toggle(visit, "centred", how)
    centred = seen(enlarged(digit(0)), True)
    assert (centred != digit(0)).any()
    agree(visit, truth, centred)
    assert said(visit).startswith("Centred: \N{MINUS SIGN}ELBO")
    toggle(visit, "centred", how)
    agree(visit, truth, digit(0))
    assert said(visit).startswith("As it lies on the board: \N{MINUS SIGN}ELBO")


@pytest.mark.parametrize("how", HOWS)
def test_test_digits_are_loaded_as_they_are(visit, how, truth):
    toggle(visit, "centred")
    for number in (7, 19):
        choose(visit, "digit", number, how)
        agree(visit, truth, digit(number))
        assert standing(visit) == {"centred": False, "eraser": False, "digit": number}
    assert said(visit).startswith("Test digit 20: ")


def test_a_digit_that_was_drawn_upon_can_be_loaded_again(visit, truth):
    draw(visit, [[(3, 3), (25, 25)]])
    assert standing(visit)["digit"] == -1 and (picture(visit) != digit(0)).sum() > 20
    choose(visit, "digit", 0)
    agree(visit, truth, digit(0))
    choose(visit, "digit", -1)  # none of them: nothing is loaded, and nothing lost
    agree(visit, truth, digit(0))


@pytest.mark.parametrize("how", HOWS)
def test_the_eraser_erases_and_the_pen_has_three_widths(visit, how):
    before = BLANK
    press(visit, "blank", how)
    for width, row in ((2, 4), (4, 12), (3, 20)):
        choose(visit, "width", width, how)
        line = [[(3, row), (25, row)]]
        draw(visit, line, how)
        before = inked(visit, before, line, width)
    toggle(visit, "eraser", how)
    line = [[(14, 2), (14, 25)]]
    draw(visit, line, how)
    assert 0 < inked(visit, before, line, 3, value=0).sum() < before.sum()
    press(visit, "blank", how)
    assert not standing(visit)["eraser"]  # on a blank board there is nothing to erase


def test_the_keyboard_erases_too(visit):
    press(visit, "invert", "mouse")
    before = ink_of(visit)
    toggle(visit, "eraser", "keyboard")
    strike(visit, (" ", 1), ("ArrowUp", 2), (" ", 1))
    inked(visit, before, [[(14, 14), (14.5, 13.5), (14.5, 12.5)]], 3, value=0, within=1e-6)


PLANE = '<div class="vae-live started" data-figure="posteriors" style="margin: 2000px 0">there</div>'


@pytest.mark.parametrize("how", HOWS)
def test_what_the_model_sees_is_placed_on_the_sheet_where_there_is_one(visit, how):
    assert visit.control("sheet").is_hidden()
    visit.page.evaluate(
        """plane => {
          document.body.insertAdjacentHTML("beforeend", plane);
          document.addEventListener("vae-drawn", () => { window.placed = [...vaeLive.drawn]; });
        }""",
        PLANE,
    )
    toggle(visit, "centred")
    settle(visit)  # it comes with the next picture
    press(visit, "sheet", how)
    assert np.reshape(visit.page.evaluate("window.placed"), (SIDE, SIDE)).tolist() == picture(visit).tolist()
    assert visit.page.evaluate("vaeLive.drawn instanceof Float32Array && vaeLive.drawn.length") == 784
    assert "press “The digit from the board” there" in said(visit)
    assert visit.page.evaluate("document.activeElement.dataset.figure") == "posteriors"  # and so the next Tab is there
    top = visit.page.evaluate("document.activeElement.getBoundingClientRect().top / innerHeight")
    assert -0.01 <= top < 1
    press(visit, "invert", "mouse")
    settle(visit)
    assert visit.page.evaluate("[...vaeLive.drawn].join() === window.placed.join()")  # a copy


def test_words_that_come_late_do_not_replace_those_of_the_sheet(visit):
    visit.page.evaluate("plane => document.body.insertAdjacentHTML('beforeend', plane)", PLANE)
    acts = "for (const name of ['centred', 'sheet']) stage.control(name).click();"
    visit.page.evaluate(f"() => {{ const {{stage}} = document.querySelector('.vae-live'); {acts} }}")
    visit.page.locator(".vae-live").first.scroll_into_view_if_needed()  # what cannot be seen does not run
    settle(visit)
    assert said(visit).startswith("It waits at the sheet above")


def test_after_many_acts_all_is_as_after_a_fresh_start_there(visit, truth):
    draw(visit, placed(8, 18, 6, 5))
    for name in ("shift", "noise", "blank", "invert"):
        press(visit, name, "mouse")
    toggle(visit, "eraser")
    draw(visit, [[(3, 3), (25, 25)]])
    toggle(visit, "eraser")
    toggle(visit, "centred")
    choose(visit, "digit", 3)
    agree(visit, truth, digit(3))
    ends = {name: cells(visit, name, (SIDE, SIDE)).tolist() for name in ("board", "seen", "decoded")}
    order = state(visit, "state.order")
    visit.page.reload()
    choose(visit, "digit", 3)
    assert state(visit, "state.order") == order
    assert {name: cells(visit, name, (SIDE, SIDE)).tolist() for name in ends} == ends


@pytest.mark.parametrize("above, verdict", [(0.05, "no alarm"), (-0.05, "alarm")])
def test_the_alarm_is_raised_above_the_threshold_and_not_below(live_page, truth, above, verdict):
    x_train, x_test, labels = scikit_digits()
    threshold = truth.terms(x_test[:1])["loss"].item() + above
    visit = live_page(live.board(small_board()[0], x_train, x_test, threshold, x_test[:2], labels[:2]))
    settle(visit)
    assert visit.number("verdict") == verdict


# Frames ---------------------------------------------------------------------------------------------------------------

CLOCK = """() => {  // a clock that only draws move on, by 2.5 ms each; parts: how many each frame had
  const stage = document.querySelector(".vae-live").stage, timed = stage.timed.bind(stage);
  const vae = vaeMaths.BernoulliVAE.prototype, cost = vae.negativeElbo;
  let time = 0;
  window.parts = [];
  performance.now = () => time;
  stage.timed = act => {
    window.parts.push(0);
    return timed(act);
  };
  vae.negativeElbo = function (...given) {
    time += 2.5;
    window.parts[window.parts.length - 1] += 1;
    return cost.apply(this, given);
  };
}"""


def test_a_frame_begins_no_draw_once_its_time_is_over(visit):
    visit.page.evaluate(CLOCK)
    press(visit, "shift", "mouse")
    settle(visit)
    parts = visit.page.evaluate("window.parts")
    assert sum(parts) == 10 and max(parts) == 2  # at 0 and 2.5 ms; at 5 of 5.5 there is no time


def test_numbers_are_of_the_last_picture_though_it_came_while_others_were_computed(visit, truth):
    visit.page.evaluate(CLOCK)
    choices = """async () => {
      const {stage} = document.querySelector(".vae-live");
      for (const number of [3, 5, 7]) {
        stage.set("digit", number);
        stage.control("digit").dispatchEvent(new Event("input"));
        for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
      }
    }"""
    visit.page.evaluate(choices)
    agree(visit, truth, digit(7))
    assert said(visit).startswith("Test digit 8: ")


def test_numbers_follow_while_each_frame_brings_another_picture(visit):
    visit.page.evaluate(CLOCK)
    press(visit, "blank", "mouse")
    settle(visit)
    changes = visit.page.evaluate(
        """async () => {
          const {stage} = document.querySelector(".vae-live"), {canvas} = stage.panels.board;
          const {left, top, width} = canvas.getBoundingClientRect(), shown = new Set();
          canvas.setPointerCapture = () => {};
          const point = (kind, k) => canvas.dispatchEvent(new PointerEvent(kind, {
            pointerId: 5, button: 0, clientX: left + width * (0.2 + 0.01 * k), clientY: top + width * 0.02 * k,
          }));
          for (let k = 0; k < 40; k++) {
            point(k ? "pointermove" : "pointerdown", k);
            await new Promise(requestAnimationFrame);
            shown.add(stage.root.querySelector("[data-number=loss]").textContent);
          }
          point("pointerup", 40);
          return shown.size;
        }"""
    )
    assert changes > 5
