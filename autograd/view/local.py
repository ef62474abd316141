"""The local derivative of an operation as a formula: the table's rule, read on symbols."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..arithmetic import CAREFUL, Ieee
from ..backward import cotangents, primals, regroup
from ..primitives import ADD, DIV, NEG, POW, PRIMITIVES, SUB
from ..symbols import Operand, Symbol, Symbols
from ..value import Value
from .formula import RELATION, Call, Formula, Fraction, Infix, Minus, Name, Row, Words, product
from .notation import Names, quantity
from .template import op_formula

#: What a name stands for.
Numbers = Mapping[str, float]

_ARITHMETIC = {"+": ADD, "-": SUB, "/": DIV, "neg": NEG, "pow": POW}
#: What is computed where all operands are numbers; functions stand: log(2) says more than 0.6931.
_FOLDED = {*_ARITHMETIC, "*", "lt", "le", "eq"}
_MEANING: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "neg": operator.neg,
}
_COMPARISONS = {"lt": "<", "le": "≤", "eq": "="}
#: What a comparison that holds leaves possible: that the first is less, equal or greater.
_POSSIBLE = {"lt": "<", "le": "<=", "eq": "="}
_SIGNS = {"<": "<", "=": "=", ">": ">", "<=": "≤", "=>": "≥", "<>": "≠"}


class Condition(NamedTuple):
    """What decided between two forms of a rule, such as ``x ≤ 0``: a comparison, and whether it holds."""

    comparison: Symbol
    holds: bool


class Local(NamedTuple):
    """∂node/∂operand in symbols: an expression, what its names are worth, and what it presupposes."""

    expression: Operand
    numbers: Numbers
    conditions: tuple[Condition, ...]

    @property
    def value(self) -> float:
        """The expression with its numbers."""
        return float(evaluate(self.expression, self.numbers))

    def in_symbols(self) -> Formula:
        return written(self.expression, Name)

    def in_numbers(self) -> Formula:
        return written(self.expression, lambda name: quantity(self.numbers[name], "data"))

    def since(self) -> list[Formula]:
        """The conditions as formulas; what is known of the same two sides is said in one: ``a > b``."""
        known: list[tuple[Operand, Operand, str]] = []
        for condition in self.conditions:
            a, b = condition.comparison.args
            possible = _POSSIBLE[condition.comparison.op]
            if not condition.holds:
                possible = "".join(c for c in "<=>" if c not in possible)
            if not isinstance(a, Symbol):
                a, b, possible = b, a, _mirrored(possible)
            for i, (x, y, before) in enumerate(known):
                if _same(x, b) and _same(y, a):
                    a, b, possible = b, a, _mirrored(possible)
                if _same(x, a) and _same(y, b):
                    known[i] = (a, b, "".join(c for c in before if c in possible))
                    break
            else:
                known.append((a, b, possible))
        return [self._fact(*fact) for fact in known]

    def _fact(self, a: Operand, b: Operand, possible: str) -> Formula:
        for side in (a, b):
            if math.isnan(evaluate(side, self.numbers)):
                return Row((written(side, Name), Words(" is nan")))
        return Infix((written(a, Name), written(b, Name)), (_SIGNS[possible],), RELATION)


def _mirrored(possible: str) -> str:
    """What is possible of b and a, given what is of a and b."""
    return "".join(sorted(possible.translate(str.maketrans("<>", "><"))))


def local_derivative(node: Value, position: int, names: Names) -> Local:
    """∂node/∂operand for the operand at ``position``: its rule at g = 1, simplified for reading.

    >>> from .pens import text
    >>> from .notation import names_of
    >>> x = Value(3.0, label="x")
    >>> y = x**2
    >>> local = local_derivative(y, 0, names_of(y))
    >>> text(local.in_symbols()), text(local.in_numbers()), local.value
    ('2·x', '2·3', 6.0)

    Where a rule selects, the form that counts at these numbers is taken, and the condition kept,
    unless the other form is worth the same and shorter: the table has a second form of some rules
    only because it keeps more digits.
    """
    op = node.primitive
    if op is None:
        raise ValueError(f"{node!r} is a leaf: it has no operands to be differentiated by")
    result, then = primals(node)
    numbers = {names[node]: result}
    symbols: list[Operand] = []
    for operand, primal in zip(node.operands, then, strict=True):
        symbols.append(Symbol(names[operand]) if isinstance(operand, Value) else primal)
        if isinstance(operand, Value):
            numbers[names[operand]] = primal
    rule, seen = op.vjps[position] if not op.nary else None, symbols
    if rule is None:
        groups = regroup(node, symbols)
        rule, lane = _rule_of_lane(op.vjps, groups, position)
        seen = (
            [group[lane] if isinstance(group, list) else group for group in groups] if lane >= 0 else groups
        )
    said = rule(Symbols(), 1.0, Symbol(names[node]), *seen)
    if _mentions(said, "each"):  # a sum over a whole group can't be written in a line
        return Local(cotangents(node, 1.0)[position], numbers, ())
    conditions: list[Condition] = []
    expression = _Simplifier(numbers).simplify(said, conditions)
    return Local(expression, numbers, tuple(conditions))


def _rule_of_lane(vjps: Any, groups: list[Any], position: int) -> tuple[Any, int]:
    """The rule for an operand of an n-ary operation, and its lane; −1 for one in no group."""
    for rule, group in zip(vjps, groups, strict=True):
        width = len(group) if isinstance(group, list) else 1
        if position < width:
            return rule, position if isinstance(group, list) else -1
        position -= width
    raise IndexError(position)


def evaluate(expression: Operand, numbers: Numbers) -> Any:
    """What an expression is worth, in IEEE arithmetic; of a condition, whether it holds.

    >>> evaluate(1.0 / Symbol("x"), {"x": 0.0})
    inf
    """
    found = _evaluate(expression, numbers)
    return float(found) if isinstance(found, Ieee) else found


def _evaluate(expression: Operand, numbers: Numbers) -> Any:
    if isinstance(expression, list):
        return [_evaluate(item, numbers) for item in expression]
    if not isinstance(expression, Symbol):
        return Ieee(expression)
    if not expression.args:
        return Ieee(numbers[expression.op])
    meaning = _MEANING.get(expression.op) or getattr(CAREFUL, expression.op)
    return meaning(*(_evaluate(arg, numbers) for arg in expression.args))


def _same(a: Operand, b: Operand) -> bool:
    if isinstance(a, Symbol) and isinstance(b, Symbol):
        return a.op == b.op and len(a.args) == len(b.args) and all(map(_same, a.args, b.args))
    return not isinstance(a, Symbol | list) and not isinstance(b, Symbol | list) and a == b


def _size(expression: Operand) -> int:
    """How long it is to read; a function counts for more than an operator."""
    if not isinstance(expression, Symbol) or not expression.args:
        return 1
    return (1 if expression.op in _ARITHMETIC or expression.op == "*" else 3) + sum(
        map(_size, expression.args)
    )


def _names_in(expression: Operand) -> bool:
    """Whether there is a name in it, so that it is worth something else at other numbers."""
    if not isinstance(expression, Symbol):
        return False
    return not expression.args or any(map(_names_in, expression.args))


def _mentions(expression: Operand, op: str) -> bool:
    if not isinstance(expression, Symbol):
        return False
    return expression.op == op or any(_mentions(arg, op) for arg in expression.args)


def _is(expression: Operand, op: str) -> bool:
    return isinstance(expression, Symbol) and expression.op == op and bool(expression.args)


class _Simplifier:
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
        return a.args[0] if _is(a, "neg") else -a

    def add(self, a: Operand, b: Operand) -> Operand:
        if a == 0.0:
            return b
        if b == 0.0:
            return a
        return a - b.args[0] if _is(b, "neg") else Symbol("+", (a, b))

    def subtract(self, a: Operand, b: Operand) -> Operand:
        if b == 0.0:
            return a
        if a == 0.0:
            return self.negative(b)
        return a + b.args[0] if _is(b, "neg") else Symbol("-", (a, b))

    def multiply(self, a: Operand, b: Operand) -> Operand:
        for one, other in ((a, b), (b, a)):
            if _is(one, "neg"):
                return self.negative(self.multiply(one.args[0], other))
            if one == 1.0:
                return other
            if one == -1.0:
                return self.negative(other)
            if one == 0.0 and math.isfinite(evaluate(other, self.numbers)):
                return 0.0
        if _is(a, "/") and _is(b, "/"):
            top = self.multiply(a.args[0], b.args[0])
            return self.divide(top, self.multiply(a.args[1], b.args[1]))
        if _same(a, b):
            return Symbol("pow", (a, 2.0))
        return Symbol("*", (a, b))

    def divide(self, a: Operand, b: Operand) -> Operand:
        if b == 1.0:
            return a
        if _is(a, "neg"):
            return self.negative(self.divide(a.args[0], b))
        if a == 0.0 and evaluate(b, self.numbers) != 0.0:
            return 0.0
        return Symbol("/", (a, b))


def written(expression: Operand, name: Callable[[str], Formula]) -> Formula:
    """An expression as a formula, its names as ``name`` says."""
    if isinstance(expression, list):
        return Words("…")
    if not isinstance(expression, Symbol):
        return quantity(float(expression))
    if not expression.args:
        return name(expression.op)
    if expression.op == "*":
        return product([written(factor, name) for factor in _factors(expression)])
    if expression.op == "neg":
        return _minus(expression.args[0], name)
    args = [written(arg, name) for arg in expression.args]
    if expression.op in _COMPARISONS:
        return Infix((args[0], args[1]), (_COMPARISONS[expression.op],), RELATION)
    op = _ARITHMETIC.get(expression.op) or PRIMITIVES.get(expression.op)
    return op_formula(op, args) if op else Call(expression.op, tuple(args))


def _minus(expression: Operand, name: Callable[[str], Formula]) -> Formula:
    """The sign before the first factor: −a / b rather than −(a / b), which is the same."""
    if _is(expression, "/"):
        top, bottom = expression.args
        return Fraction(_minus(top, name), written(bottom, name))
    if _is(expression, "*"):
        first, *others = _factors(expression)
        return product([_minus(first, name), *(written(factor, name) for factor in others)])
    return Minus(written(expression, name)) if isinstance(expression, Symbol) else quantity(-expression)


def _factors(expression: Operand) -> list[Operand]:
    """x·(2·y) as a person writes it: 2·x·y."""
    if not _is(expression, "*"):
        return [expression]
    factors = [factor for arg in expression.args for factor in _factors(arg)]
    return sorted(factors, key=lambda factor: isinstance(factor, Symbol))
