"""The chapters as cards on the first page: a picture that the chapter itself has drawn, a sentence, and two times.

```{cards}
1_modules:
  picture: squares codes           # a live figure of the chapter, and the panel whose still it is
  part: [0.1, 0, 0.9, 0.6]         # of that still: left, top, right and bottom, as shares
  alt: what it shows
  about: what the chapter is about
```
"""

import base64
import html
import io

import yaml
from bs4 import BeautifulSoup
from docutils import nodes
from PIL import Image
from sphinx.util.docutils import SphinxDirective

from tools import execute, project, reading


def live_figure(chapter, name):
    """The HTML of a live figure that a chapter drew when it was executed; None where it was not, and in a preview."""
    record, mark = None if execute.PREVIEW else execute.kept(chapter), f'class="vae-live" data-figure="{name}"'
    outputs = [output for cell in execute.code_cells(record) for output in cell.outputs] if record else []
    shown = (output.get("data", {}).get("text/html", "") for output in outputs)
    return next((html for html in shown if mark in html), None)


def cut(still, part):
    """A part of a live figure's still, as PNG."""
    with Image.open(io.BytesIO(base64.b64decode(still["src"].partition(",")[2]))) as drawn:
        sides = (drawn.width, drawn.height) * 2
        picture = drawn.convert("RGB").crop([round(share * side) for share, side in zip(part, sides, strict=True)])
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


class Cards(SphinxDirective):
    """A card for each chapter, in their order."""

    has_content = True

    def run(self):
        given, chapters = yaml.safe_load("\n".join(self.content)), [path.stem for path in project.CHAPTERS]
        if list(given) != chapters:
            raise self.error(f"cards must be of {', '.join(chapters)}, in this order, got {', '.join(given)}")
        cards = [self.card(place, path, **given[path.stem]) for place, path in enumerate(project.CHAPTERS, start=1)]
        times = (
            f"Times: a minute of reading is {reading.WORDS_A_MINUTE} words, or {reading.LINES_A_MINUTE} lines of code "
            "in view. To run means all cells, one after the other."
        )
        return [nodes.container("", *cards, classes=["chapter-cards"]), *self.parse_text_to_nodes(times)]

    def card(self, place, path, picture, part, alt, about):
        self.env.note_dependency(str(execute.OUTPUTS / f"{path.stem}.ipynb"))
        name, panel = picture.split()
        shown = BeautifulSoup(live_figure(path.stem, name) or "", "html.parser")
        still = shown.select_one(f'[data-panel="{panel}"] img')
        if not still and execute.kept(path.stem) and not execute.PREVIEW:
            raise self.error(f"no cell of {path.stem} shows a live figure {name} with a panel {panel}")
        title = f"**[{place}. {project.title(path)}]({path.name})**"
        cost = f"About {reading.minutes(path)} minutes to read, {project.minutes(path.stem)} to run."
        words = self.parse_text_to_nodes(f"{title}\n\n{about}\n\n{cost}")
        if still:
            source = base64.b64encode(cut(still, part)).decode("ascii")
            text = html.escape(alt, quote=True)
            image = f'<div class="card-picture"><img src="data:image/png;base64,{source}" alt="{text}"></div>'
            words = [nodes.raw("", image, format="html"), *words]
        return nodes.container("", *words, classes=["chapter-card"])
