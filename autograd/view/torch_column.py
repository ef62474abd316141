"""The same graph in PyTorch: each operation by torch's own function of that name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..backward import regroup, topological_order
from ..primitives import Primitive
from ..value import Value


def _pytorch() -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError(
            'comparing needs PyTorch: pip install "glassgrad[torch]", or pip install -e ".[torch]" in a clone'
        ) from None
    return torch


def torch_function(op: Primitive) -> Callable[..., Any]:
    """torch's function for a primitive; LookupError if it has none."""
    torch = _pytorch()
    functional = torch.nn.functional
    # Where torch's name differs from the table's, or it takes one tensor for our many.
    own: dict[str, Callable[..., Any]] = {
        "sum": lambda values: torch.stack(values).sum(),
        "dot": lambda weights, inputs, bias: sum((w * x for w, x in zip(weights, inputs)), bias),
        "logsumexp": lambda values: torch.logsumexp(torch.stack(values), 0),
        "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),  # F.softplus is x above 20
    }
    for found in (own.get(op.name), getattr(torch, op.name, None), getattr(functional, op.name, None)):
        if found is not None:
            function: Callable[..., Any] = found
            return function
    raise LookupError(f"PyTorch has no function named {op.name!r} to compare with")


def torch_gradients(root: Value, inputs: Mapping[str, Value]) -> dict[str, float]:
    """∂root/∂input for each named input, by PyTorch in float64 on the same operations."""
    torch = _pytorch()
    tensors: dict[Value, Any] = {}

    def tensor_of(x: Value | float) -> Any:
        return tensors[x] if isinstance(x, Value) else torch.tensor(x, dtype=torch.float64)

    for value in topological_order(root):
        op = value.primitive
        if op is None:
            tensors[value] = torch.tensor(value.data, dtype=torch.float64, requires_grad=True)
        else:
            operands = [tensor_of(x) for x in value.operands]
            tensors[value] = torch_function(op)(*(regroup(value, operands) if op.nary else operands))
    if tensors[root].requires_grad:
        tensors[root].backward()
    return {
        name: float(tensors[value].grad)
        for name, value in inputs.items()
        if value in tensors and tensors[value].grad is not None
    }
