"""Optimizers: their updates as numbers and as graphs, their state, and invalid arguments."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, check_grads, grad
from nn import (
    MLP,
    SGD,
    Adam,
    AdamW,
    Module,
    Optimizer,
    Parameter,
    RMSprop,
    functional_call,
    load,
    mse_loss,
    save,
)
from nn.optim.updates import sgd_update

KINDS = [SGD, RMSprop, Adam, AdamW]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@pytest.mark.parametrize(
    ("parameter", "gradient", "lr", "expected"),
    [(2.0, -20.0, 0.01, 2.2), (1.0, 4.0, 0.25, 0.0), (1.0, 4.0, 0.0, 1.0), (-1.5, 0.0, 0.1, -1.5)],
)
def test_sgd_step_subtracts_lr_times_gradient(
    parameter: float, gradient: float, lr: float, expected: float
) -> None:
    assert sgd_update(parameter, gradient, lr) == expected
    p = Parameter(parameter)
    p.grad = gradient
    SGD([p], lr).step()
    assert p.data == expected


def test_sgd_three_steps_match_hand_computed_numbers() -> None:
    w = Value(8.0)
    optimizer = SGD([w], lr=0.25)
    path = []
    for _ in range(3):  # the gradient of w² is 2w, so each step halves it
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


def test_sgd_without_momentum_leaves_an_unreached_parameter() -> None:
    reached, unreached = Value(1.0), Value(1.0)
    optimizer = SGD([reached, unreached], lr=0.5)
    reached.backward()
    optimizer.step()
    assert (reached.data, unreached.data) == (0.5, 1.0)


def test_step_updates_parameters_in_place() -> None:
    model = MLP(1, [1], seed=0)
    before = model.parameters()
    numbers = [p.data for p in before]
    mse_loss([model([1.0])], [10.0]).backward()
    optimizer = SGD(model.parameters(), lr=0.1)
    optimizer.step()
    assert model.parameters() == before
    assert all(p.data > number for p, number in zip(before, numbers, strict=True))
    assert all(p.is_leaf for p in before)


def test_step_does_not_change_the_computed_graph() -> None:
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


def test_optimizer_accepts_a_generator_of_parameters() -> None:
    model = MLP(1, [1])
    assert SGD((p for _, p in model.named_parameters()), lr=1).parameters == model.parameters()


@pytest.mark.parametrize(
    "empty", [[], (), Module().parameters(), iter([])], ids=["list", "tuple", "module", "iterator"]
)
def test_optimizer_without_parameters_raises_value_error(empty: Any) -> None:
    with pytest.raises(
        ValueError, match=r"SGD\(\) expected at least one parameter, got .*\. Pass model\.parameters\(\)\."
    ):
        SGD(empty, lr=0.1)


def test_repeated_parameter_raises_value_error() -> None:
    w = Parameter(1.0)
    message = (
        r"each parameter once, got parameters\[2\] = Parameter\(1.0\), which is also parameters\[0\]\. Remove"
    )
    with pytest.raises(ValueError, match=message):
        SGD([w, Parameter(1.0), w], lr=0.1)
    assert len(SGD([Parameter(1.0), Parameter(1.0)], lr=0.1).parameters) == 2


@pytest.mark.parametrize("wrong", [Value(2.0) * 3.0, 1.0, None, "w", ("w", Parameter(1.0))], ids=repr)
def test_non_leaf_parameter_raises_type_error(wrong: Any) -> None:
    with pytest.raises(
        TypeError,
        match=r"SGD\(\) expected leaf Values, got parameters\[1\] = .*Pass leaf Values, such as",
    ):
        SGD([Parameter(1.0), wrong], lr=0.1)


def test_model_as_parameters_raises_type_error_with_remedy() -> None:
    for wrong, message in (
        (MLP(1, [1]), "MLP. Pass model.parameters()."),
        (Parameter(1.0), "Parameter(1.0). Pass a list of Values."),
        (None, "NoneType None. Pass a list of Values."),
    ):
        message = f"SGD() expected an iterable of Values for parameters, got {message}"
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            SGD(wrong, lr=0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [-0.1, -1, math.nan, -math.inf, math.inf])
def test_invalid_learning_rate_raises_value_error(wrong: float) -> None:
    with pytest.raises(ValueError, match=rf"finite number of 0 or more for lr, got \w+ {wrong!r}\. Pass"):
        SGD([Parameter(1.0)], lr=wrong)


@pytest.mark.parametrize("wrong", ["0.1", None, [0.1]], ids=repr)
def test_learning_rate_of_wrong_type_raises_type_error(wrong: Any) -> None:
    got = f"{type(wrong).__name__} {wrong!r}"
    message = f"SGD() expected a real number for lr, got {got}. Pass a float or an int."
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        SGD([Parameter(1.0)], lr=wrong)


def test_invalid_optimizer_changes_no_parameter() -> None:
    w = Parameter(1.0)
    w.grad = 1.0
    with pytest.raises(ValueError, match=r"for lr, got float -1.0"):
        SGD([w], lr=-1.0).step()
    assert (w.data, w.grad) == (1.0, 1.0)


# All optimizers -----------------------------------------------------------------------------------


def _every() -> list[Optimizer]:
    """Return one optimizer of each class, and SGD with every option."""
    return [
        SGD([Parameter(1.0)], 0.1),
        SGD([Parameter(1.0)], 0.1, momentum=0.9, weight_decay=0.1, nesterov=True),
        SGD([Parameter(1.0)], 0.1, momentum=0.9, dampening=0.5),
        RMSprop([Parameter(1.0)], 0.1, weight_decay=0.1, momentum=0.9),
        Adam([Parameter(1.0)], 0.1, weight_decay=0.1),
        AdamW([Parameter(1.0)], 0.1),
    ]


@pytest.mark.parametrize("optimizer", _every(), ids=repr)
def test_step_applies_the_rule(optimizer: Optimizer) -> None:
    (parameter,) = optimizer.parameters
    for step in range(5):
        parameter.grad = 0.5 - step
        expected, *state = type(optimizer).rule(
            parameter.data, parameter.grad, *optimizer.state[0], **optimizer.hyperparameters
        )
        optimizer.step()
        assert parameter.data == expected
        if optimizer.hyperparameters.get("momentum") != 0.0:  # without, SGD has nothing to remember
            assert optimizer.state[0] == state
        assert len(optimizer.state[0]) == len(optimizer.state_names)
        assert {type(x) for x in optimizer.state[0]} == {float}


@pytest.mark.parametrize("optimizer", _every(), ids=repr)
def test_rule_on_values_is_bit_identical_and_differentiable(optimizer: Optimizer) -> None:
    """So a step can be differentiated through, as MAML does, and compiled."""
    state = [2.0, 0.3, 0.4][: len(optimizer.state_names)]

    def update(parameter: Any, gradient: Any) -> Any:
        return type(optimizer).rule(parameter, gradient, *state, **optimizer.hyperparameters)[0]

    out = update(Value(1.5), Value(0.7))
    assert isinstance(out, Value)
    assert out.data == update(1.5, 0.7)
    check_grads(update, [1.5, 0.7])


def test_gradient_flows_through_two_steps_of_adam() -> None:
    """The gradient of the loss after two inner steps, against finite differences."""

    def after(start: float) -> tuple[Value, Value]:
        model = MLP(1, [1], seed=0)
        (weight, bias) = model.parameters()
        weight.data, bias.data = start, 0.25
        names = [name for name, _ in model.named_parameters()]
        adapted: dict[str, Any] = dict(model.named_parameters())
        states: dict[str, Any] = dict.fromkeys(names, (0.0, 0.0, 0.0))
        hyperparameters = Adam(model.parameters(), lr=0.3, eps=1e-3).hyperparameters
        for _ in range(2):
            inner = mse_loss([functional_call(model, adapted, [x]) for x in (1.0, 2.0)], [3.0, -1.5])
            gradients = grad(inner, [*adapted.values()], create_graph=True)
            for name, gradient in zip(names, gradients, strict=True):
                adapted[name], *states[name] = Adam.rule(
                    adapted[name], gradient, *states[name], **hyperparameters
                )
        return functional_call(model, adapted, [1.5]), weight

    outer, weight = after(0.5)
    outer.backward()
    h = 1e-5
    difference = (after(0.5 + h)[0].data - after(0.5 - h)[0].data) / (2 * h)
    assert math.isclose(weight.grad, difference, rel_tol=1e-7)
    assert weight.grad != pytest.approx(1.5), "what it would be if the steps were constants"


@pytest.mark.parametrize("optimizer", _every(), ids=repr)
def test_an_unreached_parameter_is_updated_with_a_gradient_of_zero(optimizer: Optimizer) -> None:
    (unreached,), zeroed = optimizer.parameters, Parameter(1.0)
    other = type(optimizer)([zeroed], **optimizer.hyperparameters)
    for gradient in (0.0, 0.0, 1.0, 0.0):
        unreached.grad = gradient or None  # which sets 0.0
        zeroed.grad = gradient
        optimizer.step()
        other.step()
        assert (unreached.data, optimizer.state) == (zeroed.data, other.state)


@each_kind
def test_weight_decay_shrinks_an_unreached_parameter(kind: Any) -> None:
    unreached = Parameter(1.0)
    kind([unreached], lr=0.05, weight_decay=0.5).step()
    assert 0.0 <= unreached.data < 1.0


def test_momentum_moves_a_parameter_whose_gradient_is_zero() -> None:
    w = Parameter(1.0)
    optimizer = SGD([w], lr=0.5, momentum=0.5)
    w.grad = 1.0
    optimizer.step()
    w.zero_grad()
    optimizer.step()
    assert w.data == 0.25  # 1 − ½·1 − ½·½


@each_kind
@pytest.mark.parametrize("slope", [math.inf, -math.inf, math.nan, 1e300, 0.0, -0.0, 5e-324])
@pytest.mark.parametrize("eps", [0.0, 1e-8])
def test_extreme_gradient_never_raises(kind: Any, slope: float, eps: float) -> None:
    """Division by 0 and overflow are as in IEEE 754, and as in PyTorch."""
    w = Parameter(1.0)
    optimizer = kind([w], lr=0.5) if kind is SGD else kind([w], lr=0.5, eps=eps)
    for _ in range(2):
        w.grad = slope
        optimizer.step()
    assert type(w.data) is float
    if kind is not SGD and eps == 0.0 and slope == 0.0:
        assert math.isnan(w.data)  # 0/0
    if math.isfinite(slope) and eps and abs(slope) <= 1e100:
        assert math.isfinite(w.data)


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["RMSprop", "Adam", "AdamW"])
@pytest.mark.parametrize("slope", [math.inf, math.nan, 1e300, 0.0, 1e-320])
@pytest.mark.parametrize("eps", [0.0, 1e-8])
def test_extreme_gradients_agree_with_pytorch(kind: str, slope: float, eps: float) -> None:
    torch = pytest.importorskip("torch")
    parameter, tensor = Parameter(1.0), torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    optimizer = {"RMSprop": RMSprop, "Adam": Adam, "AdamW": AdamW}[kind]([parameter], lr=0.5, eps=eps)
    torch_optimizer = getattr(torch.optim, kind)([tensor], lr=0.5, eps=eps)
    for _ in range(3):
        parameter.grad, tensor.grad = slope, torch.tensor([slope], dtype=torch.float64)
        optimizer.step()
        torch_optimizer.step()
        assert parameter.data == pytest.approx(tensor.item(), rel=1e-12, nan_ok=True)


def test_first_adam_step_has_size_lr() -> None:
    for slope in (1e-3, 1.0, -1e6):
        w = Parameter(0.0)
        w.grad = slope
        Adam([w], lr=0.25).step()
        assert w.data == pytest.approx(-math.copysign(0.25, slope), rel=1e-4)


def test_weight_decay_depends_on_the_gradient_in_adam_only() -> None:
    def shrinks(kind: Any, slope: float) -> float:
        decayed, plain = Parameter(10.0), Parameter(10.0)
        decayed.grad = plain.grad = slope
        kind([decayed], lr=0.1, weight_decay=0.5).step()
        kind([plain], lr=0.1, weight_decay=0.0).step()
        return plain.data - decayed.data

    assert shrinks(AdamW, 1.0) == pytest.approx(0.5) == shrinks(AdamW, 100.0)
    assert shrinks(Adam, 100.0) == pytest.approx(0.0, abs=1e-6)


# Invalid arguments --------------------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf])
def test_invalid_learning_rate_raises_in_constructor_and_assignment(kind: Any, wrong: float) -> None:
    with pytest.raises(
        ValueError,
        match=rf"{kind.__name__}\(\) expected a finite number of 0 or more for lr, got float {wrong}\. ",
    ):
        kind([Parameter(1.0)], lr=wrong)
    optimizer = kind([Parameter(1.0)], lr=0.5)
    with pytest.raises(
        ValueError,
        match=rf"{kind.__name__}\(\) expected a finite number of 0 or more for lr, got float {wrong}\. ",
    ):
        optimizer.lr = wrong
    assert optimizer.lr == 0.5


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (SGD, {"momentum": -0.1}, "of 0 or more for momentum, got float -0.1"),
        (SGD, {"momentum": math.nan}, "of 0 or more for momentum, got float nan"),
        (SGD, {"weight_decay": -1.0}, "of 0 or more for weight_decay, got float -1.0"),
        (SGD, {"dampening": math.nan}, "a finite number for dampening, got float nan"),
        (SGD, {"nesterov": True}, "nesterov=True, got momentum=0.0 and dampening=0.0. Set momentum"),
        (SGD, {"nesterov": True, "momentum": 0.5, "dampening": 0.1}, "got momentum=0.5 and dampening=0.1"),
        (RMSprop, {"alpha": 1.0}, "from 0 to below 1 for alpha, got float 1.0"),
        (RMSprop, {"alpha": -0.1}, "from 0 to below 1 for alpha, got float -0.1"),
        (RMSprop, {"eps": -1e-9}, "of 0 or more for eps, got float -1e-09"),
        (RMSprop, {"momentum": -1.0}, "of 0 or more for momentum, got float -1.0"),
        (Adam, {"betas": (1.0, 0.9)}, r"from 0 to below 1 for betas\[0\], got float 1.0"),
        (Adam, {"betas": (0.9, -0.1)}, r"from 0 to below 1 for betas\[1\], got float -0.1"),
        (Adam, {"betas": (0.9,)}, r"two numbers for betas, got tuple \(0.9,\)"),
        (Adam, {"eps": math.nan}, "of 0 or more for eps, got float nan"),
        (AdamW, {"weight_decay": -0.01}, "of 0 or more for weight_decay, got float -0.01"),
    ],
)
def test_invalid_hyperparameter_raises_value_error_with_its_name(
    kind: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind([Parameter(1.0)], **options)


@pytest.mark.parametrize("wrong", ["x", None, math.nan, [1.0]], ids=repr)
@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, n) for kind in (SGD, RMSprop, Adam, AdamW) for n in kind.hyperparameter_names if n != "nesterov"],
)
def test_hyperparameter_is_checked_when_it_is_assigned(kind: Any, name: str, wrong: Any) -> None:
    optimizer = kind([Parameter(1.0)])
    before = optimizer.hyperparameters
    with pytest.raises((TypeError, ValueError), match=rf"{kind.__name__}\(\) expected .* for {name}.*, got"):
        setattr(optimizer, name, wrong)
    assert optimizer.hyperparameters == before


@each_kind
def test_every_optimizer_rejects_invalid_parameters(kind: Any) -> None:
    w = Parameter(1.0)
    with pytest.raises(ValueError, match=r"at least one parameter, got list \[\]"):
        kind([])
    with pytest.raises(ValueError, match=r"each parameter once, got parameters\[1\]"):
        kind([w, w])
    with pytest.raises(TypeError, match=r"leaf Values, got parameters\[0\] = Value\(2.0\), the result of"):
        kind([w * 2.0])


def test_unknown_option_raises_type_error() -> None:
    with pytest.raises(TypeError, match="amsgrad"):
        Adam([Parameter(1.0)], amsgrad=True)  # type: ignore[call-arg]


def test_optimizer_repr_shows_its_settings() -> None:
    assert repr(SGD([Parameter(1.0)], 0.5)) == (
        "SGD(1 parameters, lr=0.5, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False)"
    )


# state_dict ---------------------------------------------------------------------------------------

SETTINGS: dict[Any, dict[str, Any]] = {
    SGD: {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    RMSprop: {"lr": 0.02, "momentum": 0.5},
    Adam: {"lr": 0.05, "betas": (0.8, 0.99)},
    AdamW: {"lr": 0.05, "weight_decay": 0.1},
}


def _steps(model: Any, optimizer: Optimizer, n: int) -> list[float]:
    for i in range(n):
        optimizer.zero_grad()
        mse_loss([model([0.5, -1.0 + i])], [1.0]).backward()
        optimizer.step()
    return [p.data for p in model.parameters()]


@each_kind
@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_training_resumed_from_a_file_is_bit_identical(kind: Any, suffix: str, tmp_path: Path) -> None:
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
        pytest.importorskip("numpy")
    model = MLP(2, [3, 1], seed=0)
    optimizer = kind(model.parameters(), **SETTINGS[kind])
    _steps(model, optimizer, 3)
    path = tmp_path / f"run{suffix}"
    save({"model": model, "optimizer": optimizer}, path)
    expected = _steps(model, optimizer, 4)

    other = MLP(2, [3, 1], seed=1)
    resumed = kind(other.parameters(), lr=9.0)
    state = load(path)
    other.load_state_dict(state["model"])
    resumed.load_state_dict(state["optimizer"])
    assert repr(resumed) == repr(optimizer)
    assert _steps(other, resumed, 4) == expected


def test_load_state_dict_mismatch_raises_and_changes_nothing() -> None:
    adam = Adam([Value(2.0), Value(3.0)], lr=0.1)
    right, before = adam.state_dict(), repr(adam)
    columns = right["state"]
    for wrong, error, words in (
        (
            SGD([Value(2.0)]).state_dict(),
            ValueError,
            r"in state_dict\['state'\], got step, momentum_buffer\. Pass the state_dict\(\) of another Adam",
        ),
        (Adam([Value(2.0)]).state_dict(), ValueError, r"of the 2 parameters in .*\['step'\], got 1\. Pass"),
        ({}, ValueError, "got dict {}. Pass the"),
        (None, ValueError, "got NoneType None. Pass the"),
        (
            right | {"state": columns | {"step": [1.0, "2"]}},
            TypeError,
            "number for 'step' of the state, got str '2'",
        ),
        (
            right | {"hyperparameters": right["hyperparameters"] | {"lr": -1.0}},
            ValueError,
            "for lr, got float -1.0",
        ),
    ):
        with pytest.raises(error, match=words):
            adam.load_state_dict(wrong)
        assert repr(adam) == before
        assert adam.state_dict() == right
