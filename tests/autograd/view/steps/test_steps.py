"""The backward pass as steps, compared with the engine."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, dot, steps, topological_order
from autograd.floats import compute_ieee
from autograd.nodes import local_derivatives, regroup
from autograd.view.notation.names import format_number
from autograd.view.steps.step import ForwardStep, Step
from autograd.view.steps.steps import Steps
from autograd.view.steps.table import SHOWN

from ...._support.graphs import first_example, numbers, places, random_graphs
from ...._support.reading import sides
from ...._support.table import bits, flat


def test_steps_of_the_example_are_updates_with_numbers() -> None:
    *_, loss = first_example()
    assert [str(step) for step in steps(loss)] == [
        "loss.grad = 1",
        "v₁.grad += loss.grad · ∂loss/∂v₁ = 1 · (−4) = −4",
        "p.grad += v₁.grad · ∂v₁/∂p = (−4) · 1 = −4",
        "y.grad += v₁.grad · ∂v₁/∂y = (−4) · (−1) = 4",
        "w.grad += p.grad · ∂p/∂w = (−4) · 5 = −20",
        "x.grad += p.grad · ∂p/∂x = (−4) · 2 = −8",
    ]


def test_step_has_its_parts() -> None:
    w, *_, loss = first_example()
    step = steps(loss)[4]
    assert step.node is not None
    assert step.node.label == "p"
    assert step.operand is w
    assert (step.position, step.upstream, step.local) == (0, -4.0, 5.0)
    assert (step.contribution, step.gradient, step.again) == (-20.0, -20.0, False)
    assert repr(step) == str(step)


@pytest.mark.parametrize("root", [Value(3.0), Value(3.0) * 2.0, first_example()[-1]])
def test_the_first_step_is_the_seed(root: Value) -> None:
    seed = steps(root)[0]
    assert seed.node is None
    assert seed.operand is root
    assert (seed.gradient, seed.contribution, seed.again) == (1.0, 1.0, False)
    assert str(seed) == f"{seed.names.root}.grad = 1"


def test_the_steps_of_a_leaf_are_the_seed_alone() -> None:
    assert len(steps(Value(3.0))) == 1


def test_an_operand_used_twice_receives_twice() -> None:
    a = Value(3.0, label="a")
    first, second = steps(a + a)[1:]
    assert (first.position, second.position) == (0, 1)
    assert (first.again, second.again) == (False, True)
    assert (first.gradient, second.gradient) == (1.0, 2.0)
    assert str(first) == "a.grad += out.grad · ∂out/∂a = 1 · 1 = 1"
    assert str(second) == "a.grad += out.grad · ∂out/∂a = 1 · 1 = 1, total 2"


def test_a_square_receives_one_local_derivative_twice() -> None:
    x = Value(3.0, label="x")
    y = x * x
    y.label = "y"
    assert [str(step) for step in steps(y)[1:]] == [
        "x.grad += y.grad · ∂y/∂x = 1 · 3 = 3",
        "x.grad += y.grad · ∂y/∂x = 1 · 3 = 3, total 6",
    ]


def test_a_gradient_starts_at_0_so_it_is_not_minus_0() -> None:
    a = Value(3.0, label="a")
    step = steps(-(a * 0.0))[2]
    assert str(step) == "a.grad += v₁.grad · ∂v₁/∂a = (−1) · 0 = 0"
    assert step.row[-1] == "0"


def test_dead_relu_has_no_step_behind_it() -> None:
    a = Value(-1.0, label="a")
    h = a * 2.0
    h.label = "h"
    assert [str(step) for step in steps(h.relu() * 3.0)] == [
        "out.grad = 1",
        "v₁.grad += out.grad · ∂out/∂v₁ = 1 · 3 = 3",
        "h.grad += v₁.grad · ∂v₁/∂h = 3 · 0 = 0",
    ]


def test_a_constant_receives_nothing() -> None:
    a = Value(3.0)
    assert [step.operand for step in steps(2.0 * a + 1.0) if step.operand.is_leaf] == [a]


@settings(max_examples=300, deadline=None)
@given(random_graphs(20))
def test_the_last_gradient_so_far_is_the_gradient_of_backward(root: Value) -> None:
    last = {step.operand: step.gradient for step in steps(root)}
    root.backward()
    order = topological_order(root)
    assert set(last) <= set(order)
    for value in order:
        assert bits(last.get(value, 0.0)) == bits(value.grad)  # behind a dead relu there is no step


@settings(max_examples=200, deadline=None)
@given(random_graphs(20))
def test_each_contribution_follows_from_the_rule(root: Value) -> None:
    for step in steps(root)[1:]:
        node = step.node
        assert node is not None
        assert node.primitive is not None
        assert node.operands[step.position] is step.operand
        numbers = [x.data if isinstance(x, Value) else x for x in node.operands]
        operands = regroup(node, numbers)
        _, derivatives = compute_ieee(node.primitive, operands, [True] * len(operands))
        local = flat(derivatives)[step.position]
        assert bits(step.local) == bits(0.0 if local is None else local)
        assert bits(step.contribution) == bits(0.0 if local is None else step.upstream * local)


@settings(max_examples=200, deadline=None)
@given(random_graphs(20))
def test_gradient_so_far_is_the_sum_of_contributions(root: Value) -> None:
    sums: dict[Value, float] = {}
    sources: set[Value] = set()
    for step in steps(root):
        assert step.again == (step.operand in sums)
        expected = sums.get(step.operand, 0.0) + step.contribution
        assert bits(step.gradient) == bits(expected)
        assert step.operand not in sources, "it received after it had passed its gradient on"
        sums[step.operand] = step.gradient
        if step.node is not None:
            assert bits(step.upstream) == bits(sums[step.node])
            sources.add(step.node)


@settings(deadline=None)
@given(random_graphs(20), st.none() | st.floats(allow_nan=False))
def test_steps_change_no_gradient(root: Value, grad: float | None) -> None:
    order = topological_order(root)
    for value in order:
        value.grad = grad
    repr(steps(root))
    assert all(value.grad == (grad or 0.0) for value in order)


def test_the_table() -> None:
    a = Value(3.0, label="a")
    header, rule, *rows = repr(steps(a + a)).splitlines()
    assert header.split("  ")[0] == "step"
    assert set(rule) == {"─", " "}
    assert [re.split("  +", row.strip()) for row in rows] == [
        ["0", "out", "out.grad = 1", "1"],
        ["1", "a", "out", "a.grad += out.grad · ∂out/∂a = 1 · 1 = 1", "1"],
        ["2", "a", "out", "a.grad += out.grad · ∂out/∂a = 1 · 1 = 1, total 2", "2"],
    ]
    assert len({len(line) for line in (header, rule, *rows)}) == 1


def test_steps_are_a_sequence() -> None:
    *_, loss = first_example()
    whole = steps(loss)
    assert len(whole) == 6
    assert whole[-1] is list(whole)[5]
    assert whole[0] in whole
    assert isinstance(whole[1], Step)
    with pytest.raises(IndexError):
        whole[6]


def test_a_slice_is_steps_too() -> None:
    *_, loss = first_example()
    whole = steps(loss)
    part = whole[4:]
    assert isinstance(part, Steps)
    assert list(part) == list(whole)[4:]
    assert part.root is loss
    assert "(−4) · 5 = −20" in repr(part)
    assert "loss.grad = 1" not in repr(part)
    assert list(whole[::-1]) == list(whole)[::-1]


def test_an_empty_slice_is_an_empty_table() -> None:
    empty = steps(Value(1.0))[1:]
    assert len(empty) == 0
    assert repr(empty).splitlines()[0].split() == [
        "step",
        "to",
        "from",
        "chain",
        "rule",
        "gradient",
        "so",
        "far",
    ]
    assert "<tbody></tbody>" in empty._repr_mimebundle_()["text/html"]
    assert "<script>" not in empty._repr_mimebundle_()["text/html"]


def test_a_slice_keeps_the_numbers_of_its_steps() -> None:
    *_, loss = first_example()
    assert [row[0] for row in steps(loss)[4:].rows()] == ["4", "5"]


# The forward pass ---------------------------------------------------------------------------------


def test_the_forward_pass_comes_first_with_its_numbers() -> None:
    *_, loss = first_example()
    whole = steps(loss, forward=True)
    assert [str(step) for step in whole[:4]] == [
        "p = w·x = 2 · 5 = 10",
        "v₁ = p − y = 10 − 12 = −2",
        "loss = v₁² = (−2)² = 4",
        "loss.grad = 1",
    ]
    assert [str(step) for step in whole[3:]] == [str(step) for step in steps(loss)]
    assert [step.number for step in whole] == list(range(9))
    assert all(isinstance(step, ForwardStep) for step in whole[:3])


def test_the_forward_pass_of_a_leaf_has_no_step() -> None:
    assert [str(step) for step in steps(Value(3.0, label="a"), forward=True)] == ["a.grad = 1"]


def test_products_of_numbers_do_not_look_like_decimal_points() -> None:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    (step, *_) = steps(dot([a, b, a], [b, 0.5, a], a), forward=True)
    assert str(step) == "out = a·b + b·0.5 + a·a + a = 2 · (−3) + (−3) · 0.5 + 2 · 2 + 2 = −1.5"


@settings(max_examples=100, deadline=None)
@given(random_graphs(20))
def test_forward_steps_list_every_operation_once_in_order(root: Value) -> None:
    nodes = [step.node for step in steps(root, forward=True) if isinstance(step, ForwardStep)]
    assert nodes == [value for value in topological_order(root) if not value.is_leaf]
    for step in steps(root, forward=True):
        if isinstance(step, ForwardStep):
            assert str(step).startswith(f"{step.names[step.node]} = ")
            assert str(step).endswith(f" = {format_number(step.node.data)}")


def test_the_table_of_both_passes() -> None:
    header, _, first, *_ = repr(steps(first_example()[-1], forward=True)).splitlines()
    assert header.split("  ")[0] == "step"
    assert "equation" in header
    assert re.split("  +", first.strip()) == ["0", "p", "p = w·x = 2 · 5 = 10"]


@settings(max_examples=200, deadline=None)
@given(random_graphs(20), st.lists(st.tuples(places, numbers), max_size=4))
def test_equations_hold_after_any_overwrite(root: Value, changes: list[tuple[int, float]]) -> None:
    order = topological_order(root)
    for index, x in changes:
        order[index % len(order)].data = x
    for step in steps(root, forward=True):
        first, *others = sides(str(step))
        assert all(_alike(first, x) for x in others), str(step)
    for step in steps(root):
        if step.node is not None:
            local = local_derivatives(step.node)[step.position]
            assert bits(step.local) == bits(0.0 if local is None else local)


def _alike(x: float, y: float) -> bool:
    """Return True if two numbers of an equation agree to about four digits."""
    return math.isclose(x, y, rel_tol=0.03) or (math.isnan(x) and math.isnan(y))


# Too many steps -----------------------------------------------------------------------------------


def test_long_table_is_cut_with_a_note() -> None:
    x = Value(1.0)
    y = x
    for _ in range(SHOWN + 1):
        y = y + 1.0
    whole = steps(y)
    assert len(whole) == SHOWN + 2
    lines = repr(whole).splitlines()
    assert len(lines) == 2 + SHOWN + 1
    assert lines[-1] == ("(the first 1,000 of 1,002 steps: a slice such as steps(…)[1000:2000] shows others)")
    rest = repr(whole[1000:2000]).splitlines()
    assert [line.split()[0] for line in rest[2:]] == ["1000", "1001"]
    assert whole[:SHOWN].left_out == ""


@pytest.mark.parametrize("root", [3.0, None, "loss", [Value(1.0)]])
def test_root_that_is_not_a_value_raises_type_error(root: object) -> None:
    with pytest.raises(TypeError, match=rf"steps\(\) expected a Value for root, got {type(root).__name__}"):
        steps(root)  # type: ignore[arg-type]


def test_a_deep_graph_has_steps() -> None:
    x = Value(1.0)
    y = x
    for _ in range(20_000):
        y = y + 1.0
    assert steps(y)[-1].operand is x
