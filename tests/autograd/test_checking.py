"""check_grads() reports a wrong rule by its primitive and operand, and passes correct rules."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import GradientError, Value, check_grads
from autograd.operations import FUNCTIONS

from .._support.table import temporary_primitive


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (lambda w, x, y: (w * x - y) ** 2, [2.0, 5.0, 12.0]),
        (lambda x: x.sin().exp() / (1.0 + x * x), [0.7]),
        (lambda x, y: x**y, [2.0, -1.5]),
        (lambda *xs: autograd.logsumexp(xs), [0.3, -1.0, 2.0]),
        (lambda *xs: -autograd.log_softmax(xs)[1], [0.3, -1.0, 2.0]),
        (lambda a, b: autograd.dot([a, b], [b, 2.0], a).tanh(), [0.3, -0.4]),
        (lambda x: x * 1e8, [3e5]),
        (lambda x: x, [1.0]),
        (lambda x: Value(3.0), [1.0]),
        (lambda x: x.relu() + abs(x), [-1.0]),
        (lambda x: x.sin(), [1000.0]),
        (lambda x: x.log(), [1e-3]),
        (lambda x: 1.0 / x, [0.01]),
        (lambda x, y: x.sin() * y, [1000.0, 1e-3]),
        (lambda x: x.relu() + abs(x), [1e-4]),
    ],
)
def test_right_function_passes(f: Callable[..., Value], at: list[float]) -> None:
    check_grads(f, at)
    check_grads(f, at, order=3, tolerance=1e-5)


def test_wrong_rule_is_named() -> None:
    with (
        temporary_primitive(
            "crooked",
            lambda m, a, b: a * m.sin(b),
            lambda m, out, a, b: m.sin(b),
            lambda m, out, a, b: a * m.sin(b),
            doc="its second rule is wrong",
        ) as entry,
        pytest.raises(GradientError, match=r"The rule of crooked for operand 1 returns .* at \[1\.2, 0\.89"),
    ):
        check_grads(lambda x: FUNCTIONS[entry.name](x * 2.0, x + 0.3), [0.6], order=1)


def test_wrong_rule_of_many_operands_is_named() -> None:
    with (
        temporary_primitive(
            "crooked",
            lambda m, values: m.sum(m.each(values, lambda x: x * x)),
            lambda m, out, values: m.each(values, lambda x: x),
            operands="values*",
            doc="its rule is half of what it should be",
        ) as entry,
        pytest.raises(
            GradientError, match=r"The rule of crooked for operand 0 .* Correct that rule in the table"
        ),
    ):
        check_grads(lambda x, y: FUNCTIONS[entry.name]([x, y, 1.0]), [0.6, 2.0], order=1)


def test_small_mistake_is_found() -> None:
    with (
        temporary_primitive(
            "crooked", lambda m, x: m.exp(x), lambda m, out, x: out * 1.0001, doc="wrong by 1e-4"
        ) as entry,
        pytest.raises(GradientError, match="The rule of crooked for operand 0 "),
    ):
        check_grads(FUNCTIONS[entry.name], [0.6], order=1)


def test_rule_whose_second_derivative_is_wrong_is_found_at_order_two() -> None:
    """The rule of ``bent`` returns the correct number, but uses a primitive whose rule is wrong."""
    with (
        temporary_primitive(
            "crooked_cos",
            lambda m, x: m.cos(x),
            lambda m, out, x: m.sin(x),
            doc="its rule lacks a sign",
        ),
        temporary_primitive(
            "bent", lambda m, x: m.sin(x), lambda m, out, x: m.crooked_cos(x), doc="sin"
        ) as entry,
    ):
        check_grads(FUNCTIONS[entry.name], [0.6], order=1)
        with pytest.raises(GradientError, match="The rule of crooked_cos for operand 0 "):
            check_grads(FUNCTIONS[entry.name], [0.6], order=2)


def test_kink_is_distinguished_from_a_wrong_rule() -> None:
    with pytest.raises(
        GradientError, match=r"relu has a kink in operand 0 at \[0\.0\], where .* Choose another point"
    ):
        check_grads(lambda x: (x - 1.0).relu() * 3.0, [1.0], order=1)
    with pytest.raises(GradientError, match="Each rule alone agrees, so the function is not smooth here"):
        check_grads(lambda x, y: x.maximum(y), [2.0, 2.0])


def test_function_that_changes_is_found() -> None:
    calls = iter(range(1000))
    with pytest.raises(GradientError, match="returns other results at each call"):
        check_grads(lambda x: x * float(next(calls)), [1.0], order=1)


def test_gradient_error_is_an_assertion_error() -> None:
    assert issubclass(GradientError, AssertionError)


@pytest.mark.parametrize(
    ("option", "wrong", "error", "expected"),
    [
        ("order", 0, ValueError, "an int of 1 or more for order, got int 0. The default is 2."),
        ("order", -1, ValueError, "an int of 1 or more for order, got int -1. The default is 2."),
        ("order", "a", TypeError, "an int of 1 or more for order, got str 'a'. The default is 2."),
        ("directions", 0, ValueError, "an int of 1 or more for directions, got int 0. The default is 3."),
        ("directions", None, TypeError, "an int of 1 or more for directions, got NoneType None. The default"),
        (
            "tolerance",
            -1,
            ValueError,
            "a number of 0 or more for tolerance, got int -1. The default",
        ),
        (
            "tolerance",
            math.nan,
            ValueError,
            "a number of 0 or more for tolerance, got float nan. The",
        ),
        ("tolerance", "a", TypeError, "a real number for tolerance, got str 'a'. Convert it first"),
        ("seed", [1], TypeError, "an int for seed, got list [1]. The default is 0."),
    ],
)
def test_check_grads_with_an_invalid_option_raises(
    option: str, wrong: Any, error: type[Exception], expected: str
) -> None:
    with pytest.raises(error, match=rf"^check_grads\(\) expected {re.escape(expected)}"):
        check_grads(lambda x: x, [1.0], **{option: wrong})


def test_check_grads_at_a_pole_raises_value_error() -> None:
    message = r"^check_grads\(\) expected f to be finite at the point, got inf at \[0\.0\]\. Choose another"
    with pytest.raises(ValueError, match=message):
        check_grads(lambda x: 1.0 / x, [0.0])


@pytest.mark.parametrize(
    ("f", "at", "message"),
    [
        (lambda x: 3.0, [1.0], r"^check_grads\(\) expected f to return one Value, got float 3\.0"),
        (lambda x: x, 1.0, r"^check_grads\(\) expected a sequence of numbers for at, got float 1\.0"),
        (lambda x: x, ["1"], r"^check_grads\(\) expected a real number for at\[0\], got str '1'"),
    ],
)
def test_check_grads_of_an_invalid_argument_raises_type_error(f: Any, at: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        check_grads(f, at)


def test_check_with_a_seed_repeats() -> None:
    points: list[list[float]] = [[], []]
    for point in points:
        check_grads(lambda x, point=point: point.append(x.data) or x.exp(), [0.5], seed=3)
    assert points[0] == points[1]
    other: list[float] = []
    check_grads(lambda x: other.append(x.data) or x.exp(), [0.5], seed=4)
    assert other != points[0]


def test_check_does_not_change_the_values_of_the_point() -> None:
    x = Value(0.5)
    check_grads(lambda v: v.exp(), [x])
    assert (x.data, x.grad) == (0.5, 0.0)
    assert math.isfinite(x.data)
