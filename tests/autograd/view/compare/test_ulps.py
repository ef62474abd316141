"""Counting the floats between two floats."""

import math
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.view.compare.ulps import same_number, signs_differ, ulps_between

floats = st.floats(allow_nan=False)


@given(floats, st.integers(0, 50))
def test_steps_to_the_next_float_are_counted_in_ulps(x: float, steps: int) -> None:
    y = x
    count = 0
    while count < steps and y < math.inf:
        y = math.nextafter(y, math.inf)
        count += 1
    assert ulps_between(x, y) == ulps_between(y, x) == count
    assert isinstance(ulps_between(x, y), int)


@given(floats, floats, floats)
def test_it_is_a_distance(a: float, b: float, c: float) -> None:
    assert (ulps_between(a, b) == 0) == (a == b)
    x, y, z = sorted([a, b, c])
    assert ulps_between(x, z) == ulps_between(x, y) + ulps_between(y, z)


@pytest.mark.parametrize(
    ("a", "b", "ulps"),
    [
        (math.nan, math.nan, 0),
        (math.nan, 1.0, math.inf),
        (-math.inf, math.nan, math.inf),
        (math.inf, math.inf, 0),
        (sys.float_info.max, math.inf, 1),
        (0.0, -0.0, 0),
        (0.0, 5e-324, 1),
        (1.0, 2.0, 2**52),
    ],
)
def test_special_numbers(a: float, b: float, ulps: float) -> None:
    assert ulps_between(a, b) == ulps_between(b, a) == ulps


def test_same_number_compares_bits() -> None:
    rng = random.Random(0)
    numbers = [0.0, -0.0, math.inf, -math.inf, math.nan, *(rng.gauss(0, 1) for _ in range(5))]
    for i, a in enumerate(numbers):
        for j, b in enumerate(numbers):
            assert same_number(a, b) is (i == j)
            assert signs_differ(a, b) is ({i, j} == {0, 1})
