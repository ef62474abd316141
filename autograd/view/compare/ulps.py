"""How far apart two floats are, counted in the floats between them."""

from __future__ import annotations

import math
import struct


def ulps_between(a: float, b: float) -> int | float:
    """How many steps from one float to the next lead from ``a`` to ``b``.

    >>> ulps_between(1.0, 1.0 + 2.0**-52), ulps_between(0.0, -0.0), ulps_between(-5e-324, 5e-324)
    (1, 0, 2)

    Both zeros are one point, every nan is the same, and infinity follows the largest float. If one
    alone is nan there is no way from it to the other: ``inf``.
    """
    if math.isnan(a) or math.isnan(b):
        return 0 if math.isnan(a) and math.isnan(b) else math.inf
    return abs(_position(a) - _position(b))


def _position(x: float) -> int:
    """The number of a float, counted from zero: the bits of a float are in the order of its size."""
    (bits,) = struct.unpack("<q", struct.pack("<d", abs(x)))
    return -bits if x < 0.0 else int(bits)


def signs_differ(a: float, b: float) -> bool:
    """Whether one is +0 and the other −0.

    >>> signs_differ(0.0, -0.0), signs_differ(1.0, -1.0)
    (True, False)
    """
    return a == b == 0.0 and math.copysign(1.0, a) != math.copysign(1.0, b)


def same_number(a: float, b: float) -> bool:
    """Whether two floats are one number, the sign of zero included; every nan is the same.

    >>> same_number(float("nan"), float("nan")), same_number(0.0, -0.0)
    (True, False)
    """
    return ulps_between(a, b) == 0 and not signs_differ(a, b)
