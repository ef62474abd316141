"""The table as functions of Values and numbers: exp(x), maximum(a, b), dot(weights, inputs, bias), ..."""

# A group of operands can have any iterable type before it is read.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import mul
from types import SimpleNamespace
from typing import Any

from . import primitives as table
from .floats import IEEE, add_up, apply_each, choose_ieee, compute, ieee_positions
from .interop.groups import all_floats, check_lengths, items_of
from .interop.reals import require_float
from .modes import active, is_grad_enabled
from .primitives import DOT, PRIMITIVES, Primitive
from .value import Function, Operand, StoredGroup, Value, apply_binary, named, record, unary

#: Every primitive as a function of Values and numbers, by its name.
FUNCTIONS: dict[str, Callable[..., Value]] = {}

#: What ``m`` offers on Values: arithmetic is recorded, conditions compare numbers; define_on_values() adds
#: the primitives. A constant becomes an IEEE float, because 1.0 / m.where(c, 0.0, 1.0) must not raise.
VALUES = SimpleNamespace(
    where=choose_ieee,
    each=apply_each,
    positions=ieee_positions,
    eq=lambda a, b: data_of(a) == data_of(b),
    largest=lambda values: IEEE.largest(map(data_of, values)),
)


def data_of(x: Value | float) -> float:
    return x._data if isinstance(x, Value) else x


def function_of_one(op: Primitive) -> Callable[[Operand], Value]:
    method = unary(op)

    def function(x: Operand) -> Value:
        a = operand(op, x, 0)
        return method(a) if isinstance(a, Value) else Value(compute(op, [a])[0])

    return define_on_values(function, op)


def function_of_two(op: Primitive) -> Callable[[Operand, Operand], Value]:
    def function(a: Operand, b: Operand) -> Value:
        x, y = operand(op, a, 0), operand(op, b, 1)
        if isinstance(x, Value) or isinstance(y, Value):
            return apply_binary(op, x, y)
        return Value(compute(op, [x, y])[0])

    return define_on_values(function, op)


def function_of_many(op: Primitive) -> Callable[..., Value]:
    def function(*operands: Any) -> Value:
        if len(operands) != len(op.operands):
            raise TypeError(f"{op.name}() expected {', '.join(op.operands)}, got {len(operands)} operands.")
        return apply_many(op, *operands)

    return define_on_values(function, op)


def define_on_values(function: Function, op: Primitive) -> Function:
    """Name a function, and offer it to the rules of the table for Values; constants stay floats."""

    def on_values_or_floats(*operands: Any) -> Any:
        flat = [x for group in operands for x in (group if isinstance(group, (list, tuple)) else [group])]
        return (function if any(isinstance(x, Value) for x in flat) else getattr(IEEE, op.name))(*operands)

    setattr(VALUES, op.name, on_values_or_floats)
    FUNCTIONS[op.name] = named(function, op)
    return function


def operand(op: Primitive, x: object, i: int) -> Value | float:
    """Return operand ``i`` of a primitive: a Value unchanged, a number as a float."""
    return x if isinstance(x, Value) else require_float(x, f"{op.name}()", op.operands[i])


# Many operands ------------------------------------------------------------------------------------


def read_group(op: Primitive, name: str, argument: Any) -> tuple[tuple[Any, ...], Sequence[float]]:
    """Return an argument as a tuple of Values and floats, and their data; one operand is a group of 1."""
    group = argument if name.endswith("*") else (argument,)
    items: tuple[Any, ...] = group if type(group) is tuple else (*items_of(op.name, group, name),)
    if all_floats(items):
        return items, items
    caller = f"{op.name}()"
    operands = tuple([x if isinstance(x, Value) else require_float(x, caller, name, items) for x in items])
    return operands, [data_of(x) for x in operands]


def apply_many(op: Primitive, *arguments: Any) -> Value:
    """Apply a primitive to many operands: groups, and single ones, each stored as a group of one."""
    are_groups = [name.endswith("*") for name in op.operands]
    read = [read_group(op, name, x) for name, x in zip(op.operands, arguments)]
    groups = [group for group, _ in read]
    numbers = [elements if is_group else elements[0] for (_, elements), is_group in zip(read, are_groups)]
    check_lengths(op.name, [(o[:-1], group) for o, group in zip(op.operands, groups) if o.endswith("*")])
    needed = [any(isinstance(x, Value) for x in group) for group in groups]
    if True not in needed or (active and not is_grad_enabled()):
        return Value(compute(op, numbers)[0])
    data, derivatives = compute(op, numbers, needed)
    # (*map(), ) and not tuple(map()), which leaves a tuple in CPython's free list at each call, up to 2,000.
    return record(data, op, many=(*map(stored_group, groups, derivatives),))


def stored_group(group: Sequence[Any], derivatives: Any) -> StoredGroup:
    """Return a group as a node stores it; a receiver is a Value whose derivative is not None."""
    if derivatives is None:
        return group, (), ()
    listed = derivatives if isinstance(derivatives, (list, tuple)) else (derivatives,)
    pairs = [(x, d) for x, d in zip(group, listed) if isinstance(x, Value) and d is not None]
    if len(pairs) == len(group):
        return group, group, listed
    return group, tuple([x for x, _ in pairs]), [d for _, d in pairs]


def dot(weights: Iterable[Operand], inputs: Iterable[Operand], bias: Operand = 0.0) -> Value:
    """Compute bias + w₁·x₁ + w₂·x₂ + …, added from left to right: a neuron in one node.

    >>> dot([Value(2.0), Value(3.0)], [10.0, 1.0], 0.5).data  # 2·10 + 3·1 + 0.5
    23.5

    Args:
        weights: A sequence of Values or numbers, w.
        inputs: A sequence of Values or numbers, x, of the same length.
        bias: A Value or a number.

    Returns:
        A Value.

    Raises:
        ValueError: If the lengths of ``weights`` and ``inputs`` differ.
        TypeError: If an argument is not of its type.
    """
    ws: tuple[Any, ...] = weights if type(weights) is tuple else (*items_of("dot", weights, "weights"),)
    xs: tuple[Any, ...] = inputs if type(inputs) is tuple else (*items_of("dot", inputs, "inputs"),)
    b = operand(DOT, bias, 2)
    try:  # written out for Values: apply_many() takes three times as long; a test compares them
        w_numbers = [w._data for w in ws]
        is_constant = all_floats(xs)
        x_numbers = xs if is_constant else [x._data for x in xs]
        data = add_up(map(mul, w_numbers, x_numbers), b._data if isinstance(b, Value) else b)
    except AttributeError:  # some operands are numbers
        return apply_many(DOT, ws, xs, b)
    if len(ws) != len(xs) or not ws or type(data) is not float:  # unequal, empty, or not Values at all
        return apply_many(DOT, ws, xs, b)
    of_inputs = (xs, (), ()) if is_constant else (xs, xs, w_numbers)
    of_bias = ((b,), (b,), (1.0,)) if isinstance(b, Value) else ((b,), (), ())
    return record(data, DOT, many=((ws, ws, x_numbers), of_inputs, of_bias))


def sum(values: Iterable[Operand]) -> Value:
    """Add the values, from left to right.

    >>> sum([Value(1.0), Value(2.0), 3.0]).data
    6.0

    Args:
        values: A sequence of Values or numbers. The sum of an empty sequence is 0.

    Returns:
        A Value.

    Raises:
        TypeError: If ``values`` is not a sequence of Values or numbers.
    """
    return apply_many(table.SUM_OF, values)


def logsumexp(values: Iterable[Operand]) -> Value:
    """Compute log(Σ exp(x)), shifted so that nothing overflows.

    >>> logsumexp([Value(1000.0), Value(1000.0)]).data  # 1000 + log 2
    1000.6931471805599

    Args:
        values: A sequence of Values or numbers, x. The result for an empty sequence is −inf.

    Returns:
        A Value.

    Raises:
        TypeError: If ``values`` is not a sequence of Values or numbers.
    """
    return apply_many(table.LOGSUMEXP, values)


# The functions ------------------------------------------------------------------------------------

exp = function_of_one(table.EXP)
expm1 = function_of_one(table.EXPM1)
log = function_of_one(table.LOG)
log1p = function_of_one(table.LOG1P)
sqrt = function_of_one(table.SQRT)
sin = function_of_one(table.SIN)
cos = function_of_one(table.COS)
erf = function_of_one(table.ERF)
erfc = function_of_one(table.ERFC)
sech = function_of_one(table.SECH)
tanh = function_of_one(table.TANH)
sigmoid = function_of_one(table.SIGMOID)
relu = function_of_one(table.RELU)
leaky_relu = function_of_one(table.LEAKY_RELU)
elu = function_of_one(table.ELU)
gelu = function_of_one(table.GELU)
silu = function_of_one(table.SILU)
softplus = function_of_one(table.SOFTPLUS)
maximum = function_of_two(table.MAXIMUM)
minimum = function_of_two(table.MINIMUM)
for _op, _function in ((table.SUM_OF, sum), (table.LOGSUMEXP, logsumexp), (DOT, dot)):
    define_on_values(_function, _op)


def function_for(op: Primitive) -> Callable[..., Value]:
    """Make the function of a primitive, according to its number of operands, and add it to ``FUNCTIONS``."""
    if op.is_many:
        return function_of_many(op)
    return function_of_one(op) if len(op.derivatives) == 1 else function_of_two(op)


for _op in PRIMITIVES.values():  # the operators, such as + and abs(), which rules also use as functions
    if _op.name not in FUNCTIONS:
        function_for(_op)
