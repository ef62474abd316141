"""Every rule of the table read on symbols: what is written is worth what the rule gives."""

import math
import random
import string
from itertools import product

import pytest

from autograd import Value, dot, logsumexp, take
from autograd.nodes import local_derivatives
from autograd.primitives import PRIMITIVES, Primitive
from autograd.symbols import Symbol, Symbols
from autograd.view.notation.local_derivative import local_derivative
from autograd.view.notation.names import format_gradient, names_of
from autograd.view.notation.simplify import evaluate_symbols
from autograd.view.notation.writers import latex, mathml, text

from ...._support.reading import read
from ...._support.table import call, flat, shaped, temporary_primitive

each_entry = pytest.mark.parametrize("entry", PRIMITIVES.values(), ids=lambda entry: entry.name)

PLAIN = [0.0, 1.0, -1.0, 2.0, 0.5, -2.5, 3.0]
SATURATED = [30.0, -30.0, 0.75, 1e-8]


def _operands(entry: Primitive) -> list[list[float]]:
    count = len(flat(shaped(entry, lambda: 0.0, 3)))
    if count <= 2:
        return [[*numbers] for numbers in product(PLAIN + SATURATED, repeat=count)]
    rng = random.Random(entry.name)
    return [[rng.choice(PLAIN) for _ in range(count)] for _ in range(50)]


def _result(entry: Primitive, numbers: list[float]) -> Value:
    letters, rest = iter(string.ascii_lowercase), iter(numbers)
    return call(entry, shaped(entry, lambda: Value(next(rest), label=next(letters)), 3))


def _alike(x: float, y: float) -> bool:
    return math.isclose(x, y, rel_tol=1e-9) or (math.isnan(x) and math.isnan(y))


def check_every_rule_explains_itself(entry: Primitive) -> None:
    for numbers in _operands(entry):
        node = _result(entry, numbers)
        names = names_of(node)
        for position, number in enumerate(local_derivatives(node)):
            rule = local_derivative(node, position, names)
            symbols = text(rule.in_symbols())
            local = 0.0 if number is None else number
            worth = evaluate_symbols(rule.expression, rule.numbers)
            assert _alike(worth, local), f"{symbols} at {numbers} is {worth}, not {local}"
            assert _alike(rule.value, local)
            assert read(symbols) is not None
            for pen in (text, latex, mathml):
                assert pen(rule.in_symbols())
                assert pen(rule.in_numbers())


@each_entry
def test_every_rule_explains_itself(entry: Primitive) -> None:
    check_every_rule_explains_itself(entry)


def test_a_new_entry_explains_itself() -> None:
    rules = [
        lambda m, a, b: m.where(a < b, a * m.tanh(b), a),
        lambda m, out, a, b: m.where(a < b, m.tanh(b), 1.0),
        lambda m, out, a, b: m.where(a < b, a * (1.0 - m.tanh(b) * m.tanh(b)), None),
    ]
    with temporary_primitive("gated", *rules, doc="a·tanh(b) where a < b, else a") as entry:
        check_every_rule_explains_itself(entry)
        node = call(entry, [Value(1.0, label="a"), Value(2.0, label="b")])
        assert _formulas(node, 1) == ("a·(1 − tanh(b)²)", "1·(1 − tanh(2)²)", ["a < b"])


def test_rule_with_a_group_is_written_as_its_number() -> None:
    rules = [
        lambda m, values, scale: scale * m.sum(values),
        lambda m, out, values, scale: m.each(values, lambda x: scale),
        lambda m, out, values, scale: m.sum(m.each(values, lambda x: x)),
    ]
    more = {"operands": "values* scale", "template": "{scale}·({values} + …)"}
    with temporary_primitive("scaled", *rules, doc="scale · Σ values", **more) as entry:
        node = call(entry, [[Value(2.0, label="a"), Value(3.0, label="b")], Value(5.0, label="c")])
        assert _formulas(node, 0) == ("c", "5", [])
        assert _formulas(node, 2) == ("5", "5", [])


def _formulas(node: Value, position: int = 0) -> tuple[str, str, list[str]]:
    rule = local_derivative(node, position, names_of(node))
    return (
        text(rule.in_symbols()),
        text(rule.in_numbers()),
        [text(fact) for fact in rule.condition_formulas()],
    )


a, b, n = Value(2.0, label="a"), Value(-3.0, label="b"), Value(math.nan, label="n")
zero, x = Value(0.0, label="zero"), Value(20.0, label="x")


@pytest.mark.parametrize(
    ("node", "position", "symbols", "numbers", "conditions"),
    [
        (a + b, 0, "1", "1", []),
        (a - b, 1, "−1", "−1", []),
        (a * b, 0, "b", "−3", []),
        (a * a, 1, "a", "2", []),
        (a / b, 0, "1 / b", "1 / (−3)", []),
        (a / b, 1, "−out / b", "−(−0.6667) / (−3)", []),
        (a / 4.0, 0, "0.25", "0.25", []),
        (a**2, 0, "2·a", "2·2", []),
        (a**3, 0, "3·a²", "3·2²", []),
        (a**1, 0, "1", "1", []),
        (a**0, 0, "0", "0", []),
        (a**-1, 0, "−a⁻²", "−2⁻²", []),
        (a**0.5, 0, "0.5·a^(−0.5)", "0.5·2^(−0.5)", []),
        (a**b, 0, "b·a^(b − 1)", "−3·2^(−3 − 1)", []),
        (a**b, 1, "out·log(a)", "0.125·log(2)", []),
        (a**a, 1, "out·log(a)", "4·log(2)", ["a ≠ 0"]),
        (2.0**b, 0, "out·log(2)", "0.125·log(2)", []),
        (b.exp(), 0, "out", "0.04979", []),
        (a.sqrt(), 0, "0.5 / out", "0.5 / 1.414", []),
        (a.tanh(), 0, "sech(a)²", "sech(2)²", []),
        (a.sech(), 0, "−out·tanh(a)", "−0.2658·tanh(2)", []),
        (b.sigmoid(), 0, "(0.5·sech(0.5·b))²", "(0.5·sech(0.5·(−3)))²", []),
        (a.relu(), 0, "1", "1", ["a > 0"]),
        (b.relu(), 0, "0", "0", ["b ≤ 0"]),
        (n.relu(), 0, "1", "1", ["n is nan"]),
        (b.leaky_relu(), 0, "0.01", "0.01", ["b ≤ 0"]),
        (abs(b), 0, "−1", "−1", ["b < 0"]),
        (abs(a), 0, "1", "1", ["a > 0"]),
        (abs(zero), 0, "0", "0", ["zero = 0"]),
        (a.maximum(b), 0, "1", "1", ["a > b"]),
        (a.maximum(b), 1, "0", "0", ["b < a"]),
        (a.maximum(2.0), 0, "0.5", "0.5", ["a = 2"]),
        (dot([a, b], [b, 1.0]), 0, "b", "−3", []),
        (dot([a, b], [b, 1.0]), 1, "1", "1", []),
        (dot([a, b], [b, 1.0], zero), 4, "1", "1", []),
        (logsumexp([a, b]), 1, "exp(b − out)", "exp(−3 − 2.007)", []),
        (take([a, b], 1), 0, "0", "0", []),
        (take([a, b], 1), 1, "1", "1", []),
    ],
)
def test_rules_are_written_in_usual_notation(
    node: Value, position: int, symbols: str, numbers: str, conditions: list[str]
) -> None:
    if position == 0 and not isinstance(node.operands[0], Value):
        position = 1
    assert _formulas(node, position) == (symbols, numbers, conditions)


@pytest.mark.parametrize("label", ["each", "where", "neg", "+", "*", "index", "out", "exp", "0"])
def test_a_label_is_a_name_whatever_it_says(label: str) -> None:
    leaf = Value(2.0, label=label)
    assert _formulas(leaf * a, 1) == (label, "2", [])
    assert _formulas(leaf**3, 0) == (
        f"3·{label}²" if label.isidentifier() or label == "0" else f"3·({label})²",
        "3·2²",
        [],
    )


def test_a_number_that_was_overwritten_is_not_substituted() -> None:
    w = Value(2.0, label="w")
    node = w**2
    w.data = 100.0
    assert _formulas(node) == ("2·w", "4", [])
    w.data = 2.0
    assert _formulas(node) == ("2·w", "2·2", [])


@pytest.mark.parametrize(
    ("make", "before", "after", "expected"),
    [
        (lambda v: v.relu(), -1.0, 5.0, ("0", "0", [])),
        (lambda v: v.relu(), 5.0, -1.0, ("1", "1", [])),
        (lambda v: v.relu(), 5.0, 6.0, ("1", "1", ["v > 0"])),
        (lambda v: v.elu(), -1.0, -2.0, ("0.3679", "0.3679", [])),
        (lambda v: v.maximum(2.0), 2.0, 3.0, ("0.5", "0.5", [])),
        (lambda v: v.exp(), 1.0, 2.0, ("out", "2.718", [])),
        (lambda v: dot([v], [Value(3.0, label="u")]), 1.0, 2.0, ("u", "3", [])),
    ],
)
def test_a_form_that_an_overwritten_number_would_select_is_not_shown(
    make, before: float, after: float, expected: tuple[str, str, list[str]]
) -> None:
    v = Value(before, label="v")
    node = make(v)
    v.data = after
    assert _formulas(node) == expected


@each_entry
def test_overwritten_data_gives_no_false_formula(entry: Primitive) -> None:
    rng = random.Random(entry.name)
    for numbers in _operands(entry)[:60]:
        node = _result(entry, numbers)
        for leaf in node.operands:
            if isinstance(leaf, Value):
                leaf.data = rng.choice(PLAIN)
        names = names_of(node)
        for position, number in enumerate(local_derivatives(node)):
            rule = local_derivative(node, position, names)
            assert _alike(rule.value, 0.0 if number is None else number)
            if rule.expression is None or not rule.is_current:
                assert text(rule.in_numbers()) == format_gradient(rule.value)
                assert rule.conditions == ()
            assert all(evaluate_symbols(c.comparison, rule.numbers) == c.holds for c in rule.conditions)


def test_a_leaf_has_no_local_derivative() -> None:
    with pytest.raises(ValueError, match="expected a non-leaf Value, got the leaf"):
        local_derivative(a, 0, names_of(a))


def test_number_evaluates_to_itself() -> None:
    assert evaluate_symbols(2.5, {}) == 2.5
    assert math.copysign(1.0, evaluate_symbols(-0.0, {})) == -1.0


@pytest.mark.parametrize(
    ("rule", "error", "remedy"),
    [
        (lambda m, x: x**2.0, TypeError, r"Write m\.pow\(a, b\)"),
        (lambda m, x: 2.0**x, TypeError, r"Write m\.pow\(a, b\)"),
        (lambda m, x: x if x > 0.0 else 0.0, TypeError, r"Write m\.where\(condition, a, b\)"),
        (lambda m, x: m.atan(x), AttributeError, r"cannot use m\.atan.*m offers where, eq"),
    ],
)
def test_rule_outside_the_language_raises(rule, error: type, remedy: str) -> None:
    with pytest.raises(error, match=remedy):
        rule(Symbols(), Symbol("x"))
    with pytest.raises(error, match=remedy), temporary_primitive("bad", rule, lambda m, out, x: 1.0):
        pass
    assert "bad" not in PRIMITIVES
