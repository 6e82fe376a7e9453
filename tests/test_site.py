"""The built book, page by page: run after `make book`."""

import copy
import re
import subprocess
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag
from xml.etree import ElementTree

import nbformat
import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.core import publish_doctree
from myst_nb.docutils_ import Parser
from PIL import Image
from sphinx.errors import ExtensionError

from tools import claims, finish, katex, notebooks, project, site
from tools.serve import HTML

CHAPTERS = [path.stem for path in project.CHAPTERS]
PAGES = project.PAGES


@cache
def page(name):
    path = HTML / f"{name}.html"
    assert path.exists(), f"{path} is missing: run `make book`"
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def article(name):
    return page(name).find("article")


def gifs(name):
    """The files of a page's moving pictures."""
    return [HTML / image["src"] for image in article(name).select("img.moving")]


@pytest.mark.parametrize("name", PAGES)
def test_no_traceback_and_no_raw_markup_reaches_the_reader(name):
    words = "".join(text for text in article(name).find_all(string=True)
                    if not text.find_parent(["pre", "code", "script", "style"]) and not text.find_parent(class_="math"))
    assert "Traceback" not in words and "$$" not in words and "{cite" not in words and "```" not in words


@pytest.mark.parametrize("name", PAGES)
def test_every_formula_was_drawn_while_building(name):
    for formula in article(name).select(".math"):
        assert formula.select_one(".katex-html") and formula.select_one("math"), formula
    assert not article(name).select(".katex-error")
    assert len(article(name).select(".math")) > 40 or name in ("index", "checks", "references")


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_short_formula_keeps_its_full_stop_and_says_it_once(name):
    kept = article(name).select(".keep")
    assert len(kept) > 10
    for part in kept:
        mark, after = part.get_text()[-1], str(part.next_sibling or "")
        assert mark in ".,;:)?!" and not after.startswith(mark), part.get_text() + after[:20]
    prose = [text for text in article(name).find_all(string=re.compile("ELBO"))
             if text.find_parent("p") and not text.find_parent(["code", "annotation"])]
    assert prose and not [text for text in prose if "-ELBO" in text]


def test_a_formula_that_cannot_be_drawn_is_an_error():
    assert "katex-display" in katex.render("x^2", True) and "katex-display" not in katex.render("x^2", False)
    with pytest.raises(ValueError, match="KaTeX does not take the formula .*nosuch"):
        katex.render("\\nosuch{x}", False)


@pytest.mark.parametrize("name", [*PAGES, "search", "404"])
def test_nothing_is_asked_of_another_server(name):
    path = HTML / f"{name}.html"
    html = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    kinds = "script[src], img, iframe, source, link[rel=stylesheet], link[rel=preload], link[rel=icon]"
    asked = [tag.get("src") or tag.get("href") for tag in html.select(kinds)]
    assert asked and not [address for address in asked if address.startswith(("http", "//"))]
    assert not re.search(r"fontawesome\.js|unpkg|jsdelivr|cdnjs", path.read_text(encoding="utf-8"))


def test_styles_ask_nobody_else_either():
    for path in HTML.glob("_static/**/*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_is_there_and_has_a_text(name):
    for image in article(name).find_all("img"):
        assert len(image.get("alt", "")) > 20, image.get("src", "")[:80]
        with Image.open(HTML / unquote(image["src"])) as picture:
            assert (int(image["width"]), int(image["height"])) == picture.size


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
            assert page(target.stem).find(id=anchor), link["href"]


@pytest.mark.parametrize("name", PAGES)
def test_animations_are_light_move_and_can_be_paused(name):
    films = gifs(name)
    assert films or name in ("notation", "checks", "references")
    for film in films:
        assert film.stat().st_size <= 500 * 1024
        assert Image.open(film).n_frames >= 10
    assert sum(film.stat().st_size for film in films) <= 2 * 2**20
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


@pytest.mark.parametrize("name", CHAPTERS)
def test_at_most_400_lines_of_code_are_in_view(name):
    shown = copy.copy(article(name))
    for fold in shown.find_all("details"):
        fold.decompose()
    assert sum(len(code.get_text().strip().splitlines()) for code in shown.select(".cell_input pre")) <= 400


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_claim_has_a_tick_and_words_for_it(name):
    printed = [line for _, lines, _, _ in claims.compared_cells(name) for line in lines]
    lines = [line for line in printed if claims.CLAIM.fullmatch(line)]
    items = article(name).select("ul.ticks > li")
    assert len(items) == len(lines) > 10
    assert all(item["class"] == ["true"] and item.get_text().endswith(": holds") for item in items)
    printed = "".join(output.get_text() for output in article(name).select(".tag_nbval-check-output .output.stream"))
    assert not re.search(r": (True|False)$", printed, re.MULTILINE)


def scratch(folder, *cells):
    """The code cells, as the site shows them, of a page with these: (tags, outputs, settings for myst-nb)."""
    code = [nbformat.v4.new_code_cell("1", outputs=outputs, metadata={"tags": tags, "mystnb": settings})
            for tags, outputs, settings in cells]
    page = nbformat.v4.new_notebook(cells=code, metadata=notebooks.METADATA)
    doctree = publish_doctree(nbformat.writes(page), parser=Parser(), settings_overrides={
        "nb_execution_mode": "off", "nb_output_folder": str(folder), "report_level": 5})
    site.cells(SimpleNamespace(env=SimpleNamespace(docname="scratch", doc2path=lambda name: f"{name}.md")), doctree)
    return [node for node in doctree.findall(nodes.container) if node.get("nb_element") == "cell_code"]


def says(text):
    return nbformat.v4.new_output("stream", text=text)


def shows(kind, content):
    return nbformat.v4.new_output("display_data", {kind: content, "text/plain": "<object>"})


def test_claims_become_ticks_and_crosses_between_the_other_lines(tmp_path):
    text = "2 rows\nall agree: True\nso do these: False\n\ndone\n"
    compared, shown = scratch(tmp_path, ([notebooks.CHECKED], [says(text)], {}), ([], [says(text)], {}))
    before, ticks, after = compared[1]
    assert (before.astext(), after.astext()) == ("2 rows", "\ndone")
    assert [(item["classes"], item.astext()) for item in ticks] == [
        (["true"], "all agree: holds"), (["false"], "so do these: does not hold")]
    assert ticks["classes"] == ["ticks"] and "hidden-text" in ticks[0][0][1]["classes"]
    assert [node.astext() for node in shown[1]] == [text.rstrip("\n")]


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg=="


@pytest.mark.parametrize("tags, output, settings, words", [
    ([notebooks.CHECKED], says("a: True"), {}, "the check"),
    ([notebooks.CHECKED], shows("image/png", PIXEL), {}, "the check"),
    ([], shows("image/png", PIXEL), {}, "the code of this figure"),
    ([], shows("text/html", '<div class="vae-animation"><img src="data:image/gif;base64,"></div>'), {},
     "the code of this figure"),
    ([], shows("text/html", "<table></table>"), {}, "the code of this table"),
    ([], says("1"), {}, "the code"),
    ([], says("1"), {"code_prompt_show": "Show the solution", "code_prompt_hide": "Hide the solution"}, "the solution"),
])
def test_a_fold_says_what_is_in_it(tags, output, settings, words, tmp_path):
    [cell] = scratch(tmp_path, (["hide-input", *tags], [output], settings))
    assert (cell["prompt_show"], cell["prompt_hide"]) == (f"Show {words}", f"Hide {words}")


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_opens_with_its_cost_and_buttons_and_closes_with_where_to_go(name):
    opening = article(name).select_one(".opening")
    assert project.minutes(name) in opening.get_text()
    colab, download, source = opening.select("a")
    assert colab["href"] == project.in_colab(name) and source["href"] == project.in_repository(f"book/{name}.md")
    stored = (project.ROOT / "notebooks" / f"{name}.ipynb").read_bytes()
    assert "download" in download.attrs and (HTML / unquote(download["href"])).read_bytes() == stored
    objectives = opening.find_previous("ul")
    assert len(objectives.select("li")) >= 4 and "can" in objectives.find_previous("p").get_text()
    assert "Where to go next" in article(name).find_all("h2")[-1].get_text()


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_compared_cell_is_on_the_page_of_checks(name):
    links = {link["href"] for link in article("checks").select("p.compared a")}
    compared = claims.compared_cells(name)
    assert {f"{name}.html#cell-{cell.id}" for _, _, cell, _ in compared} <= links
    text = re.sub(r"\s+", " ", article("checks").get_text(" "))
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


HEAD = ['<meta name="viewport" content="a">', '<meta name="viewport" content="b">',
        *(f'<script src="{name}?v=1"></script>' for name in (finish.ICONS, *finish.SEARCH)),
        f"<script>a = {finish.THEME[0]};</script>", "<title>&amp;</title>"]


def test_what_a_page_does_not_use_is_taken_out_of_its_head():
    before, after = "<!DOCTYPE html>\n<html>\n<head>", "</head>\n<body>&nbsp;<script src='searchindex.js'></script>"
    light = finish.light_head("".join([before, *HEAD, after]), is_search=False)
    theme = f"<script>a = {finish.THEME[1]};</script>"
    assert light == "".join([before, '<meta content="a" name="viewport"/>', theme, HEAD[-1], after])
    searching = finish.light_head("".join([before, *HEAD, after]), is_search=True)
    assert "searchtools" in searching and "fontawesome" not in searching


@pytest.mark.parametrize("gone", HEAD[1:-1])
def test_a_page_without_what_is_taken_out_stops_the_build(gone):
    html = "".join(["<html><head>", *HEAD, "</head></html>"]).replace(gone, "")
    with pytest.raises(ExtensionError, match=r"with sphinx-book-theme \S+ and pydata-sphinx-theme \S+ it is not there"):
        finish.light_head(html, is_search=False)


@pytest.mark.parametrize("name", PAGES)
def test_a_finished_page_has_nothing_left_to_take_out(name):
    with pytest.raises(ExtensionError, match="fontawesome"):
        finish.light_head((HTML / f"{name}.html").read_text(encoding="utf-8"), is_search=False)


def test_settings_and_animations_that_are_not_there_stop_the_build(tmp_path):
    for name in ("index", "search"):
        with pytest.raises(ExtensionError, match="DOCUMENTATION_OPTIONS"):
            finish.wait(None, name, "page.html", {"script_files": []}, None)
    with pytest.raises(ExtensionError, match="an animation's GIF"):
        finish.with_files('<img alt="data:image/gif" src="elsewhere.gif">', tmp_path, False)


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
    assert len(re.findall(r"\d\.\d minutes", text)) >= len(CHAPTERS)


def test_kept_outputs_lie_where_the_build_throws_them_away():
    from tools import build

    assert all(folder.is_dir() for folder in [build.OUTPUTS, *build.PAGES])


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


def test_a_build_writes_all_pages_anew_and_keeps_outputs_made_from_the_same(tmp_path, monkeypatch):
    from tools import build

    outputs, pages = tmp_path / "outputs", [tmp_path / "html"]
    for name, value in {"BUILD": tmp_path, "OUTPUTS": outputs, "PAGES": pages, "EXECUTED": tmp_path / "stamp"}.items():
        monkeypatch.setattr(build, name, value)
    monkeypatch.setattr(build.sys, "argv", ["build"])
    monkeypatch.setattr(build.subprocess, "run", lambda *given, **_: SimpleNamespace(returncode=0))
    for made_from, kept in [("a", False), ("a", True), ("b", False)]:
        outputs.mkdir(exist_ok=True)
        pages[0].mkdir()
        monkeypatch.setattr(build, "fingerprint", lambda made_from=made_from: made_from)
        build.main()
        assert outputs.exists() == kept and not pages[0].exists()
