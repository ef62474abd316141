"""grad(): gradients as Values, which can be differentiated again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, Literal, TypeAlias, overload

from .backward import topological_order
from .ieee import IeeeFloat
from .modes import active, open_modes, recording_rules
from .nodes import edges, groups_of, is_unchanged, regroup
from .operations import VALUES, data_of, stored_group
from .system.messages import type_and_value
from .tracing import current_tracer, report_escape
from .value import Value, operand_values

Inputs: TypeAlias = Value | Sequence[Value]
Edges: TypeAlias = Callable[[Value], Iterator[tuple[Value, Any]]]


@overload
def grad(
    output: Value, inputs: Inputs, *, create_graph: bool = False, allow_unused: Literal[False] = False
) -> list[Value]: ...
@overload
def grad(
    output: Value, inputs: Inputs, *, create_graph: bool = False, allow_unused: bool
) -> list[Value | None]: ...
def grad(output: Value, inputs: Any = None, *, create_graph: bool = False, allow_unused: bool = False) -> Any:
    """Compute ∂output/∂input for each input, and change no ``.grad``.

    >>> x = Value(3.0)
    >>> (first,) = grad(x**3, x, create_graph=True)
    >>> (second,) = grad(first, x)
    >>> first.data, second.data  # 3·x², 6·x
    (27.0, 18.0)

    Args:
        output: The Value that is differentiated.
        inputs: A Value or an iterable of Values; intermediate Values are allowed.
        create_graph: Record the gradients, also inside ``no_grad()``, to differentiate them again.
        allow_unused: Return None for an input that ``output`` was not computed from.

    Returns:
        A list with one Value for each input.

    Raises:
        TypeError: If ``output`` or an input is not a Value.
        ValueError: If ``output`` was not computed from an input, and ``allow_unused`` is not set.
        RuntimeError: If ``create_graph`` is set and the data of an operand has changed since it was used.
    """
    if active and not create_graph:
        report_escape(None, "grad() without create_graph=True")
    input_list = checked(output, inputs)
    order = topological_order(output)
    unused = set(input_list).difference(order)
    if unused and not allow_unused:
        i = next(i for i, x in enumerate(input_list) if x in unused)
        raise ValueError(
            f"grad() expected inputs that the output was computed from, got inputs[{i}] = {input_list[i]!r}. "
            "Pass the Value that was used, not a copy, or set allow_unused=True to get None for it."
        )
    with recording_rules() if create_graph else nullcontext():
        totals = total_gradients(order, input_list, recorded_edges if create_graph else edges)
        # An input behind a dead relu has no total.
        gradients = [None if x in unused else as_value(totals.get(x, 0.0)) for x in input_list]
    if active:
        visited = [node for node in order if node in totals and not node.is_leaf]
        for mode in open_modes():
            mode.after_backward(output, visited, lambda v: float(data_of(totals[v])) if v in totals else None)
        if tracer := current_tracer():
            return tracer.differentiated(output, input_list, gradients)
    return gradients


def checked(output: object, inputs: Any) -> list[Value]:
    """Return the inputs as a list; raise TypeError unless they and the output are Values."""
    input_list: list[Any] = [*inputs] if isinstance(inputs, Iterable) else [inputs]
    for i, x in enumerate((output, *input_list)):
        if not isinstance(x, Value):
            hint = "Call the function on Values, and pass its result." if callable(x) else "Make it a Value."
            if x is None and inputs is None:
                hint = "Pass the inputs, as in grad(output, [w])."
            name = f"inputs[{i - 1}]" if i else "output"
            raise TypeError(f"grad() expected a Value for {name}, got {type_and_value(x)}. {hint}")
    return input_list


def as_value(total: Value | float) -> Value:
    return total if isinstance(total, Value) else Value(total)


def total_gradients(order: list[Value], inputs: list[Value], edges_of: Edges) -> dict[Value, Any]:
    """Compute ∂root/∂node for the Values that depend on an input; ``root`` is the last of ``order``."""
    depends, passing_nodes = set(inputs), set[Value]()
    for node in order:
        if not depends.isdisjoint(operand_values(node)):
            depends.add(node)
            passing_nodes.add(node)  # an input, only if it depends on another input
    totals: dict[Value, Any] = {order[-1]: 1.0}
    for node in reversed(order):
        if node in totals and node in passing_nodes:
            for operand, derivative in edges_of(node):
                if operand in depends:
                    product = totals[node] * derivative
                    totals[operand] = totals[operand] + product if operand in totals else product
    return totals


def recorded_edges(node: Value) -> Iterator[tuple[Value, Any]]:
    """Yield the same pairs as ``edges``, with the rules evaluated on Values, so that they are recorded."""
    if node.primitive is None or not is_unchanged(node):
        raise RuntimeError(
            f"grad() cannot differentiate {node!r} with create_graph: its data, that of an operand, or a "
            "primitive in its rules has changed since the forward pass. Compute it again first."
        )
    arguments = regroup(node, [x if isinstance(x, Value) else IeeeFloat(x) for x in node.operands])
    for rule, group in zip(node.primitive.derivatives, groups_of(node)):
        if any(isinstance(x, Value) for x in group):
            _, receivers, derivatives = stored_group(group, rule(VALUES, node, *arguments))
            yield from zip(receivers, derivatives)
