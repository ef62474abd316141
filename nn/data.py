"""Data sets: generated points, data sets of scikit-learn, a stratified split, and standardization."""

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
#: Samples of measurements, and the index of the class of each, from 0.
Records = tuple[list[list[float]], list[int]]

X = TypeVar("X")
Y = TypeVar("Y")


def xor(n: int = 4, noise: float = 0.0, seed: int | random.Random | None = None) -> DataSet:
    """Return the four corners of exclusive or, which no straight line separates.

    >>> xor()
    ([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)], [-1, 1, 1, -1])

    Args:
        n: The number of samples, 2 or more; they cycle through the corners.
        noise: The standard deviation of the noise that is added to each coordinate.
        seed: An int or a ``random.Random`` for the noise; None uses the global generator.

    Returns:
        The samples, as pairs (x, y), and their labels, −1 or 1.

    Raises:
        ValueError: If ``n`` is below 2, or ``noise`` is negative or not finite.
        TypeError: If ``n`` is not an int, ``noise`` is not a number, or ``seed`` is of another type.
    """
    rng = _checked(n, noise, seed)
    corners = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
    around = [corners[i % 4] for i in range(n)]
    samples = [(x + rng.gauss(0.0, noise), y + rng.gauss(0.0, noise)) for x, y in around]
    return samples, [1 if x != y else -1 for x, y in around]


def two_moons(n: int = 100, noise: float = 0.1, seed: int | random.Random | None = None) -> DataSet:
    """Return two interleaved half circles.

    >>> samples, labels = two_moons(4, noise=0.0)
    >>> [(round(x, 2), round(y, 2)) for x, y in samples], labels
    ([(1.0, 0.0), (-1.0, 0.0), (0.0, 0.5), (2.0, 0.5)], [-1, -1, 1, 1])

    Args:
        n: The total number of samples, 2 or more.
        noise: The standard deviation of the noise that is added to each coordinate.
        seed: An int or a ``random.Random`` for the noise; None uses the global generator.

    Returns:
        The samples, as pairs (x, y), and their labels, −1 or 1.

    Raises:
        ValueError: If ``n`` is below 2, or ``noise`` is negative or not finite.
        TypeError: If ``n`` is not an int, ``noise`` is not a number, or ``seed`` is of another type.
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
    """Return two interleaved spirals of one and a half turns.

    Args:
        n: The total number of samples, 2 or more.
        noise: The standard deviation of the noise that is added to each coordinate.
        seed: An int or a ``random.Random`` for the noise; None uses the global generator.

    Returns:
        The samples, as pairs (x, y), and their labels, −1 or 1.

    Raises:
        ValueError: If ``n`` is below 2, or ``noise`` is negative or not finite.
        TypeError: If ``n`` is not an int, ``noise`` is not a number, or ``seed`` is of another type.
    """
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
    """Return the iris data set of scikit-learn: 150 flowers of three species, 50 each.

    Returns:
        The samples, each four lengths in cm, and their classes, 0 to 2.

    Raises:
        ImportError: If scikit-learn is not installed.

    Reference: Fisher (1936).
    """
    return _records("load_iris")


def breast_cancer() -> Records:
    """Return the breast cancer data set of scikit-learn: 569 tumors, malignant (0) or benign (1).

    Returns:
        The samples, each 30 measurements of cells, and their classes, 0 or 1.

    Raises:
        ImportError: If scikit-learn is not installed.

    Reference: Wolberg.
    """
    return _records("load_breast_cancer")


def digits() -> Records:
    """Return the digits data set of scikit-learn: 1797 handwritten digits of 8·8 pixels.

    Returns:
        The samples, each 64 pixels from 0 to 16, row by row, and their classes, 0 to 9.

    Raises:
        ImportError: If scikit-learn is not installed.

    Reference: Alpaydin.
    """
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
    """Split data into a training part and a held-out part, with the same share of every class.

    >>> training, rest = stratified_split(([10, 11, 12, 13, 14, 15], [0, 0, 0, 0, 1, 1]), 0.5, seed=0)
    >>> sorted(training[1]), sorted(rest[1]), sorted(training[0] + rest[0])
    ([0, 0, 1], [0, 0, 1], [10, 11, 12, 13, 14, 15])

    Both parts are shuffled. The share of a class is rounded to whole samples.

    Args:
        data: A pair of samples and labels.
        held_out: The share of the held-out part, between 0 and 1.
        seed: An int or a ``random.Random`` for the shuffle; None uses the global generator.

    Returns:
        The training part and the held-out part, each a pair of samples and labels.

    Raises:
        ValueError: If the numbers of samples and labels differ, ``held_out`` is not between 0 and 1, or one
            part would have no sample of a class.
        TypeError: If ``data`` is not a pair of samples and labels, or ``held_out`` is not a number.
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
    """Subtract the mean of each feature and divide by its standard deviation.

    >>> standardize(([[1.0, 5.0], [3.0, 5.0]], [0, 1]), ([[4.0, 6.0]], [1]))
    [([[-1.0, 0.0], [1.0, 0.0]], [0, 1]), ([[2.0, 1.0]], [1])]

    The statistics of the training part are used for all parts, because held-out data must not influence
    training, not even through a mean. A feature that is constant in the training part is divided by 1, as in
    scikit-learn.

    Args:
        training: The training part, a pair of samples and labels.
        others: Other parts, such as the held-out part.

    Returns:
        All parts with standardized samples, in order.

    Raises:
        ValueError: If the training part is empty, one of its features is not finite, or samples have
            different lengths.
        TypeError: If a part is not a pair of samples and labels.
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
    """Return the data if it is a pair of samples and labels; raise TypeError otherwise."""
    if not is_listed(data) or len(data) != 2 or not all(map(is_listed, data)):
        raise TypeError(f"data are a pair of samples and labels, not {type_name(data)}")
    return data


def _checked(n: int, noise: float, seed: int | random.Random | None) -> random.Random:
    check_int("the number of samples", n, least=2)
    if not 0.0 <= check_number("the noise", noise) < math.inf:
        raise ValueError(f"the noise must be 0 or more, not {short(noise)}")
    return generator(seed)
