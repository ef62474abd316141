"""A pass through a graph as a sequence of steps, computed without touching any gradient."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, overload

from ...backward import topological_order
from ...nodes import contributions
from ...system.files import write_atomic
from ...system.messages import type_and_value
from ...value import Value
from ..notation.names import Names
from .gif import gif
from .page import page, widget
from .step import ForwardStep, Step
from .table import SHOWN, S_co, StepTable


class Steps(StepTable[S_co]):
    """The steps of a pass, in order: a page to step through in a notebook, a table in a terminal.

    A slice is such a page or table too, and shows the part of the graph that its steps reach.
    """

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": widget(self[:SHOWN], self.left_out), "text/plain": repr(self)}

    def save(self, path: str | os.PathLike[str], *, theme: str = "light") -> Path:
        """Write ``steps.html``, a page that opens anywhere, or ``steps.gif``, an animation.

        The page follows the light or dark setting of who reads it; ``theme`` is that of the animation.
        What was there before is replaced in one step, once the new file is whole.
        """
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

    A graph of 10**6 Values takes about 8 s, its page 13 s more, and 0.8 GB; with ``forward``, 1 GB.
    """
    if not isinstance(root, Value):
        raise TypeError(f"steps() takes the Value to start from, not {type_and_value(root)}")
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
