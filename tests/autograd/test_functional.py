"""Jacobian, Hessian and Hessian-vector product against closed forms and mpmath."""

import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from mpmath import mp

import autograd
from autograd import Value, grad, hessian, hvp, jacobian, no_grad

POINT = [0.3, -1.2, 2.0]


def _rosenbrock(*xs: Any) -> Any:
    return sum((b - a * a) * (b - a * a) * 100.0 + (1.0 - a) * (1.0 - a) for a, b in pairwise(xs))


def _wave(x: Any, y: Any, z: Any) -> Any:
    m = autograd if isinstance(x, Value) else mp
    return m.sin(x * y) * m.exp(z) + m.sqrt(x * x + y * y + z * z) + z**3 / (1.0 + x * x)


def _partial(f: Callable[..., Any], point: list[float], *wrt: int) -> float:
    with mp.workdps(40):
        return float(mp.diff(f, tuple(map(mp.mpf, point)), tuple(wrt.count(i) for i in range(len(point)))))


def _close(actual: Any, truth: Any) -> bool:
    if isinstance(actual, list):
        return len(actual) == len(truth) and all(map(_close, actual, truth))
    return type(actual) is float and math.isclose(actual, truth, rel_tol=1e-12, abs_tol=1e-12)


@pytest.mark.parametrize("f", [_rosenbrock, _wave])
def test_derivatives_agree_with_mpmath(f: Callable[..., Any]) -> None:
    n = len(POINT)
    bends = [[_partial(f, POINT, i, j) for j in range(n)] for i in range(n)]
    v = [1.0, -0.5, 2.0]
    assert _close(jacobian(f, POINT), [_partial(f, POINT, i) for i in range(n)])
    assert _close(hessian(f, POINT), bends)
    assert _close(hvp(f, POINT, v), [math.fsum(map(lambda h, x: h * x, row, v)) for row in bends])


def test_jacobian_of_softmax() -> None:
    p = [x.data for x in autograd.softmax(POINT)]
    expected = [[p[i] * ((i == j) - p[j]) for j in range(3)] for i in range(3)]
    assert _close(jacobian(lambda *xs: autograd.softmax(xs), POINT), expected)
    assert math.isclose(math.fsum(p), 1.0, rel_tol=1e-15)


def test_jacobian_of_log_softmax() -> None:
    p = [x.data for x in autograd.softmax(POINT)]
    expected = [[(i == j) - p[j] for j in range(3)] for i in range(3)]
    assert _close(jacobian(lambda *xs: autograd.log_softmax(xs), POINT), expected)


@pytest.mark.parametrize("shift", [0.0, 1000.0, -1e6])
def test_hessian_of_logsumexp(shift: float) -> None:
    p = [x.data for x in autograd.softmax(POINT)]
    expected = [[p[i] * ((i == j) - p[j]) for j in range(3)] for i in range(3)]
    actual = hessian(lambda *xs: autograd.logsumexp(xs), [x + shift for x in POINT])
    for row, truths in zip(actual, expected, strict=True):
        for bend, truth in zip(row, truths, strict=True):
            assert math.isclose(bend, truth, rel_tol=1e-12 + 4e-16 * abs(shift))


def test_hessian_of_dot() -> None:
    expected = [[float(abs(i - j) == 2) for j in range(4)] for i in range(4)]
    assert hessian(lambda a, b, c, d: autograd.dot([a, b], [c, d], a), [1.0, 2.0, 3.0, 4.0]) == expected


def test_hessian_is_symmetric() -> None:
    rng = random.Random(0)
    point = [rng.gauss(0.0, 1.0) for _ in range(5)]
    bends = hessian(lambda *xs: autograd.sum(xs).tanh() * xs[0].exp() * xs[4], point)
    assert all(_close(bends[i][j], bends[j][i]) for i in range(5) for j in range(5))


def test_softmax_is_finite_for_any_finite_logits() -> None:
    assert [x.data for x in autograd.softmax([1e308, -1e308])] == [1.0, 0.0]
    assert [x.data for x in autograd.log_softmax([1000.0, 0.0])] == [0.0, -1000.0]
    assert autograd.softmax([]) == []
    assert autograd.softmax([5.0])[0].data == 1.0
    assert [x.data for x in autograd.softmax(x for x in (0.0, 0.0))] == [0.5, 0.5]


def test_jacobian_has_a_row_for_each_result() -> None:
    assert jacobian(lambda x, y: (x * y, y * 2.0), [2.0, 5.0]) == [[5.0, 2.0], [0.0, 2.0]]
    assert jacobian(lambda x, y: [x * y], [2.0, 5.0]) == [[5.0, 2.0]]
    assert jacobian(lambda x, y: [], [2.0, 5.0]) == []


def test_derivative_of_an_unused_argument_is_zero() -> None:
    assert jacobian(lambda x, y: y * 3.0, [2.0, 5.0]) == [0.0, 3.0]
    assert jacobian(lambda x: Value(1.0), [2.0]) == [0.0]
    assert hessian(lambda x, y: x * 3.0 + y, [2.0, 5.0]) == [[0.0, 0.0], [0.0, 0.0]]
    assert hessian(lambda x: x, [2.0]) == [[0.0]]
    assert hvp(lambda x, y: x + y, [2.0, 5.0], [1.0, 1.0]) == [0.0, 0.0]
    assert hvp(lambda x: Value(1.0), [2.0], [1.0]) == [0.0]


def test_point_may_be_of_values_and_any_numbers() -> None:
    x = Value(2.0)
    assert jacobian(lambda x, y: x * y, (x, 5)) == [5.0, 2.0]
    assert hvp(lambda x, y: x * x * y, [x, True], [Value(1.0), 1]) == [6.0, 4.0]
    assert x.grad == 0.0


@pytest.mark.parametrize("of", [jacobian, hessian, lambda f, at: hvp(f, at, [1.0])])
@pytest.mark.parametrize("at", [2.0, Value(2.0), None])
def test_point_that_is_not_a_sequence_raises_type_error(of: Callable[..., Any], at: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^\w+\(\) expected a sequence of numbers for at, got .* Pass a list with one item"
    ):
        of(lambda x: x, at)


@pytest.mark.parametrize("of", [jacobian, hessian, lambda f, at: hvp(f, at, [1.0])])
def test_point_with_a_str_raises_type_error(of: Callable[..., Any]) -> None:
    with pytest.raises(
        TypeError, match=r"^\w+\(\) expected a real number for at\[0\], got str 'x'\. Convert"
    ):
        of(lambda x: x, ["x"])


@pytest.mark.parametrize("of", [hessian, lambda f, at: hvp(f, at, [1.0])])
@pytest.mark.parametrize("result", [3.0, None, [Value(1.0)]])
def test_function_that_does_not_return_one_value_raises_type_error(
    of: Callable[..., Any], result: Any
) -> None:
    message = r"^\w+\(\) expected f to return one Value, got (float|NoneType|list) .* Compute the result"
    with pytest.raises(TypeError, match=message):
        of(lambda x: result, [1.0])


def test_jacobian_of_a_function_that_returns_a_float_raises_type_error() -> None:
    message = r"^jacobian\(\) expected f to return Values, got float 3\.0"
    with pytest.raises(TypeError, match=rf"{message}\. Compute the result"):
        jacobian(lambda x: 3.0, [1.0])
    with pytest.raises(TypeError, match=rf"{message} as result 1\. Compute the result"):
        jacobian(lambda x: [x, 3.0], [1.0])


def test_hvp_vector_of_another_length_raises_value_error() -> None:
    message = r"^hvp\(\) expected one number in v for each of the 2 in at, got 1\. Pass vectors of the same"
    with pytest.raises(ValueError, match=message):
        hvp(lambda x, y: x * y, [1.0, 2.0], [1.0])


def test_derivatives_inside_no_grad_are_computed() -> None:
    with no_grad():
        assert jacobian(lambda a: a * a, [3.0]) == [6.0]
        assert hessian(lambda a: a * a, [3.0]) == [[2.0]]
        assert hvp(lambda a: a * a, [3.0], [1.0]) == [2.0]


def test_second_derivative_behind_a_division_by_zero_is_zero() -> None:
    x = Value(-1.0)
    (first,) = grad((x / 0.0).relu(), x, create_graph=True)
    assert first.data == 0.0  # behind a dead relu, not 0·∞
    assert hessian(lambda a: (a / 0.0).relu(), [-1.0]) == [[0.0]]


@pytest.mark.parametrize("function", [autograd.softmax, autograd.log_softmax], ids=lambda f: f.__name__)
@pytest.mark.parametrize("wrong", [5, None, "5", autograd.Value(5.0)], ids=repr)
def test_logits_that_are_not_a_sequence_raise_type_error(function: Any, wrong: Any) -> None:
    message = rf"{function.__name__}\(\) expected a sequence of Values or numbers for values, got "
    with pytest.raises(TypeError, match=f"^{message}{type(wrong).__name__}[ (]"):
        function(wrong)


def test_jacobian_of_an_int_raises_type_error() -> None:
    for derive in (jacobian, hessian):
        message = (
            rf"^{derive.__name__}\(\) expected a function of Values for f, got int 5\. Pass the function"
        )
        with pytest.raises(TypeError, match=message):
            derive(5, [1.0])  # type: ignore[arg-type]
