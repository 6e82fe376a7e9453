"""The first cell of every notebook, in an environment that has everything but the book's package."""

import functools
import http.server
import os
import subprocess
import sys
import sysconfig
import threading
import venv
from pathlib import Path

import nbformat
import pytest

from tools import listings, notebooks, project, wheel
from tools.project import NOTEBOOKS

NOWHERE = "http://127.0.0.1:9"  # a port where nothing answers
OFFLINE = {"PIP_INDEX_URL": NOWHERE, "PIP_CONFIG_FILE": os.devnull, "PYTHONPATH": ""}
WHERE = "import vaebook\n\nprint(vaebook.__file__)"
ORIGIN = "from importlib import metadata\n\nprint(metadata.distribution('vaebook').read_text('direct_url.json'))"
RUN = """import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.execute(notebook, allow_errors=True, coalesce_streams=True, kernel_name="python3")
nbformat.write(notebook, sys.argv[1])
"""


@pytest.fixture
def elsewhere(tmp_path):
    """Runs cells in a kernel of an empty folder, whose Python has all packages of this one but the book's.

    Returns what the last cell printed, or the error of the first that failed.  without: packages that it lacks, too.
    """

    def run(*cells, without=(), **environment):
        lacking = ("vaebook", "__editable__", *without)
        packages = tmp_path / "packages"  # links, beside the environment: pip takes nothing away from there
        packages.mkdir()
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if not path.name.lower().startswith(lacking) and path.suffix != ".pth":
                (packages / path.name).symlink_to(path)
        venv.create(tmp_path / "env")
        python = tmp_path / "env" / "bin" / "python"
        where = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        site = Path(subprocess.check_output(where, text=True).strip())
        (site / "packages.pth").write_text(f"{packages}\n")
        folder = tmp_path / "empty"
        folder.mkdir()
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        nbformat.write(notebook, tmp_path / "cells.ipynb")
        jupyter = {"JUPYTER_PATH": "", "JUPYTER_DATA_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
        environment = os.environ | OFFLINE | jupyter | environment
        subprocess.check_call([python, "-c", RUN, tmp_path / "cells.ipynb"], cwd=folder, env=environment)
        ran = nbformat.read(tmp_path / "cells.ipynb", as_version=4).cells
        outputs = [output for cell in ran for output in cell.outputs]
        errors = [f"{output.ename}: {output.evalue}" for output in outputs if output.output_type == "error"]
        return errors[0] if errors else ran[-1].outputs[-1].text.strip()

    return run


def first_cells(path):
    """The sources of a notebook's code cells, up to the one in which the chapter imports from the book's package."""
    sources = [cell.source for cell in notebooks.convert(path).cells if cell.cell_type == "code"]
    imports = next(place for place, source in enumerate(sources) if "\nfrom vaebook" in f"\n{source}")
    return sources[: imports + 1]


def set_up_cell(release):
    """The first cell of every notebook, with another address for the release."""
    assert {first_cells(path)[0] for path in NOTEBOOKS} == {wheel.set_up()}
    assert f'"{project.PACKAGE}"' in wheel.set_up()
    return wheel.set_up().replace(project.PACKAGE, release)


def imports():
    """The cells with which the chapters begin, the set-up cell apart."""
    return [source for path in NOTEBOOKS for source in first_cells(path)[1:]]


def test_all_chapters_begin_where_neither_package_nor_network_are(elsewhere, tmp_path):
    file = elsewhere(set_up_cell(f"{NOWHERE}/v.zip"), *imports(), WHERE)
    assert file.startswith(str(tmp_path / "env")) and file.endswith("vaebook/__init__.py")


def test_a_kernel_without_pip_uses_the_carried_package_as_it_is(elsewhere, tmp_path):
    file = elsewhere(set_up_cell(f"{NOWHERE}/v.zip"), *imports(), WHERE, without=["pip"])
    assert file.startswith(str(tmp_path / "tmp"))


def test_a_folder_of_that_name_is_no_package(elsewhere, tmp_path):
    clone = "from pathlib import Path\n\nPath('vaebook/vaebook').mkdir(parents=True)"
    assert elsewhere(clone, set_up_cell(f"{NOWHERE}/v.zip"), WHERE, without=["pip"]).startswith(str(tmp_path / "tmp"))


def test_what_is_missing_and_cannot_be_installed_is_named(elsewhere):
    error = elsewhere(set_up_cell(f"{NOWHERE}/v.zip"), without=["tabulate", "tqdm"])
    assert error.startswith("ModuleNotFoundError: The book needs tabulate, tqdm too, and pip says: ERROR")


def test_the_release_goes_before_the_carried_package(elsewhere, tmp_path):
    """The release is made from the tracked files alone, as its host does."""
    release = tmp_path / "release" / "v.zip"
    release.parent.mkdir()
    archive = ["git", "archive", "--prefix", "vaebook-release/", "-o", release, "HEAD"]
    subprocess.check_call(archive, cwd=project.ROOT)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=release.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/v.zip"
        origin = elsewhere(set_up_cell(address), *imports(), ORIGIN, PIP_NO_BUILD_ISOLATION="false")
        server.shutdown()
    assert address in origin


def test_the_first_cell_does_nothing_at_home(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *command, **_: pytest.fail(f"ran {command}"))
    before, names = list(sys.path), {}
    exec(wheel.set_up(), names)
    assert sys.path == before and callable(names["set_up"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_first_cell_is_folded_in_colab_and_in_jupyter_and_has_a_title(path):
    cell = next(cell for cell in notebooks.convert(path).cells if cell.cell_type == "code")
    assert cell.metadata == {"cellView": "form", "jupyter": {"source_hidden": True}}
    assert cell.id == "set-up" and cell.source.startswith("# @title ")


def test_the_first_cell_is_formatted_as_the_others_are():
    cell = f"```{{code-cell}} ipython3\n{wheel.set_up()}\n```\n"
    assert listings.formatted(cell) == cell
