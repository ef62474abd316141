"""Losses: the error of the predictions as one Value, the mean over the samples and their outputs."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence, Set
from typing import Any, SupportsFloat

import autograd
from autograd import Value
from autograd.system.messages import short, type_and_value

from .checks import check_number
from .inputs import real

#: Predictions or targets: for each sample a number, or a row of numbers if there are several outputs.
Numbers = Sequence[Value | SupportsFloat] | Sequence[Sequence[Value | SupportsFloat]]


def _mean(terms: list[Value]) -> Value:
    total: Value = autograd.sum(terms)
    return total / len(terms)


def is_row(x: object) -> bool:
    """Return True for a row of numbers, such as several outputs, and False for a single number."""
    return (
        hasattr(x, "__len__") and not isinstance(x, Value | str | Mapping | Set) and getattr(x, "ndim", 1) > 0
    )


def check_rows(predictions: Any, targets: Any) -> None:
    """Raise an error unless there are as many predictions as targets, and at least one of each."""
    for given in (predictions, targets):
        if not is_row(given):
            raise TypeError(
                "a loss takes a sequence of predictions and one of targets, "
                f"not a single {type_and_value(given)}"
            )
    if len(predictions) != len(targets):
        raise ValueError(
            f"there are {len(predictions)} predictions and {len(targets)} targets; give as many of each"
        )
    if not len(predictions):
        raise ValueError("a loss of no samples has no mean: give at least one prediction and its target")


def _pairs(predictions: Any, targets: Any) -> list[tuple[Value, Any]]:
    """Return each prediction with its target, sample by sample and output by output."""
    check_rows(predictions, targets)
    pairs: list[tuple[Value, Any]] = []
    for p, t in zip(predictions, targets):
        if type(p) is not Value and is_row(p) and is_row(t):
            pairs += _pairs(p, t)
        else:
            pairs.append((p if isinstance(p, Value) else Value(p), t if isinstance(t, Value) else real(t)))
    return pairs


def _errors(predictions: Numbers, targets: Numbers) -> list[Value]:
    """Return prediction − target of each pair; raise ValueError for a target that is nan."""
    pairs = _pairs(predictions, targets)
    for i, (_, target) in enumerate(pairs):
        if not -math.inf <= target:  # a comparison, which compile() can record, where isnan() cannot be
            raise ValueError(f"target {i} is nan: leave out the samples that have no target")
    return [p - t for p, t in pairs]


def mse_loss(predictions: Numbers, targets: Numbers) -> Value:
    """Compute the mean squared error, mean((p − t)²).

    >>> mse_loss([Value(10.0), Value(1.0)], [12.0, 1.0]).data
    2.0
    >>> mse_loss([[Value(10.0), Value(1.0)], [Value(3.0), Value(3.0)]], [[12.0, 1.0], [3.0, 3.0]]).data
    1.0

    If a sample has several outputs, the mean is taken over all of them, as in PyTorch.

    Args:
        predictions: The outputs p of the model.
        targets: The numbers t that were to be predicted.

    Shape:
        Predictions and targets: for each sample a number, or a row of numbers. Returns one Value.

    Raises:
        ValueError: If the numbers of predictions and targets differ or are 0, or a target is nan.
        TypeError: If the predictions or the targets are not a sequence of numbers.
    """
    return _mean([error**2 for error in _errors(predictions, targets)])


def l1_loss(predictions: Numbers, targets: Numbers) -> Value:
    """Compute the mean absolute error (MAE), mean(|p − t|). Its derivative at p = t is 0.

    >>> l1_loss([Value(10.0), Value(1.0)], [12.0, 1.0]).data
    1.0

    Args:
        predictions: The outputs p of the model.
        targets: The numbers t that were to be predicted.

    Shape:
        Predictions and targets: as in :func:`mse_loss`. Returns one Value.

    Raises:
        ValueError: If the numbers of predictions and targets differ or are 0, or a target is nan.
        TypeError: If the predictions or the targets are not a sequence of numbers.
    """
    return _mean([abs(error) for error in _errors(predictions, targets)])


def huber_loss(predictions: Numbers, targets: Numbers, delta: float = 1.0) -> Value:
    """Compute the Huber loss: the mean of ½·e² for |e| ≤ delta, and of delta·(|e| − ½·delta) beyond.

    >>> huber_loss([Value(10.0), Value(1.5)], [12.0, 1.0]).data  # (2 − ½ + ½·½²)/2
    0.8125

    Here e is prediction − target. The loss is quadratic near 0 and linear beyond ``delta``, so that a few
    outliers do not dominate it. Both pieces are q·(e − ½·q), where q is e clamped to [−delta, delta].

    Args:
        predictions: The outputs of the model.
        targets: The numbers that were to be predicted.
        delta: The largest error of the quadratic piece, above 0 and finite.

    Shape:
        Predictions and targets: as in :func:`mse_loss`. Returns one Value.

    Raises:
        ValueError: If ``delta`` is out of its range, the numbers of predictions and targets differ or are 0,
            or a target is nan.
        TypeError: If ``delta`` is not a number, or the predictions or the targets are not a sequence of
            numbers.

    Reference: Huber (1964).
    """
    bound = delta if isinstance(delta, Value) else check_number("delta", delta)  # compile() records a Value
    if not 0.0 < bound < math.inf:
        raise ValueError(f"delta must be above 0 and finite, not {short(delta)}")
    errors = _errors(predictions, targets)
    # Not by |error|, whose derivative at 0 is 0, and constant.
    bent = [error.minimum(delta).maximum(-delta) for error in errors]
    return _mean([q * (error - 0.5 * q) for q, error in zip(bent, errors)])


def hinge_loss(scores: Numbers, labels: Numbers) -> Value:
    """Compute the hinge loss, mean(relu(1 − label·score)). A score that is right by a margin of 1 adds 0.

    >>> hinge_loss([Value(0.25), Value(-3.0)], [1, -1]).data
    0.375

    Args:
        scores: The outputs of the model; their sign is the predicted class.
        labels: The classes, −1 or 1.

    Shape:
        Scores and labels: as in :func:`mse_loss`. Returns one Value.

    Raises:
        ValueError: If a label is not −1 or 1, or the numbers of scores and labels differ or are 0.
        TypeError: If the scores or the labels are not a sequence of numbers.
    """
    pairs = _pairs(scores, labels)
    for _, label in pairs:
        if not 1.0 <= abs(label) <= 1.0:  # comparisons, which compile() can record
            raise ValueError(f"a label of the hinge loss is −1 or 1, not {short(label)}")
    return _mean([(1.0 - score * label).relu() for score, label in pairs])


def binary_cross_entropy_with_logits(logits: Numbers, targets: Numbers) -> Value:
    """Compute −mean(t·log s + (1 − t)·log(1 − s)) for s = sigmoid(logit) and targets t.

    >>> round(binary_cross_entropy_with_logits([Value(0.0)], [1]).data, 12)  # log 2
    0.69314718056

    The loss is computed as t·softplus(−logit) + (1 − t)·softplus(logit). This form never overflows and stays
    accurate if the prediction is nearly certain.

    Args:
        logits: The outputs of the model before the sigmoid.
        targets: The probabilities t of the positive class, between 0 and 1.

    Shape:
        Logits and targets: as in :func:`mse_loss`. Returns one Value.

    Raises:
        ValueError: If a target is not between 0 and 1, or the numbers of logits and targets differ or are 0.
        TypeError: If the logits or the targets are not a sequence of numbers.
    """
    pairs = _pairs(logits, targets)
    for _, target in pairs:
        if not 0.0 <= target <= 1.0:
            raise ValueError(f"a target is a probability between 0 and 1, not {short(target)}")
    return _mean([_cross_entropy(logit, target) for logit, target in pairs])


def _cross_entropy(logit: Value, target: Value | float) -> Value:
    if not isinstance(target, Value) and target in (0.0, 1.0):
        return (-logit if target else logit).softplus()
    return target * (-logit).softplus() + (1.0 - target) * logit.softplus()


def cross_entropy(
    logits: Sequence[Sequence[Value | SupportsFloat]],
    targets: Sequence[int] | Sequence[Sequence[Value | SupportsFloat]],
) -> Value:
    """Compute the cross entropy, −mean(log softmax(logits)[target]).

    >>> round(cross_entropy([[Value(0.0), Value(0.0)]], [1]).data, 12)  # log 2
    0.69314718056
    >>> round(cross_entropy([[Value(0.0), Value(0.0)]], [[0.0, 1.0]]).data, 12)  # the same
    0.69314718056

    Only differences of logits are used, so nothing overflows, and a large logit does not reduce the accuracy
    of another one. A logit of −inf stands for a class of probability 0.

    Args:
        logits: A row of logits for each sample, one for each class.
        targets: For each sample the index of its class, or a row of probabilities, one for each class. Then
            each −log softmax is weighted by its probability, as in PyTorch.

    Shape:
        Logits: n rows of as many numbers as there are classes. Targets: n ints, or n rows. Returns one Value.

    Raises:
        ValueError: If the numbers of logits and targets differ or are 0, the samples have different numbers
            of logits, an index is not that of a class, or the probabilities of a sample are negative or do
            not add up to 1.
        TypeError: If the logits of a sample are not a row, or a target is neither an int nor a row.
    """
    check_rows(logits, targets)
    width = len(logits[0]) if is_row(logits[0]) else 0
    surprises: list[Value] = []
    for i, (row, target) in enumerate(zip(logits, targets)):
        if not is_row(row):
            raise TypeError(
                f"cross_entropy takes a row of logits for each sample, not {short(row)} for sample {i}"
            )
        if len(row) != width:
            raise ValueError(
                f"sample {i} has {len(row)} logits and sample 0 has {width}; give as many to each"
            )
        if is_row(target):
            _check_probabilities(target, i, width)
            probabilities: Any = target
            surprises.append(-autograd.dot(probabilities, autograd.log_softmax(row)))
        else:
            surprises.append(_surprise(row, target, i))
    return _mean(surprises)


def _check_probabilities(target: Any, i: int, width: int) -> None:
    """Raise ValueError unless a target is a row of probabilities. compile() can trace the comparisons."""
    if len(target) != width:
        raise ValueError(f"sample {i} has {width} logits and {len(target)} probabilities; give as many")
    total: Value = autograd.sum([*target])
    if not all(p >= 0.0 for p in target) or not 1.0 - 1e-6 <= total <= 1.0 + 1e-6:
        raise ValueError(
            f"the target of sample {i} is {short(target)}: probabilities are 0 or more, and their sum is 1"
        )


def _surprise(row: Sequence[Any], target: Any, i: int) -> Value:
    """Return −log of the probability of the class of sample i."""
    index: Any = target if isinstance(target, Value) else _index(target, i)
    if not 0 <= index < len(row):
        classes = f"the classes are 0 to {len(row) - 1}" if row else "there are no classes"
        raise ValueError(f"the target of sample {i} is {short(target)}, but {classes}")
    try:  # what stands for an int while compile() records selects when the program runs
        return (-autograd.log_odds(row, index)).softplus()
    except TypeError:
        raise TypeError(_NO_CLASS.format(short(target), i)) from None


_NO_CLASS = "a target of cross_entropy is the index of a class, an int, not {} as for sample {}"


def _index(target: Any, i: int) -> Any:
    try:
        return operator.index(target)
    except TypeError:
        raise TypeError(_NO_CLASS.format(short(target), i)) from None
