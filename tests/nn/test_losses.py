"""Losses: hand-computed numbers, extreme floats, and invalid arguments."""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, check_grads
from nn import (
    MLP,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_loss,
    mse_loss,
)

LOSSES = [mse_loss, l1_loss, huber_loss, hinge_loss, binary_cross_entropy_with_logits]
#: The names of the two arguments of each loss, as its errors name them.
NAMES: dict[Any, tuple[str, str]] = dict.fromkeys(LOSSES, ("predictions", "targets")) | {
    hinge_loss: ("scores", "labels"),
    binary_cross_entropy_with_logits: ("logits", "targets"),
}
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
Loss = Callable[..., Value]


def _with_gradients(loss: Loss, predictions: list[float], targets: list[Any]) -> tuple[float, list[Any]]:
    leaves = [Value(p) for p in predictions]
    out = loss(leaves, targets)
    out.backward()
    return out.data, [leaf.grad for leaf in leaves]


# By hand ------------------------------------------------------------------------------------------


def test_mse_loss_matches_hand_computed_numbers() -> None:
    # (3² + 1² + 0² + 2²)/4, and 2·(p − t)/4 each
    assert _with_gradients(mse_loss, [5.0, 1.0, -1.0, 0.0], [2.0, 2.0, -1.0, -2.0]) == (
        3.5,
        [1.5, -0.5, 0.0, 1.0],
    )


def test_hinge_loss_matches_hand_computed_numbers() -> None:
    # margins 1 − label·score: 0.5, 3, −1, 0.25; those right by more than 1 cost nothing and teach nothing
    value, gradients = _with_gradients(hinge_loss, [0.5, -2.0, -2.0, -0.75], [1, 1, -1, -1])
    assert value == 3.75 / 4.0
    assert gradients == [-0.25, -0.25, 0.0, 0.25]


@pytest.mark.parametrize("label", [1, -1])
def test_hinge_is_flat_from_the_margin_on(label: int) -> None:
    assert _with_gradients(hinge_loss, [1.0 * label], [label]) == (0.0, [0.0])


def test_binary_cross_entropy_matches_hand_computed_numbers() -> None:
    value, gradients = _with_gradients(
        binary_cross_entropy_with_logits, [0.0, 0.0, 0.0, 0.0], [0, 1, 0.5, 0.25]
    )
    assert value == pytest.approx(math.log(2.0), rel=1e-15)
    assert gradients == [0.125, -0.125, 0.0, 0.0625]  # (sigmoid(0) − t)/4


@given(st.lists(st.tuples(st.floats(-15.0, 15.0), st.floats(0.0, 1.0)), min_size=1, max_size=6))
def test_binary_cross_entropy_agrees_with_its_definition(pairs: list[tuple[float, float]]) -> None:
    logits, targets = [x for x, _ in pairs], [t for _, t in pairs]
    value, gradients = _with_gradients(binary_cross_entropy_with_logits, logits, targets)
    with mpmath.workdps(40):
        s = [1 / (1 + mpmath.exp(-mpmath.mpf(x))) for x in logits]
        terms = [t * mpmath.log(p) + (1 - mpmath.mpf(t)) * mpmath.log(1 - p) for p, t in zip(s, targets)]
        expected = float(-sum(terms) / len(terms))
        expected_gradients = [float((p - t) / len(terms)) for p, t in zip(s, targets)]
    assert math.isclose(value, expected, rel_tol=1e-13, abs_tol=1e-14)
    for actual, gradient in zip(gradients, expected_gradients, strict=True):
        assert math.isclose(actual, gradient, rel_tol=1e-13, abs_tol=1e-15)


@each_loss
def test_gradients_of_both_arguments(loss: Loss) -> None:
    """Against finite differences, predictions and (where they may vary) targets, to second order."""
    if loss is hinge_loss:
        check_grads(lambda a, b: loss([a, b], [1, -1]), [0.3, -0.4])
    else:
        check_grads(lambda a, b, s, t: loss([a, b], [s, t]), [0.3, -0.4, 0.6, 0.2])


@each_loss
def test_the_loss_is_the_mean_over_the_samples(loss: Loss) -> None:
    one = loss([Value(0.3)], [1]).data
    assert loss([Value(0.3)] * 8, [1] * 8).data == pytest.approx(one, rel=1e-15)
    both = loss([Value(0.3), Value(-2.0)], [1, 1]).data
    assert both == pytest.approx((one + loss([Value(-2.0)], [1]).data) / 2.0, rel=1e-15)


@each_loss
def test_the_loss_of_a_network_is_differentiable_in_every_parameter(loss: Loss) -> None:
    model = MLP(2, [3, 1], "tanh", seed=0)
    loss([model(x) for x in [(0.1, 0.2), (0.3, -0.4)]], [1, 1]).backward()
    assert all(p.grad != 0.0 for p in model.parameters())


# Types of numbers ---------------------------------------------------------------------------------


@each_loss
@pytest.mark.parametrize("target", [1, 1.0, True, Fraction(1), Decimal(1), Value(1.0)], ids=repr)
def test_a_target_may_be_any_real_number_or_value(loss: Loss, target: Any) -> None:
    assert loss([Value(0.25)], [target]).data == loss([Value(0.25)], [1.0]).data


@each_loss
def test_predictions_may_be_numbers_tuples_and_arrays(loss: Loss) -> None:
    import numpy as np

    expected = loss([Value(0.25), Value(-0.5)], [1.0, 1.0]).data
    for predictions in ([0.25, -0.5], (Value(0.25), -0.5), np.array([0.25, -0.5])):
        for targets in ([1, 1], (1.0, 1), np.ones(2), np.ones(2, dtype=np.int64)):
            assert loss(predictions, targets).data == expected


@each_loss
@pytest.mark.parametrize("wrong", ["1", None, 1j, [1.0]], ids=repr)
def test_non_number_raises_type_error_with_its_index(loss: Loss, wrong: Any) -> None:
    predictions, targets = NAMES[loss]
    for name, call in (
        (targets, lambda: loss([Value(0.5), Value(0.5)], [1, wrong])),
        (predictions, lambda: loss([0.5, wrong], [1, 1])),
    ):
        got = f"{type(wrong).__name__} {wrong!r}"
        message = f"{loss.__name__}() expected a real number for {name}[1], got {got}. Pass a float"
        with pytest.raises(TypeError, match=f"^{re.escape(message)}"):
            call()


@each_loss
def test_single_value_instead_of_a_sequence_raises_type_error(loss: Loss) -> None:
    for predictions, targets in ((Value(1.0), [1]), ([Value(1.0)], Value(1.0)), (Value(1.0), Value(1.0))):
        with pytest.raises(
            TypeError,
            match=rf"{loss.__name__}\(\) expected a sequence for ({'|'.join(NAMES[loss])}), got Value.* Put",
        ):
            loss(predictions, targets)


@each_loss
@pytest.mark.parametrize(("n", "m"), [(2, 1), (1, 2), (0, 1), (3, 0)])
def test_different_lengths_raise_value_error(loss: Loss, n: int, m: int) -> None:
    with pytest.raises(
        ValueError, match=f"got {n} {NAMES[loss][0]} and {m} {NAMES[loss][1]}. Pass one of each"
    ):
        loss([Value(0.5)] * n, [1] * m)


@each_loss
def test_loss_of_no_samples_raises_value_error(loss: Loss) -> None:
    with pytest.raises(ValueError, match=rf"at least one number in {NAMES[loss][0]}, got list \[\]\. Add"):
        loss([], [])


@pytest.mark.parametrize("wrong", [0, 2, 0.5, -0.5, math.inf, math.nan, 1.0 - 1e-12, Value(0.0)], ids=repr)
def test_hinge_loss_invalid_label_raises_value_error(wrong: Any) -> None:
    text = repr(wrong.data if isinstance(wrong, Value) else float(wrong))
    with pytest.raises(
        ValueError, match=rf"−1 or 1 for labels\[1\], got (float |Value\(){text}\)?\. Replace"
    ):
        hinge_loss([Value(0.5), Value(0.5)], [1, wrong])


@pytest.mark.parametrize("wrong", [-1, 2, -1e-9, 1.0 + 1e-12, math.inf, math.nan, Value(1.5)], ids=repr)
def test_binary_cross_entropy_invalid_target_raises_value_error(wrong: Any) -> None:
    text = repr(wrong.data if isinstance(wrong, Value) else float(wrong))
    with pytest.raises(
        ValueError, match=rf"from 0 to 1 for targets\[1\], got (float |Value\(){text}\)?\. Pass"
    ):
        binary_cross_entropy_with_logits([Value(0.5), Value(0.5)], [1, wrong])


# Extreme floats -----------------------------------------------------------------------------------


@each_loss
def test_nan_prediction_makes_the_loss_nan(loss: Loss) -> None:
    value, _ = _with_gradients(loss, [0.5, math.nan], [1, 1])
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("logit", "target", "expected"), [(1e4, 0, 1e4), (-1e4, 1, 1e4), (1e4, 1, 0.0), (-1e4, 0, 0.0)]
)
def test_binary_cross_entropy_of_huge_logits_is_finite(logit: float, target: int, expected: float) -> None:
    value, (gradient,) = _with_gradients(binary_cross_entropy_with_logits, [logit], [target])
    assert value == expected
    assert gradient == (0.0 if expected == 0.0 else math.copysign(1.0, logit))


def test_mse_of_huge_errors_is_infinite() -> None:
    value, (gradient,) = _with_gradients(mse_loss, [1e200], [0.0])
    assert (value, gradient) == (math.inf, 2e200)


@pytest.mark.parametrize(
    ("score", "expected", "gradient"), [(math.inf, 0.0, 0.0), (-math.inf, math.inf, -1.0)]
)
def test_hinge_of_an_infinite_score(score: float, expected: float, gradient: float) -> None:
    assert _with_gradients(hinge_loss, [score], [1]) == (expected, [gradient])


# mae and huber ------------------------------------------------------------------------------------


def test_l1_loss_matches_hand_computed_numbers() -> None:
    # errors of size 3, 1, 0, 2; the gradient is the sign, and 0 if there is no error
    assert _with_gradients(l1_loss, [5.0, 1.0, -1.0, 0.0], [2.0, 2.0, -1.0, -2.0]) == (
        1.5,
        [0.25, -0.25, 0.0, 0.25],
    )


def test_huber_loss_matches_hand_computed_numbers() -> None:
    # ½·½² within delta; 1·(3 − ½) beyond; gradients error and ±delta
    value, gradients = _with_gradients(huber_loss, [0.5, -3.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0])
    assert value == (0.125 + 2.5 + 0.5 + 0.0) / 4.0
    assert gradients == [0.125, -0.25, 0.25, 0.0]


def test_huber_loss_agrees_with_mse_and_mae_in_their_ranges() -> None:
    near, far, zeros = [0.3, -0.2], [1e9, -1e9], [0.0, 0.0]
    assert huber_loss(near, zeros, 0.5).data == pytest.approx(mse_loss(near, zeros).data / 2.0)
    assert huber_loss(far, zeros, 0.5).data == pytest.approx(0.5 * l1_loss(far, zeros).data)


@pytest.mark.parametrize("error", [1e200, math.inf])
def test_huber_loss_of_a_huge_error_has_gradient_delta(error: float) -> None:
    assert _with_gradients(huber_loss, [error], [0.0]) == (error, [1.0])


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_huber_loss_invalid_delta_raises_value_error(wrong: float) -> None:
    with pytest.raises(ValueError, match=f"a finite number above 0 for delta, got float {wrong!r}. Pass"):
        huber_loss([Value(1.0)], [0.0], wrong)


# Several outputs ----------------------------------------------------------------------------------


@each_loss
def test_loss_of_rows_is_the_mean_over_all_outputs(loss: Loss) -> None:
    import numpy as np

    rows, targets = [[0.3, -0.4, 2.0], [1.0, 0.0, -1.5]], [[1, 1, 1], [1, 1, 1]]
    flat = loss([p for row in rows for p in row], [1] * 6).data
    for predictions in (rows, [[Value(p) for p in row] for row in rows], np.array(rows)):
        assert loss(predictions, targets).data == flat
        assert loss(predictions, np.array(targets)).data == flat


@each_loss
def test_rows_of_different_widths_raise(loss: Loss) -> None:
    predictions, targets = NAMES[loss]
    message = rf"as many {targets}\[0\] as {predictions}\[0\], got 2 {predictions} and 1 {targets}\. Pass"
    with pytest.raises(ValueError, match=message):
        loss([[Value(0.5), Value(0.5)]], [[1]])
    with pytest.raises(TypeError, match=rf"real number for {predictions}\[0\], got list"):
        loss([[Value(0.5), Value(0.5)]], [1])


@pytest.mark.parametrize("loss", [mse_loss, l1_loss, huber_loss], ids=lambda f: f.__name__)
def test_nan_target_raises_value_error_with_its_index(loss: Loss) -> None:
    for missing in (math.nan, Value(math.nan)):
        with pytest.raises(
            ValueError,
            match=rf"{loss.__name__}\(\) expected a real number for targets\[1\], got nan\. Remove",
        ):
            loss([Value(0.5), Value(0.5)], [1.0, missing])


# Cross-entropy of several classes -----------------------------------------------------------------


def test_cross_entropy_matches_hand_computed_numbers() -> None:
    rows = [[Value(0.0), Value(math.log(3.0))], [Value(5.0), Value(5.0)]]
    loss = cross_entropy(rows, [1, 0])  # probabilities ¼ ¾ and ½ ½
    loss.backward()
    assert loss.data == pytest.approx((math.log(4 / 3) + math.log(2)) / 2, rel=1e-15)
    assert [[x.grad for x in row] for row in rows] == [
        pytest.approx([0.125, -0.125], rel=1e-15),
        pytest.approx([-0.25, 0.25], rel=1e-15),
    ]


@given(st.lists(st.lists(st.floats(-30.0, 30.0), min_size=3, max_size=3), min_size=1, max_size=4), st.data())
def test_cross_entropy_agrees_with_its_definition(rows: list[list[float]], data: Any) -> None:
    targets = [data.draw(st.integers(0, 2)) for _ in rows]
    leaves = [[Value(x) for x in row] for row in rows]
    loss = cross_entropy(leaves, targets)
    loss.backward()
    with mpmath.workdps(40):
        softmax = [[mpmath.exp(x) / sum(map(mpmath.exp, row)) for x in row] for row in rows]
        expected = -sum(mpmath.log(s[t]) for s, t in zip(softmax, targets)) / len(rows)
    assert math.isclose(loss.data, float(expected), rel_tol=1e-13, abs_tol=1e-14)
    for row, s, t in zip(leaves, softmax, targets, strict=True):
        for j, x in enumerate(row):
            expected_gradient = float((s[j] - (j == t)) / len(rows))
            assert math.isclose(x.grad, expected_gradient, rel_tol=1e-12, abs_tol=1e-15)


def test_cross_entropy_of_two_classes_agrees_with_binary() -> None:
    both = cross_entropy([[Value(0.3), Value(1.7)], [Value(2.0), Value(-1.0)]], [1, 1]).data
    assert both == pytest.approx(binary_cross_entropy_with_logits([1.4, -3.0], [1, 1]).data, rel=1e-14)


@pytest.mark.parametrize("shift", [0.0, 1e3, -1e3, 1e15, -1e15, 1e300])
def test_cross_entropy_of_huge_logits_is_finite(shift: float) -> None:
    row = [Value(shift), Value(shift), Value(-abs(shift) - 1000.0)]
    loss = cross_entropy([row], [0])
    loss.backward()
    assert loss.data == pytest.approx(math.log(2.0), rel=1e-15)
    assert [x.grad for x in row] == pytest.approx([-0.5, 0.5, 0.0], rel=1e-15, abs=0.0)


def test_gradients_of_cross_entropy_to_second_order() -> None:
    check_grads(lambda a, b, c: cross_entropy([[a, b, c], [c, a, b]], [2, 0]), [0.3, -0.4, 1.1])


def test_cross_entropy_accepts_arrays() -> None:
    import numpy as np

    rows, targets = [[0.3, -0.4], [1.0, 2.0]], [1, 0]
    expected = cross_entropy(rows, targets).data
    assert cross_entropy(np.array(rows), np.array(targets)).data == expected
    assert cross_entropy(tuple(map(tuple, rows)), [True, False]).data == expected


@pytest.mark.parametrize("wrong", [-1, 3, 10**9])
def test_class_out_of_range_raises_value_error_with_its_index(wrong: int) -> None:
    rows = [[Value(0.0)] * 3] * 3
    with pytest.raises(ValueError, match=rf"a class, 0 to 2, got targets\[1\] = {wrong}\. Count"):
        cross_entropy(rows, [2, wrong, 0])


@pytest.mark.parametrize("wrong", [1.0, "1", None, Value(1.0), math.nan], ids=repr)
def test_class_that_is_not_an_int_raises_type_error(wrong: Any) -> None:
    with pytest.raises(
        TypeError,
        match=rf"an int or .*, got targets\[0\] = {re.escape(repr(wrong))}, {type(wrong).__name__}\. Pass",
    ):
        cross_entropy([[Value(0.0)] * 3], [wrong])


def test_cross_entropy_of_probabilities_matches_hand_computed_numbers() -> None:
    rows = [[Value(0.0), Value(math.log(3.0))], [Value(5.0), Value(5.0)]]
    loss = cross_entropy(rows, [[0.25, 0.75], [1.0, 0.0]])  # softmax: ¼ ¾ and ½ ½
    loss.backward()
    entropy = 0.25 * math.log(4.0) + 0.75 * math.log(4 / 3)
    assert loss.data == pytest.approx((entropy + math.log(2)) / 2, rel=1e-15)
    assert [[x.grad for x in row] for row in rows] == [
        pytest.approx([0.0, 0.0], abs=1e-16),
        pytest.approx([-0.25, 0.25], rel=1e-15),
    ]


def test_one_hot_probabilities_agree_with_the_index() -> None:
    rows = [[1e15, 1e15 + 1.0, 0.0], [0.3, -0.4, 2.0]]
    assert cross_entropy(rows, [[0, 1, 0], [0, 0, 1]]).data == cross_entropy(rows, [1, 2]).data
    assert cross_entropy(rows, [1, [0, 0, 1]]).data == cross_entropy(rows, [1, 2]).data


@pytest.mark.torch
def test_probability_targets_agree_with_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rows, targets = [[0.3, -0.4, 2.0], [1.0, 2.0, -3.0]], [[0.2, 0.5, 0.3], [0.0, 0.9, 0.1]]
    leaves = [[Value(x) for x in row] for row in rows]
    loss = cross_entropy(leaves, targets)
    loss.backward()
    torch_logits = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(torch_logits, torch.tensor(targets, dtype=torch.float64))
    expected.backward()
    assert loss.data == pytest.approx(expected.item(), rel=1e-14)
    for row, gradients in zip(leaves, torch_logits.grad.tolist(), strict=True):
        assert [x.grad for x in row] == pytest.approx(gradients, rel=1e-13)


@pytest.mark.parametrize("wrong", [[0.5, 0.4], [-0.5, 1.5], [math.nan, 1.0], [0.0, 0.0], [0, 2]], ids=repr)
def test_invalid_probabilities_raise_value_error(wrong: Any) -> None:
    with pytest.raises(
        ValueError, match=rf"add up to 1, got targets\[0\] = {re.escape(repr(wrong))}\. Divide"
    ):
        cross_entropy([[Value(0.0)] * 2], [wrong])


def test_wrong_number_of_probabilities_raises_value_error() -> None:
    with pytest.raises(ValueError, match=r"2 probabilities, .*, got 3 in targets\[0\] = \[0.5, .*\. Pass"):
        cross_entropy([[Value(0.0)] * 2], [[0.5, 0.25, 0.25]])


def test_cross_entropy_of_invalid_shapes_raises() -> None:
    row = [Value(0.0), Value(1.0)]
    with pytest.raises(
        TypeError, match=r"a row of logits for each sample, got logits\[0\] = Value\(0.0\)\. Put"
    ):
        cross_entropy(row, [0, 1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"expected 2 logits .*, got 1 in logits\[1\] = .*\. Pass"):
        cross_entropy([row, row[:1]], [0, 0])
    with pytest.raises(ValueError, match=r"got 1 logits and 2 targets. Pass"):
        cross_entropy([row], [0, 1])
    with pytest.raises(ValueError, match=r"at least one number in logits, got list \[\]\. Add"):
        cross_entropy([], [])
    with pytest.raises(ValueError, match=r"at least one logit, got logits\[0\] = \[\]\. Pass"):
        cross_entropy([[]], [0])
