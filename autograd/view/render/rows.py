"""Wide PNG files cut into rows, as a line of text is wrapped."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from itertools import pairwise

#: The space between two rows, and the dashes at a cut, in pixels at a scale of 1.
_GAP, _DASH = 16, 6
#: How full rows are on average, so that there is room to move a cut.
_FULL = 0.8

_PART = re.compile(r'class="(node|edge)">(.*?)(?=<g id="|\Z)', re.DOTALL)
_TEXT = re.compile(r'<text [^>]*text-anchor="(start|middle)" x="([-\d.]+)"[^>]*>([^<]*)')
#: The approximate width of a letter on an arrow, in points.
_LETTER = 6.5


def in_rows(
    png: bytes, blocks: Sequence[tuple[float, float]], most: float, caption: bytes | None, color: str
) -> bytes:
    """Cut a PNG into rows, one below the other, and add the caption below all.

    Args:
        png: The file.
        blocks: What is not cut, as pairs of left and right, in parts of the width.
        most: The largest width of a row, as a part of the width.
        caption: Another PNG file, or None.
        color: The color of the dashes on both sides of a cut.

    Returns:
        A PNG file; without Pillow the same.
    """
    try:
        from PIL import Image, ImageChops, ImageDraw
    except ImportError:
        return png
    with Image.open(io.BytesIO(png)) as file:
        image = file.convert("RGB")
        dots = file.info.get("dpi", (96.0, 96.0))
    scale = dots[0] / 96.0
    paper = image.getpixel((0, 0))
    margin = round(_GAP * scale)
    sheets: list[Image.Image] = []
    cuts = [round(x * image.width) for x in find_cuts(blocks, most)]
    for left, right in pairwise(cuts):
        row = image.crop((left, 0, right, image.height))
        box = ImageChops.difference(row, Image.new("RGB", row.size, paper)).getbbox()
        top, bottom = (0, 1) if box is None else (box[1], box[3])
        row = row.crop((0, max(0, top - margin), row.width, min(row.height, bottom + margin)))
        pen, dash = ImageDraw.Draw(row), round(_DASH * scale)
        for x in [0] * (left > 0) + [row.width - 1] * (right < image.width):
            for y in range(0, row.height, 2 * dash):
                pen.line((x, y, x, y + dash), fill=color, width=max(1, round(scale)))
        sheets.append(row)
    below = None
    if caption is not None:
        with Image.open(io.BytesIO(caption)) as file:
            below = file.convert("RGB")
        sheets.append(below)
    size = max(row.width for row in sheets), sum(row.height + margin for row in sheets)
    page = Image.new("RGB", size, paper)
    y = margin // 2
    for row in sheets:
        page.paste(row, ((page.width - row.width) // 2 if row is below else 0, y))
        y += row.height + margin
    buffer = io.BytesIO()
    page.save(buffer, "PNG", dpi=dots)
    return buffer.getvalue()


def find_cuts(blocks: Sequence[tuple[float, float]], most: float) -> list[float]:
    """Return where to cut, from 0 to 1, into about equal rows of at most ``most``, and through nothing taken.

    >>> find_cuts([(0.25, 0.5), (0.625, 0.75)], most=0.75)
    [0.0, 0.5625, 1.0]
    """
    rows = math.ceil(1.0 / (_FULL * most))
    cuts = [0.0]
    for left in range(rows - 1, 0, -1):
        target = cuts[-1] + (1.0 - cuts[-1]) / (left + 1)
        first, last = max(cuts[-1], 1.0 - left * most), min(cuts[-1] + most, 1.0)
        free = [(a + b) / 2 for a, b in _gaps(blocks) if first < (a + b) / 2 < last]
        cuts.append(min(free, key=lambda x: abs(x - target), default=target))
    return [*cuts, 1.0]


def _gaps(blocks: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return what is left between overlapping intervals."""
    gaps: list[tuple[float, float]] = []
    end = 0.0
    for left, right in sorted(blocks):
        if left > end:
            gaps.append((end, left))
        end = max(end, right)
    return [*gaps, (end, 1.0)]


def taken_by(svg: str) -> list[tuple[float, float]]:
    """Return the left and right ends of the cards and numbers of an SVG, in parts of its width."""
    box = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) [\d.]+"', svg)
    shift = re.search(r"translate\(([-\d.]+)", svg)
    if box is None:
        return []
    width, offset = float(box[1]), float(shift[1]) if shift else 0.0
    parts: list[tuple[float, float]] = []
    for kind, content in _PART.findall(svg):
        for anchor, x, text in _TEXT.findall(content):
            left = float(x) - (len(text) * _LETTER / 2 if anchor == "middle" else 0.0)
            parts.append((left, left + len(text) * _LETTER))
        if kind == "node" and (path := re.search(r'(?: d|points)="([^"]*)"', content)):
            numbers = [float(x) for x in re.findall(r"([-\d.]+),", path[1])]
            parts.append((min(numbers), max(numbers)))
    return [((left + offset) / width, (right + offset) / width) for left, right in parts]
