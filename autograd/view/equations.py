"""The chain rule with its numbers, as text, LaTeX and MathML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .formula import RELATION, Formula, Infix, Partial, Row, Words, equals, product
from .notation import quantity
from .pens import latex, mathml, text

if TYPE_CHECKING:
    from .stepping import Step


def _formula(step: Step) -> Formula:
    names = step.names
    top, operand = names.root, names[step.operand]
    received = Partial(top, operand, "gradient")
    if step.node is None:
        return equals(received, quantity(step.gradient, "gradient"))
    node = names[step.node]
    # ∂y/∂q is written alike for the gradient and for the local derivative: colour tells them apart.
    chain = product([Partial(top, node, "gradient"), Partial(node, operand, "local")], wide=True)
    numbers = product([quantity(step.upstream, "gradient"), quantity(step.local, "local")], wide=True)
    sides = (received, chain, numbers, quantity(step.contribution, "gradient"))
    if not step.again:
        return equals(*sides)
    equation = Infix(sides, ("+=", "=", "="), RELATION)
    return Row((equation, Words(", in all "), quantity(step.gradient, "gradient")))


def step_equation(step: Step) -> str:
    """``∂loss/∂w = ∂loss/∂p · ∂p/∂w = (−4) · 5 = −20``; where gradients meet, ``+=`` and the sum."""
    return text(_formula(step))


def step_latex(step: Step) -> str:
    """The same equation in LaTeX, without dollars around it."""
    return latex(_formula(step))


def step_mathml(step: Step, block: bool = True) -> str:
    """The same equation as a ``<math>`` element, its numbers of the classes ``gg-grad`` and ``gg-local``."""
    return mathml(_formula(step), block)
