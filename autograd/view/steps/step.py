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
    operand_formula,
    operation_formula,
    quantity,
    round_number,
)
from ..notation.syntax import (
    PRODUCT,
    RELATION,
    Formula,
    Grad,
    Infix,
    Name,
    Partial,
    Row,
    Words,
    equals,
    product,
)
from ..notation.writers import mathml, text


class Step(NamedTuple):
    """One application of the chain rule: ``node`` propagates its gradient to ``operand``.

    ``contribution = upstream · local`` is the gradient of ``node`` times ∂node/∂operand, and ``gradient``
    the sum of the operand's contributions up to this step. The first step is the seed,
    ``root.grad = 1``; its ``node`` is None. ``number`` is the index of the step in the pass, ``position``
    that of the operand, and ``again`` is True if the operand has received contributions before. A step
    prints as its equation.
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
        """Update ``w.grad += p.grad · ∂p/∂w = (−4) · 5 = −20``; a further contribution adds the total."""
        return _update(self)

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
        return _computation(self)

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


def _update(step: Step) -> Formula:
    names, total = step.names, quantity(step.gradient, "gradient")
    gradient = Grad(names[step.operand])
    if step.node is None:
        return equals(gradient, total)
    local = Partial(names[step.node], names[step.operand], "local")
    sides = [product([Grad(names[step.node]), local], wide=True)]
    if step.upstream * step.local == step.contribution or math.isnan(step.contribution):  # not ∞·0 = 0
        sides.append(product([quantity(step.upstream, "gradient"), quantity(step.local, "local")], wide=True))
    sides.append(quantity(step.contribution + 0.0, "gradient"))  # 0 for −0, since gradients start at 0
    update = Infix((gradient, *sides), ("+=", *["="] * (len(sides) - 1)), RELATION)
    return Row((update, Words(", total "), total)) if step.again else update


def _computation(step: ForwardStep) -> Formula:
    node, names = step.node, step.names
    symbols = operation_formula(node, partial(operand_formula, names))
    result, operands = computed_from(node)
    numbers = []
    if operands:
        digits = digits_needed(
            result, lambda n: computed_on(node, {x: round_number(data, n) for x, data in operands.items()}, n)
        )
        numbers = [_space_products(operation_formula(node, partial(_in_digits, operands, digits)))]
    return equals(Name(names[node]), symbols, *numbers, quantity(result, "data"))


def _in_digits(numbers: Mapping[Value, float], digits: int, operand: Value | float) -> Formula:
    if isinstance(operand, Value):
        return quantity(numbers[operand], "data", digits)
    return constant(operand, digits)


def _space_products(formula: Formula) -> Formula:
    """Write products as ``2 · 5``, since ``2·5`` looks like a decimal number."""
    if not isinstance(formula, Infix):
        return formula
    parts = tuple(map(_space_products, formula.parts))
    return replace(formula, parts=parts, wide=formula.binds == PRODUCT)
