"""How long do the chapters, and `make test`, take in another commit, and how long here? Side by side and by turns.

    python -m benchmarks.against 875e7d6                        all chapters
    python -m benchmarks.against 875e7d6 --chapters 4_gaussian  one
    python -m benchmarks.against 875e7d6 --test                 then `make test` after `make book`, too
    ... --folder ../other                                       keep the other commit and its environment there

The other commit is cloned, and installed by its own `make ready` where that has not been done. Each notebook of
notebooks/ is executed in a fresh kernel of its side's environment, beside it, as "Run all" does: theirs, ours,
theirs, ... Run it with nothing else running. A table says the seconds and the ratio, ours to theirs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
EXECUTE = """
import sys, time, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
resources = {"metadata": {"path": "notebooks"}}
start = time.perf_counter()
quiet = ["--log-level=ERROR"]
NotebookClient(notebook, timeout=3600, kernel_name="python3", resources=resources, extra_arguments=quiet).execute()
print(time.perf_counter() - start)
"""


def cloned(commit, folder):
    """The folder, with that commit in it."""
    if not (folder / ".git").exists():
        subprocess.run(["git", "clone", "--quiet", HERE, folder], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", commit], cwd=folder, check=True)
    return folder


def installed(folder):
    """The folder, with its environment."""
    if not (folder / ".venv" / ".ready").exists():
        subprocess.run(["make", "ready", f"PYTHON={sys.executable}"], cwd=folder, check=True)
    return folder


def seconds_of_chapter(folder, chapter):
    """What a fresh kernel of the folder's environment takes for a notebook."""
    python = folder / ".venv" / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if name not in ("JPY_SESSION_NAME", "PYTHONPATH")}
    command = [python, "-c", EXECUTE, f"notebooks/{chapter}.ipynb"]
    done = subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1])


def seconds_of_test(folder, _):
    """What `make test` takes where the book has just been built."""
    subprocess.run(["make", "book"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    start = time.perf_counter()
    subprocess.run(["make", "test"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def compared(measure, name, theirs, ours, rounds):
    """A line of the table: the best of the rounds of both, by turns."""
    times = [(measure(theirs, name), measure(ours, name)) for _ in range(rounds)]
    before, now = (min(side) for side in zip(*times, strict=True))
    print(f"| {name} | {before:.1f} | {now:.1f} | {now / before:.2f} |", flush=True)
    return before, now


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("--chapters", nargs="*", help="only these; none: no chapter")
    parser.add_argument("--rounds", type=int, default=1, help="of each chapter; the best counts")
    parser.add_argument("--test", action="store_true", help="time `make test` after `make book`, too")
    parser.add_argument("--folder", type=Path, help="where the other commit is, or will be put and left")
    arguments = parser.parse_args()
    chapters = arguments.chapters
    if chapters is None:
        chapters = sorted(path.stem for path in (HERE / "notebooks").glob("*.ipynb"))
    with tempfile.TemporaryDirectory() as scratch:
        ours = installed(HERE)
        theirs = installed(cloned(arguments.commit, (arguments.folder or Path(scratch, "other")).resolve()))
        print(f"| | {arguments.commit}, s | here, s | ratio |\n| --- | --: | --: | --: |", flush=True)
        times = [compared(seconds_of_chapter, name, theirs, ours, arguments.rounds) for name in chapters]
        if times:
            before, now = map(sum, zip(*times, strict=True))
            print(f"| together | {before:.1f} | {now:.1f} | {now / before:.2f} |")
        if arguments.test:
            compared(seconds_of_test, "make test", theirs, ours, 1)


if __name__ == "__main__":
    main()
