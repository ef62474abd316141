"""Metrics: plain numbers that measure the predictions and are not differentiated."""

from __future__ import annotations

import math
import operator
from typing import Any

from autograd import Value
from autograd.system.messages import short, type_and_value

from ..inputs import real
from ..losses import Signature, check_rows, is_row


def accuracy(predictions: Any, targets: Any) -> float:
    """Return the share of samples whose predicted class is right.

    >>> accuracy([0.3, -2.0, 1.5, 0.1], [1, -1, 1, -1])  # scores: positive above 0
    0.75
    >>> accuracy([[2.0, 1.0, 0.0], [0.0, 1.0, 5.0]], [0, 1])  # logits: the class of the largest
    0.5

    ``evaluate(model, data, accuracy)`` measures a model. If two logits are the largest, the first counts.

    Args:
        predictions: For each sample a score, or a row of logits.
        targets: For a score, 1 for positive and −1 or 0 for negative; for a row of logits, the index of the
            class.

    Returns:
        The accuracy, between 0 and 1.

    Raises:
        ValueError: If a score or logit is nan, a row has fewer than two logits, a target is not a class, or
            the numbers of predictions and targets differ or are 0.
        TypeError: If the predictions or the targets are not a sequence of numbers.
    """
    check_rows(Signature("accuracy"), predictions, targets)
    right = 0
    for i, (prediction, target) in enumerate(zip(predictions, targets)):
        scores = [_score(x, i) for x in (prediction if is_row(prediction) else [prediction])]
        if any(map(math.isnan, scores)):
            raise ValueError(
                f"accuracy() expected predictions without nan, got predictions[{i}] = {short(prediction)}. "
                "Find the layer that returns nan."
            )
        if is_row(prediction):
            if len(scores) < 2:
                raise ValueError(
                    f"accuracy() expected two or more logits in a row, got predictions[{i}] = "
                    f"{short(prediction)}. Pass a single score as a number, not as a row."
                )
            right += scores.index(max(scores)) == _class(target, i, range(len(scores)))
        else:
            right += (scores[0] > 0.0) == (_class(target, i, (-1, 0, 1)) > 0)
    return right / len(predictions)


def _score(x: Any, i: int) -> float:
    """Return a number of a prediction as a float; raise TypeError if it is not a real number."""
    if isinstance(x, Value):
        return x.data
    try:
        return real(x)
    except TypeError:
        raise TypeError(
            f"accuracy() expected a real number or a row of numbers for predictions[{i}], got "
            f"{type_and_value(x)}. Pass the outputs of the model."
        ) from None


def _class(target: Any, i: int, classes: range | tuple[int, ...]) -> int:
    """Return the class as an int; raise ValueError if it is not one of ``classes``."""
    number = target.data if isinstance(target, Value) else target
    if number not in classes:
        raise ValueError(
            f"accuracy() expected one of {[*classes]} for targets[{i}], got {type_and_value(target)}. "
            "Pass the class of the sample."
        )
    return operator.index(int(number))
