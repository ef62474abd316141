"""Schedules: hand-computed rates, steps beyond their end, and invalid arguments."""

import math
from typing import Any

import pytest

from autograd import Value
from nn import SGD, CosineAnnealingLR, LambdaLR, LinearLR, Schedule, StepLR


def _rates(kind: Any, steps: int, *args: Any, lr: float = 8.0, **options: Any) -> list[float]:
    optimizer = SGD([Value(0.0)], lr=lr)
    schedule = kind(optimizer, *args, **options)
    rates = [optimizer.lr]
    for _ in range(steps):
        schedule.step()
        rates.append(optimizer.lr)
        assert schedule.get_last_lr() == [optimizer.lr]
    assert schedule.last_epoch == steps
    return rates


def test_schedules_return_hand_computed_rates() -> None:
    assert _rates(StepLR, 5, 2, 0.5) == [8.0, 8.0, 4.0, 4.0, 2.0, 2.0]
    assert _rates(LinearLR, 4, 0.25, total_iters=3) == [2.0, 4.0, 6.0, 8.0, 8.0]
    assert _rates(LambdaLR, 3, lambda step: 2.0**-step) == [8.0, 4.0, 2.0, 1.0]
    assert _rates(CosineAnnealingLR, 2, 2, eta_min=2.0) == pytest.approx([8.0, 5.0, 2.0], rel=1e-15)


def test_cosine_annealing_rises_again_after_t_max() -> None:
    rates = _rates(CosineAnnealingLR, 8, 4)
    assert rates[4] == pytest.approx(0.0, abs=1e-15)
    assert rates[5:] == pytest.approx(rates[3::-1], abs=1e-14)


def test_schedule_sets_the_rate_of_the_first_step() -> None:
    w = Value(0.0)
    optimizer = SGD([w], lr=8.0)
    schedule = LinearLR(optimizer, 0.25, total_iters=3)
    w.grad = 1.0
    path = []
    for _ in range(3):
        optimizer.step()
        schedule.step()
        path.append(w.data)
    assert path == [-2.0, -6.0, -12.0]


def test_lambda_lr_combines_warm_up_and_cosine() -> None:
    rates = _rates(
        LambdaLR, 11, lambda step: min((step + 1) / 4, (1 + math.cos(math.pi * max(0, step - 3) / 8)) / 2)
    )
    assert rates[:4] == [2.0, 4.0, 6.0, 8.0]
    assert rates[3:] == sorted(rates[3:], reverse=True)


def test_schedule_at_sets_the_rate_of_any_step() -> None:
    optimizer = SGD([Value(0.0)], lr=8.0)
    schedule = StepLR(optimizer, 2, 0.5)
    schedule.at(5)
    assert (optimizer.lr, schedule.last_epoch) == (2.0, 5)
    schedule.step()
    assert (optimizer.lr, schedule.last_epoch) == (1.0, 6)


def test_step_raises_if_the_rate_was_changed_outside() -> None:
    optimizer = SGD([Value(0.0)], lr=8.0)
    schedule = StepLR(optimizer, 2)
    optimizer.lr = 3.0
    with pytest.raises(
        RuntimeError,
        match=r"StepLR.step\(\) expected the learning rate 8\.0, .* got 3\.0\. .* assign base_lr",
    ):
        schedule.step()
    assert (optimizer.lr, schedule.last_epoch) == (3.0, 0)


def test_second_schedule_of_an_optimizer_raises() -> None:
    optimizer = SGD([Value(0.0)], lr=8.0)
    first, second = LinearLR(optimizer, 0.25), StepLR(optimizer, 2)
    first.step()
    with pytest.raises(RuntimeError, match="To combine two schedules, use one LambdaLR"):
        second.step()


@pytest.mark.parametrize(
    ("kind", "options", "error", "message"),
    [
        (StepLR, {"step_size": 0}, ValueError, "of 1 or more for step_size, got int 0"),
        (StepLR, {"step_size": 2.0}, TypeError, "an int of 1 or more for step_size, got float 2.0"),
        (CosineAnnealingLR, {"T_max": -3}, ValueError, "of 1 or more for T_max, got int -3"),
        (LinearLR, {"total_iters": True}, TypeError, "an int of 1 or more for total_iters, got bool True"),
        (
            LinearLR,
            {"start_factor": 0.0},
            ValueError,
            "above 0 and at most 1 for start_factor, got float 0.0",
        ),
        (LinearLR, {"end_factor": 1.5}, ValueError, "between 0 and 1 for end_factor, got float 1.5"),
        (StepLR, {"step_size": 2, "gamma": "a"}, TypeError, "a real number for gamma, got str 'a'"),
        (LambdaLR, {"lr_lambda": 0.5}, TypeError, "a function for lr_lambda, got float 0.5"),
        (LambdaLR, {"lr_lambda": lambda step: -1.0}, ValueError, "of 0 or more for lr, got float -8.0"),
        (
            CosineAnnealingLR,
            {"T_max": 3, "eta_min": math.nan},
            ValueError,
            "of 0 or more for eta_min, got float nan",
        ),
    ],
)
def test_invalid_option_raises_and_keeps_the_rate(
    kind: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    optimizer = SGD([Value(0.0)], lr=8.0)
    with pytest.raises(error, match=message):
        kind(optimizer, **options)
    assert optimizer.lr == 8.0


def test_schedule_repr_shows_its_position() -> None:
    assert repr(StepLR(SGD([Value(0.0)], 0.5), 2)) == "StepLR(base_lr=0.5, last_epoch=0)"


def test_schedule_without_optimizer_or_function_raises_type_error() -> None:
    with pytest.raises(
        TypeError, match=r"^StepLR\(\) expected an Optimizer, got float 0\.1\. Pass an optimizer of nn"
    ):
        StepLR(0.1, 2)  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match=r"^Schedule\(\) expected a function for lr_at, got float 0\.5\. Pass"
    ):
        Schedule(SGD([Value(0.0)]), 0.5)  # type: ignore[arg-type]
