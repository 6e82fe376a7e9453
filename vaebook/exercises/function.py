"""An exercise whose answer is a function: it is tried on inputs of several kinds."""

from dataclasses import dataclass

import torch

UNWRITTEN = "not written yet"


@dataclass(frozen=True)
class Verdict:
    """What a notebook shows. passed: True, False, or None as long as nothing is written."""

    passed: bool | None
    words: str

    def __repr__(self):
        return self.words


def parts(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def shapes(tensors):
    return " and ".join(str(tuple(tensor.shape)) for tensor in tensors)


def numbers(tensors):
    """Their entries in words, to four digits."""
    plain = [torch.as_tensor(tensor).detach().double() for tensor in tensors]
    return " and ".join(str(round_all(tensor.tolist())) for tensor in plain)


def round_all(entries):
    if isinstance(entries, list):
        return [round_all(entry) for entry in entries]
    return float(f"{entries:.4g}")


def difference(came, expected, equal_nan=False):
    """What keeps a result from the expected one, in a sentence; None if nothing does.

    equal_nan: whether what is no number at the same place in both is no difference.
    """
    came, expected = parts(came), parts(expected)
    kinds = {type(part).__name__ for part in came if not torch.is_tensor(part)}
    if kinds:
        return (
            f"It returns {' and '.join(sorted(kinds))}; expected: {len(expected)} "
            + ("tensor." if len(expected) == 1 else "tensors.")
        )
    if [part.shape for part in came] != [part.shape for part in expected]:
        return f"Its shape is {shapes(came)}; expected: {shapes(expected)}."
    for one, other in zip(came, expected, strict=True):
        near = {"rtol": 1e-4, "atol": 1e-6, "equal_nan": equal_nan}
        if not torch.allclose(one.double(), other.double(), **near):
            return f"It returns {numbers(came)}; expected: {numbers(expected)}."
    return None


@dataclass(frozen=True)
class Function:
    """An exercise that asks for a function of tensors and numbers.

    solution: a right one.  cases: a dict from a kind of input, in words, to the arguments,
    a dict by name.  mistakes: a dict from a mistake, in a sentence, to a function that
    makes it. A solution is never shown.
    """

    solution: callable
    cases: dict
    mistakes: dict

    def result(self, function, arguments):
        given = [
            value.clone() if torch.is_tensor(value) else value
            for value in arguments.values()
        ]
        return function(*given)

    def tried(self, name, function):
        """The verdict over `function`. Raises ValueError if it cannot be called."""
        if not callable(function):
            kind = type(function).__name__
            hint = f'write check("{name}", f), without calling f'
            raise ValueError(f"function must be a function, got {kind}; {hint}")
        lines, failed = [], None
        for words, arguments in self.cases.items():
            found = self.wrong_with(function, arguments)
            if found == UNWRITTEN:
                return Verdict(None, f"{name}: {UNWRITTEN}")
            failed = failed or (found and (arguments, found))
            lines.append(f"  {'wrong' if found else 'right'}: {words}")
        if not failed:
            return Verdict(True, "\n".join([f"{name}: right", *lines]))
        arguments, found = failed
        given = ", ".join(
            f"{key} = {numbers(parts(value))}" for key, value in arguments.items()
        )
        lines += [f"  First for {given}.", f"  {found}", *self.hint(function)]
        return Verdict(False, "\n".join([f"{name}: not yet", *lines]))

    def wrong_with(self, function, arguments):
        """What is wrong on one input, in a sentence; None if nothing is."""
        try:
            came = self.result(function, arguments)
        except NotImplementedError:
            return UNWRITTEN
        except Exception as error:
            return f"It stops with {type(error).__name__}: {error}"
        if came is None or came is ...:
            return UNWRITTEN
        return difference(came, self.result(self.solution, arguments))

    def hint(self, function):
        """A line that names the mistake which gives the same everywhere, if one does."""
        if any(self.draws(function, case) for case in self.cases.values()):
            return [
                "  Two calls give different results. Use what is given, draw nothing."
            ]
        for words, mistaken in self.mistakes.items():
            if all(self.same(function, mistaken, case) for case in self.cases.values()):
                return [f"  {words}"]
        return []

    def same(self, function, other, arguments):
        try:
            came, expected = (self.result(f, arguments) for f in (function, other))
            return difference(came, expected, equal_nan=True) is None
        except Exception:
            return False

    def draws(self, function, arguments):
        """Whether two calls give different tensors; a function that stops draws nothing."""
        try:
            came, again = (self.result(function, arguments) for _ in range(2))
            tensors = all(map(torch.is_tensor, parts(came)))
            return tensors and difference(came, again, equal_nan=True) is not None
        except Exception:
            return False
