"""Derivatives of whole functions: Jacobian, Hessian, Hessian-vector product.

A function here takes ``len(at)`` arguments: Values, or nested lists, tuples, dicts and dataclasses of Values.
The results are plain floats in the same containers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from typing import Any, SupportsFloat, overload

from .gradients import grad
from .interop.reals import require_float
from .modes import enable_grad
from .operations import FUNCTIONS
from .structures import map_leaves, structure_of, with_leaves
from .system.messages import type_and_value
from .tracing import report_escape
from .value import Value

_RESULT_REMEDY = "Compute the result from the arguments, with operators and functions of autograd."


def leaves_at(at: Sequence[Any], caller: str, name: str = "at") -> list[Value]:
    """Return a leaf for each number of a point; raise TypeError, naming the argument, for anything else."""
    return [_leaf(x, caller, f"{name}[{i}]") for i, x in enumerate(_items(at, caller, name))]


def arguments_at(at: Sequence[Any], caller: str, name: str = "at") -> tuple[list[Any], list[Value]]:
    """Return the arguments of a point with a leaf for each number, also in containers, and the leaves.

    Raises:
        TypeError: If something in it is not a number; the message names the argument.
    """
    leaves: list[Value] = []

    def add(x: Any, argument: str) -> Value:
        leaves.append(_leaf(x, caller, argument))
        return leaves[-1]

    items = enumerate(_items(at, caller, name))
    return [map_leaves(x, partial(add, argument=f"{name}[{i}]")) for i, x in items], leaves


def _leaf(x: Any, caller: str, argument: str) -> Value:
    return Value(x.data if isinstance(x, Value) else require_float(x, f"{caller}()", argument))


def _items(at: Sequence[Any], caller: str, name: str) -> Sequence[Any]:
    report_escape(None, "jacobian(), hessian() or hvp()")
    if isinstance(at, Value | str | Mapping | Set) or not hasattr(at, "__iter__"):
        raise TypeError(
            f"{caller}() expected a sequence of numbers for {name}, got {type_and_value(at)}. "
            "Pass a list with one item for each argument of f."
        )
    return at


def direction_at(v: Sequence[Any], arguments: list[Any], width: int) -> list[float]:
    """Return the vector of ``hvp()`` as floats; raise ValueError unless it has the structure of the point."""
    others, leaves = arguments_at(v, "hvp", "v")
    if len(leaves) != width:
        raise ValueError(
            f"hvp() expected one number in v for each of the {width} in at, got {len(leaves)}. "
            "Pass vectors of the same length."
        )
    if structure_of(others) != structure_of(arguments):
        raise ValueError(
            f"hvp() expected v to have the containers and keys of at, got {type_and_value(v)}. "
            "Pass the same lists and dicts, with their keys in the same order."
        )
    return [x.data for x in leaves]


def _outputs(f: Callable[..., Any], arguments: list[Any], caller: str) -> Any:
    if not callable(f):
        raise TypeError(
            f"{caller}() expected a function of Values for f, got {type_and_value(f)}. "
            "Pass the function itself, not its result."
        )
    return f(*arguments)


def scalar_output(f: Callable[..., Value], arguments: list[Any], caller: str) -> Value:
    """Call a function; raise TypeError unless it returns one Value."""
    output = _outputs(f, arguments, caller)
    if not isinstance(output, Value):
        raise TypeError(
            f"{caller}() expected f to return one Value, got {type_and_value(output)}. {_RESULT_REMEDY}"
        )
    return output


def gradient(output: Value, inputs: list[Value], create_graph: bool = False) -> list[Value]:
    """Return the gradient with respect to each input; 0 if the output does not depend on it."""
    gradients = grad(output, inputs, create_graph=create_graph, allow_unused=True)
    return [Value(0.0) if g is None else g for g in gradients]


@enable_grad()
def jacobian(f: Callable[..., Any], at: Sequence[Any]) -> Any:
    """Compute the Jacobian ∂fᵢ/∂xⱼ at the point ``at``.

    Each result takes one backward pass. A row has the containers of ``at``.

    >>> jacobian(lambda x, y: [x * y, x + y], [2.0, 5.0])
    [[5.0, 2.0], [1.0, 1.0]]
    >>> jacobian(lambda w, x: w * x, [2.0, 5.0])
    [5.0, 2.0]

    Args:
        f: A function of ``len(at)`` arguments that returns a Value or several.
        at: The point: for each argument of ``f`` a number, a Value, or nested containers of these.

    Returns:
        A list of floats if ``f`` returns one Value, otherwise a list of rows, one for each result.

    Raises:
        TypeError: If ``f`` is not a function or returns something other than Values, or ``at`` is not a
            sequence of numbers.
    """
    arguments, inputs = arguments_at(at, "jacobian")
    outputs = _outputs(f, arguments, "jacobian")
    if isinstance(outputs, Value):
        return with_leaves(arguments, [g.data for g in gradient(outputs, inputs)])
    if not hasattr(outputs, "__iter__"):
        raise TypeError(
            f"jacobian() expected f to return Values, got {type_and_value(outputs)}. {_RESULT_REMEDY}"
        )
    rows: list[Any] = []
    for i, output in enumerate(outputs):
        if not isinstance(output, Value):
            raise TypeError(
                f"jacobian() expected f to return Values, got {type_and_value(output)} as result {i}. "
                f"{_RESULT_REMEDY}"
            )
        rows.append(with_leaves(arguments, [g.data for g in gradient(output, inputs)]))
    return rows


@overload
def hessian(f: Callable[..., Value], at: Sequence[Value | SupportsFloat]) -> list[list[float]]: ...
@overload
def hessian(f: Callable[..., Value], at: Sequence[Any]) -> list[Any]: ...
@enable_grad()
def hessian(f: Callable[..., Value], at: Sequence[Any]) -> list[Any]:
    """Compute the Hessian ∂²f/∂xᵢ∂xⱼ at the point ``at``.

    The gradient is recorded and differentiated again, once for each number in ``at``. If ``at`` has nested
    containers, so has the result: in place of each number of ``at`` there is a row, in the same containers.

    >>> hessian(lambda x, y: x * x * y, [2.0, 5.0])  # [[2y, 2x], [2x, 0]]
    [[10.0, 4.0], [4.0, 0.0]]

    Args:
        f: A function of ``len(at)`` arguments that returns one Value.
        at: The point: for each argument of ``f`` a number, a Value, or nested containers of these.

    Returns:
        A list of rows of floats, one row for each argument.

    Raises:
        TypeError: If ``f`` is not a function or does not return one Value, or ``at`` is not a sequence of
            numbers.
    """
    arguments, inputs = arguments_at(at, "hessian")
    first = gradient(scalar_output(f, arguments, "hessian"), inputs, create_graph=True)
    rows = [with_leaves(arguments, [second.data for second in gradient(g, inputs)]) for g in first]
    return [*with_leaves(arguments, rows)]


@overload
def hvp(
    f: Callable[..., Value], at: Sequence[Value | SupportsFloat], v: Sequence[Value | SupportsFloat]
) -> list[float]: ...
@overload
def hvp(f: Callable[..., Value], at: Sequence[Any], v: Sequence[Any]) -> list[Any]: ...
@enable_grad()
def hvp(f: Callable[..., Value], at: Sequence[Any], v: Sequence[Any]) -> list[Any]:
    """Compute a Hessian-vector product: the Hessian of ``f`` at the point ``at``, times the vector ``v``.

    It takes two backward passes for any number of arguments, and does not form the Hessian.

    >>> hvp(lambda x, y: x * x * y, [2.0, 5.0], [1.0, 1.0])  # [[10, 4], [4, 0]] · [1, 1]
    [14.0, 4.0]

    Args:
        f: A function of ``len(at)`` arguments that returns one Value.
        at: The point: for each argument of ``f`` a number, a Value, or nested containers of these.
        v: The vector: the same for each argument of ``f``.

    Returns:
        A list with one item for each argument: a float, or the containers of ``at`` with floats.

    Raises:
        TypeError: If ``f`` is not a function or does not return one Value, or ``at`` or ``v`` is not a
            sequence of numbers.
        ValueError: If ``at`` and ``v`` differ in their lengths, containers or keys.

    Reference: Pearlmutter (1994).
    """
    arguments, inputs = arguments_at(at, "hvp")
    direction = direction_at(v, arguments, len(inputs))
    first = gradient(scalar_output(f, arguments, "hvp"), inputs, create_graph=True)
    products = gradient(FUNCTIONS["dot"](first, direction), inputs)
    return [*with_leaves(arguments, [g.data for g in products])]
