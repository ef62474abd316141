"""The content of a file for a state: arrays of floats by name, and separately all other objects."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from autograd.system.messages import replace_controls, short, type_and_value, type_name

from ..kinds import is_list, is_mapping, is_sequence
from ..state import number_like
from .arrays import DIMENSIONS, Array, arrays_of, numbers_of, shape_of

#: Between the name of a part and the names in it.
WITHIN = "/"
#: Parts within parts are refused beyond this depth, on the way out and on the way in; so are lists in lists.
DEEPEST = 100
#: A name of more characters is rejected: an array repeats its name for each of its numbers.
LONGEST = 1000


class Content(NamedTuple):
    """The content of a file: every number in ``arrays``, all other objects in ``more``."""

    arrays: Mapping[str, Array]
    lists: list[str]  # the arrays that were lists in the state, and not numbers named p.0, p.1, …
    more: Mapping[str, Any]

    @property
    def checksum(self) -> str:
        """The SHA-256 of the content, the same for every file format."""
        written = [strict(self.arrays), self.lists, self.more]
        return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()

    @property
    def state(self) -> dict[str, Any]:
        """The state that was saved; ValueError if two names in it are equal, or it is nested too deep."""
        lists = {name for name in self.lists if isinstance(name, str)}  # one with many would take long
        leaves = [(name, leaf, False) for name, leaf in self.more.items()]
        leaves += [(name, array, name not in lists) for name, array in self.arrays.items()]
        nested: dict[str, Any] = {}
        parts = {id(nested)}  # and not an empty dict that is kept as it is
        for name, leaf, is_numbers in leaves:
            *path, last = name.split(WITHIN)
            if len(path) > DEEPEST:
                raise ValueError(f"its parts are nested more than {DEEPEST} deep")
            _check_length(last)
            inside = nested
            for part in path:
                if part not in inside:
                    inside[part] = {}
                    parts.add(id(inside[part]))
                inside = inside[part]
                if id(inside) not in parts:
                    raise ValueError(f"{name!r} lies within what is no part of the state")
            for key, item in numbers_of(last, leaf) if is_numbers else [(last, leaf)]:
                if key in inside:
                    raise ValueError(f"two things in it are named {WITHIN.join([*path, key])!r}")
                inside[key] = item
        return nested


def content_of(what: Any) -> Content:
    """Return the content of a file for a model, a state, or parts that are models or states.

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
    """Yield every object that is not a mapping with its name, which starts with the name of its part."""
    if callable(getattr(what, "state_dict", None)) and not isinstance(what, type):
        what = what.state_dict()
    if is_mapping(what) and (what or name is None):
        if not what:
            raise ValueError("there are no numbers to save")
        if name is not None and name.count(WITHIN) >= DEEPEST:
            beginning = replace_controls(name[:40])
            raise ValueError(f"the parts of a state are nested at most {DEEPEST} deep, not as {beginning}…")
        for key, item in what.items():
            if not isinstance(key, str) or WITHIN in key:
                raise ValueError(f"a name in a state is a string without {WITHIN!r}, and not {key!r}")
            _check_length(key)
            yield from _leaves(item, key if name is None else f"{name}{WITHIN}{key}")
    elif name is not None:
        check_depth(what)
        yield name, _plain(what, name)
    else:
        raise TypeError(f"save() takes a model or a state, then a path, not {type_and_value(what)}")


def _check_length(name: str) -> None:
    """Raise ValueError for a name that would take too much room, once for each number of its array."""
    if len(name) > LONGEST:
        raise ValueError(
            f"a name in a state has at most {LONGEST} characters, not {len(name)}: {name[:40]!r}…"
        )


def check_depth(x: Any, depth: int = 0) -> None:
    """Raise ValueError for lists and dicts that are nested too deep."""
    if depth > DEEPEST:
        raise ValueError(f"lists and dicts in a state are nested at most {DEEPEST} deep")
    for item in x.values() if is_mapping(x) else x if is_sequence(x) else ():
        check_depth(item, depth + 1)


def _plain(x: Any, name: str) -> Any:
    """Return an object as JSON stores it; any number that is not an int becomes a float."""
    if x is None or isinstance(x, bool | int | str):
        return x
    if is_sequence(x):
        return [_plain(item, name) for item in x]
    if is_mapping(x):
        if wrong := [key for key in x if not isinstance(key, str)]:
            raise ValueError(
                f"a name in a state is a string, and in {replace_controls(name)} not {short(wrong[0])}"
            )
        return {key: _plain(item, name) for key, item in x.items()}
    return number_like(0.0, x, name)


def strict(x: Any) -> Any:
    """Replace the floats that JSON cannot store by strings."""
    if is_mapping(x):
        return {name: strict(item) for name, item in x.items()}
    if is_list(x):
        return [strict(item) for item in x]
    return x if math.isfinite(x) else repr(x)


def loose(x: Any, name: str) -> Array:
    """Return the array that :func:`strict` converted; raise ValueError if it is not an array."""
    array = _loose(x)
    if shape_of(array) is None:
        raise ValueError(f"{name!r} is not an array of at most {DIMENSIONS} dimensions, each of 1 or more")
    return array


def _loose(x: Any) -> Array:
    if is_list(x):
        return [_loose(item) for item in x]
    if isinstance(x, float) or x in ("nan", "inf", "-inf"):
        return float(x)
    raise ValueError(f"there is a {type_name(x)} where a float should be: {short(x)}")


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object with these pairs of a JSON file; raise ValueError if two have the same name."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i]))
        raise ValueError(f"two things in it are named {twice!r}")
    return found
