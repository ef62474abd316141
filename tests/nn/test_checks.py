"""Errors of invalid arguments name the function, the argument, the value and the remedy."""

import re
from collections.abc import Callable
from typing import Any

import pytest

import nn
from autograd import Value
from nn import MLP, LSTMCell, RNNCell
from nn.data import standardize, stratified_split, two_moons

MODEL = MLP(1, [1], seed=0)
W = Value(1.0)
PARAMETERS = "expected an iterable of Values for parameters, got"
DATA = [[1.0]], [1.0]
NUMBER = "Pass a float or an int."
PAIR_REMEDY = "Pass two lists of the same length."


def _fit_with(**options: Any) -> Any:
    return nn.fit(MODEL, DATA, nn.mse_loss, nn.SGD(MODEL.parameters()), epochs=1, **options)


def _returning(result: Any) -> Callable[..., Any]:
    return lambda *arguments: result


INVALID_CALLS: list[tuple[Callable[[], Any], str]] = [
    (lambda: nn.clip_grad_norm_(MODEL, 1.0), f"clip_grad_norm_() {PARAMETERS} MLP. Pass model.parameters()."),
    (lambda: nn.clip_grad_norm_([W], "a"), (
        f"clip_grad_norm_() expected a real number for max_norm, got str 'a'. {NUMBER}"
    )),
    (lambda: nn.clip_grad_norm_([W], 1.0, None), (
        f"clip_grad_norm_() expected a real number for norm_type, got NoneType None. {NUMBER}"
    )),
    (lambda: nn.clip_grad_value_([W], [1.0]), (
        f"clip_grad_value_() expected a real number for clip_value, got list [1.0]. {NUMBER}"
    )),
    (lambda: nn.l1_penalty(MODEL), f"l1_penalty() {PARAMETERS} MLP. Pass model.parameters()."),
    (lambda: nn.l2_penalty(W), f"l2_penalty() {PARAMETERS} Value(1.0). Pass a list of Values."),
    (lambda: nn.l1_penalty(["a"]), (
        "l1_penalty() expected Values, got parameters[0] = 'a'. Pass model.parameters()."
    )),
    (lambda: nn.l2_penalty([W, 1.0]), (
        "l2_penalty() expected Values, got parameters[1] = 1.0. Pass model.parameters()."
    )),
    (lambda: nn.StepLR(nn.SGD([W]), 2).at("a"), (
        "StepLR.at() expected an int of 0 or more for last_epoch, got str 'a'. Pass an int."
    )),
    (lambda: setattr(nn.StepLR(nn.SGD([W]), 2), "base_lr", "a"), (
        f"StepLR() expected a real number for base_lr, got str 'a'. {NUMBER}"
    )),
    (lambda: nn.LambdaLR(nn.SGD([W]), _returning("a")), (
        "LambdaLR() expected lr_lambda to return a real number, got str 'a'. Return a float or an int."
    )),
    (lambda: nn.Adam([W], betas=0.9), (
        "Adam() expected two numbers for betas, got float 0.9. "
        "Pass the decay rates of the mean and of the mean square, such as (0.9, 0.999)."
    )),
    (lambda: nn.Adam([W], betas=(0.9, "a")), (
        f"Adam() expected a real number for betas[1], got str 'a'. {NUMBER}"
    )),
    (lambda: nn.RMSprop([W], alpha=None), (
        f"RMSprop() expected a real number for alpha, got NoneType None. {NUMBER}"
    )),
    (lambda: nn.Dropout("a"), f"Dropout() expected a real number for p, got str 'a'. {NUMBER}"),
    (lambda: nn.LayerNorm(2, eps="a"), f"LayerNorm() expected a real number for eps, got str 'a'. {NUMBER}"),
    (lambda: nn.BatchNorm1d(2, momentum="a"), (
        f"BatchNorm1d() expected a real number for momentum, got str 'a'. {NUMBER}"
    )),
    (lambda: nn.huber_loss([W], [1.0], None), (
        f"huber_loss() expected a real number for delta, got NoneType None. {NUMBER}"
    )),
    (lambda: nn.accuracy([None], [1]), (
        "accuracy() expected a real number or a row of numbers for predictions[0], got NoneType None. "
        "Pass the outputs of the model."
    )),
    (lambda: nn.evaluate(None, ([], []), nn.mse_loss), (
        "evaluate() expected a Module for model, got NoneType None. Pass a model such as MLP(2, [16, 1])."
    )),
    (lambda: nn.evaluate(MODEL, 5, nn.mse_loss), (
        "evaluate() expected a pair of inputs and targets for data, got int 5. Pass (inputs, targets)."
    )),
    (lambda: nn.evaluate(MODEL, ([], []), 5), (
        "evaluate() expected a function for loss, got int 5. Pass a loss such as mse_loss."
    )),
    (lambda: nn.evaluate(MODEL, DATA, _returning("a")), (
        "evaluate() expected loss to return a real number, got str 'a'. Return a float or an int."
    )),
    (lambda: nn.functional_call(5, {}, 1.0), (
        "functional_call() expected a Module for module, got int 5. Pass a model such as MLP(2, [1])."
    )),
    (lambda: nn.functional_call(MODEL, [1.0], 1.0), (
        "functional_call() expected a mapping for parameters, got list [1.0]. "
        "Pass names mapped to Values, as in dict(model.named_parameters())."
    )),
    (lambda: nn.unroll(5, [[1.0]]), (
        "unroll() expected a function for cell, got int 5. Pass a cell such as RNNCell(1, 2)."
    )),
    (lambda: nn.unroll(RNNCell(1, 1), None), (
        "unroll() expected a sequence of inputs for sequence, got NoneType None. "
        "Pass a list with the inputs of each step."
    )),
    (lambda: _fit_with(callbacks=5), (
        "fit() expected an iterable of functions for callbacks, got int 5. Put the function into a list."
    )),
    (lambda: _fit_with(callbacks=[5]), (
        "fit() expected a function for callbacks[0], got int 5. Pass a list of functions."
    )),
    (lambda: nn.History().load_state_dict(5), (
        "History.load_state_dict() expected a mapping, got int 5. Pass the state_dict() of a History."
    )),
    (lambda: MODEL([[1.0]]), (
        "MLP() expected a real number for x[0], got list [1.0]. Call it once for each sample."
    )),
    (lambda: nn.Neuron(2)([1.0, "a"]), (
        "Neuron() expected a real number for x[1], got str 'a'. Pass a float, an int or a Value."
    )),
    (lambda: RNNCell(1, 1)(["a"]), (
        "RNNCell() expected a real number for x[0], got str 'a'. Pass a float, an int or a Value."
    )),
    (lambda: LSTMCell(1, 1)([1.0], (["a"], [1.0])), (
        "LSTMCell() expected a real number for h[0], got str 'a'. Pass a float, an int or a Value."
    )),
    (lambda: nn.cross_entropy([[0.0, W], [0.0, "a"]], [0, 1]), (
        "cross_entropy() expected a real number for logits[1][1], got str 'a'. "
        "Pass a float, an int or a Value."
    )),
    (lambda: nn.cross_entropy([[0.0, W]], [[0.5, "a"]]), (
        "cross_entropy() expected a real number for targets[0][1], got str 'a'. "
        "Pass a float, an int or a Value."
    )),
    (lambda: nn.save(MODEL, 5), (
        "save() expected a str or a Path for path, got int 5. Pass the name of a file."
    )),
    (lambda: nn.load(None), (
        "load() expected a str or a Path for path, got NoneType None. Pass the name of a file."
    )),
    (lambda: stratified_split(5), (
        f"stratified_split() expected a pair of samples and labels for data, got int 5. {PAIR_REMEDY}"
    )),
    (lambda: stratified_split(([1, 2], [0, 0]), "a"), (
        f"stratified_split() expected a real number for held_out, got str 'a'. {NUMBER}"
    )),
    (lambda: standardize(([[1.0]], [0]), [1.0]), (
        f"standardize() expected a pair of samples and labels for others[0], got list [1.0]. {PAIR_REMEDY}"
    )),
    (lambda: standardize(([1.0], [0])), (
        "standardize() expected a list of numbers for training[0][0], got float 1.0. "
        "Put the features of a sample into a list."
    )),
    (lambda: standardize(([[1.0]], [0]), ([["a"]], [0])), (
        f"standardize() expected a real number for others[0][0][0][0], got str 'a'. {NUMBER}"
    )),
    (lambda: two_moons(4, noise="a"), f"two_moons() expected a real number for noise, got str 'a'. {NUMBER}"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), INVALID_CALLS, ids=[m for _, m in INVALID_CALLS])
def test_argument_of_wrong_type_raises_type_error_with_remedy(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.StepLR(nn.SGD([W]), 2).at(-1), "StepLR.at() expected an int of 0 or more for last_epoch"),
        (lambda: nn.StepLR(nn.SGD([W]), 2, -1), "StepLR() expected a finite number of 0 or more for gamma"),
        (lambda: nn.CosineAnnealingLR(nn.SGD([W]), 2, -1), (
            "CosineAnnealingLR() expected a finite number of 0 or more for eta_min"
        )),
    ],
    ids=["last_epoch", "gamma", "eta_min"],
)  # fmt: skip
def test_negative_number_of_a_schedule_raises_value_error(call: Callable[[], Any], message: str) -> None:
    message += ", got int -1. Pass a number in this range."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


def test_unknown_activation_of_a_layer_raises_value_error() -> None:
    with pytest.raises(
        ValueError, match=r"^Layer\(\) expected the name of an activation, got str 'a'\. Use one"
    ):
        nn.Layer(1, 1, "a")


def test_unknown_nonlinearity_of_an_initializer_raises_value_error() -> None:
    message = (
        "kaiming_normal_() expected one of linear, sigmoid, tanh, relu, selu, leaky_relu for nonlinearity, "
        "got str 'a'. Choose one of them, or use a number as the gain."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        nn.init.kaiming_normal_(MODEL, nonlinearity="a")


@pytest.mark.parametrize(
    ("predictions", "error", "message"),
    [
        ("a", TypeError, "a list of predictions, got str 'a'"),
        ([], ValueError, "one prediction for an input, got list []"),
        ([W, W], ValueError, "one prediction for an input, got list [Value(1.0), Value(1.0)]"),
    ],
    ids=["str", "none", "two"],
)
def test_fit_with_invalid_predictions_raises(predictions: Any, error: Any, message: str) -> None:
    message = f"fit() expected forward to return {message}. Return one prediction for each input.\n"
    with pytest.raises(error, match=f"^{re.escape(message)}"):  # then a note with the index of the sample
        _fit_with(forward=_returning(predictions))


@pytest.mark.parametrize("checkpoint", ["a", {"epoch": 1}], ids=repr)
def test_history_with_an_invalid_checkpoint_raises_value_error(checkpoint: Any) -> None:
    history = nn.History(loss=[0.5])
    state = nn.History().state_dict() | {"checkpoint": checkpoint}
    message = (
        "History.load_state_dict() expected a dict with the keys settings, epoch, batch, total, parameters, "
        f"state, lr, schedule, buffers, best for state_dict['checkpoint'], got {type(checkpoint).__name__} "
        f"{checkpoint!r}. Pass the state_dict() of a History."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        history.load_state_dict(state)
    assert history.loss == [0.5]


def test_learning_rate_accepts_a_value_and_any_real_number() -> None:
    from fractions import Fraction

    assert nn.SGD([W], lr=Value(0.5)).lr == nn.SGD([W], lr=Fraction(1, 2)).lr == 0.5  # type: ignore[arg-type]
