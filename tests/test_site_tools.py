"""What makes the site: formulas, ticks and folds, what is taken out of pages, what is built anew."""

from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from docutils import nodes
from docutils.core import publish_doctree
from myst_nb.docutils_ import Parser
from sphinx.errors import ExtensionError

from tools import build, finish, katex, notebooks, project, site


def test_a_formula_that_cannot_be_drawn_is_an_error():
    assert "katex-display" in katex.render("x^2", True) and "katex-display" not in katex.render("x^2", False)
    with pytest.raises(ValueError, match="KaTeX does not take the formula .*nosuch"):
        katex.render("\\nosuch{x}", False)


def test_katex_and_its_styles_are_of_one_version():
    styles = (project.BOOK / "_static" / "katex" / "katex.min.css").read_text(encoding="utf-8")
    assert f'content:"{katex.engine().eval("katex.version")}"' in styles


def scratch(folder, *cells):
    """The code cells, as the site shows them, of a page with these: (tags, outputs, settings for myst-nb)."""
    code = [
        nbformat.v4.new_code_cell("1", outputs=outputs, metadata={"tags": tags, "mystnb": settings})
        for tags, outputs, settings in cells
    ]
    page = nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": notebooks.KERNEL})
    doctree = publish_doctree(
        nbformat.writes(page),
        parser=Parser(),
        settings_overrides={"nb_execution_mode": "off", "nb_output_folder": str(folder), "report_level": 5},
    )
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
        (["true"], "all agree: holds"),
        (["false"], "so do these: does not hold"),
    ]
    assert ticks["classes"] == ["ticks"] and "hidden-text" in ticks[0][0][1]["classes"]
    assert [node.astext() for node in shown[1]] == [text.rstrip("\n")]


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg=="


@pytest.mark.parametrize(
    "tags, output, settings, words",
    [
        ([notebooks.CHECKED], says("a: True"), {}, "the check"),
        ([notebooks.CHECKED], shows("image/png", PIXEL), {}, "the check"),
        ([], shows("image/png", PIXEL), {}, "the code of this figure"),
        (
            [],
            shows("text/html", '<div class="vae-animation"><img src="data:image/gif;base64,"></div>'),
            {},
            "the code of this figure",
        ),
        ([], shows("text/html", "<table></table>"), {}, "the code of this table"),
        ([], says("1"), {}, "the code"),
        (
            [],
            says("1"),
            {"code_prompt_show": "Show the solution", "code_prompt_hide": "Hide the solution"},
            "the solution",
        ),
    ],
)
def test_a_fold_says_what_is_in_it(tags, output, settings, words, tmp_path):
    [cell] = scratch(tmp_path, (["hide-input", *tags], [output], settings))
    assert (cell["prompt_show"], cell["prompt_hide"]) == (f"Show {words}", f"Hide {words}")


HEAD = [
    '<meta name="viewport" content="a">',
    '<meta name="viewport" content="b">',
    *(f'<script src="{name}?v=1"></script>' for name in (finish.ICONS, *finish.SEARCH)),
    f"<script>a = {finish.THEME[0]};</script>",
    "<title>&amp;</title>",
]


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


def test_settings_and_animations_that_are_not_there_stop_the_build(tmp_path):
    for name in ("index", "search"):
        with pytest.raises(ExtensionError, match="DOCUMENTATION_OPTIONS"):
            finish.wait(None, name, "page.html", {"script_files": []}, None)
    with pytest.raises(ExtensionError, match="an animation's GIF"):
        finish.with_files('<img alt="data:image/gif" src="elsewhere.gif">', tmp_path, False)


def test_the_fingerprint_sees_the_package_and_the_data(monkeypatch):
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
