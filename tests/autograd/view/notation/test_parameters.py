"""Names of weights, biases and inputs."""

from typing import Any

import pytest

from autograd import Value, dot, topological_order
from autograd import sum as total_of
from autograd.view.explain.explain import explain
from autograd.view.explain.formula import formula
from autograd.view.network.collapsed import network_or_graph
from autograd.view.notation.names import Names, names_of
from autograd.view.picture.cards import picture_of
from autograd.view.steps.steps import steps
from nn import MLP, BatchNorm1d, Layer, LSTMCell, Module, Neuron, Parameter, RNNCell, Sequential, l2_penalty

from ...._support.growth import is_linear

fusing = pytest.mark.parametrize("fused", [True, False])


def names_in(module: Module, root: Any) -> list[str]:
    names = names_of(root)
    return [names[p] for p in module.parameters()]


@fusing
def test_neuron_has_weights_and_a_bias(fused: bool) -> None:
    neuron = Neuron(3, fused=fused)
    x = Value(2.0)
    out = neuron([1.0, x, 3.0])
    assert names_in(neuron, out) == ["w₁", "w₂", "w₃", "b"]
    assert names_of(out)[x] == "x₁"


@fusing
def test_layer_numbers_its_neurons(fused: bool) -> None:
    layer = Layer(2, 2, fused=fused)
    assert names_in(layer, total_of(layer([1.0, 2.0]))) == ["w₁₁", "w₁₂", "b₁", "w₂₁", "w₂₂", "b₂"]


@fusing
def test_network_numbers_its_layers(fused: bool) -> None:
    model = MLP(1, [2, 1], fused=fused)
    assert names_in(model, model([1.0])) == [
        "w₁₁⁽¹⁾", "b₁⁽¹⁾", "w₂₁⁽¹⁾", "b₂⁽¹⁾", "w₁₁⁽²⁾", "w₁₂⁽²⁾", "b₁⁽²⁾",
    ]  # fmt: skip


@fusing
def test_every_view_has_the_same_names(fused: bool) -> None:
    model = MLP(2, [2, 1], "tanh", seed=0, fused=fused)
    out: Any = model([1.0, 2.0])
    own = names_in(model, out)
    assert {card.name for card in picture_of(out, None).cards if card.kind == "leaf"} == {*own}
    names = {card.name for card in network_or_graph(out, None, model).cards if card.kind == "leaf"}
    assert names == {*(name.partition("⁽")[0] for name in own), "x₁", "x₂"}  # within the box of their layer
    assert all(name in repr(formula(out)) for name in own)
    assert {step.names[step.operand] for step in steps(out) if step.operand.is_leaf} == {*own}
    assert all(f"∂out/∂{name}" in repr(explain(out, p)) for name, p in zip(own, model.parameters()))


def test_long_indices_have_a_comma() -> None:
    layer = Layer(10, 2)
    names = names_in(layer, total_of(layer([1.0] * 10)))
    assert (names[0], names[9], names[10]) == ("w₁,₁", "w₁,₁₀", "b₁")
    assert "(w₁,₁)" not in repr(formula(total_of(layer([1.0] * 10))))


@pytest.mark.parametrize("make", [RNNCell, LSTMCell])
def test_recurrent_neuron_has_two_biases(make: Any) -> None:
    cell = make(1, 1)
    out, _ = cell([1.0]) if make is LSTMCell else (cell([1.0]), None)
    assert names_in(cell, total_of(out))[:4] == ["w₁₁", "w₁₂", "b₁₁", "b₁₂"]


def test_normalization_is_a_layer_of_its_own() -> None:
    model = Sequential(Layer(1, 2, "linear"), BatchNorm1d(2))
    rows: Any = model([[1.0], [2.0], [4.0]])
    assert names_in(model, total_of([x for row in rows for x in row])) == [
        "w₁₁⁽¹⁾", "b₁⁽¹⁾", "w₂₁⁽¹⁾", "b₂⁽¹⁾", "w₁⁽²⁾", "w₂⁽²⁾", "b₁⁽²⁾", "b₂⁽²⁾",
    ]  # fmt: skip


class Line(Module):
    def __init__(self) -> None:
        self.slope, self.offset = Parameter(2.0), Parameter(1.0)


def test_parameter_that_is_only_added_is_a_bias() -> None:
    line, x = Line(), Value(3.0)
    out = line.slope * x + line.offset
    assert names_in(line, out) == ["w₁", "b"]
    assert names_in(line, out + l2_penalty(line.parameters())) == ["w₁", "b"]
    assert names_in(line, out + sum(p * p for p in line.parameters())) == ["w₁", "b"]
    assert names_in(line, abs(line.slope) + line.offset.exp()) == ["w₁", "w₂"]


def test_parameters_without_a_module_are_numbered() -> None:
    a, b, c = Parameter(1.0), Parameter(2.0), Parameter(3.0)
    names = names_of(a * Value(2.0) + b * Value(3.0) + c)
    assert [names[p] for p in (a, b, c)] == ["w₁", "w₂", "b"]


def test_numbers_skip_the_weights_of_a_neuron() -> None:
    neuron, own = Neuron(2, "linear"), Parameter(1.0)
    names = names_of(neuron([1.0, 2.0]) * own)
    assert [names[p] for p in (*neuron.parameters(), own)] == ["w₁", "w₂", "b", "w₃"]


def test_leaves_of_a_dot_have_its_roles() -> None:
    w, x, b = [Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)], Value(5.0)
    names = names_of(dot(w, x, b))
    assert [names[v] for v in (*w, *x, b)] == ["w₁", "w₂", "x₁", "x₂", "b"]
    assert [names_of(dot(x, x))[v] for v in x] == ["x₁", "x₂"]
    two = names_of(dot(w, x, b) * dot(w, x, Value(1.0)))
    assert two[b] == "b₁"


def test_plain_leaves_are_inputs() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    names = names_of(a * b + c)
    assert [names[v] for v in (a, b, c)] == ["x₁", "x₂", "x₃"]


@pytest.mark.parametrize(("label", "expected"), [("w", "θ₁"), ("w1", "θ₁"), ("w_1", "θ₁"), ("W", "w₁")])
def test_weights_never_resemble_a_label(label: str, expected: str) -> None:
    neuron = Neuron(1)
    assert names_in(neuron, neuron([Value(2.0, label=label)])) == [expected, "b"]


def test_label_of_a_parameter_is_its_name() -> None:
    neuron = Neuron(2)
    neuron.w[0].label = "slope"
    assert names_in(neuron, neuron([1.0, 2.0])) == ["slope", "w₂", "b"]


def test_parameter_of_a_deleted_module_is_numbered() -> None:
    weights = Neuron(2).w
    names = names_of(weights[1] * weights[0])
    assert [names[p] for p in weights] == ["w₂", "w₁"]


def test_names_of_a_network_take_linear_work() -> None:
    def work(size: int) -> Any:
        model = MLP(2, [size, 1], seed=0)
        order = topological_order(model([1.0, 2.0]))
        return lambda: Names(order)

    assert is_linear(work, 100)
