"""Mathematics becomes HTML and MathML while the site is built, so that its pages need no script for it.

A Sphinx extension around KaTeX (https://katex.org): tools/vendor/katex.min.js is its npm package's own file,
book/_static/katex/ its styles (Jupyter Book links all of book/_static's) and fonts. A formula that KaTeX refuses
stops the build.
"""

from functools import cache
from pathlib import Path

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.util import logging

SOURCE = Path(__file__).parent / "vendor" / "katex.min.js"
REPORT = logging.getLogger(__name__)


@cache
def engine():
    """One JavaScript engine with KaTeX loaded."""
    context = MiniRacer()
    context.eval(SOURCE.read_text(encoding="utf-8"))
    return context


@cache
def render(tex, display):
    """A formula as HTML. Raises ValueError where KaTeX does not take it."""
    try:
        return engine().call("katex.renderToString", tex, {"displayMode": display, "throwOnError": True})
    except JSEvalException as error:
        raise ValueError(f"KaTeX does not take the formula {tex!r}: {error}") from None


def visit(translator, node, display):
    tag = "div" if display else "span"
    try:
        html = render(node.astext(), display)
    except ValueError as error:
        REPORT.warning(str(error), location=node)  # the build takes warnings as errors
        raise nodes.SkipNode from error
    translator.body.append(f'<{tag} class="math notranslate">{html}</{tag}>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("katex", (lambda translator, node: visit(translator, node, False), None),
                               (lambda translator, node: visit(translator, node, True), None))
    return {"parallel_read_safe": True}
