"""Random draws: the generator of a seed, and the weights that every neuron begins with."""

from __future__ import annotations

import math
import random

from autograd.system.messages import type_and_value

#: How much an activation shrinks a signal, made up for in the weights.
GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0, "relu": math.sqrt(2.0), "selu": 0.75}


def kaiming_uniform(fan_in: int, activation: str, rng: random.Random) -> list[float]:
    """``fan_in`` weights from U(−b, b) with b = gain · √(3 / fan_in): how every ``Neuron`` begins.

    >>> weights = kaiming_uniform(3, "linear", random.Random(0))
    >>> len(weights), max(map(abs, weights)) <= 1.0
    (3, True)

    Under relu and leaky_relu, as without an activation, the signal and its gradient then neither grow
    nor fade from layer to layer (He et al., 2015); under tanh the gradient grows by a tenth a layer. For
    elu, gelu, silu and softplus, whose gain is taken to be that of relu, a layer changes its size by a
    factor between 0.7 and 1.16. Under sigmoid it is 0.24 or less: no usual gain makes up for that.
    """
    bound = GAINS.get(activation, GAINS["relu"]) * math.sqrt(3.0 / fan_in)
    return [rng.uniform(-bound, bound) for _ in range(fan_in)]


def generator(seed: int | random.Random | None) -> random.Random:
    """The source of random numbers: of a seed, a generator, or Python's own (``random.seed``)."""
    if isinstance(seed, random.Random):
        return seed
    if seed is None:
        return random.Random(random.getrandbits(64))
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"a seed is an int or a random.Random, not {type_and_value(seed)}")
    return random.Random(seed)
