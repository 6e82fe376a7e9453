"""A small model of pictures of 28 x 28 with a code of two numbers, for the tests of the live planes."""

import base64
import copy
import io
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from PIL import Image

from vaebook.data import rectangles
from vaebook.live.plane import cdf
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


def complaints(visit):
    """All but those about a test that looks at a canvas."""
    return [words for words in visit.complaints if "readback operations" not in words]


CANVAS = """canvas => {
  const {left, top} = canvas.getBoundingClientRect();
  return [left, top, canvas.clientWidth, canvas.clientHeight];
}"""


def code_near(visit, z, panel="plane", window=None):
    """The code below the whole pixel of the window that is nearest to a code's place: a pointer meets it exactly.

    window: [low, high] of both axes where these are straight, not spaced as the prior is.
    """
    visit.page.locator(f"[data-panel={panel}]").scroll_into_view_if_needed()
    left, top, width, height = visit.page.locator(f"[data-panel={panel}] canvas").evaluate(CANVAS)
    start = torch.tensor([left + 58, top + height - 36], dtype=torch.float64)  # where both numbers are lowest
    length = torch.tensor([width - 68, 46 - height], dtype=torch.float64)
    low, high = torch.tensor(window or [[0, 1]] * 2, dtype=torch.float64).T
    share = (torch.tensor(z) - low) / (high - low) if window else cdf(z)
    share = ((start + length * share).round() + 1e-3 - start) / length  # a click's place is rounded down
    return (low + share * (high - low) if window else torch.special.ndtri(share)).tolist()


def starting_at(figure, **values):
    """A copy of a figure whose controls of these names start at these values."""
    changed = copy.copy(figure)
    changed.controls = [
        replace(control, value=values[control.name]) if control.name in values else control
        for control in figure.controls
    ]
    return changed


class Prepared:
    """A figure in whose page a script runs before the figure starts."""

    def __init__(self, figure, script):
        self.figure, self.script = figure, script

    def _repr_html_(self):
        start = "<script>vaeLive.startAll();</script>"
        html = self.figure._repr_html_()
        assert start in html
        return html.replace(start, f"<script>{self.script}</script>{start}")


# A clock that only decoded codes move on, by half a millisecond each. frames: what each frame took, whether it drew the
# plane, and the words that it wrote between the axes.
CLOCK = """{
  const vae = vaeMaths.BernoulliVAE.prototype, grid = vaeMaths.Grid.prototype, {decode} = vae, {step} = grid;
  const {drawPlane} = vaeLive, {fillText} = CanvasRenderingContext2D.prototype, next = requestAnimationFrame;
  let time = 0, now = {};
  window.frames = [];
  performance.now = () => time;
  vae.decode = function (z) { time += 0.5; return decode.call(this, z); };
  grid.step = function () { time += 0.5; return step.call(this); };
  vaeLive.drawPlane = (...given) => { now.drawn = true; return drawPlane(...given); };
  CanvasRenderingContext2D.prototype.fillText = function (text, ...given) {
    if (/[a-z]{3}/.test(text)) now.words = text;
    return fillText.call(this, text, ...given);
  };
  window.requestAnimationFrame = act => next(stamp => {
    const start = time;
    now = {drawn: false, words: null};
    window.frames.push(now);
    act(stamp);
    now.took = time - start;
  });
}"""


def pictures(visit):
    """All that a figure shows, to be compared: its canvases, numbers and where its controls stand."""
    settle(visit)
    return visit.page.evaluate(
        """() => [
          ...[...document.querySelectorAll(".vae-live canvas")].map(canvas => canvas.toDataURL()),
          ...[...document.querySelectorAll("[data-number]")].map(number => number.textContent),
          ...[...document.querySelectorAll("input, select")].map(control => control.value),
          ...[...document.querySelectorAll(".handle")].map(handle => handle.outerHTML),
        ]"""
    )


def image_of(url):
    """The picture that a canvas gives as an address."""
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA")


def of_still(figure, parts, index=0):
    """What a still shows between its axes, as `(parts, parts, 3)` from 0 to 1, each the mean of a small square."""
    figure.canvas.draw()
    box, height = figure.axes[index].get_window_extent(), figure.canvas.get_width_height()[1]
    picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
    return in_parts(picture, (box.x0, height - box.y1, box.x1, height - box.y0), parts)


def of_canvas(visit, panel, parts):
    """The same of a canvas that lies on white."""
    script = """name => {
      const {canvas, box} = document.querySelector(".vae-live").stage.panels[name];
      return [canvas.toDataURL(), box.left, box.top, box.right, box.bottom];
    }"""
    url, *box = visit.page.evaluate(script, panel)
    drawn = image_of(url)
    picture = Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn).convert("RGB")
    return in_parts(picture, box, parts)


def in_parts(picture, box, parts):
    return np.asarray(picture.resize((parts, parts), Image.Resampling.BOX, box)) / 255


def opened(live_page, figure, how="mouse", **options):
    """A figure's page, all computed and drawn; a narrow one for a finger."""
    touch = {"has_touch": True, "width": 360} if how == "touch" else {}
    visit = live_page(figure, **touch | options)
    settle(visit)
    return visit


def status(visit):
    return visit.page.locator(".status").inner_text().replace("\N{MINUS SIGN}", "-")


RECOLOR = """([ground, text]) => {
  Object.assign(document.body.style, {background: ground, color: text});
  document.documentElement.dataset.theme = "other";
  return new Promise(requestAnimationFrame);
}"""


def recolor(visit, theme):
    """Give the page the colours of a theme, as a reader's switch does."""
    visit.page.evaluate(RECOLOR, {"light": ["#fff", "#222"], "dark": ["#121212", "#e8e8e8"]}[theme])
