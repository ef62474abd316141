"""Sequential, modules applied in sequence to a batch of samples, and Activation, a function as a module."""

from __future__ import annotations

from typing import Any

from autograd import Value
from autograd.system.messages import short, type_name

from ..inputs import Batch, Inputs, is_batch, read_samples, read_values, unwrap_single
from ..module import Module
from .mlp import ActivatedModule


class Sequential(Module, fixed_attributes=True):
    """A sequence of modules, applied in order to a list of samples.

    >>> from nn import Layer
    >>> model = Sequential(Layer(2, 3, "linear", seed=0), Activation("relu"), Layer(3, 1, "linear", seed=1))
    >>> outputs = model([[1.0, 2.0], [3.0, 4.0]])
    >>> len(outputs), type(outputs[0]).__name__
    (2, 'Value')

    A call takes a whole batch, because some modules need it: a batch norm computes statistics over the
    samples. Such modules, and Sequential itself, set ``takes_batch = True``; all other modules are called
    sample by sample.

    Args:
        modules: One or more modules.

    Shape:
        Input: a list of samples. Output: a list with the output of each sample, which is one Value if the
        output is a single number, as in :class:`MLP`, or else a list of Values.

    Raises:
        ValueError: If there are no modules, or the batch is empty.
        TypeError: If an argument is not a Module, or the input is not a list of samples.
    """

    takes_batch = True
    layers: list[Module]

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(
                    f"Sequential() expected Modules, got modules[{i}] = {short(module)}, "
                    f"{type_name(module)}. "
                    'Pass modules such as Layer(2, 3) and Activation("relu").'
                )
        if not modules:
            raise ValueError(
                "Sequential() expected at least one module, got none. Pass a module such as Layer(2, 3)."
            )
        self.layers = [*modules]

    def __call__(self, batch: Batch) -> list[Any]:
        """Apply the modules one after the other."""
        samples = read_samples("Sequential", batch)
        for layer in self.layers:
            call: Any = layer
            outputs = call(samples) if getattr(layer, "takes_batch", False) else [*map(call, samples)]
            samples = [[out] if isinstance(out, Value) else out for out in outputs]
        return [*map(unwrap_single, samples)]


class Activation(ActivatedModule, fixed_attributes=True):
    """An activation, by name, as a module of its own. It need not follow its layer immediately.

    >>> Activation("relu")([Value(2.0), Value(-2.0)])
    [Value(2.0), Value(0.0)]

    Args:
        activation: The name of the activation, as in :class:`Neuron`.

    Shape:
        Input: a sample of any length, or a list of samples. The output has the same shape.

    Raises:
        ValueError: If the activation is unknown.
        TypeError: If the input is a single number.
    """

    def __init__(self, activation: str) -> None:
        self.activation = activation

    def __call__(self, x: Inputs | Batch) -> list[Any]:
        """Apply the function to each number."""
        if is_batch(x):
            return [self(sample) for sample in x]
        values = read_values("Activation", x)
        return values if self._function is None else [*map(self._function, values)]

    def extra_repr(self) -> str:
        return repr(self.activation)
