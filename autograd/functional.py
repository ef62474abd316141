"""Derivatives of whole functions: Jacobian, Hessian, Hessian-vector product.

A function here takes ``len(at)`` Values; the results are plain floats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, SupportsFloat

from .gradients import grad
from .modes import enable_grad
from .operations import FUNCTIONS
from .system.messages import short, type_and_value
from .tracing import report_escape
from .value import Value


def _leaves(at: Sequence[Value | SupportsFloat]) -> list[Value]:
    report_escape(None, "jacobian(), hessian() or hvp()")
    if isinstance(at, Value | str | Mapping | Set) or not hasattr(at, "__iter__"):
        raise TypeError(f"the point must be a sequence with one number for each argument, not {short(at)}")
    return [Value(x.data if isinstance(x, Value) else x) for x in at]


def _outputs(f: Callable[..., Any], inputs: list[Value]) -> Any:
    if not callable(f):
        raise TypeError(f"what is differentiated is a function of Values, not {type_and_value(f)}")
    return f(*inputs)


def _scalar(f: Callable[..., Value], inputs: list[Value]) -> Value:
    output = _outputs(f, inputs)
    if not isinstance(output, Value):
        raise TypeError(f"the function must return one Value, not {type_and_value(output)}")
    return output


def _gradient(output: Value, inputs: list[Value], create_graph: bool = False) -> list[Value]:
    found = grad(output, inputs, create_graph=create_graph, allow_unused=True)
    return [Value(0.0) if g is None else g for g in found]


@enable_grad()
def jacobian(f: Callable[..., Any], at: Sequence[Value | SupportsFloat]) -> Any:
    """∂fᵢ/∂xⱼ at the point ``at``: a list of rows, or one row if f returns a single Value.

    >>> jacobian(lambda x, y: [x * y, x + y], [2.0, 5.0])
    [[5.0, 2.0], [1.0, 1.0]]
    >>> jacobian(lambda w, x: w * x, [2.0, 5.0])
    [5.0, 2.0]
    """
    inputs = _leaves(at)
    outputs = _outputs(f, inputs)
    if isinstance(outputs, Value):
        return [g.data for g in _gradient(outputs, inputs)]
    if not hasattr(outputs, "__iter__"):
        raise TypeError(f"the function must return Values, not {type_and_value(outputs)}")
    rows: list[list[float]] = []
    for output in outputs:
        if not isinstance(output, Value):
            raise TypeError(f"the function must return Values, not {type_and_value(output)}")
        rows.append([g.data for g in _gradient(output, inputs)])
    return rows


@enable_grad()
def hessian(f: Callable[..., Value], at: Sequence[Value | SupportsFloat]) -> list[list[float]]:
    """∂²f/∂xᵢ∂xⱼ at the point ``at``, for a function that returns one Value.

    >>> hessian(lambda x, y: x * x * y, [2.0, 5.0])  # [[2y, 2x], [2x, 0]]
    [[10.0, 4.0], [4.0, 0.0]]
    """
    inputs = _leaves(at)
    slopes = _gradient(_scalar(f, inputs), inputs, create_graph=True)
    return [[g.data for g in _gradient(slope, inputs)] for slope in slopes]


@enable_grad()
def hvp(
    f: Callable[..., Value], at: Sequence[Value | SupportsFloat], v: Sequence[Value | SupportsFloat]
) -> list[float]:
    """The Hessian of f at ``at`` times the vector ``v``, without forming the Hessian.

    >>> hvp(lambda x, y: x * x * y, [2.0, 5.0], [1.0, 1.0])
    [14.0, 4.0]

    Two backward passes, whatever the number of arguments (Pearlmutter, 1994).
    """
    inputs, v = _leaves(at), _leaves(v)
    if len(v) != len(inputs):
        raise ValueError(
            f"the vector has {len(v)} elements but the point has {len(inputs)}; give as many of each"
        )
    slopes = _gradient(_scalar(f, inputs), inputs, create_graph=True)
    along = FUNCTIONS["dot"](slopes, [x.data for x in v])
    return [g.data for g in _gradient(along, inputs)]
