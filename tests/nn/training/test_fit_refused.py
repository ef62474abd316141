"""fit: what is wrong is refused before anything changes, and nan before it reaches the weights."""

import math
import random
from typing import Any

import pytest

from autograd import Value
from nn import (
    MLP,
    SGD,
    History,
    StepLR,
    binary_cross_entropy_with_logits,
    cross_entropy,
    fit,
    hinge_loss,
    mse_loss,
)

from ..._support.fits import DATA, VALIDATION, Line, numbers_of


def _refused(
    error: type[Exception],
    message: str,
    *,
    model: Any = None,
    data: Any = DATA,
    loss: Any = hinge_loss,
    **more: Any,
) -> pytest.ExceptionInfo[Exception]:
    model = MLP(2, [2, 1], seed=0) if model is None else model
    before = numbers_of(model)
    optimizer = more.pop("optimizer", None) or SGD(model.parameters(), 0.1, momentum=0.5)
    with pytest.raises(error, match=message) as caught:
        fit(model, data, loss, optimizer, **({"epochs": 2, "batch_size": 4, "progress": False} | more))
    assert numbers_of(model) == before
    assert all(p.grad == 0.0 for p in model.parameters())
    assert model.training
    if getattr(optimizer, "parameters", None) == model.parameters():
        assert optimizer.state == [[0.0, 0.0]] * len(before)
    return caught


def _with(place: int, what: Any, i: int) -> Any:
    data = [*DATA[0]], [*DATA[1]]
    data[place][i] = what
    return data


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_data_that_are_not_finite(bad: float) -> None:
    import numpy as np

    _refused(ValueError, f"the input of sample 9 of data holds {bad!r}", data=_with(0, (0.5, bad), 9))
    _refused(ValueError, f"the target of sample 9 of data holds {bad!r}", data=_with(1, bad, 9))
    _refused(ValueError, "sample 2 of validation holds", validation=([(0, 0)] * 3, [1, 1, bad]))
    array = np.array(DATA[0])
    array[3, 1] = bad
    _refused(ValueError, "the input of sample 3 of data holds ", data=(array, DATA[1]))


def test_labels_out_of_range_of_the_last_sample() -> None:
    caught = _refused(ValueError, "a label of the hinge loss is −1 or 1, not 0.0", data=_with(1, 0, 10))
    assert caught.value.__notes__ == ["(with the targets of data; nothing has been changed)"]
    _refused(
        ValueError, "a probability between 0 and 1, not -1.0", loss=binary_cross_entropy_with_logits
    )  # the moons have −1 and 1
    _refused(
        ValueError, "the target of sample 10 is 2, but the classes are 0 to 1", model=MLP(2, [2], seed=0),
        loss=cross_entropy, data=(DATA[0], [0] * 10 + [2]),
    )  # fmt: skip
    _refused(ValueError, "not 0.5", validation=([(0.0, 0.0)] * 2, [1, 0.5]))


def test_a_sample_of_another_shape() -> None:
    caught = _refused(
        ValueError, "the network takes 2 inputs, but was given 3", data=_with(0, (1.0, 2.0, 3.0), 9)
    )
    assert caught.value.__notes__ == ["(with the input of sample 9 of data; nothing has been changed)"]
    _refused(TypeError, "takes a sequence of 2 inputs", data=_with(0, 1.0, 9))
    _refused(TypeError, "real number, got str", data=_with(1, "1", 9))
    _refused(TypeError, "real number, got list", data=_with(1, [1], 9))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (([], []), ValueError, "data is empty: give at least one sample"),
        (([(0.0, 0.0)], [1, 1]), ValueError, "data has 1 inputs and 2 targets; give as many of each"),
        ([(0.0, 0.0)], TypeError, "data must be a pair of inputs and targets, not list"),
        ({"x": 1, "y": 2}, TypeError, "data must be a pair of inputs and targets, not dict"),
        (None, TypeError, "data must be a pair of inputs and targets, not NoneType"),
        ((iter([(0.0, 0.0)]), [1]), TypeError, "the inputs of data must be a sequence, not list_iterator"),
        (([(0.0, 0.0)], 1), TypeError, "the targets of data must be a sequence, not int"),
    ],
)
def test_data_that_are_none(data: Any, error: Any, message: str) -> None:
    _refused(error, message, data=data)
    if data is not None:
        wanted = (
            message.replace("of data", "of validation")
            if "of data" in message
            else message.replace("data", "validation")
        )
        _refused(error, wanted, validation=data)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "patience"])
@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "3"], ids=repr)
def test_counts_are_ints_of_1_or_more(name: str, wrong: Any) -> None:
    kind = type(wrong).__name__
    error, wanted = (
        (ValueError, f"1 or more, not {wrong}")
        if kind == "int"
        else (TypeError, f"an int, not {kind} {wrong!r}")
    )
    _refused(error, f"{name} must be {wanted}", validation=VALIDATION, **{name: wrong})


def test_arguments_of_another_kind() -> None:
    _refused(TypeError, "epochs must be an int, not NoneType None", epochs=None)
    _refused(TypeError, "seed must be an int, or None", seed=random.Random(0))
    _refused(ValueError, "patience waits for the validation loss to fall: give validation data", patience=2)
    _refused(ValueError, 'schedule_every must be "epoch" or "step", not \'batch\'', schedule_every="batch")
    _refused(TypeError, "fit takes a schedule of nn, such as StepLR, not float", schedule=0.5)
    _refused(TypeError, "fit takes an optimiser of nn, such as SGD, not str", optimizer="adam")
    _refused(TypeError, "fit resumes the History of another fit, not bool", resume=True)
    other = MLP(2, [1], seed=0)
    _refused(
        ValueError, "the optimiser moves no parameter of the model", optimizer=SGD(other.parameters(), 1.0)
    )
    _refused(
        ValueError,
        "the schedule is that of another optimiser",
        schedule=StepLR(SGD(other.parameters(), 1.0), 1),
    )
    with pytest.raises(TypeError, match="fit trains a Module, not function"):
        fit(lambda x: x, DATA, hinge_loss, SGD(other.parameters(), 0.1), epochs=1)  # type: ignore[arg-type]


def test_a_schedule_that_is_not_in_charge() -> None:
    model = MLP(2, [2, 1], seed=0)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.5)
    schedule = StepLR(optimizer, 1)
    optimizer.lr = 0.7
    _refused(RuntimeError, "by something else", model=model, optimizer=optimizer, schedule=schedule)


def test_a_loss_that_is_no_value_or_hangs_in_the_air() -> None:
    for loss, error, message in [
        (lambda p, t: 1.0, TypeError, "the loss must give a Value, not float 1.0"),
        (lambda p, t: hinge_loss([x.detach() for x in p], t), ValueError, "computed from no parameter"),
        (lambda p, t: Value(1.0), ValueError, "computed from no parameter"),
    ]:
        model = MLP(2, [1], seed=0)
        before = numbers_of(model)
        with pytest.raises(error, match=message):
            fit(model, DATA, loss, SGD(model.parameters(), 0.1), epochs=1, progress=False)
        assert numbers_of(model) == before


def test_a_run_that_diverges_stops_before_the_weights_are_nan() -> None:
    model, history = Line(), History()
    data = [1e3], [1.0]
    with pytest.raises(
        FloatingPointError, match=r"the loss is inf in epoch \d+, batch 1; no step .* learning rate"
    ):
        fit(model, data, mse_loss, SGD(model.parameters(), 1.0), epochs=500, progress=False, resume=history)
    assert math.isfinite(model.slope.data)
    assert all(map(math.isfinite, history.step_loss))
    assert history.stopped == "ended by FloatingPointError"
    assert len(history.step_loss) > 10


def test_a_gradient_that_is_not_finite_is_named() -> None:
    class Root(Line):
        def __call__(self, x: float) -> Value:
            return (self.slope * x).sqrt()

    model = Root()
    with pytest.raises(FloatingPointError, match=r"the gradient of slope is -?(inf|nan) in epoch 1, batch 1"):
        fit(model, ([1.0], [1.0]), mse_loss, SGD(model.parameters(), 0.1), epochs=1, progress=False)
    assert model.slope.data == 0.0
