"""Optimisers: how a gradient moves a parameter, stated once as a pure function of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable

from autograd import Value


def sgd_update(parameter: float, gradient: float, lr: float) -> float:
    """One step of gradient descent: parameter − lr · gradient.

    >>> sgd_update(2.0, -20.0, 0.01)
    2.2
    """
    return parameter - lr * gradient


class SGD:
    """Stochastic gradient descent.

    >>> w = Value(2.0)
    >>> optimizer = SGD([w], lr=0.01)
    >>> ((w * 5.0 - 12.0) ** 2).backward()
    >>> optimizer.step()
    >>> w.data
    2.2
    """

    def __init__(self, parameters: Iterable[Value], lr: float) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("there are no parameters to move: pass model.parameters()")
        for parameter in self.parameters:
            if not isinstance(parameter, Value) or not parameter.is_leaf:
                raise TypeError(f"an optimiser moves leaf Values, not {parameter!r}")
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError("a parameter is listed twice and would be moved twice: list each once")
        if not 0.0 <= lr < math.inf:
            raise ValueError(f"the learning rate must be 0 or more, and finite, not {lr!r}")
        self.lr = float(lr)

    def zero_grad(self) -> None:
        """Set every gradient to 0.0, before the next backward pass."""
        for parameter in self.parameters:
            parameter.zero_grad()

    def step(self) -> None:
        """Move each parameter that has a gradient."""
        for parameter in self.parameters:
            if (gradient := parameter.grad) is not None:
                parameter.data = sgd_update(parameter.data, gradient, self.lr)
