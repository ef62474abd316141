"""Many steps at once: Ctrl-C takes effect soon, and a generator may change state between two steps."""

import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from autograd import Value, compile
from autograd.compiler import calls
from nn import SGD, Adam

from ..._support.compiled import BACKENDS

each_backend = pytest.mark.parametrize("backend", BACKENDS)


def descent(backend: str, optimizer: Any = SGD) -> tuple[Value, Any, Any]:
    """A parameter, its optimizer, and the compiled step of (w·x − 3)²."""
    w = Value(5.0)
    moving = optimizer([w], lr=0.01)
    return w, moving, compile(lambda x: (w * x - 3.0) ** 2, moving, backend=backend)


# run --------------------------------------------------------------------------------------------------


@each_backend
@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_run_in_short_stretches_takes_the_same_steps(
    backend: str, optimizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    w, moving, step = descent(backend, optimizer)
    expected = step.run(100, 1.0)
    numbers = [w.data, w.grad, *moving.state[0]]
    monkeypatch.setattr(calls, "STRETCH", 0.0)
    w, moving, step = descent(backend, optimizer)
    assert step.run(100, 1.0) == expected
    assert [w.data, w.grad, *moving.state[0]] == numbers
    (program,) = step._step.programs.popitem()[1]
    assert program.calls == 3  # one audited, another one audited, and the rest, in however many stretches


@each_backend
@pytest.mark.usefixtures("interruptible")
def test_interrupted_run_keeps_the_completed_steps(backend: str) -> None:
    w, moving, step = descent(backend)
    moving.lr = 1e-9
    step.run(100, 1.0)
    start = w.data
    interrupted = time.perf_counter()

    def interrupt() -> None:
        nonlocal interrupted
        time.sleep(0.3)
        interrupted = time.perf_counter()
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        step.run(10**10, 1.0)
    late = time.perf_counter() - interrupted
    thread.join()
    assert late < 5.0  # 10**10 steps would take a minute at least
    assert w.data < start  # towards 3
    before = w.data
    assert step.run(10, 1.0)[0] == pytest.approx((before - 3.0) ** 2)
    assert not step.fallbacks


# each -------------------------------------------------------------------------------------------------


@each_backend
@pytest.mark.parametrize("as_list", [True, False])
def test_each_takes_the_same_steps_from_a_list_and_from_a_generator(backend: str, as_list: bool) -> None:
    batches = [(0.1 * k,) for k in range(20)]
    w, moving, step = descent(backend, Adam)
    expected = [step(*batch) for batch in batches]
    reference, other, reference_step = descent(backend, Adam)
    assert reference_step.each(batches if as_list else iter(batches)) == expected
    assert [reference.data, reference.grad, *other.state[0]] == [w.data, w.grad, *moving.state[0]]


@each_backend
def test_generator_may_read_and_write_parameters_between_steps(backend: str) -> None:
    w, moving, step = descent(backend)
    path: list[float] = []

    def batches() -> Iterator[tuple[float]]:
        for k in range(10):
            path.append(w.data)
            if k == 6:
                w.data = 4.0
                moving.lr = 0.5
            yield (1.0,)

    losses = step.each(batches())
    assert losses == [pytest.approx((x - 3.0) ** 2) for x in [*path[:6], 4.0, *path[7:]]]
    assert path[1] == pytest.approx(5.0 - 0.01 * 2.0 * (5.0 - 3.0))
    assert path[7] == pytest.approx(4.0 - 0.5 * 2.0 * (4.0 - 3.0))


@each_backend
def test_generator_may_change_the_optimizer_state(backend: str) -> None:
    w = Value(5.0)
    moving = SGD([w], lr=0.01, momentum=0.9)
    step = compile(lambda x: (w * x - 3.0) ** 2, moving, backend=backend)

    def batches() -> Iterator[tuple[float]]:
        for k in range(10):
            if k == 5:
                moving.momentum = 0.0
            yield (1.0,)

    losses = step.each(batches())
    x, speed, expected = 5.0, 0.0, []
    for k in range(10):
        expected.append((x - 3.0) ** 2)
        speed = (0.9 if k < 5 else 0.0) * speed + 2.0 * (x - 3.0)
        x -= 0.01 * speed
    assert losses == pytest.approx(expected)


@each_backend
def test_step_may_be_called_inside_its_own_generator(backend: str) -> None:
    w, _, step = descent(backend)
    inside: list[float] = []

    def batches() -> Iterator[tuple[float]]:
        for _ in range(5):
            inside.append(step(1.0))
            yield (1.0,)

    thread = threading.Thread(target=lambda: outside.extend(step.each(batches())), daemon=True)
    outside: list[float] = []
    thread.start()
    thread.join(60.0)
    assert not thread.is_alive(), "it waits for itself"
    steps = [loss for pair in zip(inside, outside, strict=True) for loss in pair]
    reference, _, reference_step = descent(backend)
    assert steps == reference_step.run(10, 1.0)
    assert w.data == reference.data


class Writes(list[Any]):
    """A list whose elements write a parameter when they are read."""

    def __init__(self, items: Any, w: Value) -> None:
        super().__init__(items)
        self.w = w

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            self.w.data = 7.0
            yield item


@each_backend
def test_subclass_of_list_may_write_parameters_between_steps(backend: str) -> None:
    w = Value(2.0)
    step = compile(lambda x: w * x, SGD([w], lr=0.5), backend=backend)
    assert step.each(Writes([(1.0,)] * 8, w)) == [7.0] * 8
    assert step.each([(1.0,), Writes((1.0,), w), (1.0,), Writes((2.0,), w)]) == [6.5, 7.0, 6.5, 14.0]
    assert w.data == 6.0


def test_interrupted_first_run_loads_its_arguments_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numpy")
    from autograd.compiler.backends.memory import Outside

    w = Value(2.0)
    step = compile(lambda x, y: w * (x * y), backend="numpy", dtype="float32", audit=0)
    assert step(1.0, 2.0) == 4.0

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Outside, "load", interrupt)
        with pytest.raises(KeyboardInterrupt):
            step(3.0, 5.0)
    assert step(3.0, 5.0) == 30.0
