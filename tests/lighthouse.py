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


def scores(url, browser):
    """Lighthouse's report of one page: each category in percent, and what was found wanting."""
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
    return {name: round(100 * found["categories"][name]["score"]) for name in LEAST}, wanting


def main():
    browser = find_browser() or sys.exit("no Chromium or Chrome is installed")
    short = False
    print(f"{'page':24}" + "".join(f"{name:>16}" for name in LEAST))
    with serve.served() as address:
        for name in sys.argv[1:] or project.PAGES:
            percent, wanting = scores(f"{address}{name}.html", browser)
            short |= any(percent[category] < least for category, least in LEAST.items())
            print(f"{name:24}", *(f"{value:15}" for value in percent.values()), "", ", ".join(wanting), flush=True)
    sys.exit(short)


if __name__ == "__main__":
    main()
