"""Formulas written as text, as LaTeX and as MathML.

``(a + b) / c`` in text is a fraction without brackets in LaTeX and MathML. Every pen escapes labels, since
they can contain any text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from .syntax import PRODUCT, SIGN, Formula, Fraction, Pen, exponent_level, loose

#: The CSS class of each role of a name or number, which determines its color.
CLASSES = {"data": "gg-data", "gradient": "gg-grad", "local": "gg-local"}


_LATEX = {
    "\\": r"\backslash ", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_",
    "%": r"\%", "^": r"\hat{\ }", "~": r"\sim ", " ": r"\ ", "…": r"\ldots ",
}  # fmt: skip
_LATEX_OPERATORS = {
    "·": r" \cdot ", "−": " - ", "+=": r" \mathrel{+}= ", "≤": r" \leq ", "≠": r" \neq ", ",": r",\; ",
    "≥": r" \geq ",
}  # fmt: skip
_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾", "01234567890123456789()")
_INDICES = re.compile(r"(.*?[^₀₁₂₃₄₅₆₇₈₉⁾])([₀₁₂₃₄₅₆₇₈₉]+(?:,[₀₁₂₃₄₅₆₇₈₉]+)*)?(⁽[⁰¹²³⁴⁵⁶⁷⁸⁹]+⁾)?")


def _split_indices(name: str) -> tuple[str, str, str]:
    """Split a name such as w₁₂⁽³⁾ into its stem, the subscript and the superscript at its end.

    >>> _split_indices("w₁₂⁽³⁾"), _split_indices("loss")
    (('w', '12', '(3)'), ('loss', '', ''))
    """
    match = _INDICES.fullmatch(name)
    stem, index, superscript = match.groups("") if match else (name, "", "")
    return stem, index.translate(_DIGITS), superscript.translate(_DIGITS)


class LatexPen(Pen):
    """Pen for LaTeX, limited to commands that LaTeX, MathJax and KaTeX support without a package."""

    stacks = True

    def name(self, text: str) -> str:
        stem, index, superscript = _split_indices(text)
        latex_stem = "".join(_LATEX.get(c, c) for c in stem)
        base = latex_stem if len(stem) == 1 and stem.isalpha() else rf"\mathrm{{{latex_stem}}}"
        return base + (f"_{{{index}}}" if index else "") + (f"^{{{superscript}}}" if superscript else "")

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

    def grad(self, name: str) -> str:
        return rf"{name}.\mathrm{{grad}}"

    def power(self, base: str, exponent: Formula) -> str:
        return f"{{{base}}}^{{{exponent.write(self)}}}"

    def root(self, x: Formula) -> str:
        return rf"\sqrt{{{x.write(self)}}}"


class MathmlPen(Pen):
    """Pen for MathML Core, which browsers render natively; a style sheet adds the colors.

    Hidden text expresses the layout, such as a power or a fraction. If the tags are removed, as in an
    untrusted notebook or in copied text, the rest is still correct: a^2 and not a2.
    """

    stacks = True

    def silent(self, text: str) -> str:
        return f'<mtext style="display:none">{text}</mtext>'

    def within(self, part: Formula, level: int, sign: bool = False, factor: bool = False) -> str:
        if isinstance(part, Fraction) and level <= SIGN:
            return self.enclose(part, level, sign, factor)
        return super().within(part, level, sign, factor)

    def enclose(self, part: Formula, level: int, sign: bool = False, factor: bool = False) -> str:
        """Write a part that the layout encloses, with hidden brackets for text without layout."""
        content = part.write(self)
        if loose(part, level, sign, factor):
            return self.row([self.silent("("), content, self.silent(")")])
        return content

    def color(self, content: str, role: str) -> str:
        return f'<mrow class="{CLASSES[role]}">{content}</mrow>' if role else content

    def name(self, text: str) -> str:
        stem, index, superscript = _split_indices(text)
        parts = [f"<mi>{escape(stem)}</mi>", *(f"<mn>{part}</mn>" for part in (index, superscript) if part)]
        kind = ("msub" if index else "") if not superscript else "msubsup" if index else "msup"
        return f"<{kind}>{''.join(parts)}</{kind}>" if kind else parts[0]

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
        # Spaces between elements are not displayed; they separate words in text without layout.
        before = after = " " if wide else ""
        return f"{before if operator != ',' else ''}<mo{space}>{escape(operator)}</mo>{after}"

    def row(self, pieces: Sequence[str]) -> str:
        return f"<mrow>{''.join(pieces)}</mrow>"

    def fenced(self, left: str, inside: str, right: str) -> str:
        return f'<mrow><mo form="prefix">{left}</mo>{inside}<mo form="postfix">{right}</mo></mrow>'

    def fraction(self, top: Formula, bottom: Formula) -> str:
        above = self.enclose(top, PRODUCT, sign=True, factor=True)
        return self.over(self.row([above]), self.row([self.silent(" / "), self.enclose(bottom, SIGN)]))

    def over(self, top: str, bottom: str) -> str:
        return f"<mfrac>{top}{bottom}</mfrac>"

    def partial(self, top: str, bottom: str) -> str:
        symbol = '<mo lspace="0" rspace="0">∂</mo>'
        return self.over(self.row([symbol, top]), self.row([self.silent("/"), symbol, bottom]))

    def grad(self, name: str) -> str:
        return self.row([name, "<mtext>.grad</mtext>"])

    def power(self, base: str, exponent: Formula) -> str:
        superscript = self.enclose(exponent, exponent_level(exponent))
        return f"<msup>{base}{self.row([self.silent('^'), superscript])}</msup>"

    def root(self, x: Formula) -> str:
        return f"<msqrt>{self.silent('√')}{self.enclose(x, SIGN)}</msqrt>"


_TEXT, _TEX, _ML = Pen(), LatexPen(), MathmlPen()


def text(formula: Formula) -> str:
    """Write a formula as a line of text.

    >>> from .syntax import SUM, Infix, Name, Number, Power, product
    >>> w, x, y = map(Name, "wxy")
    >>> text(Power(Infix((product([w, x]), y), ("−",), SUM), Number("2")))
    '(w·x − y)²'
    """
    return formula.write(_TEXT)


def latex(formula: Formula) -> str:
    r"""Write a formula in LaTeX, without dollars around it.

    >>> from .syntax import Number, Partial, equals
    >>> latex(equals(Partial("loss", "w"), Number("−20")))
    '\\frac{\\partial \\mathrm{loss}}{\\partial w} = -20'
    """
    return formula.write(_TEX)


def mathml(formula: Formula, block: bool = True) -> str:
    """Write a formula as a ``<math>`` element, as a block or, if not ``block``, inline.

    >>> from .syntax import Name
    >>> mathml(Name("<b>", role="data"), block=False)
    '<math displaystyle="true"><mrow class="gg-data"><mi>&lt;b&gt;</mi></mrow></math>'
    """
    display = ' display="block"' if block else ""
    return f'<math{display} displaystyle="true">{formula.write(_ML)}</math>'
