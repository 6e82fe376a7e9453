"""Execute the chapters and build the site into _build/html.

    python -m tools.build               the site
    python -m tools.build preview       the site in _build/preview, without executing anything: what the notebooks keep
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

from tools import execute, notebooks, project
from tools.execute import BUILD, OUTPUTS  # noqa: F401

PAGES = [BUILD / ".doctrees", BUILD / "html"]


def sphinx(builder, target=project.ROOT, **environment):
    """Write pages below the folder _build of the target. Warnings are errors."""
    sources = ["--config", project.ROOT / "_config.yml", "--toc", project.ROOT / "_toc.yml"]
    options = ["--path-output", target, "--warningiserror", "--keep-going", "--builder", builder]
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "book", *sources, *options]
    start = time.time()
    if subprocess.run(command, cwd=project.ROOT, env=os.environ | environment).returncode:
        sys.exit(f"[book] failed after {time.time() - start:.0f} s; the messages above say where")


def preview():
    """All pages, made in a folder of their own and then put in the place of the last preview."""
    made, target = BUILD / ".preview", BUILD / "preview"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    sphinx("html", made, VAEBOOK_PREVIEW="yes")
    shutil.rmtree(target, ignore_errors=True)
    shutil.move(made / "_build" / "html", target)
    shutil.rmtree(made)
    return target


def main():
    start, (builder, *options) = time.time(), sys.argv[1:] or ["html"]
    if builder == "preview":
        target = preview()
    else:
        records = execute.executed({path.stem: notebooks.convert(path) for path in project.CHAPTERS})
        if builder == "profile":
            return execute.profile(records, *map(int, options))
        for folder in PAGES if builder == "html" else []:
            shutil.rmtree(folder, ignore_errors=True)
        sphinx(builder)
        target = BUILD / "html"
    print(f"[book] done in {time.time() - start:.0f} s; open {target / 'index.html'}")


if __name__ == "__main__":
    main()
