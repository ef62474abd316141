"""Data sets: their size, balance and noise, separation by a line; splits and standardization."""

import math
import random
from collections.abc import Callable
from statistics import fmean, stdev
from typing import Any

import pytest

from nn.data import DataSet, spirals, standardize, stratified_split, two_moons, xor

each_set = pytest.mark.parametrize("make", [two_moons, spirals], ids=lambda f: f.__name__)
Maker = Callable[..., DataSet]


def _of(label: int, data: DataSet) -> list[tuple[float, float]]:
    return [x for x, y in zip(*data, strict=True) if y == label]


def test_xor_returns_its_truth_table() -> None:
    samples, labels = xor()
    assert len(samples) == len(labels) == 4
    for (a, b), label in zip(samples, labels, strict=True):
        assert label == (1 if a != b else -1)
    assert len(set(samples)) == 4


def test_xor_returns_new_lists() -> None:
    samples, labels = xor()
    samples.clear()
    labels.clear()
    assert len(xor()[0]) == len(xor()[1]) == 4


def test_xor_of_many_samples_is_around_its_corners() -> None:
    samples, labels = xor(400, noise=0.1, seed=0)
    assert samples == xor(400, noise=0.1, seed=0)[0] != xor(400, noise=0.1, seed=1)[0]
    assert labels.count(1) == labels.count(-1) == 200
    away = [c - round(c) for x in samples for c in x]
    assert stdev(away) == pytest.approx(0.1, rel=0.06)
    wrong = sum((round(a) != round(b)) != (label == 1) for (a, b), label in zip(samples, labels, strict=True))
    assert wrong == 0, "the noise is a fifth of the way to the next corner's half"
    with pytest.raises(ValueError, match=r"xor\(\) expected an int of 2 or more for n, got int 1\. Pass"):
        xor(1)


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
def test_default_is_a_hundred_samples(make: Maker) -> None:
    assert len(make()[0]) == 100


@each_set
def test_a_seed_repeats_the_samples(make: Maker) -> None:
    assert make(20, seed=1) == make(20, seed=1)
    assert make(20, seed=1) != make(20, seed=2)
    assert make(20, seed=random.Random(1)) == make(20, seed=1)


@each_set
def test_random_generator_as_seed_is_used(make: Maker) -> None:
    rng = random.Random(1)
    assert make(20, seed=rng) != make(20, seed=rng)


@each_set
def test_omitted_seed_uses_the_global_generator(make: Maker) -> None:
    state = random.getstate()
    try:
        random.seed(5)
        first, second = make(20), make(20)
        random.seed(5)
        third = make(20)
    finally:
        random.setstate(state)
    assert first == third
    assert first != second


@each_set
def test_seed_does_not_change_the_global_generator(make: Maker) -> None:
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
        differences = [a[axis] - b[axis] for a, b in zip(noisy, clean, strict=True)]
        assert abs(fmean(differences)) < 0.03
        assert stdev(differences) == pytest.approx(0.3, rel=0.06)


def test_moons_are_two_interleaved_half_circles() -> None:
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
def test_sample_is_closest_to_its_own_class(make: Maker) -> None:
    """The labels can be learned, although the inner turns of the spirals are close."""
    data = make(120, noise=0.0)
    own, other = _of(-1, data), _of(1, data)
    for i, point in enumerate(own):
        if math.hypot(*point) > 0.1:
            nearest = min(math.dist(point, p) for j, p in enumerate(own) if j != i)
            assert nearest < 0.7 * min(math.dist(point, p) for p in other)


def test_the_gap_between_the_moons_is_wider_than_their_noise() -> None:
    upper, lower = (_of(label, two_moons(400, noise=0.0)) for label in (-1, 1))
    gap = min(math.dist(a, b) for a in upper for b in lower)
    assert gap > 4 * 0.1, "four standard deviations of the default noise"


@pytest.mark.parametrize(
    "data", [xor(), two_moons(60, 0.1, seed=0), spirals(60, seed=0)], ids=["xor", "moons", "spirals"]
)
def test_no_straight_line_separates_the_classes(data: DataSet) -> None:
    """The projections of the two labels overlap in every direction."""
    for step in range(720):
        angle = math.pi * step / 720
        a, b = ([x * math.cos(angle) + y * math.sin(angle) for x, y in _of(label, data)] for label in (-1, 1))
        assert max(a) >= min(b)
        assert max(b) >= min(a)


@each_set
@pytest.mark.parametrize("wrong", [1, 0, -5, 2.0, "10", None, True], ids=repr)
def test_invalid_number_of_samples_raises(make: Maker, wrong: Any) -> None:
    with pytest.raises(
        (TypeError, ValueError),
        match=rf"{make.__name__}\(\) expected an int of 2 or more for n, got \w+ {wrong!r}\. Pass",
    ):
        make(wrong)


@each_set
@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf, -math.inf])
def test_negative_or_infinite_noise_raises_value_error(make: Maker, wrong: float) -> None:
    with pytest.raises(
        ValueError, match=f"a finite number of 0 or more for noise, got float {wrong!r}. Pass"
    ):
        make(10, noise=wrong)


@each_set
def test_noise_of_wrong_type_raises_type_error(make: Maker) -> None:
    for wrong in ("0.1", None, 1j):
        with pytest.raises(
            TypeError, match=rf"number for noise, got \w+ {wrong!r}\. Pass a float or an int\."
        ):
            make(10, noise=wrong)


@each_set
@pytest.mark.parametrize("wrong", [1.5, "1", True], ids=repr)
def test_seed_of_wrong_type_raises_type_error(make: Maker, wrong: Any) -> None:
    with pytest.raises(
        TypeError,
        match=rf"{make.__name__}\(\) expected an int, .* or None for seed, got \w+ {wrong!r}\. Pass",
    ):
        make(10, seed=wrong)


# Splits and standardization -----------------------------------------------------------------------


def test_a_split_has_each_sample_once_with_its_label() -> None:
    labels = ["a"] * 40 + ["b"] * 20 + ["c"] * 4
    training, rest = stratified_split((range(64), labels), 0.25, seed=0)
    assert sorted([*training[0], *rest[0]]) == [*range(64)]
    for samples, own in (training, rest):
        assert [labels[i] for i in samples] == own
        assert samples != sorted(samples)
    assert [rest[1].count(label) for label in "abc"] == [10, 5, 1]


def test_both_parts_of_a_split_are_well_mixed() -> None:
    """The first samples of a part are a fair draw of it."""
    labels = [0] * 100 + [1] * 100
    heads = [stratified_split((labels, labels), 0.25, seed=seed) for seed in range(200)]
    for part in (0, 1):
        ones = sum(sum(split[part][1][:10]) for split in heads)
        assert abs(ones - 1000) < 4 * 22.4, "2000 draws: 1000 expected, with deviation 22.4"
        firsts = sum(fmean(split[part][1][:10]) in (0.0, 1.0) for split in heads)
        assert firsts <= 3, "2 in 1024 are of one class by chance"


def test_split_repeats_with_its_seed_and_does_not_change_the_data() -> None:
    data = two_moons(40, seed=0)
    before = data[0][:], data[1][:]
    assert stratified_split(data, seed=1) == stratified_split(data, seed=random.Random(1))
    assert stratified_split(data, seed=1) != stratified_split(data, seed=2)
    assert data == before


@pytest.mark.parametrize("wrong", [0.0, 1.0, -0.1, 25, math.nan])
def test_invalid_share_raises_value_error(wrong: float) -> None:
    with pytest.raises(ValueError, match=rf"above 0 and below 1 for held_out, got \w+ {wrong!r}\. Pass"):
        stratified_split(two_moons(8), wrong)


def test_class_missing_in_a_part_raises_value_error() -> None:
    with pytest.raises(
        ValueError, match=r"got held_out=0\.25, .* 0 of the 1 samples with the label 7\. Change held_out"
    ):
        stratified_split(([1, 2, 3, 4, 5], [0, 0, 0, 0, 7]), 0.25)
    with pytest.raises(ValueError, match=r"in data, got 2 samples and 1 labels. Pass"):
        stratified_split(([1, 2], [0]))


def test_standardize_uses_the_training_part_only() -> None:
    training, rest = stratified_split(two_moons(80, seed=0), seed=0)
    far = [(x + 1000.0, y) for x, y in rest[0]]
    (samples, labels), (other, _), (far_samples, _) = standardize(training, rest, (far, rest[1]))
    assert labels == training[1]
    for j in (0, 1):
        column = [x[j] for x in samples]
        assert fmean(column) == pytest.approx(0.0, abs=1e-14)
        assert fmean([x * x for x in column]) == pytest.approx(1.0, rel=1e-14)
    spread = fmean([(x - fmean([x for x, _ in training[0]])) ** 2 for x, _ in training[0]]) ** 0.5
    assert [b[0] - a[0] for a, b in zip(other, far_samples, strict=True)] == pytest.approx(
        [1000.0 / spread] * len(far), rel=1e-12
    )


@pytest.mark.parametrize("constant", [0.0, 0.1, 5.0, -1e300])
def test_a_constant_feature_becomes_zero(constant: float) -> None:
    ((samples, _),) = standardize(([[constant, float(i)] for i in range(7)], [0] * 7))
    assert [x for x, _ in samples] == [0.0] * 7


def test_standardize_invalid_features_raise_value_error() -> None:
    with pytest.raises(ValueError, match=r"got nan as feature 1 of sample 0 of training. Remove"):
        standardize(([[1.0, math.nan], [2.0, 0.0]], [0, 1]))
    with pytest.raises(
        ValueError, match=r"length as the first, 2, got 1 in others\[0\]\[0\]\[0\] = \[1\.0\]\. Pass"
    ):
        standardize(([[1.0, 2.0], [2.0, 0.0]], [0, 1]), ([[1.0]], [1]))
    with pytest.raises(ValueError, match=r"at least one sample in training, got tuple \(\[\], \[\]\)\. Add"):
        standardize(([], []))
