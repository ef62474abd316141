"""Pages that need neither a network nor a kernel: HTML for a notebook, or a file.

Where scripts do not run (an untrusted notebook, a static export) a page is a picture and a table. A script
replaces the picture by an interactive one. All its data is part of the script.
"""

from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

#: A wide picture is shrunk to this share of its size at most, and then scrolled. Its smallest text, of
#: 10.5 points, is then 11 pixels high.
SHRINK = 0.79

_VIEW = Path(__file__).parents[1]
_USELESS = [
    re.compile(pattern)
    for pattern in (
        r"<!--.*?-->\n?", r'\n(?=<)', r' xml:space="preserve"', r' xmlns(:xlink)?="[^"]*"',
        r' font-family="[^"]*"', r' role="img" aria-label="[^"]*"',
    )
]  # fmt: skip


@cache
def read_source(path: str) -> str:
    """Read a script or style sheet of the views, such as "steps/stepper.js", without its comments."""
    text = (_VIEW / path).read_text(encoding="utf-8")
    text = re.sub(r"/\*[\s\S]*?\*/|^ *//.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"^\s+", "", text, flags=re.MULTILINE).strip()


def script_literal(data: Any) -> str:
    """Return data as a JavaScript literal that cannot end the script or open another one.

    >>> print(script_literal({"title": "</script>"}))
    {"title":"<\\/script>"}
    """
    literal = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return re.sub("<(?=!|script)", r"\\u003c", literal, flags=re.IGNORECASE)


def lean_svg(svg: str) -> str:
    """Remove the parts of an SVG that a page does not need: a third of it."""
    for useless in _USELESS:
        svg = useless.sub("", svg)
    return svg


def still_picture(png: str, alt: str, width: int, height: int) -> str:
    """Return the picture for readers without scripts, from a PNG in base 64; a script replaces it."""
    return (
        '<div class="glassgrad-picture" style="overflow:auto;max-height:600px">'
        f'<img src="data:image/png;base64,{png}" alt="{escape(alt)}" '
        f'width="{width}" height="{height}" style="width:100%;max-width:{width}px;'
        f'min-width:{SHRINK * width:.0f}px;height:auto"></div>'
    )


def html_file(title: str, body: str) -> str:
    """Return a self-contained HTML file."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n'
        f"<style>{read_source('render/page.css')}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
