"""A step of a pass: what is computed or passed back, and the equation of it."""

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
    format_number,
    named,
    operation_formula,
    quantity,
    telling,
)
from ..notation.syntax import PRODUCT, RELATION, Formula, Infix, Name, Partial, Row, Words, equals, product
from ..notation.writers import mathml, text


class Step(NamedTuple):
    """One application of the chain rule: ``operand`` receives from ``node``, which was made of it.

    ``contribution = upstream · local``: ∂root/∂node times ∂node/∂operand; ``gradient`` is what the
    operand has received so far, this step included. The first step is the seed, ∂root/∂root = 1: its
    ``node`` is None. It prints as its equation; ``number`` is its place in the pass.
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
        """``∂loss/∂w = ∂loss/∂p · ∂p/∂w = (−4) · 5 = −20``; where gradients meet, ``+=`` and the sum."""
        return _chain_rule(self)

    @property
    def mathml(self) -> str:
        """The equation as a ``<math>`` element, its numbers of the classes ``gg-grad`` and ``gg-local``."""
        return mathml(self.formula, block=True)

    @property
    def row(self) -> list[str]:
        node = "" if self.node is None else self.names[self.node]
        return [str(self.number), self.names[self.operand], node, str(self), format_number(self.gradient)]

    def __str__(self) -> str:
        return text(self.formula)

    def __repr__(self) -> str:
        return str(self)


class ForwardStep(NamedTuple):
    """One operation of the forward pass: ``node`` is computed. It prints as its equation."""

    number: int
    node: Value
    names: Names

    @property
    def formula(self) -> Formula:
        """``p = w·x = 2 · 5 = 10``."""
        return _computed(self)

    @property
    def mathml(self) -> str:
        """The equation as a ``<math>`` element, its numbers of the class ``gg-data``."""
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
    if not step.again:  # the gradient is the product, but 0 where that is −0: gradients start at 0
        return equals(*sides, gradient)
    sides.append(quantity(step.contribution, "gradient"))
    equation = Infix(tuple(sides), ("+=", *["="] * (len(sides) - 2)), RELATION)
    return Row((equation, Words(", in all "), gradient))


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
