"""The backward pass and grad(): results and order."""

import math
import os
import random
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, grad, topological_order
from autograd.backward import operands_first
from autograd.nodes import (
    all_gradients,
    contributions,
    edges,
    is_unchanged,
    local_derivatives,
    recompute,
    regroup,
)
from autograd.operations import FUNCTIONS, data_of
from autograd.value import operand_values

from .._support.table import all_bits, bits

# Small examples -----------------------------------------------------------------------------------


def test_first_example() -> None:
    w, x, y = Value(2.0), Value(5.0), Value(12.0)
    loss = (w * x - y) ** 2
    loss.backward()
    assert loss.data == 4.0
    assert (loss.grad, w.grad, x.grad, y.grad) == (1.0, -20.0, -8.0, 4.0)


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (lambda a: a + a, 2.0),
        (lambda a: a * a, 6.0),
        (lambda a: a - a, 0.0),
        (lambda a: a / a, 0.0),
        (lambda a: a**a, 27.0 * (1.0 + math.log(3.0))),
        (lambda a: a.maximum(a), 1.0),
        (lambda a: autograd.sum([a, a, a]), 3.0),
        (lambda a: autograd.dot([a, a], [a, 2.0], a), 9.0),
        (lambda a: (a * 2.0) * (a * 2.0), 24.0),
        (lambda a: autograd.sum([b := a * 2.0, b, a]), 5.0),
    ],
)
def test_value_used_twice_counts_twice(function: Callable[[Value], Value], derivative: float) -> None:
    a = Value(3.0)
    function(a).backward()
    assert math.isclose(a.grad, derivative, abs_tol=1e-15)
    assert math.isclose(grad(function(a), a)[0].data, derivative, abs_tol=1e-15)
    assert math.isclose(grad(function(a), a, create_graph=True)[0].data, derivative, abs_tol=1e-15)


def test_diamond() -> None:
    a, b = Value(2.0), Value(3.0)
    c = a * b
    d = c + a
    e = c * d
    e.backward()
    assert (d.grad, c.grad, a.grad, b.grad) == (6.0, 8.0 + 6.0, 14.0 * 3.0 + 6.0, 14.0 * 2.0)


def test_gradients_of_leaves_accumulate_and_those_of_computed_values_are_set() -> None:
    a = Value(3.0)
    b = a * 2.0
    c = b * b
    for times in (1, 2, 3):
        c.backward()
        assert (c.grad, b.grad, a.grad) == (1.0, 12.0, 24.0 * times)
    a.zero_grad()
    c.backward()
    assert a.grad == 24.0


def test_gradient_written_by_hand_is_added_to_on_a_leaf_only() -> None:
    a = Value(3.0)
    b = a * 2.0
    a.grad = b.grad = 100.0
    (b * 1.0).backward()
    assert (b.grad, a.grad) == (1.0, 102.0)


def test_passes_from_several_roots_over_shared_nodes_add_up() -> None:
    a, b = Value(2.0), Value(3.0)
    shared = a * b
    first, second = shared * 10.0, shared.exp()
    first.backward()
    second.backward()
    assert shared.grad == second.data
    assert a.grad == 30.0 + second.data * 3.0
    assert b.grad == 20.0 + second.data * 2.0


def test_node_that_the_pass_does_not_reach_keeps_its_gradient() -> None:
    a = Value(2.0)
    b = a * 3.0
    c, d = b * 1.0, b * 5.0
    c.backward()
    d.backward()
    assert (c.grad, d.grad) == (1.0, 1.0)


def test_computed_value_can_be_a_root_and_then_an_operand() -> None:
    a = Value(2.0)
    b = a * 3.0
    b.backward()
    (b * 4.0).backward()
    assert (b.grad, a.grad) == (4.0, 3.0 + 12.0)


@pytest.mark.parametrize("gradient", [2.5, 2, True, Fraction(1, 2), math.inf, -0.0])
def test_backward_starts_from_the_given_gradient(gradient: Any) -> None:
    a = Value(3.0)
    b = a * 4.0
    b.backward(gradient)
    assert (b.grad, a.grad) == (float(gradient), float(gradient) * 4.0)
    c = Value(3.0)
    (c * 4.0).backward(gradient=gradient)
    assert c.grad == a.grad


@pytest.mark.parametrize("gradient", ["1", None, [1.0], Value(1.0)], ids=lambda x: type(x).__name__)
def test_backward_of_a_wrong_gradient_raises_and_changes_nothing(gradient: Any) -> None:
    a = Value(3.0)
    with pytest.raises(TypeError, match=r"^backward\(\) expected a real number for gradient, got "):
        (a * 2.0).backward(gradient)
    assert a.grad == 0.0


def test_backward_of_a_leaf_adds_to_its_gradient() -> None:
    a = Value(3.0)
    a.backward()
    assert a.grad == 1.0
    a.backward(2.0)
    assert a.grad == 3.0


def test_constants_get_no_gradient() -> None:
    a, b = Value(2.0), Value(3.0)
    c = a * b.detach()
    c.backward()
    assert (a.grad, b.grad) == (3.0, 0.0)


def test_overwriting_a_result_changes_nothing_below() -> None:
    a = Value(2.0)
    b = a.exp()
    c = b * b
    b.data = 100.0
    c.backward()
    assert math.isclose(a.grad, 2.0 * math.exp(4.0))


# Behind a dead relu -------------------------------------------------------------------------------


def test_infinite_gradient_does_not_reach_a_masked_operand() -> None:
    a = Value(-1.0)
    a.relu().log().backward()  # log(0) = −inf, with an infinite derivative
    assert a.grad == 0.0


def test_node_behind_a_dead_relu_is_not_visited() -> None:
    x = Value(-1.0)
    behind = x * 3.0
    (behind + 0.0).backward()
    assert (behind.grad, x.grad) == (1.0, 3.0)
    loss = behind.relu().log()
    loss.backward()
    assert (behind.grad, x.grad) == (1.0, 3.0)  # left alone
    assert behind.mark < loss.mark
    assert grad(loss, [behind, x])[0].data == 0.0
    assert topological_order(loss)[:2] == [x, behind]


def test_node_with_a_second_path_around_a_dead_relu_is_visited() -> None:
    x = Value(-1.0)
    behind = x * 3.0
    (behind.relu() * math.inf + behind * 2.0).backward()
    assert (behind.grad, x.grad) == (2.0, 6.0)


def test_relu_that_is_active_again_passes_its_gradient() -> None:
    x = Value(-1.0)
    for data, expected in ((-1.0, 0.0), (1.0, 3.0), (-1.0, 3.0)):
        x.data = data
        (x * 3.0).relu().backward()
        assert x.grad == expected


def test_operand_that_loses_in_a_maximum_is_not_visited() -> None:
    x = Value(1.0)
    loser, winner = x * 2.0, x * 3.0
    loser.backward()
    assert (loser.grad, x.grad) == (1.0, 2.0)
    loser.maximum(winner).backward(5.0)
    assert (loser.grad, winner.grad, x.grad) == (1.0, 5.0, 17.0)


# Fused and explicit -------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2, 3, 17])
def test_dot_agrees_bit_for_bit_with_explicit_products(width: int) -> None:
    rng = random.Random(width)
    numbers = [[rng.gauss(0.0, 1.0) for _ in range(width)] for _ in range(2)] + [[rng.gauss(0.0, 1.0)]]

    def leaves() -> list[list[Value]]:
        return [[Value(x) for x in group] for group in numbers]

    of_dot, of_products = leaves(), leaves()
    fused = autograd.dot(of_dot[0], of_dot[1], of_dot[2][0]).tanh()
    explicit = of_products[2][0]
    for w, x in zip(*of_products[:2]):
        explicit = explicit + w * x
    explicit = explicit.tanh()
    fused.backward()
    explicit.backward()
    assert bits(fused.data) == bits(explicit.data)
    for group, other in zip(of_dot, of_products):
        assert all_bits([v.grad for v in group]) == all_bits([v.grad for v in other])


@pytest.mark.parametrize("values", ["all", "weights", "inputs", "bias", "mixed"])
def test_dot_accepts_constants_anywhere(values: str) -> None:
    ws, xs, b = [1.5, -2.0, 0.5], [3.0, 4.0, -1.0], 0.25
    is_value: dict[str, Callable[[str, int], bool]] = {
        "all": lambda group, i: True,
        "weights": lambda group, i: group == "weights",
        "inputs": lambda group, i: group == "inputs",
        "bias": lambda group, i: group == "bias",
        "mixed": lambda group, i: (group == "weights") == (i == 1),
    }
    operands = [
        [Value(x) if is_value[values](name, i) else x for i, x in enumerate(group)]
        for name, group in (("weights", ws), ("inputs", xs), ("bias", [b]))
    ]
    out = autograd.dot(operands[0], operands[1], operands[2][0])
    out.backward(2.0)
    assert out.data == 0.25 + 4.5 - 8.0 - 0.5
    for group, derivatives in zip(operands, (xs, ws, [1.0])):
        for operand, derivative in zip(group, derivatives):
            if isinstance(operand, Value):
                assert operand.grad == 2.0 * derivative


@pytest.mark.parametrize("is_value", range(1, 2**6))
def test_dot_of_some_constants_has_the_derivatives_of_the_others(is_value: int) -> None:
    weights = [Value(float(i)) for i in range(1, 7)]
    x = [Value(2.0) if is_value >> i & 1 else 2.0 for i in range(6)]
    autograd.dot(weights, x, 1.0).backward()
    assert [w.grad for w in weights] == [2.0] * 6
    for w, v in zip(weights, x):
        assert not isinstance(v, Value) or v.grad == w.data


# Random graphs ------------------------------------------------------------------------------------

Plan = list[tuple[str, int, int]]

#: What a step of a plan computes of three earlier Values, of the last two and of a shared group.
STEPS: dict[str, Callable[..., Value]] = {
    "add": lambda a, b, c, row, shared: a + b,
    "mul": lambda a, b, c, row, shared: a * b,
    "sub": lambda a, b, c, row, shared: a - 2.0 if a is b else a - b,
    "neg": lambda a, b, c, row, shared: -a,
    "relu": lambda a, b, c, row, shared: a.relu(),
    "maximum": lambda a, b, c, row, shared: a.maximum(b),
    "take": lambda a, b, c, row, shared: autograd.take([a, b, c], 1),
    "sum": lambda a, b, c, row, shared: autograd.sum([a, b, 1.0, a, c]),
    "dot": lambda a, b, c, row, shared: autograd.dot([a, b, 2.0], [c, 3.0, a], b),
    "row": lambda a, b, c, row, shared: autograd.dot((b, c), row, a),
    "square": lambda a, b, c, row, shared: autograd.dot(row, row),
    "group": lambda a, b, c, row, shared: autograd.dot(shared, [a, b, 2.0], c),
}

plans = st.lists(
    st.tuples(
        st.sampled_from(sorted(STEPS)),
        st.integers(0, 99),
        st.integers(0, 99),
    ),
    min_size=1,
    max_size=25,
)


def _grow(leaves: list[Value], plan: Plan) -> list[Value]:
    """Return the Values of a random graph in which operands are used often.

    "row" and "group" take operands that others took before, as the very tuple or group of the last
    Values, as the neurons of a layer do.
    """
    values = [*leaves]
    for step, (name, i, j) in enumerate(plan):
        a, b, c = values[i % len(values)], values[j % len(values)], values[(i + j) % len(values)]
        if step % 3 == 0:
            row = tuple(values[-2:])
            shared = autograd.group([values[-1], 2.0, values[-3]])
        values.append(STEPS[name](a, b, c, row, shared))
    return values


def _tangent(node: Value, tangents: dict[Value, float]) -> float:
    """Compute ∂node/∂(one leaf) in forward mode, in integers and halves."""
    xs = [int(data_of(x)) for x in node.operands]
    ds = [tangents.get(x, 0) if isinstance(x, Value) else 0 for x in node.operands]
    match node.primitive.name:
        case "add" | "sum":
            return sum(ds)
        case "sub":
            return ds[0] - ds[1]
        case "neg":
            return -ds[0]
        case "relu":
            return ds[0] if xs[0] > 0 else 0
        case "maximum":
            return ds[0] if xs[0] > xs[1] else ds[1] if xs[0] < xs[1] else (ds[0] + ds[1]) / 2
        case "take":
            return ds[1]
        case "mul":
            return ds[0] * xs[1] + xs[0] * ds[1]
        case "dot":
            n = len(xs) // 2
            return ds[-1] + sum(ds[i] * xs[n + i] + xs[i] * ds[n + i] for i in range(n))
    raise AssertionError(node.primitive)


@settings(max_examples=200, deadline=None)
@given(plan=plans)
def test_gradients_of_random_graphs_are_exact_in_integers(plan: Plan) -> None:
    leaves = [Value(2.0), Value(-1.0), Value(1.0)]
    values = _grow(leaves, plan)
    root = values[-1]
    root.backward()
    if any(abs(v.data) > 2**40 or abs(v.grad) > 2**40 for v in values):
        return
    for leaf in leaves:
        tangents = {leaf: 1}
        for node in values[len(leaves) :]:
            tangents[node] = _tangent(node, tangents)
        assert leaf.grad == tangents.get(root, 0)


@settings(max_examples=200, deadline=None)
@given(plan=plans)
def test_topological_order_has_every_value_once_after_its_operands(plan: Plan) -> None:
    root = _grow([Value(2.0), Value(-1.0), Value(1.0)], plan)[-1]
    values, stack = {root}, [root]
    while stack:
        fresh = {v for v in stack.pop().operands if isinstance(v, Value)} - values
        values |= fresh
        stack += fresh
    order = topological_order(root)
    assert order[-1] is root
    assert len(order) == len(values)
    assert set(order) == values
    place = {v: i for i, v in enumerate(order)}
    for v in order:
        assert all(place[x] < place[v] for x in v.operands if isinstance(x, Value))


@settings(max_examples=200, deadline=None)
@given(plan=plans, start=st.floats(-2.0, 2.0))
def test_all_functions_for_gradients_are_bit_identical(plan: Plan, start: float) -> None:
    leaves = [Value(1.1), Value(-0.7), Value(0.3)]
    values = _grow(leaves, plan)
    root = values[-1]
    root.backward(start)
    totals: dict[Value, float] = {root: start}
    for product in contributions(root, start):
        totals[product.operand] = totals.get(product.operand, 0.0) + product.cotangent
    for v in topological_order(root):
        assert v is root or bits(totals.get(v, 0.0)) == bits(v.grad)
    inputs = [leaf for leaf in leaves if leaf in totals]
    if inputs and root not in inputs:
        for leaf in leaves:
            leaf.zero_grad()
        root.backward()
        expected = all_bits([leaf.grad for leaf in inputs])
        assert all_bits([all_gradients(root)[leaf] for leaf in inputs]) == expected
        for create_graph in (False, True):
            gradients = [g.data + 0.0 for g in grad(root, inputs, create_graph=create_graph)]
            if all(len([*edges(v)]) == len(operand_values(v)) for v in topological_order(root)):
                assert all_bits(gradients) == expected
            else:  # grad() also goes where operands are dead, and may add in another order
                assert gradients == pytest.approx([leaf.grad for leaf in inputs], rel=1e-12, abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(plan=plans, roots=st.lists(st.integers(0, 30), min_size=2, max_size=6))
def test_passes_from_any_roots_in_any_order_add_up(plan: Plan, roots: list[int]) -> None:
    values = _grow([Value(2.0), Value(-1.0), Value(1.0)], plan)
    expected = [0.0] * len(values)
    for root in (values[i % len(values)] for i in roots):
        root.backward()
        gradients = all_gradients(root)
        dependencies = {*operands_first([root], lambda node: [x for x, _ in edges(node)])}  # no dead operands
        for i, v in enumerate(values):
            if v in dependencies:
                expected[i] = gradients[v] if not v.is_leaf else expected[i] + gradients[v]
        if any(abs(x) > 2**40 for v in values for x in (v.data, v.grad)):  # no longer exact
            return
        assert [v.grad for v in values] == expected


# Determinism --------------------------------------------------------------------------------------


def _fingerprint() -> str:
    rng = random.Random(7)
    values = [Value(rng.gauss(0.0, 1.0)) for _ in range(10)]
    leaves = [*values]
    for _ in range(300):
        a, b, c = rng.sample(values, 3)
        values.append(rng.choice([(a * b).tanh(), a + b.sin(), autograd.dot([a, b], [c, a], b).tanh()]))
    total = autograd.sum(values)
    total.backward()
    return " ".join(float(leaf.grad).hex() for leaf in leaves)


def test_repeated_runs_are_bit_identical() -> None:
    assert _fingerprint() == _fingerprint()


@pytest.mark.parametrize("seed", ["0", "1", "12345"])
def test_other_processes_are_bit_identical(seed: str) -> None:
    script = "from tests.autograd.test_backward import _fingerprint; print(_fingerprint())"
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == _fingerprint()


# grad() -------------------------------------------------------------------------------------------


def test_grad_returns_leaves_and_changes_no_gradient() -> None:
    a, b = Value(2.0), Value(3.0)
    c = a * b
    gradients = grad(c, [a, b])
    assert [type(g) for g in gradients] == [Value, Value]
    assert [g.data for g in gradients] == [3.0, 2.0]
    assert all(g.is_leaf for g in gradients)
    (first,) = grad(c, a)
    assert first.data == 3.0
    (gradient,) = grad(c * c, a, create_graph=True)
    assert not gradient.is_leaf
    assert a.grad == b.grad == c.grad == 0.0
    assert c.mark == 0


def test_grad_of_no_inputs_is_empty() -> None:
    assert grad(Value(2.0) * 3.0, []) == []


def test_grad_accepts_intermediate_values_and_the_output_itself() -> None:
    a = Value(2.0)
    b = a * 3.0
    c = b * b
    assert [g.data for g in grad(c, [c, b, a, b])] == [1.0, 12.0, 36.0, 12.0]
    assert [g.data for g in grad(c, [c, b, a, b], create_graph=True)] == [1.0, 12.0, 36.0, 12.0]
    assert [g.data for g in grad(a, a)] == [1.0]
    assert [g.data for g in grad(a, a, create_graph=True)] == [1.0]


@pytest.mark.parametrize("inputs", [tuple, list, iter, lambda xs: (x for x in xs)])
def test_grad_accepts_any_collection_of_inputs(inputs: Callable[..., Any]) -> None:
    a, b = Value(2.0), Value(3.0)
    assert [g.data for g in grad(a * b, inputs([a, b]))] == [3.0, 2.0]


def test_grad_with_respect_to_an_intermediate_value_stops_there() -> None:
    a = Value(2.0)
    b = a * a
    c = b * b
    a.data = 5.0
    assert [g.data for g in grad(c, b, create_graph=True)] == [8.0]


def test_grad_continues_along_a_path_around_an_intermediate_value() -> None:
    x, z = Value(2.0), Value(5.0)
    left, inner = x * 3.0, z * 7.0
    assert [g.data for g in grad(left * inner, [inner, x])] == [6.0, 105.0]


def test_grad_of_an_operand_used_twice_by_a_primitive_of_many() -> None:
    x = Value(3.0)
    y = autograd.dot([x, x, 2.0], [x, 1.0, x], x) + autograd.sum([x, x])
    for create_graph in (False, True):
        assert grad(y, x, create_graph=create_graph)[0].data == 6.0 + 1.0 + 2.0 + 1.0 + 2.0


def test_options_of_grad_are_keywords() -> None:
    x = Value(3.0)
    y = x * x
    with pytest.raises(TypeError, match="positional"):
        grad(y, x, True)
    assert grad(output=y, inputs=x)[0].data == 6.0


@pytest.mark.parametrize(
    ("output", "inputs", "named"),
    [
        (3.0, Value(1.0), r"output, got float 3\.0"),
        (Value(1.0), [Value(1.0), 3.0], r"inputs\[1\], got float 3\.0"),
        (Value(1.0), 2.0, r"inputs\[0\], got float 2\.0"),
        ("x", Value(1.0), "output, got str 'x'"),
        (None, Value(1.0), "output, got NoneType None"),
    ],
)
def test_grad_of_other_objects_raises_type_error(output: Any, inputs: Any, named: str) -> None:
    with pytest.raises(TypeError, match=rf"^grad\(\) expected a Value for {named}\. Make it a Value\."):
        grad(output, inputs)


def _square(x: Value) -> Value:
    return x * x


@pytest.mark.parametrize(
    "arguments", [(_square,), (_square, Value(1.0)), (_square, 1.0), (Value(1.0), _square)]
)
def test_grad_of_a_function_explains_what_to_call(arguments: Any) -> None:
    message = (
        r"^grad\(\) expected a Value for .*, got function <function _square.*Call the function on Values, and"
    )
    with pytest.raises(TypeError, match=message):
        grad(*arguments)


@pytest.mark.parametrize("create_graph", [False, True])
def test_unused_input_raises_or_is_none(create_graph: bool) -> None:
    a, b = Value(2.0), Value(3.0, label="spare")
    out = a * 2.0
    message = (
        r"^grad\(\) expected inputs that the output was computed from, got inputs\[1\] = "
        r"Value\(3\.0, label='spare'\).*allow_unused=True"
    )
    with pytest.raises(ValueError, match=message):
        grad(out, [a, b], create_graph=create_graph)
    first, second = grad(out, [a, b], create_graph=create_graph, allow_unused=True)
    assert (first.data, second) == (2.0, None)


@pytest.mark.parametrize("create_graph", [False, True])
def test_input_behind_a_dead_relu_has_a_gradient_of_zero(create_graph: bool) -> None:
    a = Value(-2.0)
    (first,) = grad(a.relu().log(), a, create_graph=create_graph)
    assert bits(first.data) == bits(0.0)


@pytest.mark.parametrize(
    "power",
    [lambda x: x**5, lambda x: x * x * x * x * x, lambda x: autograd.dot([x * x], [x * x * x])],
    ids=["pow", "mul", "dot"],
)
def test_derivatives_of_order_one_to_five_are_exact(power: Callable[[Value], Value]) -> None:
    x = Value(2.0)
    y = power(x)
    values = []
    for _ in range(5):
        (y,) = grad(y, x, create_graph=True)
        values.append(y.data)
    assert values == [80.0, 160.0, 240.0, 240.0, 120.0]
    (sixth,) = grad(y, x, allow_unused=True)
    assert sixth is None or sixth.data == 0.0


def test_recorded_gradient_can_be_part_of_a_loss() -> None:
    x = Value(3.0)
    (first,) = grad(x**3, x, create_graph=True)
    (first**2).backward()
    assert x.grad == 2 * 27.0 * 18.0


def test_derivative_of_a_quotient_by_zero_is_recorded() -> None:
    x = Value(-1.0)
    (first,) = grad(x / 0.0, x, create_graph=True)
    assert first.data == math.inf
    (first,) = grad((x / 0.0).relu(), x, create_graph=True)
    assert first.data == 0.0


# Overwritten data ---------------------------------------------------------------------------------

#: Outputs of x = 2 and y = 3, some of them even or odd in x.
OVERWRITTEN: dict[str, Callable[[Value, Value], Value]] = {
    "mul": lambda x, y: x * y,
    "square": lambda x, y: x * x,
    "cube": lambda x, y: x**3,
    "power": lambda x, y: y**x,
    "div": lambda x, y: y / x,
    "tanh": lambda x, y: x.tanh(),
    "cos": lambda x, y: x.cos(),
    "abs": lambda x, y: abs(x),
    "sech": lambda x, y: x.sech(),
    "relu": lambda x, y: x.relu(),
    "maximum": lambda x, y: x.maximum(1.0),
    "sum": lambda x, y: autograd.sum([x, y, 1.0]),
    "dot": lambda x, y: autograd.dot([x], [y]),
    "dot of a constant group": lambda x, y: autograd.dot([x, y], [2.0, 3.0]),
    "dot with a bias": lambda x, y: autograd.dot([1.0], [2.0], x),
    "logsumexp": lambda x, y: autograd.logsumexp([x, 1.0]),
    "take": lambda x, y: autograd.take([y, x], 1),
    "take of a constant group": lambda x, y: FUNCTIONS["take"]([2.0, 3.0], x - 1.0) * x,
    "further on": lambda x, y: (x * 2.0).exp() + y,
}
each_overwritten = pytest.mark.parametrize("f", OVERWRITTEN.values(), ids=OVERWRITTEN)


@each_overwritten
@pytest.mark.parametrize("change", [lambda x: -x, lambda x: x + 1.0, lambda x: math.nan])
def test_create_graph_raises_for_data_that_has_changed(
    f: Callable[[Value, Value], Value], change: Callable[[float], float]
) -> None:
    x, y = Value(2.0), Value(3.0)
    out = f(x, y)
    expected = grad(out, x)[0].data
    x.data = change(x.data)
    message = r"^grad\(\) cannot differentiate Value\(.*has changed since the forward pass\. Compute it again"
    with pytest.raises(RuntimeError, match=message):
        grad(out, x, create_graph=True)
    assert grad(out, x)[0].data == expected  # what was stored is still right
    out.backward()
    assert x.grad == expected
    x.data = 2.0
    assert grad(out, x, create_graph=True)[0].data == pytest.approx(expected, rel=1e-15)


def test_create_graph_raises_for_a_zero_that_has_changed_its_sign() -> None:
    a = Value(0.0)
    y = a * a
    a.data = -0.0
    with pytest.raises(RuntimeError, match="has changed"):
        grad(y, [a], create_graph=True)


def test_create_graph_raises_for_a_result_that_was_overwritten() -> None:
    x = Value(2.0)
    y = x * x
    y.data = 5.0
    with pytest.raises(RuntimeError, match="has changed"):
        grad(y, x, create_graph=True)
    with pytest.raises(RuntimeError, match="has changed"):
        grad(y.exp(), x, create_graph=True)
    assert grad(y, x)[0].data == 4.0


def test_create_graph_raises_for_a_branch_that_has_changed() -> None:
    x = Value(1.0)
    y = x.relu()
    x.data = -1.0
    with pytest.raises(RuntimeError, match="has changed"):
        grad(y, x, create_graph=True)


def test_create_graph_ignores_nodes_that_do_not_depend_on_the_inputs() -> None:
    a, b = Value(3.0), Value(2.0)
    y = a * a + (b * b) * b
    b.data = 5.0
    assert grad(y, [a], create_graph=True)[0].data == 6.0
    with pytest.raises(RuntimeError, match="has changed"):
        grad(y, [b], create_graph=True)


def test_create_graph_accepts_nan() -> None:
    x = Value(math.nan)
    (first,) = grad(x * x, x, create_graph=True)
    assert math.isnan(first.data)


def test_backward_uses_the_numbers_of_the_forward_pass() -> None:
    a, b = Value(2.0), Value(3.0)
    c = a * b
    a.data = b.data = 100.0
    c.backward()
    assert (c.data, a.grad, b.grad) == (6.0, 3.0, 2.0)
    assert [g.data for g in grad(c, [a, b])] == [3.0, 2.0]


# Reading a node -----------------------------------------------------------------------------------


def test_edges_are_the_operands_that_receive_a_gradient() -> None:
    x, y = Value(2.0), Value(-3.0)
    assert [*edges(x)] == []
    assert [*edges(x * 5.0)] == [(x, 5.0)]
    assert [*edges(5.0 / x)] == [(x, -1.25)]
    assert [*edges(x * x)] == [(x, 2.0), (x, 2.0)]
    assert [*edges(y.relu())] == []
    assert [*edges(autograd.dot([x, 1.0], [y, y], x))] == [(x, -3.0), (y, 2.0), (y, 1.0), (x, 1.0)]


def test_local_derivatives_are_aligned_with_the_operands() -> None:
    x, y = Value(2.0), Value(-3.0)
    assert local_derivatives(x) == []
    assert local_derivatives(5.0 / x) == [None, -1.25]
    assert local_derivatives(y.relu()) == [None]
    assert local_derivatives(x.maximum(y)) == [1.0, None]
    assert local_derivatives(autograd.dot([x, 1.0], [y, y], x)) == [-3.0, None, 2.0, 1.0, 1.0]
    assert local_derivatives(autograd.take([y, x, 4.0], 1)) == [None, 1.0, None, None]
    for total in (autograd.sum([x, 1.0, x]), autograd.take([x, y, x], 2)):
        assert sum(d or 0.0 for d in local_derivatives(total)) == (2.0 if total.data == 5.0 else 1.0)


def test_regroup_returns_groups_as_lists() -> None:
    a, b = Value(2.0), Value(3.0)
    assert regroup(autograd.dot([a, b], [b, 1.0], a), "abcde") == [["a", "b"], ["c", "d"], "e"]
    assert regroup(a * b, "ab") == ["a", "b"]
    assert regroup(a, []) == []


def test_recompute_runs_an_operation_on_other_numbers() -> None:
    a, b = Value(2.0), Value(3.0)
    assert recompute(a * b, [4.0, 5.0]) == 20.0
    assert recompute(a / b, [4.0, 0.0]) == math.inf
    assert recompute(autograd.dot([a, b], [b, 1.0], a), [1.0, 2.0, 3.0, 4.0, 5.0]) == 16.0
    with pytest.raises(
        ValueError,
        match=r"^recompute\(\) expected a non-leaf Value, got Value\(2\.0\)\. Pass a computed Value",
    ):
        recompute(a, [])


def test_is_unchanged_compares_data_and_derivatives() -> None:
    x = Value(2.0)
    for f in OVERWRITTEN.values():
        node = f(x, Value(3.0))
        assert is_unchanged(node)
    assert is_unchanged(x)
    square = x * x
    x.data = -2.0  # the same square, another derivative
    assert not is_unchanged(square)
    x.data = 2.0
    assert is_unchanged(square)


def test_gradients_include_the_root_and_keep_the_sign_of_zero() -> None:
    a = Value(3.0)
    y = a * a
    assert all_gradients(y) == {y: 1.0, a: 6.0}
    assert all_gradients(a) == {a: 1.0}
    assert [*contributions(a)] == []


def test_contributions_are_products_with_the_stored_derivatives() -> None:
    a = Value(2.0)
    scaled = a * 3.0
    root = scaled * -0.0
    first, last = contributions(root)
    assert (first.node, first.operand, first.upstream) == (root, scaled, 1.0)
    assert bits(first.local) == bits(first.cotangent) == bits(-0.0)
    assert (last.node, last.position, last.operand, last.local) == (scaled, 0, a, 3.0)
    assert [c.cotangent for c in contributions(a * a, 10.0)] == [20.0, 20.0]


def test_contribution_of_a_dead_relu_is_zero_and_nothing_behind_it_is_visited() -> None:
    x = Value(-1.0)
    behind = x * 3.0
    root = behind.relu() * math.inf
    parts = [(c.operand, c.local, c.cotangent) for c in contributions(root)]
    assert parts == [(root.operands[0], math.inf, math.inf), (behind, 0.0, 0.0)]


def test_contributions_change_nothing() -> None:
    x = Value(2.0)
    y = x * x
    all_gradients(y), [*contributions(y)], topological_order(y), grad(y, x)
    assert (x.grad, y.grad, y.mark) == (0.0, 0.0, 0)


def test_topological_order_of_a_float_raises_type_error() -> None:
    with pytest.raises(TypeError, match=r"^topological_order\(\) expected a Value, got float 2\.0"):
        topological_order(2.0)


def test_later_pass_overwrites_gradients_of_an_earlier_one() -> None:
    a, b = Value(2.0), Value(3.0)
    inner = b * 5.0
    for product in (lambda: inner * a, lambda: a * inner):  # below a first and below a second operand
        total = a + product()
        for number in range(1, 4):
            a.grad = b.grad = 0.0
            total.backward(float(number))
            assert (a.grad, b.grad) == (number * 16.0, number * 10.0)


def test_grad_without_inputs_raises_type_error_with_the_call_to_write() -> None:
    message = r"got NoneType None\. Pass the inputs, as in grad\(output, \[w\]\)\.$"
    with pytest.raises(TypeError, match=message):
        grad(Value(2.0) * 3.0)  # type: ignore[call-overload]
