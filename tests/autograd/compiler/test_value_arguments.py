"""Values among the arguments: inputs of one program, whose gradients arrive where they were passed."""

import random
from typing import Any

import pytest

import autograd
from autograd import CompileWarning, TraceError, Value, compile
from nn import MLP, SGD, Adam, Parameter, hinge_loss
from nn.data import two_moons

from ..._support.compiled import BACKENDS

each_backend = pytest.mark.parametrize("backend", BACKENDS)


def eager(function: Any, *args: Any) -> float:
    loss = function(*args)
    loss.backward()
    return float(loss.data)


@each_backend
def test_a_hundred_values_have_one_program(backend: str) -> None:
    step = compile(lambda x: x * x, backend=backend)
    for k in range(100):
        x = Value(0.5 * k)
        assert step(x) == 0.25 * k * k
        assert x.grad == 1.0 * k
    assert step._step.causes == ["for the first call"]
    assert not step.fallbacks


@each_backend
def test_values_in_containers_match_eager(backend: str) -> None:
    w = Value(1.5)

    def function(rows: Any, *, named: Any, k: Any) -> Any:
        total = w * named["b"]
        for row in rows:
            total = total + row[0] * row[1].tanh() * k
        return total

    step = compile(function, backend=backend)
    rng = random.Random(0)
    for _ in range(9):
        rows = [(Value(rng.random()), Value(rng.random())) for _ in range(3)]
        named = {"b": Value(rng.random())}
        copies = [(Value(a.data), Value(b.data)) for a, b in rows]
        other = {"b": Value(named["b"].data)}
        w.grad = None
        expected = function(copies, named=other, k=2.0)
        expected.backward()
        gradients = [w.grad, other["b"].grad, *[x.grad for row in copies for x in row]]
        assert step(rows, named=named, k=2.0) == pytest.approx(expected.data, rel=1e-12)
        actual = [w.grad, named["b"].grad, *[x.grad for row in rows for x in row]]
        assert actual == pytest.approx(gradients, rel=1e-12)
    assert len(step._step.causes) == 1
    assert not step.fallbacks


@each_backend
def test_equal_arguments_have_a_program_of_their_own(backend: str) -> None:
    step = compile(lambda x, y: x * x * y, backend=backend)
    for k in range(1, 6):
        x, y = Value(1.0 * k), Value(3.0)
        assert step(x, y) == 3.0 * k * k
        assert (x.grad, y.grad) == (6.0 * k, 1.0 * k * k)
        assert step(x, x) == 1.0 * k**3
        assert x.grad == 3.0 * k * k
    assert len(step._step.causes) == 2
    assert not step.fallbacks


@each_backend
def test_a_value_that_is_also_read_from_outside_gets_both_gradients(backend: str) -> None:
    w = Value(2.0)
    step = compile(lambda x: w * w * x, backend=backend)
    for x in (Value(5.0), w, Value(7.0), w, w):
        w.grad = None
        loss = step(x)
        assert loss == 4.0 * x.data
        assert w.grad == (12.0 if x is w else 2.0 * 2.0 * x.data)
        assert x is w or x.grad == 4.0
    assert len(step._step.causes) == 1
    assert not step.fallbacks


@each_backend
def test_a_comparison_of_values_is_a_guard(backend: str) -> None:
    step = compile(lambda x, y: x * 2.0 if x > y else y * 3.0, backend=backend)
    for a, b in [(1.0, 0.0), (0.0, 1.0), (5.0, 2.0), (2.0, 5.0), (3.0, 1.0)]:
        x, y = Value(a), Value(b)
        assert step(x, y) == (2.0 * a if a > b else 3.0 * b)
        assert (x.grad, y.grad) == ((2.0, 0.0) if a > b else (0.0, 3.0))
    assert not step.fallbacks


@each_backend
def test_a_label_selects_a_program(backend: str) -> None:
    def function(x: Value) -> Value:
        return x * (2.0 if x.label == "double" else 3.0)

    step = compile(function, backend=backend)
    for label, factor in [("double", 2.0), ("", 3.0), ("double", 2.0), ("other", 3.0)]:
        assert step(Value(5.0, label=label)) == 5.0 * factor
    assert "argument 1 is a leaf Value labeled 'other', not a leaf Value" in "".join(step._step.causes)


@each_backend
@pytest.mark.parametrize("size", [6, 40])
def test_a_value_next_to_a_batch(backend: str, size: int) -> None:
    """A temperature is passed as a Value; batches of two sizes share the general program."""
    X, y = two_moons(size, noise=0.1, seed=0)
    model = MLP(2, [4, 1], activation="tanh", seed=0)
    optimizer = SGD(model.parameters(), lr=0.1)
    reference = MLP(2, [4, 1], activation="tanh", seed=0)
    moving = SGD(reference.parameters(), lr=0.1)

    def objective(of: MLP) -> Any:
        return lambda X, y, t: hinge_loss([of(x) * t for x in X], y)

    step = compile(objective(model), optimizer, backend=backend)
    for k in range(10):
        n = size if k % 3 else size - 2
        t, same = Value(1.0 + 0.1 * k), Value(1.0 + 0.1 * k)
        moving.zero_grad()
        expected = eager(objective(reference), X[:n], y[:n], same)
        moving.step()
        actual = step(X[:n], y[:n], t) if k % 2 else step.each([(X[:n], y[:n], t)])[0]
        assert actual == pytest.approx(expected, rel=1e-9)
        assert t.grad == pytest.approx(same.grad, rel=1e-9)
    assert [p.data for p in model.parameters()] == pytest.approx(
        [p.data for p in reference.parameters()], rel=1e-9
    )
    assert len(step._step.causes) == 2
    assert not step.fallbacks


@each_backend
def test_run_and_each_read_the_values(backend: str) -> None:
    w = Value(1.0)
    step = compile(lambda x, t: (w * x - t) ** 2, SGD([w], lr=0.25), backend=backend)
    x, t = Value(1.0), Value(3.0)
    assert step.run(3, x, t) == [4.0, 1.0, 0.25]
    assert (w.data, t.grad) == (2.75, 1.0)
    targets = [Value(2.75), Value(4.75), Value(3.75)]
    assert step.each([(x, target) for target in targets]) == [0.0, 4.0, 0.0]
    assert [target.grad for target in targets] == [0.0, 4.0, 0.0]
    assert step.value(Value(2.0), Value(0.5)) == 49.0
    assert not step.fallbacks


@each_backend
@pytest.mark.parametrize("optimizer", [lambda p: SGD(p, lr=0.1), lambda p: Adam(p, lr=0.05)])
def test_parameters_of_the_optimizer_may_be_arguments(optimizer: Any, backend: str) -> None:
    """The parameters are an argument of the loss, as in JAX."""

    def loss(params: Any, x: Any, y: Any) -> Any:
        return (params["w"] * x + params["b"] - y) ** 2

    params = {"w": Value(0.5), "b": Value(0.1)}
    same = {"w": Value(0.5), "b": Value(0.1)}
    moving = optimizer([*same.values()])
    step = compile(loss, optimizer([*params.values()]), backend=backend)
    for k in range(6):
        moving.zero_grad()
        expected = eager(loss, same, 1.0 + k, 2.0)
        moving.step()
        assert step(params, 1.0 + k, 2.0) == pytest.approx(expected, rel=1e-12)
        assert [v.data for v in params.values()] == pytest.approx([v.data for v in same.values()], rel=1e-12)
    assert len(step._step.causes) == 1
    assert not step.fallbacks


@each_backend
def test_samples_of_values_get_their_gradients(backend: str) -> None:
    w = Value(2.0)
    step = compile(lambda xs: autograd.sum([(w * x) ** 2 for x in xs]), backend=backend)
    for k in range(3):
        xs = [Value(0.1 * i + k) for i in range(20)]
        loss = step(xs)
        assert loss == pytest.approx(sum(4.0 * x.data**2 for x in xs))
        assert [x.grad for x in xs] == pytest.approx([8.0 * x.data for x in xs])
    assert len(step._step.causes) == 1
    assert not step.fallbacks


@each_backend
def test_a_parameter_is_distinguished_by_identity(backend: str) -> None:
    step = compile(lambda p: p * p if isinstance(p, Parameter) else p * 3.0, backend=backend)
    for p in [Parameter(2.0), Parameter(5.0)] * 2:
        assert step(p) == p.data**2
        assert p.grad == 2.0 * p.data
    assert step(Value(2.0)) == 6.0
    assert not step.fallbacks


@each_backend
def test_gradients_flow_into_the_graph_of_a_non_leaf_argument(backend: str) -> None:
    w = Value(3.0)
    step = compile(lambda x: x * x, backend=backend)
    with pytest.warns(CompileWarning, match=r"Value\(6\.0\), a non-leaf Value, .* pass its \.data"):
        assert step(w * 2.0) == 36.0
    assert w.grad == 24.0  # d(2w)²/dw
    for _ in range(3):
        u = w * 2.0
        assert step(u) == 36.0
        assert (u.grad, w.grad) == (12.0, 24.0)
    assert len(step.fallbacks) == 1
    assert step((w * 2.0).data) == 36.0
    with pytest.raises(TraceError, match="a non-leaf Value"):
        compile(lambda x: x * x, strict=True)(w * 2.0)


@each_backend
def test_a_number_of_a_value_that_leaves_the_graph_raises_trace_error(backend: str) -> None:
    step = compile(lambda x: x * x.data, backend=backend)
    with pytest.raises(TraceError, match=r"cannot trace \.data of Value\(2\.0\)"):
        step(Value(2.0))
