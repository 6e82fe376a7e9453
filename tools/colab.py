"""Translate the MyST that the chapters use into plain Markdown, which Colab and Jupyter show as it is meant."""

import re
from functools import cache

from pybtex.database import parse_file

from tools import project

BOOK = project.BOOK
SETUP = """\
# Colab lacks the book's package. Anywhere else this cell does nothing.
import sys

if "google.colab" in sys.modules:
    %pip install --quiet "vaebook @ {package}"
"""
FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w-]+)\}[ ]*(?P<title>[^\n]*)\n(?P<body>.*?)^(?P=fence)[ ]*$",
                   re.DOTALL | re.MULTILINE)
ROLE = re.compile(r"\{(?P<name>[\w:]+)\}`(?P<text>[^`]+)`")
TARGET = re.compile(r"^\([\w-]+\)=\n", re.MULTILINE)
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<page>\w+)\.md(?P<anchor>#[\w-]+)?\)")


@cache
def bibliography():
    """The entries of references.bib by key."""
    return parse_file(str(BOOK / "references.bib")).entries


def setup_source():
    """The first code cell of every notebook: the package, at the release that the notebook belongs to."""
    return SETUP.format(package=project.PACKAGE).rstrip()


def family_names(entry):
    """Kingma & Welling, or Rezende et al."""
    names = [" ".join(person.last_names) for person in entry.persons["author"]]
    return names[0] if len(names) == 1 else " & ".join(names) if len(names) == 2 else f"{names[0]} et al."


def cite(key, textual):
    """A citation in the text, linked to the paper where it has an address: Rose (1998), or Rose, 1998."""
    entry = bibliography()[key]
    names, fields = family_names(entry), entry.fields
    text = f"{names} ({fields['year']})" if textual else f"{names}, {fields['year']}"
    address = fields.get("url") or (f"https://doi.org/{fields['doi']}" if "doi" in fields else None)
    return f"[{text}]({address})" if address else text


def translate_role(match):
    """A role as plain text or a link."""
    name, text = match["name"], match["text"]
    if name.startswith("cite"):
        cited = "; ".join(cite(key.strip(), textual=name == "cite:t") for key in text.split(","))
        return cited if name == "cite:t" else f"({cited})"
    raise ValueError(f"no translation for the role {match[0]!r}")


def translate_fence(match):
    """A directive as plain Markdown: an admonition becomes a quotation."""
    name, title, body = match["name"], match["title"].strip(), match["body"]
    lines = [line for line in body.strip().splitlines() if not re.match(r":[\w-]+:", line)]
    if name in ("admonition", "note", "tip", "warning", "important"):
        heading = title or name.capitalize()
        return "\n".join(f"> {line}".rstrip() for line in [f"**{heading}**", "", *lines])
    if name == "opening":
        return (f"All cells together run for {project.minutes(title)}. This notebook is a chapter of "
                f"[a book]({project.SITE}), where you can [read it]({project.SITE}{title}.html) without running it.")
    raise ValueError(f"no translation for the directive {name!r}")


def translate_link(match):
    """A link to a chapter becomes one to its notebook, a link to another page one to the published book."""
    page, is_chapter = match["page"], match["page"][0].isdigit()
    return f"[{match['text']}]({page}.ipynb)" if is_chapter else f"[{match['text']}]({project.SITE}{page}.html)"


def plain_markdown(source):
    """The text of a Markdown cell with its directives, roles and targets translated or taken out."""
    source = FENCE.sub(translate_fence, source)
    source = ROLE.sub(translate_role, source)
    source = LINK.sub(translate_link, source)
    return TARGET.sub("", source)
