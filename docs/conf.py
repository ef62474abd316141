"""Sphinx configuration. Build without a network: ``python -m sphinx -W docs docs/_build/html``."""

import os
import re
import shutil
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS), str(ROOT)]

project = "glassgrad"
author = "the glassgrad authors"
version = release = version_of("glassgrad")

extensions = ["sphinx.ext.autodoc", "sphinx.ext.viewcode", "myst_nb"]
exclude_patterns = ["_build"]

# The docstrings.
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"

# The lessons, with their saved outputs.
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_heading_slug_func = "anchors.as_in_jupyter"

# The pages.
html_theme = "furo"
html_title = f"glassgrad {version}"
html_static_path = ["_static"]
html_css_files = ["glassgrad.css"]
html_js_files = ["theme.js"]
html_math_renderer = "mathml"
html_copy_source = False


#: Pages from other folders of the repository, and their copies in the documentation.
COPIES = {
    ROOT / "CONTRIBUTING.md": DOCS / "contributing.md",
    ROOT / "tests" / "benchmarks" / "RESULTS.md": DOCS / "results.md",
    **{lesson: DOCS / "lessons" / lesson.name for lesson in (ROOT / "notebooks").glob("*.ipynb")},
}


def _copy_pages() -> None:
    """Copy the pages from other folders into the documentation."""
    (DOCS / "lessons").mkdir(exist_ok=True)
    for original, copy in COPIES.items():
        shutil.copy2(original, copy)


def _write_page() -> None:
    """Write the page to drag numbers in, which the first page of the documentation embeds."""
    from autograd import Value, explore

    w, x, y = (Value(number, label=name) for number, name in ((2.0, "w"), (5.0, "x"), (12.0, "y")))
    loss = (w * x - y) ** 2
    loss.label = "loss"
    explore(loss, train=w).save(DOCS / "_static" / "explore.html")


def _adapt_markdown(_app: Sphinx, name: str, content: list[str]) -> None:
    """Adapt the links and pictures of a page, which are written for the repository, to the site."""
    page = DOCS / f"{name}.md"
    if not page.exists():
        return
    original = next((original for original, copy in COPIES.items() if copy == page), page)

    def target(link: str) -> str:
        path = Path(os.path.normpath(original.parent / link))
        return os.path.relpath(COPIES.get(path, path), page.parent) if path.exists() else link

    def images(found: re.Match[str]) -> str:
        """Write a picture in two themes as two images: the theme of a page has its own button."""
        return "\n\n".join(
            f"```{{image}} {target(found[theme])}\n:class: only-{theme}\n:alt: {found['alt']}\n```"
            for theme in ("light", "dark")
        )

    picture = (
        r'<picture>.*?srcset="(?P<dark>[^"]+)".*?src="(?P<light>[^"]+)" alt="(?P<alt>[^"]+)".*?</picture>'
    )
    text = re.sub(picture, images, content[0], flags=re.DOTALL)
    content[0] = re.sub(r"\]\((?!\w+:|#)([^)#\s]+)", lambda found: f"]({target(found[1])}", text)


def _write_formula(translator: Any, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML, which browsers draw by themselves; MathJax would need the network."""
    block = isinstance(node, nodes.math_block)
    translator.body.append(str(tex2mathml(node.astext(), as_block=block)))
    raise nodes.SkipNode


def _format_sections(
    app: Sphinx, what: str, name: str, item: object, options: object, lines: list[str]
) -> None:
    """Write Google sections (Args, Returns, Raises) as reStructuredText.

    Napoleon would read the colon in a sentence about a property as the end of its type.
    """
    if what != "property":
        config = Config(napoleon_custom_sections=["Shape"])
        lines[:] = GoogleDocstring(lines, config, app, what, name, item, options).lines()


def _escape_bars(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    """Escape |x|, which reStructuredText would read as a substitution."""
    lines[:] = [
        line if line.lstrip().startswith((">>>", "...")) else re.sub(r"(``.*?``)|\|", _escaped, line)
        for line in lines
    ]


def _escaped(found: re.Match[str]) -> str:
    return found[1] or r"\|"


def _signature_of(
    _app: Sphinx, what: str, _name: str, item: Any, _options: object, _signature: object, _returns: object
) -> tuple[str, None] | None:
    """Hide the signature of a class that only functions create, except for the fields of a named tuple."""
    inner = what == "class" and item.__module__.startswith(("autograd.view.", "autograd.compiler."))
    return ("", None) if inner and not issubclass(item, tuple) else None


def setup(app: Sphinx) -> None:
    """Connect the functions above; Sphinx calls this first."""
    app.connect("autodoc-process-docstring", _format_sections)
    app.connect("autodoc-process-docstring", _escape_bars)
    app.connect("autodoc-process-signature", _signature_of)
    app.add_html_math_renderer("mathml", (_write_formula, None), (_write_formula, None))
    app.connect("source-read", _adapt_markdown)
    _copy_pages()
    _write_page()
