"""Write the project's address and version wherever they are repeated.

    python -m tools.stamp                      rewrite README.md, CITATION.cff, the first page and the notebooks
    python -m tools.stamp --check              change nothing; exit with 1 and name what is stale
    python -m tools.stamp --check --repository OWNER/NAME --tag v1.2.3
                                               refuse also where the project calls itself otherwise

Change the address in pyproject.toml, the version in vaebook/__init__.py; then run it.
"""

import argparse
import re
import sys

from tools import notebooks, project

FILES = ["README.md", "CITATION.cff", "book/index.md"]


def stamped(text):
    """The text with each address of a repository, and each release in one, made this project's."""
    text = re.sub(r"https://github\.com/[\w-]+/[\w-]+", project.REPOSITORY, text)
    in_colab = project.in_colab("").removesuffix(".ipynb")
    text = re.sub(r"https://colab\.research\.google\.com/github/[\w-]+/[\w-]+/blob/[\w.-]+/notebooks/", in_colab, text)
    text = re.sub(r"https://[\w-]+\.github\.io/[\w-]+/", project.SITE, text)
    return re.sub(r"^version: .*$", f"version: {project.RELEASE.removeprefix('v')}", text, flags=re.MULTILINE)


def stale_files():
    """The files that a run of this command would rewrite."""
    paths = [project.ROOT / name for name in FILES]
    return [path for path in paths if stamped(path.read_text(encoding="utf-8")) != path.read_text(encoding="utf-8")]


def refusals(repository=None, tag=None):
    """Why not to publish: a list of sentences, empty where all is well."""
    found = [f"{path.name} repeats another address or version; run `make stamp`" for path in stale_files()]
    found += [sentence for path in project.CHAPTERS for sentence in notebooks.differences(path)]
    ours = f"{project.OWNER}/{project.NAME}"
    if repository is not None and repository.lower() != ours.lower():
        found.append(f"this is the repository {repository}, pyproject.toml says {ours}")
    if tag is not None and tag != project.RELEASE:
        found.append(f"this is the release {tag}, vaebook/__init__.py says {project.RELEASE}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 where something is stale")
    parser.add_argument("--repository", help="OWNER/NAME that must be this project's")
    parser.add_argument("--tag", help="the release that must be this project's")
    arguments = parser.parse_args()
    if not arguments.check:
        for path in stale_files():
            path.write_text(stamped(path.read_text(encoding="utf-8")), encoding="utf-8")
            print(f"{path.name}: stamped")
        for path in project.CHAPTERS:
            notebooks.convert_again(path)
    found = refusals(arguments.repository, arguments.tag)
    print("\n".join(found) if found else f"address and version are {project.REPOSITORY} {project.RELEASE} everywhere")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
