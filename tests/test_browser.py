"""Every page of the built book in a real browser, light and dark, narrow and wide: run after `make book`."""

import re
from contextlib import ExitStack
from functools import lru_cache
from itertools import pairwise, product

import pytest

from tests.browser import THEMES, WIDTHS, Visit, context
from tests.test_site import CHAPTERS, HTML, PAGES
from tools import serve

ALL = [*PAGES, "search", "404"]
FILES = f"{HTML.as_uri()}/"
RAW = re.compile(r"\$|\\[a-zA-Z(\[]|\{[a-z:]+\}`|```|:::|Traceback \(most recent|\*\*")


def in_words(window):
    """The name of a test's case, such as notation-dark-360."""
    return "-".join(map(str, window))


# What is seen: each page is opened once in each theme and width, measured once (look.js), and asserted of many times.


@pytest.fixture(scope="module")
def address():
    """Where the book is served over a line so slow that each page is drawn before its fonts are there."""
    with serve.served(fonts_after=0.3) as where:
        yield where


@pytest.fixture(scope="module")
def windows(browser, address):
    """Opens a page in each theme and width, as for the first time. While one window waits, the others are at work."""
    with ExitStack() as opened:

        @lru_cache(maxsize=1)  # the last page stays open
        def windows(name):
            opened.close()
            visits = {}
            for theme, width in product(THEMES, WIDTHS):
                fresh = opened.enter_context(context(browser, width, theme))
                visits[theme, width] = Visit(fresh, f"{address}{name}.html")
            for visit in visits.values():
                visit.look()
                visit.start_audit()
            for visit in visits.values():
                visit.end_audit()
            return visits

        yield windows


@pytest.fixture(scope="module", params=product(ALL, THEMES, WIDTHS), ids=in_words)
def visit(request, windows):
    name, theme, width = request.param
    visit = windows(name)[theme, width]
    visit.name, visit.theme, visit.width = name, theme, width
    return visit


def test_page_is_complete_and_asks_nobody_else(visit, address):
    assert visit.seen["missing"] == []
    elsewhere = [request.url for request in visit.requests if not request.url.startswith((address, "data:"))]
    assert elsewhere == [] and visit.complaints == []
    assert visit.seen["fonts"] == "loaded"


def test_nothing_moves_while_the_page_comes(visit):
    assert visit.seen["shift"] < 0.02


def test_no_picture_is_out_of_shape(visit):
    assert visit.seen["outOfShape"] == []


def test_no_picture_has_more_than_1_6_times_the_pixels_it_needs(visit):
    assert visit.width < 1000 or visit.seen["tooLarge"] == []


def test_letters_in_pictures_can_be_read_and_what_scrolls_for_that_says_so(visit):
    for drawing in visit.seen["drawings"]:
        hints = [drawing[name] for name in ("says", "fades", "reached")]
        assert hints == 3 * [drawing["scrolls"]] and drawing["letters"] > 8.8, drawing
        assert visit.width < 1000 or not drawing["scrolls"], drawing
    if visit.name in CHAPTERS:
        assert len(visit.seen["drawings"]) >= 5
        assert any(drawing["scrolls"] for drawing in visit.seen["drawings"]) == (visit.width < 1000)


def test_page_follows_the_theme(visit):
    assert visit.seen["theme"] == visit.theme
    red, green, blue = map(int, re.findall(r"\d+", visit.seen["background"])[:3])
    assert (red + green + blue > 380) == (visit.theme == "light")


def luminance(color):
    """Of red, green and blue up to 255, as WCAG 2.2 defines it."""
    parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def test_links_have_the_accent_and_it_holds_4_5_to_1_on_both_grounds(visit):
    accent, *grounds = map(luminance, visit.seen["accent"])
    assert visit.seen["linkIsAccent"]
    for ground in grounds:
        assert (max(accent, ground) + 0.05) / (min(accent, ground) + 0.05) >= 4.5


def test_no_heading_is_larger_or_heavier_than_those_above_it(visit):
    levels = [{tuple(look) for look in level} for level in visit.seen["headings"] if level]
    looks = [look for [look] in levels]  # one look for all headings of a level
    assert all(above[0] > below[0] and above[1] >= below[1] for above, below in pairwise(looks))


def test_nothing_is_wider_than_the_window(visit):
    assert visit.seen["width"] <= visit.width
    assert visit.seen["stickingOut"] == []


def test_no_number_of_an_equation_lies_on_the_equation(visit):
    assert visit.seen["underNumbers"] == []


def test_nothing_needs_to_scroll_on_a_wide_screen_but_some_code(visit):
    assert visit.width < 1000 or visit.seen["scrolling"] == []


def test_no_raw_markup_is_left(visit):
    assert RAW.findall(visit.seen["words"]) == []


def test_axe_finds_nothing_serious(visit):
    assert visit.faults == []


def test_page_is_light(visit):
    sizes = [
        (request.resource_type, request.sizes()["responseBodySize"])
        for request in visit.requests
        if request.url.startswith("http")
    ]
    assert sum(size for _, size in sizes) <= 1.5 * 2**20
    assert 0 < sum(size for kind, size in sizes if kind in ("script", "stylesheet")) <= 2**20


@pytest.mark.parametrize("visit", list(product(CHAPTERS, THEMES, WIDTHS)), ids=in_words, indirect=True)
def test_a_tick_is_seen_and_its_words_are_for_those_who_cannot_see_it(visit):
    assert visit.seen["tick"].startswith('"\N{CHECK MARK}"')
    assert visit.seen["tickWords"] == 1


# What a reader does.


def moves(picture, waits):
    """Whether a picture looks different after one of these waits, in milliseconds."""
    picture.evaluate("picture => picture.decode()")
    first = picture.screenshot()
    return any(picture.page.wait_for_timeout(wait) or picture.screenshot() != first for wait in waits)


@pytest.mark.parametrize("name", CHAPTERS)
def test_an_animation_moves_until_the_keyboard_pauses_it(open_page, name):
    visit = open_page(f"{name}.html")
    box = visit.page.locator(".vae-animation").first
    button, moving, still = box.locator("input"), box.locator("img.moving"), box.locator("img.still")
    box.scroll_into_view_if_needed()
    assert moving.is_visible() and not still.is_visible()
    assert moves(moving, 12 * [250])
    button.focus()
    assert box.locator("label").evaluate("label => getComputedStyle(label).outlineStyle") == "solid"
    visit.page.keyboard.press("Space")
    assert still.is_visible() and not moving.is_visible()
    assert "Play" in box.locator("label").inner_text()
    assert not moves(still, [300, 600])
    visit.page.keyboard.press("Space")
    assert moving.is_visible()


@pytest.mark.parametrize("name", CHAPTERS)
def test_who_prefers_reduced_motion_gets_a_still(open_page, name):
    visit = open_page(f"{name}.html", reduced_motion="reduce")
    for box in visit.page.locator(".vae-animation").all():
        assert box.locator("img.still").is_visible() and not box.locator("img.moving").is_visible()
        assert "Play" in box.locator("label").inner_text()


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_fold_opens_with_the_keyboard_and_then_offers_to_close(open_page, name):
    visit = open_page(f"{name}.html")
    fold = visit.page.locator("details.hide").first
    words = fold.locator("summary")
    assert words.inner_text().startswith("Show ") and not fold.locator(".cell_input").is_visible()
    words.focus()
    visit.page.keyboard.press("Enter")
    assert words.inner_text().startswith("Hide ") and fold.locator(".cell_input").is_visible()


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_goes_in_order_and_can_skip_to_the_text(open_page, name):
    visit = open_page(f"{name}.html")
    assert visit.page.locator("[tabindex]").evaluate_all("parts => parts.filter(part => part.tabIndex > 0).length") == 0
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == "Skip to main content"
    visit.page.wait_for_function("document.activeElement.getBoundingClientRect().top >= 0", timeout=2000)
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.querySelector('main').contains(document.activeElement)")


@pytest.mark.parametrize("name", ALL)
def test_the_book_works_opened_as_files(open_page, name):
    visit = open_page(f"{name}.html", FILES)
    if name != "404":  # its addresses are absolute, since it stands in for any page of the site
        visit.look()
        assert visit.seen["missing"] == [] and visit.complaints == []
        assert all(request.url.startswith(("file:", "data:")) for request in visit.requests)


@pytest.mark.parametrize("served", [True, False])
def test_search_finds_a_word(open_page, address, served):
    visit = open_page("search.html?q=reparameterization", address if served else FILES)
    visit.page.wait_for_selector("#search-results li a", timeout=10_000)
    found = visit.page.locator("#search-results li a").evaluate_all("links => links.map(link => link.href)")
    assert any("1_modules.html" in link for link in found) and visit.complaints == []


def test_a_wrong_address_gets_the_book_s_own_page(open_page, address):
    visit = open_page("no/such/page.html")
    assert visit.answer.status == 404
    assert all(request.response().status == 200 for request in visit.requests[1:])
    visit.page.locator("article a").first.click()
    visit.page.wait_for_load_state()
    assert visit.page.url in (address, f"{address}index.html")


def test_the_theme_can_be_chosen_and_is_remembered(open_page, address):
    visit = open_page("notation.html", theme="light")
    chosen = set()
    for _ in range(3):
        visit.page.locator("button.theme-switch-button").first.click()
        chosen.add(visit.page.evaluate("document.documentElement.dataset.theme"))
        if chosen == {"light", "dark"}:
            break
    last = visit.page.evaluate("document.documentElement.dataset.theme")
    visit.page.goto(f"{address}references.html")
    assert chosen == {"light", "dark"} and visit.page.evaluate("document.documentElement.dataset.theme") == last


def test_text_formulas_and_pictures_need_no_script(open_page):
    visit = open_page("4_gaussian.html", java_script_enabled=False)
    formulas = visit.page.locator(".math .katex-html")
    assert formulas.count() > 100 and formulas.first.is_visible()
    assert visit.page.locator("article img").first.is_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_buttons_of_the_side_bars_work(open_page, width):
    visit = open_page("1_modules.html", width=width)
    visit.page.locator(".primary-toggle:visible").first.click()
    if width > 1000:
        visit.page.locator("#pst-primary-sidebar a[href='2_mnist.html']").wait_for(state="hidden", timeout=3000)
    else:
        visit.page.locator("dialog[open] a[href='2_mnist.html']").wait_for(timeout=3000)
        visit.page.keyboard.press("Escape")
        visit.page.locator(".secondary-toggle:visible").first.click()
        visit.page.locator("dialog[open] a[href='#where-to-go-next']").wait_for(timeout=3000)
