"""What `examine` has found: a line for each alarm."""

import textwrap
from dataclasses import dataclass, field
from html import escape

from tabulate import tabulate

from vaebook.tables import table

PAGE = "https://vaebook.github.io/vaebook/slips.html"
SIGNS = {True: "RINGS", False: "silent", None: "not seen"}
HEADS = ["alarm", "rings?", "what was found"]


@dataclass(frozen=True)
class Finding:
    """One alarm. rang: True, False, or None if it could not be examined.  words: what was found.  slip: its entry."""

    alarm: str
    rang: bool | None
    words: str
    slip: str = ""

    @property
    def link(self):
        return f"{PAGE}#{self.slip}" if self.rang and self.slip else ""


@dataclass
class Report:
    """The findings, in the order of the examination; shown as a table, in a notebook or in print."""

    findings: list = field(default_factory=list)

    @property
    def rang(self):
        """Names of the alarms that rang, each once; empty for a right model."""
        return list(dict.fromkeys(one.alarm for one in self.findings if one.rang))

    def __str__(self):
        rows = []
        for one in self.findings:
            words = textwrap.fill(one.words, 58)
            words += f"\n{one.link}" if one.link else ""
            rows.append([one.alarm, SIGNS[one.rang], words])
        return tabulate(rows, HEADS)

    __repr__ = __str__

    def _repr_html_(self):
        rows = []
        for one in self.findings:
            sign, words = SIGNS[one.rang], escape(one.words)
            sign = f"<strong>{sign}</strong>" if one.rang else sign
            words += f' <a href="{one.link}">See its entry.</a>' if one.link else ""
            rows.append([one.alarm, sign, words])
        return table(rows, HEADS, words=True).data
