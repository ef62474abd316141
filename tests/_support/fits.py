"""Models and data for the tests of fit()."""

import random
from typing import Any

from autograd import Value
from nn import MLP, Module, Parameter
from nn.data import two_moons

DATA = two_moons(11, 0.1, seed=0)
VALIDATION = two_moons(6, 0.1, seed=1)


class Noisy(Module):
    """A network with other state of a module: a random generator and a running mean."""

    def __init__(self) -> None:
        self.inner = MLP(2, [2, 1], "tanh", seed=0)
        self.random = random.Random(7)
        self.mean, self.count, self.sums = 0.0, 0, [0.0, 0.0]

    def __call__(self, x: Any) -> Value:
        out: Value = self.inner(x)
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * out.data
            self.count += 1
            self.sums[0] += out.data
            return out * self.random.uniform(0.8, 1.2)
        return out - 0.1 * self.mean


class Line(Module):
    def __init__(self) -> None:
        self.slope = Parameter(0.0)

    def __call__(self, x: float) -> Value:
        return self.slope * x


def numbers_of(model: Module) -> list[float]:
    return [p.data for p in model.parameters()]
