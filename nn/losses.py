"""Losses: how wrong the predictions are, as one Value, the mean over the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import SupportsFloat

import autograd
from autograd import Value

#: What is predicted or wanted: one of them for each sample.
Numbers = Sequence[Value | SupportsFloat]


def _mean(terms: list[Value]) -> Value:
    total: Value = autograd.sum(terms)
    return total / len(terms)


def _pairs(predictions: Numbers, targets: Numbers) -> list[tuple[Value, Value | float]]:
    """Each prediction with its target; as many of each, and not none, or ValueError."""
    for given in (predictions, targets):
        if isinstance(given, Value | Mapping | Set) or not hasattr(given, "__len__"):
            raise TypeError(
                "a loss takes a sequence of predictions and one of targets, "
                f"not a single {type(given).__name__} {given!r}"
            )
    if len(predictions) != len(targets):
        raise ValueError(
            f"there are {len(predictions)} predictions and {len(targets)} targets; give as many of each"
        )
    if not len(predictions):
        raise ValueError("a loss of no samples has no mean: give at least one prediction and its target")
    return [
        (p if isinstance(p, Value) else Value(p), t if isinstance(t, Value) else Value(t).data)
        for p, t in zip(predictions, targets)
    ]


def mse_loss(predictions: Numbers, targets: Numbers) -> Value:
    """The mean squared error, mean((p − t)²).

    >>> mse_loss([Value(10.0), Value(1.0)], [12.0, 1.0]).data
    2.0
    """
    return _mean([(p - t) ** 2 for p, t in _pairs(predictions, targets)])


def hinge_loss(scores: Numbers, labels: Numbers) -> Value:
    """mean(relu(1 − label·score)), for labels −1 and 1: zero once each score is right by a margin of 1.

    >>> hinge_loss([Value(0.25), Value(-3.0)], [1, -1]).data
    0.375
    """
    pairs = _pairs(scores, labels)
    for _, label in pairs:
        if float(label) not in (-1.0, 1.0):
            raise ValueError(f"a label of the hinge loss is −1 or 1, not {float(label)!r}")
    return _mean([(1.0 - score * label).relu() for score, label in pairs])


def binary_cross_entropy_with_logits(logits: Numbers, targets: Numbers) -> Value:
    """−mean(t·log s + (1 − t)·log(1 − s)) for s = sigmoid(logit) and targets between 0 and 1.

    >>> round(binary_cross_entropy_with_logits([Value(0.0)], [1]).data, 12)  # log 2
    0.69314718056

    Computed as t·softplus(−logit) + (1 − t)·softplus(logit), which overflows for no logit and keeps
    its digits where the prediction is all but certain.
    """
    pairs = _pairs(logits, targets)
    for _, target in pairs:
        if not 0.0 <= float(target) <= 1.0:
            raise ValueError(f"a target is a probability between 0 and 1, not {float(target)!r}")
    return _mean([_cross_entropy(logit, target) for logit, target in pairs])


def _cross_entropy(logit: Value, target: Value | float) -> Value:
    if not isinstance(target, Value) and target in (0.0, 1.0):
        return (-logit if target else logit).softplus()
    return target * (-logit).softplus() + (1.0 - target) * logit.softplus()
