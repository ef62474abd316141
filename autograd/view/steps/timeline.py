"""Picture of a pass, with the step at which each of its parts appears.

The picture has one layout with all its parts; at each step, the later parts are faint. Steps are
identified by their number in the whole pass, so that any of them can be shown, in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...backward import topological_order
from ...value import Value
from ..notation.names import UNKNOWN, format_gradient, visible_constants
from ..picture.cards import CONSTANTS, LIMIT, Picture, cut_key, keys_of, picture_from
from ..picture.last_pass import Gradients
from ..picture.layout import text_width
from .step import ForwardStep, Step
from .table import StepTable

#: A picture with more arrows is reduced further, since its layout would take seconds.
ARROWS = 240


class Focus(NamedTuple):
    """Parts marked in a step: the keys of two cards and the id of an arrow, "" if not shown."""

    node: str
    operand: str
    arrow: str


class Scene(NamedTuple):
    """Picture with the gradients of a pass, and the steps at which its parts appear.

    ``gradients`` maps the key of a card to its gradients, each with the step from which it is shown.
    ``appears`` maps ids of cards and arrows, without prefix, to the step from which they are not faint.
    """

    picture: Picture
    gradients: dict[str, list[tuple[int, str]]]
    appears: dict[str, int]
    focus: dict[int, Focus]

    @property
    def room(self) -> dict[str, str]:
        """Widest text of each gradient, by the key of its card."""
        return {
            key: max((text for _, text in texts), key=lambda text: text_width(text, 11.0))
            for key, texts in self.gradients.items()
        }

    def gradient(self, key: str, at: int) -> str:
        """Return the text of a card's gradient after the step with that number."""
        texts = [text for number, text in self.gradients.get(key, ()) if number <= at]
        return texts[-1] if texts else UNKNOWN


def scene_of(steps: StepTable[Step | ForwardStep], limit: int = LIMIT) -> Scene:
    """Return the scene of some steps, with the Values they reach if the graph is larger than ``limit``."""
    order = topological_order(steps.root)
    keys = keys_of(order)
    selection = _select_values(steps, order, limit)
    names = steps.whole[0].names
    notes: list[str] = []
    if len(selection) < len(order):
        notes.append(
            f"the picture has the {len(selection):,} of {len(order):,} Values that these steps reach first; "
            "a slice of the steps shows its own part"
        )
    picture = picture_from(order, names, set(selection), _gradients_of(steps.whole), notes)
    arrows = _arrows_between(picture)
    visible = {card.key for card in picture.cards}
    gradients: dict[str, list[tuple[int, str]]] = {
        card.key: [] for card in picture.cards if card.grad is not None
    }
    appears: dict[str, int] = {}
    focus: dict[int, Focus] = {}

    def card(value: Value, default: str = "") -> str:
        return keys[value] if value in selection else default if default in visible else ""

    for step in steps.whole:
        if isinstance(step, ForwardStep):
            key = card(step.node)
            focus[step.number] = Focus(key, "", "")
            if key:
                appears[key] = step.number
            continue
        key = card(step.operand)
        if key:
            gradients[key].append((step.number, format_gradient(step.gradient)))
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
    """Return the arrows between two cards, by their keys; the arrow of the first operand is the last."""
    arrows: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for i, edge in reversed([*enumerate(picture.edges)]):
        arrows[edge.operand, edge.result].append(i)
    return arrows


def _complete(
    picture: Picture, gradients: dict[str, list[tuple[int, str]]], appears: dict[str, int], last: int
) -> None:
    """Add parts without a step of their own: arrows into a card, and the zeros behind a dead relu."""
    for i, edge in enumerate(picture.edges):
        if edge.result in appears:  # arrows and constants appear with the card they lead to
            appears[f"e{i}-forward"] = appears[edge.result]
            if edge.operand not in gradients:  # with the first of several
                first = appears.get(edge.operand, appears[edge.result])
                appears[edge.operand] = min(first, appears[edge.result])
        if edge.contribution is not None:
            appears.setdefault(f"e{i}-backward", last)
    for texts in gradients.values():
        if not texts:
            texts.append((last, format_gradient(0.0)))


def _gradients_of(whole: Iterable[Step | ForwardStep]) -> Gradients:
    """Return the gradients at the end of a pass; 0 for Values that no step reaches."""
    totals: dict[Value, float] = {}
    visited: set[Value] = set()
    for step in whole:
        if isinstance(step, Step):
            totals[step.operand] = step.gradient
            visited |= set() if step.node is None else {step.node}

    def of(value: Value) -> float:
        return totals.get(value, 0.0)

    return Gradients(of, visited.__contains__)


def _select_values(steps: Iterable[Step | ForwardStep], order: list[Value], limit: int) -> set[Value]:
    if len(order) <= limit and _arrows(order) <= ARROWS:
        return set(order)
    values: dict[Value, None] = {}
    for value in _values_of(steps):
        if value not in values and len(values) == limit:
            break
        values[value] = None
    selection = list(values) or order[-1:]
    while len(selection) > 1 and _arrows(selection) > ARROWS:
        del selection[3 * len(selection) // 4 :]
    return set(selection)


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
    """Count the arrows between these Values, and from constants to them."""
    members = set(values)
    return sum(
        sum(isinstance(x, Value) and x in members for x in value.operands)
        + min(len(visible_constants(value)), CONSTANTS)
        for value in values
    )
