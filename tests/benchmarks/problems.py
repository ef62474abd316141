"""The networks that compiled mode trains: the initial numbers of every contender, as plain lists."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

from workloads import ALPHABET, CONTEXT, END, NAMES, VOCABULARY, WIDTH, initial_weights, two_moons

Matrix = list[list[float]]

#: The learning rates of SGD, for every MLP, and of Adam, for the GPT and the LSTM.
RATE, ADAM_RATE = 0.05, 0.01


#: The rows that repeat the first batch, in tables in which other rows have a new one at each step.
ONE_BATCH = "one batch"


@dataclass(frozen=True)
class Problem:
    """The initial numbers, and the batches, which are repeated: the arguments of a loss for each step."""

    start: Any
    batches: list[tuple[Any, ...]]

    def narrowed(self, data: str) -> Self:
        """Return the problem with a part of the batches: the first, or the names of "5 letters"."""
        if data == ONE_BATCH:
            return replace(self, batches=self.batches[:1])
        letters = int(data.split()[0])
        return replace(self, batches=[(name,) for (name,) in self.batches if len(name) == letters + 2])


@dataclass(frozen=True)
class Perceptron(Problem):
    """A multi-layer perceptron with relu, and SGD. A batch has inputs and targets.

    ``start`` has for each layer the rows of its neurons: their weights, then their bias. One output is
    for the hinge loss with ``decay`` times the squares of all parameters, more for the mean squared error.
    """

    decay: float = 0.0

    @cached_property
    def widths(self) -> list[int]:
        return [len(self.start[0][0]) - 1, *(len(rows) for rows in self.start)]

    @property
    def hinge(self) -> bool:
        return self.widths[-1] == 1


def moons(samples: int = 100) -> Perceptron:
    inputs, labels = two_moons(samples)
    start = [[[*weights, 0.0] for weights in layer] for layer in initial_weights()]
    return Perceptron(start, [(inputs, [float(y) for y in labels])], 1e-4)


def moons_10k() -> Perceptron:
    return moons(10_000)


def moons_100k() -> Perceptron:
    return moons(100_000)


def wide(batch: int = 256, widths: tuple[int, ...] = (64, 128, 10), batches: int = 1) -> Perceptron:
    rng = random.Random(0)
    start = [
        [[rng.uniform(-(n**-0.5), n**-0.5) for _ in range(n + 1)] for _ in range(m)]
        for n, m in pairwise(widths)
    ]
    inputs, targets = (
        [[[rng.gauss(0.0, 1.0) for _ in range(width)] for _ in range(batch)] for _ in range(batches)]
        for width in (widths[0], widths[-1])
    )
    return Perceptron(start, [*zip(inputs, targets)])


def wide_batches() -> Perceptron:
    return wide(batches=8)


def wider() -> Perceptron:
    return wide(64, (784, 128, 10), batches=8)


#: Names of mixed length, two of each from 3 to 9 letters, shuffled.
MIXED_NAMES = (
    "olivia", "ava", "benjamin", "chloe", "matthew", "charlotte", "emma",
    "elizabeth", "noah", "abigail", "leo", "isabella", "aaron", "sophia",
)  # fmt: skip


def gpt(names: tuple[str, ...] = NAMES) -> Problem:
    """The matrices of workloads.py's GPT, by name; a batch is a name as tokens."""
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
    start = {name: _matrix(rng, *shape, 0.08) for name, shape in shapes.items()}
    return Problem(start, [([END, *map(ALPHABET.index, name), END],) for name in names])


def gpt_mixed() -> Problem:
    return gpt(MIXED_NAMES)


def gpt_batch() -> Problem:
    """The GPT with batches of 16 names of 7 random letters."""
    rng = random.Random(0)
    batches = [([[END, *rng.choices(range(END), k=7), END] for _ in range(16)],) for _ in range(8)]
    return Problem(gpt().start, batches)


#: The LSTM: its inputs, its units, and the lengths to which its sequences are padded.
FEATURES, UNITS, LENGTHS = 4, 16, (4, 8, 12, 16)


def lstm() -> Problem:
    """PyTorch's matrices and biases of an LSTM, with a neuron on the state after a sequence's last input.

    A batch has 16 sequences, padded with zeros to one of LENGTHS, the index of the last input of each,
    and targets.
    """
    rng = random.Random(0)
    bound = UNITS**-0.5
    shapes = {"weight_ih": FEATURES, "weight_hh": UNITS, "bias_ih": 1, "bias_hh": 1}
    start: dict[str, Any] = {name: _matrix(rng, 4 * UNITS, n, bound) for name, n in shapes.items()}
    start |= {name: [x for (x,) in start[name]] for name in ("bias_ih", "bias_hh")}
    start["head"] = _matrix(rng, 1, UNITS + 1, bound)
    batches = []
    for length in LENGTHS * 2:
        last = [rng.randrange(length - 4, length) for _ in range(16)]
        padding = [0.0] * FEATURES
        inputs = [_matrix(rng, t + 1, FEATURES, 1.0) + [padding] * (length - t - 1) for t in last]
        batches.append((inputs, last, [rng.gauss(0.0, 1.0) for _ in last]))
    rng.shuffle(batches)
    return Problem(start, batches)


def _matrix(rng: random.Random, rows: int, columns: int, deviation: float) -> Matrix:
    return [[rng.gauss(0, deviation) for _ in range(columns)] for _ in range(rows)]
