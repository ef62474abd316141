"""Symbolic expressions evaluated, compared and simplified, so that a rule can be read."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..arithmetic import CAREFUL, Ieee
from ..symbols import Operand, Symbol, is_group

#: What each name stands for.
Numbers = Mapping[str, float]

_MEANING: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": Ieee.__truediv__,
    "neg": operator.neg,
}
#: What is computed where all operands are numbers; functions stand: log(2) says more than 0.6931.
_FOLDED = {*_MEANING, "pow", "lt", "le", "eq"}


class Condition(NamedTuple):
    """What decided between two forms of a rule, such as ``x ≤ 0``: a comparison, and whether it holds."""

    comparison: Symbol
    holds: bool


def evaluate(expression: Operand, numbers: Numbers) -> Any:
    """What an expression is worth, in IEEE arithmetic; of a condition, whether it holds.

    >>> evaluate(1.0 / Symbol("x"), {"x": 0.0})
    inf
    """
    found = _evaluate(expression, numbers)
    return float(found) if isinstance(found, Ieee) else found


def _evaluate(expression: Operand, numbers: Numbers) -> Any:
    if is_group(expression):
        return [_evaluate(item, numbers) for item in expression]
    if not isinstance(expression, Symbol):
        return Ieee(expression)
    if not expression.args:
        return Ieee(numbers[expression.op])
    meaning = _MEANING.get(expression.op) or getattr(CAREFUL, expression.op)
    return meaning(*(_evaluate(arg, numbers) for arg in expression.args))


def same(a: Operand, b: Operand) -> bool:
    """Whether two expressions are written alike."""
    if isinstance(a, Symbol) and isinstance(b, Symbol):
        return a.op == b.op and len(a.args) == len(b.args) and all(map(same, a.args, b.args))
    return not isinstance(a, Symbol | list) and not isinstance(b, Symbol | list) and a == b


def _size(expression: Operand) -> int:
    """How long it is to read; a function counts for more than an operator."""
    if not isinstance(expression, Symbol) or not expression.args:
        return 1
    return (1 if expression.op in _FOLDED else 3) + sum(map(_size, expression.args))


def _names_in(expression: Operand) -> bool:
    """Whether there is a name in it, so that it is worth something else at other numbers."""
    if not isinstance(expression, Symbol):
        return False
    return not expression.args or any(map(_names_in, expression.args))


def mentions(expression: Operand, op: str) -> bool:
    """Whether the operation is anywhere in it."""
    if not isinstance(expression, Symbol):
        return False
    return is_op(expression, op) or any(mentions(arg, op) for arg in expression.args)


def is_op(expression: Operand, op: str) -> bool:
    """Whether it is that operation on operands; a name has none, whatever it is."""
    return isinstance(expression, Symbol) and expression.op == op and bool(expression.args)


class Simplifier:
    """Algebra for reading: what is worth the same at these numbers, written shorter."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers

    def simplify(self, expression: Operand, conditions: list[Condition]) -> Operand:
        if not isinstance(expression, Symbol) or not expression.args:
            return expression
        if expression.op == "where":
            return self.choose(expression, conditions)
        args = [self.simplify(arg, conditions) for arg in expression.args]
        if expression.op in _FOLDED and not any(isinstance(arg, Symbol | list) for arg in args):
            return evaluate(Symbol(expression.op, tuple(args)), {})
        by_op = {"+": self.add, "-": self.subtract, "*": self.multiply, "/": self.divide}
        if expression.op in by_op:
            return by_op[expression.op](*args)
        if expression.op == "neg":
            return self.negative(args[0])
        if expression.op == "pow" and args[1] == 1.0:
            return args[0]
        if expression.op == "pow" and args[1] == 0.0:
            return 1.0
        return Symbol(expression.op, tuple(args))

    def choose(self, where: Symbol, conditions: list[Condition]) -> Operand:
        nested: list[Condition] = []
        condition = self.simplify(where.args[0], nested)
        known = not _names_in(condition)
        holds = bool(evaluate(condition, self.numbers))
        presupposed: tuple[list[Condition], list[Condition]] = ([], [])
        taken = self.simplify(where.args[1 if holds else 2], presupposed[0])
        if known:
            conditions += presupposed[0]
            return taken
        other = self.simplify(where.args[2 if holds else 1], presupposed[1])
        if self.agree(taken, other):
            if isinstance(other, Symbol) and _size(other) < _size(taken):
                taken, presupposed = other, (presupposed[1], presupposed[0])
            if isinstance(other, Symbol) or not isinstance(taken, Symbol):
                conditions += presupposed[0]
                return taken
        conditions += [*nested, Condition(condition, holds), *presupposed[0]]
        return taken

    def agree(self, a: Operand, b: Operand) -> bool:
        x, y = evaluate(a, self.numbers), evaluate(b, self.numbers)
        return math.isclose(x, y, rel_tol=1e-9) or (math.isnan(x) and math.isnan(y))

    def negative(self, a: Operand) -> Operand:
        if not isinstance(a, Symbol):
            return -a
        return a.args[0] if is_op(a, "neg") else -a

    def add(self, a: Operand, b: Operand) -> Operand:
        if a == 0.0:
            return b
        if b == 0.0:
            return a
        return a - b.args[0] if is_op(b, "neg") else Symbol("+", (a, b))

    def subtract(self, a: Operand, b: Operand) -> Operand:
        if b == 0.0:
            return a
        if a == 0.0:
            return self.negative(b)
        return a + b.args[0] if is_op(b, "neg") else Symbol("-", (a, b))

    def multiply(self, a: Operand, b: Operand) -> Operand:
        for one, other in ((a, b), (b, a)):
            if is_op(one, "neg"):
                return self.negative(self.multiply(one.args[0], other))
            if one == 1.0:
                return other
            if one == -1.0:
                return self.negative(other)
            if one == 0.0 and math.isfinite(evaluate(other, self.numbers)):
                return 0.0
        if is_op(a, "/") and is_op(b, "/"):
            top = self.multiply(a.args[0], b.args[0])
            return self.divide(top, self.multiply(a.args[1], b.args[1]))
        if same(a, b):
            return Symbol("pow", (a, 2.0))
        return Symbol("*", (a, b))

    def divide(self, a: Operand, b: Operand) -> Operand:
        if b == 1.0:
            return a
        if is_op(a, "neg"):
            return self.negative(self.divide(a.args[0], b))
        if a == 0.0 and evaluate(b, self.numbers) != 0.0:
            return 0.0
        return Symbol("/", (a, b))
