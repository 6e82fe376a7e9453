"""The first code cell of every notebook, book/set_up.py, and the package that it carries: a wheel, as text."""

import base64
import bz2
import io
import zipfile

from tools import project

SET_UP = "set-up"  # the id of that cell


def wheel():
    """The package as a wheel: the same bytes on every machine, so in order, undated and, as yet, uncompressed."""
    paths = [path for path in project.ROOT.glob("vaebook/**/[!.]*") if path.is_file() and path.suffix != ".pyc"]
    files = {path.relative_to(project.ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}
    version, info = project.RELEASE[1:], f"vaebook-{project.RELEASE[1:]}.dist-info"
    metadata = ["Metadata-Version: 2.1", "Name: vaebook", f"Version: {version}"]
    metadata += [f"Requires-Python: {project.PROJECT['requires-python']}"]
    metadata += [f"Requires-Dist: {need}" for need in project.PROJECT["dependencies"]]
    files[f"{info}/METADATA"] = "\n".join(metadata) + "\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: vaebook\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/LICENSE"] = (project.ROOT / "LICENSE").read_text(encoding="utf-8")
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return written.getvalue()


def set_up():
    """The cell's text. The wheel is one long line of it, so that a change of the package changes one line."""
    carried = base64.b64encode(bz2.compress(wheel())).decode()  # bz2: smaller, and of one mind on every machine
    call = "".join(f'    "{value}",\n' for value in (project.RELEASE[1:], project.PACKAGE, carried))
    return f"{(project.BOOK / 'set_up.py').read_text(encoding='utf-8')}\n\nset_up(\n{call})"


def without_package(source):
    """A cell's text; of the set-up cell what comes before the package."""
    return source.partition("\n\nset_up(\n")[0]
