"""Checks that every entry of the table passes, a new entry without further code included."""

import ast
import copy
import inspect
import math
import pickle
import random
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import Mode, Value, check_grads, grad, no_grad, take
from autograd import value as value_module
from autograd.floats import FLOATS, IEEE, compute
from autograd.ieee import RAISED, IeeeFloat
from autograd.nodes import contributions, edges, local_derivatives
from autograd.operations import FUNCTIONS, VALUES, apply_many, data_of
from autograd.primitives import ADD, DOT, MUL, PRIMITIVES, Primitive
from autograd.value import apply_binary

from .._support.table import (
    OPERATORS,
    SPECIAL,
    Operands,
    all_bits,
    as_leaves,
    bits,
    call,
    evaluated,
    flat,
    is_group,
    like,
    safely_evaluated,
    shaped,
    special_operands,
    temporary_primitive,
)

UPSTREAM = [1.0, -2.5, 0.0, math.inf, math.nan]


# Checks of every entry ----------------------------------------------------------------------------


def check_fast_evaluation_agrees_with_the_safe_one(entry: Primitive) -> None:
    compared = 0
    for operands in special_operands(entry):
        try:
            out, derivatives = evaluated(entry, FLOATS, float, operands)
        except RAISED:
            continue
        compared += 1
        safe_out, safe_derivatives = safely_evaluated(entry, operands)
        assert bits(out) == bits(safe_out), operands
        assert all_bits(derivatives) == all_bits(safe_derivatives), operands
    assert compared > 5


def check_node_stores_the_safe_answer(entry: Primitive) -> None:
    for operands in special_operands(entry):
        out, derivatives = safely_evaluated(entry, operands)
        node = call(entry, as_leaves(operands))
        assert type(node.data) is float
        assert bits(node.data) == bits(out), operands
        actual = local_derivatives(node)
        assert all_bits(actual) == all_bits(derivatives if node.operands else []), operands
        assert {type(d) for d in actual} <= {float, type(None)}


def check_function_of_numbers_is_a_leaf_with_the_same_number(entry: Primitive) -> None:
    for operands in special_operands(entry):
        result = call(entry, operands)
        assert result.is_leaf
        assert bits(result.data) == bits(safely_evaluated(entry, operands)[0]), operands


def check_rules_on_values_give_the_stored_derivatives(entry: Primitive) -> None:
    for operands in special_operands(entry):
        leaves = as_leaves(operands)
        node = call(entry, leaves)
        derivatives = local_derivatives(node)
        gradients = grad(node, flat(leaves), create_graph=True) if derivatives else []
        assert {type(number) for g in gradients for number in (g.data, *map(data_of, g.operands))} <= {float}
        expected = [0.0 if d is None else d for d in derivatives]
        assert all_bits([g.data for g in gradients]) == all_bits(expected), operands


def check_rules_on_values_take_constants(entry: Primitive) -> None:
    for operands in special_operands(entry):
        numbers = flat(operands)
        derivatives = safely_evaluated(entry, operands)[1]
        for i, expected in enumerate(derivatives):
            leaf = Value(numbers[i])
            node = call(entry, like(operands, [*numbers[:i], leaf, *numbers[i + 1 :]]))
            (gradient,) = grad(node, leaf, create_graph=True)
            (plain_gradient,) = grad(node, leaf)
            zero_or_derivative = 0.0 if expected is None else expected
            assert bits(gradient.data) == bits(plain_gradient.data) == bits(zero_or_derivative), (operands, i)


def check_backward_adds_the_products(entry: Primitive) -> None:
    rng = random.Random(0)
    for operands in special_operands(entry):
        numbers = flat(operands)
        is_value = [rng.random() < 0.7 for _ in numbers]
        if not any(is_value):
            continue
        arguments = [Value(x) if v else x for x, v in zip(numbers, is_value)]
        node = call(entry, like(operands, arguments))
        derivatives = safely_evaluated(entry, operands)[1]
        for g in UPSTREAM:
            for x in arguments:
                if isinstance(x, Value):
                    x.zero_grad()
            node.backward(g)
            for x, d in zip(arguments, derivatives, strict=True):
                if isinstance(x, Value):
                    assert bits(x.grad) == bits(0.0 if d is None else 0.0 + g * d), (operands, g)


def _is_smooth(f: Callable[..., float], point: list[float]) -> bool:
    """Return True if third differences near the point are small; a jump in f, f' or f'' makes them large."""
    h = 0.005
    for i in range(len(point)):
        values = [f(*point[:i], point[i] + k * h, *point[i + 1 :]) for k in range(-32, 33)]
        if not all(map(math.isfinite, values)):
            return False
        bound = 0.2 * h * h * max(1.0, *map(abs, values))
        for a, b, c, d in zip(values, values[1:], values[2:], values[3:]):
            if abs(d - 3 * c + 3 * b - a) > bound:
                return False
    return True


def check_finite_differences_agree(entry: Primitive) -> None:
    rng = random.Random(1)
    shape = shaped(entry, lambda: 0.0, 2)
    index = [shape.pop()] if "index" in entry.operands else []  # it selects, and is not moved
    count = 0
    for _ in range(60):
        point = [rng.uniform(-2.5, 2.5) for _ in flat(shape)]

        def run(*numbers: float) -> float:
            return compute(entry, [*like(shape, numbers), *index])[0]

        def f(*values: Value) -> Value:
            return call(entry, [*like(shape, values), *index])

        if count < 8 and _is_smooth(run, point):
            check_grads(f, point, order=2)
            count += 1
    assert count == 8, f"only {count} smooth points were found"


def check_is_a_documented_function(entry: Primitive) -> None:
    function = FUNCTIONS[entry.name]
    assert function.__name__ == entry.name
    assert entry.doc.strip()
    assert function.__doc__
    if not entry.is_many:  # some of many have a docstring of their own
        assert entry.doc in function.__doc__
    assert call(entry, as_leaves(shaped(entry, lambda: 0.75, 2))).primitive is entry


def check_is_a_method_unless_an_operator_or_of_a_group(entry: Primitive) -> None:
    has_group = any(map(is_group, entry.operands))
    assert hasattr(Value, entry.name) == (entry.name not in OPERATORS and not has_group)
    if hasattr(Value, entry.name):
        operands = shaped(entry, lambda: 0.75, 2)
        node = getattr(Value(0.75), entry.name)(*operands[1:])
        assert node.primitive is entry
        assert bits(node.data) == bits(compute(entry, operands)[0])
        assert entry.doc in (getattr(Value, entry.name).__doc__ or "")


def check_backward_uses_the_stored_derivatives_of_an_overwritten_leaf(entry: Primitive) -> None:
    rng = random.Random(2)
    for _ in range(20):
        operands = shaped(entry, lambda: rng.uniform(0.1, 2.0), 3)
        leaves = as_leaves(operands)
        node = call(entry, leaves)
        out, derivatives = safely_evaluated(entry, operands)
        for leaf in flat(leaves):
            leaf.data = 100.0
        node.backward(1.5)
        expected = [0.0 if d is None else 1.5 * d for d in derivatives]
        assert [leaf.grad for leaf in flat(leaves)] == expected
        assert [g.data for g in grad(node, flat(leaves))] == [d or 0.0 for d in derivatives]
        assert bits(node.data) == bits(out)


def check_create_graph_raises_for_an_overwritten_operand(entry: Primitive) -> None:
    operands = shaped(entry, lambda: 0.75, 2)
    before = safely_evaluated(entry, operands)
    for i in range(len(flat(operands))):
        leaves = as_leaves(operands)
        node = call(entry, leaves)
        flat(leaves)[i].data = 0.25
        after = safely_evaluated(entry, like(operands, [x.data for x in flat(leaves)]))
        if after == before:  # as for an element that take() does not take
            gradients = grad(node, flat(leaves), create_graph=True)
            assert [g.data for g in gradients] == [d or 0.0 for d in before[1]]
        else:
            with pytest.raises(RuntimeError, match=r"^grad\(\) cannot differentiate Value\(.*has changed"):
                grad(node, flat(leaves), create_graph=True)


CHECKS = [
    check for name, check in list(globals().items()) if name.startswith("check_") and name != "check_grads"
]

each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__.removeprefix("check_"))
each_entry = pytest.mark.parametrize("entry", [*PRIMITIVES.values()], ids=lambda e: e.name)


@each_check
@each_entry
def test_entry_passes_every_check(entry: Primitive, check: Callable[[Primitive], None]) -> None:
    check(entry)


@each_entry
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_entry_on_any_operands_agrees_with_ieee_floats(entry: Primitive, data: st.DataObject) -> None:
    width = data.draw(st.integers(1, 4))
    index = st.integers(-1, width).map(float) | st.floats()
    operands = shaped(entry, lambda: data.draw(st.floats()), width, lambda: data.draw(index))
    g = data.draw(st.floats())
    leaves = as_leaves(operands)
    node = call(entry, leaves)
    out, derivatives = safely_evaluated(entry, operands)
    assert bits(node.data) == bits(out)
    node.backward(g)
    expected = [0.0 if d is None else 0.0 + g * d for d in derivatives]
    assert all_bits([leaf.grad for leaf in flat(leaves)]) == all_bits(expected)


# A new entry --------------------------------------------------------------------------------------

NEW_ENTRIES = {
    "cube": partial(
        temporary_primitive,
        "cube",
        lambda m, x: x * x * x,
        lambda m, out, x: 3.0 * (x * x),
        doc="x to the third",
    ),
    "softsign": partial(
        temporary_primitive,
        "softsign",
        lambda m, x: x / (1.0 + m.abs(x)),
        lambda m, out, x: 1.0 / (1.0 + m.abs(x)) / (1.0 + m.abs(x)),
        doc="x / (1 + |x|)",
    ),
    "power_gap": partial(
        temporary_primitive,
        "power_gap",
        lambda m, a, b: m.pow(a, 3.0) - m.exp(b),
        lambda m, out, a, b: 3.0 * m.pow(a, 2.0),
        lambda m, out, a, b: -m.exp(b),
        doc="a³ − exp(b)",
    ),
    "blend": partial(
        temporary_primitive,
        "blend",
        lambda m, a, b, t: a + t * (b - a),
        lambda m, out, a, b, t: 1.0 - t,
        lambda m, out, a, b, t: t,
        lambda m, out, a, b, t: b - a,
        operands="a b t",
        doc="from a to b as t goes from 0 to 1",
    ),
    "sum_of_squares": partial(
        temporary_primitive,
        "sum_of_squares",
        lambda m, values: m.sum(m.each(values, lambda x: x * x)),
        lambda m, out, values: m.each(values, lambda x: 2.0 * x),
        operands="values*",
        template="{values}² + …",
        doc="Σ x²",
    ),
    "moment": partial(
        temporary_primitive,
        "moment",
        lambda m, values, scale: scale * m.dot(m.positions(values), values, 0.0),
        lambda m, out, values, scale: m.each(m.positions(values), lambda i: scale * i),
        lambda m, out, values, scale: m.dot(m.positions(values), values, 0.0),
        operands="values* scale",
        doc="scale · Σ i·xᵢ",
    ),
}


@pytest.fixture(params=NEW_ENTRIES)
def new_entry(request: pytest.FixtureRequest) -> Iterator[Primitive]:
    with NEW_ENTRIES[request.param]() as entry:
        yield entry


@each_check
def test_new_entry_passes_every_check(new_entry: Primitive, check: Callable[[Primitive], None]) -> None:
    check(new_entry)


# Written-out code agrees with the table -----------------------------------------------------------

#: The operators and the methods of ``class Value``, by the name of their entry.
BINARY = {
    "add": (Value.__add__, Value.__radd__),
    "sub": (Value.__sub__, Value.__rsub__),
    "mul": (Value.__mul__, Value.__rmul__),
    "div": (Value.__truediv__, Value.__rtruediv__),
    "pow": (Value.__pow__, Value.__rpow__),
    "maximum": (Value.maximum, None),
    "minimum": (Value.minimum, None),
}
UNARY = {"neg": Value.__neg__, "abs": Value.__abs__} | {
    name: getattr(Value, name)
    for name, entry in PRIMITIVES.items()
    if len(entry.derivatives) == 1 and not entry.is_many and name not in OPERATORS
}


def _state(node: Value) -> list[Any]:
    """Return everything that an operation stores."""
    many = [
        ([id(x) if isinstance(x, Value) else bits(x) for x in group], [*map(id, receivers)])
        for group, receivers, _ in node.many or ()
    ]
    operands = [id(x) if isinstance(x, Value) else bits(x) for x in (node.a, node.b)]
    return [
        type(node), bits(node.data), node.primitive, operands, all_bits([node.da, node.db]), many,
        all_bits([derivative for _, derivative in edges(node)]), node.grad, node.mark, node.label,
    ]  # fmt: skip


def test_operators_and_methods_are_those_of_the_table() -> None:
    assert {*BINARY} == {name for name, e in PRIMITIVES.items() if len(e.derivatives) == 2 and not e.is_many}
    assert {*UNARY} | {*BINARY} == {name for name, entry in PRIMITIVES.items() if not entry.is_many}


@pytest.mark.parametrize("mode", [None, Mode, no_grad], ids=["no mode", "Mode", "no_grad"])
@pytest.mark.parametrize("name", BINARY)
def test_operator_agrees_with_the_table(name: str, mode: type[Mode] | None) -> None:
    entry, (method, reflected) = PRIMITIVES[name], BINARY[name]
    for x, y in special_operands(entry):
        a, b = Value(x), Value(y)
        with mode() if mode else nullcontext():
            pairs = [(method(a, b), apply_binary(entry, a, b)), (method(a, y), apply_binary(entry, a, y))]
            if reflected:
                pairs.append((reflected(b, x), apply_binary(entry, x, b)))
        for node, expected in pairs:
            assert _state(node) == _state(expected), (x, y)


@pytest.mark.parametrize("name", UNARY)
def test_method_agrees_with_the_table(name: str) -> None:
    entry = PRIMITIVES[name]
    for x in SPECIAL:
        data, (derivative,) = compute(entry, [x], [True])
        a = Value(x)
        for node in (UNARY[name](a), FUNCTIONS[name](a)):
            assert _state(node)[:5] == [
                Value, bits(data), entry, [id(a), bits(None)], all_bits([derivative, None])
            ], x  # fmt: skip
        with Mode():
            assert _state(UNARY[name](a)) == _state(node)
        with no_grad():
            constant = UNARY[name](a)
        assert constant.is_leaf
        assert bits(constant.data) == bits(data)


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_dot_agrees_with_the_table(kind: Callable[..., Any]) -> None:
    rng = random.Random(5)

    def mixed(numbers: list[float], values: float) -> list[Any]:
        return [Value(x) if rng.random() < values else x for x in numbers]

    for weights, inputs, bias in special_operands(DOT):
        for shares in ((1.0, 1.0, 1.0), (1.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.5, 0.5, 0.5), (0.0, 0.0, 1.0)):
            ws, xs, (b,) = (mixed(n, s) for n, s in zip((weights, inputs, [bias]), shares))
            written_out = autograd.dot(kind(ws), kind(xs), b)
            assert _state(written_out) == _state(apply_many(DOT, kind(ws), kind(xs), b))


def test_dot_of_a_shared_tuple_stores_that_tuple() -> None:
    xs = autograd.group([Value(1.0), Value(2.0)])
    node = autograd.dot([Value(3.0), Value(4.0)], xs)
    assert node.many is not None
    assert node.many[1][0] is xs
    assert node.many[1][1] is xs  # nothing is copied: a layer's neurons share their inputs


# Every operator and method is a line of class Value -----------------------------------------------


def _class_of_value() -> ast.ClassDef:
    tree = ast.parse(inspect.getsource(value_module))
    return next(x for x in tree.body if isinstance(x, ast.ClassDef) and x.name == "Value")


@pytest.mark.parametrize("name", [name for name in PRIMITIVES if not PRIMITIVES[name].is_many])
def test_method_is_defined_in_class_value(name: str) -> None:
    special = {"div": "truediv"}.get(name, name)
    expected_names = [f"__{special}__"] if name in OPERATORS else [name]
    if name in OPERATORS and len(PRIMITIVES[name].derivatives) == 2:
        expected_names.append(f"__r{special}__")
    lines = {
        target.id
        for statement in _class_of_value().body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    } | {x.name for x in _class_of_value().body if isinstance(x, ast.FunctionDef)}
    assert {*expected_names} <= lines


def test_value_has_no_other_attributes() -> None:
    assert not {"__getattr__", "__getattribute__"} & {*vars(Value)}
    assert type(Value) is type
    with pytest.raises(AttributeError):
        Value(1.0).tahn


@pytest.mark.parametrize("name", [name for name in PRIMITIVES if name not in OPERATORS])
def test_entry_is_a_public_function(name: str) -> None:
    assert name in autograd.__all__
    if name != "take":  # the public one takes rows of a table and negative indices as well
        assert getattr(autograd, name) is FUNCTIONS[name]


@pytest.mark.parametrize("name", [name for name in PRIMITIVES if name not in (*OPERATORS, "take")])
def test_public_function_pickles_to_itself(name: str) -> None:
    function = getattr(autograd, name)
    assert pickle.loads(pickle.dumps(function)) is function
    assert function.__module__.split(".")[0] == "autograd"


@pytest.mark.parametrize("name", sorted({*UNARY, *BINARY} - {*OPERATORS}))
def test_method_pickles_to_itself(name: str) -> None:
    method = getattr(Value, name)
    assert pickle.loads(pickle.dumps(method)) is method


# Entries as objects -------------------------------------------------------------------------------


def test_primitive_pickles_to_itself() -> None:
    for entry in PRIMITIVES.values():
        assert pickle.loads(pickle.dumps(entry)) is entry
        assert copy.deepcopy(entry) is entry
        assert repr(entry).startswith(f"<primitive {entry.name}: ")


def test_primitive_with_too_few_derivatives_raises() -> None:
    with pytest.raises(
        ValueError, match=r"^half\(\) expected one derivative for each of the operands a, b, "
    ):
        Primitive("half", lambda m, a, b: a, lambda m, out, a, b: 1.0, operands="a b")
    assert "half" not in PRIMITIVES


def test_primitive_without_a_template_is_printed_as_a_call() -> None:
    assert [PRIMITIVES[name].formula for name in ("exp", "pow", "logsumexp", "dot", "take")] == [
        "exp(x)", "a^b", "logsumexp(values, …)", "weights·inputs + … + bias", "take(values, …, index)",
    ]  # fmt: skip


def test_operators_record_their_primitives() -> None:
    x = Value(-2.0)
    nodes = [x + x, x - x, x * x, x / x, -x, x**x, abs(x)]
    assert [node.primitive.name for node in nodes if node.primitive is not None] == OPERATORS


# Powers with a derivative of zero, and others -----------------------------------------------------


@pytest.mark.parametrize("base", [0.5, 3.0])
def test_derivative_of_a_power_at_exponent_zero_can_be_differentiated(base: float) -> None:
    a, b = Value(base), Value(0.0)
    (first,) = grad(a**b, a, create_graph=True)
    assert first.data == 0.0
    (second,) = grad(first, b, create_graph=True)  # ∂/∂b of b·a**(b − 1), which is 1/a at b = 0
    assert second.data == pytest.approx(1.0 / base, rel=1e-15)
    (third,) = grad(second, b)  # and 2·log(a)/a
    assert third.data == pytest.approx(2.0 * math.log(base) / base, rel=1e-15)


@pytest.mark.parametrize(("exponent", "derivative"), [(2.0, 0.0), (0.0, 0.0), (-0.5, -math.inf)])
def test_power_of_zero_is_flat_unless_the_exponent_is_negative(exponent: float, derivative: float) -> None:
    b = Value(exponent)
    (Value(0.0) ** b).backward()
    assert b.grad == derivative


@pytest.mark.parametrize("x", [0.1, 0.3, 0.55, 0.7, 0.9])
def test_sigmoid_derivative_is_the_textbook_form_where_no_digit_is_lost(x: float) -> None:
    out = Value(x).sigmoid()
    assert out.da == pytest.approx(out.data * (1.0 - out.data), rel=4e-16)


# Masks select, they do not multiply ---------------------------------------------------------------


@pytest.mark.parametrize("g", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(
    ("name", "x"), [("relu", -1.0), ("relu", 0.0), ("relu", -0.0), ("abs", 0.0), ("abs", math.nan)]
)
def test_masked_operand_gets_no_gradient(name: str, x: float, g: float) -> None:
    leaf = Value(x)
    FUNCTIONS[name](leaf).backward(g)
    assert bits(leaf.grad) == bits(0.0)


@pytest.mark.parametrize(("name", "loser"), [("maximum", 0), ("minimum", 1)])
@pytest.mark.parametrize("g", [math.inf, math.nan])
def test_operand_that_is_not_selected_gets_no_gradient(name: str, loser: int, g: float) -> None:
    leaves = [Value(1.0), Value(2.0)]
    FUNCTIONS[name](*leaves).backward(g)
    assert leaves[loser].grad == 0.0
    assert bits(leaves[1 - loser].grad) == bits(g)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_local_derivatives_belong_to_the_position_that_take_selects(index: int) -> None:
    x, y = Value(5.0), Value(6.0)
    node = take([x, y, x], index)
    assert local_derivatives(node) == [*(1.0 if i == index else None for i in range(3)), None]
    assert [(c.position, c.local) for c in contributions(node) if c.local] == [(index, 1.0)]


@pytest.mark.parametrize("g", [math.inf, math.nan])
def test_take_passes_no_gradient_to_the_others(g: float) -> None:
    values, index = [Value(3.0), Value(5.0), Value(7.0)], Value(1.0)
    FUNCTIONS["take"](values, index).backward(g)
    assert all_bits([x.grad for x in (*values, index)]) == all_bits([0.0, g, 0.0, 0.0])


# IEEE results, written by hand --------------------------------------------------------------------

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("exp", [1000.0], INF),
        ("exp", [-1000.0], 0.0),
        ("expm1", [1000.0], INF),
        ("expm1", [-0.0], -0.0),
        ("log", [0.0], -INF),
        ("log", [-0.0], -INF),
        ("log", [-1.0], NAN),
        ("log1p", [-1.0], -INF),
        ("log1p", [-2.0], NAN),
        ("sqrt", [-1.0], NAN),
        ("sqrt", [-0.0], -0.0),
        ("sin", [INF], NAN),
        ("cos", [-INF], NAN),
        ("div", [1.0, 0.0], INF),
        ("div", [1.0, -0.0], -INF),
        ("div", [0.0, 0.0], NAN),
        ("div", [NAN, 0.0], NAN),
        ("div", [1e308, 1e-308], INF),
        ("mul", [0.0, INF], NAN),
        ("neg", [0.0], -0.0),
        ("abs", [-0.0], 0.0),
        ("pow", [0.0, 0.0], 1.0),
        ("pow", [NAN, 0.0], 1.0),
        ("pow", [1.0, NAN], 1.0),
        ("pow", [0.0, -1.0], INF),
        ("pow", [-0.0, -1.0], -INF),
        ("pow", [-0.0, -2.0], INF),
        ("pow", [-8.0, 0.5], NAN),
        ("pow", [-8.0, 3.0], -512.0),
        ("pow", [-10.0, 1001.0], -INF),
        ("pow", [10.0, 1000.0], INF),
        ("relu", [NAN], NAN),
        ("relu", [-0.0], 0.0),
        ("relu", [-INF], 0.0),
        ("maximum", [1.0, NAN], NAN),
        ("maximum", [NAN, 1.0], NAN),
        ("minimum", [NAN, 1.0], NAN),
        ("sigmoid", [-1000.0], 0.0),
        ("sigmoid", [1000.0], 1.0),
        ("sech", [1000.0], 0.0),
        ("sech", [-INF], 0.0),
        ("softplus", [1000.0], 1000.0),
        ("softplus", [-1000.0], 0.0),
        ("logsumexp", [[1000.0, 1000.0]], 1000.0 + math.log(2.0)),
        ("logsumexp", [[-INF, -INF]], -INF),
        ("logsumexp", [[INF, 1.0]], INF),
        ("logsumexp", [[]], -INF),
        ("sum", [[]], 0.0),
        ("dot", [[], [], 3.0], 3.0),
        ("take", [[1.0, 2.0], 2.0], NAN),
        ("take", [[1.0, 2.0], 0.5], NAN),
        ("take", [[], 0.0], NAN),
    ],
)
def test_special_numbers_do_not_raise(name: str, operands: Operands, expected: float) -> None:
    assert bits(FUNCTIONS[name](*operands).data) == bits(expected)
    if flat(operands):
        assert bits(call(PRIMITIVES[name], as_leaves(operands)).data) == bits(expected)


@pytest.mark.parametrize(
    ("name", "operands", "derivatives"),
    [
        ("pow", [0.0, 0.0], [None, None]),
        ("pow", [0.0, 2.0], [0.0, None]),
        ("pow", [0.0, 1.0], [1.0, None]),
        ("relu", [0.0], [None]),
        ("relu", [-0.0], [None]),
        ("relu", [NAN], [1.0]),
        ("leaky_relu", [0.0], [0.01]),
        ("elu", [0.0], [1.0]),
        ("abs", [0.0], [None]),
        ("maximum", [3.0, 3.0], [0.5, 0.5]),
        ("minimum", [3.0, 3.0], [0.5, 0.5]),
        ("maximum", [0.0, -0.0], [0.5, 0.5]),
        ("maximum", [1.0, 3.0], [None, 1.0]),
        ("div", [1.0, 0.0], [INF, -INF]),
        ("div", [1e200, 1e200], [1e-200, -1e-200]),
        ("log", [0.0], [INF]),
        ("sqrt", [0.0], [INF]),
        ("take", [[1.0, 2.0], 1.0], [None, 1.0, None]),
        ("take", [[1.0, 2.0], 5.0], [None, None, None]),
        ("logsumexp", [[-INF, 0.0]], [0.0, 1.0]),
    ],
)
def test_subgradients_and_limits(name: str, operands: Operands, derivatives: list[float | None]) -> None:
    node = call(PRIMITIVES[name], as_leaves(operands))
    assert all_bits(local_derivatives(node)) == all_bits(derivatives)


def test_division_is_rounded_once() -> None:
    rng = random.Random(3)
    for _ in range(1000):
        a, b = rng.uniform(-10, 10), rng.uniform(-10, 10)
        assert bits((Value(a) / Value(b)).data) == bits(a / b)


def test_power_agrees_with_math_pow() -> None:
    rng = random.Random(4)
    for _ in range(1000):
        a, b = rng.uniform(0.01, 50), rng.uniform(-50, 50)
        assert bits((Value(a) ** Value(b)).data) == bits(math.pow(a, b))


@pytest.mark.parametrize("width", [0, 1, 2, 3, 10, 100])
def test_sums_are_added_from_left_to_right(width: int) -> None:
    rng = random.Random(width)
    xs = [rng.uniform(-1.0, 1.0) * 10.0 ** rng.randrange(-8, 9) for _ in range(width)]
    ws = [rng.uniform(-1.0, 1.0) for _ in range(width)]
    total, weighted = 0.0, 0.25
    for w, x in zip(ws, xs):
        total += x
        weighted += w * x
    assert bits(FUNCTIONS["sum"](xs).data) == bits(total)
    assert bits(FUNCTIONS["dot"](ws, xs, 0.25).data) == bits(weighted)


def test_special_numbers_include_zeros_infinities_and_nan() -> None:
    assert {bits(x) for x in (0.0, -0.0, INF, -INF, NAN)} <= set(all_bits(SPECIAL))
    assert any(is_group(operand) for entry in PRIMITIVES.values() for operand in entry.operands)


# Floats that never raise --------------------------------------------------------------------------


@pytest.mark.parametrize("x", SPECIAL)
@pytest.mark.parametrize("y", SPECIAL)
def test_ieee_floats_compute_as_floats_and_stay_ieee(x: float, y: float) -> None:
    results = [
        IeeeFloat(x) + y,
        x - IeeeFloat(y),
        IeeeFloat(x) * y,
        x * IeeeFloat(y),
        x + IeeeFloat(y),
        IeeeFloat(x) - y,
        -IeeeFloat(x),
        abs(IeeeFloat(x)),
    ]
    assert {type(result) for result in results} == {IeeeFloat}
    assert all_bits(results) == all_bits([x + y, x - y, x * y, x * y, x + y, x - y, -x, abs(x)])
    quotients = [IeeeFloat(x) / y, x / IeeeFloat(y)]
    # As y is 0 only here, x / y is x · ±∞.
    expected = x / y if y else x * math.copysign(INF, y)
    assert all_bits(quotients) == all_bits([expected] * 2)
    assert {type(q) for q in quotients} == {IeeeFloat}


def test_ieee_float_divided_by_a_value_is_a_value() -> None:
    v = Value(2.0)
    nodes = [
        IeeeFloat(1.0) + v,
        IeeeFloat(1.0) - v,
        IeeeFloat(1.0) * v,
        IeeeFloat(1.0) / v,
        v / IeeeFloat(0.0),
    ]
    assert [node.data for node in nodes] == [3.0, -1.0, 2.0, 0.5, INF]
    assert all(type(node) is Value for node in nodes)
    with pytest.raises(TypeError):
        IeeeFloat(1.0) / "2"


def test_constant_that_a_rule_selects_may_be_divided_by() -> None:
    for m in (IEEE, VALUES):
        assert 1.0 / m.where(True, 0.0, 1.0) == INF
        assert [1.0 / i for i in m.positions([5.0, 5.0, 5.0])] == [INF, 1.0, 0.5]


# Functions of m -----------------------------------------------------------------------------------


def test_module_docstring_lists_what_m_offers() -> None:
    documented = autograd.primitives.__doc__ or ""
    offered = {name for name in vars(FLOATS) if not name.startswith("_")} - {*PRIMITIVES}
    assert offered >= {"where", "eq", "each", "positions", "largest"}
    assert not [name for name in offered if f"m.{name}(" not in documented]


def test_written_out_entries_have_a_comment_in_the_table() -> None:
    source = inspect.getsource(autograd.primitives)
    before_add = source[: source.index("\nADD = ")].rpartition("\n\n")[2]
    assert "Value.__add__ and Value.__mul__ are written out" in before_add
    before_dot = source[: source.index("\nDOT = ")].rpartition(")\n")[2]
    assert "dot() is written out" in before_dot
    assert (ADD.name, MUL.name) == ("add", "mul")
