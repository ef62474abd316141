"""What happens in a step, in words: for people who read, and for those who listen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..value import Value
from .notation import operation

if TYPE_CHECKING:
    from .stepping import ForwardStep, Step

#: So many operands are named; of more, the number is told.
NAMED = 4


def of_step(step: Step) -> list[str]:
    """A sentence in pieces, of which every second is a name or a formula, to be set in bold."""
    names, operand = step.names, step.names[step.operand]
    if step.node is None:
        return ["Backward starts at ", operand, ": its derivative with respect to itself is 1."]
    node = names[step.node]
    why = f": the gradient of {node} times the local derivative."
    if step.contribution == 0.0:
        dead = "the local derivative is 0" if step.local == 0.0 else f"the gradient of {node} is 0"
        why = f", but nothing flows: {dead}."
    elif step.again:
        why = ". It has a gradient already: where gradients meet, they add up."
    return ["", operand, " receives from ", f"{node} = {operation(step.node, names)}", why]


def of_forward_step(step: ForwardStep) -> list[str]:
    """The same for an operation: ``p is computed from w and x.``"""
    sources = list(dict.fromkeys(step.names[x] for x in step.node.operands if isinstance(x, Value)))
    pieces = ["", step.names[step.node], " is computed from "]
    if len(sources) > NAMED:
        return [*pieces, f"{len(sources)} Values", "."]
    for i, source in enumerate(sources):
        last = i == len(sources) - 1
        pieces += [source, "." if last else " and " if i == len(sources) - 2 else ", "]
    return pieces
