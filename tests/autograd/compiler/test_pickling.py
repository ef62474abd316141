"""A compiled step in a pickle: in another process its programs run without being recorded again."""

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
    """An object that holds the model it is the loss of."""

    def __init__(self) -> None:
        self.model = nn.MLP(2, [4, 1], "tanh", seed=0)

    def __call__(self, xs: Any, ys: Any) -> Value:
        return nn.hinge_loss([self.model(x) for x in xs], ys)


def loss_of(model: nn.MLP, xs: Any, ys: Any) -> Value:
    return nn.hinge_loss([model(x) for x in xs], ys)


def of_the_module(x: Any) -> Value:
    return OUTSIDE * x


def rosenbrock(x: Any, y: Any) -> Any:
    return (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2


def recording_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise TraceError("it was recorded again")

    monkeypatch.setattr(build, "record", refuse)


@each_backend
def test_in_another_process(backend: str, tmp_path: Path) -> None:
    loss = Loss()
    step = compile(loss, nn.Adam(loss.model.parameters(), lr=0.05), backend=backend)
    for _ in range(5):
        step(XS, YS)
    path = tmp_path / "step.pickle"
    path.write_bytes(pickle.dumps(step))
    script = f"""
import pickle
from autograd.compiler import build
def refuse(*args):
    raise AssertionError("it was recorded again")
build.record = refuse
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
def test_a_model_that_is_an_argument(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.MLP(2, [4, 1], "tanh", seed=0)
    step = compile(loss_of, nn.SGD(model.parameters(), lr=0.1), backend=backend)
    step(model, XS, YS)
    again, same = pickle.loads(pickle.dumps((step, model)))
    recording_is_forbidden(monkeypatch)
    assert [again(same, XS, YS) for _ in range(3)] == [step(model, XS, YS) for _ in range(3)]
    assert [p.data for p in same.parameters()] == [p.data for p in model.parameters()]
    with pytest.raises(TraceError, match="recorded again"):
        again(model, XS, YS)  # another model


@each_backend
def test_derivatives(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f = compile(rosenbrock, backend=backend)
    asked = [
        f.value(1.0, 2.0),
        f.value_and_grad([1.0, 2.0]),
        f.hessian([1.0, 2.0]),
        f.hvp([1.0, 2.0], [1.0, 0.0]),
    ]
    again = pickle.loads(pickle.dumps(f))
    recording_is_forbidden(monkeypatch)
    told = [
        again.value(1.0, 2.0), again.value_and_grad([1.0, 2.0]),
        again.hessian([1.0, 2.0]), again.hvp([1.0, 2.0], [1.0, 0.0]),
    ]  # fmt: skip
    assert told == asked


def test_partials_bound_methods_and_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = Loss()
    steps = [compile(partial(loss_of, loss.model)), compile(loss.__call__), compile(loss)]
    expected = [step(XS, YS) for step in steps]
    again = [*map(copy.deepcopy, steps), *pickle.loads(pickle.dumps(steps))]
    recording_is_forbidden(monkeypatch)
    assert [step(XS, YS) for step in again] == expected * 2
    mine = again[2].function.model.parameters()
    assert all(p is not q for p, q in zip(mine, loss.model.parameters(), strict=True))
    assert [p.grad for p in mine] == [p.grad for p in loss.model.parameters()]


def test_float32_stays_float32() -> None:
    pytest.importorskip("numpy")
    f = compile(rosenbrock, dtype="float32")
    f.value(0.1, 0.2)
    again = pickle.loads(pickle.dumps(f))
    assert again.value(0.1, 0.2) == f.value(0.1, 0.2) != rosenbrock(0.1, 0.2)


def test_where_the_packages_are_missing_it_is_recorded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_what_changed_meanwhile_is_traced_again() -> None:
    loss = Loss()
    step = compile(loss, backend="python")
    step(XS, YS)
    again = pickle.loads(pickle.dumps(step))
    again.function.model = nn.MLP(2, [4, 1], "relu", seed=5)
    assert again(XS, YS) == again.function(XS, YS).data
    assert not again.fallbacks


def test_what_cannot_be_pickled_is_told() -> None:
    w = Value(2.0)
    step = compile(lambda x: w * x)
    with pytest.raises(TypeError, match="an object with __call__ that holds the model"):
        pickle.dumps(step)
    outside = compile(of_the_module)
    pickle.dumps(outside)  # nothing is recorded yet
    outside(1.0)
    with pytest.raises(TypeError, match=r"it uses Value\(3.0, grad=1.0\) of its module"):
        pickle.dumps(outside)


def test_a_pickle_of_another_format_is_recorded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "FORMAT", 0)
    loss = Loss()
    step = compile(loss, backend="python")
    step(XS, YS)
    kept = pickle.dumps(step)
    monkeypatch.setattr(replay, "FORMAT", 1)
    again = pickle.loads(kept)
    assert repr(again).endswith("0 programs")
    assert again(XS, YS) == step(XS, YS)
