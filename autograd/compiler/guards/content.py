"""Kinds of objects that a guard finds, and the comparison of their content."""

from __future__ import annotations

import gc
import marshal
import sys
from collections import deque
from functools import cache
from types import FunctionType
from typing import Any

from ...value import Value
from ..record.arguments import kind_of
from .names import is_closed, names_in

CONTAINERS: Any = (list, tuple, dict, set, frozenset, deque)
#: How deep lists and dicts are compared as a whole; deeper ones are compared one by one.
MOST_NESTED = 50
#: So many lists in a list are searched for numbers of another kind.
MOST_LISTS = 1000


def may_hold_parameters(x: Any) -> bool:
    """Return True for a Value, a module, and a container that is not made of numbers and strings."""
    if is_a(x, *CONTAINERS):
        return not is_plain(x)
    return is_a(x, Value) or hasattr(kind_of(x), "named_parameters")


def is_a(x: Any, *kinds: Any) -> bool:
    """``isinstance()``, after which a type checker knows as little of x as before."""
    return isinstance(x, kinds)


def is_array(x: Any) -> bool:
    """Return True for a NumPy array, of which ``tobytes()`` writes all: not so of a masked one."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, numpy.ndarray) and not isinstance(x, numpy.ma.MaskedArray)


def content_of(x: Any) -> tuple[Any, ...]:
    """Return what distinguishes NumPy arrays: also views, which are not contiguous, and arrays of objects."""
    if not x.dtype.hasobject:
        content = x.tobytes()
    elif x.dtype == object:
        content = [*map(id, x.ravel().tolist())]
    else:
        content = x.tolist()
    return x.shape, hash(x.dtype), content


def is_plain(x: Any) -> bool:
    """Return True for numbers, strings and arrays of numbers, also nested, that marshal can write."""
    if _has_more(x, MOST_NESTED):
        return False
    try:
        marshal.dumps(x, 2)
    except ValueError:
        return False
    return True


def _has_more(x: Any, deeper: int) -> bool:
    """Return True if marshal does not write all: the order of a set, an array of objects, deep nesting."""
    if is_a(x, list, tuple, dict):
        parts = x.values() if is_a(x, dict) else x
        return not deeper or any(_has_more(part, deeper - 1) for part in parts)
    return is_a(x, set, frozenset) or (is_array(x) and x.dtype.hasobject)


def is_distinct(x: Any) -> bool:
    """Return True if ``==`` is False for anything else than x: not so of 0.0 and −0.0, True and 1, arrays."""
    pending, visited = [x], set[int]()
    while pending:
        y = pending.pop()
        kind: Any = kind_of(y)
        if kind is list or kind is tuple:
            if id(y) not in visited:
                visited.add(id(y))
                pending += y
                if len(visited) > MOST_LISTS:
                    return False
        elif not (kind.__eq__ is object.__eq__ or isinstance(y, Value) or y is None):
            return False
    return True


def package_of(x: Any) -> str:
    """Return the top-level package of a function or class, or "" if it has none."""
    module = getattr(x, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else ""


def cached_by(function: Any) -> list[Any]:
    """Return the function and the results in the cache of a function that has one."""
    found: list[Any] = []
    for part in gc.get_referents(function):
        found += part.values() if is_a(part, dict) else [part]
    return found


@cache
def names_in_library(kind: type) -> frozenset[str]:
    """Return the names of attributes that the methods load which a class inherits from libraries."""
    found: set[str] = set()
    for base in kind.__mro__:
        if is_closed_class(base) and package_of(base) not in ("autograd", "nn"):
            for entry in vars(base).values():
                function = getattr(entry, "fget", entry)
                if is_a(function, FunctionType):
                    found |= names_in(function.__code__).attributes
    return frozenset(found)


def is_closed_class(kind: type) -> bool:
    module = sys.modules.get(kind.__module__)
    if module is None or kind.__module__ == "__main__":
        return False
    if kind.__module__ in ("builtins", *sys.builtin_module_names):
        return True
    file = getattr(module, "__file__", None)
    return is_closed(file) if file else module.__name__ in sys.stdlib_module_names
