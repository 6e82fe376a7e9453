"""What `examine` has found: a line for each alarm."""

from dataclasses import dataclass, field

from tabulate import tabulate

PAGE = "https://vaebook.github.io/vaebook/slips.html"


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
    """The findings, in the order of the examination; printed as a table."""

    findings: list = field(default_factory=list)

    @property
    def rang(self):
        """Names of the alarms that rang, each once; empty for a right model."""
        return list(dict.fromkeys(one.alarm for one in self.findings if one.rang))

    def __str__(self):
        signs = {True: "RINGS", False: "silent", None: "–"}
        rows = [
            [one.alarm, signs[one.rang], one.words, one.link] for one in self.findings
        ]
        return tabulate(
            rows,
            ["alarm", "", "what was found", "see"],
            maxcolwidths=[None, None, 60, None],
        )

    def __repr__(self):
        return str(self)
