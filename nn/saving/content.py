"""The content of a file for a state: arrays of floats by name, and separately all other objects."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from autograd.system.messages import replace_controls, short, type_and_value

from ..kinds import is_list, is_mapping, is_sequence
from ..state import convert_number
from .arrays import DIMENSIONS, Array, arrays_of, numbers_of, shape_of

#: The separator between the name of a part and the names in it.
SEPARATOR = "/"
#: The largest depth of parts within parts, and of lists within lists, when saving and when loading.
MAX_DEPTH = 100
#: The largest number of characters of a name. An array repeats its name for each of its numbers.
MAX_NAME_LENGTH = 1000


class Content(NamedTuple):
    """The content of a file: every number in ``arrays``, all other objects in ``more``."""

    arrays: Mapping[str, Array]
    lists: list[str]  # the arrays that were lists in the state, and not numbers named p.0, p.1, …
    more: Mapping[str, Any]

    @property
    def checksum(self) -> str:
        """The SHA-256 of the content, the same for every file format."""
        content = [encode_floats(self.arrays), self.lists, self.more]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def state(self) -> dict[str, Any]:
        """The state that was saved; ValueError if two names in it are equal, or it is nested too deep."""
        lists = {name for name in self.lists if isinstance(name, str)}  # a set, because there may be many
        leaves = [(name, leaf, False) for name, leaf in self.more.items()]
        leaves += [(name, array, name not in lists) for name, array in self.arrays.items()]
        nested: dict[str, Any] = {}
        parts = {id(nested)}  # a dict that is an entry, such as an empty one, is not a part
        for name, leaf, is_numbers in leaves:
            *path, last = name.split(SEPARATOR)
            if len(path) > MAX_DEPTH:
                raise ValueError(f"its parts are nested more than {MAX_DEPTH} deep")
            _check_length(last)
            inside = nested
            for part in path:
                if part not in inside:
                    inside[part] = {}
                    parts.add(id(inside[part]))
                inside = inside[part]
                if id(inside) not in parts:
                    raise ValueError(f"the entry {name!r} is inside another entry, which is not a part")
            for key, item in numbers_of(last, leaf) if is_numbers else [(last, leaf)]:
                if key in inside:
                    raise ValueError(f"two entries are named {SEPARATOR.join([*path, key])!r}")
                inside[key] = item
        return nested


def content_of(model: Any) -> Content:
    """Return the content of a file for a model, a state, or parts that are models or states.

    >>> content_of({"w.0": 1.0, "w.1": 2.0, "run": {"losses": [0.5, 0.25], "epoch": 2}})
    Content(arrays={'w': [1.0, 2.0], 'run/losses': [0.5, 0.25]}, lists=['run/losses'], more={'run/epoch': 2})
    """
    numbers: dict[str, float] = {}
    lists: dict[str, Array] = {}
    more: dict[str, Any] = {}
    for name, leaf in _leaves(model):
        shape = shape_of(leaf)
        (more if shape is None else lists if shape else numbers)[name] = leaf
    try:
        json.dumps(more, allow_nan=False)
    except ValueError as error:
        raise ValueError(
            f"an entry that is not an array of floats does not fit into JSON ({error})"
        ) from error
    return Content(arrays_of(numbers, lists) | lists, [*lists], more)


def _leaves(x: Any, name: str | None = None) -> Iterator[tuple[str, Any]]:
    """Yield every object that is not a mapping with its name, which starts with the name of its part."""
    if callable(getattr(x, "state_dict", None)) and not isinstance(x, type):
        x = x.state_dict()
    if is_mapping(x) and (x or name is None):
        if not x:
            raise ValueError("it has no numbers to save")
        if name is not None and name.count(SEPARATOR) >= MAX_DEPTH:
            beginning = replace_controls(name[:40])
            raise ValueError(f"its parts are nested more than {MAX_DEPTH} deep, at {beginning}…")
        for key, item in x.items():
            if not isinstance(key, str) or SEPARATOR in key:
                raise ValueError(f"the name {short(key)} is not a string without {SEPARATOR!r}")
            _check_length(key)
            yield from _leaves(item, key if name is None else f"{name}{SEPARATOR}{key}")
    elif name is not None:
        check_depth(x)
        yield name, _plain(x, name)
    else:
        raise TypeError(
            f"save() expected a model or a state, got {type_and_value(x)}. "
            "Pass the model first, then the path."
        )


def _check_length(name: str) -> None:
    """Raise ValueError for a name that would take too much room, once for each number of its array."""
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"the name {short(name)} has {len(name)} characters, more than {MAX_NAME_LENGTH}")


def check_depth(x: Any, depth: int = 0) -> None:
    """Raise ValueError for lists and dicts that are nested too deep."""
    if depth > MAX_DEPTH:
        raise ValueError(f"its lists and dicts are nested more than {MAX_DEPTH} deep")
    for item in x.values() if is_mapping(x) else x if is_sequence(x) else ():
        check_depth(item, depth + 1)


def _plain(x: Any, name: str) -> Any:
    """Return an object as JSON stores it; any number that is not an int becomes a float."""
    if x is None or isinstance(x, bool | int | str):
        return x
    if is_sequence(x):
        return [_plain(item, name) for item in x]
    if is_mapping(x):
        if other_keys := [key for key in x if not isinstance(key, str)]:
            raise ValueError(f"the name {short(other_keys[0])} in {name!r} is not a string")
        return {key: _plain(item, name) for key, item in x.items()}
    return convert_number("save", name, x)


def encode_floats(x: Any) -> Any:
    """Replace the floats that JSON cannot store by strings."""
    if is_mapping(x):
        return {name: encode_floats(item) for name, item in x.items()}
    if is_list(x):
        return [encode_floats(item) for item in x]
    return x if math.isfinite(x) else repr(x)


def decode_array(x: Any, name: str) -> Array:
    """Return the array that :func:`encode_floats` converted; raise ValueError if it is not an array."""
    array = _decode(x)
    if shape_of(array) is None:
        raise ValueError(
            f"the entry {name!r} is not an array of at most {DIMENSIONS} dimensions, each of 1 or more"
        )
    return array


def _decode(x: Any) -> Array:
    if is_list(x):
        return [_decode(item) for item in x]
    if isinstance(x, float) or x in ("nan", "inf", "-inf"):
        return float(x)
    raise ValueError(f"it contains {type_and_value(x)} instead of a float")


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object with these pairs of a JSON file; raise ValueError if two have the same name."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        repeated = next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i]))
        raise ValueError(f"two entries are named {repeated!r}")
    return entries
