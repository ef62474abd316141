"""The data sets: how many, how alike, how noisy, and that no straight line separates them."""

import math
import random
from collections.abc import Callable
from statistics import fmean, stdev
from typing import Any

import pytest

from nn.data import DataSet, spirals, two_moons, xor

each_set = pytest.mark.parametrize("make", [two_moons, spirals], ids=lambda f: f.__name__)
Maker = Callable[..., DataSet]


def _of(label: int, data: DataSet) -> list[tuple[float, float]]:
    return [x for x, y in zip(*data, strict=True) if y == label]


def test_xor_is_its_truth_table() -> None:
    samples, labels = xor()
    assert len(samples) == len(labels) == 4
    for (a, b), label in zip(samples, labels, strict=True):
        assert label == (1 if a != b else -1)
    assert len(set(samples)) == 4


def test_each_call_of_xor_gives_lists_of_its_own() -> None:
    samples, labels = xor()
    samples.clear()
    labels.clear()
    assert len(xor()[0]) == len(xor()[1]) == 4


@each_set
@pytest.mark.parametrize("n", [2, 3, 10, 101])
def test_shape_and_balance(make: Maker, n: int) -> None:
    samples, labels = make(n)
    assert len(samples) == len(labels) == n
    assert set(labels) == {-1, 1}
    assert labels.count(-1) == n // 2
    assert all(type(y) is int for y in labels)
    assert all(type(x) is tuple and [*map(type, x)] == [float, float] for x in samples)
    assert all(math.isfinite(c) for x in samples for c in x)


@each_set
def test_a_hundred_samples_unless_told(make: Maker) -> None:
    assert len(make()[0]) == 100


@each_set
def test_a_seed_repeats_the_samples(make: Maker) -> None:
    assert make(20, seed=1) == make(20, seed=1)
    assert make(20, seed=1) != make(20, seed=2)
    assert make(20, seed=random.Random(1)) == make(20, seed=1)


@each_set
def test_a_generator_is_drawn_from(make: Maker) -> None:
    rng = random.Random(1)
    assert make(20, seed=rng) != make(20, seed=rng)


@each_set
def test_without_a_seed_pythons_own_generator_decides(make: Maker) -> None:
    state = random.getstate()
    try:
        random.seed(5)
        first, second = make(20), make(20)
        random.seed(5)
        again = make(20)
    finally:
        random.setstate(state)
    assert first == again
    assert first != second


@each_set
def test_a_seed_leaves_pythons_own_generator_alone(make: Maker) -> None:
    before = random.getstate()
    make(20, seed=1)
    assert random.getstate() == before


@each_set
def test_without_noise_the_seed_makes_no_difference(make: Maker) -> None:
    assert make(20, noise=0.0, seed=1) == make(20, noise=0, seed=2)


@each_set
def test_noise_is_the_standard_deviation_of_each_coordinate(make: Maker) -> None:
    clean, noisy = make(2000, noise=0.0)[0], make(2000, noise=0.3, seed=0)[0]
    for axis in (0, 1):
        moved = [a[axis] - b[axis] for a, b in zip(noisy, clean, strict=True)]
        assert abs(fmean(moved)) < 0.03
        assert stdev(moved) == pytest.approx(0.3, rel=0.06)


def test_moons_are_two_half_circles_one_in_the_bend_of_the_other() -> None:
    data = two_moons(101, noise=0.0)
    upper, lower = _of(-1, data), _of(1, data)
    for x, y in upper:
        assert math.hypot(x, y) == pytest.approx(1.0)
        assert y >= 0.0
    for x, y in lower:
        assert math.hypot(x - 1.0, y - 0.5) == pytest.approx(1.0)
        assert y <= 0.5
    assert upper[0] == pytest.approx((1.0, 0.0))
    assert upper[-1] == pytest.approx((-1.0, 0.0))
    assert lower[0] == pytest.approx((0.0, 0.5))
    assert lower[-1] == pytest.approx((2.0, 0.5))


def test_spirals_are_one_and_a_half_turns_and_opposite() -> None:
    data = spirals(200, noise=0.0)
    one, other = _of(-1, data), _of(1, data)
    assert all(math.dist(a, (-x, -y)) < 1e-12 for a, (x, y) in zip(one, other, strict=True))
    radii = [math.hypot(x, y) for x, y in one]
    assert radii == sorted(radii)
    assert radii[-1] == pytest.approx(1.0)
    turned = 0.0
    for (x1, y1), (x2, y2) in zip([(1e-9, 0.0), *one[:-1]], one, strict=True):
        turned += math.remainder(math.atan2(y2, x2) - math.atan2(y1, x1), 2.0 * math.pi)
    assert turned == pytest.approx(3.0 * math.pi)


@each_set
def test_a_sample_is_nearer_to_its_own_kind(make: Maker) -> None:
    """So that the labels can be learned at all; the innermost of the spirals lie close."""
    data = make(120, noise=0.0)
    own, other = _of(-1, data), _of(1, data)
    for i, point in enumerate(own):
        if math.hypot(*point) > 0.1:
            nearest = min(math.dist(point, p) for j, p in enumerate(own) if j != i)
            assert nearest < 0.7 * min(math.dist(point, p) for p in other)


def test_the_gap_between_the_moons_is_wider_than_their_noise() -> None:
    upper, lower = (_of(label, two_moons(400, noise=0.0)) for label in (-1, 1))
    gap = min(math.dist(a, b) for a in upper for b in lower)
    assert gap > 4 * 0.1, "four standard deviations of the noise unless told"


@pytest.mark.parametrize(
    "data", [xor(), two_moons(60, 0.1, seed=0), spirals(60, seed=0)], ids=["xor", "moons", "spirals"]
)
def test_no_straight_line_separates_them(data: DataSet) -> None:
    """Whatever its direction, the projections of the two labels overlap."""
    for step in range(720):
        angle = math.pi * step / 720
        a, b = ([x * math.cos(angle) + y * math.sin(angle) for x, y in _of(label, data)] for label in (-1, 1))
        assert max(a) >= min(b)
        assert max(b) >= min(a)


@each_set
@pytest.mark.parametrize("wrong", [1, 0, -5, 2.0, "10", None, True], ids=repr)
def test_a_number_of_samples_below_two_or_no_int_is_refused(make: Maker, wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="number of samples must be an int of 2 or more, not "):
        make(wrong)


@each_set
@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf, -math.inf])
def test_negative_or_endless_noise_is_refused(make: Maker, wrong: float) -> None:
    with pytest.raises(ValueError, match=f"noise must be 0 or more, not {wrong!r}"):
        make(10, noise=wrong)


@each_set
def test_noise_that_is_no_number_is_refused(make: Maker) -> None:
    for wrong in ("0.1", None, 1j):
        with pytest.raises(TypeError):
            make(10, noise=wrong)


@each_set
@pytest.mark.parametrize("wrong", [1.5, "1", True], ids=repr)
def test_a_seed_of_another_kind_is_refused(make: Maker, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"a seed is an int or a random\.Random"):
        make(10, seed=wrong)
