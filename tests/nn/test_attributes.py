"""Attributes of layers: the ones that exist take effect, others raise; users' own classes are free."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import nn
from autograd import Value, topological_order
from nn import (
    MLP,
    Activation,
    BatchNorm1d,
    Dropout,
    Layer,
    LayerNorm,
    LSTMCell,
    Module,
    Neuron,
    Parameter,
    RMSNorm,
    RNNCell,
    Sequential,
)
from nn.attributes import declared_names, final_names
from nn.layers.recurrent import RecurrentNeuron

BATCH = [[1.0, -2.0], [0.5, 3.0], [-1.5, 0.25]]

#: Every layer, seeded.
LAYERS: dict[str, Callable[[], Any]] = {
    "Neuron": lambda: Neuron(2, "tanh", seed=0),
    "Layer": lambda: Layer(2, 2, "tanh", seed=0),
    "MLP": lambda: MLP(2, [2, 2], "tanh", seed=0),
    "Sequential": lambda: Sequential(Layer(2, 2, "tanh", seed=0), Dropout(0.5, seed=0)),
    "Activation": lambda: Activation("tanh"),
    "Dropout": lambda: Dropout(0.5, seed=0),
    "LayerNorm": lambda: LayerNorm(2),
    "RMSNorm": lambda: RMSNorm(2),
    "BatchNorm1d": lambda: BatchNorm1d(2),
    "RNNCell": lambda: RNNCell(2, 2, seed=0),
    "LSTMCell": lambda: LSTMCell(2, 2, seed=0),
    "RecurrentNeuron": lambda: RNNCell(2, 2, seed=0).neurons[0],
}
#: The widths that come first.
WIDTHS: dict[str, Any] = {"Neuron": (3,), "Layer": (3, 2), "MLP": (3, [2, 1])}
each_layer = pytest.mark.parametrize("kind", LAYERS)


def numbers(outputs: Any) -> Any:
    """The data of the Values in lists and tuples."""
    return outputs.data if isinstance(outputs, Value) else [*map(numbers, outputs)]


def outputs_of(layer: Any) -> Any:
    """Return the outputs of a layer for BATCH, with the number of nodes and the label of each sample."""
    if isinstance(layer, RecurrentNeuron):
        out = layer._output((*BATCH[0], 0.5, -0.25))
        return out.data, out.label
    if isinstance(layer, Neuron):
        out = layer(BATCH[0])
        return out.data, len(topological_order(out))
    if isinstance(layer, LSTMCell):
        return numbers(layer(BATCH[0], ([0.5, -0.25], [1.0, 2.0])))
    if isinstance(layer, BatchNorm1d):
        layer(BATCH)
        return numbers(layer(BATCH)), numbers(layer.eval()(BATCH))
    return (
        numbers(layer(BATCH)) if getattr(layer, "takes_batch", False) else [numbers(layer(x)) for x in BATCH]
    )


#: For each attribute of each layer a value that must change what the layer returns.
OTHER: dict[str, dict[str, Any]] = {
    "Neuron": {
        "w": (Parameter(3.0), Parameter(4.0)), "b": Parameter(5.0), "activation": "relu", "fused": False,
    },
    "Layer": {"neurons": [Neuron(2, seed=3)]},
    "MLP": {"layers": [Layer(2, 1, seed=3)]},
    "Sequential": {"layers": [Layer(2, 1, seed=3)]},
    "Activation": {"activation": "relu"},
    "Dropout": {"p": 0.0, "training": False},
    "LayerNorm": {"eps": 1.0, "weight": [Parameter(2.0)] * 2, "bias": [Parameter(2.0)] * 2},
    "RMSNorm": {"eps": 1.0, "weight": [Parameter(2.0)] * 2, "bias": [Parameter(2.0)] * 2},
    "BatchNorm1d": {
        "eps": 1.0, "weight": [Parameter(2.0)] * 2, "bias": [Parameter(2.0)] * 2, "training": False,
        "momentum": 0.5, "running_mean": [1.0, 2.0], "running_var": [4.0, 9.0],
    },
    "RNNCell": {"neurons": RNNCell(2, 2, "relu", seed=3).neurons},
    "LSTMCell": dict.fromkeys(
        ["input_gate", "forget_gate", "cell_gate", "output_gate"], LSTMCell(2, 2, seed=3).cell_gate
    ),
    "RecurrentNeuron": {
        "weights_ih": (Parameter(3.0), Parameter(4.0)), "weights_hh": (Parameter(3.0), Parameter(4.0)),
        "bias_ih": Parameter(5.0), "bias_hh": Parameter(5.0), "activation": "relu", "label": "h₁",
    },
}  # fmt: skip


def test_every_layer_of_nn_is_covered() -> None:
    public = [getattr(nn, name) for name in nn.__all__]
    layers = {
        thing.__name__
        for thing in public
        if isinstance(thing, type) and issubclass(thing, Module) and thing is not Module
    }
    assert layers | {"RecurrentNeuron"} == set(LAYERS)


# Names that a layer does not have --------------------------------------------------------------------


@each_layer
def test_assigning_an_unknown_attribute_raises_and_changes_nothing(kind: str) -> None:
    layer = LAYERS[kind]()
    before = dict(vars(layer))
    with pytest.raises(
        AttributeError, match=f"^{kind} has no attribute 'color'\\. Use one of .*training.*, or "
    ):
        layer.color = "blue"
    assert not hasattr(layer, "color")
    assert vars(layer) == before


def test_the_message_lists_the_attributes_that_may_be_assigned() -> None:
    with pytest.raises(AttributeError) as error:
        LAYERS["Neuron"]().color = "blue"
    assert str(error.value) == (
        "Neuron has no attribute 'color'. Use one of activation, b, fused, training, w, or subclass Neuron "
        "to add others."
    )
    assert (error.value.name, type(error.value.obj)) == ("color", Neuron)


@pytest.mark.parametrize("kind", WIDTHS)
def test_nonlin_of_micrograd_raises_and_names_activation(kind: str) -> None:
    remedy = rf'\'nonlin\'\. Set activation, for example {kind}\(\.\.\., activation="linear"\)\.$'
    with pytest.raises(AttributeError, match=f"^{kind} has no attribute {remedy}"):
        LAYERS[kind]().nonlin = False
    make: Any = getattr(nn, kind)
    with pytest.raises(TypeError, match=rf"^{kind}\(\) got an unexpected keyword argument {remedy}"):
        make(*WIDTHS[kind], nonlin=False)


@pytest.mark.parametrize(("former", "name"), [("weights", "w"), ("bias", "b")])
def test_former_names_of_a_neuron_raise_with_the_current_name(former: str, name: str) -> None:
    neuron = LAYERS["Neuron"]()
    with pytest.raises(
        AttributeError, match=f"^Neuron has no attribute '{former}'\\. Use its name '{name}'\\.$"
    ):
        setattr(neuron, former, None)
    assert not hasattr(neuron, former)


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("Neuron", "seed"), ("Layer", "activation"), ("Layer", "fused"), ("MLP", "activation"),
        ("Dropout", "seed"), ("LayerNorm", "elementwise_affine"), ("BatchNorm1d", "affine"),
        ("RNNCell", "activation"),
    ],
)  # fmt: skip
def test_assigning_a_constructor_option_raises_with_remedy(kind: str, option: str) -> None:
    with pytest.raises(AttributeError, match=rf"Pass {option} to {kind}\(\) when you build it\.$"):
        setattr(LAYERS[kind](), option, None)


@pytest.mark.parametrize("kind", WIDTHS)
def test_unknown_option_raises_and_lists_the_options(kind: str) -> None:
    make: Any = getattr(nn, kind)
    with pytest.raises(
        TypeError, match=rf"^{kind}\(\) got .* 'sed'\. Use one of nin, .*activation, fused, seed\.$"
    ):
        make(*WIDTHS[kind], sed=0)


# Names that it has -----------------------------------------------------------------------------------


@each_layer
def test_table_lists_every_attribute(kind: str) -> None:
    layer = type(LAYERS[kind]())
    public = {
        name
        for name in declared_names(layer) - final_names(layer)
        if not name.startswith("_") and not callable(getattr(layer, name, None))
    }
    # Tested below; they matter in evaluation, in a Sequential, or with momentum=None.
    elsewhere = {"owner", "training", "takes_batch", "num_batches_tracked"}
    assert public - elsewhere == set(OTHER[kind]) - elsewhere


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, others in OTHER.items() for name in others]
)
def test_an_assigned_attribute_takes_effect(kind: str, name: str) -> None:
    before = outputs_of(LAYERS[kind]())
    layer = LAYERS[kind]()
    setattr(layer, name, OTHER[kind][name])
    assert getattr(layer, name) == OTHER[kind][name]
    assert outputs_of(layer) != before


def test_num_batches_tracked_takes_effect_where_the_momentum_is_none() -> None:
    norm = BatchNorm1d(2, momentum=None)
    norm.num_batches_tracked = 1
    norm(BATCH)
    assert norm.running_mean == [0.0, 0.5 * 1.25 / 3]


def test_takes_batch_takes_effect_in_a_sequential() -> None:
    model = Sequential(BatchNorm1d(2))
    model(BATCH)
    model.layers[0].takes_batch = False  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=r"BatchNorm1d\(\) .* samples for batch, got batch\[0\] = 1\.0\. For"):
        model(BATCH)


@pytest.mark.parametrize("kind", ["Neuron", "Activation", "RecurrentNeuron"])
def test_unknown_activation_raises_and_keeps_the_old_one(kind: str) -> None:
    layer = LAYERS[kind]()
    before = outputs_of(layer)
    with pytest.raises(
        ValueError, match=rf"{kind}\(\) .* activation, got str 'tahn'\. Use one of linear, relu"
    ):
        layer.activation = "tahn"
    assert layer.activation == "tanh"
    assert outputs_of(layer) == before


@pytest.mark.parametrize("activation", ["linear", "sigmoid"])
def test_assigned_activation_computes_as_one_from_the_constructor(activation: str) -> None:
    neuron, expected = Neuron(2, "tanh", seed=0), Neuron(2, activation, seed=0)
    expected.w = neuron.w
    neuron.activation = activation
    assert neuron(BATCH[0]).data == expected(BATCH[0]).data
    assert repr(neuron) == repr(expected)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Layer", "nin"), ("LayerNorm", "width"), ("RMSNorm", "width"), ("BatchNorm1d", "width"),
        ("RNNCell", "nin"), ("RNNCell", "nhidden"), ("LSTMCell", "nin"), ("LSTMCell", "nhidden"),
    ],
)  # fmt: skip
def test_a_width_is_fixed_when_the_layer_is_built(kind: str, name: str) -> None:
    layer = LAYERS[kind]()
    message = rf"^{kind}\.{name} is fixed when the layer is built\. Build another {kind}\.$"
    with pytest.raises(AttributeError, match=message):
        setattr(layer, name, 3)
    assert getattr(layer, name) == 2


@pytest.mark.parametrize("name", ["weight", "bias", "running_mean", "running_var"])
def test_a_row_of_another_width_raises(name: str) -> None:
    norm = BatchNorm1d(2).eval()
    setattr(norm, name, [Parameter(1.0)] if name in ("weight", "bias") else [1.0])
    with pytest.raises(ValueError, match="zip"):
        norm(BATCH)


def test_assigned_parameters_and_modules_have_an_owner() -> None:
    neuron, layer = Neuron(2, seed=0), Layer(2, 1, seed=0)
    neuron.b = b = Parameter(1.0)
    layer.neurons = [neuron]
    assert (b.owner, neuron.owner) == (neuron, layer)


# Copies ----------------------------------------------------------------------------------------------


@each_layer
@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))]
)
def test_a_copy_has_the_same_attributes_and_no_others(kind: str, duplicate: Any) -> None:
    layer = LAYERS[kind]()
    clone = duplicate(layer)
    assert [*vars(clone)] == [name for name in vars(layer) if name != "_owner"]
    assert outputs_of(clone) == outputs_of(LAYERS[kind]())
    with pytest.raises(AttributeError, match=f"{kind} has no attribute 'color'"):
        clone.color = "blue"


# Classes of users ------------------------------------------------------------------------------------


class Painted(Neuron):
    def __init__(self) -> None:
        self.before = 1
        super().__init__(2, "linear", seed=0)
        self.after = 2


class Wide(Layer):
    """A layer that sets what it likes, also what is fixed in a Layer."""

    def __init__(self) -> None:
        super().__init__(2, 1, seed=0)
        self.nin = 3  # type: ignore[misc]


class Scaled(Module):
    """A module with a property, which its own setter stores."""

    def __init__(self) -> None:
        self.scale = 2.0

    @property
    def scale(self) -> float:
        return self.parameter.data

    @scale.setter
    def scale(self, number: float) -> None:
        self.parameter = Parameter(number)


def test_a_module_of_a_user_may_have_any_attribute() -> None:
    module = Module()
    module.color = "blue"  # type: ignore[attr-defined]
    module.nonlin = False  # type: ignore[attr-defined]
    assert vars(module) == {"color": "blue", "nonlin": False}


def test_a_subclass_of_a_layer_may_have_any_attribute() -> None:
    painted = Painted()
    painted.nonlin = painted.weights = False  # type: ignore[attr-defined]
    assert (painted.before, painted.after, painted.nonlin) == (1, 2, False)  # type: ignore[attr-defined]
    assert (painted([1.0, 1.0]).data, Wide().nin) == (Neuron(2, "linear", seed=0)([1.0, 1.0]).data, 3)

    class Again(Painted):
        pass

    Again().color = "blue"  # type: ignore[attr-defined]


def test_a_module_of_a_user_may_fix_its_attributes() -> None:
    class Line(Module, fixed_attributes=True):
        slope: Parameter

        def __init__(self) -> None:
            self.slope = Parameter(2.0)

    line = Line()
    line.slope = Parameter(3.0)
    with pytest.raises(
        AttributeError, match=r"Line has no attribute 'offset'\. Use one of slope, training, or"
    ):
        line.offset = Parameter(1.0)  # type: ignore[attr-defined]


def test_a_module_of_a_user_may_have_a_property() -> None:
    module = Scaled()
    module.scale = 5.0
    assert [(name, p.data, p.owner) for name, p in module.named_parameters()] == [("parameter", 5.0, module)]
