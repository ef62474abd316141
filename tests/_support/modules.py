"""Modules with parameters in every place that is searched."""

from collections import namedtuple
from typing import Any

from autograd import Value
from nn import Module, Parameter

Pair = namedtuple("Pair", "first second")


class Line(Module):
    def __init__(self) -> None:
        self.slope, self.offset = Parameter(2.0), Parameter(1.0)

    def __call__(self, x: Any) -> Value:
        return self.slope * x + self.offset


class Tree(Module):
    """Parameters and modules in every place that is searched, and objects to skip."""

    def __init__(self) -> None:
        self.first = Parameter(1.0)
        self.note = "not a parameter"
        self.constant = Value(3.0)
        self.rows = [[Parameter(2.0)], (Parameter(3.0), [Parameter(4.0)]), []]
        self.named = {"b": Parameter(5.0), "a": {7: Parameter(6.0)}}
        self.pair = Pair(Parameter(7.0), Line())
        self.lines = {"x": [Line()]}
        self.number = 8.0


class Tied(Module):
    """One parameter and one module, each in several places."""

    def __init__(self) -> None:
        shared, line = Parameter(1.0), Line()
        self.left, self.right = [shared, line], {"again": shared, "line": line}
        self.line = line
        self.inner = Inner(shared)


class Inner(Module):
    def __init__(self, shared: Parameter) -> None:
        self.own, self.shared = Parameter(9.0), shared
