"""A peer engine after the design of the ``Value`` in Karpathy's *microgpt*; the code is written here.

A node has four slots: its data, its grad, a tuple of its children and a tuple of the local derivatives with
respect to them, which the forward pass computes. Subtraction and division are compositions of ``+``, ``*``
and ``**``. The backward pass is recursive and keeps a set and a list of nodes, as in micrograd.
"""

from __future__ import annotations

import math


class Value:
    """A node of the graph. As in microgpt, a grad starts as the int 0 and ``+`` stores the ints 1 and 1."""

    __slots__ = ("children", "data", "grad", "local_grads")

    def __init__(
        self, data: float, children: tuple[Value, ...] = (), local_grads: tuple[float, ...] = ()
    ) -> None:
        self.data = data
        self.grad: float = 0
        self.children = children
        self.local_grads = local_grads

    def __add__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = Value(other)
        return Value(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            other = Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, exponent: float) -> Value:
        return Value(self.data**exponent, (self,), (exponent * self.data ** (exponent - 1),))

    def exp(self) -> Value:
        result = math.exp(self.data)
        return Value(result, (self,), (result,))

    def log(self) -> Value:
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def relu(self) -> Value:
        return Value(max(0, self.data), (self,), (float(self.data > 0),))

    def __neg__(self) -> Value:
        return self * -1

    def __sub__(self, other: Value | float) -> Value:
        return self + -other

    def __truediv__(self, other: Value | float) -> Value:
        return self * other**-1

    def __radd__(self, other: float) -> Value:
        return self + other

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __rsub__(self, other: float) -> Value:
        return -self + other

    def __rtruediv__(self, other: float) -> Value:
        return self**-1 * other

    def backward(self) -> None:
        """Add the gradient of this node to the grad of every node below it, and set its own to 1."""
        topo: list[Value] = []
        visited: set[Value] = set()

        # This name must sort before "topo", as in microgpt. CPython keeps the variables of a closure in the
        # order of their names, and the collector visits them so: named "visit", it slowed the GPT by 20 %.
        def build(node: Value) -> None:
            if node not in visited:
                visited.add(node)
                for child in node.children:
                    build(child)
                topo.append(node)

        build(self)
        self.grad = 1
        for node in reversed(topo):
            for child, local_grad in zip(node.children, node.local_grads):
                child.grad += local_grad * node.grad
