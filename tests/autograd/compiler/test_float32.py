"""Programs in float32: close to eager mode, never silently far from it."""

import math
import random
from typing import Any

import pytest

import autograd
import nn
from autograd import CompileWarning, Value, compile, take

from ..._support.compiled import BACKENDS, eager
from ..._support.programs import case

NATIVE = [backend for backend in BACKENDS if backend != "python"]
each_backend = pytest.mark.parametrize("backend", NATIVE)


@each_backend
def test_the_first_example(backend: str) -> None:
    w = Value(2.0)
    step = compile(lambda x, y: (w * x - y) ** 2, backend=backend, dtype="float32")
    assert (step(5.0, 12.0), w.grad) == (4.0, -20.0)
    assert step(0.1, 0.0) == pytest.approx(0.04, rel=1e-6)
    assert step(0.1, 0.0) != 0.2 * 0.2  # computed in float32
    assert "in float32" in step.explain()


@each_backend
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("samples", [3, 40])
def test_training_in_float32_matches_float64(optimizer: str, samples: int, backend: str) -> None:
    rng = random.Random(0)
    xs = [[rng.gauss(0.0, 1.0) for _ in range(3)] for _ in range(samples)]
    ys = [rng.choice([-1, 1]) for _ in xs]
    losses = {}
    for dtype in ("float64", "float32"):
        model = nn.MLP(3, [8, 8, 1], "tanh", seed=1)
        moving = getattr(nn, optimizer)(model.parameters(), lr=0.01)

        def loss(xs: Any, ys: Any, model: Any = model) -> Value:
            return nn.hinge_loss([model(x) for x in xs], ys) + 1e-3 * nn.l2_penalty(model.parameters())

        step = compile(loss, moving, backend=backend, dtype=dtype)
        losses[dtype] = [step(xs, ys), *step.run(30, xs, ys), step(xs, ys)]
        assert not step.fallbacks
        assert all(type(p.data) is float for p in model.parameters())
    assert losses["float32"] == pytest.approx(losses["float64"], rel=2e-4)
    assert losses["float32"] != losses["float64"]


@each_backend
def test_random_programs_are_close_or_warn(backend: str) -> None:
    """An overflow or a cancellation in float32 only gives a warning; all other results agree."""
    warned = 0
    for seed in range(120):
        problem = case(seed)
        step = compile(problem.function, backend=backend, dtype="float32")
        call = problem.calls[0]
        try:
            got = step(*call)
        except CompileWarning:
            warned += 1
            continue
        loss, _, _, reach = eager(problem, call)
        assert got == pytest.approx(loss.data, rel=1.1e-3, abs=1.1e-4 * reach, nan_ok=True), seed
    assert warned < 60


@each_backend
def test_overflow_in_float32_only_warns(backend: str) -> None:
    w = Value(1e30)
    step = compile(lambda x: w * w * x, backend=backend, dtype="float32")
    with pytest.warns(
        CompileWarning,
        match=r"the program returned inf, eager 1\.0+1e\+60: .* too ill-conditioned for float32",
    ):
        assert step(1.0) == 1e30 * 1e30
    assert step(2.0) == 1e30 * 1e30 * 2.0


@each_backend
def test_batch_elements_with_nan_and_inf(backend: str) -> None:
    w = Value(0.5)
    step = compile(
        lambda xs: autograd.sum([(w * x).relu() + (x * w).sigmoid() for x in xs]),
        backend=backend,
        dtype="float32",
    )
    for special in (math.inf, -math.inf, math.nan, 0.0, -0.0, 1.0):
        for k in range(20):
            xs = [0.25 * i for i in range(20)]
            xs[k] = special
            got = [step(xs), w.grad]
            w.zero_grad()
            expected = autograd.sum([(w * x).relu() + (x * w).sigmoid() for x in xs])
            expected.backward()
            assert got == pytest.approx([expected.data, w.grad], rel=1e-5, nan_ok=True)
    assert not step.fallbacks


@each_backend
def test_derivatives_and_selection(backend: str) -> None:
    f = compile(lambda x, y: x * x * y, backend=backend, dtype="float32")
    assert f.value_and_grad([2.0, 5.0]) == (20.0, [20.0, 4.0])
    assert f.hessian([2.0, 5.0]) == [[10.0, 4.0], [4.0, 0.0]]
    values = [Value(1.0), Value(2.0), Value(4.0)]
    step = compile(lambda i: take(values, i) ** 2, backend=backend, dtype="float32")
    assert [step(i) for i in (0, 2, 1)] == [1.0, 16.0, 4.0]


def test_unsupported_dtype_raises_value_error() -> None:
    with pytest.raises(ValueError, match=r"expected a dtype, got str 'float16'\. Use 'float64' or 'float32'"):
        compile(abs, dtype="float16")
    with pytest.raises(ValueError, match=r"python backend.*Use backend='numpy' .*glassgrad\[compile\]"):
        compile(abs, backend="python", dtype="float32")
