"""Execute the chapters and build the site into _build/html.

    python -m tools.build             the site
    python -m tools.build linkcheck   ask for every address outside the book, and name those that do not answer

Jupyter Book keeps the outputs of chapters whose cells have not changed. It does not see the package, the
installed versions or the data, so the kept outputs are thrown away where one of these has changed. Sphinx does not
see the tools, the notebooks and the tests that pages are made from, and the map of the site lists what was written
last, so all pages are written again, without a run, where anything has changed.
"""

import hashlib
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

from tools.project import ROOT
from vaebook.data import handwritten_digits

BUILD = ROOT / "_build"
PAGES = [BUILD / ".doctrees", BUILD / "html"]
KEPT = [BUILD / ".jupyter_cache", *PAGES]
EXECUTED, WRITTEN = BUILD / "executed-with", BUILD / "written-with"


def digest_of(*patterns):
    """A digest of the names and the content of the files that match."""
    digest = hashlib.sha256(sys.version.encode())
    matching = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    for path in sorted(matching):
        digest.update(path.name.encode() + path.read_bytes())
    return digest


def fingerprint():
    """Of all that the outputs of a chapter depend on besides its cells."""
    digest = digest_of("vaebook/**/*.py", "vaebook/*.css", "requirements.lock")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        digest.update(handwritten_digits()[0].name.encode())
    return digest.hexdigest()


def pages_fingerprint():
    """Of all that the written pages depend on."""
    return digest_of("book/*.*", "book/_static/**/*", "notebooks/*.ipynb", "tests/*.py", "tools/*.py", "tools/vendor/*",
                     "_*.yml", "pyproject.toml").hexdigest()


def renew(stamp, current, folders):
    """Throw the folders away where the stamp says that they were made from something else. Returns whether so."""
    stale = not stamp.exists() or stamp.read_text() != current
    if stale:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        BUILD.mkdir(exist_ok=True)
        stamp.write_text(current)  # a build that fails later leaves what did run, made from these
    return stale


def main():
    if renew(EXECUTED, fingerprint(), KEPT):
        print("[book] all chapters will be executed, which takes some minutes", flush=True)
    only_links = sys.argv[1:] == ["linkcheck"]
    if not only_links:
        renew(WRITTEN, pages_fingerprint(), PAGES)
    start = time.time()
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "book", "--path-output", ".",
               "--config", ROOT / "_config.yml", "--toc", ROOT / "_toc.yml", "--warningiserror", "--keep-going"]
    if only_links:
        sys.exit(subprocess.run([*command, "--builder", "linkcheck"], cwd=ROOT).returncode)
    result = subprocess.run(command, cwd=ROOT)
    if result.returncode:
        sys.exit(f"[book] failed after {time.time() - start:.0f} s; the messages above say where")
    print(f"[book] done in {time.time() - start:.0f} s; open {BUILD / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
