"""Gradient clipping, one by one or by their norm, between backward() and step()."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import mul

from autograd import Value

from ..checks import check_number, check_unique, check_values, out_of_range
from .updates import clip_to_norm, norm_of


def clip_grad_value_(parameters: Value | Iterable[Value], clip_value: float) -> None:
    """Clip each gradient in place, so that its magnitude is at most ``clip_value``.

    >>> a, b = Value(0.0), Value(0.0)
    >>> a.grad, b.grad = -20.0, 4.0
    >>> clip_grad_value_([a, b], 5.0)
    >>> a.grad, b.grad
    (-5.0, 4.0)

    This changes the direction of the step; :func:`clip_grad_norm_` preserves it. A gradient that is nan stays
    nan.

    Args:
        parameters: A Value or an iterable of Values.
        clip_value: The largest magnitude of a gradient, 0 or more.

    Raises:
        ValueError: If ``clip_value`` is negative or nan, or a parameter is listed twice.
        TypeError: If ``clip_value`` is not a number, or a parameter is not a Value.
    """
    limit = _limit("clip_grad_value_", "clip_value", clip_value)
    for parameter, gradient in _gradients("clip_grad_value_", parameters):
        if abs(gradient) > limit:
            parameter.grad = math.copysign(limit, gradient)


def clip_grad_norm_(
    parameters: Value | Iterable[Value],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Clip the total norm of the gradients in place.

    >>> a, b = Value(0.0), Value(0.0)
    >>> a.grad, b.grad = 3.0, -4.0
    >>> clip_grad_norm_([a, b], max_norm=1.0)  # √(3² + 4²)
    5.0
    >>> round(a.grad, 6), round(b.grad, 6)
    (0.6, -0.8)

    The norm is taken over all gradients as one vector. If it exceeds ``max_norm``, every gradient is
    multiplied by max_norm / (norm + 1e-6), as in PyTorch. A norm of nan makes every gradient nan, and one of
    inf sets the finite gradients to zero.

    Args:
        parameters: A Value or an iterable of Values.
        max_norm: The largest norm, 0 or more.
        norm_type: The order of the norm, above 0; ``math.inf`` is the largest magnitude.
        error_if_nonfinite: Raise instead of scaling by a nan or infinite norm.

    Returns:
        The norm before clipping.

    Raises:
        RuntimeError: If ``error_if_nonfinite`` is set and the norm is not finite. No gradient changes.
        ValueError: If ``max_norm`` is negative or nan, ``norm_type`` is not above 0, or a parameter is listed
            twice.
        TypeError: If ``max_norm`` or ``norm_type`` is not a number, or a parameter is not a Value.

    Reference: Pascanu, Mikolov and Bengio (2013).
    """
    limit = _limit("clip_grad_norm_", "max_norm", max_norm)
    if not check_number("clip_grad_norm_", "norm_type", norm_type) > 0.0:
        raise out_of_range(
            "clip_grad_norm_", "norm_type", norm_type, "a number above 0, such as 1, 2 or math.inf,"
        )
    pairs = _gradients("clip_grad_norm_", parameters)
    norm = _norm([gradient for _, gradient in pairs], norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(
            f"clip_grad_norm_() expected a finite norm of the gradients, got {norm}. Find the gradient "
            "that is not finite, or pass error_if_nonfinite=False to scale by this norm."
        )
    clipped = clip_to_norm(_OnFloats, [gradient for _, gradient in pairs], norm, limit)
    for (parameter, _), gradient in zip(pairs, clipped):
        parameter.grad = gradient
    return norm


class _OnFloats:
    """The functions that the rules of updates.py use, on floats."""

    sqrt = staticmethod(math.sqrt)

    @staticmethod
    def where(condition: bool, a: float, b: float) -> float:
        return a if condition else b

    @staticmethod
    def dot(a: Sequence[float], b: Sequence[float], bias: float) -> float:
        return sum(map(mul, a, b), bias)


def _norm(numbers: list[float], order: float) -> float:
    if any(map(math.isnan, numbers)):
        return math.nan
    if order == 2.0:
        return float(norm_of(_OnFloats, numbers))
    largest = max(map(abs, numbers), default=0.0)
    if order == math.inf or largest in (0.0, math.inf):
        return largest
    # Dividing by the largest magnitude keeps every power from overflowing.
    return float(largest * math.fsum((abs(x) / largest) ** order for x in numbers) ** (1.0 / order))


def _limit(function: str, name: str, limit: float) -> float:
    size = check_number(function, name, limit)
    if not size >= 0.0:
        raise out_of_range(function, name, limit, "a number of 0 or more")
    return size


def _gradients(function: str, parameters: Value | Iterable[Value]) -> list[tuple[Value, float]]:
    """Return the parameters with their gradients; raise if one is not a Value or is listed twice."""
    values = [parameters] if isinstance(parameters, Value) else check_values(function, parameters)
    check_unique(function, values)
    return [(value, value.grad) for value in values]
