"""The backward pass and grad(): what they compute, and in what order."""

import math
import os
import random
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, grad, topological_order
from autograd.backward import contributions, gradients, primals, regroup, rerun
from autograd.primitives import PRIMITIVES

from .table import all_bits, bits

# Small examples -----------------------------------------------------------------------------------


def test_the_first_example() -> None:
    w, x, y = Value(2.0), Value(5.0), Value(12.0)
    loss = (w * x - y) ** 2
    loss.backward()
    assert loss.data == 4.0
    assert (loss.grad, w.grad, x.grad, y.grad) == (1.0, -20.0, -8.0, 4.0)


@pytest.mark.parametrize(
    ("function", "slope"),
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
def test_a_value_used_twice_counts_twice(function: Callable[[Value], Value], slope: float) -> None:
    a = Value(3.0)
    function(a).backward()
    assert math.isclose(a.grad, slope, abs_tol=1e-15)
    assert math.isclose(grad(function(a), a)[0].data, slope, abs_tol=1e-15)
    assert math.isclose(grad(function(a), a, create_graph=True)[0].data, slope, abs_tol=1e-15)


def test_a_diamond() -> None:
    a, b = Value(2.0), Value(3.0)
    c = a * b
    d = c + a
    e = c * d
    e.backward()
    assert (d.grad, c.grad, a.grad, b.grad) == (6.0, 8.0 + 6.0, 14.0 * 3.0 + 6.0, 14.0 * 2.0)


def test_gradients_of_leaves_accumulate_and_those_of_computed_values_do_not() -> None:
    a = Value(3.0)
    b = a * 2.0
    c = b * b
    for times in (1, 2, 3):
        c.backward()
        assert (c.grad, b.grad, a.grad) == (1.0, 12.0, 24.0 * times)
    a.zero_grad()
    c.backward()
    assert a.grad == 24.0


def test_a_gradient_written_by_hand_is_accumulated_into_on_a_leaf_only() -> None:
    a = Value(3.0)
    b = a * 2.0
    a.grad = b.grad = 100.0
    (b * 1.0).backward()
    assert (b.grad, a.grad) == (1.0, 102.0)


def test_several_roots_over_shared_nodes_add_up() -> None:
    a, b = Value(2.0), Value(3.0)
    shared = a * b
    first, second = shared * 10.0, shared.exp()
    first.backward()
    second.backward()
    assert shared.grad == second.data
    assert a.grad == 30.0 + second.data * 3.0
    assert b.grad == 20.0 + second.data * 2.0


def test_a_node_the_pass_does_not_reach_keeps_its_gradient() -> None:
    a = Value(2.0)
    b = a * 3.0
    c, d = b * 1.0, b * 5.0
    c.backward()
    d.backward()
    assert (c.grad, d.grad) == (1.0, 1.0)
    assert Value(1.0).grad is None


def test_a_computed_value_can_be_a_root_and_then_an_operand() -> None:
    a = Value(2.0)
    b = a * 3.0
    b.backward()
    (b * 4.0).backward()
    assert (b.grad, a.grad) == (4.0, 3.0 + 12.0)


@pytest.mark.parametrize("gradient", [2.5, 2, True, Fraction(1, 2), math.inf, -0.0])
def test_the_pass_starts_from_the_given_gradient(gradient: Any) -> None:
    a = Value(3.0)
    b = a * 4.0
    b.backward(gradient)
    assert (b.grad, a.grad) == (float(gradient), float(gradient) * 4.0)
    c = Value(3.0)
    (c * 4.0).backward(gradient=gradient)
    assert c.grad == a.grad


@pytest.mark.parametrize("gradient", ["1", None, [1.0], Value(1.0)], ids=lambda x: type(x).__name__)
def test_the_pass_starts_from_a_number(gradient: Any) -> None:
    with pytest.raises(TypeError, match="the gradient to start from must be a real number"):
        (Value(3.0) * 2.0).backward(gradient)


def test_a_leaf_is_its_own_root() -> None:
    a = Value(3.0)
    a.backward()
    assert a.grad == 1.0
    a.backward(2.0)
    assert a.grad == 3.0


def test_constants_get_no_gradient() -> None:
    a, b = Value(2.0), Value(3.0)
    c = a * b.detach()
    c.backward()
    assert (a.grad, b.grad) == (3.0, None)


def test_overwriting_a_result_changes_nothing_below() -> None:
    a = Value(2.0)
    b = a.exp()
    c = b * b
    b.data = 100.0
    c.backward()
    assert math.isclose(a.grad, 2.0 * math.exp(4.0))


def test_an_infinite_gradient_stays_apart_from_a_masked_operand() -> None:
    a = Value(-1.0)
    a.relu().log().backward()
    assert a.grad == 0.0


# Fused and explicit -------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2, 3, 17])
def test_dot_is_the_explicit_products_to_the_last_bit(width: int) -> None:
    rng = random.Random(width)
    numbers = [[rng.gauss(0.0, 1.0) for _ in range(width)] for _ in range(2)] + [[rng.gauss(0.0, 1.0)]]

    def leaves() -> list[list[Value]]:
        return [[Value(x) for x in group] for group in numbers]

    ours, theirs = leaves(), leaves()
    fused = autograd.dot(ours[0], ours[1], ours[2][0]).tanh()
    explicit = theirs[2][0]
    for w, x in zip(*theirs[:2]):
        explicit = explicit + w * x
    explicit = explicit.tanh()
    fused.backward()
    explicit.backward()
    assert bits(fused.data) == bits(explicit.data)
    for group, other in zip(ours, theirs):
        assert all_bits([v.grad for v in group]) == all_bits([v.grad for v in other])


@pytest.mark.parametrize("live", ["all", "weights", "inputs", "bias", "mixed"])
def test_dot_takes_constants_anywhere(live: str) -> None:
    ws, xs, b = [1.5, -2.0, 0.5], [3.0, 4.0, -1.0], 0.25
    choose: dict[str, Callable[[str, int], bool]] = {
        "all": lambda group, i: True,
        "weights": lambda group, i: group == "weights",
        "inputs": lambda group, i: group == "inputs",
        "bias": lambda group, i: group == "bias",
        "mixed": lambda group, i: (group == "weights") == (i == 1),
    }
    cells = [
        [Value(x) if choose[live](name, i) else x for i, x in enumerate(group)]
        for name, group in (("weights", ws), ("inputs", xs), ("bias", [b]))
    ]
    out = autograd.dot(cells[0], cells[1], cells[2][0])
    out.backward(2.0)
    assert out.data == 0.25 + 4.5 - 8.0 - 0.5
    for group, slopes in zip(cells, (xs, ws, [1.0])):
        for cell, slope in zip(group, slopes):
            if isinstance(cell, Value):
                assert cell.grad == 2.0 * slope


# Random graphs ------------------------------------------------------------------------------------

Plan = list[tuple[str, int, int]]

_MADE: dict[str, Callable[..., Value]] = {
    "add": lambda a, b, c, row, shared: a + b,
    "mul": lambda a, b, c, row, shared: a * b,
    "sub": lambda a, b, c, row, shared: a - 2.0 if a is b else a - b,
    "neg": lambda a, b, c, row, shared: -a,
    "sum": lambda a, b, c, row, shared: autograd.sum([a, b, 1.0, a, c]),
    "dot": lambda a, b, c, row, shared: autograd.dot([a, b, 2.0], [c, 3.0, a], b),
    "row": lambda a, b, c, row, shared: autograd.dot((b, c), row, a),
    "square": lambda a, b, c, row, shared: autograd.dot(row, row),
    "group": lambda a, b, c, row, shared: autograd.dot(shared, [a, b, 2.0], c),
}

plans = st.lists(
    st.tuples(
        st.sampled_from(sorted(_MADE)),
        st.integers(0, 99),
        st.integers(0, 99),
    ),
    min_size=1,
    max_size=25,
)


def _grow(leaves: list[Value], plan: Plan) -> list[Value]:
    """The Values of a random graph with much sharing, each made of earlier ones.

    "row" and "group" take operands that others took before, as the very tuple or group of the last
    Values, as the neurons of a layer do.
    """
    values = [*leaves]
    for step, (name, i, j) in enumerate(plan):
        a, b, c = values[i % len(values)], values[j % len(values)], values[(i + j) % len(values)]
        if step % 3 == 0:
            row = tuple(values[-2:])
            shared = autograd.group([values[-1], 2.0, values[-3]])
        values.append(_MADE[name](a, b, c, row, shared))
    return values


def _tangent(node: Value, known: dict[Value, int]) -> int:
    """∂node/∂(one leaf) by the forward rules, in integers."""
    xs = [int(float(x)) for x in node.operands]
    ds = [known.get(x, 0) if isinstance(x, Value) else 0 for x in node.operands]
    match node.primitive.name:
        case "add" | "sum":
            return sum(ds)
        case "sub":
            return ds[0] - ds[1]
        case "neg":
            return -ds[0]
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
    if any(abs(v.data) > 2**40 or abs(v.grad or 0.0) > 2**40 for v in values):
        return
    for leaf in leaves:
        tangents = {leaf: 1}
        for node in values[len(leaves) :]:
            tangents[node] = _tangent(node, tangents)
        assert (leaf.grad or 0.0) == tangents.get(root, 0)


@settings(max_examples=200, deadline=None)
@given(plan=plans)
def test_topological_order_has_every_value_once_after_its_operands(plan: Plan) -> None:
    root = _grow([Value(2.0), Value(-1.0), Value(1.0)], plan)[-1]
    reached, stack = {root}, [root]
    while stack:
        fresh = {v for v in stack.pop().operands if isinstance(v, Value)} - reached
        reached |= fresh
        stack += fresh
    order = topological_order(root)
    assert order[-1] is root
    assert len(order) == len(reached)
    assert set(order) == reached
    place = {v: i for i, v in enumerate(order)}
    for v in order:
        assert all(place[operand] < place[v] for operand in v.operands if isinstance(operand, Value))


@settings(max_examples=200, deadline=None)
@given(plan=plans, start=st.floats(-2.0, 2.0))
def test_all_walks_give_the_same_bits(plan: Plan, start: float) -> None:
    leaves = [Value(1.1), Value(-0.7), Value(0.3)]
    values = _grow(leaves, plan)
    root = values[-1]
    root.backward(start)
    told: dict[Value, float] = {root: start}
    for product in contributions(root, start):
        told[product.operand] = told.get(product.operand, -0.0) + product.cotangent
    for v in topological_order(root):
        if v is not root:
            assert bits(told[v]) == bits(v.grad)
    used = [leaf for leaf in leaves if leaf in told]
    if used and root not in used:
        for leaf in leaves:
            leaf.grad = None
        root.backward()
        expected = all_bits([leaf.grad for leaf in used])
        assert all_bits([g.data for g in grad(root, used)]) == expected
        assert all_bits([g.data for g in grad(root, used, create_graph=True)]) == expected


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


def test_repeated_runs_give_the_same_bits() -> None:
    assert _fingerprint() == _fingerprint()


@pytest.mark.parametrize("seed", ["0", "1", "12345"])
def test_other_processes_give_the_same_bits(seed: str) -> None:
    script = "from tests.test_backward import _fingerprint; print(_fingerprint())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == _fingerprint()


# grad() -------------------------------------------------------------------------------------------


def test_grad_gives_a_list_of_leaves_and_touches_nothing() -> None:
    a, b = Value(2.0), Value(3.0)
    c = a * b
    slopes = grad(c, [a, b])
    assert [type(g) for g in slopes] == [Value, Value]
    assert [g.data for g in slopes] == [3.0, 2.0]
    assert all(g.is_leaf for g in slopes)
    (slope,) = grad(c, a)
    assert slope.data == 3.0
    (recorded,) = grad(c * c, a, create_graph=True)
    assert not recorded.is_leaf
    assert a.grad is b.grad is c.grad is None


def test_grad_of_no_inputs_is_empty() -> None:
    assert grad(Value(2.0) * 3.0, []) == []


def test_grad_takes_inner_values_and_the_output_itself() -> None:
    a = Value(2.0)
    b = a * 3.0
    c = b * b
    assert [g.data for g in grad(c, [c, b, a, b])] == [1.0, 12.0, 36.0, 12.0]
    assert [g.data for g in grad(c, [c, b, a, b], create_graph=True)] == [1.0, 12.0, 36.0, 12.0]
    assert [g.data for g in grad(a, a)] == [1.0]


def test_grad_of_an_inner_value_does_not_look_below_it() -> None:
    a = Value(2.0)
    b = a * a
    c = b * b
    a.data = 5.0
    assert [g.data for g in grad(c, b, create_graph=True)] == [8.0]


def test_grad_walks_on_beside_an_inner_value() -> None:
    x, z = Value(2.0), Value(5.0)
    left, inner = x * 3.0, z * 7.0
    assert [g.data for g in grad(left * inner, [inner, x])] == [6.0, 105.0]


def test_grad_without_a_graph_is_told_to_whoever_records() -> None:
    x = Value(3.0)
    with pytest.raises(autograd.TraceError, match=r"grad\(\) without create_graph=True"):
        autograd.compile(lambda: x * grad(x * x, x)[0])()


def test_gradients_keep_the_sign_of_a_zero() -> None:
    a = Value(2.0)
    assert bits(gradients(a * -0.0)[a]) == bits(-0.0)
    assert gradients(a * a)[a] == 4.0


def test_primals_are_of_a_computed_value() -> None:
    with pytest.raises(ValueError, match=r"Value\(2\.0\) is a leaf"):
        primals(Value(2.0))


def test_the_order_is_of_a_value() -> None:
    with pytest.raises(TypeError, match=r"takes the Value to end in, not float 2\.0"):
        topological_order(2.0)  # type: ignore[arg-type]


def test_the_options_of_grad_are_named() -> None:
    x = Value(3.0)
    y = x * x
    with pytest.raises(TypeError, match="positional"):
        grad(y, x, True)  # type: ignore[call-overload]
    assert grad(output=y, inputs=x)[0].data == 6.0


def test_grad_takes_a_value_or_a_sequence_of_them() -> None:
    with pytest.raises(TypeError, match=r"a Value or a sequence of them, not float 2\.0"):
        grad(Value(1.0), 2.0)  # type: ignore[call-overload]


@pytest.mark.parametrize("create_graph", [False, True])
def test_an_unused_input_is_an_error_or_none(create_graph: bool) -> None:
    a, b = Value(2.0), Value(3.0, label="spare")
    out = a * 2.0
    with pytest.raises(
        ValueError, match=r"not computed from input 1, Value\(3\.0, label='spare'\).*allow_unused"
    ):
        grad(out, [a, b], create_graph=create_graph)
    first, second = grad(out, [a, b], create_graph=create_graph, allow_unused=True)
    assert (first.data, second) == (2.0, None)


@pytest.mark.parametrize(("output", "inputs"), [(3.0, Value(1.0)), (Value(1.0), [3.0]), ("x", Value(1.0))])
def test_grad_works_on_values(output: Any, inputs: Any) -> None:
    with pytest.raises(TypeError, match=r"grad\(\) works on Values, not (float 3.0|str 'x')"):
        grad(output, inputs)


@pytest.mark.parametrize(
    "power",
    [lambda x: x**5, lambda x: x * x * x * x * x, lambda x: autograd.dot([x * x], [x * x * x])],
    ids=["pow", "mul", "dot"],
)
def test_derivatives_of_every_order(power: Callable[[Value], Value]) -> None:
    x = Value(2.0)
    y = power(x)
    seen = []
    for _ in range(5):
        (y,) = grad(y, x, create_graph=True)
        seen.append(y.data)
    assert seen == [80.0, 160.0, 240.0, 240.0, 120.0]
    (flat,) = grad(y, x, allow_unused=True)
    assert flat is None or flat.data == 0.0


def test_a_recorded_gradient_can_be_part_of_a_loss() -> None:
    x = Value(3.0)
    (slope,) = grad(x**3, x, create_graph=True)
    (slope**2).backward()
    assert x.grad == 2 * 27.0 * 18.0


def test_create_graph_refuses_a_zero_that_has_changed_its_sign() -> None:
    a = Value(0.0)
    y = a * a
    a.data = -0.0
    with pytest.raises(RuntimeError, match="overwritten"):
        grad(y, [a], create_graph=True)


def test_create_graph_does_not_look_at_what_the_inputs_have_no_part_in() -> None:
    a, b = Value(3.0), Value(2.0)
    y = a * a + (b * b) * b
    b.data = 5.0
    assert grad(y, [a], create_graph=True)[0].data == 6.0
    with pytest.raises(RuntimeError, match="overwritten"):
        grad(y, [b], create_graph=True)


def test_a_gradient_of_negative_zero_stays_one_on_its_way() -> None:
    a = Value(2.0)
    last = [*contributions((a * 3.0) * -0.0)][-1]
    assert (bits(last.upstream), bits(last.cotangent)) == (bits(-0.0), bits(-0.0))


def test_operands_come_in_their_groups_also_after_a_single_one() -> None:
    kept: Any = SimpleNamespace(_op=PRIMITIVES["dot"], _pa=(0, 0, 0.0, 1.0, (2.0, 3.0), 4.0, (5.0,)))
    assert regroup(kept, "abcde") == ["a", ["b", "c"], "d", ["e"]]


def test_an_operation_is_run_again_on_other_numbers() -> None:
    a, b = Value(2.0), Value(3.0)
    assert rerun(a * b, [4.0, 5.0]) == 20.0
    assert rerun(autograd.dot([a, b], [b, 1.0], a), [1.0, 2.0, 3.0, 4.0, 5.0]) == 16.0
    with pytest.raises(ValueError, match="is a leaf: it was not computed"):
        rerun(a, [])


def test_create_graph_records_also_inside_no_grad() -> None:
    a = Value(3.0)
    y = a * a * a
    with autograd.no_grad():
        (slope,) = grad(y, [a], create_graph=True)
    assert slope.data == 27.0
    assert grad(slope, [a])[0].data == 18.0


def test_the_gradient_of_the_root_by_itself_is_one() -> None:
    a = Value(3.0)
    y = a * a
    assert gradients(y) == {y: 1.0, a: 6.0}


def test_a_later_pass_visits_what_an_earlier_one_left_gradients_on() -> None:
    a, b = Value(2.0), Value(3.0)
    inner = b * 5.0
    for product in (lambda: inner * a, lambda: a * inner):  # looked at as what is below a second operand
        total = a + product()
        for pass_ in range(1, 4):
            a.grad = b.grad = 0.0
            total.backward(float(pass_))
            assert (a.grad, b.grad) == (pass_ * 16.0, pass_ * 10.0)


def test_create_graph_refuses_overwritten_numbers() -> None:
    a, b = Value(2.0), Value(3.0)
    c = a * b
    d = c.exp()
    a.data = 5.0
    with pytest.raises(
        RuntimeError, match=r"Value\(5\.0\) was 2\.0 in the forward pass.*compute the output again"
    ):
        grad(d, a, create_graph=True)
    a.data = 2.0
    assert grad(d, a, create_graph=True)[0].data == 3.0 * d.data


def test_grad_without_create_graph_uses_the_numbers_of_the_forward_pass() -> None:
    a, b = Value(2.0), Value(3.0)
    c = a * b
    a.data = b.data = 100.0
    assert [g.data for g in grad(c, [a, b])] == [3.0, 2.0]


def test_a_function_is_printed_once_whichever_operands_are_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dot of some numbers and some Values, as in a recurrent network, has one backward for all ways."""
    weights = [Value(float(i)) for i in range(1, 7)]

    def check(live: int) -> None:
        x = [Value(2.0) if live >> i & 1 else 2.0 for i in range(6)]
        for w in weights:
            w.zero_grad()
        autograd.dot(weights, x, 1.0).backward()
        assert [w.grad for w in weights] == [2.0] * 6
        for w, v in zip(weights, x):
            assert not isinstance(v, Value) or v.grad == w.data

    check(0b000001)
    monkeypatch.setattr(type(PRIMITIVES["dot"].pushes), "_print", None)  # whoever calls it now raises
    for live in range(1, 2**6 - 1):
        check(live)
