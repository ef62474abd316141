"""What is refused is named, with what was given and what is wanted instead."""

import re
from collections.abc import Callable
from typing import Any

import pytest

import nn
from autograd import Value
from nn import MLP, RNNCell
from nn.data import standardize, stratified_split, two_moons

MODEL = MLP(1, [1], seed=0)
W = Value(1.0)
MLP_ITSELF = "not MLP: pass model.parameters()"
ONE_VALUE = "not Value Value(1.0): pass a list of Values"
PAIR = "must be a pair of inputs and targets, not"

REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: nn.clip_grad_norm_(MODEL, 1.0), f"clipping takes a list of parameters, {MLP_ITSELF}"),
    (lambda: nn.clip_grad_norm_([W], "a"), "max_norm must be a number, not str 'a'"),
    (lambda: nn.clip_grad_norm_([W], 1.0, None), "norm_type must be a number, not NoneType None"),
    (lambda: nn.clip_grad_value_([W], [1.0]), "clip_value must be a number, not list [1.0]"),
    (lambda: nn.l1_penalty(MODEL), f"a penalty takes a list of parameters, {MLP_ITSELF}"),
    (lambda: nn.l2_penalty(W), f"a penalty takes a list of parameters, {ONE_VALUE}"),
    (lambda: nn.Adam([W], betas=0.9), "betas are two numbers, of the mean and of the mean square, not 0.9"),
    (lambda: nn.Adam([W], betas=(0.9, "a")), "betas[1] must be a number, not str 'a'"),
    (lambda: nn.RMSprop([W], alpha=None), "alpha must be a number, not NoneType None"),
    (lambda: nn.Dropout("a"), "p must be a number, not str 'a'"),
    (lambda: nn.LayerNorm(2, eps="a"), "eps must be a number, not str 'a'"),
    (lambda: nn.BatchNorm1d(2, momentum="a"), "momentum must be a number, not str 'a'"),
    (lambda: nn.huber_loss([W], [1.0], None), "delta must be a number, not NoneType None"),
    (lambda: nn.accuracy([None], [1]), (
        "Value() expected a real number for data, got NoneType None. "
        "Convert it first, for example with float()."
    )),
    (lambda: nn.evaluate(None, ([], []), nn.mse_loss), "evaluate takes a Module, not NoneType None"),
    (lambda: nn.evaluate(MODEL, 5, nn.mse_loss), f"data {PAIR} int"),
    (lambda: nn.evaluate(MODEL, ([], []), 5), "a loss is a function of predictions and targets, not int 5"),
    (lambda: nn.functional_call(5, {}, 1.0), "functional_call() takes a Module, not int 5"),
    (
        lambda: nn.functional_call(MODEL, [1.0], 1.0),
        "parameters map names to Values, as dict(model.named_parameters()) does, not list",
    ),
    (lambda: nn.unroll(5, [[1.0]]), "unroll() takes a cell, such as an RNNCell, not int 5"),
    (lambda: nn.unroll(RNNCell(1, 1), None), "the sequence must list the inputs of each step, not NoneType"),
    (lambda: stratified_split(5), "data are a pair of samples and labels, not int"),
    (lambda: stratified_split(([1, 2], [0, 0]), "a"), "held_out must be a number, not str 'a'"),
    (lambda: standardize(([[1.0]], [0]), [1.0]), "data are a pair of samples and labels, not list"),
    (lambda: two_moons(4, noise="a"), "the noise must be a number, not str 'a'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_is_of_another_kind_is_named(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        call()


def test_a_number_may_be_a_value_or_of_any_real_kind() -> None:
    from fractions import Fraction

    assert nn.SGD([W], lr=Value(0.5)).lr == nn.SGD([W], lr=Fraction(1, 2)).lr == 0.5  # type: ignore[arg-type]
