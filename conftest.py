"""What `pytest --nbval` needs to know about the chapters."""

import functools
import os

from vaebook.data import MNISTUnavailable, mnist

os.environ.pop("JPY_SESSION_NAME", None)  # no progress bars in compared output


@functools.cache
def mnist_is_here():
    """Whether MNIST can be had (a damaged copy is an error and stops the tests)."""
    try:
        mnist("test")
    except MNISTUnavailable:
        return False
    return True


def pytest_collection_modifyitems(items):
    """Cells tagged `mnist` hold on MNIST only: without it they are run, but not compared."""
    for item in items:
        if "mnist" in tags_of(item) and not mnist_is_here():
            item.options["check"] = False


def pytest_terminal_summary(terminalreporter):
    """Say what was not compared, so that a green run without MNIST is not taken for more."""
    passed = terminalreporter.stats.get("passed", [])
    cells = [report for report in passed if ".ipynb::" in report.nodeid]
    if cells and not mnist_is_here():
        said = (
            "MNIST could not be had: cells tagged `mnist` were run on scikit-learn's "
            "digits and not compared."
        )
        terminalreporter.write_line(said, yellow=True)


def tags_of(item):
    """The tags of a notebook cell, or none for any other test."""
    return getattr(item, "cell", {}).get("metadata", {}).get("tags", [])
