"""Clipping: hand-computed numbers, agreement with live PyTorch, and invalid arguments."""

import math
import random
from typing import Any

import pytest

from autograd import Value
from nn import MLP, SGD, Parameter, clip_grad_norm_, clip_grad_value_, mse_loss

from ..._support.pytorch import needs_torch

ORDERS = (1.0, 1.5, 2.0, 3.0, math.inf)
INF, NAN = math.inf, math.nan


def _with(*gradients: float | None) -> list[Value]:
    values = [Value(1.0) for _ in gradients]
    for value, gradient in zip(values, gradients, strict=True):
        value.grad = gradient
    return values


def _grads(values: list[Value]) -> list[float]:
    return [value.grad for value in values]


def test_clip_grad_value_limits_each_gradient() -> None:
    values = _with(-20.0, 4.0, 5.0, 0.0, None)
    assert clip_grad_value_(values, 5.0) is None  # type: ignore[func-returns-value]
    assert _grads(values) == [-5.0, 4.0, 5.0, 0.0, 0.0]


@pytest.mark.parametrize(("order", "norm"), [(1.0, 7.0), (2.0, 5.0), (3.0, 91.0 ** (1 / 3)), (math.inf, 4.0)])
def test_clip_grad_norm_scales_all_gradients(order: float, norm: float) -> None:
    values = _with(3.0, None, -4.0)
    assert clip_grad_norm_(values, 1.0, order) == pytest.approx(norm, rel=1e-15)
    factor = 1.0 / (norm + 1e-6)
    assert values[0].grad == pytest.approx(3.0 * factor, rel=1e-15)
    assert values[1].grad == 0.0
    assert values[2].grad == pytest.approx(-4.0 * factor, rel=1e-15)


def test_gradients_below_the_limit_do_not_change() -> None:
    values = _with(3.0, -4.0)
    assert clip_grad_norm_(values, 5.1) == 5.0
    assert clip_grad_norm_(iter(values), math.inf) == 5.0
    assert _grads(values) == [3.0, -4.0]
    assert clip_grad_norm_(values, 0.0) == 5.0
    assert _grads(values) == [0.0, -0.0]


def test_clipping_zero_gradients_is_a_no_op() -> None:
    assert clip_grad_norm_([], 1.0) == 0.0
    assert clip_grad_norm_(_with(None, None), 1.0) == 0.0
    clip_grad_value_([], 1.0)


def test_clipping_accepts_a_single_value() -> None:
    (value,) = _with(-8.0)
    assert clip_grad_norm_(value, 2.0) == 8.0
    assert value.grad == pytest.approx(-2.0, rel=1e-6)
    clip_grad_value_(value, 1.0)
    assert value.grad == -1.0


@pytest.mark.parametrize("order", ORDERS)
def test_no_power_overflows_on_the_way_to_a_finite_norm(order: float) -> None:
    for size in (1e-200, 1e200):
        values = _with(size, -size)
        norm = clip_grad_norm_(values, size / 1e100, order)
        assert norm == pytest.approx(size * 2.0 ** (1.0 / order), rel=1e-14)


def test_clipped_step_has_the_requested_norm() -> None:
    model = MLP(2, [4, 1], "tanh", seed=0)
    mse_loss([model([1.0, 2.0])], [1000.0]).backward()
    before = [p.data for p in model.parameters()]
    assert clip_grad_norm_(model.parameters(), 0.5) > 100.0
    SGD(model.parameters(), lr=1.0).step()
    step = math.dist(before, [p.data for p in model.parameters()])
    assert step == pytest.approx(0.5, rel=1e-6)


def _outcome(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except RuntimeError:
        return "RuntimeError"


GRADIENTS = [
    [3.0, -4.0], [0.0, 0.0], [1e-9], [None, 2.0], [0.5, INF], [-INF], [1.0, NAN], [NAN, INF],
]  # fmt: skip


def _assert_equal(actual: Any, expected: Any) -> None:
    assert actual == expected or actual == pytest.approx(expected, rel=1e-14, nan_ok=True)


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("gradients", GRADIENTS, ids=str)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("limit", [0.0, 1.0, 100.0, INF])
@pytest.mark.parametrize("strict", [False, True])
def test_clip_grad_norm_agrees_with_pytorch(
    gradients: list[Any], order: float, limit: float, strict: bool
) -> None:
    import torch

    def tensors() -> list[Any]:
        tensors = [torch.ones((), dtype=torch.float64) for _ in gradients]
        for tensor, gradient in zip(tensors, gradients, strict=True):
            # As zero_grad(set_to_none=False) leaves it where no backward pass reaches the tensor.
            tensor.grad = torch.tensor(0.0 if gradient is None else gradient, dtype=torch.float64)
        return tensors

    values, torch_values = _with(*gradients), tensors()
    norm = _outcome(clip_grad_norm_, values, limit, order, strict)
    expected = _outcome(torch.nn.utils.clip_grad_norm_, torch_values, limit, order, strict)
    _assert_equal(norm, expected if isinstance(expected, str) else expected.item())
    for value, tensor in zip(values, torch_values, strict=True):
        _assert_equal(value.grad, tensor.grad.item())

    values, torch_values = _with(*gradients), tensors()
    clip_grad_value_(values, limit)
    torch.nn.utils.clip_grad_value_(torch_values, limit)
    for value, tensor in zip(values, torch_values, strict=True):
        _assert_equal(value.grad, tensor.grad.item())


@pytest.mark.torch
@needs_torch
def test_random_gradients_agree_with_pytorch() -> None:
    import torch

    rng = random.Random(0)
    for _ in range(100):
        gradients = [rng.gauss(0.0, 10.0 ** rng.uniform(-3.0, 3.0)) for _ in range(rng.randint(1, 9))]
        order, limit = rng.choice(ORDERS), 10.0 ** rng.uniform(-2.0, 2.0)
        values = _with(*gradients)
        tensor = torch.zeros(len(gradients), dtype=torch.float64)
        tensor.grad = torch.tensor(gradients, dtype=torch.float64)
        norm = clip_grad_norm_(values, limit, order)
        assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(tensor, limit, order).item(), rel=1e-14)
        assert _grads(values) == pytest.approx(tensor.grad.tolist(), rel=1e-13)


# Invalid arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize("gradients", [[3.0, NAN], [3.0, INF]])
def test_error_if_nonfinite_raises_runtime_error(gradients: list[float]) -> None:
    values = _with(*gradients)
    with pytest.raises(
        RuntimeError,
        match=r"expected a finite norm of the gradients, got (nan|inf)\. .* error_if_nonfinite=False",
    ):
        clip_grad_norm_(values, 1.0, error_if_nonfinite=True)
    assert values[0].grad == 3.0


@pytest.mark.parametrize("limit", [-1.0, NAN, -INF])
def test_negative_limit_raises_value_error(limit: float) -> None:
    values = _with(3.0)
    with pytest.raises(
        ValueError, match=f"clip_grad_norm_.* of 0 or more for max_norm, got float {limit!r}. Pass a number"
    ):
        clip_grad_norm_(values, limit)
    with pytest.raises(
        ValueError,
        match=f"clip_grad_value_.* of 0 or more for clip_value, got float {limit!r}. Pass a number",
    ):
        clip_grad_value_(values, limit)
    assert values[0].grad == 3.0


@pytest.mark.parametrize("order", [0.0, -1.0, NAN])
def test_invalid_norm_type_raises_value_error(order: float) -> None:
    with pytest.raises(
        ValueError, match=f"expected a number above 0, .* for norm_type, got float {order!r}. Pass a number"
    ):
        clip_grad_norm_(_with(3.0), 1.0, order)


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
def test_invalid_parameters_raise_and_change_nothing(clip: Any) -> None:
    parameter = Parameter(1.0)
    parameter.grad = 3.0
    with pytest.raises(
        ValueError,
        match=r"parameter once, got parameters\[1\] = Parameter\(1.0, grad=3.0\), .* Remove one of them",
    ):
        clip([parameter, parameter], 1.0)
    with pytest.raises(
        TypeError, match=r"expected Values, got parameters\[1\] = 3\.0\. Pass model\.parameters\(\)\."
    ):
        clip([parameter, 3.0], 1.0)
    assert parameter.grad == 3.0
