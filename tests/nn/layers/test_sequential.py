"""Sequential and Activation: their inputs, outputs, and invalid arguments."""

import copy
from typing import Any

import pytest

from autograd import Value, grad
from nn import MLP, Activation, Layer, LayerNorm, Module, Neuron, Parameter, Sequential
from nn.layers.mlp import ACTIVATIONS

ROWS = [(0.5, -1.0), (2.0, 3.0), (0.0, 0.25)]


def _numbers(outputs: list[Any]) -> list[Any]:
    return [[x.data for x in out] if isinstance(out, list) else out.data for out in outputs]


@pytest.mark.parametrize("widths", [[4, 3, 2], [3, 1], [1, 3, 1], [1]])
def test_sequential_of_layers_agrees_with_mlp(widths: list[int]) -> None:
    mlp = MLP(2, widths, "tanh", seed=0)
    model = Sequential(*copy.deepcopy(mlp.layers))
    assert _numbers(model(ROWS)) == _numbers([mlp(x) for x in ROWS])
    assert [n for n, _ in model.named_parameters()] == [n for n, _ in mlp.named_parameters()]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_module_agrees_with_a_layer(activation: str) -> None:
    inside = Layer(2, 3, activation, seed=0)
    outside = Sequential(Layer(2, 3, "linear", seed=0), Activation(activation))
    for inner, outer in zip(inside.neurons, outside.layers[0].neurons, strict=True):
        outer.w = inner.w
    assert _numbers(outside(ROWS)) == _numbers([inside(x) for x in ROWS])
    assert repr(outside.layers[1]) == f"Activation({activation!r})"
    assert _numbers(Activation(activation)(ROWS)) == [_numbers(Activation(activation)(x)) for x in ROWS]


class Twice(Module):
    """A module of a user: one sample per call."""

    def __init__(self) -> None:
        self.factor = Parameter(2.0)

    def __call__(self, x: Any) -> list[Value]:
        return [self.factor * xi for xi in x]


def test_sequential_accepts_user_modules_and_nested_sequentials() -> None:
    model = Sequential(Twice(), Sequential(Twice(), LayerNorm(2)), Neuron(2, "linear", seed=0))
    outputs = model(ROWS)
    assert all(isinstance(out, Value) for out in outputs)
    assert len(model.parameters()) == 1 + 1 + 4 + 3
    assert len(grad(outputs[0], model.parameters())) == 9


def test_sequential_accepts_an_array() -> None:
    numpy = pytest.importorskip("numpy")
    model = Sequential(Layer(2, 2, seed=0))
    assert _numbers(model(numpy.array(ROWS))) == _numbers(model(ROWS))


def test_train_and_eval_reach_every_module() -> None:
    model = Sequential(Twice(), Sequential(Twice()))
    model.eval()
    assert not any(module.training for module in model.modules())


def test_non_module_raises() -> None:
    with pytest.raises(
        TypeError, match=r"Sequential\(\) expected Modules, got modules\[1\] = 'relu', str\. Pass"
    ):
        Sequential(Layer(2, 2), "relu")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"expected Modules, got modules\[0\] = \[Layer"):
        Sequential([Layer(2, 2)])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one module"):
        Sequential()
    with pytest.raises(
        ValueError, match=r"Activation\(\) expected the name of an activation, got str 'rulu'"
    ):
        Activation("rulu")


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ([], ValueError, r"Sequential\(\) expected at least one sample in batch, got list \[\]\. Add"),
        ([0.5, -1.0], TypeError, r"got batch\[0\] = 0\.5\. For a single sample x, pass \[x\]"),
        (Value(1.0), TypeError, "a list of samples for batch, got Value"),
        ("ab", TypeError, "a list of samples for batch, got str"),
        (["ab"], TypeError, r"got batch\[0\] = 'ab'\. For"),
        ([(1.0, 2.0, 3.0)], ValueError, r"Layer\(\) expected 2 numbers for x, got .* of length 3"),
    ],
)
def test_invalid_batch_raises(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Sequential(Layer(2, 3, seed=0))(wrong)
