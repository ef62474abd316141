"""Layout of a network: a column for each layer, neurons in order; independent of the output format.

A layout program could reorder the neurons. All lengths are in points, y grows upwards, and a box is given
by its center.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from ..render.time_limit import in_time
from .cards import Card, CardGroup, Picture, Summary

#: The distances between the cards of a column, opened neurons, their columns, and to the side of a box.
GAP, BLOCK_GAP, COLUMN_GAP, MARGIN = 14.0, 30.0, 96.0, 16.0
#: The height of the label of a box.
LABEL = 24.0
#: The distance between boxes, proportional to their height, so that arrows are not too steep.
NARROW, WIDE, SLANT = 80.0, 260.0, 0.22


class Box(NamedTuple):
    """Rectangle, given by its center and size."""

    x: float
    y: float
    width: float
    height: float


class Placed(NamedTuple):
    """Boxes of the cards, by key, and of the groups, in order."""

    cards: dict[str, Box]
    groups: list[Box]


def text_width(text: str, size: float) -> float:
    """Estimate the width of a text at a font size, rather too large than too small.

    >>> text_width("neuron", 10.0)
    37.2
    """
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return round(size * (0.62 * (len(text) - wide) + 1.05 * wide), 6)


def size_of(card: Card) -> tuple[float, float]:
    """Estimate the width and height of a card."""
    name = text_width(card.name, 12.0)
    if isinstance(card, Summary):
        numbers = text_width(card.data, 11.0) + text_width(card.grad or "", 11.0)
        width = max(name + text_width(card.expression, 10.0) + 8.0, numbers + 14.0, 76.0)
        return width + 22.0, 44.0 if card.data else 28.0
    if card.kind == "constant":
        return text_width(card.data, 12.0) + 16.0, 24.0
    if card.kind == "numbers":
        return text_width(f"{card.name} {card.grad or ''}", 10.5) + 8.0, 20.0
    if card.kind == "cut":
        return name + 22.0, 28.0
    formula = text_width(f" = {card.expression}", 12.0) if card.expression else 0.0
    return max(name + formula, 80.0) + 22.0, 62.0


def place_cards(picture: Picture) -> Placed:
    """Place the groups of a picture from left to right, centered on a line, each with its cards inside.

    >>> cards = [Card("a", "leaf", "a", "", "1", None), Card("b", "leaf", "b", "", "2", None)]
    >>> group = CardGroup("inputs", [[["a"]], [["b"]]])
    >>> boxes = place_cards(Picture(cards, [], "", [group])).cards
    >>> boxes["a"].x == boxes["b"].x, boxes["a"].y > boxes["b"].y
    (True, True)
    """
    sizes = {card.key: size_of(card) for card in in_time(picture.cards)}
    cards: dict[str, Box] = {}
    groups: list[Box] = []
    left = 0.0
    for group in picture.groups:
        widths, heights = _measure(group, sizes)
        label = text_width(group.label, 12.0)
        width = max(sum(widths) + COLUMN_GAP * (len(widths) - 1), label) + 2 * MARGIN
        height = sum(heights) + _between(group) * (len(heights) - 1) + 2 * MARGIN
        if groups:
            tallest = max(height, groups[-1].height)
            left += min(max(tallest * SLANT, NARROW), WIDE)
        box = Box(left + width / 2, 0.0, width, height)
        _fill(group, box, widths, heights, sizes, cards)
        room = LABEL if group.label else 0.0
        groups.append(Box(box.x, room / 2, width, height + room))
        left += width
    return Placed(cards, groups)


def _between(group: CardGroup) -> float:
    return BLOCK_GAP if any(len(block) > 1 for block in group.blocks) else GAP


def _stack(column: list[str], sizes: dict[str, tuple[float, float]]) -> float:
    return sum(sizes[key][1] for key in column) + GAP * (len(column) - 1)


def _measure(group: CardGroup, sizes: dict[str, tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return the width of each column, from the right, where all blocks end, and the height of each block."""
    widths = [0.0] * max(len(block) for block in group.blocks)
    for block in group.blocks:
        for i, column in enumerate(reversed(block)):
            widths[i] = max(widths[i], *(sizes[key][0] for key in column), 0.0)
    return widths, [max(_stack(column, sizes) for column in block) for block in group.blocks]


def _fill(
    group: CardGroup,
    box: Box,
    widths: list[float],
    heights: list[float],
    sizes: dict[str, tuple[float, float]],
    cards: dict[str, Box],
) -> None:
    top = box.y + box.height / 2 - MARGIN
    content = sum(widths) + COLUMN_GAP * (len(widths) - 1)
    for block, height in zip(group.blocks, heights, strict=True):
        right = box.x + content / 2
        for column, width in zip(reversed(block), widths):
            y = top - (height - _stack(column, sizes)) / 2
            for key in column:
                tall = sizes[key][1]
                cards[key] = Box(right - width / 2, y - tall / 2, width, tall)
                y -= tall + GAP
            right -= width + COLUMN_GAP
        top -= height + _between(group)
