"""SGD: its update as numbers, what it moves, what it refuses."""

import math
from typing import Any

import pytest

from autograd import Value
from nn import MLP, SGD, Module, Parameter, mse_loss
from nn.optim import sgd_update


@pytest.mark.parametrize(
    ("parameter", "gradient", "lr", "expected"),
    [(2.0, -20.0, 0.01, 2.2), (1.0, 4.0, 0.25, 0.0), (1.0, 4.0, 0.0, 1.0), (-1.5, 0.0, 0.1, -1.5)],
)
def test_the_update_is_parameter_minus_lr_times_gradient(
    parameter: float, gradient: float, lr: float, expected: float
) -> None:
    assert sgd_update(parameter, gradient, lr) == expected
    moved = Parameter(parameter)
    moved.grad = gradient
    SGD([moved], lr).step()
    assert moved.data == expected


def test_three_steps_by_hand() -> None:
    w = Value(8.0)
    optimizer = SGD([w], lr=0.25)
    path = []
    for _ in range(3):  # the slope of w² is 2w, so each step halves it
        optimizer.zero_grad()
        (w * w).backward()
        optimizer.step()
        path.append(w.data)
    assert path == [4.0, 2.0, 1.0]


def test_gradients_accumulate_until_they_are_zeroed() -> None:
    w = Value(1.0)
    optimizer = SGD([w], lr=1.0)
    for _ in range(2):
        (w * 3.0).backward()
    optimizer.step()
    assert w.data == -5.0
    optimizer.zero_grad()
    assert w.grad == 0.0
    optimizer.step()
    assert w.data == -5.0


def test_a_parameter_without_a_gradient_stays() -> None:
    reached, unreached = Value(1.0), Value(1.0)
    optimizer = SGD([reached, unreached], lr=0.5)
    reached.backward()
    optimizer.step()
    assert (reached.data, unreached.data, unreached.grad) == (0.5, 1.0, None)


def test_a_step_moves_the_values_of_the_model_and_keeps_their_identity() -> None:
    model = MLP(1, [1], seed=0)
    before = model.parameters()
    numbers = [p.data for p in before]
    mse_loss([model([1.0])], [10.0]).backward()
    optimizer = SGD(model.parameters(), lr=0.1)
    optimizer.step()
    assert model.parameters() == before
    assert all(p.data > number for p, number in zip(before, numbers, strict=True))
    assert all(p.is_leaf for p in before)


def test_the_step_taken_leaves_the_graph_as_it_was_computed() -> None:
    w = Value(3.0)
    loss = w * w
    loss.backward()
    SGD([w], lr=0.5).step()
    assert w.data == 0.0
    assert loss.data == 9.0
    loss.backward()
    assert w.grad == 12.0, "6 and 6: the derivative at 3, where the loss was computed"


def test_the_learning_rate_may_be_changed_between_steps() -> None:
    w = Value(1.0)
    w.grad = 1.0
    optimizer = SGD([w], lr=0.5)
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    assert w.data == 0.25


def test_a_generator_of_parameters_is_enough() -> None:
    model = MLP(1, [1])
    assert SGD((p for _, p in model.named_parameters()), lr=1).parameters == model.parameters()


@pytest.mark.parametrize(
    "empty", [[], (), Module().parameters(), iter([])], ids=["list", "tuple", "module", "iterator"]
)
def test_no_parameters_are_refused(empty: Any) -> None:
    with pytest.raises(ValueError, match=r"no parameters to move: pass model\.parameters\(\)"):
        SGD(empty, lr=0.1)


def test_a_parameter_listed_twice_is_refused() -> None:
    w = Parameter(1.0)
    with pytest.raises(ValueError, match="listed twice"):
        SGD([w, Parameter(1.0), w], lr=0.1)
    assert len(SGD([Parameter(1.0), Parameter(1.0)], lr=0.1).parameters) == 2


@pytest.mark.parametrize("wrong", [Value(2.0) * 3.0, 1.0, None, "w", ("w", Parameter(1.0))], ids=repr)
def test_what_is_no_leaf_value_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="an optimiser moves leaf Values, not "):
        SGD([Parameter(1.0), wrong], lr=0.1)


def test_a_model_is_not_its_parameters() -> None:
    for wrong in (MLP(1, [1]), Parameter(1.0)):
        with pytest.raises(TypeError):
            SGD(wrong, lr=0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [-0.1, -1, math.nan, -math.inf, math.inf])
def test_a_learning_rate_is_finite_and_not_negative(wrong: float) -> None:
    with pytest.raises(ValueError, match=f"the learning rate must be 0 or more, and finite, not {wrong!r}"):
        SGD([Parameter(1.0)], lr=wrong)


@pytest.mark.parametrize("wrong", ["0.1", None, [0.1]], ids=repr)
def test_a_learning_rate_is_a_number(wrong: Any) -> None:
    with pytest.raises(TypeError):
        SGD([Parameter(1.0)], lr=wrong)


def test_a_refused_optimiser_moves_nothing() -> None:
    w = Parameter(1.0)
    w.grad = 1.0
    with pytest.raises(ValueError, match="learning rate"):
        SGD([w], lr=-1.0).step()
    assert (w.data, w.grad) == (1.0, 1.0)
