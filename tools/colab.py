"""Translate the MyST that the chapters use into plain Markdown, which Colab and Jupyter show as it is meant."""

import re
from functools import cache

from pybtex.database import parse_file

from tools import measured, project, reading

FENCE = re.compile(r"(?ms)^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w-]+)\} *(?P<title>[^\n]*)\n(?P<body>.*?)^(?P=fence) *$")
ROLE = re.compile(r"\{(?P<name>[\w:]+)\}`(?P<text>[^`]+)`")
TARGET = re.compile(r"(?m)^\([\w-]+\)=\n")
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<page>\w+)\.md(?P<anchor>#[\w-]+)?\)")
bibliography = cache(lambda: parse_file(project.BOOK / "references.bib").entries)


def cite(key, textual):
    """A citation in the text, linked to the paper where it has an address: Rose (1998), or Rose, 1998."""
    entry = bibliography()[key]
    names = [" ".join(person.last_names) for person in entry.persons["author"]]
    names, fields = " & ".join(names) if len(names) < 3 else f"{names[0]} et al.", entry.fields
    text = f"{names} ({fields['year']})" if textual else f"{names}, {fields['year']}"
    address = fields.get("url") or (f"https://doi.org/{fields['doi']}" if "doi" in fields else None)
    return f"[{text}]({address})" if address else text


def translate_role(match):
    """A citation as plain text and links; there are no other roles."""
    if not match["name"].startswith("cite"):
        raise ValueError(f"no translation for the role {match[0]!r}")
    textual = match["name"] == "cite:t"
    cited = "; ".join(cite(key.strip(), textual) for key in match["text"].split(","))
    return cited if textual else f"({cited})"


def translate_fence(match):
    """A directive as plain Markdown: an admonition becomes a quotation."""
    name, title = match["name"], match["title"].strip()
    if name == "opening":
        book = f"[a book]({project.SITE}), where you can [read it]({project.SITE}{title}.html) without running it"
        return f"{reading.cost(title)} This notebook is a chapter of {book}."
    if name == "measured":
        return measured.markdown(title)
    if name not in ("admonition", "note", "tip", "warning", "important"):
        raise ValueError(f"no translation for the directive {name!r}")
    lines = [line for line in match["body"].strip().splitlines() if not re.match(r":[\w-]+:", line)]
    return "\n".join(f"> {line}".rstrip() for line in [f"**{title or name.capitalize()}**", "", *lines])


def translate_link(match):
    """A link to a chapter becomes one to its notebook, a link to another page one to the published book."""
    page, is_notebook = match["page"], project.BOOK / f"{match['page']}.md" in project.NOTEBOOKS
    return f"[{match['text']}]({page}.ipynb)" if is_notebook else f"[{match['text']}]({project.SITE}{page}.html)"


def plain_markdown(source):
    """The text of a Markdown cell with its directives, roles and targets translated or taken out."""
    source = ROLE.sub(translate_role, FENCE.sub(translate_fence, source))
    return TARGET.sub("", LINK.sub(translate_link, source))
