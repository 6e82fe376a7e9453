"""The pictures of the live digit board, its bars and their stills are what PyTorch computes."""

import copy

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tests.boards import (
    Truth,
    agree,
    board_figure,
    digit,
    draw,
    ink_of,
    on_board,
    picture,
    shades,
    state,
    truth_of_board,
)
from tests.browser import THEMES
from tests.canvases import canvas, read
from tests.hands import painted, press
from tests.strokes import placed, scikit_digits, small_board
from vaebook import live
from vaebook.live.board_stills import bars
from vaebook.live.centring import INK, SIDE


@pytest.fixture(scope="module")
def figure():
    return board_figure()


@pytest.fixture(scope="module")
def truth():
    return truth_of_board()


INNER = np.pad(np.ones((SIDE - 2, SIDE - 2), bool), 1).ravel()  # around a picture goes a line


@pytest.mark.parametrize("theme", THEMES)
def test_the_pictures_show_the_ink_what_is_seen_and_the_probabilities(visit, truth):
    press(visit, "blank", "mouse")
    draw(visit, placed(3, 22, 9, 2))
    x, ink = picture(visit), ink_of(visit)
    assert (shades(visit, "seen") == 255 * x.reshape(-1, 1))[INNER].all() and x.sum() > 60
    probabilities = truth.probabilities(x)
    assert shades(visit, "decoded")[INNER] == pytest.approx(255 * probabilities[INNER, None].repeat(3, 1), abs=2)
    assert probabilities.max() > 0.5
    fine = shades(visit, "board", INK)
    wrong = (fine != 255 * ink.reshape(-1, 1)).any(1).reshape(INK, INK)[2:-2, 2:-2]
    assert wrong.mean() < 0.002 and 0.05 < ink.mean() < 0.5


@pytest.mark.parametrize("panel", ["board", "seen", "decoded"])
def test_the_still_is_what_the_canvas_shows_when_it_starts(visit, panel):
    """A still has 128 colours."""
    still, shown = (shades(visit, panel, of=of)[INNER] for of in ("img", "canvas"))
    assert still == pytest.approx(shown, abs=4) and np.ptp(shown) > 128


def check_bars(visit, truth):
    """The bars are those of what the page gives the model, sorted. Returns the reach of the axis that they need."""
    mu, sigma, price = truth.code(picture(visit))
    order = price.argsort(descending=True).tolist()
    assert state(visit, "state.order") == order
    assert state(visit, "state.price") == pytest.approx(price.tolist(), rel=1e-4)
    reach = 4.0
    while reach < (mu.abs() + sigma).max():
        reach *= 2
    left, right, *band = visit.page.evaluate(
        """() => { const {x, box} = document.querySelector(".vae-live").stage.panels.code;
          return [box.left, box.right, x.to(-1), x.to(1)]; }"""
    )
    middle, half = (left + right) / 2, (right - left) / 2
    assert band == pytest.approx([middle - half / reach, middle + half / reach], abs=0.01)
    assert all(painted(visit, "code", "blue", *((mu[j].item(), place) for place, j in enumerate(order))))
    dots = read(visit, "code", DOTS, [(mu[j].item(), place) for place, j in enumerate(order)])
    assert all(alpha == 255 for alpha in dots)  # what is left and right of them can be seen through
    sides = [(end.item(), place) for place, j in enumerate(order) for end in (mu[j] - sigma[j], mu[j] + sigma[j])]
    tints = read(visit, "code", TINTS, sides)
    assert all(inside and not outside for inside, outside in tints[0::2]), tints  # just right of a left end
    assert all(outside and not inside for inside, outside in tints[1::2]), tints
    return reach


DOTS = "({at}, places, {panels: {code: {x, y}}}) => places.map(([z, place]) => at(x.to(z), y.to(place))[3])"

# For the ends of bars: whether it is blue 2 pixels to the right, and 2 to the left.
TINTS = """({at}, places, {panels: {code}}) => places.map(([x, place]) => [2, -2].map(aside => {
  const [red, , blue] = at(code.x.to(x) + aside, code.y.to(place) + 4);
  return blue - red > 45;
}))"""


def test_the_still_s_bars_are_those_of_the_code(figure, truth):
    mu, sigma, price = truth.code(digit(0))
    drawn, order = bars(mu, 2 * sigma.log(), 4)
    ax = drawn.axes[0]
    assert order.tolist() == price.argsort(descending=True).tolist()
    words = f"Dimension {order[0] + 1} costs most, dimension {order[-1] + 1} least."
    assert words in figure._repr_html_()
    found = [(bar.get_x(), bar.get_width(), bar.get_y() + bar.get_height() / 2) for bar in ax.containers[0]]
    right = [((mu[j] - sigma[j]).item(), 2 * sigma[j].item(), place) for place, j in enumerate(order)]
    assert found == [pytest.approx(each, abs=1e-6) for each in right]
    assert ax.lines[1].get_xdata().tolist() == pytest.approx(mu[order].tolist())
    assert ax.get_xlim() == (-4, 4) and ax.yaxis_inverted() and ax.patches[0].get_x() == -1
    prices = ax.child_axes[0].get_yticklabels()
    assert [label.get_text() for label in prices] == [f"{price[j]:.2f}" for j in order]
    assert [label.get_text() for label in ax.get_yticklabels()] == [f"$z_{{{j + 1}}}$" for j in order]
    plt.close(drawn)


@pytest.mark.parametrize("theme", THEMES)
def test_bars_are_means_and_deviations_sorted_by_their_kl(visit, truth):
    check_bars(visit, truth)


def test_beside_each_bar_stand_its_name_and_its_kl(visit, truth):
    script = """async () => {
      const {stage} = document.querySelector(".vae-live"), {code} = stage.panels, {context} = code, found = [];
      context.fillText = (text, x, y) => found.push([text, x < code.width / 2 ? "name" : "KL", y]);
      stage.redraw();
      await new Promise(requestAnimationFrame);
      return found.map(([text, side, y]) => [text, side, code.y.to(0), code.y.to(1), y]);
    }"""
    price = truth.code(digit(0))[2]
    written = [
        (text, side, (y - first) / (second - first)) for text, side, first, second, y in visit.page.evaluate(script)
    ]
    for place, j in enumerate(price.argsort(descending=True).tolist()):
        beside = {side: text for text, side, at in written if at == pytest.approx(place)}
        assert beside == {"name": f"z{j + 1}", "KL": f"{price[j]:.2f}"}


def test_the_axis_grows_until_a_far_code_fits(live_page):
    x_train, x_test, labels = scikit_digits()
    model = copy.deepcopy(small_board()[0])
    for values in model.encode[2].mu.parameters():
        values.data *= 4
    visit = live_page(live.board(model, x_train, x_test, 100.0, x_test[:5], labels[:5]))
    assert check_bars(visit, Truth(model)) > 4


def test_bars_keep_their_places_while_a_line_is_drawn(visit, truth):
    press(visit, "blank", "mouse")
    order = state(visit, "state.order")
    places = on_board(canvas(visit)[1], [(7, 4), (20, 5), (14, 14), (20, 20), (6, 24)])
    visit.page.mouse.move(*places[0])
    visit.page.mouse.down()
    for place in places[1:]:
        visit.page.mouse.move(*place)
    assert state(visit, "state.order") == order
    agree(visit, truth, picture(visit))  # the numbers have followed
    sorted_now = truth.code(picture(visit))[2].argsort(descending=True).tolist()
    assert sorted_now != order
    visit.page.mouse.up()
    assert state(visit, "state.order") == sorted_now
