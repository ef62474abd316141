"""Symbolic expressions evaluated, compared and simplified, so that a rule can be read."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...floats import IEEE
from ...ieee import IeeeFloat
from ...symbols import Operand, Symbol, is_group

#: The number of each name.
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
#: What is computed where all operands are numbers; functions stand: log(2) says more than 0.6931.
_FOLDED = {*_MEANING, "pow", "eq"}


class Condition(NamedTuple):
    """A comparison, such as ``x ≤ 0``, that decides between two forms of a rule, and whether it holds."""

    comparison: Symbol
    holds: bool


def evaluate_symbols(expression: Operand, numbers: Numbers) -> Any:
    """The number that an expression gives, in IEEE arithmetic; of a condition, whether it holds.

    A derivative of None, where nothing is passed back, is 0.

    >>> evaluate_symbols(1.0 / Symbol("x"), {"x": 0.0})
    inf
    """
    found = _evaluate(expression, numbers)
    return float(found) if isinstance(found, IeeeFloat) else found


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
    """Return True if two expressions are written alike."""
    if isinstance(a, Symbol) and isinstance(b, Symbol):
        return a.op == b.op and len(a.args) == len(b.args) and all(map(same, a.args, b.args))
    return not isinstance(a, Symbol) and not isinstance(b, Symbol) and a == b


def is_number(expression: Operand, x: float) -> bool:
    """Return True if an expression is that number."""
    return not isinstance(expression, Symbol | list) and expression == x


def _size(expression: Operand) -> int:
    """The length of an expression to a reader; a function counts for more than an operator."""
    if not isinstance(expression, Symbol) or not expression.args:
        return 1
    return (1 if expression.op in _FOLDED else 3) + sum(map(_size, expression.args))


def _names_in(expression: Operand) -> bool:
    """Return True if there is a name in it, so that it gives another result for other numbers."""
    if not isinstance(expression, Symbol):
        return False
    return not expression.args or any(map(_names_in, expression.args))


def has_group(expression: Operand) -> bool:
    """Return True if a whole group of operands is anywhere in it, as in a sum."""
    return is_group(expression) or (isinstance(expression, Symbol) and any(map(has_group, expression.args)))


def is_op(expression: Operand, op: str) -> bool:
    """Return True if it is that operation on operands; a name has none, whatever it is."""
    return isinstance(expression, Symbol) and expression.op == op and bool(expression.args)


class Simplifier:
    """Algebra for reading: an expression that gives the same at these numbers, written shorter."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        #: False once a form was taken because of these numbers: others may have another one.
        self.is_general = True

    def simplify(self, expression: Operand, conditions: list[Condition]) -> Operand:
        """The expression written shorter; what that presupposes is added to ``conditions``."""
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

    def choose(self, where: Symbol, conditions: list[Condition]) -> Operand:
        """The branch that counts at these numbers, with the condition.

        Without it, if the other branch gives the same number: the table has a second form of some rules
        only because it keeps more digits. The one that presupposes less, or is shorter, is taken then.
        """
        nested: list[Condition] = []
        condition = self.simplify(where.args[0], nested)
        decided = Condition(condition, bool(evaluate_symbols(condition, self.numbers)))
        branches = where.args[1:] if decided.holds else where.args[:0:-1]
        taken = self._form(branches[0], decided)
        if not _names_in(condition):
            conditions += taken[1]
            return taken[0]
        self.is_general = False
        other = self._form(branches[1], decided)
        if isinstance(taken[0], Symbol) == isinstance(other[0], Symbol) and self.agree(taken[0], other[0]):
            taken = min(taken, other, key=lambda form: (len(form[1]), _size(form[0])))
        else:
            conditions += [*nested, decided]
        conditions += taken[1]
        return taken[0]

    def _form(self, branch: Operand, decided: Condition) -> tuple[Operand, list[Condition]]:
        """A branch, simplified, and what it presupposes besides the condition that decides on it."""
        presupposed: list[Condition] = []
        form = self.simplify(branch, presupposed)
        return form, [c for c in presupposed if not (c.holds == decided.holds and same(c[0], decided[0]))]

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
            self.is_general = False  # a sum that is 1 but for rounding, which keeps digits alone
            return a
        return Symbol("/", (a, b))
