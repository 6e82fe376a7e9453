"""Open the built book in Debian's Chromium (or another), for the tests in a browser."""

import os
import shutil

import pytest

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


class Visit:
    """A page in a window of its own, with all that it asked for and complained about."""

    def __init__(self, browser, url, width=1280, theme="light", **options):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, **options)
        self.page = self.context.new_page()
        self.url, self.width, self.theme = url, width, theme
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda message: (
                message.type in ("error", "warning") and self.complaints.append(f"{message.type}: {message.text}")
            ),
        )
        self.answer = self.page.goto(url, wait_until="networkidle")

    def load_pictures(self):
        """Fetch the pictures that wait to come near the screen. Returns the addresses of those that fail."""
        return self.page.evaluate("""async () => {
          const pictures = [...document.images];
          pictures.forEach(picture => { picture.loading = "eager"; });
          await Promise.all(pictures.map(picture => picture.decode().catch(() => {})));
          return pictures.filter(picture => !picture.naturalWidth).map(picture => picture.src);
        }""")

    def close(self):
        self.context.close()
