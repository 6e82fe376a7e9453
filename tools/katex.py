"""Mathematics becomes HTML and MathML while the site is built, so that its pages need no script for it.

A Sphinx extension around KaTeX (https://katex.org), which the package sphinxcontrib-katex carries (and would itself run
in Node.js). The styles and fonts in book/_static/katex are of the same version.
"""

from functools import cache
from pathlib import Path

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.util import logging
from sphinxcontrib import katex


@cache
def engine():
    """One JavaScript engine with KaTeX loaded."""
    context = MiniRacer()
    context.eval(Path(katex.__file__).with_name("katex.min.js").read_text(encoding="utf-8"))
    return context


@cache
def render(tex, display):
    """A formula as HTML. Raises ValueError where KaTeX does not take it."""
    try:
        return engine().call("katex.renderToString", tex, {"displayMode": display, "throwOnError": True})
    except JSEvalException as error:
        raise ValueError(f"KaTeX does not take the formula {tex!r}: {error}") from None


def visit(translator, node):
    tag = "div" if isinstance(node, nodes.math_block) else "span"
    names = "".join(f' id="{name}"' for name in node["ids"][:1])
    try:
        translator.body.append(f'<{tag} class="math notranslate"{names}>{render(node.astext(), tag == "div")}</{tag}>')
    except ValueError as error:
        logging.getLogger(__name__).warning(str(error), location=node)  # the build takes warnings as errors
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("katex", (visit, None), (visit, None))
