"""Initial weights: their bounds, their spread, and what becomes of a signal on its way through."""

import math
import random
from statistics import fmean

import pytest

from autograd import Value, grad, no_grad
from nn import MLP, Layer, Neuron
from nn.init import GAINS, generator, kaiming_uniform
from nn.layers import ACTIVATIONS

from ..test_against_torch import needs_torch


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


def test_the_gains_are_those_of_the_papers() -> None:
    assert GAINS["linear"] == GAINS["sigmoid"] == 1.0
    assert GAINS["relu"] ** 2 == pytest.approx(2.0)
    assert GAINS["tanh"] == pytest.approx(5.0 / 3.0)


@pytest.mark.torch
@needs_torch
def test_the_gains_are_those_of_pytorch() -> None:
    from torch.nn.init import calculate_gain

    for activation, gain in GAINS.items():
        assert calculate_gain(activation) == pytest.approx(gain)


def test_a_neuron_draws_its_weights_so_and_its_bias_is_zero() -> None:
    for activation in ACTIVATIONS:
        neuron = Neuron(5, activation, seed=3)
        assert [w.data for w in neuron.weights] == kaiming_uniform(5, activation, random.Random(3))
        assert neuron.bias.data == 0.0


def test_no_two_neurons_start_alike() -> None:
    weights = [w.data for layer in MLP(4, [8, 8, 2], seed=0).layers for n in layer.neurons for w in n.weights]
    assert len(set(weights)) == len(weights) == 4 * 8 + 8 * 8 + 8 * 2


def test_the_last_layer_is_drawn_for_a_linear_output() -> None:
    model = MLP(100, [100, 100], "relu", seed=0)
    spread = [fmean(w.data**2 for n in layer.neurons for w in n.weights) * 100 for layer in model.layers]
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
                plain.weights = neuron.weights
            signals.append(fmean(z.data**2 for row in rows for z in sums(row)))
            rows = [[out.data for out in layer(row)] for row in rows]
    return signals


@pytest.mark.parametrize(
    ("activation", "factor"), [("linear", 2.0), ("relu", 2.5), ("leaky_relu", 2.5), ("tanh", 3.0)]
)
def test_a_signal_keeps_its_size_through_ten_layers(activation: str, factor: float) -> None:
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
    """What the gain is for: the test above fails with the gain of a linear layer under relu."""
    rng = random.Random(0)
    row = [rng.gauss(0.0, 1.0) for _ in range(WIDTH)]
    first = fmean(x * x for x in row)
    for _ in range(DEPTH):
        layer = [kaiming_uniform(WIDTH, "linear", rng) for _ in range(WIDTH)]
        row = [max(0.0, math.fsum(w * x for w, x in zip(weights, row, strict=True))) for weights in layer]
    assert fmean(x * x for x in row) < first / 100.0


def test_generator() -> None:
    rng = random.Random(3)
    assert generator(rng) is rng
    assert generator(3).random() == random.Random(3).random()
    assert generator(None).random() != generator(None).random()
