"""Checks of arguments that several packages share."""

from __future__ import annotations

import operator
from typing import Literal, SupportsIndex, cast, overload

from .messages import type_and_value


@overload
def check_int(function: str, name: str, value: object, remedy: str, *, least: int = 1) -> int: ...
@overload
def check_int(
    function: str, name: str, value: object, remedy: str, *, least: int = 1, optional: Literal[True]
) -> int | None: ...
def check_int(
    function: str, name: str, value: object, remedy: str, *, least: int = 1, optional: bool = False
) -> int | None:
    """Return an int of ``least`` or more, or None if ``optional``; raise an error for anything else.

    >>> check_int("draw", "limit", 3, "Pass None for no limit.")
    3
    >>> check_int("draw", "limit", 0, "Pass None for no limit.")
    Traceback (most recent call last):
    ValueError: draw() expected an int of 1 or more for limit, got int 0. Pass None for no limit.
    """
    if value is None and optional:
        return None
    expected = f"{function}() expected an int of {least} or more for {name}"
    message = f"{expected}, got {type_and_value(value)}. {remedy}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(message)
    number = operator.index(cast(SupportsIndex, value))
    if number < least:
        raise ValueError(message)
    return number
