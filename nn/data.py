"""Data sets: generated points, data sets of scikit-learn, a stratified split, and standardization."""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

from autograd.system.messages import short, type_and_value

from .checks import check_int, check_number, check_range, out_of_range
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
    rng = _generator("xor", n, noise, seed)
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
    rng = _generator("two_moons", n, noise, seed)
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
    rng = _generator("spirals", n, noise, seed)
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
            f"{name.removeprefix('load_')}() needs the package scikit-learn. "
            'Install it: pip install "glassgrad[train]", or pip install -e ".[train]" in a clone.'
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
    samples, labels = _pair("stratified_split", "data", data)
    if len(samples) != len(labels):
        raise ValueError(
            f"stratified_split() expected as many labels as samples in data, got {len(samples)} samples and "
            f"{len(labels)} labels. Pass one label for each sample."
        )
    if not 0.0 < check_number("stratified_split", "held_out", held_out) < 1.0:
        raise out_of_range("stratified_split", "held_out", held_out, "a share above 0 and below 1")
    counts = Counter(labels)
    remaining = {label: round(held_out * count) for label, count in counts.items()}
    for label, count in counts.items():
        if not 0 < remaining[label] < count:
            raise ValueError(
                "stratified_split() expected samples of every class in both parts, got "
                f"held_out={held_out!r}, "
                f"which holds out {remaining[label]} of the {count} samples with the label {short(label)}. "
                "Change held_out, or remove the class."
            )
    rng = generator("stratified_split", seed)
    held_out_indices: set[int] = set()
    for i in rng.sample(range(len(labels)), len(labels)):
        if remaining[labels[i]]:
            remaining[labels[i]] -= 1
            held_out_indices.add(i)
    # A second order is drawn: in the first one, each class has its held-out samples before the others.
    order = rng.sample(range(len(labels)), len(labels))
    training = [i for i in order if i not in held_out_indices]
    rest = [i for i in order if i in held_out_indices]
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
    names = ["training", *(f"others[{i}]" for i in range(len(others)))]
    parts = [_pair("standardize", name, part) for name, part in zip(names, (training, *others))]
    if not len(parts[0][0]):
        raise ValueError(
            f"standardize() expected at least one sample in training, got {type_and_value(training)}. Add "
            "samples."
        )
    for name, (samples, _) in zip(names, parts):
        _check_samples(name, samples, parts[0][0][0])
    columns = [[*map(float, column)] for column in zip(*parts[0][0])]
    for j, column in enumerate(columns):
        for i, x in enumerate(column):
            if not math.isfinite(x):
                raise ValueError(
                    f"standardize() expected finite numbers, got {x!r} as feature {j} of sample {i} of "
                    "training. Remove the sample, or replace the number."
                )
    means = [statistics.mean(column) for column in columns]  # exact: a constant feature has deviation 0
    divisors = [statistics.pstdev(column) or 1.0 for column in columns]
    return [
        (
            [[(x - m) / d for x, m, d in zip(sample, means, divisors)] for sample in samples],
            labels,
        )
        for samples, labels in parts
    ]


def _pair(function: str, name: str, data: tuple[X, Y]) -> tuple[X, Y]:
    """Return the data if it is a pair of samples and labels; raise TypeError otherwise."""
    if not is_listed(data) or len(data) != 2 or not all(map(is_listed, data)):
        raise TypeError(
            f"{function}() expected a pair of samples and labels for {name}, got {type_and_value(data)}. "
            "Pass two lists of the same length."
        )
    return data


def _check_samples(name: str, samples: Sequence[Any], first: Any) -> None:
    """Raise an error for a sample that is not a list of as many numbers as the first of the training part."""
    for i, sample in enumerate(samples):
        if not is_listed(sample):
            raise TypeError(
                f"standardize() expected a list of numbers for {name}[0][{i}], got {type_and_value(sample)}. "
                "Put the features of a sample into a list."
            )
        if len(sample) != len(first):
            raise ValueError(
                f"standardize() expected samples of the same length as the first, {len(first)}, got "
                f"{len(sample)} in {name}[0][{i}] = {short(sample)}. Pass one number for each feature."
            )
        for j, x in enumerate(sample):
            check_number("standardize", f"{name}[0][{i}][{j}]", x)


def _generator(function: str, n: int, noise: float, seed: int | random.Random | None) -> random.Random:
    """Return the generator for the noise; raise an error for an invalid argument."""
    check_int(function, "n", n, least=2)
    check_range(function, "noise", noise)
    return generator(function, seed)
