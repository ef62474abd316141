"""Readable pictures of a graph: whole if it fits on a page, else folded, else its nearest part."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import cached_property
from itertools import chain

from ...scopes import scope, scopes_of
from ...value import Value
from ..notation.names import Names, clean
from ..render.time_limit import in_time
from .cards import (
    LABELED,
    Frame,
    Picture,
    keys_of,
    picture_nearest,
    picture_with_folds,
    reservations,
)
from .folds import Fold, find_folds
from .last_pass import Gradients, last_pass
from .layout import size_of, text_width

#: How far a picture may be scaled down: the smallest letters, of 10 points, are then 11 pixels high.
SMALLEST = 11.0 / (10.0 * 96.0 / 72.0)
#: The largest picture in points that fits on a page of 1,200 by 1,200 pixels when it is scaled down.
PAGE_WIDTH, PAGE_HEIGHT = 900.0 / SMALLEST, 900.0 / SMALLEST
#: So many cards are always shown.
FEW = 12
#: The distances between columns of cards without the numbers in between, and between cards of a column.
_COLUMN, _ROW = 54.0, 23.0


def fits_page(picture: Picture) -> bool:
    """Return True if all numbers of a picture can be read on a page.

    >>> from .cards import picture_of
    >>> x = Value(0.5)
    >>> for _ in range(12):
    ...     x = x.sin()
    >>> fits_page(picture_of(x))
    False
    """
    width, height = _size(picture)
    return len(picture.edges) <= LABELED and width <= PAGE_WIDTH and height <= PAGE_HEIGHT


def is_clearer(folded: Picture, whole: Picture | None) -> bool:
    """Return True if a folded picture fits, has numbers that the whole one lacks, or half its area.

    A dozen cards are not folded.
    """
    if whole is not None and len(whole.cards) <= FEW:
        return False
    if whole is None or fits_page(folded) or len(whole.edges) > LABELED:
        return True
    return math.prod(_size(folded)) <= math.prod(_size(whole)) / 2


def _size(picture: Picture) -> tuple[float, float]:
    """Estimate the width and the height of a picture without groups, in points."""
    columns: dict[str, int] = {}
    operands: dict[str, list[str]] = {}
    results: dict[str, list[str]] = {}
    for edge in picture.edges:
        operands.setdefault(edge.result, []).append(edge.operand)
        results.setdefault(edge.operand, []).append(edge.result)
    for card in picture.cards:
        columns[card.key] = 1 + max((columns.get(key, -1) for key in operands.get(card.key, ())), default=-1)
    for card in reversed(picture.cards):  # an operand stands next to its first user
        users = [columns[key] for key in results.get(card.key, ()) if key in columns]
        if users and card.key not in operands:
            columns[card.key] = min(users) - 1
    numbers = max((text_width(e.local, 10.5) for e in picture.edges), default=0.0)
    widths: dict[int, float] = {}
    heights: dict[int, float] = {}
    for card in picture.cards:
        width, height = size_of(card)
        column = columns[card.key]
        widths[column] = max(widths.get(column, 0.0), width)
        heights[column] = heights.get(column, 0.0) + height + _ROW
    return sum(widths.values()) + (_COLUMN + numbers) * (len(widths) - 1), max(heights.values())


class GraphPicture:
    """Pictures of one graph, given in topological order: whole, folded, or its nearest part."""

    def __init__(self, order: list[Value], gradients: Gradients | None = None) -> None:
        self.order = order
        self.names, self.gradients = Names(order), gradients or last_pass(order[-1])
        self._paths = [*dict.fromkeys(map(scopes_of, in_time(order)))]
        self.scopes = sorted({*chain.from_iterable(self._paths)}, key=lambda s: s.serial)
        self.titles = _titles(self.scopes)

    @cached_property
    def _notes(self) -> list[str]:
        return reservations(self.order, self.names, self.gradients)

    def whole(self) -> Picture:
        """Return the picture of every Value."""
        return self._picture([])

    def folded(self, opened: Collection[scope] = ()) -> Picture | None:
        """Return the picture in which named parts and repeated structure are folded; None if there are none.

        ``opened`` parts, and those around them, are not folded.
        """
        scopes = {s for path in self._paths for i, s in enumerate(path) if {*path[i:]} & {*opened}}
        folds = find_folds(self.order, scopes)
        return self._picture(folds) if folds else None

    def nearest(self, limit: int) -> Picture:
        """Return the picture of the Values nearest the root: fewer than ``limit`` if these do not fit."""
        how = "draw(…, limit=None) draws"
        while True:
            picture = picture_nearest(self.order, self.names, self.gradients, limit, how, self._notes)
            if limit <= FEW or fits_page(picture):
                return picture
            limit //= 2

    def _picture(self, folds: list[Fold]) -> Picture:
        notes = [_note(len(self.order), folds), *self._notes] if folds else self._notes
        picture = picture_with_folds(self.order, self.names, self.gradients, notes, folds, self.titles)
        return picture._replace(frames=self._frames(picture, folds)) if self.scopes else picture

    def _frames(self, picture: Picture, folds: Sequence[Fold]) -> list[Frame]:
        """Return a frame around the cards of each scope that is not folded."""
        paths = {key: scopes_of(x) for x, key in in_time(keys_of(self.order).items()) if not x.is_leaf}
        for i, fold in enumerate(folds):
            path = _common([scopes_of(x) for x in fold.nodes if not x.is_leaf])
            paths[f"f{i}"] = path[: path.index(fold.scope)] if fold.scope in path else path
        users: dict[str, list[tuple[scope, ...]]] = {}
        for edge in picture.edges:
            users.setdefault(edge.operand, []).append(paths.get(edge.result, ()))
        frames: list[Frame] = []
        for card in picture.cards:
            inside, keys = frames, list[str]()
            for s in paths[card.key] if card.key in paths else _common(users.get(card.key, [])):
                frame = next((f for f in inside if f.label == self.titles[s]), None)
                if frame is None:
                    inside.append(frame := Frame(self.titles[s], [], []))
                inside, keys = frame.inner, frame.keys
            keys.append(card.key)
        return frames


def _titles(scopes: Sequence[scope]) -> dict[scope, str]:
    """Return the name of each scope, with a number if several have the same."""
    names = [clean(s.name) for s in scopes]
    return {
        s: name if names.count(name) == 1 else f"{name} {names[: i + 1].count(name)}"
        for i, (s, name) in enumerate(zip(scopes, names))
    }


def _note(size: int, folds: Sequence[Fold]) -> str:
    phrases = ["equal parts are folded (… × n)"] if any(fold.scope is None for fold in folds) else []
    if any(fold.scope is not None for fold in folds):
        phrases.append("each named part is one card, draw(…, expand=part) opens it")
    return f"{size:,} Values; {'; '.join(phrases)}; draw(…, limit=None) draws every Value"


def _common(paths: Sequence[tuple[scope, ...]]) -> tuple[scope, ...]:
    """Return the scopes that all paths begin with."""
    first = paths[0] if paths else ()
    for i, s in enumerate(first):
        if any(path[i : i + 1] != (s,) for path in paths):
            return first[:i]
    return first
