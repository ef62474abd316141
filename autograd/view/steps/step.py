"""Steps of a forward or backward pass, with their equations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from ...value import Value
from ..notation.names import (
    Names,
    computed_from,
    computed_on,
    constant,
    digits_needed,
    format_gradient,
    named,
    operation_formula,
    quantity,
    rounded,
)
from ..notation.syntax import PRODUCT, RELATION, Formula, Infix, Name, Partial, Row, Words, equals, product
from ..notation.writers import mathml, text


class Step(NamedTuple):
    """One application of the chain rule: ``node`` propagates its gradient to ``operand``.

    ``contribution = upstream · local`` is ∂root/∂node times ∂node/∂operand, and ``gradient`` the sum of
    the operand's contributions up to this step. The first step is the seed gradient, ∂root/∂root = 1;
    its ``node`` is None. ``number`` is the index of the step in the pass, ``position`` that of the
    operand, and ``again`` is True if the operand has received contributions before. A step prints as
    its equation.
    """

    number: int
    node: Value | None
    operand: Value
    position: int
    upstream: float
    local: float
    contribution: float
    gradient: float
    again: bool
    names: Names

    @property
    def formula(self) -> Formula:
        """Equation ``∂loss/∂w = ∂loss/∂p · ∂p/∂w = (−4) · 5 = −20``; a further contribution has ``+=``."""
        return _chain_rule(self)

    @property
    def mathml(self) -> str:
        """Equation as a ``<math>`` element; its numbers have the classes ``gg-grad`` and ``gg-local``."""
        return mathml(self.formula, block=True)

    @property
    def row(self) -> list[str]:
        node = "" if self.node is None else self.names[self.node]
        return [str(self.number), self.names[self.operand], node, str(self), format_gradient(self.gradient)]

    def __str__(self) -> str:
        return text(self.formula)

    def __repr__(self) -> str:
        return str(self)


class ForwardStep(NamedTuple):
    """One operation of the forward pass, which computes ``node``. It prints as its equation."""

    number: int
    node: Value
    names: Names

    @property
    def formula(self) -> Formula:
        """Equation ``p = w·x = 2 · 5 = 10``."""
        return _computed(self)

    @property
    def mathml(self) -> str:
        """Equation as a ``<math>`` element; its numbers have the class ``gg-data``."""
        return mathml(self.formula, block=True)

    @property
    def row(self) -> list[str]:
        return [str(self.number), self.names[self.node], "", str(self), ""]

    def __str__(self) -> str:
        return text(self.formula)

    def __repr__(self) -> str:
        return str(self)


def _chain_rule(step: Step) -> Formula:
    names = step.names
    top, operand = names.root, names[step.operand]
    received = Partial(top, operand, "gradient")
    if step.node is None:
        return equals(received, quantity(step.gradient, "gradient"))
    node = names[step.node]
    # ∂y/∂q is written the same for the gradient and for the local derivative: colors distinguish them.
    chain = product([Partial(top, node, "gradient"), Partial(node, operand, "local")], wide=True)
    sides = [received, chain]
    if step.upstream * step.local == step.contribution or math.isnan(step.contribution):  # not ∞·0 = 0
        sides.append(product([quantity(step.upstream, "gradient"), quantity(step.local, "local")], wide=True))
    gradient = quantity(step.gradient, "gradient")
    if not step.again:  # the gradient is the product, except 0 for −0, since gradients start at 0
        return equals(*sides, gradient)
    sides.append(quantity(step.contribution, "gradient"))
    equation = Infix(tuple(sides), ("+=", *["="] * (len(sides) - 2)), RELATION)
    return Row((equation, Words(", in all "), gradient))


def _computed(step: ForwardStep) -> Formula:
    node, names = step.node, step.names
    symbols = operation_formula(node, partial(named, names))
    result, operands = computed_from(node)
    numbers = []
    if operands:
        digits = digits_needed(
            result, lambda n: computed_on(node, {x: rounded(data, n) for x, data in operands.items()}, n)
        )
        numbers = [_spaced(operation_formula(node, partial(_in_digits, operands, digits)))]
    return equals(Name(names[node]), symbols, *numbers, quantity(result, "data"))


def _in_digits(numbers: Mapping[Value, float], digits: int, operand: Value | float) -> Formula:
    if isinstance(operand, Value):
        return quantity(numbers[operand], "data", digits)
    return constant(operand, digits)


def _spaced(formula: Formula) -> Formula:
    """Write products as ``2 · 5``, since ``2·5`` looks like a decimal number."""
    if not isinstance(formula, Infix):
        return formula
    parts = tuple(map(_spaced, formula.parts))
    return replace(formula, parts=parts, wide=formula.binds == PRODUCT)
