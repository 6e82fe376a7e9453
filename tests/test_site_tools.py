"""What makes the site: formulas, ticks and folds, what is taken out of pages, what is built anew."""

import io
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from docutils import nodes
from docutils.core import publish_doctree
from myst_nb.docutils_ import Parser
from PIL import Image, ImageChops, ImageDraw, ImageSequence, ImageStat
from sphinx.errors import ExtensionError

from tools import build, execute, finish, katex, notebooks, project, site


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
    '<link href="_static/fonts/serif.css?v=1" rel="stylesheet"/>',
    "<title>&amp;</title>",
]


def test_what_a_page_does_not_use_is_taken_out_of_its_head():
    before, after = "<!DOCTYPE html>\n<html>\n<head>", "</head>\n<body>&nbsp;<script src='searchindex.js'></script>"
    light = finish.light_head("".join([before, *HEAD, after]), is_search=False)
    theme = f"<script>a = {finish.THEME[1]};</script>"
    fonts = '["_static/fonts/serif-regular.woff2", "_static/fonts/serif-semibold.woff2"]'
    ask = f"<script>{finish.ASK.format(addresses=fonts)}</script>"
    assert light == "".join([before, '<meta content="a" name="viewport"/>', theme, ask, *HEAD[-2:], after])
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
    with pytest.raises(ExtensionError, match="a GIF in an output"):
        finish.with_files('<img alt="data:image/gif" src="elsewhere.gif">', tmp_path, False, "gif")


def as_bytes(pictures, kind, **options):
    written = io.BytesIO()
    pictures[0].save(
        written, kind, **({"save_all": True, "append_images": pictures[1:]} if pictures[1:] else {}) | options
    )
    return written.getvalue()


def test_a_picture_becomes_a_lighter_one_with_as_many_pixels_as_it_needs(tmp_path):
    for width, kept in ((500, 500), (1152, 1152), (1440, 1152)):
        drawn = Image.new("RGB", (width, 300), "white")
        ImageDraw.Draw(drawn).line((0, 0, width, 300), fill="#0072b2", width=3)
        content = as_bytes([drawn], "PNG")
        name, *size = finish.light_picture(content, tmp_path)
        with Image.open(tmp_path / name) as light:
            assert light.format == "WEBP" and list(light.size) == size == [kept, round(300 * kept / width)]
            if kept == width:  # few colours are kept as they are
                assert light.convert("RGB").tobytes() == drawn.tobytes()
        assert (tmp_path / name).stat().st_size < len(content)


def test_many_greys_do_not_make_a_picture_heavy(tmp_path):
    noise = Image.effect_noise((300, 300), 60)
    name, *_ = finish.light_picture(as_bytes([noise], "PNG"), tmp_path)
    assert (tmp_path / name).stat().st_size < len(as_bytes([noise], "PNG"))
    with Image.open(tmp_path / name) as light:
        assert ImageStat.Stat(ImageChops.difference(light.convert("L"), noise)).mean[0] < 8


def test_a_lighter_film_keeps_its_frames_and_their_times_and_nearly_its_greys():
    ramp = Image.linear_gradient("L").resize((64, 64))
    frames = [ramp, ramp.rotate(90), ramp.rotate(180)]
    content = as_bytes(frames, "GIF", duration=[100, 100, 800], loop=0)
    with Image.open(io.BytesIO(finish.light_film(content))) as film:
        shown = [frame.convert("L") for frame in ImageSequence.Iterator(film)]
        times = [frame.info["duration"] for frame in ImageSequence.Iterator(film)]
        assert times == [100, 100, 800] and film.info["loop"] == 0
    for frame, light in zip(frames, shown, strict=True):
        assert len(light.getcolors()) == finish.GREYS
        assert ImageChops.difference(frame, light).getextrema()[1] <= 255 / (finish.GREYS - 1) / 2 + 1
    assert len(finish.light_film(content)) < len(content)


@pytest.mark.parametrize("builder", ["html", "linkcheck"])
def test_a_build_executes_what_is_stale_then_writes_all_pages_anew(builder, tmp_path, monkeypatch):
    pages, done = tmp_path / "_build" / "html", []
    pages.mkdir(parents=True)

    def executed(chapters):
        assert pages.exists()  # the last build's pages can be read meanwhile
        done.extend(chapters)

    def sphinx(command, **_):
        assert pages.exists() == (builder != "html")
        done.append(command[-1])
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(build.execute, "executed", executed)
    monkeypatch.setattr(build.subprocess, "run", sphinx)
    monkeypatch.setattr(build.sys, "argv", ["build", builder])
    monkeypatch.setattr(build, "ROOT", tmp_path)
    build.main()
    assert done == [*(path.stem for path in project.NOTEBOOKS), builder]


def test_a_build_with_a_warning_fails(monkeypatch, tmp_path):
    monkeypatch.setattr(
        build.subprocess, "run", lambda command, **_: SimpleNamespace(returncode="--warningiserror" in command)
    )
    with pytest.raises(SystemExit, match="failed after"):
        build.sphinx("html", tmp_path)


CELL = "```{code-cell} ipython3\n%s\n```\n"
HEADER = """---
jupytext:
  text_representation:
    format_name: myst
kernelspec:
  display_name: Python 3
  name: python3
---
"""


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """Of a small chapter: its text, and a function that reads it as Sphinx does."""
    text = HEADER + "# Title\n\n" + CELL % "x = 2" + "words\n\n" + CELL % "x" + CELL % "print(x)"
    for name in ("book", "notebooks", "_build/executed"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "book" / "small.md").write_text(text)
    monkeypatch.setattr(project, "BOOK", tmp_path / "book")
    monkeypatch.setattr(execute, "OUTPUTS", tmp_path / "_build" / "executed")
    monkeypatch.setattr(notebooks, "set_up", lambda: "set_up()")
    monkeypatch.setattr(notebooks, "file_of", lambda path: tmp_path / "notebooks" / f"{path.stem}.ipynb")
    return text, lambda: site.with_outputs(text, None, "small")


def keep(path, fingerprint=None):
    """Write what the chapter's notebook keeps or, with a fingerprint, what an execution of it showed."""
    notebook = notebooks.convert(project.BOOK / "small.md")
    last = execute.code_cells(notebook)[1 if fingerprint else -1 :]
    for number, cell in enumerate(last):
        cell.outputs = [says(f"{number}: {cell.source}")]
    notebook.metadata["run"] = {"fingerprint": fingerprint}
    nbformat.write(notebook, path)


def test_a_page_shows_what_the_execution_showed_and_no_other(chapter):
    text, read = chapter
    keep(notebooks.file_of(Path("small.md")))
    with pytest.raises(ExtensionError, match="small.md has changed since it was executed; run `make book`"):
        read()
    right = execute.fingerprint(notebooks.convert(project.BOOK / "small.md"))
    keep(execute.OUTPUTS / "small.ipynb", right)
    shown = [cell.outputs[0].text for cell in execute.code_cells(read())]
    assert shown == ["0: x = 2", "1: x", "2: print(x)"]
    (project.BOOK / "small.md").write_text(text.replace("print(x)", "print(x + 1)"))
    with pytest.raises(ExtensionError, match="has changed"):
        read()


def test_a_preview_shows_what_the_notebook_keeps_and_says_what_is_missing(chapter, monkeypatch):
    _, read = chapter
    monkeypatch.setattr(execute, "PREVIEW", True)
    keep(notebooks.file_of(Path("small.md")))
    silent, missing, there = (cell.outputs for cell in execute.code_cells(read()))
    assert silent == [] and there[0].text == "0: print(x)"
    assert [output.data["text/markdown"] for output in missing] == ["*`make book` computes this.*"]


@pytest.mark.parametrize(
    "source, shows",
    [
        ("x = 1", False),
        ("x = 1\nx", True),
        ("%time x = f()", True),
        ("for i in y:\n    print(i)", True),
        ("f();", False),
    ]
    + [("", False), ("def f():\n    return 1", False), ("# only words", False)],
)
def test_which_cells_show_something_is_seen_from_their_code(source, shows):
    assert site.shows_something(source) == shows
