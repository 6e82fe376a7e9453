"""An exercise whose answer is a number, and the field for it in a page."""

import html
import json
import math
from dataclasses import dataclass
from importlib import resources

FILES = resources.files("vaebook.exercises")
SCRIPT, STYLE = (
    FILES.joinpath(name).read_text(encoding="utf-8")
    for name in ("field.js", "field.css")
)
CLOSE = 5  # times as far off as what is right: a number that was rounded too early
WORDS = {
    "right": "Right.",
    "close": "Close, but not near enough: round at the end only.",
    "sign": "The size is right. Look at the sign.",
}


@dataclass(frozen=True)
class Number:
    """A question whose answer is a number.

    right: the number.  mistakes: a dict from a mistake, in a sentence, to the number that
    it gives.  start: the first step, for whoever is elsewhere.  within: how far off
    still counts as right, as a share of it.
    """

    right: float
    mistakes: dict
    start: str
    within: float = 0.005

    def judged(self, value):
        """(whether the number `value` is right, a sentence about it). As in field.js."""

        def near(number, times=1):
            return abs(value - number) <= times * self.within * abs(number)

        if near(self.right):
            return True, WORDS["right"]
        for words, number in self.mistakes.items():
            if near(number):
                return False, words
        if near(self.right, CLOSE):
            return False, WORDS["close"]
        if near(-self.right):
            return False, WORDS["sign"]
        return False, f"Not yet. {self.start}"


class Field:
    """An answer and what is to be said of it; without an answer, a field to type into."""

    def __init__(self, name, question, value=...):
        self.name, self.question = name, question
        if value is ...:
            self.passed, self.words = None, f'answer("{name}", ...) waits for a number'
            return
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"value must be a finite number, got {value!r}")
        self.passed, self.words = question.judged(number)

    def __repr__(self):
        return f"{self.name}: {self.words}"

    def _repr_html_(self):
        if self.passed is not None:
            return None
        asked = self.question
        known = {
            "right": asked.right,
            "within": asked.within,
            "close": CLOSE,
            "mistakes": [[number, words] for words, number in asked.mistakes.items()],
            "start": asked.start,
            "words": WORDS,
        }
        script = json.dumps(known).replace("<", "\\u003c")
        name = html.escape(self.name, quote=True)
        return (
            f'<form class="vae-answer"><style>{STYLE}</style>'
            f'<label>Answer to {name} <input type="text" inputmode="decimal" '
            'autocomplete="off" size="9"></label> <button>Check</button> '
            '<output role="status"></output>'
            f'<script type="application/json">{script}</script></form>'
            f"<script>{SCRIPT}</script>"
        )
