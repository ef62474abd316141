"""A moment of a graph: its numbers, and nothing of the Values they were read from."""

import gc
import pickle
import weakref
from typing import Any

import pytest
from hypothesis import given, settings

from autograd import Value, dot, snapshot, topological_order
from autograd.nodes import shown_gradient
from autograd.view.compare.snapshot import Snapshot
from autograd.view.notation.names import Names, operation

from ...._support.graphs import labeled_graphs
from ...._support.table import bits


def example() -> tuple[Value, Value]:
    w = Value(2.0, label="w")
    loss = (w * 5.0 - 12.0) ** 2
    loss.label = "loss"
    return w, loss


def test_snapshot_does_not_follow_later_changes() -> None:
    w, loss = example()
    before = snapshot(loss)
    loss.backward()
    w.data, w.label = 99.0, "v"
    assert (before["w"].data, before["w"].grad, before["loss"].grad) == (2.0, None, None)
    assert [*before] == ["w", "v₁", "v₂", "loss"]
    assert before["v₁"].expression == "w·5"
    assert before["v₁"].operands == (0, 5.0)
    assert repr(before).split("\n") == [
        "name  how      data  grad",
        "────  ───────  ────  ────",
        "w                 2     ·",
        "v₁    w·5        10     ·",
        "v₂    v₁ − 12    −2     ·",
        "loss  v₂²         4     ·",
    ]
    assert "data = 2" not in before.draw().alt
    assert before.draw().alt.startswith("Computation graph, operands before results: w = 2, not computed;")


@settings(deadline=None)
@given(labeled_graphs())
def test_it_records_every_value_in_order(root: Value) -> None:
    order = topological_order(root)
    names = Names(order)
    record = snapshot(root)
    assert len(record) == len(order)
    for node, (name, same), value in zip(record.nodes, record.items(), order, strict=True):
        assert node is same
        assert node.name == name == names[value]
        assert node.expression == operation(value, names)
        assert bits(node.data) == bits(value.data)
        actual, expected = (x if x is None else bits(x) for x in (node.grad, shown_gradient(value, root)))
        assert actual == expected
        assert [order[x] if isinstance(x, int) else repr(x) for x in node.operands] == [
            x if isinstance(x, Value) else repr(x) for x in value.operands
        ]


def test_gradients_are_those_of_the_last_pass_from_its_root() -> None:
    w = Value(2.0, label="w")
    h = w * -3.0
    h.label = "h"
    first, second = h * 5.0, h.relu()
    first.backward()
    w.zero_grad()
    assert [node.grad for node in snapshot(second).nodes] == [None, None, None]
    second.backward()
    assert [node.grad for node in snapshot(second).nodes] == [0.0, 0.0, 1.0]


class _Watched(Value):
    __slots__ = ("__weakref__",)


def test_it_keeps_no_value_alive() -> None:
    leaf = _Watched(3.0, label="a")
    alive = weakref.ref(leaf)
    record = snapshot(dot([leaf, 2.0], [leaf, leaf], 1.0).tanh())
    gc.disable()
    try:
        del leaf
        assert alive() is None
    finally:
        gc.enable()
    assert record["a"].data == 3.0


def test_it_cannot_be_changed() -> None:
    record = snapshot(example()[1])
    with pytest.raises(AttributeError):
        record["w"].data = 3.0  # type: ignore[misc]
    with pytest.raises(AttributeError):
        record.nodes = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        record["w"] = record["loss"]  # type: ignore[index]
    with pytest.raises(KeyError, match="v"):
        record["v"]


def test_it_can_be_pickled() -> None:
    record = snapshot(example()[1])
    copy = pickle.loads(pickle.dumps(record))
    assert isinstance(copy, Snapshot)
    assert copy == record
    assert repr(copy) == repr(record)
    assert copy.picture == record.picture


def test_large_snapshot_shows_its_end() -> None:
    y = Value(1.0)
    for _ in range(20_000):
        y = y + 1.0
    record = snapshot(y)
    assert len(record) == 20_001
    assert repr(record).endswith("\nthe last 120 of 20,001; .nodes has them all")
    assert len(repr(record).split("\n")) == 2 + 120 + 1


@pytest.mark.parametrize("root", [3.0, None, [Value(1.0)]])
def test_root_that_is_not_a_value_raises_type_error(root: Any) -> None:
    with pytest.raises(
        TypeError, match=rf"snapshot\(\) expected a Value for root, got {type(root).__name__}"
    ):
        snapshot(root)
