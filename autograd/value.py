"""Value: a number that remembers how it was computed.

What a node keeps, in eight slots (120 bytes with its number):

======== ================ =============== =================================================
slot     one operand      two operands    many (n-ary)
======== ================ =============== =================================================
``_a``   operand          operand or None None
``_b``   None             operand or None MANY
``_pa``  its number       its number      (which are Values, the single operand or None,
                                          result, *numbers by group)
``_pb``  the result       its number      for each group the tuple of its Values
======== ================ =============== =================================================

The numbers are those of the forward pass as it was then (the *primals*), so writing ``leaf.data``
afterwards never mixes old and new. A constant operand is None with its primal and has no node; ``+``
of two Values needs no primals and stores none. ``_op`` is None for a leaf.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import repeat
from numbers import Real
from threading import RLock, get_ident
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, SupportsFloat, TypeGuard

from .primitives import ADD, MUL, SUM_OF, Primitive

# The gradient of a Value no backward pass has reached: this very object. It is −0.0, the number to
# which anything can be added without changing it, so the engine accumulates into it unasked.
UNSET = float("-0.0")
if UNSET is float("-0.0"):
    raise ImportError("glassgrad needs an interpreter whose floats have an identity, such as CPython")


class Watch(Protocol):
    """What looks at every number a thread computes, inside detect_anomaly()."""

    # The node of an operation, given what goes into its slots, or an error.
    def made(
        self, op: Primitive, datum: float, a: Value | None, b: Value | None, pa: Any, pb: Any
    ) -> Value: ...

    def passed(self, root: Value, order: Sequence[Value]) -> None:
        """A backward pass from ``root`` has visited ``order``, and left its gradients on the Values."""

    def pulled(
        self,
        root: Value,
        node: Value,
        g: float,
        products: Sequence[float | None],
        gradients: Mapping[Value, float],
    ) -> None:
        """``node`` passes ``products`` back to its operands, None where nobody asked."""

    # One that raises nothing.
    def silent(self) -> Watch: ...


class Recorder(NamedTuple):
    """How a thread records that does not simply record: inside no_grad(), or watched, or both."""

    depth: int = 0  # of no_grad(); what is not recorded is not watched either
    watch: Watch | None = None

    def record(
        self, op: Primitive, datum: float, a: Value | None, b: Value | None, pa: Any, pb: Any
    ) -> Value:
        if self.depth or self.watch is None:
            return Value(datum)
        return self.watch.made(op, datum, a, b, pa, pb)


PLAIN = Recorder()

#: Threads that do not simply record. Empty, as nearly always, it costs one look per operation.
recorders: dict[int, Recorder] = {}


class Witness(Protocol):
    """Whom a thread tells of every number that leaves the graph, while a function is being recorded."""

    def left(self, value: Value | None, how: str) -> None:
        """A number is about to be read or written outside the graph, as by ``.data``."""

    def refused(self, why: str) -> None:
        """What comes next can't be recorded."""

    def compared(self, operation: str, a: Value | float, b: Value | float, answer: bool) -> None:
        """``operation``, "lt" or "le", of the two numbers gave ``answer``, and may decide a branch."""

    # ``operation`` of the numbers gave a constant, through which no gradient flows: a leaf for it.
    def held(self, operation: str, operands: Sequence[Value], answer: float) -> Value: ...

    # ``slopes`` are ∂output/∂input as graphs (or None), to be handed on in their place.
    def derived(self, output: Value, inputs: Sequence[Value], slopes: Sequence[Any]) -> list[Any]: ...

    # Whether the Value stands for an int, by which something is about to be selected.
    def selects(self, index: Value) -> bool: ...


#: Threads that record a function (compiler/trace.py), with their witness. Empty, as nearly always, it
#: costs one look wherever a number is read.
witnesses: dict[int, Witness] = {}


#: Compiled steps (compiler/program.py) that have the numbers of their leaves elsewhere as well, and need not
#: read them again while they are in here. Whoever writes the number of a leaf empties it afterwards.
up_to_date: set[object] = set()


def tell(value: Value | None, how: str) -> None:
    """Tell the witness of this thread, if it has one, that a number leaves the graph."""
    if (witness := witnesses.get(get_ident())) is not None:
        witness.left(value, how)


def not_compiled(why: str) -> None:
    """Say that what comes next can't be recorded: a function that does it runs as it is, and is told why.

    For a layer that draws random numbers or writes something down; it does nothing but inside a function
    that :func:`compile` records. Call it before the first draw, so that no draw is lost.
    """
    if (witness := witnesses.get(get_ident())) is not None:
        witness.refused(why)


def _compared(operation: str, a: Value | float, b: Value | float, answer: bool) -> bool:
    if (witness := witnesses.get(get_ident())) is not None:
        witness.compared(operation, a, b, answer)
    return answer


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
        raise TypeError(f"{what} must be a real number, not {type(x).__name__} {short(x)}{_remedy(x)}")
    return result


def _remedy(x: object) -> str:
    if isinstance(x, Value):
        return "; use its .data, or .detach() for a new leaf with the same number"
    if isinstance(x, str):
        return "; make a number of it first, with float()"
    if hasattr(x, "__len__") or hasattr(x, "__iter__"):
        return "; make one Value for each element"
    return ""


def short(x: object) -> str:
    text = repr(x)
    return text if len(text) <= 60 else text[:59] + "…"


def _is_pair(x: object) -> TypeGuard[tuple[Any, Any]]:
    return isinstance(x, tuple)


class _Initial:
    """A base of every subclass of Value: the ``__init__`` that Value itself is faster without."""

    __slots__ = ()

    def __init__(self: Any, data: SupportsFloat, label: str = "") -> None:
        self._datum = data if type(data) is float else _number_or_raise(data, "the data of a Value")
        self._grad = UNSET
        self._op = self._a = self._b = self._pa = self._pb = None
        if up_to_date:  # it may have been there before
            up_to_date.clear()
        if label != "":
            self.label = label

    __init__.__qualname__ = "Value.__init__"  # for whoever reads an error


class _Made(type):
    """Makes leaves by ``Value(2.0)``, as if Value had an ``__init__``.

    It has none, because CPython makes an object of a class without one in C alone, in two thirds of
    the time; and nearly all Values are made empty, for an operation to fill in (:data:`new_value`).
    A subclass has one as ever, and can call that of Value.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _Made:
        if bases and not any(issubclass(base, _Initial) for base in bases):
            after = 1 + next(i for i, base in enumerate(bases) if isinstance(base, cls))
            bases = (*bases[:after], _Initial, *bases[after:])
        return super().__new__(cls, name, bases, namespace)

    def __getattribute__(cls, name: str) -> Any:
        if name == "__init__" and cls is Value:
            return _Initial.__init__
        return super().__getattribute__(name)

    if not TYPE_CHECKING:  # a type checker would take its result, not Value, for what Value(2.0) is

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            if cls is not Value:
                return super().__call__(*args, **kwargs)
            leaf = new_value()
            _Initial.__init__(leaf, *args, **kwargs)
            return leaf

    @property
    def __signature__(cls) -> Any:
        from inspect import signature  # for help(), and for Jupyter's tooltips

        return signature(cls.__init__.__get__(cls))  # type: ignore[misc]


class Value(metaclass=_Made):
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

    if TYPE_CHECKING:

        def __init__(self, data: SupportsFloat, label: str = "") -> None: ...

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
        if witnesses:
            tell(self, ".data")
        return self._datum

    @data.setter
    def data(self, data: SupportsFloat) -> None:
        if witnesses:
            tell(self, "writing .data")
        self._datum = _number_or_raise(data, "the data of a Value")
        if up_to_date:
            up_to_date.clear()

    @property
    def grad(self) -> float | None:
        """∂output/∂self, accumulated over backward passes; None until a pass reaches the Value."""
        return None if self._grad is UNSET else self._grad

    @grad.setter
    def grad(self, grad: SupportsFloat | None) -> None:
        self._grad = UNSET if grad is None else _number_or_raise(grad, "the grad of a Value")

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
            raise TypeError(f"a label is a str, not {type(label).__name__} {short(label)}")
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
            operands: list[Value | float] = []
            lives, single, _, *primals = self._pa
            for cells, primal, live in zip(self._pb, primals, lives or repeat(True)):
                numbers = [primal] if isinstance(primal, float) else primal
                alive = iter(cells)
                mask = [live] * len(numbers) if isinstance(live, bool) else live
                operands += [next(alive) if there else x for x, there in zip(numbers, mask)]
            if len(self._pb) < len(primals):
                operands.append(primals[-1] if single is None else single)
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
        return self.data

    def detach(self) -> Value:
        """A new leaf with the same number, through which no gradient flows back."""
        if witnesses and (witness := witnesses.get(get_ident())) is not None:
            return witness.held("largest", [self], self._datum)  # the largest of one
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

        if witnesses:
            tell(self, "backward()")
        order = backpropagate(self, _number_or_raise(gradient, "the gradient to start from"))
        if recorders and (watch := watching()) is not None:
            watch.passed(self, order)

    # Python's own protocols -----------------------------------------------------------------------

    def __repr__(self) -> str:
        grad = "" if self.grad is None else f", grad={self.grad!r}"
        label = f", label={short(self.label)}" if self.label else ""
        return f"{type(self).__name__}({self._datum!r}{grad}{label})"

    def __format__(self, spec: str) -> str:
        if witnesses and spec:
            tell(self, "formatting")
        return format(self._datum, spec) if spec else repr(self)

    def __float__(self) -> float:
        if witnesses:
            tell(self, "float()")
        return self._datum

    def __bool__(self) -> bool:
        if witnesses:
            tell(self, "bool()")
        return bool(self._datum)

    def __eq__(self, other: object) -> bool:
        if witnesses and self._op is not None and self is not other and number(other) is not None:
            tell(self, "==")
        return NotImplemented  # then it goes by identity

    __hash__ = object.__hash__

    def __lt__(self, other: Value | SupportsFloat) -> bool:
        y = other._datum if isinstance(other, Value) else number(other)
        if y is None:
            return NotImplemented
        answer = self._datum < y
        if not witnesses:
            return answer
        return _compared("lt", self, other if isinstance(other, Value) else y, answer)

    def __le__(self, other: Value | SupportsFloat) -> bool:
        y = other._datum if isinstance(other, Value) else number(other)
        if y is None:
            return NotImplemented
        answer = self._datum <= y
        if not witnesses:
            return answer
        return _compared("le", self, other if isinstance(other, Value) else y, answer)

    def __gt__(self, other: Value | SupportsFloat) -> bool:
        y = other._datum if isinstance(other, Value) else number(other)
        if y is None:
            return NotImplemented
        answer = self._datum > y
        if not witnesses:
            return answer
        return _compared("lt", other if isinstance(other, Value) else y, self, answer)

    def __ge__(self, other: Value | SupportsFloat) -> bool:
        y = other._datum if isinstance(other, Value) else number(other)
        if y is None:
            return NotImplemented
        answer = self._datum >= y
        if not witnesses:
            return answer
        return _compared("le", other if isinstance(other, Value) else y, self, answer)

    def __getstate__(self) -> object:
        """A leaf can be copied and pickled; a computed Value is refused, as in PyTorch."""
        if self._op is not None:
            raise TypeError(
                f"only a leaf can be copied or pickled, not {self!r}, which {self._op.name} computed: "
                "copy its .detach(), or the leaves and compute it again"
            )
        if witnesses:
            tell(self, "copying")
        return self._datum, self.grad, self.label, self._own_attributes()

    def __setstate__(self, state: tuple[float, float | None, str, dict[str, Any]]) -> None:
        data, grad, label, attributes = state
        _Initial.__init__(self, data, label)
        self.grad = grad
        for name, attribute in attributes.items():
            object.__setattr__(self, name, attribute)

    def _own_attributes(self) -> dict[str, Any]:
        """What a subclass has besides."""
        if type(self) is Value:
            return {}
        found: Any = object.__getstate__(self)
        attributes, slots = found if _is_pair(found) else (found, dict[str, Any]())
        own: dict[str, Any] = attributes or {}
        return own | {name: x for name, x in slots.items() if name not in Value.__slots__}

    # Arithmetic. + and * are written out, the rest comes from the table: written out, a training
    # step is 20 % faster, and writing out more than these two gains nothing. -------------------------

    def __add__(self, other: Value | SupportsFloat) -> Value:
        """a + b."""
        if type(other) is _recorded:  # most of every graph: worth 4 % of a step
            node = new_value()
            node._datum = self._datum + other._datum  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
            node._grad = UNSET
            node._op = ADD
            node._a = self
            node._b = other
            return node
        if isinstance(other, Value):
            y = other._datum
            b: Value | None = other
        else:
            if type(other) is float:
                y = other
            else:
                read = number(other)
                if read is None:
                    return NotImplemented
                y = read
            b = None
        if recorders and (recorder := recorders.get(get_ident())) is not None:
            return recorder.record(ADD, self._datum + y, self, b, None, None if b is not None else y)
        node = new_value()
        node._datum = self._datum + y
        node._grad = UNSET
        node._op = ADD
        node._a = self
        node._b = b
        if b is None:
            node._pb = y
        return node

    def __mul__(self, other: Value | SupportsFloat) -> Value:
        """a · b."""
        if type(other) is _recorded:
            node = new_value()
            node._pa = x = self._datum
            node._pb = y = other._datum  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
            node._datum = x * y
            node._grad = UNSET
            node._op = MUL
            node._a = self
            node._b = other
            return node
        if isinstance(other, Value):
            y = other._datum
            b: Value | None = other
        else:
            if type(other) is float:
                y = other
            else:
                read = number(other)
                if read is None:
                    return NotImplemented
                y = read
            b = None
        if recorders and (recorder := recorders.get(get_ident())) is not None:
            return recorder.record(MUL, self._datum * y, self, b, self._datum, y)
        node = new_value()
        node._pa = x = self._datum
        node._pb = y
        node._datum = x * y
        node._grad = UNSET
        node._op = MUL
        node._a = self
        node._b = b
        return node


#: Value, or None while some thread does not simply record: one look in ``+`` and ``*`` instead of two.
_recorded: type[Value] | None = Value

#: Makes an empty Value, for an operation to fill in.
new_value: Callable[[], Value] = type.__call__.__get__(Value)

#: Stands for the operands of an n-ary Value where the backward pass looks for a second operand. It
#: passes for a computed Value, so that it is noticed only where one is to be visited.
MANY = Value(math.nan)
MANY._op = SUM_OF

# Recording ----------------------------------------------------------------------------------------


_changing = RLock()  # signal handlers may come here too


def record_by(thread: int, recorder: Recorder) -> None:
    """Let a thread record so. Interrupted, it is done all the same: else all that follows went unrecorded."""
    try:
        _change(thread, recorder)
    except BaseException:
        _change(thread, recorder)
        raise


def _change(thread: int, recorder: Recorder) -> None:
    global _recorded
    with _changing:
        _recorded = None
        if recorder != PLAIN:
            recorders[thread] = recorder
        else:
            recorders.pop(thread, None)
        if not recorders:
            _recorded = Value


@contextmanager
def no_grad() -> Generator[None, None, None]:
    """Compute without recording: results are leaves. Holds for the thread that enters it.

    >>> a = Value(3.0)
    >>> with no_grad():
    ...     b = a * 2.0
    >>> b.is_leaf
    True
    """
    if witnesses:
        tell(None, "no_grad()")
    me = get_ident()
    before = recorders.get(me, PLAIN)
    try:
        record_by(me, Recorder(before.depth + 1, before.watch))
        yield
    finally:  # counted, not restored: two of them may end in any order
        now = recorders.get(me, PLAIN)
        record_by(me, Recorder(max(0, now.depth - 1), now.watch))


@contextmanager
def enable_grad() -> Generator[None, None, None]:
    """Record again, inside ``no_grad()``; for the thread that enters it.

    >>> a = Value(3.0)
    >>> with no_grad(), enable_grad():
    ...     b = a * 2.0
    >>> b.is_leaf
    False
    """
    me = get_ident()
    before = recorders.get(me, PLAIN)
    try:
        if before.depth:
            record_by(me, Recorder(0, before.watch))
        yield
    finally:
        if before.depth:
            record_by(me, Recorder(before.depth, recorders.get(me, PLAIN).watch))


def is_grad_enabled() -> bool:
    """Whether this thread records what it computes; False inside ``no_grad()``."""
    return not recorders.get(get_ident(), PLAIN).depth


def watching() -> Watch | None:
    """What watches this thread, if anything does."""
    return recorders.get(get_ident(), PLAIN).watch
