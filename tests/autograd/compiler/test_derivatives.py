"""Derivatives of compiled functions, and gradients inside of them, against eager mode and PyTorch."""

import math
import random
from typing import Any

import pytest

import autograd
import nn
from autograd import CompileWarning, TraceError, Value, compile, grad, hessian, hvp, jacobian
from autograd.operations import FUNCTIONS

from ..._support.compiled import BACKENDS
from ..._support.programs import _cook, _recipe
from ..._support.pytorch import needs_torch

each_backend = pytest.mark.parametrize("backend", BACKENDS)


def rosenbrock(x: Any, y: Any) -> Any:
    return (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2


@each_backend
def test_derivatives_match_values_by_hand(backend: str) -> None:
    f = compile(lambda x, y: x * x * y, backend=backend)
    for _ in range(3):
        assert f.value(2.0, 5.0) == 20.0
        assert f.value_and_grad([2.0, 5.0]) == (20.0, [20.0, 4.0])
        assert f.hessian([2.0, 5.0]) == [[10.0, 4.0], [4.0, 0.0]]
        assert f.hvp([2.0, 5.0], [1.0, 1.0]) == [14.0, 4.0]
        assert f.value_and_grad([Value(3.0), 1]) == (9.0, [6.0, 9.0])
    assert repr(f) == "compile(test_derivatives_match_values_by_hand.<locals>.<lambda>): 4 programs"
    assert not f.fallbacks


@each_backend
def test_newtons_method(backend: str) -> None:
    f = compile(rosenbrock, backend=backend)
    x, y = -1.2, 1.0
    for _ in range(8):
        _, (gx, gy) = f.value_and_grad([x, y])
        (a, b), (_, d) = f.hessian([x, y])
        det = a * d - b * b
        x, y = x - (d * gx - b * gy) / det, y - (a * gy - b * gx) / det
    assert (x, y) == pytest.approx((1.0, 1.0), abs=1e-9)


@each_backend
@pytest.mark.parametrize("block", range(4))
def test_random_functions(block: int, backend: str) -> None:
    for seed in range(block * 25, block * 25 + 25):
        rng = random.Random(seed)
        count = rng.randint(1, 4)
        recipe = _recipe(rng, count + 1, rng.randint(1, 8), lambda r=rng: r.uniform(0.2, 2.0))
        w = Value(rng.uniform(0.5, 1.5))

        def function(*xs: Any, recipe: Any = recipe, w: Value = w) -> Value:
            return _cook(recipe, [*xs, w])[-1] + 0.0 * w * xs[0]

        f = compile(function, backend=backend)
        for _ in range(3):
            at = [rng.choice([rng.gauss(0.0, 1.0), rng.uniform(0.2, 2.0)]) for _ in range(count)]
            v = [rng.gauss(0.0, 1.0) for _ in range(count)]
            try:
                value, gradients = f.value_and_grad(at)
                hessian_found, along = f.hessian(at), f.hvp(at, v)
            except CompileWarning as warning:
                pytest.fail(f"{seed}: {warning}")
            expected = function(*map(Value, at))
            flat = [x for row in hessian(function, at) for x in row]
            size = max((abs(x) for x in flat if math.isfinite(x)), default=0.0)
            like: Any = {"rel": 1e-7, "abs": 1e-9 * max(1.0, size), "nan_ok": True}
            assert f.value(*map(float, at)) == pytest.approx(expected.data, **like), seed
            assert value == pytest.approx(expected.data, **like), seed
            assert gradients == pytest.approx(jacobian(function, at), **like), seed
            assert [x for row in hessian_found for x in row] == pytest.approx(flat, **like), seed
            assert along == pytest.approx(hvp(function, at, v), **like), seed
            w.data = rng.uniform(0.5, 1.5)


def test_derivatives_change_no_gradient_and_no_parameter() -> None:
    w = Value(3.0)
    optimizer = nn.SGD([w], lr=1.0)
    f = compile(lambda x: w * x, optimizer)
    assert f.value(2.0) == 6.0
    assert f.value_and_grad([2.0]) == (6.0, [3.0])
    assert f.hessian([2.0]) == [[0.0]]
    assert f.hvp([2.0], [1.0]) == [0.0]
    assert (w.data, w.grad) == (3.0, 0.0)
    w.data = 5.0
    assert f.value_and_grad([2.0]) == (10.0, [5.0])


def test_each_branch_has_its_derivatives() -> None:
    f = compile(lambda x: x**3 if x > 0.0 else -x)
    for x, value, first, second in [(2.0, 8.0, 12.0, 12.0), (-2.0, 2.0, -1.0, 0.0), (1.0, 1.0, 3.0, 6.0)]:
        assert f.value_and_grad([x]) == (value, [first])
        assert f.hessian([x]) == [[second]]
    assert not f.fallbacks


def test_invalid_arguments_of_derivatives_raise() -> None:
    f = compile(lambda x, y: x * y)
    with pytest.raises(ValueError, match=r"^hvp\(\) expected one number in v for each of the 2 in at, got 1"):
        f.hvp([1.0, 2.0], [1.0])
    with pytest.raises(TypeError, match=r"^hvp\(\) expected a sequence of numbers for v, got NoneType None"):
        f.hvp([1.0, 2.0], None)  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match=r"^hessian\(\) expected a sequence of numbers for at, got float 2\.0"
    ):
        f.hessian(2.0)  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match=r"^value_and_grad\(\) expected f to return one Value, got float 1\.0"
    ):
        compile(lambda x: 1.0).value_and_grad([1.0])
    for wrong in (jacobian, hessian):
        with pytest.raises(TraceError, match="create_graph=True"):
            compile(lambda x, g=wrong: g(lambda u: u * u, [x]))(2.0)


def test_changed_outer_state_is_noticed() -> None:
    scale = [1.0]
    f = compile(lambda x: x * x * scale[0])
    assert [f.hessian([1.0]) for _ in range(3)] == [[[2.0]]] * 3
    scale[0] = 5.0
    assert f.hessian([1.0]) == [[10.0]]
    assert not f.fallbacks


def test_random_draws_fall_back_to_eager() -> None:
    f = compile(lambda x: x * x * random.random())
    with pytest.warns(CompileWarning, match="random numbers"):
        f.value_and_grad([1.0])
    assert f.value_and_grad([1.0]) != f.value_and_grad([1.0])


# Gradients inside a compiled function --------------------------------------------------------------


@each_backend
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "gelu", "softplus", "elu"])
def test_a_gradient_penalty(activation: str, backend: str) -> None:
    model = nn.MLP(2, [5, 1], activation, seed=3)
    rng = random.Random(0)

    def loss(xs: Any, ys: Any) -> Value:
        terms = []
        for x, y in zip(xs, ys):
            inputs = [xi * 1.0 if isinstance(xi, Value) else Value(xi) for xi in x]
            out = model(inputs)
            gradients = grad(out, inputs, create_graph=True)
            terms.append((out - y) ** 2 + 0.1 * autograd.sum([s * s for s in gradients]))
        return autograd.sum(terms)

    step = compile(loss, backend=backend)
    for _ in range(5):
        xs = [[rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)] for _ in range(6)]
        ys = [rng.gauss(0.0, 1.0) for _ in xs]
        got = [step(xs, ys), *[p.grad for p in model.parameters()]]
        for p in model.parameters():
            p.zero_grad()
        expected = loss(xs, ys)
        expected.backward()
        assert got == pytest.approx(
            [expected.data, *[p.grad for p in model.parameters()]], rel=1e-8, abs=1e-12
        )
    assert repr(step).endswith("1 program")  # a branch in a rule is not a guard
    assert not step.fallbacks


@each_backend
def test_gradients_of_gradients(backend: str) -> None:
    w = Value(1.5)

    def loss(x: Any) -> Value:
        h = w * x
        out = h.tanh() * w + h.relu() + FUNCTIONS["logsumexp"]([h, w, 0.5])
        dw, dh = grad(out, [w, h], create_graph=True)
        (ddw,) = grad(dw * dh, [w], create_graph=True)
        return ddw * dh + dw * dw

    step = compile(loss, backend=backend)
    for x in (1.0, -1.0, 0.3, 2.0, -0.2, 5.0):
        w.data = 0.5 + abs(x)
        got = [step(x), w.grad]
        w.zero_grad()
        expected = loss(x)
        expected.backward()
        assert got == pytest.approx([expected.data, w.grad], rel=1e-9)
    assert repr(step).endswith("1 program")
    assert not step.fallbacks


@each_backend
def test_gradients_that_are_equal_at_tracing_stay_separate(backend: str) -> None:
    a, b = Value(2.0), Value(3.0)

    def loss(x: Any) -> Value:
        out = (a * x).relu() + (b * x).relu()  # at x > 0 both gradients are the incoming gradient
        da, db, dx = grad(out * 1.0, [a, b, x], create_graph=True) if isinstance(x, Value) else (0.0,) * 3
        return da * 10.0 + db + dx

    f = compile(loss, backend=backend)
    for numbers, x, expected in [((2.0, 3.0), 1.0, 16.0), ((-2.0, 3.0), 1.0, 4.0), ((2.0, -3.0), 1.0, 12.0)]:
        a.data, b.data = numbers
        assert f.value_and_grad([x])[0] == expected
    assert not f.fallbacks


def test_an_unused_input_and_a_constant() -> None:
    w, idle = Value(2.0), Value(7.0)

    def loss(x: Any) -> Value:
        gradients = grad(w * x, [w, idle], create_graph=True, allow_unused=True)
        assert gradients[1] is None
        return gradients[0] * w

    step = compile(loss)
    for x in (1.0, 3.0, -2.0):
        assert (step(x), w.grad) == (2.0 * x, x)
    with pytest.raises(ValueError, match=r"the output was computed from, got inputs\[0\]"):
        compile(lambda x: grad(w * x, [idle], create_graph=True)[0])(1.0)
    with pytest.raises(TraceError, match="create_graph=True"):
        compile(lambda x: grad(w * x, [w])[0])(1.0)


@pytest.mark.torch
@needs_torch
@each_backend
def test_against_pytorch(backend: str) -> None:
    import torch

    def function(x: Any, y: Any, z: Any) -> Value:
        return (x * y).tanh() * (z - x).exp() + FUNCTIONS["logsumexp"]([x, y, z]) ** 2

    def torch_function(at: Any) -> Any:
        x, y, z = at
        return torch.tanh(x * y) * torch.exp(z - x) + torch.logsumexp(at, 0) ** 2

    f = compile(function, backend=backend)
    rng = random.Random(5)
    for _ in range(5):
        at = [rng.gauss(0.0, 1.0) for _ in range(3)]
        v = [rng.gauss(0.0, 1.0) for _ in range(3)]
        point = torch.tensor(at, dtype=torch.float64)
        expected = torch.autograd.functional.hessian(torch_function, point)
        assert f.hessian(at) == [pytest.approx(row.tolist(), rel=1e-10, abs=1e-12) for row in expected]
        assert f.hvp(at, v) == pytest.approx(
            (expected @ torch.tensor(v, dtype=torch.float64)).tolist(), rel=1e-10, abs=1e-12
        )
        gradients = torch.autograd.functional.jacobian(torch_function, point)
        value, gradients_here = f.value_and_grad(at)
        assert value == pytest.approx(torch_function(point).item(), rel=1e-12)
        assert gradients_here == pytest.approx(gradients.tolist(), rel=1e-10)


@each_backend
def test_detach_stops_the_gradient_but_not_the_value(backend: str) -> None:
    w = Value(2.0)
    step = compile(lambda x: (w * x).detach() * w + w.detach() * 3.0, backend=backend)
    for number, x in [(2.0, 5.0), (2.0, 1.0), (3.0, 4.0), (-1.0, 2.0), (0.5, 2.0)]:
        w.data = number
        assert step(x) == number * x * number + 3.0 * number
        assert w.grad == number * x  # not 2·w·x
    assert not step.fallbacks
