"""Groups of operands as a caller passes them: lists, tuples, generators, rows of numbers, arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from ..system.messages import type_and_value


def all_floats(group: tuple[Any, ...]) -> bool:
    """Return True if a group has elements, and all are plain floats."""
    return group != () and type(group[0]) is float and {*map(type, group)} == {float}


def items_of(name: str, group: Any) -> Iterable[Any]:
    """Return the group if it is a sequence, a generator or an array of one dimension."""
    if _is_listed(group):
        return group  # type: ignore[no-any-return]
    raise TypeError(
        f"{name}() expected a sequence of Values or numbers, got {type_and_value(group)}. Put it into a list."
    )


def _is_listed(group: object) -> bool:
    return hasattr(group, "__iter__") and not isinstance(group, (str, bytes, Mapping, Set))
