"""Execute the chapters and build the site into _build/html: `python -m tools.build`.

Jupyter Book keeps the outputs of chapters whose cells have not changed. It does not see the package, the
installed versions or the data, so the kept outputs are thrown away where one of these has changed.
"""

import hashlib
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

from vaebook.data import handwritten_digits

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
KEPT = [BUILD / ".jupyter_cache", BUILD / ".doctrees"]
STAMP = BUILD / "executed-with"


def fingerprint():
    """A digest of all that the outputs of a chapter depend on besides its cells."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted([*ROOT.glob("vaebook/**/*.py"), *ROOT.glob("vaebook/*.css"), ROOT / "requirements.lock"]):
        digest.update(path.name.encode() + path.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        digest.update(handwritten_digits()[0].name.encode())
    return digest.hexdigest()


def main():
    current = fingerprint()
    if not STAMP.exists() or STAMP.read_text() != current:
        print("[book] all chapters will be executed, which takes some minutes", flush=True)
        for folder in KEPT:
            shutil.rmtree(folder, ignore_errors=True)
        BUILD.mkdir(exist_ok=True)
        STAMP.write_text(current)  # a build that fails later leaves chapters that did run, with these versions
    start = time.time()
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "book", "--path-output", ".",
               "--config", ROOT / "_config.yml", "--toc", ROOT / "_toc.yml", "--warningiserror", "--keep-going"]
    result = subprocess.run(command, cwd=ROOT)
    if result.returncode:
        sys.exit(f"[book] failed after {time.time() - start:.0f} s; the messages above say where")
    print(f"[book] done in {time.time() - start:.0f} s; open {BUILD / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
