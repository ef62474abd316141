"""A compiled step in a pickle: another process runs its programs without tracing."""

import copy
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nn
from autograd import TraceError, Value, compile
from autograd.compiler import build, replay

from ..._support.compiled import BACKENDS

each_backend = pytest.mark.parametrize("backend", BACKENDS)
XS = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5], [1.0, 1.0], [0.0, -2.0]]
YS = [1, -1, 1, -1, 1]

OUTSIDE = Value(3.0)


class Loss:
    """A loss as an object that stores its model."""

    def __init__(self) -> None:
        self.model = nn.MLP(2, [4, 1], "tanh", seed=0)

    def __call__(self, xs: Any, ys: Any) -> Value:
        return nn.hinge_loss([self.model(x) for x in xs], ys)


def loss_of(model: nn.MLP, xs: Any, ys: Any) -> Value:
    return nn.hinge_loss([model(x) for x in xs], ys)


def uses_module_value(x: Any) -> Value:
    return OUTSIDE * x


def rosenbrock(x: Any, y: Any) -> Any:
    return (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2


def forbid_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise TraceError("the function was retraced")

    monkeypatch.setattr(build, "record", fail)


@each_backend
def test_pickled_step_runs_in_another_process_without_tracing(backend: str, tmp_path: Path) -> None:
    loss = Loss()
    step = compile(loss, nn.Adam(loss.model.parameters(), lr=0.05), backend=backend)
    for _ in range(5):
        step(XS, YS)
    path = tmp_path / "step.pickle"
    path.write_bytes(pickle.dumps(step))
    script = f"""
import pickle
from autograd.compiler import build
def fail(*args):
    raise AssertionError("the function was retraced")
build.record = fail
from tests.autograd.compiler.test_pickling import XS, YS
step = pickle.load(open({str(path)!r}, "rb"))
print(*[x.hex() for x in [step(XS, YS), *step.run(4, XS, YS)]], step.fallbacks, step)
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root
    )
    expected = [x.hex() for x in [step(XS, YS), *step.run(4, XS, YS)]]
    assert done.stdout.split() == [*expected, "[]", *repr(step).split()]


@each_backend
def test_pickled_step_with_model_as_argument(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.MLP(2, [4, 1], "tanh", seed=0)
    step = compile(loss_of, nn.SGD(model.parameters(), lr=0.1), backend=backend)
    step(model, XS, YS)
    again, same = pickle.loads(pickle.dumps((step, model)))
    forbid_tracing(monkeypatch)
    assert [again(same, XS, YS) for _ in range(3)] == [step(model, XS, YS) for _ in range(3)]
    assert [p.data for p in same.parameters()] == [p.data for p in model.parameters()]
    with pytest.raises(TraceError, match="was retraced"):
        again(model, XS, YS)  # another model


@each_backend
def test_derivatives(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f = compile(rosenbrock, backend=backend)
    expected = [
        f.value(1.0, 2.0),
        f.value_and_grad([1.0, 2.0]),
        f.hessian([1.0, 2.0]),
        f.hvp([1.0, 2.0], [1.0, 0.0]),
    ]
    again = pickle.loads(pickle.dumps(f))
    forbid_tracing(monkeypatch)
    actual = [
        again.value(1.0, 2.0), again.value_and_grad([1.0, 2.0]),
        again.hessian([1.0, 2.0]), again.hvp([1.0, 2.0], [1.0, 0.0]),
    ]  # fmt: skip
    assert actual == expected


def test_partials_bound_methods_and_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = Loss()
    steps = [compile(partial(loss_of, loss.model)), compile(loss.__call__), compile(loss)]
    expected = [step(XS, YS) for step in steps]
    again = [*map(copy.deepcopy, steps), *pickle.loads(pickle.dumps(steps))]
    forbid_tracing(monkeypatch)
    assert [step(XS, YS) for step in again] == expected * 2
    parameters = again[2].function.model.parameters()
    assert all(p is not q for p, q in zip(parameters, loss.model.parameters(), strict=True))
    assert [p.grad for p in parameters] == [p.grad for p in loss.model.parameters()]


def test_float32_stays_float32() -> None:
    pytest.importorskip("numpy")
    f = compile(rosenbrock, dtype="float32")
    f.value(0.1, 0.2)
    again = pickle.loads(pickle.dumps(f))
    assert again.value(0.1, 0.2) == f.value(0.1, 0.2) != rosenbrock(0.1, 0.2)


def test_pickle_without_packages_is_retraced(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numpy")
    loss = Loss()
    step = compile(loss)
    step(XS, YS)
    kept = pickle.dumps(step)
    for package in ("numba", "numpy"):
        monkeypatch.setitem(sys.modules, package, None)
    again = pickle.loads(kept)
    assert again.backend == "python"
    assert again(XS, YS) == pytest.approx(step.function(XS, YS).data, rel=1e-12)


def test_pickle_of_changed_state_is_retraced() -> None:
    loss = Loss()
    step = compile(loss, backend="python")
    step(XS, YS)
    again = pickle.loads(pickle.dumps(step))
    again.function.model = nn.MLP(2, [4, 1], "relu", seed=5)
    assert again(XS, YS) == again.function(XS, YS).data
    assert not again.fallbacks


def test_unpicklable_step_raises_type_error() -> None:
    w = Value(2.0)
    step = compile(lambda x: w * x)
    with pytest.raises(TypeError, match="an object with __call__ that stores the model"):
        pickle.dumps(step)
    outside = compile(uses_module_value)
    pickle.dumps(outside)  # nothing is traced yet
    outside(1.0)
    with pytest.raises(TypeError, match=r"it uses Value\(3.0, grad=1.0\) of its module"):
        pickle.dumps(outside)


def test_pickle_of_another_format_is_retraced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "FORMAT", 0)
    loss = Loss()
    step = compile(loss, backend="python")
    step(XS, YS)
    kept = pickle.dumps(step)
    monkeypatch.setattr(replay, "FORMAT", 1)
    again = pickle.loads(kept)
    assert repr(again).endswith("0 programs")
    assert again(XS, YS) == step(XS, YS)
