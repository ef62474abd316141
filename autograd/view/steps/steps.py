"""Steps of a pass through a graph, computed without changing any gradient."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, overload

from ...backward import topological_order
from ...nodes import contributions
from ...system.files import check_path, write_atomic
from ...system.messages import short
from ...value import Value
from ..notation.names import Names
from ..render.options import check_root
from .gif import gif
from .page import page, widget
from .step import ForwardStep, Step
from .table import SHOWN, S_co, StepTable


class Steps(StepTable[S_co]):
    """Sequence of the steps of a pass: an interactive page in a notebook, a table in a terminal.

    A slice is such a sequence too; its page shows the part of the graph that its steps reach.
    """

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": widget(self[:SHOWN], self.left_out), "text/plain": repr(self)}

    def save(self, path: str | os.PathLike[str], *, theme: str = "light") -> Path:
        """Write an interactive page or an animation; an existing file is replaced atomically.

        The page is self-contained and follows the light or dark setting of its reader.

        Args:
            path: A path that ends in ``.html`` or ``.gif``, which selects the format.
            theme: "light" or "dark", for the animation.

        Returns:
            The path.

        Raises:
            TypeError: If ``path`` is not a str or a path object.
            ValueError: If the path has another ending, the theme is unknown, or an animation would have
                no step or more than 100.
            ImportError: If an animation is written and Pillow is not installed.
        """
        target = check_path("save", path)
        suffix = target.suffix.lower()
        if suffix in (".html", ".htm"):
            return write_atomic(target, page(self[:SHOWN], self.left_out).encode())
        if suffix == ".gif":
            return write_atomic(target, gif(self, theme))
        raise ValueError(
            f"save() expected a path that ends in .html or .gif, got {short(target.name)}. Rename the file."
        )


@overload
def steps(root: Value, *, forward: Literal[False] = False) -> Steps[Step]: ...
@overload
def steps(root: Value, *, forward: bool) -> Steps[Step | ForwardStep]: ...
def steps(root: Value, *, forward: bool = False) -> Steps[Step] | Steps[Step | ForwardStep]:
    """Return the steps of the backward pass from ``root``; no ``.grad`` is read or written.

    In a notebook the steps are an interactive page; ``.save("steps.html")`` and ``.save("steps.gif")``
    write files. The page shows 1,000 steps, and the 120 Values that they reach first, with a note. A slice
    such as ``steps(root)[1000:2000]`` shows other steps with their part of the graph.

    >>> w, x = Value(2.0, label="w"), Value(5.0, label="x")
    >>> p = w * x
    >>> p.label = "p"
    >>> for step in steps(p, forward=True):
    ...     print(step)
    p = w·x = 2 · 5 = 10
    p.grad = 1
    w.grad += p.grad · ∂p/∂w = 1 · 5 = 5
    x.grad += p.grad · ∂p/∂x = 1 · 2 = 2

    A graph of 10**6 Values takes about 8 s, its page 13 s more, and 0.8 GB; with ``forward``, 1 GB.

    Args:
        root: The Value from which the backward pass starts.
        forward: Begin with the operations of the forward pass.

    Returns:
        The sequence of steps.

    Raises:
        TypeError: If ``root`` is not a Value.
    """
    check_root("steps", root)
    order = topological_order(root)
    names = Names(order)
    if not forward:
        return Steps(root, _backward(root, names, 0))
    non_leaves = [value for value in order if not value.is_leaf]
    operations = [ForwardStep(i, value, names) for i, value in enumerate(non_leaves)]
    whole: list[Step | ForwardStep] = [*operations, *_backward(root, names, len(operations))]
    return Steps(root, whole)


def _backward(root: Value, names: Names, start: int) -> list[Step]:
    result = [Step(start, None, root, 0, 1.0, 1.0, 1.0, 1.0, False, names)]
    totals: dict[Value, float] = {}
    for node, position, operand, upstream, local, contribution in contributions(root):
        has_gradient = operand in totals
        totals[operand] = totals.get(operand, 0.0) + contribution
        result.append(
            Step(
                start + len(result), node, operand, position, upstream, local,
                contribution, totals[operand], has_gradient, names,
            )
        )  # fmt: skip
    return result
