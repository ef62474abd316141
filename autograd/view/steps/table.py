"""Table of the steps of a pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, Self, TypeVar, overload

from ...value import Value
from ..render.tables import text_table
from .step import ForwardStep, Step

#: The number of steps that a table or a page shows.
SHOWN = 1000

S_co = TypeVar("S_co", bound=Step | ForwardStep, covariant=True)


class StepTable(Sequence[S_co], Generic[S_co]):
    """Sequence of the steps of a pass, shown as a text table; a slice is such a table too."""

    def __init__(self, root: Value, steps: Sequence[S_co], whole: Sequence[S_co] | None = None) -> None:
        self.root = root
        self._steps = steps
        #: All steps of the pass.
        self.whole = steps if whole is None else whole

    @overload
    def __getitem__(self, index: int) -> S_co: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> S_co | Self:
        if isinstance(index, slice):
            return type(self)(self.root, self._steps[index], self.whole)
        return self._steps[index]

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[S_co]:
        return iter(self._steps)

    def rows(self) -> list[list[str]]:
        """Return the rows of the table: number, operand, node, equation, gradient so far."""
        return [step.row for step in self]

    HEADER = ("step", "to", "from", "chain rule", "gradient so far")

    @property
    def header(self) -> tuple[str, ...]:
        """Header of the table; a forward pass has equations instead of the chain rule."""
        forward = self.whole and isinstance(self.whole[0], ForwardStep)
        return tuple("equation" if forward and name == "chain rule" else name for name in self.HEADER)

    @property
    def left_out(self) -> str:
        """Note on the steps that are not shown; empty if all are."""
        if len(self) <= SHOWN:
            return ""
        return (
            f"the first {SHOWN:,} of {len(self):,} steps: "
            f"a slice such as steps(…)[{SHOWN}:{2 * SHOWN}] shows others"
        )

    def __repr__(self) -> str:
        table = text_table(self.header, self[:SHOWN].rows(), right=(0, 4))
        return f"{table}\n({self.left_out})" if self.left_out else table
