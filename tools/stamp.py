"""Write the project's address, version and chapters wherever they are repeated.

    python -m tools.stamp                      rewrite README.md, CITATION.cff, the first page, the notebooks and the
                                               address in vaebook/examine/report.py
    python -m tools.stamp --check              change nothing; exit with 1 and name what is stale
    python -m tools.stamp --check --repository OWNER/NAME --tag v1.2.3
                                               refuse also where the project calls itself otherwise

Change the address in pyproject.toml, the version in vaebook/__init__.py, the chapters in _toc.yml; then run it.
"""

import argparse
import re
import sys

from tools import notebooks, project

FILES = ["README.md", "CITATION.cff", "book/index.md", "vaebook/examine/report.py"]


def stamped(text):
    """The text with each address of a repository, each release in one, and the list of chapters made this project's."""
    links = [f"[{project.title(path)}]({project.in_colab(path.stem)})" for path in project.CHAPTERS]
    chapters = "\n".join(f"{number}. {link}" for number, link in enumerate(links, start=1))
    for pattern, ours in {
        r"https://github\.com/[\w-]+/[\w-]+": project.REPOSITORY,
        r"https://colab\.research\.google\.com/github/[\w./-]+/notebooks/(\w+)\.ipynb": project.in_colab(r"\1"),
        r"https://[\w-]+\.github\.io/[\w-]+/": project.SITE,
        r"(?m)^version: .*$": f"version: {project.RELEASE[1:]}",
        r"(?s)(?<=<!-- chapters -->\n).*(?=\n<!-- end of chapters -->)": chapters.replace("\\", r"\\"),
    }.items():
        text = re.sub(pattern, ours, text)
    return text


def texts():
    """What this command writes, by file."""
    files = {project.ROOT / name: stamped((project.ROOT / name).read_text(encoding="utf-8")) for name in FILES}
    return files | notebooks.converted(project.NOTEBOOKS)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--repository", type=str.lower)
    parser.add_argument("--tag")
    arguments = parser.parse_args(arguments)
    ours = {"repository": f"{project.OWNER}/{project.NAME}".lower(), "tag": project.RELEASE}
    for name, right in ours.items():
        if getattr(arguments, name) not in (None, right):
            sys.exit(f"this is the {name} {getattr(arguments, name)}, by the project's own files it is {right}")
    project.renew(texts(), "make stamp", arguments.check)


if __name__ == "__main__":
    main()
