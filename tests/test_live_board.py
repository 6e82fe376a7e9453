"""The live digit board: what is drawn, seen and counted is what Python computes, by keyboard, mouse and touch."""

import itertools
import re

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.browser import THEMES, WIDTHS
from tests.hands import HOWS, painted, press
from tests.strokes import placed, scikit_digits, small_board
from vaebook import live
from vaebook.live.centring import FINE, INK, SIDE, seen
from vaebook.live.random import Generator
from vaebook.live.weights import with_rounded_weights
from vaebook.models import BernoulliVAE
from vaebook.objectives import negative_elbo

TWENTY = 20
LINES = (np.mgrid[:INK, :INK] + 0.5) / FINE  # where the ink's dots are: rows and columns, in pixels


def digit(number):
    return scikit_digits()[1][number].numpy().reshape(SIDE, SIDE)


@pytest.fixture(scope="module")
def figure():
    x_train, x_test, labels = scikit_digits()
    model, threshold = small_board()
    return live.board(model, x_train, x_test, threshold, x_test[:TWENTY], labels[:TWENTY], name="scikit-learn")


class Truth:
    """What the figure should show, from the model in double precision."""

    def __init__(self):
        x_train, self.x_test, _ = scikit_digits()
        self.model = with_rounded_weights(small_board()[0], x_train).double()
        self.noise = torch.tensor(Generator(2).normals(60)).reshape(10, 1, 6)
        self.among = self.terms(self.x_test)["loss"]

    @torch.no_grad()
    def terms(self, x):
        return negative_elbo(self.model, x.double(), self.noise.expand(-1, len(x), -1))

    @torch.no_grad()
    def code(self, x):
        mu, logvar = (part[0] for part in self.model.encode(torch.tensor(x).double().reshape(1, -1)))
        return mu, (0.5 * logvar).exp(), 0.5 * (mu**2 + logvar.exp() - 1 - logvar)

    def probabilities(self, x):
        with torch.no_grad():
            return torch.sigmoid(self.model.decode(self.code(x)[0])).numpy()


@pytest.fixture(scope="module")
def truth():
    return Truth()


def settle(visit):
    """Wait until all is computed and drawn."""
    idle = "stage => stage && !stage.waiting && !stage.running && !stage.board.state.stale"
    visit.page.wait_for_function(f"({idle})(document.querySelector('.vae-live').stage)")


def state(visit, part):
    """A part of what the page holds, as a list or number: for arrays `state.x`, `state.ink`."""
    return visit.page.evaluate(
        "(found => ArrayBuffer.isView(found) ? [...found] : found)"
        f"(document.querySelector('.vae-live').stage.board.{part})"
    )


def picture(visit):
    """What the page gives the model."""
    settle(visit)
    return np.reshape(state(visit, "state.x"), (SIDE, SIDE))


def agree(visit, truth, x):
    """The page gives the model this picture, and shows what the model makes of it."""
    assert (picture(visit) == x).all()
    terms = {name: value.item() for name, value in truth.terms(torch.tensor(x).reshape(1, -1)).items()}
    for name, value in terms.items():
        assert visit.number(name) == pytest.approx(value, abs=6e-3, rel=1e-5), name
    percent = 100 * (truth.among <= terms["loss"] + 1e-3).double().mean().item()
    assert float(visit.number("percentile").rstrip("%")) == pytest.approx(percent, abs=0.21)
    assert visit.number("verdict") == ("alarm" if terms["loss"] > small_board()[1] else "no alarm")
    prices = truth.code(x)[2]
    top = prices.argsort(descending=True)[:3].tolist()
    shown = [each.split() for each in visit.number("dearest").split(", ")]
    assert [name for name, _ in shown] == [f"z{j + 1}" for j in top]
    assert [float(price) for _, price in shown] == pytest.approx(prices[top].tolist(), abs=6e-3)


def standing(visit):
    """The controls that tell what is on the board."""
    return {name: visit.control(name).is_checked() for name in ("centred", "eraser")} | {
        "digit": int(visit.control("digit").input_value())
    }


@pytest.fixture
def visit(live_page, figure):
    visit = live_page(figure)
    settle(visit)
    yield visit
    assert visit.complaints == []


@pytest.fixture
def touched(live_page, figure):
    visit = live_page(figure, has_touch=True, width=360)
    settle(visit)
    yield visit
    assert visit.complaints == []


def page_for(request, how):
    return request.getfixturevalue("touched" if how == "touch" else "visit")


def board_box(visit, panel="board"):
    place = visit.page.locator(f"[data-panel={panel}] canvas")
    place.scroll_into_view_if_needed()
    return place.bounding_box()


def on_board(box, points):
    """Where points of the board, in pixels of 28, are in the window."""
    edge = box["width"] / SIDE
    return [(box["x"] + x * edge, box["y"] + y * edge) for x, y in points]


def touch(visit, *kinds):
    """Send events of fingers: pairs of a kind and the list of places of all fingers that are down."""
    session = visit.page.context.new_cdp_session(visit.page)
    for kind, places in kinds:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
        visit.page.evaluate("new Promise(requestAnimationFrame)")


def draw(visit, strokes, how):
    """Draw as a person does, from point to point."""
    box = board_box(visit)
    for points in strokes:
        (x, y), *others = on_board(box, points)
        if how == "touch":
            touch(visit, ("Start", [(x, y)]), *(("Move", [place]) for place in others), ("End", []))
            continue
        visit.page.mouse.move(x, y)
        visit.page.mouse.down()
        for place in others:
            visit.page.mouse.move(*place)
        visit.page.mouse.up()
    settle(visit)


def apart(strokes):
    """How far each dot of ink is from the lines of some strokes, in pixels."""
    rows, columns = LINES
    found = np.full((INK, INK), np.inf)
    for points in strokes:
        for (x0, y0), (x1, y1) in itertools.pairwise([points[0], *points]):
            dx, dy = x1 - x0, y1 - y0
            along = ((columns - x0) * dx + (rows - y0) * dy) / ((dx * dx + dy * dy) or 1)
            along = along.clip(0, 1)
            found = np.minimum(found, np.hypot(columns - x0 - along * dx, rows - y0 - along * dy))
    return found


def inked(visit, before, strokes, width, value=1, within=0.16):
    """Whether the ink is what the strokes leave of `before`, but for dots that are close to a line's edge."""
    settle(visit)
    ink = np.reshape(state(visit, "state.ink"), (INK, INK))
    distance = apart(strokes)
    clear = abs(distance - width / 2) > within  # a pointer's place is rounded
    assert (ink == np.where(distance <= width / 2, value, before))[clear].all()
    return ink


BLANK, FULL = np.zeros((INK, INK), int), np.ones((INK, INK), int)

# In Python ------------------------------------------------------------------------------------------------------------


def test_the_figure_describes_the_board_and_says_what_rounding_costs(figure, truth):
    assert 0 < abs(figure.shift) < 0.3
    word = "raises" if figure.shift >= 0 else "lowers"
    said = f"which {word} the \N{MINUS SIGN}ELBO by {abs(figure.shift):.2f} nats on 500 test digits of scikit-learn"
    assert said in figure.note and "784-40-6" in figure.note and "space puts the pen down" in figure.note
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


def test_it_starts_with_the_first_digit_as_it_is(visit, truth):
    agree(visit, truth, digit(0))
    assert standing(visit) == {"centred": False, "eraser": False, "digit": 0}
    assert visit.page.locator(".status").inner_text() == ""


@pytest.mark.parametrize("theme, width", [*itertools.product(THEMES, WIDTHS)])
def test_it_starts_in_each_theme_and_width(live_page, figure, theme, width):
    visit = live_page(figure, theme, width=width)
    settle(visit)
    assert visit.complaints == [] and visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)
    boxes = [board_box(visit, name) for name in ("board", "seen", "decoded")]
    assert all(abs(box["width"] - box["height"]) < 1 and box["width"] > 100 for box in boxes)
    assert boxes[0]["width"] > 1.5 * boxes[1]["width"]
    if width == 360:
        assert boxes[0]["width"] < 280 and boxes[1]["y"] == boxes[2]["y"]  # a margin to scroll by; side by side


# Drawing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_a_pointer_draws_a_digit(request, how, truth):
    visit = page_for(request, how)
    press(visit, "blank", how)
    strokes = placed(4, 17, 3, 2)
    draw(visit, strokes, how)
    ink = inked(visit, BLANK, strokes, 3)
    agree(visit, truth, seen(ink, True))
    assert standing(visit) == {"centred": True, "eraser": False, "digit": -1}


def test_the_keyboard_draws_a_digit(visit, truth):
    """A seven: from the middle to the upper left, pen down, right, then down."""
    press(visit, "blank", "keyboard")
    canvas = visit.page.locator("[data-panel=board] canvas")
    canvas.focus()
    moves = [("ArrowLeft", 7), ("ArrowUp", 8), (" ", 1), ("ArrowRight", 14), ("ArrowDown", 16), (" ", 1)]
    for key, times in [*moves, ("ArrowLeft", 3)]:
        for _ in range(times):
            canvas.press(key)
    ink = inked(visit, BLANK, [[(7.5, 6.5), (21.5, 6.5), (21.5, 22.5)]], 3, within=1e-6)
    agree(visit, truth, seen(ink, True))
    assert state(visit, "pen.at") == [18.5, 22.5]
    assert visit.page.locator(".status").inner_text().startswith("The pen is up.")


def test_the_board_is_reached_by_tab_and_says_how_it_is_used(visit):
    visit.page.keyboard.press("Tab")
    focused = visit.page.evaluate("[document.activeElement.tagName, document.activeElement.getAttribute('aria-label')]")
    assert focused[0] == "CANVAS" and "Arrow keys move the cursor" in focused[1] and "space" in focused[1]
    settle(visit)
    assert visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    visit.page.keyboard.press(" ")
    assert visit.page.locator(".status").inner_text() == "The pen is down at row 14, column 14."
    visit.page.keyboard.press("Tab")
    settle(visit)
    assert not state(visit, "pen.isDown")  # whoever leaves the board lifts the pen


def test_the_cursor_stays_on_the_board_and_is_seen_while_the_keyboard_is_on_it(visit):
    canvas = visit.page.locator("[data-panel=board] canvas")
    orange = """canvas => {
      const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let at = 0; at < data.length; at += 4) count += data[at] > 180 && data[at + 1] < 120 && data[at + 2] < 60;
      return count;
    }"""
    assert canvas.evaluate(orange) == 0
    canvas.focus()
    settle(visit)
    ring = canvas.evaluate(orange)
    assert ring > 20
    for _ in range(20):
        canvas.press("ArrowLeft")
        canvas.press("ArrowUp")
    assert state(visit, "pen.at") == [0.5, 0.5]
    for _ in range(30):
        canvas.press("ArrowRight")
        canvas.press("ArrowDown")
    assert state(visit, "pen.at") == [27.5, 27.5]
    for _ in range(10):
        canvas.press("ArrowLeft")
        canvas.press("ArrowUp")
    canvas.press("Space")
    settle(visit)
    assert canvas.evaluate(orange) > 2 * ring  # full, where the pen is down
    canvas.press("Escape")
    settle(visit)
    assert not state(visit, "pen.isDown") and canvas.evaluate(orange) < 1.2 * ring


def test_a_held_space_bar_puts_the_pen_down_once_and_shortcuts_are_left_alone(visit):
    canvas = visit.page.locator("[data-panel=board] canvas")
    canvas.focus()
    for _ in range(4):
        visit.page.keyboard.down(" ")  # all but the first are repeats
    assert state(visit, "pen.isDown")
    visit.page.keyboard.up(" ")
    assert state(visit, "pen.isDown")
    before = state(visit, "pen.at")
    canvas.press("Control+ArrowLeft")
    assert state(visit, "pen.at") == before
    assert visit.page.evaluate("scrollY") == 0


def test_lines_have_no_gaps_however_fast_the_pointer_moves(visit):
    press(visit, "blank", "mouse")
    strokes = [[(4, 4), (24, 20)], [(24, 5), (3, 25)]]
    draw(visit, strokes, "mouse")
    inked(visit, BLANK, strokes, 3)


def test_a_click_or_a_tap_draws_a_dot(visit):
    press(visit, "blank", "mouse")
    draw(visit, [[(9, 12)]], "mouse")
    assert 0.7 < inked(visit, BLANK, [[(9, 12)]], 3).sum() / (np.pi * (1.5 * FINE) ** 2) < 1.3


def test_a_line_may_leave_the_board_and_come_back(visit):
    press(visit, "blank", "mouse")
    strokes = [[(20, 10), (33, 10), (33, 16), (20, 16)]]
    draw(visit, strokes, "mouse")
    inked(visit, BLANK, strokes, 3)


def test_other_buttons_of_the_mouse_and_a_pointer_that_only_passes_draw_nothing(visit, truth):
    x, y = on_board(board_box(visit), [(8, 20)])[0]
    visit.page.mouse.move(x, y)
    visit.page.mouse.down(button="middle")
    visit.page.mouse.move(x + 40, y)
    visit.page.mouse.up(button="middle")
    visit.page.mouse.move(x - 20, y)
    agree(visit, truth, digit(0))
    assert standing(visit)["digit"] == 0


def test_a_tap_acts_right_after_a_line_whose_end_was_fast(touched):
    press(touched, "blank", "touch")
    for _ in range(3):
        draw(touched, [[(3, 20), (25, 20)]], "touch")
        press(touched, "invert", "touch")
        assert standing(touched)["centred"] is False
        press(touched, "blank", "touch")
        assert standing(touched)["centred"] is True


def test_a_second_finger_does_not_draw(touched):
    press(touched, "blank", "touch")
    box = board_box(touched)
    first, other, moved = on_board(box, [(6, 6), (20, 20), (6, 14)])
    touch(touched, ("Start", [first]), ("Start", [first, other]), ("Move", [moved, other]), ("End", []))
    inked(touched, BLANK, [[(6, 6), (6, 14)]], 3)


def test_a_finger_draws_on_the_board_and_scrolls_the_page_beside_it(touched):
    press(touched, "blank", "touch")
    touched.page.evaluate("scrollTo(0, 0)")
    box = board_box(touched)
    before = touched.page.evaluate("scrollY")
    places = on_board(box, [(14, 24), (14, 20), (14, 12), (14, 6), (14, 2)])
    touch(touched, ("Start", places[:1]), *(("Move", [place]) for place in places[1:]), ("End", []))
    touched.page.wait_for_timeout(100)
    assert touched.page.evaluate("scrollY") == before
    ink = inked(touched, BLANK, [[(14, 24), (14, 2)]], 3)
    beside = [(8, box["y"] + box["height"] - 30 * n) for n in range(7)]
    assert beside[0][0] < box["x"] - 20
    touch(touched, ("Start", beside[:1]), *(("Move", [place]) for place in beside[1:]), ("End", []))
    touched.page.wait_for_function(f"scrollY > {before} + 50")
    assert (np.reshape(state(touched, "state.ink"), (INK, INK)) == ink).all()


# Controls -------------------------------------------------------------------------------------------------------------


def shifted(x):
    return F.pad(torch.tensor(x)[None], (4, -4, 4, -4))[0].numpy()


def without_lower_half(x):
    return np.where(np.arange(SIDE)[:, None] < SIDE // 2, x, 0)


ACTS = {
    "shift": (shifted, "Shifted by 4 pixels, down and to the right:"),
    "invert": (lambda x: 1 - x, "Inverted:"),
    "eraseHalf": (without_lower_half, "Without its lower half:"),
    "noise": (lambda x: (Generator(2).uniforms(784) > 0.5).reshape(SIDE, SIDE) * 1.0, "Uniform noise:"),
    "blank": (lambda x: 0 * x, "A blank board:"),
}


@pytest.mark.parametrize("how, name", [*itertools.product(HOWS, ACTS)])
def test_buttons_act_on_what_the_model_sees_and_turn_the_centring_off(request, how, name, truth):
    visit = page_for(request, how)
    press(visit, "blank", how)
    draw(visit, placed(2, 12, 14, 13), "touch" if how == "touch" else "mouse")
    before = picture(visit)
    assert standing(visit)["centred"] and before.sum() > 60
    act, words = ACTS[name]
    press(visit, name, how)
    agree(visit, truth, act(before))
    assert standing(visit) == {"centred": name == "blank", "eraser": False, "digit": -1}
    ink = np.reshape(state(visit, "state.ink"), (INK, INK))
    assert (ink == np.kron(act(before), np.ones((FINE, FINE)))).all()
    said = visit.page.locator(".status").inner_text()
    loss, verdict = (visit.page.locator(f"[data-number={each}]").inner_text() for each in ("loss", "verdict"))
    assert said == f"{words} \N{MINUS SIGN}ELBO {loss} nats, {verdict}."


def test_a_digit_may_be_shifted_twice_and_noise_is_another_one_each_time(visit, truth):
    press(visit, "shift", "mouse")
    press(visit, "shift", "mouse")
    agree(visit, truth, shifted(shifted(digit(0))))
    drawn = (Generator(2).uniforms(2 * 784) > 0.5).reshape(2, SIDE, SIDE) * 1.0
    for noise in drawn:
        press(visit, "noise", "mouse")
        agree(visit, truth, noise)


def toggle(visit, name, how):
    control = visit.control(name)
    control.press("Space") if how == "keyboard" else control.tap() if how == "touch" else control.click()


@pytest.mark.parametrize("how", HOWS)
def test_centring_is_turned_on_and_off(request, how, truth):
    visit = page_for(request, how)
    toggle(visit, "centred", how)
    ink = np.kron(digit(0), np.ones((FINE, FINE)))
    centred = seen(ink, True)
    assert (centred != digit(0)).any()
    agree(visit, truth, centred)
    assert visit.page.locator(".status").inner_text().startswith("Centred: ")
    toggle(visit, "centred", how)
    agree(visit, truth, digit(0))
    assert visit.page.locator(".status").inner_text().startswith("As it lies on the board: ")


def choose(visit, name, value, how):
    """Choose an option. A finger opens a list of the system, not the page's: there the choice is made alone."""
    control = visit.control(name)
    if how != "keyboard":
        control.select_option(str(value))
        return
    control.focus()
    control.press("Home")
    options = control.locator("option").evaluate_all("found => found.map(option => option.value)")
    for _ in range(options.index(str(value))):
        control.press("ArrowDown")
    assert control.input_value() == str(value)


@pytest.mark.parametrize("how", HOWS)
def test_test_digits_are_loaded_as_they_are(request, how, truth):
    visit = page_for(request, how)
    toggle(visit, "centred", "mouse")
    for number in (7, 19):
        choose(visit, "digit", number, how)
        agree(visit, truth, digit(number))
        assert standing(visit) == {"centred": False, "eraser": False, "digit": number}
    assert visit.page.locator(".status").inner_text().startswith("Test digit 20: ")


def test_a_digit_that_was_drawn_upon_can_be_loaded_again(visit, truth):
    draw(visit, [[(3, 3), (25, 25)]], "mouse")
    assert standing(visit)["digit"] == -1 and (picture(visit) != digit(0)).sum() > 20
    choose(visit, "digit", 0, "mouse")
    agree(visit, truth, digit(0))
    choose(visit, "digit", -1, "mouse")  # none of them: nothing is loaded, and nothing lost
    agree(visit, truth, digit(0))


@pytest.mark.parametrize("how", HOWS)
def test_the_eraser_erases_and_the_pen_has_three_widths(request, how):
    visit, hand = page_for(request, how), "touch" if how == "touch" else "mouse"
    before = BLANK
    press(visit, "blank", how)
    for width, row in ((2, 4), (4, 12), (3, 20)):
        choose(visit, "width", width, how)
        line = [[(3, row), (25, row)]]
        draw(visit, line, hand)
        before = inked(visit, before, line, width)
    toggle(visit, "eraser", how)
    line = [[(14, 2), (14, 25)]]
    draw(visit, line, hand)
    erased = inked(visit, before, line, 3, value=0)
    assert 0 < erased.sum() < before.sum()
    press(visit, "blank", how)
    assert not standing(visit)["eraser"]  # on a blank board there is nothing to erase


def test_the_keyboard_erases_too(visit):
    press(visit, "invert", "mouse")
    before = np.reshape(state(visit, "state.ink"), (INK, INK))
    toggle(visit, "eraser", "keyboard")
    canvas = visit.page.locator("[data-panel=board] canvas")
    for key in (" ", "ArrowUp", "ArrowUp", " "):
        canvas.press(key)
    inked(visit, before, [[(14, 14), (14.5, 13.5), (14.5, 12.5)]], 3, value=0, within=1e-6)


@pytest.mark.parametrize("how", HOWS)
def test_what_the_model_sees_is_placed_on_the_sheet_where_there_is_one(request, how):
    visit = page_for(request, how)
    assert visit.control("sheet").is_hidden()
    visit.page.evaluate(
        """() => {
          document.body.insertAdjacentHTML(
            "beforeend", '<div class="vae-live started" data-figure="posteriors"></div>');
          document.addEventListener("vae-drawn", () => { window.placed = [...vaeLive.drawn]; });
        }"""
    )
    toggle(visit, "centred", "mouse")
    press(visit, "sheet", how)
    assert np.reshape(visit.page.evaluate("window.placed"), (SIDE, SIDE)).tolist() == picture(visit).tolist()
    assert visit.page.evaluate("vaeLive.drawn instanceof Float32Array && vaeLive.drawn.length") == 784
    assert "on the sheet above" in visit.page.locator(".status").inner_text()
    press(visit, "invert", "mouse")
    settle(visit)
    assert visit.page.evaluate("[...vaeLive.drawn].join() === window.placed.join()")  # a copy


# Pictures -------------------------------------------------------------------------------------------------------------


def shades(visit, panel, count=SIDE):
    """Red, green and blue in the middle of each of count x count parts of a panel."""
    script = """(canvas, count) => {
      const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), found = [];
      for (let row = 0; row < count; row++) for (let column = 0; column < count; column++) {
        const [x, y] = [column, row].map((part, i) => (
          Math.floor((part + 0.5) / count * (i ? canvas.height : canvas.width))));
        found.push([...data.slice(4 * (y * canvas.width + x), 4 * (y * canvas.width + x) + 3)]);
      }
      return found;
    }"""
    return np.array(visit.page.locator(f"[data-panel={panel}] canvas").evaluate(script, count))


@pytest.mark.parametrize("theme", THEMES)
def test_the_pictures_show_the_ink_what_is_seen_and_the_probabilities(live_page, figure, truth, theme):
    visit = live_page(figure, theme)
    settle(visit)
    press(visit, "blank", "mouse")
    draw(visit, placed(3, 22, 9, 2), "mouse")
    x, ink = picture(visit), np.array(state(visit, "state.ink"))
    inner = np.zeros((SIDE, SIDE), bool)
    inner[1:-1, 1:-1] = True  # around it goes a line
    inner = inner.ravel()
    assert (shades(visit, "seen") == 255 * x.reshape(-1, 1))[inner].all() and x.sum() > 60
    assert shades(visit, "decoded")[inner] == pytest.approx(
        255 * truth.probabilities(x)[inner, None].repeat(3, 1), abs=2
    )
    assert truth.probabilities(x).max() > 0.5
    fine = shades(visit, "board", INK)
    wrong = (fine != 255 * ink[:, None]).any(1).reshape(INK, INK)[2:-2, 2:-2]
    assert wrong.mean() < 0.002 and 0.05 < ink.mean() < 0.5


@pytest.mark.parametrize("theme, act", [("light", None), ("dark", None), ("light", "noise")])
def test_bars_are_means_and_deviations_sorted_by_their_kl(live_page, figure, truth, theme, act):
    visit = live_page(figure, theme)
    settle(visit)
    if act:
        press(visit, act, "mouse")
    x = picture(visit)
    mu, sigma, price = truth.code(x)
    order = price.argsort(descending=True).tolist()
    assert state(visit, "state.order") == order
    assert state(visit, "state.price") == pytest.approx(price.tolist(), rel=1e-4)
    reach = 4.0
    while reach < (mu.abs() + sigma).max():
        reach *= 2
    if act:
        assert reach > 4  # noise is coded far away: the axis grows
    axis = visit.page.evaluate(
        """() => { const {x, box} = document.querySelector(".vae-live").stage.panels.code;
          return [box.left, box.right, x.to(-1), x.to(1)]; }"""
    )
    middle, half = (axis[0] + axis[1]) / 2, (axis[1] - axis[0]) / 2
    assert axis[2:] == pytest.approx([middle - half / reach, middle + half / reach], abs=0.01)
    assert all(painted(visit, "code", "blue", *((mu[j].item(), place) for place, j in enumerate(order))))
    if not act:
        sides = [(part.item(), place) for place, j in enumerate(order) for part in (mu[j] - sigma[j], mu[j] + sigma[j])]
        tints = visit.page.evaluate(TINTS, sides)
        assert all(inside and not outside for inside, outside in tints[0::2]), tints  # just right of a left end
        assert all(outside and not inside for inside, outside in tints[1::2]), tints


# For the ends of bars: whether it is blue 2 pixels to the right, and 2 to the left.
TINTS = """places => {
  const stage = document.querySelector(".vae-live").stage, {code} = stage.panels, ratio = devicePixelRatio;
  const {data, width} = code.context.getImageData(0, 0, code.canvas.width, code.canvas.height);
  return places.map(([x, place]) => [2, -2].map(aside => {
    const column = Math.round((code.x.to(x) + aside) * ratio), row = Math.round((code.y.to(place) + 4) * ratio);
    const at = 4 * (row * width + column);
    return data[at + 3] > 100 && data[at + 2] - data[at] > 60;
  }));
}"""


def test_bars_keep_their_places_while_a_line_is_drawn(visit, truth):
    press(visit, "blank", "mouse")
    settle(visit)
    order = state(visit, "state.order")
    places = on_board(board_box(visit), [(7, 4), (20, 5), (14, 14), (20, 20), (6, 24)])
    visit.page.mouse.move(*places[0])
    visit.page.mouse.down()
    for place in places[1:]:
        visit.page.mouse.move(*place)
    settle(visit)
    assert state(visit, "state.order") == order
    agree(visit, truth, picture(visit))  # the numbers have followed
    sorted_now = truth.code(picture(visit))[2].argsort(descending=True).tolist()
    assert sorted_now != order
    visit.page.mouse.up()
    settle(visit)
    assert state(visit, "state.order") == sorted_now


# Frames ---------------------------------------------------------------------------------------------------------------

CLOCK = """() => {  // a clock that only draws move on, by 2 ms each; parts: how many each frame had
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
    time += 2;
    window.parts[window.parts.length - 1] += 1;
    return cost.apply(this, given);
  };
}"""


def test_a_frame_begins_no_draw_once_its_time_is_over(visit):
    visit.page.evaluate(CLOCK)
    press(visit, "shift", "mouse")
    settle(visit)
    parts = visit.page.evaluate("window.parts")
    assert sum(parts) == 10 and max(parts) == 3  # at 0, 2 and 4 ms of 5.5


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
