"""The arguments of a call: its numbers in order, and its shape, which selects the programs."""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import index
from struct import error, pack
from typing import Any, TypeGuard

from ...interop.reals import real_to_float
from ...system.messages import class_name, short
from ...value import Value
from .bits import bits_of

#: Placeholder for a number in a shape.
NUMBER = "number"

_PLAIN = {float, int}


class Flat(list[float]):
    """The numbers of the arguments; ``plain`` if all are Python numbers in Python containers."""

    plain = True

    def __init__(self) -> None:
        super().__init__()
        #: The objects among the arguments, such as models.
        self.objects: list[Any] = []


class Static:
    """An argument that selects a program by its content, and is passed to the function unchanged."""

    def __init__(self, value: Any, name: str) -> None:
        self.value = value
        self.key = bits_of(value)


def fingerprint(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes | None:
    """Return bytes that two calls share only if their arguments have the same types and bits.

    That holds for plain arguments, of which ``marshal`` writes types, lengths and numbers; it takes a fifth
    of the time of :func:`flatten`. If ``marshal`` raises an error, the result is None.
    """
    try:
        everything: Any = args, kwargs
        return marshal.dumps(everything, 2)  # from version 3 on, the bytes depend on shared references
    except ValueError:
        return None


def as_floats(numbers: Sequence[float]) -> array[float]:
    """Return the numbers as an array of float64."""
    found = array("d")
    try:
        found.frombytes(pack(f"{len(numbers)}d", *numbers))
    except error:  # an int beyond the range of floats becomes an infinity
        found.extend([real_to_float(x) or 0.0 for x in numbers])
    return found


def flatten(argument: Any, numbers: Flat) -> Any:
    """Append the numbers of an argument to ``numbers`` and return its shape.

    >>> numbers = Flat()
    >>> flatten([[1.0, 2], [3.0, 4.0]], numbers) == flatten([[5.0, 6.0], [7.0, 8.0]], Flat())
    True
    >>> numbers
    [1.0, 2, 3.0, 4.0]

    Only numbers may change from call to call. Everything else is part of the shape: strings, bools and None
    by their value, Values and objects such as models by their identity.
    """
    kind = kind_of(argument)
    if kind in _PLAIN:
        numbers.append(argument)
        return NUMBER
    if kind is list or kind is tuple:
        return _flatten_sequence(kind, argument, numbers)
    if kind is dict:
        return dict, tuple((key, flatten(item, numbers)) for key, item in argument.items())
    if isinstance(argument, Value):
        return Value, id(argument)
    if argument is None or kind is str or kind is bool:
        return kind, argument
    if kind is Static:
        numbers.objects.append(argument.value)
        return Static, argument.key
    if is_tuple(argument) and hasattr(argument, "_fields"):
        numbers.plain = False
        return kind, tuple(flatten(item, numbers) for item in argument)
    numbers.plain = False
    if _is_array(argument):
        numbers.extend(argument.ravel().tolist())
        return "array", argument.shape
    x = real_to_float(argument)
    if x is not None:
        numbers.append(_int_or(x, argument))
        return NUMBER
    if any(
        hasattr(argument, name) for name in ("__iter__", "__len__", "__float__", "__complex__", "__array__")
    ):
        raise TypeError(
            "A compiled step expected numbers, lists, tuples, dicts or NumPy arrays of them, or objects "
            f"without elements such as models, got {class_name(kind)} {short(argument)}. "
            "Convert it to a list of numbers."
        )
    numbers.objects.append(argument)
    return object, id(argument)


def _flatten_sequence(kind: type, items: Any, numbers: Flat) -> Any:
    kinds = {*map(type, items)}
    if kinds <= _PLAIN:
        numbers.extend(items)
        return kind, len(items)
    if len(kinds) == 1 and (kinds == {list} or kinds == {tuple}):  # rows of one length: most data
        widths = {*map(len, items)}
        row = [*chain.from_iterable(items)]
        if len(widths) == 1 and {*map(type, row)} <= _PLAIN:
            numbers.extend(row)
            return kind, len(items), kinds.pop(), widths.pop()
    return kind, tuple([flatten(item, numbers) for item in items])


def kind_of(x: object) -> Any:
    """Return the type of an object, untyped."""
    return type(x)


def is_tuple(x: Any) -> TypeGuard[tuple[Any, ...]]:
    """Return True if x is a tuple, with elements of any type."""
    return isinstance(x, tuple)


def _int_or(other: Any, argument: Any) -> Any:
    return index(argument) if hasattr(argument, "__index__") else other


def _is_array(argument: Any) -> TypeGuard[Any]:
    return (
        type(argument).__module__ == "numpy"
        and type(argument).__name__ == "ndarray"
        and argument.dtype.kind in "fiu"
    )


def rebuild(argument: Any, make: Callable[[Any], Any]) -> Any:
    """Return the argument with each number x replaced by ``make(x)``, in the order of :func:`flatten`."""
    kind = kind_of(argument)
    if kind in _PLAIN:
        return make(argument)
    if kind is list or kind is tuple:
        items: list[Any] = [rebuild(item, make) for item in argument]
        return items if kind is list else tuple(items)
    if kind is dict:
        return {key: rebuild(item, make) for key, item in argument.items()}
    if isinstance(argument, Value) or argument is None or kind is str or kind is bool:
        return argument
    if kind is Static:
        return argument.value
    if is_tuple(argument) and hasattr(argument, "_fields"):
        return kind(*[rebuild(item, make) for item in argument])
    if _is_array(argument):
        array = argument.astype(object)
        array.ravel()[:] = [make(x) for x in argument.ravel().tolist()]
        return array
    if real_to_float(argument) is None:
        return argument
    return make(_int_or(argument, argument))


def described(shape: Any) -> str:
    """Describe a shape in words.

    >>> described(flatten([[1.0, 2.0], [3.0, 4.0]], Flat())), described(flatten((1.0,), Flat()))
    ('a list of 2 lists of 2', 'a tuple of 1')
    """
    if shape == NUMBER:
        return "a number"
    if not is_tuple(shape) or not shape:
        return short(shape)
    kind, *rest = shape
    if kind == "array":
        return f"an array of shape {rest[0]}"
    if kind is list or kind is tuple:
        if len(rest) == 3:
            return f"a {class_name(kind)} of {rest[0]} {class_name(rest[1])}s of {rest[2]}"
        return f"a {class_name(kind)} of {rest[0] if isinstance(rest[0], int) else len(rest[0])}"
    if kind in (str, bool):
        return repr(rest[0])
    if kind is Static:
        return f"another static {class_name(rest[0][0])}"
    known = {dict: "a dict", Value: "another Value", object: "another object"}
    return known.get(kind) or f"a {class_name(kind)}"
