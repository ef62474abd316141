"""Comparison of a graph with PyTorch: both values, both gradients, and their distance in ulps."""

from __future__ import annotations

import math
from typing import NamedTuple

from ...backward import topological_order
from ...nodes import all_gradients
from ...value import Value
from ..notation.names import Names, format_number, format_pair
from ..picture.cards import LIMIT, find_overwritten
from ..render.options import check_root
from ..render.tables import html_table, html_with_notes, text_table, with_notes
from ..render.terminal import terminal_width
from .torch_column import torch_graph
from .ulps import signs_differ, ulps_between


class TorchRow(NamedTuple):
    """Row of a comparison: the numbers of a Value and its tensor, and the distance between them in ulps."""

    name: str
    data: float
    torch_data: float
    data_ulps: int | float
    grad: float
    torch_grad: float
    grad_ulps: int | float

    @property
    def ulps(self) -> int | float:
        """The larger of both distances."""
        return max(self.data_ulps, self.grad_ulps)

    @property
    def signs_differ(self) -> bool:
        """True if zeros differ in sign, which counts as 0 ulps."""
        return signs_differ(self.data, self.torch_data) or signs_differ(self.grad, self.torch_grad)


class TorchComparison:
    """Comparison of a graph with PyTorch, Value by Value in ``rows``; shown as a table."""

    HEADER = ("name", "data", "PyTorch", "ulps", "grad", "PyTorch", "ulps")
    RIGHT = range(1, 7)

    def __init__(self, rows: tuple[TorchRow, ...]) -> None:
        self.rows = rows

    @property
    def max_ulps(self) -> int | float:
        """Largest distance of a value or gradient; inf if only one side is nan."""
        return max(row.ulps for row in self.rows)

    @property
    def summary(self) -> str:
        """Largest difference, in words."""
        worst = max(self.rows, key=lambda row: row.ulps)
        quantity = "value" if worst.data_ulps == worst.ulps else "gradient"
        zeros = sum(row.signs_differ for row in self.rows)
        if worst.ulps == math.inf:
            largest = f"the {quantity} of {worst.name} is nan on one side only"
        elif worst.ulps:
            unit = "ulp" if worst.ulps == 1 else "ulps"
            largest = f"at most {_count(worst.ulps)} {unit} apart, in the {quantity} of {worst.name}"
        else:
            largest = "equal" if zeros else "bit-identical"
        signs = "zero of opposite sign" if zeros == 1 else "zeros of opposite sign"
        return f"{largest}; {zeros:,} {signs}" if zeros else largest

    def _visible_rows(self) -> tuple[list[TorchRow], list[str]]:
        """Return the displayed rows and the notes below them."""
        rows, notes = [*self.rows], [self.summary]
        if len(rows) > LIMIT:
            rows = sorted(rows, key=lambda row: (row.ulps, row.signs_differ), reverse=True)[:LIMIT]
            notes.append(
                f"shown: {LIMIT} of {len(self.rows):,} rows, the largest differences first; .rows has all"
            )
        return rows, notes

    def __repr__(self) -> str:
        rows, notes = self._visible_rows()
        width = terminal_width()
        table = text_table(self.HEADER, [_cells(row) for row in rows], self.RIGHT, width=width)
        return with_notes(table, notes, width)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        rows, notes = self._visible_rows()
        bold = {
            (i, column)
            for i, row in enumerate(rows)
            for column, differs in ((3, row.data_ulps), (6, row.grad_ulps))
            if differs
        }
        table = html_table(self.HEADER, [_cells(row) for row in rows], self.RIGHT, bold)
        return {"text/html": html_with_notes(table, notes), "text/plain": repr(self)}


def _cells(row: TorchRow) -> list[str]:
    return [
        row.name,
        *_pair(row.data, row.torch_data, row.data_ulps),
        *_pair(row.grad, row.torch_grad, row.grad_ulps, is_gradient=True),
    ]


def _pair(number: float, torch_number: float, ulps: int | float, *, is_gradient: bool = False) -> list[str]:
    """Return both numbers, with enough digits to distinguish them, and the ulps."""
    signs = " (sign)" if signs_differ(number, torch_number) else ""
    if is_gradient:
        number, torch_number = number + 0.0, torch_number + 0.0
    if ulps == math.inf:
        return [format_number(number), format_number(torch_number), "one is nan"]
    if signs:
        return [format_number(number), format_number(torch_number), f"0{signs}"]
    return [*format_pair(number, torch_number), _count(ulps)]


def _count(ulps: int | float) -> str:
    return f"{ulps:,}" if ulps < 1e6 else format_number(float(ulps))


def compare_with_torch(root: Value, *, every: bool = False) -> TorchComparison:
    """Recompute the graph of ``root`` in PyTorch, and compare values and gradients in ulps.

    Each operation is PyTorch's function of the same name, in float64, on the same leaves. The gradients
    are those of a backward pass from ``root`` alone; no ``.grad`` is read or written. Two nan count as
    equal, and zeros of opposite sign as 0 ulps apart. Many ulps can be a small difference where terms
    cancel, or a loss of digits in PyTorch where an activation saturates.

    ::

        w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
        compare_with_torch((w * x - y) ** 2)

        name  data  PyTorch  ulps  grad  PyTorch  ulps
        ────  ────  ───────  ────  ────  ───────  ────
        w        2        2     0   −20      −20     0
        x        5        5     0    −8       −8     0
        y       12       12     0     4        4     0
        out      4        4     0     1        1     0
        bit-identical

    A graph of 10**6 Values takes about 25 s and 2.2 GB: each Value becomes a tensor.

    Args:
        root: A Value, from which the backward pass starts.
        every: Compare all Values, not only the leaves and ``root``.

    Returns:
        The comparison, which is shown as a table.

    Raises:
        ImportError: If PyTorch is not installed.
        LookupError: If PyTorch has no function for a primitive of the graph.
        RuntimeError: If a Value was overwritten after the forward pass: PyTorch would start from the new
            data, while the graph stores results of the old data.
        TypeError: If ``root`` is not a Value.
    """
    check_root("compare_with_torch", root)
    order = topological_order(root)
    names = Names(order)
    if (node := find_overwritten(order)) is not None:
        raise RuntimeError(
            f"compare_with_torch() expected the data of the forward pass, but an operand below {names[node]} "
            f"was overwritten. Compute {names.root} again first."
        )
    tensors = torch_graph(root)
    grads = all_gradients(root)
    rows: list[TorchRow] = []
    for value in order:
        if every or value.is_leaf or value is root:
            tensor, grad = tensors[value], grads.get(value, 0.0)  # 0.0: behind a dead relu
            rows.append(_row(names[value], value.data, tensor.item(), grad, tensor.grad.item()))
    return TorchComparison(tuple(rows))


def _row(name: str, data: float, torch_data: float, grad: float, torch_grad: float) -> TorchRow:
    return TorchRow(
        name, data, torch_data, ulps_between(data, torch_data),
        grad, torch_grad, ulps_between(grad, torch_grad),
    )  # fmt: skip
