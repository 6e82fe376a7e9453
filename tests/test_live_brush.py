"""The live brush of chapter 3: what it shows is what PyTorch computes, by keyboard, mouse and touch."""

import itertools
import re

import pytest
import torch

from tests.browser import THEMES, WIDTHS
from tests.brushes import (
    EDGE,
    HEIGHT,
    NAMES,
    PICTURES,
    SIDE,
    SQUARES,
    START,
    WIDTH,
    P,
    agree,
    brush,
    brush_figure,
    brush_models,
    digit_images,
    load,
    pixel,
    place_of,
    ring_digits,
    status,
    truth_of_squares,
)
from tests.canvases import canvas, cells, read, trace
from tests.hands import HOWS, keys, press, slide
from tests.planes import settle
from vaebook import live
from vaebook.distributions import kl_standard_normal
from vaebook.live.weights import with_rounded_weights
from vaebook.models import BernoulliVAE


@pytest.fixture(scope="module")
def figure():
    return brush_figure()


@pytest.fixture(scope="module")
def truth():
    return truth_of_squares()


@pytest.fixture(scope="module")
def models():
    return brush_models()


@pytest.fixture(scope="module")
def digits():
    return ring_digits()


# In Python ------------------------------------------------------------------------------------------------------------


def test_the_figure_describes_what_it_shows(figure, truth):
    html = figure._repr_html_()
    numbers = truth.numbers(START)
    assert f"of which {numbers['flips']} are flipped" in html
    for name, text in {"vanilla": "Vanilla", "denoising": "Denoising", "exact": "Exact posterior"}.items():
        wrong = numbers[f"wrong{name.capitalize()}"]
        assert f"in black and white: {wrong} pixels are wrong" in html
        assert f"{text}: {wrong}\N{NO-BREAK SPACE}wrong" in html
    for name in NAMES:
        assert f"a line joins their means, {numbers[f'distance{name.capitalize()}']:.2f} apart" in html
    assert len({numbers[name] for name in ("wrongVanilla", "wrongDenoising", "wrongExact")}) == 3  # or a swap is lost
    assert all(numbers[f"distance{name.capitalize()}"] > 0.05 for name in NAMES)  # no code has collapsed


def test_the_still_without_flips_is_exact(models):
    """At p = 0 a flip would be impossible, so the exact posterior takes a larger p."""
    html = live.brush(*models.values(), SQUARES, p=0)._repr_html_()
    assert "of which 0 are flipped" in html and "Exact posterior: 0\N{NO-BREAK SPACE}wrong" in html


def test_the_weights_are_those_of_the_models_whole_and_digits_wait(figure, models, digits):
    from vaebook.live.weights import packed

    assert figure.weights == [packed(models[name])[0] for name in NAMES]
    rounded = [with_rounded_weights(digits[name], digits["x_train"]) for name in NAMES]
    assert figure.later == {"digits": [packed(model)[0] for model in rounded]}
    assert re.search(r"Load the digits \(0\.\d\N{NO-BREAK SPACE}MB\)", figure._repr_html_())


def test_the_note_says_what_rounding_costs(figure, models):
    torch.manual_seed(5)
    x = SQUARES.images.repeat(100, 1)
    given = torch.where(torch.rand(x.shape) < P, 1 - x, x)
    noise = torch.randn(len(x), 2)
    for name, model in models.items():
        losses = []
        for each in (with_rounded_weights(model), model):
            with torch.no_grad():
                mu, logvar = each.encode(given)
                z = mu + (0.5 * logvar).exp() * noise
                losses.append((kl_standard_normal(mu, logvar) - each.log_likelihood(z, x)).mean().item())
        assert figure.shifts[name] == pytest.approx(losses[0] - losses[1], abs=0.1)
        assert f"{name} {figure.shifts[name]:+.2f}".replace("-", "\N{MINUS SIGN}") in figure.note
    assert set(figure.shifts) == {*NAMES, "digits, vanilla", "digits, denoising"}
    assert "at p = 0.1," in figure.note


def test_the_models_are_left_as_they_were(models):
    before = {name: [*map(torch.clone, model.parameters())] for name, model in models.items()}
    models["denoising"].train()
    live.brush(*models.values(), SQUARES)
    assert models["denoising"].training
    models["denoising"].eval()
    for name, model in models.items():
        assert all(map(torch.equal, model.parameters(), before[name]))


def fitting(latent=2, pixels=HEIGHT * WIDTH):
    torch.manual_seed(0)
    return BernoulliVAE(pixels, [8], latent)


@pytest.mark.parametrize(
    "vanilla, denoising, p, words",
    [
        (fitting(3), fitting(), 0.1, "vanilla must have latent_dims 2, got 3"),
        (fitting(), fitting(5), 0.1, "denoising must have latent_dims 2, got 5"),
        (fitting(), fitting(2, 100), 0.1, "squares.images must have shape"),
        (fitting(), fitting(), 0.31, "p must be in [0, 0.3], got 0.31"),
        (fitting(), fitting(), -0.1, "p must be in [0, 0.3], got -0.1"),
    ],
)
def test_what_does_not_fit_is_named(vanilla, denoising, p, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        live.brush(vanilla, denoising, SQUARES, p=p)
    with pytest.raises(TypeError, match="denoising: model must answer"):
        live.brush(fitting(), object(), SQUARES)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"images": 0.5 * digit_images(20)}, "digits['images'] must hold only 0 and 1"),
        ({"images": digit_images(20)[:, :110]}, "digits['images'] must have shape"),
        ({"labels": torch.zeros(19)}, "digits['labels'] must have shape (20,), got (19,)"),
        ({"vanilla": fitting(5, 100)}, "digits['images'] must have shape (B, 100)"),
        ({"denoising": fitting(4, EDGE * EDGE)}, "digits must hold models of one latent_dims"),
        ({"x_train": digit_images(20)[:, :100]}, "digits['x_train'] must have shape"),
        ({"colour": "red"}, "digits must be a dict of vanilla, denoising, images, labels, x_train, name"),
    ],
)
def test_digits_that_do_not_fit_are_named(models, digits, change, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        live.brush(*models.values(), SQUARES, digits | change)


# In the browser, a square ---------------------------------------------------------------------------------------------


def test_it_starts_with_the_numbers_of_the_models(visit, truth):
    agree(visit, truth.numbers(START))
    assert status(visit) == ""


@pytest.mark.parametrize("theme, width", [*itertools.product(THEMES, WIDTHS)])
def test_it_starts_in_each_theme_and_width(visit, width):
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)


def test_without_scripts_the_still_is_there_and_no_control(live_page, figure):
    visit = live_page(figure, java_script_enabled=False)
    assert visit.page.locator("[data-panel=board] img").is_visible() and not visit.control("draw").is_visible()


def test_without_digits_nothing_speaks_of_them(live_page, models, truth):
    visit = live_page(live.brush(*models.values(), SQUARES, p=0.05))
    agree(visit, truth.numbers(START, 0.05))
    for name in ("load", "image"):
        assert visit.control(name).count() == 0
    assert "digit" not in visit.page.locator("main").inner_text() and visit.complaints == []


@pytest.mark.parametrize("how", HOWS)
def test_the_share_of_flips_is_set(visit, truth, how):
    p = visit.control("p")
    if how == "keyboard":
        counts = []
        for _ in range(12):
            keys(visit, "p", "ArrowRight")
            value = float(p.input_value())
            counts.append(visit.number("flips"))
            assert counts[-1] == truth.flips(value).sum()
        assert value == pytest.approx(0.112) and max(b - a for a, b in itertools.pairwise(counts)) <= 2
        assert p.get_attribute("aria-valuetext") == "0.112"
    else:
        slide(visit, "p", 0.8, how)
        value = float(p.input_value())
        assert value > 0.2
    agree(visit, truth.numbers(START, value))
    assert status(visit) == ""  # a slider is not read out
    keys(visit, "p", "Home")
    agree(visit, truth.numbers(START, 0))
    assert visit.number("flips") == 0


@pytest.mark.parametrize("how", HOWS)
def test_new_flips_are_drawn_and_cleared(visit, truth, how):
    keys(visit, "p", "ArrowRight", "ArrowRight")
    for draw in (1, 2):
        press(visit, "draw", how)
        expected = truth.numbers(START, 0.102, draw)
        agree(visit, expected)
        words = "{flips} pixels are flipped. Wrong when restored: vanilla {wrongVanilla}, denoising {wrongDenoising}, "
        assert status(visit) == (words + "exact posterior {wrongExact}.").format(**expected)
    press(visit, "clean", how)
    agree(visit, truth.numbers(START, 0))
    assert visit.control("p").input_value() == "0" and status(visit).startswith("0 pixels are flipped.")
    press(visit, "draw", how)  # there would be none at p = 0
    agree(visit, truth.numbers(START, P, 3))
    assert visit.control("p").input_value() == "0.1"


@pytest.mark.parametrize("how", HOWS)
def test_the_square_is_moved_below_the_same_flips(visit, truth, how):
    if how == "keyboard":
        keys(visit, "squareRow", "ArrowRight", "ArrowRight")
        keys(visit, "squareColumn", "ArrowLeft")
    else:
        slide(visit, "squareRow", 0.8, how)
        slide(visit, "squareColumn", 0.1, how)
    place = [int(visit.control(name).input_value()) for name in ("squareRow", "squareColumn")]
    assert place[0] > START[0] and place[1] < START[1]
    agree(visit, truth.numbers(place))


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_a_stroke_flips_what_it_meets_and_takes_back_where_it_starts_on_a_flip(visit, truth, how):
    press(visit, "clean", "mouse")
    before = visit.page.evaluate("scrollY") if canvas(visit) else None
    brush(visit, how, (1, 2), (1, 6), (5, 6))
    hand = {pixel(1, column): True for column in range(2, 7)} | {pixel(row, 6): True for row in range(1, 6)}
    expected = truth.numbers(START, 0, hand=hand)
    agree(visit, expected)
    assert visit.number("flips") == 9 and status(visit).startswith("9 pixels are flipped. Wrong when restored: vanilla")
    assert visit.page.evaluate("scrollY") == before  # this canvas alone keeps the finger
    brush(visit, how, (5, 6), (3, 6), (3, 9))  # from a flipped one: only takes back
    hand |= {pixel(row, 6): False for row in range(3, 6)}
    agree(visit, truth.numbers(START, 0, hand=hand))
    brush(visit, how, (1, 2))  # a tap
    agree(visit, truth.numbers(START, 0, hand=hand | {pixel(1, 2): False}))


@pytest.mark.parametrize("how", ["touch"])
def test_a_tap_acts_right_after_a_stroke_whose_end_was_fast(visit):
    for _ in range(3):
        brush(visit, "touch", (1, 1), (1, WIDTH - 2))
        press(visit, "clean", "touch")
        assert visit.number("flips") == 0


def test_a_stroke_that_leaves_the_image_goes_on_inside(visit, truth):
    press(visit, "clean", "mouse")
    brush(visit, "mouse", (0, 12), (0, 20), (6, 20), (6, 13))
    agree(visit, truth.numbers(START, 0, hand={pixel(0, 12): True, pixel(0, 13): True, pixel(6, 13): True}))
    brush(visit, "mouse", (-1, 3), (4, 3))  # begins beside it: nothing
    agree(visit, {"flips": 3})
    x, y = place_of(canvas(visit)[1], 4, 4)
    visit.page.mouse.click(x, y, button="right")
    visit.page.mouse.move(x + 30, y)  # nothing is held down
    agree(visit, {"flips": 3})


def test_keys_move_a_cursor_and_flip_pixels(visit, truth):
    board = canvas(visit)[0]
    board.focus()
    for key in ["ArrowUp", "ArrowUp", "ArrowLeft", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight", "Space"]:
        visit.page.keyboard.press(key)
    row, column = HEIGHT // 2 - 1, WIDTH // 2 + 2
    flipped = not truth.flips(P)[pixel(row, column)]
    expected = truth.numbers(START, hand={pixel(row, column): flipped})
    agree(visit, expected)
    inside = START[0] <= row < START[0] + SIDE and START[1] <= column < START[1] + SIDE
    color = "white" if inside != bool(flipped) else "black"
    assert status(visit).startswith(f"Row {row}, column {column} is {color}. {expected['flips']} pixels are flipped.")
    assert visit.page.evaluate("scrollY") == 0  # the keys do not scroll the page
    visit.page.keyboard.press("Space")
    agree(visit, truth.numbers(START))
    for _ in range(HEIGHT):
        visit.page.keyboard.press("ArrowDown")
    for _ in range(WIDTH):
        visit.page.keyboard.press("ArrowRight")
    visit.page.keyboard.press("Space")
    last = pixel(HEIGHT - 1, WIDTH - 1)
    agree(visit, truth.numbers(START, hand={last: not truth.flips(P)[last]}))


def test_the_cursor_waits_where_a_stroke_has_ended(visit, truth):
    press(visit, "clean", "mouse")
    brush(visit, "mouse", (2, 2), (2, 5))
    canvas(visit)[0].press("Space")
    agree(visit, truth.numbers(START, 0, hand={pixel(2, column): True for column in (2, 3, 4)}))


def test_the_board_says_what_it_is_and_shows_its_cursor_to_the_keyboard_only(visit):
    board, box = canvas(visit)
    assert board.get_attribute("role") == "application" and board.get_attribute("tabindex") == "0"
    assert f"{HEIGHT} by {WIDTH} pixels. Arrow keys move a cursor" in board.get_attribute("aria-label")
    touch = "element => getComputedStyle(element).touchAction"
    assert board.evaluate(touch) == "none" and canvas(visit, "vanilla")[0].evaluate(touch) == "manipulation"

    def cursor_is_drawn():
        settle(visit)
        x, y = place_of(box | {"x": 0, "y": 0}, HEIGHT // 2 - 0.5, WIDTH // 2)  # the middle of its upper edge
        red, green, blue, _ = read(visit, "board", "({at}, [x, y]) => at(x, y)", [x, y])
        return blue > red + 60 and blue > green + 40

    brush(visit, "mouse", (HEIGHT // 2, WIDTH // 2))
    assert not cursor_is_drawn()
    visit.page.evaluate("document.activeElement.blur()")
    visit.page.keyboard.press("Tab")
    board.focus()
    assert cursor_is_drawn()
    visit.page.evaluate("document.activeElement.blur()")
    assert not cursor_is_drawn()


def test_what_the_reader_has_brushed_stays_when_p_moves_and_goes_with_new_flips(visit, truth):
    flips = truth.flips(P)
    taken = next(number for number in range(HEIGHT * WIDTH) if flips[number])
    given = next(number for number in range(HEIGHT * WIDTH) if not flips[number])
    for number in (taken, given):
        brush(visit, "mouse", divmod(number, WIDTH))
    hand = {taken: False, given: True}
    agree(visit, truth.numbers(START, hand=hand))
    slide(visit, "p", 0.9)
    agree(visit, truth.numbers(START, float(visit.control("p").input_value()), hand=hand))
    keys(visit, "p", "Home")
    agree(visit, truth.numbers(START, 0, hand=hand))
    press(visit, "draw", "mouse")
    agree(visit, truth.numbers(START, P, draw=1))


def test_after_many_acts_all_is_as_after_a_fresh_start_there(visit, truth):
    def shown():
        settle(visit)
        numbers = {name: visit.number(name) for name in truth.numbers(START)}
        return numbers, [cells(visit, panel, (HEIGHT, WIDTH)).tolist() for panel in PICTURES]

    def go_there():
        press(visit, "clean", "mouse")
        brush(visit, "mouse", (2, 2), (2, 6))
        keys(visit, "squareRow", "End")

    press(visit, "draw", "mouse")
    brush(visit, "mouse", (6, 2), (8, 8))
    keys(visit, "p", "End")
    keys(visit, "squareColumn", "Home", "ArrowRight")
    keys(visit, "squareColumn", *["ArrowRight"] * (START[1] - 1))
    go_there()
    late = shown()
    agree(visit, truth.numbers((HEIGHT - SIDE, START[1]), 0, hand={pixel(2, column): True for column in range(2, 7)}))
    visit.page.reload()
    settle(visit)
    go_there()
    assert shown() == late


CLOCK = """() => {  // a clock that only codes move on, by 2.5 ms each; parts: how many codes each frame had
  const {stage} = document.querySelector(".vae-live"), timed = stage.timed.bind(stage), vae = vaeMaths.BernoulliVAE;
  const {decode} = vae.prototype;
  let time = 0;
  window.parts = [];
  performance.now = () => time;
  stage.timed = act => {
    window.parts.push(0);
    return timed(act);
  };
  vae.prototype.decode = function (...given) {
    time += 2.5;
    window.parts[window.parts.length - 1] += 1;
    return decode.apply(this, given);
  };
}"""


def test_a_frame_begins_no_code_once_its_time_is_over_and_nothing_moves_then(visit):
    visit.page.evaluate(CLOCK)
    keys(visit, "p", "ArrowRight")
    settle(visit)
    parts = visit.page.evaluate("window.parts")
    first = next(count for count in parts if count)
    assert sum(parts) == 2 + 50 and max(parts[parts.index(first) + 1 :]) == 2  # at 0 and 2.5 of 5.5 ms
    visit.page.wait_for_timeout(300)
    assert visit.page.evaluate("window.parts") == parts


def test_numbers_are_of_the_last_image_though_it_came_while_others_were_computed(visit, truth):
    visit.page.evaluate(CLOCK)
    slide_quickly = """async () => {
      const {stage} = document.querySelector(".vae-live");
      for (const p of [0.2, 0.15, 0.05]) {
        stage.set("p", p);
        stage.control("p").dispatchEvent(new Event("input"));
        for (let frame = 0; frame < 4; frame++) await new Promise(requestAnimationFrame);
      }
    }"""
    visit.page.evaluate(slide_quickly)
    agree(visit, truth.numbers(START, 0.05))


def test_no_frame_makes_a_canvas(visit):
    """To collect them the browser would take more than a frame's time."""
    visit.page.evaluate(
        """() => {
          const make = document.createElement.bind(document);
          window.made = [];
          document.createElement = name => { window.made.push(name); return make(name); };
        }"""
    )
    keys(visit, "p", *["ArrowRight"] * 5)
    assert visit.page.evaluate("window.made") == []


# On a phone -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["touch"])
def test_on_a_phone_the_brush_and_what_is_restored_are_in_view_together(visit):
    boxes = {name: canvas(visit, name)[1] for name in ("board", "vanilla", "denoising", "exact", "vanillaPlane")}
    top = visit.page.locator("[data-panel=board]").bounding_box()["y"]
    boxes = {name: visit.page.locator(f"[data-panel={name}] canvas").bounding_box() for name in boxes}
    across = [boxes[name] for name in ("vanilla", "denoising", "exact")]
    assert len({round(box["y"]) for box in across}) == 1 and across[0]["x"] < across[1]["x"] < across[2]["x"]
    assert boxes["board"]["width"] > 300 and all(box["width"] > 95 for box in across)
    bottom = max(box["y"] + box["height"] for box in across)
    assert bottom - top < 560  # a small phone's window
    controls = visit.page.locator(".controls").bounding_box()
    assert bottom < controls["y"] < boxes["vanillaPlane"]["y"] and boxes["vanillaPlane"]["width"] > 300
    load(visit)
    across = [visit.page.locator(f"[data-panel={name}] canvas").bounding_box() for name in NAMES]
    assert across[0]["y"] == across[1]["y"] and all(box["width"] > 140 for box in across)


@pytest.mark.parametrize("how", ["touch"])
def test_a_finger_scrolls_the_page_everywhere_but_on_the_board(visit):
    box = canvas(visit, "vanillaPlane")[1]
    before = visit.page.evaluate("scrollY")
    x, y = box["x"] + 100, box["y"] + 200
    trace(visit, [(x, y + down) for down in (0, 40, 90, 140)], "touch")
    visit.page.wait_for_timeout(300)
    assert visit.page.evaluate("scrollY") < before
