"""What a live figure is in Python: stills, controls and settings, and the page's half of it as scripts."""

import base64
import gzip
import hashlib
import html
import io
import json
from dataclasses import dataclass, field
from importlib import resources

import matplotlib.pyplot as plt
from PIL import Image

FILES = resources.files("vaebook.live")
STYLE = FILES.joinpath("live.css").read_text(encoding="utf-8")
SHARED = ["maths.js", "panel.js", "stage.js"]


def quoted(text):
    return html.escape(str(text), quote=True)


@dataclass
class Range:
    """A slider. log: it slides over the exponent of ten; low, high, step and value are exponents."""

    name: str
    text: str
    low: float
    high: float
    step: float
    value: float
    log: bool = False

    def html(self):
        names = {
            "min": self.low,
            "max": self.high,
            "step": self.step,
            "value": self.value,
        }
        bounds = " ".join(f'{name}="{value:.12g}"' for name, value in names.items())
        log = " data-log" if self.log else ""
        slider = f'<input type="range" data-control="{self.name}" {bounds}{log}>'
        return f"<label>{quoted(self.text)} <output></output>{slider}</label>"


@dataclass
class Choice:
    """One of a few numbers. options: a list of them, or a dict from number to text."""

    name: str
    text: str
    options: list | dict
    value: float

    def html(self):
        texts = self.options if isinstance(self.options, dict) else {}
        options = "".join(
            f'<option value="{option:g}"{" selected" * (option == self.value)}>'
            f"{quoted(texts.get(option, f'{option:g}'))}</option>"
            for option in self.options
        )
        return f'<label>{quoted(self.text)} <select data-control="{self.name}">{options}</select></label>'


@dataclass
class Switch:
    """On or off: 1 or 0."""

    name: str
    text: str
    value: bool = False

    def html(self):
        checked = " checked" if self.value else ""
        box = f'<input type="checkbox" data-control="{self.name}"{checked}>'
        return f'<label class="switch">{box} {quoted(self.text)}</label>'


@dataclass
class Button:
    """A button. first: the one that most readers press."""

    name: str
    text: str
    first: bool = False

    def html(self):
        kind = ' class="first"' if self.first else ""
        return f'<button type="button" data-control="{self.name}"{kind}>{quoted(self.text)}</button>'


@dataclass
class Panel:
    """One picture: a matplotlib figure as its still, closed once it is drawn, and what it shows.

    alt: the still in words.  share: its part of the width beside others.
    keys: what the colours mean, a dict from a text to "blue", "orange dashed", ...
    title: a few words above it.
    """

    name: str
    still: plt.Figure
    alt: str
    share: float = 1
    keys: dict = field(default_factory=dict)
    title: str = ""

    def html(self):
        png, width, height = as_png(self.still)
        image = (
            f'<img class="dark-light" src="data:image/png;base64,{png}" alt="{quoted(self.alt)}" '
            f'width="{width}" height="{height}">'
        )
        items = []
        for text, kind in self.keys.items():
            color, _, shape = kind.partition(" ")
            style = f"--swatch: var(--{color})"
            items.append(f'<li class="{shape}" style="{style}">{quoted(text)}</li>')
        keys = f'<ul class="keys">{"".join(items)}</ul>' if items else ""
        title = f'<p class="title">{quoted(self.title)}</p>' if self.title else ""
        style = f"flex: {self.share:g} 1 {15 * self.share:g}rem"
        if self.share < 1:  # smaller than the style sheet allows, and never large
            style += f"; min-width: {15 * self.share:g}rem; max-width: 15rem"
        return (
            f'<div class="panel" data-panel="{self.name}" style="{style}">{title}'
            f'<div class="picture">{image}</div>{keys}</div>'
        )


def panel_html(panel):
    """A panel, or a list of panels as a column."""
    if isinstance(panel, Panel):
        return panel.html()
    style = f"flex: {panel[0].share:g} 1 {15 * panel[0].share:g}rem"
    return (
        f'<div class="column" style="{style}">{"".join(map(panel_html, panel))}</div>'
    )


def as_png(figure):
    """A matplotlib figure as a PNG of 128 colours in base64, with its width and height; the figure is closed."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    plt.close(figure)
    picture = Image.open(drawn).convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE)
    written = io.BytesIO()
    picture.save(written, "PNG", optimize=True)
    return base64.b64encode(written.getvalue()).decode("ascii"), *picture.size


def key_of(text):
    """The name by which a page knows these weights."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def megabytes(texts):
    """The size of weights as they are sent, compressed, in words: "0.6 MB"."""
    size = sum(len(gzip.compress(text.encode(), 6)) for text in texts)
    return f"{size / 1e6:.1f}\N{NO-BREAK SPACE}MB"


class LiveFigure:
    """A figure that runs in the page: a still first, then a canvas that answers its controls.

    name: its file in this folder, without .js.  title: what one can do with it, in some words.
    panels, controls: lists, in their order; a list of panels is a column.  numbers: what it shows beside, a dict from
    name to text.  settings: what the script is to know, as JSON.  weights: base64, or a
    list of such texts, or None.  note: a sentence below.  files: further scripts of this
    folder, before its own.  later: a dict from a name to more weights, a list of texts,
    which the script asks for by that name when the reader wants them.
    In a notebook it displays itself, alone; on the site the scripts and weights become
    files, which are loaded when the figure is near; equal texts are one file.
    """

    def __init__(
        self,
        name,
        title,
        panels,
        controls,
        numbers,
        settings=None,
        weights=None,
        note="",
        files=(),
        later=None,
    ):
        self.name, self.title, self.note, self.files = name, title, note, files
        self.controls, self.numbers = controls, numbers
        self.panels = [
            panel_html(panel) for panel in panels
        ]  # stills are drawn at once
        weights = [weights] if isinstance(weights, str) else list(weights or [])
        self.weights, self.later = weights, dict(later or {})
        self.settings = dict(settings or {})
        self.settings["weights"] = [*map(key_of, weights)]
        self.settings["later"] = {
            name: [*map(key_of, texts)] for name, texts in self.later.items()
        }

    def _repr_html_(self):
        numbers = "".join(
            f'<span>{quoted(text)} <b data-number="{name}">\N{EN DASH}</b></span>'
            for name, text in self.numbers.items()
        )
        controls = "".join(control.html() for control in self.controls)
        note = f'<p class="note">{quoted(self.note)}</p>' if self.note else ""
        settings = json.dumps(self.settings).replace("<", "\\u003c")
        return (
            f'<div class="vae-live" data-figure="{self.name}" role="group" aria-label="{quoted(self.title)}">'
            f'<style>{STYLE}</style><div class="panels">{"".join(self.panels)}</div>'
            f'<fieldset class="controls" disabled><legend class="hidden-text">{quoted(self.title)}</legend>'
            f"{controls}</fieldset>"
            f'<p class="numbers">{numbers}</p><p class="status" role="status"></p>{note}'
            f'<script type="application/json" class="settings">{settings}</script>'
            f"{self.scripts()}</div>"
        )

    def scripts(self):
        """The scripts, each with the name of its file, then the weights, then the start."""
        found = []
        for name in [*SHARED, *self.files, f"{self.name}.js"]:
            code = FILES.joinpath(name).read_text(encoding="utf-8")
            found.append(f'<script data-file="{name}">{code}</script>')
        later = [text for texts in self.later.values() for text in texts]
        for text in dict.fromkeys([*self.weights, *later]):  # once each, in order
            name, waits = key_of(text), " data-later" * (text not in self.weights)
            code = f'vaeLive.weights["{name}"] = {json.dumps(text)};'
            found.append(f'<script data-file="{name}.js"{waits}>{code}</script>')
        return "".join([*found, "<script>vaeLive.startAll();</script>"])
