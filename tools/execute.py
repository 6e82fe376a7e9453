"""Execute chapters once: the site is built, nbval compares and `make notebooks` stores from what is kept here.

_build/executed holds each chapter's executed notebook, and in its metadata a fingerprint of all that its outputs depend
on. Where that is still the same the chapter is fresh, and nothing executes it again. Cells are counted as nbval does:
code cells only, from 0.
"""

import hashlib
import os
import platform
import re
import sys
import time
import warnings
from copy import deepcopy
from datetime import datetime
from functools import cache
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from tools.project import ROOT, minutes
from tools.wheel import SET_UP
from vaebook.data import handwritten_digits

BUILD = ROOT / "_build"
OUTPUTS = BUILD / "executed"
IN_A_LOG = 30  # seconds between two lines of progress where no terminal can rewrite one
PREVIEW = "VAEBOOK_PREVIEW" in os.environ  # nothing is executed: outputs are those that the notebooks keep


def sources():
    """The files that outputs depend on besides the chapters. Of live figures, pages take the scripts as they are."""
    return sorted([*ROOT.glob("vaebook/**/*.py"), *ROOT.glob("vaebook/*.css"), ROOT / "requirements.lock"])


@cache
def surroundings():
    """Of all that the outputs of a chapter depend on besides its cells."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sources():
        digest.update(path.name.encode() + path.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        digest.update(handwritten_digits()[0].name.encode())
    return digest.hexdigest()


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def fingerprint(notebook):
    """Of all that the outputs of this notebook depend on. The set-up cell acts only where the package is missing."""
    sources = [surroundings(), *(cell.source for cell in code_cells(notebook) if cell.id != SET_UP)]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def kept(name):
    """The last execution of a chapter, fresh or stale; None where there is none."""
    path = OUTPUTS / f"{name}.ipynb"
    return nbformat.read(path, as_version=4) if path.exists() else None


def fresh(name, notebook):
    """The kept execution of exactly this notebook; None where there is none."""
    record = kept(name)
    return record if record and record.metadata.run.fingerprint == fingerprint(notebook) else None


@cache
def machine():
    """This machine, in the words by which book/chapter_times.json and the pages call it."""
    import torch

    if torch.cuda.is_available():
        return f"a GPU ({torch.cuda.get_device_name()})"
    linux = Path("/proc/cpuinfo")
    facts = linux.read_text() if linux.exists() else ""
    model = re.search(r"model name\s*: (.*)", facts)
    model = model[1] if model else platform.processor() or platform.machine()
    model = re.sub(r"\((R|TM)\)| CPU| (\d+-Core )?Processor| @.*", "", model)
    return f"a {'virtual ' if 'hypervisor' in facts else ''}machine with {os.cpu_count()} cores ({model})"


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def plan(stale, others):
    """Say what will be executed, how long that took when last known, and what can be read meanwhile."""
    for name in stale:
        run = record.metadata.run if (record := kept(name)) else None
        cost = f"{clock(run.seconds)} on {run.machine}" if run else minutes(name)
        print(f"[book] to execute: {name} (when last timed: {cost})")
    if others:
        print(f"[book] executed before, and kept: {', '.join(others)}")
    pages = sorted((BUILD / "html").glob("*.html")) or sorted(BUILD.glob("preview/_build/html/*.html"))
    if stale and pages:
        written = ", ".join(path.name for path in pages)
        print(f"[book] already written, by an earlier build, in {pages[0].parent}: {written}")
    elif stale:
        print("[book] to look at something now, run `make preview` first: all pages, without what is still to compute")


class Progress:
    """Says which cell of a chapter runs: on one line of a terminal, or now and then in a log."""

    def __init__(self, name, cells):
        self.name, self.cells, self.place, self.start, self.said = name, cells, -1, time.monotonic(), 0.0

    def seconds(self):
        return time.monotonic() - self.start

    def __call__(self, cell, cell_index):
        if cell.cell_type != "code":
            return
        self.place, now = self.place + 1, self.seconds()
        line = f"[book] {self.name}: cell {self.place} of {self.cells}, {clock(now)}"
        if sys.stdout.isatty():
            print(f"\r{line}\x1b[K", end="", flush=True)
        elif now - self.said >= IN_A_LOG:
            self.said = now
            print(line, flush=True)

    def done(self):
        line = f"[book] {self.name}: {self.cells} cells in {clock(self.seconds())}"
        print(f"\r{line}\x1b[K" if sys.stdout.isatty() else line, flush=True)


def run(name, notebook):
    """Execute a chapter beside its notebook, in a fresh kernel, and keep it. A cell that fails ends the program."""
    notebook, mark = deepcopy(notebook), fingerprint(notebook)
    os.environ.pop("JPY_SESSION_NAME", None)  # no progress bars in kept outputs
    say = Progress(name, len(code_cells(notebook)))
    options = {"timeout": 1200, "coalesce_streams": True, "record_timing": True, "on_cell_start": say}
    options["extra_arguments"] = ["--log-level=CRITICAL"]  # of the kernel, which else warns of how it listens
    client = NotebookClient(notebook, resources={"metadata": {"path": str(ROOT / "notebooks")}}, **options)
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError, AssertionError) as error:
        why = str(error) or "interrupted"  # to Ctrl-C nbclient answers with the last, and without words
        sys.exit(f"\n[book] {name} stopped in cell {say.place}, after {clock(say.seconds())}:\n\n{why}")
    say.done()
    ended = datetime.now().isoformat(timespec="seconds")
    notebook.metadata["run"] = dict(fingerprint=mark, seconds=say.seconds(), machine=machine(), ended=ended)
    OUTPUTS.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, OUTPUTS / f"{name}.ipynb")


def executed(chapters):
    """The executed notebooks, by name, of these: a notebook by each name. Executes those that are not fresh."""
    stale = [name for name, notebook in chapters.items() if not fresh(name, notebook)]
    plan(stale, [name for name in chapters if name not in stale])
    start = time.monotonic()
    for name in stale:
        run(name, chapters[name])
    if stale:
        print(f"[book] executed in {clock(time.monotonic() - start)} on {machine()}", flush=True)
    return {name: kept(name) for name in chapters}


def seconds(cell):
    """What an executed cell cost."""
    times = cell.metadata.get("execution", {})
    ends = [datetime.fromisoformat(times[f"iopub.status.{state}"]) for state in ("busy", "idle") if times]
    return (ends[1] - ends[0]).total_seconds() if ends else 0.0


def profile(records, count=8):
    """Print of each executed chapter its seconds, and its dearest cells: seconds, share, number, beginning."""
    for name, record in records.items():
        costs = sorted(((seconds(cell), place, cell) for place, cell in enumerate(code_cells(record))), reverse=True)
        run = record.metadata.run
        print(f"\n{name}: {run.seconds:.0f} s on {run.machine}, {run.ended}")
        for cost, place, cell in costs[:count]:
            print(f"{cost:8.1f} s {cost / run.seconds:4.0%}  cell {place:3}  {in_short(cell.source)}")


def in_short(source):
    """A cell on one line: where it begins, without comments and imports."""
    lines = [line.strip() for line in source.splitlines()]
    return " ".join(line for line in lines if not re.match(r"#|import |from |$", line))[:70]
