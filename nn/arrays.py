"""Numbers named p.0, p.1, … as one array named p, and back: how a state looks in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Array: TypeAlias = "float | list[Array]"


def arrays_of(numbers: Mapping[str, float]) -> dict[str, Array]:
    """Numbers whose names end in an index, gathered into arrays as far as all rows are alike.

    >>> arrays_of({"a.0.0": 1.0, "a.0.1": 2.0, "a.1.0": 3.0, "a.1.1": 4.0, "b": 5.0, "c.1": 6.0})
    {'a': [[1.0, 2.0], [3.0, 4.0]], 'b': 5.0, 'c.1': 6.0}
    """
    arrays: dict[str, Array] = dict(numbers)
    while gathered := _gathered(arrays):
        arrays = {
            stem if stem is not None and stem in gathered else name: gathered.get(stem, array)
            for name, array in arrays.items()
            for stem in [_stem(name)]
        }
    return arrays


def _stem(name: str) -> str | None:
    """What stands before the last dot of a name, if it has one."""
    stem, dot, _ = name.rpartition(".")
    return stem if dot else None


def _gathered(arrays: Mapping[str, Array]) -> dict[str | None, Array]:
    """One more dimension, for the names where there is one: all indices from 0, and rows alike."""
    rows: dict[str | None, dict[str, Array]] = {}
    for name, array in arrays.items():
        rows.setdefault(_stem(name), {})[name.rpartition(".")[2]] = array
    return {
        stem: [found[str(i)] for i in range(len(found))]
        for stem, found in rows.items()
        if stem is not None
        and stem not in arrays
        and found.keys() == {str(i) for i in range(len(found))}
        and len({_shape(array) for array in found.values()}) == 1
    }


def numbers_of(arrays: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Every number in arrays by its name; ValueError for what is none.

    >>> dict(numbers_of({"a": [1.0, "nan"], "b": 5.0}))
    {'a.0': 1.0, 'a.1': nan, 'b': 5.0}
    """
    for name, array in arrays.items():
        if isinstance(array, list):
            yield from numbers_of({f"{name}.{i}": item for i, item in enumerate(array)})
        elif isinstance(array, float) or array in ("nan", "inf", "-inf"):
            yield name, float(array)
        else:
            raise ValueError(f"{name} is no float but {type(array).__name__} {str(array)[:40]!r}")


def _shape(array: Array) -> tuple[int, ...]:
    return (len(array), *_shape(array[0])) if isinstance(array, list) else ()
