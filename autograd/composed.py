"""Functions made of primitives: they have no rule of their own and need none."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable
from typing import Any, SupportsFloat

from .interop.groups import items_of
from .operations import FUNCTIONS
from .system.messages import short, type_and_value
from .tracing import current_tracer
from .value import Value

#: What hides a value among others: its exp() is 0.
_LOWEST = -sys.float_info.max


def log_softmax(values: Iterable[Value | SupportsFloat]) -> list[Value]:
    """log(exp(xᵢ) / Σ exp(xⱼ)) for each value; finite for any finite logits.

    >>> [v.data for v in log_softmax([Value(1000.0), Value(1000.0)])]  # log ½ each
    [-0.6931471805599453, -0.6931471805599453]
    """
    return _log_softmax("log_softmax", values)


def softmax(values: Iterable[Value | SupportsFloat]) -> list[Value]:
    """exp(xᵢ) / Σ exp(xⱼ) for each value: positive numbers that sum to 1.

    >>> [v.data for v in softmax([Value(0.0), Value(0.0)])]
    [0.5, 0.5]
    """
    return [x.exp() for x in _log_softmax("softmax", values)]


def log_odds(values: Iterable[Value | SupportsFloat], index: int) -> Value:
    """log(p / (1 − p)) for the probability p = softmax(values)[index]: one class against all others.

    >>> log_odds([Value(2.0), Value(5.0)], 1).data  # of two logits, their difference
    3.0

    ``softplus(-log_odds(values, index))`` is −log p, and its gradients keep their digits where p rounds to 1.
    A value of −inf is a class of probability 0.

    Raises:
        IndexError: If there is no value at the index.
    """
    shifted = _shifted("log_odds", values)
    place = _place(index, len(shifted))
    if isinstance(place, Value):  # an index that is traced
        chosen = FUNCTIONS["take"](shifted, place)
        is_chosen = [(1.0 - (place - i) * (place - i)).relu() for i in range(len(shifted))]
        others = [x + _LOWEST * one_or_zero for x, one_or_zero in zip(shifted, is_chosen)]
    else:
        # It stays among the others, which are never none then, and compile() fuses no large logit into a sum.
        chosen = shifted[place]
        others = [x + _LOWEST if i == place else x for i, x in enumerate(shifted)]
    return chosen - FUNCTIONS["logsumexp"](others)


def _log_softmax(name: str, values: Iterable[Value | SupportsFloat]) -> list[Value]:
    shifted = _shifted(name, values)
    total = FUNCTIONS["logsumexp"](shifted)
    return [x - total for x in shifted]


def _shifted(name: str, values: Iterable[Value | SupportsFloat]) -> list[Value]:
    """Subtract the largest value, as a constant: no softmax depends on it, and no digit is lost later."""
    logits = [x if isinstance(x, Value) else Value(x) for x in items_of(name, values)]
    top = _largest(logits)
    return [x - top for x in logits]


def _largest(logits: list[Value]) -> Value | float:
    top = max((x._data for x in logits), default=0.0)
    tracer = current_tracer() if logits else None
    return top if tracer is None else tracer.constant("largest", logits, top)


def take(values: Iterable[Any], index: int) -> Any:
    """The value at an index, as ``values[index]``, but that a compiled function may be given another.

    >>> a, b, c = Value(3.0), Value(5.0), Value(7.0)
    >>> taken = take([a, b, c], 1)
    >>> taken.backward()
    >>> taken.data, a.grad, b.grad, c.grad
    (5.0, 0.0, 1.0, 0.0)
    >>> [x.data for x in take([[1.0, 2.0], [a, b]], -1)]  # a row of a table, as of an embedding
    [3.0, 5.0]

    The gradient goes to the one that was taken; the others get 0, as in PyTorch's embedding. Inside a
    compiled function the index may be one of its arguments, or what + − · make of them: another one
    needs no new recording. TypeError for an index that is no int, such as a Value; IndexError for one
    that is out of range.
    """
    items = values if isinstance(values, list | tuple) else [*items_of("take", values)]
    place = _place(index, len(items))
    if not isinstance(items[0], list | tuple):
        return FUNCTIONS["take"](items, place if isinstance(place, Value) else float(place))
    if len(widths := {*map(len, items)}) > 1:
        raise ValueError(
            f"the rows of a table are of one length, not {' and '.join(map(str, sorted(widths)))}"
        )
    return [take(column, index) for column in zip(*items)]


def _place(index: Any, width: int) -> Value | int:
    """The index counted from 0; IndexError if there is nothing at it."""
    at = _index(index)
    place: Value | int = at
    if at < 0:
        place = at + width
        found = place >= 0
    else:
        found = at < width
    if not found:
        reach = f"they run from {-width} to {width - 1}" if width else "there are none"
        raise IndexError(f"{short(index)} is none of the indices of {width} values: {reach}")
    return place


def _index(index: Any) -> Any:
    """An int, or what stands for one while a function is recorded."""
    if isinstance(index, Value):
        tracer = current_tracer()
        if tracer is not None and tracer.is_index(index):
            return index
        raise TypeError(
            f"an index of take is an int, through which no gradient flows, not the Value {short(index)}: "
            "pass int(….data) if it holds a whole number"
        )
    try:
        return operator.index(index)
    except TypeError:
        raise TypeError(f"an index of take is an int, not {type_and_value(index)}") from None


def group(operands: Iterable[Any]) -> tuple[Any, ...]:
    """Return operands as one tuple, for several n-ary operations to store, as the neurons of a layer do.

    >>> x = group([Value(1.0), 2.0])
    >>> x
    (Value(1.0), 2.0)

    It stands for the list wherever a primitive takes one.
    """
    return tuple(items_of("group", operands))
