"""Programs in a pickle: they are loaded in another process without being recorded again."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable
from types import FunctionType
from typing import Any

from ..system.messages import short
from ..value import Value
from .record.arguments import is_tuple

#: Of what is pickled; programs of another format are left behind, and recorded again.
FORMAT = 1


class _Finder(pickle.Pickler):
    """Pickles to nowhere, and remembers the Values that came along."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), pickle.HIGHEST_PROTOCOL)
        self.found: set[Value] = set()

    def persistent_id(self, x: Any) -> str | None:
        if isinstance(x, Value):
            self.found.add(x)
            return "a Value"
        return None


def check_named(name: str, function: Any) -> None:
    """Raise TypeError for a function that a pickle would not find."""
    if isinstance(function, FunctionType) and "<" in function.__qualname__:
        raise TypeError(
            f"compile({name}) can't be pickled, because a pickle finds a function by its name, and this one "
            "is made inside another: compile a function of a module, or an object with __call__ that holds "
            "the model"
        )


def check_portable(name: str, function: Any, given: Iterable[Any], leaves: Iterable[Value]) -> None:
    """Raise TypeError unless a function, with its arguments, takes all the leaves it uses along."""
    finder = _Finder()
    finder.dump((function, [*given]))
    missing = [leaf for leaf in leaves if leaf not in finder.found]
    if missing:
        raise TypeError(
            f"compile({name}) can't be pickled, because it uses {short(missing[0])} of its module, of which "
            "a pickle would hold a copy that the function does not use: compile an object with __call__ that "
            "holds the model, or pass the model as an argument"
        )


def by_identity(shape: Any) -> bool:
    """Whether a shape knows something by its identity, which is another one in another process."""
    if not is_tuple(shape):
        return False
    if len(shape) == 2 and shape[0] in (Value, object):
        return True
    return any(map(by_identity, shape))
