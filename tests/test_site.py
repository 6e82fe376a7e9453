"""The built book, page by page: run after `make book`."""

import re
import subprocess
from functools import cache
from urllib.parse import unquote, urldefrag
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from PIL import Image
from sphinx.errors import ExtensionError

from tools import claims, finish, project, reading
from tools.serve import HTML
from vaebook.slips import SLIPS

CHAPTERS = [path.stem for path in project.CHAPTERS]
NOTEBOOKS = [path.stem for path in project.NOTEBOOKS]
PAGES = project.PAGES


@cache
def page(name):
    path = HTML / f"{name}.html"
    assert path.exists(), f"{path} is missing: run `make book`"
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def article(name):
    return page(name).find("article")


@cache
def anchors(name):
    """All that a link to a page may lead to."""
    return {tag["id"] for tag in page(name).find_all(id=True)}


def gifs(name):
    """The files of a page's moving pictures."""
    return [HTML / image["src"] for image in article(name).select("img.moving")]


@pytest.mark.parametrize("name", PAGES)
def test_no_traceback_and_no_raw_markup_reaches_the_reader(name):
    words = "".join(
        text
        for text in article(name).find_all(string=True)
        if not text.find_parent(["pre", "code", "script", "style"]) and not text.find_parent(class_="math")
    )
    assert "Traceback" not in words and "$$" not in words and "{cite" not in words and "```" not in words


@pytest.mark.parametrize("name", PAGES)
def test_every_formula_was_drawn_while_building(name):
    for formula in article(name).select(".math"):
        assert formula.select_one(".katex-html") and formula.select_one("math"), formula
    assert not article(name).select(".katex-error")
    assert len(article(name).select(".math")) > 40 or name in ("index", "slips", "checks", "references")


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_short_formula_keeps_its_full_stop_and_says_it_once(name):
    kept = article(name).select(".keep")
    assert len(kept) > 10
    for part in kept:
        mark, after = part.get_text()[-1], str(part.next_sibling or "")
        assert mark in ".,;:)?!" and not after.startswith(mark), part.get_text() + after[:20]
    prose = [
        text
        for text in article(name).find_all(string=re.compile("ELBO"))
        if text.find_parent("p") and not text.find_parent(["code", "annotation"])
    ]
    assert prose and not [text for text in prose if "-ELBO" in text]


@pytest.mark.parametrize("name", [*PAGES, "search", "404"])
def test_nothing_is_asked_of_another_server(name):
    kinds = "script[src], img, iframe, source, link[rel=stylesheet], link[rel=preload], link[rel=icon]"
    asked = [tag.get("src") or tag.get("href") for tag in page(name).select(kinds)]
    assert asked and not [address for address in asked if address.startswith(("http", "//"))]
    assert not re.search(r"fontawesome\.js|unpkg|jsdelivr|cdnjs", (HTML / f"{name}.html").read_text(encoding="utf-8"))


def test_styles_ask_nobody_else_either():
    for path in HTML.glob("_static/**/*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_is_there_and_has_a_text(name):
    for image in article(name).find_all("img"):
        assert len(image.get("alt", "")) > 20, image.get("src", "")[:80]
        with Image.open(HTML / unquote(image["src"])) as picture:
            assert (int(image["width"]), int(image["height"])) == picture.size


@pytest.mark.parametrize("name", CHAPTERS)
def test_all_that_a_chapter_shows_is_numbered_in_order_and_says_in_a_few_words_what_it_is(name):
    figures, place = article(name).select("figure"), CHAPTERS.index(name) + 1
    assert len(figures) >= 8
    assert not [image["alt"] for image in article(name).find_all("img") if not image.find_parent("figure")]
    for count, figure in enumerate(figures, start=1):
        number, *words = figure.select_one("figcaption .caption-text").get_text().split(". ", 1)
        assert figure["id"] == f"figure-{place}-{count}" and number == f"Figure\N{NO-BREAK SPACE}{place}.{count}"
        formulas = sum(len(formula.get_text()) > 0 for formula in figure.select("figcaption .math"))
        assert words and words[0].endswith((".", ")")) and len(words[0].split()) <= 16 + 2 * formulas, words


def test_live_figures_and_films_on_the_first_page_have_no_number():
    assert article("index").select(".vae-live") and not article("index").select("[id^=figure-]")


@pytest.mark.parametrize("name", CHAPTERS)
def test_an_equation_that_is_named_in_the_prose_is_linked(name):
    links = {link["href"].partition("#")[2] for link in article(name).select("a[href*='#eq-']")}
    assert len(links) > 3
    for text in article(name).find_all(string=re.compile(r"\([1-4]\.\d+\)")):
        plain = text.find_parent(["pre", "code", "h2", "h3", "script", "table"])
        plain = plain or text.find_parent(class_=["math", "vae-live"])
        assert plain or text.find_parent("a")["href"].endswith(f"#eq-{text[1:-1].replace('.', '-')}")


@pytest.mark.parametrize("name", PAGES)
def test_only_the_first_picture_does_not_wait(name):
    pictures = article(name).find_all("img")
    assert all(image.get("loading") == "lazy" for image in pictures[1:])
    assert not pictures or "loading" not in pictures[0].attrs


@pytest.mark.parametrize("name", PAGES)
def test_every_table_has_headers(name):
    for table in article(name).find_all("table"):
        headers = table.select("thead th")
        assert headers and all(header.get_text(strip=True) for header in headers), table.get_text()[:80]


@pytest.mark.parametrize("name", PAGES)
def test_internal_links_and_anchors_resolve(name):
    for link in page(name).find_all("a", href=True):
        address, anchor = urldefrag(link["href"])
        if "://" in address or address.startswith("mailto:"):
            continue
        target = HTML / unquote(address) if address else HTML / f"{name}.html"
        assert target.is_file(), link["href"]
        if anchor and target.suffix == ".html":
            assert anchor in anchors(target.stem), link["href"]


@pytest.mark.parametrize("name", PAGES)
def test_animations_are_light_move_and_can_be_paused(name):
    films = gifs(name)
    assert bool(films) == (name in CHAPTERS)
    for film in films:
        assert film.stat().st_size <= 500 * 1024
        assert Image.open(film).n_frames >= 10
    assert sum(film.stat().st_size for film in films) <= 2 * 2**20
    boxes = [box["id"] for box in article(name).select(".vae-animation input[type=checkbox]")]
    labels = [label["for"] for label in article(name).select(".vae-animation label")]
    assert len(films) == len(set(boxes)) == len(article(name).select("img.still")) and boxes == labels


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_cell_was_executed_without_a_word_on_stderr(name):
    cells = article(name).select("div.cell")
    assert len(cells) > (30 if name in CHAPTERS else 15)
    complaints = [output.get_text() for output in article(name).select("div.output.stderr, div.output.traceback")]
    assert [text for text in complaints if "scikit-learn's 1,797 digits" not in text] == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_solutions_are_folded_and_executed(name):
    folded = article(name).select("details.hide")
    solutions = [fold for fold in folded if "Show the solution" in fold.get_text()]
    assert len(solutions) == reading.exercises(project.BOOK / f"{name}.md") >= 3
    assert all(fold.select_one("div.cell_output, .output") for fold in solutions)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_at_most_400_lines_of_code_are_in_view(name):
    shown = [code for code in article(name).select(".cell_input pre") if not code.find_parent("details")]
    assert sum(len(code.get_text().strip().splitlines()) for code in shown) <= 400


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_claim_has_a_tick_and_words_for_it(name):
    printed = [line for _, lines, _, _ in claims.compared_cells(name) for line in lines]
    lines = [line for line in printed if claims.CLAIM.fullmatch(line)]
    items = article(name).select("ul.ticks > li")
    assert len(items) == len(lines) > (10 if name in CHAPTERS else 4)
    on_mnist = "The text speaks of MNIST" not in "".join(
        out.get_text() for out in article(name).select(".output.stream")
    )
    for item in items:  # what is claimed of MNIST may be false of other digits
        holds = item["class"] == ["true"] or on_mnist or not item.find_parent(class_="tag_mnist")
        assert item["class"] == [str(holds).lower()], item.get_text()
        assert item.get_text().endswith(": holds" if holds else ": does not hold")
    printed = "".join(output.get_text() for output in article(name).select(".tag_nbval-check-output .output.stream"))
    assert not re.search(r": (True|False)$", printed, re.MULTILINE)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_opens_with_its_cost_and_buttons_and_closes_with_where_to_go(name):
    opening = article(name).select_one(".opening")
    assert reading.cost(name) in opening.get_text()
    colab, download, source = opening.select("a")
    assert colab["href"] == project.in_colab(name) and source["href"] == project.in_repository(f"book/{name}.md")
    stored = (project.ROOT / "notebooks" / f"{name}.ipynb").read_bytes()
    assert "download" in download.attrs and (HTML / unquote(download["href"])).read_bytes() == stored
    objectives = opening.find_previous("ul")
    assert len(objectives.select("li")) >= 4 and "can" in objectives.find_previous("p").get_text()
    assert "Where to go next" in article(name).find_all("h2")[-1].get_text()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_compared_cell_is_on_the_page_of_checks(name):
    links = {link["href"] for link in article("checks").select("p.compared a")}
    compared = claims.compared_cells(name)
    assert {f"{name}.html#cell-{cell.id}" for _, _, cell, _ in compared} <= links
    text = re.sub(r"\s+", " ", article("checks").get_text())
    for _, lines, _, place in compared:
        claim = claims.CLAIM.fullmatch(lines[-1])
        last = claim[1].replace("-ELBO", "\N{MINUS SIGN}ELBO") if claim else re.sub(r"\s+", " ", lines[-1].strip())
        assert f", cell {place}" in text and last in text
    for section, _, cell, _ in compared[:3]:  # the anchor leads to that very cell
        shown = page(name).find(id=f"cell-{cell.id}").select_one("pre").get_text()
        assert shown.split() == cell.source.split(), section


@pytest.mark.parametrize("name", PAGES)
def test_a_shared_link_shows_title_description_and_picture(name):
    head = page(name).head
    properties = {tag.get("property") or tag.get("name"): tag.get("content") for tag in head.find_all("meta")}
    assert properties["og:title"] and properties["og:site_name"] == "Variational Auto-Encoders, executed"
    assert len(properties["description"]) > 40 and properties["og:description"]
    assert properties["og:url"] == head.find("link", rel="canonical")["href"] == f"{project.SITE}{name}.html"
    shared = HTML / properties["og:image"].removeprefix(project.SITE)
    with Image.open(shared) as picture:
        assert picture.size == (1200, 630) and shared.stat().st_size < 500 * 1024
    assert (HTML / head.find("link", rel="icon")["href"]).is_file()
    assert len(head.find_all("meta", attrs={"name": "viewport"})) == 1


def test_the_map_of_the_site_lists_every_page():
    addresses = {tag.text for tag in ElementTree.parse(HTML / "sitemap.xml").iter() if tag.tag.endswith("}loc")}
    assert addresses == {f"{project.SITE}{name}.html" for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
def test_a_finished_page_has_nothing_left_to_take_out(name):
    with pytest.raises(ExtensionError, match="fontawesome"):
        finish.light_head((HTML / f"{name}.html").read_text(encoding="utf-8"), is_search=False)


@pytest.mark.parametrize("name", [*PAGES, "404"])
def test_no_script_holds_up_the_drawing(name):
    assert all("defer" in script.attrs for script in page(name).select("script[src]"))
    assert page(name).select("script[src]")


def test_the_repository_itself_is_small():
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=project.ROOT, capture_output=True, text=True, check=True)
    files = [project.ROOT / name for name in tracked.stdout.split("\0") if name]
    assert sum(path.stat().st_size for path in files if path.is_file()) <= 10 * 2**20


def test_the_first_page_says_what_chapters_cost():
    text = article("index").get_text()
    for place, path in enumerate(project.CHAPTERS, start=1):
        title = f"{place}. {project.title(path)}"
        assert title in text and page(path.stem).title.get_text().startswith(title)
    cards = article("index").select(".chapter-card")
    assert len(cards) == len(CHAPTERS)
    for card, path in zip(cards, project.CHAPTERS, strict=True):
        assert [link["href"] for link in card.select("a")] == [f"{path.stem}.html"] and card.select_one("img")
        assert f"About {reading.minutes(path)} minutes to read, {project.minutes(path.stem)}" in card.get_text()


def test_the_table_of_slips_leads_to_each_entry():
    entries = article("slips").select("section.slip")
    names = [entry["id"] for entry in entries]
    links = [link["href"].removeprefix("#") for link in article("slips").select("th[scope=row] a")]
    assert sorted(links) == sorted(names) == sorted(slip.name for slip in SLIPS) and len(names) >= 24
    for entry in entries:
        assert len(entry.select("pre")) == 2 and "Price" in entry.get_text() and "Caught by" in entry.get_text()
