"""Parameters stay in a program from call to call, unless other code may have written one."""

import math
import random
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import autograd
import nn
from autograd import Value, compile

from ..._support.compiled import BACKENDS

each_backend = pytest.mark.parametrize("backend", BACKENDS)


def _again(leaf: Value, x: float) -> None:
    Value.__init__(leaf, x)  # type: ignore[misc]


def _by_an_optimizer(leaf: Value, x: float) -> None:
    leaf.grad = leaf.data - x
    nn.SGD([leaf], lr=1.0).step()


def _by_another_step(leaf: Value, x: float) -> None:
    other = compile(lambda y: 0.5 * (leaf - y) ** 2, nn.SGD([leaf], lr=1.0), backend="python")
    other(x)


def _loaded(leaf: Value, x: float) -> None:
    model = nn.Module()
    model.leaf = leaf  # type: ignore[attr-defined]
    model.load_state_dict({"leaf": x})


WRITES: dict[str, Callable[[Value, float], None]] = {
    "data": lambda leaf, x: setattr(leaf, "data", x),
    "__init__": _again,
    "an optimizer": _by_an_optimizer,
    "another step": _by_another_step,
    "load_state_dict": _loaded,
}


@each_backend
@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize("how", WRITES)
def test_data_written_between_calls_is_read(how: str, moves: bool, backend: str) -> None:
    """Write a leaf that the step updates, and one that it does not update."""
    w, u = nn.Parameter(2.0), nn.Parameter(12.0)
    step = compile(lambda x: (w * x - u) ** 2, nn.SGD([w], lr=0.01), backend=backend)
    step(5.0)
    step(5.0)
    WRITES[how](w if moves else u, 3.5)
    assert (w if moves else u).data == 3.5
    data = w.data
    expected = (data * 5.0 - u.data) ** 2
    assert math.isclose(step(5.0), expected, rel_tol=1e-12)  # call 3 is not audited
    assert math.isclose(w.data, data - 0.01 * 2.0 * (data * 5.0 - u.data) * 5.0, rel_tol=1e-12)


@each_backend
def test_a_zero_of_the_other_sign_is_another_number(backend: str) -> None:
    w = Value(1.0)
    step = compile(lambda x: 1.0 / (w * x), nn.SGD([w], lr=0.0), backend=backend)
    step(1.0)
    step(1.0)
    w.data = 0.0
    assert step(1.0) == math.inf
    step(1.0)
    w.data = -0.0
    assert step(1.0) == -math.inf


def _history(seed: int, backend: str | None) -> list[float]:
    """Return losses and parameters of two steps on the same parameters, with random actions in between.

    The steps run compiled, or by hand if ``backend`` is None.
    """
    rng = random.Random(seed)
    parameters = [Value(x) for x in (0.5, -1.0, 0.25)]
    optimizers = [nn.SGD(parameters, lr=0.05, momentum=0.5), nn.Adam(parameters, lr=0.05)]

    def loss(xs: list[float]) -> Value:
        a, b, c = parameters
        return autograd.sum([(a * x + b).tanh() * c - 0.3 * x for x in xs]) ** 2

    def by_hand(index: int, xs: list[float]) -> float:
        result = loss(xs)
        optimizers[index].zero_grad()
        result.backward()
        optimizers[index].step()
        return result.data

    steps = [compile(loss, optimizer, backend=backend or "python") for optimizer in optimizers]
    results: list[float] = []
    for _ in range(120):
        k, xs = rng.randrange(2), [rng.uniform(-1.0, 1.0) for _ in range(rng.choice([4, 5]))]
        what = rng.choice([*["step"] * 8, "run", "each", "write", "by hand", "rate"])
        count = 3 if what in ("run", "each") else 1
        if what == "write":
            parameters[rng.randrange(3)].data = xs[0]
        elif what == "rate":
            optimizers[k].lr = 0.01 * len(xs)
        elif backend is None or what == "by hand":
            results += [by_hand(k, xs) for _ in range(count)]
        elif what == "each":
            results += steps[k].each([(xs,)] * count)
        else:
            results += steps[k].run(count, xs) if what == "run" else [steps[k](xs)]
    return results + [w.data for w in parameters]


@each_backend
@pytest.mark.parametrize("seed", range(8))
def test_random_actions_between_calls_match_eager(backend: str, seed: int) -> None:
    assert _history(seed, backend) == pytest.approx(_history(seed, None), rel=1e-6, abs=1e-9)


@each_backend
def test_threads_that_step_on_the_same_parameter(backend: str) -> None:
    """The order of concurrent steps is undefined; after them, the next step reads the current parameters."""
    w = Value(2.0)
    rates = (0.01, 0.03)
    steps = [compile(lambda x: (w * x) ** 2, nn.SGD([w], lr=lr), backend=backend) for lr in rates]
    for step in steps:
        step(1.0)
        step(1.0)
    for _ in range(20):
        w.data = 2.0
        threads = [threading.Thread(target=lambda s=step: [s(1.0) for _ in range(5)]) for step in steps]
        threads.append(threading.Thread(target=lambda: [setattr(w, "data", 1.0 + k) for k in range(20)]))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for step in steps:
            data = w.data
            assert math.isclose(step(1.0), data * data, rel_tol=1e-12)


def test_step_after_interrupt_starts_from_the_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the interrupt the program has updated its copy, but not the parameters."""
    w = Value(2.0)
    step = compile(lambda x: (w * x) ** 2, nn.SGD([w], lr=0.1), backend="python")
    step(1.0)
    step(1.0)
    before = w.data

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(step._step, "commit", stopped)
        with pytest.raises(KeyboardInterrupt):
            step(1.0)
    assert w.data == before
    assert math.isclose(step(1.0), before**2, rel_tol=1e-12)


def test_batches_after_interrupt_start_from_the_parameters() -> None:
    w = Value(2.0)
    step = compile(lambda x: (w * x) ** 2, nn.SGD([w], lr=0.1), backend="python")
    for _ in range(5):
        step(1.0)

    def batches() -> Any:
        yield from [(1.0,)] * 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        step.each(batches())
    assert math.isclose(w.data, 2.0 * 0.8**7, rel_tol=1e-12)
    w.data = 3.0
    assert step.each([(1.0,)]) == [9.0]


def test_writers_of_data_are_known() -> None:
    """All others go through the property, because a parameter may be resident (see residence.py)."""
    package = Path(autograd.__file__).parent
    writers = {
        f"{path.relative_to(package).as_posix()}: {match}"
        for root in (package, Path(nn.__file__).parent)
        for path in root.rglob("*.py")
        for match in re.findall(r"(\w+)\._data(?: =[^=]|,.* =[^=]| [-+*/]=)", path.read_text())
    }
    assert writers == {
        "value.py: self",
        "value.py: node",
        "compiler/residence.py: parameter",
    }
