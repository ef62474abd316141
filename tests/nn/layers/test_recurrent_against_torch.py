"""Recurrent cells compared with PyTorch, recorded and, if installed, live: outputs, gradients, training."""

import math
import random
from itertools import chain

import pytest

from ..._support.pytorch import needs_torch
from ..._support.recurrent_runs import RUNS, STEPS, Run, Trained, in_glassgrad, in_pytorch
from ...golden.record_recurrent import read

GOLDEN = read()

each_run = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)


def _assert_agree(actual: Trained, expected: Trained) -> None:
    """To 1e-12, or where terms cancel to 1e-14 of the largest of its kind."""
    for kind, a, b in zip(actual._fields, actual, expected, strict=True):
        slack = 1e-14 * max(map(abs, b))
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert math.isclose(x, y, rel_tol=1e-12, abs_tol=slack), (kind, i, x, y)


@each_run
def test_run_agrees_with_recorded_pytorch(run: Run) -> None:
    _assert_agree(in_glassgrad(run), GOLDEN[run.name])


@pytest.mark.torch
@needs_torch
@each_run
def test_recorded_runs_agree_with_live_pytorch(run: Run) -> None:
    _assert_agree(in_pytorch(run), GOLDEN[run.name])


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("seed", range(12))
def test_random_cell_agrees_with_pytorch(seed: int) -> None:
    rng = random.Random(seed)
    length = rng.randint(1, 15)
    run = Run(
        rng.choice(["tanh", "relu", "lstm"]),
        rng.randint(1, 4),
        rng.randint(1, 4),
        length,
        rng.choice([None, rng.randint(1, length)]),
        rng.random() < 0.5,
        rng.uniform(0.01, 0.3),
    )
    _assert_agree(in_glassgrad(run), in_pytorch(run))


def test_every_recorded_run_belongs_to_a_run() -> None:
    assert len({run.name for run in RUNS}) == len(RUNS)
    assert {run.name for run in RUNS} == set(GOLDEN)


@each_run
def test_recorded_run_is_not_trivial(run: Run) -> None:
    """Training goes somewhere, and parameters have gradients (dead relus and zero states have none)."""
    record = GOLDEN[run.name]
    assert len(record.losses) == STEPS
    assert all(map(math.isfinite, chain(*record)))
    assert record.losses[-1] < record.losses[0]
    assert sum(g != 0.0 for g in record.first_gradients) >= len(record.parameters) // 3
