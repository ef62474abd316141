"""Small data sets of our own, to learn on: each gives samples and their labels, −1 or 1."""

from __future__ import annotations

import math
import random

from .init import generator

Sample = tuple[float, float]
DataSet = tuple[list[Sample], list[int]]


def xor() -> DataSet:
    """The four corners of exclusive or, which no straight line separates.

    >>> xor()
    ([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)], [-1, 1, 1, -1])
    """
    return [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)], [-1, 1, 1, -1]


def two_moons(n: int = 100, noise: float = 0.1, seed: int | random.Random | None = None) -> DataSet:
    """Two half circles, one in the bend of the other, ``n`` samples in all.

    >>> samples, labels = two_moons(4, noise=0.0)
    >>> [(round(x, 2), round(y, 2)) for x, y in samples], labels
    ([(1.0, 0.0), (-1.0, 0.0), (0.0, 0.5), (2.0, 0.5)], [-1, -1, 1, 1])

    ``noise`` is the standard deviation of what is added to each coordinate.
    """
    rng = _checked(n, noise, seed)
    upper = n // 2
    samples: list[Sample] = []
    for i in range(n):
        above = i < upper
        count, j = (upper, i) if above else (n - upper, i - upper)
        angle = math.pi * j / max(1, count - 1)
        x, y = math.cos(angle), math.sin(angle)
        if not above:
            x, y = 1.0 - x, 0.5 - y
        samples.append((x + rng.gauss(0.0, noise), y + rng.gauss(0.0, noise)))
    return samples, [-1] * upper + [1] * (n - upper)


def spirals(n: int = 100, noise: float = 0.02, seed: int | random.Random | None = None) -> DataSet:
    """Two spirals of one and a half turns around one another, ``n`` samples in all."""
    rng = _checked(n, noise, seed)
    first = n // 2
    samples: list[Sample] = []
    for i in range(n):
        count, j, side = (first, i, 1.0) if i < first else (n - first, i - first, -1.0)
        t = (j + 1) / count
        angle, radius = 3.0 * math.pi * t, side * t
        samples.append(
            (
                radius * math.cos(angle) + rng.gauss(0.0, noise),
                radius * math.sin(angle) + rng.gauss(0.0, noise),
            )
        )
    return samples, [-1] * first + [1] * (n - first)


def _checked(n: int, noise: float, seed: int | random.Random | None) -> random.Random:
    if isinstance(n, bool) or not isinstance(n, int) or n < 2:
        raise ValueError(f"the number of samples must be an int of 2 or more, not {n!r}")
    if not 0.0 <= noise < math.inf:
        raise ValueError(f"the noise must be 0 or more, not {noise!r}")
    return generator(seed)
