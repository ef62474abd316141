"""The same graph in PyTorch, side by side: both values, both gradients, and how many ulps lie between."""

from __future__ import annotations

import math
from typing import NamedTuple

from ...backward import topological_order
from ...nodes import all_gradients
from ...system.messages import type_and_value
from ...value import Value
from ..notation.names import Names, apart, format_number
from ..picture.cards import LIMIT, overwritten
from ..render.tables import html_table, html_with_notes, text_table, with_notes
from ..render.terminal import terminal_width
from .torch_column import torch_graph
from .ulps import signs_differ, ulps_between


class TorchRow(NamedTuple):
    """A Value and its tensor: the numbers of both, and the ulps between them (see :func:`ulps_between`)."""

    name: str
    data: float
    torch_data: float
    data_ulps: int | float
    grad: float
    torch_grad: float
    grad_ulps: int | float

    @property
    def ulps(self) -> int | float:
        """The larger difference of the two."""
        return max(self.data_ulps, self.grad_ulps)

    @property
    def signs_differ(self) -> bool:
        """Whether a zero has another sign, which is no ulp."""
        return signs_differ(self.data, self.torch_data) or signs_differ(self.grad, self.torch_grad)


class TorchComparison:
    """Every compared Value in ``rows``; shown as a table."""

    HEADER = ("name", "data", "PyTorch", "ulps", "grad", "PyTorch", "ulps")
    RIGHT = range(1, 7)

    def __init__(self, rows: tuple[TorchRow, ...]) -> None:
        self.rows = rows

    @property
    def max_ulps(self) -> int | float:
        """The largest difference of any value or gradient; inf if one alone is nan."""
        return max(row.ulps for row in self.rows)

    @property
    def summary(self) -> str:
        """What differs, in a sentence."""
        worst = max(self.rows, key=lambda row: row.ulps)
        what = "value" if worst.data_ulps == worst.ulps else "gradient"
        zeros = sum(row.signs_differ for row in self.rows)
        if worst.ulps == math.inf:
            told = f"the {what} of {worst.name} is nan in one of them alone"
        elif worst.ulps:
            unit = "ulp" if worst.ulps == 1 else "ulps"
            told = f"at most {_count(worst.ulps)} {unit} apart, in the {what} of {worst.name}"
        else:
            told = "equal" if zeros else "equal to the last bit"
        signs = "zero of opposite sign" if zeros == 1 else "zeros of opposite sign"
        return f"{told}; {zeros:,} {signs}" if zeros else told

    def _shown(self) -> tuple[list[TorchRow], list[str]]:
        """The rows that are shown, and what is told below them."""
        rows, notes = [*self.rows], [self.summary]
        if len(rows) > LIMIT:
            rows = sorted(rows, key=lambda row: (row.ulps, row.signs_differ), reverse=True)[:LIMIT]
            notes.append(f"shown: {LIMIT} of {len(self.rows):,}, those that differ most first; .rows has all")
        return rows, notes

    def __repr__(self) -> str:
        rows, notes = self._shown()
        width = terminal_width()
        table = text_table(self.HEADER, [_cells(row) for row in rows], self.RIGHT, width=width)
        return with_notes(table, notes, width)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        rows, notes = self._shown()
        marked = {
            (i, column)
            for i, row in enumerate(rows)
            for column, differs in ((3, row.data_ulps), (6, row.grad_ulps))
            if differs
        }
        table = html_table(self.HEADER, [_cells(row) for row in rows], self.RIGHT, marked)
        return {"text/html": html_with_notes(table, notes), "text/plain": repr(self)}


def _cells(row: TorchRow) -> list[str]:
    return [
        row.name,
        *_pair(row.data, row.torch_data, row.data_ulps),
        *_pair(row.grad, row.torch_grad, row.grad_ulps),
    ]


def _pair(ours: float, theirs: float, ulps: int | float) -> list[str]:
    """Both numbers, with digits enough to tell them apart, and the ulps."""
    if ulps == math.inf:
        return [format_number(ours), format_number(theirs), "one is nan"]
    if signs_differ(ours, theirs):
        return [format_number(ours), format_number(theirs), "0 (sign)"]
    return [*apart(ours, theirs), _count(ulps)]


def _count(ulps: int | float) -> str:
    return f"{ulps:,}" if ulps < 1e6 else format_number(float(ulps))


def compare_with_torch(root: Value, *, every: bool = False) -> TorchComparison:
    """The graph of ``root`` rebuilt in PyTorch, and its backward pass run: both sides, with the ulps between.

    ::

        w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
        compare_with_torch((w * x - y) ** 2)

        name  data  PyTorch  ulps  grad  PyTorch  ulps
        ────  ────  ───────  ────  ────  ───────  ────
        w        2        2     0   −20      −20     0
        x        5        5     0    −8       −8     0
        y       12       12     0     4        4     0
        out      4        4     0     1        1     0
        equal to the last bit

    Told are the leaves and ``root``, or with ``every`` all Values between them. Each operation is torch's
    own function of that name, in float64, from the same leaves; our gradients are those of a backward pass
    from ``root`` alone, whatever ``.grad`` holds, and no ``.grad`` is read or written. Many ulps can be a
    small difference where terms cancel, and where an activation saturates PyTorch itself loses digits.
    Two nan are equal, zeros of opposite sign are 0 ulps apart and told.

    Raises ImportError without PyTorch, LookupError for a primitive it has no function for, and
    RuntimeError if the data of a Value was overwritten since the forward pass: the graph holds the old
    numbers, PyTorch would begin with the new ones.

    A graph of 10**6 Values takes about 25 s and 2.2 GB: each Value becomes a tensor.
    """
    if not isinstance(root, Value):
        raise TypeError(f"compare_with_torch() takes a Value, not {type_and_value(root)}")
    order = topological_order(root)
    names = Names(order)
    if (off := overwritten(order)) is not None:
        raise RuntimeError(
            f"a Value under {names[off]} was overwritten since the forward pass: compute "
            f"{names.root} again, then compare"
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
