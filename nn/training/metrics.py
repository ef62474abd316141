"""Measures: how good the predictions are, as a plain number, where a loss is a Value to differentiate."""

from __future__ import annotations

import math
import operator
from typing import Any

from autograd import Value
from autograd.system.messages import short

from ..inputs import real
from ..losses import check_rows, is_row


def accuracy(predictions: Any, targets: Any) -> float:
    """The share of samples that are given their class.

    >>> accuracy([0.3, -2.0, 1.5, 0.1], [1, -1, 1, -1])  # scores: positive above 0
    0.75
    >>> accuracy([[2.0, 1.0, 0.0], [0.0, 1.0, 5.0]], [0, 1])  # logits: the class of the largest
    0.5

    A prediction is a score, with a target of 1 for positive and −1 or 0 for negative, or a row of
    logits, with the index of a class as target. ``evaluate(model, data, accuracy)`` measures a model.
    Where two logits are the largest, the first counts. A score or logit that is nan names no class and
    is refused.
    """
    check_rows(predictions, targets)
    right = 0
    for i, (prediction, target) in enumerate(zip(predictions, targets)):
        given = [
            x.data if isinstance(x, Value) else real(x)
            for x in (prediction if is_row(prediction) else [prediction])
        ]
        if any(map(math.isnan, given)):
            raise ValueError(f"the prediction of sample {i} is {short(prediction)}: nan is of no class")
        if is_row(prediction):
            if len(given) < 2:
                raise ValueError(
                    f"the prediction of sample {i} is a row of {len(given)}: give the bare score"
                )
            right += given.index(max(given)) == _class(target, i, range(len(given)))
        else:
            right += (given[0] > 0.0) == (_class(target, i, (-1, 0, 1)) > 0)
    return right / len(predictions)


def _class(target: Any, i: int, classes: range | tuple[int, ...]) -> int:
    """The class as an int, if it is one of these."""
    number = target.data if isinstance(target, Value) else target
    if number not in classes:
        raise ValueError(f"the target of sample {i} is {short(target)}, not one of {[*classes]}")
    return operator.index(int(number))
