"""Networks compared with PyTorch, recorded and, if installed, live: outputs, gradients, 20 steps."""

import math
import random
from itertools import chain
from typing import Any

import pytest

from .._support.pytorch import needs_torch
from .._support.runs import (
    ACTIVATIONS,
    LOSSES,
    RUNS,
    STEPS,
    Adapted,
    Run,
    Trained,
    in_glassgrad,
    in_pytorch,
    maml_in_glassgrad,
    maml_in_pytorch,
    weights,
)
from ..golden.record_nn import read

GOLDEN, GOLDEN_MAML = read()

each_run = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)


def _flat(numbers: Any) -> list[float]:
    return [*numbers] if isinstance(numbers, list) else [numbers]


def _assert_agree(actual: Trained | Adapted, expected: Trained | Adapted) -> None:
    """To 1e-12, or where terms cancel to 1e-14 of the largest of its kind (after 20 steps 1e-13)."""
    for kind, a, b in zip(actual._fields, actual, expected, strict=True):
        a, b = _flat(a), _flat(b)
        slack = max(map(abs, b)) * (1e-13 if kind in {"losses", "last_gradients", "parameters"} else 1e-14)
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert math.isclose(x, y, rel_tol=1e-12, abs_tol=slack), (kind, i, x, y)


@each_run
def test_run_agrees_with_recorded_pytorch(run: Run) -> None:
    _assert_agree(in_glassgrad(run), GOLDEN[run.name])


@each_run
def test_unfused_run_agrees_with_recorded_pytorch(run: Run) -> None:
    _assert_agree(in_glassgrad(run, fused=False), GOLDEN[run.name])


def test_maml_step_agrees_with_recorded_pytorch() -> None:
    _assert_agree(maml_in_glassgrad(), GOLDEN_MAML)


@pytest.mark.torch
@needs_torch
@each_run
def test_recorded_runs_agree_with_live_pytorch(run: Run) -> None:
    _assert_agree(in_pytorch(run), GOLDEN[run.name])


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("seed", range(15))
def test_random_network_agrees_with_pytorch(seed: int) -> None:
    rng = random.Random(seed)
    widths = (*(rng.randint(1, 6) for _ in range(rng.randint(0, 3))), rng.randint(1, 2))
    run = Run(
        rng.choice(["moons", "xor"]),
        widths,
        rng.choice(ACTIVATIONS),
        rng.choice(LOSSES),
        rng.uniform(0.01, 0.3),
    )
    _assert_agree(in_glassgrad(run), in_pytorch(run))


@pytest.mark.torch
@needs_torch
def test_maml_step_agrees_with_live_pytorch() -> None:
    live = maml_in_pytorch()
    _assert_agree(maml_in_glassgrad(), live)
    _assert_agree(live, GOLDEN_MAML)


def test_every_recorded_run_belongs_to_a_run() -> None:
    assert len({run.name for run in RUNS}) == len(RUNS)
    assert {run.name for run in RUNS} == set(GOLDEN)


def test_the_runs_cover_every_activation_and_loss() -> None:
    from nn.layers.mlp import ACTIVATIONS as OURS

    assert set(ACTIVATIONS) == set(OURS)
    assert {(run.activation, run.loss) for run in RUNS} == {(a, b) for a in ACTIVATIONS for b in LOSSES}


@each_run
def test_recorded_run_is_not_trivial(run: Run) -> None:
    """Training goes somewhere: the loss falls, and parameters have gradients (dead relus have none)."""
    record = GOLDEN[run.name]
    assert len(record.losses) == STEPS
    assert len(record.first_gradients) == len(record.parameters) == len(weights(run))
    assert all(map(math.isfinite, chain(*record)))
    assert record.losses[-1] < 0.99 * record.losses[0]
    assert sum(g != 0.0 for g in record.first_gradients) >= len(record.parameters) // 3
