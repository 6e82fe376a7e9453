"""Drawing on the live digit board, by keyboard, mouse and touch: ink is where the hand went, and numbers follow."""

import pytest

from tests.boards import (
    BLANK,
    agree,
    board_figure,
    digit,
    draw,
    ink_of,
    inked,
    on_board,
    said,
    standing,
    state,
    strike,
    truth_of_board,
)
from tests.canvases import canvas, read, touch, trace
from tests.hands import choose, press
from tests.planes import settle
from tests.strokes import placed
from vaebook.live.centring import seen


@pytest.fixture(scope="module")
def figure():
    return board_figure()


@pytest.fixture(scope="module")
def truth():
    return truth_of_board()


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_a_pointer_draws_a_digit(visit, how, truth):
    press(visit, "blank", how)
    strokes = placed(4, 17, 3, 2)
    draw(visit, strokes, how)
    agree(visit, truth, seen(inked(visit, BLANK, strokes, 3), True))
    assert standing(visit) == {"centred": True, "eraser": False, "digit": -1}
    assert said(visit) == ""  # no longer what a blank board costs


def test_the_keyboard_draws_a_digit(visit, truth):
    """A seven: from the middle to the upper left, pen down, right, then down."""
    press(visit, "blank", "keyboard")
    moves = [("ArrowLeft", 7), ("ArrowUp", 8), (" ", 1), ("ArrowRight", 14), ("ArrowDown", 16), (" ", 1)]
    strike(visit, *moves, ("ArrowLeft", 3))
    ink = inked(visit, BLANK, [[(7.5, 6.5), (21.5, 6.5), (21.5, 22.5)]], 3, within=1e-6)
    agree(visit, truth, seen(ink, True))
    assert state(visit, "pen.at") == [18.5, 22.5] and said(visit).startswith("The pen is up. \N{MINUS SIGN}ELBO")


def test_the_board_is_reached_by_tab_and_says_how_it_is_used(visit):
    visit.page.keyboard.press("Tab")
    focused = visit.page.evaluate("[document.activeElement.tagName, document.activeElement.getAttribute('aria-label')]")
    assert focused[0] == "CANVAS" and "Arrow keys move the cursor" in focused[1] and "space" in focused[1]
    settle(visit)
    assert visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    visit.page.keyboard.press(" ")
    assert said(visit) == "The pen is down at row 14, column 14."
    visit.page.keyboard.press("Tab")
    assert not state(visit, "pen.isDown")  # whoever leaves the board lifts the pen


def orange(visit):
    """How many pixels of the board are orange, and how wide they spread, in pixels of the digit."""
    script = """({width, height, at}) => {
      const found = [];
      for (let y = 0.5; y < height; y++) for (let x = 0.5; x < width; x++) {
        const [red, green, blue] = at(x, y);
        if (red > 180 && green < 120 && blue < 60) found.push(x * 28 / width);
      }
      return [found.length, Math.max(...found) - Math.min(...found)];
    }"""
    settle(visit)
    return read(visit, "board", script)


def test_the_cursor_stays_on_the_board_and_is_seen_while_the_keyboard_is_on_it(visit):
    assert orange(visit)[0] == 0
    strike(visit, ("ArrowLeft", 20), ("ArrowUp", 20))
    assert state(visit, "pen.at") == [0.5, 0.5]
    strike(visit, ("ArrowRight", 30), ("ArrowDown", 30))
    assert state(visit, "pen.at") == [27.5, 27.5]
    strike(visit, ("ArrowLeft", 10), ("ArrowUp", 10))
    ring = orange(visit)[0]
    assert ring > 20
    strike(visit, ("Space", 1))
    assert orange(visit)[0] > 2 * ring  # full, where the pen is down
    strike(visit, ("Escape", 1))
    assert not state(visit, "pen.isDown") and orange(visit)[0] < 1.2 * ring
    visit.page.keyboard.press("Tab")
    assert orange(visit)[0] == 0


def test_the_cursor_is_as_wide_as_the_pen(visit):
    canvas(visit)[0].focus()
    spreads = {}
    for pen in (2, 4):
        choose(visit, "width", pen)
        canvas(visit)[0].focus()
        spreads[pen] = orange(visit)[1]
    assert spreads[4] == pytest.approx(4, abs=0.5) and spreads[2] < spreads[4] - 1


def test_a_held_space_bar_puts_the_pen_down_once_and_shortcuts_are_left_alone(visit):
    strike(visit, ("ArrowLeft", 1))
    for _ in range(4):
        visit.page.keyboard.down(" ")  # all but the first are repeats
    assert state(visit, "pen.isDown")
    visit.page.keyboard.up(" ")
    before = state(visit, "pen.at")
    strike(visit, ("Control+ArrowLeft", 1), ("Alt+ArrowUp", 1))
    assert state(visit, "pen.isDown") and state(visit, "pen.at") == before
    assert visit.page.evaluate("scrollY") == 0


@pytest.mark.parametrize(
    "strokes",
    [[[(4, 4), (24, 20)], [(24, 5), (3, 25)]], [[(9, 12)]], [[(20, 10), (33, 10), (33, 16), (20, 16)]]],
    ids=["far apart", "a dot", "over the edge and back"],
)
@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_ink_is_where_the_pointer_went_without_gaps(visit, how, strokes):
    press(visit, "blank", how)
    draw(visit, strokes, how)
    assert inked(visit, BLANK, strokes, 3).any()


def test_places_that_come_in_one_event_are_all_drawn(visit):
    """A browser hands on the moves of one frame as one event, with all of them inside."""
    press(visit, "blank", "mouse")
    corner = [(4, 4), (24, 4), (24, 24)]
    visit.page.evaluate(
        """places => {
          const {canvas} = document.querySelector(".vae-live").stage.panels.board;
          canvas.setPointerCapture = () => {};
          const event = (kind, [clientX, clientY], more = {}) => (
            new PointerEvent(kind, {pointerId: 5, button: 0, clientX, clientY, ...more}));
          const coalescedEvents = places.slice(1).map(place => event("pointermove", place));
          canvas.dispatchEvent(event("pointerdown", places[0]));
          canvas.dispatchEvent(event("pointermove", places[2], {coalescedEvents}));
          canvas.dispatchEvent(event("pointerup", places[2]));
        }""",
        on_board(canvas(visit)[1], corner),
    )
    inked(visit, BLANK, [corner], 3)


def test_other_buttons_of_the_mouse_and_a_pointer_that_only_passes_draw_nothing(visit, truth):
    x, y = on_board(canvas(visit)[1], [(8, 20)])[0]
    visit.page.mouse.move(x, y)
    visit.page.mouse.down(button="middle")
    visit.page.mouse.move(x + 40, y)
    visit.page.mouse.up(button="middle")
    visit.page.mouse.move(x - 20, y)
    agree(visit, truth, digit(0))
    assert standing(visit)["digit"] == 0


@pytest.mark.parametrize("how", ["touch"])
def test_a_tap_acts_right_after_a_line_whose_end_was_fast(visit):
    for name, is_centred in [("blank", True), ("invert", False)] * 3:
        press(visit, name, "touch")
        assert standing(visit)["centred"] is is_centred
        draw(visit, [[(3, 20), (25, 20)]], "touch")


@pytest.mark.parametrize("how", ["touch"])
def test_a_second_finger_does_not_draw(visit):
    press(visit, "blank", "touch")
    first, other, moved, back = on_board(canvas(visit)[1], [(6, 6), (20, 20), (6, 14), (20, 6)])
    kinds = [("Start", [first]), ("Start", [first, other]), ("Move", [moved, other]), ("Move", [moved, back])]
    touch(visit, *kinds, ("End", []))
    inked(visit, BLANK, [[(6, 6), (6, 14)]], 3)


@pytest.mark.parametrize("how", ["touch"])
def test_a_finger_draws_on_the_board_and_scrolls_the_page_beside_it(visit):
    press(visit, "blank", "touch")
    visit.page.evaluate("scrollTo(0, 0)")
    box = canvas(visit)[1]
    before = visit.page.evaluate("scrollY")
    trace(visit, on_board(box, [(14, 24), (14, 20), (14, 12), (14, 6), (14, 2)]), "touch")
    visit.page.wait_for_timeout(100)
    assert visit.page.evaluate("scrollY") == before
    ink = inked(visit, BLANK, [[(14, 24), (14, 2)]], 3)
    beside = [(8, box["y"] + box["height"] - 30 * n) for n in range(7)]
    assert beside[0][0] < box["x"] - 20
    trace(visit, beside, "touch")
    visit.page.wait_for_function(f"scrollY > {before} + 50")
    assert (ink_of(visit) == ink).all()
