"""Optimizers over 100 steps, schedules and losses compared with PyTorch, recorded and, if installed, live."""

import math
from typing import Any

import pytest

import nn

from ..._support.optimizer_steps import (
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    STEPS,
    Case,
    loss_in_glassgrad,
    loss_in_pytorch,
    path_in_glassgrad,
    path_in_pytorch,
    rates_in_glassgrad,
    rates_in_pytorch,
)
from ..._support.pytorch import needs_torch
from ...golden.record_steps import read

GOLDEN = read()


def _assert_agree(actual: list[float], expected: list[float], slack: float) -> None:
    """To 1e-12, or where terms cancel to ``slack`` of the largest."""
    slack *= max(map(abs, expected))
    for i, (x, y) in enumerate(zip(actual, expected, strict=True)):
        assert math.isclose(x, y, rel_tol=1e-12, abs_tol=slack), (i, x, y)


def _assert_same_path(path: list[list[float]], torch_path: list[list[float]]) -> None:
    """Each parameter by itself, step by step."""
    for actual, expected in zip(zip(*path, strict=True), zip(*torch_path, strict=True), strict=True):
        _assert_agree([*actual], [*expected], 1e-14)


def each(cases: list[Case]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


@each(OPTIMIZERS)
def test_optimizer_path_agrees_with_recorded_pytorch(case: Case) -> None:
    assert len(GOLDEN[case.name]) == STEPS
    _assert_same_path(path_in_glassgrad(case), GOLDEN[case.name])


@each(SCHEDULES)
def test_schedule_rates_agree_with_recorded_pytorch(case: Case) -> None:
    assert len(GOLDEN[case.name]) == STEPS + 1
    _assert_agree(rates_in_glassgrad(case), GOLDEN[case.name], 1e-13)


@each(LOSSES)
def test_loss_agrees_with_recorded_pytorch(case: Case) -> None:
    _assert_agree(loss_in_glassgrad(case), GOLDEN[case.name], 1e-15)


@pytest.mark.torch
@needs_torch
@each(OPTIMIZERS)
def test_optimizer_path_agrees_with_live_pytorch(case: Case) -> None:
    live = path_in_pytorch(case)
    _assert_same_path(path_in_glassgrad(case), live)
    _assert_same_path(live, GOLDEN[case.name])


@pytest.mark.torch
@needs_torch
@each(SCHEDULES)
def test_schedule_rates_agree_with_live_pytorch(case: Case) -> None:
    live = rates_in_pytorch(case)
    _assert_agree(rates_in_glassgrad(case), live, 1e-13)
    _assert_agree(live, GOLDEN[case.name], 1e-13)


@pytest.mark.torch
@needs_torch
@each(LOSSES)
def test_loss_agrees_with_live_pytorch(case: Case) -> None:
    live = loss_in_pytorch(case)
    _assert_agree(loss_in_glassgrad(case), live, 1e-15)
    _assert_agree(live, GOLDEN[case.name], 1e-15)


def test_every_record_belongs_to_a_case() -> None:
    names = [case.name for case in (*OPTIMIZERS, *SCHEDULES, *LOSSES)]
    assert len(set(names)) == len(names)
    assert set(names) == set(GOLDEN)


def test_cases_cover_every_optimizer_and_schedule() -> None:
    public = [getattr(nn, name) for name in nn.__all__]
    classes = [thing for thing in public if isinstance(thing, type)]
    for base, cases in ((nn.Optimizer, OPTIMIZERS), (nn.Schedule, SCHEDULES)):
        names = {c.__name__ for c in classes if issubclass(c, base) and c is not base}
        assert names == {case.kind for case in cases}


@each(OPTIMIZERS)
def test_each_option_of_a_case_matters(case: Case) -> None:
    """Check that no case is trivial: without the option, the path differs."""
    path = path_in_glassgrad(case)
    assert all(map(math.isfinite, path[-1]))
    for option in case.options:
        fewer = {name: x for name, x in case.options.items() if name != option}
        if option == "momentum" and "nesterov" in fewer:
            continue  # raises ValueError
        if option == "weight_decay" and case == Case("AdamW", {"lr": 0.1, "weight_decay": 0.0}):
            fewer = {**fewer, "weight_decay": 0.01}
        assert _path_from(case, fewer) != path, option


def _path_from(case: Case, options: dict[str, Any]) -> list[list[float]]:
    """The path with other options, from the same start through the same noise."""

    class Same(Case):
        name = case.name  # type: ignore[assignment]

    return path_in_glassgrad(Same(case.kind, options))


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("kind", sorted({case.kind for case in (*OPTIMIZERS, *SCHEDULES)}))
def test_signatures_agree_with_pytorch(kind: str) -> None:
    import inspect

    import torch

    torch_class = getattr(torch.optim, kind, None) or getattr(torch.optim.lr_scheduler, kind)
    options = [*inspect.signature(getattr(nn, kind)).parameters.values()][1:]
    expected = [*inspect.signature(torch_class).parameters.values()][1 : len(options) + 1]
    assert [p.name for p in options] == [p.name for p in expected]
    for option, torch_option in zip(options, expected, strict=True):
        assert option.default == torch_option.default, option.name


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("kind", sorted({case.kind for case in LOSSES}))
def test_loss_options_agree_with_pytorch(kind: str) -> None:
    import inspect

    import torch

    torch_options = inspect.signature(getattr(torch.nn.functional, kind)).parameters
    for name, parameter in [*inspect.signature(getattr(nn, kind)).parameters.items()][2:]:
        assert torch_options[name].default == parameter.default
