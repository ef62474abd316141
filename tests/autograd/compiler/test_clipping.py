"""clip_grad_norm: clipping between the gradient and the update, against eager mode and PyTorch."""

import math
from typing import Any

import pytest

import autograd
from autograd import CompileWarning, Value, compile
from nn import MLP, SGD, Adam, AdamW, Optimizer, RMSprop, clip_grad_norm_, mse_loss

from ..._support.compiled import BACKENDS
from ..._support.pytorch import needs_torch

each_backend = pytest.mark.parametrize("backend", BACKENDS)

X = [[0.1 * i - 0.7, 0.3 * math.sin(i)] for i in range(20)]
Y = [3.0 * a - b for a, b in X]

OPTIMIZERS = {
    "SGD": lambda p: SGD(p, lr=0.3),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9),
    "RMSprop": lambda p: RMSprop(p, lr=0.01),
    "Adam": lambda p: Adam(p, lr=0.02),
    "AdamW": lambda p: AdamW(p, lr=0.02),
}


EXTREME = [
    (3.0, 4.0), (0.0, 0.0), (1e200, 1e200), (1e-200, 1e-200), (math.inf, 1.0), (math.nan, 1.0),
    (math.inf, math.nan),
]  # fmt: skip


class OwnStep(SGD):
    """An optimizer whose step() is not that of nn, so that it is called after each gradient."""

    def step(self) -> None:
        for parameter in self.parameters:
            parameter.data = parameter.data - 0.3 * parameter.grad


def training(make: Any, n: int = 20) -> tuple[MLP, Any, Any]:
    model = MLP(2, [5, 1], activation="tanh", seed=0)
    return model, make(model.parameters()), lambda X, Y: mse_loss([model(x) for x in X], Y)


def by_hand(make: Any, steps: int, max_norm: float) -> tuple[list[float], list[float]]:
    model, optimizer, objective = training(make)
    losses = []
    for _ in range(steps):
        loss = objective(X, Y)
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        losses.append(loss.data)
    return losses, [x for p in model.parameters() for x in (p.data, p.grad)]


@each_backend
@pytest.mark.parametrize("max_norm", [0.05, 0.7, 1e6])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_matches_eager_clipping(optimizer: str, max_norm: float, backend: str) -> None:
    model, moving, objective = training(OPTIMIZERS[optimizer])
    step = compile(objective, moving, backend=backend, clip_grad_norm=max_norm)
    losses = [step(X, Y), *step.run(6, X, Y), *step.each([(X, Y)] * 3), *step.each((X, Y) for _ in range(2))]
    expected, numbers = by_hand(OPTIMIZERS[optimizer], 12, max_norm)
    assert losses == pytest.approx(expected, rel=1e-9)
    assert [x for p in model.parameters() for x in (p.data, p.grad)] == pytest.approx(numbers, rel=1e-7)
    assert math.hypot(*[p.grad for p in model.parameters()]) <= max_norm
    assert not step.fallbacks
    assert "clips the gradients by their norm" in step.explain()


@each_backend
def test_step_of_the_optimizer_itself_gets_clipped_gradients(backend: str) -> None:
    model, moving, objective = training(lambda p: OwnStep(p, lr=0.3))
    step = compile(objective, moving, backend=backend, clip_grad_norm=0.05)
    with pytest.warns(CompileWarning, match=r"OwnStep\.step is not that of nn\.Optimizer"):
        losses = [step(X, Y)]
    losses += step.run(6, X, Y)
    expected, numbers = by_hand(lambda p: OwnStep(p, lr=0.3), 7, 0.05)
    assert losses == pytest.approx(expected, rel=1e-9)
    assert [x for p in model.parameters() for x in (p.data, p.grad)] == pytest.approx(numbers, rel=1e-7)


@each_backend
def test_a_fallback_clips_by_the_same_rule(backend: str) -> None:
    w, b = Value(3.0), Value(4.0)

    def loss(x: Any) -> Value:
        autograd.not_compiled("it is a test")
        return (w * w + b * b) * x

    step = compile(loss, SGD([w, b], lr=1.0), backend=backend, clip_grad_norm=1.0)
    with pytest.warns(CompileWarning, match="it is a test"):
        step(0.5)
    assert (w.grad, b.grad) == pytest.approx((0.6, 0.8), rel=1e-5)
    assert (w.data, b.data) == pytest.approx((2.4, 3.2), rel=1e-5)
    step.run(2, 0.5)
    assert math.hypot(w.data, b.data) == pytest.approx(2.0, rel=1e-5)


@each_backend
@pytest.mark.parametrize("gradients", EXTREME)
def test_extreme_norms_are_clipped_as_in_eager_mode(gradients: tuple[float, float], backend: str) -> None:
    a, b, other = Value(0.0), Value(0.0), Value(0.0)
    step = compile(
        lambda x, y: a * x + b * y + other, SGD([a, b], lr=1.0), backend=backend, clip_grad_norm=2.0
    )
    for _ in range(3):
        a.data = b.data = 0.0
        step(*gradients)
        clipped = [a.grad, b.grad]
        a.grad, b.grad = gradients
        clip_grad_norm_([a, b], 2.0)
        assert clipped == pytest.approx([a.grad, b.grad], rel=1e-14, nan_ok=True)
        assert [a.data, b.data] == pytest.approx([-a.grad, -b.grad], rel=1e-14, nan_ok=True)
        assert other.grad == 1.0  # not a parameter of the optimizer


@pytest.mark.torch
@needs_torch
@each_backend
@pytest.mark.parametrize("max_norm", [0.05, 0.7])
def test_training_matches_pytorch_in_float64(max_norm: float, backend: str) -> None:
    import torch

    model, optimizer, objective = training(lambda p: SGD(p, lr=0.3))
    numbers = [p.data for p in model.parameters()]
    weights = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    x, y = torch.tensor(X, dtype=torch.float64), torch.tensor(Y, dtype=torch.float64)
    updates = torch.optim.SGD([weights], lr=0.3)
    neurons = [[*weights[3 * i : 3 * i + 3]] for i in range(5)]
    losses = []
    for _ in range(10):
        neurons = [weights[3 * i : 3 * i + 3] for i in range(5)]
        hidden = torch.stack([torch.tanh(x @ row[:2] + row[2]) for row in neurons], 1)
        loss = ((hidden @ weights[15:20] + weights[20] - y) ** 2).mean()
        updates.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([weights], max_norm)
        updates.step()
        losses.append(loss.item())
    step = compile(objective, optimizer, backend=backend, clip_grad_norm=max_norm)
    assert step.run(10, X, Y) == pytest.approx(losses, rel=1e-9)
    assert [p.data for p in model.parameters()] == pytest.approx(weights.tolist(), rel=1e-9)


def test_a_rule_that_cannot_be_compiled_falls_back() -> None:
    class Halved(SGD):
        clip_rule = staticmethod(
            lambda m, gradients, max_norm: [g / 2.0 if g > max_norm else g for g in gradients]
        )

    w = Value(1.0)
    step = compile(lambda x: w * x, Halved([w], lr=1.0), backend="python", clip_grad_norm=2.0)
    with pytest.warns(CompileWarning, match="the clip_rule of the optimizer cannot be compiled"):
        step(8.0)
    assert (w.grad, w.data) == (4.0, -3.0)


def test_a_replaced_rule_is_compiled_again() -> None:
    class Own(SGD):
        pass

    w = Value(1.0)
    step = compile(lambda x: w * x, Own([w], lr=0.0), backend="python", clip_grad_norm=2.0)
    step(8.0)
    assert w.grad == pytest.approx(2.0, rel=1e-6)
    Own.clip_rule = staticmethod(lambda m, gradients, max_norm: [max_norm * g for g in gradients])
    step(8.0)
    assert w.grad == 16.0


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan])
def test_a_norm_that_is_not_positive_raises_value_error(limit: float) -> None:
    with pytest.raises(ValueError, match="expected a positive number for clip_grad_norm"):
        compile(lambda x: x, SGD([Value(1.0)], lr=1.0), clip_grad_norm=limit)


def test_invalid_arguments_raise() -> None:
    with pytest.raises(TypeError, match="expected a number for clip_grad_norm, got str '1'"):
        compile(lambda x: x, SGD([Value(1.0)], lr=1.0), clip_grad_norm="1")  # type: ignore[call-overload]
    with pytest.raises(
        ValueError, match="expected an optimizer of nn with clip_grad_norm, got NoneType None"
    ):
        compile(lambda x: x, clip_grad_norm=1.0)
    assert Optimizer.clip_rule is SGD.clip_rule
