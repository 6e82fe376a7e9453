"""Numbers of equations and figures as links, on a small site of two chapters and a page of notes."""

import io

import nbformat
import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from tests.test_site_tools import PIXEL, shows
from tools import notebooks, project

PICTURE = shows("image/png", PIXEL)
FILM = shows("text/html", '<div class="vae-animation"></div>')
LIVE = shows("text/html", '<div class="vae-live"><span>(1.9)</span></div>')
TABLE = shows("text/html", "<table></table>")
EQUATION = "$$\nx = 1 \\tag{%s}\n$$\n\n"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Builds a site of two chapters, each a list of texts and of (output, caption), and a page of notes.

    Returns the pages and all warnings.
    """
    monkeypatch.setattr(project, "CHAPTERS", [tmp_path / "1_a.ipynb", tmp_path / "2_b.ipynb"])

    def build(first, second, notes=""):
        for path, parts in zip(project.CHAPTERS, (first, second), strict=True):
            notebook = nbformat.v4.new_notebook(metadata={"kernelspec": notebooks.KERNEL})
            for part in [f"# {path.stem}", *parts]:
                if isinstance(part, str):
                    notebook.cells.append(nbformat.v4.new_markdown_cell(part))
                else:
                    cell = nbformat.v4.new_code_cell("1", outputs=part[0], metadata={"caption": part[1]})
                    notebook.cells.append(cell)
            nbformat.write(notebook, path)
        (tmp_path / "index.md").write_text(f"# Notes\n\n{notes}\n\n```{{toctree}}\n1_a\n2_b\n```\n")
        settings = {
            "extensions": ["myst_nb", "tools.katex", "tools.references"],
            "html_math_renderer": "katex",
            "myst_enable_extensions": ["dollarmath"],
            "nb_execution_mode": "off",
        }
        warnings, folder = io.StringIO(), tmp_path / "_build"
        with docutils_namespace():
            Sphinx(tmp_path, None, folder, folder, "html", settings, status=None, warning=warnings).build()
        pages = {
            name: BeautifulSoup((folder / f"{name}.html").read_text(encoding="utf-8"), "html.parser").find(
                class_="body"
            )
            for name in ("index", "1_a", "2_b")
        }
        return pages, warnings.getvalue()

    return build


def links(page):
    return [(link.get_text(), link["href"]) for link in page.select("a.reference.internal:not(.toctree-wrapper a)")]


def test_the_number_of_an_equation_is_a_link_to_it_on_each_page(site):
    pages, warnings = site([EQUATION % "1.1" + "By (1.1) and (2.10)."], [EQUATION % "2.10"], "See (1.1).")
    assert warnings == ""
    assert links(pages["1_a"]) == [("(1.1)", "#eq-1-1"), ("(2.10)", "2_b.html#eq-2-10")]
    assert links(pages["index"]) == [("(1.1)", "1_a.html#eq-1-1")]
    assert "math" in pages["1_a"].select_one("#eq-1-1")["class"] and pages["2_b"].select_one("#eq-2-10")


def test_no_number_is_a_link_in_code_formulas_headings_and_links(site):
    text = "## By (1.1)\n\n`(1.1)`, $f(1.1)$, [here (1.1)](2_b)\n\n    (1.1)\n\n" + EQUATION % "1.1"
    pages, warnings = site([text], [])
    assert [link for link in links(pages["1_a"]) if "#eq" in link[1]] == [] and warnings == ""
    assert pages["1_a"].get_text().count("(1.1)") >= 4


def test_a_number_that_is_no_equation_stays_as_it_is(site):
    pages, warnings = site(["At (0.5), (9.1), (12), (1.1.1) and 1.1."], [])
    assert links(pages["1_a"]) == [] and warnings == ""


@pytest.mark.parametrize("words, label", [("by (1.7)", "eq-1-7"), ("in figure 2.1", "figure-2-1")])
def test_a_number_of_a_chapter_without_such_an_equation_or_figure_is_a_warning(words, label, site):
    _, warnings = site([f"It is so {words}."], [])
    assert f"undefined label: '{label}'" in warnings and "1_a" in warnings


def test_figures_are_numbered_in_their_order_and_have_their_words_below(site):
    first = [([PICTURE], "A point."), ([TABLE], None), ([FILM], None), ([LIVE], "What $x^2$ is.")]
    pages, warnings = site(first, [([LIVE], "Alive."), "As figure 2.1 and\nFigure\n1.3 show."])
    figures = [figure for name in ("1_a", "2_b") for figure in pages[name].select("figure")]
    assert [figure["id"] for figure in figures] == ["figure-1-1", "figure-1-2", "figure-1-3", "figure-2-1"]
    captions = [figure.select_one("figcaption .caption-text") for figure in figures]
    assert captions[0].get_text() == "Figure\N{NO-BREAK SPACE}1.1. A point."
    assert captions[1].get_text() == "Figure\N{NO-BREAK SPACE}1.2"
    assert captions[2].select_one(".math .katex-html") and captions[2].get_text().endswith("is.")
    assert [bool(figure.select("img, .vae-animation, .vae-live")) for figure in figures] == 4 * [True]
    assert links(pages["2_b"]) == [("figure 2.1", "#figure-2-1"), ("Figure\n1.3", "1_a.html#figure-1-3")]
    assert warnings == ""


def test_a_figure_that_a_preview_lacks_keeps_its_number(site):
    pages, _ = site([([shows("text/markdown", "*`make book` computes this.*")], "A point.")], [])
    assert "computes this" in pages["1_a"].select_one("#figure-1-1").get_text()


@pytest.mark.parametrize("outputs", [[], [PICTURE, PICTURE]])
def test_a_caption_without_one_picture_stops_the_build(outputs, site):
    with pytest.raises(Exception, match=f"one picture, not {len(outputs)}: A point"):
        site([(outputs, "A point.")], [])


def test_a_number_that_is_given_twice_stops_the_build(site):
    with pytest.raises(Exception, match="1_a gives the number 1.1 a second time"):
        site([2 * (EQUATION % "1.1")], [])
