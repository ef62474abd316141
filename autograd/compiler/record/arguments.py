"""The arguments of a call: its numbers in order, and its shape, which selects the programs."""

from __future__ import annotations

import marshal
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from itertools import accumulate, chain
from operator import index
from struct import error, pack
from typing import Any, TypeGuard

from ...interop.reals import real_to_float
from ...structures import leaves_of, map_leaves, structure_of
from ...system.messages import class_name, short, type_and_value
from ...value import Value
from .bits import bits_of

#: Placeholders for numbers in a shape. A function may look at the type of a number, such as by isinstance().
NUMBER, INT = "number", "int"

_PLAIN = {float: NUMBER, int: INT}
_KINDS = {*_PLAIN}
#: The NumPy types whose arithmetic is that of float64: int64 too, below 2⁵³.
_EXACT = {"f8", "i8"}


class Flat:
    """The numbers of the arguments, in order. Those of a NumPy array stay an array.

    ``plain`` is set if all are Python numbers in Python containers, or in arrays that are arguments.
    """

    plain = True

    def __init__(self, fixed: Sequence[Value] = ()) -> None:
        #: Lists of numbers, and arrays.
        self._parts: list[Any] = []
        #: The leaf Values among the arguments, each once: a program takes any Values in their place.
        self.values: list[Value] = []
        self._places: dict[int, int] = {}
        self._fixed = fixed
        self._fixed_ids: set[int] | None = None
        #: The objects among the arguments, such as models.
        self.objects: list[Any] = []
        self.has_arrays = False
        #: Why the function cannot be traced with these arguments; "" if it can.
        self.reason = ""

    def shape_of_value(self, value: Value) -> tuple[Any, ...]:
        """Add a Value among the arguments and return its shape.

        The parameters of an optimizer, and Values of a subclass, are distinguished by identity.
        """
        self.plain = False
        if not value.is_leaf:
            self.reason = (
                f"its arguments have {short(value)}, a non-leaf Value, into whose graph a program passes no "
                "gradient: compute it inside, or pass its .data"
            )
            return Value, "non-leaf", 0
        if self._fixed_ids is None:
            self._fixed_ids = {*map(id, self._fixed)}
        kind = kind_of(value)
        if hasattr(kind, "_residence"):  # the class of a parameter of another step
            kind = kind.__mro__[1]
        if kind is not Value or id(value) in self._fixed_ids:
            return Value, id(value)
        if id(value) not in self._places:
            self._places[id(value)] = len(self.values)
            self.values.append(value)
        return Value, "leaf", self._places[id(value)], value.label

    def append(self, x: Any) -> None:
        """Add a number."""
        self.extend([x])

    def extend(self, numbers: Iterable[Any]) -> None:
        """Add numbers."""
        if self._parts and kind_of(self._parts[-1]) is list:
            self._parts[-1].extend(numbers)
        else:
            self._parts.append([*numbers])

    def add_array(self, x: Any) -> None:
        """Add the numbers of an array, in C order."""
        self._parts.append(x)

    def __len__(self) -> int:
        return sum(map(_count, self._parts))

    def are_ints(self, positions: Iterable[int]) -> bool:
        """Return True if the numbers at these positions are ints."""
        ends = [*accumulate(map(_count, self._parts))]
        for position in positions:
            i = bisect_right(ends, position)
            part = self._parts[i]
            if kind_of(part) is not list:
                if part.dtype.kind != "i":
                    return False
            elif type(part[position - ends[i]]) is not int:  # counted from the end
                return False
        return True

    def as_floats(self) -> array[float]:
        """Return the numbers as an array of float64."""
        result = array("d")
        for part in self._parts:
            result.frombytes(
                bytes(as_floats(part)) if kind_of(part) is list else part.astype(float).tobytes()
            )
        return result


class Static:
    """An argument that selects a program by its content, and is passed to the function unchanged."""

    def __init__(self, value: Any, name: str) -> None:
        self.value = value
        self.key = bits_of(value)


class Structured:
    """An argument of a derivative in nested containers: every leaf of them is a number."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.key = structure_of(value)


def fingerprint(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes | None:
    """Return bytes that two calls share only if their arguments have the same types and bits.

    That holds for plain arguments, of which ``marshal`` writes types, lengths and numbers; it takes a fifth
    of the time of :func:`flatten`. If ``marshal`` raises an error, the result is None.
    """
    try:
        arrays = [(i, a.dtype.str, a.shape) for i, a in enumerate((*args, *kwargs.values())) if is_array(a)]
        pair: Any = args, kwargs, arrays  # of an array it writes the bytes alone
        return marshal.dumps(pair, 2)  # from version 3 on, the bytes depend on shared references
    except ValueError:
        return None


def as_floats(numbers: Sequence[float]) -> array[float]:
    """Return the numbers as an array of float64."""
    result = array("d")
    try:
        result.frombytes(pack(f"{len(numbers)}d", *numbers))
    except error:  # an int beyond the range of floats becomes an infinity
        result.extend([real_to_float(x) or 0.0 for x in numbers])
    return result


def flatten(argument: Any, numbers: Flat) -> Any:
    """Append the numbers of an argument to ``numbers`` and return its shape.

    >>> numbers = Flat()
    >>> flatten([[1.0, 2.0], [3.0, 4.0]], numbers) == flatten([[5.0, 6.0], [7.0, 8.0]], Flat())
    True
    >>> numbers.as_floats()
    array('d', [1.0, 2.0, 3.0, 4.0])

    Only numbers and leaf Values may change from call to call. Everything else is part of the shape: the types
    of the numbers, strings, bools and None by their value, enum members and objects such as models by their
    identity, and which of the Values are the same.
    """
    kind = kind_of(argument)
    if kind in _PLAIN:
        numbers.append(argument)
        return _PLAIN[kind]
    if kind is list or kind is tuple:
        return _flatten_sequence(kind, argument, numbers)
    if kind is dict:
        return dict, tuple([(_exact(key, numbers), flatten(x, numbers)) for key, x in argument.items()])
    if isinstance(argument, Value):
        return numbers.shape_of_value(argument)
    if argument is None or kind is str or kind is bool:
        return kind, argument
    if kind is Static:
        numbers.objects.append(argument.value)
        return Static, argument.key
    if kind is Structured:
        numbers.extend(leaves_of(argument.value))
        return Structured, argument.key
    if is_tuple(argument) and hasattr(argument, "_fields"):
        numbers.plain = False
        return kind, tuple(flatten(item, numbers) for item in argument)
    numbers.plain = False
    if isinstance(argument, Enum):
        numbers.objects.append(argument)
        return object, id(argument)
    if is_array(argument):
        numbers.add_array(argument)
        numbers.has_arrays = True
        if not _is_exact(argument):
            numbers.reason = _differs_from_float64(f"an array of {argument.dtype}", ".astype(float)")
        has_nan = bool((argument != argument).any())  # X.max() of objects is not nan then
        if has_nan:
            numbers.reason = "its arguments have an array with nan, which NumPy orders otherwise among Values"
        return "array", argument.shape, argument.dtype.str + " with nan" * has_nan
    x = real_to_float(argument)
    if x is not None:
        numbers.append(_int_or(x, argument))
        if not _is_exact(argument):
            numbers.reason = _differs_from_float64(type_and_value(argument), "float()")
        return (kind,)
    if any(
        hasattr(argument, name) for name in ("__iter__", "__len__", "__float__", "__complex__", "__array__")
    ):
        raise TypeError(
            "A compiled step expected numbers, lists, tuples, dicts or NumPy arrays of them, or objects "
            f"without elements such as models, got {class_name(kind)} {short(argument)}. {_remedy(argument)}"
        )
    numbers.objects.append(argument)
    return object, id(argument)


def _remedy(argument: Any) -> str:
    """Return how to convert an argument that has elements but cannot be flattened."""
    kind = kind_of(argument)
    if hasattr(argument, "to_numpy"):  # pandas and others
        return "Convert it with .to_numpy(dtype=float)."
    if kind.__module__ == "numpy" and hasattr(argument, "dtype"):
        if argument.dtype.kind == "b":
            return "Convert it with .astype(float)."
        if argument.dtype.kind == "c":
            return "Pass its .real and .imag."
    elif isinstance(argument, complex):
        return "Pass its .real and .imag."
    if hasattr(argument, "tolist"):  # tensors of PyTorch, JAX and others, and arrays of objects
        return "Convert it with .tolist()."
    return "Convert it to a list of numbers."


def _flatten_sequence(kind: type, items: Any, numbers: Flat) -> Any:
    kinds: set[Any] = {*map(type, items)}
    if kinds <= _KINDS:
        numbers.extend(items)
        return kind, len(items), *_types(items, kinds)
    if len(kinds) == 1 and (kinds == {list} or kinds == {tuple}):  # rows of one length: most data
        widths = {*map(len, items)}
        row = [*chain.from_iterable(items)]
        types = {*map(type, row)}
        if len(widths) == 1 and types <= _KINDS:
            width = widths.pop()
            if len(types) < 2 or [*map(type, row)] == [*map(type, row[:width])] * len(items):
                numbers.extend(row)
                return kind, len(items), kinds.pop(), width, *_types(row[:width], types)
    return kind, tuple([flatten(item, numbers) for item in items])


def _types(items: Sequence[Any], kinds: set[Any]) -> tuple[Any, ...]:
    """Return what distinguishes the types of the numbers in a list; nothing if all are floats."""
    if kinds <= {float}:
        return ()
    return (INT,) if kinds == {int} else (tuple([_PLAIN[type(x)] for x in items]),)


def _exact(key: Any, numbers: Flat) -> Any:
    """Return what only the same key of a dict is equal to: 1 is not 1.0."""
    kind = kind_of(key)
    if kind is str:
        return key
    try:
        return kind, marshal.dumps(key, 2)
    except ValueError:
        numbers.objects.append(key)
        return object, id(key)


def _is_exact(x: Any) -> bool:
    """Return True for a NumPy number or array whose arithmetic is that of float64."""
    return type(x).__module__ == "numpy" and f"{x.dtype.kind}{x.dtype.itemsize}" in _EXACT


def _differs_from_float64(what: str, remedy: str) -> str:
    return (
        f"its arguments have {what}, whose arithmetic is not that of float64, in which a program computes: "
        f"convert it with {remedy}"
    )


def kind_of(x: object) -> Any:
    """Return the type of an object, untyped."""
    return type(x)


def is_tuple(x: Any) -> TypeGuard[tuple[Any, ...]]:
    """Return True if x is a tuple, with elements of any type."""
    return isinstance(x, tuple)


def _int_or(other: Any, argument: Any) -> Any:
    return index(argument) if hasattr(argument, "__index__") else other


def _count(part: Any) -> int:
    return len(part) if kind_of(part) is list else part.size


def is_array(argument: Any) -> TypeGuard[Any]:
    """Return True for an array of NumPy that contains numbers."""
    return (
        type(argument).__module__ == "numpy"
        and type(argument).__name__ == "ndarray"
        and argument.dtype.kind in "fiu"
    )


def rebuild(argument: Any, make: Callable[[Any], Any]) -> Any:
    """Return the argument with ``make(x)`` for each number or Value x, in the order of :func:`flatten`."""
    kind = kind_of(argument)
    if kind in _PLAIN:
        return make(argument)
    if kind is list or kind is tuple:
        items: list[Any] = [rebuild(item, make) for item in argument]
        return items if kind is list else tuple(items)
    if kind is dict:
        return {key: rebuild(item, make) for key, item in argument.items()}
    if isinstance(argument, Value):
        return make(argument)
    if argument is None or kind is str or kind is bool:
        return argument
    if kind is Static:
        return argument.value
    if kind is Structured:
        return map_leaves(argument.value, make)
    if isinstance(argument, Enum):
        return argument
    if is_tuple(argument) and hasattr(argument, "_fields"):
        return kind(*[rebuild(item, make) for item in argument])
    if is_array(argument):
        array = argument.astype(object)
        array.flat[:] = [make(x) for x in argument.flat]
        return array
    if real_to_float(argument) is None:
        return argument
    return make(argument)


def identities(argument: Any) -> Any:
    """Return the ids of the elements, which differ after the argument was changed in place."""
    kind = kind_of(argument)
    if kind is dict:
        return kind, [(id(key), identities(item)) for key, item in argument.items()]
    if kind is list or is_tuple(argument):
        return kind, [*map(identities, argument)]
    if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
        content = [*map(id, argument.flat)] if argument.dtype.hasobject else argument.tobytes()
        return kind, argument.shape, content
    return id(argument)


def described(shape: Any) -> str:
    """Describe a shape in words.

    >>> described(flatten([[1.0, 2.0], [3.0, 4.0]], Flat())), described(flatten((1.0,), Flat()))
    ('a list of 2 lists of 2', 'a tuple of 1')
    """
    if shape in (NUMBER, INT):
        return "an int" if shape == INT else "a number"
    if not is_tuple(shape) or not shape:
        return short(shape)
    kind, *rest = shape
    if kind == "array":
        return f"an array of shape {rest[0]} and dtype {rest[1]}"
    if kind is list or kind is tuple:
        types = "" if len(rest) % 2 else " ints" if rest[-1] == INT else " ints and floats"
        if len(rest) > 2:
            return f"a {class_name(kind)} of {rest[0]} {class_name(rest[1])}s of {rest[2]}{types}"
        return f"a {class_name(kind)} of {rest[0] if isinstance(rest[0], int) else len(rest[0])}{types}"
    if kind in (str, bool):
        return repr(rest[0])
    if kind is Static:
        return f"another static {class_name(rest[0][0])}"
    if kind is Value and rest[0] in ("leaf", "non-leaf"):
        label = f" labeled {rest[2]!r}" if rest[2:] and rest[2] else ""
        return f"a {rest[0]} Value{label}"
    names = {dict: "a dict", Value: "another Value", object: "another object"}
    return names.get(kind) or f"a {class_name(kind)}"
