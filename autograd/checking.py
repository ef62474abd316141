"""check_grads(): compare the rules of the table with finite differences."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import SupportsFloat

from .backward import topological_order
from .functional import gradient, leaves_at, scalar_output
from .interop.reals import require_float
from .modes import enable_grad
from .nodes import local_derivatives, recompute
from .operations import FUNCTIONS, data_of
from .system.checks import check_int
from .system.messages import type_and_value
from .value import Value


class GradientError(AssertionError):
    """A gradient and its finite difference disagree."""


@enable_grad()
def check_grads(
    f: Callable[..., Value],
    at: Sequence[Value | SupportsFloat],
    order: int = 2,
    *,
    tolerance: float = 1e-6,
    directions: int = 3,
    seed: int = 0,
) -> None:
    """Compare the derivatives of a function with central differences; raise if they disagree.

    The derivative along random directions is compared with (f(−2h) − 8f(−h) + 8f(h) − f(2h)) / 12h for six
    steps h, from 2e-3 times the largest coordinate down. It passes if one of them agrees. Then it is checked
    in the same way itself, up to ``order``. The function must be smooth at the point; at a kink, as of relu
    at 0, the error reports the kink.

    >>> check_grads(lambda w, x: (w * x - 12.0) ** 2, [2.0, 5.0])

    Args:
        f: A function of ``len(at)`` Values that returns one Value.
        at: The point: a number or a Value for each argument of ``f``.
        order: The highest derivative that is checked, 1 or more.
        tolerance: The largest difference, relative to the numbers compared, and absolute below 1.
        directions: The number of random directions, 1 or more.
        seed: The seed of the directions.

    Raises:
        GradientError: If a derivative and its difference disagree. The message names the primitive and the
            operand whose rule is wrong.
        ValueError: If ``order`` or ``directions`` is below 1, ``tolerance`` is negative or nan, or ``f`` is
            not finite at the point.
        TypeError: If ``f`` is not a function or does not return one Value, ``at`` is not a sequence of
            numbers, or another argument is of the wrong type.
    """
    order = check_int("check_grads", "order", order, "The default is 2.")
    directions = check_int("check_grads", "directions", directions, "The default is 3.")
    if not require_float(tolerance, "check_grads()", "tolerance") >= 0.0:
        raise ValueError(
            f"check_grads() expected a number of 0 or more for tolerance, got {type_and_value(tolerance)}. "
            "The default is 1e-6."
        )
    point = [x.data for x in leaves_at(at, "check_grads")]
    value = _output(f, leaves_at(point, "check_grads")).data
    if not math.isfinite(value):
        raise ValueError(
            f"check_grads() expected f to be finite at the point, got {value} at {point}. "
            "Choose another point."
        )
    try:
        rng = random.Random(seed)
    except TypeError:
        raise TypeError(
            f"check_grads() expected an int for seed, got {type_and_value(seed)}. The default is 0."
        ) from None
    for _ in range(directions):
        direction = [rng.gauss(0.0, 1.0) for _ in point]
        _check_along(f, point, direction, order, tolerance)


def _output(f: Callable[..., Value], inputs: list[Value]) -> Value:
    return scalar_output(f, inputs, "check_grads")


def _check_along(
    f: Callable[..., Value], point: list[float], direction: list[float], order: int, tolerance: float
) -> None:
    def derivative_along(*inputs: Value) -> Value:
        gradients = gradient(_output(f, list(inputs)), list(inputs), create_graph=True)
        return FUNCTIONS["dot"](gradients, direction)

    def value_at(t: float) -> float:
        return _output(f, [Value(x + t * d) for x, d in zip(point, direction, strict=True)]).data

    inputs = leaves_at(point, "check_grads")
    derivative = derivative_along(*inputs).data
    difference = _disagreement(derivative, value_at, max([1.0, *map(abs, point)]), tolerance)
    if difference is not None:
        cause = _cause(_output(f, inputs), tolerance)
        raise GradientError(
            f"check_grads() got the derivative {derivative!r} along {[round(d, 4) for d in direction]} "
            f"at {point}, but a central difference is {difference!r}. {cause}"
        )
    if order > 1:
        _check_along(derivative_along, point, direction, order - 1, tolerance)


#: The steps of a difference, relative to the scale of the argument. The first is best where a function
#: changes over a length of about 1, the last where it changes over a few millionths.
STEPS = [2e-3 / 8**k for k in range(6)]


def _disagreement(
    derivative: float, f: Callable[[float], float], scale: float, tolerance: float
) -> float | None:
    """Return None if a central difference agrees with the derivative f'(0), else the nearest difference."""
    nearest = math.nan
    for step in STEPS:
        difference, noise = _central_difference(f, step * scale)
        if _agree(derivative, difference, noise, tolerance):
            return None
        if not abs(nearest - derivative) <= abs(difference - derivative):
            nearest = difference
    return nearest


def _central_difference(f: Callable[[float], float], h: float) -> tuple[float, float]:
    """Return an approximation of f'(0), and a bound of its rounding error."""
    values = [f(-2 * h), f(-h), f(h), f(2 * h)]
    difference = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
    return difference, 1e-14 * max(map(abs, values)) / h


def _has_kink(f: Callable[[float], float], scale: float) -> bool:
    """Return True if the derivatives of f on both sides of 0 differ."""
    h = STEPS[-1] * scale
    left, right = (f(0.0) - f(-h)) / h, (f(h) - f(0.0)) / h
    return not abs(right - left) <= 1e-3 * max(1.0, abs(left), abs(right))


def _agree(derivative: float, difference: float, noise: float, tolerance: float) -> bool:
    if not (math.isfinite(derivative) and math.isfinite(difference)):
        return derivative == difference or (math.isnan(derivative) and math.isnan(difference))
    bound = tolerance * max(1.0, abs(derivative), abs(difference))
    return abs(derivative - difference) <= bound + noise


def _cause(output: Value, tolerance: float) -> str:
    """Describe the first primitive whose rule disagrees with a difference of that primitive alone."""
    for node in topological_order(output):
        op = node.primitive
        if op is None:
            continue
        numbers = [*map(data_of, node.operands)]
        for i, local in enumerate(local_derivatives(node)):
            if not isinstance(node.operands[i], Value):
                continue  # a constant has no derivative
            derivative = local or 0.0
            function = partial(_value_at, node, numbers, i)
            scale = max(1.0, abs(numbers[i]))
            difference = _disagreement(derivative, function, scale, tolerance)
            if difference is not None and _has_kink(function, scale):
                return (
                    f"The primitive {op.name} has a kink in operand {i} at {numbers}, where a difference "
                    "is not reliable. Choose another point."
                )
            if difference is not None:
                return (
                    f"The rule of {op.name} for operand {i} returns {derivative!r} at {numbers}, but a "
                    f"difference is {difference!r}. Correct that rule in the table."
                )
    return (
        "Each rule alone agrees, so the function is not smooth here or returns other results at each call. "
        "Choose another point, or make the function deterministic."
    )


def _value_at(node: Value, numbers: list[float], i: int, t: float) -> float:
    """Compute the operation of a node with ``t`` added to operand ``i``."""
    return recompute(node, [x + t if j == i else x for j, x in enumerate(numbers)])
