"""NumPy's functions with a Value among their operands."""

from __future__ import annotations

import operator
import sys
from typing import Any

from ..primitives import PRIMITIVES

#: The operators of Python, by the names of NumPy's functions for them.
_OPERATORS: dict[str, Any] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,  # pyright: ignore[reportUnknownMemberType]
    "power": operator.pow,  # pyright: ignore[reportUnknownMemberType]
    "negative": operator.neg,
    "absolute": operator.abs,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}


def array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """Apply a function of numpy to a Value and numpy scalars, or to arrays of Values (dtype object).

    Raises:
        TypeError: For an array of numbers, and for a function that is not an operator.
    """
    numpy: Any = sys.modules["numpy"]  # numpy calls this function, so it is imported
    numbers = (numpy.floating, numpy.integer, numpy.bool_)
    inputs = tuple(x[()] if isinstance(x, numpy.ndarray) and x.ndim == 0 else x for x in inputs)
    arrays: list[Any] = [x for x in inputs if isinstance(x, numpy.ndarray)]
    operands = [float(x) if isinstance(x, numbers) else x for x in inputs]
    is_foreign = any(isinstance(x, numpy.generic) for x in operands)  # a complex number or a date
    if is_foreign and ufunc.__name__ in ("equal", "not_equal"):
        return ufunc.__name__ == "not_equal"
    is_operator = method == "__call__" and not kwargs and ufunc.__name__ in _OPERATORS
    if is_operator and not arrays and not is_foreign:
        return _OPERATORS[ufunc.__name__](*operands)
    if arrays and all(x.dtype == object for x in arrays):
        return getattr(ufunc, method)(
            *[_in_array(x) if isinstance(x, type(self)) else x for x in inputs], **kwargs
        )
    if arrays:
        remedy = "Compute element by element, or with an array of Values: array.astype(object)."
    elif ufunc.__name__ in PRIMITIVES.keys() - _OPERATORS.keys():
        remedy = f"Use autograd.{ufunc.__name__}(), which records the operation."
    else:
        remedy = "Use a function of autograd, or the .data of the Value for the number alone."
    what = f"a Value and an array of {arrays[0].dtype}" if arrays else f"{self!r}"
    raise TypeError(f"numpy.{ufunc.__name__}() expected numbers, got {what}. {remedy}")


def _in_array(value: Any) -> Any:
    array: Any = sys.modules["numpy"].empty((), dtype=object)
    array[()] = value
    return array
