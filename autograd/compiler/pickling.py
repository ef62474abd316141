"""Steps in a pickle: the function, the optimizer and the options, without programs."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import FunctionType
from typing import Any

from ..system.messages import short
from ..value import Value
from .record.arguments import is_tuple
from .record.bits import Identity


class _Finder(pickle.Pickler):
    """Pickler that discards its output and collects the Values in it."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), pickle.HIGHEST_PROTOCOL)
        self.values: set[Value] = set()

    def persistent_id(self, x: Any) -> str | None:
        if isinstance(x, Value):
            self.values.add(x)
            return "a Value"
        return None


def check_named(name: str, function: Any) -> None:
    """Raise TypeError for a function that pickle cannot find by its name."""
    if isinstance(function, FunctionType) and "<" in function.__qualname__:
        raise TypeError(
            f"compile({name}) cannot be pickled, because pickle finds a function by its name, and this "
            "function is defined inside another one. Compile a function of a module, or an object with "
            "__call__ that stores the model."
        )


def check_includes(name: str, function: Any, arguments: Iterable[Any], parameters: Sequence[Value]) -> None:
    """Raise TypeError unless a pickle of a function and its arguments includes these parameters."""
    if not parameters:
        return
    finder = _Finder()
    with suppress(Exception):  # an argument that cannot be pickled is not part of the step
        finder.dump((function, [*arguments]))
    missing = [parameter for parameter in parameters if parameter not in finder.values]
    if missing:
        raise TypeError(
            f"compile({name}) cannot be pickled, because it uses {short(missing[0])} of its module. "
            "The optimizer would have a copy that the function does not use. Compile an object with __call__ "
            "that stores the model, or pass the model as an argument."
        )


def by_identity(shape: Any) -> bool:
    """Return True if a shape contains the identity of an argument, which may hold parameters."""
    if isinstance(shape, Identity):
        return True
    if not is_tuple(shape):
        return False
    if len(shape) == 2 and shape[0] in (Value, object):
        return True
    return any(map(by_identity, shape))
