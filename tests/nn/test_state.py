"""state_dict and load_state_dict: every number by name, loaded atomically."""

import copy
import math
import random
from fractions import Fraction
from typing import Any

import pytest

from autograd import Value
from nn import MLP, LayerNorm, Module, Neuron, Parameter, functional_call

from .._support.modules import Tied, Tree
from .._support.states import Holder, Running, bits, with_former_names


def test_the_names_are_those_of_the_parameters() -> None:
    model = MLP(2, [3, 1], seed=0)
    state = model.state_dict()
    assert state == {name: p.data for name, p in model.named_parameters()}
    assert list(state)[:3] == [
        "layers.0.neurons.0.w.0", "layers.0.neurons.0.w.1", "layers.0.neurons.0.b",
    ]  # fmt: skip
    assert functional_call(MLP(2, [3, 1], seed=1), state, [0.5, 1.0]).data == model([0.5, 1.0]).data


def test_state_dict_is_a_copy() -> None:
    neuron = Neuron(1, seed=0)
    state = neuron.state_dict()
    neuron.b.data = 5.0
    assert state["b"] == 0.0
    state["b"] = 9.0
    assert neuron.b.data == 5.0


def test_buffers_follow_the_parameters() -> None:
    state = Holder().state_dict()
    assert state == {
        "scale": 3.0, "inner.weight.0": 1.0, "inner.weight.1": 2.0,
        "inner.running_mean.0": 0.5, "inner.running_mean.1": -0.5, "inner.count": 7,
        "inner.table.0.0": 1.0, "inner.table.1.0": 2.0, "inner.table.1.1": 3.0,
    }  # fmt: skip
    assert dict(Running().named_buffers("x")) == {
        "x." + name.removeprefix("inner."): number
        for name, number in state.items()
        if name.startswith("inner.") and "weight" not in name
    }


def test_buffers_are_not_parameters() -> None:
    assert [name for name, _ in Running().named_parameters()] == ["weight.0", "weight.1"]


@pytest.mark.parametrize("make", [lambda: MLP(3, [4, 2], "tanh"), Holder, Tree, Tied])
def test_load_state_dict_loads_every_number(make: Any) -> None:
    rng = random.Random(0)
    state = {name: float(rng.randint(-9, 9)) for name in make().state_dict()}
    model = make()
    assert model.load_state_dict(state) == ([], [])
    assert model.state_dict() == state


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308])
def test_load_state_dict_loads_any_float_bit_exact(number: float) -> None:
    neuron = Neuron(1, seed=0)
    neuron.load_state_dict({"w.0": number, "b": -number})
    assert bits(neuron.state_dict()) == bits({"w.0": number, "b": -number})


def test_load_state_dict_converts_any_real_number() -> None:
    neuron = Neuron(1, seed=0)
    neuron.load_state_dict({"w.0": Fraction(1, 2), "b": 3})
    assert bits(neuron.state_dict()) == {"w.0": "0.5", "b": "3.0"}


def test_integer_buffer_remains_an_int() -> None:
    running = Running()
    running.load_state_dict({**running.state_dict(), "count": 8.0})
    assert repr(running.count) == "8"


def test_load_state_dict_changes_parameters_in_place() -> None:
    neuron = Neuron(2, seed=0)
    before, mean = neuron.parameters(), (running := Running()).running_mean
    neuron([1.0, 2.0]).backward()
    grads = [p.grad for p in before]
    neuron.load_state_dict(Neuron(2, seed=1).state_dict())
    assert all(a is b for a, b in zip(neuron.parameters(), before))
    assert [p.grad for p in before] == grads
    running.load_state_dict(running.state_dict())
    assert running.running_mean is mean


def test_copy_has_an_independent_state() -> None:
    model = Holder()
    other = copy.deepcopy(model)
    other.load_state_dict(dict.fromkeys(other.state_dict(), 4.0))
    assert model.state_dict() == Holder().state_dict()
    assert set(other.state_dict().values()) == {4.0}


# Mismatches ---------------------------------------------------------------------------------------


def test_mismatch_raises_with_all_names_and_changes_nothing() -> None:
    model = Holder()
    state = dict.fromkeys(model.state_dict(), 0.0) | {"scales": 1.0, "other": 2.0}
    del state["scale"], state["inner.count"]
    with pytest.raises(RuntimeError) as error:
        model.load_state_dict(state)
    message = str(error.value)
    assert "got missing keys 'scale', 'inner.count', and unexpected keys 'scales', 'other'. " in message
    assert message.startswith("Holder.load_state_dict() expected the names of this model, ")
    assert "strict=False" in message
    assert model.state_dict() == Holder().state_dict()


def test_mismatch_message_lists_three_names() -> None:
    with pytest.raises(
        RuntimeError, match=r"missing keys ('[\w.]+', ){2}'[\w.]+' and 14 more, and unexpected keys 'x'\."
    ):
        MLP(2, [4, 1]).load_state_dict({"x": 1.0})


def test_non_strict_load_returns_the_mismatch() -> None:
    neuron = Neuron(1, seed=0)
    weight = neuron.w[0].data
    mismatch = neuron.load_state_dict({"b": 2.0, "x": 1.0}, strict=False)
    assert mismatch.missing_keys == ["w.0"]
    assert mismatch.unexpected_keys == ["x"]
    assert (neuron.w[0].data, neuron.b.data) == (weight, 2.0)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("make", [lambda: Neuron(2, seed=0), lambda: MLP(2, [3, 1], seed=0)])
def test_state_with_the_former_names_of_a_neuron_raises_runtime_error(make: Any, strict: bool) -> None:
    model = make()
    before, (name, *_) = model.state_dict(), model.state_dict()
    state = with_former_names(dict.fromkeys(before, 4.0))
    former = name.replace("w.0", "weights.0")
    message = rf"got '{former}', which is now '{name}'\. .* Neuron are named w and b\. "
    with pytest.raises(RuntimeError, match=message):
        model.load_state_dict(state, strict)
    assert model.state_dict() == before


def test_state_with_the_former_name_of_a_bias_alone_raises_runtime_error() -> None:
    neuron = Neuron(1, seed=0)
    with pytest.raises(RuntimeError, match="got 'bias', which is now 'b'"):
        neuron.load_state_dict({"w.0": 1.0, "bias": 2.0}, strict=False)


def test_former_names_of_a_neuron_are_ordinary_names_elsewhere() -> None:
    norm = LayerNorm(1)
    assert norm.load_state_dict({"weight.0": 2.0, "bias.0": 3.0}) == ([], [])
    mismatch = norm.load_state_dict({"weights.0": 2.0, "weight.0": 4.0}, strict=False)
    assert mismatch == (["bias.0"], ["weights.0"])
    assert norm.state_dict() == {"weight.0": 4.0, "bias.0": 3.0}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("wrong", ["1.0", None, [1.0], 1j, Value(1.0)])
def test_state_with_a_non_number_raises_and_changes_nothing(wrong: Any, strict: bool) -> None:
    neuron = Neuron(1, seed=0)
    before = neuron.state_dict()
    with pytest.raises(
        TypeError, match=rf"a real number for 'b' of the state, got {type(wrong).__name__}.*\. Pass"
    ):
        neuron.load_state_dict({"w.0": 4.0, "b": wrong}, strict)
    assert neuron.state_dict() == before


@pytest.mark.parametrize("wrong", [1.5, math.nan, math.inf])
def test_fractional_count_raises_value_error(wrong: float) -> None:
    running = Running()
    state = dict.fromkeys(running.state_dict(), 0.0) | {"count": wrong}
    with pytest.raises(
        ValueError, match=f"a whole number for '(inner.)?count' of the state, got float {wrong}. Pass"
    ):
        running.load_state_dict(state)
    assert running.state_dict() == Running().state_dict()


@pytest.mark.parametrize("wrong", [Neuron(1), [("b", 1.0)], "state.json", None])
def test_state_that_is_not_a_mapping_raises_type_error(wrong: Any) -> None:
    with pytest.raises(
        TypeError, match=f"a mapping of names to numbers, got {type(wrong).__name__}.*. Pass the state_dict"
    ):
        Neuron(1).load_state_dict(wrong)


def test_duplicate_name_in_state_dict_raises_value_error() -> None:
    model = Module()
    model.named = {"a.b": Parameter(1.0), "a": {"b": Parameter(2.0)}}  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"Module.state_dict\(\) .* got two named 'named\.a\.b'\. Rename"):
        model.state_dict()
