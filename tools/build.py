"""Execute the chapters and build the site into _build/html.

    python -m tools.build             the site
    python -m tools.build linkcheck   ask for every address outside the book, and name those that do not answer

Jupyter Book keeps the outputs of chapters whose cells have not changed. It does not see the package, the installed
versions or the data, so the kept outputs are thrown away where one of these has changed. Pages are made from tools,
tests and notebooks too, which Sphinx does not see, so all are written each time; that takes some seconds.
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
OUTPUTS, PAGES, EXECUTED = BUILD / ".jupyter_cache", [BUILD / ".doctrees", BUILD / "html"], BUILD / "executed-with"


def fingerprint():
    """Of all that the outputs of a chapter depend on besides its cells."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted([*ROOT.glob("vaebook/**/*.py"), *ROOT.glob("vaebook/*.css"), ROOT / "requirements.lock"]):
        digest.update(path.name.encode() + path.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        digest.update(handwritten_digits()[0].name.encode())
    return digest.hexdigest()


def main():
    BUILD.mkdir(exist_ok=True)
    if not EXECUTED.exists() or EXECUTED.read_text() != fingerprint():
        print("[book] all chapters will be executed, which takes some minutes", flush=True)
        shutil.rmtree(OUTPUTS, ignore_errors=True)
        EXECUTED.write_text(fingerprint())  # a build that fails later leaves what did run, made from these
    builder = sys.argv[1:] or ["html"]
    for folder in PAGES if builder == ["html"] else []:
        shutil.rmtree(folder, ignore_errors=True)
    start = time.time()
    sources = ["--config", ROOT / "_config.yml", "--toc", ROOT / "_toc.yml"]
    options = ["--path-output", ".", "--warningiserror", "--keep-going", "--builder", *builder]
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "book", *sources, *options]
    if subprocess.run(command, cwd=ROOT).returncode:
        sys.exit(f"[book] failed after {time.time() - start:.0f} s; the messages above say where")
    print(f"[book] done in {time.time() - start:.0f} s; open {BUILD / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
