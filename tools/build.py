"""Execute the chapters and build the site into _build/html.

    python -m tools.build               the site
    python -m tools.build preview       the site in _build/preview/_build/html, without executing anything: what is kept
    python -m tools.build profile [N]   the N dearest cells of each chapter
    python -m tools.build linkcheck     ask for every address outside the book, and name those that do not answer

Chapters are executed by tools.execute, Sphinx only reads what is kept (tools.site). Pages are made from tools, tests
and notebooks too, which Sphinx does not see, so all are written each time; that takes some seconds.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tools import execute, notebooks
from tools.project import NOTEBOOKS, ROOT

PAGES = [".doctrees", "html"]
PREVIEW = execute.BUILD / "preview"  # a folder of its own, so that the book stays as it is


def sphinx(builder, folder, **environment):
    """Write pages below the folder's _build, anew. Warnings are errors."""
    for pages in PAGES if builder == "html" else []:
        shutil.rmtree(folder / "_build" / pages, ignore_errors=True)
    sources = ["--config", ROOT / "_config.yml", "--toc", ROOT / "_toc.yml"]
    options = ["--path-output", folder, "--warningiserror", "--keep-going", "--builder", builder]
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "book", *sources, *options]
    start = time.time()
    if subprocess.run(command, cwd=ROOT, env=os.environ | environment).returncode:
        sys.exit(f"[book] failed after {time.time() - start:.0f} s; the messages above say where")
    print(f"[book] pages done in {time.time() - start:.0f} s; open {folder / '_build' / 'html' / 'index.html'}")


def main():
    builder, *options = sys.argv[1:] or ["html"]
    if builder == "preview":
        PREVIEW.mkdir(parents=True, exist_ok=True)
        return sphinx("html", PREVIEW, VAEBOOK_PREVIEW="yes")
    records = execute.executed({path.stem: notebooks.convert(path) for path in NOTEBOOKS})
    if builder == "profile":
        return execute.profile(records, *map(int, options))
    sphinx(builder, ROOT)


if __name__ == "__main__":
    main()
