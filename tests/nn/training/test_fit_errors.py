"""fit: invalid arguments raise before anything changes, and a nan before it reaches the weights."""

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


def _assert_fit_raises(
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
    with pytest.raises(error, match=message) as info:
        fit(model, data, loss, optimizer, **({"epochs": 2, "batch_size": 4, "progress": False} | more))
    assert numbers_of(model) == before
    assert all(p.grad == 0.0 for p in model.parameters())
    assert model.training
    if getattr(optimizer, "parameters", None) == model.parameters():
        assert optimizer.state == [[0.0, 0.0]] * len(before)
    return info


def _with(place: int, what: Any, i: int) -> Any:
    data = [*DATA[0]], [*DATA[1]]
    data[place][i] = what
    return data


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_data_that_are_not_finite_raise_value_error(bad: float) -> None:
    import numpy as np

    _assert_fit_raises(
        ValueError,
        rf"got {bad!r} in data\[0\]\[9\], the input of sample 9\. .* Remove",
        data=_with(0, (0.5, bad), 9),
    )
    _assert_fit_raises(
        ValueError, rf"got {bad!r} in data\[1\]\[9\], the target of sample 9\.", data=_with(1, bad, 9)
    )
    _assert_fit_raises(
        ValueError, r"in validation\[1\]\[2\], the target of sample 2", validation=([(0, 0)] * 3, [1, 1, bad])
    )
    array = np.array(DATA[0])
    array[3, 1] = bad
    _assert_fit_raises(ValueError, r"in data\[0\]\[3\], the input of sample 3", data=(array, DATA[1]))


def test_invalid_label_of_the_last_sample_raises_before_training() -> None:
    info = _assert_fit_raises(ValueError, r"−1 or 1 for labels\[10\], got float 0\.0", data=_with(1, 0, 10))
    assert info.value.__notes__ == ["The error was raised with the targets of data. Nothing was changed."]
    _assert_fit_raises(
        ValueError,
        r"a probability from 0 to 1 for targets\[\d+\], got float -1\.0",
        loss=binary_cross_entropy_with_logits,
    )  # the moons have −1 and 1
    _assert_fit_raises(
        ValueError, r"a class, 0 to 1, got targets\[10\] = 2", model=MLP(2, [2], seed=0),
        loss=cross_entropy, data=(DATA[0], [0] * 10 + [2]),
    )  # fmt: skip
    _assert_fit_raises(ValueError, r"labels\[1\], got float 0\.5", validation=([(0.0, 0.0)] * 2, [1, 0.5]))


def test_sample_of_another_shape_raises_before_training() -> None:
    info = _assert_fit_raises(
        ValueError, r"MLP\(\) expected 2 numbers for x, got .* of length 3", data=_with(0, (1.0, 2.0, 3.0), 9)
    )
    assert info.value.__notes__ == [
        "The error was raised with the input of sample 9 of data. Nothing was changed."
    ]
    _assert_fit_raises(TypeError, "a sequence of 2 numbers for x, got float 1.0", data=_with(0, 1.0, 9))
    _assert_fit_raises(TypeError, r"real number for labels\[9\], got str", data=_with(1, "1", 9))
    _assert_fit_raises(TypeError, r"real number for labels\[9\], got list", data=_with(1, [1], 9))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (([], []), ValueError, r"at least one sample in data, got tuple \(\[\], \[\]\)\. Add"),
        (
            ([(0.0, 0.0)], [1, 1]),
            ValueError,
            "as many targets as inputs in data, got 1 inputs and 2 targets. Pass",
        ),
        (
            [(0.0, 0.0)],
            TypeError,
            r"a pair of inputs and targets for data, got list .*\. Pass \(inputs, targets\)",
        ),
        ({"x": 1, "y": 2}, TypeError, "a pair of inputs and targets for data, got dict"),
        (None, TypeError, "a pair of inputs and targets for data, got NoneType None"),
        (
            (iter([(0.0, 0.0)]), [1]),
            TypeError,
            r"a sequence for data\[0\], the inputs, got list_iterator .*\. Pass",
        ),
        (([(0.0, 0.0)], 1), TypeError, r"a sequence for data\[1\], the targets, got int 1"),
    ],
)
def test_invalid_data_raise(data: Any, error: Any, message: str) -> None:
    _assert_fit_raises(error, message, data=data)
    if data is not None:
        _assert_fit_raises(error, message.replace("data", "validation"), validation=data)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "patience"])
@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "3"], ids=repr)
def test_invalid_count_raises(name: str, wrong: Any) -> None:
    kind = type(wrong).__name__
    error = ValueError if kind == "int" else TypeError
    message = rf"fit\(\) expected an int of 1 or more for {name}, got {kind} {wrong!r}\. Pass"
    _assert_fit_raises(error, message, validation=VALIDATION, **{name: wrong})


def test_arguments_of_wrong_type_raise() -> None:
    _assert_fit_raises(TypeError, "an int of 1 or more for epochs, got NoneType None", epochs=None)
    _assert_fit_raises(TypeError, "an int or None for seed, got Random .*. Pass None", seed=random.Random(0))
    _assert_fit_raises(ValueError, "for patience=2, got validation=None. Pass validation=", patience=2)
    _assert_fit_raises(
        ValueError, "'epoch' or 'step' for schedule_every, got str 'batch'", schedule_every="batch"
    )
    _assert_fit_raises(TypeError, "a Schedule or None for schedule, got float 0.5. Pass", schedule=0.5)
    _assert_fit_raises(TypeError, "an Optimizer for optimizer, got str 'adam'. Pass", optimizer="adam")
    _assert_fit_raises(TypeError, "a History for resume, got bool True. Pass", resume=True)
    other = MLP(2, [1], seed=0)
    _assert_fit_raises(
        ValueError,
        r"of parameters of the model, got SGD\(3 .*\. Create it with model.parameters",
        optimizer=SGD(other.parameters(), 1.0),
    )
    _assert_fit_raises(
        ValueError,
        r"a schedule of its optimizer, got StepLR\(.* Create",
        schedule=StepLR(SGD(other.parameters(), 1.0), 1),
    )
    with pytest.raises(TypeError, match=r"fit\(\) expected a Module for model, got function .*\. Pass"):
        fit(lambda x: x, DATA, hinge_loss, SGD(other.parameters(), 0.1), epochs=1)  # type: ignore[arg-type]


def test_schedule_of_a_changed_rate_raises() -> None:
    model = MLP(2, [2, 1], seed=0)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.5)
    schedule = StepLR(optimizer, 1)
    optimizer.lr = 0.7
    _assert_fit_raises(
        RuntimeError,
        r"StepLR.step\(\) expected the learning rate 0.1, .* got 0.7",
        model=model,
        optimizer=optimizer,
        schedule=schedule,
    )


def test_loss_that_is_not_a_value_or_is_detached_raises() -> None:
    for loss, error, message in [
        (lambda p, t: 1.0, TypeError, "the loss function to return a Value, got float 1.0. Compute"),
        (
            lambda p, t: hinge_loss([x.detach() for x in p], t),
            ValueError,
            "depends on a parameter of the optimizer, got Value.* Look for",
        ),
        (
            lambda p, t: Value(1.0),
            ValueError,
            "depends on a parameter of the optimizer, got Value.* Look for",
        ),
    ]:
        model = MLP(2, [1], seed=0)
        before = numbers_of(model)
        with pytest.raises(error, match=message):
            fit(model, DATA, loss, SGD(model.parameters(), 0.1), epochs=1, progress=False)
        assert numbers_of(model) == before


def test_diverging_run_raises_before_the_weights_are_nan() -> None:
    model, history = Line(), History()
    data = [1e3], [1.0]
    with pytest.raises(
        FloatingPointError, match=r"a finite loss, got inf in epoch \d+, batch 1\. No step .* learning rate"
    ):
        fit(model, data, mse_loss, SGD(model.parameters(), 1.0), epochs=500, progress=False, resume=history)
    assert math.isfinite(model.slope.data)
    assert all(map(math.isfinite, history.step_loss))
    assert history.stopped == "ended by FloatingPointError"
    assert len(history.step_loss) > 10


def test_infinite_gradient_raises_with_the_name_of_its_parameter() -> None:
    class Root(Line):
        def __call__(self, x: float) -> Value:
            return (self.slope * x).sqrt()

    model = Root()
    with pytest.raises(
        FloatingPointError, match=r"finite gradients, got -?(inf|nan) for slope in epoch 1, batch 1\. No step"
    ):
        fit(model, ([1.0], [1.0]), mse_loss, SGD(model.parameters(), 0.1), epochs=1, progress=False)
    assert model.slope.data == 0.0


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ("abc", r"History\(\) expected a list of numbers for loss, got str 'abc'"),
        ([0.5, None], r"History\(\) expected a real number for loss\[1\], got NoneType None"),
    ],
)
def test_history_of_something_else_raises_type_error(numbers: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        History(loss=numbers)
