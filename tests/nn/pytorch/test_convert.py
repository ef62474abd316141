"""to_torch and from_torch: the converted network computes the same, or an error gives the reason."""

import copy
import math
import random
import sys
from collections import OrderedDict
from typing import Any

import pytest

from autograd import Value, no_grad
from nn import MLP, SGD, Layer, Module, Neuron, Parameter, from_torch, mse_loss, to_torch
from nn.layers.mlp import ACTIVATIONS
from nn.pytorch.convert import COUNTERPARTS

from ..._support.pytorch import needs_torch
from ..._support.samples import samples


def outputs(model: Any, inputs: list[list[float]]) -> list[list[float]]:
    with no_grad():
        answers = [model(x) for x in inputs]
    return [[v.data for v in ([y] if isinstance(y, Value) else y)] for y in answers]


def assert_equal_outputs(model: Any, net: Any, inputs: list[list[float]], tolerance: float = 1e-12) -> None:
    import torch

    torch_rows = net(torch.tensor(inputs, dtype=torch.float64)).tolist()
    for row, torch_row in zip(outputs(model, inputs), torch_rows, strict=True):
        for a, b in zip(row, torch_row, strict=True):
            assert math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance) or (
                math.isnan(a) and math.isnan(b)
            )


def parameters(model: Module) -> list[float]:
    return [p.data for p in model.parameters()]


def test_every_activation_has_a_counterpart() -> None:
    assert {*COUNTERPARTS, "linear"} == set(ACTIVATIONS)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for call in (lambda: to_torch(Neuron(1)), lambda: from_torch(None)):
        with pytest.raises(ImportError, match=r"glassgrad\[torch\]"):
            call()


# to_torch -----------------------------------------------------------------------------------------


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_round_trip_computes_the_same(activation: str) -> None:
    model = MLP(3, [5, 4, 2], activation, seed=1)
    net = to_torch(model)
    inputs = samples(3, 50, seed=2)
    assert_equal_outputs(model, net, inputs)
    back = from_torch(net)
    assert repr(back) == repr(model)
    assert parameters(back) == parameters(model)
    assert outputs(back, inputs) == outputs(model, inputs)


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_agree_at_large_inputs(activation: str) -> None:
    neuron = Neuron(1, activation, seed=0)
    neuron.w[0].data = 1.0
    special = [0.0, -0.0, 19.9, 20.1, 39.9, 40.1, 800.0, -800.0, 1e300, -1e300, math.inf, math.nan]
    inputs = [[i / 7] for i in range(-350, 350)] + [[x] for x in special]
    assert_equal_outputs(neuron, to_torch(neuron), inputs)


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("seed", range(20))
def test_random_networks_agree_with_pytorch(seed: int) -> None:
    rng = random.Random(seed)
    widths = [rng.randint(1, 6) for _ in range(rng.randint(1, 4))]
    nin, activation = rng.randint(1, 5), rng.choice(ACTIVATIONS)
    model = MLP(nin, widths, activation, seed=rng, fused=rng.random() < 0.5)
    net = to_torch(model)
    assert_equal_outputs(model, net, samples(nin, 20, seed))
    assert parameters(from_torch(net)) == parameters(model)


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize(
    ("model", "children"),
    [
        (Neuron(2, "tanh", seed=0), ["Linear", "Tanh"]),
        (Neuron(2, "linear", seed=0), ["Linear"]),
        (Layer(2, 3, "relu", seed=0), ["Linear", "ReLU"]),
        (MLP(2, [3, 1], "elu", seed=0), ["Linear", "ELU", "Linear"]),
    ],
)
def test_to_torch_returns_linears_and_activations(model: Module, children: list[str]) -> None:
    net = to_torch(model)
    assert [type(child).__name__ for child in net] == children
    assert_equal_outputs(model, net, samples(2, 5, seed=3))


@pytest.mark.torch
@needs_torch
def test_converted_network_accepts_a_sample_or_a_batch() -> None:
    import torch

    model = MLP(2, [3, 1], seed=0)
    net = to_torch(model)
    assert net(torch.tensor([1.0, 2.0], dtype=torch.float64)).shape == (1,)
    assert net(torch.zeros(4, 5, 2, dtype=torch.float64)).shape == (4, 5, 1)


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("numbers", [[math.nan, math.inf, -0.0], [5e-324, 1e308, -1e-310]])
def test_torch_round_trip_is_bit_exact(numbers: list[float]) -> None:
    neuron = Neuron(2, seed=0)
    for parameter, number in zip(neuron.parameters(), numbers):
        parameter.data = number
    assert list(map(repr, parameters(from_torch(to_torch(neuron))))) == list(map(repr, numbers))


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("mode", ["plain", "no_grad", "inference_mode", "float32"])
def test_converted_network_is_trainable_in_any_mode(mode: str) -> None:
    import torch

    model = MLP(2, [3, 1], "tanh", seed=0)
    state = torch.random.get_rng_state()
    default = torch.get_default_dtype()
    if mode in ("no_grad", "inference_mode"):
        with getattr(torch, mode)():
            net = to_torch(model)
    else:
        torch.set_default_dtype(torch.float32 if mode == "float32" else torch.float64)
        try:
            net = to_torch(model)
        finally:
            torch.set_default_dtype(default)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert {p.dtype for p in net.parameters()} == {torch.float64}
    torch_optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        loss = ((net(torch.ones(2, dtype=torch.float64)) - 3.0) ** 2).sum()
        torch_optimizer.zero_grad()
        loss.backward()
        torch_optimizer.step()
    optimizer = SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        error = mse_loss([model([1.0, 1.0])], [3.0])
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    back = parameters(from_torch(net))
    assert all(math.isclose(a, b, rel_tol=1e-12) for a, b in zip(back, parameters(model), strict=True))


@pytest.mark.torch
@needs_torch
def test_converted_network_is_independent() -> None:
    model = MLP(2, [1], seed=0)
    before = parameters(model)
    net = to_torch(model)
    net[0].weight.data.fill_(9.0)
    assert parameters(model) == before
    back = from_torch(net)
    net[0].weight.data.fill_(1.0)
    assert back.parameters()[0].data == 9.0


@pytest.mark.torch
@needs_torch
def test_copied_model_is_converted_and_keeps_its_mode() -> None:
    model = copy.deepcopy(MLP(2, [3, 1], seed=0)).eval()
    net = to_torch(model)
    assert not net.training
    assert not from_torch(net).training
    assert to_torch(MLP(2, [1])).training


@pytest.mark.torch
@needs_torch
def test_subclass_that_computes_the_same_is_converted() -> None:
    class Moons(MLP):
        def __init__(self) -> None:
            super().__init__(2, [4, 1], "tanh", seed=0)

    assert_equal_outputs(Moons(), to_torch(Moons()), samples(2, 5, seed=0))


# from_torch ---------------------------------------------------------------------------------------


@pytest.mark.torch
@needs_torch
def test_pytorch_networks_are_converted() -> None:
    from torch.nn import ELU, GELU, Identity, Linear, ReLU, Sequential, Sigmoid, Softplus, Tanh

    same = Tanh()
    for net in (
        Linear(3, 2),
        Sequential(Linear(3, 2)),
        Sequential(Linear(3, 4), Tanh(), Linear(4, 2), Sigmoid()),
        Sequential(Sequential(Linear(3, 4), ReLU(inplace=True)), Sequential(Linear(4, 4)), Linear(4, 1)),
        Sequential(OrderedDict(first=Linear(3, 4), act=GELU(), last=Linear(4, 2))),
        Sequential(Linear(3, 4), same, Linear(4, 4), same, Linear(4, 1), ELU()),
        Sequential(Identity(), Linear(3, 4), Identity(), Softplus(), Identity(), Linear(4, 1)),
    ):
        model = from_torch(net.double())
        assert isinstance(model, MLP)
        assert_equal_outputs(model, net, samples(3, 20, seed=0))
        assert_equal_outputs(model, to_torch(model), samples(3, 20, seed=1))
        model([0.1, 0.2, 0.3])
        assert all(p.owner is not None and p.is_leaf for p in model.parameters())


@pytest.mark.torch
@needs_torch
def test_float32_weights_become_the_same_in_float64() -> None:
    from torch.nn import Linear

    linear = Linear(2, 1)
    assert parameters(from_torch(linear)) == [*linear.weight.flatten().tolist(), *linear.bias.tolist()]


# Unsupported models -------------------------------------------------------------------------------


class Twice(MLP):
    def __call__(self, x: Any) -> Any:
        return 2.0 * super().__call__(x)


class Gated(Neuron):
    def _output(self, x: Any) -> Value:
        return 2.0 * super()._output(x)


def mixed() -> Layer:
    layer = Layer(2, 2, "tanh", seed=0)
    layer.neurons[1] = Neuron(2, "relu", seed=0)
    return layer


def gated() -> Layer:
    layer = Layer(2, 2, seed=0)
    layer.neurons[1] = Gated(2)
    return layer


def shared() -> MLP:
    model = MLP(2, [2, 2, 1], seed=0)
    model.layers[1] = model.layers[0]
    return model


class Scaled(MLP):
    """A network with a parameter that its layers do not have."""

    def __init__(self) -> None:
        super().__init__(2, [1], seed=0)
        self.scale = Parameter(1.0)


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (Twice(2, [1]), TypeError, "does not support Twice.*. Supported modules: MLP"),
        (Gated(2), TypeError, "does not support Gated"),
        (gated(), TypeError, "expected layers of Neurons, got one with Gated.*. Use Neuron"),
        (mixed(), ValueError, "neurons of a layer, got relu, tanh. Assign"),
        (shared(), ValueError, "got MLP with 9 numbers, of which its layers use 15. Give each layer"),
        (Scaled(), ValueError, "got Scaled with 4 numbers, of which its layers use 3"),
        (Module(), TypeError, "does not support Module"),
        (None, TypeError, "does not support NoneType None"),
        ([Layer(1, 1)], TypeError, "does not support list"),
    ],
)
def test_to_torch_of_an_unsupported_model_raises(model: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        to_torch(model)


@pytest.mark.torch
@needs_torch
def test_from_torch_of_an_unsupported_module_raises() -> None:
    import torch
    from torch.nn import (
        ELU,
        GELU,
        Conv2d,
        Dropout1d,
        Identity,
        LazyLinear,
        LeakyReLU,
        Linear,
        Sequential,
        Softplus,
        Tanh,
    )  # fmt: skip
    from torch.nn.utils.parametrizations import weight_norm

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = Linear(2, 1)

    def hooked() -> Any:
        linear = Linear(2, 2)
        linear.register_forward_hook(lambda module, inputs, output: 2 * output)
        return linear

    def reused() -> Any:
        linear = Linear(2, 2)
        return Sequential(linear, Tanh(), linear)

    def tied() -> Any:
        net = Sequential(Linear(2, 2), Linear(2, 2))
        net[1].weight = net[0].weight
        return net

    for module, error, message in (
        (
            Sequential(Linear(2, 2), Conv2d(1, 1, 3)),
            TypeError,
            r"does not support module\.1 = Conv2d\(.*Supported modules: Sequential",
        ),
        (
            Sequential(Linear(2, 2), Sequential(Dropout1d(0.5))),
            TypeError,
            r"does not support module\.1\.0 = Dropout1d\(",
        ),
        (Net(), TypeError, r"does not support module = Net\("),
        (LazyLinear(2), TypeError, "LazyLinear"),
        (
            Sequential(Linear(2, 1), LeakyReLU(0.2)),
            ValueError,
            r"expected negative_slope=0\.01, got module\.1 = LeakyReLU\(.* Set",
        ),
        (Sequential(Linear(2, 1), ELU(2.0)), ValueError, r"alpha=1\.0"),
        (Sequential(Linear(2, 1), GELU("tanh")), ValueError, "approximate='none'"),
        (Sequential(Linear(2, 1), Softplus(2)), ValueError, r"beta=1\.0"),
        (Sequential(Linear(2, 1), Softplus(threshold=1)), ValueError, "threshold of 20 or more"),
        (Sequential(), ValueError, "at least one module that computes something, got .* Pass"),
        (Identity(), ValueError, "at least one module that computes something, got .* Pass"),
        (
            Linear(2, 1, bias=False),
            ValueError,
            r"a Linear with a bias, got module = Linear\(.* Use bias=True",
        ),
        (
            Sequential(Linear(2, 3), Linear(2, 1)),
            ValueError,
            r"expected 3 inputs, .*, got 2 in module\.1 = Linear",
        ),
        (hooked(), ValueError, r"modules without hooks, got module = Linear\(.* Remove the hook"),
        (weight_norm(Linear(2, 1)), TypeError, "ParametrizedLinear"),
        (Sequential(Linear(2, 2), hooked()), ValueError, r"without hooks, got module\.1 = Linear"),
        (reused(), ValueError, r"share no tensors, got Sequential\(.* Give"),
        (tied(), ValueError, r"share no tensors, got Sequential\(.* Give"),
        (Linear(2, 1, dtype=torch.complex64), ValueError, "complex64"),
        (MLP(2, [1]), TypeError, "expected a torch.nn.Module, got MLP.* Pass"),
        (Linear(2, 1).weight, TypeError, "expected a torch.nn.Module, got Parameter"),
        (None, TypeError, "expected a torch.nn.Module, got NoneType"),
    ):
        with pytest.raises(error, match=message):
            from_torch(module)
