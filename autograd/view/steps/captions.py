"""Captions: a step in words, for readers and for screen readers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...value import Value
from ..notation.names import operation
from .step import ForwardStep, Step

#: An operation with more operands is described by their number.
NAMED = 4


def narrate(steps: Iterable[Step | ForwardStep]) -> Iterator[list[str]]:
    """Yield a sentence for each step, in pieces; every second piece is a name or a formula.

    >>> from autograd import steps
    >>> ["".join(sentence) for sentence in narrate(steps(Value(2.0, label="a") * 3.0))][1]
    'a receives from out = a·3: the gradient of out times the local derivative.'
    """
    node, formula = None, ""
    for step in steps:
        if (
            isinstance(step.node, Value) and step.node is not node
        ):  # once for all operands, of which there may be many
            node, formula = step.node, operation(step.node, step.names)
        yield _forward(step) if isinstance(step, ForwardStep) else _backward(step, formula)


def _backward(step: Step, formula: str) -> list[str]:
    names, operand = step.names, step.names[step.operand]
    if step.node is None:
        return ["Backward starts at ", operand, ". The seed is its derivative with respect to itself: 1."]
    node = names[step.node]
    reason = f": the gradient of {node} times the local derivative."
    if step.contribution == 0.0:
        dead = "the local derivative is 0" if step.local == 0.0 else f"the gradient of {node} is 0"
        reason = f", but nothing flows: {dead}."
    elif step.again:
        reason = ". It has a gradient already: where gradients meet, they add up."
    return ["", operand, " receives from ", f"{node} = {formula}", reason]


def _forward(step: ForwardStep) -> list[str]:
    sources = list(dict.fromkeys(step.names[x] for x in step.node.operands if isinstance(x, Value)))
    pieces = ["", step.names[step.node], " is computed from "]
    if len(sources) > NAMED:
        return [*pieces, f"{len(sources)} Values", "."]
    for i, source in enumerate(sources):
        last = i == len(sources) - 1
        pieces += [source, "." if last else " and " if i == len(sources) - 2 else ", "]
    return pieces
