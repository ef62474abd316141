"""First and second derivatives of every primitive over the whole range of floats, against mpmath."""

import math
import sys
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from mpmath import mp

from autograd import Value, grad
from autograd.primitives import PRIMITIVES, Primitive

from .._support.references import REFERENCES, WITHOUT_REFERENCE
from .._support.table import as_leaves, call, flat

SMALLEST_NORMAL, LARGEST = sys.float_info.min, sys.float_info.max
EPSILON = 2.0**-52

SIZES = [
    5e-324, 1e-310, SMALLEST_NORMAL, 1e-155, 1e-16, 0.01, 0.5, 1.0, 2.0, 36.0, 700.0, 2.0**53, 1e155, LARGEST,
]  # fmt: skip
FINE_SIZES = [5e-324, SMALLEST_NORMAL, LARGEST, *[10.0**k for k in range(-320, 308, 9)]]
FINE_SIZES += [0.25 * k for k in range(1, 160)] + [100.25, 354.0, 372.5, 700.0, 708.0, 710.0, 745.0, 2.0**53]
#: For every pair of them.
FINE_PAIRED_SIZES = [*SIZES, *[10.0**k for k in range(-320, 308, 25)], 1.5, 3.0, 8.5, 100.25, 2.0**53 + 2.0]


def _both_signs(sizes: list[float]) -> list[float]:
    return [0.0, *sizes, *[-x for x in sizes]]


# The truth ----------------------------------------------------------------------------------------

#: The derivatives with respect to each operand, and the second ones; None where there is none.
Truth = tuple[list[Any], list[list[Any]]]


def _erfc(x: Any) -> Any:
    return mp.erfc(x) if abs(x) < 1e6 else mp.mpf(0 if x > 0 else 2)  # mpmath raises beyond 1e150


SMOOTH = REFERENCES | {"erfc": _erfc, "gelu": lambda x: x * _erfc(-x / mp.sqrt(2)) / 2}


def _of_one(name: str, number: float) -> Truth:
    """Compute by central differences of 1,100 digits, of which the smallest second derivative keeps 300."""
    with mp.workdps(1100):
        x = mp.mpf(number)
        h = mp.mpf(10) ** -30 * min(1, abs(x) or 1)
        below, here, above = (SMOOTH[name](x + k * h) for k in (-1, 0, 1))
        if not all(isinstance(y, mp.mpf) and mp.isfinite(y) for y in (below, here, above)):
            return [None], [[None]]
        bend = (above - 2 * here + below) / h**2
        is_kink = abs(above - 2 * here + below) > mp.mpf(10) ** -20 * h
        if is_kink and number == 0.0:
            return [None], [[None]]
        return [(above - below) / (2 * h)], [[None if name == "elu" and number == 0.0 else bend]]


def _power(a: Any, b: Any) -> Any:
    """Compute a ** b for a > 0; far beyond the floats, return any number that is beyond them."""
    exponent = b * mp.log(a)
    return mp.exp(max(min(exponent, mp.mpf(10**5)), -mp.mpf(10**5)))


def _of_power(a: Any, b: Any) -> Truth:
    if a < 0 and mp.isint(b):  # with respect to b it is complex
        (first, _), ((second, _), _) = _of_power(-a, b)
        sign = 1 if mp.fmod(b, 2) == 0 else -1
        return [-sign * first, None], [[sign * second, None], [None, None]]
    if a <= 0:
        return [None, None], [[None, None], [None, None]]
    log, out, steep = mp.log(a), _power(a, b), _power(a, b - 1)
    mixed = steep * (1 + b * log)
    return [b * steep, out * log], [[b * (b - 1) * _power(a, b - 2), mixed], [mixed, out * log**2]]


def _of_quotient(a: Any, b: Any) -> Truth:
    if b == 0:
        return [None, None], [[None, None], [None, None]]
    return [1 / b, -a / b**2], [[0, -1 / b**2], [-1 / b**2, 2 * a / b**3]]


def _of_logsumexp(a: Any, b: Any) -> Truth:
    def weight(gap: Any) -> Any:
        return 1 / (1 + mp.exp(max(min(gap, mp.mpf(10**5)), -mp.mpf(10**5))))

    u, v = weight(b - a), weight(a - b)
    return [u, v], [[u * v, -u * v], [-u * v, u * v]]


def _of_larger(a: Any, b: Any) -> Truth:
    return ([None, None] if a == b else [a > b, b > a]), [[0, 0], [0, 0]]


#: The textbook's closed forms for two operands.
OF_TWO: dict[str, Callable[[Any, Any], Truth]] = {
    "add": lambda a, b: ([1, 1], [[0, 0], [0, 0]]),
    "sub": lambda a, b: ([1, -1], [[0, 0], [0, 0]]),
    "mul": lambda a, b: ([b, a], [[0, 1], [1, 0]]),
    "div": _of_quotient,
    "pow": _of_power,
    "maximum": _of_larger,
    "minimum": lambda a, b: _of_larger(b, a) if a == b else _of_larger(-a, -b),
    "sum": lambda a, b: ([1, 1], [[0, 0], [0, 0]]),
    "dot": lambda a, b: ([b, a], [[0, 1], [1, 0]]),
    "logsumexp": _of_logsumexp,
    "take": lambda a, b: ([0, 1], [[0, 0], [0, 0]]),
}
#: The operands of a primitive of many, made of two.
MANY: dict[str, Callable[[float, float], list[Any]]] = {
    "sum": lambda a, b: [[a, b]],
    "dot": lambda a, b: [[a], [b], 0.0],
    "logsumexp": lambda a, b: [[a, b]],
    "take": lambda a, b: [[a, b], 1.0],
}


@pytest.mark.parametrize("name", [name for name in OF_TWO if name not in WITHOUT_REFERENCE])
def test_closed_forms_are_the_derivatives_of_mpmath(name: str) -> None:
    def f(a: Any, b: Any) -> Any:
        return REFERENCES[name](*MANY[name](a, b) if name in MANY else (a, b))

    for a, b in [(0.7, 2.5), (3.0, -1.25), (1.5, 0.75)]:
        with mp.workdps(40):
            firsts, seconds = OF_TWO[name](mp.mpf(a), mp.mpf(b))
            for i, order in enumerate([(1, 0), (0, 1)]):
                assert mp.almosteq(firsts[i], mp.diff(f, (a, b), order), 1e-12, 1e-12)
                for j, more in enumerate([(1, 0), (0, 1)]):
                    both = (order[0] + more[0], order[1] + more[1])
                    assert mp.almosteq(seconds[i][j], mp.diff(f, (a, b), both), 1e-9, 1e-9)


# The comparison -----------------------------------------------------------------------------------


def _is_right(actual: float, truth: Any, slack: float) -> bool:
    """Return True if they agree to 1e-12, relative to the truth or the smallest normal number."""
    if truth is None:
        return True
    if abs(truth) > LARGEST:
        return not math.isfinite(actual)
    if not math.isfinite(actual):
        return False
    with mp.workdps(60):
        return abs(mp.mpf(actual) - truth) <= max(1e-12 * max(abs(truth), mp.mpf(SMALLEST_NORMAL)), slack)


def _wrong(entry: Primitive, operands: list[Any], truth: Truth) -> Iterator[tuple[int, ...]]:
    """Yield the wrong derivatives: the first operand, and the second for a second derivative."""
    leaves = flat(as_leaves(operands))[: len(truth[0])]
    arguments = iter(leaves)
    shaped = [[next(arguments) for _ in x] if isinstance(x, list) else next(arguments, x) for x in operands]
    # Where the weights of logsumexp are nearly 1, the terms w − w·w of its second derivative cancel.
    slack = 4 * EPSILON if entry.name == "logsumexp" else 0.0
    for i, first in enumerate(grad(call(entry, shaped), leaves, create_graph=True)):
        if not _is_right(first.data, truth[0][i], 0.0):
            yield (i,)
        for j, second in enumerate(grad(first, leaves, allow_unused=True)):
            if not _is_right(0.0 if second is None else second.data, truth[1][i][j], slack):
                yield i, j


def _reason(name: str, operands: list[Any], which: tuple[int, ...]) -> str | None:
    """Return the documented reason why a second derivative is not accurate, or None."""
    if name == "div" and which == (1, 1) and operands[0] == 0.0 and abs(operands[1]) < 2.0**-1024:
        return "0 / b where 1 / b overflows: 0 times infinity"
    if name == "pow" and which in ((1, 0), (1, 1)):
        power = (Value(operands[0]) ** operands[1]).data
        if not SMALLEST_NORMAL <= abs(power) <= LARGEST:
            return "a ** b with respect to b and then again, where a ** b itself overflows or underflows"
    return None


def _compare(sizes: list[float], paired_sizes: list[float]) -> tuple[int, list[str], list[str]]:
    """Return the number of points, the excluded points, and the wrong points without a reason."""
    count, excluded, wrong = 0, [], []
    for entry in PRIMITIVES.values():
        is_of_one = len(entry.derivatives) == 1 and not entry.is_many
        operand_points = _both_signs(sizes if is_of_one else paired_sizes)
        for numbers in product(operand_points, repeat=1 if is_of_one else 2):
            if is_of_one:
                truth = _of_one(entry.name, *numbers)
            else:
                with mp.workdps(400 if entry.name == "pow" and numbers[0] < 0.0 else 60):
                    truth = OF_TWO[entry.name](*map(mp.mpf, numbers))
            if all(first is None for first in truth[0]):
                continue
            count += 1
            operands = MANY[entry.name](*numbers) if entry.name in MANY else [*numbers]
            reasons = {}
            for which in _wrong(entry, operands, truth):
                reasons[which] = _reason(entry.name, operands, which)
            if None in reasons.values():
                wrong.append(f"{entry.name}{numbers}: {reasons}")
            elif reasons:
                excluded.append(f"{entry.name}{numbers}: {reasons}")
    return count, excluded, wrong


def test_every_primitive_has_a_closed_form() -> None:
    of_one = {e.name for e in PRIMITIVES.values() if len(e.derivatives) == 1 and not e.is_many}
    assert {*PRIMITIVES} == of_one | {*OF_TWO}
    assert of_one <= {*SMOOTH}


def test_derivatives_are_accurate_over_the_whole_range() -> None:
    count, excluded, wrong = _compare(SIZES, SIZES)
    assert not wrong, "\n".join(wrong)
    assert count > 7000
    assert len(excluded) <= 0.005 * count, "\n".join(excluded)


@pytest.mark.slow
def test_derivatives_are_accurate_on_a_finer_grid() -> None:
    count, excluded, wrong = _compare(FINE_SIZES, FINE_PAIRED_SIZES)
    assert not wrong, "\n".join(wrong)
    assert count > 50_000
    assert len(excluded) <= 0.005 * count, "\n".join(excluded)
