"""The live brush of chapter 3: what it shows is what PyTorch computes, by keyboard, mouse and touch."""

import itertools
import re

import pytest
import torch

from tests.browser import THEMES, WIDTHS
from tests.hands import HOWS, keys, painted, press, slide
from vaebook import live
from vaebook.data import all_rectangles
from vaebook.distributions import bernoulli_log_likelihood, kl_standard_normal
from vaebook.layers import BernoulliNoise
from vaebook.live.random import Generator
from vaebook.live.weights import with_rounded_weights
from vaebook.models import BernoulliVAE, ModularVAE
from vaebook.objectives import modular_negative_elbo, negative_elbo
from vaebook.training import fit

HEIGHT, WIDTH, SIDE = 11, 14, 5  # not square, so that a swap of rows and columns shows
COLUMNS = WIDTH - SIDE + 1
EDGE = 11  # of the digits: 121 pixels do not fill their last byte
SQUARES = all_rectangles(image_shape=(HEIGHT, WIDTH), height=SIDE, width=SIDE)
START, P = (3, 4), 0.1
NAMES = ["vanilla", "denoising"]
SEEDS = {"square": 3, "digit": 4, "noise": 5}


def digit_images(count):
    """Images of a ring or a bar, 0 and 1: as good as digits for a test."""
    rows = torch.arange(EDGE * EDGE) // EDGE
    columns = torch.arange(EDGE * EDGE) % EDGE
    generator = torch.Generator().manual_seed(9)
    middles = 3 + 5 * torch.rand(count, 2, generator=generator)
    far = ((rows - middles[:, :1]) ** 2 + (columns - middles[:, 1:]) ** 2).sqrt()
    bars = ((columns - middles[:, 1:]).abs() < 1.5) & (rows > 1)
    rings = (far > 1.5) & (far < 3)
    return torch.where(torch.arange(count)[:, None] % 2 == 0, rings, bars).float()


def trained(make, loss, x, p, epochs):
    torch.manual_seed(0)
    model = make()
    model.encode.insert(0, BernoulliNoise(p, torch.Generator().manual_seed(1)))
    fit(model, loss, x, epochs=epochs, batch_size=100, max_lr=1e-2, generator=torch.Generator().manual_seed(2))
    return model.eval()


@pytest.fixture(scope="module")
def models():
    x = SQUARES.images.repeat(60, 1)
    return {
        name: trained(lambda: ModularVAE(HEIGHT * WIDTH, [32, 32], 2), modular_negative_elbo, x, p, 5)
        for name, p in zip(NAMES, (0, P), strict=True)
    }


@pytest.fixture(scope="module")
def digits():
    x = digit_images(2000)
    found = {
        name: trained(lambda: BernoulliVAE(EDGE * EDGE, [24], 5), negative_elbo, x, p, 4)
        for name, p in zip(NAMES, (0, P), strict=True)
    }
    labels = torch.tensor([number % 2 for number in range(20)])
    return found | {"images": x[:20], "labels": labels, "x_train": x[20:], "name": "Rings"}


@pytest.fixture(scope="module")
def figure(models, digits):
    return live.brush(*models.values(), SQUARES, digits)


@pytest.fixture(scope="module")
def truth(models):
    return Truth({name: with_rounded_weights(model).double() for name, model in models.items()}, SEEDS["square"])


@pytest.fixture(scope="module")
def digit_truth(digits, figure):
    rounded = {name: with_rounded_weights(digits[name], digits["x_train"]).double() for name in NAMES}
    noise = torch.tensor(Generator(SEEDS["noise"]).normals(25 * 5)).reshape(25, 5)
    return Truth(rounded, SEEDS["digit"], digits["images"].double(), noise, torch.full((25,), 1 / 25))


class Truth:
    """What the figure should show, from the models in double precision."""

    def __init__(self, models, seed, images=None, noise=None, weights=None):
        self.models, self.is_square = models, images is None
        self.images = SQUARES.images.double() if images is None else images
        if noise is None:  # Gauss-Hermite's five, from their definition
            roots = [(5 + sign * 10**0.5) ** 0.5 for sign in (1, -1)]
            places = torch.tensor([0.0, *roots, *(-root for root in roots)], dtype=torch.float64)
            weights = 24 / (5 * (places**4 - 6 * places**2 + 3) ** 2)
            noise = torch.cartesian_prod(places, places)
            weights = torch.outer(weights, weights).reshape(-1)
        self.noise, self.weights = noise.double(), weights.double()
        source = Generator(seed)
        self.draws = [torch.from_numpy(source.uniforms(self.images.shape[1])) for _ in range(4)]

    def flips(self, p, draw=0, hand=None):
        flips = self.draws[draw] < p
        for pixel, flipped in (hand or {}).items():
            flips[pixel] = flipped
        return flips

    @torch.no_grad()
    def see(self, which, flips, p):
        """x, x', the Gaussians and the restorations of an image: a square at (row, column), or a digit's number."""
        clean = self.images[which if isinstance(which, int) else which[0] * COLUMNS + which[1]][None]
        given = torch.where(flips[None], 1 - clean, clean)
        seen = {"x": clean[0], "given": given[0], "restored": {}, "gaussians": {}}
        for name, model in self.models.items():
            pairs = [model.encode(x) for x in (clean, given)]
            seen["gaussians"][name] = [(mu[0], (0.5 * logvar[0]).exp()) for mu, logvar in pairs]
            seen["restored"][name] = model.decode(pairs[1][0])[0].sigmoid()
        if self.is_square:
            k, p = (self.images != given).sum(1).double(), max(p, 0.01)
            posterior = p**k * (1 - p) ** (HEIGHT * WIDTH - k)
            seen["restored"]["exact"] = posterior @ self.images / posterior.sum()
        return seen

    @torch.no_grad()
    def numbers(self, which, p=P, draw=0, hand=None):
        flips = self.flips(p, draw, hand)
        seen = self.see(which, flips, p)
        found = {"flips": flips.sum().item()}
        for name, restored in seen["restored"].items():
            found[f"wrong{name.capitalize()}"] = ((restored > 0.5).double() != seen["x"]).sum().item()
        for name, model in self.models.items():
            (clean, _), (mu, sigma) = seen["gaussians"][name]
            each = bernoulli_log_likelihood(model.decode(mu + sigma * self.noise), seen["x"])
            kl = kl_standard_normal(mu[None], 2 * sigma.log()[None]).item()
            reconstruction = -(self.weights @ each).item()
            terms = {"loss": kl + reconstruction, "kl": kl, "reconstruction": reconstruction}
            terms["distance"] = (mu - clean).norm().item()
            found |= {f"{term}{name.capitalize()}": value for term, value in terms.items()}
        return found if self.is_square else found | {"wrongExact": "not known"}


def settle(visit):
    """Wait until all is drawn and computed."""
    idle = "stage => stage && !stage.waiting && !stage.running"
    visit.page.wait_for_function(f"({idle})(document.querySelector('.vae-live').stage)")


def agree(visit, expected):
    """Whether the page shows these numbers, to its last digit; great costs to 32 bits."""
    settle(visit)
    for name, value in expected.items():
        if isinstance(value, str):
            assert visit.number(name) == value
        else:
            assert visit.number(name) == pytest.approx(value, abs=6e-4 if "distance" in name else 6e-3, rel=1e-5), name


def opened(live_page, figure, how="mouse", **options):
    touch = {"has_touch": True, "width": 360} if how == "touch" else {}
    visit = live_page(figure, **touch | options)
    settle(visit)
    return visit


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


def place_of(box, row, column, shape=(HEIGHT, WIDTH)):
    """Where in the window the middle of a pixel is, on a canvas with this box."""
    edge = min(box["width"] / shape[1], box["height"] / shape[0])
    left, top = (box["width"] - edge * shape[1]) / 2, (box["height"] - edge * shape[0]) / 2
    return box["x"] + left + (column + 0.5) * edge, box["y"] + top + (row + 0.5) * edge


def canvas(visit, panel="board"):
    place = visit.page.locator(f"[data-panel={panel}] canvas")
    place.scroll_into_view_if_needed()
    return place, place.bounding_box()


def brush(visit, how, *stops, shape=(HEIGHT, WIDTH)):
    """Put a mouse or a finger down on the first of these pixels, move it over the others, and lift it."""
    box = canvas(visit)[1]
    points = [place_of(box, *stop, shape) for stop in stops]
    if how == "mouse":
        visit.page.mouse.move(*points[0])
        visit.page.mouse.down()
        for point in points[1:]:
            visit.page.mouse.move(*point)
        visit.page.mouse.up()
    else:
        session = visit.page.context.new_cdp_session(visit.page)
        for kind, (x, y) in zip(["touchStart"] + ["touchMove"] * (len(points) - 1), points, strict=True):
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    settle(visit)


def pixel(row, column, width=WIDTH):
    return row * width + column


def colors(visit, panel, shape=(HEIGHT, WIDTH), aside=0.35):
    """Of each pixel of an image R, G and B beside its middle, where no mark is, and those in its middle."""
    script = """(canvas, [rows, columns, aside]) => {
      const ratio = devicePixelRatio, context = canvas.getContext("2d");
      const {width, data} = context.getImageData(0, 0, canvas.width, canvas.height);
      const edge = Math.min(canvas.clientWidth / columns, canvas.clientHeight / rows);
      const left = (canvas.clientWidth - edge * columns) / 2, top = (canvas.clientHeight - edge * rows) / 2, found = [];
      for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
        found.push([aside, 0].map(off => {
          const x = Math.floor(ratio * (left + edge * (column + 0.5 + off)));
          const y = Math.floor(ratio * (top + edge * (row + 0.5 + off)));
          return [...data.slice(4 * (y * width + x), 4 * (y * width + x) + 3)];
        }));
      }
      return found;
    }"""
    return torch.tensor(canvas(visit, panel)[0].evaluate(script, [*shape, aside])).unbind(1)


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
def test_it_starts_in_each_theme_and_width(live_page, figure, theme, width):
    visit = opened(live_page, figure, theme=theme, width=width)
    assert visit.complaints == [] and visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)


def test_without_digits_nothing_speaks_of_them(live_page, models, truth):
    visit = opened(live_page, live.brush(*models.values(), SQUARES, p=0.05))
    agree(visit, truth.numbers(START, 0.05))
    for name in ("load", "image"):
        assert visit.control(name).count() == 0
    assert "digit" not in visit.page.locator("main").inner_text() and visit.complaints == []


@pytest.mark.parametrize("how", HOWS)
def test_the_share_of_flips_is_set(live_page, figure, truth, how):
    visit = opened(live_page, figure, how)
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
def test_new_flips_are_drawn_and_cleared(live_page, figure, truth, how):
    visit = opened(live_page, figure, how)
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
def test_the_square_is_moved_below_the_same_flips(live_page, figure, truth, how):
    visit = opened(live_page, figure, how)
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
def test_a_stroke_flips_what_it_meets_and_takes_back_where_it_starts_on_a_flip(live_page, figure, truth, how):
    visit = opened(live_page, figure, how)
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
    assert complaints(visit) == []


def test_a_tap_acts_right_after_a_stroke_whose_end_was_fast(live_page, figure):
    visit = opened(live_page, figure, "touch")
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


def test_the_board_says_what_it_is_and_shows_its_cursor_to_the_keyboard_only(visit):
    board, box = canvas(visit)
    assert board.get_attribute("role") == "application" and board.get_attribute("tabindex") == "0"
    assert f"{HEIGHT} by {WIDTH} pixels. Arrow keys move a cursor" in board.get_attribute("aria-label")
    touch = "element => getComputedStyle(element).touchAction"
    assert board.evaluate(touch) == "none" and canvas(visit, "vanilla")[0].evaluate(touch) == "manipulation"

    def cursor_is_drawn():
        settle(visit)
        row, column = HEIGHT // 2, WIDTH // 2
        edge = min(box["width"] / WIDTH, box["height"] / HEIGHT)
        top = (box["height"] - edge * HEIGHT) / 2 + edge * row
        left = (box["width"] - edge * WIDTH) / 2 + edge * column
        script = """([x, y]) => {
          const panel = document.querySelector(".vae-live").stage.panels.board, ratio = devicePixelRatio;
          const [red, green, blue] = panel.context.getImageData(x * ratio, y * ratio, 1, 1).data;
          return blue > red + 60 && blue > green + 40;
        }"""
        return visit.page.evaluate(script, [left + edge / 2, top])

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


def test_the_pictures_show_x_and_what_is_restored(visit, truth):
    brush(visit, "mouse", (0, 0))
    hand = {0: not truth.flips(P)[0]}
    flips = truth.flips(P, hand=hand)
    seen = truth.see(START, flips, P)
    palette = visit.page.evaluate("document.querySelector('.vae-live').stage.colors")
    pink, orange = ([int(palette[name][at : at + 2], 16) for at in (1, 3, 5)] for name in ("pink", "orange"))

    def check(panel, values, marked, color):
        beside, middle = colors(visit, panel)
        expected = 255 * values[:, None].expand(-1, 3)
        assert (beside - expected).abs().max() <= 1.5, panel
        wanted = torch.where(marked[:, None], torch.tensor(color).double(), expected)
        assert (middle - wanted).abs().max() <= 1.5, panel

    check("board", seen["given"], flips, pink)
    white = {name: (values > 0.5).double() for name, values in seen["restored"].items()}
    for name, values in white.items():
        check(name, values, values != seen["x"], orange)
    visit.control("grey").click()
    settle(visit)
    for name, values in seen["restored"].items():
        check(name, values, white[name] != seen["x"], orange)
    check("board", seen["given"], flips, pink)


@pytest.mark.parametrize("how", HOWS)
def test_probabilities_are_shown_on_demand(live_page, figure, truth, how):
    visit = opened(live_page, figure, how)
    switch = visit.control("grey")
    switch.focus()
    visit.page.keyboard.press("Space") if how == "keyboard" else switch.tap() if how == "touch" else switch.click()
    settle(visit)
    values = truth.see(START, truth.flips(P), P)["restored"]["vanilla"]
    beside, _ = colors(visit, "vanilla", aside=0.3)
    off = (beside[:, 0] - 255 * values).abs().reshape(HEIGHT, WIDTH)
    assert off[1:-1, 1:-1].max() < 1.5  # around them is a line
    assert ((beside > 20) & (beside < 235)).any()  # something grey
    agree(visit, truth.numbers(START))  # wrong pixels are counted as before


def test_the_titles_count_wrong_pixels(visit, truth):
    slide(visit, "p", 0.7)
    settle(visit)
    expected = truth.numbers(START, float(visit.control("p").input_value()))
    for name, text in {"vanilla": "Vanilla", "denoising": "Denoising", "exact": "Exact posterior"}.items():
        title = visit.page.locator(f"[data-panel={name}] .title").inner_text()
        assert title.replace("\N{NO-BREAK SPACE}", " ") == f"{text}: {expected[f'wrong{name.capitalize()}']} wrong"


def test_each_plane_shows_both_codes_at_one_scale(visit, truth):
    slide(visit, "p", 0.6)
    settle(visit)
    p = float(visit.control("p").input_value())
    gaussians = truth.see(START, truth.flips(p), p)["gaussians"]
    spans = []
    for name, ((clean, sigma), (mu, own)) in gaussians.items():
        panel = f"{name}Plane"
        canvas(visit, panel)
        script = """name => {
          const {x, y, box} = document.querySelector(".vae-live").stage.panels[name];
          return [x.back(box.left), x.back(box.right), y.back(box.bottom), y.back(box.top)];
        }"""
        left, right, bottom, top = visit.page.evaluate(script, panel)
        spans += [right - left, top - bottom]
        assert ((left + right) / 2, (bottom + top) / 2) == pytest.approx(clean.tolist(), abs=1e-4)
        for middle, wide, color in ((clean, sigma, "text"), (mu, own, "pink")):
            for radius in (1, 2):
                (x, y), (right, up) = middle.tolist(), (radius * wide).tolist()
                places = [(x + right, y), (x - right, y), (x, y + up), (x, y - up)]
                assert left < x - right and x + right < spans[-1] + left and bottom < y - up and y + up < top
                assert all(painted(visit, panel, color, *places)) or color == "text", (name, color, radius)
        middle = (0.5 * (clean + mu)).tolist()
        if (mu - clean).norm() > 0.2 * spans[-1]:
            assert painted(visit, panel, "faint", middle) == [True]
    assert spans == pytest.approx([spans[0]] * 4, rel=1e-5)
    assert painted(visit, "vanillaPlane", "text", *[(x, y) for x, y in [edge_of(gaussians["vanilla"][0])]]) == [True]


def edge_of(gaussian):
    mu, sigma = gaussian
    return (mu[0] + 2 * sigma[0]).item(), mu[1].item()


# In the browser, digits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOWS)
def test_digits_come_when_they_are_asked_for(live_page, figure, digits, truth, digit_truth, how):
    visit = opened(live_page, figure, how)
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
        visit.page.keyboard.press("ArrowDown")
        visit.page.keyboard.press("ArrowDown")
    else:
        image.tap() if how == "touch" else image.click()
        visit.page.keyboard.press("Escape")
        image.select_option("3")
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
    assert visit.complaints == []


def load(visit):
    press(visit, "load", "mouse")
    visit.page.wait_for_function("document.querySelector('[data-control=image]').value === '1'")
    settle(visit)


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
def test_a_digit_is_brushed_and_drawn_as_it_is(live_page, figure, digit_truth, how):
    visit = opened(live_page, figure, how)
    load(visit)
    visit.control("image").select_option("20")
    shape = (EDGE, EDGE)
    brush(visit, how, (10, 3), (10, 10), shape=shape)
    flipped = not digit_truth.flips(P)[pixel(10, 3, EDGE)]
    hand = {pixel(10, column, EDGE): bool(flipped) for column in range(3, 11)}
    agree(visit, digit_truth.numbers(19, hand=hand))
    seen = digit_truth.see(19, digit_truth.flips(P, hand=hand), P)
    beside, _ = colors(visit, "board", shape)
    assert torch.equal(beside[:, 0], (255 * seen["given"]).long())
    beside, _ = colors(visit, "denoising", shape, aside=0.3)
    assert torch.equal(beside[:, 0], (255 * (seen["restored"]["denoising"] > 0.5)).long())
    label = canvas(visit)[0].get_attribute("aria-label")
    assert f"{EDGE} by {EDGE} pixels" in label
    press(visit, "clean", "mouse")
    agree(visit, digit_truth.numbers(19, 0))


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


# On a phone -----------------------------------------------------------------------------------------------------------


def test_on_a_phone_the_brush_and_what_is_restored_are_in_view_together(live_page, figure):
    visit = opened(live_page, figure, "touch")
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


def test_a_finger_scrolls_the_page_everywhere_but_on_the_board(live_page, figure):
    visit = opened(live_page, figure, "touch")
    box = canvas(visit, "vanillaPlane")[1]
    before = visit.page.evaluate("scrollY")
    session = visit.page.context.new_cdp_session(visit.page)
    x, y = box["x"] + 100, box["y"] + 200
    for kind, down in [("touchStart", 0), ("touchMove", 40), ("touchMove", 90), ("touchMove", 140)]:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y + down}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    visit.page.wait_for_timeout(300)
    assert visit.page.evaluate("scrollY") < before
