"""One place for the project's address, its version and its chapters, from which all else is written."""

import re
import shutil
import subprocess
import sys

import pytest

import vaebook
from tools import notebooks, project, stamp
from tools.project import CHAPTERS, NOTEBOOKS, ROOT

REPEATED = """Read https://github.com/old-name/old/issues at https://old-name.github.io/old/ or in
https://colab.research.google.com/github/old-name/old/blob/v0.0.1/notebooks/1_modules.ipynb
version: 0.0.1
"""


def test_the_address_is_stamped_wherever_it_is_repeated():
    text = stamp.stamped(REPEATED)
    assert "old" not in text and "0.0.1" not in text and stamp.stamped(text) == text
    for address in (f"{project.REPOSITORY}/issues", project.SITE, project.in_colab("1_modules")):
        assert address in text
    assert f"version: {vaebook.__version__}\n" in text


def test_a_changed_address_is_stamped_into_files_and_notebooks(monkeypatch):
    assert project.stale(stamp.texts()) == {}
    monkeypatch.setattr(project, "REPOSITORY", "https://github.com/someone/else")
    monkeypatch.setattr(project, "SITE", "https://someone.github.io/else/")
    monkeypatch.setattr(project, "PACKAGE", "https://github.com/someone/else/archive/refs/tags/v9.zip")
    written = {ROOT / name for name in stamp.FILES} | {notebooks.file_of(path) for path in NOTEBOOKS}
    assert {*project.stale(stamp.texts())} == written


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--repository", f"{project.OWNER}/{project.NAME}", "--tag", project.RELEASE], "^0$"),
        (["--repository", "someone/else"], "this is the repository someone/else"),
        (["--tag", "v99.0.0"], "this is the tag v99.0.0"),
    ],
)
def test_publishing_is_refused_under_another_name(arguments, words):
    with pytest.raises(SystemExit, match=words):
        stamp.main(["--check", *arguments])


def test_the_address_stands_in_one_place_only():
    """Beside pyproject.toml, only what `make stamp` writes may name an address of the project."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    written = {*stamp.FILES, *(f"notebooks/{path.stem}.ipynb" for path in NOTEBOOKS), "pyproject.toml"}
    names = rf"github(?:\.com)?/{project.OWNER}/{project.NAME}\b|{project.OWNER}\.github\.io"
    found = {
        name
        for name in tracked
        if name.endswith((".md", ".py", ".yml", ".toml", ".cff", ".ipynb", ".css", ".js"))
        and re.search(names, (ROOT / name).read_text(encoding="utf-8"))
    }
    assert found == written


@pytest.fixture
def copy(tmp_path):
    """Runs the tools in a copy of the project."""
    left_out = shutil.ignore_patterns(".*", "_build", "__pycache__", "*.egg-info")
    folder = shutil.copytree(ROOT, tmp_path / "copy", ignore=left_out)

    def run(tool, *arguments):
        command = [sys.executable, "-m", f"tools.{tool}", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True)

    run.folder = folder
    return run


def test_a_changed_package_is_noticed_and_put_into_every_notebook_without_a_run(copy):
    assert copy("notebooks", "--check").returncode == 0
    with (copy.folder / "vaebook" / "layers.py").open("a") as file:
        file.write("# changed\n")
    result = copy("notebooks", "--check")
    assert result.returncode == 1 and all(f"{path.stem}.ipynb is stale" in result.stdout for path in NOTEBOOKS)
    assert copy("notebooks", "--prose").returncode == 0 and copy("notebooks", "--check").returncode == 0


def test_a_chapter_is_a_file_and_a_line(copy):
    opening, cell = "```{opening} new\n```\n", "```{code-cell} ipython3\nx = 1\n```\n"
    (copy.folder / "book" / "new.md").write_text(f"# A new chapter\n\n{opening}\nSee [it](new.md).\n\n{cell}")
    toc = copy.folder / "_toc.yml"
    last = f"      - file: {CHAPTERS[-1].stem}\n"
    toc.write_text(toc.read_text().replace(last, f"{last}      - file: new\n"))
    assert "README.md is stale" in copy("stamp", "--check").stdout
    assert copy("stamp").returncode == 0 and copy("stamp", "--check").returncode == 0
    link = f"{len(CHAPTERS) + 1}. [A new chapter]({project.in_colab('new')})"
    assert link in (copy.folder / "README.md").read_text().splitlines()
    assert "[it](new.ipynb)" in (copy.folder / "notebooks" / "new.ipynb").read_text()


def test_the_list_of_chapters_numbers_them_by_their_place():
    assert project.PAGES[0] == "index" and [path.stem for path in CHAPTERS] == project.PAGES[1 : len(CHAPTERS) + 1]
    assert all(path.exists() for path in CHAPTERS)
    assert project.title(project.BOOK / "notation.md") == "Notation"
