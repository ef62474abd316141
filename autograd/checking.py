"""Is my gradient right? The rules held against finite differences."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import SupportsFloat

from .backward import topological_order
from .functional import _gradient, _leaves, _scalar
from .modes import enable_grad
from .nodes import local_derivatives, recompute
from .operations import FUNCTIONS, data_of
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
    """Hold the derivatives of ``f`` at a point against central differences, to second order.

    >>> check_grads(lambda w, x: (w * x - 12.0) ** 2, [2.0, 5.0])

    In ``directions`` random directions the derivative along the direction is compared with a central
    difference of fourth order, (f(−2h) − 8f(−h) + 8f(h) − f(2h)) / 12h; then the same for that
    derivative, until ``order`` is reached. A right derivative agrees for one of the steps h that are
    tried, from 2e-3 times the largest coordinate down. ``tolerance`` is relative to the terms compared.
    Raises GradientError that names the primitive and the operand whose rule is wrong. The function must
    be smooth at the point: at a kink (relu at 0) a difference says nothing, and the error says so.
    """
    if order < 1:
        raise ValueError(f"order must be 1 or more, not {order}")
    if directions < 1:
        raise ValueError(f"directions must be 1 or more, not {directions}: without one nothing is compared")
    point = [x.data for x in _leaves(at)]
    if not math.isfinite(value := _scalar(f, _leaves(point)).data):
        raise ValueError(f"the function is {value} at {point}: choose a point where it is finite")
    rng = random.Random(seed)
    for _ in range(directions):
        direction = [rng.gauss(0.0, 1.0) for _ in point]
        _check_along(f, point, direction, order, tolerance)


def _check_along(
    f: Callable[..., Value], point: list[float], direction: list[float], order: int, tolerance: float
) -> None:
    def derivative_along(*inputs: Value) -> Value:
        slopes = _gradient(_scalar(f, list(inputs)), list(inputs), create_graph=True)
        return FUNCTIONS["dot"](slopes, direction)

    def value_at(t: float) -> float:
        return _scalar(f, [Value(x + t * d) for x, d in zip(point, direction, strict=True)]).data

    inputs = _leaves(point)
    ours = derivative_along(*inputs).data
    theirs = _disagreement(ours, value_at, max([1.0, *map(abs, point)]), tolerance)
    if theirs is not None:
        culprit = _culprit(_scalar(f, inputs), tolerance)
        raise GradientError(
            f"the derivative along {[round(d, 4) for d in direction]} at {point} is {ours!r}, but a central "
            f"difference gives {theirs!r}{culprit}"
        )
    if order > 1:
        _check_along(derivative_along, point, direction, order - 1, tolerance)


#: The steps of a difference, in parts of the scale of what is moved: the first is best where a function
#: changes over a length of about 1, the last where it does over a few millionths.
STEPS = [2e-3 / 8**k for k in range(6)]


def _disagreement(ours: float, f: Callable[[float], float], scale: float, tolerance: float) -> float | None:
    """None if a central difference agrees that ours is f'(0); else the nearest that differences come."""
    nearest = math.nan
    for step in STEPS:
        theirs, noise = _central_difference(f, step * scale)
        if _agree(ours, theirs, noise, tolerance):
            return None
        if not abs(nearest - ours) <= abs(theirs - ours):
            nearest = theirs
    return nearest


def _central_difference(f: Callable[[float], float], h: float) -> tuple[float, float]:
    """f'(0), and how far rounding alone may have moved it."""
    values = [f(-2 * h), f(-h), f(h), f(2 * h)]
    difference = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
    return difference, 1e-14 * max(map(abs, values)) / h


def _has_kink(f: Callable[[float], float], scale: float) -> bool:
    """Whether f has another slope before 0 than after it."""
    h = STEPS[-1] * scale
    before, after = (f(0.0) - f(-h)) / h, (f(h) - f(0.0)) / h
    return not abs(after - before) <= 1e-3 * max(1.0, abs(before), abs(after))


def _agree(ours: float, theirs: float, noise: float, tolerance: float) -> bool:
    if not (math.isfinite(ours) and math.isfinite(theirs)):
        return ours == theirs or (math.isnan(ours) and math.isnan(theirs))
    return abs(ours - theirs) <= tolerance * max(1.0, abs(ours), abs(theirs)) + noise


def _culprit(output: Value, tolerance: float) -> str:
    """Which operand of which primitive disagrees with a difference of the primitive alone."""
    for node in topological_order(output):
        op = node.primitive
        if op is None:
            continue
        numbers = [*map(data_of, node.operands)]
        for i, derivative in enumerate(local_derivatives(node)):
            if not isinstance(node.operands[i], Value):
                continue  # a constant has no derivative
            ours = derivative or 0.0
            moved = partial(_moved, node, numbers, i)
            scale = max(1.0, abs(numbers[i]))
            theirs = _disagreement(ours, moved, scale, tolerance)
            if theirs is not None and _has_kink(moved, scale):
                return f": {op.name} has a kink in operand {i} at {numbers}, where a difference says nothing"
            if theirs is not None:
                return (
                    f": the rule of {op.name} for operand {i} gives {ours!r} at {numbers}, but a difference "
                    f"gives {theirs!r}; mend that rule in the table"
                )
    return ": each rule alone agrees, so the function is not smooth here, or not the same at each call"


def _moved(node: Value, numbers: list[float], i: int, t: float) -> float:
    """The node's operation with ``t`` added to operand ``i``."""
    return recompute(node, [x + t if j == i else x for j, x in enumerate(numbers)])
