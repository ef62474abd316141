"""Real numbers of any kind, converted to float64."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real

from ..system.messages import type_and_value


def real_to_float(x: object) -> float | None:
    """Convert a real number to the nearest float64; return None for any other object.

    >>> from fractions import Fraction
    >>> real_to_float(Fraction(1, 4)), real_to_float(True), real_to_float("2")
    (0.25, 1.0, None)
    """
    if type(x) is float:
        return x
    if issubclass(type(x), float):  # of a NumPy array; the lines below take three times as long
        return float(x)  # type: ignore[arg-type]
    if type(x).__name__ == "timedelta64":  # numpy counts it as an integer
        return None
    # If x is a NumPy scalar, numpy is already imported. Only its bool is not a Real.
    # The type, because a traced number has the ``__class__`` of a float and is a Value.
    kinds = (Real, Decimal, getattr(sys.modules.get("numpy"), "bool_", Real))
    if type(x) is int or issubclass(type(x), kinds):
        try:
            return float(x)  # type: ignore[arg-type]
        except OverflowError:  # an int or Fraction beyond the floats rounds to ±inf
            return float("inf") if x > 0 else float("-inf")  # type: ignore[operator]
        except ValueError:  # Decimal("sNaN")
            return float("nan")
    return None


def require_float(x: object, caller: str, argument: str = "", group: Sequence[object] = ()) -> float:
    """Convert a real number to a float64; raise TypeError, with a remedy, for any other object.

    The error names the caller and the argument. If the argument is a group, whose name ends in ``*`` as in
    the table of primitives, it also names the index of ``x`` in ``group``.
    """
    result = real_to_float(x)
    if result is None:
        remedy = "Convert it first, for example with float()."
        if hasattr(x, "detach"):
            remedy = "Use its .item(), or .detach() for a new leaf with the same number."
        elif hasattr(x, "__iter__") and not isinstance(x, str):
            remedy = "Create one Value for each element."
        if argument.endswith("*"):
            argument = f"{argument[:-1]}[{[id(item) for item in group].index(id(x))}]"
        purpose = f" for {argument}" if argument else ""
        raise TypeError(f"{caller} expected a real number{purpose}, got {type_and_value(x)}. {remedy}")
    return result
