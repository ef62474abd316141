"""The second result of a function with ``has_aux``: Values in nested containers, returned as numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import Any

from ...interop.reals import real_to_float
from ...structures import map_leaves, structure_of
from ...system.messages import type_and_value
from ...value import Value
from .arguments import is_tuple


class _Slot:
    """The place of a Value in the containers, or of an argument that is an int."""

    def __init__(self, index: int, is_int: bool) -> None:
        self.index, self.is_int = index, is_int

    def number(self, numbers: Sequence[float]) -> float:
        x = numbers[self.index]
        return int(x) if self.is_int and math.isfinite(x) else x


class Aux:
    """The Values of the second result, and the containers that they are in.

    >>> aux = Aux({"loss": Value(2.0), "norms": [Value(3.0)], "name": "w"})
    >>> aux.build([5.0, 7.0])
    {'loss': 5.0, 'norms': [7.0], 'name': 'w'}
    """

    def __init__(self, result: Any) -> None:
        self.values: list[Value] = []
        #: The leaves of the containers: a slot for each Value, and what is the same at each call.
        self._leaves: list[Any] = []
        self.template = map_leaves(result, self._add)
        self.structure = structure_of(self.template)

    def _add(self, x: Any) -> Any:
        if isinstance(x, Value):
            self.values.append(x)
            self._leaves.append(_Slot(len(self.values) - 1, getattr(x, "is_int", False)))
            return self._leaves[-1]
        if not (x is None or isinstance(x, (str, bytes, Enum, type)) or real_to_float(x) is not None):
            raise TypeError(
                f"compile() expected aux to be made of Values and numbers, got {type_and_value(x)} in it. "
                "Return them in lists, tuples, dicts or dataclasses."
            )
        self._leaves.append(x)
        return x

    @property
    def numbers(self) -> list[float]:
        """The current numbers of the Values."""
        return [x._data for x in self.values]

    def build(self, numbers: Sequence[float]) -> Any:
        """Return the containers with numbers in place of the Values."""
        return map_leaves(self.template, lambda x: x.number(numbers) if type(x) is _Slot else x)

    def leaves(self, numbers: Sequence[float]) -> list[Any]:
        """Return the leaves of the containers, in order, with numbers in place of the Values."""
        return [x.number(numbers) if type(x) is _Slot else x for x in self._leaves]

    def is_like(self, other: Aux) -> bool:
        """Return True if both have the same containers, and the same leaves except for the Values."""
        zeros, others = [0.0] * len(self.values), [0.0] * len(other.values)
        return self.structure == other.structure and (
            [*map(repr, self.leaves(zeros))] == [*map(repr, other.leaves(others))]
        )


def split(result: Any, has_aux: bool) -> tuple[Any, Aux | None]:
    """Return the loss, and the second result if the function has one.

    Raises:
        TypeError: If ``has_aux`` is set and the function did not return a pair.
    """
    if not has_aux:
        return result, None
    if not is_tuple(result) or len(result) != 2:
        raise TypeError(
            f"compile() expected the function to return a pair (loss, aux) with has_aux=True, got "
            f"{type_and_value(result)}. Return the loss first, then anything made of Values."
        )
    return result[0], Aux(result[1])
