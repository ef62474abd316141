"""The same graph in PyTorch: each operation is computed by the PyTorch function of that name."""

# The arguments of these lambdas are tensors; the types must check where PyTorch is not installed.
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
            'compare_with_torch() needs PyTorch. Install it: pip install "glassgrad[torch]", or in a clone '
            'pip install -e ".[torch]".'
        ) from None
    return torch


def torch_function(op: Primitive) -> Callable[..., Any]:
    """Return the PyTorch function for a primitive; raise LookupError if there is none."""
    torch = _pytorch()
    functional = torch.nn.functional
    # Functions whose name differs in PyTorch, or that take one tensor there and many operands here.
    special: dict[str, Callable[..., Any]] = {
        "sum": lambda values: torch.stack(values).sum(),
        # A clone, so that a dot product without terms is a new tensor too.
        "dot": lambda weights, inputs, bias: sum((w * x for w, x in zip(weights, inputs)), bias.clone()),
        "logsumexp": lambda values: torch.logsumexp(torch.stack(values), 0),
        "take": lambda values, index: torch.stack(values)[int(index)] + 0.0 * index,
        "sech": lambda x: 1.0 / torch.cosh(x),
        "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),  # F.softplus returns x above 20
    }
    for entry in (special.get(op.name), getattr(torch, op.name, None), getattr(functional, op.name, None)):
        if entry is not None:
            function: Callable[..., Any] = entry
            return function
    raise LookupError(
        f"compare_with_torch() expected operations that PyTorch has too, got {op.name!r}. "
        "Compare a part of the graph without it."
    )


def torch_graph(root: Value) -> dict[Value, Any]:
    """Recompute the graph in float64 tensors, run the backward pass, and return the tensor of each Value.

    Leaf tensors are new and have the data of the leaf Values; intermediate tensors retain their
    gradients. No Value is changed.
    """
    torch = _pytorch()
    tensors: dict[Value, Any] = {}

    def leaf(x: float, requires_grad: bool = False) -> Any:
        return torch.tensor(x, dtype=torch.float64, device="cpu", requires_grad=requires_grad)

    def tensor_of(x: Value | float) -> Any:
        return tensors[x] if isinstance(x, Value) else leaf(x)

    with torch.inference_mode(False), torch.enable_grad():  # the caller may have disabled gradients
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
    """Return ∂root/∂input for each named input, computed by PyTorch in float64 with the same operations."""
    tensors = torch_graph(root)
    return {name: tensors[value].grad.item() for name, value in inputs.items() if value in tensors}
