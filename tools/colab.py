"""Translate the MyST that the chapters use into plain Markdown, which Colab and Jupyter show as it is meant."""

import re
from functools import cache
from pathlib import Path

from pybtex.database import parse_file

BOOK = Path(__file__).resolve().parent.parent / "book"
FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w-]+)\}[ ]*(?P<title>[^\n]*)\n(?P<body>.*?)^(?P=fence)[ ]*$",
                   re.DOTALL | re.MULTILINE)
ROLE = re.compile(r"\{(?P<name>[\w:]+)\}`(?P<text>[^`]+)`")
TARGET = re.compile(r"^\([\w-]+\)=\n", re.MULTILINE)
LINK = re.compile(r"\]\((?P<page>\w+)\.md(?P<anchor>#[\w-]+)?\)")


@cache
def bibliography():
    """The entries of references.bib by key."""
    return parse_file(str(BOOK / "references.bib")).entries


def family_names(entry):
    """Kingma & Welling, or Rezende et al."""
    names = [" ".join(person.last_names) for person in entry.persons["author"]]
    return names[0] if len(names) == 1 else " & ".join(names) if len(names) == 2 else f"{names[0]} et al."


def cite(key, textual):
    """A citation in the text: Kingma & Welling (2014), or (Kingma & Welling, 2014)."""
    entry = bibliography()[key]
    names, year = family_names(entry), entry.fields["year"]
    return f"{names} ({year})" if textual else f"{names}, {year}"


def reference(key):
    """One line of the list of references."""
    entry = bibliography()[key]
    authors = ", ".join(" ".join([*person.first_names, *person.last_names]) for person in entry.persons["author"])
    where = next((entry.fields[name] for name in ("journal", "booktitle", "howpublished", "publisher")
                  if name in entry.fields), "")
    line = ". ".join(part for part in [authors, f"*{entry.fields['title']}*", where, entry.fields["year"]] if part)
    return re.sub(r"[{}]", "", line) + (f". <{entry.fields['url']}>" if "url" in entry.fields else "")


def translate_role(match):
    """A role as plain text or a link."""
    name, text = match["name"], match["text"]
    if name.startswith("cite"):
        cited = "; ".join(cite(key.strip(), textual=name == "cite:t") for key in text.split(","))
        return cited if name == "cite:t" else f"({cited})"
    raise ValueError(f"no translation for the role {match[0]!r}")


def translate_fence(match):
    """A directive as plain Markdown: an admonition becomes a quotation, a bibliography a list."""
    name, title, body = match["name"], match["title"].strip(), match["body"]
    lines = [line for line in body.strip().splitlines() if not re.match(r":[\w-]+:", line)]
    if name == "bibliography":
        return "\n".join(f"- {reference(key)}" for key in sorted(bibliography(), key=lambda key: cite(key, False)))
    if name in ("admonition", "note", "tip", "warning", "important"):
        heading = title or name.capitalize()
        return "\n".join(f"> {line}".rstrip() for line in [f"**{heading}**", "", *lines])
    raise ValueError(f"no translation for the directive {name!r}")


def plain_markdown(source):
    """The text of a Markdown cell with its directives, roles and targets translated or taken out."""
    source = FENCE.sub(translate_fence, source)
    source = ROLE.sub(translate_role, source)
    source = LINK.sub(lambda link: f"]({link['page']}.ipynb)" if link["page"][0].isdigit() else "]", source)
    return TARGET.sub("", source)
