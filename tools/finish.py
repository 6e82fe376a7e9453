"""The last touch to the written pages: lighter, and complete without a network.

Animations become files, pictures get their size (so that nothing moves when they arrive) and wait until they are
near the screen, and scripts that the book has no use for are taken out. Run again, it changes nothing.
"""

import base64
import hashlib
import io
import re
from urllib.parse import unquote

from PIL import Image, ImageDraw, ImageFont

from tools.project import BOOK

# Icons come from the font that the style sheet names; the script that draws the same icons weighs half a megabyte.
UNUSED = r"scripts/fontawesome\.js|togglebutton\.\w+|sphinx-thebe\.\w+|design-tabs\.js|sphinx-design\.min\.css"
SEARCH = r"_static/searchtools\.js|_static/language_data\.js|searchindex\.js"  # the search page has its own
SETTINGS = r"\s*<script>(?:{names})[^<]*</script>"
VIEWPORT = re.compile(r'<meta name="viewport" content="width=device-width, initial-scale=1" ?/>')  # it has "1.0" before
THEME = ('localStorage.getItem("theme") || "auto"', 'localStorage.getItem("theme") || '
         '(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")')  # before the first drawing
GIF = re.compile(r'src="data:image/gif;base64,([^"]+)"')


def without(names, html):
    """The page without the scripts and styles whose address matches."""
    return re.sub(rf'\s*<(?:script|link)\b[^>]*(?:src|href)="[^"]*(?:{names})[^"]*"[^>]*>(?:</script>)?', "", html)


def light_head(html, is_search):
    """The page with the scripts it uses, none of which holds up its drawing."""
    html = re.sub(SETTINGS.format(names="let toggle|var toggle|const THEBE"), "", without(UNUSED, html))
    if not is_search:
        html = re.sub(SETTINGS.format(names="DOCUMENTATION_OPTIONS"), "", without(SEARCH, html))
        html = re.sub(r"<script (?=src=)", "<script defer ", html)
    return VIEWPORT.sub("", html).replace(*THEME)


def stored_gif(match, folder):
    """A GIF inside the page becomes a file beside it."""
    content = base64.b64decode(match[1])
    name = f"_images/{hashlib.sha256(content).hexdigest()[:32]}.gif"
    (folder / "_images").mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return f'src="{name}"'


def sized_image(tag, folder, first):
    """A picture's tag with width, height, and leave to wait, unless it is the page's first."""
    source = unquote(re.search(r'\bsrc="([^"]*)"', tag)[1])
    extra = ""
    if not re.search(r"\bwidth=", tag) and (folder / source).suffix in (".png", ".gif"):
        with Image.open(folder / source) as picture:
            extra += f' width="{picture.width}" height="{picture.height}"'
    if "loading=" not in tag and not first:
        extra += ' loading="lazy"'
    return re.sub(r"\s*/?>$", f"{extra}>", tag)


def finished(html, folder, is_search=False):
    """The text of one page as it is published."""
    html = re.sub(r'(<div class="citation" [^>]*?) role="doc-biblioentry"', r"\1", html)  # that role has been given up
    html = html.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    html = html.replace('<summary aria-label="Toggle hidden content">', "<summary>")  # "Show the solution" says more
    html = GIF.sub(lambda match: stored_gif(match, folder), light_head(html, is_search))
    tags = re.compile(r"<img\b[^>]*>")
    start = tags.search(html)
    return tags.sub(lambda match: sized_image(match[0], folder, match.start() == start.start()), html)


def share_picture(animation, words):
    """The picture that a link to the book shows elsewhere: 1200 x 630, an animation's last frame and some words."""
    canvas = Image.new("RGB", (1200, 630), "#0b1f2e")
    with Image.open(animation) as film:
        film.seek(film.n_frames - 1)
        side = min(film.size)
        canvas.paste(film.convert("L").crop((0, 0, side, side)).resize((550, 550)), (40, 40))
    draw = ImageDraw.Draw(canvas)
    for line, (text, size) in enumerate(words):
        draw.text((640, 190 + 72 * line), text, fill="white", font=ImageFont.load_default(size))
    file = io.BytesIO()
    canvas.save(file, "PNG", optimize=True)
    return file.getvalue()


def finish(folder, shared):
    """Go over every page in the folder, and draw the picture for sharing."""
    for path in sorted(folder.glob("*.html")):
        html = path.read_text(encoding="utf-8")
        changed = finished(html, folder, is_search=path.name == "search.html")
        if changed != html:
            path.write_text(changed, encoding="utf-8")
    words = [("Variational", 58), ("Auto-Encoders,", 58), ("executed", 58), ("a hands-on book in PyTorch", 30)]
    (folder / shared).write_bytes(share_picture(BOOK / "_static" / "manifold.gif", words))
