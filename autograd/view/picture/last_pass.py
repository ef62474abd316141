"""Gradients that a view shows, and their contributions by the chain rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...nodes import local_derivatives, shown_gradient
from ...value import Value


class Gradients(NamedTuple):
    """Gradients of one backward pass.

    ``of(value)`` is the gradient of a Value, or None if it is not computed. ``reaches(value)`` is False
    for a Value behind a dead relu: its gradient and its contributions are 0, even where 0·∞ is nan.
    """

    of: Callable[[Value], float | None]
    reaches: Callable[[Value], bool]

    def contributions(self, node: Value) -> list[float] | None:
        """Return the contribution of a node to each operand; None if its gradient is not computed."""
        gradient = self.of(node)
        if gradient is None:
            return None
        is_reached = self.reaches(node)
        return [gradient * d if is_reached and d is not None else 0.0 for d in local_derivatives(node)]


def last_pass(root: Value) -> Gradients:
    """Return the gradients of the last backward pass from ``root``; all None before the first one.

    >>> x = Value(3.0)
    >>> y = x * 5.0
    >>> before = last_pass(y).of(x)
    >>> y.backward()
    >>> before, last_pass(y).of(x), last_pass(y).contributions(y)
    (None, 5.0, [5.0, 0.0])
    """

    def of(value: Value) -> float | None:
        return shown_gradient(value, root)

    def reaches(value: Value) -> bool:
        return value.mark >= root.mark

    return Gradients(of, reaches)


def factors(node: Value) -> list[float]:
    """Return the local derivatives as factors of the chain rule: 0 where no gradient flows.

    >>> factors(Value(-1.0).relu()), factors(Value(3.0) * 5.0)
    ([0.0], [5.0, 0.0])
    """
    return [0.0 if derivative is None else derivative for derivative in local_derivatives(node)]
