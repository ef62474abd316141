"""Losses and softmax of logits of any size, equal, tied and infinite, against mpmath."""

import math
import sys
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from mpmath import mp

from autograd import Value, compile, grad, hessian, log_odds, log_softmax, logsumexp, softmax
from nn import binary_cross_entropy_with_logits, cross_entropy, huber_loss, mse_loss

from .._support.compiled import BACKENDS

INF, LARGEST, SMALLEST_NORMAL = math.inf, sys.float_info.max, sys.float_info.min
EPSILON = 2.0**-52

LOGITS = [
    -INF,
    -1e308,
    -1e17,
    -1e8,
    -37.0,
    -1.0,
    -1e-300,
    0.0,
    1e-300,
    1e-8,
    5.0,
    40.0,
    710.0,
    1e6,
    1e17,
    1e308,
]
#: Every row of three of them with one that is finite, and some more.
ROWS = [[*row] for row in product([*LOGITS[::2], 1e308], repeat=3) if max(row) > -INF]
ROWS += [
    [-INF, 0.0, 1.0],
    [-1e17, 5.0, -5.0],
    [-1e8, 5.0, -5.0],
    [-1e308, 1e308],
    [1e17 + 16.0, 1e17, 1e17],
    [3.0],
]
ROWS += [
    [1e6, 999999.0, 999990.0],
    [1e15, 1e15 + 1.0, 1e15 - 0.5],
    [0.0, -37.0],
    [-37.0, 1e-8],
    [-INF, 0.0, -INF],
]


@pytest.fixture(autouse=True)
def fifty_digits() -> Any:
    with mp.workdps(50):
        yield


def _gaps(row: list[float], i: int) -> list[Any]:
    """Return the differences to element i, limited to ±1e5, beyond which exp() does not change."""
    here = mp.mpf(row[i])
    return [mp.mpf(0) if x == row[i] else max(min(mp.mpf(x) - here, 10**5), -(10**5)) for x in row]


def _weights(row: list[float]) -> list[Any]:
    top = max(range(len(row)), key=row.__getitem__)
    parts = [mp.mpf(0) if x == -INF else mp.exp(gap) for x, gap in zip(row, _gaps(row, top))]
    return [part / mp.fsum(parts) for part in parts]


def _rest(row: list[float], i: int) -> Any:
    """1 − the weight of element i, with all digits."""
    return mp.fsum(w for j, w in enumerate(_weights(row)) if j != i)


def _log_weight(row: list[float], i: int) -> Any:
    if row[i] == -INF:
        return -mp.inf
    top = max(row)
    total = mp.log1p(
        mp.fsum(mp.exp(g) for j, g in enumerate(_gaps(row, row.index(top))) if j != row.index(top))
    )
    return mp.mpf(row[i]) - mp.mpf(top) - total


def _is(x: float, truth: Any, slack: float = 0.0) -> bool:
    """To 1e-12 of it, or of the smallest normal number; infinite where it is beyond the floats."""
    if abs(truth) > LARGEST:
        return x == math.copysign(INF, truth)
    return math.isfinite(x) and abs(x - truth) <= max(1e-12 * max(abs(truth), SMALLEST_NORMAL), slack)


def _with_gradients(function: Callable[[list[Value]], Value], row: list[float]) -> tuple[float, list[float]]:
    leaves = [Value(x) for x in row]
    out = function(leaves)
    out.backward()
    return out.data, [leaf.grad for leaf in leaves]


def test_cross_entropy_and_its_gradients() -> None:
    for row in ROWS:
        for target in range(len(row)):
            loss, gradients = _with_gradients(lambda xs, t=target: cross_entropy([xs], [t]), row)  # type: ignore[misc]
            assert _is(loss, -_log_weight(row, target)), (row, target, loss)
            expected = _weights(row)
            expected[target] = -_rest(row, target)
            assert all(map(_is, gradients, expected)), (row, target, gradients)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("target", [None, 1, [0.0, 1.0, 0.0]], ids=["closed over", "index", "probabilities"])
def test_compiled_cross_entropy_and_its_gradients(target: Any, backend: str) -> None:
    """It is recorded once, on plain logits; an argument that is an index selects when the program runs."""
    leaves = [Value(0.1), Value(0.2), Value(0.3)]
    arguments = [] if target is None else [target]
    step = compile(lambda *targets: cross_entropy([leaves], targets or [1]), backend=backend)
    for row in [row for row in ROWS if len(row) == 3 and -INF not in row][::5]:
        for leaf, x in zip(leaves, row, strict=True):
            leaf.data = x
            leaf.zero_grad()
        assert _is(step(*arguments), -_log_weight(row, 1)), row
        expected = _weights(row)
        expected[1] = -_rest(row, 1)
        slack = 4 * EPSILON if isinstance(target, list) else 0.0
        for leaf, truth in zip(leaves, expected, strict=True):
            assert _is(leaf.grad, truth, slack), row
    assert not step.fallbacks


@pytest.mark.parametrize("row", ROWS[::7], ids=repr)
def test_hessian_of_cross_entropy(row: list[float]) -> None:
    bends = hessian(lambda *xs: cross_entropy([xs], [0]), row)
    weights = _weights(row)
    for i, j in product(range(len(row)), repeat=2):
        truth = weights[i] * _rest(row, i) if i == j else -weights[i] * weights[j]
        assert _is(bends[i][j], truth, 4 * EPSILON), (i, j, bends)


def test_probabilities_as_targets_and_their_gradients() -> None:
    for row in ROWS:
        if -INF in row or len(row) < 3:  # 0 · −inf is nan, as in PyTorch
            continue
        for target in ([0.0, 1.0, 0.0], [0.5, 0.25, 0.25]):
            loss, gradients = _with_gradients(lambda xs, t=target: cross_entropy([xs], [t]), row)  # type: ignore[misc]
            truth = mp.fsum(-p * _log_weight(row, i) for i, p in enumerate(target))
            assert _is(loss, truth) or (loss == INF and 2 * truth > LARGEST), (row, target, loss)
            for g, w, p in zip(gradients, _weights(row), target, strict=True):
                assert _is(g, w - p, 4 * EPSILON), (row, target, gradients)


def test_logsumexp_and_its_gradients() -> None:
    for row in ROWS:
        value, gradients = _with_gradients(logsumexp, row)
        top = max(row)
        truth = mp.mpf(top) - _log_weight(row, row.index(top))
        assert _is(value, truth, 4 * EPSILON * abs(top)), (row, value)
        assert all(map(_is, gradients, _weights(row))), (row, gradients)


@pytest.mark.parametrize(("row", "digits"), [([0.0, -37.0], 8.533047625744066e-17), ([-37.0, 1e-8], None)])
def test_logsumexp_small_term_keeps_its_digits(row: list[float], digits: float | None) -> None:
    truth = mp.log(mp.fsum(map(mp.exp, row)))
    value = logsumexp([Value(x) for x in row]).data
    assert abs(value - truth) <= 1e-15 * truth
    assert digits in (value, None)


@pytest.mark.parametrize("size", [1e6, 1e9, 1e15, 1e300])
def test_gradients_of_logsumexp_sum_to_one_at_any_size(size: float) -> None:
    _, gradients = _with_gradients(logsumexp, [size, size * (1.0 - 1e-6), size])
    assert math.fsum(gradients) == pytest.approx(1.0, rel=1e-15)


def test_softmax_and_log_softmax() -> None:
    for row in ROWS:
        weights = _weights(row)
        for i, (p, log_p) in enumerate(zip(softmax(row), log_softmax(row), strict=True)):
            assert _is(p.data, weights[i]), (row, i, p)
            assert _is(log_p.data, _log_weight(row, i)), (row, i, log_p)


def test_gradients_of_softmax_and_log_softmax() -> None:
    for row in ROWS[::5]:
        weights = _weights(row)
        leaves = [Value(x) for x in row]
        for i, (p, log_p) in enumerate(zip(softmax(leaves), log_softmax(leaves), strict=True)):
            for j, (g, log_g) in enumerate(zip(grad(p, leaves), grad(log_p, leaves), strict=True)):
                assert _is(g.data, weights[i] * ((i == j) - weights[j]), 4 * EPSILON), (row, i, j)
                assert _is(log_g.data, (i == j) - weights[j], 4 * EPSILON), (row, i, j)


def test_log_odds_agrees_with_softmax() -> None:
    for row in ROWS:
        for i in range(len(row)):
            if row[i] == -INF or _rest(row, i) == 0 or len(row) == 1:
                continue
            truth = mp.log(_weights(row)[i] / _rest(row, i))
            if abs(truth) < 700:
                slack = 4 * EPSILON * (1.0 + max(abs(x - max(row)) for x in row if x - max(row) > -1e3))
                assert _is(log_odds(row, i).data, truth, slack), (row, i)


def test_log_odds_negative_and_out_of_range_index() -> None:
    assert log_odds([2.0, 5.0], -1).data == 3.0
    with pytest.raises(
        IndexError, match=r"^log_odds\(\) index 2 is out of range for 2 values\. Use an index from -2 to 1\."
    ):
        log_odds([2.0, 5.0], 2)
    with pytest.raises(TypeError):
        log_odds([2.0, 5.0], 0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [0.0, 1.0, 0.25])
def test_binary_cross_entropy_and_its_derivatives(target: float) -> None:
    for x in [*LOGITS, *[-x for x in LOGITS]]:
        gap = max(min(mp.mpf(x), 10**5), -(10**5))
        p, q = 1 / (1 + mp.exp(-gap)), 1 / (1 + mp.exp(gap))
        truth = mp.mpf(0)
        if target > 0.0:
            truth += target * (mp.log1p(mp.exp(-gap)) if x > -1e5 else mp.mpf(-x))
        if target < 1.0:
            truth += (1 - target) * (mp.log1p(mp.exp(gap)) if x < 1e5 else mp.mpf(x))
        slack = 4 * EPSILON if target == 0.25 else 0.0
        leaf = Value(x)
        loss = binary_cross_entropy_with_logits([leaf], [target])
        assert _is(loss.data, truth), (x, loss)
        (first,) = grad(loss, leaf, create_graph=True)
        assert _is(first.data, (1 - target) * p - target * q, slack), (x, first)
        assert _is(grad(first, leaf)[0].data, p * q), x


@pytest.mark.parametrize("delta", [1.0, 0.5, 1e-3])
def test_huber_loss_and_its_derivatives(delta: float) -> None:
    for size in (0.0, 5e-324, 1e-300, 1e-160, 1e-8, 0.25, 0.75, 3.0, 1e8, 1e154, 1e200, 1e308):
        for error in (size, -size):
            leaf = Value(error)
            loss = huber_loss([leaf], [0.0], delta)
            e, d = mp.mpf(error), mp.mpf(delta)
            inside = abs(e) <= d
            assert _is(loss.data, e * e / 2 if inside else d * (abs(e) - d / 2)), error
            (first,) = grad(loss, leaf, create_graph=True)
            assert _is(first.data, e if inside else math.copysign(delta, error)), error
            assert grad(first, leaf)[0].data == float(inside), error


@pytest.mark.parametrize("error", [0.0, 1e-200, 1e-154, 1.0, 1e153, 1.3e154, -1.3e154, 1.4e154, 1e200, 8e307])
def test_mse_loss_and_its_derivatives(error: float) -> None:
    leaf = Value(error)
    loss = mse_loss([leaf], [0.0])
    (first,) = grad(loss, leaf, create_graph=True)
    assert _is(loss.data, mp.mpf(error) ** 2)
    assert first.data == 2.0 * error
    assert grad(first, leaf)[0].data == 2.0
