"""Open the built book in Debian's Chromium (or another), for the tests in a browser."""

import os
import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
THEMES, WIDTHS = ["light", "dark"], [360, 1280]
LOOK, AUDIT = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("look.js", "audit.js"))


def find_browser():
    """The path of the first browser that is installed, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def chromium_or_stop():
    """The browser's path. Without one: a failure in CI, a skip that says so elsewhere."""
    found = find_browser()
    if found is None:
        words = f"no browser: none of {', '.join(NAMES)} is installed, so the pages were not opened"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(words)
    return found


def context(browser, width=1280, theme="light", **options):
    """A kind of window, and its memory. Options are Playwright's: reduced_motion="reduce", has_touch=True, ..."""
    return browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, **options)


class Visit:
    """A page in a window of its own, with all that it asked for and complained about."""

    def __init__(self, context, url):
        self.page = context.new_page()
        self.requests, self.complaints = [], []
        self.ears = {
            "request": lambda request: self.requests.append(request),
            "requestfailed": lambda request: self.complaints.append(f"failed: {request.url}"),
            "pageerror": lambda error: self.complaints.append(str(error)),
            "console": self.hear,
        }
        for event, ear in self.ears.items():
            self.page.on(event, ear)
        self.answer = self.page.goto(url)

    def hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def look(self):
        """Wait until nothing more is asked for, fetch all pictures and measure what is shown (see look.js)."""
        self.page.wait_for_load_state("networkidle")
        self.seen = self.page.evaluate(LOOK)

    def number(self, name):
        """What a live figure shows under this name, as a number where it is one."""
        text = self.page.locator(f'[data-number="{name}"]').inner_text().replace("\N{MINUS SIGN}", "-")
        try:
            return float(text.replace(",", ""))
        except ValueError:
            return text

    def control(self, name):
        """A control of a live figure."""
        return self.page.locator(f'[data-control="{name}"]')

    def start_audit(self):
        """Have axe-core search the page (see audit.js). What it asks for itself is not the page's doing."""
        for event, ear in self.ears.items():
            self.page.remove_listener(event, ear)
        self.page.evaluate(Axe().axe_script)
        self.page.evaluate(AUDIT)

    def end_audit(self):
        """Wait for what it finds that is serious or critical."""
        self.faults = self.page.evaluate("window.audit")

    def close(self):
        """Close the window, and forget what the page has stored."""
        self.page.evaluate("localStorage.clear()")
        self.page.close()
