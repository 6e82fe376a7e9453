"""The digit board's mathematics, run by V8: ink, centring, pictures, ranks and alarms, against NumPy and PyTorch."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from py_mini_racer import MiniRacer
from torch.nn import functional as F

import vaebook.live
from tests.strokes import DIGITS, mnist_digits, placed, scikit_digits, small_board
from vaebook import live
from vaebook.live.board import as_bits, thousandths
from vaebook.live.centring import BOX, FINE, INK, MIDDLE, SIDE, centred_coverage, coverage, seen
from vaebook.live.random import Generator
from vaebook.live.weights import with_rounded_weights
from vaebook.objectives import negative_elbo

FOLDER = Path(vaebook.live.__file__).parent
FILES = ("maths.js", "images.js", "board_maths.js")


@pytest.fixture(scope="module")
def v8():
    """Evaluates an expression over `maths`, `board` and some named values; arrays come back as lists."""
    engine = MiniRacer()
    script = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in FILES)
    engine.eval(f"{script}; const maths = vaeMaths, {{board}} = vaeMaths;")
    engine.eval("const plain = (_, value) => ArrayBuffer.isView(value) ? [...value] : value;")

    def evaluate(code, **values):
        given = ", ".join(json.dumps(value) for value in values.values())
        body = code if "return" in code else f"return {code}"
        return json.loads(engine.eval(f"JSON.stringify((({', '.join(values)}) => {{ {body} }})({given}), plain)"))

    return evaluate


INKED = """const ink = new Uint8Array(board.INK ** 2);
  for (const {points, width, value = 1} of strokes) {
    points.forEach((point, i) => board.stroke(ink, points[Math.max(0, i - 1)], point, width, value));
  }"""


def scribbles(count):
    """Drawings: digits of all sizes and places, with pens of all widths, some with a second one, or partly erased."""
    random = np.random.default_rng(0)
    for number in range(count):
        strokes = []
        for digit in random.choice(10, size=random.choice([1, 1, 1, 2]), replace=False):
            size, left, top = random.uniform(1, 30), random.uniform(-3, 20), random.uniform(-3, 20)
            width = int(random.integers(2, 5))
            strokes += [{"points": points, "width": width} for points in placed(int(digit), size, left, top)]
        if number % 4 == 0:
            strokes.append({"points": random.uniform(0, 28, (3, 2)).tolist(), "width": 2.5, "value": 0})
        yield strokes


def drawn(v8, strokes):
    ink, whole, centred = v8(INKED + "return [ink, board.seen(ink, 0), board.seen(ink, 1)]", strokes=strokes)
    return np.array(ink).reshape(INK, INK), *(np.array(x).reshape(SIDE, SIDE) for x in (whole, centred))


@pytest.fixture(scope="module")
def drawings(v8):
    """Ink, and what the page makes of it: as it lies, and centred."""
    return [drawn(v8, strokes) for strokes in scribbles(150)]


# Ink.


def test_a_stroke_inks_what_lies_within_half_its_width_of_the_line(v8):
    rows, columns = (np.mgrid[:INK, :INK] + 0.5) / FINE
    for start, end, width in [((3, 4), (20, 9), 2.5), ((5, 25), (5, 25), 3.5), ((27, -4), (1, 31), 1.5)]:
        (x0, y0), direction = start, np.subtract(end, start)
        along = ((columns - x0) * direction[0] + (rows - y0) * direction[1]) / max(direction @ direction, 1)
        along = along.clip(0, 1)
        apart = np.hypot(columns - x0 - along * direction[0], rows - y0 - along * direction[1])
        ink, *_ = drawn(v8, [{"points": [start, end], "width": width}])
        clear = abs(apart - width / 2) > 1e-9
        assert (ink == (apart <= width / 2))[clear].all() and 0 < ink.sum() < INK**2


def test_the_eraser_takes_away_what_the_pen_would_draw_and_no_more(v8):
    line = {"points": [(4, 4), (20, 22)], "width": 3.5}
    across = {"points": [(20, 3), (5, 24)], "width": 1.5}
    both, (one, *_), (other, *_) = (drawn(v8, strokes) for strokes in ([line, across | {"value": 0}], [line], [across]))
    assert (both[0] == one * (1 - other)).all() and 0 < both[0].sum() < one.sum()


# Centring.


def test_what_the_model_sees_is_the_same_in_python_to_a_pixel(drawings):
    apart = [[(seen(ink, is_centred) != x).sum() for is_centred, x in enumerate(pair)] for ink, *pair in drawings]
    assert np.max(apart, 0)[0] == 0 and np.max(apart, 0)[1] <= 1, apart
    assert len({x.tobytes() for ink, *_, x in drawings}) > 140


def test_coverage_is_the_same_in_python(v8, drawings):
    for ink, *_ in drawings[:10]:
        for code, right in (
            ("board.centredCoverage(Uint8Array.from(ink))", centred_coverage(ink)),
            ("board.coverage(Uint8Array.from(ink), 0.31, -2.3, 1.7)", coverage(ink, 0.31, -2.3, 1.7)),
        ):
            found = v8(code, ink=ink.ravel().tolist())
            np.testing.assert_allclose(np.reshape(found, (SIDE, SIDE)), right, atol=1e-12)


def test_not_centred_a_pixel_is_lit_if_more_than_half_of_it_is_inked(drawings):
    for ink, whole, _ in drawings:
        assert (whole == (ink.reshape(SIDE, FINE, SIDE, FINE).sum((1, 3)) > FINE**2 / 2)).all()


def test_centred_ink_fills_a_box_of_20_pixels_in_its_shape_with_its_mass_in_the_middle(drawings):
    lines, checked = np.arange(SIDE) + 0.5, 0
    for ink, *_ in drawings:
        rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
        before = np.array([np.ptp(rows) + 1, np.ptp(columns) + 1])
        grey = centred_coverage(ink)
        scale = BOX / max(before.max(), 7 * FINE)
        if abs(grey.sum() - scale**2 * ink.sum()) > 1e-6:
            continue  # some of it lies outside of the picture
        checked += 1
        assert [grey.sum(axis) @ lines / grey.sum() for axis in (1, 0)] == pytest.approx([MIDDLE, MIDDLE], abs=0.1)
        for axis, length in zip((1, 0), before * scale, strict=True):
            lit = np.flatnonzero(grey.sum(axis) > 1e-9)
            assert length <= np.ptp(lit) + 1 < length + 2
    assert checked > 100


@pytest.mark.parametrize("size, left, top", [(20, 7, 4), (26, 4, 1), (13, 14, 14), (14, 0, 0)])
def test_drawn_digits_are_centred_as_those_of_mnist_are(v8, size, left, top):
    """Of MNIST's test digits, thresholded, 98% are 20 long. Grey, their centres are in pixel 14, 14, up to half a pixel
    from its middle; the threshold moves them by a third of a pixel more."""
    lines = np.arange(SIDE) + 0.5
    for digit in DIGITS:
        strokes = [{"points": points, "width": size / 8} for points in placed(digit, size, left, top)]
        ink, _, x = drawn(v8, strokes)
        extent = max(np.ptp(np.flatnonzero(x.any(axis))) + 1 for axis in (0, 1))
        assert abs(extent - 20) <= 1, digit
        for picture, within in ((centred_coverage(ink), 0.1), (x, 0.75)):
            centre = [picture.sum(axis) @ lines / picture.sum() for axis in (1, 0)]
            assert centre == pytest.approx([14.5, 14.5], abs=within), digit


def test_where_it_was_drawn_does_not_matter_once_it_is_centred(v8):
    there, here = (
        drawn(v8, [{"points": points, "width": 2.5} for points in placed(5, 16, left, top)])
        for left, top in [(1.5, 2.25), (11.75, 9.5)]  # by whole steps of the ink
    )
    assert (there[2] != here[2]).sum() <= 1 and (there[1] != here[1]).sum() > 40


def test_a_dot_that_begins_a_drawing_does_not_fill_the_box(v8):
    """It is enlarged as a drawing of 7 pixels is, so that it grows into the digit without a jump."""
    lit = [
        drawn(v8, [{"points": [(5, 5), (5, 5 + length)], "width": 3}])[2].any(1).sum() for length in (0, 1, 4, 5, 20)
    ]
    assert lit[0] == pytest.approx(3 * 20 / 7, abs=1) and lit[1] == pytest.approx(4 * 20 / 7, abs=1)
    assert lit[2:] == pytest.approx([20, 20, 20], abs=1)


def test_a_blank_board_is_blank_and_a_full_one_stays_in_its_box(v8):
    assert not any(x.any() for x in drawn(v8, []))
    full = v8("board.seen(new Uint8Array(board.INK ** 2).fill(1), 1)")
    lit = np.reshape(full, (SIDE, SIDE)) == 1
    assert (lit == seen(np.ones((INK, INK)), True)).all() and abs(lit.sum() - 20 * 20) <= 41


def test_a_picture_as_ink_is_seen_as_it_was(v8):
    x = np.random.default_rng(0).integers(0, 2, SIDE**2).tolist()
    ink, back = v8("const ink = board.inkOf(x); return [ink, board.seen(ink, 0)]", x=x)
    assert back == x
    assert np.reshape(ink, (INK, INK)).tolist() == np.kron(np.reshape(x, (SIDE, SIDE)), np.ones((FINE, FINE))).tolist()


# Anomalies, ranks, alarms.


def test_anomalies_are_those_of_the_chapter(v8):
    x = torch.cat([scikit_digits()[1][:3], torch.ones(1, 784)])
    image = F.pad(x.reshape(-1, 28, 28), (4, -4, 4, -4)).flatten(1)
    below = torch.arange(784) >= 392
    right = {"shift": image, "invert": 1 - x, "eraseHalf": x.masked_fill(below, 0), "blank": torch.zeros_like(x)}
    for name, images in right.items():
        found = v8(f"x.map(row => board.anomalies.{name}(Float32Array.from(row)))", x=x.tolist())
        assert torch.equal(torch.tensor(found, dtype=x.dtype), images), name
    noise = v8(
        "const source = new maths.Generator(5); return x.map(row => board.anomalies.noise(row, source))", x=x.tolist()
    )
    assert noise == (Generator(5).uniforms(4 * 784) > 0.5).astype(int).reshape(4, 784).tolist()


@pytest.mark.parametrize("count", [500, 1797, 10_000])
def test_a_rank_is_the_share_that_costs_no_more_rounded_down(v8, count):
    values = torch.rand(count, generator=torch.Generator().manual_seed(0)).double() * 100 + 50
    table = thousandths(values)
    costs = torch.cat([values[:500], torch.linspace(40, 160, 500)])
    found = v8("costs.map(cost => board.rank(table, cost))", costs=costs.tolist(), table=table.tolist())
    exact = [int((values <= cost).sum()) * 1000 // count for cost in costs]
    off = np.subtract(found, exact)  # a thousandth of a nat in a hundred is a fiftieth of a thousandth
    assert (off >= 0).all() and off.max() <= max(1, 1000 / count) and (off == 0).mean() > 0.95
    assert v8("[board.rank(table, 0), board.rank(table, 1e9)]", table=table.tolist()) == [0, 1000]


def test_a_rank_counts_equal_costs(v8):
    found = v8("costs.map(cost => board.rank([1, 2, 2, 4], cost))", costs=[0.5, 1, 1.5, 2, 3, 4, 5])
    assert found == [0, 1, 1, 3, 3, 4, 4]


@pytest.fixture(scope="module", params=[scikit_digits, mnist_digits], ids=["scikit-learn", "MNIST"])
def source(request):
    """What gives the digits; all below holds on the book's own data, too."""
    request.param()
    return request.param


@pytest.fixture(scope="module")
def figure(source):
    x_train, x_test, labels = source()
    model, threshold = small_board(source)
    return live.board(model, x_train, x_test, threshold, x_test[:20], labels[:20])


@torch.no_grad()
def right_costs(source, x):
    """Reconstruction, KL and -ELBO of each row, by the package, with the ten draws of the page's seed."""
    rounded = with_rounded_weights(small_board(source)[0], source()[0]).double()
    noise = torch.tensor(Generator(2).normals(60)).reshape(10, 1, 6)
    return negative_elbo(rounded, x.double(), noise.expand(-1, len(x), -1))


COSTS = """const vae = new maths.BernoulliVAE(weights, settings.layers), source = new maths.Generator(settings.seed);
  const noise = Array.from({length: settings.draws}, () => [...source.normals(vae.latentDims)]);
  return x.map(bits => {
    const {loss, kl, reconstruction} = vae.negativeElbo(board.fromBits(bits, 784), noise);
    const rank = board.rank(settings.percentiles, loss);
    return {loss, kl, reconstruction, rank, alarm: loss > settings.threshold};
  })"""


def test_costs_percentiles_and_alarms_are_those_of_pytorch(v8, source, figure):
    """On 200 digits, shifted, inverted, and noise: -ELBO to a thousandth, percentile to 0.1%, and each verdict."""
    x_test = source()[1]
    digits = x_test[250:450]  # none of them has set the threshold
    shifted = F.pad(digits.reshape(-1, 28, 28), (4, -4, 4, -4)).flatten(1)
    noise = (torch.rand(40, 784, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    x = torch.cat([digits, shifted, noise, 1 - x_test[:40], torch.zeros(1, 784)])
    found = v8(COSTS, weights=figure.weights, settings=figure.settings, x=[as_bits(row) for row in x])
    right, among = right_costs(source, x), right_costs(source, x_test)["loss"]
    for name in ("loss", "kl", "reconstruction"):
        np.testing.assert_allclose([each[name] for each in found], right[name], rtol=2e-6, atol=1e-3)
    exact = [100 * (among <= loss).double().mean().item() for loss in right["loss"]]
    assert [each["rank"] / 10 for each in found] == pytest.approx(exact, abs=0.21)  # 500 digits: 0.2% each
    alarms = (right["loss"] > small_board(source)[1]).tolist()
    assert [each["alarm"] for each in found] == alarms
    false, shifts, others = np.mean(alarms[:200]), np.mean(alarms[200:400]), alarms[400:480]
    assert 0.01 < false < 0.15 and 0.5 < shifts and all(others)


def test_the_percentiles_rank_each_digit_of_the_test_data_to_a_tenth_of_a_percent(v8, source, figure):
    x_test = source()[1]
    found = v8(COSTS, weights=figure.weights, settings=figure.settings, x=[as_bits(row) for row in x_test])
    order = right_costs(source, x_test)["loss"].argsort().argsort()
    assert [each["rank"] for each in found] == pytest.approx((2 * (order + 1)).tolist(), abs=2)
    assert np.mean([each["rank"] == 2 * (place + 1) for each, place in zip(found, order.tolist(), strict=True)]) > 0.98


def test_the_verdicts_are_those_of_the_model_before_rounding_but_for_the_closest(source, figure):
    """The chapter's own: its model, a code for each digit drawn by PyTorch."""
    model, threshold = small_board(source)
    x = source()[1]
    with torch.no_grad():
        chapter = negative_elbo(model, x, torch.randn(1, 500, 6, generator=torch.Generator().manual_seed(9)))["loss"]
    ours = right_costs(source, x)["loss"]
    assert ((chapter > threshold) == (ours > threshold)).double().mean() > 0.95
    assert abs(figure.shift) < 0.3
