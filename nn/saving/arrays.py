"""Conversion of numbers named p.0, p.1, … to one array named p, as in a file, and back."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any, TypeAlias

from ..kinds import is_list

Array: TypeAlias = "float | list[Array]"

#: An array has no more dimensions than this, as in NumPy 1.
DIMENSIONS = 32


def shape_of(x: Any) -> tuple[int, ...] | None:
    """Return the shape of an array of floats: () for a float itself, None for any other object.

    >>> shape_of([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), shape_of([1.0, [2.0]]), shape_of([])
    ((2, 3), None, None)

    No length in it is 0, and there are at most ``DIMENSIONS``.
    """
    if isinstance(x, float):
        return ()
    if not is_list(x) or not x:
        return None
    shapes = {shape_of(item) for item in x}
    shape = shapes.pop()
    return None if shapes or shape is None or len(shape) == DIMENSIONS else (len(x), *shape)


def arrays_of(numbers: Mapping[str, float], reserved: Container[str] = ()) -> dict[str, Array]:
    """Gather numbers whose names end in an index into arrays, as far as all rows have the same shape.

    >>> arrays_of({"a.0.0": 1.0, "a.0.1": 2.0, "a.1.0": 3.0, "a.1.1": 4.0, "b": 5.0, "c.1": 6.0})
    {'a': [[1.0, 2.0], [3.0, 4.0]], 'b': 5.0, 'c.1': 6.0}

    No array gets a name that is ``reserved``.
    """
    arrays: dict[str, Array] = dict(numbers)
    while gathered := _gather(arrays, reserved):
        arrays = {
            stem if stem is not None and stem in gathered else name: gathered.get(stem, array)
            for name, array in arrays.items()
            for stem in [_stem(name)]
        }
    return arrays


def numbers_of(name: str, array: Array) -> Iterator[tuple[str, Any]]:
    """Yield every number in an array with its name.

    >>> dict(numbers_of("a", [1.0, 2.0]))
    {'a.0': 1.0, 'a.1': 2.0}
    """
    names, items = [name], [array]
    while is_list(items[0]):  # then all are lists, because the rows of an array have the same shape
        rows: list[list[Array]] = items  # type: ignore[assignment]
        names = [f"{stem}.{i}" for stem, row in zip(names, rows) for i in range(len(row))]
        items = [item for row in rows for item in row]
    yield from zip(names, items)


def _stem(name: str) -> str | None:
    """Return the part of a name before its last dot; None if it has no dot."""
    stem, dot, _ = name.rpartition(".")
    return stem if dot else None


def _gather(arrays: Mapping[str, Array], reserved: Container[str]) -> dict[str | None, Array]:
    """Gather one more dimension of all names with indices from 0 and rows of the same shape."""
    rows: dict[str | None, dict[str, Array]] = {}
    for name, array in arrays.items():
        rows.setdefault(_stem(name), {})[name.rpartition(".")[2]] = array
    gathered: dict[str | None, Array] = {}
    for stem, items in rows.items():
        indices = [str(i) for i in range(len(items))]
        if stem is not None and stem not in arrays and stem not in reserved and items.keys() == set(indices):
            row = [items[i] for i in indices]
            if shape_of(row) is not None:
                gathered[stem] = row
    return gathered
