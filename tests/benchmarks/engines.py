"""The engines that are compared: one adapter of a few lines each, through its public names alone.

An adapter is loaded in a worker process of its own, so nothing is imported before it is asked for.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


def explicit_neuron(weights: Sequence[Any], inputs: Sequence[Any], bias: Any) -> Any:
    """w·x + b as in micrograd's ``Neuron``: one node for each product and each sum."""
    return builtins.sum((wi * xi for wi, xi in zip(weights, inputs)), bias)


def explicit_dot(weights: Sequence[Any], inputs: Sequence[Any]) -> Any:
    """w·x: one node for each product and each sum."""
    return builtins.sum(wi * xi for wi, xi in zip(weights, inputs))


@dataclass(frozen=True)
class Adapter:
    """The functions of an engine that a workload uses; ``relu()`` and the operators are the Value's own.

    What is spelled out here in products, sums and ``exp`` an engine may have as one node.
    """

    value: Callable[[float], Any]
    tanh: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    neuron: Callable[[Sequence[Any], Sequence[Any], Any], Any] = explicit_neuron
    dot: Callable[[Sequence[Any], Sequence[Any]], Any] = explicit_dot
    total: Callable[[Sequence[Any]], Any] = builtins.sum

    def softmax(self, logits: Sequence[Any]) -> list[Any]:
        top = max(x.data for x in logits)
        exps = [self.exp(x - top) for x in logits]
        total = builtins.sum(exps)
        return [e / total for e in exps]

    def cross_entropy(self, logits: Sequence[Any], target: int) -> Any:
        """−log of the probability that softmax gives the target."""
        return -self.log(self.softmax(logits)[target])


@dataclass(frozen=True)
class Engine:
    """A row of the table: an adapter, the package it needs (None: this checkout) and what to know.

    ``only`` names the workloads it takes part in, where the others would measure what another row does.
    """

    name: str
    load: Callable[[], Adapter]
    package: str | None = None
    note: str = ""
    only: tuple[str, ...] | None = None

    def takes_part(self, workload: str) -> bool:
        return self.only is None or workload in self.only


def _glassgrad_explicit() -> Adapter:
    from autograd import Value

    return Adapter(Value, Value.tanh, Value.exp, Value.log)


def _glassgrad_dot() -> Adapter:
    from autograd import Value, dot, logsumexp, softmax, sum

    class Fused(Adapter):
        def softmax(self, logits: Sequence[Value]) -> list[Value]:
            return softmax(logits)

        def cross_entropy(self, logits: Sequence[Value], target: int) -> Value:
            return logsumexp(logits) - logits[target]

    return Fused(Value, Value.tanh, Value.exp, Value.log, neuron=dot, dot=dot, total=sum)


def _micrograd() -> Adapter:
    from micrograd.engine import Value

    return _complete(Value, ("tanh", "exp", "log"))


def _microgpt_style() -> Adapter:
    from microgpt_style import Value

    def tanh(x: Value) -> Value:
        t = math.tanh(x.data)
        return Value(t, (x,), (1 - t * t,))

    return Adapter(Value, tanh, Value.exp, Value.log)


def _femtograd() -> Adapter:
    from femtograd.femtograd import value

    return _complete(value, ("exp", "log"))


def _propgrad() -> Adapter:
    from propgrad.engine import Value

    return Adapter(Value, Value.tanh, Value.exp, Value.log)


def _complete(value: Any, missing: Sequence[str]) -> Adapter:
    """Adapter for an engine without some functions: each is a closure, as relu is in micrograd."""

    def tanh(x: Any) -> Any:
        t = math.tanh(x.data)
        out = value(t, (x,), "tanh")

        def _backward() -> None:
            x.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

    def exp(x: Any) -> Any:
        out = value(math.exp(x.data), (x,), "exp")

        def _backward() -> None:
            x.grad += out.data * out.grad

        out._backward = _backward
        return out

    def log(x: Any) -> Any:
        out = value(math.log(x.data), (x,), "log")

        def _backward() -> None:
            x.grad += out.grad / x.data

        out._backward = _backward
        return out

    closures = {"tanh": tanh, "exp": exp, "log": log}
    functions = {name: closures[name] if name in missing else getattr(value, name) for name in closures}
    return Adapter(value, **functions)


#: The engines that all others are compared with, a column each. The baseline must be installed.
BASELINE, MICROGPT = "micrograd", "microgpt-style"
PEERS = (BASELINE, MICROGPT)

ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(
            "micrograd",
            _micrograd,
            "micrograd==0.1.0",
            "has no tanh, exp and log: given them, closures in its own style",
        ),
        Engine(
            MICROGPT,
            _microgpt_style,
            note="microgpt_style.py, written after the design of the Value in Karpathy's microgpt: four "
            "slots, local derivatives stored in the forward pass, a recursive sort; has no tanh: given one "
            "in the same style",
        ),
        Engine("glassgrad explicit", _glassgrad_explicit, note="a node a product, a node a sum"),
        Engine(
            "glassgrad dot",
            _glassgrad_dot,
            note="one `dot` node a neuron, one `sum` node a sum; `softmax`, `logsumexp`",
            only=("moons", "gpt"),
        ),
        Engine(
            "glassgrad nn.MLP",
            _glassgrad_dot,
            note="`nn.MLP(2, [16, 16, 1])`, `nn.hinge_loss`, `nn.SGD`",
            only=("moons",),
        ),
        Engine("femtograd", _femtograd, "femtograd==0.0.5", "has no exp and log: given them as micrograd is"),
        Engine("propgrad", _propgrad, "propgrad==0.1.1"),
    )
}
