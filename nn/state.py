"""The state of a model, which maps names to numbers: find its places, check it, and report mismatches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from autograd import Value
from autograd.system.messages import type_and_value

from .kinds import is_list, is_mapping


class Mismatch(NamedTuple):
    """The names of the model that a state lacks, and the names of the state that the model lacks."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def buffer_places(name: str, container: Any, key: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield each number of a buffer, also within lists, as its name, its container and its key."""
    buffer = container[key]
    if is_list(buffer):
        for i in range(len(buffer)):
            yield from buffer_places(f"{name}.{i}", buffer, i)
    elif buffer is not None:
        yield name, container, key


def convert_number(function: str, name: str, x: Any, like: float = 0.0) -> float:
    """Return a number of a state as a float, or as an int if ``like`` is an int."""
    try:
        number = Value(x).data
    except TypeError:
        raise TypeError(
            f"{function}() expected a real number for {name!r} of the state, got {type_and_value(x)}. "
            "Pass a state of numbers, as state_dict() returns it."
        ) from None
    if not isinstance(like, int):
        return number
    if not number.is_integer():
        raise ValueError(
            f"{function}() expected a whole number for {name!r} of the state, got {type_and_value(x)}. "
            "Pass a state as state_dict() returns it."
        )
    return int(number)


def match_state(
    state: Any, own: Mapping[str, float], strict: bool, model: str, renamed: Mapping[str, str]
) -> tuple[dict[str, float], Mismatch]:
    """Return the numbers of a state that belong to a model, and the names that do not fit.

    ``model`` is the name of its class, and ``renamed`` maps the former names of attributes to their current
    names. A state with a former name is rejected, also if ``strict`` is False.
    """
    function = f"{model}.load_state_dict"
    if not is_mapping(state):
        raise TypeError(
            f"{function}() expected a mapping of names to numbers, got {type_and_value(state)}. "
            "Pass the state_dict() of a model, or the result of load()."
        )
    mismatch = Mismatch([name for name in own if name not in state], [n for n in state if n not in own])
    for name in mismatch.unexpected_keys:
        if (new_name := _new_name(name, renamed)) is not None:
            raise RuntimeError(_former_name(function, name, new_name))
    if strict and any(mismatch):
        raise RuntimeError(_difference(function, mismatch))
    numbers = {
        name: convert_number(function, name, state[name], like) for name, like in own.items() if name in state
    }
    return numbers, mismatch


def _new_name(name: Any, renamed: Mapping[str, str]) -> str | None:
    """Return the name that replaces a former one; None for a name that was never in use."""
    if name in renamed:
        return renamed[name]
    attribute, _, index = str(name).rpartition(".")
    return f"{renamed[attribute]}.{index}" if attribute in renamed else None


def _former_name(function: str, name: str, new_name: str) -> str:
    """Return the error message for a state that was saved under former names."""
    return (
        f"{function}() expected the names of this model, got {name!r}, which is now {new_name!r}. "
        "The weights and the bias of a Neuron are named w and b. Rename the keys of the state, or train "
        "the model and save it again. Nothing was changed."
    )


def _difference(function: str, mismatch: Mismatch) -> str:
    """Return the error message for a state that does not fit; it names the differences."""
    differences = [
        f"{kind} keys {list_names(names)}"
        for kind, names in zip(("missing", "unexpected"), mismatch)
        if names
    ]
    return (
        f"{function}() expected the names of this model, got {', and '.join(differences)}. Build the model "
        "as the saved one was built, or pass strict=False to load the names that fit. Nothing was changed."
    )


def list_names(names: list[Any]) -> str:
    """Return the first three names, and the number of the others, for an error message.

    >>> list_names(["a", "b", "c", "d"])
    "'a', 'b', 'c' and 1 more"
    """
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more
