"""The state of a model, which maps names to numbers: find its places, check it, and report mismatches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from autograd import Value
from autograd.system.messages import replace_controls, type_name

from .kinds import is_list, is_mapping


class Mismatch(NamedTuple):
    """The names of the model that a state lacks, and the names of the state that the model lacks."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def places(name: str, container: Any, key: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield each number of a buffer, also within lists, as its name, its container and its key."""
    buffer = container[key]
    if is_list(buffer):
        for i in range(len(buffer)):
            yield from places(f"{name}.{i}", buffer, i)
    elif buffer is not None:
        yield name, container, key


def number_like(old: float, new: Any, name: str) -> float:
    """Return a number of a state as a float, or as an int if ``old`` is an int."""
    try:
        number = Value(new).data
    except TypeError as error:
        raise TypeError(f"{replace_controls(name)} of the state: {error}") from None
    if not isinstance(old, int):
        return number
    if not number.is_integer():
        raise ValueError(f"{replace_controls(name)} of the state must be a whole number, not {number!r}")
    return int(number)


def taken_over(
    state: Any, own: Mapping[str, float], strict: bool, whose: str, renamed: Mapping[str, str]
) -> tuple[dict[str, float], Mismatch]:
    """Return the numbers of a state that belong to a model, and the names that do not fit.

    ``renamed`` maps the former names of attributes to the names they have now. A state with a former
    name is rejected, also if ``strict`` is False.
    """
    if not is_mapping(state):
        raise TypeError(f"a state maps names to numbers, which {type_name(state)} does not")
    mismatch = Mismatch([name for name in own if name not in state], [n for n in state if n not in own])
    for name in mismatch.unexpected_keys:
        if (new_name := _new_name(name, renamed)) is not None:
            raise RuntimeError(_former_name(name, new_name, whose))
    if strict and any(mismatch):
        raise RuntimeError(_difference(mismatch, whose))
    return {name: number_like(old, state[name], name) for name, old in own.items() if name in state}, mismatch


def _new_name(name: Any, renamed: Mapping[str, str]) -> str | None:
    """Return the name that replaces a former one; None for a name that was never in use."""
    if name in renamed:
        return renamed[name]
    attribute, _, index = str(name).rpartition(".")
    return f"{renamed[attribute]}.{index}" if attribute in renamed else None


def _former_name(name: str, new_name: str, whose: str) -> str:
    """Return the error message for a state that was saved under former names."""
    return (
        f"load_state_dict() expected the names of this {whose}, got {name!r}, which is now {new_name!r}. "
        "The weights and the bias of a Neuron are named w and b. Rename the keys of the state, or train "
        "the model and save it again. Nothing was changed."
    )


def _difference(mismatch: Mismatch, whose: str) -> str:
    """Return the error message for a state that does not fit; it names the differences."""

    def some(names: list[str]) -> str:
        return ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

    told = [f"{what} {some(names)}" for what, names in zip(("missing", "unexpected"), mismatch) if names]
    return (
        f"the state is not one of this {whose}, which is left as it was: {'; '.join(told)}. Build it "
        "as the one that was saved, or pass strict=False to take over what fits"
    )
