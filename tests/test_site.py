"""The built book, page by page: run after `make book`."""

import base64
import io
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from bs4 import BeautifulSoup
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
CHAPTERS = ["1_modules", "2_mnist", "3_denoising", "4_gaussian"]
PAGES = ["index", *CHAPTERS, "notation", "references"]
GIF = "data:image/gif;base64,"


def page(name):
    path = HTML / f"{name}.html"
    assert path.exists(), f"{path} is missing: run `make book`"
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def article(name):
    return page(name).find("article")


def gifs(name):
    """The moving pictures of a page, as bytes."""
    return [base64.b64decode(image["src"].removeprefix(GIF)) for image in article(name).select("img.moving")]


@pytest.mark.parametrize("name", PAGES)
def test_no_traceback_and_no_raw_markup_reaches_the_reader(name):
    text = article(name)
    for code in text.select("pre, code, script, style, .math"):
        code.extract()
    words = text.get_text()
    assert "Traceback" not in words and "$$" not in words and "{cite" not in words and "```" not in words


@pytest.mark.parametrize("name", PAGES)
def test_no_equation_is_one_that_mathjax_refuses(name):
    for equation in article(name).select("div.math"):  # a double backslash makes Sphinx add `split`: write \cr instead
        assert not ("\\tag" in equation.get_text() and "{split}" in equation.get_text()), equation.get_text()


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_is_there_and_has_a_text(name):
    for image in article(name).find_all("img"):
        assert len(image.get("alt", "")) > 20, image.get("src", "")[:80]
        if not image["src"].startswith("data:"):
            assert (HTML / unquote(image["src"])).is_file()


@pytest.mark.parametrize("name", PAGES)
def test_internal_links_and_anchors_resolve(name):
    for link in article(name).find_all("a", href=True):
        address, anchor = urldefrag(link["href"])
        if "://" in address or address.startswith("mailto:"):
            continue
        target = HTML / unquote(address) if address else HTML / f"{name}.html"
        assert target.is_file(), link["href"]
        if anchor:
            assert BeautifulSoup(target.read_text(encoding="utf-8"), "html.parser").find(id=anchor), link["href"]


@pytest.mark.parametrize("name", PAGES)
def test_animations_are_light_move_and_can_be_paused(name):
    films = gifs(name)
    assert films or name in ("notation", "references")
    for film in films:
        assert len(film) <= 500 * 1024
        assert Image.open(io.BytesIO(film)).n_frames >= 10
    assert sum(map(len, films)) <= 2 * 2**20
    boxes = [box["id"] for box in article(name).select(".vae-animation input[type=checkbox]")]
    labels = [label["for"] for label in article(name).select(".vae-animation label")]
    assert len(films) == len(set(boxes)) == len(article(name).select("img.still")) and boxes == labels


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_cell_was_executed_without_a_word_on_stderr(name):
    cells = article(name).select("div.cell")
    assert len(cells) > 30
    complaints = [output.get_text() for output in article(name).select("div.output.stderr, div.output.traceback")]
    assert [text for text in complaints if "scikit-learn's 1,797 digits" not in text] == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_solutions_are_folded_and_executed(name):
    folded = article(name).select("details.hide")
    solutions = [fold for fold in folded if "Show the solution" in fold.get_text()]
    assert len(solutions) == 3 and all(fold.select_one("div.cell_output, .output") for fold in solutions)


def test_the_first_page_says_what_chapters_cost():
    text = article("index").get_text()
    assert "1. A VAE from Torch-style modules" in text and "2. A Bernoulli VAE on MNIST" in text
    assert "3. The denoising VAE, compared fairly" in text and "4. A Gaussian with an answer key" in text
    assert text.count("minutes (") >= len(CHAPTERS)


def test_kept_outputs_lie_where_the_build_throws_them_away():
    from tools import build

    assert all(folder.is_dir() for folder in build.KEPT)


def test_the_fingerprint_sees_the_package_and_the_data(monkeypatch):
    from tools import build

    before = build.fingerprint()
    monkeypatch.setattr(build, "handwritten_digits", lambda: [type("", (), {"name": "other data"})])
    assert build.fingerprint() != before
    monkeypatch.undo()
    assert build.fingerprint() == before
    read_bytes = Path.read_bytes
    changed = {"synthetic.py": b"#"}  # a file in a folder below the package
    monkeypatch.setattr(Path, "read_bytes", lambda path: read_bytes(path) + changed.get(path.name, b""))
    assert build.fingerprint() != before
