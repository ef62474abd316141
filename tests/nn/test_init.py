"""Initial weights: their bounds, their spread, and the size of a signal through many layers."""

import math
import random
from collections.abc import Callable
from statistics import fmean
from typing import Any

import pytest

from autograd import Value, grad, no_grad
from nn import MLP, Layer, LayerNorm, Module, Neuron
from nn.draws import GAINS, kaiming_uniform
from nn.init import (
    calculate_gain,
    generator,
    kaiming_normal_,
    kaiming_uniform_,
    xavier_normal_,
    xavier_uniform_,
)
from nn.layers.mlp import ACTIVATIONS

from .._support.pytorch import needs_torch


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("fan_in", [1, 3, 64])
def test_the_weights_are_uniform_with_variance_gain_squared_over_fan_in(activation: str, fan_in: int) -> None:
    rng = random.Random(0)
    weights = [w for _ in range(6400 // fan_in) for w in kaiming_uniform(fan_in, activation, rng)]
    gain = GAINS.get(activation, GAINS["relu"])
    bound = gain * math.sqrt(3.0 / fan_in)
    assert 0.99 * bound < max(map(abs, weights)) <= bound
    variance = gain**2 / fan_in
    assert abs(fmean(weights)) < 4.0 * math.sqrt(variance / len(weights))
    assert fmean(w * w for w in weights) == pytest.approx(variance, rel=0.06)
    assert fmean(w**4 for w in weights) == pytest.approx(1.8 * variance**2, rel=0.12), "flat, not a bell"


def test_gains_agree_with_the_papers() -> None:
    assert GAINS["linear"] == GAINS["sigmoid"] == 1.0
    assert GAINS["relu"] ** 2 == pytest.approx(2.0)
    assert GAINS["tanh"] == pytest.approx(5.0 / 3.0)


@pytest.mark.torch
@needs_torch
def test_gains_agree_with_pytorch() -> None:
    from torch.nn.init import calculate_gain

    for activation, gain in GAINS.items():
        assert calculate_gain(activation) == pytest.approx(gain)


def test_neuron_draws_kaiming_weights_and_a_zero_bias() -> None:
    for activation in ACTIVATIONS:
        neuron = Neuron(5, activation, seed=3)
        assert [w.data for w in neuron.w] == kaiming_uniform(5, activation, random.Random(3))
        assert neuron.b.data == 0.0


def test_neurons_have_different_initial_weights() -> None:
    weights = [w.data for layer in MLP(4, [8, 8, 2], seed=0).layers for n in layer.neurons for w in n.w]
    assert len(set(weights)) == len(weights) == 4 * 8 + 8 * 8 + 8 * 2


def test_the_last_layer_is_drawn_for_a_linear_output() -> None:
    model = MLP(100, [100, 100], "relu", seed=0)
    spread = [fmean(w.data**2 for n in layer.neurons for w in n.w) * 100 for layer in model.layers]
    assert spread == [pytest.approx(2.0, rel=0.05), pytest.approx(1.0, rel=0.05)]


WIDTH, DEPTH = 48, 10


def _signals(activation: str, seed: int) -> list[float]:
    """The mean square of the weighted sums in each of ten layers."""
    rng = random.Random(seed)
    model = MLP(WIDTH, [WIDTH] * (DEPTH + 1), activation, seed=rng)
    rows = [[rng.gauss(0.0, 1.0) for _ in range(WIDTH)] for _ in range(6)]
    signals = []
    with no_grad():
        for layer in model.layers[:-1]:
            sums = Layer(WIDTH, WIDTH, "linear", seed=0)
            for neuron, plain in zip(layer.neurons, sums.neurons, strict=True):
                plain.w = neuron.w
            signals.append(fmean(z.data**2 for row in rows for z in sums(row)))
            rows = [[out.data for out in layer(row)] for row in rows]
    return signals


@pytest.mark.parametrize(
    ("activation", "factor"), [("linear", 2.0), ("relu", 2.5), ("leaky_relu", 2.5), ("tanh", 3.0)]
)
def test_signal_keeps_its_size_through_ten_layers(activation: str, factor: float) -> None:
    runs = [_signals(activation, seed) for seed in range(5)]
    for layer in range(1, DEPTH):
        # the geometric mean over networks: of one alone, ten products of chance are left
        ratio = math.exp(fmean(math.log(signals[layer] / signals[0]) for signals in runs))
        assert 1.0 / factor < ratio < factor, (layer, ratio)


@pytest.mark.parametrize(("activation", "factor"), [("linear", 2.5), ("relu", 4.0), ("tanh", 4.0)])
def test_a_gradient_keeps_its_size_through_ten_layers(activation: str, factor: float) -> None:
    ratios = []
    for seed in range(4):
        rng = random.Random(seed)
        model = MLP(24, [24] * DEPTH, activation, seed=rng)
        activations = [[Value(rng.gauss(0.0, 1.0)) for _ in range(24)]]
        for layer in model.layers:
            activations.append(layer(activations[-1]))
        out = activations[-1][0] * 1.0
        for direction, last in zip([rng.gauss(0.0, 1.0) for _ in range(24)], activations[-1], strict=True):
            out = out + direction * last
        sizes = [fmean(g.data**2 for g in grad(out, row)) for row in (activations[0], activations[-2])]
        ratios.append(sizes[0] / sizes[1])
    assert 1.0 / factor < math.exp(fmean(map(math.log, ratios))) < factor


def test_smaller_weights_would_lose_the_signal() -> None:
    """Check that the test above fails if relu layers use the gain of a linear layer."""
    rng = random.Random(0)
    row = [rng.gauss(0.0, 1.0) for _ in range(WIDTH)]
    first = fmean(x * x for x in row)
    for _ in range(DEPTH):
        layer = [kaiming_uniform(WIDTH, "linear", rng) for _ in range(WIDTH)]
        row = [max(0.0, math.fsum(w * x for w, x in zip(weights, row, strict=True))) for weights in layer]
    assert fmean(x * x for x in row) < first / 100.0


def test_generator() -> None:
    rng = random.Random(3)
    assert generator("Neuron", rng) is rng
    assert generator("Neuron", 3).random() == random.Random(3).random()
    assert generator("Neuron", None).random() != generator("Neuron", None).random()


# New weights for a layer or a network -------------------------------------------------------------


class Bounds(random.Random):
    """Random numbers that are none: the upper bound, or the standard deviation."""

    def uniform(self, a: float, b: float) -> float:
        assert a == -b
        return b

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        assert mu == 0.0
        return sigma


FANS = [(3, 5), (7, 1), (1, 2)]


def _weights(module: Module) -> list[list[float]]:
    return [[w.data for w in m.w] for m in module.modules() if isinstance(m, Neuron)]


@pytest.mark.parametrize(("nin", "nout"), FANS)
@pytest.mark.parametrize("gain", [1.0, 5 / 3])
def test_xavier_bound_uses_both_widths(nin: int, nout: int, gain: float) -> None:
    deviation = gain * math.sqrt(2.0 / (nin + nout))
    assert _weights(xavier_normal_(Layer(nin, nout), gain, seed=Bounds())) == [[deviation] * nin] * nout
    for row in _weights(xavier_uniform_(Layer(nin, nout), gain, seed=Bounds())):
        assert row == [pytest.approx(math.sqrt(3.0) * deviation)] * nin


@pytest.mark.parametrize(("nin", "nout"), FANS)
@pytest.mark.parametrize(("a", "nonlinearity"), [(0.0, "leaky_relu"), (0.3, "leaky_relu"), (0.0, "tanh")])
def test_kaiming_bound_uses_the_width_of_its_mode(nin: int, nout: int, a: float, nonlinearity: str) -> None:
    for mode, fan in (("fan_in", nin), ("fan_out", nout)):
        deviation = calculate_gain(nonlinearity, a) / math.sqrt(fan)
        normal = kaiming_normal_(Layer(nin, nout), a, mode, nonlinearity, seed=Bounds())
        assert _weights(normal) == [[deviation] * nin] * nout
        for row in _weights(kaiming_uniform_(Layer(nin, nout), a, mode, nonlinearity, seed=Bounds())):
            assert row == [pytest.approx(math.sqrt(3.0) * deviation)] * nin


WAYS = [xavier_uniform_, xavier_normal_, kaiming_uniform_, kaiming_normal_]


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize(
    ("way", "options"),
    [
        *((way, options) for way in WAYS[:2] for options in ({}, {"gain": 3.0})),
        *((way, {}) for way in WAYS[2:]),
        *((way, {"a": 0.5, "mode": "fan_out"}) for way in WAYS[2:]),
        *((way, {"nonlinearity": "tanh"}) for way in WAYS[2:]),
    ],
)
def test_bounds_agree_with_pytorch(way: Any, options: dict[str, Any]) -> None:
    """The largest of many uniform numbers, and the spread of many normal ones."""
    import torch

    nin, nout = 40, 500
    weights = [w for row in _weights(way(Layer(nin, nout), **options, seed=0)) for w in row]
    torch_weights = torch.empty(nout, nin, dtype=torch.float64)
    getattr(torch.nn.init, way.__name__)(torch_weights, **options, generator=torch.Generator().manual_seed(0))
    if "uniform" in way.__name__:
        assert max(map(abs, weights)) == pytest.approx(torch_weights.abs().max().item(), rel=1e-3)
    assert fmean(w * w for w in weights) == pytest.approx(torch_weights.square().mean().item(), rel=0.05)
    assert fmean(w**4 for w in weights) == pytest.approx(torch_weights.pow(4).mean().item(), rel=0.1)


@pytest.mark.parametrize("way", WAYS)
def test_network_is_drawn_layer_by_layer_and_biases_do_not_change(way: Any) -> None:
    model = MLP(3, [4, 2], seed=0)
    for parameter in model.parameters():
        parameter.grad = 1.0
    for layer in model.layers:
        for neuron in layer.neurons:
            neuron.b.data = 7.0
    before = _weights(model)
    assert way(model, seed=Bounds()) is model
    assert [len({*row}) for row in _weights(model)] == [1] * 6
    assert len({row[0] for row in _weights(model)}) == 2, "each layer by its own widths"
    assert [layer.neurons[0].b.data for layer in model.layers] == [7.0, 7.0]
    assert _weights(model) != before
    assert all(p.grad == 1.0 for p in model.parameters())
    assert _weights(way(Neuron(3), seed=Bounds())) == _weights(way(Layer(3, 1), seed=Bounds()))


@pytest.mark.parametrize("way", WAYS)
def test_a_seed_repeats_the_new_weights(way: Any) -> None:
    one, other = (_weights(way(MLP(3, [4, 2]), seed=seed)) for seed in (5, random.Random(5)))
    assert one == other
    assert _weights(way(MLP(3, [4, 2]), seed=6)) != one
    flat = [w for row in one for w in row]
    assert len({*flat}) == len(flat)


def test_gains() -> None:
    assert calculate_gain("leaky_relu") == math.sqrt(2.0 / 1.0001)
    assert calculate_gain("leaky_relu", 1) == 1.0
    assert calculate_gain("relu", 5.0) == math.sqrt(2.0)
    for activation in ("silu", "rulu"):
        with pytest.raises(
            ValueError, match=f"expected one of linear, .* for nonlinearity, got str '{activation}'. Choose"
        ):
            calculate_gain(activation)


@pytest.mark.parametrize("way", WAYS)
def test_invalid_argument_raises_and_changes_no_weight(way: Any) -> None:
    layer = Layer(2, 2, seed=0)
    before = _weights(layer)
    size = "gain" if way.__name__.startswith("xavier") else "a"
    for wrong in (math.nan, math.inf, "1"):
        with pytest.raises(
            ValueError, match=rf"{way.__name__}\(\) expected a finite number for {size}, got \w+ {wrong!r}\."
        ):
            way(layer, **{size: wrong})
    with pytest.raises(TypeError, match=rf"{way.__name__}\(\) expected an int, .* for seed, got str '0'\."):
        way(layer, seed="0")
    with pytest.raises(
        TypeError, match=rf"{way.__name__}\(\) expected a Module, got list \[.*\. Pass a model"
    ):
        way([layer])
    with pytest.raises(ValueError, match=r"expected a Module with neurons, got LayerNorm. Pass a model"):
        way(LayerNorm(2))
    if size == "a":
        with pytest.raises(ValueError, match=r"'fan_in' or 'fan_out' for mode, got str 'fan'. Use"):
            way(layer, mode="fan")
        with pytest.raises(ValueError, match="for nonlinearity, got str 'silu'"):
            way(layer, nonlinearity="silu")
    assert _weights(layer) == before


def _on_average(function: Callable[[float], float], deviation: float) -> float:
    """The mean over a normal distribution, by a sum over a fine grid."""
    grid = [(i + 0.5) / 50.0 for i in range(-400, 400)]
    bells = [math.exp(-z * z / 2.0) for z in grid]
    return math.fsum(b * function(deviation * z) for b, z in zip(bells, grid, strict=True)) / math.fsum(bells)


def _slope(activation: str, z: float) -> float:
    value = Value(z)
    getattr(value, activation)().backward()
    return value.grad or 0.0


@pytest.mark.parametrize(
    ("activation", "low", "high"),
    [("relu", 0.999, 1.001), ("leaky_relu", 0.999, 1.001), ("tanh", 1.09, 1.14), ("sigmoid", 0.2, 0.24),
     ("elu", 1.0, 1.16), ("gelu", 0.7, 1.0), ("silu", 0.7, 1.0), ("softplus", 0.7, 1.0)],
)  # fmt: skip
def test_wide_layer_changes_the_gradient_by_the_stated_factor(
    activation: str, low: float, high: float
) -> None:
    """Compare the root mean square derivative times the gain with the docstring of kaiming_uniform."""
    gain = GAINS.get(activation, GAINS["relu"])
    deviation = 1.0
    for _ in range(12):
        factor = gain * math.sqrt(_on_average(lambda z: _slope(activation, z) ** 2, deviation))
        assert low < factor < high
        size = _on_average(lambda z: getattr(Value(z), activation)().data ** 2, deviation)
        deviation = gain * math.sqrt(size)
