"""The cards of the first page: what is cut from a still, and how reading is counted. The page itself: test_site.py."""

import base64
import io
from types import SimpleNamespace

import nbformat
import pytest
from PIL import Image

from tools import cards, project


def still_of(picture):
    written = io.BytesIO()
    picture.save(written, "PNG")
    return {"src": f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"}


def test_a_card_shows_the_part_of_the_still_that_it_names():
    picture = Image.new("RGB", (40, 20), "white")
    picture.paste("red", (10, 5, 30, 20))
    with Image.open(io.BytesIO(cards.cut(still_of(picture), [0.25, 0.25, 0.75, 1]))) as part:
        assert part.size == (20, 15) and part.getcolors() == [(300, (255, 0, 0))]


def test_a_live_figure_is_found_in_the_chapter_s_last_execution(monkeypatch):
    live = '<div class="vae-live" data-figure="sheet">'
    outputs = [nbformat.v4.new_output("display_data", {"text/html": html}) for html in ("<table>", live)]
    record = SimpleNamespace(cells=[nbformat.v4.new_code_cell("", outputs=outputs)])
    monkeypatch.setattr(cards.execute, "kept", {"2_mnist": record}.get)
    assert cards.live_figure("2_mnist", "sheet") == live
    assert cards.live_figure("2_mnist", "board") is cards.live_figure("1_modules", "sheet") is None


def test_cards_of_other_chapters_than_the_book_s_stop_the_build():
    names = [path.stem for path in project.CHAPTERS]
    directive = SimpleNamespace(content=[f"{name}: 1" for name in reversed(names)], error=ValueError)
    with pytest.raises(ValueError, match=f"cards must be of {', '.join(names)}, in this order, got 4_"):
        cards.Cards.run(directive)
