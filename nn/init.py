"""Initial weights that break the symmetry and keep the size of signals and gradients from layer to layer."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import TypeVar

from autograd.system.messages import type_and_value, type_name

from .checks import out_of_range
from .draws import GAINS, generator
from .layers.mlp import Layer, Neuron
from .module import Module, Parameter

M = TypeVar("M", bound=Module)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the gain that PyTorch recommends for an activation.

    >>> calculate_gain("relu") ** 2
    2.0000000000000004

    A relu sets half of its inputs to 0, so the variance of the weights is doubled. PyTorch recommends no gain
    for elu, gelu, silu and softplus; that of relu is close enough.

    Args:
        nonlinearity: One of linear, sigmoid, tanh, relu, selu, leaky_relu.
        param: The negative slope of leaky_relu; None is 0.01.

    Raises:
        ValueError: If PyTorch recommends no gain for the activation, or ``param`` is not a finite number.
    """
    return _gain("calculate_gain", nonlinearity, "param", 0.01 if param is None else param)


def _gain(function: str, nonlinearity: str, slope_name: str, negative_slope: float) -> float:
    if nonlinearity == "leaky_relu":
        slope = _finite(function, slope_name, negative_slope)
        return math.sqrt(2.0 / (1.0 + slope * slope))
    if not isinstance(nonlinearity, str) or nonlinearity not in GAINS:
        names = ", ".join([*GAINS, "leaky_relu"])
        raise ValueError(
            f"{function}() expected one of {names} for nonlinearity, got {type_and_value(nonlinearity)}. "
            "Choose one of them, or use a number as the gain."
        )
    return GAINS[nonlinearity]


def xavier_uniform_(module: M, gain: float = 1.0, *, seed: int | random.Random | None = None) -> M:
    """Draw new weights from U(−b, b) with b = gain · √(6 / (fan_in + fan_out)).

    >>> from nn import Layer
    >>> layer = xavier_uniform_(Layer(3, 3, "tanh"), gain=calculate_gain("tanh"), seed=0)
    >>> all(abs(w.data) <= 5 / 3 for neuron in layer.neurons for w in neuron.w)
    True

    To preserve the variance of the signal, b would depend on fan_in alone; to preserve that of the gradient,
    on fan_out alone. This b is a compromise. In a network, every layer uses its own widths. Biases do not
    change.

    Args:
        module: A Neuron, a Layer, or a module that contains some.
        gain: A factor, such as :func:`calculate_gain` returns.
        seed: An int or a ``random.Random``; None uses the global generator.

    Returns:
        The module itself.

    Raises:
        ValueError: If ``module`` contains no neuron, or ``gain`` is not a finite number.
        TypeError: If ``module`` is not a Module.

    Reference: Glorot and Bengio (2010).
    """
    deviation = _xavier("xavier_uniform_", gain)
    return _draw_uniform("xavier_uniform_", module, deviation, seed)


def xavier_normal_(module: M, gain: float = 1.0, *, seed: int | random.Random | None = None) -> M:
    """Draw new weights from a normal distribution with the variance of :func:`xavier_uniform_`.

    Args:
        module: A Neuron, a Layer, or a module that contains some.
        gain: A factor, such as :func:`calculate_gain` returns.
        seed: An int or a ``random.Random``; None uses the global generator.

    Returns:
        The module itself.

    Raises:
        ValueError: If ``module`` contains no neuron, or ``gain`` is not a finite number.
        TypeError: If ``module`` is not a Module.

    Reference: Glorot and Bengio (2010).
    """
    deviation = _xavier("xavier_normal_", gain)
    return _draw_normal("xavier_normal_", module, deviation, seed)


def kaiming_uniform_(
    module: M,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    seed: int | random.Random | None = None,
) -> M:
    """Draw new weights from U(−b, b) with b = gain · √(3 / fan_in).

    >>> from nn import Layer
    >>> layer = kaiming_uniform_(Layer(6, 4), seed=0)  # gain √2, so b = √2 · √(3/6) = 1
    >>> all(abs(w.data) <= 1 for neuron in layer.neurons for w in neuron.w)
    True

    This preserves the variance of the signal in the forward pass. As in PyTorch, the gain is that of
    ``nonlinearity``, not that of the activation of the layer. In a network, every layer uses its own widths.
    Biases do not change.

    Args:
        module: A Neuron, a Layer, or a module that contains some.
        a: The negative slope of leaky_relu.
        mode: "fan_in", or "fan_out" to preserve the variance of the gradient in the backward pass.
        nonlinearity: The activation whose gain is used, as in :func:`calculate_gain`.
        seed: An int or a ``random.Random``; None uses the global generator.

    Returns:
        The module itself.

    Raises:
        ValueError: If ``module`` contains no neuron, or ``a``, ``mode`` or ``nonlinearity`` is not valid.
        TypeError: If ``module`` is not a Module.

    Reference: He et al. (2015).
    """
    deviation = _kaiming("kaiming_uniform_", a, mode, nonlinearity)
    return _draw_uniform("kaiming_uniform_", module, deviation, seed)


def kaiming_normal_(
    module: M,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    seed: int | random.Random | None = None,
) -> M:
    """Draw new weights from a normal distribution with the variance of :func:`kaiming_uniform_`.

    Args:
        module: A Neuron, a Layer, or a module that contains some.
        a: The negative slope of leaky_relu.
        mode: "fan_in", or "fan_out" to preserve the variance of the gradient in the backward pass.
        nonlinearity: The activation whose gain is used, as in :func:`calculate_gain`.
        seed: An int or a ``random.Random``; None uses the global generator.

    Returns:
        The module itself.

    Raises:
        ValueError: If ``module`` contains no neuron, or ``a``, ``mode`` or ``nonlinearity`` is not valid.
        TypeError: If ``module`` is not a Module.

    Reference: He et al. (2015).
    """
    deviation = _kaiming("kaiming_normal_", a, mode, nonlinearity)
    return _draw_normal("kaiming_normal_", module, deviation, seed)


#: The standard deviation of a weight, given the number of inputs and of outputs of its layer.
_Deviation = Callable[[int, int], float]


def _xavier(function: str, gain: float) -> _Deviation:
    factor = _finite(function, "gain", gain)
    return lambda nin, nout: factor * math.sqrt(2.0 / (nin + nout))


def _kaiming(function: str, a: float, mode: str, nonlinearity: str) -> _Deviation:
    gain = _gain(function, nonlinearity, "a", _finite(function, "a", a))
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(
            f"{function}() expected 'fan_in' or 'fan_out' for mode, got {type_and_value(mode)}. "
            "Use 'fan_in' to preserve the variance of the signal."
        )
    return lambda nin, nout: gain / math.sqrt(nin if mode == "fan_in" else nout)


def _draw_uniform(function: str, module: M, deviation: _Deviation, seed: int | random.Random | None) -> M:
    rng = generator(function, seed)
    for weight, std in _weights(function, module, deviation):
        bound = math.sqrt(3.0) * std
        weight.data = rng.uniform(-bound, bound)
    return module


def _draw_normal(function: str, module: M, deviation: _Deviation, seed: int | random.Random | None) -> M:
    rng = generator(function, seed)
    for weight, std in _weights(function, module, deviation):
        weight.data = rng.gauss(0.0, std)
    return module


def _weights(function: str, module: Module, deviation: _Deviation) -> list[tuple[Parameter, float]]:
    """Return every weight of every neuron in a module, in order, with its standard deviation."""
    if not isinstance(module, Module):
        raise TypeError(
            f"{function}() expected a Module, got {type_and_value(module)}. Pass a model such as a Layer."
        )
    modules = module.modules()
    fan_out = {
        id(neuron): len(layer.neurons)
        for layer in modules
        if isinstance(layer, Layer)
        for neuron in layer.neurons
    }
    neurons = [inner for inner in modules if isinstance(inner, Neuron)]
    if not neurons:
        raise ValueError(
            f"{function}() expected a Module with neurons, got {type_name(module)}. Pass a model such as a "
            "Layer."
        )
    return [
        (weight, deviation(len(neuron.w), fan_out.get(id(neuron), 1)))
        for neuron in neurons
        for weight in neuron.w
    ]


def _finite(function: str, name: str, x: float) -> float:
    if isinstance(x, bool) or not isinstance(x, int | float) or not math.isfinite(x):
        raise out_of_range(function, name, x, "a finite number")
    return float(x)
