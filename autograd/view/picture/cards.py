"""Cards and edges of a picture, independent of the output format."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from ...backward import topological_order
from ...nodes import is_unchanged
from ...scopes import scope
from ...value import Value
from ..notation.names import (
    UNKNOWN,
    Names,
    format_constant,
    format_exact,
    format_factor,
    format_gradient,
    format_number,
    operation,
    visible_constants,
)
from ..render.time_limit import in_time
from .breadth_first import by_distance
from .folds import Fold
from .last_pass import Gradients, factors, last_pass

#: The default number of Values in a picture, those nearest the root.
LIMIT = 120
#: With more arrows, their numbers are left out: they would be illegible, and placing them extends the
#: layout from a second to half a minute.
LABELED = 60

#: If an operation has more constants, only their number is shown.
CONSTANTS = 60


class Card(NamedTuple):
    """Card of a Value, of a constant, or of operands left out."""

    key: str
    kind: str  # leaf, operation, output, constant, cut, or numbers (of an arrow into an opened neuron)
    name: str
    expression: str
    data: str
    grad: str | None  # None: it has no gradient row


class Summary(Card):
    """Card for many Values, such as a neuron; its expression is the number of operations."""

    __slots__ = ()


class Changed(Card):
    """Card with differences, which shows both states and has a thick border."""

    __slots__ = ()


class Edge(NamedTuple):
    """Edge from an operand to its result, with the local derivative and the contribution to the gradient."""

    operand: str
    result: str
    local: str
    contribution: str | None  # None: no backward pass has reached the result
    width: float
    vanished: bool


class Flow(NamedTuple):
    """Arrow between summaries, drawn from result to operand if a gradient flows back along it."""

    operand: str
    result: str
    strength: float | None  # 0 to 1, the largest of the picture; None: no gradient is known to flow
    vanished: bool


class CardGroup(NamedTuple):
    """Cards in a common box, which is drawn if it has a label.

    ``blocks`` are listed from top to bottom. Each is a list of columns from left to right, and each column
    a list of the keys of its cards from top to bottom.
    """

    label: str
    blocks: list[list[list[str]]]

    @property
    def keys(self) -> list[str]:
        return [key for block in self.blocks for column in block for key in column]


class Frame(NamedTuple):
    """Box around the cards of a part that the user named, and around the boxes inside it."""

    label: str
    keys: list[str]
    inner: list[Frame]


class Picture(NamedTuple):
    """Cards and edges to draw, from left to right, and a note on what was left out.

    If there are groups, every card is in one of them; they are placed from left to right. Frames have no
    influence on the order of the cards.
    """

    cards: list[Card]
    edges: list[Edge]
    note: str
    groups: Sequence[CardGroup] = ()
    flows: Sequence[Flow] = ()
    frames: Sequence[Frame] = ()

    def label_of(self) -> dict[str, str]:
        """Return the label of its group or innermost frame for the key of each card."""
        labels = {key: group.label for group in self.groups for key in group.keys}
        stack = [*self.frames]
        while stack:
            frame = stack.pop()
            labels |= dict.fromkeys(frame.keys, frame.label)
            stack += frame.inner
        return labels


def arrow_width(contribution: float) -> float:
    """Return 0.8 to 4 points, by the logarithm of the contribution: up to 1e-4, and from 100.

    >>> arrow_width(0.0), arrow_width(0.1), arrow_width(1e9)
    (0.8, 2.4, 4.0)
    """
    if contribution == 0.0 or math.isnan(contribution):
        return 0.8
    size = math.log10(abs(contribution)) if math.isfinite(contribution) else 2.0
    return round(0.8 + 3.2 * min(1.0, max(0.0, (size + 4.0) / 6.0)), 2)


def picture_of(root: Value, limit: int | None = LIMIT, by: str = "draw(…, limit=None) draws") -> Picture:
    """Return the picture of the current graph of ``root``; beyond ``limit`` Values, of the nearest part.

    A note gives the number of Values left out; ``by`` is the call in it that shows them all.
    """
    order = topological_order(root)
    names, gradients = Names(order), last_pass(root)
    return picture_nearest(order, names, gradients, limit, by, reservations(order, names, gradients))


def picture_nearest(
    order: list[Value], names: Names, gradients: Gradients, limit: int | None, by: str, notes: Sequence[str]
) -> Picture:
    """Return the same picture of a graph whose names, gradients and notes are given."""
    if limit is None or len(order) <= limit:
        return _picture(order, names, set(order), gradients, notes)
    note = f"the {limit:,} Values nearest {names.root}, of {len(order):,}: {by} them all"
    nearest = {value for value, _ in islice(by_distance(order[-1]), limit)}
    return _picture(order, names, nearest, gradients, [note, *notes])


def picture_from(
    order: list[Value],
    names: Names,
    selection: set[Value],
    gradients: Gradients,
    notes: Sequence[str] = (),
) -> Picture:
    """Return the picture of the Values of ``order`` that are in ``selection``, with the gradients of a pass.

    The arrows into a Value are in the order of its operands.
    """
    return _picture(order, names, selection, gradients, [*notes, *reservations(order, names, gradients)])


def picture_with_folds(
    order: list[Value],
    names: Names,
    gradients: Gradients,
    notes: Sequence[str],
    folds: Sequence[Fold],
    titles: Mapping[scope, str],
) -> Picture:
    """Return the picture of a whole graph, with one card for each fold, and the titles of scopes."""
    fold_nodes = {x for fold in folds for x in fold.nodes}
    users: dict[Value, set[Value]] = {}
    for value in in_time(order):
        for x in value.operands:
            if isinstance(x, Value) and x.is_leaf:
                users.setdefault(x, set()).add(value)
    fold_nodes |= {x for x, of in users.items() if of <= fold_nodes and x is not order[-1]}
    return _picture(order, names, {*order} - fold_nodes, gradients, notes, folds, titles)


def _picture(
    order: list[Value],
    names: Names,
    selection: set[Value],
    gradients: Gradients,
    notes: Sequence[str],
    folds: Sequence[Fold] = (),
    titles: Mapping[scope, str] = MappingProxyType({}),
) -> Picture:
    keys, constants = keys_of(order), _Constants(order)
    fold_keys = {x: f"f{i}" for i, fold in enumerate(folds) for x in fold.nodes}
    by_last = {fold.nodes[-1]: fold for fold in folds}
    cards: list[Card] = []
    edges: list[Edge] = []
    for value in in_time(order):
        if value in selection:
            cards.append(_card(value, keys[value], order[-1], names, gradients))
            _add_operands(value, keys, constants, selection, fold_keys, gradients, cards, edges)
        elif value in by_last:
            fold = by_last[value]
            cards.append(_fold_card(fold, fold_keys[value], order[-1], titles, gradients))
            edges += _edges_into(fold, fold_keys[value], keys, selection, fold_keys, gradients)
    notes = [*notes]
    if len(edges) > LABELED:
        edges = [edge._replace(local="", contribution=edge.contribution and "") for edge in edges]
        notes.append(f"with more than {LABELED} arrows their numbers are left out")
    return Picture(cards, edges, "; ".join(notes))


def _fold_card(fold: Fold, key: str, root: Value, titles: Mapping[scope, str], gradients: Gradients) -> Card:
    """Return the card of a fold: of a part that the user named, with the numbers of its last Value."""
    if fold.scope is None:
        return Card(key, "cut", fold.title, "equal parts", "", None)
    count = sum(not x.is_leaf for x in fold.nodes)
    size = f"{count:,} operation{'' if count == 1 else 's'}"
    last = fold.nodes[-1]
    kind = "output" if last is root else "operation"
    grad = format_gradient(gradients.of(last))
    return Summary(key, kind, titles[fold.scope], size, format_number(last.data), grad)


def _edges_into(
    fold: Fold,
    key: str,
    keys: dict[Value, str],
    selection: set[Value],
    fold_keys: dict[Value, str],
    gradients: Gradients,
) -> list[Edge]:
    """Return one edge, without numbers, from each card that the Values of a fold use."""
    flows: dict[str, float | None] = {}
    for node in in_time(fold.nodes):
        contributions = gradients.contributions(node)
        for i, x in enumerate(node.operands):
            if not isinstance(x, Value):
                continue
            source = keys[x] if x in selection else fold_keys.get(x, key)
            if source != key:
                size = flows.get(source)
                flows[source] = size if contributions is None else (size or 0.0) + abs(contributions[i])
    return [_bare_edge(source, key, size) for source, size in flows.items()]


def _bare_edge(operand: str, result: str, contribution: float | None) -> Edge:
    if contribution is None:
        return Edge(operand, result, "", None, 0.8, False)
    return Edge(operand, result, "", "", arrow_width(contribution), contribution == 0.0)


def keys_of(order: Sequence[Value]) -> dict[Value, str]:
    """Return the key of each Value's card."""
    return {value: f"v{i}" for i, value in enumerate(order)}


def cut_key(key: str) -> str:
    """Return the key of the card for operands of a Value that are left out."""
    return f"{key}cut"


def reservations(order: list[Value], names: Names, gradients: Gradients) -> list[str]:
    """Return notes on inconsistent numbers: overwritten data, gradients of other passes."""
    if warning := stale(order, names):
        return [warning]
    by_operand: dict[Value, list[float]] = {}
    for value in in_time(order):
        if (contributions := gradients.contributions(value)) is not None:
            for operand, part in zip(value.operands, contributions, strict=True):
                if isinstance(operand, Value):
                    by_operand.setdefault(operand, []).append(part)
    for value in in_time(order):
        grad, parts = gradients.of(value), by_operand.get(value, [])
        total = sum(parts)
        if parts and grad is not None and abs(grad - total) > 1e-9 * sum(map(abs, parts)):
            cause = (
                "an earlier backward() added the rest (no zero_grad() in between)"
                if value.is_leaf
                else "it is from a backward() call on another result"
            )
            text, sum_of_parts = format_gradient(grad), format_gradient(total)
            return [f"the gradient of {names[value]} is {text}, its arrows add up to {sum_of_parts}: {cause}"]
    return []


def stale(order: list[Value], names: Names) -> str:
    """Return a note if a Value was overwritten after the forward pass, else an empty string."""
    value = find_overwritten(order)
    if value is None:
        return ""
    return (
        f"an operand below {names[value]} was overwritten after the forward pass: results and local "
        "derivatives are those of the old data; run the forward pass again for new ones"
    )


def find_overwritten(order: Sequence[Value]) -> Value | None:
    """Return the first non-leaf Value whose data does not follow from its operands' current data."""
    for value in in_time(order):
        if not is_unchanged(value):
            return value
    return None


def _card(value: Value, key: str, root: Value, names: Names, gradients: Gradients) -> Card:
    kind = "output" if value is root else "leaf" if value.is_leaf else "operation"
    grad = format_gradient(gradients.of(value))
    return Card(key, kind, names[value], operation(value, names), format_number(value.data), grad)


def constant_card(key: str, x: float) -> Card:
    """Return the card of a constant; its name, which a picture shows as a tooltip, has all digits."""
    return Card(key, "constant", format_exact(x), "", format_constant(x), None)


class _Constants:
    """Cards of constants, each shared by equal operations at the same depth, such as the shift of a softmax.

    Results at other depths can depend on one another: in a chain of operations, each has its own constant.
    """

    def __init__(self, order: Sequence[Value]) -> None:
        self._depths: dict[Value, int] = {}
        for value in in_time(order):
            operands = (self._depths[x] for x in value.operands if isinstance(x, Value))
            self._depths[value] = 1 + max(operands, default=0)
        self._keys: dict[tuple[object, ...], str] = {}

    def key(self, value: Value, i: int, new: str) -> str:
        """Return the key of the card for operand ``i`` of a Value; ``new`` if it has none yet."""
        return self._keys.setdefault((value.primitive, i, repr(value.operands[i]), self._depths[value]), new)


def _add_operands(
    value: Value,
    keys: dict[Value, str],
    constant_cards: _Constants,
    selection: set[Value],
    fold_keys: dict[Value, str],
    gradients: Gradients,
    cards: list[Card],
    edges: list[Edge],
) -> None:
    key, locals_of, contributions = keys[value], factors(value), gradients.contributions(value)
    cut_count = 0
    by_fold: dict[str, list[int]] = {}  # by the card of a fold, the positions of operands in it
    constants = visible_constants(value)
    if len(constants) > CONSTANTS:
        cut_count, constants = len(constants), []
    for i, operand in enumerate(in_time(value.operands)):
        if isinstance(operand, Value):
            if operand not in selection:
                if operand in fold_keys:
                    by_fold.setdefault(fold_keys[operand], []).append(i)
                else:
                    cut_count += 1
                continue
            edges.append(
                edge_of(keys[operand], key, locals_of[i], None if contributions is None else contributions[i])
            )
        elif i in constants:
            constant = constant_cards.key(value, i, new=f"{key}c{i}")
            if constant == f"{key}c{i}":
                cards.append(constant_card(constant, operand))
            edges.append(Edge(constant, key, "", None, 0.8, False))
    for fold, positions in by_fold.items():
        total = None if contributions is None else sum(abs(contributions[i]) for i in positions)
        if len(positions) > 1:
            edges.append(_bare_edge(fold, key, total))
            continue
        (i,) = positions
        edges.append(edge_of(fold, key, locals_of[i], None if contributions is None else contributions[i]))
    if cut_count:
        cut = cut_key(key)
        noun = "operand" if cut_count == 1 else "operands"
        cards.append(Card(cut, "cut", f"… {cut_count} more {noun}", "", "", None))
        edges.append(Edge(cut, key, "", None, 0.8, False))


def edge_of(operand: str, result: str, local: float, contribution: float | None) -> Edge:
    """Return the edge between two cards, with formatted numbers."""
    return Edge(
        operand,
        result,
        format_factor(local),
        None if contribution is None else format_gradient(contribution),
        0.8 if contribution is None else arrow_width(contribution),
        contribution == 0.0,
    )


def describe(picture: Picture) -> str:
    """Return the alternative text of a picture: every value and gradient it shows."""
    label_of = picture.label_of()
    parts: list[str] = []
    for card in in_time(picture.cards):
        if card.kind == "numbers" or (card.kind == "cut" and not card.expression):
            continue
        if card.kind == "cut":
            parts.append(f"{card.name} {card.expression}")
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
            details = ", ".join(part for part in (label_of.get(card.key), card.expression) if part)
            parts.append(f"{card.name}{details and f' ({details})'}{card.data and f' = {card.data}'}{grad}")
            continue
        formula = f" = {card.expression}" if card.expression else ""
        frame = f", in {label_of[card.key]}" if card.key in label_of and picture.frames else ""
        parts.append(f"{card.name}{formula} = {card.data}{grad}{frame}")
    remarks = picture.note.replace("\n", "; ")
    note = f" Shown: {remarks}." if remarks else ""
    head = "Network, inputs first" if picture.groups else "Computation graph, operands before results"
    return f"{head}: {'; '.join(parts)}.{note}"
