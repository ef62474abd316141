"""Layout of the inputs in a runner's memory: slots of leaves, state, settings, arguments; input rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..passes.plan import Plan
from .python import Numbers


@dataclass
class Layout:
    """Layout of the input slots: leaves, state, settings and arguments, one kind after another."""

    leaves: int
    state: int
    settings: int
    inputs: int
    dtype: str = "float64"

    @property
    def outside(self) -> int:
        return self.leaves + self.state + self.settings + self.inputs

    def slot(self, kind: str, index: int) -> int:
        starts = {
            "leaf": 0,
            "state": self.leaves,
            "setting": self.leaves + self.state,
            "input": self.leaves + self.state + self.settings,
        }
        return starts[kind] + index

    @classmethod
    def of(cls, plan: Plan, numbers: Any, dtype: str) -> Layout:
        """Return the layout for a plan and its numbers."""
        return cls(len(numbers.leaves), len(numbers.state), len(numbers.settings), len(numbers.inputs), dtype)


class Outside:
    """The input slots at the beginning of a runner's memory; the program updates leaves and state there."""

    def __init__(self, layout: Layout, memory: Any, np: Any) -> None:
        sizes = layout.leaves, layout.state, layout.settings, layout.inputs
        parts = np.split(memory[: layout.outside], np.cumsum(sizes[:-1]))
        self.inputs = parts[3]
        self._leaves, self._state = parts[:2]
        self._converts = layout.dtype != "float64"
        # Numbers of the same type are copied without NumPy, which is faster.
        self._parts: list[Any] = parts if self._converts else [memoryview(part) for part in parts]
        self._np = np

    def load(self, numbers: Numbers, is_loaded: bool) -> None:
        """Write the numbers; with ``is_loaded``, the arguments are in the slots already."""
        kinds = (numbers.leaves, numbers.state, numbers.settings, () if is_loaded else numbers.inputs)
        if not self._converts:
            self._copy(kinds)
        else:
            with self._np.errstate(over="ignore"):  # a number beyond the range of float32 becomes an infinity
                self._copy(kinds)

    def _copy(self, kinds: Iterable[Any]) -> None:
        for part, kind in zip(self._parts, kinds):
            if kind:
                part[:] = kind

    def attach(self, numbers: Numbers) -> None:
        """Let ``numbers`` refer to the updated leaves and state: in this memory, or copies in float64."""
        double = self._np.float64
        # A memoryview, so that its elements are Python floats.
        numbers.leaves = memoryview(self._leaves.astype(double, copy=False))
        numbers.state = memoryview(self._state.astype(double, copy=False))


class InputRows:
    """The input rows: each batch element is an argument or a constant."""

    def __init__(self, plan: Plan, np: Any, dtype: str, padded: int = 0) -> None:
        rows = plan.batch_inputs.rows if plan.batch_inputs else []
        self.count = len(rows)
        constants = [x for row in rows for kind, x in row if kind == "const"]
        numbers = iter(range(len(constants)))
        # Arguments are indexed by their position, constants by negative indices.
        index = [[x if kind == "input" else -1 - next(numbers) for kind, x in row] for row in rows]
        # Padding repeats the last element of a row.
        self.index = np.array([row + row[-1:] * (padded - len(row)) for row in index], dtype=np.int64)
        self.constants = np.array(constants[::-1], dtype)
        self.np = np

    def fill(self, rows: Any, inputs: Any) -> None:
        """Write the rows."""
        source = self.np.concatenate((inputs, self.constants)) if len(self.constants) else inputs
        self.np.take(source, self.index, out=rows, mode="wrap" if len(self.constants) else "raise")
