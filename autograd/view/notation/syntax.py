"""A formula as a tree: what stands where, how tightly it binds; and the pen that writes it as text.

A part writes itself by asking the pen, which knows one notation: how a fraction looks there, and where
brackets are needed. The pens of LaTeX and MathML are in writers.py.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

#: How tightly a formula binds: a relation such as ``a = b`` least, a name or a call so that it never needs
#: brackets.
RELATION, SUM, PRODUCT, SIGN, POWER, ATOM = range(-1, 5)


#: What binds less than the parts of a relation, a list or a product, in a label: for each how tightly.
_LOOSE = (("=<>≤≥≠≈:,;?&|", RELATION - 1), ("+-−–±∓", SUM), ("*·×⋅∗@%/÷∕", PRODUCT))
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")


def _outside_brackets(text: str) -> str:
    """What of a label stands in no brackets."""
    found = 1
    while found:
        text, found = _BRACKETED.subn("", text)
    return text


class Formula(ABC):
    """A part of a formula: how tightly it binds, whether it begins with a sign, and how it is written."""

    #: How tightly all formulas of the kind bind, where that is the same for all.
    level: ClassVar[int] = ATOM

    @property
    def binds(self) -> int:
        return self.level

    @property
    def signed(self) -> bool:
        return False

    @property
    def divides(self) -> bool:
        """Return True if it is a quotient, which is never a bare factor: a / b·c is read in two ways."""
        return False

    @abstractmethod
    def write(self, pen: Pen) -> str: ...


@dataclass(frozen=True)
class Name(Formula):
    """A name of one word; a label of several binds loosely, and so gets brackets under a power.

    A label that reads as a formula, such as ``a + b``, binds as that would.
    """

    text: str
    role: str = ""

    @property
    def binds(self) -> int:
        if re.fullmatch(r"[^\W⁰¹²³⁴⁵⁶⁷⁸⁹]+′*|\([^()]*\)[₀₁₂₃₄₅₆₇₈₉]*", self.text):
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
        return pen.coloured(pen.name(self.text), self.role)


@dataclass(frozen=True)
class Number(Formula):
    """A number as it is written, such as ``−2.5e−7``; ``rounded`` if that is not quite it."""

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
        return pen.coloured(pen.number(self.text), self.role)


@dataclass(frozen=True)
class Words(Formula):
    """Words between formulas, such as ``, in all``, with the spaces that belong there."""

    text: str
    level = RELATION

    def write(self, pen: Pen) -> str:
        return pen.words(self.text)


@dataclass(frozen=True)
class Row(Formula):
    """Parts side by side, as they are."""

    parts: tuple[Formula, ...]
    level = RELATION

    def write(self, pen: Pen) -> str:
        return pen.row([part.write(pen) for part in self.parts])


@dataclass(frozen=True)
class Infix(Formula):
    """Operands with an operator between each two: a sum, a product, a relation.

    ``parts`` has one more element than ``operators``. Read from the left: what binds no tighter than
    the operators gets brackets, but in the first place. A ``wide`` product, for numbers and
    derivatives, has spaces around the ``·``, so a factor may be a product, and every negative factor
    in brackets.
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
        unordered = self.wide or self.binds == RELATION
        for i, part in enumerate(self.parts):
            if i:
                operator = self.operators[i - 1]
                pieces.append(pen.operator(operator, self.wide or operator != "·"))
            level = self.binds if i == 0 or unordered else self.binds + 1
            sign = self.binds == RELATION or (i == 0 and not self.wide)
            pieces.append(pen.within(part, level, sign, factor))
        return pen.row(pieces)


@dataclass(frozen=True)
class Fraction(Formula):
    """A quotient."""

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
    """A derivative, ∂top/∂bottom."""

    top: str
    bottom: str
    role: str = ""

    def write(self, pen: Pen) -> str:
        return pen.coloured(
            pen.partial(pen.within(Name(self.top), SIGN), pen.within(Name(self.bottom), SIGN)), self.role
        )


@dataclass(frozen=True)
class Minus(Formula):
    """The negative of something."""

    x: Formula
    level = SIGN

    @property
    def signed(self) -> bool:
        return True

    def write(self, pen: Pen) -> str:
        return pen.row([pen.sign(), pen.within(self.x, SIGN)])


@dataclass(frozen=True)
class Power(Formula):
    """A base raised to an exponent."""

    base: Formula
    exponent: Formula
    level = POWER

    def write(self, pen: Pen) -> str:
        return pen.power(pen.within(self.base, ATOM), self.exponent)


@dataclass(frozen=True)
class Root(Formula):
    """A square root."""

    x: Formula
    level = SIGN

    def write(self, pen: Pen) -> str:
        return pen.root(self.x)


@dataclass(frozen=True)
class Bars(Formula):
    """An absolute value."""

    x: Formula

    def write(self, pen: Pen) -> str:
        return pen.fenced("|", self.x.write(pen), "|")


@dataclass(frozen=True)
class FunctionCall(Formula):
    """A function of operands."""

    function: str
    operands: tuple[Formula, ...]

    def write(self, pen: Pen) -> str:
        listed: list[str] = []
        for operand in self.operands:
            listed += [pen.operator(",", wide=True)] * bool(listed) + [
                pen.within(operand, RELATION, sign=True)
            ]
        return pen.row([pen.function(self.function), pen.fenced("(", pen.row(listed), ")")])


def product(factors: Sequence[Formula], wide: bool = False) -> Formula:
    """The product of some formulas; of one, itself."""
    if len(factors) == 1:
        return factors[0]
    return Infix(tuple(factors), ("·",) * (len(factors) - 1), PRODUCT, wide)


def total(terms: Sequence[Formula]) -> Formula:
    """The sum of some formulas; of one, itself."""
    return terms[0] if len(terms) == 1 else Infix(tuple(terms), ("+",) * (len(terms) - 1), SUM)


def equals(*sides: Formula) -> Formula:
    """``a = b = …``."""
    return Infix(sides, ("=",) * (len(sides) - 1), RELATION)


def loose(part: Formula, level: int, sign: bool, factor: bool) -> bool:
    """Return True if a part needs brackets where ``level`` or more must bind, in a line of text."""
    return part.binds < level or (part.signed and not sign) or (factor and part.divides)


_SUPERSCRIPTS = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Pen:
    """One notation. This one is plain text; it is what the others change."""

    #: Whether a fraction shows by itself what is above and below its line.
    stacks = False

    def within(self, part: Formula, level: int, sign: bool = False, factor: bool = False) -> str:
        """A part where ``level`` or more must bind; with a sign in front only where one may stand.

        As a ``factor`` a quotient gets brackets: a / b·c is read in two ways.
        """
        written = part.write(self)
        if self.stacks and isinstance(part, Fraction) and level <= SIGN:
            return written
        return self.fenced("(", written, ")") if loose(part, level, sign, factor) else written

    def coloured(self, written: str, role: str) -> str:
        return written

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

    def power(self, base: str, exponent: Formula) -> str:
        exact = exponent.text if isinstance(exponent, Number) and not exponent.rounded else ""
        if re.fullmatch(r"−?\d{1,3}", exact):
            return base + exact.translate(_SUPERSCRIPTS)
        return f"{base}^{self.within(exponent, exponent_level(exponent))}"

    def root(self, x: Formula) -> str:
        return f"√{self.within(x, SIGN)}"


def exponent_level(exponent: Formula) -> int:
    """How tightly an exponent must bind: x^√y is clear."""
    return SIGN if isinstance(exponent, Root) else POWER
