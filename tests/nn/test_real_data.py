"""Networks on real and generated data: held-out accuracy, compared with untrained ones and scikit-learn.

The settings were chosen on splits with the seeds 1 to 3. What is stated here is of the split with seed 0.
"""

import math
import random
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pytest

from autograd import compile
from nn import MLP, Adam, accuracy, binary_cross_entropy_with_logits, cross_entropy, evaluate
from nn.data import (
    breast_cancer,
    digits,
    iris,
    spirals,
    standardize,
    stratified_split,
    two_moons,
    xor,
)


class Task(NamedTuple):
    """A data set, its network, the number of epochs, and the required held-out accuracy."""

    load: Callable[[], Any]
    layers: list[int]
    lr: float
    steps: int
    threshold: float
    baseline: float  # what the untrained network is below

    @property
    def real(self) -> bool:
        return self.load in (iris, breast_cancer, digits)


TASKS = {
    "xor": Task(lambda: xor(200, 0.15, seed=0), [8, 1], 0.03, 300, 0.95, 0.6),
    "moons": Task(lambda: two_moons(300, 0.15, seed=0), [16, 1], 0.03, 400, 0.95, 0.6),
    "spirals": Task(lambda: spirals(400, seed=0), [16, 16, 1], 0.02, 1000, 0.9, 0.6),
    "iris": Task(iris, [8, 3], 0.02, 200, 0.9, 0.6),
    "breast cancer": Task(breast_cancer, [8, 1], 0.01, 100, 0.97, 0.85),
    "digits": Task(digits, [32, 10], 0.005, 300, 0.95, 0.25),
}
BATCH = 50

each_task = pytest.mark.parametrize("name", TASKS)


def parts(task: Task) -> Any:
    return standardize(*stratified_split(task.load(), held_out=0.25, seed=0))


@cache
def train_accuracy(name: str) -> tuple[float, float]:
    """Return the held-out accuracy before and after training."""
    task = TASKS[name]
    if task.real:
        pytest.importorskip("sklearn")
    training, held_out = parts(task)
    samples, labels = training
    model = MLP(len(samples[0]), task.layers, "relu" if name == "digits" else "tanh", seed=0)
    before = evaluate(model, held_out, accuracy)
    if task.layers[-1] == 1:
        loss: Callable[[Any, Any], Any] = binary_cross_entropy_with_logits
        targets: list[Any] = [max(0, label) for label in labels]
    else:
        loss = cross_entropy
        targets = [[float(label == k) for k in range(task.layers[-1])] for label in labels]
    step = compile(lambda xs, ys: loss([model(x) for x in xs], ys), Adam(model.parameters(), lr=task.lr))
    rng = random.Random(0)
    for _ in range(task.steps):
        batch = rng.sample(range(len(samples)), BATCH)
        step([samples[i] for i in batch], [targets[i] for i in batch])
    assert not step.fallbacks
    return before, evaluate(model, held_out, accuracy)


@each_task
def test_network_is_accurate_on_held_out_data(name: str) -> None:
    before, after = train_accuracy(name)
    task = TASKS[name]
    assert before < task.baseline < task.threshold <= after


@each_task
def test_accuracy_is_close_to_scikit_learn(name: str) -> None:
    """The same hidden layers, by scikit-learn's own training, and a linear classifier."""
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    task = TASKS[name]
    training, held_out = parts(task)
    network = MLPClassifier(task.layers[:-1], solver="lbfgs", max_iter=3000, random_state=0)
    network_accuracy = network.fit(*training).score(*held_out)
    linear_accuracy = LogisticRegression(max_iter=5000).fit(*training).score(*held_out)
    _, learned_accuracy = train_accuracy(name)
    chance = 2 * math.sqrt(0.95 * 0.05 / len(held_out[1]))  # twice the standard error of a share of 95 %
    assert learned_accuracy > network_accuracy - chance
    if task.real:
        assert learned_accuracy > linear_accuracy - chance
    else:
        assert learned_accuracy > linear_accuracy + 0.1, "no straight line separates these"


def test_data_sets_have_the_sizes_stated_in_the_lesson() -> None:
    pytest.importorskip("sklearn")
    for load, count, features, classes in (
        (iris, 150, 4, 3),
        (breast_cancer, 569, 30, 2),
        (digits, 1797, 64, 10),
    ):
        samples, labels = load()
        assert len(samples) == len(labels) == count
        assert {len(x) for x in samples} == {features}
        assert {type(x) for sample in samples for x in sample} == {float}
        assert sorted(set(labels)) == [*range(classes)]
        assert {type(y) for y in labels} == {int}
        assert load() == (samples, labels)
        assert load()[0] is not samples


@pytest.mark.parametrize("load", [iris, breast_cancer, digits], ids=lambda f: f.__name__)
def test_without_scikit_learn_the_extra_is_named(
    load: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r'pip install "glassgrad\[train\]"'):
        load()
