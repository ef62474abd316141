"""Random draws: the generator for a seed, and the initial weights of a neuron."""

from __future__ import annotations

import math
import random

from autograd.system.messages import type_and_value

#: The gain of each activation, by which the weights compensate for a smaller signal.
GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0, "relu": math.sqrt(2.0), "selu": 0.75}


def kaiming_uniform(fan_in: int, activation: str, rng: random.Random) -> list[float]:
    """Return ``fan_in`` weights from U(−b, b) with b = gain · √(3 / fan_in), the initial weights of a Neuron.

    >>> weights = kaiming_uniform(3, "linear", random.Random(0))
    >>> len(weights), max(map(abs, weights)) <= 1.0
    (3, True)

    Under relu, leaky_relu or no activation, the signal and its gradient then keep their size from layer to
    layer (He et al., 2015). Under tanh the gradient grows by a tenth per layer. For elu, gelu, silu and
    softplus, which use the gain of relu, a layer changes the size by a factor between 0.7 and 1.16. Under
    sigmoid the factor is 0.24 or less, which no usual gain corrects.
    """
    bound = GAINS.get(activation, GAINS["relu"]) * math.sqrt(3.0 / fan_in)
    return [rng.uniform(-bound, bound) for _ in range(fan_in)]


def generator(function: str, seed: int | random.Random | None) -> random.Random:
    """Return the generator for a seed; for None, one that is seeded by Python's own (``random.seed``)."""
    if isinstance(seed, random.Random):
        return seed
    if seed is None:
        return random.Random(random.getrandbits(64))
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(
            f"{function}() expected an int, a random.Random or None for seed, got {type_and_value(seed)}. "
            "Pass an int to repeat the same draws."
        )
    return random.Random(seed)
