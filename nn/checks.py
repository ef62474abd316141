"""Checks of arguments: counts, numbers, lists of parameters.

Each check takes the name of the function or class that was called and that of the argument, for the message.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from autograd import Value
from autograd.system.messages import short, type_and_value, type_name

from .inputs import real


def check_int(function: str, name: str, x: object, least: int = 1) -> int:
    """Return x if it is an int of ``least`` or more.

    >>> check_int("Neuron", "nin", 0)
    Traceback (most recent call last):
    ValueError: Neuron() expected an int of 1 or more for nin, got int 0. Pass a number in this range.
    """
    expected = f"an int of {least} or more"
    if isinstance(x, bool) or not isinstance(x, int):
        raise TypeError(f"{function}() expected {expected} for {name}, got {type_and_value(x)}. Pass an int.")
    if x < least:
        raise out_of_range(function, name, x, expected)
    return x


def check_number(function: str, name: str, x: Any) -> float:
    """Return a real number of any kind, or the data of a Value, as a float.

    >>> check_number("SGD", "lr", "0.1")
    Traceback (most recent call last):
    TypeError: SGD() expected a real number for lr, got str '0.1'. Pass a float or an int.
    """
    if (number := _to_float(x)) is None:
        raise TypeError(
            f"{function}() expected a real number for {name}, got {type_and_value(x)}. Pass a float or an "
            "int."
        )
    return number


def check_result(function: str, source: str, x: Any) -> float:
    """Return what a function of the caller has returned as a float; raise TypeError unless it is a number.

    >>> check_result("evaluate", "loss", None)
    Traceback (most recent call last):
    TypeError: evaluate() expected loss to return a real number, got NoneType None. Return a float or an int.
    """
    if (number := _to_float(x)) is None:
        raise TypeError(
            f"{function}() expected {source} to return a real number, got {type_and_value(x)}. "
            "Return a float or an int."
        )
    return number


def _to_float(x: Any) -> float | None:
    """Return a real number, or the data of a Value, as a float; return None for any other object."""
    if isinstance(x, Value):
        return x.data
    try:
        return real(x)
    except TypeError:
        return None


def check_range(function: str, name: str, x: Any, low: float = 0.0, high: float = math.inf) -> float:
    """Return x as a float if ``low`` ≤ x < ``high``.

    >>> check_range("SGD", "lr", -1)
    Traceback (most recent call last):
    ValueError: SGD() expected a finite number of 0 or more for lr, got int -1. Pass a number in this range.
    """
    number = check_number(function, name, x)
    if low <= number < high:
        return number
    if high < math.inf:
        raise out_of_range(function, name, x, f"a number from {low:g} to below {high:g}")
    lower_bound = f" of {low:g} or more" if low > -math.inf else ""
    raise out_of_range(function, name, x, f"a finite number{lower_bound}")


def out_of_range(function: str, name: str, x: Any, domain: str) -> ValueError:
    """Return the error for a number that is not in the range described by ``domain``."""
    return ValueError(
        f"{function}() expected {domain} for {name}, got {type_and_value(x)}. Pass a number in this range."
    )


def check_parameters(function: str, parameters: Any) -> list[Any]:
    """Return the parameters as a list; raise TypeError with a remedy for a model or a single Value."""
    if isinstance(parameters, str | Value) or not isinstance(parameters, Iterable):
        if hasattr(parameters, "parameters"):
            got, remedy = type_name(parameters), "Pass model.parameters()"
        else:
            got, remedy = type_and_value(parameters), "Pass a list of Values"
        raise TypeError(f"{function}() expected an iterable of Values for parameters, got {got}. {remedy}.")
    return [*parameters]


def check_values(function: str, parameters: Any) -> list[Value]:
    """Return the parameters as a list of Values; raise TypeError for any other object."""
    values = check_parameters(function, parameters)
    for i, value in enumerate(values):
        if not isinstance(value, Value):
            raise TypeError(
                f"{function}() expected Values, got parameters[{i}] = {short(value)}. Pass "
                "model.parameters()."
            )
    return values


def check_unique(function: str, parameters: list[Any]) -> None:
    """Raise ValueError if a parameter is listed twice, because it would be used twice."""
    first_index: dict[Any, int] = {}
    for i, parameter in enumerate(parameters):
        if (first := first_index.setdefault(parameter, i)) != i:
            raise ValueError(
                f"{function}() expected each parameter once, got parameters[{i}] = {short(parameter)}, "
                f"which is also parameters[{first}]. Remove one of them."
            )


def check_function(function: str, name: str, x: Any, remedy: str) -> None:
    """Raise TypeError if x is not callable."""
    if not callable(x):
        raise TypeError(f"{function}() expected a function for {name}, got {type_and_value(x)}. {remedy}.")


def check_functions(function: str, name: str, functions: Any) -> list[Any]:
    """Return the functions as a list; raise TypeError for any other object."""
    if not isinstance(functions, Iterable):
        raise TypeError(
            f"{function}() expected an iterable of functions for {name}, got {type_and_value(functions)}. "
            "Put the function into a list."
        )
    result: list[Any] = [*functions]
    for i, x in enumerate(result):
        check_function(function, f"{name}[{i}]", x, "Pass a list of functions")
    return result
