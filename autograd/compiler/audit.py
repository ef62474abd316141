"""Check compiled results against eager execution."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set

from ..backward import topological_order
from ..floats import compute
from ..nodes import edges, regroup
from ..operations import data_of
from ..symbols import is_group
from ..system.messages import short
from ..value import Value, operand_values
from .backends.python import Outcome

#: Sums are added in another order than by eager: so far may a number be off, as a part of it, and so
#: far one where terms cancel, as a part of the terms it is the sum of.
TOLERANCES = {"float64": (1e-9, 1e-12), "float32": (1e-3, 1e-4)}


class Disagreement(Exception):
    """What a program gave that eager did not.

    ``is_cut`` says that the program gave nan where eager gave a number, as behind a dead relu.
    """

    def __init__(self, message: str, is_cut: bool = False) -> None:
        super().__init__(message)
        self.is_cut = is_cut


class Reference:
    """What the function itself gave: its result, and derivatives of ``roots`` with respect to ``inputs``.

    ``gradients`` are in the order of the program's: every input's for the first root, then for the next.
    ``used`` are the Values the result was computed from, if they have been listed already.
    """

    def __init__(
        self,
        output: Value,
        roots: Sequence[Value],
        inputs: Sequence[Value],
        gradients: Sequence[float],
        used: Set[Value] | None = None,
    ) -> None:
        self.output = output
        self.roots = roots
        self.inputs = inputs
        self.gradients = gradients
        self.used = used

    def check_loss(self, outcome: Outcome, dtype: str) -> None:
        """Raise Disagreement unless the loss is this, to rounding."""
        loss, mine = self.output._data, outcome.losses[0]
        if not close(mine, loss, dtype) and not close(mine, loss, dtype, _largest_term(self.output)):
            raise Disagreement(f"the program gave {mine!r}, the function {loss!r}")

    def check(self, outcome: Outcome, read: Set[Value], dtype: str) -> None:
        """Raise Disagreement unless the outcome is this, to rounding, and of the same leaves."""
        self.check_loss(outcome, dtype)
        pairs = [*zip(self.gradients, outcome.gradients, strict=True)]
        width = len(self.inputs)
        for i, root in enumerate(self.roots):
            part = pairs[i * width : (i + 1) * width]
            if all(close(mine, g, dtype) for g, mine in part):
                continue
            # Where terms cancel, what is left of them is rounding: it is measured by the terms.
            sizes = _sizes(root)
            for value, (g, mine) in zip(self.inputs, part):
                if not close(mine, g, dtype, sizes.get(value, 0.0)):
                    raise Disagreement(
                        f"the program gave {short(value)} a gradient of {mine!r}, eager {g!r}",
                        is_cut=math.isnan(mine) and not math.isnan(g),
                    )
        if read and (gone := read - (self.used or reached(self.output))):
            raise Disagreement(f"the function no longer uses {short(next(iter(gone)))}")


def close(a: float, b: float, dtype: str, terms: float = 0.0) -> bool:
    """Return True if a is b to rounding, of which more is allowed if b is a sum of large terms."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return True
    relative, of_the_terms = TOLERANCES[dtype]
    return abs(a - b) <= relative * abs(b) + of_the_terms * terms < math.inf


def reached(output: Value) -> set[Value]:
    """Return every Value that the output was computed from, and itself, in no order."""
    found = {output}
    waiting = [output]
    while waiting:
        new = {*operand_values(waiting.pop())} - found
        found |= new
        waiting += new
    return found


def _largest_term(output: Value) -> float:
    """The largest term of any sum in the graph, as part of the output: rounding is measured by it."""
    terms = [abs(term) * size for node, size in _sizes(output).items() for term in _terms(node)]
    return max((x for x in terms if math.isfinite(x)), default=0.0)


def _terms(node: Value) -> list[float]:
    """Local derivative · operand for each operand of a Value; constants cancel too, and are included."""
    op = node.primitive
    if op is None:
        return []
    groups = regroup(node, [*map(data_of, node.operands)])
    terms: list[float] = []
    for group, derivative in zip(groups, compute(op, groups, [True] * len(groups))[1]):
        pairs = zip(group, derivative or ()) if is_group(group) else ((group, derivative),)
        terms += [x * d for x, d in pairs if d is not None]
    return terms


def _sizes(output: Value) -> dict[Value, float]:
    """For each Value the sum of |∂output/∂value| over every path to it, which bounds what cancels.

    Values that no gradient reaches are left out.
    """
    sizes = {output: 1.0}
    for node in reversed(topological_order(output)):
        if node in sizes:
            for operand, derivative in edges(node):
                sizes[operand] = sizes.get(operand, 0.0) + abs(derivative) * sizes[node]
    return sizes
