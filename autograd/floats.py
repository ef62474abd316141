"""The table evaluated on floats, by IEEE 754: no number raises an error.

Python's arithmetic raises in cases for which IEEE 754 defines a result (``1/0``, ``exp(1000)``, ``log(0)``).
A rule first runs on plain floats, with Python's functions (:class:`FLOATS`). If that raises, it runs again on
:class:`IeeeFloat` floats (ieee.py), whose operators and functions (:class:`IEEE`) do not raise.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial, reduce
from math import inf, nan
from typing import Any

from .ieee import RAISED, IeeeFloat, as_ieee, ieee_pow, returning_ieee, without_raising
from .primitives import PRIMITIVES, Primitive

#: The primitives whose value on floats is a function of the module ``math``.
KERNELS: dict[str, Callable[[float], float]] = {
    name: getattr(math, name)
    for name in ("cos", "erf", "erfc", "exp", "expm1", "log", "log1p", "sin", "sqrt", "tanh")
}
#: The argument at which a function is −inf, although Python raises.
POLES = {"log": 0.0, "log1p": -1.0}


def choose(condition: bool, a: Any, b: Any) -> Any:
    return a if condition else b


def apply_each(group: Iterable[Any], rule: Callable[[Any], Any]) -> list[Any]:
    return [rule(x) for x in group]


def positions_of(group: Sequence[Any]) -> list[float]:
    return [float(i) for i in range(len(group))]


def choose_ieee(condition: bool, a: Any, b: Any) -> Any:
    return as_ieee(a if condition else b)


def ieee_positions(group: Sequence[Any]) -> list[Any]:
    return [IeeeFloat(i) for i in range(len(group))]


# Sums are added from left to right on every version of Python. Since 3.12 the builtin sum compensates.
add_up: Callable[[Iterable[float], float], float]
add_up = sum if sys.version_info < (3, 12) else lambda numbers, start: reduce(operator.add, numbers, start)


def sum_of(values: Iterable[float]) -> float:
    return add_up(values, 0.0)


def dot_of(weights: Iterable[float], inputs: Iterable[float], bias: float) -> float:
    return add_up(map(operator.mul, weights, inputs), bias)


def largest_of(values: Iterable[float]) -> float:
    return max(values, default=-inf)


def take_from(values: Sequence[float], index: float) -> float:
    return values[int(index)] if 0.0 <= index < len(values) and index.is_integer() else nan


class FLOATS:
    """The namespace ``m`` on plain floats. It is a class, where CPython looks up a function fastest."""

    where = choose
    eq = operator.eq
    each = apply_each
    positions = positions_of
    sum = sum_of
    dot = dot_of
    largest = largest_of
    take = take_from
    abs: Callable[[Any], float] = math.fabs
    pow: Callable[[Any, Any], float] = math.pow


class IEEE(FLOATS):
    """The namespace ``m`` on IEEE floats. Constants of a rule become IEEE floats too, so that 1/0 is inf."""

    where = choose_ieee
    positions = ieee_positions
    sum = returning_ieee(sum_of)
    dot = returning_ieee(dot_of)
    largest = returning_ieee(largest_of)
    take = returning_ieee(take_from)
    abs: Callable[[Any], float] = returning_ieee(math.fabs)
    pow: Callable[[Any, Any], float] = ieee_pow


def define_on_floats(op: Primitive) -> None:
    """Add a primitive to both namespaces, so that rules can use it by its name."""
    kernel = KERNELS.get(op.name)
    ieee_kernel = kernel and without_raising(kernel, POLES.get(op.name))
    setattr(FLOATS, op.name, kernel or partial(op.value, FLOATS))
    setattr(IEEE, op.name, ieee_kernel or returning_ieee(partial(op.value, IEEE)))


for _op in PRIMITIVES.values():
    if not hasattr(FLOATS, _op.name):
        define_on_floats(_op)


def compute(op: Primitive, numbers: Sequence[Any], needed: Sequence[bool] = ()) -> tuple[float, list[Any]]:
    """Compute a primitive on floats, and lists of floats, with the local derivatives that are needed.

    Derivative i is computed if ``needed[i]`` is True; if ``needed`` is empty, none is computed.

    >>> compute(PRIMITIVES["div"], [1.0, 0.0], [True, True])  # 1/b and −out/b
    (inf, [inf, -inf])
    """
    try:
        out = op.value(FLOATS, *numbers)
        return out, differentiate(op, FLOATS, out, numbers, needed)
    except RAISED:
        return compute_ieee(op, numbers, needed)


def compute_ieee(op: Primitive, numbers: Sequence[Any], needed: Sequence[bool]) -> tuple[float, list[Any]]:
    """Compute the same on IEEE floats, because plain floats raise."""
    ieee_numbers = [IeeeFloat(n) if isinstance(n, float) else [IeeeFloat(x) for x in n] for n in numbers]
    out = IeeeFloat(op.value(IEEE, *ieee_numbers))
    return float(out), [plain_float(d) for d in differentiate(op, IEEE, out, ieee_numbers, needed)]


def differentiate(op: Primitive, m: type, out: float, numbers: Any, needed: Sequence[bool]) -> list[Any]:
    return [rule(m, out, *numbers) if is_needed else None for rule, is_needed in zip(op.derivatives, needed)]


def plain_float(derivative: Any) -> Any:
    """Convert IEEE floats to plain floats, whose arithmetic is faster."""
    if hasattr(derivative, "__iter__"):
        return [*map(plain_float, derivative)]
    return None if derivative is None else float(derivative)
