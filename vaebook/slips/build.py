"""A slip as data, and the module that it makes of the right source."""

import types
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Slip:
    """A named replacement. name: its anchor on the page.  title: what is wrong, in a few words.

    right, wrong: lines of the right source, and what takes their place, indented as if they began the line.
    alarm: of `examine`, the one that catches it, or "none".  why: what it does, in a sentence or two.
    source: the right module it is made of: "right", "by_hand" or "digits".  options: of the model, right and wrong.
    spoils: "the model"; or "the -ELBO" or "-log p(x)", if only the number that is reported for it is wrong.
    seen: a public place where it, or one like it, was made or asked about: title, and path on GitHub.
    in_a_vae: whether the code there is that of a VAE.
    """

    name: str
    title: str
    right: str
    wrong: str
    alarm: str
    why: str = ""
    source: str = "right"
    options: dict = field(default_factory=dict)
    spoils: str = "the model"
    seen: tuple | None = None
    in_a_vae: bool = True


@cache
def source_of(name):
    """The text of a right module."""
    return files("vaebook.slips").joinpath(f"{name}.py").read_text(encoding="utf-8")


def replaced(source, right, wrong):
    """The source with the lines `wrong` for the lines `right`. Raises ValueError unless those stand there once."""
    lines, ours = (
        source.splitlines(),
        [line.strip() for line in right.strip().splitlines()],
    )
    stripped, count = [line.strip() for line in lines], len(ours)
    places = [
        place for place in range(len(lines)) if stripped[place : place + count] == ours
    ]
    if len(places) != 1:
        raise ValueError(
            f"right must stand once in the source, got {len(places)} places of {right!r}"
        )
    place = places[0]
    indent = lines[place].removesuffix(lines[place].lstrip())
    theirs = [indent + line for line in wrong.splitlines()]
    return "\n".join([*lines[:place], *theirs, *lines[place + count :]]) + "\n"


def built(slip=None, source="right"):
    """The module that a slip makes of its source, or a right one: with data, VAE, loss, train and evaluate."""
    text = (
        source_of(source)
        if slip is None
        else replaced(source_of(slip.source), slip.right, slip.wrong)
    )
    name = source if slip is None else slip.name
    module = types.ModuleType(f"{__package__}.made.{name}")
    exec(compile(text, f"<{name}>", "exec"), vars(module))
    return module
