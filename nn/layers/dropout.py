"""Dropout: random zeros during training, so that a neuron does not rely on a single input."""

from __future__ import annotations

import random
from typing import Any

from autograd import not_compiled

from ..checks import check_number, out_of_range
from ..draws import generator
from ..inputs import Batch, Inputs, is_batch, read_values
from ..module import Module


class Dropout(Module, fixed_attributes=True):
    """Random zeros in training: each number is multiplied by 0 with probability p, else by 1 / (1 − p).

    >>> dropout = Dropout(0.5, seed=0)
    >>> [x.data for x in dropout([1.0, 2.0, 3.0, 4.0])]
    [0.0, 0.0, 6.0, 8.0]
    >>> [x.data for x in dropout.eval()([1.0, 2.0, 3.0, 4.0])]
    [1.0, 2.0, 3.0, 4.0]

    The factor 1 / (1 − p) keeps the expectation equal to the number itself. In evaluation mode the input is
    therefore returned unchanged. Every call draws new random numbers.

    Args:
        p: The probability of a zero, between 0 and 1.
        seed: An int or a ``random.Random`` for the draws; None uses the global generator.

    Shape:
        Input: a sample of any length, or a list of samples. The output has the same shape.

    Raises:
        ValueError: If ``p`` is not between 0 and 1.
        TypeError: If ``p`` is not a number, or the input is a single number.

    Reference: Srivastava et al. (2014).
    """

    #: The probability of a zero.
    p: float
    _rng: random.Random

    def __init__(self, p: float = 0.5, *, seed: int | random.Random | None = None) -> None:
        self.p = check_number("Dropout", "p", p)
        if not 0.0 <= self.p <= 1.0:
            raise out_of_range("Dropout", "p", p, "a probability between 0 and 1")
        self._rng = generator("Dropout", seed)

    def __call__(self, x: Inputs | Batch) -> list[Any]:
        """Set random numbers to 0 in training mode; return the input unchanged otherwise."""
        if is_batch(x):
            return [self(sample) for sample in x]
        values = read_values("Dropout", x)
        if not self.training:
            return values
        not_compiled(
            "dropout draws random numbers, which a compiled program would repeat at every call. Compile the "
            "model after model.eval()"
        )
        keep = 1.0 - self.p
        return [xi * (1.0 / keep if self._rng.random() < keep else 0.0) for xi in values]

    def extra_repr(self) -> str:
        return f"p={self.p:g}"
