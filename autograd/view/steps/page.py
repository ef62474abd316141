"""Page that steps through a pass: an output of a notebook, or a file.

Where scripts do not run (an untrusted notebook, a static export) it is a picture and a table. The script
replaces the picture by an interactive one. All its data is part of the script: the page needs neither a
network nor a kernel.
"""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from html import escape
from importlib import resources
from typing import NamedTuple

from ..draw.graphviz import Drawing, Staging
from ..render.graphviz_program import compact
from ..render.tables import html_table
from ..render.theme import LIGHT, VARIABLES, css_variables, with_variables
from ..render.time_limit import RenderError, TimeLimit
from .captions import narrate
from .step import ForwardStep, Step
from .table import StepTable
from .timeline import Scene, scene_of

#: The time limit of the picture, in seconds; if it is exceeded, the page has no picture.
TIMEOUT = 10.0
FEWER = "Show a part of the pass, such as steps(…)[:100]."

#: A wide picture is shrunk to this share of its size at most, and then scrolled. Its smallest text, of
#: 10.5 points, is then 11 pixels high.
SHRINK = 0.79


class _Pictures(NamedTuple):
    """Interactive picture, and a still picture of the last step for pages without scripts."""

    svg: str
    prefix: str
    fallback: str
    note: str


def widget(steps: StepTable[Step | ForwardStep], left_out: str = "") -> str:
    """Return the steps as an HTML fragment, which a page can contain any number of times."""
    if not len(steps):
        return html_table(steps.header, [])
    scene = scene_of(steps)
    pictures = _draw(scene)
    title = _title(steps)
    notes = "; ".join(note for note in (left_out, pictures.note) if note)
    remark = f"<p>{escape(notes[0].upper() + notes[1:])}.</p>" if notes else ""
    determiner = "All" if len(steps) == len(steps.whole) else "These"
    summary = f"{determiner} {len(steps):,} steps" if len(steps) > 1 else "The step"
    table = html_table(steps.header, steps.rows(), right=(0, 4))
    equations, tags = _replace_tags([step.mathml for step in steps])
    data = {
        "css": f":host{{{css_variables()}}}{_own('stepper.css')}",
        "title": title,
        "svg": pictures.svg,
        "prefix": pictures.prefix,
        "shrink": SHRINK,
        "cards": [
            [card.key, f"{card.name}{card.expression and f' = {card.expression}'} = {card.data}"]
            for card in scene.picture.cards
            if card.key in scene.gradients
        ],
        "gradients": scene.gradients,
        "appears": scene.appears,
        "steps": [
            [
                step.number, sentence, equation, *scene.focus[step.number],
                isinstance(step, ForwardStep),
            ]
            for step, sentence, equation in zip(steps, narrate(steps), equations, strict=True)
        ],
        "tags": tags,
        "last": len(steps.whole) - 1,
    }  # fmt: skip
    literal = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    literal = literal.replace("</", "<\\/")  # so that the data cannot end the script or open another one
    literal = re.sub("<(?=!|script)", r"\\u003c", literal, flags=re.IGNORECASE)
    return (
        f'<div class="glassgrad-steps" id="{pictures.prefix}-steps">{pictures.fallback}{remark}'
        f"<details><summary>{summary} as a table</summary>{table}</details>"
        f"<script>({_own('stepper.js')})({literal})</script></div>"
    )


def page(steps: StepTable[Step | ForwardStep], left_out: str = "") -> str:
    """Return the steps as a self-contained HTML file."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(_title(steps))}</title>\n'
        f"<style>{_own('page.css')}</style>\n</head>\n<body>\n{widget(steps, left_out)}\n</body>\n</html>\n"
    )


def _draw(scene: Scene) -> _Pictures:
    at_end = Drawing(scene.picture, LIGHT, TimeLimit(TIMEOUT, FEWER))
    drawing = Drawing(scene.picture, VARIABLES, TimeLimit(TIMEOUT, FEWER), Staging(room=scene.room))
    try:
        svg = _lean(with_variables(drawing.svg))
        # The fast method: a page takes a fifth of a second.
        png = base64.b64encode(compact(at_end.png_in_one_row)).decode()
    except (RenderError, ImportError) as error:
        return _Pictures("", drawing.prefix, "", f"without a picture: {error}")
    width, height = map(round, at_end.size)
    image = (
        '<div class="glassgrad-picture" style="overflow:auto;max-height:600px">'
        f'<img src="data:image/png;base64,{png}" alt="{escape(at_end.alt)}" '
        f'width="{width}" height="{height}" style="width:100%;max-width:{width}px;'
        f'min-width:{SHRINK * width:.0f}px;height:auto"></div>'
    )
    return _Pictures(svg, drawing.prefix, image, scene.picture.note)


def _lean(svg: str) -> str:
    """Remove the parts of the SVG that a page does not need: a third of it."""
    for useless in _USELESS:
        svg = useless.sub("", svg)
    return svg


_USELESS = [
    re.compile(pattern)
    for pattern in (
        r"<!--.*?-->\n?", r'\n(?=<)', r' xml:space="preserve"', r' xmlns(:xlink)?="[^"]*"',
        r' font-family="[^"]*"', r' role="img" aria-label="[^"]*"',
    )
]  # fmt: skip


def _replace_tags(equations: list[str]) -> tuple[list[str], list[str]]:
    """Replace each tag by a letter of Unicode's private area, which takes a third of the length.

    Names contain no such letters, since labels lose their unprintable characters.
    """
    letters: dict[str, str] = {}

    def letter(tag: re.Match[str]) -> str:
        return letters.setdefault(tag[0], chr(0xE000 + len(letters)))

    return [re.sub("<[^>]*>", letter, equation) for equation in equations], list(letters)


def _title(steps: StepTable[Step | ForwardStep]) -> str:
    first = steps.whole[0]
    passes = "Forward and backward" if isinstance(first, ForwardStep) else "Backward"
    return f"{passes} pass of {first.names.root}"


@cache
def _own(name: str) -> str:
    """Read a file of this package, without its comments."""
    text = resources.files("autograd.view.steps").joinpath(name).read_text(encoding="utf-8")
    text = re.sub(r"/\*[\s\S]*?\*/|^ *//.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"^\s+", "", text, flags=re.MULTILINE).strip()
