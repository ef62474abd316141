"""Formulas of primitives, parsed from their templates.

A template such as ``{a} / {b}`` is parsed as arithmetic, so that a pen can write it as a fraction. A
template that is not arithmetic, such as ``⌊{x}⌋``, is written as a call: ``floor(x)``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...primitives import Primitive
from .syntax import (
    SUM,
    Bars,
    Formula,
    Fraction,
    FunctionCall,
    Infix,
    Minus,
    Name,
    Number,
    Power,
    Root,
    product,
)

#: The separator in a template between the part for each element of a group and the ellipsis.
_SEPARATOR = re.compile(r"( \+ |, )…")
_TOKEN = re.compile(r"\s*(\{\w+\}|[^\W\d]\w*|\d+\.?\d*|\S)")


class _NotArithmetic(ValueError):
    """Raised for a template that is not arithmetic."""


class _Parser:
    """Recursive-descent parser of a template, with the formulas for its placeholders."""

    def __init__(self, template: str, places: Mapping[str, Formula]) -> None:
        self.tokens = _TOKEN.findall(template)
        self.places = places

    def parse(self) -> Formula:
        formula = self.sum()
        if self.tokens:
            raise _NotArithmetic
        return formula

    def next(self, *tokens: str) -> str:
        """Consume and return the next token if it is one of ``tokens``, else return ""."""
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in tokens else ""

    def expect(self, token: str) -> None:
        if not self.next(token):
            raise _NotArithmetic

    def sum(self) -> Formula:
        parts = [self.product()]
        operators: list[str] = []
        while operator := self.next("+", "−"):
            operators.append(operator)
            parts.append(self.product())
        return Infix(tuple(parts), tuple(operators), SUM) if operators else parts[0]

    def product(self) -> Formula:
        factors: list[Formula] = [self.factor()]
        while operator := self.next("·", "/"):
            if operator == "/":
                factors = [Fraction(product(factors), self.factor())]
            else:
                factors.append(self.factor())
        return product(factors)

    def factor(self) -> Formula:
        if self.next("−"):
            return Minus(self.factor())
        if self.next("√"):
            return Root(self.factor())
        base = self.atom()
        return Power(base, self.factor()) if self.next("^") else base

    def atom(self) -> Formula:
        if self.next("("):
            inside = self.sum()
            self.expect(")")
            return inside
        if self.next("|"):
            inside = self.sum()
            self.expect("|")
            return Bars(inside)
        token = self.tokens.pop(0) if self.tokens else ""
        if token.startswith("{") and token[1:-1] in self.places:
            return self.places[token[1:-1]]
        if token[:1].isdigit():
            return Number(token)
        if token == "…":
            return Name(token)
        if not token.isidentifier():
            raise _NotArithmetic
        if not self.next("("):
            return Name(token)
        operands = [] if self.tokens[:1] == [")"] else [self.sum()]
        while self.next(","):
            operands.append(self.sum())
        self.expect(")")
        return FunctionCall(token, tuple(operands))


def _parse(op: Primitive, template: str, places: Mapping[str, Formula]) -> Formula:
    try:
        return _Parser(template, places).parse()
    except _NotArithmetic:
        return FunctionCall(op.name, tuple(places.values()))


def op_formula(op: Primitive, operands: Sequence[Formula]) -> Formula:
    """Return the formula of an operation with a fixed number of operands.

    >>> from ...primitives import DIV
    >>> from .writers import latex, text
    >>> quotient = op_formula(DIV, [Name("a"), op_formula(DIV, [Name("b"), Name("c")])])
    >>> text(quotient), latex(quotient)
    ('a / (b / c)', '\\\\frac{a}{\\\\frac{b}{c}}')
    """
    return _parse(op, op.template, dict(zip(op.operands, operands, strict=True)))


def many_formula(op: Primitive, groups: Mapping[str, Formula | list[Formula]], cut: bool = False) -> Formula:
    """Return the formula of an operation on groups; ``cut`` adds an ellipsis before the last element.

    Operands that are not in ``groups`` are left out, with the separator before them.

    >>> from ...primitives import DOT
    >>> from .writers import text
    >>> w, x = [Name("w₁"), Name("w₂")], [Name("x₁"), Name("x₂")]
    >>> text(many_formula(DOT, {"weights": w, "inputs": x, "bias": Name("b")}, cut=True))
    'w₁·x₁ + … + w₂·x₂ + b'
    """
    places: dict[str, Formula] = {}
    width = 0
    for name, group in groups.items():
        if isinstance(group, Formula):
            places[name] = group
        else:
            width = len(group)
            places |= {f"{name}_{i}": formula for i, formula in enumerate(group)}
    template = op.template
    for operand in op.operands:
        if not operand.endswith("*") and operand not in groups:
            template = re.sub(rf"( \+ |, )\{{{operand}\}}", "", template)
    group_names = "|".join(operand[:-1] for operand in op.operands if operand.endswith("*"))
    return _parse(op, _expand(template, group_names, width, cut), places)


def _expand(template: str, group_names: str, width: int, cut: bool) -> str:
    """Expand a template: repeat the part before each ellipsis for each element of the groups.

    ``group_names`` is a pattern for the names of the groups.
    """
    end = 0
    while match := _SEPARATOR.search(template, end):
        separator, start = match[1], _start_of_part(template, match.start())
        part = template[start : match.start()]
        parts = [re.sub(rf"\{{({group_names})\}}", rf"{{\1_{i}}}", part) for i in range(width)]
        if cut:
            parts.insert(width - 1, "…")
        replacement = separator.join(parts) or ("" if "," in separator else "0")
        template = template[:start] + replacement + template[match.end() :]
        end = start + len(replacement)
    return template


def _start_of_part(template: str, end: int) -> int:
    """Return the start of the part that ends at ``end``: after a separator or an open bracket."""
    depth = 0
    for i in reversed(range(end)):
        depth += (template[i] == ")") - (template[i] == "(")
        if depth < 0 or (depth == 0 and template[i] in "+,"):
            return i + 1 + template[i + 1 :].startswith(" ")
    return 0
