"""Data to learn on: samples and their labels, made up here or from scikit-learn; split and standardised."""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

from autograd.system.messages import short, type_name

from .checks import check_int, check_number
from .draws import generator
from .inputs import is_listed

Sample = tuple[float, float]
DataSet = tuple[list[Sample], list[int]]
#: Measurements of something that there is, and the number of its class, counted from 0.
Records = tuple[list[list[float]], list[int]]

X = TypeVar("X")
Y = TypeVar("Y")


def xor(n: int = 4, noise: float = 0.0, seed: int | random.Random | None = None) -> DataSet:
    """The four corners of exclusive or, which no straight line separates.

    >>> xor()
    ([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)], [-1, 1, 1, -1])

    ``n`` samples go around the corners in turn; ``noise`` is the standard deviation of what is added to
    each coordinate.
    """
    rng = _checked(n, noise, seed)
    corners = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
    around = [corners[i % 4] for i in range(n)]
    samples = [(x + rng.gauss(0.0, noise), y + rng.gauss(0.0, noise)) for x, y in around]
    return samples, [1 if x != y else -1 for x, y in around]


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


def iris() -> Records:
    """150 flowers of three species of iris, 50 each: 4 lengths in cm (Fisher, 1936; from scikit-learn)."""
    return _records("load_iris")


def breast_cancer() -> Records:
    """569 tumours, malignant (0) or benign (1): 30 measurements of cells (Wolberg; from scikit-learn)."""
    return _records("load_breast_cancer")


def digits() -> Records:
    """1797 handwritten digits: 8·8 pixels from 0 to 16, row by row (Alpaydin; from scikit-learn)."""
    return _records("load_digits")


def _records(name: str) -> Records:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(
            'this data comes with the package "scikit-learn": pip install "glassgrad[train]"'
        ) from error
    samples, labels = getattr(datasets, name)(return_X_y=True)
    return samples.tolist(), labels.tolist()


def stratified_split(
    data: tuple[Sequence[X], Sequence[Y]],
    held_out: float = 0.25,
    seed: int | random.Random | None = None,
) -> tuple[tuple[list[X], list[Y]], tuple[list[X], list[Y]]]:
    """Data in two parts, to train on and to measure with: of each class the same share is ``held_out``.

    >>> training, rest = stratified_split(([10, 11, 12, 13, 14, 15], [0, 0, 0, 0, 1, 1]), 0.5, seed=0)
    >>> sorted(training[1]), sorted(rest[1]), sorted(training[0] + rest[0])
    ([0, 0, 1], [0, 0, 1], [10, 11, 12, 13, 14, 15])

    Both parts are shuffled. The share of a class is rounded to whole samples; a class of which one part
    would get none is refused.
    """
    samples, labels = _pair(data)
    if len(samples) != len(labels):
        raise ValueError(f"there are {len(samples)} samples and {len(labels)} labels; give as many of each")
    if not 0.0 < check_number("held_out", held_out) < 1.0:
        raise ValueError(f"held_out is a share of the samples between 0 and 1, not {short(held_out)}")
    counts = Counter(labels)
    wanted = {label: round(held_out * count) for label, count in counts.items()}
    for label, count in counts.items():
        if not 0 < wanted[label] < count:
            raise ValueError(
                f"of the {count} samples with the label {short(label)}, {wanted[label]} would be held out: "
                "both parts need at least one; change held_out, or leave the class out"
            )
    rng = generator(seed)
    out: set[int] = set()
    for i in rng.sample(range(len(labels)), len(labels)):
        if wanted[labels[i]]:
            wanted[labels[i]] -= 1
            out.add(i)
    # in an order drawn anew: in that one the classes whose share is full come first among the others
    order = rng.sample(range(len(labels)), len(labels))
    training, rest = [i for i in order if i not in out], [i for i in order if i in out]
    return (
        ([samples[i] for i in training], [labels[i] for i in training]),
        ([samples[i] for i in rest], [labels[i] for i in rest]),
    )


def standardize(
    training: tuple[Sequence[Any], list[Y]], *others: tuple[Sequence[Any], list[Y]]
) -> list[tuple[list[list[float]], list[Y]]]:
    """Each feature less its mean, by its standard deviation: those of the ``training`` part, for all parts.

    >>> standardize(([[1.0, 5.0], [3.0, 5.0]], [0, 1]), ([[4.0, 6.0]], [1]))
    [([[-1.0, 0.0], [1.0, 0.0]], [0, 1]), ([[2.0, 1.0]], [1])]

    What is measured with must not be looked at before, not even for its mean. A feature that is the
    same in all training samples has no deviation; it is divided by 1, as in scikit-learn.
    """
    parts = [_pair(part) for part in (training, *others)]
    if not len(parts[0][0]):
        raise ValueError("there is no sample to train on, so there is no mean to subtract")
    columns = [[*map(float, column)] for column in zip(*parts[0][0], strict=True)]
    for j, column in enumerate(columns):
        for i, x in enumerate(column):
            if not math.isfinite(x):
                raise ValueError(f"feature {j} of sample {i} is {x!r}: leave the sample out, or fill it in")
    means = [statistics.mean(column) for column in columns]  # exact: a constant has no deviation
    divisors = [statistics.pstdev(column) or 1.0 for column in columns]
    return [
        (
            [[(x - m) / d for x, m, d in zip(sample, means, divisors, strict=True)] for sample in samples],
            labels,
        )
        for samples, labels in parts
    ]


def _pair(data: tuple[X, Y]) -> tuple[X, Y]:
    """Data as everything here takes it: the samples and their labels."""
    if not is_listed(data) or len(data) != 2 or not all(map(is_listed, data)):
        raise TypeError(f"data are a pair of samples and labels, not {type_name(data)}")
    return data


def _checked(n: int, noise: float, seed: int | random.Random | None) -> random.Random:
    check_int("the number of samples", n, least=2)
    if not 0.0 <= check_number("the noise", noise) < math.inf:
        raise ValueError(f"the noise must be 0 or more, not {short(noise)}")
    return generator(seed)
