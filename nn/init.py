"""Initial weights: large enough to break the symmetry, small enough to keep signals and gradients alike."""

from __future__ import annotations

import math
import random

#: How much an activation shrinks a signal, made up for in the weights (PyTorch's calculate_gain).
GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0, "relu": math.sqrt(2.0)}


def kaiming_uniform(fan_in: int, activation: str, rng: random.Random) -> list[float]:
    """``fan_in`` weights from U(−b, b) with b = gain · √(3 / fan_in).

    >>> weights = kaiming_uniform(3, "linear", random.Random(0))
    >>> len(weights), max(map(abs, weights)) <= 1.0
    (3, True)

    The sum of fan_in products then has the variance of one input, so neither the signal nor its
    gradient grows or fades from layer to layer (He et al., 2015). Activations that pass about half
    of their input, as relu does, count as relu.
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
        raise TypeError(f"a seed is an int or a random.Random, not {type(seed).__name__} {seed!r}")
    return random.Random(seed)
