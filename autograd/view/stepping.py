"""The backward pass as a sequence of steps, computed without touching any gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from ..backward import contributions, cotangents, topological_order
from ..value import Value
from .equations import step_equation
from .notation import Names, number
from .tables import html_table, text_table


class Step(NamedTuple):
    """One application of the chain rule: ``operand`` receives from ``node``, which was made of it.

    ``contribution = upstream · local``: ∂root/∂node times ∂node/∂operand; ``gradient`` is what the
    operand has received so far, this step included. Step number 0 is the seed, ∂root/∂root = 1: its
    ``node`` is None. It prints as its equation.
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

    def __str__(self) -> str:
        return step_equation(self)

    def __repr__(self) -> str:
        return str(self)


class Steps(Sequence[Step]):
    """The steps of a backward pass, in order; shown as a table."""

    def __init__(self, root: Value, steps: list[Step]) -> None:
        self.root = root
        self._steps = steps

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> Steps: ...
    def __getitem__(self, index: int | slice) -> Step | Steps:
        if isinstance(index, slice):
            return Steps(self.root, self._steps[index])
        return self._steps[index]

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def rows(self) -> list[list[str]]:
        """The table: the number of the step, from where, to where, the equation, the sum so far."""
        return [
            [
                str(step.number),
                step.names[step.operand],
                "" if step.node is None else step.names[step.node],
                str(step),
                number(step.gradient),
            ]
            for step in self
        ]

    HEADER = ("step", "to", "from", "chain rule", "gradient so far")

    def __repr__(self) -> str:
        return text_table(self.HEADER, self.rows(), right=(0, 4))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        html = html_table(self.HEADER, self.rows(), right=(0, 4))
        return {"text/html": html, "text/plain": repr(self)}


def steps(root: Value) -> Steps:
    """The backward pass from ``root``, step by step; no ``.grad`` is read or written.

    >>> w, x = Value(2.0, label="w"), Value(5.0, label="x")
    >>> p = w * x
    >>> p.label = "p"
    >>> for step in steps(p):
    ...     print(step)
    ∂p/∂p = 1
    ∂p/∂w = ∂p/∂p · ∂p/∂w = 1 · 5 = 5
    ∂p/∂x = ∂p/∂p · ∂p/∂x = 1 · 2 = 2
    """
    if not isinstance(root, Value):
        raise TypeError(f"steps() takes the Value to start from, not {type(root).__name__} {root!r}")
    names = Names(topological_order(root))
    result = [Step(0, None, root, 0, 1.0, 1.0, 1.0, 1.0, False, names)]
    totals: dict[Value, float] = {}
    locals_of: tuple[Value | None, list[float]] = (None, [])
    for node, position, operand, upstream, contribution in contributions(root):
        if locals_of[0] is not node:
            locals_of = (node, cotangents(node, 1.0))
        again = operand in totals
        totals[operand] = totals.get(operand, -0.0) + contribution
        result.append(
            Step(
                len(result), node, operand, position, upstream, locals_of[1][position], contribution,
                totals[operand], again, names,
            )
        )  # fmt: skip
    return Steps(root, result)
