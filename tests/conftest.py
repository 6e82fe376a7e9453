"""Small data and models shared by the tests, and the browser with the served book."""

from contextlib import ExitStack, closing
from functools import cache, partial

import pytest
import torch

from tests.browser import SWITCHES, Visit, chromium_or_stop, context
from tests.planes import settle
from vaebook.models import BernoulliVAE


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def small_model():
    """A model of 12 pixels and a code of 3, in double precision."""
    torch.manual_seed(0)
    return BernoulliVAE(12, [8], 3).double()


@pytest.fixture
def small_x(generator):
    """30 binary rows of 12 pixels, in double precision."""
    return (torch.rand(30, 12, generator=generator) > 0.5).double()


@pytest.fixture(scope="session")
def browser():
    """A browser that runs without a screen."""
    from playwright.sync_api import sync_playwright

    path = chromium_or_stop()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        yield started
        started.close()


@pytest.fixture(scope="session")
def address():
    """Where the book is served, below the repository's name as on its host."""
    from tools import serve

    with serve.served() as where:
        yield where


@pytest.fixture(scope="session")
def shared_context(browser):
    """A context by its options. It is shared, since a page opens in a third of the time where others have been."""
    return cache(partial(context, browser))


@pytest.fixture
def open_page(shared_context, address):
    """Opens a page of the book, with the options of `context`, in a window that is closed after the test."""
    with ExitStack() as opened:
        yield lambda path, start=address, **options: opened.enter_context(
            closing(Visit(shared_context(**options), f"{start}{path}"))
        )


@pytest.fixture
def live_page(shared_context, tmp_path):
    """Opens a page that holds one live figure and nothing else, as a notebook shows it: a file, without the site."""
    frame = (
        '<!DOCTYPE html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Live</title>'
    )
    colors = {"light": "background: #fff; color: #222", "dark": "background: #121212; color: #e8e8e8"}

    def open_figure(figure, theme="light", **options):
        body = f'<body style="margin: 16px; {colors[theme]}"><main>{figure._repr_html_()}</main></body>'
        (tmp_path / "live.html").write_text(f'<html lang="en">{frame}{body}</html>', encoding="utf-8")
        fresh = shared_context(theme=theme, **options)
        return opened.enter_context(closing(Visit(fresh, (tmp_path / "live.html").as_uri())))

    with ExitStack() as opened:
        yield open_figure


@pytest.fixture
def how():
    """The reader's hand; a test names others by parametrize, and so for `theme` and `width`."""
    return "mouse"


@pytest.fixture
def theme():
    return "light"


@pytest.fixture
def width(how):
    return 360 if how == "touch" else 1280


@pytest.fixture
def visit(live_page, figure, how, theme, width):
    """The `figure` of a test file alone on a page, all computed; in the end it has complained of nothing."""
    visit = live_page(figure, theme, width=width, **{"has_touch": True} if how == "touch" else {})
    settle(visit)
    yield visit
    assert visit.complaints == []
