"""A formula as a tree, written as text, as LaTeX or as MathML.

The tree says what stands where; a *pen* knows one notation and sets brackets only where that notation
needs them: ``(a + b) / c`` in text is a fraction without brackets in LaTeX and MathML. Labels are
text from anywhere, so every pen escapes them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import ClassVar

from ..primitives import ATOM, POWER, PRODUCT, SIGN, SUM

#: How tightly a relation such as ``a = b`` binds: less than all that stands in it.
RELATION = SUM - 1

#: What a name or a number is, which decides its colour: the classes that a style sheet can colour.
CLASSES = {"data": "gg-data", "gradient": "gg-grad", "local": "gg-local"}


class Formula:
    """A part of a formula: how tightly it binds, whether it begins with a sign, and how it is written."""

    #: How tightly all formulas of the kind bind, where that is the same for all.
    level: ClassVar[int] = ATOM

    @property
    def binds(self) -> int:
        return self.level

    @property
    def signed(self) -> bool:
        return False

    def write(self, pen: Pen) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class Name(Formula):
    """A name of one word; a label of several binds loosely, and so gets brackets under a power."""

    text: str
    role: str = ""

    @property
    def binds(self) -> int:
        return ATOM if re.fullmatch(r"[^\W⁰¹²³⁴⁵⁶⁷⁸⁹]+′*", self.text) else SIGN

    def write(self, pen: Pen) -> str:
        return pen.coloured(pen.name(self.text), self.role)


@dataclass(frozen=True)
class Number(Formula):
    """A number as it is written, such as ``−2.5e−7``."""

    text: str
    role: str = ""

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
        return first.signed and not self.wide and not _loose(first, self.binds, True, self.binds == PRODUCT)

    def write(self, pen: Pen) -> str:
        pieces: list[str] = []
        factor = self.binds == PRODUCT
        loose = self.wide or self.binds == RELATION
        for i, part in enumerate(self.parts):
            if i:
                operator = self.operators[i - 1]
                pieces.append(pen.operator(operator, self.wide or operator != "·"))
            level = self.binds if i == 0 or loose else self.binds + 1
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
    def signed(self) -> bool:
        return self.top.signed and not _loose(self.top, PRODUCT, sign=True, factor=True)

    def write(self, pen: Pen) -> str:
        return pen.fraction(self.top, self.bottom)


@dataclass(frozen=True)
class Partial(Formula):
    """A derivative, ∂top/∂bottom."""

    top: str
    bottom: str
    role: str = ""

    def write(self, pen: Pen) -> str:
        return pen.coloured(pen.partial(pen.name(self.top), pen.name(self.bottom)), self.role)


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
class Call(Formula):
    """A function of operands."""

    function: str
    operands: tuple[Formula, ...]

    def write(self, pen: Pen) -> str:
        pieces = [operand.write(pen) for operand in self.operands]
        listed = [
            piece for i, x in enumerate(pieces) for piece in ([pen.operator(",", True)] * (i > 0) + [x])
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


# The pens -----------------------------------------------------------------------------------------

_SUPERSCRIPTS = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _loose(part: Formula, level: int, sign: bool, factor: bool) -> bool:
    """Whether a part needs brackets where ``level`` or more must bind, in a line of text."""
    return part.binds < level or (part.signed and not sign) or (factor and isinstance(part, Fraction))


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
        return self.fenced("(", written, ")") if _loose(part, level, sign, factor) else written

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
        if isinstance(exponent, Number) and re.fullmatch(r"−?\d{1,3}", exponent.text):
            return base + exponent.text.translate(_SUPERSCRIPTS)
        return f"{base}^{self.within(exponent, _above(exponent))}"

    def root(self, x: Formula) -> str:
        return f"√{self.within(x, SIGN)}"


def _above(exponent: Formula) -> int:
    """How tightly an exponent must bind: x^√y is clear."""
    return SIGN if isinstance(exponent, Root) else POWER


_LATEX = {
    "\\": r"\backslash ", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_",
    "%": r"\%", "^": r"\hat{\ }", "~": r"\sim ", " ": r"\ ",
}  # fmt: skip
_LATEX_OPERATORS = {
    "·": r" \cdot ", "−": " - ", "+=": r" \mathrel{+}= ", "≤": r" \leq ", "≠": r" \neq ", ",": r",\; ",
    "…": r" \ldots ", "→": r" \to ",
}  # fmt: skip
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_NUMBERED = re.compile(r"(.*[^₀₁₂₃₄₅₆₇₈₉])([₀₁₂₃₄₅₆₇₈₉]+)")


def _lowered(name: str) -> tuple[str, str]:
    """A name without the number at its end, and that number."""
    found = _NUMBERED.fullmatch(name)
    return (found[1], found[2].translate(_SUBSCRIPTS)) if found else (name, "")


class LatexPen(Pen):
    """LaTeX's mathematics, of what LaTeX, MathJax and KaTeX all know without a package."""

    stacks = True

    def name(self, text: str) -> str:
        stem, index = _lowered(text)
        escaped = "".join(_LATEX.get(c, c) for c in stem)
        shown = escaped if len(stem) == 1 and stem.isalpha() else rf"\mathrm{{{escaped}}}"
        return f"{shown}_{{{index}}}" if index else shown

    def number(self, text: str) -> str:
        sign, digits = ("-", text[1:]) if text.startswith("−") else ("", text)
        if digits in ("inf", "nan"):
            return sign + (r"\infty" if digits == "inf" else r"\mathrm{nan}")
        mantissa, _, exponent = digits.partition("e")
        return sign + mantissa + (rf" \times 10^{{{exponent.replace('−', '-')}}}" if exponent else "")

    def words(self, text: str) -> str:
        return rf"\mathrm{{{''.join(_LATEX.get(c, c) for c in text)}}}"

    def function(self, name: str) -> str:
        return rf"\operatorname{{{''.join(_LATEX.get(c, c) for c in name)}}}"

    def sign(self) -> str:
        return "-"

    def operator(self, operator: str, wide: bool) -> str:
        return _LATEX_OPERATORS.get(operator, f" {operator} ")

    def fenced(self, left: str, inside: str, right: str) -> str:
        return rf"\left{left} {inside} \right{right}"

    def fraction(self, top: Formula, bottom: Formula) -> str:
        return rf"\frac{{{top.write(self)}}}{{{bottom.write(self)}}}"

    def partial(self, top: str, bottom: str) -> str:
        return rf"\frac{{\partial {top}}}{{\partial {bottom}}}"

    def power(self, base: str, exponent: Formula) -> str:
        return f"{{{base}}}^{{{exponent.write(self)}}}"

    def root(self, x: Formula) -> str:
        return rf"\sqrt{{{x.write(self)}}}"


class MathmlPen(Pen):
    """MathML Core, which browsers draw by themselves; colours are left to a style sheet.

    What the layout says (a power, a fraction) is also there as text that is not displayed. Where the
    tags are taken away, as in a notebook that is not trusted, and where a formula is copied, what
    remains still reads right: a^2 and not a2.
    """

    stacks = True

    def silent(self, text: str) -> str:
        return f'<mtext style="display:none">{text}</mtext>'

    def within(self, part: Formula, level: int, sign: bool = False, factor: bool = False) -> str:
        if isinstance(part, Fraction) and level <= SIGN:
            return self.enclosed(part, level, sign, factor)
        return super().within(part, level, sign, factor)

    def enclosed(self, part: Formula, level: int, sign: bool = False, factor: bool = False) -> str:
        """A part that the layout encloses, with brackets for those who see no layout."""
        written = part.write(self)
        if _loose(part, level, sign, factor):
            return self.row([self.silent("("), written, self.silent(")")])
        return written

    def coloured(self, written: str, role: str) -> str:
        return f'<mrow class="{CLASSES[role]}">{written}</mrow>' if role else written

    def name(self, text: str) -> str:
        stem, index = _lowered(text)
        shown = f"<mi>{escape(stem)}</mi>"
        return f"<msub>{shown}<mn>{index}</mn></msub>" if index else shown

    def number(self, text: str) -> str:
        sign, digits = (self.sign(), text[1:]) if text.startswith("−") else ("", text)
        if digits in ("inf", "nan"):
            return self.row([sign, "<mi>∞</mi>" if digits == "inf" else "<mi>nan</mi>"])
        mantissa, _, exponent = digits.partition("e")
        if not exponent:
            return self.row([sign, f"<mn>{mantissa}</mn>"])
        power = f"<msup><mn>10</mn>{self.row([self.silent('^'), self.number(exponent)])}</msup>"
        return self.row([sign, f"<mn>{mantissa}</mn><mo>×</mo>{power}"])

    def words(self, text: str) -> str:
        return f"<mtext>{escape(text.replace(' ', chr(0xA0)))}</mtext>"

    def function(self, name: str) -> str:
        return f"<mi>{escape(name)}</mi>"

    def sign(self) -> str:
        return '<mo form="prefix">−</mo>'

    def operator(self, operator: str, wide: bool) -> str:
        width = {"·": "0.25em" if wide else "0.12em", "=": "0.45em", "+=": "0.45em"}.get(operator)
        space = f' lspace="{width}" rspace="{width}"' if width else ""
        # Spaces between elements are not displayed; they are for those who see the text alone.
        before = after = " " if wide else ""
        return f"{before if operator != ',' else ''}<mo{space}>{escape(operator)}</mo>{after}"

    def row(self, pieces: Sequence[str]) -> str:
        return f"<mrow>{''.join(pieces)}</mrow>"

    def fenced(self, left: str, inside: str, right: str) -> str:
        return f'<mrow><mo form="prefix">{left}</mo>{inside}<mo form="postfix">{right}</mo></mrow>'

    def fraction(self, top: Formula, bottom: Formula) -> str:
        above = self.enclosed(top, PRODUCT, sign=True, factor=True)
        return self.over(self.row([above]), self.row([self.silent(" / "), self.enclosed(bottom, SIGN)]))

    def over(self, top: str, bottom: str) -> str:
        return f"<mfrac>{top}{bottom}</mfrac>"

    def partial(self, top: str, bottom: str) -> str:
        rounded = '<mo lspace="0" rspace="0">∂</mo>'
        return self.over(self.row([rounded, top]), self.row([self.silent("/"), rounded, bottom]))

    def power(self, base: str, exponent: Formula) -> str:
        raised = self.enclosed(exponent, _above(exponent))
        return f"<msup>{base}{self.row([self.silent('^'), raised])}</msup>"

    def root(self, x: Formula) -> str:
        return f"<msqrt>{self.silent('√')}{self.enclosed(x, SIGN)}</msqrt>"


_TEXT, _TEX, _ML = Pen(), LatexPen(), MathmlPen()


def text(formula: Formula) -> str:
    """The formula as a line of text.

    >>> w, x, y = map(Name, "wxy")
    >>> text(Power(Infix((product([w, x]), y), ("−",), SUM), Number("2")))
    '(w·x − y)²'
    """
    return formula.write(_TEXT)


def latex(formula: Formula) -> str:
    r"""The formula in LaTeX, without the dollars around it.

    >>> latex(equals(Partial("loss", "w"), Number("−20")))
    '\\frac{\\partial \\mathrm{loss}}{\\partial w} = -20'
    """
    return formula.write(_TEX)


def mathml(formula: Formula, block: bool = True) -> str:
    """The formula as a ``<math>`` element, on a line of its own or, if not ``block``, within one.

    >>> mathml(Name("<b>", role="data"), block=False)
    '<math displaystyle="true"><mrow class="gg-data"><mi>&lt;b&gt;</mi></mrow></math>'
    """
    display = ' display="block"' if block else ""
    return f'<math{display} displaystyle="true">{formula.write(_ML)}</math>'
