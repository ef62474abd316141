"""Notation of numbers, names and operations."""

import math
import re
import string
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, topological_order
from autograd import sum as total_of
from autograd.expression import compute
from autograd.primitives import PRIMITIVES, Primitive
from autograd.view.notation.names import (
    LABEL_LENGTH,
    UNKNOWN,
    Names,
    clean,
    constant,
    factor,
    format_constant,
    format_gradient,
    format_number,
    names_of,
    operation,
    quantity,
    skeleton,
)

from ...._support.growth import is_linear
from ...._support.hostile import HOSTILE, each_hostile
from ...._support.table import call, flat, is_group, shaped, temporary_primitive

# Numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0, "0"),
        (-0.0, "−0"),
        (1.0, "1"),
        (-20.0, "−20"),
        (2 / 3, "0.6667"),
        (-2 / 3, "−0.6667"),
        (1234.4, "1234"),
        (999.94, "999.9"),
        (999.96, "1000"),
        (0.001, "0.001"),
        (math.nextafter(0.001, 0.0), "1e−3"),
        (0.00012346, "1.235e−4"),
        (12345.6, "12346"),
        (99999.4, "99999"),
        (1e5, "1e5"),
        (-1e5, "−1e5"),
        (123456.0, "1.235e5"),
        (9.9996e9, "1e10"),
        (-2.5e-7, "−2.5e−7"),
        (5e-324, "4.941e−324"),
        (1.7976931348623157e308, "1.798e308"),
        (math.inf, "inf"),
        (-math.inf, "−inf"),
        (math.nan, "nan"),
    ],
)
def test_number(x: float, text: str) -> None:
    assert format_number(x) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_written_number_reads_back_to_four_digits(x: float) -> None:
    text = format_number(x)
    number = Decimal(text.replace("−", "-"))  # 1.798e308 is beyond the floats
    assert abs(number - Decimal(x)) <= Decimal("5e-4") * abs(Decimal(x))
    assert text.startswith("−") == (math.copysign(1.0, x) < 0)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_written_number_is_short_and_has_no_hyphen(x: float) -> None:
    text = format_number(x)
    assert "-" not in text
    assert "+" not in text
    assert len(text) <= len("−1.234e−308")
    digits = re.sub(r"e.*|\D", "", text).lstrip("0")
    assert len(digits) <= 4 or 1e4 <= abs(x) < 1e5
    assert ("e" in text) == (x != 0 and not 1e-3 <= abs(x) < 1e5)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (1.41421356, "1.414"),
        (1 / 3, "0.3333"),
        (0.1 + 0.2, "0.3"),
        (3.0, "3"),
        (-12345.0, "−12345"),
        (123456789.0, "1.235e8"),
        (1e-7, "1e−7"),
        (1.99999, "1.99999"),
        (-0.99999, "−0.99999"),
        (math.nextafter(2.0, 3.0), "2"),
        (12345.678, "12346"),
        (math.inf, "inf"),
    ],
)
def test_constant_is_as_short_as_data_unless_it_would_read_as_a_whole_number(x: float, text: str) -> None:
    assert format_constant(x) == text
    assert constant(x).text == text
    assert constant(x).rounded == (float(text.replace("−", "-")) != x)


def test_gradients_and_local_derivatives_are_never_minus_zero() -> None:
    assert [format_gradient(x) for x in (-0.0, -1e-9, None)] == ["0", "−1e−9", UNKNOWN]
    assert [quantity(-0.0, role).text for role in ("data", "gradient", "local")] == ["−0", "0", "0"]


def test_a_negative_factor_is_bracketed() -> None:
    assert [factor(x) for x in (-4.0, 5.0, -0.0, -1e9, math.nan)] == ["(−4)", "5", "(−0)", "(−1e9)", "nan"]


# Names --------------------------------------------------------------------------------------------


@each_hostile
def test_a_hostile_label_is_cleaned_to_one_short_printable_line(label: str) -> None:
    text = clean(label)
    assert text
    assert text.isprintable()
    assert text == text.strip()
    assert len(text) <= LABEL_LENGTH + 1


@given(st.text())
def test_any_label_is_cleaned_to_one_short_printable_line(label: str) -> None:
    text = clean(label)
    assert text.isprintable()
    assert len(text) <= LABEL_LENGTH + 1
    assert clean(text) in (text, text.removesuffix("…")[:LABEL_LENGTH] + "…")


@pytest.mark.parametrize("label", ["w", "loss 2", "θ₁", "<b>", "a & b", "{a}", "x" * LABEL_LENGTH])
def test_a_plain_label_is_left_alone(label: str) -> None:
    assert clean(label) == label


def test_a_long_label_ends_in_an_ellipsis() -> None:
    assert clean("x" * (LABEL_LENGTH + 1)) == "x" * LABEL_LENGTH + "…"


@pytest.mark.parametrize("label", ["", " ", "\n\t", "\u200b", "\u2028\u3000", " " * 50])
def test_invisible_label_is_ignored(label: str) -> None:
    a = Value(1.0, label=label)
    names = names_of(a + 1.0)
    assert names[a] == "x₁"


def test_long_invisible_label_is_ignored() -> None:
    assert clean(" " * 10_000) == ""


def test_labels_are_used_and_the_rest_is_numbered_in_order() -> None:
    w, b, c = Value(1.0, label="w"), Value(2.0), Value(3.0)
    p = w * b
    q = p + c
    out = q * w
    names = names_of(out)
    assert [names[v] for v in topological_order(out)] == ["w", "x₁", "v₁", "x₂", "v₂", "out"]
    assert names.root == "out"
    assert names.of(w) == "w"
    assert names.of(-0.5) == "−0.5"


def test_a_labeled_root_is_the_name_of_what_is_differentiated() -> None:
    loss = Value(1.0) * 2.0
    loss.label = "loss"
    assert names_of(loss).root == names_of(loss)[loss] == "loss"


def test_duplicate_labels_are_numbered() -> None:
    leaves = [Value(float(i), label="w") for i in range(12)]
    root = leaves[0]
    for leaf in leaves[1:]:
        root = root + leaf
    names = names_of(root)
    assert [names[leaf] for leaf in leaves][:3] == ["w", "w₂", "w₃"]
    assert len({names[v] for v in topological_order(root)}) == 23


@pytest.mark.parametrize(
    ("label", "second"),
    [
        ("a + b", "(a + b)₂"),
        ("x<y", "(x<y)₂"),
        ("−w", "(−w)₂"),
        ("f(a)", "f(a)₂"),
        ("first weight", "first weight₂"),
    ],
)
def test_number_is_appended_to_the_whole_label(label: str, second: str) -> None:
    a, b = Value(2.0, label=label), Value(3.0, label=label)
    assert names_of(a * b)[b] == second


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("p", ["x₁", "x₂", "v₁", "v₂", "out"]),
        *[(label, ["a₁", "a₂", "v₁", "v₂", "out"]) for label in ("x", "x1", "x₁", "x_1", "x₇", "x⁽¹⁾", "x′")],
        *[(label, ["x₁", "x₂", "u₁", "u₂", "out"]) for label in ("v", "v12", "v₂", "v_2")],
        *[(label, ["x₁", "x₂", "v₁", "v₂", "result"]) for label in ("out", "out2", "out₂")],
        *[(label, ["x₁", "x₂", "v₁", "v₂", "out"]) for label in ("h", "X", "x_new", "output", "vx")],
    ],
)
def test_generated_name_never_resembles_a_label(label: str, expected: list[str]) -> None:
    a, b, c = Value(1.0), Value(2.0, label=label), Value(3.0)
    root = (a * b + a) * c
    names = names_of(root)
    assert names[b] == label
    assert [
        names[value] for value in (a, c, root.operands[0].operands[0], root.operands[0], root)
    ] == expected


def test_generated_names_have_another_stem_if_all_letters_are_labels() -> None:
    leaves = [Value(1.0, label=letter) for letter in string.ascii_letters]
    root = total_of(leaves) * Value(2.0) + 1.0
    names = names_of(root)
    assert [names[value] for value in topological_order(root)[-4:]] == ["vv₁", "xx₁", "vv₂", "out"]


@pytest.mark.parametrize("label", ["w2", "w₂", "w_2"])
def test_number_of_a_repeated_label_skips_similar_labels(label: str) -> None:
    values = [Value(1.0, label=name) for name in ("w", "w", label, "w")]
    root = total_of(values)
    assert [names_of(root)[value] for value in values] == ["w", "w₃", label, "w₄"]


def stem(name: str) -> str:
    return skeleton(name).rstrip(string.digits)


labels = st.sampled_from(
    ["", "w", "w₂", "w2", "w₃", "x₁", "v1", "v", "out", "out₂", " w ", "w\n", "W" * 30, "W" * 31]
)


@given(st.lists(labels, min_size=1, max_size=12))
def test_names_are_unique_whatever_the_labels(texts: list[str]) -> None:
    leaves = [Value(1.0, label=label) for label in texts]
    root = leaves[0]
    for leaf in leaves[1:]:
        root = root * leaf
    order = topological_order(root)
    names = Names(order)
    result = [names[v] for v in order]
    assert len(set(result)) == len(result)
    assert all(result)
    own = {stem(names[v]) for v in order if v.label.strip()}
    assert not own & {stem(names[v]) for v in order if not v.label.strip()}


def test_equal_labels_are_named_in_linear_work() -> None:
    def work(size: int) -> Callable[[], object]:
        y = Value(1.0, label="y")
        for _ in range(size):
            y = y + 1.0
            y.label = "y"
        order = topological_order(y)
        return lambda: Names(order)

    assert is_linear(work, 1000)


# Operations ---------------------------------------------------------------------------------------

each_entry = pytest.mark.parametrize("entry", PRIMITIVES.values(), ids=lambda entry: entry.name)


def _label_operands(entry: Primitive, numbers: list[float]) -> tuple[Value, list[Value]]:
    letters = iter(string.ascii_lowercase)
    rest = iter(numbers)
    operands = shaped(entry, lambda: Value(next(rest), label=next(letters)), 3)
    return call(entry, operands), [x for x in flat(operands) if isinstance(x, Value)]


def check_operation_names_each_operand_once(entry: Primitive) -> None:
    result, leaves = _label_operands(entry, [0.5] * 9)
    text = operation(result, names_of(result))
    body = text.replace(entry.name, "").replace("max(", "(").replace("min(", "(")
    for leaf in leaves:
        assert body.count(leaf.label) == 1, text
    assert not set("{}") & set(text)
    assert "-" not in text
    assert text.isprintable()


@each_entry
def test_operation_names_each_operand_once(entry: Primitive) -> None:
    check_operation_names_each_operand_once(entry)


def test_operation_of_a_new_entry() -> None:
    rules = [lambda m, a, b: a * b * b, lambda m, out, a, b: b * b, lambda m, out, a, b: 2.0 * a * b]
    with temporary_primitive("zigzag", *rules, doc="a·b²") as entry:
        check_operation_names_each_operand_once(entry)
        result, _ = _label_operands(entry, [1.0, 2.0])
        assert operation(result, names_of(result)) == "zigzag(a, b)"


def _python(text: str, entry: Primitive) -> str:
    """Convert a written operation to an expression that Python can evaluate."""
    if superscript := re.search("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+$", text):
        exponent = superscript[0].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
        text = f"{text[: superscript.start()]}**{exponent}"
    text = re.sub(r"\|(.*)\|", r"abs(\1)", text)
    text = re.sub("√(.*)", r"sqrt(\1)", text)
    if entry.is_many and text.endswith(")") and text.startswith(entry.name):
        text = f"{entry.name}([{text[len(entry.name) + 1 : -1]}])"
        if "index" in entry.operands:  # the index comes after the group
            text = "], ".join(text.replace("])", ")").rsplit(", ", 1))
    return text.replace("·", "*").replace("−", "-").replace("^", "**")


def check_operation_computes_to_the_value(result: Value) -> None:
    entry = result.primitive
    assert entry is not None
    text = operation(result, names_of(result))
    leaves = {v.label: v for v in result.operands if isinstance(v, Value)}
    other = compute(_python(text, entry), leaves)
    assert math.isclose(other.data, result.data, rel_tol=1e-12), text


@each_entry
def test_written_operation_evaluates_to_the_data(entry: Primitive) -> None:
    result, _ = _label_operands(entry, [0.5, 0.25, 0.75, -0.5, 0.125, 2.0, -1.5])
    check_operation_computes_to_the_value(result)


def _operand_count(entry: Primitive) -> int:
    return sum(3 if is_group(o) else 1 for o in entry.operands) - ("index" in entry.operands)


def _with_constant(entry: Primitive, constant: float, at: int) -> Value:
    """The entry of labeled leaves, but of a constant at one place."""
    letters = iter(string.ascii_lowercase)
    numbers: list[Value | float] = [Value(2.0, label=next(letters)) for _ in range(_operand_count(entry))]
    numbers[at] = constant
    rest = iter(numbers)
    return call(entry, shaped(entry, lambda: next(rest), 3))


with_a_constant = [
    pytest.param(
        entry,
        at,
        constant,
        id=f"{entry.name}-{at}-{constant}",
    )
    for entry in PRIMITIVES.values()
    if _operand_count(entry) > 1
    for at in range(_operand_count(entry))
    for constant in (3.0, 2.5, 1e-7, -3.0, -0.25)
]


@pytest.mark.parametrize(("entry", "at", "constant"), with_a_constant)
def test_written_operation_with_a_constant_evaluates_to_the_data(
    entry: Primitive, at: int, constant: float
) -> None:
    check_operation_computes_to_the_value(_with_constant(entry, constant, at))


def test_a_negative_base_is_bracketed() -> None:
    result = (-2.0) ** Value(2.0, label="w")
    assert operation(result, names_of(result)) == "(−2)^w"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda a: a + -3.0, "a + (−3)"),
        (lambda a: a - -3.0, "a − (−3)"),
        (lambda a: a * -3.0, "a·(−3)"),
        (lambda a: a / -3.0, "a / (−3)"),
        (lambda a: -3.0 * a, "−3·a"),
        (lambda a: a**-2, "a⁻²"),
        (lambda a: a**2.5, "a^2.5"),
        (lambda a: a**-0.5, "a^(−0.5)"),
        (lambda a: a.maximum(-3.0), "max(a, −3)"),
        (lambda a: call(PRIMITIVES["logsumexp"], [[a, -1.0]]), "logsumexp(a, −1)"),
    ],
)
def test_negative_constant_after_an_operator_is_bracketed(make, text: str) -> None:
    result = make(Value(2.0, label="a"))
    assert operation(result, names_of(result)) == text


@pytest.mark.parametrize(
    ("name", "operands", "text"),
    [
        ("sum", [[1.0, -2.0]], "a + (−2)"),
        ("dot", [[1.0], [-2.0], 0.0], "a·(−2)"),
        ("dot", [[1.0], [2.0], -1.0], "a·2 + (−1)"),
    ],
)
def test_a_negative_constant_is_bracketed_in_a_row(name: str, operands: list, text: str) -> None:
    operands[0][0] = Value(1.0, label="a")
    result = call(PRIMITIVES[name], operands)
    assert operation(result, names_of(result)) == text


def test_a_long_row_is_shortened_and_a_default_left_out() -> None:
    values = [Value(1.0, label=c) for c in "abcdefgh"]
    total = call(PRIMITIVES["sum"], [values])
    assert operation(total, names_of(total)) == "a + b + … + h"
    neuron = call(PRIMITIVES["dot"], [values[:5], values[3:]])
    assert operation(neuron, names_of(neuron)) == "a·d + b·e + … + e·h"
    node = call(PRIMITIVES["dot"], [values[:1], values[1:2], values[2]])
    assert operation(node, names_of(node)) == "a·b + c"
    empty = call(PRIMITIVES["dot"], [[], [], values[0]])
    assert operation(empty, names_of(empty)) == "0 + a"


def test_a_single_term_is_never_left_out() -> None:
    values = [Value(1.0, label=c) for c in "abcde"]
    sums = [call(PRIMITIVES["sum"], [values[:n]]) for n in (3, 4, 5)]
    assert [operation(v, names_of(v)) for v in sums] == ["a + b + c", "a + b + c + d", "a + b + … + e"]


@pytest.mark.parametrize(
    ("operands", "template", "text"),
    [
        ("a* b", "{b}·({a} + …)", "p·(x + y)"),
        ("a* b", "√({b}·{a} + …)", "√(p·x + p·y)"),
        ("a* b", "√{a} + … + {b}", "√x + √y + p"),
        ("a* b", "{b} + exp({a}) + …", "p + exp(x) + exp(y)"),
        ("a* b", "", "own(x, y, p)"),
        ("a* b*", "{a}·{b} + …", "x·p + y·q"),
        ("a* b*", "", "own(x, y, p, q)"),
        ("a* b*", "⌊{a}, …⌋", "own(x, y, p, q)"),
        ("a b c", "{a}·{b} + {c}", "x·y + p"),
    ],
)
def test_the_part_before_an_ellipsis_is_written_for_each_element(
    operands: str, template: str, text: str
) -> None:
    rules = [lambda m, *operands: 0.0, *[lambda m, out, *operands: None] * len(operands.split())]
    with temporary_primitive("own", *rules, operands=operands, template=template) as entry:
        x, y, p, q = (Value(1.0, label=label) for label in "xypq")
        arguments = {"a* b": [[x, y], p], "a* b*": [[x, y], [p, q]], "a b c": [x, y, p]}[operands]
        result = call(entry, arguments)
        assert operation(result, names_of(result)) == text


@each_entry
def test_hostile_labels_do_not_break_the_writing(entry: Primitive) -> None:
    for label in HOSTILE.values():
        result = call(entry, shaped(entry, lambda label=label: Value(0.5, label=label), 2))
        text = operation(result, names_of(result))
        assert clean(label) in text
        assert text.isprintable()
