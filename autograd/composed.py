"""Functions made of primitives: they have no rule of their own and need none."""

from __future__ import annotations

from collections.abc import Iterable
from threading import get_ident
from typing import SupportsFloat

from .operations import FUNCTIONS
from .value import Value, witnesses


def log_softmax(values: Iterable[Value | SupportsFloat]) -> list[Value]:
    """log(exp(xᵢ) / Σ exp(xⱼ)) for each value; finite for any finite logits.

    >>> [v.data for v in log_softmax([Value(1000.0), Value(1000.0)])]  # log ½ each
    [-0.6931471805599453, -0.6931471805599453]
    """
    logits = [x if isinstance(x, Value) else Value(x) for x in values]
    top = _largest(logits)  # a constant: the result does not depend on it
    shifted = [x - top for x in logits]
    total = FUNCTIONS["logsumexp"](shifted)
    return [x - total for x in shifted]


def _largest(logits: list[Value]) -> Value | float:
    if witnesses and logits and (witness := witnesses.get(get_ident())) is not None:
        return witness.held("largest", logits, max(x._datum for x in logits))
    return max((x.data for x in logits), default=0.0)


def softmax(values: Iterable[Value | SupportsFloat]) -> list[Value]:
    """exp(xᵢ) / Σ exp(xⱼ) for each value: positive numbers that sum to 1.

    >>> [v.data for v in softmax([Value(0.0), Value(0.0)])]
    [0.5, 0.5]
    """
    return [x.exp() for x in log_softmax(values)]
