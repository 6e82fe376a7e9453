"""What the numbers of a code cost and change: the page's mathematics, in V8, against PyTorch and the package."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from py_mini_racer import MiniRacer
from torch.distributions import Normal, kl_divergence

import vaebook.live

FOLDER = Path(vaebook.live.__file__).parent


@pytest.fixture(scope="module")
def v8():
    engine = MiniRacer()
    for name in ("maths.js", "images.js", "dimensions_maths.js"):
        engine.eval((FOLDER / name).read_text(encoding="utf-8"))

    def evaluate(code, **values):
        names, given = ", ".join(values), ", ".join(map(json.dumps, values.values()))
        plain = "(_, value) => ArrayBuffer.isView(value) ? [...value] : value"
        return json.loads(engine.eval(f"JSON.stringify((({names}) => {code})({given}), {plain})"))

    return evaluate


@pytest.mark.parametrize("pixels", [1, 8, 9, 49, 784])
def test_images_come_out_as_they_were_packed(v8, pixels):
    images = np.random.default_rng(pixels).random((3, pixels)) < 0.4
    text = base64.b64encode(np.packbits(images, axis=1).tobytes()).decode()
    found = v8("vaeMaths.imagesOf(text, pixels)", text=text, pixels=pixels)
    assert found == images.astype(float).tolist()


def test_a_number_costs_its_gaussians_kl_from_the_prior(v8):
    z, logvar = torch.linspace(-4, 4, 9).double(), torch.linspace(-5, 1, 9).double()
    right = kl_divergence(Normal(z, (0.5 * logvar).exp()), Normal(0.0, 1.0))
    found = v8("vaeMaths.costsOf(z, logvar)", z=z.tolist(), logvar=logvar.tolist())
    np.testing.assert_allclose(found, right.numpy(), rtol=1e-12, atol=1e-13)


def test_the_dearest_dimension_comes_first_and_equal_ones_keep_their_order(v8):
    assert v8("vaeMaths.dearestFirst(costs)", costs=[0.5, 2.0, 0.5, 11.0, 2.0]) == [3, 1, 4, 0, 2]


def test_a_pixel_changes_where_another_colour_is_the_likelier_one(v8):
    before, after = [-2, -0.1, 0.1, 3, 0, -1], [-1, 0.1, -0.1, 9, 0.5, 0]
    assert v8("vaeMaths.changedPixels(after, before)", after=after, before=before) == 3
    assert v8("vaeMaths.changedPixels(after, after)", after=after) == 0
