"""Functions composed of primitives. They need no rules of their own."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable
from typing import Any, SupportsFloat

from .interop.groups import items_of
from .interop.reals import require_float
from .operations import FUNCTIONS
from .system.messages import short, type_and_value
from .tracing import current_tracer
from .value import Value

#: Added to a value, it makes its exp() 0.
_LOWEST = -sys.float_info.max


def log_softmax(values: Iterable[Value | SupportsFloat]) -> list[Value]:
    """Compute log(exp(xᵢ) / Σ exp(xⱼ)) for each value. It is finite for any finite logits.

    >>> [v.data for v in log_softmax([Value(1000.0), Value(1000.0)])]  # log ½ each
    [-0.6931471805599453, -0.6931471805599453]

    Args:
        values: A sequence of Values or numbers, the logits x.

    Returns:
        A list with one Value for each logit.

    Raises:
        TypeError: If ``values`` is not a sequence of Values or numbers.
    """
    return _log_softmax("log_softmax", values)


def softmax(values: Iterable[Value | SupportsFloat]) -> list[Value]:
    """Compute exp(xᵢ) / Σ exp(xⱼ) for each value: positive numbers that sum to 1.

    >>> [v.data for v in softmax([Value(0.0), Value(0.0)])]
    [0.5, 0.5]

    Args:
        values: A sequence of Values or numbers, the logits x.

    Returns:
        A list with one Value for each logit.

    Raises:
        TypeError: If ``values`` is not a sequence of Values or numbers.
    """
    return [x.exp() for x in _log_softmax("softmax", values)]


def log_odds(values: Iterable[Value | SupportsFloat], index: int) -> Value:
    """Compute log(p / (1 − p)) for the probability p = softmax(values)[index]: one class against all others.

    ``softplus(-log_odds(values, index))`` is −log p, and its gradients keep their digits where p rounds to 1.

    >>> log_odds([Value(2.0), Value(5.0)], 1).data  # of two logits, their difference
    3.0

    Args:
        values: A sequence of Values or numbers, the logits. A logit of −inf is a class of probability 0.
        index: An int, the class. A negative index counts from the end.

    Returns:
        A Value.

    Raises:
        IndexError: If ``index`` is out of range.
        TypeError: If ``index`` is not an int, or ``values`` is not a sequence of Values or numbers.
    """
    shifted = _shifted("log_odds", values)
    position = _position("log_odds", index, len(shifted))
    if isinstance(position, Value):  # an index that is traced
        selected = FUNCTIONS["take"](shifted, position)
        is_selected = [(1.0 - (position - i) * (position - i)).relu() for i in range(len(shifted))]
        others = [x + _LOWEST * one_or_zero for x, one_or_zero in zip(shifted, is_selected)]
    else:
        # The selected logit stays among the others, so that these are never empty, and so that compile() does
        # not fuse a large logit into a sum.
        selected = shifted[position]
        others = [x + _LOWEST if i == position else x for i, x in enumerate(shifted)]
    return selected - FUNCTIONS["logsumexp"](others)


def _log_softmax(caller: str, values: Iterable[Value | SupportsFloat]) -> list[Value]:
    shifted = _shifted(caller, values)
    total = FUNCTIONS["logsumexp"](shifted)
    return [x - total for x in shifted]


def _shifted(caller: str, values: Iterable[Value | SupportsFloat]) -> list[Value]:
    """Subtract the largest value as a constant, so that no digits are lost later; softmax is unchanged."""
    logits = [
        x if isinstance(x, Value) else Value(require_float(x, f"{caller}()", f"values[{i}]"))
        for i, x in enumerate(items_of(caller, values, "values"))
    ]
    top = _largest(logits)
    return [x - top for x in logits]


def _largest(logits: list[Value]) -> Value | float:
    top = max((x._data for x in logits), default=0.0)
    tracer = current_tracer() if logits else None
    return top if tracer is None else tracer.constant("largest", logits, top)


def take(values: Iterable[Any], index: int) -> Any:
    """Return the value at an index, as ``values[index]`` does, as a node of the graph.

    The gradient flows to the selected value; the others get 0, as in PyTorch's embedding. Inside a compiled
    function the index may be an argument, or computed from arguments with ``+ - *``: another index needs no
    retracing.

    >>> a, b, c = Value(3.0), Value(5.0), Value(7.0)
    >>> selected = take([a, b, c], 1)
    >>> selected.backward()
    >>> selected.data, a.grad, b.grad, c.grad
    (5.0, 0.0, 1.0, 0.0)
    >>> [x.data for x in take([[1.0, 2.0], [a, b]], -1)]  # a row of a table, as of an embedding
    [3.0, 5.0]

    Args:
        values: A sequence of Values or numbers, or of rows of them.
        index: An int. A negative index counts from the end.

    Returns:
        A Value; if ``values`` has rows, the list of the Values of one row.

    Raises:
        IndexError: If ``index`` is out of range.
        TypeError: If ``index`` is not an int, or ``values`` is not a sequence of Values or numbers.
        ValueError: If the rows have different lengths.
    """
    items = values if isinstance(values, list | tuple) else [*items_of("take", values, "values")]
    position = _position("take", index, len(items))
    if not isinstance(items[0], list | tuple):
        return FUNCTIONS["take"](items, position if isinstance(position, Value) else float(position))
    if len(widths := {*map(len, items)}) > 1:
        raise ValueError(
            f"take() expected rows of one length, got rows of {' and '.join(map(str, sorted(widths)))}. "
            "Pass rows of the same length."
        )
    return [take(column, index) for column in zip(*items)]


def _position(caller: str, index: Any, width: int) -> Value | int:
    """Return the index counted from 0; raise IndexError if it is out of range."""
    number = _index(caller, index)
    position: Value | int = number
    if number < 0:
        position = number + width
        is_in_range = position >= 0
    else:
        is_in_range = number < width
    if not is_in_range:
        remedy = f"Use an index from {-width} to {width - 1}." if width else "Pass at least one value."
        raise IndexError(f"{caller}() index {short(index)} is out of range for {width} values. {remedy}")
    return position


def _index(caller: str, index: Any) -> Any:
    """Return the index as an int, or as the Value that represents it during tracing."""
    if isinstance(index, Value):
        tracer = current_tracer()
        if tracer is not None and tracer.is_index(index):
            return index
        raise TypeError(
            f"{caller}() expected an int for index, got {short(index)}. No gradient flows through an index. "
            "Pass int(….data) if it is a whole number."
        )
    try:
        return operator.index(index)
    except TypeError:
        raise TypeError(
            f"{caller}() expected an int for index, got {type_and_value(index)}. Convert it first with int()."
        ) from None


def group(operands: Iterable[Any]) -> tuple[Any, ...]:
    """Return operands as one tuple, which several operations on many operands store without a copy.

    The neurons of a layer share their inputs in this way. A primitive accepts it in place of a list.

    >>> x = group([Value(1.0), 2.0])
    >>> x
    (Value(1.0), 2.0)

    Args:
        operands: A sequence of Values or numbers.

    Returns:
        A tuple of the same objects.

    Raises:
        TypeError: If ``operands`` is not a sequence.
    """
    return tuple(items_of("group", operands, "operands"))
