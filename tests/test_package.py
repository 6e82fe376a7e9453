"""The package's own order: a module imports only from those left of it."""

import ast
from pathlib import Path

import vaebook

FOLDER = Path(vaebook.__file__).parent
ORDER = [["checks", "progress"], ["data"], ["layers"], ["models"], ["objectives"], ["training"],
         ["figures", "animation", "tables"]]


def place(name):
    return next(number for number, modules in enumerate(ORDER) if name in modules)


def imported(path):
    """The names of vaebook's own modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [
            alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            if name.startswith("vaebook."):
                yield name.split(".")[1]


def test_a_module_imports_only_from_those_left_of_it():
    seen = set()
    for path in FOLDER.rglob("*.py"):
        module = path.relative_to(FOLDER).with_suffix("").parts[0]
        if module == "__init__":
            continue
        seen.add(module)
        for other in imported(path):
            assert other == module or place(other) < place(module), f"{module} imports {other}"
    assert seen == {name for modules in ORDER for name in modules}
