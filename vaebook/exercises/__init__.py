"""Exercises that answer: a number is compared, a function is tried.

`answer("1.3", 0.43)` says whether the number is right, or which mistake gives it.
`check("1.8", kl)` says on which inputs the function is right, and where it fails first.
"""

from vaebook.exercises import chapter_1, chapter_2, chapter_3, chapter_4
from vaebook.exercises.function import Function
from vaebook.exercises.number import Field, Number

QUESTIONS = {}
for chapter in (chapter_1, chapter_2, chapter_3, chapter_4):
    QUESTIONS |= chapter.QUESTIONS


def question(name, kind):
    """The question of that name. Raises ValueError if there is none of this kind."""
    found = QUESTIONS.get(name)
    if not isinstance(found, kind):
        names = [each for each, other in QUESTIONS.items() if isinstance(other, kind)]
        expected = f"one of {', '.join(names)}, which ask for a {kind.__name__.lower()}"
        raise ValueError(f"name must be {expected}; got {name!r}")
    return found


def answer(name, value=...):
    """Whether the number `value` answers the question `name`; if not, what gives it.

    Without a value, or with `...`: a field to type into.
    Returns what a notebook shows; its `passed` is True, False, or None without a value.
    Raises ValueError if no question of that name asks for a number, or if value is none.
    """
    return Field(name, question(name, Number), value)


def check(name, function):
    """Whether `function` solves the exercise `name`: tried on inputs of several kinds.

    Returns what a notebook shows: where it is right, the first input on which it is not,
    and the mistake that gives the same. Its `passed` is True, False, or None as long as
    the function returns nothing. The solution is not shown.
    Raises ValueError if no exercise of that name asks for a function, or if it is none.
    """
    return question(name, Function).tried(name, function)
