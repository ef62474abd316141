"""Evaluation, comparison and simplification of symbolic expressions."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...floats import IEEE
from ...ieee import IeeeFloat
from ...symbols import Operand, Symbol, is_group

#: The data of each name.
Numbers = Mapping[str, float]

_MEANING: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": IeeeFloat.__truediv__,
    "neg": operator.neg,
    "lt": operator.lt,
    "le": operator.le,
}
#: Operations that are computed if all operands are numbers; log(2) stays, as it says more than 0.6931.
_FOLDED = {*_MEANING, "pow", "eq"}


class Condition(NamedTuple):
    """Comparison such as ``x ≤ 0`` that selects a branch of a rule, with its truth value."""

    comparison: Symbol
    holds: bool


def evaluate_symbols(expression: Operand, numbers: Numbers) -> Any:
    """Evaluate an expression in IEEE arithmetic; a condition evaluates to its truth value.

    A derivative of None, where no gradient flows, is 0.

    >>> evaluate_symbols(1.0 / Symbol("x"), {"x": 0.0})
    inf
    """
    result = _evaluate(expression, numbers)
    return float(result) if isinstance(result, IeeeFloat) else result


def _evaluate(expression: Operand, numbers: Numbers) -> Any:
    if is_group(expression):
        return [_evaluate(element, numbers) for element in expression]
    if not isinstance(expression, Symbol):
        return IeeeFloat(0.0 if expression is None else expression)
    if not expression.args:
        return IeeeFloat(numbers[expression.op])
    meaning = _MEANING.get(expression.op) or getattr(IEEE, expression.op)
    return meaning(*(_evaluate(arg, numbers) for arg in expression.args))


def same(a: Operand, b: Operand) -> bool:
    """Return True if two expressions are identical."""
    if isinstance(a, Symbol) and isinstance(b, Symbol):
        return a.op == b.op and len(a.args) == len(b.args) and all(map(same, a.args, b.args))
    return not isinstance(a, Symbol) and not isinstance(b, Symbol) and a == b


def is_number(expression: Operand, x: float) -> bool:
    """Return True if an expression is that number."""
    return not isinstance(expression, Symbol | list) and expression == x


def _size(expression: Operand) -> int:
    """Return the complexity of an expression; a function counts more than an operator."""
    if not isinstance(expression, Symbol) or not expression.args:
        return 1
    return (1 if expression.op in _FOLDED else 3) + sum(map(_size, expression.args))


def _has_name(expression: Operand) -> bool:
    """Return True if an expression contains a name, so that its value can vary."""
    if not isinstance(expression, Symbol):
        return False
    return not expression.args or any(map(_has_name, expression.args))


def has_group(expression: Operand) -> bool:
    """Return True if an expression contains a group of operands, as in a sum."""
    return is_group(expression) or (isinstance(expression, Symbol) and any(map(has_group, expression.args)))


def is_op(expression: Operand, op: str) -> bool:
    """Return True if an expression is that operation; a name has no operands and is none."""
    return isinstance(expression, Symbol) and expression.op == op and bool(expression.args)


class Simplifier:
    """Simplifier of expressions, which may use the current numbers."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        #: False if a simplification depends on the current numbers.
        self.is_general = True

    def simplify(self, expression: Operand, conditions: list[Condition]) -> Operand:
        """Simplify an expression; the assumptions are appended to ``conditions``."""
        if expression is None:
            return 0.0
        if not isinstance(expression, Symbol) or not expression.args:
            return expression
        if expression.op == "where":
            return self.choose(expression, conditions)
        args = [self.simplify(arg, conditions) for arg in expression.args]
        if expression.op in _FOLDED and not any(isinstance(arg, Symbol) for arg in args):
            return evaluate_symbols(Symbol(expression.op, tuple(args)), {})
        by_op = {"+": self.add, "-": self.subtract, "*": self.multiply, "/": self.divide}
        if expression.op in by_op:
            return by_op[expression.op](*args)
        if expression.op == "neg":
            return self.negative(args[0])
        if expression.op == "pow" and is_number(args[1], 1.0):
            return args[0]
        if expression.op == "pow" and is_number(args[1], 0.0):
            return 1.0
        return Symbol(expression.op, tuple(args))

    def choose(self, symbol: Symbol, conditions: list[Condition]) -> Operand:
        """Return the branch selected at the current numbers, with its condition.

        The condition is omitted if the other branch gives the same number: some rules have a second
        branch only for its accuracy. Then the branch with fewer assumptions, or the simpler one, is used.
        """
        nested: list[Condition] = []
        condition = self.simplify(symbol.args[0], nested)
        selector = Condition(condition, bool(evaluate_symbols(condition, self.numbers)))
        branches = symbol.args[1:] if selector.holds else symbol.args[:0:-1]
        choice = self._form(branches[0], selector)
        if not _has_name(condition):
            conditions += choice[1]
            return choice[0]
        self.is_general = False
        other = self._form(branches[1], selector)
        if isinstance(choice[0], Symbol) == isinstance(other[0], Symbol) and self.agree(choice[0], other[0]):
            choice = min(choice, other, key=lambda form: (len(form[1]), _size(form[0])))
        else:
            conditions += [*nested, selector]
        conditions += choice[1]
        return choice[0]

    def _form(self, branch: Operand, selector: Condition) -> tuple[Operand, list[Condition]]:
        """Simplify a branch; return it with its assumptions, except the condition that selects it."""
        assumptions: list[Condition] = []
        form = self.simplify(branch, assumptions)
        return form, [c for c in assumptions if not (c.holds == selector.holds and same(c[0], selector[0]))]

    def agree(self, a: Operand, b: Operand) -> bool:
        x, y = evaluate_symbols(a, self.numbers), evaluate_symbols(b, self.numbers)
        return math.isclose(x, y, rel_tol=1e-9) or (math.isnan(x) and math.isnan(y))

    def negative(self, a: Operand) -> Operand:
        if not isinstance(a, Symbol):
            return -a
        return a.args[0] if is_op(a, "neg") else -a

    def add(self, a: Operand, b: Operand) -> Operand:
        if is_number(a, 0.0):
            return b
        if is_number(b, 0.0):
            return a
        return a - b.args[0] if is_op(b, "neg") else Symbol("+", (a, b))

    def subtract(self, a: Operand, b: Operand) -> Operand:
        if is_number(b, 0.0):
            return a
        if is_number(a, 0.0):
            return self.negative(b)
        return a + b.args[0] if is_op(b, "neg") else Symbol("-", (a, b))

    def multiply(self, a: Operand, b: Operand) -> Operand:
        for one, other in ((a, b), (b, a)):
            if is_op(one, "neg"):
                return self.negative(self.multiply(one.args[0], other))
            if is_number(one, 1.0):
                return other
            if is_number(one, -1.0):
                return self.negative(other)
            if is_number(one, 0.0) and math.isfinite(evaluate_symbols(other, self.numbers)):
                self.is_general = False
                return 0.0
        if is_op(a, "/") and is_op(b, "/"):
            top = self.multiply(a.args[0], b.args[0])
            return self.divide(top, self.multiply(a.args[1], b.args[1]))
        if same(a, b):
            return Symbol("pow", (a, 2.0))
        return Symbol("*", (a, b))

    def divide(self, a: Operand, b: Operand) -> Operand:
        if is_number(b, 1.0):
            return a
        if is_op(a, "neg"):
            return self.negative(self.divide(a.args[0], b))
        if is_number(a, 0.0) and evaluate_symbols(b, self.numbers) != 0.0:
            self.is_general = False
            return 0.0
        if has_group(b) and math.isclose(evaluate_symbols(b, self.numbers), 1.0, rel_tol=1e-9):
            self.is_general = False  # a sum that is 1 except for rounding, which is there for accuracy
            return a
        return Symbol("/", (a, b))
