"""Another batch size: one trace, the same numbers as eager mode, and no batch if samples differ."""

import builtins
import logging
import random
from collections.abc import Callable
from typing import Any

import pytest

import autograd
import nn
from autograd import Value, compile, dot, logsumexp, primitive, take
from autograd.compiler.replay import FEWEST_TO_SAMPLE

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
        # All samples are traced once, and five are audited, or all of a small batch.
        assert [n for n in counter.sizes if n > 7] == [size] * (2 if size < FEWEST_TO_SAMPLE else 1)
        assert len(counter.sizes) == (7 if size == 20 else 2)
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


#: Late samples that differ, which numbers do not show if all are 0. The first 7 samples are regular.
LATE: dict[str, Callable[[Value, Value, Any], Value]] = {
    "counts twice": lambda w, v, xs: autograd.sum([w * x for x in [*xs, *xs[9:10]]]),
    "is left out": lambda w, v, xs: autograd.sum([w * x for i, x in enumerate(xs) if i != 12]),
    "has another leaf": lambda w, v, xs: autograd.sum(
        [(v if i == 9 else w) * x * v for i, x in enumerate(xs)]
    ),
    "has a leaf of its own": lambda w, v, xs: autograd.sum(
        [(Value(1.5) if i == 9 else w) * x for i, x in enumerate(xs)]
    ),
    "uses another sample": lambda w, v, xs: autograd.sum(
        [w * (xs[3] if i == 9 else x) for i, x in enumerate(xs)]
    ),
    "has another constant": lambda w, v, xs: autograd.sum(
        [w * x * (3.0 if i == 9 else 2.0) for i, x in enumerate(xs)]
    ),
    "has the constant of 7 samples": lambda w, v, xs: autograd.sum(
        [w * x * (1.0 / (7 if i == 9 else len(xs))) for i, x in enumerate(xs)]
    ),
    "swaps operands": lambda w, v, xs: autograd.sum(
        [(w * x - v * x) if i != 9 else (v * x - w * x) for i, x in enumerate(xs)]
    ),
    "is compared": lambda w, v, xs: autograd.sum(
        [w * x * (2.0 if i == 9 and x > 0.5 else 1.0) for i, x in enumerate(xs)]
    ),
    "is detached": lambda w, v, xs: autograd.sum(
        [(w * x).detach() * w if i == 9 else w * x * w for i, x in enumerate(xs)]
    ),
    "is added twice to the rest": lambda w, v, xs: (
        autograd.sum([w * x for x in xs]) + (xs[9] * v if len(xs) > 9 else 0.0)
    ),
    "is a weight of all": lambda w, v, xs: (
        dot([w * x for x in xs], [1.0] * len(xs)) if len(xs) < 9
        else dot([w * x for x in xs], [1.0, 2.0] * (len(xs) // 2) + [1.0] * (len(xs) % 2))
    ),
    "doubles the sum again and again": lambda w, v, xs: _doubled(autograd.sum([w * x for x in xs]), 40),
    "is hidden by a function that catches all": lambda w, v, xs: autograd.sum(
        [_caught(lambda x=x, i=i: (w * x if i != 9 else w * v * x), w * x) for i, x in enumerate(xs)]
    ),
}  # fmt: skip


def _doubled(total: Value, times: int) -> Value:
    for _ in range(times):
        total = total + total
    return total


def _caught(compute: Callable[[], Value], otherwise: Value) -> Value:
    try:
        return compute()
    except Exception:
        return otherwise


@pytest.mark.filterwarnings("ignore:.*cannot be compiled:RuntimeWarning")
@pytest.mark.parametrize("backend", FAST)
def test_primitives_may_have_the_names_of_what_is_described(backend: str) -> None:
    tripled = primitive("leaf", lambda m, x: 3.0 * x, lambda m, out, x: 3.0)
    product = primitive("input", lambda m, a, b: a * b, lambda m, out, a, b: b, lambda m, out, a, b: a)
    w = Value(1.5)
    for late in (lambda x: tripled(w) * x, lambda x: product(w, w) * w):

        def loss(xs: Any, late: Callable[[Value], Value] = late) -> Value:
            return autograd.sum([late(x) if i == 9 else w * x for i, x in enumerate(xs)])

        step = compile(loss, backend=backend, audit=0)
        for xs in ([0.0] * 20, [0.5] * 20):
            assert step(xs) == pytest.approx(loss(xs).data, rel=1e-12)


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("shape", [(28, 28), "round"])
def test_model_with_a_shape_is_no_batch(shape: Any, backend: str) -> None:
    class Model:
        def __init__(self) -> None:
            self.w, self.shape = Value(2.0), shape

    step = compile(lambda model, xs: autograd.sum([model.w * x for x in xs]), backend=backend)
    assert step(Model(), [1.0] * 20) == 40.0


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("how", LATE)
def test_late_sample_that_differs_is_noticed_among_zeros(how: str, backend: str) -> None:
    w, v = Value(1.5), Value(-0.5)

    def loss(xs: Any) -> Value:
        return LATE[how](w, v, xs)

    step = compile(loss, backend=backend, audit=0)  # no audit helps
    rng = random.Random(5)
    size = 20
    for xs in [[0.0] * size, *[[rng.random() for _ in range(size)] for _ in range(3)]]:
        got = [step(xs), w.grad, v.grad]
        w.zero_grad()
        v.zero_grad()
        expected = loss(xs)
        expected.backward()
        assert got == pytest.approx([expected.data, w.grad, v.grad], rel=1e-12)


REGULAR: dict[str, Callable[[Value, Any], Value]] = {
    "a mean": lambda w, xs: autograd.sum([(w * x).tanh() for x in xs]) / len(xs),
    "a chain of additions": lambda w, xs: builtins.sum([w * x for x in xs], 0.0) + w * w,
    "a comparison for each": lambda w, xs: autograd.sum([w * x if x > -1.0 else w for x in xs]),
    "a shift": lambda w, xs: autograd.sum([logsumexp([w * x, x, 0.1]) for x in xs]) * (1.0 / len(xs)),
    "the mean of all": lambda w, xs: autograd.sum([(w * x).relu() * w for x in xs]) ** 2,
}


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("how", REGULAR)
def test_regular_samples_are_traced_once(how: str, backend: str) -> None:
    w = Value(1.5)
    counter = Counted(lambda xs: REGULAR[how](w, xs))
    step = compile(counter, backend=backend, audit=0)
    rng = random.Random(5)
    for size in (20, 33):
        counter.sizes.clear()
        xs = [rng.random() for _ in range(size)]
        got = [step(xs), w.grad]
        assert counter.sizes.count(size) == 1
        w.zero_grad()
        expected = REGULAR[how](w, xs)
        expected.backward()
        assert got == pytest.approx([expected.data, w.grad], rel=1e-12)


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
        assert [n for n in counter.sizes if n > 7] == [size] * (2 if size < FEWEST_TO_SAMPLE else 1)
        assert actual == pytest.approx(loss([net(x) for x in xs], ys).data, rel=1e-12)
