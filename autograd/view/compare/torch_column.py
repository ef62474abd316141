"""The same graph in PyTorch: each operation by torch's own function of that name."""

# What these lambdas are given are tensors, whose types nobody needs installed who checks ours.
# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...backward import topological_order
from ...nodes import regroup
from ...primitives import Primitive
from ...value import Value


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
        # A clone, so that a dot of no products is a tensor of its own too.
        "dot": lambda weights, inputs, bias: sum((w * x for w, x in zip(weights, inputs)), bias.clone()),
        "logsumexp": lambda values: torch.logsumexp(torch.stack(values), 0),
        "take": lambda values, index: torch.stack(values)[int(index)] + 0.0 * index,
        "sech": lambda x: 1.0 / torch.cosh(x),
        "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),  # F.softplus is x above 20
    }
    for found in (own.get(op.name), getattr(torch, op.name, None), getattr(functional, op.name, None)):
        if found is not None:
            function: Callable[..., Any] = found
            return function
    raise LookupError(f"PyTorch has no function named {op.name!r} to compare with")


def torch_graph(root: Value) -> dict[Value, Any]:
    """The same graph in float64 tensors, operation by operation: for each Value its tensor, with ``.grad``.

    The tensors are leaves where the Values are, made afresh from their numbers, and PyTorch's backward
    pass has been run; the gradients of computed tensors are kept too. No Value is written.
    """
    torch = _pytorch()
    tensors: dict[Value, Any] = {}

    def leaf(x: float, requires_grad: bool = False) -> Any:
        return torch.tensor(x, dtype=torch.float64, device="cpu", requires_grad=requires_grad)

    def tensor_of(x: Value | float) -> Any:
        return tensors[x] if isinstance(x, Value) else leaf(x)

    with torch.inference_mode(False), torch.enable_grad():  # whatever the caller has switched off
        for value in topological_order(root):
            op = value.primitive
            if op is None:
                tensors[value] = leaf(value.data, requires_grad=True)
            else:
                operands = [tensor_of(x) for x in value.operands]
                tensors[value] = torch_function(op)(*regroup(value, operands))
                tensors[value].retain_grad()
        tensors[root].backward()
    return tensors


def torch_gradients(root: Value, inputs: Mapping[str, Value]) -> dict[str, float]:
    """∂root/∂input for each named input, by PyTorch in float64 on the same operations."""
    tensors = torch_graph(root)
    return {name: tensors[value].grad.item() for name, value in inputs.items() if value in tensors}
