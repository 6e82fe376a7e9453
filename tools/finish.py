"""Lighter pages, complete without a network: what Jupyter Book adds and the book does not use is taken out.

Where a thing that is looked for is not there, the build stops: so it is noticed when the theme or an extension changes.
"""

import base64
import hashlib
import html
import io
import json
import math
import re
import shutil
from importlib.metadata import version
from pathlib import Path

from bs4 import BeautifulSoup
from docutils import nodes
from PIL import Image, ImageDraw, ImageFont, ImageSequence
from sphinx.errors import ExtensionError
from sphinx.jinja2glue import BuiltinTemplateLoader

from vaebook.figures.style import STYLE
from vaebook.live import figure

COLUMN = 720  # pixels: the width of the text, and so of a picture, in a window of 1280
MOST = 1.6  # pixels that a picture has, at most, for each that it needs
COLOURS, GREYS = 128, 7  # of a picture, of an animation: with twice as many it looks the same, and is as heavy again
LETTERS = STYLE["font.size"] * STYLE["figure.dpi"] / 72  # pixels: how large the letters of a figure are drawn
LEGIBLE = 9  # pixels: letters are not shown smaller
LIVE = "_live"  # the folder of the scripts of live figures
ICONS = "scripts/fontawesome.js"  # half a megabyte that draws what the font in the style sheet draws
SEARCH = ["_static/searchtools.js", "_static/language_data.js", "searchindex.js"]  # the search has a page of its own
SETTINGS = "DOCUMENTATION_OPTIONS."
SYSTEM = '(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")'  # known before the first drawing
THEME = [f'localStorage.getItem("theme") || {choice}' for choice in ('"auto"', SYSTEM)]
STILL = 0.75  # of a still's pixels along each side: beside others it is shown small
STYLES = 'link[href*="_static/fonts/serif.css"]'
FONTS = ["serif-regular.woff2", "serif-semibold.woff2"]  # those that every page shows at once
ASK = (
    'if (location.protocol !== "file:") for (const href of {addresses}) document.head.append('
    'Object.assign(document.createElement("link"), '
    '{{rel: "preload", as: "font", type: "font/woff2", crossOrigin: "", href}}));'
)
WORDS = [("Variational", 58), ("Auto-Encoders,", 58), ("executed", 58), ("a hands-on book in PyTorch", 30)]


def there(found, what):
    """What was found. Raises ExtensionError where that is nothing."""
    if not found:
        theme = " and ".join(f"{name} {version(name)}" for name in ("sphinx-book-theme", "pydata-sphinx-theme"))
        raise ExtensionError(f"tools/finish.py looks for {what!r} on each page, and with {theme} it is not there")
    return found


def wait(app, pagename, templatename, context, doctree):
    """No script holds up the drawing of a page. (The search's own page has settings that need their scripts before.)"""
    scripts = context["script_files"]
    settings = there([script for script in scripts if SETTINGS in str(script)], SETTINGS)
    if pagename != "search":
        rest = [script for script in scripts if script not in settings]
        context["script_files"] = [
            type(script)(script.filename, priority=script.priority, defer="", **script.attributes) for script in rest
        ]


def light_head(html, is_search):
    """The page without what the theme's templates themselves write into its head and the book does not use."""
    before, start, rest = html.partition("<head>")
    head, end, after = rest.partition("</head>")
    soup = BeautifulSoup(head, "html.parser")
    scripts = [f'script[src*="{name}"]' for name in ([ICONS] if is_search else [ICONS, *SEARCH])]
    for selector in [*scripts, "meta[name=viewport] ~ meta[name=viewport]"]:
        for tag in there(soup.select(selector), selector):
            tag.decompose()
    styles = there(soup.select_one(STYLES), STYLES)
    fonts = styles["href"].partition("serif.css")[0]
    first = soup.new_tag("script")  # at once, not only when the styles have been read; files may not ask so
    first.string = ASK.format(addresses=json.dumps([fonts + font for font in FONTS]))
    styles.insert_before(first)
    theme = there([script for script in soup("script") if THEME[0] in script.text], THEME[0])[0]
    theme.string = theme.text.replace(*THEME)
    return f"{before}{start}{soup}{end}{after}"


class Pages(BuiltinTemplateLoader):
    """Writes pages as Sphinx does, with a lighter head."""

    def render(self, template, context):
        html = super().render(template, context)
        return light_head(html, context["pagename"] == "search") if "<html" in html else html  # a page, not a part


def pictures(app, doctree, _):
    """All pictures of a page but the first wait until they are near; animations and live figures become files."""
    waits, folder = False, Path(app.outdir)
    for node in list(doctree.findall(lambda node: isinstance(node, nodes.image | nodes.raw))):
        text = node.astext() if isinstance(node, nodes.raw) else ""
        if isinstance(node, nodes.image):
            shown = picture(node, Path(app.srcdir), folder, waits)
        elif 'class="vae-animation"' in text:
            shown = with_files(text, folder, waits, "gif")
        elif 'class="card-picture"' in text:
            shown = with_files(text, folder, waits, "png")
        elif 'class="vae-live"' in text:
            shown = live_with_files(text, folder, waits)
        else:
            continue
        node.replace_self(nodes.raw("", shown, format="html"))
        waits = True
    if (folder / LIVE).exists() and any("vae-live" in node.astext() for node in doctree.findall(nodes.raw)):
        shutil.copy(figure.FILES / "loader.js", folder / LIVE)
        doctree += nodes.raw("", f'<script defer src="{LIVE}/loader.js"></script>', format="html")


def picture(node, source, folder, waits):
    """A picture as HTML, with its size, so that nothing moves when it arrives; of a figure, how wide it is legible."""
    content = Path(source, node["uri"]).read_bytes()
    name, width, height = light_picture(content, folder)
    lazy = ' loading="lazy"' * waits
    alt = html.escape(node.get("alt", ""), quote=True)
    tag = f'<img src="{name}" width="{width}" height="{height}" alt="{alt}"{lazy}>'
    if not isinstance(node.parent, nodes.figure):
        return tag
    with Image.open(io.BytesIO(content)) as drawn:
        legible = math.ceil(drawn.width * LEGIBLE / LETTERS)
    return f'<div class="drawing" style="--legible: {legible}px"><div class="scroller">{tag}</div></div>'


def light_picture(content, folder, share=1):
    """Keep a picture as a WebP, with as many pixels as it needs and no more: its address, width and height."""
    with Image.open(io.BytesIO(content)) as drawn:
        light = drawn.convert("RGB")
    if share < 1:
        light = light.resize([round(share * side) for side in light.size], Image.Resampling.LANCZOS)
    if light.width > MOST * COLUMN:
        size = (int(MOST * COLUMN), round(light.height * MOST * COLUMN / light.width))
        light = light.resize(size, Image.Resampling.BOX)  # keeps most edges between pixels of an image as they are
    few = light.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).convert("RGB")
    exact, smooth = io.BytesIO(), io.BytesIO()
    few.save(exact, "WEBP", lossless=True, quality=60)
    light.save(smooth, "WEBP", quality=90)  # smaller where there are many greys
    smallest = min(exact.getvalue(), smooth.getvalue(), key=len)
    return stored(smallest, folder, "webp"), *light.size


def light_film(content):
    """A GIF of fewer greys, of which each frame keeps only what it changes."""
    step, written = 255 / (GREYS - 1), io.BytesIO()
    with Image.open(io.BytesIO(content)) as film:
        greys = [
            frame.convert("L").point(lambda grey: round(round(grey / step) * step))
            for frame in ImageSequence.Iterator(film)
        ]
        times = [frame.info.get("duration", 0) for frame in ImageSequence.Iterator(film)]
        greys[0].save(written, "GIF", save_all=True, append_images=greys[1:], duration=times, loop=0, optimize=True)
    return written.getvalue()


def stored(content, folder, kind):
    """The address of a file in the folder of the site that holds this and is named after it."""
    name = f"_images/{hashlib.sha256(content).hexdigest()[:32]}.{kind}"
    (folder / "_images").mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return name


def pictures_as_files(soup, folder, waits, kind, share=1):
    """Give the pictures that these tags hold a file each, as large or smaller; all but the first of a page wait."""
    for image in there(soup.select(f'img[src^="data:image/{kind};base64,"]'), f"a {kind.upper()} in an output"):
        content = base64.b64decode(image["src"].partition(",")[2])
        if "moving" in image.get("class", []):
            image["src"] = stored(light_film(content), folder, kind)
        else:
            narrow = 0.5 if image.find_parent(style=re.compile("max-width")) else 1  # a panel that is never large
            image["src"], image["width"], image["height"] = light_picture(content, folder, share * narrow)
        if waits:
            image["loading"] = "lazy"
        waits = True


def with_files(text, folder, waits, kind):
    """HTML of an animation, or of a card, with its pictures as files in the folder of the site."""
    soup = BeautifulSoup(text, "html.parser")
    pictures_as_files(soup, folder, waits, kind)
    return str(soup)


def live_with_files(text, folder, waits):
    """A live figure's HTML with its stills, its weights and the package's scripts as files, loaded when it is near."""
    soup, files = BeautifulSoup(text, "html.parser"), []
    pictures_as_files(soup, folder, waits, "png", STILL)
    (folder / LIVE).mkdir(exist_ok=True)
    for script in there(soup.select("script:not(.settings)"), "a live figure's script"):
        name = script.extract().get("data-file")
        if name:
            source = figure.FILES / name  # as it is now, not as it was when the chapter was executed
            text = source.read_text(encoding="utf-8") if source.is_file() else script.text
            (folder / LIVE / name).write_text(text, encoding="utf-8")
            if "data-later" not in script.attrs:  # those are fetched when the reader asks for them
                files.append(f"{LIVE}/{name}")
    soup.style.string = figure.FILES.joinpath("live.css").read_text(encoding="utf-8")
    soup.select_one(".vae-live")["data-files"] = " ".join(files)
    return str(soup)


def share_picture(animation, target):
    """Draw what a link to the book shows elsewhere: 1200 x 630, an animation's last frame beside the title."""
    canvas = Image.new("RGB", (1200, 630), "#0b1f2e")
    with Image.open(animation) as film:
        film.seek(film.n_frames - 1)
        side = min(film.size)
        canvas.paste(film.convert("L").crop((0, 0, side, side)).resize((550, 550)), (40, 40))
    for line, (text, size) in enumerate(WORDS):
        place = (640, 190 + 72 * line)
        ImageDraw.Draw(canvas).text(place, text, fill="white", font=ImageFont.load_default(size))
    canvas.save(target, "PNG", optimize=True)
