"""Kinds of containers, as functions that a type checker uses to narrow a type to a container of anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard


def is_list(x: object) -> TypeGuard[list[Any]]:
    """Return True for a list."""
    return isinstance(x, list)


def is_tuple(x: object) -> TypeGuard[tuple[Any, ...]]:
    """Return True for a tuple."""
    return isinstance(x, tuple)


def is_sequence(x: object) -> TypeGuard[Sequence[Any]]:
    """Return True for a list or a tuple."""
    return isinstance(x, list | tuple)


def is_dict(x: object) -> TypeGuard[dict[Any, Any]]:
    """Return True for a dict."""
    return isinstance(x, dict)


def is_mapping(x: object) -> TypeGuard[Mapping[Any, Any]]:
    """Return True for a mapping, such as a dict."""
    return isinstance(x, Mapping)
