"""The plane of squares: a code to drag, an image to flip pixels of, and the numbers beside them."""

from itertools import product

import pytest
import torch
from torch.nn import functional as F

from tests.browser import THEMES, WIDTHS
from tests.hands import HOWS, drag, keys, point_at, press, slide
from vaebook import live
from vaebook.data import all_rectangles, rectangles
from vaebook.distributions import kl_standard_normal
from vaebook.live.squares import product_rule, sizes_of
from vaebook.live.weights import with_rounded_weights
from vaebook.models import ModularVAE
from vaebook.objectives import negative_elbo
from vaebook.training import fit, seeded

SMALL = {"image_shape": (12, 12), "height": 5, "width": 5}
RULE = product_rule(5)


@pytest.fixture(scope="module")
def model():
    seeded(0)
    model = ModularVAE(144, [40, 32], 2)
    x = rectangles(20_000, **SMALL, generator=torch.Generator().manual_seed(1)).images
    fit(model, negative_elbo, x, epochs=5, batch_size=100, generator=torch.Generator().manual_seed(2))
    return model


@pytest.fixture(scope="module")
def squares():
    return all_rectangles(**SMALL)


@pytest.fixture(scope="module")
def figure(model, squares):
    return live.squares(model, squares)


@pytest.fixture(scope="module")
def rounded(model):
    return with_rounded_weights(model)


def set_to(visit, *names):
    return [int(visit.control(name).input_value()) for name in names]


def image_at(corner, flips=()):
    """A square with its upper left pixel at (row, column), and flipped pixels."""
    image = torch.zeros(12, 12)
    row, column = corner
    image[row : row + 5, column : column + 5] = 1
    for pixel in flips:
        image[pixel] = 1 - image[pixel]
    return image.reshape(1, 144)


@torch.no_grad()
def terms(model, x):
    """mu, sigma, and the -ELBO in its parts by the same rule as in the page."""
    mu, logvar = model.encode(x)
    sigma, noise = (0.5 * logvar).exp(), torch.tensor(RULE["noise"]).float()
    logits = model.decode(mu + sigma * noise)
    losses = F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(1)
    reconstruction, kl = (torch.tensor(RULE["weights"]).float() @ losses).item(), kl_standard_normal(mu, logvar).item()
    found = {"mu1": mu[0, 0], "mu2": mu[0, 1], "sigma1": sigma[0, 0], "sigma2": sigma[0, 1]}
    return {"kl": kl, "reconstruction": reconstruction, "loss": kl + reconstruction} | {
        k: v.item() for k, v in found.items()
    }


def shows_image(visit, model, corner, flips=()):
    """The picked square and all numbers of the image with these pixels flipped."""
    visit.page.wait_for_timeout(80)
    assert tuple(set_to(visit, "squareRow", "squareColumn")) == corner and visit.number("flips") == len(flips)
    clean, right = terms(model, image_at(corner)), terms(model, image_at(corner, flips))
    for name, value in right.items():
        assert visit.number(name) == pytest.approx(value, abs=0.006 if name in clean and len(name) > 6 else 0.02), name
    for name in ("loss", "kl", "reconstruction"):
        assert visit.number(f"{name}Change") == pytest.approx(right[name] - clean[name], abs=0.03), name


@torch.no_grad()
def shows_code(visit, model, z):
    visit.page.wait_for_timeout(80)
    at = torch.tensor([[visit.number("z1"), visit.number("z2")]])
    assert at[0].tolist() == pytest.approx(z, abs=0.04)
    logits = model.decode(at)[0]
    losses = [
        F.binary_cross_entropy_with_logits(logits, image_at(place)[0], reduction="sum")
        for place in product(range(8), range(8))
    ]
    row, column = divmod(int(torch.stack(losses).argmin()), 8)
    assert (visit.number("row"), visit.number("column")) == (row, column)
    assert visit.number("wrong") == ((logits > 0) != image_at((row, column))[0].bool()).sum().item()


START = (8 // 3, 8 // 3)
FLIPPED = (START[0] + 2, START[1] + 5)


@pytest.mark.parametrize("theme, width", list(product(THEMES, WIDTHS)))
def test_it_starts_with_the_code_0_and_a_square_with_one_flipped_pixel(live_page, figure, rounded, theme, width):
    visit = live_page(figure, theme=theme, width=width)
    shows_code(visit, rounded, [0, 0])
    shows_image(visit, rounded, START, [FLIPPED])
    assert visit.complaints == [] and visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)


def test_the_code_moves_by_keyboard(live_page, figure, rounded):
    visit = live_page(figure)
    keys(visit, "z1", *["ArrowRight"] * 5)
    shows_code(visit, rounded, [0.1, 0.0])
    keys(visit, "z2", "Home")
    shows_code(visit, rounded, [0.1, float(visit.control("z2").get_attribute("min"))])
    shows_image(visit, rounded, START, [FLIPPED])  # and the image stays


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_the_code_is_put_and_dragged_on_the_plane(live_page, figure, rounded, how):
    visit = live_page(figure, has_touch=how == "touch")
    point_at(visit, "plane", 1.0, -1.5, how)
    shows_code(visit, rounded, [1.0, -1.5])
    assert float(visit.control("z2").input_value()) == pytest.approx(-1.5, abs=0.04)
    drag(visit, "plane", (1.0, -1.5), (-1.0, 0.5), how)
    shows_code(visit, rounded, [-1.0, 0.5])
    slide(visit, "z1", 0.0, how)
    assert visit.number("z1") == pytest.approx(float(visit.control("z1").get_attribute("min")), abs=0.05)


def test_a_finger_that_moves_beside_the_code_changes_nothing(live_page, figure, rounded):
    visit = live_page(figure, has_touch=True, width=360)
    drag(visit, "plane", (1.5, -2.0), (1.5, 1.0), "touch")
    shows_code(visit, rounded, [0, 0])


@pytest.mark.parametrize("how", HOWS)
def test_the_code_goes_to_the_mean_of_the_image(live_page, figure, rounded, how):
    visit = live_page(figure, has_touch=how == "touch")
    press(visit, "toMean", how)
    right = terms(rounded, image_at(START, [FLIPPED]))
    shows_code(visit, rounded, [right["mu1"], right["mu2"]])


def test_a_square_is_picked_by_keyboard_and_by_pointer(live_page, figure, rounded):
    visit = live_page(figure, has_touch=True)
    press(visit, "undo", "mouse")
    keys(visit, "squareRow", "ArrowRight", "ArrowRight")
    shows_image(visit, rounded, (4, 2))
    keys(visit, "squareColumn", "End")
    shows_image(visit, rounded, (4, 7))
    slide(visit, "squareRow", 1.0, "mouse")
    shows_image(visit, rounded, (7, 7))
    slide(visit, "squareColumn", 0.0, "touch")
    shows_image(visit, rounded, (7, 0))


@pytest.mark.parametrize("how", HOWS)
def test_a_pixel_is_flipped_by_a_button_and_flipped_back(live_page, figure, rounded, how):
    visit = live_page(figure, has_touch=how == "touch")
    press(visit, "undo", how)
    shows_image(visit, rounded, START)
    keys(visit, "pixelRow", "Home")
    keys(visit, "pixelColumn", "Home", "ArrowRight")
    press(visit, "flip", how)
    shows_image(visit, rounded, START, [(0, 1)])
    assert "row 0, column 1" in visit.page.locator(".status").inner_text()
    press(visit, "flip", how)
    shows_image(visit, rounded, START)


PIXEL = """([row, column]) => {
  const {image} = document.querySelector(".vae-live").stage.panels, frame = image.canvas.getBoundingClientRect();
  const {left, top, edge} = image.pixels;
  return [frame.left + left + (column + 0.5) * edge, frame.top + top + (row + 0.5) * edge];
}"""


@pytest.mark.parametrize("how, width", [("mouse", 1280), ("touch", 360)])
def test_a_pixel_is_flipped_on_the_image(live_page, figure, rounded, how, width):
    visit = live_page(figure, has_touch=how == "touch", width=width)
    press(visit, "undo", how)
    flips = [(9, 2), (3, 3)]
    for count, pixel in enumerate(flips, start=1):
        visit.page.locator("[data-panel=image]").scroll_into_view_if_needed()
        place = visit.page.evaluate(PIXEL, list(pixel))
        visit.page.touchscreen.tap(*place) if how == "touch" else visit.page.mouse.click(*place)
        shows_image(visit, rounded, START, flips[:count])
        assert tuple(set_to(visit, "pixelRow", "pixelColumn")) == pixel


def test_the_tiles_are_what_the_decoder_draws_at_each_code(live_page, figure, rounded, squares):
    visit = live_page(figure)
    visit.page.wait_for_function("document.querySelector('.vae-live').stage.tiles.complete", timeout=30_000)
    places, codes = visit.page.evaluate(
        """() => {
          const {tiles} = document.querySelector(".vae-live").stage, {count, places} = tiles;
          const cells = [...places.keys()].filter(cell => cell % 7 === 0);
          const codeOf = cell => tiles.codeAt(Math.floor(cell / count), cell % count);
          return [cells.map(cell => places[cell]), cells.map(codeOf)];
        }"""
    )
    with torch.no_grad():
        right = (rounded.decode(torch.tensor(codes)) @ squares.images.T).argmax(1)
    assert (torch.tensor(places) == right).float().mean() > 0.999 and len(set(places)) > 40
    assert visit.page.evaluate("document.querySelector('.vae-live').stage.running") is None
    corner = torch.tensor(codes[0])  # the first cell is the upper left one
    assert corner[0] < -3 and corner[1] > 3


def test_the_figure_knows_what_rounding_costs_and_says_it(figure, model):
    assert abs(figure.shift) <= 0.2 and f"{abs(figure.shift):.2f} nats on 1,000 squares" in figure._repr_html_()
    assert next(model.parameters()).dtype == torch.float32


def test_quadrature_weights_add_up_to_one_and_have_the_moments_of_a_normal():
    noise, weights = (torch.tensor(RULE[name], dtype=torch.float64) for name in ("noise", "weights"))
    assert weights.sum().item() == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close((weights[:, None] * noise).T @ noise, torch.eye(2).double(), rtol=0, atol=1e-9)


def test_squares_of_several_sizes_and_other_codes_are_refused(squares):
    assert sizes_of(squares) == (12, 12, 5)
    with pytest.raises(ValueError, match="squares must have one size, as high as wide, got heights"):
        live.squares(ModularVAE(144, [8], 2), all_rectangles(image_shape=(12, 12), height=4, width=5))
    with pytest.raises(ValueError, match="model must have latent_dims 2, got 3"):
        live.squares(ModularVAE(144, [8], 3), squares)
