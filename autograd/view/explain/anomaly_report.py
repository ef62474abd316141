"""Messages of ``detect_anomaly()``: the origin of a nan or inf, and its path to the loss."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from ...backward import topological_order
from ...nodes import edges, local_derivatives
from ...operations import data_of
from ...source_lines import source_line
from ...value import Value
from ..notation.names import (
    Names,
    format_gradient,
    format_number,
    names_of,
    operation,
    operation_formula,
    quantity,
)
from ..notation.writers import text
from ..render.tables import text_table
from ..steps.step import ForwardStep, Step
from .formula import ELEMENTS, Nested, formula

#: The limits of a message: operations of an expression, operands, steps of a path.
OPERATIONS, OPERANDS, STEPS = 12, 8, 12


def report_result(node: Value) -> str:
    """Return the message for a result of the forward pass."""
    numbers = operation_formula(node, lambda x: quantity(data_of(x)))
    lines = [f"{text(numbers)} = {format_number(node.data)}, in the forward pass", *_locate(node, "computed")]
    names = names_of(node)
    lines += ["the expression:", *_indent(_expression(node, names))]
    for operand in dict.fromkeys(node.operands):
        if isinstance(operand, Value) and not math.isfinite(operand.data):
            origin = "it is a leaf" if operand.is_leaf else "it was computed outside detect_anomaly()"
            lines.append(f"{names[operand]} was already {format_number(operand.data)}: {origin}")
    return "\n".join(lines)


def _expression(node: Value, names: Names) -> str:
    """Return the expression in symbols, in numbers, and computed except for the last operation."""
    nested = Nested(topological_order(node), names, OPERATIONS)
    if nested.cut or nested.intermediates:
        return "\n".join([repr(formula(node, limit=OPERATIONS)), *_operands(node, names)])
    last = operation_formula(node, lambda x: quantity(data_of(x)), ELEMENTS)
    sides = [nested.in_symbols(node), nested.in_numbers(node), last, quantity(node.data)]
    rows = [*dict.fromkeys(text(side) for side in sides if side is not None)]
    margin = " " * len(names[node])
    return "\n".join(f"{margin if i else names[node]} = {row}" for i, row in enumerate(rows))


def report_contribution(root: Value, node: Value, position: int, gradients: Mapping[Value, float]) -> str:
    """Return the message for the contribution of ``node`` to the gradient of one of its operands."""
    names = names_of(root)
    operand, local = node.operands[position], local_derivatives(node)[position]
    if not isinstance(operand, Value) or local is None:
        raise ValueError(f"report_contribution() expected an operand with a gradient, got {operand!r}.")
    upstream, product = gradients[node], gradients[node] * local
    step = Step(0, node, operand, position, upstream, local, product, product, False, names)
    lines = [
        f"{step}, in the backward pass",
        *_locate(node, f"{names[node]} was computed"),
        "the operation:",
        f"  {ForwardStep(0, node, names)}",
        *_path(root, node, names, gradients),
    ]
    return "\n".join(lines)


def report_sum(root: Value, value: Value, gradients: Mapping[Value, float]) -> str:
    """Return the message for a gradient that is not finite although its contributions are."""
    names = names_of(root)
    gradient = gradients[value]
    parts = [g * local for node, g in gradients.items() for operand, local in edges(node) if operand is value]
    wrong = f"∂{names.root}/∂{names[value]} is {format_gradient(gradient)}, in the backward pass"
    if value is root:
        reason = "it is the seed gradient: check the argument of backward()"
    elif value.is_leaf and math.isfinite(contribution := sum(parts)):
        amount = format_gradient(contribution)
        reason = f"this pass added {amount} to the gradient of an earlier one: call zero_grad() first"
    else:
        reason = f"its {len(parts)} contributions are finite, but their sum is not"
    lines = [f"{wrong}: {reason}"]
    if not value.is_leaf:
        lines += _locate(value, f"{names[value]} was computed")
    return "\n".join([*lines, *_path(root, value, names, gradients)])


def _locate(value: Value, event: str) -> list[str]:
    if (location := source_line(value)) is None:
        return [f"{event} outside detect_anomaly(): enter it before the forward pass to get the line"]
    file, line, source = location
    return [f"{event} here:", f"  {file}, line {line}", *(f"    {row}" for row in source)]


def _operands(node: Value, names: Names) -> list[str]:
    """Return the data of the operands; if there are many, of those not finite and the largest."""
    operands = [x for x in dict.fromkeys(node.operands) if isinstance(x, Value)]
    selection = operands
    if len(operands) > OPERANDS:
        largest = sorted(operands, key=lambda x: (math.isfinite(x.data), -abs(x.data)))[:OPERANDS]
        selection = [x for x in operands if x in set(largest)]
    data = ", ".join(f"{names[x]} = {format_number(x.data)}" for x in selection)
    rest = f" (the {OPERANDS} largest of {len(operands)})" if len(selection) < len(operands) else ""
    return [f"  with {data}{rest}"] if data else []


def _path(root: Value, value: Value, names: Names, gradients: Mapping[Value, float]) -> list[str]:
    """Return the shortest path of the gradient from the root to a Value, a line for each operation."""
    path = _shortest_path(root, value)
    rows: list[list[str]] = []
    for node in path:
        location = source_line(node)
        g = gradients.get(node)
        rows.append([
            names[node],
            operation(node, names),
            format_number(node.data),
            "" if g is None else format_gradient(g),
            "" if location is None else f"line {location[1]}",
        ])  # fmt: skip
    rest = len(rows) - STEPS
    if rest > 1:
        half = STEPS // 2
        rows[half:-half] = [["…", f"({rest} more)", "", "", ""]]
    header = ("", "how", "data", f"∂{names.root}/∂…", "")
    table = text_table(header, rows, right=(2, 3))
    return [f"the path from {names.root}:", *_indent(table)]


def _shortest_path(root: Value, value: Value) -> list[Value]:
    before: dict[Value, Value | None] = {root: None}
    queue = deque([root])
    while value not in before:
        node = queue.popleft()
        for operand, _ in edges(node):
            if operand not in before:
                before[operand] = node
                queue.append(operand)
    path = [value]
    while (above := before[path[-1]]) is not None:
        path.append(above)
    return path[::-1]


def _indent(lines: str) -> list[str]:
    return [f"  {line}".rstrip() for line in lines.split("\n")]
