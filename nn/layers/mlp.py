"""Neuron, Layer, MLP: weighted sums and activations, one sample per call."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Never

from autograd import Value, dot, group
from autograd.system.messages import short

from ..attributes import unknown_option
from ..checks import check_int
from ..draws import generator, kaiming_uniform
from ..inputs import Inputs, bare, is_listed, sample_of
from ..module import Module, Parameter

#: The activations by name; "linear" is none.
ACTIVATIONS = (
    "linear", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh",
)  # fmt: skip


def activation_named(name: str) -> Callable[[Value], Value] | None:
    """Return the function of that name; None for "linear". Raise ValueError for an unknown name."""
    if name not in ACTIVATIONS:
        raise ValueError(f"there is no activation {short(name)}; choose one of {', '.join(ACTIVATIONS)}")
    if name == "linear":
        return None
    function: Callable[[Value], Value] = getattr(Value, name)
    return function


class ActivatedModule(Module):
    """Base class for modules that apply an activation."""

    _activation: str
    _function: Callable[[Value], Value] | None

    @property
    def activation(self) -> str:
        """The name of the activation. Assigning another name replaces the activation."""
        return self._activation

    @activation.setter
    def activation(self, name: str) -> None:
        self._function = activation_named(name)
        self._activation = name


class Neuron(ActivatedModule, fixed_attributes=True):
    """activation(w₁·x₁ + w₂·x₂ + … + b).

    >>> neuron = Neuron(2, activation="linear", seed=0)
    >>> for parameter, number in zip(neuron.parameters(), [2.0, 3.0, 0.5]):
    ...     parameter.data = number
    >>> neuron([10.0, 1.0]).data  # 2·10 + 3·1 + 0.5
    23.5

    The weighted sum is one ``dot`` node. With ``fused=False`` every product and sum is a node of its
    own, for a lesson; the numbers are the same.
    """

    #: The weights, one for each input.
    w: tuple[Parameter, ...]
    #: The bias.
    b: Parameter
    #: Whether the weighted sum is one node.
    fused: bool
    _former_names: ClassVar[Mapping[str, str]] = {"weights": "w", "bias": "b"}

    def __init__(
        self,
        nin: int,
        activation: str = "relu",
        *,
        fused: bool = True,
        seed: int | random.Random | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise unknown_option(Neuron, unknown)
        fan_in = check_int("the number of inputs", nin)
        self.activation = activation
        self.fused = fused
        self.w = (*map(Parameter, kaiming_uniform(fan_in, activation, generator(seed))),)
        self.b = Parameter(0.0)

    def __call__(self, x: Inputs) -> Value:
        return self._output(sample_of(x, len(self.w), "the neuron"))

    def _output(self, x: Any) -> Value:
        total: Value
        if self.fused:
            total = dot(self.w, x, self.b)
        else:
            total = self.b
            for w, xi in zip(self.w, x, strict=True):
                total = total + w * xi
        return total if self._function is None else self._function(total)

    def extra_repr(self) -> str:
        return f"{len(self.w)}, {self.activation!r}{'' if self.fused else ', fused=False'}"


class Layer(Module, fixed_attributes=True):
    """``nout`` neurons that see the same inputs; a single output comes bare, several as a list."""

    #: The number of inputs.
    nin: Final[int]
    neurons: list[Neuron]

    def __init__(
        self,
        nin: int,
        nout: int,
        activation: str = "relu",
        *,
        fused: bool = True,
        seed: int | random.Random | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise unknown_option(Layer, unknown)
        rng = generator(seed)
        self.nin = check_int("the number of inputs", nin)
        width = check_int("the number of outputs", nout)
        self.neurons = [Neuron(nin, activation, fused=fused, seed=rng) for _ in range(width)]

    def __call__(self, x: Inputs) -> Any:
        return bare(self._outputs(sample_of(x, self.nin, "the layer")))

    def _outputs(self, x: Inputs) -> tuple[Value, ...]:
        shared = group(x)  # one tuple, which all neurons store
        return (*[neuron._output(shared if neuron.fused else x) for neuron in self.neurons],)

    def __repr__(self) -> str:
        activation_and_more = self.neurons[0].extra_repr().partition(", ")[2]
        return f"Layer({self.nin}, {len(self.neurons)}, {activation_and_more})"


class MLP(Module, fixed_attributes=True):
    """A multi-layer perceptron: layers one after another, the last one linear.

    >>> model = MLP(2, [16, 16, 1], seed=0)
    >>> len(model.parameters()), type(model([1.0, 2.0])).__name__
    (337, 'Value')

    One sample per call: floats, ints, Values or a row of an array. A single output comes bare,
    several as a list. The weights are drawn by ``nn.draws.kaiming_uniform`` from ``seed``, an int or a
    ``random.Random``; without one, from Python's ``random``, so ``random.seed`` repeats them.
    """

    layers: list[Layer]

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: str = "relu",
        *,
        fused: bool = True,
        seed: int | random.Random | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise unknown_option(MLP, unknown)
        widths = [nin, *nouts] if is_listed(nouts) else []
        if len(widths) < 2:
            kind = ValueError if widths else TypeError
            raise kind(f"nouts must list the width of each layer, such as [16, 16, 1], not {short(nouts)}")
        activation_named(
            activation
        )  # a network of one layer has no use for it, but a typo is one all the same
        rng = generator(seed)
        last = len(widths) - 2
        self.layers = [
            Layer(widths[i], widths[i + 1], "linear" if i == last else activation, fused=fused, seed=rng)
            for i in range(last + 1)
        ]

    def __call__(self, x: Inputs) -> Any:
        outputs: Inputs = sample_of(x, self.layers[0].nin, "the network")
        for layer in self.layers:
            outputs = layer._outputs(outputs)
        return bare(outputs)
