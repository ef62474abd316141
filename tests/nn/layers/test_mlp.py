"""Neuron, Layer and MLP: their outputs, inputs, seeds, and invalid arguments."""

import math
import random
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, no_grad, topological_order
from nn import MLP, Layer, Module, Neuron
from nn.layers.mlp import ACTIVATIONS

from ..._support.table import bits

MAKERS: dict[str, Callable[..., Any]] = {
    "neuron": Neuron,
    "layer": lambda nin, **more: Layer(nin, 2, **more),
    "network": lambda nin, **more: MLP(nin, [3, 2], **more),
}
each_kind = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
fused_or_not = pytest.mark.parametrize("fused", [True, False], ids=["fused", "unfused"])


def _set(module: Module, numbers: list[float]) -> None:
    for parameter, number in zip(module.parameters(), numbers, strict=True):
        parameter.data = number


def _numbers(outputs: Any) -> list[float]:
    return [out.data for out in (outputs if isinstance(outputs, list) else [outputs])]


# Outputs ------------------------------------------------------------------------------------------


@fused_or_not
def test_neuron_matches_hand_computed_number(fused: bool) -> None:
    neuron = Neuron(3, "linear", fused=fused)
    _set(neuron, [2.0, -3.0, 0.5, 1.0])
    x = [Value(10.0), Value(4.0), Value(-2.0)]
    out = neuron(x)
    assert out.data == 20.0 - 12.0 - 1.0 + 1.0
    out.backward()
    assert [p.grad for p in neuron.parameters()] == [10.0, 4.0, -2.0, 1.0]
    assert [v.grad for v in x] == [2.0, -3.0, 0.5]


@fused_or_not
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_activation_is_applied_to_the_weighted_sum(activation: str, fused: bool) -> None:
    neuron = Neuron(2, activation, fused=fused)
    for weighted_sum in (-1.5, 0.0, 2.0):
        _set(neuron, [1.0, 1.0, weighted_sum])
        expected = weighted_sum if activation == "linear" else getattr(Value(weighted_sum), activation)().data
        assert neuron([0.25, -0.25]).data == expected


def test_relu_is_the_activation_unless_another_is_named() -> None:
    neuron = Neuron(1)
    _set(neuron, [1.0, 0.0])
    assert (neuron([-3.0]).data, neuron([3.0]).data) == (0.0, 3.0)


@fused_or_not
def test_mlp_matches_hand_computed_number(fused: bool) -> None:
    model = MLP(2, [2, 1], fused=fused)
    _set(model, [1.0, 1.0, 0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -4.0])
    # hidden relu(1 + 2) = 3 and relu(1 − 2 + 0.5) = 0; out 2·3 + 3·0 − 4, without relu
    assert model([1.0, 2.0]).data == 2.0
    assert model([-1.0, 0.0]).data == -4.0
    out = model([1.0, 2.0])
    out.backward()
    assert [p.grad for p in model.parameters()] == [2.0, 4.0, 2.0, 0.0, 0.0, 0.0, 3.0, 0.0, 1.0]


def test_only_the_last_layer_is_linear() -> None:
    model = MLP(2, [3, 4, 2], "tanh")
    assert [[neuron.activation for neuron in layer.neurons] for layer in model.layers] == [
        ["tanh"] * 3,
        ["tanh"] * 4,
        ["linear"] * 2,
    ]


def test_layer_returns_the_outputs_of_its_neurons() -> None:
    layer = Layer(2, 3, "tanh", seed=5)
    x = [0.3, -0.8]
    assert _numbers(layer(x)) == [neuron(x).data for neuron in layer.neurons]


def test_mlp_applies_its_layers_in_order() -> None:
    model = MLP(2, [3, 4, 2], "tanh", seed=5)
    outputs: Any = [0.3, -0.8]
    for layer in model.layers:
        outputs = layer(outputs)
    assert _numbers(model([0.3, -0.8])) == _numbers(outputs)


def test_single_output_is_a_value_and_several_are_a_list() -> None:
    for single in (Neuron(2), Layer(2, 1), MLP(2, [1]), MLP(2, [3, 1])):
        assert isinstance(single([1.0, 2.0]), Value)
    for several in (Layer(2, 3), MLP(2, [3]), MLP(2, [1, 3])):
        outputs = several([1.0, 2.0])
        assert type(outputs) is list
        assert [type(out) for out in outputs] == [Value] * 3


@pytest.mark.parametrize(
    ("model", "count"),
    [
        (Neuron(4), 5),
        (Layer(4, 3), 15),
        (MLP(2, [16, 16, 1]), 337),
        (MLP(3, (4, 4, 1)), 41),
        (MLP(1, [1]), 2),
    ],
)
def test_number_of_parameters(model: Module, count: int) -> None:
    assert len(model.parameters()) == count


def test_fused_neuron_is_one_dot_node() -> None:
    def operations(fused: bool) -> list[str]:
        out = Neuron(3, "tanh", fused=fused)([1.0, 2.0, 3.0])
        return [node.primitive.name for node in topological_order(out) if node.primitive]

    assert operations(fused=True) == ["dot", "tanh"]
    assert sorted(operations(fused=False)) == ["add"] * 3 + ["mul"] * 3 + ["tanh"]


@fused_or_not
@each_kind
def test_fused_applies_to_every_neuron(make: Callable[..., Any], fused: bool) -> None:
    model = make(2, fused=fused)
    out = model([1.0, 2.0])
    names = {
        node.primitive.name
        for node in topological_order(out[0] if isinstance(out, list) else out)
        if node.primitive
    }
    assert names - {"relu"} == ({"dot"} if fused else {"add", "mul"})
    assert all(m.fused is fused for m in model.modules() if isinstance(m, Neuron))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    nouts=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    activation=st.sampled_from(ACTIVATIONS),
    x=st.lists(st.floats(-1e6, 1e6) | st.floats(-3.0, 3.0) | st.integers(-9, 9), min_size=1, max_size=7),
)
def test_fused_and_unfused_outputs_are_bit_identical(
    seed: int, nouts: list[int], activation: str, x: list[float]
) -> None:
    results = []
    for fused in (True, False):
        model = MLP(len(x), nouts, activation, fused=fused, seed=seed)
        for i, p in enumerate(model.parameters()):
            p.data += 0.1 * math.sin(i)  # biases too
        inputs = [Value(xi) for xi in x]
        outputs = model(inputs)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        for out in outputs:
            out.backward()
        leaves = [*model.parameters(), *inputs]
        results.append(([bits(out.data) for out in outputs], [leaf.grad for leaf in leaves]))
    (fused_bits, fused_grads), (spelled_bits, spelled_grads) = results
    assert fused_bits == spelled_bits
    largest = max(map(abs, fused_grads))
    for a, b in zip(fused_grads, spelled_grads, strict=True):
        assert math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12 * largest)


@pytest.mark.parametrize("special", [math.inf, -math.inf, math.nan, 1e308, -0.0])
def test_fused_and_unfused_agree_on_special_inputs(special: float) -> None:
    outputs = []
    for fused in (True, False):
        neuron = Neuron(3, "linear", fused=fused)
        _set(neuron, [0.0, 2.0, -3.0, -0.0])
        outputs.append([bits(neuron([special, 1.0, a]).data) for a in (special, -1.0)])
    assert outputs[0] == outputs[1]


def test_output_under_no_grad_is_a_leaf_with_the_same_data() -> None:
    model = MLP(2, [3, 1], seed=0)
    with no_grad():
        out = model([1.0, 2.0])
    assert out.is_leaf
    assert out.data == model([1.0, 2.0]).data


# Inputs -------------------------------------------------------------------------------------------


def _rows() -> dict[str, Any]:
    import numpy as np

    return {
        "ints": [1, -2],
        "a tuple": (1.0, -2.0),
        "bools and fractions": [True, Fraction(-2)],
        "a decimal": [Decimal(1), Decimal(-2)],
        "Values": [Value(1.0), Value(-2.0)],
        "a mixture": (Value(1.0), -2),
        "a numpy row": np.array([1.0, -2.0]),
        "a float32 row": np.array([1.0, -2.0], dtype=np.float32),
        "an int row": np.array([1, -2]),
        "a row of an array": np.array([[9.0, 9.0], [1.0, -2.0]])[1],
        "numpy scalars": [np.float64(1.0), np.int32(-2)],
        "a range": range(1, -3, -3),
        "a generator": (x for x in (1.0, -2.0)),
    }


@fused_or_not
@each_kind
@pytest.mark.parametrize("kind", _rows())
def test_inputs_may_be_any_sequence_of_numbers(make: Callable[..., Any], kind: str, fused: bool) -> None:
    model = make(2, activation="tanh", fused=fused, seed=3)
    expected = _numbers(model([1.0, -2.0]))
    outputs = model(_rows()[kind])
    assert _numbers(outputs) == expected
    assert all(type(x) is float for x in _numbers(outputs))


def test_call_does_not_change_its_inputs() -> None:
    x = [1.0, 2.0]
    MLP(2, [3, 1])(x)
    assert x == [1.0, 2.0]


@each_kind
def test_a_gradient_reaches_inputs_that_are_values(make: Callable[..., Any]) -> None:
    x = [Value(0.5), Value(0.25)]
    out = make(2, activation="tanh", seed=1)(x)
    (out[0] if isinstance(out, list) else out).backward()
    assert all(v.grad != 0.0 for v in x)


# Invalid arguments --------------------------------------------------------------------------------


@fused_or_not
@each_kind
@pytest.mark.parametrize("length", [0, 1, 2, 4])
def test_wrong_number_of_inputs_raises_value_error(
    make: Callable[..., Any], length: int, fused: bool
) -> None:
    import numpy as np

    model = make(3, fused=fused)
    for row in (
        [1.0] * length,
        (1.0,) * length,
        np.ones(length),
        iter([1.0] * length),
        [Value(1.0)] * length,
    ):
        with pytest.raises(
            ValueError, match=f"expected 3 numbers for x, got .* of length {length}. Pass 3 numbers.$"
        ):
            model(row)


@each_kind
def test_error_names_the_called_class(make: Callable[..., Any]) -> None:
    with pytest.raises(
        ValueError, match=rf"^{type(make(2)).__name__}\(\) expected 2 numbers for x, got list \[1.0\]"
    ):
        make(2)([1.0])


@fused_or_not
@each_kind
@pytest.mark.parametrize("wrong", [1.0, 7, None, Value(2.0), object()], ids=lambda x: type(x).__name__)
def test_single_number_raises_type_error(make: Callable[..., Any], wrong: Any, fused: bool) -> None:
    for width in (1, 2):
        with pytest.raises(
            TypeError, match=rf"a sequence of {width} numbers? for x, got {type(wrong).__name__}.*\. Put"
        ):
            make(width, fused=fused)(wrong)


@fused_or_not
@each_kind
@pytest.mark.parametrize("wrong", ["ab", [None, 1.0], [1.0, 1j], ["1", "2"], [[1.0], [2.0]]], ids=repr)
def test_non_numeric_inputs_raise_type_error(make: Callable[..., Any], wrong: Any, fused: bool) -> None:
    with pytest.raises(
        TypeError, match=r"expected a (real number for x\[[01]\]|sequence of 2 numbers for x), got"
    ):
        make(2, fused=fused)(wrong)


@each_kind
def test_batch_raises_with_remedy(make: Callable[..., Any]) -> None:
    import numpy as np

    with pytest.raises(TypeError, match=r"number for x\[0\], got ndarray .*\. Call it once for each sample"):
        make(2)(np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"of length 5. Call it once for each sample"):
        make(2)(np.ones((5, 2)))


@pytest.mark.parametrize("wrong", [0, -1, -16])
def test_width_below_one_raises_value_error(wrong: int) -> None:
    for make in MAKERS.values():
        with pytest.raises(ValueError, match=f"an int of 1 or more for nin, got int {wrong}. Pass"):
            make(wrong)
    for nouts in ([wrong], [4, wrong, 1], [4, wrong]):
        with pytest.raises(ValueError, match=rf"an int of 1 or more for nouts\[[01]\], got int {wrong}\."):
            MLP(2, nouts)
    with pytest.raises(ValueError, match=f"an int of 1 or more for nout, got int {wrong}. Pass"):
        Layer(2, wrong)


@pytest.mark.parametrize("wrong", [2.0, "2", None, True, [2], 2j], ids=repr)
def test_width_that_is_not_an_int_raises_type_error(wrong: Any) -> None:
    for make in (*MAKERS.values(), lambda w: Layer(2, w), lambda w: MLP(2, [w, 1]), lambda w: MLP(2, [1, w])):
        with pytest.raises(
            TypeError, match=rf"an int of 1 or more for \S+, got {type(wrong).__name__}.*\. Pass an int\."
        ):
            make(wrong)


@pytest.mark.parametrize("wrong", [[], (), 16, 0, None, "16", {16}, Value(1.0)], ids=repr)
def test_mlp_without_layers_raises(wrong: Any) -> None:
    error = ValueError if isinstance(wrong, list | tuple) else TypeError
    got = "Value(1.0)" if isinstance(wrong, Value) else f"{type(wrong).__name__} {wrong!r}"
    message = (
        f"MLP() expected the width of at least one layer in nouts, got {got}. "
        "Pass a list such as [16, 16, 1]."
    )
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        MLP(2, wrong)


@each_kind
@pytest.mark.parametrize("wrong", ["rleu", "", "exp", "RELU", None, 3, "__class__"], ids=repr)
def test_unknown_activation_raises_and_lists_the_activations(make: Callable[..., Any], wrong: Any) -> None:
    with pytest.raises(
        ValueError,
        match=r"\(\) expected the name of an activation, got .*\. Use one of linear, relu, .*, tanh\.",
    ):
        make(2, activation=wrong)


def test_unknown_activation_raises_even_if_unused() -> None:
    with pytest.raises(ValueError, match=r"name of an activation, got str 'rleu'. Use"):
        MLP(2, [1], "rleu")


# Seeds --------------------------------------------------------------------------------------------


def _weights(model: Module) -> list[float]:
    return [p.data for p in model.parameters()]


@each_kind
def test_a_seed_repeats_the_weights(make: Callable[..., Any]) -> None:
    assert _weights(make(3, seed=7)) == _weights(make(3, seed=7))
    assert _weights(make(3, seed=7)) != _weights(make(3, seed=8))


@each_kind
def test_random_generator_as_seed_is_used(make: Callable[..., Any]) -> None:
    rng = random.Random(7)
    first, second = make(3, seed=rng), make(3, seed=rng)
    assert _weights(first) == _weights(make(3, seed=7))
    assert _weights(second) != _weights(first)


@each_kind
def test_omitted_seed_uses_the_global_generator(make: Callable[..., Any]) -> None:
    state = random.getstate()
    try:
        random.seed(42)
        first, second = make(3), make(3)
        random.seed(42)
        third = make(3)
    finally:
        random.setstate(state)
    assert _weights(first) == _weights(third)
    assert _weights(first) != _weights(second)


@each_kind
def test_seed_does_not_change_the_global_generator(make: Callable[..., Any]) -> None:
    before = random.getstate()
    make(3, seed=7)
    make(3, seed=random.Random(7))
    assert random.getstate() == before


@each_kind
@pytest.mark.parametrize("wrong", [1.5, "7", True, random], ids=["float", "str", "bool", "module"])
def test_seed_of_wrong_type_raises_type_error(make: Callable[..., Any], wrong: Any) -> None:
    with pytest.raises(
        TypeError,
        match=f"an int, a random.Random or None for seed, got {type(wrong).__name__}.*. Pass an int",
    ):
        make(3, seed=wrong)


def test_fused_does_not_change_the_drawn_weights() -> None:
    assert _weights(MLP(2, [3, 1], seed=1)) == _weights(MLP(2, [3, 1], seed=1, fused=False))
