"""Every rule of the table read on symbols: what is written is worth what the rule gives."""

import math
import random
import string
from itertools import product

import pytest

from autograd import Value, dot, logsumexp
from autograd.backward import cotangents, primals
from autograd.primitives import PRIMITIVES, Primitive
from autograd.view.algebra import evaluate
from autograd.view.local import local_derivative
from autograd.view.notation import names_of
from autograd.view.pens import latex, mathml, text

from ..table import call, flat, shaped, temporary_primitive
from .reading import read

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
        for position, local in enumerate(cotangents(node, 1.0)):
            said = local_derivative(node, position, names)
            written = text(said.in_symbols())
            assert _alike(said.value, local), f"{written} at {numbers} is {said.value}, not {local}"
            assert read(written) is not None
            for pen in (text, latex, mathml):
                assert pen(said.in_symbols())
                assert pen(said.in_numbers())


@each_entry
def test_every_rule_explains_itself(entry: Primitive) -> None:
    check_every_rule_explains_itself(entry)


def test_a_new_entry_explains_itself() -> None:
    rules = [
        lambda m, a, b: m.where(m.lt(a, b), a * m.tanh(b), a),
        lambda m, g, out, a, b: m.where(m.lt(a, b), g * m.tanh(b), g),
        lambda m, g, out, a, b: m.where(m.lt(a, b), g * (a * (1.0 - m.tanh(b) * m.tanh(b))), 0.0),
    ]
    with temporary_primitive("gated", *rules, doc="a·tanh(b) where a < b, else a") as entry:
        check_every_rule_explains_itself(entry)
        node = call(entry, [Value(1.0, label="a"), Value(2.0, label="b")])
        assert _written(node, 1) == ("a·(1 − tanh(b)²)", "1·(1 − tanh(2)²)", ["a < b"])


def test_a_rule_that_sums_over_a_group_is_told_by_its_number() -> None:
    rules = [
        lambda m, values, scale: scale * m.sum(values),
        lambda m, g, out, x, scale: g * scale,
        lambda m, g, out, values, scale: g * m.sum(m.each(values, lambda x: x)),
    ]
    more = {"operands": ("values*", "scale"), "template": "{scale}·({lanes})", "lane": "{values}", "binds": 1}
    with temporary_primitive("scaled", *rules, doc="scale · Σ values", **more) as entry:
        node = call(entry, [[Value(2.0, label="a"), Value(3.0, label="b")], Value(5.0, label="c")])
        assert _written(node, 0) == ("c", "5", [])
        assert _written(node, 2) == ("5", "5", [])


def _written(node: Value, position: int = 0) -> tuple[str, str, list[str]]:
    said = local_derivative(node, position, names_of(node))
    return text(said.in_symbols()), text(said.in_numbers()), [text(fact) for fact in said.since()]


a, b, n = Value(2.0, label="a"), Value(-3.0, label="b"), Value(math.nan, label="n")
zero, x = Value(0.0, label="zero"), Value(20.0, label="x")


@pytest.mark.parametrize(
    ("node", "position", "symbols", "numbers", "since"),
    [
        (a + b, 0, "1", "1", []),
        (a - b, 1, "−1", "−1", []),
        (a * b, 0, "b", "−3", []),
        (a * a, 1, "a", "2", []),
        (a / b, 0, "1 / b", "1 / (−3)", []),
        (a / b, 1, "−a / b²", "−2 / (−3)²", []),
        (a / 4.0, 0, "0.25", "0.25", []),
        (a**2, 0, "2·a", "2·2", []),
        (a**3, 0, "3·a²", "3·2²", []),
        (a**1, 0, "1", "1", []),
        (a**0, 0, "0", "0", []),
        (a**-1, 0, "−a⁻²", "−2⁻²", []),
        (a**0.5, 0, "0.5·a^(−0.5)", "0.5·2^(−0.5)", []),
        (a**b, 0, "b·a^(b − 1)", "−3·2^(−3 − 1)", []),
        (a**b, 1, "a^b·log(a)", "2⁻³·log(2)", []),
        (a**a, 1, "a^a·log(a)", "2²·log(2)", ["a ≠ 0"]),
        (2.0**b, 0, "2^b·log(2)", "2⁻³·log(2)", []),
        (b.exp(), 0, "out", "0.04979", []),
        (a.sqrt(), 0, "1 / (2·out)", "1 / (2·1.414)", []),
        (a.tanh(), 0, "1 − out²", "1 − 0.964²", []),
        (x.tanh(), 0, "4·sigmoid(2·x)·sigmoid(−2·x)", "4·sigmoid(2·20)·sigmoid(−2·20)", ["out² ≥ 0.8"]),
        (b.sigmoid(), 0, "out·(1 − out)", "0.04743·(1 − 0.04743)", []),
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
        (logsumexp([a, b]), 1, "exp(b − out)", "exp(−3 − 2.007)", []),
    ],
)
def test_rules_read_as_a_person_writes(
    node: Value, position: int, symbols: str, numbers: str, since: list[str]
) -> None:
    if position == 0 and not isinstance(node.operands[0], Value):
        position = 1
    assert _written(node, position) == (symbols, numbers, since)


@pytest.mark.parametrize("label", ["each", "where", "neg", "+", "*", "lane", "out", "exp", "0"])
def test_a_label_is_a_name_whatever_it_says(label: str) -> None:
    named = Value(2.0, label=label)
    assert _written(named * a, 1) == (label, "2", [])
    assert _written(named**3, 0) == (
        f"3·{label}²" if label.isidentifier() or label == "0" else f"3·({label})²",
        "3·2²",
        [],
    )


def test_the_numbers_are_those_of_the_forward_pass() -> None:
    w = Value(2.0, label="w")
    node = w**2
    w.data = 100.0
    assert _written(node) == ("2·w", "2·2", [])


@each_entry
def test_primals_are_those_of_the_forward_pass(entry: Primitive) -> None:
    numbers = [0.5, 0.25, 0.75, 1.5, 0.125, 2.0, 1.25]
    node = _result(entry, numbers)
    leaves = [v for v in node.operands if isinstance(v, Value)]
    result = node.data
    if entry.name != "add":  # which keeps no operand that is a Value
        for leaf in leaves:
            leaf.data = -1.0
    index = [float(x) for x in node.operands[-1:] if entry.numbered]
    assert primals(node) == (result, numbers[: len(leaves)] + index)


def test_a_leaf_has_no_local_derivative() -> None:
    with pytest.raises(ValueError, match="is a leaf"):
        local_derivative(a, 0, names_of(a))
    with pytest.raises(ValueError, match="is a leaf"):
        primals(a)


def test_a_number_is_worth_itself() -> None:
    assert evaluate(2.5, {}) == 2.5
