"""Growing out: a model as a ``torch.nn.Module`` with the same weights, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from .layers import MLP, Layer, Neuron
from .module import Module

#: PyTorch's module for each activation, and what makes it compute the same.
TWINS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("ReLU", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.01}),
    "elu": ("ELU", {"alpha": 1.0}),
    "gelu": ("GELU", {"approximate": "none"}),
    "silu": ("SiLU", {}),
    "softplus": ("Softplus", {"beta": 1.0}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
}

#: Above its threshold PyTorch's softplus is x. That is 2e-9 off at its default, 20, and nothing at 40.
EXACT_THRESHOLD, LEAST_THRESHOLD = 40.0, 20.0


def to_torch(model: Module) -> Any:
    """A ``torch.nn.Sequential`` of Linear and activations, float64, that computes what the model computes.

    ::

        to_torch(MLP(2, [16, 1], "tanh"))

        Sequential(
          (0): Linear(in_features=2, out_features=16, bias=True)
          (1): Tanh()
          (2): Linear(in_features=16, out_features=1, bias=True)
        )

    Of an MLP, a Layer or a Neuron. It takes a tensor of a sample or of many, and has a last dimension also
    where our single output comes bare. The weights are copies; gradients are not taken along. Raises
    TypeError for any other module, ValueError where Linear cannot do the same (neurons of one layer with
    different activations, parameters shared between layers), ImportError without PyTorch.
    """
    torch = _pytorch()
    with torch.inference_mode(False):  # else they could not be trained
        parts = [part for layer in _layers(model) for part in _linear(layer)]
        net = torch.nn.Sequential(*parts).train(model.training)
    ours, theirs = len(model.parameters()), sum(p.numel() for p in net.parameters())
    if ours != theirs:
        raise ValueError(
            f"to_torch() knows no sharing of parameters: the layers hold {theirs}, "
            f"and this {type(model).__name__} has {ours} of its own"
        )
    return net


def from_torch(module: Any) -> MLP:
    """The MLP that computes what a ``torch.nn.Linear`` or a ``Sequential`` of them and activations computes.

    ::

        from_torch(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh()))

        MLP(
          (layers.0): Layer(2, 3, 'tanh')
        )

    Each Linear needs a bias and may have an activation after it; float32 weights become the same
    float64. (A Softplus of PyTorch's default threshold is 2e-9 off ours above 20.) Raises TypeError for
    a module without a twin here, by name, ValueError for one with other settings or at another place,
    ImportError without PyTorch.
    """
    torch = _pytorch()
    rows: list[tuple[str, Any, str]] = []
    for name, part in _flat(module):
        if type(part) is torch.nn.Linear:
            rows.append((name, part, "linear"))
        else:
            activation = _activation_of(name, part)
            if not rows or rows[-1][2] != "linear":
                raise ValueError(f"an activation here follows a Linear, and {name} does not: {part}")
            rows[-1] = (*rows[-1][:2], activation)
    if not rows:
        raise ValueError(f"there is no Linear in it: {module}")
    for name, part in module.named_modules():
        if part._forward_hooks or part._forward_pre_hooks or "forward" in vars(part):
            raise ValueError(f"{name or 'the module'} has hooks, which may change what it computes: {part}")
    if len(list(module.parameters())) != 2 * len(rows):
        raise ValueError(f"from_torch() takes Linears with a bias, none of them shared: {module}")
    for (_, before, _), (name, after, _) in pairwise(rows):
        if before.out_features != after.in_features:
            raise ValueError(
                f"{name} takes {after.in_features} inputs and gets {before.out_features}: {module}"
            )
    model = MLP(rows[0][1].in_features, [rows[0][1].out_features], seed=0)
    model.layers = [_layer(linear, activation) for _, linear, activation in rows]
    return model.train(module.training)


def _pytorch() -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError(
            'to_torch() and from_torch() need PyTorch: pip install "glassgrad[torch]", or '
            'pip install -e ".[torch]" in a clone'
        ) from None
    return torch


def _computes_as(module: Module, kind: type[Module]) -> bool:
    """Whether it is of that kind, and no subclass that computes something else."""
    return isinstance(module, kind) and all(
        getattr(type(module), method, None) is getattr(kind, method, None)
        for method in ("__call__", "_outputs", "_output")
    )


def _layers(module: Module) -> Iterator[Sequence[Neuron]]:
    """The neurons of each layer of a model."""
    if _computes_as(module, MLP):
        for layer in module.layers:  # type: ignore[attr-defined]
            yield from _layers(layer)
    elif _computes_as(module, Layer):
        yield module.neurons  # type: ignore[attr-defined]
    elif _computes_as(module, Neuron):
        yield [module]  # type: ignore[list-item]
    else:
        raise TypeError(
            f"to_torch() takes an MLP, a Layer or a Neuron, and not {type(module).__name__}: {module!r}"
        )


def _linear(neurons: Sequence[Neuron]) -> list[Any]:
    """A Linear, and the activation if there is one."""
    torch = _pytorch()
    for neuron in neurons:
        if not _computes_as(neuron, Neuron):
            raise TypeError(
                f"to_torch() takes layers of Neurons, and not of {type(neuron).__name__}: {neuron!r}"
            )
    activations = {neuron.activation for neuron in neurons}
    if len(activations) > 1:
        raise ValueError(
            f"the neurons of a layer must have one activation, not {', '.join(sorted(activations))}"
        )
    (activation,) = activations
    weights = [[w.data for w in neuron.weights] for neuron in neurons]
    linear = torch.nn.utils.skip_init(  # the weights are not to be drawn, which would move torch's generator
        torch.nn.Linear, len(weights[0]), len(weights), device="cpu", dtype=torch.float64
    )
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(weights, dtype=torch.float64, device="cpu"))
        linear.bias.copy_(torch.tensor([n.bias.data for n in neurons], dtype=torch.float64, device="cpu"))
    if activation == "linear":
        return [linear]
    twin, settings = TWINS[activation]
    if activation == "softplus":
        settings = settings | {"threshold": EXACT_THRESHOLD}
    return [linear, getattr(torch.nn, twin)(**settings)]


def _flat(module: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The modules in a Sequential, and those in a Sequential within, by their names."""
    torch = _pytorch()
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"from_torch() takes a torch.nn.Module, not {type(module).__name__} {module!r}")
    if type(module) is torch.nn.Sequential:
        for inner, part in module._modules.items():  # named_children() tells a module used again but once
            yield from _flat(part, f"{name}.{inner}" if name else inner)
    elif type(module) is not torch.nn.Identity:
        yield name or "the module", module


def _activation_of(name: str, module: Any) -> str:
    """Our name for an activation of PyTorch's."""
    torch = _pytorch()
    for activation, (twin, settings) in TWINS.items():
        if type(module) is not getattr(torch.nn, twin):
            continue
        wrong = [key for key, setting in settings.items() if getattr(module, key) != setting]
        if wrong:
            raise ValueError(f"{name} must have {wrong[0]}={settings[wrong[0]]!r}, as ours has: {module}")
        if activation == "softplus" and module.threshold < LEAST_THRESHOLD:
            raise ValueError(f"{name} must have a threshold of {LEAST_THRESHOLD:g} or more: {module}")
        return activation
    raise TypeError(
        f"{name} has no twin here: {module}. from_torch() takes Sequential, Linear, Identity and "
        f"{', '.join(twin for twin, _ in TWINS.values())}"
    )


def _layer(linear: Any, activation: str) -> Layer:
    """A layer with the weights of a Linear."""
    if not linear.weight.is_floating_point():
        raise ValueError(f"the weights must be real numbers, not {linear.weight.dtype}: {linear}")
    layer = Layer(linear.in_features, linear.out_features, activation, seed=0)
    rows = zip(linear.weight.detach().double().tolist(), linear.bias.detach().double().tolist())
    for neuron, (weights, bias) in zip(layer.neurons, rows):
        for parameter, number in zip(neuron.parameters(), [*weights, bias]):
            parameter.data = number
    return layer
