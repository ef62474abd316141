"""Programs update as the optimizer's step() does, also after its class, its rule or its methods change."""

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import nn
from autograd import CompileWarning, Value, compile
from nn.optim import updates

from ..._support.compiled import BACKENDS

SETTINGS = SimpleNamespace(scale=1.0)
CALLS: list[float] = []
RNG = random.Random(0)


class Clip(nn.SGD):
    """A step() that does more than apply the rule."""

    def step(self) -> None:
        nn.clip_grad_norm_(self.parameters, 0.5)
        super().step()


class Keeps(nn.SGD):
    def zero_grad(self) -> None:
        self.parameters[0].data = 3.0


class Warm(nn.SGD):
    warm = 0.0

    @property
    def hyperparameters(self) -> dict[str, Any]:
        return {**super().hyperparameters, "lr": self.lr * self.warm}


class Computed(nn.SGD):
    reads = 0

    @property
    def momentum(self) -> float:
        self.reads += 1
        return 0.1 * self.reads

    @momentum.setter
    def momentum(self, momentum: float) -> None:
        pass


class Scaled(nn.Optimizer):
    """A rule that reads a global."""

    rule = staticmethod(lambda parameter, gradient, lr: (parameter - lr * SETTINGS.scale * gradient,))


class OfClass(nn.Optimizer):
    """A rule that reads its class."""

    scale = 1.0

    @classmethod
    def rule(cls, parameter: Any, gradient: Any, lr: Any) -> Any:
        return (parameter - lr * cls.scale * gradient,)


class CallsModule(nn.Optimizer):
    """A rule that calls a function of nn by its module."""

    rule = staticmethod(lambda parameter, gradient, lr: (updates.sgd_update(parameter, gradient, lr),))


class Noisy(nn.Optimizer):
    rule = staticmethod(lambda parameter, gradient, lr: (parameter - lr * gradient * RNG.random(),))


class Counts(nn.Optimizer):
    @staticmethod
    def rule(parameter: Any, gradient: Any, lr: Any) -> Any:
        CALLS.append(1.0)
        return (parameter - lr * gradient * len(CALLS),)


class OnFloats(nn.Optimizer):
    @staticmethod
    def rule(parameter: Any, gradient: Any, lr: Any) -> Any:
        return (parameter - (2.0 if isinstance(gradient, float) else 1.0) * lr * gradient,)


class Descends(nn.SGD):
    """Another rule, also for a momentum of 0."""

    rule = staticmethod(updates.momentum_update)


def ascend(*numbers: Any, lr: Any, **settings: Any) -> Any:
    return (numbers[0] + lr * numbers[1], *numbers[2:])


def eager_steps(optimizer: Any, changes: dict[int, Callable[[Any], Any]]) -> list[float]:
    (w,) = optimizer.parameters
    numbers: list[float] = []
    for i in range(8):
        changes.get(i, id)(optimizer)
        loss = w * (1.0 + i)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        numbers += [loss.data, w.data, w.grad]
    return numbers


def compiled_steps(optimizer: Any, changes: dict[int, Callable[[Any], Any]], backend: str) -> list[float]:
    (w,) = optimizer.parameters
    step = compile(lambda x: w * x, optimizer, backend=backend)
    numbers: list[float] = []
    for i in range(8):
        changes.get(i, id)(optimizer)
        numbers += [step(1.0 + i), w.data, w.grad]
    return numbers


def check(
    make: Callable[[list[Value]], Any], change: Callable[[Any], Any] = id, backend: str = "python"
) -> None:
    """Compare compiled steps with eager ones, before and after a change, which is then undone by the test."""
    expected = eager_steps(make([Value(2.0)]), {3: change})
    reset()
    assert compiled_steps(make([Value(2.0)]), {3: change}, backend) == pytest.approx(expected, rel=1e-12)


def reset() -> None:
    SETTINGS.scale, OfClass.scale = 1.0, 1.0
    CALLS.clear()
    RNG.seed(0)


@pytest.fixture(autouse=True)
def _as_before() -> Any:
    reset()
    yield
    reset()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("optimizer", [Clip, Warm, Computed])
def test_optimizer_with_methods_of_its_own_updates_as_eager(optimizer: Any, backend: str) -> None:
    with pytest.warns(CompileWarning, match=rf"own step\(\) is called: {optimizer.__name__}\."):
        check(lambda p: optimizer(p, lr=0.125, momentum=0.5), backend=backend)


def test_zero_grad_of_an_optimizer_with_its_own_is_called() -> None:
    w, idle = Value(2.0), Value(1.0)
    idle.grad = 5.0
    step = compile(lambda x: w * x, Keeps([w], lr=0.0))
    with pytest.warns(CompileWarning, match=r"Keeps\.zero_grad is not that of nn\.Optimizer"):
        step(1.0)
    assert w.data == 3.0
    step = compile(lambda x: w * x, Clip([w, idle], lr=0.5))
    with pytest.warns(CompileWarning, match=r"Clip\.step is not that of nn\.Optimizer"):
        step(1.0)
    assert (round(w.data, 6), idle.data, idle.grad) == (2.75, 1.0, 0.0)


@pytest.mark.parametrize("before", [True, False])
def test_step_as_an_attribute_is_called(before: bool) -> None:
    w = Value(2.0)
    optimizer = nn.SGD([w], lr=0.5)
    step = compile(lambda x: w * x, optimizer)
    if not before:
        assert [step(1.0), w.data] == [2.0, 1.5]
    vars(optimizer)["step"] = lambda: setattr(w, "data", 9.0)
    with pytest.warns(CompileWarning, match=r"SGD\.step is not that of nn\.Optimizer"):
        step(1.0)
    assert w.data == 9.0
    del vars(optimizer)["step"]
    step(1.0)
    assert w.data == 8.5


@pytest.mark.parametrize("before", [True, False])
def test_replaced_method_of_a_class_is_called(before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    w = Value(2.0)
    step = compile(lambda x: w * x, nn.Adam([w], lr=0.5))
    if not before:
        step(1.0)
    monkeypatch.setattr(nn.Adam, "step", lambda self: setattr(w, "data", 9.0))
    with pytest.warns(CompileWarning, match=r"Adam\.step is not that of nn\.Optimizer"):
        step(1.0)
    assert w.data == 9.0


CHANGES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "a global": (Scaled, lambda _: setattr(SETTINGS, "scale", 0.25)),
    "an attribute of the class": (OfClass, lambda _: setattr(OfClass, "scale", 0.25)),
    "the class": (nn.Adam, lambda optimizer: setattr(optimizer, "__class__", nn.AdamW)),
    "the learning rate": (nn.SGD, lambda optimizer: setattr(optimizer, "lr", 0.5)),
    "a hyperparameter": (nn.SGD, lambda optimizer: setattr(optimizer, "momentum", 0.5)),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("changed", CHANGES)
def test_update_after_a_change_is_that_of_eager(changed: str, backend: str) -> None:
    optimizer, change = CHANGES[changed]
    settings = {"weight_decay": 0.5} if optimizer is nn.Adam else {}
    check(lambda p: optimizer(p, lr=0.125, **settings), change, backend)


def test_replaced_rule_is_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    for optimizer in (Scaled, Descends, nn.SGD, nn.Adam):
        with monkeypatch.context() as patch:
            w = Value(2.0)
            step = compile(lambda x: w * x, optimizer([w], lr=0.5))  # noqa: B023
            step(1.0)
            w.data = 2.0
            patch.setattr(optimizer, "rule", staticmethod(ascend))
            step(1.0)
            assert w.data == 2.5
            optimizer([w], lr=0.5).step()
            assert w.data == 3.0


@pytest.mark.parametrize("optimizer", [CallsModule, nn.Adam])
def test_replaced_function_that_a_rule_calls_is_applied(
    optimizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = Value(2.0)
    step = compile(lambda x: w * x, optimizer([w], lr=0.5))
    step(1.0)
    monkeypatch.setattr(updates, "sgd_update", lambda parameter, gradient, lr: parameter + 7.0 * lr)
    before = w.data
    step(1.0)
    assert w.data == before + 3.5
    assert not step.fallbacks


def test_changed_default_of_a_rule_is_applied() -> None:
    def rule(parameter: Any, gradient: Any, lr: Any, scale: float = 1.0) -> Any:
        return (parameter - scale * lr * gradient,)

    w = Value(2.0)
    optimizer = type("Defaults", (nn.Optimizer,), {"rule": staticmethod(rule)})([w], lr=0.5)
    step = compile(lambda x: w * x, optimizer)
    step(1.0)
    rule.__defaults__ = (3.0,)
    step(1.0)
    assert (w.data, step.fallbacks) == (0.0, [])


@pytest.mark.parametrize(
    ("optimizer", "why"),
    [
        (Noisy, "it draws random numbers from RNG"),
        (OnFloats, "it computes something else on floats"),
    ],
)
def test_rule_that_no_program_can_repeat_is_applied_by_step(optimizer: Any, why: str) -> None:
    with pytest.warns(CompileWarning, match=rf"own step\(\) is called: its rule cannot be traced: {why}"):
        check(lambda p: optimizer(p, lr=0.125))


def test_rule_that_changes_what_it_reads_is_reported() -> None:
    w = Value(2.0)
    step = compile(lambda x: w * x, Counts([w], lr=0.5))
    with pytest.warns(CompileWarning, match="its rule cannot be traced: it changes what it reads: CALLS"):
        step(1.0)
    for _ in range(4):
        calls, before = len(CALLS), w.data
        step(1.0)
        assert (len(CALLS), w.data) == (calls + 1, before - 0.5 * (calls + 1))


@pytest.mark.filterwarnings("ignore::autograd.CompileWarning")
def test_rule_whose_settings_keep_changing_is_applied_by_step() -> None:
    w = Value(0.0)
    step = compile(lambda x: w * x, Scaled([w], lr=0.5), backend="python")
    for i in range(40):
        SETTINGS.scale, before = float(i), w.data
        step(1.0)
        assert w.data == before - 0.5 * i
    assert step.fallbacks[-1].endswith("own step() is called: what its rule reads changed 32 times")


def test_other_parameters_are_updated() -> None:
    w, v = Value(2.0), Value(3.0)
    optimizer = nn.SGD([w, v], lr=0.5)
    step = compile(lambda xs: sum((w * v * x for x in xs), Value(0.0)), optimizer)
    for count in (20, 21):
        w.data, v.data = 2.0, 3.0
        step([1.0] * count)
        assert (w.data, v.data) == (2.0 - 1.5 * count, 3.0 - count)
    optimizer.parameters.reverse()
    for count in (21, 22):
        w.data, v.data = 2.0, 3.0
        step([1.0] * count)
        assert (w.data, v.data) == (2.0 - 1.5 * count, 3.0 - count)


def test_function_and_optimizer_of_a_step_cannot_be_replaced() -> None:
    w = Value(2.0)
    optimizer = nn.SGD([w], lr=0.5)
    step = compile(lambda x: w * x, optimizer)
    assert step.optimizer is optimizer
    for name in ("function", "optimizer"):
        with pytest.raises(AttributeError, match="has no setter"):
            setattr(step, name, None)
