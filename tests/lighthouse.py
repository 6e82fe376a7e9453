"""Lighthouse's scores of each page, on a desktop, served on this machine with compression.

    python -m tests.lighthouse          every page
    python -m tests.lighthouse index    only these

Needs the built book, Node.js and Chromium or Chrome. Exits with 1 where a score is below what the book promises.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.browser import SWITCHES, find_browser
from tools import project, serve

VERSION = "lighthouse@13.5.0"
LEAST = {"performance": 97, "accessibility": 100, "best-practices": 100, "seo": 100}
MOST_SHIFT = 0.02  # of the layout, while a page loads


def scores(url, browser):
    """Lighthouse's report of one page: each category in percent, how much the layout shifts, what was found wanting."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run(
            [
                "npx",
                "--yes",
                VERSION,
                url,
                "--preset=desktop",
                "--quiet",
                "--output=json",
                f"--output-path={report}",
                f"--chrome-flags=--headless {' '.join(SWITCHES)}",
            ],
            check=True,
            env={**os.environ, "CHROME_PATH": browser},
        )
        found = json.loads(report.read_text(encoding="utf-8"))
    wanting = [audit["id"] for audit in found["audits"].values() if audit["score"] is not None and audit["score"] < 0.9]
    shift = found["audits"]["cumulative-layout-shift"]["numericValue"]
    return {name: round(100 * found["categories"][name]["score"]) for name in LEAST}, shift, wanting


def main():
    browser = find_browser() or sys.exit("no Chromium or Chrome is installed")
    short = False
    print(f"{'page':24}" + "".join(f"{name:>16}" for name in [*LEAST, "layout shift"]))
    with serve.served() as address:
        for name in sys.argv[1:] or project.PAGES:
            percent, shift, wanting = scores(f"{address}{name}.html", browser)
            short |= any(percent[category] < least for category, least in LEAST.items()) or shift >= MOST_SHIFT
            shown = [*(f"{value:15}" for value in percent.values()), f"{shift:15.4f}"]
            print(f"{name:24}", *shown, "", ", ".join(wanting), flush=True)
    sys.exit(short)


if __name__ == "__main__":
    main()
