"""Keys of static arguments: numbers and strings by their bits, objects by identity."""

from __future__ import annotations

import marshal
from types import MethodType
from typing import Any

_PLAIN = (float, int, complex, bool, str, bytes, type(None))
_TUPLE: Any = tuple
_SEQUENCES: Any = (list, tuple, set, frozenset)


class Identity:
    """An object that equals itself only, whatever its ``__eq__`` says. It is kept, so that its id stays."""

    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.x is other.x

    def __hash__(self) -> int:
        return id(self.x)


def bits_of(x: Any) -> tuple[Any, ...]:
    """Return a key that two objects share only if they are the same, or plain and bit-identical.

    >>> bits_of((1, 0.0)) == bits_of((1, 0.0)), bits_of(0.0) == bits_of(-0.0), bits_of(1) == bits_of(True)
    (True, False, False)
    """
    kind = _kind_of(x)
    if kind in _PLAIN:
        return kind, marshal.dumps(x, 2)
    if kind in _SEQUENCES or _is_named_tuple(x):
        return kind, *map(bits_of, x)
    if kind is dict:
        return kind, *[(bits_of(key), bits_of(item)) for key, item in x.items()]
    if kind is MethodType:  # a new one at each access
        return kind, Identity(x.__func__), Identity(x.__self__)
    if kind.__module__ == "numpy" and hasattr(x, "tobytes") and not x.dtype.hasobject:
        return kind, x.dtype.str, repr(x.dtype), x.shape, x.tobytes()
    return kind, Identity(x)


def _kind_of(x: object) -> Any:
    return type(x)


def _is_named_tuple(x: Any) -> bool:
    """Return True for a namedtuple without other attributes."""
    kind = _kind_of(x)
    return issubclass(kind, _TUPLE) and hasattr(kind, "_fields") and kind.__dictoffset__ == 0
