"""Long training runs, shortened here: constant memory, agreement with PyTorch, independent threads.

``python -m tests._support.long_runs`` takes a million steps.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from ..._support.long_runs import APART, Run, apart, compiled, eager, in_torch, on_threads

in_python = partial(compiled, backend="python")
ways = pytest.mark.parametrize("train", [eager, in_python], ids=["eager", "compiled"])


@pytest.fixture
def tracemalloc_running() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


lengths = pytest.mark.parametrize("steps", [2000, pytest.param(20_000, marks=pytest.mark.slow)])


@ways
@lengths
@pytest.mark.usefixtures("tracemalloc_running")
def test_more_steps_take_no_more_memory(train: Callable[[int], Run], steps: int) -> None:
    run = train(steps)
    assert len(run.python_bytes) == 9
    first, *later = run.python_bytes[2:]  # later than everything that is allocated once
    assert max(later) - first < steps  # less than one byte for each step


def test_compiled_training_agrees_with_eager() -> None:
    assert apart(eager(2000), in_python(2000)) < APART


@pytest.mark.torch
@ways
@pytest.mark.parametrize("steps", [500, pytest.param(20_000, marks=pytest.mark.slow)])
def test_long_training_agrees_with_pytorch(train: Callable[[int], Run], steps: int) -> None:
    pytest.importorskip("torch")
    run = train(steps)
    assert run.losses[-1] < 0.1
    assert apart(run, in_torch(steps)) < APART


@ways
def test_eight_threads_train_as_sequentially(train: Callable[[int, int], Run]) -> None:
    runs = on_threads(train, 150)
    assert len({run.parameters[0] for run in runs}) == 8
    for seed, run in enumerate(runs):
        expected = train(150, seed)
        assert (run.parameters, run.losses) == (expected.parameters, expected.losses)
