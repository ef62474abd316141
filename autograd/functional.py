"""Derivatives of whole functions: Jacobian, Hessian, Hessian-vector product.

A function here takes ``len(at)`` Values; the results are plain floats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, SupportsFloat

from .gradients import grad
from .interop.reals import require_float
from .modes import enable_grad
from .operations import FUNCTIONS
from .system.messages import type_and_value
from .tracing import report_escape
from .value import Value

_RESULT_REMEDY = "Compute the result from the arguments, with operators and functions of autograd."


def leaves_at(at: Sequence[Value | SupportsFloat], caller: str, name: str = "at") -> list[Value]:
    """Return a leaf for each number of a point; raise TypeError, naming the argument, for anything else."""
    report_escape(None, "jacobian(), hessian() or hvp()")
    if isinstance(at, Value | str | Mapping | Set) or not hasattr(at, "__iter__"):
        raise TypeError(
            f"{caller}() expected a sequence of numbers for {name}, got {type_and_value(at)}. "
            "Pass a list with one number for each argument of f."
        )
    return [
        Value(x.data if isinstance(x, Value) else require_float(x, f"{caller}()", f"{name}[{i}]"))
        for i, x in enumerate(at)
    ]


def direction_at(v: Sequence[Value | SupportsFloat], width: int) -> list[float]:
    """Return the vector of ``hvp()`` as floats; raise ValueError unless its length is ``width``."""
    direction = [x.data for x in leaves_at(v, "hvp", "v")]
    if len(direction) != width:
        raise ValueError(
            f"hvp() expected one number in v for each of the {width} in at, got {len(direction)}. "
            "Pass vectors of the same length."
        )
    return direction


def _outputs(f: Callable[..., Any], inputs: list[Value], caller: str) -> Any:
    if not callable(f):
        raise TypeError(
            f"{caller}() expected a function of Values for f, got {type_and_value(f)}. "
            "Pass the function itself, not its result."
        )
    return f(*inputs)


def scalar_output(f: Callable[..., Value], inputs: list[Value], caller: str) -> Value:
    """Call a function; raise TypeError unless it returns one Value."""
    output = _outputs(f, inputs, caller)
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
def jacobian(f: Callable[..., Any], at: Sequence[Value | SupportsFloat]) -> Any:
    """Compute the Jacobian ∂fᵢ/∂xⱼ at the point ``at``.

    Each result takes one backward pass.

    >>> jacobian(lambda x, y: [x * y, x + y], [2.0, 5.0])
    [[5.0, 2.0], [1.0, 1.0]]
    >>> jacobian(lambda w, x: w * x, [2.0, 5.0])
    [5.0, 2.0]

    Args:
        f: A function of ``len(at)`` Values that returns a Value or several.
        at: The point: a number or a Value for each argument of ``f``.

    Returns:
        A list of floats if ``f`` returns one Value, otherwise a list of rows, one for each result.

    Raises:
        TypeError: If ``f`` is not a function or returns something other than Values, or ``at`` is not a
            sequence of numbers.
    """
    inputs = leaves_at(at, "jacobian")
    outputs = _outputs(f, inputs, "jacobian")
    if isinstance(outputs, Value):
        return [g.data for g in gradient(outputs, inputs)]
    if not hasattr(outputs, "__iter__"):
        raise TypeError(
            f"jacobian() expected f to return Values, got {type_and_value(outputs)}. {_RESULT_REMEDY}"
        )
    rows: list[list[float]] = []
    for i, output in enumerate(outputs):
        if not isinstance(output, Value):
            raise TypeError(
                f"jacobian() expected f to return Values, got {type_and_value(output)} as result {i}. "
                f"{_RESULT_REMEDY}"
            )
        rows.append([g.data for g in gradient(output, inputs)])
    return rows


@enable_grad()
def hessian(f: Callable[..., Value], at: Sequence[Value | SupportsFloat]) -> list[list[float]]:
    """Compute the Hessian ∂²f/∂xᵢ∂xⱼ at the point ``at``.

    The gradient is recorded and differentiated again, once for each argument.

    >>> hessian(lambda x, y: x * x * y, [2.0, 5.0])  # [[2y, 2x], [2x, 0]]
    [[10.0, 4.0], [4.0, 0.0]]

    Args:
        f: A function of ``len(at)`` Values that returns one Value.
        at: The point: a number or a Value for each argument of ``f``.

    Returns:
        A list of rows of floats, one row for each argument.

    Raises:
        TypeError: If ``f`` is not a function or does not return one Value, or ``at`` is not a sequence of
            numbers.
    """
    inputs = leaves_at(at, "hessian")
    first = gradient(scalar_output(f, inputs, "hessian"), inputs, create_graph=True)
    return [[second.data for second in gradient(g, inputs)] for g in first]


@enable_grad()
def hvp(
    f: Callable[..., Value], at: Sequence[Value | SupportsFloat], v: Sequence[Value | SupportsFloat]
) -> list[float]:
    """Compute a Hessian-vector product: the Hessian of ``f`` at the point ``at``, times the vector ``v``.

    It takes two backward passes for any number of arguments, and does not form the Hessian.

    >>> hvp(lambda x, y: x * x * y, [2.0, 5.0], [1.0, 1.0])  # [[10, 4], [4, 0]] · [1, 1]
    [14.0, 4.0]

    Args:
        f: A function of ``len(at)`` Values that returns one Value.
        at: The point: a number or a Value for each argument of ``f``.
        v: The vector: a number or a Value for each argument of ``f``.

    Returns:
        A list of floats, one for each argument.

    Raises:
        TypeError: If ``f`` is not a function or does not return one Value, or ``at`` or ``v`` is not a
            sequence of numbers.
        ValueError: If the lengths of ``at`` and ``v`` differ.

    Reference: Pearlmutter (1994).
    """
    inputs = leaves_at(at, "hvp")
    direction = direction_at(v, len(inputs))
    first = gradient(scalar_output(f, inputs, "hvp"), inputs, create_graph=True)
    return [g.data for g in gradient(FUNCTIONS["dot"](first, direction), inputs)]
