"""Checks of the arguments of views: the root, times."""

from __future__ import annotations

import math
from numbers import Real

from ...system.messages import type_and_value
from ...value import Value


def check_root(function: str, root: object) -> None:
    """Raise TypeError unless the root of a graph is a Value."""
    check_value(function, "root", root, "Pass the root of a graph, such as the loss.")


def check_value(function: str, name: str, value: object, remedy: str) -> None:
    """Raise TypeError unless an argument is a Value."""
    if not isinstance(value, Value):
        raise TypeError(f"{function}() expected a Value for {name}, got {type_and_value(value)}. {remedy}")


def check_seconds(function: str, name: str, value: object, remedy: str, *, zero: bool = False) -> float:
    """Return a finite number of seconds above 0, or 0 if ``zero``; raise an error for anything else.

    >>> check_seconds("draw", "timeout", float("nan"), "Use 60.0, for example.")
    Traceback (most recent call last):
    ValueError: draw() expected a number of seconds above 0 for timeout, got float nan. Use 60.0, for example.
    """
    limit = "of 0 or more" if zero else "above 0"
    expected = f"{function}() expected a number of seconds {limit} for {name}"
    message = f"{expected}, got {type_and_value(value)}. {remedy}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(message)
    if not (0.0 <= float(value) < math.inf and (zero or value)):
        raise ValueError(message)
    return float(value)
