"""to_torch and from_torch of a Sequential: norms, their running statistics, dropout, activations."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest

from autograd import Value, no_grad
from nn import (
    MLP,
    SGD,
    BatchNorm1d,
    Dropout,
    Layer,
    LayerNorm,
    LSTMCell,
    Module,
    Neuron,
    RMSNorm,
    RNNCell,
    from_torch,
    mse_loss,
    to_torch,
)
from nn.layers.sequential import Activation, Sequential

from ..._support.pytorch import needs_torch
from ..._support.samples import samples

pytestmark = [pytest.mark.torch, needs_torch]


def outputs(model: Any, batch: list[list[float]]) -> list[list[float]]:
    with no_grad():
        return [[v.data for v in ([y] if isinstance(y, Value) else y)] for y in model(batch)]


def assert_close(actual: Any, expected: Any) -> None:
    if isinstance(actual, list):
        for a, b in zip(actual, expected, strict=True):
            assert_close(a, b)
    else:
        assert math.isclose(actual, expected, rel_tol=1e-12, abs_tol=1e-12)


def assert_same_outputs(model: Any, net: Any, batch: list[list[float]]) -> None:
    import torch

    assert_close(outputs(model, batch), net(torch.tensor(batch, dtype=torch.float64)).tolist())


def disturbed(model: Any) -> Any:
    """Other numbers than a norm begins with."""
    for i, parameter in enumerate(model.parameters()):
        parameter.data += 0.1 * math.sin(i)
    return model


def network(*middle: Module) -> Sequential:
    layers = Layer(3, 4, "linear", seed=0), Layer(4, 2, "tanh", seed=1)
    net: Sequential = disturbed(Sequential(layers[0], *middle, layers[1]))
    return net


NORMS: list[Callable[[], Any]] = [
    lambda: BatchNorm1d(4),
    lambda: BatchNorm1d(4, eps=1e-3, momentum=0.3),
    lambda: BatchNorm1d(4, momentum=None),
    lambda: BatchNorm1d(4, momentum=0.0, affine=False),
    lambda: LayerNorm(4),
    lambda: LayerNorm(4, eps=0.0, bias=False),
    lambda: LayerNorm(4, elementwise_affine=False),
    lambda: RMSNorm(4),
    lambda: RMSNorm(4, eps=0.0),
    lambda: RMSNorm(4, eps=1e-3, elementwise_affine=False),
]


@pytest.mark.parametrize("norm", NORMS)
def test_norm_round_trip_computes_the_same(norm: Callable[[], Any]) -> None:
    model = network(norm(), Activation("relu"))
    first, second, third = (samples(3, 6, seed) for seed in (1, 2, 3))
    outputs(model, first)  # running statistics that are not those of the beginning
    net = to_torch(model)
    assert_same_outputs(model, net, second)  # in training: both take the batch into their statistics
    back = from_torch(net)
    assert isinstance(back, Sequential)
    assert_close([*back.state_dict().values()], [*model.state_dict().values()])
    assert repr(back) == repr(model)
    assert_same_outputs(model.eval(), net.eval(), third)
    assert_same_outputs(back.eval(), net, third)


@pytest.mark.parametrize("norm", NORMS)
def test_norm_round_trip_is_bit_exact(norm: Callable[[], Any]) -> None:
    model = network(norm())
    outputs(model, samples(3, 5, seed=4))
    back = from_torch(to_torch(model))
    assert back.state_dict() == model.state_dict()
    assert outputs(back.eval(), samples(3, 5, seed=5)) == outputs(model.eval(), samples(3, 5, seed=5))
    assert all(p.owner is not None and p.is_leaf for p in back.parameters())


def test_running_statistics_continue_as_in_pytorch() -> None:
    import torch

    model = Sequential(disturbed(BatchNorm1d(2)))
    net = to_torch(model)
    norm: Any = model.layers[0]
    for seed in range(3):
        assert_same_outputs(model, net, samples(2, 4, seed))
    assert_close(norm.running_mean, net[0].running_mean.tolist())
    assert_close(norm.running_var, net[0].running_var.tolist())
    assert norm.num_batches_tracked == net[0].num_batches_tracked == 3
    assert net[0].running_mean.dtype == torch.float64
    back = from_torch(net)
    net[0].running_mean.fill_(7.0)
    assert norm.running_mean[0] != 7.0 != back.layers[0].running_mean[0]  # type: ignore[attr-defined]


def test_network_with_norms_trains_as_in_pytorch() -> None:
    import torch

    model = network(BatchNorm1d(4), Activation("silu"), LayerNorm(4), RMSNorm(4))
    net = to_torch(model)
    batch, targets = samples(3, 4, seed=6), samples(2, 4, seed=7)
    expected = torch.tensor(targets, dtype=torch.float64)
    torch_optimizer: Any = torch.optim.SGD(net.parameters(), lr=0.1)
    optimizer = SGD(model.parameters(), lr=0.1)
    before = [*model.state_dict().values()]
    for _ in range(3):
        for sgd in (optimizer, torch_optimizer):
            sgd.zero_grad()
        mse_loss(model(batch), targets).backward()
        error: Any = torch.nn.functional.mse_loss(net(torch.tensor(batch, dtype=torch.float64)), expected)
        error.backward()
        for sgd in (optimizer, torch_optimizer):
            sgd.step()
    after = [*model.state_dict().values()]
    assert max(abs(a - b) for a, b in zip(before, after)) > 0.01
    for a, b in zip(after, from_torch(net).state_dict().values(), strict=True):
        assert math.isclose(a, b, rel_tol=1e-10, abs_tol=1e-10)  # of three steps, each a little off


def test_dropout_keeps_p_and_is_the_identity_in_evaluation() -> None:
    model = network(Dropout(0.25, seed=0))
    net = to_torch(model)
    assert [type(part).__name__ for part in net] == ["Linear", "Dropout", "Linear", "Tanh"]
    assert net[1].p == 0.25
    back = from_torch(net)
    assert repr(back) == repr(model)
    batch = samples(3, 5, seed=8)
    assert_same_outputs(model.eval(), net.eval(), batch)
    assert_same_outputs(back.eval(), net, batch)


def test_each_part_keeps_its_own_mode() -> None:
    model = network(BatchNorm1d(4), Dropout(0.5))
    model.layers[1].eval()  # as of statistics that are not to move any more
    net = to_torch(model)
    assert [part.training for part in net] == [True, False, True, True, True]
    back = from_torch(net)
    assert isinstance(back, Sequential)
    assert [part.training for part in back.layers] == [True, False, True, True]
    assert back.training
    assert not from_torch(net.eval()).training


def test_nested_sequentials_are_flattened() -> None:
    model = Sequential(MLP(3, [4, 4], "elu", seed=0), Sequential(LayerNorm(4), Neuron(4, "tanh", seed=1)))
    net = to_torch(model)
    assert [type(part).__name__ for part in net] == ["Linear", "ELU", "Linear", "LayerNorm", "Linear", "Tanh"]
    batch = samples(3, 4, seed=9)
    assert_same_outputs(model, net, batch)
    back = from_torch(net)
    assert isinstance(back, Sequential)
    assert [type(part).__name__ for part in back.layers] == ["Layer", "Layer", "LayerNorm", "Layer"]
    assert_same_outputs(back, net, batch)


def test_single_norm_activation_or_dropout_is_converted() -> None:
    batch = samples(4, 3, seed=10)
    for model in (BatchNorm1d(4), LayerNorm(4), RMSNorm(4), Activation("gelu"), Dropout(0.0)):
        net = to_torch(model)
        assert_same_outputs(model, net, batch)
        assert_same_outputs(from_torch(net[0]), net, batch)
    assert_same_outputs(Activation("linear"), to_torch(Activation("linear")), batch)


def test_activation_without_linear_becomes_a_module() -> None:
    from torch.nn import Linear, ReLU, Tanh
    from torch.nn import Sequential as Theirs

    for net, parts in (
        (Theirs(Tanh(), Linear(3, 2)), ["Activation", "Layer"]),
        (Theirs(Linear(3, 2), Tanh(), ReLU()), ["Layer", "Activation"]),
    ):
        model = from_torch(net.double())
        assert isinstance(model, Sequential)
        assert [type(part).__name__ for part in model.layers] == parts
        assert_same_outputs(model, net, samples(3, 4, seed=11))
    assert isinstance(from_torch(to_torch(Sequential(Layer(2, 1), Layer(1, 1)))), MLP)


def test_pytorch_network_with_norms_is_converted() -> None:
    import torch
    from torch import nn as torch_nn

    torch.manual_seed(0)
    net = torch_nn.Sequential(
        torch_nn.Linear(3, 4), torch_nn.BatchNorm1d(4), torch_nn.ReLU(inplace=True), torch_nn.Dropout(0.0),
        torch_nn.Sequential(torch_nn.Linear(4, 4), torch_nn.LayerNorm(4), torch_nn.GELU()),
        torch_nn.Linear(4, 1),
    ).double()  # fmt: skip
    model = from_torch(net)
    for seed in range(2):
        assert_same_outputs(model, net, samples(3, 5, seed))
    assert_same_outputs(model.eval(), net.eval(), samples(3, 5, seed=2))


def test_rms_norm_without_eps_uses_the_eps_of_its_dtype() -> None:
    import torch

    tiny = [[1e-4, -2e-4]]  # so small that eps matters
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
        norm = torch.nn.RMSNorm(2, dtype=dtype)
        (expected,) = norm(torch.tensor(tiny, dtype=dtype)).tolist()
        (actual,) = outputs(from_torch(norm), tiny)
        assert actual == pytest.approx(expected, rel=tolerance)


# Unsupported models -------------------------------------------------------------------------------


class Doubled(BatchNorm1d):
    def _normalize_by_batch(self, features: Any) -> Any:
        return [[2.0 * x for x in feature] for feature in super()._normalize_by_batch(features)]


def twice(module: Module) -> Sequential:
    return Sequential(module, module)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (RNNCell(2, 3), TypeError, "does not support RNNCell"),
        (Sequential(Layer(2, 2), LSTMCell(2, 3)), TypeError, "does not support LSTMCell"),
        (Sequential(Doubled(2)), TypeError, "does not support Doubled"),
        (twice(LayerNorm(2)), ValueError, "got Sequential with 4 numbers, of which its layers use 8"),
        (
            twice(BatchNorm1d(2, affine=False)),
            ValueError,
            "got Sequential with 5 numbers, of which its layers use 10",
        ),
    ],
)
def test_to_torch_of_an_unsupported_model_raises(model: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        to_torch(model)


def test_from_torch_of_an_unsupported_module_raises() -> None:
    import torch
    from torch.nn import BatchNorm1d, BatchNorm2d, LayerNorm, Linear, LSTMCell, RMSNorm, RNNCell, Sequential

    def halved() -> Any:
        norm = BatchNorm1d(2)
        norm.register_parameter("bias", None)
        return norm

    def hooked() -> Any:
        norm = LayerNorm(2)
        norm.register_forward_hook(lambda module, inputs, output: 2 * output)
        return norm

    plain = BatchNorm1d(2, affine=False)
    for module, message in (
        (
            BatchNorm1d(2, track_running_stats=False),
            r"the settings of module\.1 = BatchNorm1d\(.* Set track_running_stats=True\.",
        ),
        (BatchNorm1d(2, momentum=1.5), r"settings of module\.1 = .* for momentum, got float 1\.5\."),
        (BatchNorm1d(2, eps=-1.0), r"settings of module\.1 = .* for eps, got float -1\.0\."),
        (halved(), r"settings of module\.1 = .* Use both weight and bias, or neither"),
        (LayerNorm((2, 2)), r"one dimension, got \(2, 2\) in module\.1 = LayerNorm\(.* Normalize"),
        (LayerNorm(()), r"one dimension, got \(\) in module\.1"),
        (RMSNorm((3, 2)), r"one dimension, got \(3, 2\) in module\.1"),
        (RMSNorm(2, elementwise_affine=False), r"settings of module\.1 = .* Set eps to a number"),
        (RMSNorm(2, dtype=torch.float16), r"settings of module\.1 = .* Set eps to a number"),
        (LayerNorm(3), r"expected 2 inputs, .*, got 3 in module\.1 = LayerNorm"),
        (hooked(), r"without hooks, got module\.1 = LayerNorm"),
        (Sequential(plain, plain), "share no tensors, got Sequential"),
    ):
        with pytest.raises(ValueError, match=message):
            from_torch(Sequential(Linear(2, 2), module))
    for module in (BatchNorm2d(2), RNNCell(2, 2), LSTMCell(2, 2)):
        with pytest.raises(
            TypeError, match=rf"does not support module\.1 = {type(module).__name__}\(.*Supported modules"
        ):
            from_torch(Sequential(Linear(2, 2), module))


def test_to_torch_without_torch_rms_norm_raises_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.delattr(torch.nn, "RMSNorm")
    with pytest.raises(ImportError, match=r"needs PyTorch 2\.4 for RMSNorm\(2, .*, got PyTorch .* Install"):
        to_torch(RMSNorm(2))
    assert to_torch(LayerNorm(2)) is not None
    assert isinstance(from_torch(torch.nn.LayerNorm(2)), Sequential)


def test_copied_model_is_converted() -> None:
    model = network(BatchNorm1d(4))
    outputs(model, samples(3, 5, seed=12))
    assert from_torch(to_torch(copy.deepcopy(model))).state_dict() == model.state_dict()
