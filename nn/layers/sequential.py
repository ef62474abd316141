"""Sequential: modules one after another, for a batch of samples; Activation: a function as a module."""

from __future__ import annotations

from typing import Any

from autograd import Value
from autograd.system.messages import short

from ..inputs import Batch, Inputs, bare, is_batch, samples_of, values_of
from ..module import Module
from .mlp import ActivatedModule


class Sequential(Module, fixed_attributes=True):
    """Modules one after another: a list of samples gives a list of outputs.

    >>> from nn import Layer
    >>> model = Sequential(Layer(2, 3, "linear", seed=0), Activation("relu"), Layer(3, 1, "linear", seed=1))
    >>> outputs = model([[1.0, 2.0], [3.0, 4.0]])
    >>> len(outputs), type(outputs[0]).__name__
    (2, 'Value')

    A whole batch at once, as some modules need it: a batch norm compares the samples with one another.
    Such modules, and a Sequential itself, say ``takes_batch = True``; all others are called sample by
    sample. A single output comes bare, as it does from an MLP.
    """

    takes_batch = True
    layers: list[Module]

    def __init__(self, *modules: Module) -> None:
        for module in modules:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential is made of modules, such as a Layer, not {short(module)}")
        if not modules:
            raise ValueError("Sequential needs at least one module")
        self.layers = [*modules]

    def __call__(self, batch: Batch) -> list[Any]:
        samples = samples_of(batch, "Sequential")
        for layer in self.layers:
            call: Any = layer
            outputs = call(samples) if getattr(layer, "takes_batch", False) else [*map(call, samples)]
            samples = [[out] if isinstance(out, Value) else out for out in outputs]
        return [*map(bare, samples)]


class Activation(ActivatedModule, fixed_attributes=True):
    """An activation by name, for each number of a sample: where it is not to follow its layer at once.

    >>> Activation("relu")([Value(2.0), Value(-2.0)])
    [Value(2.0), Value(0.0)]

    Takes a sample, or a list of samples.
    """

    def __init__(self, activation: str) -> None:
        self.activation = activation

    def __call__(self, x: Inputs | Batch) -> list[Any]:
        if is_batch(x):
            return [self(sample) for sample in x]
        values = values_of(x, "Activation")
        return values if self._function is None else [*map(self._function, values)]

    def extra_repr(self) -> str:
        return repr(self.activation)
