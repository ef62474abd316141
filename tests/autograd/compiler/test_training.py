"""Compiled models, losses and optimizers of nn train as in eager mode."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

import autograd
import nn
from autograd import Value, compile
from autograd.compiler.passes.plan import plan
from autograd.compiler.record.trace import FunctionTracer, Recording, live_leaves, run_traced

from ..._support.compiled import BACKENDS

RNG = random.Random(7)
XS = [[RNG.gauss(0.0, 1.0) for _ in range(3)] for _ in range(12)]
SIGNS = [RNG.choice([-1, 1]) for _ in XS]

LOSSES: dict[str, Callable[[Any, Any], Value]] = {
    "hinge": nn.hinge_loss,
    "mse": nn.mse_loss,
    "l1": nn.l1_loss,
    "huber": nn.huber_loss,
}
OPTIMIZERS: dict[str, Callable[[list[Value]], Any]] = {
    "SGD": lambda p: nn.SGD(p, lr=0.05),
    "momentum": lambda p: nn.SGD(p, lr=0.02, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "nesterov": lambda p: nn.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
    "RMSprop": lambda p: nn.RMSprop(p, lr=0.01, momentum=0.5),
    "Adam": lambda p: nn.Adam(p, lr=0.01),
    "AdamW": lambda p: nn.AdamW(p, lr=0.01),
}


def training(
    optimizer: str, loss: str, activation: str = "tanh", fused: bool = True
) -> tuple[nn.MLP, Any, Callable[..., Value]]:
    model = nn.MLP(3, [5, 4, 1], activation=activation, seed=1, fused=fused)
    criterion = LOSSES[loss]

    def objective(xs: Any, ys: Any) -> Value:
        decay = autograd.sum([p * p for p in model.parameters()])
        return criterion([model(x) for x in xs], ys) + 1e-3 * decay

    return model, OPTIMIZERS[optimizer](model.parameters()), objective


def by_hand(steps: int, optimizer: Any, objective: Callable[..., Value]) -> list[float]:
    losses = []
    for _ in range(steps):
        loss = objective(XS, SIGNS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
    return losses


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("optimizer", "loss", "activation"),
    [(o, "hinge", "relu") for o in OPTIMIZERS] + [("SGD", loss, "gelu") for loss in LOSSES],
)
def test_training_matches_eager(backend: str, optimizer: str, loss: str, activation: str) -> None:
    model, moving, objective = training(optimizer, loss, activation)
    reference, compiled, same = training(optimizer, loss, activation)
    step = compile(same, compiled, backend=backend)
    losses = [step(XS, SIGNS), *step.run(5, XS, SIGNS), step(XS, SIGNS), *step.run(20, XS, SIGNS)]
    assert losses == pytest.approx(by_hand(27, moving, objective), rel=1e-9)
    for p, q in zip(model.parameters(), reference.parameters(), strict=True):
        assert q.data == pytest.approx(p.data, rel=1e-8, abs=1e-12)
        assert q.grad == pytest.approx(p.grad, rel=1e-7, abs=1e-12)
    assert [x for row in compiled.state for x in row] == pytest.approx(
        [x for row in moving.state for x in row], rel=1e-7, abs=1e-12
    )
    assert not step.fallbacks


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_learning_rate_may_change_between_calls(backend: str) -> None:
    model, moving, objective = training("SGD", "mse")
    reference, compiled, same = training("SGD", "mse")
    step = compile(same, compiled, backend=backend)
    for k in range(6):
        moving.lr = compiled.lr = 0.1 / (1 + k)
        by_hand(1, moving, objective)
        step(XS, SIGNS)
    assert [p.data for p in reference.parameters()] == pytest.approx(
        [p.data for p in model.parameters()], rel=1e-9
    )


def test_optimizer_without_rule_calls_its_own_step() -> None:
    class Sign:
        def __init__(self, parameters: list[Value]) -> None:
            self.parameters = parameters

        def zero_grad(self) -> None:
            for p in self.parameters:
                p.zero_grad()

        def step(self) -> None:
            for p in self.parameters:
                p.data -= math.copysign(0.5, p.grad)

    w = Value(3.0)
    step = compile(lambda x: w * w * x, Sign([w]))
    assert step.run(4, 1.0) == [9.0, 6.25, 4.0, 2.25]
    assert w.data == 1.0


def test_a_parameter_the_loss_does_not_use_has_gradient_zero() -> None:
    w, idle = Value(3.0), Value(1.0)
    step = compile(lambda x: w * x, nn.SGD([w, idle], lr=1.0))
    step(1.0)
    assert (w.data, idle.data, idle.grad) == (2.0, 1.0, 0.0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_parameter_the_loss_does_not_use_is_updated_as_by_the_optimizer(
    optimizer: str, backend: str
) -> None:
    def objective(x: Any) -> Value:
        return (parameters[0] * x - 1.0) ** 2

    parameters = [Value(3.0), Value(1.0)]
    moving = OPTIMIZERS[optimizer](parameters)
    for _ in range(4):
        objective(2.0).backward()
        moving.step()
        moving.zero_grad()
    expected = [p.data for p in parameters]

    parameters = [Value(3.0), Value(1.0)]
    step = compile(objective, OPTIMIZERS[optimizer](parameters), backend=backend)
    step.run(4, 2.0)
    assert [p.data for p in parameters] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("fused", [True, False])
def test_samples_become_batch_elements(fused: bool) -> None:
    _, _, objective = training("SGD", "hinge", "relu", fused)
    tracers = [FunctionTracer() for _ in range(2)]
    recordings = [Recording(*run_traced(objective, [XS, SIGNS], {}, t)[:1], t) for t in tracers]
    program = plan(recordings[0], live_leaves(*recordings), None)
    assert program.batch_inputs is not None
    assert program.batch_inputs.size == len(XS)
    counts = dict(program.passes)
    assert counts["batch"] < counts["trace"] / 2


def test_terms_that_differ_stay_unbatched() -> None:
    w = Value(0.5)

    def loss(xs: Any) -> Value:
        h = w * 1.0
        terms = []
        for x in xs:  # recurrent: each term is deeper than the last
            h = (h * w + x).tanh()
            terms.append(h * x)
        return autograd.sum(terms)

    step = compile(loss)
    got = step(XS[0] + XS[1]), w.grad
    w.zero_grad()
    expected = loss(XS[0] + XS[1])
    expected.backward()
    assert got == pytest.approx((expected.data, w.grad), rel=1e-12)
    step([1.0] * 6)
    step([2.0] * 6)
    assert not step.fallbacks


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("special", [math.inf, -math.inf, math.nan, 1e308, 0.0, -0.0])
def test_nan_and_inf_in_one_batch_element(special: float, backend: str) -> None:
    w, b = Value(0.5), Value(-0.25)

    def loss(xs: Any) -> Value:
        return autograd.sum([(w * x + b).relu() * (b / x).exp() + (x * w).sigmoid().log() for x in xs])

    step = compile(loss, backend=backend)
    step([1.0, 2.0, 3.0, 4.0, 5.0])
    step([1.0, 2.0, 3.0, 4.0, 5.0])
    for k in range(5):
        xs = [1.0, 2.0, 3.0, 4.0, 5.0]
        xs[k] = special
        got = [step(xs), w.grad, b.grad]
        w.zero_grad(), b.zero_grad()
        expected = loss(xs)
        expected.backward()
        assert got == pytest.approx([expected.data, w.grad, b.grad], rel=1e-12, nan_ok=True)
    assert not step.fallbacks


def test_a_loss_over_classes_that_are_closed_over() -> None:
    model = nn.MLP(3, [4, 3], seed=0)
    classes = [k % 3 for k in range(len(XS))]
    step = compile(lambda xs: nn.cross_entropy([model(x) for x in xs], classes), nn.Adam(model.parameters()))
    losses = step.run(60, XS)
    assert losses[-1] < losses[0]
    assert not step.fallbacks


def test_a_loss_over_classes_that_change_from_batch_to_batch() -> None:
    model = nn.MLP(3, [4, 3], seed=0)
    step = compile(lambda xs, ys: nn.cross_entropy([model(x) for x in xs], ys))
    for shift in range(5):
        classes = [(k + shift) % 3 for k in range(len(XS))]
        got = step(XS, [[float(c == k) for k in range(3)] for c in classes])
        assert got == pytest.approx(nn.cross_entropy([model(x) for x in XS], classes).data, rel=1e-12)
    assert not step.fallbacks


def test_softmax_is_shifted_by_the_largest_logit_of_each_call() -> None:
    w = Value(1.0)

    def loss(xs: Any) -> Value:
        return -autograd.log_softmax([w * x for x in xs])[0] + autograd.softmax([x * w for x in xs])[1]

    step = compile(loss)
    for xs in (
        [1.0, 2.0, 3.0],
        [3.0, 2.0, 1.0],
        [900.0, 901.0, -900.0],
        [-1e4, 0.0, 1e4],
        [math.inf, 0.0, 1.0],
    ):
        got = [step(xs), w.grad]
        w.zero_grad()
        expected = loss(xs)
        expected.backward()
        assert got == pytest.approx([expected.data, w.grad], rel=1e-9, nan_ok=True)
    assert not step.fallbacks


def test_explain_reports_passes_and_causes() -> None:
    pytest.importorskip("numpy")
    _, optimizer, objective = training("Adam", "hinge", "relu")
    step = compile(objective, optimizer)
    assert step.explain() == "no program yet: the first call traces the function"
    step(XS, SIGNS)
    text = step.explain()
    assert "a sum of 12 isomorphic terms becomes one term with a batch axis of 12" in text
    assert "backward" in text
    for name in ("trace", "batch", "backward", "update", "expand", "fuse"):
        assert f"\n  {name} " in text
    assert "Σ (" in step.explain(lines=200)
    assert len(step.explain(lines=3).splitlines()) < len(text.splitlines())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("optimizer", ["SGD", "momentum", "Adam"])
def test_a_step_on_each_batch(optimizer: str, backend: str) -> None:
    model, moving, objective = training(optimizer, "hinge", "relu")
    reference, compiled, same = training(optimizer, "hinge", "relu")
    step = compile(same, compiled, backend=backend)
    batches = [(XS[k : k + n], SIGNS[k : k + n]) for k in range(5) for n in (4, 4, 4, 6, 4)] * 2

    def with_a_schedule() -> Any:
        for k, batch in enumerate(batches):
            compiled.lr = 0.05 / (1 + k)
            yield batch

    expected = []
    for k, (xs, ys) in enumerate(batches):
        moving.lr = 0.05 / (1 + k)
        loss = objective(xs, ys)
        moving.zero_grad()
        loss.backward()
        moving.step()
        expected.append(loss.data)
    assert step.each(with_a_schedule()) == pytest.approx(expected, rel=1e-8)
    for p, q in zip(model.parameters(), reference.parameters(), strict=True):
        assert (q.data, q.grad) == pytest.approx((p.data, p.grad), rel=1e-7, abs=1e-12)
    assert [x for row in compiled.state for x in row] == pytest.approx(
        [x for row in moving.state for x in row], rel=1e-7, abs=1e-12
    )
    assert not step.fallbacks


def test_steps_before_an_error_are_written_back() -> None:
    w = Value(8.0)
    step = compile(lambda x: w * w * x, nn.SGD([w], lr=0.25))

    def batches() -> Any:
        for _ in range(6):
            yield (1.0,)
        raise KeyError("the end")

    with pytest.raises(KeyError, match="the end"):
        step.each(batches())
    assert (w.data, w.grad) == (0.125, 0.5)
