"""Everything that is in nn, compiled: a test for each module, loss, optimizer and schedule.

What is added to nn without a case here makes a test fail.
"""

import inspect
import random
from collections.abc import Callable
from typing import Any

import pytest

import nn
from autograd import CompileWarning, Value, compile

from ..._support.compiled import BACKENDS

each_backend = pytest.mark.parametrize("backend", BACKENDS)

RNG = random.Random(11)
XS = [[RNG.gauss(0.0, 1.0) for _ in range(3)] for _ in range(5)]
YS = [RNG.gauss(0.0, 1.0) for _ in XS]

Predict = Callable[[Any], list[Value]]

#: A network with each module in it: the network, and its answer to each sample.
MODULES: dict[str, Callable[[], tuple[nn.Module, Predict]]] = {}
#: Layers that cannot be traced, and the reason in the warning.
FALLBACKS = {"BatchNorm1d": "running statistics", "Dropout": "random numbers"}


def module(make: Callable[[], tuple[nn.Module, Predict]]) -> Callable[[], tuple[nn.Module, Predict]]:
    MODULES[make.__name__] = make
    return make


@module
def Neuron() -> tuple[nn.Module, Predict]:
    model = nn.Neuron(3, "tanh", seed=0)
    return model, lambda xs: [model(x) for x in xs]


@module
def Layer() -> tuple[nn.Module, Predict]:
    model = nn.Layer(3, 2, "gelu", seed=0, fused=False)
    return model, lambda xs: [a * b for a, b in map(model, xs)]


@module
def MLP() -> tuple[nn.Module, Predict]:
    model = nn.MLP(3, [4, 1], "relu", seed=0)
    return model, lambda xs: [model(x) for x in xs]


def _sequential(*inside: nn.Module) -> tuple[nn.Module, Predict]:
    model = nn.Sequential(nn.Layer(3, 4, "linear", seed=0), *inside, nn.Layer(4, 1, "linear", seed=1))
    return model, model


@module
def Sequential() -> tuple[nn.Module, Predict]:
    return _sequential(nn.Layer(4, 4, "elu", seed=2))


@module
def Activation() -> tuple[nn.Module, Predict]:
    return _sequential(nn.Activation("silu"))


@module
def LayerNorm() -> tuple[nn.Module, Predict]:
    return _sequential(nn.LayerNorm(4), nn.Activation("relu"))


@module
def RMSNorm() -> tuple[nn.Module, Predict]:
    return _sequential(nn.RMSNorm(4), nn.Activation("softplus"))


@module
def BatchNorm1d() -> tuple[nn.Module, Predict]:
    return _sequential(nn.BatchNorm1d(4), nn.Activation("relu"))


@module
def Dropout() -> tuple[nn.Module, Predict]:
    return _sequential(nn.Dropout(0.5, seed=3))


class _Recurrent(nn.Module):
    def __init__(self, cell: Any) -> None:
        self.cell, self.head = cell, nn.Neuron(2, "linear", seed=1)

    def __call__(self, xs: Any, truncate: int | None = None) -> list[Value]:
        outputs, _ = nn.unroll(self.cell, xs, truncate=truncate)
        return [self.head(h) for h in outputs]


@module
def RNNCell() -> tuple[nn.Module, Predict]:
    model = _Recurrent(nn.RNNCell(3, 2, seed=0))
    return model, model


@module
def LSTMCell() -> tuple[nn.Module, Predict]:
    model = _Recurrent(nn.LSTMCell(3, 2, seed=0))
    return model, model


@module
def detached() -> tuple[nn.Module, Predict]:
    model = _Recurrent(nn.LSTMCell(3, 2, seed=0))
    return model, lambda xs: model(xs, truncate=2)


OPTIMIZERS: dict[str, Callable[[list[Value]], Any]] = {
    "SGD": lambda p: nn.SGD(p, lr=0.05, momentum=0.5),
    "RMSprop": lambda p: nn.RMSprop(p, lr=0.01),
    "Adam": lambda p: nn.Adam(p, lr=0.01),
    "AdamW": lambda p: nn.AdamW(p, lr=0.01),
}
SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: nn.StepLR(o, step_size=2, gamma=0.5),
    "CosineAnnealingLR": lambda o: nn.CosineAnnealingLR(o, T_max=5),
    "LinearLR": lambda o: nn.LinearLR(o, total_iters=3),
    "LambdaLR": lambda o: nn.LambdaLR(o, lambda step: 0.9**step),
}
#: For each loss its outputs for a sample, and its targets, of which each call has others.
LOSSES: dict[str, tuple[int, Callable[[random.Random], Any]]] = {
    "mse_loss": (1, lambda rng: rng.gauss(0.0, 1.0)),
    "l1_loss": (1, lambda rng: rng.gauss(0.0, 1.0)),
    "huber_loss": (1, lambda rng: rng.gauss(0.0, 3.0)),
    "hinge_loss": (1, lambda rng: rng.choice([-1, 1])),
    "binary_cross_entropy_with_logits": (1, lambda rng: rng.uniform(0.1, 0.9)),
    "cross_entropy": (3, lambda rng: rng.randrange(3)),
}
PENALTIES = ("l1_penalty", "l2_penalty")


def test_there_is_a_case_for_everything_in_nn() -> None:
    kinds = {name: getattr(nn, name) for name in nn.__all__}
    classes = {name: kind for name, kind in kinds.items() if inspect.isclass(kind)}
    modules = {n for n, c in classes.items() if issubclass(c, nn.Module) and c is not nn.Module}
    assert modules == {*MODULES} - {"detached"}
    optimizers = {n for n, c in classes.items() if issubclass(c, nn.Optimizer) and c is not nn.Optimizer}
    assert optimizers == {*OPTIMIZERS}
    schedules = {n for n, c in classes.items() if issubclass(c, nn.Schedule) and c is not nn.Schedule}
    assert schedules == {*SCHEDULES}
    assert {n for n in kinds if n.endswith("_loss") or "cross_entropy" in n} == {*LOSSES}
    assert {n for n in kinds if n.endswith("_penalty")} == {*PENALTIES}


def trained(
    make: Callable[[], tuple[nn.Module, Predict]],
    optimizer: str,
    backend: str | None,
    *,
    schedule: str = "",
    objective: Callable[..., Value] = nn.mse_loss,
    steps: int = 5,
) -> tuple[list[float], list[float], Any]:
    """Take steps, by hand or compiled; return the losses, all numbers of the model, and the step."""
    model, predict = make()
    moving = OPTIMIZERS[optimizer](model.parameters())
    rates = SCHEDULES[schedule](moving) if schedule else None

    def loss(xs: Any, ys: Any) -> Value:
        return objective(predict(xs), ys)

    step = compile(loss, moving, backend=backend) if backend else None
    losses = []
    for _ in range(steps):
        if step:
            losses.append(step(XS, YS))
        else:
            value = loss(XS, YS)
            moving.zero_grad()
            value.backward()
            moving.step()
            losses.append(value.data)
        if rates:
            rates.step()
    gradients = [p.grad for p in model.parameters()]
    return losses, [*model.state_dict().values(), *gradients, *[x for row in moving.state for x in row]], step


def agree(
    actual: tuple[list[float], list[float], Any], expected: tuple[list[float], list[float], Any]
) -> None:
    assert actual[0] == pytest.approx(expected[0], rel=1e-9)
    assert actual[1] == pytest.approx(expected[1], rel=1e-7, abs=1e-11)


@each_backend
@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str, backend: str) -> None:
    make = MODULES[name]
    expected = trained(make, "SGD", None)
    if name not in FALLBACKS:
        got = trained(make, "SGD", backend)
        assert not got[2].fallbacks
    else:
        with pytest.warns(CompileWarning, match=FALLBACKS[name]) as seen_warnings:
            got = trained(make, "SGD", backend)
        assert len(seen_warnings) == 1
        assert "falls back to eager" in got[2].explain()
    agree(got, expected)  # the same random numbers and running statistics as well


@each_backend
@pytest.mark.parametrize("name", FALLBACKS)
def test_layers_that_fall_back_in_training_compile_in_evaluation(name: str, backend: str) -> None:
    def make() -> tuple[nn.Module, Predict]:
        model, predict = MODULES[name]()
        return model.eval(), predict

    got = trained(make, "SGD", backend)
    assert not got[2].fallbacks
    agree(got, trained(make, "SGD", None))


@each_backend
@pytest.mark.parametrize("schedule", ["", *SCHEDULES])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers_and_schedules(optimizer: str, schedule: str, backend: str) -> None:
    got = trained(MLP, optimizer, backend, schedule=schedule)
    assert repr(got[2]).endswith("1 program")  # another learning rate uses the same program
    assert not got[2].fallbacks
    agree(got, trained(MLP, optimizer, None, schedule=schedule))


@each_backend
@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss: str, backend: str) -> None:
    width, draw = LOSSES[loss]
    rng = random.Random(loss)
    model = nn.MLP(3, [4, width], "tanh", seed=0)
    criterion = getattr(nn, loss)
    step = compile(lambda xs, ys: criterion([model(x) for x in xs], ys), backend=backend)
    programs = set()
    for _ in range(9):
        xs = [[rng.gauss(0.0, 1.0) for _ in range(3)] for _ in range(5)]
        ys = [draw(rng) for _ in xs]
        got = [step(xs, ys), *[p.grad for p in model.parameters()]]
        model.zero_grad()
        expected = criterion([model(x) for x in xs], ys)
        expected.backward()
        assert got == pytest.approx(
            [expected.data, *[p.grad for p in model.parameters()]], rel=1e-9, abs=1e-13
        )
        programs.add(repr(step).split(": ")[1])
    assert programs == {"1 program"}  # other targets use the same program
    constant = compile(lambda: criterion([model(x) for x in xs], ys), backend=backend)
    assert [constant(), *[p.grad for p in model.parameters()]] == pytest.approx(got, rel=1e-9, abs=1e-13)
    assert not step.fallbacks + constant.fallbacks


@each_backend
@pytest.mark.parametrize("penalty", PENALTIES)
def test_penalties(penalty: str, backend: str) -> None:
    costs = getattr(nn, penalty)
    model, predict = MLP()
    copied, same = MLP()
    decay, parameters = costs, [model.parameters(), copied.parameters()]

    def make(k: int) -> Callable[[], tuple[nn.Module, Predict]]:
        return lambda: ((model, predict), (copied, same))[k]

    def objective(k: int) -> Callable[..., Value]:
        return lambda outputs, ys: nn.mse_loss(outputs, ys) + 0.01 * decay(parameters[k])

    got = trained(make(0), "Adam", backend, objective=objective(0))
    assert not got[2].fallbacks
    agree(got, trained(make(1), "Adam", None, objective=objective(1)))


@each_backend
@pytest.mark.parametrize("clip", ["clip_grad_norm_", "clip_grad_value_"])
def test_clipping_between_the_gradients_and_the_step(clip: str, backend: str) -> None:
    """Without an optimizer, a step sets the gradients only."""

    def train(compiled: bool) -> list[float]:
        model, predict = MLP()
        moving = nn.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def loss(xs: Any, ys: Any) -> Value:
            return nn.mse_loss(predict(xs), ys)

        step = compile(loss, backend=backend)
        for _ in range(5):
            if compiled:
                step(XS, YS)
            else:
                moving.zero_grad()
                loss(XS, YS).backward()
            getattr(nn, clip)(model.parameters(), 0.05)
            moving.step()
        assert not step.fallbacks
        return [p.data for p in model.parameters()]

    assert train(True) == pytest.approx(train(False), rel=1e-9)


@each_backend
def test_a_state_that_is_loaded_is_read_at_the_next_call(backend: str) -> None:
    model, predict = MLP()
    step = compile(lambda xs, ys: nn.mse_loss(predict(xs), ys), backend=backend)
    before = [step(XS, YS) for _ in range(3)]
    other = nn.MLP(3, [4, 1], "relu", seed=5)
    model.load_state_dict(other.state_dict())
    expected = nn.mse_loss([other(x) for x in XS], YS).data
    assert step(XS, YS) == pytest.approx(expected, rel=1e-12)
    assert step(XS, YS) != pytest.approx(before[0], rel=1e-3)
