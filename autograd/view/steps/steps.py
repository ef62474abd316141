"""A pass through a graph as a sequence of steps, computed without touching any gradient."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, Literal, NamedTuple, TypeVar, overload

from ...backward import topological_order
from ...nodes import contributions
from ...system.files import write_atomic
from ...value import Value
from ..notation.names import Names, format_number
from ..render.tables import text_table
from .equations import computed_equation, computed_mathml, step_equation, step_mathml

#: A table and a page show so many steps; a slice shows others.
SHOWN = 1000


class Step(NamedTuple):
    """One application of the chain rule: ``operand`` receives from ``node``, which was made of it.

    ``contribution = upstream · local``: ∂root/∂node times ∂node/∂operand; ``gradient`` is what the
    operand has received so far, this step included. The first step is the seed, ∂root/∂root = 1: its
    ``node`` is None. It prints as its equation; ``number`` is its place in the pass.
    """

    number: int
    node: Value | None
    operand: Value
    position: int
    upstream: float
    local: float
    contribution: float
    gradient: float
    again: bool
    names: Names

    @property
    def mathml(self) -> str:
        """The equation as a ``<math>`` element."""
        return step_mathml(self)

    @property
    def row(self) -> list[str]:
        node = "" if self.node is None else self.names[self.node]
        return [str(self.number), self.names[self.operand], node, str(self), format_number(self.gradient)]

    def __str__(self) -> str:
        return step_equation(self)

    def __repr__(self) -> str:
        return str(self)


class ForwardStep(NamedTuple):
    """One operation of the forward pass: ``node`` is computed. It prints as its equation."""

    number: int
    node: Value
    names: Names

    @property
    def mathml(self) -> str:
        """The equation as a ``<math>`` element."""
        return computed_mathml(self)

    @property
    def row(self) -> list[str]:
        return [str(self.number), self.names[self.node], "", str(self), ""]

    def __str__(self) -> str:
        return computed_equation(self)

    def __repr__(self) -> str:
        return str(self)


S_co = TypeVar("S_co", bound=Step | ForwardStep, covariant=True)


class Steps(Sequence[S_co], Generic[S_co]):
    """The steps of a pass, in order: a page to step through in a notebook, a table in a terminal.

    A slice is such a page or table too, and shows the part of the graph that its steps reach.
    """

    def __init__(self, root: Value, steps: Sequence[S_co], whole: Sequence[S_co] | None = None) -> None:
        self.root = root
        self._steps = steps
        #: The whole pass, of which a slice shows a part.
        self.whole = steps if whole is None else whole

    @overload
    def __getitem__(self, index: int) -> S_co: ...
    @overload
    def __getitem__(self, index: slice) -> Steps[S_co]: ...
    def __getitem__(self, index: int | slice) -> S_co | Steps[S_co]:
        if isinstance(index, slice):
            return Steps(self.root, self._steps[index], self.whole)
        return self._steps[index]

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[S_co]:
        return iter(self._steps)

    def rows(self) -> list[list[str]]:
        """The table: the number of the step, to where, from where, the equation, the sum so far."""
        return [step.row for step in self]

    HEADER = ("step", "to", "from", "chain rule", "gradient so far")

    @property
    def header(self) -> tuple[str, ...]:
        """The header of the table; the equations of a forward pass are no chain rule."""
        forward = self.whole and isinstance(self.whole[0], ForwardStep)
        return tuple("equation" if forward and name == "chain rule" else name for name in self.HEADER)

    @property
    def left_out(self) -> str:
        """How many steps are too many to be shown, and the way to see them; empty if all are."""
        if len(self) <= SHOWN:
            return ""
        return (
            f"the first {SHOWN:,} of {len(self):,} steps: "
            f"a slice such as steps(…)[{SHOWN}:{2 * SHOWN}] shows others"
        )

    def __repr__(self) -> str:
        table = text_table(self.header, self[:SHOWN].rows(), right=(0, 4))
        return f"{table}\n({self.left_out})" if self.left_out else table

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from .page import widget

        return {"text/html": widget(self[:SHOWN], self.left_out), "text/plain": repr(self)}

    def save(self, path: str | os.PathLike[str], *, theme: str = "light") -> Path:
        """Write ``steps.html``, a page that opens anywhere, or ``steps.gif``, an animation.

        The page follows the light or dark setting of who reads it; ``theme`` is that of the animation.
        What was there before is replaced in one step, once the new file is whole.
        """
        from .gif import gif
        from .page import page

        target = Path(path)
        suffix = target.suffix.lower()
        if suffix in (".html", ".htm"):
            return write_atomic(target, page(self[:SHOWN], self.left_out).encode())
        if suffix == ".gif":
            return write_atomic(target, gif(self, theme))
        raise ValueError(f"can't tell the format of {str(path)!r}: end the name in .html or .gif")


@overload
def steps(root: Value, *, forward: Literal[False] = False) -> Steps[Step]: ...
@overload
def steps(root: Value, *, forward: bool) -> Steps[Step | ForwardStep]: ...
def steps(root: Value, *, forward: bool = False) -> Steps[Step] | Steps[Step | ForwardStep]:
    """The backward pass from ``root``, step by step; no ``.grad`` is read or written.

    >>> w, x = Value(2.0, label="w"), Value(5.0, label="x")
    >>> p = w * x
    >>> p.label = "p"
    >>> for step in steps(p, forward=True):
    ...     print(step)
    p = w·x = 2 · 5 = 10
    ∂p/∂p = 1
    ∂p/∂w = ∂p/∂p · ∂p/∂w = 1 · 5 = 5
    ∂p/∂x = ∂p/∂p · ∂p/∂x = 1 · 2 = 2

    With ``forward`` the operations of the forward pass come first, as they do in a training step. In a
    notebook the steps are a page to step through; ``.save("steps.html")`` and ``.save("steps.gif")``
    keep it. They show 1,000 steps, and a picture of the 120 Values that these reach first, and
    say so; of a longer pass, ``steps(root)[1000:2000]`` shows the next, with its own part of the graph.
    """
    if not isinstance(root, Value):
        raise TypeError(f"steps() takes the Value to start from, not {type(root).__name__} {root!r}")
    order = topological_order(root)
    names = Names(order)
    if not forward:
        return Steps(root, _backward(root, names, 0))
    computed = [value for value in order if not value.is_leaf]
    operations = [ForwardStep(i, value, names) for i, value in enumerate(computed)]
    whole: list[Step | ForwardStep] = [*operations, *_backward(root, names, len(operations))]
    return Steps(root, whole)


def _backward(root: Value, names: Names, start: int) -> list[Step]:
    result = [Step(start, None, root, 0, 1.0, 1.0, 1.0, 1.0, False, names)]
    totals: dict[Value, float] = {}
    for node, position, operand, upstream, local, contribution in contributions(root):
        again = operand in totals
        totals[operand] = totals.get(operand, 0.0) + contribution
        result.append(
            Step(
                start + len(result), node, operand, position, upstream, local,
                contribution, totals[operand], again, names,
            )
        )  # fmt: skip
    return result
