"""A function that draws random numbers falls back, and draws what eager execution draws."""

import os
import random
import types
from collections.abc import Callable
from typing import Any

import pytest

import autograd
import nn
from autograd import CompileWarning, Value, compile

from ..._support.outside import CALLS, CHANGES, Gate, agrees, eager


def _draws() -> dict[str, Callable[[], tuple[Callable[[], float], Callable[[], object]]]]:
    """Functions that draw a number and set the seed of the generator."""

    def own() -> Any:
        rng = random.Random(0)
        return rng.random, lambda: rng.seed(0)

    def attribute() -> Any:
        holder = types.SimpleNamespace(rng=random.Random(0))
        return lambda: holder.rng.gauss(0.0, 1.0), lambda: holder.rng.seed(0)

    def coin() -> Any:
        return lambda: float(random.random() < 0.5), lambda: random.seed(0)

    def of_the_module() -> Any:
        return random.random, lambda: random.seed(0)

    def legacy() -> Any:
        np = pytest.importorskip("numpy")
        return lambda: float(np.random.rand()), lambda: np.random.seed(0)

    def generator() -> Any:
        np = pytest.importorskip("numpy")
        rng = np.random.default_rng(0)
        state = rng.bit_generator.state
        return lambda: float(rng.normal()), lambda: setattr(rng.bit_generator, "state", state)

    def random_state() -> Any:
        np = pytest.importorskip("numpy")
        rng = np.random.RandomState(0)
        return lambda: float(rng.rand()), lambda: rng.seed(0)

    def torch_global() -> Any:
        torch = pytest.importorskip("torch")
        return lambda: float(torch.rand(())), lambda: torch.manual_seed(0)

    def torch_generator() -> Any:
        torch = pytest.importorskip("torch")
        rng = torch.Generator()
        return lambda: float(torch.rand((), generator=rng)), lambda: rng.manual_seed(0)

    kinds = (
        own, attribute, coin, of_the_module, legacy, generator, random_state, torch_global, torch_generator,
    )  # fmt: skip
    return {kind.__name__: kind for kind in kinds}


DRAWS = _draws()


@pytest.mark.parametrize("name", DRAWS)
def test_random_draws_fall_back_and_are_those_of_eager_execution(name: str) -> None:
    draw, seed = DRAWS[name]()
    w = Value(2.0)

    def loss(x: Any) -> Value:
        return w * x * draw()

    seed()
    expected = [eager(loss, [w], 1.0 + call % 5) for call in range(CALLS)]
    seed()
    step = compile(loss)
    with pytest.warns(CompileWarning, match="draws random numbers from"):
        first = [step(1.0), w.grad]
    assert [first, *[[step(1.0 + call % 5), w.grad] for call in range(1, CALLS)]] == expected


@pytest.mark.parametrize(
    "draw",
    [
        lambda: float(random.SystemRandom().random() < 0.5),
        lambda: float(random.Random().random() < 0.5),
        lambda: float(os.urandom(1)[0] < 128),
        lambda: float(__import__("numpy").random.default_rng().random() < 0.5),
    ],
    ids=["SystemRandom", "Random", "urandom", "default_rng"],
)
def test_draws_from_the_entropy_of_the_system_fall_back(draw: Callable[[], float]) -> None:
    if draw.__code__.co_names[:1] == ("__import__",):
        pytest.importorskip("numpy")
    w = Value(2.0)
    step = compile(lambda x: w * x * draw())
    with pytest.warns(CompileWarning, match="draws random numbers"):
        step(1.0)
    assert {step(1.0) for _ in range(200)} == {0.0, 2.0}


def test_a_generator_with_a_seed_inside_is_no_draw() -> None:
    w = Value(2.0)
    step = compile(lambda x: w * x * random.Random(0).random())
    assert len({step(1.0) for _ in range(20)}) == 1
    assert not step.fallbacks


def test_a_modules_own_dropout_is_compiled_only_in_evaluation() -> None:
    class Noisy(Gate):
        def __call__(self, x: Any) -> Value:
            return self.w * x * (float(random.random() < 0.5) if self.training else 0.5)

    model = Noisy()
    step = compile(lambda x: model(x))
    with pytest.warns(CompileWarning, match="draws random numbers from random"):
        step(1.0)
    for _ in range(3):
        model.eval()
        assert [step(float(x)) for x in range(200)] == [float(x) for x in range(200)]
        model.train()
        assert {step(1.0) for _ in range(200)} == {0.0, 2.0}
    assert len(step._step.programs) == 1


@pytest.mark.parametrize(
    "layer", [nn.Dropout(0.5, seed=0), nn.BatchNorm1d(2)], ids=["Dropout", "BatchNorm1d"]
)
def test_the_mode_of_our_layers(layer: nn.Module) -> None:
    model = nn.Sequential(nn.MLP(2, [2], "tanh", seed=0), layer, nn.MLP(2, [1], "linear", seed=1)).eval()
    step = compile(lambda xs: autograd.sum(model(xs)))
    xs = [[0.5, -1.0], [1.0, 2.0], [0.25, 0.5]]
    for call in range(1, CALLS + 1):
        if call == CHANGES[0]:
            model.train()
            with pytest.warns(CompileWarning, match="falls back to eager"):
                step(xs)
        elif call == CHANGES[1]:
            model.eval()
        state = random.getstate(), getattr(layer, "_rng", None) and layer._rng.getstate()  # type: ignore[attr-defined]
        buffers = dict(model.named_buffers())
        expected = eager(lambda xs: autograd.sum(model(xs)), model.parameters(), xs)
        if state[1] is not None:
            layer._rng.setstate(state[1])  # type: ignore[attr-defined]
        model.load_state_dict({**model.state_dict(), **buffers})
        actual = [step(xs), *[p.grad for p in model.parameters()]]
        assert all(map(agrees, actual, expected)), call
