"""The live plane of squares: what it shows is what PyTorch computes, by keyboard, mouse and touch."""

import copy
import itertools
import re

import numpy as np
import pytest
import torch

from tests.browser import THEMES, WIDTHS
from vaebook import live
from vaebook.data import all_rectangles
from vaebook.distributions import bernoulli_log_likelihood, kl_standard_normal
from vaebook.live.weights import with_rounded_weights
from vaebook.models import BernoulliVAE, ModularVAE
from vaebook.objectives import modular_negative_elbo, negative_elbo
from vaebook.training import fit, seeded_models

HEIGHT, WIDTH, SIDE = 11, 14, 5  # not square, so that a swap of rows and columns shows
ROWS, COLUMNS = HEIGHT - SIDE + 1, WIDTH - SIDE + 1
LEFT, RIGHT, TOP, BOTTOM = 58, 10, 10, 36  # around the axes of a panel, in pixels: panel.js
START = {"place": (2, 3), "flip": (4, 8), "z": (0.0, 0.0)}
SQUARES = all_rectangles(image_shape=(HEIGHT, WIDTH), height=SIDE, width=SIDE)


@pytest.fixture(scope="module")
def model():
    """A VAE of squares, trained a little; its posteriors differ between the two numbers of the code."""
    [model], [generator] = seeded_models(lambda: ModularVAE(HEIGHT * WIDTH, [32, 32], 2), [0])
    x = SQUARES.images.repeat(100, 1)
    fit(model, modular_negative_elbo, x, epochs=5, batch_size=100, max_lr=1e-2, generator=generator)
    return model


@pytest.fixture(scope="module")
def figure(model):
    figure = live.squares(model, SQUARES)
    figure.settings["tiles"] = {"plane": 32, "posterior": 16}  # soon complete
    return figure


@pytest.fixture(scope="module")
def truth(model):
    return Truth(with_rounded_weights(model).double())


class Truth:
    """What the figure should show, from the model in double precision."""

    def __init__(self, model):
        self.model, self.images = model, SQUARES.images.double()
        places, weights = np.polynomial.hermite_e.hermegauss(5)
        self.noise = torch.tensor(list(itertools.product(places, places)))
        self.weights = torch.tensor([a * b for a, b in itertools.product(weights, weights)]) / weights.sum() ** 2

    @torch.no_grad()
    def costs(self, x):
        mu, logvar = self.model.encode(x)
        z = mu + (0.5 * logvar).exp() * self.noise
        reconstruction = -(self.weights @ bernoulli_log_likelihood(self.model.decode(z), x)).item()
        kl = kl_standard_normal(mu, logvar).item()
        return {"loss": reconstruction + kl, "kl": kl, "reconstruction": reconstruction}

    def x(self, place, flips=()):
        x = self.images[place[0] * COLUMNS + place[1]].clone()[None]
        for row, column in flips:
            x[0, row * WIDTH + column] = 1 - x[0, row * WIDTH + column]
        return x

    @torch.no_grad()
    def gaussian(self, x):
        mu, logvar = self.model.encode(x)
        return mu[0], (0.5 * logvar[0]).exp()

    def image(self, place, flips=()):
        """The numbers of the image of a square at (row, column) with flipped pixels [(row, column), ...]."""
        x = self.x(place, flips)
        after, before = self.costs(x), self.costs(self.x(place))
        changes = {f"{name}Change": value - before[name] for name, value in after.items()}
        (mu1, mu2), (sigma1, sigma2) = self.gaussian(x)
        gaussian = {"mu1": mu1.item(), "mu2": mu2.item(), "sigma1": sigma1.item(), "sigma2": sigma2.item()}
        return {"flips": len(flips)} | gaussian | after | changes

    @torch.no_grad()
    def place(self, z):
        """Of each code `(..., 2)` the square that it is decoded to, numbered row by row, and the logits."""
        logits = self.model.decode(torch.as_tensor(z, dtype=torch.float64))
        return torch.stack([bernoulli_log_likelihood(logits, x) for x in self.images]).argmax(0), logits

    def code(self, z):
        place, logits = self.place(z)
        row, column = divmod(place.item(), COLUMNS)
        wrong = ((logits > 0) != (self.images[place] > 0)).sum().item()
        return {"z1": z[0], "z2": z[1], "row": row, "column": column, "wrong": wrong}

    def window(self, place, flips=()):
        """What the fourth panel shows: [low, high] of z1 and of z2."""
        (centre, sigma), (mu, own) = self.gaussian(self.x(place)), self.gaussian(self.x(place, flips))
        half = 5 * max(sigma)
        while any(abs(mu - centre) + 2.5 * own > half):
            half = 2 * half
        return [[(middle - half).item(), (middle + half).item()] for middle in centre]


TOLERANCE = {"sigma1": 6e-5, "sigma2": 6e-5, "loss": 6e-3, "kl": 6e-3, "reconstruction": 6e-3}


def agree(visit, expected):
    """Whether the page shows these numbers, to its last digit; the costs of a great loss to 32 bits."""
    settle(visit)
    for name, value in expected.items():
        tolerance = TOLERANCE.get(name.removesuffix("Change"), 6e-4)
        assert visit.number(name) == pytest.approx(value, abs=tolerance, rel=1e-5), name


def settle(visit):
    """Wait until all is drawn, costs and tiles too."""
    idle = "stage => stage && !stage.waiting && !stage.running"
    visit.page.wait_for_function(f"({idle})(document.querySelector('.vae-live').stage)")


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


def canvas(visit, panel):
    place = visit.page.locator(f"[data-panel={panel}] canvas")
    place.scroll_into_view_if_needed()
    return place, place.bounding_box()


def on_plane(visit, panel, z, window):
    """Where on a canvas a code is, in its own pixels."""
    return on_plane_of(canvas(visit, panel)[1], z, window)


def on_plane_of(box, z, window):
    x, y = ((value - low) / (high - low) for value, (low, high) in zip(z, window, strict=True))
    return {
        "x": LEFT + x * (box["width"] - LEFT - RIGHT),
        "y": box["height"] - BOTTOM - y * (box["height"] - TOP - BOTTOM),
    }


def on_pixel(visit, panel, row, column):
    """Where on a canvas the middle of a pixel of the image is."""
    return on_pixel_of(canvas(visit, panel)[1], row, column)


def on_pixel_of(box, row, column):
    edge = min(box["width"] / WIDTH, box["height"] / HEIGHT)
    left, top = (box["width"] - edge * WIDTH) / 2, (box["height"] - edge * HEIGHT) / 2
    return {"x": left + (column + 0.5) * edge, "y": top + (row + 0.5) * edge}


def in_window(visit, panel, at):
    _, box = canvas(visit, panel)
    return box["x"] + at["x"], box["y"] + at["y"]


def colors(visit, panel, points):
    """Red, green and blue that a canvas shows at each of some points."""
    script = """(canvas, points) => {
      const context = canvas.getContext("2d"), {width, data} = context.getImageData(0, 0, canvas.width, canvas.height);
      return points.map(point => {
        const [x, y] = [point.x, point.y].map(value => Math.floor(value * devicePixelRatio));
        return [...data.slice(4 * (y * width + x), 4 * (y * width + x) + 3)];
      });
    }"""
    return canvas(visit, panel)[0].evaluate(script, points)


def whole(figure):
    return [[-figure.settings["reach"], figure.settings["reach"]]] * 2


def finger(visit, *points):
    """Put a finger down on the first of these points of the window, move it along, and lift it."""
    session = visit.page.context.new_cdp_session(visit.page)
    for kind, (x, y) in zip(["touchStart"] + ["touchMove"] * (len(points) - 1), points, strict=True):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        visit.page.evaluate("new Promise(requestAnimationFrame)")
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


# In Python ------------------------------------------------------------------------------------------------------------


def test_the_figure_describes_the_squares_and_says_what_rounding_costs(figure):
    assert 0 < abs(figure.shift) < 0.2
    word = "raises" if figure.shift >= 0 else "lowers"
    assert f"which {word} the \N{MINUS SIGN}ELBO by {abs(figure.shift):.2f} nats on 1,000 squares" in figure.note
    assert "154-32-32-2" in figure.note
    settings = figure.settings
    assert settings["shape"] == [HEIGHT, WIDTH] and settings["side"] == SIDE
    assert len(set(settings["colors"])) == ROWS * COLUMNS
    first, last = settings["colors"][0], settings["colors"][COLUMNS - 1]
    assert (first, last) == ("#c9e2f5", "#ffdcb8")  # blue on the left, orange on the right
    assert settings["flips"] == [START["flip"][0] * WIDTH + START["flip"][1]]


def test_the_cost_of_rounding_is_that_of_this_model_on_any_squares(figure, model):
    torch.manual_seed(0)
    x = SQUARES.images[torch.randint(len(SQUARES.images), (5000,))]
    noise = torch.randn(20, 5000, 2)
    after, before = (
        negative_elbo(each, x, noise)["loss"].mean().item() for each in (with_rounded_weights(model), model)
    )
    assert figure.shift == pytest.approx(after - before, abs=0.02)


def test_the_model_is_left_as_it_was_and_the_plane_reaches_as_far_as_its_codes(figure, model, truth):
    def furthest(each, images):
        mu, logvar = each.encode(images)
        return (mu.abs() + (0.5 * logvar).exp()).max().item()

    assert max(3.2, furthest(truth.model, truth.images)) <= figure.settings["reach"]
    wide = copy.deepcopy(model).train()
    wide.encode[-1].mu.weight.data *= 3
    before, needed = copy.deepcopy(wide.state_dict()), furthest(with_rounded_weights(wide), SQUARES.images)
    assert 4 < needed <= (reach := live.squares(wide, SQUARES).settings["reach"]) < needed + 0.101
    assert 10 * reach == pytest.approx(round(10 * reach))  # an end of the sliders
    assert wide.training and all(torch.equal(value, before[name]) for name, value in wide.state_dict().items())


def test_quadrature_weights_add_up_to_one_and_have_the_moments_of_a_normal(figure):
    noise, weights = (
        torch.tensor(figure.settings["quadrature"][name], dtype=torch.float64) for name in ("noise", "weights")
    )
    assert weights.sum().item() == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close((weights[:, None] * noise).T @ noise, torch.eye(2).double(), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "model, squares, words",
    [
        (BernoulliVAE(154, [8], 3), SQUARES, "model must have latent_dims 2, got 3"),
        (BernoulliVAE(144, [8], 2), SQUARES, "squares.images must have shape"),
        (BernoulliVAE(144, [8], 2), all_rectangles(image_shape=(12, 12), height=3, width=4), "as high as wide"),
        (BernoulliVAE(144, [8], 2), all_rectangles(image_shape=(12, 12), height=(3, 4), width=3), "as high as wide"),
    ],
)
def test_what_does_not_fit_is_named(model, squares, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        live.squares(model, squares)


def test_some_squares_are_not_all():
    some = SQUARES._replace(images=SQUARES.images[:-1], boxes=SQUARES.boxes[:-1])
    with pytest.raises(ValueError, match="squares.images must have shape"):
        live.squares(BernoulliVAE(154, [8], 2), some)


# In the browser -------------------------------------------------------------------------------------------------------


def test_it_starts_with_the_numbers_of_the_model(visit, truth):
    agree(visit, truth.code(START["z"]) | truth.image(START["place"], [START["flip"]]))
    assert visit.number("lossChange") > 0 and "+" in visit.page.locator("[data-number=lossChange]").inner_text()


@pytest.mark.parametrize("theme, width", [*itertools.product(THEMES, WIDTHS)])
def test_it_starts_in_each_theme_and_width(live_page, figure, theme, width):
    visit = live_page(figure, theme, width=width)
    settle(visit)
    assert visit.complaints == [] and visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)
    assert visit.page.locator(".status").inner_text() == ""


def test_the_keyboard_moves_the_code(visit, truth):
    for name, keys in {"z1": ["PageUp", "ArrowRight"], "z2": ["PageDown", "PageDown", "ArrowLeft"]}.items():
        visit.control(name).focus()
        for key in keys:
            visit.page.keyboard.press(key)
        z = [float(visit.control(each).input_value()) for each in ("z1", "z2")]
        agree(visit, truth.code(z))
        assert visit.control(name).get_attribute("aria-valuetext") == f"{z[name == 'z2']:.2f}"
    assert z[0] > 0.5 and z[1] < -1
    agree(visit, truth.image(START["place"], [START["flip"]]))  # as it was


@pytest.mark.parametrize("kind", ["visit", "touched"])
def test_mouse_and_finger_slide_the_code(request, kind, truth):
    visit = request.getfixturevalue(kind)
    for name, share in {"z1": 0.7, "z2": 0.2}.items():
        box = visit.control(name).bounding_box()
        at = {"position": {"x": share * box["width"], "y": box["height"] / 2}}
        (visit.control(name).tap if kind == "touched" else visit.control(name).click)(**at)
    z = [float(visit.control(name).input_value()) for name in ("z1", "z2")]
    assert z[0] > 0.5 and z[1] < -0.5
    agree(visit, truth.code(z))


def test_the_mouse_drags_the_code_over_the_plane(visit, figure, truth):
    stops = [(0.0, 0.0), (-1.3, 0.6), (1.1, 2.0), (2.2, -1.5)]
    points = [in_window(visit, "plane", on_plane(visit, "plane", z, whole(figure))) for z in stops]
    visit.page.mouse.move(*points[0])
    visit.page.mouse.down()
    for (x, y), expected in zip(points[1:], stops[1:], strict=True):
        visit.page.mouse.move(x, y)
        settle(visit)
        z = visit.number("z1"), visit.number("z2")
        assert z == pytest.approx(expected, abs=0.03)  # a pixel of the screen
        agree(visit, truth.code(z))
        assert [float(visit.control(name).input_value()) for name in ("z1", "z2")] == pytest.approx(z, abs=0.0101)
    assert visit.page.locator(".status").inner_text() == ""  # nothing is read out while it moves
    visit.page.mouse.up()
    visit.page.mouse.move(*points[0])
    settle(visit)
    assert (visit.number("z1"), visit.number("z2")) == z


def test_the_code_stays_on_the_plane(visit, figure):
    x, y = in_window(visit, "plane", on_plane(visit, "plane", (0, 0), whole(figure)))
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x + 1000, y - 1000)
    visit.page.mouse.up()
    reach = figure.settings["reach"]
    agree(visit, {"z1": reach, "z2": reach})


def test_a_tap_on_the_plane_moves_the_code(touched, figure, truth):
    at = on_plane(touched, "plane", (1.2, -0.8), whole(figure))
    canvas(touched, "plane")[0].tap(position=at)
    settle(touched)
    z = touched.number("z1"), touched.number("z2")
    assert z == pytest.approx((1.2, -0.8), abs=0.03)
    agree(touched, truth.code(z))


def test_a_finger_on_the_handle_drags_the_code_and_elsewhere_it_does_not(touched, figure, truth):
    start, end = (
        in_window(touched, "plane", on_plane(touched, "plane", z, whole(figure))) for z in [(0, 0), (0.9, 1.4)]
    )
    finger(touched, start, end)
    settle(touched)
    z = touched.number("z1"), touched.number("z2")
    assert z == pytest.approx((0.9, 1.4), abs=0.03)
    agree(touched, truth.code(z))
    assert touched.page.evaluate("scrollY") == 0
    finger(touched, *((start[0], start[1] + 40 - 8 * n) for n in range(6)))
    touched.page.wait_for_function("scrollY > 0")
    settle(touched)
    assert (touched.number("z1"), touched.number("z2")) == z


@pytest.mark.parametrize("way", ["keyboard", "mouse", "touch"])
def test_a_square_is_picked(request, way, truth):
    visit = request.getfixturevalue("touched" if way == "touch" else "visit")
    place = {"squareRow": 2, "squareColumn": 3}
    for name, share in {"squareRow": 0.999, "squareColumn": 0.7}.items():
        control = visit.control(name)
        if way == "keyboard":
            control.press("ArrowRight")
        else:
            box = control.bounding_box()
            (control.click if way == "mouse" else control.tap)(position={"x": share * box["width"], "y": 9})
        place[name] = int(control.input_value())
        agree(visit, truth.image(tuple(place.values()), [START["flip"]]))
    assert (place["squareRow"], place["squareColumn"]) == ((3, 4) if way == "keyboard" else (6, 6))
    agree(visit, truth.code(START["z"]))


def test_each_corner_can_be_picked(visit, truth):
    visit.control("undo").click()
    for keys in itertools.product(["Home", "End"], ["Home", "End"]):
        visit.control("squareRow").press(keys[0])
        visit.control("squareColumn").press(keys[1])
        place = [(0, last)[key == "End"] for key, last in zip(keys, (ROWS - 1, COLUMNS - 1), strict=True)]
        agree(visit, truth.image(place))
        assert visit.page.locator("[data-number=lossChange]").inner_text() == "0.00"


@pytest.mark.parametrize("way", ["keyboard", "mouse", "touch"])
def test_the_button_flips_the_pixel_under_the_cursor(request, way, truth):
    visit = request.getfixturevalue("touched" if way == "touch" else "visit")
    visit.control("pixelRow").press("ArrowLeft")
    visit.control("pixelColumn").press("ArrowRight")
    visit.control("pixelColumn").press("ArrowRight")
    agree(visit, truth.image(START["place"], [START["flip"]]))  # the cursor alone changes nothing
    press = {"keyboard": lambda: visit.control("flip").press("Enter"), "mouse": visit.control("flip").click}
    press = press.get(way, visit.control("flip").tap)
    press()
    expected = truth.image(START["place"], [START["flip"], (3, 10)])
    agree(visit, expected)
    said = f"2 pixels are flipped, the last at row 3, column 10: +{expected['lossChange']:.2f} nats"
    assert said in visit.page.locator(".status").inner_text()
    press()
    agree(visit, truth.image(START["place"], [START["flip"]]))
    assert "1 pixel is flipped" in visit.page.locator(".status").inner_text()


@pytest.mark.parametrize("way", ["mouse", "touch"])
def test_a_click_or_tap_on_the_image_flips_a_pixel(request, way, truth):
    visit = request.getfixturevalue("touched" if way == "touch" else "visit")
    flips = [START["flip"]]
    for pixel in [(0, 13), (10, 0), (3, 5)]:  # two corners, and one inside the square
        at = on_pixel(visit, "image", *pixel)
        place, _ = canvas(visit, "image")
        (place.click if way == "mouse" else place.tap)(position=at)
        flips.append(pixel)
        agree(visit, truth.image(START["place"], flips))
        assert [visit.control(name).input_value() for name in ("pixelRow", "pixelColumn")] == [*map(str, pixel)]
    place.click(position=at) if way == "mouse" else place.tap(position=at)
    agree(visit, truth.image(START["place"], flips[:-1]))


def test_a_click_beside_the_image_flips_nothing(visit, truth):
    place, box = canvas(visit, "image")
    for y in (2, box["height"] - 2):  # images that are wider than high leave room above and below
        place.click(position={"x": box["width"] / 2, "y": y})
        agree(visit, truth.image(START["place"], [START["flip"]]))


@pytest.mark.parametrize("way", ["keyboard", "mouse", "touch"])
def test_flips_are_undone(request, way, truth):
    visit = request.getfixturevalue("touched" if way == "touch" else "visit")
    undo = visit.control("undo")
    undo.press("Space") if way == "keyboard" else undo.click() if way == "mouse" else undo.tap()
    agree(visit, truth.image(START["place"]))
    assert visit.page.locator(".status").inner_text().startswith("No pixel is flipped: 0.00 nats")


@pytest.mark.parametrize("way", ["keyboard", "mouse", "touch"])
def test_the_code_moves_to_the_mean_of_the_image(request, way, truth):
    visit = request.getfixturevalue("touched" if way == "touch" else "visit")
    visit.control("squareColumn").press("End")
    button = visit.control("toMean")
    button.press("Enter") if way == "keyboard" else button.click() if way == "mouse" else button.tap()
    mu, _ = truth.gaussian(truth.x((2, COLUMNS - 1), [START["flip"]]))
    expected = truth.code(mu.tolist())
    agree(visit, expected)
    sliders = [float(visit.control(name).input_value()) for name in ("z1", "z2")]
    assert sliders == pytest.approx(mu.tolist(), abs=0.0101)
    assert f"row {expected['row']}, column {expected['column']}" in visit.page.locator(".status").inner_text()


def test_the_fourth_picture_shows_the_surroundings_of_the_code(visit, truth):
    flips, widths = [START["flip"]], []
    for column_of_pixels in ([], [(row, 12) for row in range(HEIGHT)]):
        for pixel in column_of_pixels:
            canvas(visit, "image")[0].click(position=on_pixel(visit, "image", *pixel))
        flips += column_of_pixels
        settle(visit)
        window = truth.window(START["place"], flips)
        widths.append(window[0][1] - window[0][0])
        for share in (0.3, 0.8):
            z = [low + part * (high - low) for part, (low, high) in zip((share, 0.6), window, strict=True)]
            canvas(visit, "posterior")[0].click(position=on_plane(visit, "posterior", z, window))
            settle(visit)
            pixel = widths[-1] / 200  # of the screen, and more
            assert (visit.number("z1"), visit.number("z2")) == pytest.approx(z, abs=pixel)
    assert widths[1] == pytest.approx(2 * widths[0])  # so many flips move the code by more than the first window shows


def test_the_tiles_are_what_the_decoder_draws_at_each_code(visit, truth):
    places, codes = visit.page.evaluate(
        """() => {
          const {tiles} = document.querySelector(".vae-live").stage, {count} = tiles;
          const codes = [...tiles.places.keys()].map(cell => tiles.codeAt(Math.floor(cell / count), cell % count));
          return [[...tiles.places], codes];
        }"""
    )
    right, _ = truth.place(codes)
    assert (torch.tensor(places) == right).float().mean() > 0.998 and len(set(places)) > 40
    assert codes[0][0] < -3 and codes[0][1] > 3  # the first cell is the upper left one


@pytest.mark.parametrize("panel, theme", [("plane", "light"), ("plane", "dark"), ("posterior", "light")])
def test_tiles_have_the_colours_of_what_is_decoded(live_page, figure, truth, panel, theme):
    visit = live_page(figure, theme)
    settle(visit)
    window = whole(figure) if panel == "plane" else truth.window(START["place"], [START["flip"]])
    count, box = figure.settings["tiles"][panel], canvas(visit, panel)[1]
    axes = [low + (torch.arange(count) + 0.5) / count * (high - low) for low, high in window]
    codes = torch.cartesian_prod(*axes)
    places = truth.place(codes)[0].reshape(count, count)
    around = torch.stack([places.roll(shift, (0, 1)) for shift in itertools.product((-1, 0, 1), repeat=2)])
    inner = (around == places).all(0)  # not on a border
    inner[[0, 1, -2, -1]] = inner[:, [0, 1, -2, -1]] = False
    points = [on_plane_of(box, z, window) for z in codes[inner.flatten()].tolist()]
    expected = [[*bytes.fromhex(figure.settings["colors"][place][1:])] for place in places[inner]]
    differ = np.abs(np.array(colors(visit, panel, points)) - expected).max(1) > 3
    assert len(points) > 40 and differ.mean() < 0.1  # lines and the code lie on some


ALL_PIXELS = [*itertools.product(range(HEIGHT), range(WIDTH))]


def test_pixels_decoded_are_grey_as_their_probabilities(visit, truth):
    visit.control("z1").press("PageUp")
    settle(visit)
    probabilities = torch.sigmoid(truth.place([visit.number("z1"), visit.number("z2")])[1])
    box = canvas(visit, "decoded")[1]
    shown = colors(visit, "decoded", [on_pixel_of(box, *pixel) for pixel in ALL_PIXELS])
    assert np.array(shown) == pytest.approx(255 * probabilities[:, None].expand(-1, 3).numpy(), abs=2)
    assert 0.1 < probabilities.max() - probabilities.median()


def test_the_image_is_the_square_with_its_flips(visit, truth):
    box, x = canvas(visit, "image")[1], truth.x(START["place"], [START["flip"]])[0]
    shown = colors(visit, "image", [on_pixel_of(box, *pixel) for pixel in ALL_PIXELS])
    assert np.array(shown).tolist() == (255 * x[:, None].expand(-1, 3)).tolist()


def test_flipped_pixel_cursor_nearest_square_and_ellipses_are_marked(visit, truth):
    palette = visit.page.evaluate("document.querySelector('.vae-live').stage.colors")
    rgb = {name: [*bytes.fromhex(value[1:])] for name, value in palette.items() if value.startswith("#")}
    box = canvas(visit, "image")[1]
    at, edge = on_pixel_of(box, *START["flip"]), on_pixel_of(box, 0, 1)["x"] - on_pixel_of(box, 0, 0)["x"]
    pink, blue = colors(visit, "image", [{**at, "x": at["x"] - part * edge} for part in (0.5, 0.25)])
    assert pink == pytest.approx(rgb["pink"], abs=8) and blue == pytest.approx(rgb["blue"], abs=8)
    expected = truth.code(START["z"])
    at = on_pixel_of(box, expected["row"], expected["column"])
    left, y = at["x"] - edge / 2, at["y"] + 2 * edge
    sides = colors(visit, "decoded", [{"x": left, "y": y}, {"x": left + SIDE * edge, "y": y}])
    assert sides == [pytest.approx(rgb["orange"], abs=8)] * 2
    window = truth.window(START["place"], [START["flip"]])
    mu, sigma = truth.gaussian(truth.x(START["place"], [START["flip"]]))
    turns = torch.tensor([[np.cos(angle), np.sin(angle)] for angle in (0, 1.6, 3.1, 4.5)])
    on_ellipses = torch.cat([mu + radius * sigma * turns for radius in (1, 2)])
    box = canvas(visit, "posterior")[1]
    centres = [on_plane_of(box, z, window) for z in on_ellipses.tolist()]
    near = [*itertools.product((-1, 0, 1), repeat=2)]
    shown = colors(visit, "posterior", [{"x": at["x"] + a, "y": at["y"] + b} for at in centres for a, b in near])
    off = np.abs(np.array(shown) - rgb["pink"]).max(1).reshape(len(centres), len(near)).min(1)
    assert off.max() <= 12, off
