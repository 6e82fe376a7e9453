"""The package's order and its packages: modules import from their left, and what is declared is what is used."""

import ast
import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

import vaebook

FOLDER = Path(vaebook.__file__).parent
ROOT = FOLDER.parent
ORDER = [
    "checks",
    "claims comparisons progress checkpoints",
    "data",
    "distributions",
    "layers",
    "models",
    "objectives ensembles",
    "training quadrature",
    "figures animation tables",
    "live",
    "examine",
    "slips",
    "exercises",
    "scale",
]
PLACES = {module: place for place, modules in enumerate(ORDER) for module in modules.split()}
OURS = {"vaebook", "tools", "tests", "benchmarks", "examples"}


def trees(*patterns):
    """The syntax trees of the Python files and of the chapters' cells that match."""
    for path in (path for pattern in patterns for path in sorted(ROOT.glob(pattern))):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".md":
            cells = jupytext.reads(text, fmt="md:myst").cells
            code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
            text = re.sub(r"^[%!].*", "", code, flags=re.MULTILINE)
        yield ast.parse(text)


def imports(tree):
    """The dotted names that this code imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(*patterns):
    """The packages of others that the matching files import, by the module's name."""
    modules = {name.split(".")[0] for tree in trees(*patterns) for name in imports(tree)}
    return modules - OURS - sys.stdlib_module_names


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras):
    """What pyproject.toml asks for, by canonical name: the package's dependencies, or those of some extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["optional-dependencies"][extra] for extra in extras] or [project["dependencies"]]
    return {canonical(re.match(r"[\w.-]+", text)[0]) for group in groups for text in group}


@cache
def providers():
    """For each module that is installed: the canonical names of the distributions that hold it."""
    found = importlib.metadata.packages_distributions()
    return {module: {canonical(name) for name in names} for module, names in found.items()}


def named():
    """Every word of the files that run commands and list extensions, and every string of the code around the book."""
    files = ["Makefile", "_config.yml", ".pre-commit-config.yaml", *ROOT.glob(".github/workflows/*.yml")]
    text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in files)
    words = set(re.findall(r"\w+(?:-\w+)*", re.sub(r"#.*", "", text)))
    nodes = (node for tree in trees("tools/**/*.py", "tests/*.py") for node in ast.walk(tree))
    return words | {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def used(modules):
    """The distributions that hold these modules."""
    return {name for module in modules for name in providers().get(module, ())}


def names_of(distribution):
    """The words by which a distribution is called: its own, its modules' and its commands'."""
    modules = {module for module, names in providers().items() if distribution in names}
    commands = importlib.metadata.distribution(distribution).entry_points.select(group="console_scripts").names
    return {distribution} | modules | commands


PACKAGE = ["vaebook/**/*.py", "book/*.md"]
AROUND = ["tools/**/*.py", "tests/*.py", "benchmarks/*.py", "conftest.py"]


def test_a_module_imports_only_from_those_left_of_it():
    seen = set()
    for path in FOLDER.rglob("*.py"):
        module = path.relative_to(FOLDER).with_suffix("").parts[0]
        if module == "__init__":
            continue
        seen.add(module)
        names = [name.split(".")[1] for name in imports(ast.parse(path.read_text())) if name.startswith("vaebook.")]
        for other in names:
            assert other == module or PLACES[other] < PLACES[module], f"{module} imports {other}"
    assert seen == set(PLACES)


@pytest.mark.parametrize("patterns, allowed", [(PACKAGE, declared()), (AROUND, declared() | declared("book", "test"))])
def test_a_package_that_is_imported_is_declared(patterns, allowed):
    modules = packages(*patterns)
    assert "torch" in modules and not {module for module in modules if not used([module]) & allowed}


def test_a_dependency_is_used_by_the_package_or_a_chapter():
    assert declared() - used(packages(*PACKAGE)) == set()


def test_what_an_extra_declares_is_imported_or_called_by_its_name():
    """A command, a plug-in and a Sphinx extension are not imported: where they are used stands their name."""
    idle = declared("book", "test") - used(packages(*AROUND))
    assert {name for name in idle if not names_of(name) & named()} == set()


def test_the_package_can_be_imported_from_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "vaebook.zip", "w") as archive:
        for path in [path for kind in ("py", "css", "js") for path in FOLDER.rglob(f"*.{kind}")]:
            archive.write(path, path.relative_to(ROOT))
    code = "import vaebook.animation as animation; print(animation.__file__, animation.STYLE[:14])"
    code += "; from vaebook import live; print('vaeLive.define(' in live.valley()._repr_html_())"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": "vaebook.zip"}, capture_output=True, text=True
    )
    assert result.stdout.split() == [
        str(tmp_path / "vaebook.zip" / "vaebook" / "animation.py"),
        ".vae-animation",
        "True",
    ]


@pytest.mark.parametrize("path", sorted(ROOT.glob("benchmarks/[a-z]*.py")), ids=lambda path: path.stem)
def test_a_benchmark_finds_all_that_it_imports(path):
    module = importlib.import_module(f"benchmarks.{path.stem}")
    assert hasattr(module, "main") == ("__main__" in path.read_text(encoding="utf-8"))


FLUSHED = """
small, smaller = torch.full((500, 500), 1e-30), torch.full((500, 500), 1e-12)
denormal = (small @ smaller).view(torch.int32) != 0  # the bits: as numbers they would be flushed here
print(denormal.float().mean().item())
"""


@pytest.mark.parametrize(
    "before", ["", "(torch.randn(2000, 2000) @ torch.randn(2000, 2000)).sum()"], ids=["at first", "workers run already"]
)
def test_denormal_numbers_are_flushed_in_a_fresh_process_in_every_thread(before):
    program, shares = f"import torch\n{before}\n{{}}\n{FLUSHED}", []
    options = {"cwd": ROOT, "check": True, "capture_output": True, "text": True}
    options["env"] = os.environ | {"OMP_NUM_THREADS": "2"}  # one worker beside the thread that sets it
    for line in ("", "import vaebook"):
        command = [sys.executable, "-c", program.format(line)]
        shares.append(subprocess.run(command, **options).stdout.strip())
    assert shares == ["1.0", "0.0"]


def test_denormal_numbers_are_flushed_in_a_kernel():
    cells = ["import torch", "torch.randn(2000, 2000) @ torch.randn(2000, 2000);", "import vaebook", FLUSHED]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, resources={"metadata": {"path": str(ROOT)}}).execute()
    assert notebook.cells[-1].outputs[0].text.strip() == "0.0"
