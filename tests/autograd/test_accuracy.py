"""Every entry of the table against mpmath: values to 1e-14, derivatives to 1e-12."""

import math
import sys
from collections.abc import Callable
from typing import Any

import pytest
from mpmath import mp

import autograd
from autograd import Value, grad
from autograd.nodes import local_derivatives
from autograd.primitives import PRIMITIVES, Primitive

from .._support.references import REFERENCES, WITHOUT_REFERENCE
from .._support.table import as_leaves, call, flat, like, ordinary_operands

EPSILON = 2.0**-52
DIGITS = 400  # of which 50 are left of a derivative of tanh or erf in the tails


#: Where terms cancel: how large they are, in ulps of which the value may be wrong.
VALUE_TERMS: dict[str, Callable[..., float]] = {
    "sum": lambda values: len(values) * math.fsum(map(abs, values)),
    "dot": lambda ws, xs, b: (len(ws) + 1) * (abs(b) + math.fsum(abs(w * x) for w, x in zip(ws, xs))),
    "logsumexp": lambda values: len(values) * (abs(max(values)) + math.log(len(values))),
}
DERIVATIVE_TERMS: dict[str, Callable[..., float]] = {
    "gelu": lambda x: 0.5 * math.erfc(-x / math.sqrt(2.0)),
    "silu": lambda x: 1.0 / (1.0 + math.exp(-x)),
}

each_entry = pytest.mark.parametrize(
    "entry", [PRIMITIVES[name] for name in REFERENCES if name in PRIMITIVES], ids=lambda e: e.name
)


def _finite(truth: Any) -> bool:
    """Return True if the true result is a real number within the normal range of float64."""
    return isinstance(truth, mp.mpf) and mp.isfinite(truth) and (truth == 0 or 1e-300 < abs(truth) < 1e300)


def _exact(operands: list[Any]) -> list[Any]:
    return like(operands, [mp.mpf(x) for x in flat(operands)])


def _truth(entry: Primitive, operands: list[Any]) -> Any:
    with mp.workdps(DIGITS):
        return REFERENCES[entry.name](*_exact(operands))


def _true_derivative(entry: Primitive, operands: list[Any], i: int) -> Any:
    with mp.workdps(DIGITS):
        numbers = flat(_exact(operands))

        def along(x: Any) -> Any:
            return REFERENCES[entry.name](*like(operands, [*numbers[:i], x, *numbers[i + 1 :]]))

        return mp.diff(along, numbers[i])


def _error(actual: float, truth: Any) -> float:
    with mp.workdps(DIGITS):
        return float(abs(mp.mpf(actual) - truth))


def test_every_entry_has_a_reference() -> None:
    assert set(PRIMITIVES) - set(REFERENCES) == WITHOUT_REFERENCE


@each_entry
def test_value_agrees_with_mpmath(entry: Primitive) -> None:
    count = 0
    for operands in ordinary_operands(entry):
        truth = _truth(entry, operands)
        if not _finite(truth):
            continue
        count += 1
        slack = EPSILON * VALUE_TERMS[entry.name](*operands) if entry.name in VALUE_TERMS else 0.0
        actual = call(entry, as_leaves(operands)).data
        assert _error(actual, truth) <= max(1e-14 * abs(truth), slack), operands
    assert count >= 20


@each_entry
def test_local_derivatives_agree_with_mpmath(entry: Primitive) -> None:
    count = 0
    for operands in ordinary_operands(entry):
        if not _finite(_truth(entry, operands)):
            continue
        for i, derivative in enumerate(local_derivatives(call(entry, as_leaves(operands)))):
            truth = _true_derivative(entry, operands, i)
            if not _finite(truth):
                continue
            count += 1
            slack = (
                4 * EPSILON * DERIVATIVE_TERMS[entry.name](*operands)
                if entry.name in DERIVATIVE_TERMS
                else 0.0
            )
            assert _error(derivative or 0.0, truth) <= max(1e-12 * abs(truth), slack), (operands, i)
    assert count >= 20


@pytest.mark.parametrize(
    "entry", [entry for entry in PRIMITIVES.values() if not entry.is_many and entry.name in REFERENCES],
    ids=lambda e: e.name,
)  # fmt: skip
def test_second_derivatives_agree_with_mpmath(entry: Primitive) -> None:
    """Entries of one operand; those of many are compared with differences, logsumexp with its Hessian."""
    count = 0
    for operands in ordinary_operands(entry)[:30]:
        if not _finite(_truth(entry, operands)):
            continue
        leaves = as_leaves(operands)
        for i, first in enumerate(grad(call(entry, leaves), leaves, create_graph=True)):
            (second,) = grad(first, leaves[i], allow_unused=True)
            with mp.workdps(50):
                numbers = _exact(operands)

                def along(x: Any, i: int = i, numbers: list[Any] = numbers) -> Any:
                    return REFERENCES[entry.name](*numbers[:i], x, *numbers[i + 1 :])

                truth = mp.diff(along, numbers[i], 2)
            if not isinstance(truth, mp.mpf):
                continue
            count += 1
            actual = 0.0 if second is None else second.data
            assert _error(actual, truth) <= 1e-10 * abs(truth) + 1e-13 * (abs(first.data) + 1.0), (
                operands,
                i,
            )
    assert count >= 10


def _smooth_derivative(f: Callable[[Any], Any], x: float, order: int) -> Any:
    """Return the derivative of that order, or None if the two sides have no common real number."""
    try:
        with mp.workdps(60):
            below, above = (mp.diff(f, mp.mpf(x), order, direction=side) for side in (-1, 1))
            agree = abs(below - above) <= mp.mpf(10) ** -20
    except ZeroDivisionError:
        return None
    return above if agree and _finite(above) | (abs(above) < 1e-30) else None


@pytest.mark.parametrize("x", [0.0, -0.0, 1.0])
@pytest.mark.parametrize(
    "entry", [entry for entry in PRIMITIVES.values() if len(entry.derivatives) == 1 and not entry.is_many],
    ids=lambda e: e.name,
)  # fmt: skip
def test_four_derivatives_agree_with_mpmath_near_a_kink(entry: Primitive, x: float) -> None:
    leaf = Value(x)
    actual: Value | None = call(entry, [leaf])
    for order in (1, 2, 3, 4):
        if actual is not None:
            (actual,) = grad(actual, leaf, create_graph=True, allow_unused=True)
        truth = _smooth_derivative(REFERENCES[entry.name], x, order)
        if truth is None:
            return
        assert math.isclose(0.0 if actual is None else actual.data, truth, rel_tol=1e-12, abs_tol=1e-14), (
            order
        )


# Tails, in which a textbook form has no digits left -----------------------------------------------

TAILS = [1e-150, 1e-20, 1e-8, 12.5, 19.5, 26.0, 37.5, 100.25, 300.0, 354.0, 600.0, 700.0, 708.0]
#: For log, log1p and sqrt, whose derivatives are normal numbers there.
FAR = [1e-300, 1e-150, 1e150, 1e300]


def _tail_points() -> list[tuple[str, float]]:
    unary = [e.name for e in PRIMITIVES.values() if len(e.derivatives) == 1 and not e.is_many]
    points = [(name, sign * x) for name in unary for x in TAILS for sign in (1.0, -1.0)]
    points += [(name, x) for name in ("log", "log1p", "sqrt") for x in FAR]
    outside = {"log": 0.0, "sqrt": 0.0, "log1p": -1.0}
    return [(name, x) for name, x in points if x > outside.get(name, -math.inf)]


def _true_derivatives(name: str, x: float) -> list[Any]:
    """Return the first and the second derivative, by central differences of 400 digits."""
    with mp.workdps(700):
        h = mp.mpf(10) ** -60 * min(1.0, abs(x))
        before, here, after = (REFERENCES[name](mp.mpf(x) + k * h) for k in (-1, 0, 1))
        return [(after - before) / (2 * h), (after - 2 * here + before) / h**2]


@pytest.mark.parametrize("name", sorted({name for name, _ in _tail_points()}))
def test_derivatives_in_the_tails_keep_their_digits(name: str) -> None:
    count = 0
    for x in (x for other, x in _tail_points() if other == name):
        leaf = Value(x)
        (first,) = grad(call(PRIMITIVES[name], [leaf]), leaf, create_graph=True)
        (second,) = grad(first, leaf, allow_unused=True)
        for actual, truth in zip((first, second), _true_derivatives(name, x), strict=True):
            if not sys.float_info.min <= abs(truth) <= sys.float_info.max:
                continue
            count += 1
            assert actual is not None
            assert _error(actual.data, truth) <= 1e-13 * abs(truth), (x, actual is second)
    assert count >= 8


@pytest.mark.parametrize("x", [19.1, 37.5, 40.0, 100.25, 300.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_gradient_of_a_saturated_unit_keeps_its_digits(name: str, sign: float, x: float) -> None:
    leaf = Value(sign * x)
    call(PRIMITIVES[name], [leaf]).backward()
    truth = _true_derivative(PRIMITIVES[name], [leaf.data], 0)
    assert 0.0 < truth < 1e-8
    assert _error(leaf.grad, truth) <= 1e-14 * truth


# Quotients whose parts are far apart --------------------------------------------------------------


def _close(actual: float, truth: Any) -> bool:
    """Return True if they agree to 1e-13; a true number beyond the floats is infinite or 0."""
    if abs(truth) > sys.float_info.max:
        return actual == math.copysign(math.inf, truth)
    return _error(actual, truth) <= max(1e-13 * abs(truth), 5e-324)


QUOTIENTS = [
    (0.0, 5e-324), (5e-324, 1e-310), (1e-308, 1e-310), (1e300, 1e200), (1e-300, 1e-100), (1.0, 1e-100),
    (0.0, 1e-155), (-0.0, 1e-155), (0.0, 1e-160), (0.0, -1e-160), (0.0, 1e-169), (1e200, 1e-200),
    (-3.0, 1e120),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), QUOTIENTS)
def test_derivatives_of_a_quotient_are_accurate_over_the_whole_range(a: float, b: float) -> None:
    leaves = [Value(a), Value(b)]
    firsts = grad(leaves[0] / leaves[1], leaves, create_graph=True)
    with mp.workdps(100):
        x, y = mp.mpf(a), mp.mpf(b)
        expected = [1 / y, -x / y**2], [[mp.zero, -1 / y**2], [-1 / y**2, 2 * x / y**3]]
    for first, truth, row in zip(firsts, *expected, strict=True):
        assert _close(first.data, truth)
        if abs(1 / y) > sys.float_info.max:  # then a product on the way to the second ones is inf · 0
            continue
        for second, bend in zip(grad(first, leaves, allow_unused=True), row, strict=True):
            assert _close(0.0 if second is None else second.data, bend), (first, second)


def test_gradient_of_a_scaled_quotient_of_zero_is_zero() -> None:
    a, b = Value(0.0), Value(1e-16)
    ((a / b) * 1e300).backward()  # −a/b² with b² = 1e−32 is 0, however large the factor
    assert b.grad == 0.0
    assert grad((Value(0.0) / b) * 1e300, b, create_graph=True)[0].data == 0.0


NEVER_RAISING: list[Callable[[Value], Value]] = [
    lambda x: x / 0.0,
    lambda x: 0.0 / (x - 1.0),
    lambda x: (x - 1.0) ** -1.0,
    lambda x: (x - 1.0).log(),
    lambda x: (x - 2.0).log(),
    lambda x: (x - 1.0).sqrt(),
    lambda x: 1e300 ** (5.0 * x),
    lambda x: (1e3 * x).exp(),
    lambda x: (x / 0.0).relu(),
    lambda x: autograd.logsumexp([x * math.inf, x]),
    lambda x: autograd.dot([x], [math.inf]),
]


@pytest.mark.parametrize("f", NEVER_RAISING)
def test_recorded_derivative_of_special_numbers_does_not_raise(f: Callable[[Value], Value]) -> None:
    x = Value(1.0)
    y: Value | None = f(x)
    for _ in range(3):
        if y is not None:
            (y,) = grad(y, x, create_graph=True, allow_unused=True)
    if y is not None and not y.is_leaf:
        y.backward()


@pytest.mark.parametrize(
    "values", [[700.0, 800.0, -900.0], [1e6, 1e6, 1e6], [-1e4, -2e4, -1e4], [-0.7, -0.7]]
)
def test_logsumexp_does_not_overflow(values: list[float]) -> None:
    leaves = [Value(x) for x in values]
    out = call(PRIMITIVES["logsumexp"], [leaves])
    out.backward()
    truth = _truth(PRIMITIVES["logsumexp"], [values])
    assert _error(out.data, truth) <= 4 * EPSILON * max(map(abs, values))
    assert math.isclose(math.fsum(leaf.grad for leaf in leaves), 1.0, rel_tol=1e-15)
