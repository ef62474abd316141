"""Numbers named p.0, p.1, … as one array named p, and back: how a state looks in a file."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any, TypeAlias

from ..kinds import is_list

Array: TypeAlias = "float | list[Array]"


def shape_of(x: Any) -> tuple[int, ...] | None:
    """The shape of an array of floats: () of a float itself; None for what is none.

    >>> shape_of([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), shape_of([1.0, [2.0]]), shape_of([])
    ((2, 3), None, None)
    """
    if isinstance(x, float):
        return ()
    if not is_list(x) or not x:
        return None
    shapes = {shape_of(item) for item in x}
    shape = shapes.pop()
    return None if shapes or shape is None else (len(x), *shape)


def arrays_of(numbers: Mapping[str, float], reserved: Container[str] = ()) -> dict[str, Array]:
    """Numbers whose names end in an index, gathered into arrays as far as all rows are alike.

    >>> arrays_of({"a.0.0": 1.0, "a.0.1": 2.0, "a.1.0": 3.0, "a.1.1": 4.0, "b": 5.0, "c.1": 6.0})
    {'a': [[1.0, 2.0], [3.0, 4.0]], 'b': 5.0, 'c.1': 6.0}

    No array gets a name that is ``reserved``.
    """
    arrays: dict[str, Array] = dict(numbers)
    while gathered := _gathered(arrays, reserved):
        arrays = {
            stem if stem is not None and stem in gathered else name: gathered.get(stem, array)
            for name, array in arrays.items()
            for stem in [_stem(name)]
        }
    return arrays


def numbers_of(name: str, array: Array) -> Iterator[tuple[str, float]]:
    """Every number in an array by its name.

    >>> dict(numbers_of("a", [1.0, 2.0]))
    {'a.0': 1.0, 'a.1': 2.0}
    """
    if isinstance(array, list):
        for i, item in enumerate(array):
            yield from numbers_of(f"{name}.{i}", item)
    else:
        yield name, array


def _stem(name: str) -> str | None:
    """What stands before the last dot of a name, if it has one."""
    stem, dot, _ = name.rpartition(".")
    return stem if dot else None


def _gathered(arrays: Mapping[str, Array], reserved: Container[str]) -> dict[str | None, Array]:
    """One more dimension, for the names where there is one: all indices from 0, and rows alike."""
    rows: dict[str | None, dict[str, Array]] = {}
    for name, array in arrays.items():
        rows.setdefault(_stem(name), {})[name.rpartition(".")[2]] = array
    gathered: dict[str | None, Array] = {}
    for stem, found in rows.items():
        indices = [str(i) for i in range(len(found))]
        if stem is not None and stem not in arrays and stem not in reserved and found.keys() == set(indices):
            row = [found[i] for i in indices]
            if shape_of(row) is not None:
                gathered[stem] = row
    return gathered
