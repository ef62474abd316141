"""Penalties on large weights, as a term to add to the loss."""

from __future__ import annotations

from collections.abc import Iterable

import autograd
from autograd import Value, dot

from .checks import check_values


def l1_penalty(parameters: Iterable[Value]) -> Value:
    """Compute the sum of |p|, a penalty that makes useless parameters zero.

    >>> l1_penalty([Value(3.0), Value(-4.0)]).data
    7.0

    Its gradient is the sign of p, so that it reduces all parameters at the same rate.

    Args:
        parameters: An iterable of Values, such as ``model.parameters()``.

    Raises:
        TypeError: If ``parameters`` is a model, a single Value, or not an iterable of Values.
    """
    total: Value = autograd.sum([abs(p) for p in check_values("l1_penalty", parameters)])
    return total


def l2_penalty(parameters: Iterable[Value]) -> Value:
    """Compute the sum of p², a penalty that reduces large parameters most.

    >>> l2_penalty([Value(3.0), Value(-4.0)]).data
    25.0

    Its gradient is 2p. If λ/2 times this penalty is added to the loss of SGD, each step subtracts lr · λ · p
    from p; this is called weight decay λ.

    Args:
        parameters: An iterable of Values, such as ``model.parameters()``.

    Raises:
        TypeError: If ``parameters`` is a model, a single Value, or not an iterable of Values.
    """
    values = check_values("l2_penalty", parameters)
    return dot(values, values)
