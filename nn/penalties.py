"""Penalties: what large weights are to cost, as a term to add to the loss."""

from __future__ import annotations

from collections.abc import Iterable

import autograd
from autograd import Value, dot

from .checks import parameters_in


def l1_penalty(parameters: Iterable[Value]) -> Value:
    """The sum of |p|: its gradient, the sign of p, pulls all alike and makes the useless ones zero.

    >>> l1_penalty([Value(3.0), Value(-4.0)]).data
    7.0
    """
    total: Value = autograd.sum([abs(p) for p in parameters_in(parameters, "a penalty")])
    return total


def l2_penalty(parameters: Iterable[Value]) -> Value:
    """The sum of p²: its gradient, 2p, pulls the harder the larger p is.

    >>> l2_penalty([Value(3.0), Value(-4.0)]).data
    25.0

    λ/2 times this in the loss of SGD is what is called weight decay λ: each step takes lr · λ · p off p.
    """
    values = parameters_in(parameters, "a penalty")
    return dot(values, values)
