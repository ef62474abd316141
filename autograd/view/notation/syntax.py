"""Formulas as trees with precedence, and the pen that writes them as text.

A part writes itself with a pen. Each pen implements one notation: the form of a fraction, and the places
where brackets are needed. The pens of LaTeX and MathML are in writers.py.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

#: The precedences of formulas, from a relation such as ``a = b`` to an atom, which never needs brackets.
RELATION, SUM, PRODUCT, SIGN, POWER, ATOM = range(-1, 5)


#: The precedence of operators in a label that reads as a formula.
_LOOSE = (("=<>≤≥≠≈:,;?&|", RELATION - 1), ("+-−–±∓", SUM), ("*·×⋅∗@%/÷∕", PRODUCT))
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")


#: A comma between two indices, as in w₁,₁₀.
_COMMA = re.compile(r"(?<=[₀₁₂₃₄₅₆₇₈₉]),(?=[₀₁₂₃₄₅₆₇₈₉])")


def _outside_brackets(text: str) -> str:
    """Return the part of a label outside brackets, without commas between indices."""
    text, count = _COMMA.sub("", text), 1
    while count:
        text, count = _BRACKETED.subn("", text)
    return text


class Formula(ABC):
    """Part of a formula, with its precedence and its text in the notation of a pen."""

    #: The precedence, if it is the same for all formulas of the class.
    level: ClassVar[int] = ATOM

    @property
    def binds(self) -> int:
        return self.level

    @property
    def signed(self) -> bool:
        return False

    @property
    def divides(self) -> bool:
        """True for a quotient, which needs brackets as a factor, since a / b·c is ambiguous."""
        return False

    @abstractmethod
    def write(self, pen: Pen) -> str: ...


@dataclass(frozen=True)
class Name(Formula):
    """Name or label.

    A label of several words, or a name with a superscript, has a low precedence, so that it gets brackets
    in a power. A label that reads as a formula, such as ``a + b``, has the precedence of that formula.
    """

    text: str
    role: str = ""

    @property
    def binds(self) -> int:
        if re.fullmatch(r"[^\W⁰¹²³⁴⁵⁶⁷⁸⁹]+′*|\([^()]*\)[₀₁₂₃₄₅₆₇₈₉]*", _COMMA.sub("", self.text)):
            return ATOM
        outside = _outside_brackets(self.text)
        return next((level for signs, level in _LOOSE if any(c in outside for c in signs)), SIGN)

    @property
    def signed(self) -> bool:
        return self.text.startswith(("-", "−", "–", "+", "±", "∓"))

    @property
    def divides(self) -> bool:
        return any(c in _outside_brackets(self.text) for c in "/÷∕%")

    def write(self, pen: Pen) -> str:
        return pen.color(pen.name(self.text), self.role)


@dataclass(frozen=True)
class Number(Formula):
    """Formatted number, such as ``−2.5e−7``; ``rounded`` if its text is not exact."""

    text: str
    role: str = ""
    rounded: bool = False

    @property
    def signed(self) -> bool:
        return self.text.startswith("−")

    @property
    def binds(self) -> int:
        return SIGN if self.signed or "e" in self.text else ATOM

    def write(self, pen: Pen) -> str:
        return pen.color(pen.number(self.text), self.role)


@dataclass(frozen=True)
class Words(Formula):
    """Words between formulas, such as ``, total``, with their spaces."""

    text: str
    level = RELATION

    def write(self, pen: Pen) -> str:
        return pen.words(self.text)


@dataclass(frozen=True)
class Row(Formula):
    """Parts side by side, without brackets."""

    parts: tuple[Formula, ...]
    level = RELATION

    def write(self, pen: Pen) -> str:
        return pen.row([part.write(pen) for part in self.parts])


@dataclass(frozen=True)
class Infix(Formula):
    """Sum, product or relation: operands with an operator between each two.

    ``parts`` has one more element than ``operators``. Operators are left-associative: a part whose
    precedence is not higher gets brackets, except in the first place. A ``wide`` product, for numbers
    and derivatives, has spaces around the ``·``; its factors can be products, and its negative factors
    get brackets.
    """

    parts: tuple[Formula, ...]
    operators: tuple[str, ...]
    binding: int
    wide: bool = False

    @property
    def binds(self) -> int:
        return self.binding

    @property
    def signed(self) -> bool:
        first = self.parts[0]
        return first.signed and not self.wide and not loose(first, self.binds, True, self.binds == PRODUCT)

    def write(self, pen: Pen) -> str:
        pieces: list[str] = []
        factor = self.binds == PRODUCT
        is_associative = self.wide or self.binds == RELATION
        for i, part in enumerate(self.parts):
            if i:
                operator = self.operators[i - 1]
                pieces.append(pen.operator(operator, self.wide or operator != "·"))
            level = self.binds if i == 0 or is_associative else self.binds + 1
            sign = self.binds == RELATION or (i == 0 and not self.wide)
            pieces.append(pen.within(part, level, sign, factor))
        return pen.row(pieces)


@dataclass(frozen=True)
class Fraction(Formula):
    """Quotient."""

    top: Formula
    bottom: Formula

    level = PRODUCT

    @property
    def divides(self) -> bool:
        return True

    @property
    def signed(self) -> bool:
        return self.top.signed and not loose(self.top, PRODUCT, sign=True, factor=True)

    def write(self, pen: Pen) -> str:
        return pen.fraction(self.top, self.bottom)


@dataclass(frozen=True)
class Partial(Formula):
    """Derivative ∂top/∂bottom."""

    top: str
    bottom: str
    role: str = ""

    def write(self, pen: Pen) -> str:
        return pen.color(
            pen.partial(pen.within(Name(self.top), SIGN), pen.within(Name(self.bottom), SIGN)), self.role
        )


@dataclass(frozen=True)
class Grad(Formula):
    """Gradient of a Value as the attribute in which it accumulates: ``w.grad``."""

    of: str
    role: str = "gradient"

    def write(self, pen: Pen) -> str:
        needs_brackets = any(c.isspace() or c == "^" for c in _outside_brackets(self.of))
        return pen.color(pen.grad(pen.within(Name(self.of), ATOM if needs_brackets else SIGN)), self.role)


@dataclass(frozen=True)
class Minus(Formula):
    """Negative of a formula."""

    x: Formula
    level = SIGN

    @property
    def signed(self) -> bool:
        return True

    def write(self, pen: Pen) -> str:
        return pen.row([pen.sign(), pen.within(self.x, SIGN)])


@dataclass(frozen=True)
class Power(Formula):
    """Power of a base."""

    base: Formula
    exponent: Formula
    level = POWER

    def write(self, pen: Pen) -> str:
        return pen.power(pen.within(self.base, ATOM), self.exponent)


@dataclass(frozen=True)
class Root(Formula):
    """Square root."""

    x: Formula
    level = SIGN

    def write(self, pen: Pen) -> str:
        return pen.root(self.x)


@dataclass(frozen=True)
class Bars(Formula):
    """Absolute value."""

    x: Formula

    def write(self, pen: Pen) -> str:
        return pen.fenced("|", self.x.write(pen), "|")


@dataclass(frozen=True)
class FunctionCall(Formula):
    """Function applied to operands."""

    function: str
    operands: tuple[Formula, ...]

    def write(self, pen: Pen) -> str:
        pieces: list[str] = []
        for operand in self.operands:
            pieces += [pen.operator(",", wide=True)] * bool(pieces) + [
                pen.within(operand, RELATION, sign=True)
            ]
        return pen.row([pen.function(self.function), pen.fenced("(", pen.row(pieces), ")")])


def product(factors: Sequence[Formula], wide: bool = False) -> Formula:
    """Return the product of formulas; of a single one, the formula itself."""
    if len(factors) == 1:
        return factors[0]
    return Infix(tuple(factors), ("·",) * (len(factors) - 1), PRODUCT, wide)


def total(terms: Sequence[Formula]) -> Formula:
    """Return the sum of formulas; of a single one, the formula itself."""
    return terms[0] if len(terms) == 1 else Infix(tuple(terms), ("+",) * (len(terms) - 1), SUM)


def equals(*sides: Formula) -> Formula:
    """Return the relation ``a = b = …``."""
    return Infix(sides, ("=",) * (len(sides) - 1), RELATION)


def loose(part: Formula, level: int, sign: bool, factor: bool) -> bool:
    """Return True if a part needs brackets in a place of precedence ``level``, in a line of text."""
    return part.binds < level or (part.signed and not sign) or (factor and part.divides)


_SUPERSCRIPTS = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Pen:
    """Writer of formulas as plain text; subclasses write other notations."""

    #: True if a fraction has a line, which makes brackets around its parts redundant.
    stacks = False

    def within(self, part: Formula, level: int, sign: bool = False, factor: bool = False) -> str:
        """Write a part in a place of precedence ``level``, with brackets if it needs them.

        ``sign`` permits a sign in front; a ``factor`` that is a quotient gets brackets.
        """
        content = part.write(self)
        if self.stacks and isinstance(part, Fraction) and level <= SIGN:
            return content
        return self.fenced("(", content, ")") if loose(part, level, sign, factor) else content

    def color(self, content: str, role: str) -> str:
        return content

    def name(self, text: str) -> str:
        return text

    def number(self, text: str) -> str:
        return text

    def words(self, text: str) -> str:
        return text

    def function(self, name: str) -> str:
        return name

    def sign(self) -> str:
        return "−"

    def operator(self, operator: str, wide: bool) -> str:
        return ", " if operator == "," else f" {operator} " if wide else operator

    def row(self, pieces: Sequence[str]) -> str:
        return "".join(pieces)

    def fenced(self, left: str, inside: str, right: str) -> str:
        return f"{left}{inside}{right}"

    def fraction(self, top: Formula, bottom: Formula) -> str:
        return f"{self.within(top, PRODUCT, sign=True, factor=True)} / {self.within(bottom, SIGN)}"

    def partial(self, top: str, bottom: str) -> str:
        return f"∂{top}/∂{bottom}"

    def grad(self, name: str) -> str:
        return f"{name}.grad"

    def power(self, base: str, exponent: Formula) -> str:
        exact = exponent.text if isinstance(exponent, Number) and not exponent.rounded else ""
        if re.fullmatch(r"−?\d{1,3}", exact):
            return base + exact.translate(_SUPERSCRIPTS)
        return f"{base}^{self.within(exponent, exponent_level(exponent))}"

    def root(self, x: Formula) -> str:
        return f"√{self.within(x, SIGN)}"


def exponent_level(exponent: Formula) -> int:
    """Return the precedence required of an exponent: x^√y needs no brackets."""
    return SIGN if isinstance(exponent, Root) else POWER
