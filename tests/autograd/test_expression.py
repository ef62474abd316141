"""Typed expressions: the grammar, and the errors with their places. Nothing is evaluated as Python."""

import math
import warnings
from collections.abc import Callable

import mpmath
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from autograd import Value, softmax, topological_order
from autograd.expression import MAX_DEPTH, ExpressionError, compute, constant, functions
from autograd.primitives import PRIMITIVES

from .._support.table import bits, call, flat, shaped


def inputs(**numbers: float) -> dict[str, Value]:
    return {name: Value(x, label=name) for name, x in numbers.items()}


def value_of(source: str, **numbers: float) -> float:
    return compute(source, inputs(**numbers)).data


def error_of(source: str, **numbers: float) -> ExpressionError:
    with pytest.raises(ExpressionError) as info:
        compute(source, inputs(**numbers))
    return info.value


def pointed_at(error: ExpressionError) -> str:
    """Return the part of the source that the ^^^ of the message mark."""
    _, excerpt, pointer = str(error).split("\n")
    assert set(pointer) <= {" ", "^"}
    return excerpt[pointer.index("^") : len(pointer)]


# What is understood -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("2", 2.0),
        ("1_000.5e-1", 100.05),
        ("0x10", 16.0),
        ("x", 3.0),
        ("-x", -3.0),
        ("+x", 3.0),
        ("--x", 3.0),
        ("x + y*x", 9.0),
        ("(x + y)*x", 15.0),
        ("x - y - 1", 0.0),
        ("x / y / 2", 0.75),
        ("-x**2", -9.0),
        ("2**x**y", 512.0),
        ("x**-1", 1 / 3),
        ("exp(0) + abs(-x)", 4.0),
        ("max(x, y) - min(x, y)", 1.0),
        ("maximum(x, 10)", 10.0),
        ("sum([x, y, 1])", 6.0),
        ("sum((x, y))", 5.0),
        ("dot([x, y], [1, 2])", 7.0),
        ("dot([x, y], [1, 2], 0.5)", 7.5),
        ("logsumexp([x]) - x", 0.0),
        ("p = x*y; p**2", 36.0),
        ("p = x*y; q = p + 1; q", 7.0),
        ("p = x*y; p + 1;", 7.0),
        ("p = x*y", 6.0),
        ("sum(x, y, 1)", 6.0),
        ("max(x, y, 1) - min(x, y, 1)", 2.0),
        ("maximum([x, 10, y]) + minimum([y])", 12.0),
        ("max(1, 7, 2)", 7.0),
        ("dot((x, y), (1, 2))", 7.0),
        ("p = [x, y, 4]; p[0] + p[-1]", 7.0),
        ("p, q = [x, y]; p - q", 1.0),
        ("p = [x, y]; q = p; sum(q)", 5.0),
        ("[x, y][1]", 2.0),
        ("take([x, y], 3 - 2)", 2.0),
        ("take([[1, 2], [x, y]], 1)[0]", 3.0),
        ("sum(take([[1, 2], [x, y]], -1))", 5.0),
        ("pi*x - x*pi", 0.0),
        ("log(e)", 1.0),
        ("pi = 2; pi*x", 6.0),
        ("  x  ", 3.0),
        ("\n x\n + y \n", 5.0),
        ("\tx\u00a0", 3.0),
    ],
)
def test_expression_has_the_value_of_the_python_expression(source: str, result: float) -> None:
    assert value_of(source, x=3.0, y=2.0) == result


@pytest.mark.parametrize("entry", PRIMITIVES.values(), ids=lambda entry: entry.name)
def test_every_function_of_the_table_can_be_called(entry) -> None:
    if entry.name in ("add", "sub", "mul", "div", "pow"):
        assert "there is no function" in str(error_of(f"{entry.name}(x, x)", x=1.0))
        return
    names = iter("abcdefg")
    operands = shaped(entry, lambda: next(names), 2)
    arguments = ", ".join(f"[{', '.join(o)}]" if isinstance(o, list) else str(o) for o in operands)
    numbers = {name: 0.25 + 0.1 * i for i, name in enumerate(o for o in flat(operands) if isinstance(o, str))}
    root = compute(f"{entry.name}({arguments})", inputs(**numbers))
    rest = iter(numbers.values())
    assert root.primitive is entry
    assert root.data == call(entry, shaped(entry, lambda: next(rest), 2)).data


@pytest.mark.parametrize(
    ("source", "result"),
    [("1/0", math.inf), ("-1/0", -math.inf), ("0/0", math.nan), ("log(0)", -math.inf), ("log(-1)", math.nan),
     ("exp(1000)", math.inf), ("(-8)**.5", math.nan), ("0**0", 1.0), ("0**-1", math.inf), ("1e400", math.inf),
     ("10**400", math.inf), ("-0.0", -0.0), ("9" * 400, math.inf)],
)  # fmt: skip
def test_numbers_never_raise(source: str, result: float) -> None:
    assert bits(value_of(source)) == bits(result)


@pytest.mark.parametrize("logits", ["[x, y, 0.5]", "x, y, 0.5"])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_is_that_of_mpmath(name: str, logits: str) -> None:
    powers = [mpmath.e ** mpmath.mpf(x) for x in (3.0, 2.0, 0.5)]
    for i, power in enumerate(powers):
        share = power / mpmath.fsum(powers)
        expected = float(share if name == "softmax" else mpmath.log(share))
        assert value_of(f"{name}({logits})[{i}]", x=3.0, y=2.0) == pytest.approx(expected, rel=1e-14)
        assert value_of(f"{name}([3, 2, 0.5])[{i}]") == pytest.approx(expected, rel=1e-14)


def test_softmax_has_the_gradients_of_the_cross_entropy() -> None:
    values = inputs(a=0.5, b=-0.25, c=2.0)
    compute("-log(softmax([a, b, c])[1])", values).backward()
    shares = [x.data for x in softmax([0.5, -0.25, 2.0])]
    expected = [share - (i == 1) for i, share in enumerate(shares)]  # the shares minus the one-hot target
    assert [value.grad for value in values.values()] == pytest.approx(expected, rel=1e-12)


def test_elements_of_a_named_list_have_its_name() -> None:
    root = compute("p = softmax([x, y]); p[1]", inputs(x=3.0, y=2.0))
    assert root.label == "p[1]"
    values = inputs(x=3.0, y=2.0)
    compute("p = [x, y]; p[0]*p[1]", values)
    assert [value.label for value in values.values()] == ["x", "y"]


@pytest.mark.parametrize(
    ("source", "number"),
    [("1/3", 1 / 3), ("pi", math.pi), ("sqrt(2)", 2**0.5), ("softmax([0, 0])[1]", 0.5), ("1/0", math.inf)],
)
def test_constant_computes_numbers_alone(source: str, number: float) -> None:
    assert bits(constant(source)) == bits(number)


@pytest.mark.parametrize(
    "source", ["x", "2*x", "a = 2", "1; 2", "", "[1, 2]", "softmax([1, 2])", "True", "1,5"]
)
def test_constant_rejects_what_is_not_one_number(source: str) -> None:
    with pytest.raises(ExpressionError):
        constant(source)


def test_functions_lists_each_function_as_it_is_called() -> None:
    signatures = functions()
    assert {"softmax([values])", "max(a, b)", "dot([weights], [inputs], bias)", "exp(x)"} <= {*signatures}
    arguments = {"[weights]": "[x]", "[inputs]": "[x]", "bias": "x", "[values]": "[x]", "index": "0"}
    for call_of in signatures:
        name, _, operands = call_of.rstrip(")").partition("(")
        typed = ", ".join(arguments.get(operand, "x") for operand in operands.split(", "))
        assert isinstance(compute(f"p = {name}({typed}); sum([p, 0])" if "softmax" not in name
                                  else f"sum({name}({typed}))", inputs(x=0.5)), Value)  # fmt: skip


def test_graph_is_the_same_as_in_python() -> None:
    values = inputs(w=2.0, x=5.0, y=12.0)
    root = compute("(w*x - y)**2 + 0.5", values)
    names = [value.primitive.name for value in topological_order(root) if value.primitive]
    assert names == ["mul", "sub", "pow", "add"]
    root.backward()
    assert [value.grad for value in values.values()] == [-20.0, -8.0, 4.0]


def test_expression_of_numbers_is_a_leaf() -> None:
    root = compute("x * (2 + 3*exp(0))**2", inputs(x=1.0))
    assert [value.data for value in topological_order(root)] == [1.0, 25.0]
    assert root.operands[1] == 25.0


def test_assigned_names_become_labels() -> None:
    values = inputs(w=2.0, x=5.0)
    root = compute("p = w*x; q = p + 1; loss = q**2", values)
    assert [value.label for value in topological_order(root)] == ["w", "x", "p", "q", "loss"]


def test_unassigned_part_has_no_label() -> None:
    assert compute("w*2", inputs(w=2.0)).label == ""


def test_second_name_is_another_value() -> None:
    values = inputs(w=2.0)
    root = compute("p = w; p*w", values)
    assert values["w"].label == "w"
    assert {value.label for value in topological_order(root)} == {"w", "p", ""}
    root.backward()
    assert values["w"].grad == 4.0


def test_second_name_has_a_bit_identical_number() -> None:
    assert value_of("p = w; q = p; 1 / q", w=-0.0) == -math.inf


def test_name_of_a_function_can_be_assigned() -> None:
    assert value_of("exp = 3; exp * exp(0)") == 3.0


def test_comment_does_not_hide_the_next_line() -> None:
    try:
        result = value_of("x  # the first\n - y", x=3.0, y=1.0)
    except ExpressionError:
        return  # an error is correct too
    assert result == 2.0


def test_name_is_found_in_any_unicode_form() -> None:
    assert compute("µ * 2", {"µ": Value(3.0, label="µ")}).data == 6.0


# Against Python -----------------------------------------------------------------------------------

literals = st.floats(0.0, 1e300).map(repr) | st.sampled_from(["0.0", "1.0", "2.0", "0.5", "1e308", "5e-324"])
operands = literals | st.sampled_from(["x", "y"])


def _combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(parts, st.sampled_from(["+", "-", "*", "/", "**", " - "]), parts).map("".join)
    return binary | parts.map("({})".format) | parts.map("-{}".format) | parts.map("abs({})".format)


arithmetic = st.recursive(operands, _combined, max_leaves=12)
floats = st.floats(allow_nan=False, allow_infinity=False)


def _real_abs(x: float) -> float:
    assume(isinstance(x, float))  # of a complex number it would be real again
    return abs(x)


@settings(max_examples=300, deadline=None)
@given(arithmetic, floats, floats)
@example("x**2.0**-x", 0.5, 0.0)
@example("-x**2.0", -0.0, 0.0)
@example("x-y-x", 1.0, 1e-17)
def test_random_arithmetic_is_what_python_computes(source: str, x: float, y: float) -> None:
    try:
        expected = eval(source, {"__builtins__": {}, "abs": _real_abs}, {"x": x, "y": y})
    except (ZeroDivisionError, OverflowError):  # glassgrad returns inf or nan, which other tests check
        compute(source, inputs(x=x, y=y))
        return
    assume(isinstance(expected, float))  # a negative base to a fraction is complex in Python
    assert bits(value_of(source, x=x, y=y)) == bits(expected)


# Errors and their places --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "at"),
    [
        ("__import__('os')", "__import__"),
        ("x + __import__('os').system('true')", "__import__('os').system"),
        ("eval('1')", "eval"),
        ("x * open(x)", "open"),
        ("print(x)", "print"),
        ("x.data", "x.data"),
        ("1 + x.__class__", "x.__class__"),
        ("().__class__", "().__class__"),
        ("x.exp()", "x.exp"),
        ("(exp)(x)(x)", "(exp)(x)"),
        ("lambda: x", "lambda: x"),
        ("x + (lambda: x)()", "lambda: x"),
        ("[i for i in x]", "[i for i in x]"),
        ("sum([x for x in y])", "[x for x in y]"),
        ("{x: x}", "{x: x}"),
        ("x[0]", "x[0]"),
        ("x + 'text'", "'text'"),
        ("b'bytes'", "b'bytes'"),
        ("x + f'{x}'", "f'{x}'"),
        ("(y := x)", "y := x"),
        ("x if x else x", "x if x else x"),
        ("x and x", "x and x"),
        ("not x", "not x"),
        ("~x", "~x"),
        ("x < 1", "x < 1"),
        ("x == x", "x == x"),
        ("1 + 2j", "2j"),
        ("None", "None"),
        ("...", "..."),
        ("True", "True"),
        ("x + False", "False"),
        ("x, x", "x, x"),
        ("[x]", "[x]"),
        ("x + ()", "()"),
        ("sum([*x])", "*x"),
        ("exp(*x)", "*x"),
        ("x // 2", "x // 2"),
        ("1 + x % 2", "x % 2"),
        ("x @ x", "x @ x"),
        ("x ^ 2", "x ^ 2"),
        ("x << 1", "x << 1"),
        ("yield x", "yield x"),
        ("await x", "await x"),
        ("import os", "import os"),
        ("x; import os", "import os"),
        ("def f(): pass", "def f(): pass"),
        ("for i in x: x", "for i in x: x"),
        ("pass", "pass"),
        ("del x", "del x"),
        ("x += 1", "x += 1"),
        ("a: int = 1", "a: int = 1"),
        ("a = b = x", "a = b = x"),
        ("a, b = x", "a, b = x"),
        ("x.data = 1", "x.data = 1"),
        ("x[0] = 1", "x[0] = 1"),
        ("*a, = x", "*a, = x"),
    ],
)
def test_unsupported_syntax_raises_an_error_at_its_place(source: str, at: str) -> None:
    assert pointed_at(error_of(source, x=1.0)) == at


@pytest.mark.parametrize(
    ("source", "at", "message"),
    [
        ("exp(x=1)", "exp(x=1)", "exp() expected operands without names, got name=value"),
        ("1 + exp()", "exp()", "exp"),
        ("exp(x, x)", "exp(x, x)", "exp"),
        ("max(x)", "max(x)", "max is called as max(a, b)"),
        ("exp([x])", "exp([x])", "exp is called as exp(x)"),
        ("sum(x)", "sum(x)", "sum is called as sum([values])"),
        ("dot([x], [x], [x])", "dot([x], [x], [x])", "dot is called as dot([weights], [inputs], bias)"),
        (
            "dot([x], [x, x])",
            "dot([x], [x, x])",
            "dot() expected weights and inputs of the same length, got 1 and 2",
        ),
        ("cot(x)", "cot", "there is no function 'cot'. Did you mean dot? The functions are abs, "),
        ("add(x, x)", "add", "there is no function 'add'"),
        ("x + q", "q", "q has no value. Add one, such as q=1.5 (known: x)"),
        ("p = x; p = 2", "p", "the name p is already used. Choose another name."),
        ("x = 2", "x", "the name x is already used. Choose another name."),
        ("q = q + 1", "q", "q has no value"),
        ("x ^ 2", "x ^ 2", "a power is **). Write x ** 2."),
        ("1 + sin(x^2)", "x^2", "Write x**2."),
        ("x^2 + x^3", "x^2 + x", "Write x**2 + x**3."),
        ("(x-1)(x+1)", "x-1", "there is no function 'x-1'. Write (x-1)*(x+1)."),
        ("x(x + 1)", "x", "there is no function 'x'. Write x*(x + 1)."),
        ("2(x^2 + 1)", "2", "Write 2*(x**2 + 1)."),
        ("x()", "x", "there is no function 'x'. The functions are"),
        ("x^" + "2" * 70, "x^" + "2" * 70, "Write * for a product and ** for a power."),
        ("q = 2; xq", "xq", "(known: x, q; a product is written x*q)"),
        (
            "softmax([x, 1])",
            "softmax([x, 1])",
            "expected one number as the result, got a list of 2. Choose one",
        ),
        ("1 + softmax([x, 1])", "softmax([x, 1])", "expected a number, got a list of 2"),
        ("-[x]", "[x]", "expected a number, got a list of 1"),
        (
            "softmax(x)",
            "softmax(x)",
            "softmax is called as softmax([values]), or with several: softmax(a, b, …)",
        ),
        (
            "softmax([x, [x]])",
            "softmax([x, [x]])",
            "softmax() expected numbers or a list of numbers, got a list of lists",
        ),
        ("exp(softmax([x, 1]))", "exp(softmax([x, 1]))", "exp is called as exp(x)"),
        ("max([])", "max([])", "max() expected at least one number, got an empty list"),
        ("[x][1]", "[x][1]", "index 1 is out of range for a list of 1. The first index is 0."),
        ("[x][x]", "[x][x]", "expected a whole number as the index, such as p[0]"),
        ("[x][0.5]", "[x][0.5]", "expected a whole number as the index, such as p[0]"),
        ("[x][0:1]", "[x][0:1]", "expected a whole number as the index, such as p[0]"),
        ("x[0]", "x[0]", "expected a list before the index, such as softmax([a, b])[0], got one number"),
        ("take([x, 1], x)", "take([x, 1], x)", "take() expected an int for index, got Value(1.0"),
        ("p, q = x", "p, q = x", "expected a list of 2, one for each name, got one number"),
        ("p, q = [x]", "p, q = [x]", "expected a list of 2, one for each name, got a list of 1"),
        ("[[[x]]]", "[[[x]]]", "lists are nested more than two deep"),
    ],
)
def test_invalid_expression_raises_an_error_with_a_remedy(source: str, at: str, message: str) -> None:
    error = error_of(source, x=1.0)
    assert message in str(error)
    assert pointed_at(error) == at


def test_unknown_name_error_lists_the_known_names() -> None:
    assert "(known: w, x, p)" in str(error_of("p = w*x; p*q", w=1.0, x=2.0))
    assert "(known: none)" in str(error_of("q"))


@pytest.mark.parametrize(
    "source", ["x x", "x +* 2", "(x", "x)", "x +", "=x", "x ?", "$x", "2x", "x;;x", "'open"]
)
def test_syntax_error_shows_the_source(source: str) -> None:
    error = error_of(source, x=1.0)
    assert "this is not an expression" in str(error)
    assert source in str(error).split("\n")[1]


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("2x + 1", "2*x + 1"),
        ("2x^2", "2*x**2"),
        ("2 x", "2*x"),
        ("x x", "x*x"),
        ("2sin(x)", "2*sin(x)"),
        ("2exp(-x)", "2*exp(-x)"),
        ("1.5e-3x", "1.5e-3*x"),
        ("1_000x", "1_000*x"),
        ("2pi x", "2*pi*x"),
        ("(x + 1)2", "(x + 1)*2"),
        ("(x + 1)x", "(x + 1)*x"),
        ("p = 2x; p(x + 1)", "p = 2*x; p*(x + 1)"),
        ("3·x − x² ÷ 2", "3*x - x**2 / 2"),
        ("2×x³", "2*x**3"),
    ],
)
def test_mathematical_notation_raises_an_error_with_the_form_to_write(source: str, written: str) -> None:
    error = error_of(source, x=1.0)
    assert "this is not an expression" in str(error)
    assert f". Write {written}." in str(error)
    value_of(written, x=1.0)  # the form can be computed


@pytest.mark.parametrize("source", ["sin x", "x +* 2", "2x if x", "(2x", "2if x", "$2x", "2x = = 1"])
def test_error_suggests_no_form_that_is_not_an_expression(source: str) -> None:
    assert "Write" not in str(error_of(source, x=1.0))


@pytest.mark.parametrize(("source", "column"), [("x +* 2", 3), ("é +* 2", 3), ("  x +* 2", 5), ("x ? 2", 2)])
def test_syntax_error_marks_the_column(source: str, column: int) -> None:
    assert str(error_of(source, x=1.0)).split("\n")[2] == "  " + " " * column + "^"


@pytest.mark.parametrize("source", ["é + q*é", "𝔛 + q", "  é + q", "\n é\n + q", "日本*日本 + q", "p = é; q"])
def test_marked_place_is_counted_in_letters(source: str) -> None:
    values = {name: Value(1.0) for name in ("é", "X", "日本")}
    with pytest.raises(ExpressionError, match="q has no value") as info:
        compute(source, values)
    assert pointed_at(info.value) == "q"


@pytest.mark.parametrize("source", ["", " ", "\n\n", "\t \n"])
def test_empty_expression_raises_an_error(source: str) -> None:
    assert "there is nothing to compute" in str(error_of(source))


@pytest.mark.parametrize("source", ["x\0", "\0", "x + \ud800", "'\udcff'", "x\ufeff", "\x1b[31m", "1" * 5000])
def test_unreadable_source_raises_an_error(source: str) -> None:
    assert "this is not an expression" in str(error_of(source, x=1.0))


def test_error_in_a_long_line_shows_the_part_near_the_place() -> None:
    error = error_of("x + " * 500 + "quux" + " + x" * 500, x=1.0)
    assert pointed_at(error) == "quux"
    assert all(len(line) < 120 for line in str(error).split("\n"))


# Size ---------------------------------------------------------------------------------------------

LONG = 10**5
NESTED: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: "(" * n + "x" + ")" * n,
    "square brackets": lambda n: "[" * n + "x" + "]" * n,
    "open brackets": lambda n: "(" * n,
    "minus": lambda n: "-" * n + "x",
    "not": lambda n: "not " * n + "x",
    "calls": lambda n: "exp(" * n + "x" + ")" * n,
    "powers": lambda n: "x**" * n + "x",
    "attributes": lambda n: "x" + ".y" * n,
    "subscripts": lambda n: "x" + "[0]" * n,
    "conditions": lambda n: "x if x else " * n + "x",
    "lambdas": lambda n: "lambda:" * n + "x",
    "assignments": lambda n: "a=" * n + "x",
    "lists of lists": lambda n: (
        "p0=[x,x];" + "".join(f"p{i}=[p{i - 1},p{i - 1}];" for i in range(1, min(n, 3000))) + "p1"
    ),
    "products": lambda n: "x(" * n + "x" + ")" * n,
}


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED.keys())
@pytest.mark.parametrize("length", [MAX_DEPTH + 1, 500, 3000, LONG])
def test_deep_nesting_raises_an_error(nested: Callable[[int], str], length: int) -> None:
    assert len(str(error_of(nested(length), x=1.0))) < 1000


@pytest.mark.parametrize("name", ["brackets", "minus", "powers"])
def test_nesting_within_the_limit_is_computed(name: str) -> None:
    assert abs(value_of(NESTED[name](MAX_DEPTH - 2), x=1.0)) == 1.0


@pytest.mark.parametrize("operator", "+-*/")
def test_long_chain_of_operations_is_computed(operator: str) -> None:
    expected = {"+": 1000.0, "-": -998.0, "*": 1.0, "/": 1.0}
    assert value_of(operator.join(["x"] * 1000), x=1.0) == expected[operator]


@pytest.mark.parametrize("count", [10**4, 10**5])
def test_very_long_sum_is_computed_or_raises_an_error(count: int) -> None:
    try:
        result = value_of("+".join(["x"] * count), x=1.0)
    except ExpressionError:
        return
    assert result == count


def test_many_statements_are_computed() -> None:
    source = "p0 = x;" + "".join(f"p{i} = p{i - 1} + x;" for i in range(1, 2000))
    assert value_of(source, x=1.0) == 2000.0


UNPARSED = {
    "attributes": "x" + ".y" * 600 + "()",
    "a sum": "(" + "+".join(["x"] * 600) + ")()",
    "minus": "(" + "-" * 600 + "x)()",
    "calls": "x" + "()" * 600,
    "conditions": "(" + "x if x else " * 600 + "x)()",
}


@pytest.mark.parametrize("source", UNPARSED.values(), ids=UNPARSED.keys())
def test_call_of_a_deep_expression_raises_an_error(source: str) -> None:
    assert "there is no function" in str(error_of(source, x=1.0))


# Anything -----------------------------------------------------------------------------------------

pieces = st.lists(
    st.sampled_from(
        ["x", "y", "p", "é", "1", "2.5", "1e400", "+", "-", "*", "/", "**", "(", ")", "[", "]", "{", "}", ",",
         ";", "=", ":=", ":", ".", " ", "\n", "\\", "#", "'", '"', "f'", "lambda", " if ", " else ", " for ",
         " in ", "exp", "sum", "dot(", "max(", "not ", " and ", "~", "%", "@", "^", "<", "await ", "yield ",
         "import ", "def ", "class ", "\0", "\ud800", "0x", "1_", "j", "...", "*x", "None", "True", "\t"]
    ),
    max_size=20,
).map("".join)  # fmt: skip


def check_computes_or_raises(source: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's warnings about its syntax, such as 1if
        try:
            result = compute(source, inputs(x=2.0, y=-0.5))
        except ExpressionError as error:
            pointed_at(error)  # the message is well formed
        else:
            assert isinstance(result, Value)


@settings(max_examples=700, deadline=None)
@given(pieces)
def test_random_pieces_are_computed_or_raise_an_error(source: str) -> None:
    check_computes_or_raises(source)


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_random_text_is_computed_or_raises_an_error(source: str) -> None:
    check_computes_or_raises(source)


@pytest.mark.parametrize("source", ["1if x else 2", "0x1for x in y", "'\\d'"])
def test_python_warnings_are_not_shown(source: str) -> None:
    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("always")
        error_of(source, x=1.0)
    assert records == []
