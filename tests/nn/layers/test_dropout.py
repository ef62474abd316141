"""Dropout: the share of zeros, the other numbers, and their gradients; penalties."""

import copy
import math
import random
from itertools import pairwise
from statistics import fmean
from typing import Any

import pytest

import autograd
from autograd import Value
from nn import MLP, SGD, Dropout, Layer, Sequential, l1_penalty, l2_penalty

N = 20_000


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_share_of_zeros_is_p(p: float) -> None:
    outputs = [x.data for x in Dropout(p, seed=0)([1.0] * N)]
    assert set(outputs) == {0.0, 1.0 / (1.0 - p)}
    four_deviations = 4.0 * math.sqrt(p * (1.0 - p) / N)
    assert abs(outputs.count(0.0) / N - p) < four_deviations
    assert abs(fmean(outputs) - 1.0) < four_deviations / (1.0 - p), "the expectation is the number itself"


def test_draws_are_independent() -> None:
    mask = [x.data > 0.0 for x in Dropout(0.5, seed=1)([1.0] * N)]
    both = fmean(a and b for a, b in pairwise(mask))
    assert abs(both - 0.25) < 0.02


def test_p_of_zero_and_one() -> None:
    assert [x.data for x in Dropout(0.0, seed=0)([1.0, -2.0])] == [1.0, -2.0]
    assert [x.data for x in Dropout(1.0, seed=0)([1.0, -2.0])] == [0.0, 0.0]


def test_dropout_in_evaluation_is_the_identity() -> None:
    dropout = Dropout(0.9, seed=0).eval()
    xs = [Value(1.0), Value(-2.0)]
    assert [*map(id, dropout(xs))] == [*map(id, xs)]
    assert [x.data for x in dropout((1, 2.5))] == [1.0, 2.5]


def test_evaluation_draws_nothing() -> None:
    one, other = Dropout(0.5, seed=0), Dropout(0.5, seed=0)
    one.eval()([1.0] * 10)
    assert [x.data for x in one.train()([1.0] * 50)] == [x.data for x in other([1.0] * 50)]


def test_dropout_gradient_has_the_same_factor() -> None:
    xs = [Value(3.0) for _ in range(20)]
    outputs = Dropout(0.25, seed=0)(xs)
    autograd.sum(outputs).backward()
    assert {x.grad for x in xs} == {0.0, 1.0 / 0.75}
    assert all((x.grad == 0.0) == (out.data == 0.0) for x, out in zip(xs, outputs, strict=True))


def test_seed_repeats_the_draws_and_each_call_draws_again() -> None:
    one, other = Dropout(0.5, seed=7), Dropout(0.5, seed=random.Random(7))
    first = [x.data for x in one([1.0] * 50)]
    assert [x.data for x in other([1.0] * 50)] == first
    second = [x.data for x in one([1.0] * 50)]
    assert second != first
    assert [x.data for x in Dropout(0.5, seed=8)([1.0] * 50)] != first
    random.seed(5)
    unseeded = [x.data for x in Dropout(0.5)([1.0] * 50)]
    random.seed(5)
    assert [x.data for x in Dropout(0.5)([1.0] * 50)] == unseeded


def test_copy_continues_the_draws_of_the_original() -> None:
    dropout = Dropout(0.5, seed=0)
    dropout([1.0] * 3)
    clone = copy.deepcopy(dropout)
    assert [x.data for x in clone([1.0] * 50)] == [x.data for x in dropout([1.0] * 50)]


def test_samples_of_a_batch_have_independent_draws() -> None:
    rows = Dropout(0.5, seed=0)([[1.0] * 30, [1.0] * 30])
    assert [x.data for x in rows[0]] != [x.data for x in rows[1]]


def test_dropout_in_a_network() -> None:
    model = Sequential(Layer(3, 30, seed=0), Dropout(0.5, seed=0), Layer(30, 1, "linear", seed=1))
    assert [name for name, _ in model.named_parameters()][-1] == "layers.2.neurons.0.b"
    rows = [[1.0, 2.0, 3.0]]
    assert model(rows)[0].data != model(rows)[0].data
    model.eval()
    assert model(rows)[0].data == model(rows)[0].data
    assert repr(model.layers[1]) == "Dropout(p=0.5)"


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan, math.inf])
def test_invalid_probability_raises_value_error(p: float) -> None:
    with pytest.raises(ValueError, match=f"a probability between 0 and 1 for p, got float {p}. Pass"):
        Dropout(p)


@pytest.mark.parametrize("wrong", [1.0, Value(1.0), "ab", {"a": 1.0}, [1.0, "b"]])
def test_invalid_sample_raises_type_error(wrong: Any) -> None:
    dropout = Dropout(0.5, seed=0)
    with pytest.raises(
        TypeError,
        match=r"Dropout\(\) expected a (sample or a list of samples for x|real number for x\[\d\]), got",
    ):
        dropout(wrong)
    assert [x.data for x in dropout([1.0] * 9)] == [x.data for x in Dropout(0.5, seed=0)([1.0] * 9)]


# Penalties ----------------------------------------------------------------------------------------


def test_penalties_and_their_gradients() -> None:
    values = [Value(3.0), Value(-4.0), Value(0.0)]
    for penalty, size, gradients in ((l1_penalty, 7.0, [1, -1, 0]), (l2_penalty, 25.0, [6, -8, 0])):
        for value in values:
            value.zero_grad()
        out = penalty(iter(values))
        out.backward()
        assert out.data == size
        assert [value.grad for value in values] == gradients
    assert l1_penalty([]).data == l2_penalty([]).data == 0.0


def test_half_the_l2_penalty_is_weight_decay() -> None:
    model = MLP(2, [3, 1], seed=0)
    before = [p.data for p in model.parameters()]
    (0.01 / 2.0 * l2_penalty(model.parameters())).backward()
    SGD(model.parameters(), lr=0.5).step()
    assert [p.data for p in model.parameters()] == pytest.approx([x - 0.5 * 0.01 * x for x in before])
