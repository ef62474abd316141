"""Sequential: modules one after another, for a batch of samples; Activation: a function as a module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from autograd import Value

from .layers import Inputs, _activation, _bare
from .module import Module

#: What a network is given at once: a list of samples, the rows of an array.
Batch = Sequence[Inputs]


def is_batch(x: Any) -> bool:
    """Whether it is a list of samples, and not a sample itself."""
    if isinstance(x, str | Mapping) or not hasattr(x, "__getitem__"):
        return False
    return len(x) > 0 and hasattr(x[0], "__iter__")


def values_of(x: Any, what: str) -> list[Value]:
    """The numbers of a sample, as Values; a single number is refused."""
    if isinstance(x, Value | str | Mapping | Set) or not hasattr(x, "__iter__"):
        raise TypeError(f"{what} takes a sample, a list of numbers, not {type(x).__name__} {x!r}")
    return [xi if isinstance(xi, Value) else Value(xi) for xi in x]


def samples_of(batch: Any, what: str) -> list[Inputs]:
    """The samples of a batch; none at all, or a single sample in place of a batch, is refused."""
    if isinstance(batch, Value | str | Mapping | Set) or not hasattr(batch, "__iter__"):
        raise TypeError(f"{what} takes a batch, a list of samples, not {type(batch).__name__} {batch!r}")
    samples: list[Inputs] = [*batch]
    if not samples:
        raise ValueError(f"{what} was given an empty batch: give it at least one sample")
    for sample in samples:
        if isinstance(sample, Value | str) or not hasattr(sample, "__iter__"):
            raise TypeError(
                f"{what} takes a batch, a list of samples, but {sample!r} is no sample; "
                "of a single sample x make the batch [x]"
            )
    return samples


class Sequential(Module):
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

    def __init__(self, *modules: Module) -> None:
        for module in modules:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential is made of modules, such as a Layer, not {module!r}")
        if not modules:
            raise ValueError("Sequential needs at least one module")
        self.layers = [*modules]

    def __call__(self, batch: Batch) -> list[Any]:
        samples = samples_of(batch, "Sequential")
        for layer in self.layers:
            call: Any = layer
            outputs = call(samples) if getattr(layer, "takes_batch", False) else [*map(call, samples)]
            samples = [[out] if isinstance(out, Value) else out for out in outputs]
        return [*map(_bare, samples)]


class Activation(Module):
    """An activation by name, for each number of a sample: where it is not to follow its layer at once.

    >>> Activation("relu")([Value(2.0), Value(-2.0)])
    [Value(2.0), Value(0.0)]

    Takes a sample, or a list of samples.
    """

    def __init__(self, activation: str) -> None:
        self._function = _activation(activation)
        self.activation = activation

    def __call__(self, x: Inputs | Batch) -> list[Any]:
        if is_batch(x):
            return [self(sample) for sample in x]
        values = values_of(x, "Activation")
        return values if self._function is None else [*map(self._function, values)]

    def extra_repr(self) -> str:
        return repr(self.activation)
