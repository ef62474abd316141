"""replaced(): a recorded graph, computed again with one Value fixed."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import (
    AnomalyError,
    Mode,
    Value,
    compare,
    compile,
    detect_anomaly,
    draw,
    no_grad,
    primitive,
    replaced,
    scope,
    tanh,
    topological_order,
)
from autograd.nodes import all_gradients, local_derivatives, regroup
from autograd.operations import FUNCTIONS
from autograd.primitives import PRIMITIVES, Primitive
from autograd.scopes import scopes_of
from autograd.source_lines import source_line
from nn import MLP, mse_loss

from .._support.graphs import random_graphs
from .._support.table import SPECIAL, all_bits, as_leaves, bits, call, flat, like, special_operands

each_entry = pytest.mark.parametrize("entry", PRIMITIVES.values(), ids=lambda entry: entry.name)


def structure(root: Value) -> list[Any]:
    """Each Value of a graph: its primitive, operands as places, number, derivatives and name."""
    order = topological_order(root)
    places = {value: i for i, value in enumerate(order)}
    return [
        [
            value.primitive and value.primitive.name,
            [places[x] if isinstance(x, Value) else bits(x) for x in value.operands],
            bits(value.data),
            all_bits(local_derivatives(value)),
            value.label,
        ]
        for value in order
    ]


@each_entry
def test_primitive_applied_again_is_the_eager_one(entry: Primitive) -> None:
    """Each operand in turn is fixed at a special number; eager mode is the reference."""
    numbers = count()
    for operands in special_operands(entry)[:: 5 if entry.is_many else 1]:
        leaves = as_leaves(operands)
        root = call(entry, leaves)
        for i, leaf in enumerate(flat(leaves)[: 0 if root.is_leaf else None]):
            number = SPECIAL[next(numbers) % len(SPECIAL)]
            others = [Value(number) if j == i else x for j, x in enumerate(flat(leaves))]
            expected = call(entry, like(operands, others))
            assert structure(replaced(root, leaf, number)) == structure(expected), (operands, i, number)


@each_entry
def test_primitive_with_a_constant_and_an_operand_twice(entry: Primitive) -> None:
    operands = next(o for o in reversed(special_operands(entry)) if flat(o))
    numbers = flat(operands)
    for i in range(len(numbers)):
        x = Value(numbers[i])
        h = x * 1.0
        root = call(entry, like(operands, [h if j in (i, i + 1) else y for j, y in enumerate(numbers)]))
        y = Value(0.75)
        expected = call(entry, like(operands, [y if j in (i, i + 1) else n for j, n in enumerate(numbers)]))
        assert structure(replaced(root, h, 0.75)) == structure(expected)


@given(random_graphs(12), st.data())
def test_random_graph_agrees_with_an_eager_evaluation(root: Value, data: st.DataObject) -> None:
    order = topological_order(root)
    value = data.draw(st.sampled_from(order))
    before = structure(root)
    new = replaced(root, value, 0.375)
    # The reference: each node again, with the functions that a user calls.
    values: dict[Value, Value] = {value: Value(0.375)}
    for node in order:
        if node is value or node.primitive is None:
            values.setdefault(node, node)
            continue
        operands = [values[x] if isinstance(x, Value) else x for x in node.operands]
        values[node] = FUNCTIONS[node.primitive.name](*regroup(node, operands))
    assert structure(new) == structure(values[root])
    assert structure(root) == before
    expected, actual = all_gradients(values[root]), all_gradients(new)
    leaves = [x for x in topological_order(new) if x.is_leaf and x in expected]
    assert all_bits([actual[x] for x in leaves]) == all_bits([expected[x] for x in leaves])


def line() -> tuple[Value, Value, Value, Value]:
    w, x = Value(2.0, label="w"), Value(5.0, label="x")
    p = w * x
    p.label = "p"
    loss = (p - w) ** 2
    loss.label = "loss"
    return w, x, p, loss


def test_intermediate_value_is_a_leaf_without_what_it_was_computed_from() -> None:
    w, x, p, loss = line()
    new = replaced(loss, p, 3)
    new.backward()
    assert (new.data, w.grad, x.grad) == (1.0, -2.0, 0.0)  # (3 − w)², and −2·(3 − w)
    assert (loss.data, p.data) == (64.0, 10.0)
    assert [v.label for v in topological_order(new)] == ["p", "w", "", "loss"]
    assert w in topological_order(new)
    assert x not in topological_order(new)


def test_root_and_leaf_may_be_fixed() -> None:
    w, _, _, loss = line()
    fixed = replaced(loss, loss, 7.0)
    assert (fixed.data, fixed.is_leaf, fixed.label) == (7.0, True, "loss")
    new = replaced(loss, w, 0.0)
    assert (new.data, w.data) == (0.0, 2.0)
    new.backward()
    assert w.grad == 0.0


def test_current_data_of_the_leaves_is_used() -> None:
    w, x, _, loss = line()
    x.data = 1.0
    assert replaced(loss, w, 2.0).data == 0.0  # (2·1 − 2)²
    assert loss.data == 64.0


def test_result_can_be_replaced_drawn_and_compared() -> None:
    _, _, p, loss = line()
    new = replaced(loss, p, 3.0)
    (fixed,) = [v for v in topological_order(new) if v.label == "p"]
    assert replaced(new, fixed, 10.0).data == loss.data
    assert "p" in repr(draw(new))
    comparison = compare(loss, new)
    assert {row.name for row in comparison.rows if row.mark == "≠"} >= {"p", "loss"}


def test_labels_lines_and_scopes_are_copied() -> None:
    w = Value(2.0, label="w")
    with scope("part") as part, detect_anomaly():
        h = tanh(w)
        h.label = "h"
        out = h * 2.0
    with scope("other"):
        new = replaced(out, w, 0.0)
    copy = topological_order(new)[1]
    assert (copy.label, scopes_of(copy), scopes_of(new)) == ("h", (part,), (part,))
    assert source_line(copy) == source_line(h) is not None
    assert source_line(new) == source_line(out)
    assert scopes_of(replaced(out, h, 0.0).operands[0]) == (part,)  # type: ignore[arg-type]


def test_records_inside_no_grad() -> None:
    w, _, p, loss = line()
    with no_grad():
        new = replaced(loss, p, 3.0)
        assert (w * 2.0).is_leaf
    assert not new.is_leaf
    new.backward()
    assert w.grad == -2.0


def test_anomaly_is_reported() -> None:
    w = Value(2.0)
    root = w.log() * 2.0
    with detect_anomaly(), pytest.raises(AnomalyError, match="log"):
        replaced(root, w, -1.0)


def test_open_modes_receive_the_operations() -> None:
    class Count(Mode):
        nodes = 0

        def recorded(self, node: Value) -> None:
            self.nodes += 1

    _, _, p, loss = line()
    with Count() as count:
        replaced(loss, p, 3.0)
    assert count.nodes == 2


def test_compiled_function_records_the_new_graph() -> None:
    def step(x: Value) -> Value:
        h = tanh(x * 2.0)
        return replaced(h * x.exp(), h, 3.0)

    compiled = compile(step, strict=True)
    for number in (0.5, -1.0, 2.0):
        assert compiled(Value(number)) == step(Value(number)).data


def test_primitive_that_was_defined_again_keeps_its_rules() -> None:
    twice = primitive("times", lambda m, x: 2.0 * x, lambda m, out, x: 2.0)
    x = Value(3.0)
    root = twice(x)
    primitive("times", lambda m, x: 5.0 * x, lambda m, out, x: 5.0)
    new = replaced(root, x, 4.0)
    assert (new.data, local_derivatives(new)) == (8.0, [2.0])


def test_step_of_a_network_agrees_with_its_recomputation() -> None:
    model = MLP(2, [3, 2], activation="tanh", seed=0)
    inputs = [Value(0.5), Value(-1.0)]
    loss = mse_loss(model(inputs), [1.0, 0.0])
    model.layers[0].neurons[0].b.data = 0.25
    new = replaced(loss, inputs[0], 2.0)
    inputs[0].data = 2.0
    assert structure(new) == structure(mse_loss(model(inputs), [1.0, 0.0]))


def test_graph_of_any_depth() -> None:
    x = Value(1.0)
    y, values = x, []
    for _ in range(100_000):
        y = y + 1.0
        values.append(y)
    assert replaced(y, x, 2.0).data == 100_002.0
    new = replaced(y, values[-3], 0.0)
    assert (new.data, len(topological_order(new))) == (2.0, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((2.0, Value(1.0), 0.0), TypeError, "expected a Value for root, got float 2.0. Pass"),
        ((Value(1.0), "h", 0.0), TypeError, "expected a Value for value, got str 'h'. Pass"),
        (
            (Value(1.0), Value(2.0), 0.0),
            ValueError,
            r"expected a Value of the graph for value, got Value\(2.0\)",
        ),
        ((Value(1.0), Value(2.0), 0.0), ValueError, "Pass a Value that root was computed from"),
        ((Value(1.0), Value(1.0), "0"), TypeError, "expected a real number for number, got str '0'. Convert"),
        ((Value(1.0), Value(1.0), Value(2.0)), TypeError, "expected a real number for number, got Value"),
    ],
)
def test_invalid_arguments_raise(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"^replaced\(\) .*{message}"):
        replaced(*arguments)
    x = Value(1.0)
    with pytest.raises(ValueError, match="got Value"):
        replaced(x * 2.0, x * 2.0, 0.0)
