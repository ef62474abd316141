"""The picture that a pass is stepped through in, and from which step on each part of it is seen.

The picture is laid out once, with all that is ever seen in it; a moment of the pass is that picture
with some parts faint. What is seen when is told by the number of a step in the whole pass, so any
steps of it can be shown, in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...backward import topological_order
from ...value import Value
from ..notation.names import UNKNOWN, format_number, visible_constants
from ..picture.cards import CONSTANTS, LIMIT, Picture, cut_key, keys_of, picture_from
from ..picture.last_pass import Gradients
from ..picture.layout import text_width
from .step import ForwardStep, Step
from .table import StepTable

#: With more arrows than this a picture is cut down further: its layout would take seconds.
ARROWS = 240


class Focus(NamedTuple):
    """Where to look in a step, by the keys of cards and the id of an arrow; "" for what is not shown."""

    node: str
    operand: str
    arrow: str


class Scene(NamedTuple):
    """A picture with every gradient of a pass, and the numbers of the steps that bring them.

    ``gradients``: by the key of a card, what its gradient reads from which step on. ``appears``: the
    step from which a card or an arrow is seen in full, by its id without prefix; all others always are.
    """

    picture: Picture
    gradients: dict[str, list[tuple[int, str]]]
    appears: dict[str, int]
    focus: dict[int, Focus]

    @property
    def room(self) -> dict[str, str]:
        """By the key of a card, the widest text that its gradient ever shows."""
        return {
            key: max((text for _, text in told), key=lambda text: text_width(text, 11.0))
            for key, told in self.gradients.items()
        }

    def gradient(self, key: str, at: int) -> str:
        """What the gradient of a card reads after the step of that number."""
        known = [text for since, text in self.gradients.get(key, ()) if since <= at]
        return known[-1] if known else UNKNOWN


def scene_of(steps: StepTable[Step | ForwardStep], limit: int = LIMIT) -> Scene:
    """The scene of some steps: the whole graph, or of one of more than ``limit`` Values what they reach."""
    order = topological_order(steps.root)
    keys = keys_of(order)
    shown = _reached(steps, order, limit)
    names = steps.whole[0].names
    notes: list[str] = []
    if len(shown) < len(order):
        notes.append(
            f"the picture has the {len(shown):,} of {len(order):,} Values that these steps reach first; "
            "a slice of the steps shows its own part"
        )
    picture = picture_from(order, names, set(shown), _gradients_of(steps.whole), notes)
    arrows = _arrows_between(picture)
    visible = {card.key for card in picture.cards}
    gradients: dict[str, list[tuple[int, str]]] = {
        card.key: [] for card in picture.cards if card.grad is not None
    }
    appears: dict[str, int] = {}
    focus: dict[int, Focus] = {}

    def card(value: Value, otherwise: str = "") -> str:
        return keys[value] if value in shown else otherwise if otherwise in visible else ""

    for step in steps.whole:
        if isinstance(step, ForwardStep):
            key = card(step.node)
            focus[step.number] = Focus(key, "", "")
            if key:
                appears[key] = step.number
            continue
        key = card(step.operand)
        if key:
            gradients[key].append((step.number, format_number(step.gradient)))
        if step.node is None:
            focus[step.number] = Focus(key, "", "")
            continue
        node = card(step.node)
        arrow = ""
        if key and node:
            arrow = f"e{arrows[key, node].pop()}-backward"
            appears[arrow] = step.number
        focus[step.number] = Focus(node, key or card(step.operand, cut_key(keys[step.node])), arrow)
    _complete(picture, gradients, appears, steps.whole[-1].number)
    return Scene(picture, gradients, appears, focus)


def _arrows_between(picture: Picture) -> dict[tuple[str, str], list[int]]:
    """The arrows between two cards, by their keys; the arrow of the first operand is the last."""
    arrows: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for i, edge in reversed([*enumerate(picture.edges)]):
        arrows[edge.operand, edge.result].append(i)
    return arrows


def _complete(
    picture: Picture, gradients: dict[str, list[tuple[int, str]]], appears: dict[str, int], last: int
) -> None:
    """Add what has no step of its own: arrows into a card, and the zeros behind a dead relu."""
    for i, edge in enumerate(picture.edges):
        if edge.result in appears:  # an arrow appears with the card it leads to, and a constant too
            appears[f"e{i}-forward"] = appears[edge.result]
            if edge.operand not in gradients:
                appears[edge.operand] = appears[edge.result]
        if edge.contribution is not None:
            appears.setdefault(f"e{i}-backward", last)
    for texts in gradients.values():
        if not texts:
            texts.append((last, format_number(0.0)))


def _gradients_of(whole: Iterable[Step | ForwardStep]) -> Gradients:
    """The gradients at the end of a pass; 0 for what no step reaches."""
    totals: dict[Value, float] = {}
    visited: set[Value] = set()
    for step in whole:
        if isinstance(step, Step):
            totals[step.operand] = step.gradient
            visited |= set() if step.node is None else {step.node}

    def of(value: Value) -> float:
        return totals.get(value, 0.0)

    return Gradients(of, visited.__contains__)


def _reached(steps: Iterable[Step | ForwardStep], order: list[Value], limit: int) -> set[Value]:
    if len(order) <= limit and _arrows(order) <= ARROWS:
        return set(order)
    found: dict[Value, None] = {}
    for value in _values_of(steps):
        if value not in found and len(found) == limit:
            break
        found[value] = None
    reached = list(found) or order[-1:]
    while len(reached) > 1 and _arrows(reached) > ARROWS:
        del reached[3 * len(reached) // 4 :]
    return set(reached)


def _values_of(steps: Iterable[Step | ForwardStep]) -> Iterator[Value]:
    for step in steps:
        if isinstance(step, ForwardStep):
            yield step.node
            yield from (x for x in step.node.operands if isinstance(x, Value))
        else:
            if step.node is not None:
                yield step.node
            yield step.operand


def _arrows(values: list[Value]) -> int:
    """How many arrows would be drawn between these Values, and from constants to them."""
    among = set(values)
    return sum(
        sum(isinstance(x, Value) and x in among for x in value.operands)
        + min(len(visible_constants(value)), CONSTANTS)
        for value in values
    )
