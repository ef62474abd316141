"""draw() of a step with modules: its layers, and the numbers that flow between them."""

from typing import Any

import pytest

import autograd
from autograd import Value, compile, draw
from autograd.view.picture.cards import Picture
from nn import MLP, SGD, Adam, Module, Neuron, cross_entropy, hinge_loss
from nn.data import two_moons

from ..._support.compiled import BACKENDS

X, Y = two_moons(20, noise=0.1, seed=0)


def arrows(picture: Picture) -> dict[tuple[str, str], str]:
    names = {card.key: card.name for card in picture.cards}
    return {(names[edge.operand], names[edge.result]): edge.local for edge in picture.edges}


def moons(backend: str) -> Any:
    model = MLP(2, [8, 4, 1], seed=0)
    step = compile(
        lambda X, y: hinge_loss([model(x) for x in X], y), SGD(model.parameters(), lr=0.1), backend=backend
    )
    step(X, Y)
    return step


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "python"])
def test_a_batch_shows_the_width_of_each_layer(backend: str) -> None:
    picture = moons(backend).picture(120)
    assert [(card.name, card.expression) for card in picture.cards] == [
        ("arguments", "3 × 20"),
        ("Layer(2, 8, 'relu')", "24 parameters"),
        ("Layer(8, 4, 'relu')", "36 parameters"),
        ("Layer(4, 1, 'linear')", "5 parameters"),
        ("loss", "6 instructions"),
        ("update: SGD", "65 parameters"),
    ]
    assert arrows(picture) == {
        ("arguments", "Layer(2, 8, 'relu')"): "2 × 20",
        ("Layer(2, 8, 'relu')", "Layer(8, 4, 'relu')"): "8 × 20",
        ("Layer(8, 4, 'relu')", "Layer(4, 1, 'linear')"): "4 × 20",
        ("Layer(4, 1, 'linear')", "loss"): "1 × 20",
        ("arguments", "loss"): "1 × 20",
        ("loss", "update: SGD"): "",
    }
    assert "n × 20 means n numbers for each of 20 samples" in picture.note


def test_without_a_batch_axis_all_numbers_are_counted() -> None:
    picture = moons("python").picture(120)
    assert arrows(picture)["Layer(2, 8, 'relu')", "Layer(8, 4, 'relu')"] == "160"
    assert "samples" not in picture.note


class Residual(Module):
    """Two layers, the second of which reads the input again."""

    def __init__(self) -> None:
        self.first = MLP(2, [2], activation="tanh", seed=0)
        self.last = Neuron(2, activation="linear", seed=1)

    def __call__(self, x: Any) -> Value:
        return self.last([a + b for a, b in zip(self.first(x), x)])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sum_that_a_later_layer_reads_belongs_to_the_layer_before(backend: str) -> None:
    model = Residual()
    step = compile(
        lambda X: autograd.sum([model(x) ** 2 for x in X]), Adam(model.parameters()), backend=backend
    )
    step(X)
    picture = step.picture(20)
    count = "2 × 20" if backend != "python" else "40"
    edges = arrows(picture)
    assert edges["arguments", "Layer(2, 2, 'linear')"] == count
    assert edges["Layer(2, 2, 'linear')", "Residual"] == count
    assert ("Residual", "loss") in edges
    assert ("loss", "update: Adam") in edges


def test_a_penalty_belongs_to_the_loss() -> None:
    model = MLP(2, [3, 3], activation="tanh", seed=0)

    def objective(X: Any, labels: Any) -> Value:
        penalty = autograd.sum([p * p for p in model.parameters()])
        return cross_entropy([model(x) for x in X], labels) + 0.01 * penalty

    step = compile(objective, SGD(model.parameters(), lr=0.1))
    step(X, [i % 3 for i in range(len(X))])
    names = [card.name for card in step.picture(120).cards]
    assert names == ["arguments", "Layer(2, 3, 'tanh')", "Layer(3, 3, 'linear')", "loss", "update: SGD"]


def test_small_programs_and_no_limit_show_instructions() -> None:
    neuron = Neuron(2, seed=0)
    step = compile(lambda x: neuron(x) ** 2)
    step([1.0, 2.0])
    assert "a program of" in str(draw(step))
    assert "argument 1" in str(draw(step))
    assert "argument 1" in str(draw(moons("python"), limit=None))
    assert "argument 1" not in str(draw(moons("python")))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_drawn_as_svg(theme: Any) -> None:
    pytest.importorskip("graphviz")
    svg = draw(moons("python"), theme=theme).svg
    assert "Layer(8, 4" in svg
    assert "65 parameters" in svg
