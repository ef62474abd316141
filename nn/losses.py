"""Losses: the error of the predictions as one Value, the mean over the samples and their outputs."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple, SupportsFloat

import autograd
from autograd import Value
from autograd.system.messages import short, type_and_value, type_name

from .checks import check_number, out_of_range
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


class Signature(NamedTuple):
    """The names of a function and of its two arguments, for error messages."""

    function: str
    predictions: str = "predictions"
    targets: str = "targets"


#: The indices of a number in the predictions or targets: its sample, and its output if there are several.
Index = tuple[int, ...]


def at(name: str, index: Index) -> str:
    """Return an argument with its indices, as an error message names it.

    >>> at("targets", (2, 0))
    'targets[2][0]'
    """
    return name + "".join(f"[{i}]" for i in index)


def check_rows(names: Signature, predictions: Any, targets: Any, index: Index = ()) -> None:
    """Raise an error unless there are as many predictions as targets, and at least one of each."""
    of_predictions, of_targets = at(names.predictions, index), at(names.targets, index)
    for name, numbers in ((of_predictions, predictions), (of_targets, targets)):
        if not is_row(numbers):
            raise TypeError(
                f"{names.function}() expected a sequence for {name}, got {type_and_value(numbers)}. "
                "Put it into a list."
            )
    if len(predictions) != len(targets):
        raise ValueError(
            f"{names.function}() expected as many {of_targets} as {of_predictions}, got {len(predictions)} "
            f"{names.predictions} and {len(targets)} {names.targets}. Pass one of each for each sample."
        )
    if not len(predictions):
        raise ValueError(
            f"{names.function}() expected at least one number in {of_predictions}, got "
            f"{type_and_value(predictions)}. Add a sample, because the mean of no losses is not defined."
        )


def _number(function: str, name: str, index: Index, x: Any) -> float:
    """Return a prediction or target as a float; raise TypeError if it is not a real number."""
    try:
        return real(x)
    except TypeError:
        raise TypeError(
            f"{function}() expected a real number for {at(name, index)}, got {type_and_value(x)}. "
            "Pass a float, an int or a Value."
        ) from None


def _pairs(
    names: Signature, predictions: Any, targets: Any, outer: Index = ()
) -> list[tuple[Value, Any, Index]]:
    """Return each prediction with its target and its index, sample by sample and output by output."""
    check_rows(names, predictions, targets, outer)
    pairs: list[tuple[Value, Any, Index]] = []
    for i, (p, t) in enumerate(zip(predictions, targets)):
        index = (*outer, i)
        if type(p) is not Value and is_row(p) and is_row(t):
            pairs += _pairs(names, p, t, index)
        else:
            prediction = (
                p if isinstance(p, Value) else Value(_number(names.function, names.predictions, index, p))
            )
            is_ready = type(t) is float or isinstance(t, Value)
            target = t if is_ready else _number(names.function, names.targets, index, t)
            pairs.append((prediction, target, index))
    return pairs


def _errors(names: Signature, predictions: Numbers, targets: Numbers) -> list[Value]:
    """Return prediction − target of each pair; raise ValueError for a target that is nan."""
    pairs = _pairs(names, predictions, targets)
    for _, target, index in pairs:
        if not -math.inf <= target:  # compile() can trace a comparison, but not isnan()
            raise ValueError(
                f"{names.function}() expected a real number for {at(names.targets, index)}, got nan. "
                "Remove the samples that have no target."
            )
    return [p - t for p, t, _ in pairs]


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
    return _mean([error**2 for error in _errors(Signature("mse_loss"), predictions, targets)])


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
    return _mean([abs(error) for error in _errors(Signature("l1_loss"), predictions, targets)])


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
    bound = delta if isinstance(delta, Value) else check_number("huber_loss", "delta", delta)
    if not 0.0 < bound < math.inf:
        raise out_of_range("huber_loss", "delta", delta, "a finite number above 0")
    errors = _errors(Signature("huber_loss"), predictions, targets)
    # A form with |error| would have second derivative 0 at an error of 0, because abs has derivative 0 there.
    clamped = [error.minimum(delta).maximum(-delta) for error in errors]
    return _mean([q * (error - 0.5 * q) for q, error in zip(clamped, errors)])


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
    pairs = _pairs(Signature("hinge_loss", "scores", "labels"), scores, labels)
    for _, label, index in pairs:
        if not 1.0 <= abs(label) <= 1.0:  # compile() can trace comparisons
            raise ValueError(
                f"hinge_loss() expected −1 or 1 for {at('labels', index)}, got {type_and_value(label)}. "
                "Replace the labels of two classes by −1 and 1."
            )
    return _mean([(1.0 - score * label).relu() for score, label, _ in pairs])


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
    pairs = _pairs(Signature("binary_cross_entropy_with_logits", "logits"), logits, targets)
    for _, target, index in pairs:
        if not 0.0 <= target <= 1.0:
            raise out_of_range(
                "binary_cross_entropy_with_logits", at("targets", index), target, "a probability from 0 to 1"
            )
    return _mean([_binary_cross_entropy(logit, target) for logit, target, _ in pairs])


def _binary_cross_entropy(logit: Value, target: Value | float) -> Value:
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
    check_rows(Signature("cross_entropy", "logits"), logits, targets)
    width = len(logits[0]) if is_row(logits[0]) else 0
    losses: list[Value] = []
    for i, (row, target) in enumerate(zip(logits, targets)):
        if not is_row(row):
            raise TypeError(
                f"cross_entropy() expected a row of logits for each sample, got logits[{i}] = {short(row)}. "
                "Put the logits of a sample into a list."
            )
        if len(row) != width:
            raise ValueError(
                f"cross_entropy() expected {width} logits for each sample, as in logits[0], got {len(row)} "
                f"in logits[{i}] = {short(row)}. Pass one logit for each class."
            )
        try:
            losses.append(_cross_entropy(row, target, i))
        except TypeError:
            _check_numbers("logits", row, i)
            if is_row(target):
                _check_numbers("targets", target, i)
            raise
    return _mean(losses)


def _check_numbers(name: str, row: Any, i: int) -> None:
    """Raise TypeError if row i of the logits or the targets contains something that is not a number."""
    for j, x in enumerate(row):
        if not isinstance(x, Value):
            _number("cross_entropy", name, (i, j), x)


def _cross_entropy(row: Any, target: Any, i: int) -> Value:
    if not is_row(target):
        return _negative_log_probability(row, target, i)
    _check_probabilities(target, i, len(row))
    return -autograd.dot(target, autograd.log_softmax(row))


def _check_probabilities(target: Any, i: int, width: int) -> None:
    """Raise ValueError unless a target is a row of probabilities. compile() can trace the comparisons."""
    if len(target) != width:
        raise ValueError(
            f"cross_entropy() expected {width} probabilities, one for each logit, got {len(target)} in "
            f"targets[{i}] = {short(target)}. Pass one probability for each class."
        )
    total: Value = autograd.sum([*target])
    if not all(p >= 0.0 for p in target) or not 1.0 - 1e-6 <= total <= 1.0 + 1e-6:
        raise ValueError(
            f"cross_entropy() expected probabilities of 0 or more that add up to 1, got targets[{i}] = "
            f"{short(target)}. Divide them by their sum, or pass the index of the class."
        )


def _negative_log_probability(row: Sequence[Any], target: Any, i: int) -> Value:
    """Return −log of the probability of the class of sample i."""
    index: Any = target if isinstance(target, Value) else _index(target, i)
    if not len(row):
        raise ValueError(
            f"cross_entropy() expected at least one logit, got logits[{i}] = {short(row)}. "
            "Pass one logit for each class."
        )
    if not 0 <= index < len(row):
        raise ValueError(
            f"cross_entropy() expected the index of a class, 0 to {len(row) - 1}, got targets[{i}] = "
            f"{short(target)}. Count the classes from 0, and pass one logit for each."
        )
    try:  # an int that compile() traces as a Value selects its logit when the compiled program runs
        return (-autograd.log_odds(row, index)).softplus()
    except TypeError:
        if isinstance(target, Value):
            raise _not_an_index(target, i) from None
        raise


def _index(target: Any, i: int) -> Any:
    try:
        return operator.index(target)
    except TypeError:
        raise _not_an_index(target, i) from None


def _not_an_index(target: Any, i: int) -> TypeError:
    return TypeError(
        f"cross_entropy() expected an int or a row of probabilities, got targets[{i}] = {short(target)}, "
        f"{type_name(target)}. Pass the index of the class, for example int(target)."
    )
