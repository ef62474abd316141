"""A compiled step in a pickle: what it computes after loading is what its function computes then."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nn
from autograd import Value, compile

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


def uses_module_value(x: Any) -> Any:
    return OUTSIDE * x


def rosenbrock(x: Any, y: Any) -> Any:
    return (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2


class Flags:
    """A loss that reads a flag, a table and a set."""

    def __init__(self) -> None:
        self.w = Value(2.0)
        self.double = False
        self.mode = "train"
        self.table = {"scale": 1.0}
        self.layers: list[Any] = ["linear", Value(1.0)]
        self.visited = {1}

    def __call__(self, x: Any) -> Any:
        total = self.w * x * self.table["scale"] * self.layers[1]
        total = (
            total * 3.0 if self.mode == "eval" or self.layers[0] == "cubic" or 2 in self.visited else total
        )
        return total * 2.0 if self.double else total


@each_backend
def test_pickled_step_gives_the_same_in_another_process(backend: str, tmp_path: Path) -> None:
    loss = Loss()
    step = compile(loss, nn.Adam(loss.model.parameters(), lr=0.05), backend=backend)
    for _ in range(5):
        step(XS, YS)
    path = tmp_path / "step.pickle"
    path.write_bytes(pickle.dumps(step))
    script = f"""
import pickle
from tests.autograd.compiler.test_pickling import XS, YS
step = pickle.load(open({str(path)!r}, "rb"))
print(*[x.hex() for x in [step(XS, YS), *step.run(4, XS, YS)]], step.fallbacks, step)
"""
    root = Path(__file__).parents[3]
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root
    )
    expected = [x.hex() for x in [step(XS, YS), *step.run(4, XS, YS)]]
    assert result.stdout.split() == [*expected, "[]", *repr(step).split()]


@each_backend
def test_pickled_step_with_model_as_argument(backend: str) -> None:
    model = nn.MLP(2, [4, 1], "tanh", seed=0)
    step = compile(loss_of, nn.SGD(model.parameters(), lr=0.1), backend=backend)
    step(model, XS, YS)
    clone, model_clone = pickle.loads(pickle.dumps((step, model)))
    assert [clone(model_clone, XS, YS) for _ in range(3)] == [step(model, XS, YS) for _ in range(3)]
    assert [p.data for p in model_clone.parameters()] == [p.data for p in model.parameters()]


@each_backend
def test_derivatives(backend: str) -> None:
    f = compile(rosenbrock, backend=backend)
    expected = [
        f.value(1.0, 2.0),
        f.value_and_grad([1.0, 2.0]),
        f.hessian([1.0, 2.0]),
        f.hvp([1.0, 2.0], [1.0, 0.0]),
    ]
    clone = pickle.loads(pickle.dumps(f))
    actual = [
        clone.value(1.0, 2.0), clone.value_and_grad([1.0, 2.0]),
        clone.hessian([1.0, 2.0]), clone.hvp([1.0, 2.0], [1.0, 0.0]),
    ]  # fmt: skip
    assert actual == expected


def test_partials_bound_methods_and_copies() -> None:
    loss = Loss()
    steps = [compile(partial(loss_of, loss.model)), compile(loss.__call__), compile(loss)]
    expected = [step(XS, YS) for step in steps]
    clones = [*map(copy.deepcopy, steps), *pickle.loads(pickle.dumps(steps))]
    assert [step(XS, YS) for step in clones] == expected * 2
    parameters = clones[2].function.model.parameters()
    assert all(p is not q for p, q in zip(parameters, loss.model.parameters(), strict=True))
    assert [p.grad for p in parameters] == [p.grad for p in loss.model.parameters()]


CHANGES: dict[str, Callable[[Flags], object]] = {
    "bool": lambda loss: setattr(loss, "double", True),
    "str": lambda loss: setattr(loss, "mode", "eval"),
    "None": lambda loss: setattr(loss, "mode", None),
    "item": lambda loss: loss.table.update(scale=3.0),
    "str in a list": lambda loss: loss.layers.__setitem__(0, "cubic"),
    "set": lambda loss: loss.visited.add(2),
    "Value": lambda loss: setattr(loss, "w", Value(5.0)),
}


@pytest.mark.parametrize("copied", [lambda step: pickle.loads(pickle.dumps(step)), copy.deepcopy])
@pytest.mark.parametrize("changed", CHANGES)
@pytest.mark.parametrize("when", ["before", "after", "traced"])
def test_change_around_pickling_is_read(changed: str, copied: Callable[[Any], Any], when: str) -> None:
    step = compile(Flags(), backend="python", audit=0)
    assert [step(1.0), step(3.0)] == [2.0, 6.0]
    function: Any = step.function
    if when == "traced":
        CHANGES[changed](function)
        assert step(1.0) == function(1.0).data
    if when == "before":
        CHANGES[changed](function)
    clone = copied(step)
    if when == "after":
        CHANGES[changed](clone.function)
    assert [clone(x) for x in (0.0, 0.0, 3.0, 1.0)] == [clone.function(x).data for x in (0.0, 0.0, 3.0, 1.0)]
    assert clone.function.w is not function.w
    assert not clone.fallbacks


class Holder:
    """A loss that stores its own compiled step and optimizer."""

    def __init__(self) -> None:
        self.w = Value(2.0)
        self.optimizer = nn.Adam([self.w], lr=0.5)
        self.step = compile(self, self.optimizer, backend="python")

    def __call__(self, x: Any) -> Any:
        return self.w * x


def test_step_that_its_function_stores() -> None:
    holder = Holder()
    holder.step(1.0)
    copies: list[Any] = [pickle.loads(pickle.dumps(holder)), copy.deepcopy(holder)]
    for clone in copies:
        assert clone.step.function is clone
        assert clone.step.optimizer is clone.optimizer
        assert clone.step(1.0) == holder.w.data
        assert clone.w.data == pytest.approx(1.0)
        assert holder.w.data == pytest.approx(1.5)


def test_float32_stays_float32() -> None:
    pytest.importorskip("numpy")
    f = compile(rosenbrock, dtype="float32")
    f.value(0.1, 0.2)
    clone = pickle.loads(pickle.dumps(f))
    assert clone.value(0.1, 0.2) == f.value(0.1, 0.2) != rosenbrock(0.1, 0.2)


def test_pickle_without_packages_is_retraced(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numpy")
    loss = Loss()
    step = compile(loss)
    step(XS, YS)
    data = pickle.dumps(step)
    for package in ("numba", "numpy"):
        monkeypatch.setitem(sys.modules, package, None)
    clone = pickle.loads(data)
    assert clone.backend == "python"
    assert clone(XS, YS) == pytest.approx(step.function(XS, YS).data, rel=1e-12)


def test_pickle_of_changed_state_is_retraced() -> None:
    loss = Loss()
    step = compile(loss, backend="python")
    step(XS, YS)
    clone = pickle.loads(pickle.dumps(step))
    clone.function.model = nn.MLP(2, [4, 1], "relu", seed=5)
    assert clone(XS, YS) == clone.function(XS, YS).data
    assert not clone.fallbacks


def test_unpicklable_step_raises_type_error() -> None:
    w = Value(2.0)
    step = compile(lambda x: w * x)
    with pytest.raises(TypeError, match="an object with __call__ that stores the model"):
        pickle.dumps(step)
    outside = compile(uses_module_value, nn.SGD([OUTSIDE], lr=0.0))
    pickle.dumps(outside)  # nothing is traced yet
    outside(1.0)
    for copied in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match=r"it uses Value\(3.0, grad=1.0\) of its module"):
            copied(outside)


def test_step_without_optimizer_uses_the_values_of_its_module() -> None:
    step = compile(uses_module_value)
    step(1.0)
    clone = pickle.loads(pickle.dumps(step))
    OUTSIDE.grad = 0.0
    assert (clone(2.0), OUTSIDE.grad) == (6.0, 2.0)
