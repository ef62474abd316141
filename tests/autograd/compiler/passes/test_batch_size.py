"""Another batch size: one trace, the same numbers as eager mode, and no batch if samples differ."""

import logging
import random
from collections.abc import Callable
from typing import Any

import pytest

import autograd
import nn
from autograd import Value, compile, take

from ...._support.compiled import BACKENDS

FAST = [backend for backend in BACKENDS if backend != "python"]


def data(size: int) -> tuple[list[list[float]], list[int]]:
    rng = random.Random(size)
    return [[rng.gauss(0.0, 1.0) for _ in range(3)] for _ in range(size)], [
        rng.choice([-1, 1]) for _ in range(size)
    ]


class Sizes(logging.Handler):
    """Takes down how many samples a function was called with: a list of its own would be guarded."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sizes.append(int(record.getMessage()))


class Counted:
    """A function that logs how many samples it is called with."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.log = logging.Logger("counted")
        self.sizes = (handler := Sizes()).sizes
        self.log.addHandler(handler)

    def __call__(self, xs: Any, *more: Any) -> Any:
        self.log.info("%d", len(xs))
        return self.function(xs, *more)


def model() -> tuple[nn.MLP, Callable[[Any, Any], Value]]:
    net = nn.MLP(3, [5, 4, 1], activation="relu", seed=1)

    def loss(xs: Any, ys: Any) -> Value:
        return nn.hinge_loss([net(x) for x in xs], ys) + 1e-3 * autograd.sum(
            [p * p for p in net.parameters()]
        )

    return net, loss


@pytest.mark.parametrize("backend", FAST)
def test_another_size_is_traced_once(backend: str) -> None:
    net, loss = model()
    counter = Counted(loss)
    step = compile(counter, backend=backend)
    for size in (20, 33, 100, 17, 300):
        xs, ys = data(size)
        counter.sizes.clear()
        actual = [step(xs, ys), [p.grad for p in net.parameters()]]
        assert [n for n in counter.sizes if n > 7] == [size]  # all samples are traced once
        assert len(counter.sizes) == (6 if size == 20 else 2)  # and five are audited
        net.zero_grad()
        expected = loss(xs, ys)
        expected.backward()
        assert actual[0] == pytest.approx(expected.data, rel=1e-12)
        assert actual[1] == pytest.approx([p.grad for p in net.parameters()], rel=1e-9, abs=1e-14)
        assert step(xs, ys) == actual[0]
    assert not step.fallbacks


@pytest.mark.parametrize("backend", FAST)
def test_arrays_and_selections(backend: str) -> None:
    np = pytest.importorskip("numpy")
    table = [Value(float(k)) for k in range(4)]

    def loss(xs: Any, indices: Any, scale: float) -> Value:
        return autograd.sum([(take(table, w) * x[0] + x[1]) ** 2 for x, w in zip(xs, indices)]) * scale

    step = compile(loss, backend=backend)
    rng = random.Random(3)
    for size in (16, 25, 40):
        xs = np.array([[rng.random(), rng.random()] for _ in range(size)])
        selection = [rng.randrange(4) for _ in range(size)]
        for scale in (1.0, 0.5):
            actual = [step(xs, selection, scale), *[v.grad for v in table]]
            for v in table:
                v.zero_grad()
            expected = loss(xs.tolist(), selection, scale)
            expected.backward()
            assert actual == pytest.approx([expected.data, *[v.grad for v in table]], rel=1e-12)
    assert not step.fallbacks


UNLIKE: dict[str, Callable[[Value, Any], Value]] = {
    "one sample counts twice": lambda w, xs: autograd.sum(
        [w * x * (2.0 if i == 11 else 1.0) for i, x in enumerate(xs)]
    ),
    "a factor by the size": lambda w, xs: autograd.sum([w * x for x in xs]) * float(len(xs) ** 2 % 11),
    "another branch for many": lambda w, xs: (
        autograd.sum([w * x for x in xs]) if len(xs) < 10 else autograd.sum([w * w * x for x in xs])
    ),
    "constants of its own": lambda w, xs: autograd.sum([w * x * float(i) for i, x in enumerate(xs)]),
    "backwards": lambda w, xs: autograd.sum([w * x * (w + y) for x, y in zip(xs, reversed(xs))]),
    "few samples raise": lambda w, xs: autograd.sum([w * x for x in xs]) if len(xs) > 9 else 1 / 0,
    "by the data": lambda w, xs: autograd.sum([w * x if x > 0.5 else w * w * x for x in xs]),
}


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("how", UNLIKE)
def test_samples_that_differ_are_not_generalized(how: str, backend: str) -> None:
    w = Value(1.5)

    def loss(xs: Any) -> Value:
        return UNLIKE[how](w, xs)

    step = compile(loss, backend=backend)
    rng = random.Random(5)
    for size in (18, 18, 21, 30, 18, 30):
        xs = [rng.random() for _ in range(size)]
        got = [step(xs), w.grad]
        w.zero_grad()
        expected = loss(xs)
        expected.backward()
        assert got == pytest.approx([expected.data, w.grad], rel=1e-12)


def _mean_by_its_reciprocal(predictions: Any, targets: Any) -> Value:
    errors = [(p - t) ** 2 for row, goal in zip(predictions, targets) for p, t in zip(row, goal)]
    return autograd.sum(errors) * (1.0 / len(errors))


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("loss", [nn.mse_loss, _mean_by_its_reciprocal])
def test_several_targets_a_sample_share_a_recording(loss: Callable[[Any, Any], Value], backend: str) -> None:
    """nn's losses check each target by a comparison; a batch element has one for each of its outputs."""
    net = nn.MLP(3, [4, 3], seed=1)
    counter = Counted(lambda xs, ys: loss([net(x) for x in xs], ys))
    step = compile(counter, backend=backend)
    for size in (20, 33):
        xs = data(size)[0]
        ys = [[x[0] + x[1], x[2], 1.0] for x in xs]
        counter.sizes.clear()
        actual = step(xs, ys)
        assert [n for n in counter.sizes if n > 7] == [size]
        assert actual == pytest.approx(loss([net(x) for x in xs], ys).data, rel=1e-12)
