"""The chain rule with its numbers, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .notation import factor, number

if TYPE_CHECKING:
    from .stepping import Step


def step_equation(step: Step) -> str:
    """``∂loss/∂w = ∂loss/∂p · ∂p/∂w = (−4) · 5 = −20``; where gradients meet, ``+=`` and the sum."""
    names = step.names
    top, operand = names.root, names[step.operand]
    if step.node is None:
        return f"∂{top}/∂{operand} = {number(step.gradient)}"
    node = names[step.node]
    equation = (
        f"∂{top}/∂{operand} {'+=' if step.again else '='} ∂{top}/∂{node} · ∂{node}/∂{operand} "
        f"= {factor(step.upstream)} · {factor(step.local)} = {number(step.contribution)}"
    )
    return f"{equation}, in all {number(step.gradient)}" if step.again else equation
