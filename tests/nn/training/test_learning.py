"""Training: small networks learn their data sets, from every seed, within a stated number of steps."""

from collections.abc import Callable
from typing import Any

import pytest

from autograd import Value
from nn import MLP, SGD, binary_cross_entropy_with_logits, hinge_loss, mse_loss
from nn.data import DataSet, two_moons, xor

SEEDS = range(5)


def steps_to_learn(model: MLP, data: DataSet, loss: Callable[..., Value], lr: float, most: int) -> int | None:
    """Return the number of steps until every sample is right; None if ``most`` are too few."""
    inputs, labels = data
    targets: Any = [(y + 1) // 2 for y in labels] if loss is binary_cross_entropy_with_logits else labels
    optimizer = SGD(model.parameters(), lr)
    for step in range(most):
        scores = [model(x) for x in inputs]
        if all((score > 0.0) == (label > 0) for score, label in zip(scores, labels, strict=True)):
            return step
        optimizer.zero_grad()
        loss(scores, targets).backward()
        optimizer.lr = lr * (1.0 - 0.9 * step / most)
        optimizer.step()
    return None


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("activation", "loss", "lr", "most"),
    [
        ("relu", hinge_loss, 0.5, 60),
        ("relu", binary_cross_entropy_with_logits, 0.5, 60),
        ("relu", mse_loss, 0.1, 60),
        ("tanh", hinge_loss, 0.5, 60),
        ("tanh", binary_cross_entropy_with_logits, 0.5, 120),
        ("tanh", mse_loss, 0.1, 120),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_xor_is_learned_from_every_seed(
    activation: str, loss: Callable[..., Value], lr: float, most: int, seed: int
) -> None:
    model = MLP(2, [8, 1], activation, seed=seed)
    assert steps_to_learn(model, xor(), loss, lr, most) is not None


@pytest.mark.parametrize("seed", SEEDS)
def test_moons_are_learned_from_every_seed(seed: int) -> None:
    model = MLP(2, [8, 8, 1], seed=seed)
    assert steps_to_learn(model, two_moons(60, 0.1, seed=seed), hinge_loss, lr=1.0, most=150) is not None


@pytest.mark.parametrize("data", [xor(), two_moons(40, 0.1, seed=0)], ids=["xor", "moons"])
def test_linear_network_does_not_learn_xor_or_moons(data: DataSet) -> None:
    """So the two tests above show what the hidden layer does."""
    model = MLP(2, [8, 1], "linear", seed=0)
    assert steps_to_learn(model, data, hinge_loss, lr=0.1, most=100) is None


def test_training_repeats_bit_identically() -> None:
    def trained() -> list[float]:
        model = MLP(2, [4, 1], "tanh", seed=3)
        steps_to_learn(model, two_moons(20, 0.1, seed=3), mse_loss, lr=0.1, most=10)
        return [p.data for p in model.parameters()]

    assert trained() == trained()
