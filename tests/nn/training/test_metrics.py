"""Accuracy: hand-computed, for every form of predictions, and invalid arguments."""

import math
from typing import Any

import pytest

from autograd import Value
from nn import MLP, accuracy, evaluate
from nn.data import xor


def test_accuracy_of_scores_counts_positive_above_zero() -> None:
    scores = [Value(0.1), Value(-0.1), Value(0.0), Value(-0.0)]
    assert accuracy(scores, [1, -1, -1, 1]) == 0.75
    assert accuracy(scores, [1, 0, 0, 0]) == 1.0
    assert accuracy([-math.inf, math.inf], [-1.0, Value(1)]) == 1.0


def test_accuracy_of_rows_uses_the_first_largest_logit() -> None:
    rows = [[Value(0.0), Value(2.0), Value(1.0)], [3.0, 3.0, 1.0], (-5, -4, -3)]
    assert accuracy(rows, [1, 0, 2]) == 1.0
    assert accuracy(rows, [1, 1, 0]) == pytest.approx(1 / 3)


def test_accuracy_accepts_arrays() -> None:
    import numpy as np

    assert accuracy(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([1, 1])) == 0.5
    assert accuracy(np.array([0.5, -0.5]), np.array([1, -1])) == 1.0


def test_evaluate_accepts_accuracy() -> None:
    model, data = MLP(2, [4, 1], seed=0), xor()
    right = sum((model(x).data > 0) == (y > 0) for x, y in zip(*data, strict=True))
    assert evaluate(model, data, accuracy) == right / 4


@pytest.mark.parametrize(
    ("predictions", "targets", "message"),
    [
        ([math.nan], [1], r"without nan, got predictions\[0\] = nan\. Find"),
        ([[0.0, 1.0], [1.0, math.nan]], [1, 1], r"without nan, got predictions\[1\] = \[1.0, nan\]"),
        ([[0.5]], [0], r"got predictions\[0\] = \[0.5\]\. Pass a single score as a number"),
        ([0.5], [2], r"one of \[-1, 0, 1\] for targets\[0\], got int 2\. Pass"),
        ([0.5], [0.5], r"for targets\[0\], got float 0.5"),
        ([[0.0, 1.0]], [2], r"one of \[0, 1\] for targets\[0\], got int 2"),
        ([[0.0, 1.0]], [-1], r"for targets\[0\], got int -1"),
        ([0.0, 1.0], [1], "got 2 predictions and 1 targets"),
        ([], [], r"at least one number in predictions, got list \[\]"),
    ],
)
def test_invalid_prediction_or_target_raises_value_error(
    predictions: Any, targets: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        accuracy(predictions, targets)


def test_single_prediction_raises_type_error() -> None:
    with pytest.raises(TypeError, match=r"accuracy\(\) expected a sequence for predictions, got Value"):
        accuracy(Value(1.0), [1])
