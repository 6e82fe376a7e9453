"""The sliders of a code: what each costs, and what it changes, by keyboard, mouse and touch."""

import base64
import copy
import io
import itertools
import math
import re

import numpy as np
import pytest
import torch
from PIL import Image

from tests.browser import THEMES, WIDTHS
from tests.canvases import cells
from tests.hands import HOWS, choose, keys, painted, press, slide
from vaebook import live
from vaebook.data import rectangles
from vaebook.distributions import bernoulli_log_likelihood, kl_standard_normal
from vaebook.live.dimensions import costs_panel
from vaebook.live.weights import with_rounded_weights
from vaebook.models import BernoulliVAE
from vaebook.objectives import negative_elbo
from vaebook.training import fit, seeded

SIDE, COUNT, HALF = 9, 5, 2  # pixels, numbers of a code, and of half a code


@pytest.fixture(scope="module")
def data():
    """Rectangles of all sizes as digits, a row and a column of pixels never lit; the label is the height."""
    drawn = rectangles(3000, image_shape=(8, 8), height=(2, 6), width=(2, 6), generator=seeded(0, "cpu"))
    images = torch.nn.functional.pad(drawn.images.reshape(-1, 8, 8), (0, 1, 1, 0)).flatten(1)
    return images, drawn.boxes[:, 2]


@pytest.fixture(scope="module")
def model(data):
    generator = seeded(1, "cpu")
    model = BernoulliVAE(SIDE**2, [24], COUNT)
    fit(model, negative_elbo, data[0], epochs=6, batch_size=100, max_lr=1e-2, generator=generator)
    return model


@pytest.fixture(scope="module")
def figure(model, data):
    images, labels = data
    return live.dimensions(model, images, images[:20], labels[:20], name="Boxes")


class Truth:
    """What the figure should show, from the model in double precision."""

    @torch.no_grad()
    def __init__(self, model, images):
        self.model, self.images = with_rounded_weights(model, images).double(), images[:20].double()
        self.mu, self.logvar = self.model.encode(self.images)

    def costs(self, digit, z):
        return kl_standard_normal(z[:, None], self.logvar[digit][:, None])

    def order(self, digit):
        return self.costs(digit, self.mu[digit]).argsort(descending=True).tolist()

    @torch.no_grad()
    def pictures(self, z):
        """The first digit, and what a code decodes to."""
        return torch.stack([self.images[0], torch.sigmoid(self.model.decode(z))])

    @torch.no_grad()
    def numbers(self, digit, z):
        found = []
        for code in (z, self.mu[digit]):
            logits = self.model.decode(code)
            reconstruction = -bernoulli_log_likelihood(logits, self.images[digit]).item()
            found.append((self.costs(digit, code).sum().item(), reconstruction, logits > 0))
        (kl, reconstruction, white), (own_kl, own_reconstruction, own_white) = found
        changes = {"klChange": kl - own_kl, "reconstructionChange": reconstruction - own_reconstruction}
        changed = (white != own_white).sum().item()
        return {"kl": kl, "reconstruction": reconstruction, "changed": changed} | changes


@pytest.fixture(scope="module")
def truth(model, data):
    return Truth(model, data[0])


def sliders(visit):
    """Of each slider: its dimension, the value and the cost that it shows, and where it stands."""
    found = []
    for rank in range(COUNT):
        control = visit.control(f"rank{rank + 1}")
        text = control.locator("..").inner_text().replace("\N{MINUS SIGN}", "-")
        j, value, cost = re.match(r"z(\d+): (-?[\d.]+)\s+(-?[\d.]+) nats", text).groups()
        spoken = control.get_attribute("aria-valuetext").replace("\N{MINUS SIGN}", "-")
        assert spoken == f"{value}, costs {cost} nats"
        found.append((int(j) - 1, float(value), float(cost), float(control.input_value())))
    return found


def agree(visit, truth, digit, z):
    """The page shows the code z of this digit: its sliders in their order, and all numbers."""
    for name, value in truth.numbers(digit, z).items():
        assert visit.number(name) == pytest.approx(value, abs=0.012), name
        text = visit.page.locator(f"[data-number={name}]").inner_text()
        assert text.startswith("+") == (name.endswith("Change") and visit.number(name) > 0) and "-" not in text
    costs, order = truth.costs(digit, z), truth.order(digit)
    shown = sliders(visit)
    assert [j for j, *_ in shown] == order
    for j, value, cost, stands in shown:
        assert (value, cost) == pytest.approx((z[j].item(), costs[j].item()), abs=0.006)
        assert stands == pytest.approx(z[j].item(), abs=0.026)


# Without a browser.


def test_stills_and_controls_are_those_of_the_first_digit(figure, truth, data):
    html = figure._repr_html_()
    assert f"A handwritten {data[1][0]}, white on black" in html and "a test digit of Boxes" in html
    costs = truth.costs(0, truth.mu[0]).sort(descending=True).values
    assert f"{costs[0]:.2f} nats, to the one with the smallest, {costs[-1]:.2f}" in html
    found = re.findall(r'<label>(z\d+): <output></output><input type="range" data-control="(rank\d+)"', html)
    assert found == [(f"z{j + 1}", f"rank{rank + 1}") for rank, j in enumerate(truth.order(0))]
    stands = [float(value) for value in re.findall(r'type="range"[^>]* value="([-.\d]+)"', html)]
    assert stands == pytest.approx(truth.mu[0, truth.order(0)].tolist(), abs=0.006)
    assert "The last 2 to zero" in html


def test_the_stills_are_what_the_page_shows_when_it_starts(figure, truth):
    """The two pictures are as high as wide, in margins of white. A still has 128 colours."""
    png = re.search(r'data-panel="digits".*?base64,([^"]+)"', figure._repr_html_(), re.S)[1]
    grey = np.array(Image.open(io.BytesIO(base64.b64decode(png))).convert("L")) / 255
    rows, columns = (np.flatnonzero((grey < 0.98).any(axis)) for axis in (1, 0))
    height, middles = len(rows), (np.arange(SIDE) + 0.5) / SIDE
    for start, values in zip((columns[0], columns[-1] + 1 - height), truth.pictures(truth.mu[0]), strict=True):
        places = np.ix_(rows[0] + (height * middles).astype(int), start + (height * middles).astype(int))
        np.testing.assert_allclose(grey[places].ravel(), values, atol=0.02)
    panel = costs_panel(truth.mu[0], truth.logvar[0])
    bars = [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in panel.still.axes[0].patches]
    costs = truth.costs(0, truth.mu[0]).sort(descending=True).values.tolist()
    assert bars == [(pytest.approx(rank), pytest.approx(cost)) for rank, cost in enumerate(costs, 1)]


def test_only_the_decoder_is_sent_and_all_codes_are_within_reach(figure, truth, model, data):
    assert list(figure.settings["layers"]) == ["decoder"] and len(figure.weights) == 1
    far = copy.deepcopy(model)
    for values in far.encode[2].mu.parameters():
        values.data *= 5
    images, labels = data
    for each, mu in (
        (figure, truth.mu),
        (live.dimensions(far, images, images[:20], labels[:20]), Truth(far, images).mu),
    ):
        low, high = (float(re.search(rf'{name}="(-?\d+)"', each._repr_html_())[1]) for name in ("min", "max"))
        assert low < mu.min() - 0.4 and high > mu.max() + 0.4
    assert mu.abs().max() > 4


def test_without_a_name_the_choice_names_none(model, data):
    html = live.dimensions(model, data[0], data[0][:2], data[1][:2])._repr_html_()
    assert ">a test digit <select" in html


@pytest.mark.parametrize("count, half", [(1, 1), (3, 1), (20, 10)])
def test_a_code_may_have_any_length(count, half):
    images = torch.eye(784)[:3]
    figure = live.dimensions(BernoulliVAE(784, [8], count), images, images, torch.arange(3))
    html = figure._repr_html_()
    assert f"The first {half} to zero" in html and html.count('type="range"') == count


def test_arguments_that_do_not_fit_are_named(model, data):
    images, labels = data[0][:4], data[1][:4]
    with pytest.raises(ValueError, match="images must hold only 0 and 1"):
        live.dimensions(model, images, 0.5 * images, labels)
    with pytest.raises(ValueError, match=r"labels must have shape \(4,\), got \(3,\)"):
        live.dimensions(model, images, images, labels[:3])
    with pytest.raises(ValueError, match="x_train must have shape"):
        live.dimensions(model, images[:, 1:], images, labels)
    with pytest.raises(ValueError, match="images must be as high as wide, got 12 pixels"):
        live.dimensions(BernoulliVAE(12, [4], 2), torch.ones(4, 12), torch.ones(4, 12), labels)


# In the browser.


def test_without_scripts_the_still_is_there_and_no_control(live_page, figure):
    visit = live_page(figure, java_script_enabled=False)
    assert visit.page.locator("[data-panel=digits] img").is_visible() and not visit.control("all").is_visible()


def test_after_many_acts_all_is_as_after_a_fresh_start_there(visit, truth):
    keys(visit, "rank2", "End")
    press(visit, "first", "mouse")
    choose(visit, "digit", 7)
    keys(visit, "rank3", "Home")
    press(visit, "all", "mouse")
    choose(visit, "digit", 3)
    press(visit, "last", "mouse")
    z = truth.mu[3].clone()
    z[truth.order(3)[-HALF:]] = 0
    agree(visit, truth, 3, z)
    late = cells(visit, "digits", (SIDE, SIDE), count=2, gap=8)
    visit.page.reload()
    choose(visit, "digit", 3)
    press(visit, "last", "mouse")
    agree(visit, truth, 3, z)
    assert torch.equal(cells(visit, "digits", (SIDE, SIDE), count=2, gap=8), late)


def test_nothing_is_drawn_unless_something_changes(visit):
    visit.page.evaluate(
        """() => {
          const {stage} = document.querySelector(".vae-live"), timed = stage.timed.bind(stage);
          window.count = 0;
          stage.timed = act => { window.count += 1; return timed(act); };
        }"""
    )
    visit.page.wait_for_timeout(300)
    assert visit.page.evaluate("window.count") == 0
    keys(visit, "rank1", "ArrowRight")
    assert visit.page.evaluate("window.count") == 1


@pytest.mark.parametrize("theme, width", [*itertools.product(THEMES, WIDTHS)])
def test_it_starts_in_each_theme_and_width_at_the_first_digits_code(visit, truth, width):
    agree(visit, truth, 0, truth.mu[0])
    assert visit.number("changed") == 0 and visit.page.locator(".status").inner_text() == ""
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)


@pytest.mark.parametrize("how", HOWS)
def test_another_digit_brings_its_code_and_its_order(visit, truth, how):
    if how == "keyboard":
        keys(visit, "rank1", "End")
        keys(visit, "digit", "ArrowDown", "ArrowDown")
        digit = 2
    else:
        visit.control("digit").select_option("19")
        digit = 19
    assert truth.order(digit) != truth.order(0)
    agree(visit, truth, digit, truth.mu[digit])
    keys(visit, "rank1", "Home")
    z = truth.mu[digit].clone()
    z[truth.order(digit)[0]] = -4
    agree(visit, truth, digit, z)


def test_keys_move_one_number_and_no_other(visit, truth):
    order, z = truth.order(0), truth.mu[0].clone()
    keys(visit, "rank1", "End", "ArrowLeft", "ArrowLeft")
    z[order[0]] = 3.9
    agree(visit, truth, 0, z)
    keys(visit, f"rank{COUNT}", "Home")
    z[order[-1]] = -4
    agree(visit, truth, 0, z)
    assert visit.number("kl") > 10 and visit.number("changed") > 0
    assert visit.page.locator(".status").inner_text() == ""  # nothing is read out while it moves


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_every_slider_slides(visit, truth, how):
    order, z = truth.order(0), truth.mu[0].clone()
    for rank, j in enumerate(order):
        slide(visit, f"rank{rank + 1}", 0.8, how)
        value = float(visit.control(f"rank{rank + 1}").input_value())
        assert value == pytest.approx(2.4, abs=0.5)
        z[j] = value
        agree(visit, truth, 0, z)


@pytest.mark.parametrize("how", HOWS)
def test_buttons_put_numbers_to_zero_and_say_what_that_changes(visit, truth, how):
    order = truth.order(0)
    parts = {"last": (order[-HALF:], "The last 2"), "first": (order[:HALF], "The first 2"), "all": (order, "All")}
    for name, (which, words) in parts.items():
        press(visit, name, how)
        z = truth.mu[0].clone()
        z[which] = 0
        agree(visit, truth, 0, z)
        right = truth.numbers(0, z)
        changed = f"{right['changed']} of 81 pixels change" + "s" * (right["changed"] == 1)
        said = visit.page.locator(".status").inner_text().replace("\N{MINUS SIGN}", "-")
        assert said.startswith(f"{words} to zero: {changed}. KL ")
        kl, reconstruction = map(float, re.search(r"KL ([-+.\d]+) nats, -log p\(x\|z\) ([-+.\d]+) nats", said).groups())
        assert (kl, reconstruction) == pytest.approx((right["klChange"], right["reconstructionChange"]), abs=0.012)
    press(visit, "back", how)
    agree(visit, truth, 0, truth.mu[0])
    own = truth.costs(0, truth.mu[0]).sum()
    assert visit.page.locator(".status").inner_text() == f"The digit's own code, the mean \u03bc: KL {own:.2f} nats."
    visit.control("digit").select_option("3")
    assert visit.page.locator(".status").inner_text() == ""


def test_the_first_numbers_change_more_than_the_last(visit):
    changed = {}
    for name in ("first", "last"):
        press(visit, name, "mouse")
        changed[name] = visit.number("changed")
    assert changed["first"] > changed["last"] + 3


@pytest.mark.parametrize("width", WIDTHS)
def test_the_digit_and_what_its_code_decodes_to_stand_side_by_side(visit, truth):
    z = truth.mu[0].clone()
    for pressed in ([], ["End"]):
        keys(visit, "rank1", *pressed)
        z[truth.order(0)[0]] = 4 if pressed else z[truth.order(0)[0]]
        shown = cells(visit, "digits", (SIDE, SIDE), count=2, gap=8)[..., 0] / 255
        np.testing.assert_allclose(shown, truth.pictures(z), atol=0.006)
        assert (shown[0] - shown[1]).abs().max() > 0.5 or not pressed


@pytest.mark.parametrize("theme", THEMES)
def test_bars_are_as_high_as_the_costs_and_outlines_as_at_the_digits_code(visit, truth):
    keys(visit, "rank2", "End")
    order, z = truth.order(0), truth.mu[0].clone()
    z[order[1]] = 4
    costs, own = truth.costs(0, z), truth.costs(0, truth.mu[0])
    top = next(each for each in (1, 2, 3, 4, 6, 8) if each >= 1.05 * own.max())
    top *= 2 ** math.ceil(max(0, math.log2(costs.max() / top)))  # doubled until all fits
    axis = visit.page.evaluate(
        "(({y, box}) => y.back(box.top))(document.querySelector('.vae-live').stage.panels.costs)"
    )
    assert axis == pytest.approx(top)
    inside = [(rank + 1, 0.5 * costs[j].item()) for rank, j in enumerate(order)]
    assert painted(visit, "costs", "blue", *inside) == [True] * COUNT
    above = [(rank + 1, costs[j].item(), 0, -5) for rank, j in enumerate(order)]
    assert painted(visit, "costs", "blue", *above) == [False] * COUNT
    tops = [(rank + 1, own[j].item()) for rank, j in enumerate(order)]
    assert painted(visit, "costs", "text", *tops) == [True] * COUNT


@pytest.mark.parametrize("how", ["touch"])
def test_on_a_narrow_screen_the_digit_stays_in_view_at_all_sliders(visit):
    seen, lefts = [], set()
    for rank in range(COUNT):
        slider = visit.control(f"rank{rank + 1}")
        slider.evaluate("element => element.scrollIntoView({block: 'end'})")
        picture, box = visit.page.locator("[data-panel=digits] canvas").bounding_box(), slider.bounding_box()
        assert picture["y"] >= 0 and picture["y"] + picture["height"] < box["y"] and box["y"] + box["height"] <= 900
        lefts.add(box["x"])
    assert len(lefts) == 2  # columns
    visit.page.set_viewport_size({"width": 360, "height": 420})
    slider.evaluate("element => element.scrollIntoView({block: 'end'})")
    visit.page.wait_for_function("scrollY > 100")
    picture = visit.page.locator("[data-panel=digits] canvas").bounding_box()
    assert picture["y"] >= 0 and picture["y"] + picture["height"] < 300, seen
