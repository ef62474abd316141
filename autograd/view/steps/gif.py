"""Animation of the steps of a pass."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ..draw.graphviz import STILL, Staging, digraph, literal
from ..render.graphviz_program import render
from ..render.theme import Theme, shades, theme_named
from .captions import narrate
from .step import ForwardStep, Step
from .table import StepTable
from .timeline import Scene, scene_of

if TYPE_CHECKING:
    from PIL import Image

#: The limits of an animation: more steps take too long to watch, and more Values are too small to read.
FRAMES, VALUES = 100, 30
#: The time for a step and for the last one, in milliseconds.
STEP, LAST = 1500, 4000
#: The resolution, one dot per CSS pixel: two would make the file four times as large.
DOTS = 96.0
#: The margin at the sides and below, in dots.
MARGIN = 12
#: The approximate limit of a frame, in dots.
PIXELS = 1.5e6
#: The prefix of every id in a frame.
_PREFIX = "steps"


def gif(steps: StepTable[Step | ForwardStep], theme: str = "light") -> bytes:
    """Return a GIF of the steps, each with its equation below; raise ImportError without Pillow."""
    colors = theme_named(theme, "save")
    try:
        from PIL import Image, ImageChops
    except ImportError:
        raise ImportError(
            'An animation needs Pillow. Install it: pip install "glassgrad[viz]", or in a clone '
            'pip install -e ".[viz]".'
        ) from None
    if not 1 <= len(steps) <= FRAMES:
        raise ValueError(
            f"save() expected 1 to {FRAMES} steps for an animation, got {len(steps):,}. Save a slice, "
            f'such as steps(…)[:{FRAMES}].save("steps.gif"), or save all steps as .html.'
        )
    scene = scene_of(steps, VALUES)
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for shade in shades(colors) for channel in shade])

    def render_image(source: str, dots: float = DOTS) -> Image.Image:
        return Image.open(io.BytesIO(render(source, "png", dots=dots))).convert("RGB")

    def line(text: str) -> Image.Image:
        """Render a line of text, cropped to its letters: graphviz measures letters like ∂ too wide."""
        image = render_image(_line(text, colors))
        box = ImageChops.difference(image, Image.new("RGB", image.size, colors.paper)).getbbox()
        left, _, right, _ = box or (0, 0, image.width, 0)
        return image.crop((left, 0, right, image.height))

    def caption(step: Step | ForwardStep, sentence: list[str]) -> Image.Image:
        texts = ["".join(sentence), str(step), *filter(None, [scene.picture.note])]
        return _stack([line(text) for text in texts], colors.paper)

    def frame(step: Step | ForwardStep, below: Image.Image) -> Image.Image:
        """Render a frame in the common palette, so that unchanged areas are not written again."""
        picture = render_image(_frame(scene, step, colors, places), dots)
        whole = _stack([picture, below], colors.paper, size)
        return whole.quantize(palette=palette, dither=Image.Dither.NONE)

    with ThreadPoolExecutor() as pool:  # the layout programs take most of the time
        captions = list(pool.map(caption, steps, narrate(steps)))
        places = _places(scene, colors)
        first = render_image(_frame(scene, steps[0], colors, places))
        dots = DOTS * min(1.0, math.sqrt(PIXELS / (first.width * first.height)))
        first = render_image(_frame(scene, steps[0], colors, places), dots)
        size = (
            max(image.width for image in [first, *captions]) + 2 * MARGIN,
            first.height + max(image.height for image in captions) + MARGIN,
        )
        frames = list(pool.map(frame, steps, captions))
    file = io.BytesIO()
    frames[0].save(
        file, "GIF", save_all=True, append_images=frames[1:], loop=0,
        duration=[STEP] * (len(frames) - 1) + [LAST],
    )  # fmt: skip
    return file.getvalue()


def _stack(images: list[Image.Image], paper: str, size: tuple[int, int] | None = None) -> Image.Image:
    """Stack images vertically, centered."""
    from PIL import Image

    width, height = size or (max(x.width for x in images), sum(x.height for x in images))
    whole = Image.new("RGB", (width, height), paper)
    top = 0
    for image in images:
        whole.paste(image, ((width - image.width) // 2, top))
        top += image.height
    return whole


def _places(scene: Scene, theme: Theme) -> dict[str, dict[str, str]]:
    """Return the position of every card and arrow by its id without prefix, and the picture's corners by "".

    All frames share one layout, since thick borders would move the arrows.
    """
    staging = STILL._replace(room=scene.room)
    source = digraph(scene.picture._replace(note=""), theme, _PREFIX, staging).source
    layout = json.loads(render(source, "json0"))
    places = {"": {"layout": "nop2", "bb": layout["bb"]}}
    for item in [*layout.get("objects", ()), *layout.get("edges", ())]:
        geometry = {key: item[key] for key in ("pos", "width", "height", "lp") if key in item}
        flags = {"fixedsize": "true"} if "width" in item else {}
        places[item["id"].removeprefix(f"{_PREFIX}-")] = {**geometry, **flags}
    return places


def _frame(
    scene: Scene, step: Step | ForwardStep, theme: Theme, places: Mapping[str, Mapping[str, str]]
) -> str:
    at = step.number
    cards = [
        card if card.grad is None else card._replace(grad=scene.gradient(card.key, at))
        for card in scene.picture.cards
    ]
    focus = scene.focus[at]
    marks = {key: dict(place) for key, place in places.items()}
    if focus.operand:
        marks[focus.operand] |= {"color": theme.muted, "penwidth": "3", "style": "rounded,filled,dashed"}
    if focus.node:
        is_forward = isinstance(step, ForwardStep)
        marks[focus.node] |= {"color": theme.data if is_forward else theme.backward, "penwidth": "3"}
    picture = scene.picture._replace(cards=cards, note="")
    faint = {key for key, number in scene.appears.items() if number > at}
    graph = digraph(picture, theme, _PREFIX, Staging(scene.room, faint, marks))
    graph.attr(**marks[""])
    return graph.source


def _line(text: str, theme: Theme) -> str:
    return (
        f'digraph {{ bgcolor="{theme.paper}"; pad=.05; node [shape=plaintext, margin=0, height=.2, '
        f'fontname=Helvetica, fontsize=12, fontcolor="{theme.ink}"]; line [label=<{literal(text)}>] }}'
    )
