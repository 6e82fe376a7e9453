"""The live posteriors: a digit that was drawn on the same page, its pictures in both themes, sequences, frames."""

import itertools
import random

import numpy as np
import pytest
import torch

from tests.browser import THEMES
from tests.hands import HOWS, drag, keys, painted, point_at, press, slide
from tests.planes import CLOCK, Prepared, complaints, opened, pictures, recolor, settle, status
from tests.posteriors import (
    DRAWN,
    LABELS,
    MOVED,
    REACH,
    ROWS,
    agree,
    figure_of_eight,
    images,
    pick,
    says_gap,
    truth_of_eight,
)
from vaebook.distributions import bernoulli_log_likelihood

BOARD = len(ROWS)  # the option of what was drawn


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


# A digit from the board -----------------------------------------------------------------------------------------------

ON_SHEET = """pixels => {
  vaeLive.drawn = vaeLive.drawn || new Float32Array(784);
  vaeLive.drawn.set(pixels);
  document.dispatchEvent(new Event("vae-drawn"));
}"""


def draw(visit, which):
    """Stand in for the board: the page gets one of two drawn digits."""
    visit.page.evaluate(ON_SHEET, images(DRAWN)[which].tolist())


def take_drawn(visit, how="mouse"):
    """Have the drawn digit looked at, and wait until its encoder is there."""
    press(visit, "board", how)
    visit.page.wait_for_function(f"document.querySelector('[data-control=digit]').value === '{BOARD}'")


def options(visit):
    return visit.control("digit").locator("option").all_inner_texts()


@pytest.mark.parametrize("how", HOWS)
def test_a_digit_that_was_drawn_on_the_page_is_looked_at_like_the_others(live_page, figure, how, truth):
    visit = opened(live_page, figure, how)
    button, before = visit.control("board"), options(visit)
    assert button.is_disabled() and button.inner_text().startswith("The digit from the board (loads 0.")
    draw(visit, 0)
    assert button.is_enabled() and "press “The digit from the board”" in status(visit)
    agree(visit, truth, 0)  # it waits for the button
    take_drawn(visit, how)
    agree(visit, truth, BOARD)
    says_gap(visit, "The digit from the board")
    assert button.inner_text() == "The digit from the board"
    assert options(visit) == [*before, "the digit from the board"]
    pick(visit, truth, 5, how)
    agree(visit, truth, 5)
    keys(visit, "digit", "End")
    agree(visit, truth, BOARD)
    keys(visit, "z2", "Home")
    press(visit, "toMean", how)
    agree(visit, truth, BOARD)
    assert complaints(visit) == []


def test_the_next_drawing_takes_the_place_of_the_last(visit, truth):
    draw(visit, 0)
    take_drawn(visit)
    draw(visit, 1)
    agree(visit, truth, BOARD)  # what is drawn later is another copy
    press(visit, "board", "mouse")
    agree(visit, truth, BOARD + 1, option=BOARD)
    assert len(options(visit)) == BOARD + 1
    keys(visit, "digit", "Home")
    point_at(visit, "plane", *truth.mu[BOARD + 1].tolist())
    agree(visit, truth, BOARD + 1, option=BOARD)


def test_the_button_is_awake_at_once_where_a_digit_has_been_drawn_before(live_page, figure):
    drawn = f"vaeLive.drawn = Float32Array.from({images(DRAWN)[0].tolist()});"
    assert opened(live_page, Prepared(figure, drawn)).control("board").is_enabled()


def test_a_drawn_digit_s_code_beyond_reach_is_looked_at_from_the_edge(visit, truth):
    far = 10 * images(DRAWN)[0]  # no digit, but coded far away
    with torch.no_grad():
        mu = truth.model.encode(far.double()[None])[0][0]
    assert mu.abs().max() > REACH
    visit.page.evaluate(ON_SHEET, far.tolist())
    take_drawn(visit)
    settle(visit)
    z = [float(visit.control(name).input_value()) for name in ("z1", "z2")]
    assert z == pytest.approx(mu.clamp(-REACH, REACH).tolist(), abs=0.0052)
    code = -bernoulli_log_likelihood(truth.decode(mu.clamp(-REACH, REACH), False), far.double()).item()
    assert visit.number("code") == pytest.approx(code, rel=1e-4)


LATE = """() => {
  const {stage} = document.querySelector(".vae-live"), kept = {...vaeLive.weights};
  for (const key of stage.settings.later.encoder) delete vaeLive.weights[key];
  window.asked = [];
  vaeLive.fetchWeights = key => new Promise((done, failed) => {
    window.asked.push(key);
    window.come = () => { Object.assign(vaeLive.weights, kept); done(); };
    window.fail = () => failed(`${key}.js`);
  });
}"""


def test_an_encoder_that_does_not_come_is_asked_for_again(visit, figure, truth):
    visit.page.evaluate(LATE)
    draw(visit, 0)
    assert visit.page.evaluate("window.asked") == []  # not before the reader wants it
    press(visit, "board", "keyboard")
    agree(visit, truth, 0)
    visit.page.evaluate("window.fail()")
    assert status(visit) == "The encoder could not be loaded. Press again to try once more."
    agree(visit, truth, 0)
    assert len(options(visit)) == BOARD and "loads" in visit.control("board").inner_text()
    press(visit, "board", "keyboard")
    assert visit.page.evaluate("window.asked") == figure.settings["later"]["encoder"] * 2
    visit.page.evaluate("window.come()")
    agree(visit, truth, BOARD)
    says_gap(visit, "The digit from the board")


def test_an_encoder_that_comes_after_another_digit_was_picked_changes_nothing(visit, truth):
    visit.page.evaluate(LATE)
    draw(visit, 0)
    press(visit, "board", "mouse")
    pick(visit, truth, 5, "mouse")
    visit.page.evaluate("window.come()")
    visit.page.wait_for_timeout(100)
    agree(visit, truth, 5)
    assert len(options(visit)) == BOARD
    take_drawn(visit)
    agree(visit, truth, BOARD)


# Pictures -------------------------------------------------------------------------------------------------------------


ELLIPSES = """name => {
  const {stage} = document.querySelector(".vae-live"), panel = stage.panels[name], {ellipse} = panel, found = [];
  panel.ellipse = (mu, [a, b, c], {radius, color}) => {
    if (color !== stage.colors.ground) found.push([color, ...mu, Math.sqrt(a), b, Math.sqrt(c), radius]);
    ellipse.call(panel, mu, [a, b, c], {radius, color});
  };
  stage.paint();
  delete panel.ellipse;
  return [stage.colors, found];
}"""


@pytest.mark.parametrize("theme", THEMES)
def test_ellipses_stand_at_one_and_two_standard_deviations_the_chosen_one_is_blue(live_page, figure, truth, theme):
    visit = opened(live_page, figure, theme=theme)
    draw(visit, 0)
    take_drawn(visit)
    for i in (2, BOARD):
        visit.control("digit").select_option(str(i))
        keys(visit, "z1", "Home")  # the ring is elsewhere
        settle(visit)
        for panel in ("plane", "close"):
            colors, found = visit.page.evaluate(ELLIPSES, panel)
            order = [other for other in range(BOARD + 1) if other != i] if panel == "plane" else []
            for k, other in enumerate([*order, i]):  # the chosen one on top
                for (color, *numbers), radius in zip(found[2 * k : 2 * k + 2], (1, 2), strict=True):
                    (x, y), (right, up) = truth.mu[other].tolist(), truth.sigma[other].tolist()
                    assert numbers == pytest.approx([x, y, right, 0, up, radius], rel=1e-4, abs=1e-9)
                    assert color == colors["blue" if other == i else "text"]
            assert len(found) == 2 * (len(order) + 1)
            ends = [place for n in (1, 2) for place in ((x - n * right, y), (x, y - n * up), (x, y + n * up))]
            assert i == 2 and panel == "plane" or all(painted(visit, panel, "blue", *ends))  # its ellipse is too small
        assert painted(visit, "close", "blue", (x + 1.5 * right, y), (x + 3 * right, y)) == [False] * 2


def test_labels_are_those_of_the_digits_and_stay_between_the_axes(visit, truth):
    draw(visit, 0)
    take_drawn(visit)
    settle(visit)
    found = visit.page.evaluate(
        """() => {
          const {stage} = document.querySelector(".vae-live"), {context, box, x, y} = stage.panels.plane, found = [];
          context.fillText = (text, across, down) => found.push([String(text), across, down]);
          stage.paint();
          delete context.fillText;
          return [[box.left, box.right, box.top, box.bottom], found.filter(([text]) => /^[0-9?]$/.test(text))];
        }"""
    )
    (left, right, top, bottom), texts = found
    texts = [text for text in texts if left < text[1] and text[2] < bottom]  # not the axes' numbers
    assert [text for text, *_ in texts] == [*map(str, LABELS), "?"]  # the chosen one last, on top
    for (_, x, y), mu in zip(texts, truth.mu.tolist(), strict=False):
        across, up = torch.special.ndtr(torch.tensor(mu)).tolist()
        place = [left + across * (right - left) + 9, bottom - up * (bottom - top) - 9 + 0.5]
        assert [x, y] == pytest.approx([min(place[0], right - 8), max(place[1], top + 8.5)], abs=0.1)


# How opaque a panel is at points of its axes, or null where it is not orange.
OPAQUE = """([name, places, orange]) => {
  const {x, y, context, canvas} = document.querySelector(".vae-live").stage.panels[name];
  const {data, width} = context.getImageData(0, 0, canvas.width, canvas.height);
  return places.map(([z1, z2]) => {
    const at = 4 * (Math.floor(y.to(z2)) * width + Math.floor(x.to(z1))), pixel = data.slice(at, at + 4);
    return pixel[3] === 0 ? 0 : pixel[0] - pixel[2] > 120 ? pixel[3] / 255 : null;
  });
}"""


@pytest.mark.parametrize("i", [0, 4])
def test_cells_of_the_close_up_are_as_opaque_as_the_exact_posterior_is_dense(visit, truth, i):
    visit.control("digit").select_option(str(i))
    keys(visit, "z1", "Home")
    settle(visit)
    (left, right), (bottom, top) = truth.window(i)
    within = ((truth.z > torch.tensor([left, bottom])) & (truth.z < torch.tensor([right, top]))).all(1)
    density = (truth.joint[within, i] - truth.joint[:, i].max()).exp()
    shown = visit.page.evaluate(OPAQUE, ["close", truth.z[within].tolist()])
    pairs = np.array([(a, b) for a, b in zip(shown, density.tolist(), strict=True) if a is not None])
    assert len(pairs) > 0.8 * len(shown) and (pairs[:, 1] > 0.3).sum() > 5
    assert np.abs(pairs[:, 0] - pairs[:, 1]).mean() < 0.02
    dense = pairs[pairs[:, 1] > 0.1]
    assert np.abs(dense[:, 0] - dense[:, 1]).mean() < 0.1 and np.corrcoef(dense.T)[0, 1] > 0.9


@pytest.mark.parametrize("theme", THEMES)
def test_a_page_that_changes_its_colours_has_its_figure_drawn_again(live_page, figure, truth, theme):
    visit = opened(live_page, figure, theme=theme)
    before, other = pictures(visit), THEMES[1 - THEMES.index(theme)]
    recolor(visit, other)
    agree(visit, truth, 0)
    assert pictures(visit) != before and pictures(visit) == pictures(opened(live_page, figure, theme=other))


# Sequences, and frames ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_after_any_sequence_it_is_as_if_it_had_started_there(live_page, figure, truth, seed):
    chance, visit = random.Random(seed), live_page(figure)
    draw(visit, 0)
    acts = [
        lambda: press(visit, "board", "mouse"),
        lambda: press(visit, "toMean", "keyboard"),
        lambda: slide(visit, "z1", chance.random()),
        lambda: drag(visit, "plane", MOVED, (chance.uniform(-1, 1), chance.uniform(-1, 1))),
        lambda: pick(visit, truth, chance.randrange(BOARD), "mouse"),
        lambda: pick(visit, truth, chance.randrange(BOARD), "keyboard"),
        lambda: drag(visit, "close", truth.mu[0].tolist(), MOVED),
        lambda: visit.page.set_viewport_size({"width": chance.choice([500, 900]), "height": 700}),
    ]
    for act in [*chance.sample(acts, len(acts)), *chance.choices(acts, k=4)]:
        act()
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    take_drawn(visit)

    def finish(visit):
        visit.control("digit").select_option("5")
        keys(visit, "z1", "Home", *["ArrowRight"] * 300)
        return pictures(visit)

    fresh = opened(live_page, figure)
    draw(fresh, 0)
    take_drawn(fresh)
    assert finish(visit) == finish(fresh)
    assert complaints(visit) == []


def test_a_frame_works_or_draws_and_what_has_been_done_is_soon_drawn(live_page, figure, truth):
    visit = opened(live_page, Prepared(figure, CLOCK))
    visit.control("digit").select_option("4")
    settle(visit)
    frames = [frame for frame in visit.page.evaluate("window.frames") if frame["took"]]
    assert max(frame["took"] for frame in frames) <= 7  # four cells, of half a millisecond each, at once
    assert all(frame["took"] == 0.5 for frame in frames if frame["drawn"])  # the code's digit
    waits = [len([*group]) for drawn, group in itertools.groupby(frames, lambda frame: frame["drawn"]) if not drawn]
    assert max(waits) <= 12 and len(waits) > 20 and sum(waits) > 4 * (len(frames) - sum(waits))
    words = [frame["words"] for frame in frames if frame["words"]]
    shares = [int(text.removeprefix("decoding the plane: ").removesuffix(" %")) for text in words if "plane" in text]
    assert shares == sorted(shares) and shares[0] == 0 and 80 < shares[-1] < 100 and len(shares) > 10
    assert words[len(shares) :] and set(words[len(shares) :]) == {"adding up"}
    assert frames[-1]["drawn"] and not frames[-1]["words"]


def test_the_code_can_be_moved_while_all_is_computed(live_page, figure, truth):
    visit = live_page(Prepared(figure, "vaeLive.Sheet.prototype.work = () => true;"))
    keys(visit, "z1", "Home")
    z = [-REACH, truth.mu[0, 1].item()]
    assert visit.number("code") == pytest.approx(truth.numbers(0, z)["code"], abs=0.02, rel=1e-5)
