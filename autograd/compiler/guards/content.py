"""Kinds of objects that a guard finds, and the comparison of their content."""

from __future__ import annotations

import gc
import marshal
import sys
from collections import deque
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from types import FunctionType
from typing import Any

from ...value import Value
from ..record.arguments import kind_of
from .names import is_closed, names_in

CONTAINERS: Any = (list, tuple, dict, set, frozenset, deque)
_IMMUTABLE = frozenset({
    Decimal, Fraction, PosixPath, PurePosixPath, PureWindowsPath, WindowsPath,
    date, datetime, time, timedelta,
})  # fmt: skip
#: How deep lists and dicts are compared as a whole; deeper ones are compared one by one.
MOST_NESTED = 50
#: So many elements of lists and dicts that are met once more are compared as part of a whole.
MOST_REPEATED = 1000
#: So many lists in a list are searched for numbers of another kind.
MOST_LISTS = 1000


def may_hold_parameters(x: Any) -> bool:
    """Return True for a Value, a module, and a container that is not made of numbers and strings."""
    if is_a(x, *CONTAINERS):
        return not is_plain(x)
    return is_a(x, Value) or part_of_class(kind_of(x), "named_parameters") is not None


def is_a(x: Any, *kinds: Any) -> bool:
    """Return True if the type of x is one of the kinds, whatever its ``__class__`` says, such as a Mock's."""
    return issubclass(type(x), kinds)


def part_of(x: Any, name: str) -> Any:
    """Return an attribute, or None; do not call ``__getattr__``, which may make a new object each time."""
    try:
        return _plain_access(x)(x, name)
    except AttributeError:
        return None


def _plain_access(x: Any) -> Any:
    """Return the ``__getattribute__`` of C code: that of a threading.local finds its ``__dict__``."""
    access = part_of_class(kind_of(x), "__getattribute__")
    return object.__getattribute__ if is_a(access, FunctionType) else access


def part_of_class(kind: type, name: str) -> Any:
    """Return an entry of a class or a base, or None; do not call ``__get__``, which may make an object."""
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


def has_part(x: Any, name: str) -> bool:
    """Return True if there is an attribute that ``__getattr__`` does not make."""
    try:
        _plain_access(x)(x, name)
    except AttributeError:
        return False
    return True


def is_array(x: Any) -> bool:
    """Return True for a NumPy array, of which ``tobytes()`` writes all: not so of a masked one."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and is_a(x, numpy.ndarray) and not is_a(x, numpy.ma.MaskedArray)


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
    if _has_more(x):
        return False
    try:
        marshal.dumps(x, 2)
    except ValueError:
        return False
    return True


def is_immutable(x: Any) -> bool:
    """Return True for an object of the library that never changes, and of which ``repr()`` says all."""
    return type(x) in _IMMUTABLE


def _has_more(x: Any) -> bool:
    """Return True if marshal does not write all, or too much of it.

    It does not write the order of a set and an array of objects. It writes a list once for each path to it.
    """
    pending, met, repeated = [(x, MOST_NESTED)], set[int](), 0
    while pending:
        y, deeper = pending.pop()
        if is_a(y, list, tuple, dict):
            if id(y) in met:
                repeated += 1 + len(y)
            if not deeper or repeated > MOST_REPEATED:
                return True
            met.add(id(y))
            parts = y.values() if is_a(y, dict) else y
            pending += [(part, deeper - 1) for part in parts if type(part) not in (float, int, str)]
        elif is_a(y, Value, set, frozenset) or (is_array(y) and y.dtype.hasobject):
            return True
    return False


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
        elif not (is_a(y, Value) or y is None or part_of_class(kind, "__eq__") is object.__eq__):
            return False
    return True


def package_of(x: Any) -> str:
    """Return the top-level package of a function or class, or "" if it has none."""
    module = getattr(x, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else ""


def cached_by(function: Any) -> list[Any]:
    """Return the function and the results in the cache of a function that has one."""
    parts: list[Any] = []
    for part in gc.get_referents(function):
        parts += part.values() if is_a(part, dict) else [part]
    return parts


@cache
def names_in_library(kind: type) -> frozenset[str]:
    """Return the names of attributes that the methods load which a class inherits from libraries."""
    names: set[str] = set()
    for base in kind.__mro__:
        if is_closed_class(base) and package_of(base) not in ("autograd", "nn"):
            for entry in vars(base).values():
                function = getattr(entry, "fget", entry)
                if is_a(function, FunctionType):
                    names |= names_in(function.__code__).attributes
    return frozenset(names)


def is_closed_class(kind: type) -> bool:
    module = sys.modules.get(kind.__module__)
    if module is None or kind.__module__ == "__main__":
        return False
    if kind.__module__ in ("builtins", *sys.builtin_module_names):
        return True
    file = getattr(module, "__file__", None)
    return is_closed(file) if file else module.__name__ in sys.stdlib_module_names
