"""Small animations of training: quantised GIFs with a still and a pause button, in plain HTML."""

import base64
import hashlib
import html
import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional as F

LEVELS = 16
LABEL_HEIGHT = 22
STYLE = (Path(__file__).parent / "animation.css").read_text(encoding="utf-8")


def frame_steps(num_steps, count, first=10):
    """About `count` steps from 0 to `num_steps`, ever further apart after `first`: most happens at the start."""
    return {0} | {
        int(step) for step in np.geomspace(first, num_steps, count - 1).round()
    }


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
    height, width = image_shape
    if images.dim() != 2 or len(images) % columns or images.shape[1] != height * width:
        raise ValueError(
            f"images must have shape (B, {height * width}) with B a multiple of columns={columns}, "
            f"got {tuple(images.shape)}"
        )
    grid = images.reshape(-1, columns, height, width)
    grid = F.pad(grid, (0, gap, 0, gap), value=0.4)
    picture = grid.transpose(1, 2).reshape(-1, columns * (width + gap))
    return picture[: picture.shape[0] - gap, : picture.shape[1] - gap]


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
    palette = np.repeat(
        np.linspace(0, 255, LEVELS).round().astype(np.uint8), 3
    ).tobytes()
    pictures = []
    for frame in np.asarray(frames, dtype=np.float32):
        picture = Image.fromarray(
            (frame.clip(0, 1) * (LEVELS - 1)).round().astype(np.uint8), mode="P"
        )
        picture.putpalette(palette)
        pictures.append(picture)
    file = io.BytesIO()
    pictures[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=list(durations_ms),
        loop=0,
        optimize=False,
    )
    return file.getvalue()


class Animation:
    """Frames of one picture over training, shown as a GIF with a still and a pause button.

    frames: `(T, H, W)` in [0, 1], or a sequence of `(H, W)`.  labels: one line of text per frame.
    alt: what the animation shows, for those who cannot see it.
    scale: enlarge (or shrink) each frame by this factor.  frame_ms: time of a frame; the last one stays longer.
    In a notebook it displays itself; `gif` and `still` hold the bytes of both files.
    Raises ValueError for no frames, another number of labels than frames, or values outside [0, 1].
    """

    def __init__(self, frames, labels, alt, *, scale=1.0, frame_ms=250):
        frames = (
            torch.stack([torch.as_tensor(frame).cpu().float() for frame in frames])
            if len(frames)
            else None
        )
        if frames is None or frames.dim() != 3:
            came = "none" if frames is None else f"shape {tuple(frames.shape)}"
            raise ValueError(
                f"frames must have shape (T, H, W) with T at least 1, got {came}"
            )
        if len(labels) != len(frames):
            raise ValueError(
                f"labels must hold one text per frame, {len(frames)} of them, got {len(labels)}"
            )
        if not (frames.min() >= 0 and frames.max() <= 1):
            raise ValueError(
                f"frames must hold values in [0, 1], got {frames.min():g} to {frames.max():g}"
            )
        self.alt = alt
        pictures = [
            labelled(frame.numpy(), label, scale)
            for frame, label in zip(frames, labels, strict=True)
        ]
        self.height, self.width = pictures[0].shape
        durations = [frame_ms] * (len(pictures) - 1) + [8 * frame_ms]
        self.gif = encode_gif(pictures, durations)
        self.still = encode_gif(pictures[-1:], durations[-1:])

    def _repr_html_(self):
        return animation_html(self.gif, self.still, self.alt, self.width, self.height)


class StoredAnimation(Animation):
    """A GIF file, shown as an `Animation` is.  path: the file.  alt: what it shows."""

    def __init__(self, path, alt):
        self.gif, self.alt = Path(path).read_bytes(), alt
        with Image.open(io.BytesIO(self.gif)) as picture:
            self.width, self.height = picture.size
            picture.seek(picture.n_frames - 1)
            last = np.asarray(picture.convert("L"), dtype=np.float32) / 255
        self.still = encode_gif([last], [0])


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
    ImageDraw.Draw(canvas).text(
        (4, size[1] + 3), label, fill=0, font=ImageFont.load_default(13)
    )
    return np.asarray(canvas, dtype=np.float32) / 255
