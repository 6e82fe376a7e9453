"""Every page of the built book in a real browser, light and dark, narrow and wide: run after `make book`."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser import THEMES, WIDTHS, Visit
from tests.test_site import CHAPTERS, HTML, PAGES

ALL = [*PAGES, "search", "404"]
RAW = re.compile(r"\$|\\[a-zA-Z(\[]|\{[a-z:]+\}`|```|:::|Traceback \(most recent|\*\*")


@pytest.fixture(
    scope="module",
    params=[(name, theme, width) for name in ALL for theme in THEMES for width in WIDTHS],
    ids=lambda given: f"{given[0]}-{given[1]}-{given[2]}",
)
def visit(request, browser, address):
    name, theme, width = request.param
    opened = Visit(browser, f"{address}{name}.html", width, theme)
    opened.name = name
    yield opened
    opened.close()


def test_page_is_complete_and_asks_nobody_else(visit, address):
    assert visit.load_pictures() == []
    elsewhere = [request.url for request in visit.requests if not request.url.startswith((address, "data:"))]
    assert elsewhere == [] and visit.complaints == []
    assert visit.page.evaluate("document.fonts.status") == "loaded"


def test_no_picture_is_out_of_shape(visit):
    visit.load_pictures()
    assert (
        visit.page.evaluate("""() => [...document.images].filter(({width, height, naturalWidth, naturalHeight}) =>
      width && Math.abs(width / height * naturalHeight / naturalWidth - 1) > 0.03).map(picture => picture.alt)""")
        == []
    )


def test_page_follows_the_theme(visit):
    assert visit.page.evaluate("document.documentElement.dataset.theme") == visit.theme
    colour = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    assert (red + green + blue > 380) == (visit.theme == "light")


def test_nothing_is_wider_than_the_window(visit):
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= visit.width
    sticking_out = visit.page.evaluate("""() => {
      const clips = part => part !== document.body && getComputedStyle(part).overflowX !== "visible";
      const clipped = part => { while ((part = part.parentElement)) if (clips(part)) return true; return false; };
      const sticksOut = ({right, width}) => width && right > innerWidth + 1;
      return [...document.querySelectorAll("article *")].filter(part => sticksOut(part.getBoundingClientRect())
        && !clipped(part)).map(part => part.outerHTML.slice(0, 120));
    }""")
    assert sticking_out == []


def test_no_number_of_an_equation_lies_on_the_equation(visit):
    assert (
        visit.page.evaluate("""() => [...document.querySelectorAll(".katex-html")].filter(formula => {
      const number = formula.querySelector(".tag")?.getBoundingClientRect();
      const liesOn = part => !part.closest(".tag") && part.getBoundingClientRect().right > number.left;
      return number && [...formula.querySelectorAll(".base")].some(liesOn);
    }).map(formula => formula.textContent)""")
        == []
    )


def test_nothing_needs_to_scroll_on_a_wide_screen_but_some_code(visit):
    visit.page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    scrolling = visit.page.evaluate("""() => [...document.querySelectorAll(
        "div.math, .table-scroll, .pst-scrollable-table-container, .cell_output .output pre")].filter(part =>
        part.scrollWidth > part.clientWidth + 1).map(part => part.textContent.trim().slice(0, 80))""")
    assert visit.width < 1000 or scrolling == []


def test_no_raw_markup_is_left(visit):
    words = visit.page.evaluate("""() => {
      const main = document.querySelector("main").cloneNode(true);
      main.querySelectorAll("pre, code, script, style, .katex-mathml").forEach(part => part.remove());
      return main.textContent;
    }""")
    assert RAW.findall(words) == []


def test_axe_finds_nothing_serious(visit):
    visit.page.evaluate("Promise.all(document.getAnimations().map(fade => fade.finished))")  # opened folds fade in
    faults = {
        (found["id"], node["html"][:200]): [check["data"] for check in node["any"]]
        for found in Axe().run(visit.page).response["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    }
    assert faults == {}


def test_page_is_light(visit):
    visit.load_pictures()
    sizes = [
        (request.resource_type, request.sizes()["responseBodySize"])
        for request in visit.requests
        if request.url.startswith("http")
    ]
    assert sum(size for _, size in sizes) <= 3 * 2**20
    assert 0 < sum(size for kind, size in sizes if kind in ("script", "stylesheet")) <= 2**20


@pytest.mark.parametrize("name", ["index", *CHAPTERS])
def test_an_animation_moves_until_the_keyboard_pauses_it(browser, address, name):
    visit = Visit(browser, f"{address}{name}.html")
    box = visit.page.locator(".vae-animation").first
    button, moving, still = box.locator("input"), box.locator("img.moving"), box.locator("img.still")
    box.scroll_into_view_if_needed()
    visit.load_pictures()
    assert moving.is_visible() and not still.is_visible()
    shown = {moving.screenshot() for _ in range(12) if visit.page.wait_for_timeout(250) is None}
    assert len(shown) > 1
    button.focus()
    assert box.locator("label").evaluate("label => getComputedStyle(label).outlineStyle") == "solid"
    visit.page.keyboard.press("Space")
    assert still.is_visible() and not moving.is_visible()
    assert "Play" in box.locator("label").inner_text()
    paused = {still.screenshot() for _ in range(6) if visit.page.wait_for_timeout(250) is None}
    assert len(paused) == 1
    visit.page.keyboard.press("Space")
    assert moving.is_visible()
    visit.close()


@pytest.mark.parametrize("name", ["index", *CHAPTERS])
def test_who_prefers_reduced_motion_gets_a_still(browser, address, name):
    visit = Visit(browser, f"{address}{name}.html", reduced_motion="reduce")
    for box in visit.page.locator(".vae-animation").all():
        assert box.locator("img.still").is_visible() and not box.locator("img.moving").is_visible()
        assert "Play" in box.locator("label").inner_text()
    visit.close()


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_fold_opens_with_the_keyboard_and_then_offers_to_close(browser, address, name):
    visit = Visit(browser, f"{address}{name}.html")
    fold = visit.page.locator("details.hide").first
    words = fold.locator("summary")
    assert words.inner_text().startswith("Show ") and not fold.locator(".cell_input").is_visible()
    words.focus()
    visit.page.keyboard.press("Enter")
    assert words.inner_text().startswith("Hide ") and fold.locator(".cell_input").is_visible()
    visit.close()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", CHAPTERS)
def test_a_tick_is_seen_and_its_words_are_for_those_who_cannot_see_it(browser, address, name, theme):
    visit = Visit(browser, f"{address}{name}.html", theme=theme)
    claim = visit.page.locator("ul.ticks > li").first
    assert claim.evaluate("claim => getComputedStyle(claim, '::before').content").startswith('"\N{CHECK MARK}"')
    assert claim.locator(".hidden-text").evaluate("words => words.offsetWidth") == 1
    visit.close()


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_goes_in_order_and_can_skip_to_the_text(browser, address, name):
    visit = Visit(browser, f"{address}{name}.html")
    assert visit.page.locator("[tabindex]").evaluate_all("parts => parts.filter(part => part.tabIndex > 0).length") == 0
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == "Skip to main content"
    visit.page.wait_for_function("document.activeElement.getBoundingClientRect().top >= 0", timeout=2000)
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.querySelector('main').contains(document.activeElement)")
    visit.close()


@pytest.mark.parametrize("name", ALL)
def test_the_book_works_opened_as_files(browser, name):
    visit = Visit(browser, (HTML / f"{name}.html").as_uri())
    if name != "404":  # its addresses are absolute, since it stands in for any page of the site
        assert visit.load_pictures() == [] and visit.complaints == []
        assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)
    visit.close()


@pytest.mark.parametrize("served", [True, False])
def test_search_finds_a_word(browser, address, served):
    start = address if served else HTML.as_uri() + "/"
    visit = Visit(browser, f"{start}search.html?q=reparameterization")
    visit.page.wait_for_selector("#search-results li a", timeout=10_000)
    found = visit.page.locator("#search-results li a").evaluate_all("links => links.map(link => link.href)")
    assert any("1_modules.html" in link for link in found) and visit.complaints == []
    visit.close()


def test_a_wrong_address_gets_the_book_s_own_page(browser, address):
    visit = Visit(browser, f"{address}no/such/page.html")
    assert visit.answer.status == 404
    assert all(request.response().status == 200 for request in visit.requests[1:])
    visit.page.locator("article a").first.click()
    visit.page.wait_for_load_state()
    assert visit.page.url in (address, f"{address}index.html")
    visit.close()


def test_the_theme_can_be_chosen_and_is_remembered(browser, address):
    visit = Visit(browser, f"{address}notation.html", theme="light")
    chosen = set()
    for _ in range(3):
        visit.page.locator("button.theme-switch-button").first.click()
        chosen.add(visit.page.evaluate("document.documentElement.dataset.theme"))
        if chosen == {"light", "dark"}:
            break
    last = visit.page.evaluate("document.documentElement.dataset.theme")
    visit.page.goto(f"{address}references.html")
    assert chosen == {"light", "dark"} and visit.page.evaluate("document.documentElement.dataset.theme") == last
    visit.close()


def test_text_formulas_and_pictures_need_no_script(browser, address):
    visit = Visit(browser, f"{address}4_gaussian.html", java_script_enabled=False)
    formulas = visit.page.locator(".math .katex-html")
    assert formulas.count() > 100 and formulas.first.is_visible()
    assert visit.page.locator("article img").first.is_visible()
    visit.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_buttons_of_the_side_bars_work(browser, address, width):
    visit = Visit(browser, f"{address}1_modules.html", width)
    visit.page.locator(".primary-toggle:visible").first.click()
    if width > 1000:
        visit.page.locator("#pst-primary-sidebar a[href='2_mnist.html']").wait_for(state="hidden", timeout=3000)
    else:
        visit.page.locator("dialog[open] a[href='2_mnist.html']").wait_for(timeout=3000)
        visit.page.keyboard.press("Escape")
        visit.page.locator(".secondary-toggle:visible").first.click()
        visit.page.locator("dialog[open] a[href='#where-to-go-next']").wait_for(timeout=3000)
    visit.close()
