"""The live figures on the pages of the built book, in a browser: run after `make book`.

What each figure does is tested in test_live_training.py and its neighbours, on a page of its own.
"""

import re
from itertools import product

import pytest

from tests.browser import THEMES, WIDTHS, Visit, context
from tests.test_browser import FILES, in_words
from tests.test_site import article

LIVE = {
    "index": ["sheet"],
    "1_modules": ["code_cost", "squares"],
    "2_mnist": ["sheet", "posteriors", "dimensions", "board"],
    "3_denoising": ["mixture", "brush"],
    "4_gaussian": ["valley", "training"],
}
WITHOUT_WEIGHTS = ["4_gaussian"]
WEIGHTS = re.compile(r"/_live/[0-9a-f]{16}\.js$")
WINDOWS = list(product(LIVE, THEMES, WIDTHS))


def started(visit):
    """Scroll each live figure of the page into view, and wait until it runs; returns them."""
    figures = visit.page.locator(".vae-live")
    for place in range(figures.count()):
        figures.nth(place).scroll_into_view_if_needed()
        visit.page.wait_for_function(
            "place => document.querySelectorAll('.vae-live')[place].matches('.live, .failed')",
            arg=place,
            timeout=10_000,
        )
    visit.page.wait_for_timeout(100)  # for the first drawing
    return figures


def painted(visit, figure):
    """For each canvas of a figure the share that is not blank, once none of them is, or after ten seconds."""
    figure.scroll_into_view_if_needed()  # elsewhere it rests
    for _ in range(50):
        shares = figure.evaluate(PAINTED)
        if shares and min(shares) > 0.005:
            break
        visit.page.wait_for_timeout(200)
    return shares


def live_files(visit):
    return [request.url.rpartition("/_live/")[2] for request in visit.requests if "/_live/" in request.url]


def names_of(figures):
    return figures.evaluate_all("figures => figures.map(figure => figure.dataset.figure)")


PAINTED = """figure => [...figure.querySelectorAll("canvas")].map(canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
  copy.drawImage(canvas, 0, 0);
  const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
  return data.reduce((sum, value, at) => sum + (at % 4 === 3 && value > 0), 0) / (data.length / 4);
})"""


@pytest.mark.parametrize("name", LIVE)
def test_each_page_has_its_live_figures_and_their_files(name):
    assert sorted(root["data-figure"] for root in article(name).select(".vae-live")) == sorted(LIVE[name])
    for root in article(name).select(".vae-live"):
        assert not root.select("script:not(.settings)") and len(root["data-files"].split()) >= 4
    assert len(article(name).find_parent("html").select("script[src$='_live/loader.js'][defer]")) == 1


@pytest.mark.parametrize("name, theme, width", WINDOWS, ids=map(in_words, WINDOWS))
def test_live_figures_start_draw_and_ask_nobody_else(open_page, address, name, theme, width):
    visit = open_page(f"{name}.html", theme=theme, width=width)
    figures = started(visit)
    assert sorted(names_of(figures)) == sorted(LIVE[name])
    for figure in figures.all():
        assert "live" in figure.get_attribute("class").split() and figure.locator("[data-control]").first.is_enabled()
        shares = painted(visit, figure)
        assert shares and min(shares) > 0.005, shares
    assert visit.complaints == []
    assert [request.url for request in visit.requests if not request.url.startswith((address, "data:"))] == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    wide = figures.evaluate_all(
        """figures => figures.flatMap(figure => [...figure.querySelectorAll("*")])
           .filter(part => !part.matches(".handle, .hidden-text"))
           .filter(part => part.getBoundingClientRect().right > innerWidth + 1)
           .map(part => part.outerHTML.slice(0, 100))"""
    )
    assert wide == []
    visit.start_audit()
    visit.end_audit()
    assert visit.faults == []


@pytest.mark.parametrize("name", [name for name in LIVE if name != "index"])
def test_nothing_of_a_figure_is_loaded_before_it_is_near(open_page, name):
    visit = open_page(f"{name}.html")
    visit.page.wait_for_load_state("networkidle")
    assert live_files(visit) == ["loader.js"]
    started(visit)
    files = live_files(visit)
    assert {"maths.js", *(f"{figure}.js" for figure in LIVE[name])} < set(files) and len(files) == len(set(files))


def test_the_first_page_is_drawn_before_it_asks_for_weights(open_page):
    visit = open_page("index.html")
    started(visit)
    drawn, asked = visit.page.evaluate(
        """() => [
          performance.getEntriesByName("first-contentful-paint")[0].startTime,
          Math.min(...performance.getEntriesByType("resource")
            .filter(entry => /_live\\/[0-9a-f]{16}\\.js$/.test(entry.name)).map(entry => entry.startTime)),
        ]"""
    )
    assert 0 < drawn < asked < 60_000


@pytest.mark.parametrize("name", LIVE)
def test_scripts_and_weights_are_light(browser, address, name):
    sent = {"code": 0, "weights": 0}
    with context(browser) as fresh:  # one that has none of the files yet: of what is kept, no size is known
        visit = Visit(fresh, f"{address}{name}.html")
        started(visit)
        for request in visit.requests:
            if request.url.startswith("http") and request.resource_type in ("script", "stylesheet"):
                kind = "weights" if WEIGHTS.search(request.url) else "code"
                sent[kind] += request.sizes()["responseBodySize"]
    assert 0 < sent["code"] <= 2**20 and sent["weights"] <= 0.9 * 2**20
    assert (sent["weights"] > 0) == (name not in WITHOUT_WEIGHTS)


@pytest.mark.parametrize("name, width", list(product(LIVE, WIDTHS)))
def test_a_figure_that_starts_moves_nothing(open_page, name, width):
    without = open_page(f"{name}.html", width=width, start=FILES)
    heights = "figures => figures.map(figure => figure.querySelector('.panels').getBoundingClientRect().height)"
    without.page.locator(".vae-live img").evaluate_all(
        "images => Promise.all(images.map(i => (i.loading = 'eager', i.decode())))"
    )
    before = without.page.locator(".vae-live").evaluate_all(heights)
    assert started(without).evaluate_all(heights) == pytest.approx(before, abs=1)


@pytest.mark.parametrize("name", LIVE)
def test_live_figures_work_opened_as_files(open_page, name):
    visit = open_page(f"{name}.html", FILES)
    figures = started(visit)
    assert figures.evaluate_all("figures => figures.every(figure => figure.matches('.live'))")
    assert visit.complaints == [] and all(request.url.startswith(("file:", "data:")) for request in visit.requests)


@pytest.mark.parametrize("name", LIVE)
def test_without_scripts_there_is_a_still_and_no_dead_control(open_page, name):
    visit = open_page(f"{name}.html", java_script_enabled=False)
    for figure in visit.page.locator(".vae-live").all():
        assert figure.locator("img").first.is_visible() and not figure.locator(".controls").is_visible()
        assert not figure.locator(".numbers").is_visible()


@pytest.mark.parametrize("name", LIVE)
def test_nothing_starts_by_itself(open_page, name):
    visit = open_page(f"{name}.html", reduced_motion="reduce")
    for figure in started(visit).all():
        visit.page.wait_for_timeout(200)
        before = figure.locator(".numbers").inner_text()
        visit.page.wait_for_timeout(300)
        assert figure.locator(".numbers").inner_text() == before


@pytest.mark.parametrize("missing", ["maths.js", "training.js"])
def test_a_figure_whose_files_do_not_come_says_so_and_keeps_its_still(open_page, missing):
    visit = open_page("4_gaussian.html")
    visit.page.route(f"**/_live/{missing}", lambda route: route.abort())
    figure = visit.page.locator(".vae-live[data-figure=training]")
    figure.scroll_into_view_if_needed()
    figure.locator(".status", has_text="could not be loaded").wait_for(timeout=5000)
    assert missing in figure.locator(".status").inner_text() and figure.locator("img").first.is_visible()
    assert not figure.locator("canvas").first.is_visible() and figure.locator("[data-control]").first.is_disabled()


def test_a_figure_that_cannot_start_says_why_and_keeps_its_still(open_page):
    visit = open_page("4_gaussian.html")
    visit.page.evaluate(
        "() => { HTMLCanvasElement.prototype.getContext = () => { throw new Error('no canvas here'); }; }"
    )
    figure = visit.page.locator(".vae-live[data-figure=training]")
    figure.scroll_into_view_if_needed()
    figure.locator(".status", has_text="cannot start (no canvas here)").wait_for(timeout=5000)
    assert figure.locator("img").first.is_visible() and figure.locator("[data-control]").first.is_disabled()


def test_a_figure_follows_the_theme(open_page):
    visit = open_page("4_gaussian.html", theme="light")
    figure = started(visit).first
    colors = []
    for theme in ("light", "dark", "light"):
        visit.page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        visit.page.wait_for_timeout(200)
        colors.append(figure.evaluate("figure => [figure.stage.colors.text, figure.stage.colors.blue].join()"))
    assert colors[0] == colors[2] != colors[1]


@pytest.mark.parametrize("theme", THEMES)
def test_the_keyboard_reaches_every_control_in_order_and_the_focus_is_seen(open_page, theme):
    visit = open_page("4_gaussian.html", theme=theme)
    for figure in started(visit).all():
        controls = figure.locator("[data-control]:enabled")
        controls.first.focus()
        for place in range(controls.count()):
            name = controls.nth(place).get_attribute("data-control")
            assert visit.page.evaluate("document.activeElement.dataset.control") == name
            assert visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", name
            visit.page.keyboard.press("Tab")


def test_a_slider_says_its_value_in_words(open_page):
    visit = open_page("4_gaussian.html")
    started(visit)
    rate = visit.page.locator(".vae-live[data-figure=training] [data-control=rate]")
    rate.focus()
    visit.page.keyboard.press("Home")
    assert rate.get_attribute("aria-valuetext") == "0.0001"
    assert rate.locator("xpath=..").locator("output").inner_text() == "0.0001"
