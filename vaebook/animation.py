"""Small animations of training: quantised GIFs with a still and a pause button, in plain HTML."""

import base64
import hashlib
import html
from importlib import resources

import imageio.v3 as iio
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional as F

from vaebook import checks

LEVELS = 16
LABEL_HEIGHT = 22
STYLE = resources.files("vaebook").joinpath("animation.css").read_text(encoding="utf-8")


def frame_steps(num_steps, count, first=10):
    """About `count` steps from 0 to `num_steps`, ever further apart after `first`: most happens at the start."""
    later = np.geomspace(first, num_steps, count - 1).round()
    return {0, *map(int, later)}


class Recorder:
    """A callback for `fit` that keeps a picture of the model at some steps.

    steps: at which steps; 0 is before the first.  picture(model): `(H, W)` in [0, 1].
    `frames` and `labels` hold what was recorded, as `Animation` takes them.
    """

    def __init__(self, steps, picture):
        self.steps, self.picture = set(steps), picture
        self.frames, self.labels = [], []

    def __call__(self, step, model):
        if step in self.steps:
            with torch.no_grad():
                self.frames.append(self.picture(model))
            self.labels.append(f"step {step:,}")


def tile(images, columns, image_shape=(28, 28), gap=0):
    """Lay images `(B, D)` out as one picture, row by row, `columns` of them in each row.

    gap: width of the grey lines between neighbours, in pixels.
    Returns `(H, W)`. Raises ValueError if B is not a multiple of `columns`.
    """
    (height, width), shape = image_shape, tuple(images.shape)
    if len(shape) != 2 or shape[0] % columns or shape[1] != height * width:
        expected = f"(B, {height * width}) with B a multiple of columns={columns}"
        raise ValueError(f"images must have shape {expected}, got {shape}")
    grid = images.reshape(-1, columns, height, width)
    grid = F.pad(grid, (0, gap, 0, gap), value=0.4)
    picture = grid.transpose(1, 2).reshape(-1, columns * (width + gap))
    return picture[: picture.shape[0] - gap, : picture.shape[1] - gap]


def prior_quantiles(count, tail=None, device="cpu"):
    """Codes spread as the prior N(0, 1) is: its quantiles at evenly spaced probabilities.

    count: how many.  tail: the first probability, and one less the last; by default
    0.5 / count, which gives each code an equal share of the prior.
    Returns `(count,)`, ascending. Raises ValueError for a count below 1 and a tail outside (0, 0.5].
    """
    checks.positive_int("count", count)
    tail = 0.5 / count if tail is None else tail
    checks.number("tail", tail, "in (0, 0.5]", lambda tail: 0 < tail <= 0.5)
    probabilities = torch.linspace(tail, 1 - tail, count)
    return torch.distributions.Normal(0.0, 1.0).icdf(probabilities).to(device)


def sheet(model, axis, image_shape=(28, 28), gap=1):
    """The images that a square grid of codes decodes to: z1 grows rightwards, z2 upwards.

    model: one with a code of two numbers.  axis: the values that both take, `(K,)`, ascending.
    Returns `(H, W)`, laid out by `tile`. Raises ValueError for a code of another length.
    """
    if model.latent_dims != 2:
        raise ValueError(f"model must have latent_dims=2, got {model.latent_dims}")
    plane = torch.cartesian_prod(axis.flip(0), axis).flip(1)
    return tile(model.decode(plane).sigmoid(), len(axis), image_shape, gap)


def grey_picture(figure, dpi=100):
    """A matplotlib figure as a grey picture `(H, W)` in [0, 1]; the figure is closed.

    dpi: pixels per inch. This makes any figure a frame of an `Animation`.
    """
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    with Image.fromarray(np.asarray(canvas.buffer_rgba())) as picture:
        grey = np.asarray(picture.convert("L"), dtype=np.float32) / 255
    plt.close(figure)
    return torch.from_numpy(grey.copy())


def encode_gif(frames, durations_ms):
    """Encode frames `(T, H, W)` in [0, 1] as a GIF of 16 grey levels that repeats for ever.

    durations_ms: how long each frame stays, in milliseconds. Returns the file's bytes.
    Few levels make long runs of equal pixels, which is what the format packs well.
    """
    levels = np.asarray(frames, dtype=np.float32).clip(0, 1) * (LEVELS - 1)
    indices = levels.round().astype(np.uint8)
    greys = np.linspace(0, 255, LEVELS).round().astype(np.uint8)
    as_gif = {"extension": ".gif", "plugin": "pillow", "mode": "P", "save_all": True}
    palette, durations = greys.repeat(3).tobytes(), list(durations_ms)
    return iio.imwrite(
        "<bytes>", indices, **as_gif, palette=palette, duration=durations, loop=0
    )


class Animation:
    """Frames of one picture over training, shown as a GIF with a still and a pause button.

    frames: `(T, H, W)` in [0, 1], or a sequence of `(H, W)`.  labels: one line of text per frame.
    alt: what the animation shows, for those who cannot see it.
    scale: enlarge (or shrink) each frame by this factor.  frame_ms: time of a frame; the last one stays longer.
    In a notebook it displays itself; `gif` and `still` hold the bytes of both files.
    Raises ValueError for no frames, another number of labels than frames, or values outside [0, 1].
    """

    def __init__(self, frames, labels, alt, *, scale=1.0, frame_ms=250):
        frames = [torch.as_tensor(frame).cpu().float() for frame in frames]
        frames = torch.stack(frames) if frames else torch.empty(0)
        if frames.dim() != 3:
            expected, came = "(T, H, W) with T at least 1", tuple(frames.shape)
            raise ValueError(f"frames must have shape {expected}, got shape {came}")
        if len(labels) != len(frames):
            expected = f"one text per frame, {len(frames)} of them"
            raise ValueError(f"labels must hold {expected}, got {len(labels)}")
        if not (frames.min() >= 0 and frames.max() <= 1):
            came = f"{frames.min():g} to {frames.max():g}"
            raise ValueError(f"frames must hold values in [0, 1], got {came}")
        self.alt = alt
        shown = zip(frames.numpy(), labels, strict=True)
        pictures = [labelled(frame, label, scale) for frame, label in shown]
        self.height, self.width = pictures[0].shape
        durations = [frame_ms] * (len(pictures) - 1) + [8 * frame_ms]
        self.gif = encode_gif(pictures, durations)
        self.still = encode_gif(pictures[-1:], durations[-1:])

    def _repr_html_(self):
        return animation_html(self.gif, self.still, self.alt, self.width, self.height)


def animation_html(gif, still, alt, width, height):
    """HTML of a GIF that a reader can pause, and that stands still for those who prefer reduced motion.

    The check box does it without a script: checked, or where the system asks for reduced motion, the
    still takes the GIF's place. So it works in the book, in Jupyter and in Colab alike.
    """
    name = "pause-" + hashlib.sha256(gif).hexdigest()[:12]
    alt = html.escape(alt, quote=True)

    def image(kind, content, text):
        source = base64.b64encode(content).decode("ascii")
        return (
            f'<img class="{kind} dark-light" src="data:image/gif;base64,{source}" alt="{text}" '
            f'width="{width}" height="{height}">'
        )

    return (
        f'<div class="vae-animation"><style>{STYLE}</style><input type="checkbox" id="{name}">'
        f"{image('moving', gif, alt)}{image('still', still, alt + ' (last frame)')}"
        f'<label for="{name}"><span class="pause">Pause</span><span class="play">Play</span>'
        f'<span class="hidden-text"> the animation</span></label></div>'
    )


def labelled(frame, label, scale):
    """The frame `(H, W)`, resized, with its label on a white line below. Returns an array `(H', W')`."""
    picture = Image.fromarray((frame.clip(0, 1) * 255).round().astype(np.uint8))
    size = (round(picture.width * scale), round(picture.height * scale))
    resampling = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    canvas = Image.new("L", (size[0], size[1] + LABEL_HEIGHT), 255)
    canvas.paste(picture.resize(size, resampling))
    font = ImageFont.load_default(13)
    ImageDraw.Draw(canvas).text((4, size[1] + 3), label, fill=0, font=font)
    return np.asarray(canvas, dtype=np.float32) / 255
