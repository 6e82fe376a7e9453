"""What `pytest --nbval` needs to know about the chapters, and how it compares without a second run."""

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


def pytest_addoption(parser):
    said = (
        "with --nbval: compare what the last execution showed (that of `make book`), "
        "and execute again only where anything has changed since"
    )
    parser.addoption("--replay", action="store_true", help=said)


def pytest_collection_modifyitems(config, items):
    """Cells tagged `mnist` hold on MNIST only: without it they are run, but not compared."""
    for item in items:
        if "mnist" in tags_of(item) and not mnist_is_here():
            item.options["check"] = False
    if config.option.replay:
        notebooks = dict.fromkeys(
            item.parent for item in items if hasattr(item, "cell")
        )
        config.replayed = [replay(notebook) for notebook in notebooks]


def replay(notebook):
    """Give a notebook its last execution in a kernel's place, if nothing has changed since; say which."""
    from tools.execute import fresh
    from tools.replay import Replayed

    record = fresh(notebook.path.stem, notebook.nb)
    if not record:
        return f"{notebook.name}: has changed since its last run, so runs again"
    notebook.setup = functools.partial(set_up, notebook, Replayed(record))
    return f"{notebook.name}: held against its run of {record.metadata.run.ended}"


def set_up(notebook, kernel):
    """What nbval does before the cells of a notebook, but with this kernel."""
    notebook.kernel = kernel
    notebook.setup_sanitize_files()


def pytest_report_collectionfinish(config):
    """With --replay: which notebooks are held against an execution that is kept."""
    return getattr(config, "replayed", [])


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
