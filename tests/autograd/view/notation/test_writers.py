"""Formulas in three notations: the same tree, escaped, with brackets where the notation needs them."""

import math
import re
from xml.etree import ElementTree

import pytest

from autograd import Value, steps
from autograd.view.notation.names import clean, quantity
from autograd.view.notation.syntax import (
    Bars,
    Formula,
    Fraction,
    FunctionCall,
    Grad,
    Infix,
    Minus,
    Name,
    Number,
    Partial,
    Power,
    Root,
    Row,
    Words,
    equals,
    product,
    total,
)
from autograd.view.notation.writers import CLASSES, latex, mathml, text
from autograd.view.render.theme import DARK, LIGHT

from ...._support.hostile import each_hostile

A, B, TWO = Name("a"), Name("b"), Number("2")

FORMULAS: list[tuple[Formula, str, str]] = [
    (Name("w"), "w", "w"),
    (Name("loss"), "loss", r"\mathrm{loss}"),
    (Name("h₁₂"), "h₁₂", "h_{12}"),
    (Name("w_1"), "w_1", r"\mathrm{w\_1}"),
    (Name("θ"), "θ", "θ"),
    (Number("−2.5e−7"), "−2.5e−7", r"-2.5 \times 10^{-7}"),
    (Number("inf"), "inf", r"\infty"),
    (Number("nan"), "nan", r"\mathrm{nan}"),
    (Power(A, TWO), "a²", "{a}^{2}"),
    (Power(A, Number("−12")), "a⁻¹²", "{a}^{-12}"),
    (Power(A, Number("0.5")), "a^0.5", "{a}^{0.5}"),
    (Power(Name("loss 2"), TWO), "(loss 2)²", r"{\left( \mathrm{loss\ 2} \right)}^{2}"),
    (Root(total([A, B])), "√(a + b)", r"\sqrt{a + b}"),
    (Bars(Minus(A)), "|−a|", r"\left| -a \right|"),
    (FunctionCall("max", (A, TWO)), "max(a, 2)", r"\operatorname{max}\left( a,\; 2 \right)"),
    (Fraction(total([A, B]), Minus(B)), "(a + b) / (−b)", r"\frac{a + b}{-b}"),
    (product([Number("−4"), Number("−5")], wide=True), "(−4) · (−5)",
     r"\left( -4 \right) \cdot \left( -5 \right)"),
    (product([product([TWO, A]), B], wide=True), "2·a · b", r"2 \cdot a \cdot b"),
    (Partial("loss", "h₁"), "∂loss/∂h₁", r"\frac{\partial \mathrm{loss}}{\partial h_{1}}"),
    (Grad("w"), "w.grad", r"w.\mathrm{grad}"),
    (Grad("h₁"), "h₁.grad", r"h_{1}.\mathrm{grad}"),
    (Grad("x[0, 1]"), "x[0, 1].grad", r"\mathrm{x[0,\ 1]}.\mathrm{grad}"),
    (Grad("a+b"), "(a+b).grad", r"\left( \mathrm{a+b} \right).\mathrm{grad}"),
    (Grad("loss 2"), "(loss 2).grad", r"\left( \mathrm{loss\ 2} \right).\mathrm{grad}"),
    (Grad("x^2"), "(x^2).grad", r"\left( \mathrm{x\hat{\ }2} \right).\mathrm{grad}"),
    (equals(A, Minus(B)), "a = −b", "a = -b"),
    (Row((A, Words(", since "), Infix((B, TWO), ("≤",), -1))), "a, since b ≤ 2",
     r"a\mathrm{,\ since\ }b \leq 2"),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "as_text", "as_latex"), FORMULAS, ids=lambda x: x if x is str else None)
def test_text_and_latex(formula: Formula, as_text: str, as_latex: str) -> None:
    assert text(formula) == as_text
    assert latex(formula) == as_latex


@pytest.mark.parametrize(("formula", "as_text", "as_latex"), FORMULAS, ids=lambda x: x if x is str else None)
def test_renderers_accept_latex_and_mathml(formula: Formula, as_text: str, as_latex: str) -> None:
    ElementTree.fromstring(mathml(formula))
    mathtext = pytest.importorskip("matplotlib.mathtext")
    mathtext.MathTextParser("path").parse(f"${latex(formula)}$")


def _letters(markup: str) -> str:
    return "".join(ElementTree.fromstring(markup).itertext())


def test_mathml_of_the_example() -> None:
    symbol = '<mo lspace="0" rspace="0">∂</mo>'
    over = '<mtext style="display:none">/</mtext>'
    assert mathml(Partial("p", "w")) == (
        f'<math display="block" displaystyle="true"><mfrac><mrow>{symbol}<mi>p</mi></mrow>'
        f"<mrow>{over}{symbol}<mi>w</mi></mrow></mfrac></math>"
    )
    assert _letters(mathml(Fraction(total([A, B]), TWO))) == "(a + b) / 2"
    assert _letters(mathml(Power(total([A, B]), TWO))) == "(a + b)^2"
    assert "<msub><mi>h</mi><mn>1</mn></msub>" in mathml(Name("h₁"))
    assert "<msqrt>" in mathml(Root(A))


@pytest.mark.parametrize("number", [0.0, -0.0, 3.0, -2.5, 1e-7, -1e300, math.inf, -math.inf, math.nan])
def test_a_number_in_mathml_has_its_sign_and_digits(number: float) -> None:
    letters = _letters(mathml(quantity(number)))
    assert letters == quantity(number).text.replace("inf", "∞").replace("e", "×10^")


@each_hostile
def test_hostile_name_is_escaped(label: str) -> None:
    name = clean(label)
    assert _letters(mathml(Name(name), block=False)) == name
    tags = {element.tag for element in ElementTree.fromstring(mathml(Partial(name, name))).iter()}
    assert tags == {"math", "mfrac", "mrow", "mo", "mi", "mtext"}
    source = latex(Name(name))
    for bare in "$#&%_~":
        assert source.count(bare) == source.count("\\" + bare)
    assert source.count("{") - source.count(r"\{") == source.count("}") - source.count(r"\}")


@pytest.mark.parametrize(("formula", "as_text", "as_latex"), FORMULAS, ids=lambda x: x if x is str else None)
def test_the_letters_of_mathml_are_the_text(formula: Formula, as_text: str, as_latex: str) -> None:
    digits = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
    flat = re.sub("⁻([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", r"^(−\1)", as_text)
    flat = re.sub("(?<![−⁰¹²³⁴⁵⁶⁷⁸⁹])([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", r"^\1", flat).translate(digits)
    flat = flat.translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
    flat = re.sub(r"(\d)e", r"\1×10^", flat).replace("inf", "∞")
    assert _letters(mathml(formula)).replace("\xa0", " ") == flat


def test_the_colors_are_classes() -> None:
    for role, css in CLASSES.items():
        assert f'class="{css}"' in mathml(Number("1", role))
        assert getattr(LIGHT, role) != getattr(DARK, role)
        assert text(Number("1", role)) == "1"


def test_a_formula_itself_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Formula()  # type: ignore[abstract]


# The equation of a step ---------------------------------------------------------------------------


def test_the_equation_of_a_step_in_three_notations() -> None:
    a = Value(3.0, label="a")
    p = a * a
    p.label = "p"
    seed, first, second = steps(p)
    update = (
        r"a.\mathrm{grad} \mathrel{+}= p.\mathrm{grad} \cdot \frac{\partial p}{\partial a} = 1 \cdot 3 = 3"
    )
    assert str(seed) == "p.grad = 1"
    assert str(first) == "a.grad += p.grad · ∂p/∂a = 1 · 3 = 3"
    assert str(second) == f"{first}, total 6"
    assert latex(first.formula) == update
    assert latex(second.formula) == update + r"\mathrm{,\ total\ }6"
    assert _letters(mathml(first.formula)) == str(first)
    assert _letters(mathml(second.formula)) == f"{first},\xa0total\xa06"
    assert latex(seed.formula) == r"p.\mathrm{grad} = 1"
    assert _letters(mathml(seed.formula, block=False)) == "p.grad = 1"
    assert 'display="block"' not in mathml(seed.formula, block=False)


def test_gradient_and_local_derivative_have_different_colors() -> None:
    step = steps(Value(3.0, label="a") * 2.0)[1]
    tree = ElementTree.fromstring(mathml(step.formula))
    roles = [("".join(e.itertext()), e.get("class")) for e in tree.iter() if e.get("class")]
    assert roles == [
        ("a.grad", "gg-grad"), ("out.grad", "gg-grad"), ("∂out/∂a", "gg-local"),
        ("1", "gg-grad"), ("2", "gg-local"), ("2", "gg-grad"),
    ]  # fmt: skip
