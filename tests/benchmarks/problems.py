"""The networks that compiled mode trains: the initial numbers of every contender, as plain lists."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from workloads import ALPHABET, CONTEXT, END, NAMES, VOCABULARY, WIDTH, initial_weights, two_moons

Matrix = list[list[float]]

#: The learning rates of SGD, for every network, and of Adam, for the GPT.
RATE, ADAM_RATE = 0.05, 0.01


@dataclass(frozen=True)
class Problem:
    """A multi-layer perceptron with relu, all of its samples at every step, and SGD.

    ``start`` has for each layer the rows of its neurons: their weights, then their bias. One output is
    for the hinge loss with ``decay`` times the squares of all parameters, more for the mean squared error.
    """

    start: list[Matrix]
    inputs: Matrix
    targets: list[float] | Matrix
    decay: float

    @cached_property
    def widths(self) -> list[int]:
        return [len(self.inputs[0]), *(len(rows) for rows in self.start)]

    @property
    def hinge(self) -> bool:
        return self.widths[-1] == 1


def moons() -> Problem:
    inputs, labels = two_moons()
    start = [[[*weights, 0.0] for weights in layer] for layer in initial_weights()]
    return Problem(start, inputs, [float(y) for y in labels], 1e-4)


def wide(batch: int = 256, widths: tuple[int, ...] = (64, 128, 10)) -> Problem:
    rng = random.Random(0)
    start = [
        [[rng.uniform(-(n**-0.5), n**-0.5) for _ in range(n + 1)] for _ in range(m)]
        for n, m in pairwise(widths)
    ]
    inputs, targets = (
        [[rng.gauss(0.0, 1.0) for _ in range(width)] for _ in range(batch)]
        for width in (widths[0], widths[-1])
    )
    return Problem(start, inputs, targets, 0.0)


#: The GPT's names as tokens. They have one length, so one program is enough.
TOKENS = [[END, *map(ALPHABET.index, name), END] for name in NAMES]


def gpt() -> dict[str, Matrix]:
    """The matrices of workloads.py's GPT, by name."""
    rng = random.Random(1337)
    shapes = {
        "tokens": (VOCABULARY, WIDTH),
        "positions": (CONTEXT, WIDTH),
        "head": (VOCABULARY, WIDTH),
        "query": (WIDTH, WIDTH),
        "key": (WIDTH, WIDTH),
        "content": (WIDTH, WIDTH),
        "out": (WIDTH, WIDTH),
        "widen": (4 * WIDTH, WIDTH),
        "narrow": (WIDTH, 4 * WIDTH),
    }
    return {
        name: [[rng.gauss(0, 0.08) for _ in range(columns)] for _ in range(rows)]
        for name, (rows, columns) in shapes.items()
    }
