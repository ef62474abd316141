"""Floats whose operators and functions return the IEEE 754 result where Python raises."""

from __future__ import annotations

import math
from collections.abc import Callable
from math import copysign, inf, nan
from typing import Any

#: The exceptions of Python in cases for which IEEE 754 defines a result.
RAISED = (ZeroDivisionError, OverflowError, ValueError)


class IeeeFloat(float):
    """A float whose operators return the IEEE 754 result, as an IeeeFloat.

    >>> IeeeFloat(1.0) / 0.0, -IeeeFloat(2.0)
    (IeeeFloat(inf), IeeeFloat(-2.0))
    """

    __slots__ = ()

    def __truediv__(self, other: object) -> IeeeFloat:
        if not isinstance(other, (float, int)):
            return NotImplemented  # Value.__rtruediv__ divides
        a, b = float(self), float(other)
        if b:
            return IeeeFloat(a / b)
        return IeeeFloat(nan if a == 0.0 or a != a else copysign(inf, a) * copysign(1.0, b))

    def __rtruediv__(self, other: float) -> IeeeFloat:
        return IeeeFloat(other) / self

    def __repr__(self) -> str:
        return f"IeeeFloat({float(self)!r})"


def as_ieee(x: Any) -> Any:
    """Convert a plain number; return any other object unchanged."""
    return IeeeFloat(x) if type(x) is float or type(x) is int else x


def returning_ieee(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with its result converted to an IeeeFloat."""

    def call(*operands: Any) -> Any:
        result = function(*operands)
        return result if result is NotImplemented else IeeeFloat(result)

    return call


for _name in ("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__neg__", "__abs__"):
    setattr(IeeeFloat, _name, returning_ieee(getattr(float, _name)))


def without_raising(function: Callable[[float], float], pole: float | None) -> Callable[[float], IeeeFloat]:
    """Return the function with inf where it overflows, −inf at the pole, and nan outside the domain."""

    def call(x: float) -> IeeeFloat:
        try:
            return IeeeFloat(function(x))
        except OverflowError:
            return IeeeFloat(inf)
        except ValueError:
            return IeeeFloat(-inf if x == pole else nan)

    return call


def ieee_pow(a: float, b: float) -> IeeeFloat:
    """Compute pow by Annex F of the C standard, which math.pow follows except where it raises."""
    try:
        return IeeeFloat(math.pow(a, b))
    except RAISED:
        is_odd = math.fmod(b, 2.0) in (1.0, -1.0)
        if a == 0.0:
            return IeeeFloat(copysign(inf, a) if is_odd else inf)
        if a < 0.0 and not float(b).is_integer():
            return IeeeFloat(nan)
        return IeeeFloat(-inf if a < 0.0 and is_odd else inf)
