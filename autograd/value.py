"""Value: a number that remembers how it was computed, so that its gradient can be computed."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Never, SupportsFloat, TypeAlias, TypeVar

from . import primitives as table
from .floats import FLOATS, compute_ieee
from .ieee import RAISED
from .interop.reals import real_to_float, require_float
from .interop.ufuncs import array_ufunc
from .interop.wrong_names import WrongName
from .modes import active, is_grad_enabled, open_modes
from .primitives import ADD, MUL, Primitive
from .system.docstrings import docstring
from .system.messages import short, type_and_value, type_name
from .tracing import current_tracer, not_compiled, report_escape

#: What + and the functions accept: a Value, or any real number.
Operand: TypeAlias = "Value | SupportsFloat"
Function = TypeVar("Function", bound=Callable[..., Any])
#: A group of operands as a node stores it: (operands, receivers, derivatives).
StoredGroup: TypeAlias = tuple[Sequence[Any], Sequence[Any], Any]


class GradientLostWarning(UserWarning):
    """A Value was converted to a plain number, through which no gradient flows back."""


# Methods of Value, made from the table ------------------------------------------------------------


def unary(op: Primitive) -> Callable[[Value], Value]:
    """Make the method for a primitive of one operand."""
    value, (derivative,) = getattr(FLOATS, op.name), op.derivatives  # FLOATS.exp is math.exp, without a rule

    def method(self: Value) -> Value:
        x = self._data
        try:
            data = value(x)
            if active and not is_grad_enabled():  # before the derivative, which observed() would discard
                return Value(data)
            da = derivative(FLOATS, data, x)
        except RAISED:
            data, (da,) = compute_ieee(op, [x], [True])
        node = new_value()  # written out, as in + and *: with record() a chain of tanh takes 3–15 % longer
        node._data = data
        node._grad = 0.0
        node._primitive = op
        node.a, node.da = self, da
        node.b = node.db = node.many = None
        node.mark = 0
        return observed(node) if active else node

    return named(method, op, "Value.")


def binary(op: Primitive, is_operator: bool = True) -> Callable[[Value, Operand], Value]:
    """Make the method for a primitive of two operands, the first of which is the Value itself."""

    def method(self: Value, other: Operand) -> Value:
        b = other if isinstance(other, Value) else real_to_float(other)
        if b is None and not is_operator:
            require_float(other, f"{op.name}()", op.operands[1])
        return NotImplemented if b is None else apply_binary(op, self, b)

    return named(method, op, "Value.")


def reflected(op: Primitive) -> Callable[[Value, SupportsFloat], Value]:
    """Make the method for ``number - value``, where the Value itself is the second operand."""

    def method(self: Value, other: SupportsFloat) -> Value:
        """Compute the operation with this Value as the second operand, after a number."""
        a = real_to_float(other)
        return NotImplemented if a is None else apply_binary(op, a, self)

    return named(method, op, "Value.")


def comparison(holds: Callable[[float, float], bool], symbol: str, swaps: bool) -> Callable[..., bool]:
    """Make the method for a comparison of numbers. If ``swaps`` is set, a > b is reported as b < a."""

    def method(self: Value, other: Operand) -> bool:
        y = other._data if isinstance(other, Value) else real_to_float(other)
        if y is None:
            return NotImplemented  # type: ignore[no-any-return]
        answer = holds(self._data, y)
        if active and (tracer := current_tracer()):
            b = other if isinstance(other, Value) else y
            tracer.compared(symbol, b if swaps else self, self if swaps else b, answer)
        return answer

    return method


def named(function: Function, op: Primitive, owner: str = "") -> Function:
    """Set the docstring of a function, and its name, by which pickle finds all except operators."""
    function.__name__, function.__qualname__ = op.name, owner + op.name
    function.__doc__ = function.__doc__ or docstring(op.formula, op.doc, op.operands, owner != "")
    return function


class Note:
    """Rare attributes of a Value: a label, the place in the source (anomaly.py), and scopes (scopes.py)."""

    def __init__(self, label: str = "", place: Any = None, scopes: Any = ()) -> None:
        self.label, self.place, self.scopes = label, place, scopes


class Value:
    """A number that remembers how it was computed.

    >>> w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
    >>> loss = (w * x - y) ** 2
    >>> loss.backward()
    >>> loss.data, w.grad  # ∂loss/∂w = 2·(w·x − y)·x = 2·(−2)·5
    (4.0, -20.0)

    Read and assign ``data``, ``grad`` and ``label``; all other attributes are read-only. ``==`` and ``hash``
    compare identity; ``<``, ``<=``, ``>`` and ``>=`` compare numbers.

    Args:
        data: A real number of any kind; it is stored as a float64.
        label: The name in pictures and equations.

    Raises:
        TypeError: If ``data`` is not a real number, or ``label`` is not a str.
    """

    # The slots with an underscore have a property for users, which checks an assigned value. Only the engine
    # uses the others:
    #   a, b    The operands: Values, or floats for constants; None if there is none.
    #   da, db  The local derivatives ∂self/∂a and ∂self/∂b, as numbers, from when it was computed. None if no
    #           gradient flows: to a constant, or through an inactive relu.
    #   many    Instead of a and b, for a primitive of many operands: for each group (operands, receivers,
    #           derivatives). The receivers are the operands that get a gradient; each has a derivative.
    #   mark    The number of the last backward pass that visited this Value, or that started from it if it is
    #           a leaf; 0 if there was none.
    # A graph of any depth can be dropped: CPython defers the deallocation of objects that nest too deep.
    __slots__ = ("_data", "_grad", "_note", "_primitive", "a", "b", "da", "db", "many", "mark")

    _data: float
    _grad: float
    _note: Note
    _primitive: Primitive | None
    a: Any  # the engine reads a.grad only where da is a number, so that a is a Value
    b: Any
    da: float | None
    db: float | None
    many: tuple[StoredGroup, ...] | None
    mark: int

    def __init__(self, data: SupportsFloat, label: str = "", *others: Never) -> None:
        self._data = data if type(data) is float else require_float(data, f"{type_name(self)}()", "data")
        self._grad = 0.0
        self._primitive = self.a = self.b = self.da = self.db = self.many = None
        self.mark = 0
        if label != "" or others:
            if others or isinstance(label, (tuple, set)):
                raise TypeError("Value() expected data and a label, got operands. Write an operation: a + b.")
            self.label = label

    # Most nodes of every graph are + and *, so these are written out: if they are made from the table like
    # the others, a training step takes 30–70 % longer. A test compares them with the table.

    def __add__(self, other: Operand) -> Value:
        """Compute a + b; both local derivatives are 1."""
        b: Value | float | None
        db: float | None
        if isinstance(other, Value):
            b, y, db = other, other._data, 1.0
        elif (b := real_to_float(other)) is None:
            return NotImplemented
        else:
            y, db = b, None
        node = new_value()
        node._data = self._data + y
        node._grad = 0.0
        node._primitive = ADD
        node.a, node.b = self, b
        node.da, node.db = 1.0, db
        node.many = None
        node.mark = 0
        return observed(node) if active else node

    def __mul__(self, other: Operand) -> Value:
        """Compute a · b; the local derivative with respect to one operand is the other operand."""
        x = self._data
        b: Value | float | None
        db: float | None
        if isinstance(other, Value):
            b, y, db = other, other._data, x
        elif (b := real_to_float(other)) is None:
            return NotImplemented
        else:
            y, db = b, None
        node = new_value()
        node._data = x * y
        node._grad = 0.0
        node._primitive = MUL
        node.a, node.b = self, b
        node.da, node.db = y, db
        node.many = None
        node.mark = 0
        return observed(node) if active else node

    __radd__ = reflected(table.ADD)
    __rmul__ = reflected(table.MUL)
    __sub__ = binary(table.SUB)
    __rsub__ = reflected(table.SUB)
    __truediv__ = binary(table.DIV)
    __rtruediv__ = reflected(table.DIV)
    __pow__ = binary(table.POW)
    __rpow__ = reflected(table.POW)
    __neg__ = unary(table.NEG)
    __abs__ = unary(table.ABS)

    def __pos__(self) -> Value:
        return self

    exp = unary(table.EXP)
    expm1 = unary(table.EXPM1)
    log = unary(table.LOG)
    log1p = unary(table.LOG1P)
    sqrt = unary(table.SQRT)
    sin = unary(table.SIN)
    cos = unary(table.COS)
    erf = unary(table.ERF)
    erfc = unary(table.ERFC)
    sech = unary(table.SECH)
    tanh = unary(table.TANH)
    sigmoid = unary(table.SIGMOID)
    relu = unary(table.RELU)
    leaky_relu = unary(table.LEAKY_RELU)
    elu = unary(table.ELU)
    gelu = unary(table.GELU)
    silu = unary(table.SILU)
    softplus = unary(table.SOFTPLUS)
    maximum = binary(table.MAXIMUM, is_operator=False)
    minimum = binary(table.MINIMUM, is_operator=False)

    __lt__ = comparison(operator.lt, "lt", swaps=False)
    __le__ = comparison(operator.le, "le", swaps=False)
    __gt__ = comparison(operator.gt, "lt", swaps=True)
    __ge__ = comparison(operator.ge, "le", swaps=True)

    def __eq__(self, other: object) -> bool:
        if active and self is not other and not self.is_leaf and real_to_float(other) is not None:
            report_escape(self, "==")
        return NotImplemented  # Python then compares identity

    __hash__ = object.__hash__
    __array_ufunc__ = array_ufunc

    def backward(self, gradient: SupportsFloat = 1.0) -> None:
        """Compute the gradients of this Value: add ∂self/∂leaf to the ``grad`` of every leaf.

        The ``grad`` of every intermediate Value is overwritten. If no gradient flows back to a Value, as
        behind a dead relu, its ``grad`` does not change.

        >>> x = Value(3.0)
        >>> (x * x).backward()
        >>> x.grad
        6.0

        Args:
            gradient: The seed gradient, that of this Value itself.

        Raises:
            TypeError: If ``gradient`` is not a real number. No ``grad`` changes.
        """
        from autograd.backward import backward  # absolute: a debugger would step into importlib

        backward(self, require_float(gradient, "backward()", "gradient"))

    # Properties -----------------------------------------------------------------------------------

    @property
    def data(self) -> float:
        """The number, a float64. Assigning it changes this Value alone, not those computed from it.

        Raises:
            TypeError: If the assigned object is not a real number.
        """
        if active:
            report_escape(self, ".data")
        return self._data

    @data.setter
    def data(self, data: SupportsFloat) -> None:
        if active:
            report_escape(self, "writing .data")
        self._data = data if type(data) is float else require_float(data, "Value.data")

    @property
    def grad(self) -> float:
        """The gradient: ∂root/∂self of the last backward pass; for a leaf, the sum over all passes.

        Assigning None sets it to 0.0.

        Raises:
            TypeError: If the assigned object is neither a real number nor None.
        """
        report_escape(self, ".grad")
        return self._grad

    @grad.setter
    def grad(self, g: SupportsFloat | None) -> None:
        self._grad = g if type(g) is float else 0.0 if g is None else require_float(g, "Value.grad")

    @property
    def note(self) -> Note:
        """Less frequently used attributes of the Value, such as its label."""
        try:
            return self._note
        except AttributeError:  # the slot is set only when it is needed, which saves a store per node
            return Note()

    @property
    def label(self) -> str:
        """The name used in pictures and equations, or an empty string.

        Raises:
            TypeError: If the assigned object is not a str.
        """
        return self.note.label

    @label.setter
    def label(self, label: str) -> None:
        if not isinstance(label, str):
            raise TypeError(f"Value.label expected a str, got {type_and_value(label)}. Use str() first.")
        self._note = Note(label, self.note.place, self.note.scopes)  # not changed, because copies share it

    @property
    def primitive(self) -> Primitive | None:
        """The primitive that computed this Value, an entry of the table; None for a leaf."""
        return self._primitive

    @property
    def is_leaf(self) -> bool:
        """True if no operation computed this Value."""
        return self._primitive is None

    @property
    def operands(self) -> tuple[Value | float, ...]:
        """The operands of the operation that computed this Value, in order; a constant is a float.

        >>> a = Value(3.0)
        >>> (a * 2.0).operands
        (Value(3.0), 2.0)
        """
        if self._primitive is None:
            return ()
        if self.many is not None:
            return tuple([x for operands, _, _ in self.many for x in operands])
        return (self.a, self.b)[: len(self._primitive.derivatives)]

    @property
    def _prev(self) -> set[Value]:
        """The operands that are Values, as in micrograd."""
        return set(operand_values(self))

    @property
    def _op(self) -> str:
        """The operation, such as "+" or "tanh", or an empty string, as in micrograd."""
        signs = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
        return "" if self._primitive is None else signs.get(self._primitive.name, self._primitive.name)

    if not TYPE_CHECKING:
        _backward = WrongName("For an operation of your own use autograd.primitive().")
        value = WrongName("Use .data.")
        gradient = WrongName("Use .grad.")

    def item(self) -> float:
        """Return the number, as ``data`` does. The name is that of PyTorch.

        Returns:
            A float.
        """
        return self.data

    def detach(self) -> Value:
        """Return a new leaf with the same number, through which no gradient flows back.

        >>> x = Value(3.0)
        >>> (x * x.detach()).backward()
        >>> x.grad  # not 6.0
        3.0

        Returns:
            A Value without label and gradient.
        """
        if active and (tracer := current_tracer()):
            return tracer.detached(self)
        return Value(self._data)

    def zero_grad(self) -> None:
        """Set the gradient to 0.0."""
        self._grad = 0.0

    def __float__(self) -> float:
        """Return the number, and warn once per line that no gradient flows back through it."""
        report_escape(self, "float()")
        if is_grad_enabled():
            warnings.warn(
                "A Value became a float, so no gradient flows back through this line. Use .data for the "
                "number, or a function of autograd for the graph, such as autograd.exp(v) for math.exp(v).",
                GradientLostWarning,
                stacklevel=2,
            )
        return self._data

    def __bool__(self) -> bool:
        report_escape(self, "bool()")
        return bool(self._data)

    def __format__(self, spec: str) -> str:
        if spec:
            report_escape(self, "formatting")
        return format(self._data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        not_compiled("it formats or prints a Value: do so outside")
        grad, label = f", grad={self._grad!r}", f", label={short(self.label)}"
        return f"{type_name(self)}({self._data!r}{grad if self._grad else ''}{label if self.label else ''})"

    def __getstate__(self) -> object:
        report_escape(self, "copying")
        if self._primitive is not None:
            raise TypeError(
                f"Only a leaf can be copied or pickled, got {self!r}, which {self._primitive.name} computed. "
                "Copy its .detach(), or copy the leaves and compute it again."
            )
        return object.__getstate__(self)


#: Makes an empty Value for an operation to fill in. With ``__init__`` a training step takes 10–40 % longer.
new_value: Callable[[], Value] = partial(object.__new__, Value)


def record(
    data: float, op: Primitive, a: Any = None, b: Any = None, da: Any = None, db: Any = None, many: Any = None
) -> Value:
    """Make the Value that ``op`` computed."""
    node = new_value()
    node._data = data
    node._grad = 0.0
    node._primitive = op
    node.a, node.b = a, b
    node.da, node.db = da, db
    node.many, node.mark = many, 0
    return observed(node) if active else node


def observed(node: Value) -> Value:
    """Call the hooks of the open modes and return the node; inside ``no_grad()``, return a leaf instead."""
    if not is_grad_enabled():
        return Value(node._data)
    for mode in open_modes():
        mode.recorded(node)
    return node


def apply_binary(op: Primitive, a: Any, b: Any) -> Value:
    """Apply a primitive to two operands: Values or floats, at least one of them a Value."""
    is_a, is_b = isinstance(a, Value), isinstance(b, Value)
    x = a._data if is_a else a
    y = b._data if is_b else b
    try:
        data = op.value(FLOATS, x, y)
        if active and not is_grad_enabled():
            return Value(data)
        da = op.derivatives[0](FLOATS, data, x, y) if is_a else None
        db = op.derivatives[1](FLOATS, data, x, y) if is_b else None
    except RAISED:
        data, (da, db) = compute_ieee(op, [x, y], [is_a, is_b])
    return record(data, op, a, b, da, db)


def operand_values(node: Value) -> list[Value]:
    """Return the operands that are Values, from left to right. An operand used twice is listed twice."""
    return [x for x in node.operands if isinstance(x, Value)]
