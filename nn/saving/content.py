"""A state as a file holds it: arrays of floats by name, and beside them what is no float."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..kinds import is_list, is_mapping, is_sequence
from ..state import number_like
from .arrays import Array, arrays_of, numbers_of, shape_of

#: Between the name of a part and the names in it.
WITHIN = "/"
#: Parts within parts are refused beyond this depth, on the way out and on the way in.
DEEPEST = 100


class Content(NamedTuple):
    """What is in a file: every number in ``arrays``, all the rest in ``more``."""

    arrays: Mapping[str, Array]
    lists: list[str]  # the arrays that were lists in the state, and not numbers named p.0, p.1, …
    more: Mapping[str, Any]

    @property
    def checksum(self) -> str:
        """The SHA-256 of all of it, whichever way it is written."""
        written = [strict(self.arrays), self.lists, self.more]
        return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()

    @property
    def state(self) -> dict[str, Any]:
        """The state it was made of; ValueError if two things in it are of one name, or it is too deep."""
        leaves = [*self.more.items()]
        lists = {name for name in self.lists if isinstance(name, str)}  # one with many would take long
        for name, array in self.arrays.items():
            leaves += [(name, array)] if name in lists else numbers_of(name, array)
        nested: dict[str, Any] = {}
        parts = {id(nested)}  # and not an empty dict that is kept as it is
        for name, leaf in leaves:
            *path, last = name.split(WITHIN)
            if len(path) > DEEPEST:
                raise ValueError(f"its parts are nested more than {DEEPEST} deep")
            inside = nested
            for part in path:
                if part not in inside:
                    inside[part] = {}
                    parts.add(id(inside[part]))
                inside = inside[part]
                if id(inside) not in parts:
                    raise ValueError(f"{name!r} lies within what is no part of the state")
            if last in inside:
                raise ValueError(f"two things in it are named {name!r}")
            inside[last] = leaf
        return nested


def content_of(what: Any) -> Content:
    """What a file is to hold of a model, a state, or parts that are such.

    >>> content_of({"w.0": 1.0, "w.1": 2.0, "run": {"losses": [0.5, 0.25], "epoch": 2}})
    Content(arrays={'w': [1.0, 2.0], 'run/losses': [0.5, 0.25]}, lists=['run/losses'], more={'run/epoch': 2})
    """
    numbers: dict[str, float] = {}
    lists: dict[str, Array] = {}
    more: dict[str, Any] = {}
    for name, leaf in _leaves(what):
        shape = shape_of(leaf)
        (more if shape is None else lists if shape else numbers)[name] = leaf
    try:
        json.dumps(more, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"what is beside the arrays of floats must fit into JSON: {error}") from error
    return Content(arrays_of(numbers, lists) | lists, [*lists], more)


def _leaves(what: Any, name: str | None = None) -> Iterator[tuple[str, Any]]:
    """All that is no mapping, with its name; that of a part in front."""
    if callable(getattr(what, "state_dict", None)) and not isinstance(what, type):
        what = what.state_dict()
    if is_mapping(what) and (what or name is None):
        if not what:
            raise ValueError("there are no numbers to save")
        if name is not None and name.count(WITHIN) >= DEEPEST:
            raise ValueError(f"the parts of a state are nested at most {DEEPEST} deep, not as {name[:40]}…")
        for key, item in what.items():
            if not isinstance(key, str) or WITHIN in key:
                raise ValueError(f"a name in a state is a string without {WITHIN!r}, and not {key!r}")
            yield from _leaves(item, key if name is None else f"{name}{WITHIN}{key}")
    elif name is not None:
        yield name, _plain(what, name)
    else:
        raise TypeError(f"save() takes a model or a state, then a path, not {type(what).__name__} {what!r}")


def _plain(x: Any, name: str) -> Any:
    """As JSON has it; any number that is no int is a float."""
    if x is None or isinstance(x, bool | int | str):
        return x
    if is_sequence(x):
        return [_plain(item, name) for item in x]
    if is_mapping(x):
        if wrong := [key for key in x if not isinstance(key, str)]:
            raise ValueError(f"a name in a state is a string, and in {name} not {wrong[0]!r}")
        return {key: _plain(item, name) for key, item in x.items()}
    return number_like(0.0, x, name)


def strict(x: Any) -> Any:
    """Floats that JSON has no word for as strings."""
    if is_mapping(x):
        return {name: strict(item) for name, item in x.items()}
    if is_list(x):
        return [strict(item) for item in x]
    return x if math.isfinite(x) else repr(x)


def loose(x: Any) -> Array:
    """The array that was made strict; ValueError if it is none."""
    if is_list(x):
        return [loose(item) for item in x]
    if isinstance(x, float) or x in ("nan", "inf", "-inf"):
        return float(x)
    raise ValueError(f"there is a {type(x).__name__} where a float should be: {str(x)[:40]}")
