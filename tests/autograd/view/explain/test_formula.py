"""A graph written as an expression: it says what was computed, with no bracket too many."""

import math
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd import Value, dot, explain, formula, snapshot, steps, topological_order
from autograd import sum as total_of
from autograd.operations import FUNCTIONS
from autograd.primitives import PRIMITIVES
from autograd.view.explain.formula import DEEPEST, LIMIT
from autograd.view.notation.names import clean, format_number
from autograd.view.notation.parameters import subscript
from autograd.view.notation.syntax import ATOM, POWER, PRODUCT, SIGN, SUM, Infix, Minus, Name, Power
from autograd.view.notation.template import many_formula, op_formula
from autograd.view.notation.writers import latex, text

from ...._support.graphs import first_example
from ...._support.growth import is_linear
from ...._support.hostile import each_hostile
from ...._support.reading import Misread, Tree, read, without_a_pair
from ...._support.table import bits, call, is_group, temporary_primitive

LEAVES = {name: Value(x, label=name) for name, x in zip("abcd", (0.5, -1.25, 2.0, 3.0), strict=True)}


def compute(tree: Tree, leaves: dict[str, Value] = LEAVES, rounded: bool = True) -> Value | float:
    """The Value of a tree; every node of it is a new one."""
    if isinstance(tree, float):
        return tree
    if isinstance(tree, str):
        return leaves[tree]
    name, *operands = tree
    inputs = [compute(operand, leaves, rounded) for operand in operands]
    result: Value = FUNCTIONS[name](inputs) if name in ("sum", "logsumexp") else FUNCTIONS[name](*inputs)
    if not result.is_leaf or not rounded:
        return result.data if result.is_leaf else result
    constant = result.data if math.isfinite(result.data) else 2.0  # constants among themselves
    return float(format_number(constant).replace("−", "-"))  # what is written is written to four digits


def as_value(tree: Tree) -> Value:
    result = compute(tree)
    return result if isinstance(result, Value) else Value(result)


def as_read(value: Value | float) -> Tree:
    """The tree of a graph as it must be read back: a row of terms is read as sums from the left."""
    if not isinstance(value, Value):
        return value
    if value.primitive is None:
        return value.label
    operands = [as_read(x) for x in value.operands]
    if value.primitive.name == "sum":
        tree = operands[0]
        for operand in operands[1:]:
            tree = ("add", tree, operand)
        return tree
    return (value.primitive.name, *operands)


UNARY = [p.name for p in PRIMITIVES.values() if len(p.operands) == 1 and not p.is_many]
BINARY = [p.name for p in PRIMITIVES.values() if len(p.operands) == 2 and not p.is_many]
constants = st.sampled_from([0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, -0.25, 12.0, 2.5e-7, -1e6])
names = st.sampled_from("abcd")


def _deepen(trees: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return (
        st.tuples(st.sampled_from(UNARY), trees)
        | st.tuples(st.sampled_from(["neg", "abs", "sqrt"]), trees)
        | st.tuples(st.sampled_from(BINARY), trees, trees)
        | st.tuples(st.sampled_from(["add", "sub", "mul", "div", "pow"]), trees, trees | constants)
        | st.tuples(st.sampled_from(["sum", "logsumexp"]), trees, trees, trees)
    )


expressions = st.recursive(names, _deepen, max_leaves=14)
with_constants = st.recursive(names | constants, _deepen, max_leaves=14)


def _math(value: Value) -> str:
    html = formula(value)._repr_html_()
    return html[html.index("<math") : html.index("</math>") + len("</math>")]


def formula_text(value: Value) -> str:
    first, *more = repr(formula(value)).splitlines()
    assert not more
    name, _, expression = first.partition(" = ")
    assert name == (value.label or "out")
    return expression


@settings(max_examples=500, deadline=None)
@given(expressions | with_constants)
@example(("mul", ("div", "a", "b"), "c"))
@example(("div", "a", ("mul", "b", "c")))
@example(("sub", "a", ("sub", "b", ("neg", "c"))))
@example(("add", "a", ("mul", ("add", -1.0, "a"), "b")))
@example(("pow", ("pow", "a", 2.0), ("pow", 2.0, ("neg", "b"))))
@example(("neg", ("pow", -2.0, "a")))
@example(("pow", ("neg", "a"), 2.0))
@example(("sqrt", ("sqrt", ("neg", ("sqrt", "a")))))
@example(("neg", ("mul", 3.0, "a")))
@example(("mul", 2.5e-7, ("pow", 2.5e-7, "a")))
def test_written_formula_parses_back_and_every_bracket_is_needed(tree: Tree) -> None:
    value = as_value(tree)
    if value.is_leaf:
        return
    notation = formula_text(value)
    expected = as_read(value)
    assert read(notation) == expected, notation
    result = compute(expected, rounded=False)
    assert isinstance(result, Value)
    assert bits(result.data) == bits(value.data) or value.data == result.data  # 0.0 + −0.0 in a sum
    letters = "".join(ElementTree.fromstring(_math(value)).itertext())
    if "×10" not in letters:  # where the tags are taken away
        assert read(letters.partition(" = ")[2]) == expected, letters
    for shorter in without_a_pair(notation):
        try:
            other_tree = read(shorter)
        except Misread:
            continue
        assert other_tree != expected, f"{notation} could be written {shorter}"


def test_redundant_bracket_is_detected() -> None:
    assert read(without_a_pair("(a·b) + c")[0]) == read("(a·b) + c")


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (("pow", ("sub", ("mul", "a", "b"), "c"), 2.0), "(a·b − c)²"),
        (("add", "a", ("add", "b", "c")), "a + (b + c)"),
        (("sub", ("sub", "a", "b"), "c"), "a − b − c"),
        (("mul", ("div", "a", "b"), "c"), "(a / b)·c"),
        (("div", ("mul", "a", "b"), "c"), "a·b / c"),
        (("div", ("div", "a", "b"), "c"), "(a / b) / c"),
        (("neg", ("mul", "a", "b")), "−(a·b)"),
        (("mul", ("neg", "a"), "b"), "−a·b"),
        (("neg", ("pow", "a", 2.0)), "−a²"),
        (("pow", "a", ("add", "b", 1.0)), "a^(b + 1)"),
        (("tanh", ("add", ("mul", "a", "b"), "c")), "tanh(a·b + c)"),
        (("maximum", ("neg", "a"), -1.0), "max(−a, −1)"),
        (("abs", ("sub", "a", ("abs", "b"))), "|a − |b||"),
        (("sqrt", ("add", "a", "b")), "√(a + b)"),
    ],
)
def test_formula_uses_usual_notation(tree: Tree, expected: str) -> None:
    assert formula_text(as_value(tree)) == expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (("div", ("add", "a", "b"), "c"), r"\frac{a + b}{c}"),
        (("mul", ("div", "a", "b"), "c"), r"\frac{a}{b} \cdot c"),
        (("pow", ("div", "a", "b"), 2.0), r"{\left( \frac{a}{b} \right)}^{2}"),
        (("sub", "a", ("neg", "b")), r"a - \left( -b \right)"),
        (("sqrt", ("neg", "a")), r"\sqrt{-a}"),
        (("pow", "a", ("neg", "b")), r"{a}^{-b}"),
        (("mul", "a", 2.5e-7), r"a \cdot 2.5 \times 10^{-7}"),
    ],
)
def test_latex_fraction_has_no_brackets(tree: Tree, expected: str) -> None:
    assert formula(as_value(tree))._repr_latex_() == (
        rf"$\displaystyle \begin{{aligned}} & \mathrm{{out}} = {expected} \end{{aligned}}$"
    )


#: The precedence of operations that are not written as a call.
BINDS = {
    "add": SUM, "sub": SUM, "mul": PRODUCT, "div": PRODUCT, "neg": SIGN, "pow": POWER, "sqrt": SIGN,
    "sum": SUM, "dot": SUM,
}  # fmt: skip


@pytest.mark.parametrize("entry", PRIMITIVES.values(), ids=lambda entry: entry.name)
def test_every_template_is_read_and_binds_as_it_should(entry) -> None:
    letters = iter("abcdefgh")
    places = {
        operand.rstrip("*"): [Name(next(letters)), Name(next(letters))] if is_group(operand) else Name("z")
        for operand in entry.operands
    }
    if not entry.is_many:
        places = {operand: Name(next(letters)) for operand in entry.operands}
    if entry.is_many:
        result = many_formula(entry, places)
    else:
        result = op_formula(entry, [*places.values()])
    assert result.binds == BINDS.get(entry.name, ATOM)
    is_call = entry.name == text(result).partition("(")[0]
    assert is_call == (entry.name + "(" in entry.template)


@pytest.mark.parametrize("template", ["⌊{x}⌋", "{x}!", "{x}·", "", "({x}", "{x} {x}", "f({x}", "{y}"])
def test_template_that_is_not_arithmetic_is_written_as_a_call(template: str) -> None:
    rules = [lambda m, x: x, lambda m, out, x: 1.0]
    with temporary_primitive("floor", *rules, doc="…", template=template or " ") as entry:
        assert formula_text(call(entry, [LEAVES["a"]])) == "floor(a)"


def test_a_template_may_use_brackets_and_numbers() -> None:
    rules = [lambda m, x: x, lambda m, out, x: 1.0]
    with temporary_primitive("odd", *rules, doc="…", template="2·({x} + 1)^{x}") as entry:
        assert formula_text(call(entry, [LEAVES["a"]])) == "2·(a + 1)^a"


def test_groups_are_written_out_up_to_a_length() -> None:
    values = [Value(1.0, label=f"v{i}") for i in range(20)]
    assert formula_text(dot(values[:2], values[2:4], values[4])) == "v0·v2 + v1·v3 + v4"
    assert formula_text(dot(values[:2], values[2:4])) == "v0·v2 + v1·v3"
    assert formula_text(total_of(values[:8])) == " + ".join(f"v{i}" for i in range(8))
    assert formula_text(total_of(values)) == " + ".join(f"v{i}" for i in range(7)) + " + … + v19"
    assert formula_text(total_of([values[0]]) * 2.0) == "v0·2"
    assert formula_text(total_of([values[0] - 1.0, values[1] - 1.0])) == "v0 − 1 + (v1 − 1)"


def test_labeled_intermediate_values_are_written_out() -> None:
    *_, loss = first_example()
    assert repr(formula(loss)) == "loss = (w·x − y)²"


def test_result_used_twice_is_written_once() -> None:
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    s = a * b
    s.label = "s"
    h = (s + 1.0).tanh()
    root = h * h + s
    assert repr(formula(root)) == "\n".join(["out = v₂·v₂ + s", "  where v₂ = tanh(s + 1)", "  and s = a·b"])


def test_a_leaf_is_its_number() -> None:
    assert repr(formula(Value(2.5, label="w"))) == "w = 2.5"


def test_formula_beyond_the_limit_writes_the_nearest_with_a_note() -> None:
    y = Value(1.0, label="x")
    for _ in range(100):
        y = y.exp()
    farthest = f"v{subscript(100 - LIMIT)}"
    assert repr(formula(y)).splitlines() == [
        "out = " + "exp(" * LIMIT + farthest + ")" * LIMIT,
        f"(of 100 operations the {LIMIT} nearest out are written out: formula(…, limit=…) shows more)",
    ]


def test_deeply_nested_operation_has_its_own_line() -> None:
    y = Value(1.0, label="x")
    for _ in range(3000):
        y = y.exp()
    lines = repr(formula(y, limit=3000)).splitlines()
    assert len(lines) == 3000 // DEEPEST
    assert lines[0] == "out = " + "exp(" * DEEPEST + "v₂₉₅₀" + ")" * DEEPEST
    assert lines[-1] == "  and v₅₀ = " + "exp(" * DEEPEST + "x" + ")" * DEEPEST


def deep(size: int) -> Value:
    y = Value(1.0)
    for _ in range(size):
        y = y + y * 0.5
    return y


def wide(size: int) -> Value:
    return total_of([Value(1.0) for _ in range(size)])


@pytest.mark.parametrize("graph", [deep, wide])
def test_a_deep_or_wide_graph_is_written_in_linear_work(graph: Callable[[int], Value]) -> None:
    def work(size: int) -> Callable[[], object]:
        y = graph(size)
        return lambda: repr(formula(y))

    assert is_linear(work, 2_000)


@pytest.mark.parametrize("root", [3.0, None, "loss"])
def test_root_that_is_not_a_value_raises_type_error(root: object) -> None:
    with pytest.raises(
        TypeError, match=rf"formula\(\) expected a Value for root, got {type(root).__name__}.*Pass"
    ):
        formula(root)  # type: ignore[arg-type]


def test_formula_limit_of_zero_raises() -> None:
    with pytest.raises(
        ValueError, match=r"formula\(\) expected an int of 1 or more for limit, got int 0\. The default is 40"
    ):
        formula(Value(1.0) + 1.0, limit=0)


@each_hostile
def test_a_hostile_label_is_text_in_every_notation(label: str) -> None:
    a = Value(2.0, label=label)
    bundle = formula((a + 1.0) ** 2 / a)._repr_mimebundle_()
    _, _, rest = bundle["text/html"].partition("</style>")
    tree = ElementTree.fromstring(f"<div>{rest}")
    allowed = {"div", "p", "math", "mrow", "mi", "mo", "mn", "mfrac", "msup", "msub", "mtext", "span"}
    assert {element.tag for element in tree.iter()} <= allowed
    assert clean(label) in bundle["text/plain"]
    assert _is_balanced(bundle["text/latex"])


def _is_balanced(source: str) -> bool:
    """Return True if every brace in the LaTeX is closed and every special character escaped."""
    depth = 0
    letters = iter(source)
    for letter in letters:
        if letter == "\\":
            next(letters)
        elif letter in "{}":
            depth += 1 if letter == "{" else -1
            if depth < 0:
                return False
    return depth == 0 and source.count("$") - source.count(r"\$") == 2


def test_the_order_of_the_graph_is_untouched() -> None:
    value = as_value(("mul", ("add", "a", "b"), ("add", "a", "b")))
    before = [(v.data, v.grad, v.label) for v in topological_order(value)]
    repr(formula(value))
    assert [(v.data, v.grad, v.label) for v in topological_order(value)] == before


def test_a_sign_never_follows_an_operator() -> None:
    minus = Minus(Name("a"))
    assert text(Infix((Name("b"), minus), ("−",), 0)) == "b − (−a)"
    assert text(Power(minus, minus)) == "(−a)^(−a)"
    assert latex(Power(minus, minus)) == r"{\left( -a \right)}^{-a}"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x: x**1.99999, "x^1.99999"),
        (lambda x: x**2.00000001, "x^2.00000001"),
        (lambda x: x * 1.00001, "x·1.00001"),
        (lambda x: x - 1 / 3, "x − 0.3333"),
        (lambda x: x**-2.0, "x⁻²"),
        (lambda x: x + 123456789.0, "x + 1.235e8"),
        (lambda x: x * 1e300, "x·1e300"),
    ],
)
def test_constant_has_four_digits_or_as_many_as_it_needs(
    make: Callable[[Value], Value], expected: str
) -> None:
    out = make(Value(3.0, label="x"))
    assert repr(formula(out)) == f"out = {expected}"
    assert snapshot(out)["out"].expression == expected
    numbers = expected.replace("x", "3").replace("·", " · ")
    assert str(steps(out, forward=True)[0]).startswith(f"out = {expected} = {numbers}")


def test_the_derivative_of_a_power_keeps_the_digits_of_its_exponent() -> None:
    x = Value(3.0, label="x")
    assert "= 1.99999·x^0.99999 = 1.99999·3^0.99999 = 6" in repr(explain(x**1.99999, x))


def test_only_an_integer_exponent_is_a_superscript() -> None:
    x, p = Value(3.0, label="x"), Value(1.99999, label="p")
    assert str(steps(x**p, forward=True)[0]) == "out = x^p = 3^2 = 9"
    assert str(steps(x ** Value(2.0, label="p"), forward=True)[0]) == "out = x^p = 3² = 9"


@pytest.mark.parametrize(
    ("label", "times", "minus", "over", "square"),
    [
        ("a + b", "(a + b)·c", "c − (a + b)", "c / (a + b)", "(a + b)²"),
        ("x - y", "(x - y)·c", "c − (x - y)", "c / (x - y)", "(x - y)²"),
        ("-x", "(-x)·c", "c − (-x)", "c / (-x)", "(-x)²"),
        ("a/b", "(a/b)·c", "c − a/b", "c / (a/b)", "(a/b)²"),
        ("a*b", "a*b·c", "c − a*b", "c / (a*b)", "(a*b)²"),
        ("a, b", "(a, b)·c", "c − (a, b)", "c / (a, b)", "(a, b)²"),
        ("(a + b)", "(a + b)·c", "c − (a + b)", "c / (a + b)", "(a + b)²"),
        ("f(a, b)", "f(a, b)·c", "c − f(a, b)", "c / f(a, b)", "(f(a, b))²"),
        ("loss.mean", "loss.mean·c", "c − loss.mean", "c / loss.mean", "(loss.mean)²"),
        ("h", "h·c", "c − h", "c / h", "h²"),
    ],
)
def test_a_label_that_reads_as_a_formula_gets_brackets(
    label: str, times: str, minus: str, over: str, square: str
) -> None:
    x, c = Value(2.0, label=label), Value(3.0, label="c")
    for out, expected in [(x * c, times), (c - x, minus), (c / x, over), (x**2, square)]:
        assert repr(formula(out)) == f"out = {expected}"


def test_a_label_with_an_operator_gets_brackets_in_every_notation() -> None:
    x, c = Value(2.0, label="a + b"), Value(3.0, label="c")
    assert r"\left( \mathrm{a\ +\ b} \right) \cdot c" in formula(x * c)._repr_latex_()
    brackets = '<mrow><mo form="prefix">(</mo><mi>a + b</mi><mo form="postfix">)</mo></mrow>'
    assert brackets in formula(x * c)._repr_html_()
    assert repr(explain(x * c, x)).endswith("∂out/∂(a + b) = c = 3")
    assert r"{\partial \left( \mathrm{a\ +\ b} \right)}" in explain(x * c, x)._repr_latex_()
    assert repr(formula(x * Value(1.0, label="a + b"))) == "out = (a + b)·(a + b)₂"
