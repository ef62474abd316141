"""Local derivative of an operation as a formula: the primitive's rule, evaluated on symbols."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from ...ieee import IeeeFloat
from ...nodes import local_derivatives, regroup
from ...primitives import ADD, DIV, POW, PRIMITIVES, SUB, Primitive
from ...symbols import Operand, Symbol, Symbols, is_group
from ...value import Value
from .names import Names, constant, digits_needed, quantity, round_number
from .simplify import Condition, Numbers, Simplifier, evaluate_symbols, has_group, is_op, same
from .syntax import RELATION, Formula, Fraction, FunctionCall, Infix, Minus, Name, Row, Words, product
from .template import op_formula

_ARITHMETIC = {"+": ADD, "-": SUB, "/": DIV, "pow": POW}
_COMPARISONS = {"lt": "<", "le": "≤", "eq": "="}
#: The relations that are possible if a comparison holds: less, equal or greater.
_POSSIBLE = {"lt": "<", "le": "<=", "eq": "="}
_SIGNS = {"<": "<", "=": "=", ">": ">", "<=": "≤", "=>": "≥", "<>": "≠"}


class Local(NamedTuple):
    """Local derivative ∂node/∂operand: the number stored by ``node``, and the formula of its rule.

    ``numbers`` contains the current data for the names in the formula, and ``conditions`` its assumptions.
    ``expression`` is None if no formula fits in a line.
    """

    value: float
    expression: Operand | None
    numbers: Numbers
    conditions: tuple[Condition, ...] = ()

    @property
    def is_current(self) -> bool:
        """True if the formula evaluates to the stored number, so that no Value was overwritten."""
        value = float(evaluate_symbols(self.expression, self.numbers))
        return math.isclose(value, self.value, rel_tol=1e-9) or (math.isnan(value) and math.isnan(self.value))

    def in_symbols(self) -> Formula:
        return self._number() if self.expression is None else to_formula(self.expression, Name)

    def in_numbers(self) -> Formula:
        """Return the formula with its numbers, or the stored number if a Value was overwritten."""
        if self.expression is None or not self.is_current:
            return self._number()
        digits = digits_needed(self.value, self._evaluate)
        return to_formula(self.expression, lambda name: quantity(self.numbers[name], "data", digits), digits)

    def _number(self) -> Formula:
        return quantity(self.value, "local")

    def _evaluate(self, digits: int) -> float:
        numbers = {name: round_number(x, digits) for name, x in self.numbers.items()}
        return float(evaluate_symbols(self.expression, numbers))

    def condition_formulas(self) -> list[Formula]:
        """Return the conditions as formulas; conditions on the same two sides are merged: ``a > b``."""
        facts: list[tuple[Operand, Operand, str]] = []
        for condition in self.conditions:
            a, b = condition.comparison.args
            possible = _POSSIBLE[condition.comparison.op]
            if not condition.holds:
                possible = "".join(c for c in "<=>" if c not in possible)
            if not isinstance(a, Symbol):
                a, b, possible = b, a, _mirror(possible)
            for i, (x, y, before) in enumerate(facts):
                if same(x, b) and same(y, a):
                    a, b, possible = b, a, _mirror(possible)
                if same(x, a) and same(y, b):
                    facts[i] = (a, b, "".join(c for c in before if c in possible))
                    break
            else:
                facts.append((a, b, possible))
        return [self._fact(*fact) for fact in facts]

    def _fact(self, a: Operand, b: Operand, possible: str) -> Formula:
        for side in (a, b):
            if math.isnan(evaluate_symbols(side, self.numbers)):
                return Row((to_formula(side, Name), Words(" is nan")))
        return Infix((to_formula(a, Name), to_formula(b, Name)), (_SIGNS[possible],), RELATION)


def _mirror(possible: str) -> str:
    """Return the possible relations of b and a, given those of a and b."""
    return "".join(sorted(possible.translate(str.maketrans("<>", "><"))))


def local_derivative(node: Value, position: int, names: Names) -> Local:
    """Return ∂node/∂operand for the operand at ``position``, with its rule simplified.

    >>> from .writers import text
    >>> from .names import names_of
    >>> x = Value(3.0, label="x")
    >>> y = x**2
    >>> local = local_derivative(y, 0, names_of(y))
    >>> text(local.in_symbols()), text(local.in_numbers()), local.value
    ('2·x', '2·3', 6.0)

    If a rule has branches, the one selected at the current numbers is used, with its condition, unless
    the other branch gives the same number. If a Value was overwritten after the forward pass, the result
    has the stored number and no formula that the new data would select.
    """
    op = node.primitive
    if op is None:
        raise ValueError(f"local_derivative() expected a non-leaf Value, got the leaf {node!r}.")
    derivative = local_derivatives(node)[position]
    value = 0.0 if derivative is None else derivative
    numbers = {names[node]: node.data}
    numbers |= {names[x]: x.data for x in node.operands if isinstance(x, Value)}
    rule = _rule(op, node, position, names)
    conditions: list[Condition] = []
    simplifier = Simplifier(numbers)
    expression = simplifier.simplify(rule, conditions)
    if has_group(expression):  # a sum over a whole group does not fit in a line
        return Local(value, None, numbers)
    local = Local(value, expression, numbers, tuple(conditions))
    return local if simplifier.is_general or local.is_current else Local(value, None, numbers)


def _rule(op: Primitive, node: Value, position: int, names: Names) -> Operand:
    """Return the rule for the derivative of ``node`` with respect to one operand, on symbols."""
    symbols = [Symbol(names[x]) if isinstance(x, Value) else IeeeFloat(x) for x in node.operands]
    groups = regroup(node, symbols)
    places = regroup(node, range(len(symbols)))
    for derivative, place in zip(op.derivatives, places):
        if place == position or (is_group(place) and position in place):
            rule = derivative(Symbols(), Symbol(names[node]), *groups)
            return rule[place.index(position)] if is_group(rule) else rule
    raise IndexError(position)


def to_formula(expression: Operand, name: Callable[[str], Formula], digits: int = 4) -> Formula:
    """Convert an expression to a formula; ``name`` converts its names."""
    if not isinstance(expression, Symbol):
        return constant(float(expression), digits)
    if not expression.args:
        return name(expression.op)
    if expression.op == "*":
        return product([to_formula(factor, name, digits) for factor in _factors(expression)])
    if expression.op == "neg":
        return _minus(expression.args[0], name, digits)
    args = [to_formula(arg, name, digits) for arg in expression.args]
    if expression.op in _COMPARISONS:
        return Infix((args[0], args[1]), (_COMPARISONS[expression.op],), RELATION)
    op = _ARITHMETIC.get(expression.op) or PRIMITIVES.get(expression.op)
    return op_formula(op, args) if op else FunctionCall(expression.op, tuple(args))


def _minus(expression: Operand, name: Callable[[str], Formula], digits: int) -> Formula:
    """Write the sign before the first factor: −a / b instead of the equal −(a / b)."""
    if is_op(expression, "/"):
        top, bottom = expression.args
        return Fraction(_minus(top, name, digits), to_formula(bottom, name, digits))
    if is_op(expression, "*"):
        first, *others = _factors(expression)
        return product(
            [_minus(first, name, digits), *(to_formula(factor, name, digits) for factor in others)]
        )
    if isinstance(expression, Symbol):
        return Minus(to_formula(expression, name, digits))
    return constant(-expression, digits)


def _factors(expression: Operand) -> list[Operand]:
    """Return the factors of a product, constants first: 2·x·y for x·(2·y)."""
    if not is_op(expression, "*"):
        return [expression]
    factors = [factor for arg in expression.args for factor in _factors(arg)]
    return sorted(factors, key=lambda factor: isinstance(factor, Symbol))
