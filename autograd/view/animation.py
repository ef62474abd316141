"""The steps of a pass as an animation."""

from __future__ import annotations

import io

from .dot import Staging, digraph, literal
from .narration import narrate
from .rendering import render
from .scene import Scene, scene_of
from .stepping import ForwardStep, Step, Steps
from .theme import Theme, shades, theme_named

#: A longer animation would take minutes to make, and nobody would see its end.
FRAMES = 200
#: How long a step is shown, and how long the last one, in milliseconds.
STEP, LAST = 1500, 4000
#: One dot to the pixel of a page: two would make it four times as large.
DOTS = 96.0
#: At the sides and below, in dots.
MARGIN = 12


def gif(steps: Steps[Step | ForwardStep], theme: str = "light") -> bytes:
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
    scene = scene_of(steps)

    def rendered(source: str) -> Image.Image:
        """The picture without the paper beside it: letters like ∂ are measured too wide."""
        image = Image.open(io.BytesIO(render(source, "png", dots=DOTS))).convert("RGB")
        inked = ImageChops.difference(image, Image.new("RGB", image.size, colours.paper)).getbbox()
        left, _, right, _ = inked or (0, 0, image.width, 0)
        return image.crop((left, 0, right, image.height))

    pictures = [rendered(_frame(scene, step, colours)) for step in steps]
    captions = [
        [rendered(_line(text, colours)) for text in ("".join(sentence), str(step))]
        for step, sentence in zip(steps, narrate(steps), strict=True)
    ]
    rows = [[picture, *lines] for picture, lines in zip(pictures, captions, strict=True)]
    width = max(image.width for row in rows for image in row) + 2 * MARGIN
    height = sum(max(image.height for image in column) for column in zip(*rows, strict=True)) + MARGIN
    whole = []
    for row in rows:
        frame = Image.new("RGB", (width, height), colours.paper)
        top = 0
        for image, column in zip(row, zip(*rows, strict=True), strict=True):
            frame.paste(image, ((width - image.width) // 2, top))
            top += max(other.height for other in column)
        whole.append(frame)
    # One palette for all, so that what stays the same from frame to frame is not written again.
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for shade in shades(colours) for channel in shade])
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in whole]
    file = io.BytesIO()
    frames[0].save(
        file, "GIF", save_all=True, append_images=frames[1:], loop=0,
        duration=[STEP] * (len(frames) - 1) + [LAST],
    )  # fmt: skip
    return file.getvalue()


def _frame(scene: Scene, step: Step | ForwardStep, theme: Theme) -> str:
    at = step.number
    cards = [
        card if card.grad is None else card._replace(grad=scene.gradient(card.key, at))
        for card in scene.picture.cards
    ]
    focus = scene.focus[at]
    marks: dict[str, dict[str, str]] = {}
    if focus.operand:
        marks[focus.operand] = {"color": theme.local, "penwidth": "3", "style": "rounded,filled,dashed"}
    if focus.node:
        computed = isinstance(step, ForwardStep)
        marks[focus.node] = {"color": theme.data if computed else theme.backward, "penwidth": "3"}
    picture = scene.picture._replace(cards=cards, note="")
    faint = {key for key, since in scene.appears.items() if since > at}
    source: str = digraph(picture, theme, "steps", Staging(scene.room, faint, marks)).source
    return source


def _line(text: str, theme: Theme) -> str:
    return (
        f'digraph {{ bgcolor="{theme.paper}"; pad=.05; node [shape=plaintext, margin=0, height=.2, '
        f'fontname=Helvetica, fontsize=12, fontcolor="{theme.ink}"]; line [label=<{literal(text)}>] }}'
    )
