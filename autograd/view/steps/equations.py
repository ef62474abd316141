"""The chain rule with its numbers, as text, LaTeX and MathML."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ...value import Value
from ..notation.names import computed_from, computed_on, constant, named, operation_formula, quantity, telling
from ..notation.syntax import PRODUCT, RELATION, Formula, Infix, Name, Partial, Row, Words, equals, product
from ..notation.writers import latex, mathml, text

if TYPE_CHECKING:
    from .steps import ForwardStep, Step


def _formula(step: Step) -> Formula:
    names = step.names
    top, operand = names.root, names[step.operand]
    received = Partial(top, operand, "gradient")
    if step.node is None:
        return equals(received, quantity(step.gradient, "gradient"))
    node = names[step.node]
    # ∂y/∂q is written alike for the gradient and for the local derivative: colour tells them apart.
    chain = product([Partial(top, node, "gradient"), Partial(node, operand, "local")], wide=True)
    sides = [received, chain]
    if step.upstream * step.local == step.contribution or math.isnan(step.contribution):  # not ∞·0 = 0
        sides.append(product([quantity(step.upstream, "gradient"), quantity(step.local, "local")], wide=True))
    gradient = quantity(step.gradient, "gradient")
    if not step.again:  # the gradient is the product, but 0 where that is −0: gradients start at 0
        return equals(*sides, gradient)
    sides.append(quantity(step.contribution, "gradient"))
    equation = Infix(tuple(sides), ("+=", *["="] * (len(sides) - 2)), RELATION)
    return Row((equation, Words(", in all "), gradient))


def step_equation(step: Step) -> str:
    """``∂loss/∂w = ∂loss/∂p · ∂p/∂w = (−4) · 5 = −20``; where gradients meet, ``+=`` and the sum."""
    return text(_formula(step))


def step_latex(step: Step) -> str:
    """The same equation in LaTeX, without dollars around it."""
    return latex(_formula(step))


def step_mathml(step: Step, block: bool = True) -> str:
    """The same equation as a ``<math>`` element, its numbers of the classes ``gg-grad`` and ``gg-local``."""
    return mathml(_formula(step), block)


def _computed(step: ForwardStep) -> Formula:
    node, names = step.node, step.names
    symbols = operation_formula(node, partial(named, names))
    result, then = computed_from(node)
    numbers = []
    if then:
        digits = telling(result, lambda shown: computed_on(node, {x: shown(n) for x, n in then.items()}))
        numbers = [_spaced(operation_formula(node, partial(_in_digits, then, digits)))]
    return equals(Name(names[node]), symbols, *numbers, quantity(result, "data"))


def _in_digits(then: Mapping[Value, float], digits: int, operand: Value | float) -> Formula:
    return quantity(then[operand], "data", digits) if isinstance(operand, Value) else constant(operand)


def _spaced(formula: Formula) -> Formula:
    """The products of a formula as ``2 · 5``: between numbers, ``2·5`` would look like a decimal point."""
    if not isinstance(formula, Infix):
        return formula
    parts = tuple(map(_spaced, formula.parts))
    return replace(formula, parts=parts, wide=formula.binds == PRODUCT)


def computed_equation(step: ForwardStep) -> str:
    """``p = w·x = 2 · 5 = 10``."""
    return text(_computed(step))


def computed_mathml(step: ForwardStep, block: bool = True) -> str:
    """The same equation as a ``<math>`` element, its numbers of the class ``gg-data``."""
    return mathml(_computed(step), block)
