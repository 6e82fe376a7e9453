"""Numbers for readers: tables in HTML, and means with their spread."""

import re

import torch
from IPython.display import HTML
from tabulate import tabulate


def table(rows, headers, words=False):
    """An HTML table of `rows`, each a list as long as `headers`; it scrolls on a narrow screen.

    Texts are shown as they come; all columns but the first are aligned to the right. With words=True entries
    are HTML, aligned to the left, and break over lines. The first entry of each row is its header, so that a
    reader who cannot see the table hears what an entry belongs to.
    """
    alignment = ["left"] + ["left" if words else "right"] * (len(headers) - 1)
    content = tabulate(
        rows,
        headers,
        tablefmt="unsafehtml" if words else "html",
        disable_numparse=True,
        colalign=alignment,
    )
    content = re.sub(
        r"<tr><td([^>]*)>(.*?)</td>", r'<tr><th scope="row"\1>\2</th>', content
    )
    content = re.sub(r"<th>\s*</th>", "<td></td>", content)  # a corner heads nothing
    kind = "table-scroll words" if words else "table-scroll"
    return HTML(f'<div class="{kind}">{content}</div>')


def mean_and_spread(values, digits=1):
    """Mean and standard deviation of several runs, as text: "83.9 ± 0.2"."""
    values = torch.as_tensor(values, dtype=torch.float64)
    return f"{values.mean():.{digits}f} ± {values.std():.{digits}f}"


def mean_and_error(values, digits=2, sign="+"):
    """Mean of several runs and its standard error: "+1.30 ± 0.08"; without a plus for sign=""."""
    values = torch.as_tensor(values, dtype=torch.float64)
    error = values.std() / len(values) ** 0.5
    return f"{values.mean():{sign}.{digits}f} ± {error:.{digits}f}"
