"""The local derivative of an operation as a formula: the table's rule, read on symbols."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ..backward import cotangents, primals, regroup
from ..primitives import ADD, DIV, POW, PRIMITIVES, SUB
from ..symbols import Operand, Symbol, Symbols, is_group
from ..value import Value
from .algebra import Condition, Numbers, Simplifier, evaluate, is_op, mentions, same
from .formula import RELATION, Call, Formula, Fraction, Infix, Minus, Name, Row, Words, product
from .notation import Names, constant, quantity, telling
from .template import op_formula

_ARITHMETIC = {"+": ADD, "-": SUB, "/": DIV, "pow": POW}
_COMPARISONS = {"lt": "<", "le": "≤", "eq": "="}
#: What a comparison that holds leaves possible: that the first is less, equal or greater.
_POSSIBLE = {"lt": "<", "le": "<=", "eq": "="}
_SIGNS = {"<": "<", "=": "=", ">": ">", "<=": "≤", "=>": "≥", "<>": "≠"}


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
        if not isinstance(self.expression, Symbol):
            return written(self.expression, Name)
        digits = telling(self.value, self._at)
        return written(self.expression, lambda name: quantity(self.numbers[name], "data", digits))

    def _at(self, shown: Callable[[float], float]) -> float:
        return float(evaluate(self.expression, {name: shown(x) for name, x in self.numbers.items()}))

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
                if same(x, b) and same(y, a):
                    a, b, possible = b, a, _mirrored(possible)
                if same(x, a) and same(y, b):
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
        seen = op.at_lane(groups, lane) if lane >= 0 else groups
    said = rule(Symbols(), 1.0, Symbol(names[node]), *seen)
    if mentions(said, "each"):  # a sum over a whole group can't be written in a line
        return Local(cotangents(node, 1.0)[position], numbers, ())
    conditions: list[Condition] = []
    expression = Simplifier(numbers).simplify(said, conditions)
    return Local(expression, numbers, tuple(conditions))


def _rule_of_lane(vjps: Any, groups: list[Any], position: int) -> tuple[Any, int]:
    """The rule for an operand of an n-ary operation, and its lane; −1 for one in no group."""
    for rule, group in zip(vjps, groups, strict=True):
        width = len(group) if is_group(group) else 1
        if position < width:
            return rule, position if is_group(group) else -1
        position -= width
    raise IndexError(position)


def written(expression: Operand, name: Callable[[str], Formula]) -> Formula:
    """An expression as a formula, its names as ``name`` says."""
    if isinstance(expression, list):
        return Words("…")
    if not isinstance(expression, Symbol):
        return constant(float(expression))
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
    if is_op(expression, "/"):
        top, bottom = expression.args
        return Fraction(_minus(top, name), written(bottom, name))
    if is_op(expression, "*"):
        first, *others = _factors(expression)
        return product([_minus(first, name), *(written(factor, name) for factor in others)])
    return Minus(written(expression, name)) if isinstance(expression, Symbol) else constant(-expression)


def _factors(expression: Operand) -> list[Operand]:
    """x·(2·y) as a person writes it: 2·x·y."""
    if not is_op(expression, "*"):
        return [expression]
    factors = [factor for arg in expression.args for factor in _factors(arg)]
    return sorted(factors, key=lambda factor: isinstance(factor, Symbol))
