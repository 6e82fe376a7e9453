"""The mathematics of chapter 3's mixture, run by V8, against PyTorch, its mixtures and exact sums."""

import itertools
import json
import math
from collections import Counter
from pathlib import Path

import pytest
import torch
from py_mini_racer import MiniRacer
from torch.distributions import Independent, Normal

import vaebook.live
from tests.mixtures import FIRST_SEED, P, Truth, denoising_model, losses_in_groups, mixture_of
from vaebook.data import all_rectangles
from vaebook.live import mixture_stills
from vaebook.live.random import Generator
from vaebook.live.weights import packed, with_rounded_weights
from vaebook.models import BernoulliVAE
from vaebook.objectives import log_joint

FOLDER = Path(vaebook.live.__file__).parent
FILES = ["maths.js", "images.js", "mixture_maths.js"]


@pytest.fixture(scope="module")
def v8():
    """Evaluates code over `maths`, `all` (which runs a generator to its end) and some named values."""
    engine = MiniRacer()
    engine.eval("\n".join((FOLDER / name).read_text(encoding="utf-8") for name in FILES))
    engine.eval("const maths = vaeMaths, plain = (_, value) => ArrayBuffer.isView(value) ? [...value] : value;")
    engine.eval("const all = work => { let next; do next = work.next(); while (!next.done); return next.value; };")

    def evaluate(code, **values):
        given = ", ".join(map(json.dumps, values.values()))
        body = code if "return" in code else f"return {code}"
        return json.loads(engine.eval(f"JSON.stringify((({', '.join(values)}) => {{ {body} }})({given}), plain)"))

    return evaluate


@pytest.fixture(scope="module")
def truth():
    return Truth()


@pytest.fixture(scope="module")
def model():
    """The model's weights and layers, as a page gets them."""
    text, layers = packed(denoising_model())
    return {"text": text, "layers": layers}


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def same(found, expected, rtol=0.0, atol=1e-12):
    torch.testing.assert_close(double(found), expected.double(), rtol=rtol, atol=atol)


CORRUPT = """const vae = new maths.BernoulliVAE(text, layers), noise = new maths.Noise(seed, x.length, 1);
const image = Float32Array.from(x), gaussians = Array.from({length: count}, (_, m) =>
  maths.corrupt(vae, image, p, noise.of(m)));
"""


def corrupted(v8, model, x, p, count, seed=FIRST_SEED, code="return gaussians"):
    return v8(CORRUPT + code, **model, x=x.tolist(), p=p, count=count, seed=seed)


# Squares and noise ----------------------------------------------------------------------------------------------------


def test_a_square_is_that_of_the_data_at_its_row_and_column(v8):
    height, width, side = 6, 9, 4
    images = all_rectangles(image_shape=(height, width), height=side, width=side).images
    places = [*itertools.product(range(height - side + 1), range(width - side + 1))]
    same(v8("places.map(place => maths.squareAt(place, 4, [6, 9]))", places=places), images)


def test_noise_is_that_of_the_two_generators_in_pairs_of_both_signs(v8):
    found = v8("const noise = new maths.Noise(3, 5, 2); return [0, 1, 2].map(m => noise.of(m))")
    same([each["uniforms"] for each in found], double(Generator(6).uniforms(15)).reshape(3, 5))
    normals = double(Generator(7).normals(12)).reshape(3, 2, 2)
    same([each["codes"] for each in found], torch.stack([normals, -normals], 2).flatten(1, 2), atol=1e-9)


def test_noise_of_a_corruption_is_the_same_whatever_was_asked_for_before(v8):
    code = "const noise = new maths.Noise(4, 7, 1); return asked.map(m => noise.of(m))"
    in_order, mixed = v8(code, asked=[0, 1, 2, 3]), v8(code, asked=[3, 0, 2, 2, 1])
    assert [mixed[place] for place in (1, 4, 2, 0)] == in_order and mixed[2] == mixed[3]
    assert len({json.dumps(each) for each in in_order}) == 4


def test_each_seed_has_noise_of_its_own(v8):
    found = v8("[1, 2, 3].map(seed => new maths.Noise(seed, 6, 1).of(0))")
    drawn = [tuple(numbers) for each in found for numbers in (each["uniforms"], each["codes"][0])]
    assert len(set(drawn)) == 6


@pytest.mark.parametrize("place, p", [((3, 3), P), ((0, 5), 0.3), ((6, 1), 0)])
def test_gaussians_and_codes_are_those_of_the_model_for_copies_with_flips(v8, model, truth, place, p):
    copies, mu, sigma, z = truth.gaussians(place, p, 6)
    found = corrupted(v8, model, truth.x(place), p, 6)
    assert [each["flips"] for each in found] == (copies != truth.x(place)).sum(1).tolist()
    assert double([each["image"] for each in found]).equal(copies)
    for name, expected in {"mu": mu, "sigma": sigma, "logvar": 2 * sigma.log(), "codes": z}.items():
        same([each[name] for each in found], expected, rtol=1e-5, atol=1e-5)


def test_the_stills_have_the_same_copies_gaussians_and_codes(truth):
    with torch.no_grad():
        found = mixture_stills.corruptions(truth.model, truth.x((0, 5)), P, 6, FIRST_SEED, 1)
    for came, expected in zip(found, truth.gaussians((0, 5), P, 6), strict=True):
        torch.testing.assert_close(came, expected, rtol=0, atol=1e-9)


def test_pixels_flip_one_by_one_as_p_grows_and_more_copies_leave_the_first_alone(v8):
    code = """const noise = new maths.Noise(1, 400, 1), vae = {encode: x => ({mu: [...x], logvar: []})};
    return ps.map(p => Array.from({length: count}, (_, m) => (
      maths.corrupt(vae, new Float32Array(400), p, noise.of(m)))).map(({mu, flips}) => ({mu, flips})))"""
    ps = [0, 0.01, 0.05, 0.1, 0.2, 0.3, 1]
    found = v8(code, ps=ps, count=20)
    flipped = double([[each["mu"] for each in copies] for copies in found])  # of a black image
    assert (flipped.diff(dim=0) >= 0).all() and (flipped.diff(dim=0) > 0).any(dim=2)[1:].all()
    assert flipped.sum(2).tolist() == [[each["flips"] for each in copies] for copies in found]
    for p, share in zip(ps, flipped.mean((1, 2)), strict=True):
        assert abs(share - p) <= 4 * math.sqrt(p * (1 - p) / 8000)
    assert [copies[:5] for copies in found] == v8(code, ps=ps, count=5)


# The two bounds -------------------------------------------------------------------------------------------------------

LOSSES = """for (const gaussian of gaussians) gaussian.logJoints = gaussian.codes.map(z => maths.logJoint(vae, z, x));
return all(maths.mixtureLosses(gaussians))"""


def test_the_joint_density_of_code_and_image_is_the_models(v8, model, truth):
    x, z = truth.images[9], double([[0.0, 0.0], [0.4, -1.1], [2.5, 0.3]])
    found = v8(
        "const vae = new maths.BernoulliVAE(text, layers); return z.map(z => maths.logJoint(vae, z, x))",
        **model,
        z=z.tolist(),
        x=x.tolist(),
    )
    with torch.no_grad():
        same(found, log_joint(truth.model, z[:, None], x[None])[:, 0], rtol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 16, 128])
def test_both_estimates_are_those_of_pytorchs_mixtures_in_groups_of_each_size(v8, model, truth, count):
    found = corrupted(v8, model, truth.x((2, 4)), P, count, code=LOSSES)
    assert [each["size"] for each in found] == [2**power for power in range(int(math.log2(count)) + 1)]
    for each in found:
        kept, left_out = truth.losses((2, 4), P, count)[each["size"]]
        assert each["kept"] == pytest.approx(kept, rel=1e-5)
        if each["size"] == 1:
            assert each["leftOut"] is None  # nothing is left: minus infinity
        else:
            assert each["leftOut"] == pytest.approx(left_out, rel=1e-5)


def test_both_estimates_hold_for_any_gaussians_and_any_number_of_codes(v8):
    """Far apart, some so narrow that others' densities vanish there, with random costs of the codes."""
    generator = torch.Generator().manual_seed(3)
    mu, logvar = 4 * torch.randn(2, 8, 2, generator=generator, dtype=torch.float64)
    z = mu[:, None] + (0.5 * logvar).exp()[:, None] * torch.randn(8, 6, 2, generator=generator).double()
    log_p = torch.randn(8, 6, generator=generator).double()
    given = zip(mu.tolist(), logvar.tolist(), z.tolist(), log_p.tolist(), strict=True)
    gaussians = [dict(zip(("mu", "logvar", "codes", "logJoints"), each, strict=True)) for each in given]
    found = v8("all(maths.mixtureLosses(gaussians))", gaussians=gaussians)
    expected = losses_in_groups(mu, (0.5 * logvar).exp(), z, log_p)
    for each in found:
        assert each["kept"] == pytest.approx(expected[each["size"]][0], rel=1e-9)
        assert each["size"] == 1 or each["leftOut"] == pytest.approx(expected[each["size"]][1], rel=1e-9)
    assert expected[8][1] < expected[8][0] - 5


def test_with_one_gaussian_the_loss_is_3_6(v8, model, truth):
    """A copy's KL and expected likelihood, each with its formula and many codes, against the average of log q / p."""
    x, count = truth.x((2, 4)), 128
    _, mu, sigma, _ = truth.gaussians((2, 4), P, count)
    with torch.no_grad():
        kl = 0.5 * (mu**2 + sigma**2 - 1 - 2 * sigma.log()).sum(1)
        z = mu + sigma * torch.randn(2000, count, 2, generator=torch.Generator().manual_seed(0)).double()
        loss = (kl - truth.model.log_likelihood(z, x.expand(count, -1)).mean(0)).mean().item()
    found = [corrupted(v8, model, x, P, count, code=LOSSES)[0]["kept"]]
    assert found[0] == pytest.approx(loss, abs=0.5)  # two codes for each copy err by as much


def test_the_stills_have_the_same_estimates(truth):
    x = truth.x((2, 4))
    _, mu, sigma, z = truth.gaussians((2, 4), P, 32)
    with torch.no_grad():
        found = mixture_stills.estimates(truth.model, x, mu, sigma, z)
    for size, expected in truth.losses((2, 4), P, 32).items():
        assert found[size] == pytest.approx(expected, rel=1e-9)


def test_on_average_the_estimates_enclose_the_mixtures_loss_and_approach_it(v8):
    """Images of 9 pixels have 512 copies, so (3.3), (3.4) and (3.6) can be added up, codes on a grid."""
    torch.manual_seed(1)
    small = BernoulliVAE(9, [12], 2)
    small.encode[-1].mu.weight.data *= 4
    small.encode[-1].logvar.bias.data -= 2
    exact, p = with_rounded_weights(small).double(), 0.15
    x = all_rectangles(image_shape=(3, 3), height=2, width=2).images[1].double()
    copies = double([*itertools.product([0.0, 1.0], repeat=9)])
    k = (copies != x).sum(1)
    shares = p**k * (1 - p) ** (9 - k)  # (3.1)
    axis, step = torch.linspace(-6, 6, 241, dtype=torch.float64), 0.05
    z = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        mu, logvar = exact.encode(copies)
        log_q = Independent(Normal(mu, (0.5 * logvar).exp()), 1).log_prob(z[:, None])
        joint = log_joint(exact, z[:, None], x[None])[:, 0]
    mixed = (log_q.exp() * shares).sum(1)  # (3.3)
    assert mixed.sum().item() * step**2 == pytest.approx(1, abs=1e-3)
    mixture = (mixed * (mixed.log() - joint)).nansum().item() * step**2  # (3.4)
    trained = (shares * (log_q.exp() * (log_q - joint[:, None])).sum(0)).sum().item() * step**2  # (3.6)
    nll = -(joint.logsumexp(0).item() + 2 * math.log(step))
    assert nll < mixture < trained - 0.2  # (3.8), with 0.2 to spare

    text, layers = packed(small)
    of_seeds = [
        corrupted(v8, {"text": text, "layers": layers}, x, p, 128, seed=seed, code=LOSSES) for seed in range(50)
    ]
    sizes = {each["size"]: i for i, each in enumerate(of_seeds[0])}

    def average(name, size):
        values = double([losses[sizes[size]][name] for losses in of_seeds])
        return values.mean().item(), values.std().item() / math.sqrt(len(values))

    mean, error = average("kept", 1)
    assert abs(mean - trained) < 4 * error < 0.1
    kept, left_out = ([average(name, size) for size in (4, 16, 64, 128)] for name in ("kept", "leftOut"))
    for (high, high_error), (low, low_error) in zip(kept, left_out, strict=True):
        assert low - 4 * low_error < mixture < high + 4 * high_error
        assert max(high_error, low_error) < 0.02
    for estimates, sign in ((kept, 1), (left_out, -1)):  # each size is closer than the one before
        distances = [sign * (mean - mixture) for mean, _ in estimates]
        assert distances[0] > 0.05 and distances == sorted(distances, reverse=True)
    assert kept[-1][0] - left_out[-1][0] < 0.1


# The plane ------------------------------------------------------------------------------------------------------------

FOUND = {"mean": [0.1, -0.2], "sd": [0.2, 0.35]}


def test_the_posterior_is_that_of_pytorch_in_the_middle_of_each_cell(v8, model, truth):
    x = truth.x((4, 2))
    found = v8(
        """const work = maths.posteriorOn(new maths.BernoulliVAE(text, layers), x, found, grid);
        let steps = 0, next = work.next();
        for (; !next.done; next = work.next()) steps += 1;
        return {...next.value, steps}""",
        **model,
        x=x.tolist(),
        found=FOUND,
        grid={"count": 6, "reach": 4},
    )
    assert found["steps"] == 36 and found["count"] == 6  # a page can stop after each
    assert found["low"] == pytest.approx([0.1 - 0.8, -0.2 - 1.4]) and found["high"] == pytest.approx([0.9, 1.2])
    middles = [
        [0.1 + 0.2 * 4 * (2 * column - 5) / 6, -0.2 + 0.35 * 4 * (5 - 2 * row) / 6]
        for row, column in itertools.product(range(6), repeat=2)  # from the upper left
    ]
    with torch.no_grad():
        values = log_joint(truth.model, double(middles)[:, None], x[None])[:, 0]
    same(found["values"], values, rtol=1e-5)
    evidence = values.logsumexp(0).item() + math.log(1.6 / 6 * 2.8 / 6)
    assert found["logEvidence"] == pytest.approx(evidence, rel=1e-5)
    single = with_rounded_weights(denoising_model())
    with torch.no_grad():
        still, log_evidence = mixture_stills.posterior_on_grid(single, x.float(), FOUND, {"count": 6, "reach": 4})
    same(found["values"], still.flatten(), rtol=1e-5, atol=1e-4)
    assert found["logEvidence"] == pytest.approx(log_evidence, rel=1e-5)


def test_the_density_of_the_mixture_is_pytorchs_at_each_node(v8):
    generator = torch.Generator().manual_seed(2)
    mu, logvar = torch.randn(2, 5, 2, generator=generator, dtype=torch.float64)
    gaussians = [{"mu": m, "logvar": v} for m, v in zip(mu.tolist(), logvar.tolist(), strict=True)]
    window = {"low": [-2.0, -1.0], "high": [3.0, 2.5]}
    found = v8("all(maths.mixtureOn(gaussians, window, 9))", gaussians=gaussians, window=window)
    across, up = (torch.linspace(low, high, 9).double() for low, high in zip(*window.values(), strict=True))
    nodes = torch.stack([across.expand(9, 9), up[:, None].expand(9, 9)], -1)  # row by row, from below
    expected = mixture_of(mu, (0.5 * logvar).exp()).log_prob(nodes).exp()
    same(found["values"], expected.flatten(), rtol=1e-6, atol=1e-9)
    assert {name: found[name] for name in window} == window and found["count"] == 9


def contour(v8, function, level, low=(-2, -1), high=(3, 2), count=61):
    """The pieces for a function of x and y on count x count nodes."""
    code = """const at = (i, j) => low[j] + i / (count - 1) * (high[j] - low[j]), height = FUNCTION, values = [];
    for (let row = 0; row < count; row++) for (let column = 0; column < count; column++) {
      values.push(height(at(column, 0), at(row, 1)));
    }
    return maths.contour({values, count, low, high}, level)"""
    return v8(code.replace("FUNCTION", function), low=low, high=high, count=count, level=level)


def ends_of(pieces):
    return Counter(tuple(round(value, 9) for value in end) for piece in pieces for end in piece)


def test_a_contour_of_a_plane_is_a_straight_line(v8):
    pieces = double(contour(v8, "(x, y) => 3 * x + 2 * y", 1.7, count=14))
    assert (3 * pieces[..., 0] + 2 * pieces[..., 1]).flatten().tolist() == pytest.approx([1.7] * 2 * len(pieces))
    length = (pieces[:, 0] - pieces[:, 1]).norm(dim=1).sum().item()
    assert length == pytest.approx(math.hypot(2, 3))  # from y = -1 to y = 2, x falls by 2


def test_a_contour_of_a_hill_is_a_closed_curve_where_the_height_is_that(v8):
    pieces = contour(v8, "(x, y) => Math.exp(-((x - 0.47) ** 2 / 2 + 2 * (y - 0.31) ** 2))", math.exp(-0.5))
    assert set(ends_of(pieces).values()) == {2}  # each end is met by another piece
    x, y = double(pieces).unbind(-1)
    same(((x - 0.47) ** 2 + 4 * (y - 0.31) ** 2).tolist(), torch.ones(x.shape), atol=0.01)
    steps = double(pieces).diff(dim=1)[:, 0]
    length = steps.norm(dim=1).sum().item()
    assert length == pytest.approx(4.844224, rel=0.005)  # an ellipse with half axes 1 and 0.5


def test_where_four_corners_leave_a_choice_lines_do_not_cross_or_end(v8):
    pieces = contour(v8, "(x, y) => x * y + 0.05", 0, low=(-1, -1), high=(1, 1), count=8)
    inner = {end: times for end, times in ends_of(pieces).items() if max(map(abs, end)) < 1 - 1e-6}
    assert inner and set(inner.values()) == {2}
    for (a, b), (c, d) in itertools.combinations(pieces, 2):
        assert not crosses(a, b, c, d)
    assert all(x * y < 0 for piece in pieces for x, y in piece)  # two branches, in the quarters where it can be


def crosses(a, b, c, d):
    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < -1e-12 and side(c, d, a) * side(c, d, b) < -1e-12


def test_at_a_height_that_is_nowhere_there_is_no_contour(v8):
    assert contour(v8, "(x, y) => x", 5) == [] == contour(v8, "(x, y) => x", -5)
    assert contour(v8, "(x, y) => 1", 1) == []  # no less than the level, anywhere


@pytest.mark.parametrize(
    "found, mu, sigma, steps",
    [
        (FOUND, [[0.1, -0.2]], [[0.1, 0.1]], 0),
        (FOUND, [[0.1, -0.2], [0.1, 2.4]], [[0.1, 0.1], [0.1, 0.3]], 5),
        (FOUND, [[-1.2, -0.2], [0.1, 0.0]], [[0.3, 0.1], [0.1, 0.3]], 3),
        ({"mean": [2, 1], "sd": [0.3, 0.1]}, [[2, 1]], [[0.5, 1.5]], 5),
    ],
)
def test_the_window_is_a_square_that_holds_all_gaussians_and_is_no_wider_than_that(v8, found, mu, sigma, steps):
    gaussians = [{"mu": m, "sigma": s} for m, s in zip(mu, sigma, strict=True)]
    window = v8("maths.windowOf(found, gaussians)", found=found, gaussians=gaussians)
    half = 3 * max(found["sd"]) * 1.25**steps
    assert window["low"] == pytest.approx([middle - half for middle in found["mean"]])
    assert window["high"] == pytest.approx([middle + half for middle in found["mean"]])
    sides = mixture_stills.window_of(found, double(mu), double(sigma))
    assert [*zip(*sides, strict=True)] == [pytest.approx(tuple(window[name])) for name in ("low", "high")]
    reach = ((double(mu) - double(found["mean"])).abs() + 1.5 * double(sigma)).max()
    assert reach <= half and (steps == 0 or reach > half / 1.25)


def test_an_axis_ends_a_little_above_what_it_holds_at_a_round_number(v8):
    values = [-0.3, 0, 0.001, 0.09, 0.096, 0.1, 0.5, 0.95, 0.96, 1, 1.4, 1.43, 2.8, 3.9, 5.7, 7.7, 9.5, 9.9, 14.2, 640]
    ends = [0.1, 0.1, 0.1, 0.1, 0.15, 0.15, 0.6, 1, 1.5, 1.5, 1.5, 2, 3, 6, 6, 10, 10, 15, 15, 800]
    assert v8("values.map(maths.endOfAxis)", values=values) == pytest.approx(ends)
    assert [*map(mixture_stills.end_of_axis, values)] == pytest.approx(ends)
