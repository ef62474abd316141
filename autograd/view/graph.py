"""What a picture of a graph shows: cards and edges. Knows no output syntax."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from ..backward import cotangents, topological_order
from ..value import Value
from .notation import Names, is_exponent, number, operation

#: A picture of more Values than this is cut down to those nearest the root.
LIMIT = 120


class Card(NamedTuple):
    """A Value, a constant, or what was left out: everything its card says."""

    key: str
    kind: str  # leaf, operation, output, constant or cut
    name: str
    expression: str
    data: str
    grad: str | None  # None: it has no gradient row


class Edge(NamedTuple):
    """An operand of an operation: the forward edge, and what flows back along it."""

    operand: str
    result: str
    local: str
    contribution: str | None  # None: no backward pass has reached the result
    width: float
    vanished: bool


class Picture(NamedTuple):
    """The cards and edges to draw, left to right, and a note on what was left out."""

    cards: list[Card]
    edges: list[Edge]
    note: str


def arrow_width(contribution: float) -> float:
    """0.8 to 4 points, by the logarithm of the size of what flows: 1e-4 and less to 100 and more.

    >>> arrow_width(0.0), arrow_width(0.1), arrow_width(1e9)
    (0.8, 2.4, 4.0)
    """
    if contribution == 0.0 or math.isnan(contribution):
        return 0.8
    size = math.log10(abs(contribution)) if math.isfinite(contribution) else 2.0
    return round(0.8 + 3.2 * min(1.0, max(0.0, (size + 4.0) / 6.0)), 2)


def picture_of(root: Value, limit: int | None = LIMIT) -> Picture:
    """The graph below ``root`` as it is now; beyond ``limit`` Values, the part nearest the root."""
    order = topological_order(root)
    names = Names(order)
    shown = set(order) if limit is None or len(order) <= limit else _nearest(root, limit)
    keys = {value: f"v{i}" for i, value in enumerate(order)}
    cards: list[Card] = []
    edges: list[Edge] = []
    for value in order:
        if value in shown:
            cards.append(_card(value, keys[value], root, names))
            _add_operands(value, keys, shown, cards, edges)
    note = ""
    if len(shown) < len(order):
        note = (
            f"the {len(shown):,} Values nearest {names.root}, of {len(order):,}: "
            "draw(…, limit=None) draws them all"
        )
    return Picture(cards, edges, note)


def _nearest(root: Value, limit: int) -> set[Value]:
    """The first ``limit`` Values by their distance from the root."""
    shown = {root}
    queue = deque([root])
    while queue:
        for operand in queue.popleft().operands:
            if isinstance(operand, Value) and operand not in shown:
                if len(shown) >= limit:
                    return shown
                shown.add(operand)
                queue.append(operand)
    return shown


def _card(value: Value, key: str, root: Value, names: Names) -> Card:
    kind = "output" if value is root else "leaf" if value.is_leaf else "operation"
    grad = "·" if value.grad is None else number(value.grad)
    return Card(key, kind, names[value], operation(value, names), number(value.data), grad)


def _add_operands(
    value: Value, keys: dict[Value, str], shown: set[Value], cards: list[Card], edges: list[Edge]
) -> None:
    key = keys[value]
    locals_of = cotangents(value, 1.0)
    passed = None if value.grad is None else cotangents(value, value.grad)
    hidden = 0
    for i, operand in enumerate(value.operands):
        if isinstance(operand, Value):
            if operand not in shown:
                hidden += 1
                continue
            contribution = None if passed is None else passed[i]
            edges.append(
                Edge(
                    keys[operand],
                    key,
                    f"×{number(locals_of[i])}",
                    None if contribution is None else number(contribution),
                    0.8 if contribution is None else arrow_width(contribution),
                    contribution == 0.0,
                )
            )
        elif not is_exponent(value, operand):
            constant = f"{key}c{i}"
            cards.append(Card(constant, "constant", "", "", number(operand), None))
            edges.append(Edge(constant, key, "", None, 0.8, False))
    if hidden:
        cut = f"{key}cut"
        what = "operand" if hidden == 1 else "operands"
        cards.append(Card(cut, "cut", f"… {hidden} more {what}", "", "", None))
        edges.append(Edge(cut, key, "", None, 0.8, False))


def describe(picture: Picture) -> str:
    """The picture in words, its alternative text: every value and gradient it shows."""
    parts = []
    for card in picture.cards:
        if card.kind == "cut":
            continue
        if card.kind == "constant":
            parts.append(f"constant {card.data}")
            continue
        grad = (
            "" if card.grad is None else ", not computed" if card.grad == "·" else f", gradient {card.grad}"
        )
        formula = f" = {card.expression}" if card.expression else ""
        parts.append(f"{card.name}{formula} = {card.data}{grad}")
    note = f" Shown: {picture.note}." if picture.note else ""
    return f"Computation graph, operands before results: {'; '.join(parts)}.{note}"
