"""How the reference is built, without a network: ``sphinx-build -W docs docs/_build/html``."""

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

# The lessons, with the outputs they were saved with.
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


#: Pages that live elsewhere in the repository, and their copies in the documentation.
BORROWED = {
    ROOT / "CONTRIBUTING.md": DOCS / "contributing.md",
    ROOT / "tests" / "benchmarks" / "RESULTS.md": DOCS / "results.md",
    **{lesson: DOCS / "lessons" / lesson.name for lesson in (ROOT / "notebooks").glob("*.ipynb")},
}


def _borrow() -> None:
    """Copy the pages that live elsewhere to where the build finds them."""
    (DOCS / "lessons").mkdir(exist_ok=True)
    for original, copy in BORROWED.items():
        shutil.copy2(original, copy)


def _adapt_markdown(_app: Sphinx, name: str, content: list[str]) -> None:
    """Adapt a page that is written to be read in the repository, with its links and pictures, to the site."""
    page = DOCS / f"{name}.md"
    if not page.exists():
        return
    original = next((original for original, copy in BORROWED.items() if copy == page), page)

    def target(link: str) -> str:
        path = Path(os.path.normpath(original.parent / link))
        return os.path.relpath(BORROWED.get(path, path), page.parent) if path.exists() else link

    def images(found: re.Match[str]) -> str:
        """A picture in two themes as two images: ``<picture>`` asks the system, but a page has a button."""
        return "\n\n".join(
            f"```{{image}} {target(found[theme])}\n:class: only-{theme}\n:alt: {found['alt']}\n```"
            for theme in ("light", "dark")
        )

    picture = (
        r'<picture>.*?srcset="(?P<dark>[^"]+)".*?src="(?P<light>[^"]+)" alt="(?P<alt>[^"]+)".*?</picture>'
    )
    text = re.sub(picture, images, content[0], flags=re.DOTALL)
    content[0] = re.sub(r"\]\((?!\w+:|#)([^)#\s]+)", lambda found: f"]({target(found[1])}", text)


def _formula(translator: Any, node: nodes.math | nodes.math_block) -> None:
    """A formula as MathML, which browsers draw by themselves; MathJax would come from the network."""
    block = isinstance(node, nodes.math_block)
    translator.body.append(str(tex2mathml(node.astext(), as_block=block)))
    raise nodes.SkipNode


def _sections(app: Sphinx, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    """Write Google sections (Args, Returns, Raises) as reStructuredText.

    Napoleon would read the colon in a sentence about a property as the end of its type.
    """
    if what != "property":
        config = Config(napoleon_custom_sections=["Shape"])
        lines[:] = GoogleDocstring(lines, config, app, what, name, item, options).lines()


def _bars(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Leaves |x| as it stands: reStructuredText would look for a substitution of that name."""
    lines[:] = [
        line if line.lstrip().startswith((">>>", "...")) else re.sub(r"(``.*?``)|\|", _escaped, line)
        for line in lines
    ]


def _escaped(found: re.Match[str]) -> str:
    return found[1] or r"\|"


def _given(
    _app: Sphinx, what: str, _name: str, given: Any, _options: object, _signature: object, _returns: object
) -> tuple[str, None] | None:
    """No signature for what a function gives and nobody makes; of a named tuple it lists the fields."""
    inner = what == "class" and given.__module__.startswith(("autograd.view.", "autograd.compiler."))
    return ("", None) if inner and not issubclass(given, tuple) else None


def setup(app: Sphinx) -> None:
    """Called by Sphinx before it reads anything."""
    app.connect("autodoc-process-docstring", _sections)
    app.connect("autodoc-process-docstring", _bars)
    app.connect("autodoc-process-signature", _given)
    app.add_html_math_renderer("mathml", (_formula, None), (_formula, None))
    app.connect("source-read", _adapt_markdown)
    _borrow()
