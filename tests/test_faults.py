"""Whatever stops it, and wherever: nothing is corrupt, nothing is lost, and what is said is clear."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import autograd
from autograd import Value, compile, detect_anomaly, draw, explain, grad, hessian, no_grad, show, steps
from autograd.value import recorders, witnesses
from nn import MLP, SGD, Adam, Module, Optimizer, RMSprop, mse_loss, save

from . import faults
from .faults import lines_of, moments, stopped_at

#: So many moments of each are tried.
MOST = 60

INPUTS = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]]
TARGETS = [1.0, -1.0, 0.5]


def nothing_is_left_on() -> bool:
    """Whether the thread records as ever."""
    return not recorders and not witnesses and autograd.is_grad_enabled() and not (Value(1.0) * 2.0).is_leaf


def loss_of(model: Any) -> Value:
    return mse_loss([model(x) for x in INPUTS], TARGETS)


def gradients(model: Module) -> list[float | None]:
    for p in model.parameters():
        p.zero_grad()
    loss_of(model).backward()
    return [p.grad for p in model.parameters()]


@pytest.fixture(autouse=True)
def _one_failure_alone() -> Iterator[None]:
    """What one test leaves on is not to fail the next."""
    yield
    recorders.clear()
    witnesses.clear()


# Forward and backward -----------------------------------------------------------------------------


def _hessian(model: MLP) -> Any:
    return hessian(lambda a, b: model([a, b]) ** 2, [0.5, 1.0])


def _watched(model: MLP) -> None:
    with detect_anomaly():
        loss_of(model).backward()


def _without_grad(model: MLP) -> None:
    with no_grad():
        loss_of(model)


COMPUTING: dict[str, Callable[[MLP], Any]] = {
    "forward": loss_of,
    "both passes": lambda model: loss_of(model).backward(),
    "grad": lambda model: grad(loss_of(model), model.parameters(), create_graph=True),
    "hessian": _hessian,
    "detect_anomaly": _watched,
    "no_grad": _without_grad,
    "explain": lambda model: repr(explain(loss_of(model), model.parameters()[0])),
    "draw": lambda model: str(draw(loss_of(model))),
    "show": lambda model: str(show(loss_of(model))),
    "steps": lambda model: repr(steps(loss_of(model))),
}


@pytest.mark.parametrize("what", COMPUTING)
def test_interrupted_while_it_computes_it_is_made_good_by_zeroing(what: str, capsys: Any) -> None:
    run, model = COMPUTING[what], MLP(2, [3, 1], "tanh", seed=0)
    before, expected = model.state_dict(), gradients(model)
    run(model)  # what is made when it is first needed is there
    for number, error in moments(lines_of(lambda: run(model)), MOST, seed=0):
        assert stopped_at(number, lambda: run(model), error)
        assert nothing_is_left_on(), faults.where
        assert model.state_dict() == before
        assert gradients(model) == expected, faults.where


# A step is taken whole or not at all --------------------------------------------------------------

OPTIMIZERS: dict[str, Callable[[list[Any]], Optimizer]] = {
    "momentum": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    "adam": lambda parameters: Adam(parameters, lr=0.1),
    "rmsprop": lambda parameters: RMSprop(parameters, lr=0.1),
}
each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


class Training:
    """A model and its optimiser, after some steps."""

    def __init__(self, name: str, steps: int = 0, compiled: bool = False) -> None:
        self.model = MLP(2, [3, 1], "tanh", seed=0)
        self.optimizer = OPTIMIZERS[name](self.model.parameters())
        self.compiled = None
        if compiled:
            self.compiled = compile(lambda X, y: self.loss(X, y), self.optimizer, backend="python")
        for _ in range(steps):
            self.step()

    def loss(self, X: Any, y: Any) -> Value:
        return mse_loss([self.model(x) for x in X], y)

    def step(self) -> None:
        if self.compiled is not None:
            self.compiled(INPUTS, TARGETS)
            return
        loss = self.loss(INPUTS, TARGETS)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    @property
    def numbers(self) -> list[float]:
        """Parameters and what the optimiser keeps of them."""
        kept = [x for row in self.optimizer.state for x in row]
        return [*(p.data for p in self.model.parameters()), *kept]


def close(a: list[float], b: list[float]) -> bool:
    return a == pytest.approx(b, rel=1e-9, abs=1e-12)


@each_optimizer
def test_an_interrupted_step_is_taken_whole_or_not_at_all(name: str) -> None:
    before, after, later = (Training(name, n).numbers for n in (2, 3, 4))
    total = lines_of(Training(name, 2).step)
    moved = 0
    for number, error in moments(total, 2 * MOST, seed=1):
        training = Training(name, 2)
        assert stopped_at(number, training.step, error)
        assert nothing_is_left_on(), faults.where
        assert training.numbers in (before, after), faults.where
        whole = training.numbers == after
        moved += whole
        training.step()
        assert training.numbers == (later if whole else after), faults.where
    assert moved < MOST


def test_no_line_of_the_update_tears_it() -> None:
    """Every line of ``step()``, of an optimiser whose rule divides by 0 and is run on Values."""
    for number in range(1, 10**6):
        parameters = [Value(1.0), Value(2.0), Value(3.0)]
        optimizer = Adam(parameters, lr=0.1, eps=0.0)
        for p, g in zip(parameters, (0.5, 0.0, 0.25)):
            p.grad = g
        if not stopped_at(number, optimizer.step, MemoryError):
            break
        assert [p.data for p in parameters] == [1.0, 2.0, 3.0], faults.where
        assert optimizer.state == [[0.0] * len(optimizer.state_names)] * 3
        assert nothing_is_left_on(), faults.where
    assert number > 100


@each_optimizer
@pytest.mark.parametrize("calls", [0, 1, 2])
def test_an_interrupted_compiled_step_is_whole_too(name: str, calls: int) -> None:
    """The first call is recorded, the second held against eager, the third replayed."""
    before, after, later = (Training(name, n).numbers for n in (calls, calls + 1, calls + 2))
    Training(name, calls, compiled=True).step()
    total = lines_of(Training(name, calls, compiled=True).step)
    for number, error in moments(total, MOST // 2, seed=2):
        training = Training(name, calls, compiled=True)
        assert stopped_at(number, training.step, error)
        assert nothing_is_left_on(), faults.where
        whole = close(training.numbers, after)
        assert whole or close(training.numbers, before), faults.where
        training.step()
        assert close(training.numbers, later if whole else after), faults.where


def test_many_compiled_steps_end_after_a_whole_one() -> None:
    path = [Training("adam", n).numbers for n in range(9)]

    def run(training: Training) -> None:
        assert training.compiled is not None
        training.compiled.run(5, INPUTS, TARGETS)

    first = Training("adam", 2, compiled=True)
    total = lines_of(lambda: run(first))
    for number, error in moments(total, MOST, seed=3):
        training = Training("adam", 2, compiled=True)
        assert stopped_at(number, lambda t=training: run(t), error)
        taken = [n for n, numbers in enumerate(path) if close(training.numbers, numbers)]
        assert len(taken) == 1, faults.where
        training.step()
        assert close(training.numbers, path[taken[0] + 1])


def test_an_interrupted_load_is_whole_or_not_at_all() -> None:
    old, new = (MLP(2, [3, 1], seed=seed).state_dict() for seed in (0, 1))
    for number in range(1, 10**6):
        model = MLP(2, [3, 1], seed=0)
        if not stopped_at(number, lambda m=model: m.load_state_dict(new), KeyboardInterrupt):
            break
        assert model.state_dict() in (old, new), faults.where
    assert number > 20


# Saving -------------------------------------------------------------------------------------------


def _root() -> Value:
    w, x = Value(2.0, label="w"), Value(5.0, label="x")
    return (w * x - 12.0) ** 2


SAVING: dict[str, Callable[[Path], Any]] = {
    "model.json": lambda path: save(MLP(2, [2, 1], seed=0), path),
    "graph.dot": lambda path: draw(_root()).save(path),
    "graph.svg": lambda path: draw(_root()).save(path),
    "steps.html": lambda path: steps(_root()).save(path),
}
each_file = pytest.mark.parametrize("name", SAVING)


@each_file
def test_interrupted_while_it_saves_the_old_file_or_the_new_one_is_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    SAVING[name](path)
    new, old = path.read_bytes(), b"what was there"
    for number, error in moments(lines_of(lambda: SAVING[name](path)), MOST // 2, seed=4):
        path.write_bytes(old)
        assert stopped_at(number, lambda: SAVING[name](path), error)
        assert path.read_bytes() in (old, new), faults.where
        assert [*tmp_path.iterdir()] == [path], faults.where
    assert path.read_bytes() in (old, new)
