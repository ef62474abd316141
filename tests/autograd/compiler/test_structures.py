"""Samples of a batch that have another formula than the first ones."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value, compile

from ..._support.compiled import BACKENDS
from ..._support.outside import eager


def other_formula(k: int) -> Callable[[Value], Callable[[Any], Value]]:
    """The k-th sample has a formula of its own, which gives the same number at 0 and at 1."""
    return lambda w: lambda xs: autograd.sum([w * x * x if i == k else w * x for i, x in enumerate(xs)])


def other_constant(k: int) -> Callable[[Value], Callable[[Any], Value]]:
    weights = [1.0] * 40
    weights[k] = 2.0
    return lambda w: lambda xs: autograd.sum([w * x * r for x, r in zip(xs, weights)])


def other_leaf(k: int) -> Callable[[Value], Callable[[Any], Value]]:
    own = Value(2.0)
    return lambda w: lambda xs: autograd.sum([(own if i == k else w) * x for i, x in enumerate(xs)])


def other_argument(k: int) -> Callable[[Value], Callable[[Any], Value]]:
    """The k-th term reads the sample before it."""
    return lambda w: lambda xs: autograd.sum([w * xs[i - (i == k)] for i in range(len(xs))])


def other_from_there(k: int) -> Callable[[Value], Callable[[Any], Value]]:
    return lambda w: lambda xs: autograd.sum([(w * x).tanh() if i >= k else w * x for i, x in enumerate(xs)])


def other_length(k: int) -> Callable[[Value], Callable[[Any], Value]]:
    """Another formula for batches of more than k samples."""
    return lambda w: lambda xs: autograd.sum([w * x * x if len(xs) > k else w * x for x in xs])


STRUCTURES = (
    other_formula, other_constant, other_leaf, other_argument, other_from_there, other_length,
)  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("warm_up", [0.0, 1.0])
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda structure: structure.__name__)
@pytest.mark.parametrize("k", [0, 3, 9, 39])
def test_a_sample_of_another_structure(
    structure: Callable[[int], Any], k: int, warm_up: float, backend: str
) -> None:
    w = Value(2.0)
    loss = structure(k)(w)
    step = compile(loss, backend=backend)
    rng = random.Random(k)
    for call in range(8):
        xs = [warm_up if call < 3 else rng.gauss(0.0, 2.0) for _ in range(40)]
        expected = eager(loss, [w], xs)
        actual = [step(xs), w.grad]
        terms = math.fsum(abs(x) ** p for x in xs for p in (1, 2))
        assert all(abs(a - b) <= 1e-12 * abs(b) + 4e-16 * terms for a, b in zip(actual, expected)), call
    assert not step.fallbacks
