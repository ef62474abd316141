"""Neuron, Layer and MLP: weighted sums and activations, one sample per call."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Never

from autograd import Value, dot, group
from autograd.system.messages import type_and_value, type_name

from ..attributes import unknown_option
from ..checks import check_int
from ..draws import generator, kaiming_uniform
from ..inputs import Inputs, check_numbers, is_listed, read_sample, unwrap_single
from ..module import Module, Parameter

#: The activations by name; "linear" returns its input.
ACTIVATIONS = (
    "linear", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh",
)  # fmt: skip


def get_activation(function: str, name: str) -> Callable[[Value], Value] | None:
    """Return the function of that name; None for "linear". Raise ValueError for an unknown name."""
    if name not in ACTIVATIONS:
        raise ValueError(
            f"{function}() expected the name of an activation, got {type_and_value(name)}. "
            f"Use one of {', '.join(ACTIVATIONS)}."
        )
    if name == "linear":
        return None
    activation: Callable[[Value], Value] = getattr(Value, name)
    return activation


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
        self._function = get_activation(type_name(self), name)
        self._activation = name


class Neuron(ActivatedModule, fixed_attributes=True):
    """A neuron: activation(w₁·x₁ + w₂·x₂ + … + b).

    >>> neuron = Neuron(2, activation="linear", seed=0)
    >>> for parameter, number in zip(neuron.parameters(), [2.0, 3.0, 0.5]):
    ...     parameter.data = number
    >>> neuron([10.0, 1.0]).data  # 2·10 + 3·1 + 0.5
    23.5

    Args:
        nin: The number of inputs.
        activation: One of linear, relu, leaky_relu, elu, gelu, silu, softplus, sigmoid, tanh.
        fused: Compute the weighted sum as one ``dot`` node. If False, every product and sum is a node of its
            own, which suits a lesson; the numbers are the same.
        seed: An int or a ``random.Random`` for the initial weights; None uses the global generator. The bias
            starts at 0.

    Shape:
        Input: ``nin`` numbers. Output: one Value.

    Raises:
        ValueError: If ``nin`` is below 1, the activation is unknown, or the input has the wrong length.
        TypeError: If ``nin`` is not an int, the input is not a sequence, or a keyword argument is unknown.
    """

    #: The weights, one for each input.
    w: tuple[Parameter, ...]
    #: The bias.
    b: Parameter
    #: True if the weighted sum is one node.
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
        fan_in = check_int("Neuron", "nin", nin)
        self.activation = activation
        self.fused = fused
        self.w = (*map(Parameter, kaiming_uniform(fan_in, activation, generator("Neuron", seed))),)
        self.b = Parameter(0.0)

    def __call__(self, x: Inputs) -> Value:
        """Return the output for one sample."""
        inputs = read_sample("Neuron", "x", x, len(self.w))
        try:
            return self._output(inputs)
        except TypeError:
            check_numbers("Neuron", "x", inputs)
            raise

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
    """A layer of ``nout`` neurons with the same inputs.

    The initial weights are drawn neuron by neuron.

    Args:
        nin: The number of inputs.
        nout: The number of neurons, which is the number of outputs.
        activation: The activation of every neuron, as in :class:`Neuron`.
        fused: Compute each weighted sum as one node, as in :class:`Neuron`.
        seed: An int or a ``random.Random`` for the initial weights; None uses the global generator.

    Shape:
        Input: ``nin`` numbers. Output: a list of ``nout`` Values, or one Value if ``nout`` is 1.

    Raises:
        ValueError: If ``nin`` or ``nout`` is below 1, the activation is unknown, or the input has the wrong
            length.
        TypeError: If ``nin`` or ``nout`` is not an int, the input is not a sequence, or a keyword argument is
            unknown.
    """

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
        rng = generator("Layer", seed)
        self.nin = check_int("Layer", "nin", nin)
        width = check_int("Layer", "nout", nout)
        get_activation("Layer", activation)
        self.neurons = [Neuron(nin, activation, fused=fused, seed=rng) for _ in range(width)]

    def __call__(self, x: Inputs) -> Any:
        """Return the outputs for one sample: a list, or a Value if there is one neuron."""
        inputs = read_sample("Layer", "x", x, self.nin)
        try:
            return unwrap_single(self._outputs(inputs))
        except TypeError:
            check_numbers("Layer", "x", inputs)
            raise

    def _outputs(self, x: Inputs) -> tuple[Value, ...]:
        shared = group(x)  # one tuple, which all neurons store
        return (*[neuron._output(shared if neuron.fused else x) for neuron in self.neurons],)

    def __repr__(self) -> str:
        activation_and_more = self.neurons[0].extra_repr().partition(", ")[2]
        return f"Layer({self.nin}, {len(self.neurons)}, {activation_and_more})"


class MLP(Module, fixed_attributes=True):
    """A multi-layer perceptron: layers in sequence, of which the last is linear.

    >>> model = MLP(2, [16, 16, 1], seed=0)
    >>> len(model.parameters()), type(model([1.0, 2.0])).__name__
    (337, 'Value')

    A call takes one sample: floats, ints, Values or a row of an array.

    Args:
        nin: The number of inputs.
        nouts: The number of neurons of each layer.
        activation: The activation of every layer except the last, as in :class:`Neuron`.
        fused: Compute each weighted sum as one node, as in :class:`Neuron`.
        seed: An int or a ``random.Random`` for the initial weights, which ``nn.draws.kaiming_uniform`` draws.
            None uses Python's global generator, so ``random.seed`` repeats the weights.

    Shape:
        Input: ``nin`` numbers. Output: a list of ``nouts[-1]`` Values, or one Value if that width is 1.

    Raises:
        ValueError: If ``nouts`` is empty, a width is below 1, the activation is unknown, or the input has the
            wrong length.
        TypeError: If ``nouts`` is not a sequence, a width is not an int, the input is not a sequence, or a
            keyword argument is unknown.
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
            raise kind(
                f"MLP() expected the width of at least one layer in nouts, got {type_and_value(nouts)}. "
                "Pass a list such as [16, 16, 1]."
            )
        for i, width in enumerate(widths):
            check_int("MLP", f"nouts[{i - 1}]" if i else "nin", width)
        get_activation("MLP", activation)  # checked here, because a network of one layer does not use it
        rng = generator("MLP", seed)
        last = len(widths) - 2
        self.layers = [
            Layer(widths[i], widths[i + 1], "linear" if i == last else activation, fused=fused, seed=rng)
            for i in range(last + 1)
        ]

    def __call__(self, x: Inputs) -> Any:
        """Return the outputs for one sample: a list, or a Value if there is one output."""
        inputs = read_sample("MLP", "x", x, self.layers[0].nin)
        try:
            return unwrap_single(self._outputs(inputs))
        except TypeError:
            check_numbers("MLP", "x", inputs)
            raise

    def _outputs(self, x: Inputs) -> Inputs:
        outputs = x
        for layer in self.layers:
            outputs = layer._outputs(outputs)
        return outputs
