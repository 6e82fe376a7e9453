"""Progress for a person who watches, silence for a page that is being built."""

import os
import sys

from tqdm import tqdm


def someone_is_watching():
    """Whether a progress bar would meet a person: at a terminal, in Colab or in a live Jupyter.

    Of the processes that torchrun starts only the first one shows a bar.
    """
    if os.environ.get("RANK", "0") != "0":
        return False
    live_notebook = "google.colab" in sys.modules or "JPY_SESSION_NAME" in os.environ
    return live_notebook or sys.stderr.isatty()


def progress_bar(iterable, total):
    """Iterate over `iterable` of `total` steps behind a progress bar, where someone is watching."""
    return tqdm(iterable, total=total, unit="step", disable=not someone_is_watching())
