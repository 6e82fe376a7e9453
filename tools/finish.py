"""Lighter pages, complete without a network: what Jupyter Book adds and the book does not use is taken out.

Where a thing that is looked for is not there, the build stops: then a new version of the theme does it in another way.
"""

import base64
import hashlib
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from bs4 import BeautifulSoup
from docutils import nodes
from PIL import Image, ImageDraw, ImageFont
from sphinx.errors import ExtensionError
from sphinx.jinja2glue import BuiltinTemplateLoader

UNUSED = ["togglebutton.js", "togglebutton.css", "sphinx-thebe.js", "sphinx-thebe.css", "design-tabs.js",
          "sphinx-design.min.css", "let toggle", "const THEBE_"]
SETTINGS = "DOCUMENTATION_OPTIONS."  # of the search, which has a page of its own
SEARCH = ["_static/searchtools.js", "_static/language_data.js", "searchindex.js"]
ICONS = "scripts/fontawesome.js"  # half a megabyte that draws what the font in the style sheet draws
WORDS = [("Variational", 58), ("Auto-Encoders,", 58), ("executed", 58), ("a hands-on book in PyTorch", 30)]


def there(found, what):
    """What was found. Raises ExtensionError where that is nothing."""
    if not found:
        theme = " and ".join(f"{name} {version(name)}" for name in ("sphinx-book-theme", "pydata-sphinx-theme"))
        raise ExtensionError(f"a page of {theme} was expected to have {what}, and has not; see tools/finish.py")
    return found


def lighten(app, pagename, templatename, context, doctree):
    """Take out the scripts and styles that a page does not use; none of the rest holds up its drawing."""
    def without(files, unused):
        names = [there([file for file in files if name in (file.filename or file.attributes["body"])], name)
                 for name in unused]
        return [file for file in files if file not in sum(names, [])]

    styles = [name for name in UNUSED if name.endswith(".css")]
    scripts = [name for name in UNUSED if name not in styles]
    context["css_files"] = without(context["css_files"], styles)
    context["script_files"] = without(context["script_files"], scripts if pagename == "search" else [*scripts, SETTINGS])
    if pagename != "search":
        context["script_files"] = [type(file)(file.filename, priority=file.priority, defer="", **file.attributes)
                                   if file.filename else file for file in context["script_files"]]


def light_head(html, is_search):
    """The page without what the theme's templates write into its head themselves."""
    before, start, rest = html.partition("<head>")
    head, end, after = rest.partition("</head>")
    soup = BeautifulSoup(head, "html.parser")
    unused = [f'script[src*="{name}"]' for name in [ICONS, *([] if is_search else SEARCH)]]
    for selector in [*unused, "meta[name=viewport] ~ meta[name=viewport]"]:
        for tag in there(soup.select(selector), selector):
            tag.decompose()
    return f"{before}{start}{soup}{end}{after}"


class Pages(BuiltinTemplateLoader):
    """Writes pages as Sphinx does, with a lighter head."""

    def render(self, template, context):
        html = super().render(template, context)
        return light_head(html, context["pagename"] == "search") if "<html" in html else html  # a page, not a part


def pictures(app, doctree, _):
    """All pictures of a page but the first wait until they are near the screen; animations become files."""
    shown = [node for node in doctree.findall() if isinstance(node, nodes.image) or
             isinstance(node, nodes.raw) and "data:image/gif" in node.astext()]
    for place, node in enumerate(shown):
        if isinstance(node, nodes.image):
            node["loading"] = "lazy" if place else "link"
        else:
            node[:] = [nodes.Text(with_files(node.astext(), Path(app.outdir), place > 0))]


def with_files(html, folder, waits):
    """An animation's HTML with its GIFs as files in the folder of the site."""
    soup = BeautifulSoup(html, "html.parser")
    for place, image in enumerate(there(soup.select('img[src^="data:image/gif;base64,"]'), "a GIF in an animation")):
        content = base64.b64decode(image["src"].partition(",")[2])
        image["src"] = f"_images/{hashlib.sha256(content).hexdigest()[:32]}.gif"
        (folder / "_images").mkdir(exist_ok=True)
        (folder / image["src"]).write_bytes(content)
        if waits or place:
            image["loading"] = "lazy"
    return str(soup)


def visit_image(translator, node):
    """A picture with its size, so that nothing moves when it arrives."""
    builder = translator.builder
    with Image.open(Path(builder.srcdir, node["uri"])) as picture:
        attributes = {"width": picture.width, "height": picture.height}
    if node["loading"] == "lazy":
        attributes["loading"] = "lazy"
    source = f"{builder.imgpath}/{quote(builder.images[node['uri']])}"
    translator.body.append(translator.emptytag(node, "img", "\n", src=source, alt=node.get("alt", ""), **attributes))


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
