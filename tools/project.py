"""What others repeat of the project: its address, its version, its chapters, and what follows from these.

The address stands in pyproject.toml, the version in vaebook/__init__.py, the chapters in _toc.yml: the numbered part.
"""

import json
import sys
import tomllib
from pathlib import Path

import yaml

from vaebook import __version__

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = PROJECT["urls"]["Repository"]
OWNER, NAME = REPOSITORY.removeprefix("https://github.com/").split("/")
RELEASE = f"v{__version__}"
SITE = f"https://{OWNER}.github.io/{NAME}/"
PACKAGE = f"{REPOSITORY}/archive/refs/tags/{RELEASE}.zip"  # what pip installs where the book's package is missing
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(page["file"] for part in TOC["parts"] for page in part["chapters"])]
CHAPTERS = [BOOK / f"{page['file']}.md" for part in TOC["parts"] if part.get("numbered") for page in part["chapters"]]
NOTEBOOKS = [  # the pages that are executed: the chapters, and those that name a kernel in their first lines
    path
    for path in (BOOK / f"{page}.md" for page in PAGES)
    if path in CHAPTERS or path.read_text(encoding="utf-8").startswith("---\njupytext:")
]


def title(path):
    """The first heading of a page. A chapter's number is its place in CHAPTERS, from 1."""
    return next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# "))[2:]


def in_colab(chapter):
    """Where a chapter's notebook, as released, opens in Colab."""
    return f"https://colab.research.google.com/github/{OWNER}/{NAME}/blob/{RELEASE}/notebooks/{chapter}.ipynb"


def in_repository(path):
    """Where a file, as released, is shown."""
    return f"{REPOSITORY}/blob/{RELEASE}/{path}"


def minutes(chapter):
    """What a chapter costs, in words: "about 3.2 minutes on this machine and about 0.4 minutes on that"."""
    times = json.loads((BOOK / "chapter_times.json").read_text(encoding="utf-8")).get(chapter, {})
    costs = [f"about {cost:.1f} minutes on {machine}" for machine, cost in sorted(times.items())]
    return " and ".join(costs) or "a time that is not yet measured"


def stale(texts):
    """Of texts by the file that should hold them, those whose file does not."""
    return {path: text for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text}


def renew(texts, command, check):
    """Write what is stale; or, to check, name it and the command that renews it, and exit with 1."""
    found = stale(texts)
    for path, text in found.items():
        print(f"{path.name} is stale; run `{command}`" if check else f"{path.name}: written")
        if not check:
            path.write_text(text, encoding="utf-8")
    sys.exit(1 if check and found else 0)
