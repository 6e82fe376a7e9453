"""The mathematics of chapter 3's brush, run by V8, against PyTorch and the package."""

import itertools
import json
import math
from pathlib import Path

import pytest
import torch
from py_mini_racer import MiniRacer

import vaebook.live
from vaebook.data import all_rectangles
from vaebook.distributions import bernoulli_log_likelihood, kl_standard_normal
from vaebook.layers import FlipPixels
from vaebook.live import brush_stills, weights
from vaebook.live.squares import product_rule
from vaebook.models import BernoulliVAE

FOLDER = Path(vaebook.live.__file__).parent
FILES = ["maths.js", "images.js", "brush_maths.js"]


@pytest.fixture(scope="module")
def v8():
    """Evaluates an expression over `maths` and some named values; arrays come back as lists."""
    engine = MiniRacer()
    engine.eval("\n".join((FOLDER / name).read_text(encoding="utf-8") for name in FILES))
    engine.eval("const maths = vaeMaths, plain = (_, value) => ArrayBuffer.isView(value) ? [...value] : value;")

    def evaluate(code, **values):
        given = ", ".join(json.dumps(value) for value in values.values())
        body = code if "return" in code else f"return {code}"
        return json.loads(engine.eval(f"JSON.stringify((({', '.join(values)}) => {{ {body} }})({given}), plain)"))

    return evaluate


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def random_images(count, pixels, seed=1):
    return (torch.rand(count, pixels, generator=torch.Generator().manual_seed(seed)) < 0.4).double()


def test_pixels_are_flipped_below_p_except_where_the_reader_has_been(v8):
    uniforms = [0.05, 0.3, 0.1, 0.09, 0.99]
    found = v8(
        """const hand = new Map([[0, false], [4, true]]);
        return [maths.flipsOf(uniforms, 0.1, new Map()), maths.flipsOf(uniforms, 0.1, hand)]""",
        uniforms=uniforms,
    )
    assert found == [[True, False, False, True, False], [False, False, False, True, True]]


def test_corruption_is_that_of_the_noise_layer(v8):
    x, flips = random_images(2, 30)
    expected = FlipPixels.apply(x, flips > 0)
    assert v8("maths.corrupted(x, flips)", x=x.tolist(), flips=(flips > 0).tolist()) == expected.tolist()


@pytest.mark.parametrize("p", [0.01, 0.1, 0.3])
def test_what_was_seen_counts_by_bayes_rule(v8, p):
    pi = torch.rand(30, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    [given] = random_images(1, 30)
    found = v8("maths.logitsSeen(logits, given, p)", logits=pi.logit().tolist(), given=given.tolist(), p=p)
    white = pi * torch.where(given == 1, 1 - p, p)
    black = (1 - pi) * torch.where(given == 1, p, 1 - p)
    torch.testing.assert_close(double(found).sigmoid(), white / (white + black))


@pytest.mark.parametrize("end", [(4, 3), (4, 9), (11, 3), (0, 0), (7, 1), (5, -2), (-1, 12)])
def test_a_stroke_meets_every_pixel_on_its_way(v8, end):
    found = v8("maths.stroke([4, 3], end)", end=list(end))
    assert found[0] == [4, 3] and found[-1] == list(end)
    longest = max(abs(end[0] - 4), abs(end[1] - 3))
    assert len(found) == longest + 1
    for (row, column), (next_row, next_column) in itertools.pairwise(found):
        assert max(abs(next_row - row), abs(next_column - column)) == 1
    for row, column in found:  # no further than half a pixel from the straight line
        assert abs((row - 4) * (end[1] - 3) - (column - 3) * (end[0] - 4)) <= 0.5 * max(longest, 1)


def test_the_distance_of_two_codes_is_euclid_s(v8):
    a, b = torch.randn(2, 20, generator=torch.Generator().manual_seed(2)).double()
    assert v8("maths.distance(a, b)", a=a.tolist(), b=b.tolist()) == pytest.approx((a - b).norm().item(), rel=1e-12)


def test_costs_are_those_of_3_6_with_the_code_of_the_corrupted_image(v8):
    torch.manual_seed(0)
    model = BernoulliVAE(20, [16], 2)
    text, layers = weights.packed(model)
    rounded = weights.with_rounded_weights(model).double()
    rule = product_rule(5)
    x, given = random_images(2, 20)
    assert (x != given).any()
    found = v8(
        """const vae = new maths.BernoulliVAE(text, layers), costs = maths.costsGiven(vae, given, x, rule);
        let step = costs.next(), steps = 0;
        while (!step.done) { step = costs.next(); steps += 1; }
        return {...step.value, steps}""",
        text=text,
        layers=layers,
        given=given.tolist(),
        x=x.tolist(),
        rule=rule,
    )
    with torch.no_grad():
        mu, logvar = rounded.encode(given[None])
        z = mu + (0.5 * logvar).exp() * double(rule["noise"])
        each = bernoulli_log_likelihood(rounded.decode(z), x)
        reconstruction = -(double(rule["weights"]) @ each.double()).item()
        kl = kl_standard_normal(mu, logvar).item()
    assert found["steps"] == 25  # a page can stop after each
    assert found["kl"] == pytest.approx(kl, rel=1e-5)
    assert found["reconstruction"] == pytest.approx(reconstruction, rel=1e-5)
    assert found["loss"] == pytest.approx(kl + reconstruction, rel=1e-5)


@pytest.mark.parametrize("p", [0.01, 0.1, 0.3])
def test_the_posterior_of_the_place_is_bayes_rule_with_3_1(v8, p):
    images = all_rectangles(image_shape=(9, 7), height=3, width=3).images.double()
    given = random_images(5, 63, seed=3)
    given[0] = images[11]
    found = v8("given.map(x => maths.squarePosterior(x, [9, 7], 3, p))", given=given.tolist(), p=p)
    for x, posterior in zip(given, found, strict=True):
        k = (images != x).sum(1).double()
        likelihood = p**k * (1 - p) ** (63 - k)
        places = likelihood / likelihood.sum()
        torch.testing.assert_close(double(posterior["places"]), places, rtol=1e-9, atol=1e-14)
        torch.testing.assert_close(double(posterior["pixels"]), places @ images, rtol=1e-9, atol=1e-14)
        still = brush_stills.exact_posterior(images, x[None], p)
        torch.testing.assert_close(still, places @ images, rtol=1e-9, atol=1e-14)
    assert found[0]["places"].index(max(found[0]["places"])) == 11


def test_no_way_to_restore_has_fewer_wrong_pixels_on_average(v8):
    """All 512 corrupted images of 3 by 3 pixels, with all four squares: each pixel has the likelier colour."""
    p, images = 0.15, all_rectangles(image_shape=(3, 3), height=2, width=2).images.double()
    given = double([*itertools.product([0.0, 1.0], repeat=9)])
    k = (given[:, None] != images).sum(2).double()
    joint = p**k * (1 - p) ** (9 - k) / len(images)  # (512, 4)
    assert joint.sum().item() == pytest.approx(1, abs=1e-12)
    found = v8("given.map(x => maths.squarePosterior(x, [3, 3], 2, p).pixels)", given=given.tolist(), p=p)
    restored = (double(found) > 0.5).double()

    def expected(restored):
        return (joint[..., None] * (restored[:, None] != images)).sum().item()

    white, black = joint @ images, joint @ (1 - images)
    assert expected(restored) == pytest.approx(torch.minimum(white, black).sum().item(), abs=1e-12)
    assert expected(restored) < expected(images[joint.argmax(1)])  # the likeliest square is not the best image


def gaussian(mu, sigma):
    return {"mu": mu, "sigma": sigma}


@pytest.mark.parametrize(
    "models",
    [
        [([0.0, 1.0], [0.1, 0.2], [0.1, 1.1], [0.1, 0.1]), ([-1.0, 0.5], [0.05, 0.05], [-1.1, 0.4], [0.1, 0.05])],
        [([0.0, 1.0], [0.1, 0.2], [0.2, -3.0], [0.1, 0.3]), ([-1.0, 0.5], [0.05, 0.05], [-1.0, 0.5], [0.1, 0.05])],
        [([0.0, 1.0], [0.1, 0.1], [0.0, 1.0], [0.1, 0.1]), ([-1.0, 0.5], [0.05, 0.05], [0.4, 0.6], [0.1, 0.7])],
        [([0.0, 1.0], [0.1, 0.2], [0.9, 1.0], [0.05, 0.1]), ([-1.0, 0.5], [0.05, 0.05], [-1.0, 0.5], [0.1, 0.05])],
    ],
)
def test_the_planes_are_as_wide_as_each_other_and_hold_all_ellipses(v8, models):
    given = [{"clean": gaussian(a, b), "given": gaussian(c, d)} for a, b, c, d in models]
    found = v8("maths.sharedWindows(models)", models=given)
    tensors = [((torch.tensor(a), torch.tensor(b)), (torch.tensor(c), torch.tensor(d))) for a, b, c, d in models]
    expected = brush_stills.shared_windows(tensors)
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), rtol=1e-5, atol=1e-6)
    spans = {round(high - low, 6) for window in found for low, high in window}
    assert len(spans) == 1
    for window, (centre, sigma, mu, own) in zip(found, models, strict=True):
        for (low, high), middle, clean, moved, wide in zip(window, centre, sigma, mu, own, strict=True):
            assert (low + high) / 2 == pytest.approx(middle)
            assert low <= min(middle - 2 * clean, moved - 2 * wide)
            assert high >= max(middle + 2 * clean, moved + 2 * wide)
    half, largest = spans.pop() / 2, 5 * max(max(sigma) for _, sigma, _, _ in models)
    assert math.log2(half / largest) == pytest.approx(round(math.log2(half / largest)), abs=1e-4)
    needed = max(abs(m - c) + 2.5 * o for c_, _, m_, o_ in models for c, m, o in zip(c_, m_, o_, strict=True))
    assert half >= needed and (half == pytest.approx(largest) or half / 2 < needed)  # no wider than that
