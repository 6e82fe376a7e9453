"""Digits of the live brush: they come when they are asked for, and numbers and pictures are those of PyTorch."""

import re

import pytest
import torch

from tests.brushes import (
    EDGE,
    START,
    P,
    agree,
    brush,
    brush_figure,
    load,
    pixel,
    status,
    truth_of_digits,
    truth_of_squares,
)
from tests.canvases import canvas, cells
from tests.hands import HOWS, choose, press, slide
from tests.planes import settle


@pytest.fixture(scope="module")
def figure():
    return brush_figure()


@pytest.fixture(scope="module")
def truth():
    return truth_of_squares()


@pytest.fixture(scope="module")
def digit_truth():
    return truth_of_digits()


@pytest.mark.parametrize("how", HOWS)
def test_digits_come_when_they_are_asked_for(visit, truth, digit_truth, how):
    image = visit.control("image")
    assert image.is_disabled() and image.input_value() == "0" and visit.control("squareRow").is_visible()
    assert visit.control("load").bounding_box()["height"] > 20
    press(visit, "load", how)
    visit.page.wait_for_function("document.querySelector('[data-control=image]').value === '1'")
    expected = digit_truth.numbers(0)
    agree(visit, expected)
    words = f"The digits are here. {expected['flips']} pixels are flipped. Wrong when restored: vanilla "
    assert status(visit) == f"{words}{expected['wrongVanilla']}, denoising {expected['wrongDenoising']}."
    assert image.is_enabled() and not visit.control("load").is_visible() and not visit.control("squareRow").is_visible()
    if how == "keyboard":
        assert visit.page.evaluate("document.activeElement.dataset.control") == "image"
    choose(visit, "image", 3, how)
    agree(visit, digit_truth.numbers(2))
    assert image.locator("option").nth(4).inner_text() == "a 1, image 4 of Rings"
    slide(visit, "p", 0.5, "touch" if how == "touch" else "mouse")
    p = float(visit.control("p").input_value())
    agree(visit, digit_truth.numbers(2, p))
    press(visit, "draw", how)
    agree(visit, digit_truth.numbers(2, p, draw=1))
    image.select_option("0")
    agree(visit, truth.numbers(START, p))  # its flips are as they were
    assert visit.control("squareRow").is_visible()
    image.select_option("3")
    agree(visit, digit_truth.numbers(2, p, draw=1))


def test_of_digits_there_is_no_plane_and_words_say_so(visit):
    words = visit.page.get_by_text("A digit's code has 5 numbers, and no plane shows it")
    assert not words.is_visible()
    load(visit)
    for panel in ("exact", "vanillaPlane", "denoisingPlane"):
        assert not visit.page.locator(f"[data-panel={panel}]").is_visible()
    assert words.is_visible()
    visit.control("image").select_option("0")
    settle(visit)
    for panel in ("exact", "vanillaPlane", "denoisingPlane"):
        assert visit.page.locator(f"[data-panel={panel}]").is_visible()
    assert not words.is_visible()


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_a_digit_is_brushed_and_drawn_as_it_is(visit, digit_truth, how):
    load(visit)
    visit.control("image").select_option("20")
    shape = (EDGE, EDGE)
    brush(visit, how, (10, 3), (10, 10), shape=shape)
    flipped = not digit_truth.flips(P)[pixel(10, 3, EDGE)]
    hand = {pixel(10, column, EDGE): bool(flipped) for column in range(3, 11)}
    agree(visit, digit_truth.numbers(19, hand=hand))
    seen = digit_truth.see(19, digit_truth.flips(P, hand=hand), P)
    beside = cells(visit, "board", shape, 0.35)
    assert torch.equal(beside[:, 0], (255 * seen["given"]).long())
    beside = cells(visit, "denoising", shape, 0.3)
    assert torch.equal(beside[:, 0], (255 * (seen["restored"]["denoising"] > 0.5)).long())
    label = canvas(visit)[0].get_attribute("aria-label")
    assert f"{EDGE} by {EDGE} pixels" in label
    press(visit, "clean", "mouse")
    agree(visit, digit_truth.numbers(19, 0))


def test_the_cursor_starts_in_the_middle_of_a_digit(visit, digit_truth):
    board = canvas(visit)[0]
    for key in ["ArrowDown"] * 6 + ["ArrowRight"] * 7:
        board.press(key)
    load(visit)
    board.press("Space")
    middle = pixel(EDGE // 2, EDGE // 2, EDGE)
    agree(visit, digit_truth.numbers(0, hand={middle: not digit_truth.flips(P)[middle]}))


def test_digits_that_do_not_come_are_asked_for_again(visit, digit_truth):
    script = """() => {
      const {stage} = document.querySelector(".vae-live"), kept = {...vaeLive.weights};
      for (const key of stage.settings.later.digits) delete vaeLive.weights[key];
      window.asked = 0;
      window.give = () => Object.assign(vaeLive.weights, kept);
      vaeLive.fetchWeights = key => new Promise((done, failed) => {
        window.asked += 1;
        window.fail = () => failed(`${key}.js`);
        window.done = window.done ? (first => () => { first(); done(); })(window.done) : done;
      });
    }"""
    visit.page.evaluate(script)
    press(visit, "load", "keyboard")
    assert status(visit) == "The digits are being loaded."
    press(visit, "load", "keyboard")  # once is enough
    assert visit.page.evaluate("window.asked") == 2
    visit.page.evaluate("window.fail()")
    visit.page.wait_for_function("document.querySelector('.status').textContent.includes('could not be loaded')")
    assert re.search(r"\(\w+\.js\)\. Press the button to try again", status(visit))
    assert visit.control("image").is_disabled() and visit.control("load").is_visible()
    visit.page.evaluate("window.done = null")
    press(visit, "load", "mouse")
    visit.page.evaluate("window.give(); window.done()")
    visit.page.wait_for_function("document.querySelector('[data-control=image]').value === '1'")
    agree(visit, digit_truth.numbers(0))
