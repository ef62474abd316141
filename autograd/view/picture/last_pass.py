"""The gradients that a view shows, and the products of the chain rule that go with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...nodes import local_derivatives, shown_gradient
from ...value import Value


class Gradients(NamedTuple):
    """The gradients of one backward pass.

    ``of(value)`` is the gradient of a Value, or None if it is not computed. ``reaches(value)`` returns
    False for what lies behind a dead relu: its gradient is 0, and it passes nothing back, not even 0·∞.
    """

    of: Callable[[Value], float | None]
    reaches: Callable[[Value], bool]

    def passed_back(self, node: Value) -> list[float] | None:
        """What a node passes back to each of its operands; None if its gradient is not computed."""
        gradient = self.of(node)
        if gradient is None:
            return None
        reached = self.reaches(node)
        return [gradient * d if reached and d is not None else 0.0 for d in local_derivatives(node)]


def last_pass(root: Value) -> Gradients:
    """The gradients that the last backward pass from ``root`` left; none are computed before the first.

    >>> x = Value(3.0)
    >>> y = x * 5.0
    >>> before = last_pass(y).of(x)
    >>> y.backward()
    >>> before, last_pass(y).of(x), last_pass(y).passed_back(y)
    (None, 5.0, [5.0, 0.0])
    """

    def of(value: Value) -> float | None:
        return shown_gradient(value, root)

    def reaches(value: Value) -> bool:
        return value.mark >= root.mark

    return Gradients(of, reaches)


def factors(node: Value) -> list[float]:
    """The local derivatives as factors of the chain rule: 0 where nothing is passed back.

    >>> factors(Value(-1.0).relu()), factors(Value(3.0) * 5.0)
    ([0.0], [5.0, 0.0])
    """
    return [0.0 if derivative is None else derivative for derivative in local_derivatives(node)]
