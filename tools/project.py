"""What others repeat of the project: its address and version, and the addresses that follow from these.

The repository's address stands in pyproject.toml, the version in vaebook/__init__.py.
"""

import json
import tomllib
from pathlib import Path

from vaebook import __version__

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
CHAPTERS = sorted(BOOK.glob("[0-9]_*.md"))
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
OWNER, NAME = REPOSITORY.removeprefix("https://github.com/").split("/")
RELEASE = f"v{__version__}"
SITE = f"https://{OWNER}.github.io/{NAME}/"
PACKAGE = f"{REPOSITORY}/archive/refs/tags/{RELEASE}.zip"  # what pip installs in Colab


def in_colab(chapter):
    """Where a chapter's notebook, as released, opens in Colab."""
    return f"https://colab.research.google.com/github/{OWNER}/{NAME}/blob/{RELEASE}/notebooks/{chapter}.ipynb"


def in_repository(path):
    """Where a file, as released, is shown."""
    return f"{REPOSITORY}/blob/{RELEASE}/{path}"


def minutes(chapter):
    """What a chapter costs, in words: "about 3.2 minutes on 2 CPU cores"."""
    times = json.loads((BOOK / "chapter_times.json").read_text(encoding="utf-8"))[chapter]
    costs = [times[device] for device in sorted(times)]
    return " and ".join(f"about {cost['minutes']:.1f} minutes on {cost['machine']}" for cost in costs)
