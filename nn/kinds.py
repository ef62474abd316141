"""What kind of container something is, told so that a type checker knows what may be in it: anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard


def is_list(x: object) -> TypeGuard[list[Any]]:
    """Whether it is a list."""
    return isinstance(x, list)


def is_tuple(x: object) -> TypeGuard[tuple[Any, ...]]:
    """Whether it is a tuple."""
    return isinstance(x, tuple)


def is_sequence(x: object) -> TypeGuard[Sequence[Any]]:
    """Whether it is a list or a tuple."""
    return isinstance(x, list | tuple)


def is_dict(x: object) -> TypeGuard[dict[Any, Any]]:
    """Whether it is a dict."""
    return isinstance(x, dict)


def is_mapping(x: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether it maps names to something, as a dict does."""
    return isinstance(x, Mapping)
