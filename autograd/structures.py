"""Nested containers: lists, tuples, named tuples, dicts and dataclasses, whose leaves are anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import fields, is_dataclass
from typing import Any

_TUPLE: Any = tuple


def _kind_of(x: object) -> Any:
    return type(x)


def children(x: Any) -> list[tuple[Any, Any]] | None:
    """Return the keys and items of a container, or None if x is a leaf.

    >>> children({"w": 2.0}), children((2.0, 5.0)), children(2.0)
    ([('w', 2.0)], [(0, 2.0), (1, 5.0)], None)
    """
    kind = _kind_of(x)
    if kind is list or kind is tuple or (issubclass(kind, _TUPLE) and hasattr(kind, "_fields")):
        return [*enumerate(x)]
    if issubclass(kind, dict):
        return [*x.items()]
    if is_dataclass(kind):
        return [(field.name, getattr(x, field.name)) for field in fields(kind)]
    if is_object_array(x):
        return [*enumerate(x.ravel().tolist())]
    return None


def map_leaves(x: Any, function: Callable[[Any], Any]) -> Any:
    """Return a copy of nested containers in which ``function`` has replaced each leaf, in order.

    >>> map_leaves({"w": [2.0, 5.0], "b": (12.0,)}, lambda x: -x)
    {'w': [-2.0, -5.0], 'b': (-12.0,)}
    """
    pairs = children(x)
    if pairs is None:
        return function(x)
    items = [map_leaves(item, function) for _, item in pairs]
    kind = _kind_of(x)
    if kind is list:
        return items
    if issubclass(kind, _TUPLE):
        return kind(*items) if hasattr(kind, "_fields") else tuple(items)
    new = copy(x)
    if issubclass(kind, dict):
        new.update(zip([key for key, _ in pairs], items))
    elif is_object_array(x):
        new.flat[:] = items
        return new.astype(float) if all(type(item) is float for item in items) else new
    else:
        for (name, _), item in zip(pairs, items):
            object.__setattr__(new, name, item)  # also in a frozen dataclass
    return new


def leaves_of(x: Any) -> Iterator[Any]:
    """Yield the leaves in order."""
    stack = [x]
    while stack:
        pairs = children(top := stack.pop())
        if pairs is None:
            yield top
        else:
            stack += [item for _, item in reversed(pairs)]


def with_leaves(x: Any, leaves: Sequence[Any]) -> Any:
    """Return the containers of x with other leaves.

    >>> with_leaves({"w": [2.0, 5.0], "b": 12.0}, [1.0, 2.0, 3.0])
    {'w': [1.0, 2.0], 'b': 3.0}
    """
    rest = iter(leaves)
    return map_leaves(x, lambda _: next(rest))


def structure_of(x: Any) -> Any:
    """Return a description that two objects share if they have the same containers and keys.

    >>> structure_of([2.0, {"w": 5.0}]) == structure_of([3.0, {"w": 7.0}])
    True
    """
    pairs = children(x)
    if pairs is None:
        return None
    shape: Any = x.shape if is_object_array(x) else ()
    return type(x), shape, tuple([(key, structure_of(item)) for key, item in pairs])


def is_object_array(x: Any) -> bool:
    """Return True for a NumPy array whose elements are Python objects, such as Values."""
    return type(x).__module__ == "numpy" and hasattr(x, "flat") and bool(x.dtype.hasobject)
