"""Where the numbers from outside are: the words of leaves, state, settings and arguments, and lane rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..passes.plan import Plan
from .python import Numbers


@dataclass
class Layout:
    """Where the numbers from outside are among the words: each kind begins where the last one ends."""

    leaves: int
    state: int
    settings: int
    inputs: int
    dtype: str = "float64"

    @property
    def outside(self) -> int:
        return self.leaves + self.state + self.settings + self.inputs

    def word(self, kind: str, which: int) -> int:
        starts = {
            "leaf": 0,
            "state": self.leaves,
            "setting": self.leaves + self.state,
            "input": self.leaves + self.state + self.settings,
        }
        return starts[kind] + which

    @classmethod
    def of(cls, plan: Plan, numbers: Any, dtype: str) -> Layout:
        """The layout for a plan that is run on such numbers."""
        return cls(len(numbers.leaves), len(numbers.state), len(numbers.settings), len(numbers.inputs), dtype)


class Outside:
    """The words from outside, at the beginning of a runner's memory: loaded, and left there as they move."""

    def __init__(self, layout: Layout, memory: Any, np: Any) -> None:
        sizes = layout.leaves, layout.state, layout.settings, layout.inputs
        parts = np.split(memory[: layout.outside], np.cumsum(sizes[:-1]))
        self.inputs = parts[3]
        #: Seen without NumPy: its elements are Python's floats.
        self.leaves: Any = memoryview(parts[0])
        self.state: Any = memoryview(parts[1])
        self._converts = layout.dtype != "float64"
        # What is of the same type can be copied without NumPy as well, which is quicker.
        self._parts: list[Any] = parts if self._converts else [memoryview(part) for part in parts]
        self._np = np

    def load(self, numbers: Numbers, again: bool) -> None:
        """Write them; ``again`` if the inputs are there."""
        kinds = (numbers.leaves, numbers.state, numbers.settings, () if again else numbers.inputs)
        if not self._converts:
            self._copy(kinds)
        else:
            with self._np.errstate(over="ignore"):  # a number beyond float32 is an infinity
                self._copy(kinds)

    def _copy(self, kinds: Iterable[Any]) -> None:
        for part, kind in zip(self._parts, kinds):
            if kind:
                part[:] = kind

    def moved(self, numbers: Numbers) -> None:
        """What has moved from here on is where the program left it."""
        numbers.leaves, numbers.state = self.leaves, self.state


class InputRows:
    """Fills the rows that come from outside: each lane takes an argument, or a constant of its own."""

    def __init__(self, plan: Plan, np: Any, dtype: str, padded: int = 0) -> None:
        rows = plan.lanes.rows if plan.lanes else []
        self.count = len(rows)
        constants = [x for row in rows for kind, x in row if kind == "const"]
        numbers = iter(range(len(constants)))
        # Arguments by their position, constants counted from the end backwards.
        index = [[x if kind == "input" else -1 - next(numbers) for kind, x in row] for row in rows]
        # A row that is padded repeats its last lane.
        self.index = np.array([row + row[-1:] * (padded - len(row)) for row in index], dtype=np.int64)
        self.constants = np.array(constants[::-1], dtype)
        self.np = np

    def fill(self, rows: Any, inputs: Any) -> None:
        """Write the rows."""
        source = self.np.concatenate((inputs, self.constants)) if len(self.constants) else inputs
        self.np.take(source, self.index, out=rows, mode="wrap" if len(self.constants) else "raise")
