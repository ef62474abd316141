"""What the views are told by number, checked: how many, how wide, how long."""

from __future__ import annotations

import math
import operator
from numbers import Real
from typing import SupportsIndex, cast, overload

from ...system.messages import short, type_and_value


@overload
def check_int(name: str, given: object, least: int = 1) -> int: ...
@overload
def check_int(name: str, given: object, least: int = 1, *, unlimited: str) -> int | None: ...
def check_int(name: str, given: object, least: int = 1, *, unlimited: str = "") -> int | None:
    """A whole number of ``least`` or more; None too if ``unlimited`` says what that means.

    >>> check_int("limit", 3)
    3
    >>> check_int("limit", 0)
    Traceback (most recent call last):
    ValueError: limit must be 1 or more, not 0
    """
    if given is None and unlimited:
        return None
    wanted = f"{name} must be {{}}{least} or more{unlimited and f', or None for {unlimited}'}, not "
    if isinstance(given, bool) or not hasattr(given, "__index__"):
        raise TypeError(f"{wanted.format('a whole number, ')}{type_and_value(given)}")
    number = operator.index(cast(SupportsIndex, given))
    if number < least:
        raise ValueError(f"{wanted.format('')}{short(given)}")
    return number


def seconds(name: str, given: object, zero: bool = False) -> float:
    """A finite time in seconds, more than none; or none if ``zero`` may be.

    >>> seconds("timeout", float("nan"))
    Traceback (most recent call last):
    ValueError: timeout must be more than 0 seconds, not nan
    """
    wanted = f"{name} must be {'0 or more' if zero else 'more than 0'} seconds, not "
    if isinstance(given, bool) or not isinstance(given, Real):
        raise TypeError(f"{wanted}{type_and_value(given)}")
    if not (0.0 <= float(given) < math.inf and (zero or given)):
        raise ValueError(f"{wanted}{short(given)}")
    return float(given)
