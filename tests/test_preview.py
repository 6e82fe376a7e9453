"""`make preview`: the whole site in under a minute, without executing anything."""

import subprocess
import sys

import pytest
from bs4 import BeautifulSoup

from tools import build, claims, execute, project
from tools.project import CHAPTERS

TO_COMPUTE = "make book computes this."


@pytest.fixture(scope="module")
def preview():
    """The preview's folder, just built."""
    before = sorted(execute.OUTPUTS.glob("*")), (execute.BUILD / "html").exists()
    command = [sys.executable, "-m", "tools.build", "preview"]
    done = subprocess.run(command, cwd=project.ROOT, capture_output=True, text=True)
    folder = build.PREVIEW / "_build" / "html"
    assert done.returncode == 0 and f"open {folder / 'index.html'}" in done.stdout, done.stdout + done.stderr
    assert before == (sorted(execute.OUTPUTS.glob("*")), (execute.BUILD / "html").exists())
    return folder


def article(folder, name):
    return BeautifulSoup((folder / f"{name}.html").read_text(encoding="utf-8"), "html.parser").find("article")


def test_every_page_of_the_book_is_in_the_preview(preview):
    assert {path.stem for path in preview.glob("*.html")} >= {*project.PAGES, "search", "404"}
    cards = article(preview, "index").select(".chapter-card")
    assert len(cards) == len(CHAPTERS) and not any(card.select("img") for card in cards)  # nothing was drawn


@pytest.mark.parametrize("name", [path.stem for path in CHAPTERS])
def test_a_chapter_says_that_it_is_a_preview_shows_its_claims_and_what_is_still_to_compute(name, preview):
    page = article(preview, name)
    assert "This is a preview" in page.select_one(".opening").get_text()
    lines = [line for _, lines, _, _ in claims.compared_cells(name) for line in lines]
    printed = [line for line in lines if claims.CLAIM.fullmatch(line)]
    assert len(page.select("ul.ticks > li.true")) == len(printed) > 10
    outputs = [output.get_text(strip=True) for output in page.select(".cell_output")]
    assert len([text for text in outputs if TO_COMPUTE.replace(" ", "") in text.replace(" ", "")]) > 5
    assert not page.select(".cell_output .stderr")


def test_pages_without_code_say_nothing_of_a_preview(preview):
    assert "preview" not in article(preview, "notation").get_text()


def test_what_a_build_throws_away_first_is_what_it_writes(preview):
    assert all((preview.parent / name).is_dir() for name in build.PAGES)
