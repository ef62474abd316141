"""Modules with a state of every kind, and states in a form that can be compared."""

import re

from nn import Module, Parameter


class Running(Module):
    """A module like a norm layer, with parameters and buffers."""

    _buffers = ("running_mean", "count", "table", "unused")

    def __init__(self) -> None:
        self.weight = [Parameter(1.0), Parameter(2.0)]
        self.running_mean = [0.5, -0.5]
        self.count = 7
        self.table = [[1.0], [2.0, 3.0]]
        self.unused = None


class Holder(Module):
    def __init__(self) -> None:
        self.inner = Running()
        self.scale = Parameter(3.0)


def bits(state: dict[str, float]) -> dict[str, str]:
    return {name: repr(number) for name, number in state.items()}


def with_former_names(state: dict[str, float]) -> dict[str, float]:
    """Return the state with the names of an earlier format, in which a neuron had weights and bias."""
    return {re.sub(r"\bb$", "bias", re.sub(r"\bw\.", "weights.", name)): x for name, x in state.items()}
