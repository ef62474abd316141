"""Value: a number that remembers how it was computed.

What a node keeps, in eight slots (120 bytes with its number):

======== ================== ==================== ==================================
slot     one operand        two operands         many (n-ary)
======== ================== ==================== ==================================
``_a``   operand            operand or None      None
``_b``   None               operand or None      list of the operands that are Values
``_pa``  its number         its number           (result, *groups of numbers)
``_pb``  the result         its number           None, or for each group which are Values
======== ================== ==================== ==================================

The numbers are those of the forward pass as it was then (the *primals*), so writing ``leaf.data``
afterwards never mixes old and new. A constant operand is None with its primal and has no node; ``+``
of two Values needs no primals and stores none. ``_op`` is None for a leaf.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import compress, repeat
from numbers import Real
from threading import get_ident
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, SupportsFloat

from . import arithmetic  # noqa: F401  (reads the table on floats)
from .primitives import ADD, MUL, PRIMITIVES, Primitive

_new = object.__new__

# The gradient of a Value no backward pass has reached: this very object. It is −0.0, the number to
# which anything can be added without changing it, so the engine accumulates into it unasked.
_UNSET = float("-0.0")
if _UNSET is float("-0.0"):
    raise ImportError("glassgrad needs an interpreter whose floats have an identity, such as CPython")

#: Threads inside no_grad(), with how deep. Empty, as nearly always, it costs one look per operation.
_paused: dict[int, int] = {}


def number(x: object) -> float | None:
    """The float64 nearest to a real number of any kind, or None for what is no real number.

    >>> from fractions import Fraction
    >>> number(Fraction(1, 4)), number(True), number("2")
    (0.25, 1.0, None)
    """
    if isinstance(x, Real | Decimal) or _is_numpy_bool(x):
        try:
            return float(x)  # type: ignore[arg-type]
        except OverflowError:  # an int or Fraction beyond the floats rounds to ±inf
            return float("inf") if x > 0 else float("-inf")  # type: ignore[operator]
        except ValueError:  # Decimal("sNaN")
            return float("nan")
    return None


def _is_numpy_bool(x: object) -> bool:
    numpy = sys.modules.get("numpy")  # whoever holds a numpy scalar has imported numpy
    return numpy is not None and isinstance(x, numpy.bool_)


def _number_or_raise(x: object, what: str) -> float:
    if type(x) is float:
        return x
    result = number(x)
    if result is None:
        raise TypeError(f"{what} must be a real number, not {type(x).__name__} {_short(x)}{_remedy(x)}")
    return result


def _remedy(x: object) -> str:
    if isinstance(x, Value):
        return "; use its .data, or .detach() for a new leaf with the same number"
    if hasattr(x, "__len__") or hasattr(x, "__iter__"):
        return "; make one Value for each element"
    return ""


def _short(x: object) -> str:
    text = repr(x)
    return text if len(text) <= 60 else text[:59] + "…"


class Value:
    """A number that remembers how it was computed, so that its gradient can be.

    >>> w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
    >>> loss = (w * x - y) ** 2
    >>> loss.backward()
    >>> loss.data, w.grad  # ∂loss/∂w = 2·(w·x − y)·x = 2·(−2)·5
    (4.0, -20.0)

    ``data`` is a Python float, whatever real number it was made of (int, bool, Fraction, Decimal, a
    numpy scalar); anything else raises TypeError. Arithmetic is IEEE 754 and never raises for a
    number. ``==`` and ``hash`` go by identity, ``<`` and its like compare the numbers.
    """

    __slots__ = ("_a", "_b", "_datum", "_grad", "_label", "_op", "_pa", "_pb")

    #: Tells numpy to leave ``array * value`` to us, who refuse it: an array never hides in a Value.
    __array_ufunc__ = None

    _a: Value | None
    _b: Any
    _datum: float
    _grad: float
    _label: str
    _op: Primitive | None
    _pa: Any
    _pb: Any

    def __init__(self, data: SupportsFloat, label: str = "") -> None:
        self._datum = data if type(data) is float else _number_or_raise(data, "the data of a Value")
        self._grad = _UNSET
        self._op = self._a = self._b = self._pa = self._pb = None
        if label != "":
            self.label = label

    if TYPE_CHECKING:
        # The methods the table makes: exp(), tanh(), relu(), maximum(other), ...
        def __getattr__(self, name: str) -> Callable[..., Value]: ...

        # And the operators.
        def __radd__(self, other: SupportsFloat) -> Value: ...
        def __rmul__(self, other: SupportsFloat) -> Value: ...
        def __sub__(self, other: Value | SupportsFloat) -> Value: ...
        def __rsub__(self, other: SupportsFloat) -> Value: ...
        def __truediv__(self, other: Value | SupportsFloat) -> Value: ...
        def __rtruediv__(self, other: SupportsFloat) -> Value: ...
        def __pow__(self, other: Value | SupportsFloat) -> Value: ...
        def __rpow__(self, other: SupportsFloat) -> Value: ...
        def __neg__(self) -> Value: ...
        def __abs__(self) -> Value: ...

    # What a Value holds ---------------------------------------------------------------------------

    @property
    def data(self) -> float:
        """The number. Writing it changes this Value alone; what was computed from it stays."""
        return self._datum

    @data.setter
    def data(self, data: SupportsFloat) -> None:
        self._datum = _number_or_raise(data, "the data of a Value")

    @property
    def grad(self) -> float | None:
        """∂output/∂self, accumulated over backward passes; None until a pass reaches the Value."""
        return None if self._grad is _UNSET else self._grad

    @grad.setter
    def grad(self, grad: SupportsFloat | None) -> None:
        self._grad = _UNSET if grad is None else _number_or_raise(grad, "the grad of a Value")

    @property
    def label(self) -> str:
        """The name it goes by in pictures and equations; empty if it was given none."""
        try:
            return self._label
        except AttributeError:  # the slot is filled only when a label is given: one store less a node
            return ""

    @label.setter
    def label(self, label: str) -> None:
        if not isinstance(label, str):
            raise TypeError(f"a label is a str, not {type(label).__name__} {_short(label)}")
        self._label = label

    @property
    def primitive(self) -> Primitive | None:
        """The operation that made it; None for a leaf."""
        return self._op

    @property
    def operands(self) -> tuple[Value | float, ...]:
        """What the operation was applied to, in order; a constant is a plain float.

        >>> a = Value(3.0)
        >>> (a * 2.0).operands
        (Value(3.0), 2.0)
        """
        op = self._op
        if op is None:
            return ()
        if op.nary:
            cells = iter(self._b)
            operands: list[Value | float] = []
            for primal, live in zip(self._pa[1:], self._pb or repeat(True)):
                numbers = primal if isinstance(primal, list) else [primal]
                mask = [live] * len(numbers) if isinstance(live, bool) else live
                operands += [next(cells) if alive else x for x, alive in zip(numbers, mask)]
            return tuple(operands)
        first = self._pa if self._a is None else self._a
        if len(op.vjps) == 1:
            return (first,)
        return (first, self._pb if self._b is None else self._b)

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user rather than computed."""
        return self._op is None

    def item(self) -> float:
        """The number, as ``data``; PyTorch's name for it."""
        return self._datum

    def detach(self) -> Value:
        """A new leaf with the same number, through which no gradient flows back."""
        return Value(self._datum)

    def zero_grad(self) -> None:
        """Set the gradient to 0.0, before a backward pass that is to start afresh."""
        self._grad = 0.0

    def backward(self, gradient: SupportsFloat = 1.0) -> None:
        """Compute the gradient of this Value with respect to everything it was computed from.

        >>> a = Value(3.0)
        >>> (a + a).backward()
        >>> a.grad
        2.0

        The gradients of leaves accumulate over calls until they are zeroed; those of computed
        Values are made afresh. ``gradient`` is where the pass starts, ∂L/∂self.
        """
        from .backward import backpropagate

        backpropagate(self, _number_or_raise(gradient, "the gradient to start from"))

    # Python's own protocols -----------------------------------------------------------------------

    def __repr__(self) -> str:
        grad = "" if self.grad is None else f", grad={self.grad!r}"
        label = f", label={_short(self.label)}" if self.label else ""
        return f"{type(self).__name__}({self._datum!r}{grad}{label})"

    def __float__(self) -> float:
        return self._datum

    def __bool__(self) -> bool:
        return bool(self._datum)

    def __lt__(self, other: Value | SupportsFloat) -> bool:
        y = other._datum if isinstance(other, Value) else number(other)
        return NotImplemented if y is None else self._datum < y

    def __le__(self, other: Value | SupportsFloat) -> bool:
        y = other._datum if isinstance(other, Value) else number(other)
        return NotImplemented if y is None else self._datum <= y

    def __gt__(self, other: Value | SupportsFloat) -> bool:
        y = other._datum if isinstance(other, Value) else number(other)
        return NotImplemented if y is None else self._datum > y

    def __ge__(self, other: Value | SupportsFloat) -> bool:
        y = other._datum if isinstance(other, Value) else number(other)
        return NotImplemented if y is None else self._datum >= y

    def __getstate__(self) -> object:
        """A leaf can be copied and pickled; a computed Value is refused, as in PyTorch."""
        if self._op is not None:
            raise TypeError(
                f"only a leaf can be copied or pickled, not {self!r}, which {self._op.name} computed: "
                "copy its .detach(), or the leaves and compute it again"
            )
        return self._datum, self.grad, self.label

    def __setstate__(self, state: tuple[float, float | None, str]) -> None:
        data, grad, label = state
        Value.__init__(self, data, label)
        self.grad = grad

    # Arithmetic. + and * are written out, the rest comes from the table: written out, a training
    # step is 20 % faster, and writing out more than these two gains nothing. -------------------------

    def __add__(self, other: Value | SupportsFloat) -> Value:
        if isinstance(other, Value):
            y = other._datum
            b: Value | None = other
        else:
            if type(other) is not float:
                other = number(other)  # type: ignore[assignment]
                if other is None:
                    return NotImplemented
            y = other  # type: ignore[assignment]
            b = None
        if _paused and get_ident() in _paused:
            return Value(self._datum + y)
        node = _new(Value)
        node._datum = self._datum + y
        node._grad = _UNSET
        node._op = ADD
        node._a = self
        node._b = b
        if b is None:
            node._pb = y
        return node

    def __mul__(self, other: Value | SupportsFloat) -> Value:
        if isinstance(other, Value):
            y = other._datum
            b: Value | None = other
        else:
            if type(other) is not float:
                other = number(other)  # type: ignore[assignment]
                if other is None:
                    return NotImplemented
            y = other  # type: ignore[assignment]
            b = None
        if _paused and get_ident() in _paused:
            return Value(self._datum * y)
        node = _new(Value)
        node._pa = x = self._datum
        node._pb = y
        node._datum = x * y
        node._grad = _UNSET
        node._op = MUL
        node._a = self
        node._b = b
        return node


# The table becomes methods and functions ----------------------------------------------------------


def _unary_method(entry: Primitive) -> Callable[[Value], Value]:
    run = entry.run

    def method(self: Value) -> Value:
        x = self._datum
        if _paused and get_ident() in _paused:
            return Value(run(x))
        node = _new(Value)
        node._pa = x
        node._datum = node._pb = run(x)
        node._grad = _UNSET
        node._op = entry
        node._a = self
        node._b = None
        return node

    return method


def _binary_node(entry: Primitive, a: Value | None, x: float, b: Value | None, y: float) -> Value:
    if _paused and get_ident() in _paused:
        return Value(entry.run(x, y))
    node = _new(Value)
    node._pa = x
    node._pb = y
    node._datum = entry.run(x, y)
    node._grad = _UNSET
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


def _operand_error(entry: Primitive, culprit: object) -> TypeError:
    return TypeError(
        f"an operand of {entry.name} must be a Value or a real number, not "
        f"{type(culprit).__name__} {_short(culprit)}"
    )


def _function_of_one(entry: Primitive) -> Callable[[Any], Value]:
    method = _unary_method(entry)

    def function(x: Any) -> Value:
        if isinstance(x, Value):
            return method(x)
        y = number(x)
        if y is None:
            raise _operand_error(entry, x)
        return Value(entry.run(y))

    return function


def _function_of_two(entry: Primitive) -> Callable[[Any, Any], Value]:
    def function(a: Any, b: Any) -> Value:
        x = a._datum if isinstance(a, Value) else number(a)
        y = b._datum if isinstance(b, Value) else number(b)
        if x is None or y is None:
            raise _operand_error(entry, a if x is None else b)
        u = a if isinstance(a, Value) else None
        v = b if isinstance(b, Value) else None
        return Value(entry.run(x, y)) if u is v is None else _binary_node(entry, u, x, v, y)

    return function


def _items(entry: Primitive, name: str, group: Any) -> list[Any]:
    """A group given as something else than a list: a generator, a numpy row, ..."""
    if isinstance(group, Value) or not hasattr(group, "__iter__"):
        raise TypeError(
            f"the {name} of {entry.name} must be a sequence of Values or numbers, not "
            f"{type(group).__name__} {_short(group)}"
        )
    return [*group]


def _read_group(entry: Primitive, items: Any) -> tuple[list[float], Any, list[Value]]:
    """The numbers of a group, which of its operands are Values (True: all, False: none), and those."""
    primals = []
    for item in items:
        x = item._datum if isinstance(item, Value) else number(item)
        if x is None:
            raise _operand_error(entry, item)
        primals.append(x)
    live = tuple([isinstance(item, Value) for item in items])
    return primals, live if any(live) else False, [*compress(items, live)]


def _widths_differ(entry: Primitive, widths: dict[str, int]) -> ValueError:
    counts = " and ".join(f"{width} {name}" for name, width in widths.items())
    return ValueError(f"{entry.name} pairs its operands, but there are {counts}; give as many of each")


# One function for each n-ary primitive, with the names of its operands for a signature. Written as
# text so that every comprehension has an inline cache of its own, which makes it 40 % faster.
_READ_MANY = """
    if type({x}) is not list and type({x}) is not tuple:
        {x} = items(entry, "{x}", {x})
    if {x} and type({x}[0]) is float and {{*map(type, {x})}} == {{float}}:
        primals_{x}, live_{x}, {x} = [*{x}], False, ()
    else:
        try:
            primals_{x}, live_{x} = [v._datum for v in {x}], True
        except AttributeError:
            primals_{x}, live_{x}, {x} = read(entry, {x})
"""
_READ_ONE = """
    if isinstance({x}, Value):
        primals_{x}, live_{x}, {x} = {x}._datum, True, ({x},)
    else:
        (primals_{x},), live_{x}, {x} = read(entry, ({x},))
"""
_RECORD = """
    out = run({primals})
    cells = [{cells}]
    if not cells or (paused and get_ident() in paused):
        return Value(out)
    node = new(Value)
    node._pa = (out, {primals})
    node._pb = None if {all_live} else ({lives})
    node._datum = out
    node._grad = UNSET
    node._op = entry
    node._a = None
    node._b = cells
    return node
"""


def _function_of_many(entry: Primitive) -> Callable[..., Value]:
    names = [operand.rstrip("*") for operand in entry.operands]
    groups = [operand.rstrip("*") for operand in entry.operands if operand.endswith("*")]
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
        cells=", ".join(f"*{name}" for name in names),
    )
    namespace: dict[str, Any] = {
        "Value": Value, "UNSET": _UNSET, "new": _new, "paused": _paused, "get_ident": get_ident,
        "entry": entry, "run": entry.run, "read": _read_group, "items": _items,
        "widths_differ": _widths_differ,
    }  # fmt: skip
    exec(source, namespace)  # the operand names of our own table: no text from outside reaches this
    function: Callable[..., Value] = namespace["function"]
    return function


#: The rule language on Values: arithmetic is recorded, conditions look at the numbers alone; every
#: primitive is added by its name.
ON_VALUES = SimpleNamespace(
    where=lambda condition, a, b: a if condition else b,
    lt=lambda a, b: float(a) < float(b),
    le=lambda a, b: float(a) <= float(b),
    eq=lambda a, b: float(a) == float(b),
)


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
        makers = [_binary_method, _reflected_method]
        function = _function_of_two(entry)
    for maker, name in zip(makers, _DUNDERS[entry.name] if entry.operator else names):
        if name not in Value.__dict__:  # + and * are written out above
            setattr(Value, name, _named(maker(entry), name, entry.doc, f"{Value.__qualname__}."))
    FUNCTIONS[entry.name] = _named(function, entry.name, f"{entry.template}: {entry.doc}")
    setattr(ON_VALUES, entry.name, _on_values(entry))


def _named(function: Callable[..., Value], name: str, doc: str, owner: str = "") -> Callable[..., Value]:
    function.__name__ = name
    function.__qualname__ = owner + name
    function.__module__ = __name__ if owner else "autograd"  # where it is found, so that it can be pickled
    function.__doc__ = doc
    return function


#: Every primitive as a function of Values and numbers.
FUNCTIONS: dict[str, Callable[..., Value]] = {}
for _entry in PRIMITIVES.values():
    make_callable(_entry)


# Recording ----------------------------------------------------------------------------------------


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: results are leaves. Holds for the thread that enters it.

    >>> a = Value(3.0)
    >>> with no_grad():
    ...     b = a * 2.0
    >>> b.is_leaf
    True
    """
    me = get_ident()
    depth = _paused.get(me, 0)
    _paused[me] = depth + 1
    try:
        yield
    finally:
        if depth:
            _paused[me] = depth
        else:
            del _paused[me]


def is_grad_enabled() -> bool:
    """Whether this thread records what it computes; False inside ``no_grad()``."""
    return get_ident() not in _paused
