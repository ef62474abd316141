"""Checks of settings: counts, numbers, lists of parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from autograd import Value
from autograd.system.messages import short, type_and_value, type_name

from .inputs import real


def check_int(what: str, x: object, least: int = 1) -> int:
    """Return x if it is an int of ``least`` or more.

    >>> check_int("the number of inputs", 0)
    Traceback (most recent call last):
    ValueError: the number of inputs must be 1 or more, not 0
    """
    if isinstance(x, bool) or not isinstance(x, int):
        raise TypeError(f"{what} must be an int, not {type_and_value(x)}")
    if x < least:
        raise ValueError(f"{what} must be {least} or more, not {x}")
    return x


def check_number(what: str, x: Any) -> float:
    """Return a real number of any kind, or the data of a Value, as a float.

    >>> check_number("the learning rate", "0.1")
    Traceback (most recent call last):
    TypeError: the learning rate must be a number, not str '0.1'
    """
    if isinstance(x, Value):
        return x.data
    try:
        return real(x)
    except TypeError:
        raise TypeError(f"{what} must be a number, not {type_and_value(x)}") from None


def within(what: str, x: Any, low: float = 0.0, high: float = math.inf) -> float:
    """Return x as a float if ``low`` ≤ x < ``high``.

    >>> within("the learning rate", -0.1)
    Traceback (most recent call last):
    ValueError: the learning rate must be 0 or more, and finite, not -0.1
    """
    real = check_number(what, x)
    if not low <= real < high:
        allowed = f"{low:g} or more, and " + ("finite" if high == math.inf else f"less than {high:g}")
        raise ValueError(f"{what} must be {allowed}, not {short(x)}")
    return real


def parameters_in(given: Any, what: str) -> list[Any]:
    """Return the given parameters as a list; raise TypeError with a remedy for a model or a single Value."""
    if isinstance(given, str | Value) or not isinstance(given, Iterable):
        shown = type_and_value(given) if given is None or isinstance(given, str | Value) else ""
        remedy = "pass model.parameters()" if hasattr(given, "parameters") else "pass a list of Values"
        raise TypeError(f"{what} takes a list of parameters, not {shown or type_name(given)}: {remedy}")
    return [*given]
