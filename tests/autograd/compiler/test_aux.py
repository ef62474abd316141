"""has_aux: a second result of the function, on every backend, in fallbacks and audits."""

import random
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import pytest

import autograd
from autograd import CompileWarning, Value, compile
from autograd.compiler.program import CompiledStepWithAux
from nn import MLP, SGD, hinge_loss
from nn.data import two_moons

from ..._support.compiled import BACKENDS

each_backend = pytest.mark.parametrize("backend", BACKENDS)


class Kind(Enum):
    LOSS = 1


@dataclass(frozen=True)
class Parts:
    data: Any
    penalty: Any


class Pair(NamedTuple):
    first: Any
    second: Any


def numbers_in(aux: Any) -> Any:
    """Return aux with a number in place of each Value, written without the compiler."""
    if isinstance(aux, Value):
        return aux.data
    if isinstance(aux, dict):
        return {key: numbers_in(item) for key, item in aux.items()}
    if isinstance(aux, Parts):
        return Parts(numbers_in(aux.data), numbers_in(aux.penalty))
    if isinstance(aux, Pair):
        return Pair(*map(numbers_in, aux))
    return type(aux)(map(numbers_in, aux)) if isinstance(aux, (list, tuple)) else aux


def structured(w: Value) -> Any:
    def function(x: Any, y: Any) -> tuple[Value, Any]:
        error = w * x - y
        aux = {
            "parts": Parts(error * error, 0.5 * w),
            "pair": Pair(error, (x, [w, Value(3.0)])),
            "constants": [None, "text", True, 7, 2.5, Kind.LOSS],
            2: [],
        }
        return error * error + w, aux

    return function


@each_backend
def test_every_container_keeps_its_structure(backend: str) -> None:
    w = Value(2.0)
    function = structured(w)
    step = compile(function, backend=backend, has_aux=True)
    assert isinstance(step, CompiledStepWithAux)
    for x, y in [(5.0, 12.0), (3.0, 12.0), (5.0, 1.0), (0.5, 0.25), (1.0, 1.0)]:
        loss, aux = step(x, y)
        expected_loss, expected = function(x, y)
        assert (loss, aux) == (expected_loss.data, numbers_in(expected))
        assert type(aux["pair"].second[0]) is float
        w.data += 0.25
    assert not step.fallbacks
    assert len(step._step.causes) == 1


@each_backend
def test_an_int_among_the_arguments_stays_an_int(backend: str) -> None:
    step = compile(lambda n: (Value(2.0) * n, [n, n + 1.0]), backend=backend, has_aux=True)
    for n in (3, 4, 5):
        _, aux = step(n)
        assert aux == [n, n + 1.0]
        assert [type(x) for x in aux] == [int, float]


def test_an_array_of_values_becomes_an_array_of_floats() -> None:
    np = pytest.importorskip("numpy")
    w = Value(2.0)

    def function(x: Any) -> tuple[Value, Any]:
        products = x.astype(object) * w
        return autograd.sum([*products.ravel()]), {"products": products}

    step = compile(function, has_aux=True)
    for k in range(3):
        loss, aux = step(np.arange(6.0).reshape(2, 3) + k)
        assert loss == aux["products"].sum()
        assert aux["products"].dtype == np.float64
        assert (aux["products"] == 2.0 * (np.arange(6.0).reshape(2, 3) + k)).all()
    assert not step.fallbacks


def training(backend: str, optimizer: Any, n: int = 40) -> tuple[Any, Any, Any, Any]:
    X, y = two_moons(n, noise=0.1, seed=0)
    model = MLP(2, [6, 1], activation="tanh", seed=0)

    def function(X: Any, y: Any) -> tuple[Value, Any]:
        predictions = [model(x) for x in X]
        data = hinge_loss(predictions, y)
        penalty = 1e-3 * autograd.sum([p * p for p in model.parameters()])
        return data + penalty, {"data": data, "predictions": predictions, "w": model.parameters()[0]}

    return function, optimizer(model.parameters()), X, y


def by_hand(function: Any, optimizer: Any, batches: Any) -> tuple[list[float], list[Any]]:
    losses, results = [], []
    for X, y in batches:
        loss, aux = function(X, y)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.data)
        results.append(numbers_in(aux))
        optimizer.step()
    return losses, results


def assert_close(actual: Any, expected: Any) -> None:
    assert actual["data"] == pytest.approx(expected["data"], rel=1e-9)
    assert actual["predictions"] == pytest.approx(expected["predictions"], rel=1e-9, abs=1e-12)
    assert actual["w"] == pytest.approx(expected["w"], rel=1e-9)


@each_backend
@pytest.mark.parametrize("size", [8, 40])
def test_training_returns_the_aux_before_each_update(backend: str, size: int) -> None:
    function, optimizer, X, y = training(backend, lambda p: SGD(p, lr=0.2, momentum=0.5), size)
    reference, by_eager, _, _ = training(backend, lambda p: SGD(p, lr=0.2, momentum=0.5), size)
    step = compile(function, optimizer, backend=backend, has_aux=True)
    losses, expected = by_hand(reference, by_eager, [(X, y)] * 13)
    loss, aux = step(X, y)
    assert loss == pytest.approx(losses[0], rel=1e-9)
    assert_close(aux, expected[0])
    some, aux = step.run(6, X, y)
    assert some == pytest.approx(losses[1:7], rel=1e-9)
    assert_close(aux, expected[6])  # that of the last step
    some, every = step.each([(X, y)] * 3)
    assert some == pytest.approx(losses[7:10], rel=1e-9)
    for actual, numbers in zip(every, expected[7:10], strict=True):
        assert_close(actual, numbers)
    some, every = step.each((X, y) for _ in range(2))  # a generator
    assert some == pytest.approx(losses[10:12], rel=1e-9)
    assert_close(every[1], expected[11])
    value, aux = step.value(X, y)
    assert value == pytest.approx(losses[12], rel=1e-9)
    assert_close(aux, expected[12])
    assert not step.fallbacks


@each_backend
def test_sums_in_aux_keep_the_batch_axis(backend: str) -> None:
    X, y = two_moons(64, noise=0.1, seed=0)
    model = MLP(2, [4, 1], seed=0)

    def function(X: Any, y: Any) -> tuple[Value, Any]:
        data = hinge_loss([model(x) for x in X], y)
        return data + 0.5 * model.parameters()[0] ** 2, [data]

    step = compile(function, SGD(model.parameters(), lr=0.1), backend=backend, has_aux=True)
    step.run(4, X, y)
    step(X[:32], y[:32])
    ((program, _), _) = step._step.program_causes
    if backend != "python":
        assert program.plan.batch_inputs is not None
        assert program.plan.batch_inputs.size == 64
        assert program.general is not None
    assert not step.fallbacks


@each_backend
def test_value_and_grad_returns_a_pair_as_jax_does(backend: str) -> None:
    f = compile(lambda x, y: (x * x * y, {"double": 2.0 * y}), backend=backend, has_aux=True)
    for _ in range(3):
        assert f.value(2.0, 5.0) == (20.0, {"double": 10.0})
        assert f.value_and_grad([2.0, 5.0]) == ((20.0, {"double": 10.0}), [20.0, 4.0])
        assert f.hessian([2.0, 5.0]) == [[10.0, 4.0], [4.0, 0.0]]
        assert f.hvp([2.0, 5.0], [1.0, 1.0]) == [14.0, 4.0]
    assert not f.fallbacks


@each_backend
def test_a_fallback_returns_the_same_structure(backend: str) -> None:
    w = Value(2.0)
    rng = random.Random(0)

    def noisy(x: Any) -> tuple[Value, Any]:
        return w * x, Parts(w * x, [0.0 * rng.random(), "text"])

    step = compile(noisy, SGD([w], lr=0.5), backend=backend, has_aux=True)
    with pytest.warns(CompileWarning, match="draws random numbers"):
        assert step(1.0) == (2.0, Parts(2.0, [0.0, "text"]))
    assert w.data == 1.5
    assert step.run(2, 1.0) == ([1.5, 1.0], Parts(1.0, [0.0, "text"]))
    assert step.each([(1.0,), (2.0,)]) == ([0.5, 0.0], [Parts(x, [0.0, "text"]) for x in (0.5, 0.0)])
    assert step.value(3.0) == (-3.0, Parts(-3.0, [0.0, "text"]))


@each_backend
def test_a_comparison_in_aux_is_a_guard(backend: str) -> None:
    w = Value(2.0)
    step = compile(lambda x: (w * x, ["above" if w * x > 1.0 else "below"]), backend=backend, has_aux=True)
    for x in (1.0, 0.25, 1.0, 0.25, 2.0):
        assert step(x) == (2.0 * x, ["above" if x > 0.5 else "below"])
    assert not step.fallbacks


@each_backend
def test_an_audit_compares_aux(backend: str) -> None:
    """The wrong number is found, and eager execution returns the right one."""
    w = Value(2.0)
    step = compile(lambda x: (w * x, [w + x]), backend=backend, has_aux=True, audit=0)
    assert step(5.0) == (10.0, [7.0])
    ((program, _),) = step._step.program_causes
    aux = program.plan.aux
    assert aux is not None
    numbers = aux.leaves
    aux.leaves = lambda x: [1.0 + number for number in numbers(x)]  # type: ignore[method-assign]
    step.options.audit = 1
    with pytest.warns(CompileWarning, match=r"the program returned 8\.0 in aux, eager 7\.0"):
        assert step(5.0) == (10.0, [7.0])
    assert step(6.0) == (12.0, [8.0])


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda x: x, r"expected the function to return a pair \(loss, aux\) with has_aux=True, got float"),
        (lambda x: (x, x, x), r"expected the function to return a pair .* got tuple"),
        (lambda x: (x, object()), r"expected aux to be made of Values and numbers, got object"),
        (lambda x: ([x], x), r"expected the function to return one Value or number, got list"),
    ],
)
def test_another_result_raises_type_error(result: Any, message: str) -> None:
    step = compile(lambda x: result(1.0 * x), has_aux=True)
    with pytest.raises(TypeError, match=message):
        step(2.0)


def test_without_has_aux_a_pair_raises_type_error() -> None:
    with pytest.raises(TypeError, match="expected the function to return one Value or number, got tuple"):
        compile(lambda x: (x * 2.0, x))(1.0)
