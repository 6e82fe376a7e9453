"""A small model of pictures of 28 x 28 with a code of two numbers, for the tests of the live planes."""

from functools import cache

import torch

from vaebook.data import rectangles
from vaebook.models import BernoulliVAE
from vaebook.objectives import negative_elbo
from vaebook.training import fit, seeded_models


@cache
def model_and_images():
    """A VAE of rectangles, trained for a moment, and what it was trained on."""
    source = torch.Generator().manual_seed(1)
    x = rectangles(8000, image_shape=(28, 28), height=(6, 14), width=(6, 14), generator=source).images
    [model], [generator] = seeded_models(lambda: BernoulliVAE(784, [40, 24], 2), [0])
    fit(model, negative_elbo, x, epochs=8, batch_size=100, max_lr=1e-2, generator=generator)
    return model.eval(), x


PIXELS = """([name, count, place]) => {
  const {canvas, context} = document.querySelector(".vae-live").stage.panels[name], {width, height} = canvas;
  const gap = 0.03 * width, side = Math.min((width - gap * (count - 1)) / count, height);
  const left = (width - side * count - gap * (count - 1)) / 2 + place * (side + gap), top = (height - side) / 2;
  const {data} = context.getImageData(0, 0, width, height), found = [];
  for (let row = 0; row < 28; row++) for (let column = 0; column < 28; column++) {
    const [x, y] = [left + (column + 0.5) / 28 * side, top + (row + 0.5) / 28 * side].map(Math.floor);
    found.push(data[4 * (y * width + x)] / 255);
  }
  return found;
}"""


def pixels(visit, panel, count=1, place=0):
    """The grey levels `(784,)` of a picture on a panel that shows `count` in a row."""
    return torch.tensor(visit.page.evaluate(PIXELS, [panel, count, place]))


def settle(visit):
    """Wait until all is computed and drawn."""
    idle = "stage => stage && !stage.waiting && !stage.running"
    visit.page.wait_for_function(f"({idle})(document.querySelector('.vae-live').stage)")
