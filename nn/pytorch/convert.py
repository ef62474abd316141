"""Conversion of a model to a ``torch.nn.Module`` with the same weights, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from autograd.system.messages import replace_controls, short, type_and_value, type_name

from ..layers.dropout import Dropout
from ..layers.mlp import MLP, Layer, Neuron
from ..layers.sequential import Activation, Sequential
from ..module import Module
from .norms import NORMS, is_norm, norm_from_torch, norm_to_torch, read_floats, width_of

#: PyTorch's module for each activation, and the settings with which it computes the same.
COUNTERPARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("ReLU", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.01}),
    "elu": ("ELU", {"alpha": 1.0}),
    "gelu": ("GELU", {"approximate": "none"}),
    "silu": ("SiLU", {}),
    "softplus": ("Softplus", {"beta": 1.0}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
}

#: Above its threshold PyTorch's softplus is x. The error is 2e-9 at its default, 20, and 0 at 40.
EXACT_THRESHOLD, LEAST_THRESHOLD = 40.0, 20.0

#: Methods that a subclass must not override to compute the same.
METHODS = ("__call__", "_outputs", "_output", "_read", "_scaled", "_normalize_by_batch", "_track")


def to_torch(model: Module) -> Any:
    """Convert a model to a float64 ``torch.nn.Sequential`` that computes the same.

    ::

        to_torch(MLP(2, [16, 1], "tanh"))

        Sequential(
          (0): Linear(in_features=2, out_features=16, bias=True)
          (1): Tanh()
          (2): Linear(in_features=16, out_features=1, bias=True)
        )

    Nested Sequentials are flattened. Weights and running statistics are copied, gradients are not. Each
    module stays in training or evaluation mode. Dropout has the same p and draws from PyTorch's generator.

    Args:
        model: An MLP, Layer, Neuron, Activation, BatchNorm1d, LayerNorm, RMSNorm or Dropout, or a Sequential
            of them.

    Shape:
        Input of the result: a tensor of one sample or of a batch; with a BatchNorm1d, of a batch. Its output
        has a last dimension even if the model returns a single Value.

    Raises:
        TypeError: If the model or a module in it is of another class, such as the recurrent RNNCell and
            LSTMCell.
        ValueError: If the neurons of one layer have different activations, or layers share parameters or
            statistics. PyTorch's modules cannot compute the same.
        ImportError: If PyTorch is not installed.
    """
    torch = _pytorch()
    with torch.inference_mode(False):  # tensors made in inference mode cannot be trained
        net = torch.nn.Sequential(*_parts(model))
    net.training = model.training
    count = len(model.parameters()) + len([*model.named_buffers()])
    converted_count = sum(tensor.numel() for tensor in (*net.parameters(), *net.buffers()))
    if count != converted_count:
        raise ValueError(
            f"to_torch() expected layers that share no parameters or statistics, got {type_name(model)} with "
            f"{count} numbers, of which its layers use {converted_count}. Give each layer its own parameters."
        )
    return net


def from_torch(module: Any) -> MLP | Sequential:
    """Convert a ``torch.nn.Sequential``, or a part of it, to an MLP or a Sequential that computes the same.

    ::

        from_torch(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh()))

        MLP(
          (layers.0): Layer(2, 3, 'tanh')
        )

    Linears, each followed by an activation or by none, become an MLP, which takes a sample. With a
    BatchNorm1d, LayerNorm, RMSNorm or Dropout among them, or an activation elsewhere, the result is a
    Sequential, which takes a list of samples. float32 weights become the same numbers in float64. If a
    Softplus of PyTorch has its default threshold, its value above 20 differs by up to 2e-9.

    Args:
        module: A ``torch.nn.Sequential``, or one of its modules. Each Linear needs a bias.

    Returns:
        The MLP or Sequential.

    Raises:
        TypeError: If a module has no counterpart, such as the recurrent RNN, LSTM and their cells. The
            message names it.
        ValueError: If a module has settings that its counterpart does not have, a hook, or a tensor that it
            shares with another module. Also if a Linear has no bias, widths do not fit, or no module computes
            anything.
        ImportError: If PyTorch is not installed.
    """
    torch = _pytorch()
    rows: list[tuple[str, Any, str]] = []  # name, module, and its activation or the one after a Linear
    for name, part in _flat(module):
        if type(part) in (torch.nn.Linear, torch.nn.Dropout) or is_norm(part, torch):
            rows.append((name, part, "linear"))
            continue
        activation = _activation_name(name, part)
        if rows and type(rows[-1][1]) is torch.nn.Linear and rows[-1][2] == "linear":
            rows[-1] = (*rows[-1][:2], activation)
        else:
            rows.append((name, part, activation))
    if not rows:
        raise ValueError(
            f"from_torch() expected at least one module that computes something, got {short(module)}. "
            "Pass a Sequential with a Linear."
        )
    _check(module, [(name, part) for name, part, _ in rows])
    parts = [_part(*row) for row in rows]
    layers = [part for part in parts if isinstance(part, Layer)]
    if len(layers) < len(parts):
        net = Sequential(*parts)
        net.training = module.training
        return net
    model = MLP(layers[0].nin, [len(layers[0].neurons)], seed=0)
    model.layers = layers
    return model.train(module.training)


def _pytorch() -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError(
            'to_torch() and from_torch() need PyTorch. Install it: pip install "glassgrad[torch]", or '
            'pip install -e ".[torch]" in a clone.'
        ) from None
    return torch


def _computes_as(module: Module, kind: type[Module]) -> bool:
    """Return True for an instance of ``kind``, unless its subclass computes something else."""
    return isinstance(module, kind) and all(
        getattr(type(module), method, None) is getattr(kind, method, None) for method in METHODS
    )


def _parts(module: Module) -> Iterator[Any]:
    """Yield PyTorch's modules for one of ours, in order."""
    torch = _pytorch()
    layer_module: Any = module  # its class is checked below
    if any(_computes_as(module, kind) for kind in (MLP, Sequential)):
        for layer in layer_module.layers:
            yield from _parts(layer)
        return
    if _computes_as(module, Layer):
        parts = _linear(layer_module.neurons)
    elif _computes_as(module, Neuron):
        parts = _linear([layer_module])
    elif _computes_as(module, Activation):
        parts = _activation(layer_module.activation)
    elif _computes_as(module, Dropout):
        parts = [torch.nn.Dropout(layer_module.p)]
    elif any(_computes_as(module, kind) for kind in NORMS.values()):
        parts = [norm_to_torch(layer_module, torch)]
    else:
        raise TypeError(
            f"to_torch() does not support {type_and_value(module)}. Supported modules: MLP, Layer, Neuron, "
            f"Sequential, Activation, {', '.join(NORMS)}, Dropout."
        )
    yield from (part.train(module.training) for part in parts)


def _linear(neurons: Sequence[Neuron]) -> list[Any]:
    """Return a Linear, and the activation if there is one."""
    torch = _pytorch()
    for neuron in neurons:
        if not _computes_as(neuron, Neuron):
            raise TypeError(
                f"to_torch() expected layers of Neurons, got one with {type_and_value(neuron)}. "
                "Use Neuron itself, or a subclass that computes the same."
            )
    activations = {neuron.activation for neuron in neurons}
    if len(activations) > 1:
        names = replace_controls(", ".join(sorted(activations)))
        raise ValueError(
            f"to_torch() expected the same activation for all neurons of a layer, got {names}. "
            "Assign one of them to each neuron."
        )
    (activation,) = activations
    weights = [[w.data for w in neuron.w] for neuron in neurons]
    linear = torch.nn.utils.skip_init(  # skips drawing weights, which would advance torch's generator
        torch.nn.Linear, len(weights[0]), len(weights), device="cpu", dtype=torch.float64
    )
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(weights, dtype=torch.float64, device="cpu"))
        linear.bias.copy_(torch.tensor([n.b.data for n in neurons], dtype=torch.float64, device="cpu"))
    return [linear, *_activation(activation)]


def _activation(activation: str) -> list[Any]:
    """Return PyTorch's module for an activation; an empty list for "linear"."""
    if activation == "linear":
        return []
    class_name, settings = COUNTERPARTS[activation]
    if activation == "softplus":
        settings = settings | {"threshold": EXACT_THRESHOLD}
    return [getattr(_pytorch().nn, class_name)(**settings)]


def _flat(module: Any, name: str = "module") -> Iterator[tuple[str, Any]]:
    """Yield the modules in a Sequential, also in nested ones, with their names."""
    torch = _pytorch()
    if not isinstance(module, torch.nn.Module):
        raise TypeError(
            f"from_torch() expected a torch.nn.Module, got {type_and_value(module)}. "
            "Pass a module such as torch.nn.Sequential."
        )
    if type(module) is torch.nn.Sequential:
        for inner, part in module._modules.items():  # named_children() yields a reused module only once
            yield from _flat(part, f"{name}.{replace_controls(inner)}")
    elif type(module) is not torch.nn.Identity:
        yield name, module


def _activation_name(name: str, module: Any) -> str:
    """Return our name for an activation of PyTorch."""
    torch = _pytorch()
    for activation, (class_name, settings) in COUNTERPARTS.items():
        if type(module) is not getattr(torch.nn, class_name):
            continue
        for key, setting in settings.items():
            if getattr(module, key) != setting:
                raise ValueError(
                    f"from_torch() expected {key}={setting!r}, got {name} = {short(module)}. "
                    f"Set {key} to {setting!r}."
                )
        if activation == "softplus" and module.threshold < LEAST_THRESHOLD:
            raise ValueError(
                f"from_torch() expected a threshold of {LEAST_THRESHOLD:g} or more, got {name} = "
                f"{short(module)}. Set a larger threshold."
            )
        return activation
    supported = [
        "Sequential",
        "Linear",
        "Identity",
        *NORMS,
        "Dropout",
        *(c for c, _ in COUNTERPARTS.values()),
    ]
    raise TypeError(
        f"from_torch() does not support {name} = {short(module)}. Supported modules: {', '.join(supported)}."
    )


def _check(module: Any, parts: Sequence[tuple[str, Any]]) -> None:
    """Raise ValueError for hooks, shared tensors, a Linear without bias, or widths that do not fit."""
    torch = _pytorch()
    for name, part in module.named_modules():
        if part._forward_hooks or part._forward_pre_hooks or "forward" in vars(part):
            path = ".".join(["module", *([replace_controls(name)] if name else [])])
            raise ValueError(
                f"from_torch() expected modules without hooks, got {path} = {short(part)} with a hook. "
                "Remove the hook, because it may change the output."
            )
    width = None
    for name, part in parts:
        nin = nout = width
        if type(part) is torch.nn.Linear:
            if part.bias is None:
                raise ValueError(
                    f"from_torch() expected a Linear with a bias, got {name} = {short(part)}. "
                    "Use bias=True; a bias of 0 computes the same."
                )
            nin, nout = part.in_features, part.out_features
        elif is_norm(part, torch):
            nin = nout = width_of(name, part, torch)
        if width not in (None, nin):
            raise ValueError(
                f"from_torch() expected {width} inputs, the outputs of the module before, got {nin} in "
                f"{name} = {short(part)}. Change one of the two widths."
            )
        width = nout
    tensors = [tensor for _, part in parts for tensor in (*part.parameters(), *part.buffers())]
    if len(tensors) != len([*module.parameters(), *module.buffers()]):
        raise ValueError(
            f"from_torch() expected modules that share no tensors, got {short(module)}. "
            "Give each module its own parameters and statistics."
        )


def _part(name: str, module: Any, activation: str) -> Module:
    """Return our module for one of PyTorch's, or for a Linear with the activation after it."""
    torch = _pytorch()
    if type(module) is torch.nn.Linear:
        part: Module = _layer(name, module, activation)
    elif type(module) is torch.nn.Dropout:
        part = Dropout(module.p)
    elif is_norm(module, torch):
        part = norm_from_torch(name, module, torch)
    else:
        part = Activation(activation)
    return part.train(module.training)


def _layer(name: str, linear: Any, activation: str) -> Layer:
    """Return a layer with the weights of a Linear."""
    layer = Layer(linear.in_features, linear.out_features, activation, seed=0)
    rows = zip(read_floats(linear.weight, name, linear), read_floats(linear.bias, name, linear))
    for neuron, (weights, bias) in zip(layer.neurons, rows):
        for parameter, number in zip(neuron.parameters(), [*weights, bias]):
            parameter.data = number
    return layer
