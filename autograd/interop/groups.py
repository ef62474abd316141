"""Groups of operands as a caller passes them: lists, tuples, generators, rows of numbers, arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set, Sized
from typing import Any

from ..system.messages import type_and_value


def all_floats(group: tuple[Any, ...]) -> bool:
    """Return True if a group has elements, and all are plain floats."""
    return group != () and type(group[0]) is float and {*map(type, group)} == {float}


def items_of(name: str, group: Any, argument: str) -> Iterable[Any]:
    """Return the group if it can be iterated in order; raise TypeError, naming the argument, if it cannot."""
    if _is_listed(group):
        return group  # type: ignore[no-any-return]
    raise TypeError(
        f"{name}() expected a sequence of Values or numbers for {argument.rstrip('*')}, "
        f"got {type_and_value(group)}. Put it into a list."
    )


def check_lengths(name: str, groups: list[tuple[str, Sized]]) -> None:
    """Raise ValueError unless the groups, each with the name of its operand, have the same length."""
    lengths = [len(group) for _, group in groups]
    if len({*lengths}) > 1:
        raise ValueError(
            f"{name}() expected {' and '.join(operand for operand, _ in groups)} of the same length, "
            f"got {' and '.join(map(str, lengths))}. Pass as many of each."
        )


def _is_listed(group: object) -> bool:
    return hasattr(group, "__iter__") and not isinstance(group, (str, bytes, Mapping, Set))
