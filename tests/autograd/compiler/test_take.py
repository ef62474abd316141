"""take selects at run time, in eager mode and in a program that was traced with another index."""

import math
import random
from typing import Any

import pytest

import autograd
import nn
from autograd import TraceError, Value, compile, draw, explain, grad, take

from ..._support.compiled import BACKENDS

each_backend = pytest.mark.parametrize("backend", BACKENDS)


def leaves(*numbers: float) -> list[Value]:
    return [Value(x) for x in numbers]


# Eager --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 1, 2, -1, -2, -3, True])
def test_take_matches_python_indexing(index: int) -> None:
    values = leaves(3.0, 5.0, 7.0)
    element = take(values, index)
    (element * 2.0).backward()
    assert element.data == values[index].data
    assert [v.grad for v in values] == [2.0 if v is values[index] else 0.0 for v in values]


@pytest.mark.parametrize("index", [3, -4, 10**400])
def test_an_index_out_of_range(index: int) -> None:
    with pytest.raises(
        IndexError, match=r"^take\(\) index .* is out of range for 3 values\. Use an index from -3 to 2\.$"
    ):
        take(leaves(3.0, 5.0, 7.0), index)
    with pytest.raises(
        IndexError, match=r"^take\(\) index 0 is out of range for 0 values\. Pass at least one value\.$"
    ):
        take([], 0)


@pytest.mark.parametrize(
    ("index", "message"),
    [(1.0, r"got float 1\.0\. Convert"), ("1", "got str '1'"), (Value(1.0), r"Pass int\(….data\)")],
)
def test_index_that_is_not_an_int_raises(index: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        take(leaves(3.0, 5.0), index)


@pytest.mark.parametrize("values", [Value(1.0), "ab", {0: 1.0}, {1.0}, 3])
def test_take_from_non_sequence_raises(values: Any) -> None:
    with pytest.raises(TypeError, match=r"take\(\) expected a sequence"):
        take(values, 0)


def test_rows_of_a_table() -> None:
    table = [leaves(1.0, 2.0), leaves(3.0, 4.0), leaves(5.0, 6.0)]
    row = take(table, 1)
    autograd.dot(row, [10.0, 100.0]).backward()
    assert [x.data for x in row] == [3.0, 4.0]
    assert [[x.grad for x in r] for r in table] == [[0.0, 0.0], [10.0, 100.0], [0.0, 0.0]]
    with pytest.raises(
        ValueError, match=r"^take\(\) expected rows of one length, got rows of 1 and 2\. Pass rows"
    ):
        take([leaves(1.0, 2.0), leaves(1.0)], 0)


def test_take_accepts_numbers_and_generators() -> None:
    assert take([1.0, 2.0], 1).data == 2.0
    assert take((Value(x) for x in (1.0, 2.0)), 1).data == 2.0


def test_take_is_differentiated_twice_drawn_and_explained() -> None:
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    out = take([a, b], 1) ** 3
    (gradient,) = grad(out, [b], create_graph=True)
    assert [gradient.data, grad(gradient, [b])[0].data] == [27.0, 18.0]
    assert "take(a, b, 1)" in draw(out).svg
    assert "27" in str(explain(out, b))


# Compiled -----------------------------------------------------------------------------------------


@each_backend
def test_other_index_uses_the_same_program(backend: str) -> None:
    values = leaves(3.0, 5.0, 7.0)
    step = compile(lambda i: take(values, i) ** 2, backend=backend)
    for i in (0, 2, 1, 1, 2, 0):
        assert step(i) == values[i].data ** 2
        assert [v.grad for v in values] == [2.0 * v.data if k == i else 0.0 for k, v in enumerate(values)]
    assert repr(step).endswith("1 program")
    for i in (-1, -3, -2):
        assert step(i) == values[i].data ** 2
    assert repr(step).endswith("2 programs")
    for _ in range(2):
        for out in (3, -4, 10**400):
            with pytest.raises(IndexError, match="is out of range for 3 values"):
                step(out)
        with pytest.raises(TypeError, match=r"^take\(\) expected an int for index, got float 1\.0"):
            step(1.0)
    assert step(2) == 49.0
    assert not step.fallbacks


@each_backend
def test_an_index_that_is_computed(backend: str) -> None:
    values = leaves(3.0, 5.0, 7.0)
    step = compile(lambda i, k: take(values, 2 * i - k + 1), backend=backend)
    for i, k in [(0, 0), (1, 1), (0, 1), (1, 1), (1, 2)]:
        assert step(i, k) == values[2 * i - k + 1].data
    with pytest.raises(IndexError):
        step(4, 1)
    assert not step.fallbacks


def test_index_computed_from_floats_falls_back_to_eager() -> None:
    values = leaves(3.0, 5.0, 7.0)
    w = Value(1.0)
    for wrong in (lambda i: take(values, w), lambda i: take(values, i * 0.5), lambda i: take(values, w * i)):
        with pytest.raises(TypeError, match=r"^take\(\) expected an int for index, got "):
            compile(wrong)(1)


@each_backend
def test_nan_that_is_not_selected_does_not_spread(backend: str) -> None:
    values = leaves(math.nan, 5.0, math.inf, -0.0)
    step = compile(lambda i: 1.0 / take(values, i), backend=backend)
    assert [step(1), step(1), step(2), step(3)] == [0.2, 0.2, 0.0, -math.inf]
    assert [step(1), values[0].grad, values[2].grad] == [0.2, 0.0, 0.0]
    assert math.isnan(step(0))


def test_numpy_ints_select_and_numpy_floats_do_not() -> None:
    np = pytest.importorskip("numpy")
    values = leaves(3.0, 5.0, 7.0)
    step = compile(lambda i: take(values, i))
    assert [step(np.int64(k)) for k in (0, 2, 1)] == [3.0, 7.0, 5.0]
    with pytest.raises(TypeError, match=r"^take\(\) expected an int for index"):
        step(np.float64(1.0))
    batch = compile(lambda labels: autograd.sum([take(values, i) for i in labels]))
    for labels in ([0, 1, 2, 0], [2, 2, 2, 2], [1, 0, 0, 0]):
        assert batch(np.array(labels)) == sum(values[k].data for k in labels)
    assert not step.fallbacks + batch.fallbacks


def test_python_index_raises_trace_error_that_suggests_take() -> None:
    values = leaves(3.0, 5.0, 7.0)
    with pytest.raises(TraceError, match=r"test_take.py:\d+: .*take\(values, index\)"):
        compile(lambda i: values[i])(1)
    with pytest.raises(TraceError, match="take"):
        compile(lambda n: autograd.sum(values[k] for k in range(n)))(2)
    table = {0: values[0], 1: values[1]}
    with pytest.raises(TraceError, match=r"looked up in a dict or set.*take"):
        compile(lambda i: table[i] * 1.0)(1)
    with pytest.raises(TraceError, match="looked up"):
        compile(lambda i: table.get(i, values[2]) * 1.0)(1)
    with pytest.raises(TraceError, match="looked up"):
        compile(lambda i: values[0] if i in {1, 2} else values[1])(1)


@each_backend
def test_arguments_that_are_compared_for_equality(backend: str) -> None:
    w = Value(2.0)

    def loss(i: Any, k: Any) -> Any:
        if i == 1:
            return w * 10.0
        if i != k:
            return w * 100.0
        return w if i in (6, 7) else w * 1000.0

    step = compile(loss, backend=backend)
    for i, k in [(1, 0), (2, 0), (2, 2), (6, 6), (1, 1), (3, 1), (3, 3), (6, 6), (1, 2)]:
        assert step(i, k) == loss(i, k).data
    assert not step.fallbacks


def test_equality_of_computed_value_raises_trace_error() -> None:
    w = Value(2.0)
    with pytest.raises(TraceError, match=r"==.* compares identity"):
        compile(lambda i: w if i + 1 == 3 else w * 2.0)(2)
    assert compile(lambda i: w if w == i else w * 2.0)(2.0) == 4.0  # as in eager


@each_backend
def test_cross_entropy_of_other_labels(backend: str) -> None:
    model = nn.MLP(2, [4, 3], seed=0)
    rng = random.Random(1)

    def loss(xs: Any, labels: Any) -> Value:
        return nn.cross_entropy([model(x) for x in xs], labels)

    step = compile(loss, nn.SGD(model.parameters(), lr=0.0), backend=backend)
    for _ in range(9):
        xs = [[rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)] for _ in range(6)]
        labels = [rng.randrange(3) for _ in xs]
        got = [step(xs, labels), *[p.grad for p in model.parameters()]]
        for p in model.parameters():
            p.zero_grad()
        expected = loss(xs, labels)
        expected.backward()
        assert got == pytest.approx(
            [expected.data, *[p.grad for p in model.parameters()]], rel=1e-9, abs=1e-14
        )
    assert repr(step).endswith("1 program")
    with pytest.raises(ValueError, match=r"got targets\[1\] = 3\. Count the classes"):
        step(xs, [0, 3, 0, 0, 0, 0])
    with pytest.raises(TypeError, match="index of the class"):
        step(xs, [0, 1.0, 0, 0, 0, 0])
    assert not step.fallbacks


@each_backend
def test_sequences_of_tokens(backend: str) -> None:
    rng = random.Random(2)
    letters, width = 5, 3
    embedding = [leaves(*[rng.gauss(0.0, 1.0) for _ in range(width)]) for _ in range(letters)]
    cell, head = nn.RNNCell(width, 4, seed=0), nn.Layer(4, letters, "linear")
    parameters = [*cell.parameters(), *head.parameters(), *[x for row in embedding for x in row]]

    def loss(tokens: Any) -> Value:
        outputs, _ = nn.unroll(cell, [take(embedding, t) for t in tokens[:-1]])
        return nn.cross_entropy([head(h) for h in outputs], tokens[1:])

    step = compile(loss, nn.Adam(parameters), backend=backend)
    expected = [p.data for p in parameters]
    names = [[rng.randrange(letters) for _ in range(n)] for n in (5, 5, 4, 5, 4, 5, 5, 4)]
    losses = [step(name) for name in names]
    for p, x in zip(parameters, expected):
        p.data = x
    optimizer, expected = nn.Adam(parameters), []
    for name in names:
        value = loss(name)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        expected.append(value.data)
    assert losses == pytest.approx(expected, rel=1e-9)
    assert repr(step).endswith("2 programs")  # one for each length
    assert not step.fallbacks


def test_strings_are_structure() -> None:
    values = {"a": Value(1.0), "b": Value(2.0)}
    step = compile(lambda name: autograd.sum([values[c] for c in name]))
    assert [step("ab"), step("aa"), step("ab"), step("bb")] == [3.0, 2.0, 3.0, 4.0]
    assert not step.fallbacks


def test_replaced_table_is_noticed() -> None:
    table = [leaves(1.0, 2.0), leaves(3.0, 4.0)]
    step = compile(lambda i: autograd.sum(take(table, i)))
    assert [step(0), step(1), step(0)] == [3.0, 7.0, 3.0]
    table[0] = leaves(1.0, 4.0)
    assert (step(0), [x.grad for x in table[0]]) == (5.0, [1.0, 1.0])
    assert not step.fallbacks
