"""The steps of a pass as an animation."""

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

#: So many steps and Values, for nobody would see the end of more, nor read the letters.
FRAMES, VALUES = 100, 30
#: How long a step is shown, and how long the last one, in milliseconds.
STEP, LAST = 1500, 4000
#: One dot to the pixel of a page: two would make it four times as large.
DOTS = 96.0
#: At the sides and below, in dots.
MARGIN = 12
#: A picture has about as many dots at the most.
PIXELS = 1.5e6
#: What every id of a frame begins with.
_PREFIX = "steps"


def gif(steps: StepTable[Step | ForwardStep], theme: str = "light") -> bytes:
    """A GIF of the steps, each with its equation below; ImportError without Pillow."""
    colours = theme_named(theme)
    try:
        from PIL import Image, ImageChops
    except ImportError:
        raise ImportError(
            'an animation needs Pillow: pip install "glassgrad[viz]", or in a clone pip install -e ".[viz]"'
        ) from None
    if not 1 <= len(steps) <= FRAMES:
        raise ValueError(
            f"an animation shows 1 to {FRAMES} steps, not {len(steps):,}: save a slice, "
            f'as steps(…)[:{FRAMES}].save("steps.gif") does, or all of them as .html'
        )
    scene = scene_of(steps, VALUES)
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for shade in shades(colours) for channel in shade])

    def rendered(source: str, dots: float = DOTS) -> Image.Image:
        return Image.open(io.BytesIO(render(source, "png", dots=dots))).convert("RGB")

    def line(text: str) -> Image.Image:
        """A line of text without the paper beside it: letters like ∂ are measured too wide."""
        image = rendered(_line(text, colours))
        inked = ImageChops.difference(image, Image.new("RGB", image.size, colours.paper)).getbbox()
        left, _, right, _ = inked or (0, 0, image.width, 0)
        return image.crop((left, 0, right, image.height))

    def caption(step: Step | ForwardStep, sentence: list[str]) -> Image.Image:
        texts = ["".join(sentence), str(step), *filter(None, [scene.picture.note])]
        return _stacked([line(text) for text in texts], colours.paper)

    def frame(step: Step | ForwardStep, below: Image.Image) -> Image.Image:
        """In one palette for all, so that what stays as it was in the last frame is not written again."""
        picture = rendered(_frame(scene, step, colours, places), dots)
        whole = _stacked([picture, below], colours.paper, size)
        return whole.quantize(palette=palette, dither=Image.Dither.NONE)

    with ThreadPoolExecutor() as pool:  # what takes time are the programs that lay out
        captions = list(pool.map(caption, steps, narrate(steps)))
        places = _places(scene, colours)
        first = rendered(_frame(scene, steps[0], colours, places))
        dots = DOTS * min(1.0, math.sqrt(PIXELS / (first.width * first.height)))
        first = rendered(_frame(scene, steps[0], colours, places), dots)
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


def _stacked(images: list[Image.Image], paper: str, size: tuple[int, int] | None = None) -> Image.Image:
    """Images below one another, centred."""
    from PIL import Image

    width, height = size or (max(x.width for x in images), sum(x.height for x in images))
    whole = Image.new("RGB", (width, height), paper)
    top = 0
    for image in images:
        whole.paste(image, ((width - image.width) // 2, top))
        top += image.height
    return whole


def _places(scene: Scene, theme: Theme) -> dict[str, dict[str, str]]:
    """Where every card and arrow stands, by its id without prefix; the picture's corners under "".

    Laid out once for all frames: a card with a thick border would push its arrows aside.
    """
    staging = STILL._replace(room=scene.room)
    source = digraph(scene.picture._replace(note=""), theme, _PREFIX, staging).source
    laid = json.loads(render(source, "json0"))
    places = {"": {"layout": "nop2", "bb": laid["bb"]}}
    for item in [*laid.get("objects", ()), *laid.get("edges", ())]:
        given = {key: item[key] for key in ("pos", "width", "height", "lp") if key in item}
        fixed = {"fixedsize": "true"} if "width" in item else {}
        places[item["id"].removeprefix(f"{_PREFIX}-")] = {**given, **fixed}
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
        marks[focus.operand] |= {"color": theme.local, "penwidth": "3", "style": "rounded,filled,dashed"}
    if focus.node:
        computed = isinstance(step, ForwardStep)
        marks[focus.node] |= {"color": theme.data if computed else theme.backward, "penwidth": "3"}
    picture = scene.picture._replace(cards=cards, note="")
    faint = {key for key, since in scene.appears.items() if since > at}
    graph = digraph(picture, theme, _PREFIX, Staging(scene.room, faint, marks))
    graph.attr(**marks[""])
    return graph.source


def _line(text: str, theme: Theme) -> str:
    return (
        f'digraph {{ bgcolor="{theme.paper}"; pad=.05; node [shape=plaintext, margin=0, height=.2, '
        f'fontname=Helvetica, fontsize=12, fontcolor="{theme.ink}"]; line [label=<{literal(text)}>] }}'
    )
