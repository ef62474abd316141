"""Page that steps through a pass: an output of a notebook, or a file."""

from __future__ import annotations

import base64
import re
from html import escape
from typing import NamedTuple

from ..draw.graphviz import Drawing, Staging
from ..render.graphviz_program import compact
from ..render.tables import html_table
from ..render.theme import LIGHT, VARIABLES, css_variables, with_variables
from ..render.time_limit import RenderError, TimeLimit
from ..render.web import SHRINK, html_file, lean_svg, read_source, script_literal, still_picture
from .captions import narrate
from .step import ForwardStep, Step
from .table import StepTable
from .timeline import Scene, scene_of

#: The time limit of the picture, in seconds; if it is exceeded, the page has no picture.
TIMEOUT = 10.0
FEWER = "Show a part of the pass, such as steps(…)[:100]."


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
        "css": f":host{{{css_variables()}}}{read_source('steps/stepper.css')}",
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
    return (
        f'<div class="glassgrad-steps" id="{pictures.prefix}-steps">{pictures.fallback}{remark}'
        f"<details><summary>{summary} as a table</summary>{table}</details>"
        f"<script>({read_source('steps/stepper.js')})({script_literal(data)})</script></div>"
    )


def page(steps: StepTable[Step | ForwardStep], left_out: str = "") -> str:
    """Return the steps as a self-contained HTML file."""
    return html_file(_title(steps), widget(steps, left_out))


def _draw(scene: Scene) -> _Pictures:
    at_end = Drawing(scene.picture, LIGHT, TimeLimit(TIMEOUT, FEWER))
    drawing = Drawing(scene.picture, VARIABLES, TimeLimit(TIMEOUT, FEWER), Staging(room=scene.room))
    try:
        svg = lean_svg(with_variables(drawing.svg))
        # The fast method: a page takes a fifth of a second.
        png = base64.b64encode(compact(at_end.png_in_one_row)).decode()
    except (RenderError, ImportError) as error:
        return _Pictures("", drawing.prefix, "", f"without a picture: {error}")
    width, height = map(round, at_end.size)
    return _Pictures(svg, drawing.prefix, still_picture(png, at_end.alt, width, height), scene.picture.note)


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
