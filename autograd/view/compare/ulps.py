"""Distance of two floats, counted in units in the last place (ulps)."""

from __future__ import annotations

import math
import struct


def ulps_between(a: float, b: float) -> int | float:
    """Count the steps from one float to the next that lead from ``a`` to ``b``.

    >>> ulps_between(1.0, 1.0 + 2.0**-52), ulps_between(0.0, -0.0), ulps_between(-5e-324, 5e-324)
    (1, 0, 2)

    Both zeros are one point, every nan is the same, and infinity follows the largest float. If only one
    of them is nan, the distance is ``inf``.
    """
    if math.isnan(a) or math.isnan(b):
        return 0 if math.isnan(a) and math.isnan(b) else math.inf
    return abs(_position(a) - _position(b))


def _position(x: float) -> int:
    """Return the index of a float, counted from zero: the bits of floats are ordered like their size."""
    (bits,) = struct.unpack("<q", struct.pack("<d", abs(x)))
    return -bits if x < 0.0 else int(bits)


def signs_differ(a: float, b: float) -> bool:
    """Return True if one is +0 and the other −0.

    >>> signs_differ(0.0, -0.0), signs_differ(1.0, -1.0)
    (True, False)
    """
    return a == b == 0.0 and math.copysign(1.0, a) != math.copysign(1.0, b)


def same_number(a: float, b: float) -> bool:
    """Return True if two floats are the same number, including the sign of zero; nan equals nan.

    >>> same_number(float("nan"), float("nan")), same_number(0.0, -0.0)
    (True, False)
    """
    return ulps_between(a, b) == 0 and not signs_differ(a, b)
