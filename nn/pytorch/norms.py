"""Conversion of norms to PyTorch and back, with settings, weights and running statistics."""

from __future__ import annotations

from typing import Any

from autograd.system.messages import short

from ..checks import check_number
from ..layers.norm import BatchNorm1d, LayerNorm, RMSNorm

Norm = BatchNorm1d | LayerNorm | RMSNorm

#: The norms by the name they have in torch.nn as well.
NORMS: dict[str, type[Norm]] = {"BatchNorm1d": BatchNorm1d, "LayerNorm": LayerNorm, "RMSNorm": RMSNorm}

#: The attributes of a norm that are lists with one number for each feature.
ROWS = ("weight", "bias", "running_mean", "running_var")


def read_floats(tensor: Any, name: str, module: Any) -> list[Any]:
    """Return the numbers of a tensor as float64."""
    if not tensor.is_floating_point():
        raise ValueError(
            f"from_torch() expected weights of a floating dtype, got {tensor.dtype} in {name} = "
            f"{short(module)}. Convert the module first, for example with .double()."
        )
    numbers: list[Any] = tensor.detach().double().tolist()
    return numbers


def is_norm(module: Any, torch: Any) -> bool:
    """Return True for a norm of PyTorch that has a counterpart in nn."""
    return any(type(module) is getattr(torch.nn, name, None) for name in NORMS)


def width_of(name: str, module: Any, torch: Any) -> int:
    """Return the number of features of a norm of PyTorch; raise ValueError for several dimensions."""
    if type(module) is torch.nn.BatchNorm1d:
        return int(module.num_features)
    shape = (*module.normalized_shape,)
    if len(shape) != 1:
        raise ValueError(
            f"from_torch() expected a normalized_shape of one dimension, got {shape} in {name} = "
            f"{short(module)}. Normalize over the last dimension only."
        )
    return int(shape[0])


def norm_to_torch(norm: Norm, torch: Any) -> Any:
    """Return PyTorch's norm, float64, with the settings and numbers of ours."""
    affine = norm.weight is not None
    settings: dict[str, Any] = {"elementwise_affine": affine}
    if isinstance(norm, BatchNorm1d):
        settings = {"affine": affine, "momentum": norm.momentum}
    elif isinstance(norm, LayerNorm):
        settings["bias"] = norm.bias is not None
    name = next(name for name, kind in NORMS.items() if isinstance(norm, kind))
    if not hasattr(torch.nn, name):
        raise ImportError(
            f"to_torch() needs PyTorch 2.4 for {short(norm)}, got PyTorch {torch.__version__}. Install a "
            "later one."
        )
    converted = getattr(torch.nn, name)(norm.width, norm.eps, **settings, device="cpu", dtype=torch.float64)
    common = [
        row
        for row in ROWS
        if getattr(norm, row, None) is not None and getattr(converted, row, None) is not None
    ]
    with torch.no_grad():
        for row in common:
            numbers = [check_number("to_torch", row, x) for x in getattr(norm, row)]
            getattr(converted, row).copy_(torch.tensor(numbers, dtype=torch.float64, device="cpu"))
        if isinstance(norm, BatchNorm1d):
            converted.num_batches_tracked.fill_(norm.num_batches_tracked)
    return converted


def norm_from_torch(name: str, module: Any, torch: Any) -> Norm:
    """Return our norm with the settings and numbers of PyTorch's."""
    width = width_of(name, module, torch)
    try:
        norm = _with_settings(width, module, torch)
    except ValueError as error:
        raise ValueError(
            f"from_torch() does not support the settings of {name} = {short(module)}. {error}"
        ) from None
    for parameters, tensor in ((norm.weight, module.weight), (norm.bias, getattr(module, "bias", None))):
        if parameters is not None:
            for parameter, number in zip(parameters, read_floats(tensor, name, module)):
                parameter.data = number
    if isinstance(norm, BatchNorm1d):
        norm.running_mean = read_floats(module.running_mean, name, module)
        norm.running_var = read_floats(module.running_var, name, module)
        norm.num_batches_tracked = int(module.num_batches_tracked)
    return norm


def _with_settings(width: int, module: Any, torch: Any) -> Norm:
    """Return our norm with the settings of PyTorch's; raise ValueError if ours does not have them."""
    affine = module.weight is not None
    if type(module) is torch.nn.BatchNorm1d:
        if not module.track_running_stats or any(buffer is None for buffer in module._buffers.values()):
            raise ValueError("Set track_running_stats=True.")
        if affine != (module.bias is not None):
            raise ValueError("Use both weight and bias, or neither of them.")
        return BatchNorm1d(width, module.eps, module.momentum, affine)
    if type(module) is torch.nn.LayerNorm:
        return LayerNorm(width, module.eps, affine, module.bias is not None)
    eps = module.eps
    if eps is None:  # PyTorch then uses the eps of the dtype of the inputs, which is that of the weights
        if module.weight is None or module.weight.dtype not in (torch.float32, torch.float64):
            raise ValueError(
                "Set eps to a number, because there is no float32 or float64 weight to take it from."
            )
        eps = torch.finfo(module.weight.dtype).eps
    return RMSNorm(width, eps, affine)
