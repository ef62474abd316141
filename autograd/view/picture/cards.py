"""What a picture of a graph shows: cards and edges. Knows no output syntax."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from ...backward import topological_order
from ...nodes import is_unchanged
from ...value import Value
from ..notation.names import UNKNOWN, Names, exact, format_number, known, operation, visible_constants
from ..render.time_limit import in_time
from .breadth_first import by_distance
from .last_pass import Gradients, factors, last_pass

#: A picture of more Values than this is cut down to those nearest the root.
LIMIT = 120
#: With more arrows than this their numbers are left out: they would be unreadable, and placing them
#: takes the layout from a second to half a minute.
LABELLED = 60

#: More constants than this in one operation are told by their number.
CONSTANTS = 60


class Card(NamedTuple):
    """A Value, a constant, or what was left out: everything its card says."""

    key: str
    kind: str  # leaf, operation, output, constant, cut, or numbers (of an arrow that passes)
    name: str
    expression: str
    data: str
    grad: str | None  # None: it has no gradient row


class Summary(Card):
    """A card that stands for many Values, such as a neuron; its expression says how many operations."""

    __slots__ = ()


class Changed(Card):
    """A card that differs from what it was before, and tells both; it stands out."""

    __slots__ = ()


class Edge(NamedTuple):
    """An operand of an operation: the forward edge, and what flows back along it."""

    operand: str
    result: str
    local: str
    contribution: str | None  # None: no backward pass has reached the result
    width: float
    vanished: bool


class Flow(NamedTuple):
    """An arrow between summaries, by the size of the gradient that flows back along it."""

    operand: str
    result: str
    strength: float | None  # 0 to 1, the largest of the picture; None: no gradient is known to flow
    vanished: bool


class CardGroup(NamedTuple):
    """Cards that stand together, in a box if it has a label.

    ``blocks`` are told from top to bottom: for each its columns from left to right, with the keys of
    the cards in them from top to bottom.
    """

    label: str
    blocks: list[list[list[str]]]

    @property
    def keys(self) -> list[str]:
        return [key for block in self.blocks for column in block for key in column]


class Picture(NamedTuple):
    """The cards and edges to draw, left to right, and a note on what was left out.

    Where there are groups every card is in one, and they stand from left to right.
    """

    cards: list[Card]
    edges: list[Edge]
    note: str
    groups: Sequence[CardGroup] = ()
    flows: Sequence[Flow] = ()

    def label_of(self) -> dict[str, str]:
        """For the key of each card that is in a group, what the group is labelled."""
        return {key: group.label for group in self.groups for key in group.keys}


def arrow_width(contribution: float) -> float:
    """0.8 to 4 points, by the logarithm of the size of what flows: 1e-4 and less to 100 and more.

    >>> arrow_width(0.0), arrow_width(0.1), arrow_width(1e9)
    (0.8, 2.4, 4.0)
    """
    if contribution == 0.0 or math.isnan(contribution):
        return 0.8
    size = math.log10(abs(contribution)) if math.isfinite(contribution) else 2.0
    return round(0.8 + 3.2 * min(1.0, max(0.0, (size + 4.0) / 6.0)), 2)


def picture_of(root: Value, limit: int | None = LIMIT, by: str = "draw(…, limit=None) draws") -> Picture:
    """The graph below ``root`` as it is now; beyond ``limit`` Values, the part nearest the root.

    What is cut is said, and ``by`` what call it is shown.
    """
    order = topological_order(root)
    names, gradients = Names(order), last_pass(root)
    return picture_nearest(order, names, gradients, limit, by, reservations(order, names, gradients))


def picture_nearest(
    order: list[Value], names: Names, gradients: Gradients, limit: int | None, by: str, notes: Sequence[str]
) -> Picture:
    """The same of a graph whose names, gradients and reservations are known."""
    if limit is None or len(order) <= limit:
        return _picture(order, names, set(order), gradients, notes)
    note = f"the {limit:,} Values nearest {names.root}, of {len(order):,}: {by} them all"
    nearest = {value for value, _ in islice(by_distance(order[-1]), limit)}
    return _picture(order, names, nearest, gradients, [note, *notes])


def picture_from(
    order: list[Value],
    names: Names,
    shown: set[Value],
    gradients: Gradients,
    notes: Sequence[str] = (),
) -> Picture:
    """The Values of ``order`` that are in ``shown``, with the gradients of a pass.

    The arrows of a Value come in the order of its operands. ``notes`` say what was left out.
    """
    return _picture(order, names, shown, gradients, [*notes, *reservations(order, names, gradients)])


def _picture(
    order: list[Value], names: Names, shown: set[Value], gradients: Gradients, notes: Sequence[str]
) -> Picture:
    keys = keys_of(order)
    cards: list[Card] = []
    edges: list[Edge] = []
    for value in in_time(order):
        if value in shown:
            cards.append(_card(value, keys[value], order[-1], names, gradients))
            _add_operands(value, keys, shown, gradients, cards, edges)
    notes = [*notes]
    if len(edges) > LABELLED:
        edges = [edge._replace(local="", contribution=edge.contribution and "") for edge in edges]
        notes.append(f"with more than {LABELLED} arrows their numbers are left out")
    return Picture(cards, edges, "; ".join(notes))


def keys_of(order: Sequence[Value]) -> dict[Value, str]:
    """The key of each Value's card."""
    return {value: f"v{i}" for i, value in enumerate(order)}


def cut_key(key: str) -> str:
    """The key of the card that stands for the operands of a Value which are left out."""
    return f"{key}cut"


def reservations(order: list[Value], names: Names, gradients: Gradients) -> list[str]:
    """Where the numbers shown do not add up, and why: overwritten data, gradients of other passes."""
    if warning := stale(order, names):
        return [warning]
    received: dict[Value, list[float]] = {}
    for value in in_time(order):
        if (passed := gradients.passed_back(value)) is not None:
            for operand, part in zip(value.operands, passed, strict=True):
                if isinstance(operand, Value):
                    received.setdefault(operand, []).append(part)
    for value in in_time(order):
        grad, parts = gradients.of(value), received.get(value, [])
        total = sum(parts)
        if parts and grad is not None and abs(grad - total) > 1e-9 * sum(map(abs, parts)):
            why = (
                "the rest was there before (an earlier backward(), no zero_grad())"
                if value.is_leaf
                else "it is that of a backward() from another result"
            )
            shown, brought = format_number(grad), format_number(total)
            return [f"the gradient of {names[value]} is {shown}, its arrows bring {brought}: {why}"]
    return []


def stale(order: list[Value], names: Names) -> str:
    """What to say where a result is not that of its operands as they are now; empty if all are."""
    off = overwritten(order)
    if off is None:
        return ""
    return (
        f"a Value under {names[off]} was overwritten after the forward pass: results and local "
        "derivatives are those of before; compute again for new ones"
    )


def overwritten(order: Sequence[Value]) -> Value | None:
    """The first computed Value that its operands, as they are now, do not give again."""
    for value in in_time(order):
        if not is_unchanged(value):
            return value
    return None


def _card(value: Value, key: str, root: Value, names: Names, gradients: Gradients) -> Card:
    kind = "output" if value is root else "leaf" if value.is_leaf else "operation"
    grad = known(gradients.of(value))
    return Card(key, kind, names[value], operation(value, names), format_number(value.data), grad)


def _add_operands(
    value: Value,
    keys: dict[Value, str],
    shown: set[Value],
    gradients: Gradients,
    cards: list[Card],
    edges: list[Edge],
) -> None:
    key, locals_of, passed = keys[value], factors(value), gradients.passed_back(value)
    hidden = 0
    constants = visible_constants(value)
    if len(constants) > CONSTANTS:
        hidden, constants = len(constants), []
    for i, operand in enumerate(in_time(value.operands)):
        if isinstance(operand, Value):
            if operand not in shown:
                hidden += 1
                continue
            edges.append(edge_of(keys[operand], key, locals_of[i], None if passed is None else passed[i]))
        elif i in constants:
            constant = f"{key}c{i}"
            cards.append(Card(constant, "constant", "", "", exact(operand), None))
            edges.append(Edge(constant, key, "", None, 0.8, False))
    if hidden:
        cut = cut_key(key)
        what = "operand" if hidden == 1 else "operands"
        cards.append(Card(cut, "cut", f"… {hidden} more {what}", "", "", None))
        edges.append(Edge(cut, key, "", None, 0.8, False))


def edge_of(operand: str, result: str, local: float, contribution: float | None) -> Edge:
    """The edge between two cards, with its numbers as they are written."""
    return Edge(
        operand,
        result,
        f"×{format_number(local)}",
        None if contribution is None else format_number(contribution),
        0.8 if contribution is None else arrow_width(contribution),
        contribution == 0.0,
    )


def describe(picture: Picture) -> str:
    """The picture in words, its alternative text: every value and gradient it shows."""
    label_of = picture.label_of()
    parts: list[str] = []
    for card in in_time(picture.cards):
        if card.kind in ("cut", "numbers"):
            continue
        if card.kind == "constant":
            parts.append(f"constant {card.data}")
            continue
        grad = (
            ""
            if card.grad is None
            else ", not computed"
            if card.grad == UNKNOWN
            else f", gradient {card.grad}"
        )
        if isinstance(card, Summary):
            what = ", ".join(part for part in (label_of.get(card.key), card.expression) if part)
            parts.append(f"{card.name}{what and f' ({what})'}{card.data and f' = {card.data}'}{grad}")
            continue
        formula = f" = {card.expression}" if card.expression else ""
        parts.append(f"{card.name}{formula} = {card.data}{grad}")
    shown = picture.note.replace("\n", "; ")
    note = f" Shown: {shown}." if shown else ""
    what = "Network, inputs first" if picture.groups else "Computation graph, operands before results"
    return f"{what}: {'; '.join(parts)}.{note}"
