"""The table made into the methods of Value, into functions, and into the rule language on Values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import compress
from threading import get_ident
from types import SimpleNamespace
from typing import Any, SupportsFloat

from . import arithmetic as arithmetic  # which reads the table on floats
from .primitives import PRIMITIVES, Primitive
from .value import MANY, UNSET, Value, new_value, number, recorders, short


def _unary_method(entry: Primitive) -> Callable[[Value], Value]:
    run = entry.run

    def method(self: Value) -> Value:
        x = self._datum
        if recorders and (recorder := recorders.get(get_ident())) is not None:
            out = run(x)
            return recorder.record(entry, out, self, None, x, out)
        node = new_value()
        node._pa = x
        node._datum = node._pb = run(x)
        node._grad = UNSET
        node._op = entry
        node._a = self
        node._b = None
        return node

    return method


def _binary_node(entry: Primitive, a: Value | None, x: float, b: Value | None, y: float) -> Value:
    if recorders and (recorder := recorders.get(get_ident())) is not None:
        return recorder.record(entry, entry.run(x, y), a, b, x, y)
    node = new_value()
    node._pa = x
    node._pb = y
    node._datum = entry.run(x, y)
    node._grad = UNSET
    node._op = entry
    node._a = a
    node._b = b
    return node


def _binary_method(entry: Primitive) -> Callable[[Value, Any], Value]:
    def method(self: Value, other: Any) -> Value:
        if isinstance(other, Value):
            return _binary_node(entry, self, self._datum, other, other._datum)
        y = number(other)
        return NotImplemented if y is None else _binary_node(entry, self, self._datum, None, y)

    return method


def _reflected_method(entry: Primitive) -> Callable[[Value, Any], Value]:
    def method(self: Value, other: Any) -> Value:
        x = number(other)
        return NotImplemented if x is None else _binary_node(entry, None, x, self, self._datum)

    return method


def _operand_error(name: str, culprit: object) -> TypeError:
    return TypeError(
        f"an operand of {name} must be a Value or a real number, not "
        f"{type(culprit).__name__} {short(culprit)}"
    )


def _function_of_one(entry: Primitive) -> Callable[[Any], Value]:
    method = _unary_method(entry)

    def function(x: Any) -> Value:
        if isinstance(x, Value):
            return method(x)
        y = number(x)
        if y is None:
            raise _operand_error(entry.name, x)
        return Value(entry.run(y))

    return function


def _function_of_two(entry: Primitive) -> Callable[[Any, Any], Value]:
    def function(a: Any, b: Any) -> Value:
        x = a._datum if isinstance(a, Value) else number(a)
        y = b._datum if isinstance(b, Value) else number(b)
        if x is None or y is None:
            raise _operand_error(entry.name, a if x is None else b)
        u = a if isinstance(a, Value) else None
        v = b if isinstance(b, Value) else None
        return Value(entry.run(x, y)) if u is v is None else _binary_node(entry, u, x, v, y)

    return function


#: A group that has been read: its numbers, which of it are Values (True: all, False: none), and those.
Read = tuple[Sequence[float], Any, tuple[Value, ...]]


def _is_listed(x: Any) -> bool:
    return hasattr(x, "__iter__") and not isinstance(x, Value | str | Mapping | Set)


def items_of(name: str, what: str, group: Any) -> list[Any]:
    """A group given as something else than a list: a generator, a numpy row, ..."""
    if not _is_listed(group):
        raise TypeError(
            f"the {what} of {name} must be a sequence of Values or numbers, not "
            f"{type(group).__name__} {short(group)}"
        )
    return [*group]


class Group:
    """Operands that have been read; iterating gives them."""

    __slots__ = ("operands", "read")

    def __init__(self, operands: tuple[Any, ...], read: Read) -> None:
        self.operands = operands
        self.read = read

    def __iter__(self) -> Iterator[Any]:
        return iter(self.operands)

    def __len__(self) -> int:
        return len(self.operands)

    def __repr__(self) -> str:
        return f"group({short([*self.read[0]])})"


def group(operands: Iterable[Any]) -> Group:
    """Operands read once, for several n-ary operations that share them, as the neurons of a layer do.

    >>> x = group([Value(1.0), 2.0])
    >>> dot = FUNCTIONS["dot"]
    >>> dot([3.0, 4.0], x).data, dot([5.0, 6.0], x).data
    (11.0, 17.0)

    It stands for the list wherever a primitive takes one. The numbers are those of when it was read.
    """
    if type(operands) is Group:
        return operands
    items: tuple[Any, ...]
    items = operands if type(operands) is tuple else (*items_of("group", "operands", operands),)  # pyright: ignore[reportUnknownVariableType]
    if {*map(type, items)} == {Value}:  # as a layer's inputs mostly are
        return Group(items, ([v._datum for v in items], True, items))
    return Group(items, _read("group", items))


def _read(name: str, items: tuple[Any, ...]) -> Read:
    if {*map(type, items)} == {float}:
        return items, False, ()
    primals: list[float] = []
    for item in items:
        x = item._datum if isinstance(item, Value) else number(item)
        if x is None:
            raise _operand_error(name, item)
        primals.append(x)
    live = tuple([isinstance(item, Value) for item in items])
    if all(live):
        return primals, True, items
    return primals, live if any(live) else False, (*compress(items, live),)


def _widths_differ(entry: Primitive, widths: dict[str, int]) -> ValueError:
    counts = " and ".join(f"{width} {name}" for name, width in widths.items())
    return ValueError(f"{entry.name} pairs its operands, but there are {counts}; give as many of each")


#: How the file of a function that is made from text is called, in a traceback.
GENERATED = "<autograd function"

# One function for each n-ary primitive, with the names of its operands for a signature. Written as
# text so that every comprehension has an inline cache of its own, which makes it 40 % faster.
_READ_MANY = """
    if type({x}) is Group:
        primals_{x}, live_{x}, {x} = {x}.read
    else:
        if type({x}) is not tuple:
            {x} = (*({x} if type({x}) is list else items(entry.name, "{x}", {x})),)
        if {x} and type({x}[0]) is float and {{*map(type, {x})}} == {{float}}:
            primals_{x}, live_{x}, {x} = {x}, False, ()
        else:
            try:
                primals_{x}, live_{x} = [v._datum for v in {x}], True
            except AttributeError:
                primals_{x}, live_{x}, {x} = read(entry.name, {x})
"""
_READ_ONE = """
    if isinstance({x}, Value):
        primals_{x}, live_{x} = {x}._datum, True
    elif type({x}) is float:
        primals_{x}, live_{x}, {x} = {x}, False, None
    else:
        (primals_{x},), live_{x}, {x} = *read(entry.name, ({x},))[:2], None
"""
_RECORD = """
    out = run({primals})
    if not ({any_value}):
        return Value(out)
    if recorders and (recorder := recorders.get(get_ident())) is not None:
        kept = None if {all_live} else ({lives}), {single}, out, {primals}
        return recorder.record(entry, out, None, MANY, kept, ({groups}))
    node = new_value()
    node._pa = (None if {all_live} else ({lives}), {single}, out, {primals})
    node._pb = ({groups})
    node._datum = out
    node._grad = UNSET
    node._op = entry
    node._a = None
    node._b = MANY
    return node
"""


def _function_of_many(entry: Primitive) -> Callable[..., Value]:
    names = [operand.rstrip("*") for operand in entry.operands]
    groups = [operand.rstrip("*") for operand in entry.operands if operand.endswith("*")]
    single = names[-1] if names[-1] not in groups else None
    defaults = ("",) * (len(names) - len(entry.defaults)) + tuple(f"={x!r}" for x in entry.defaults)
    source = f"def function({', '.join(map(''.join, zip(names, defaults)))}):"
    for name in names:
        source += (_READ_MANY if name in groups else _READ_ONE).format(x=name)
    for other in groups[1:]:
        widths = f"{{'{groups[0]}': len(primals_{groups[0]}), '{other}': len(primals_{other})}}"
        source += f"    if len(primals_{groups[0]}) != len(primals_{other}):\n"
        source += f"        raise widths_differ(entry, {widths})\n"
    source += _RECORD.format(
        primals=", ".join(f"primals_{name}" for name in names),
        lives="".join(f"live_{name}, " for name in names),
        all_live=" and ".join(f"live_{name} is True" for name in names),
        groups="".join(f"{name}, " for name in groups),
        single=single,
        any_value=" or ".join([*groups, f"{single} is not None"] if single else groups),
    )
    namespace: dict[str, Any] = {
        "Group": Group, "MANY": MANY, "UNSET": UNSET, "Value": Value, "entry": entry, "get_ident": get_ident,
        "items": items_of, "new_value": new_value, "read": _read, "recorders": recorders,
        "run": entry.run, "widths_differ": _widths_differ,
    }  # fmt: skip
    code = compile(source, f"{GENERATED} {entry.name}>", "exec")
    exec(code, namespace)  # the operand names of our own table: no text from outside reaches this
    function: Callable[..., Value] = namespace["function"]
    return function


def _where(condition: bool, a: Any, b: Any) -> Any:
    return a if condition else b


def _lt(a: SupportsFloat, b: SupportsFloat) -> bool:
    return float(a) < float(b)


def _le(a: SupportsFloat, b: SupportsFloat) -> bool:
    return float(a) <= float(b)


def _eq(a: SupportsFloat, b: SupportsFloat) -> bool:
    return float(a) == float(b)


#: The rule language on Values: arithmetic is recorded, conditions look at the numbers alone; every
#: primitive is added by its name.
ON_VALUES = SimpleNamespace(where=_where, lt=_lt, le=_le, eq=_eq)


def _on_values(entry: Primitive) -> Callable[..., Any]:
    function = FUNCTIONS[entry.name]

    def apply(*operands: Any) -> Any:
        return function(*operands) if any(isinstance(x, Value) for x in operands) else entry.run(*operands)

    return apply


#: What Python spells with an operator: the names of its methods.
_DUNDERS = {
    "add": ("__add__", "__radd__"),
    "sub": ("__sub__", "__rsub__"),
    "mul": ("__mul__", "__rmul__"),
    "div": ("__truediv__", "__rtruediv__"),
    "pow": ("__pow__", "__rpow__"),
    "neg": ("__neg__",),
    "abs": ("__abs__",),
}


def make_callable(entry: Primitive) -> None:
    """Make the method and the function of a primitive, as is done for every entry of the table."""
    makers: list[Callable[[Primitive], Callable[..., Value]]] = []
    names: tuple[str, ...] = (entry.name,)
    if entry.nary:
        function = _function_of_many(entry)
    elif len(entry.vjps) == 1:
        makers = [_unary_method]
        function = _function_of_one(entry)
    else:
        makers = [_binary_method, _reflected_method] if entry.operator else [_function_of_two]
        function = _function_of_two(entry)
    for maker, name in zip(makers, _DUNDERS[entry.name] if entry.operator else names):
        if name not in Value.__dict__:  # + and * are written out above
            setattr(Value, name, _named(maker(entry), name, entry.doc, f"{Value.__qualname__}."))
    FUNCTIONS[entry.name] = _named(function, entry.name, f"{entry.formula}: {entry.doc}.")
    setattr(ON_VALUES, entry.name, _on_values(entry))


def _named(function: Callable[..., Value], name: str, doc: str, owner: str = "") -> Callable[..., Value]:
    function.__name__ = name
    function.__qualname__ = owner + name
    function.__module__ = Value.__module__ if owner else "autograd"  # where pickle looks for it
    function.__doc__ = doc
    return function


#: Every primitive as a function of Values and numbers.
FUNCTIONS: dict[str, Callable[..., Value]] = {}
for _entry in PRIMITIVES.values():
    make_callable(_entry)
