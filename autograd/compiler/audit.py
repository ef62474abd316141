"""The audit: what a program gave, held against what the function itself gives."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set

from ..backward import cotangents, topological_order
from ..value import Value, short
from .python_backend import Outcome

#: Sums are added in another order than by eager: so far may a number be off, as a part of it, and so
#: far one where terms cancel, as a part of the terms it is the sum of.
TOLERANCES = {"float64": (1e-9, 1e-12), "float32": (1e-3, 1e-4)}


class Disagreement(Exception):
    """What a program gave that eager did not."""


class Reference:
    """What the function itself gave: its result, and derivatives of ``roots`` by ``inputs``.

    ``slopes`` are in the order of the program's: every input's for the first root, then for the next.
    """

    def __init__(
        self, output: Value, roots: Sequence[Value], inputs: Sequence[Value], slopes: Sequence[float]
    ) -> None:
        self.output = output
        self.roots = roots
        self.inputs = inputs
        self.slopes = slopes

    def check(self, outcome: Outcome, read: Set[Value], dtype: str) -> None:
        """Raise Disagreement unless the outcome is this, to rounding, and of the same leaves."""
        relative, of_the_terms = TOLERANCES[dtype]

        def close(a: float, b: float, terms: float = 0.0) -> bool:
            if a == b or (math.isnan(a) and math.isnan(b)):
                return True
            return abs(a - b) <= relative * abs(b) + of_the_terms * terms < math.inf

        loss, mine = self.output._datum, outcome.losses[0]
        if not close(mine, loss) and not close(mine, loss, _largest_term(self.output)):
            raise Disagreement(f"the program gave {mine!r}, the function {loss!r}")
        pairs = [*zip(self.slopes, outcome.gradients, strict=True)]
        width = len(self.inputs)
        for i, root in enumerate(self.roots):
            part = pairs[i * width : (i + 1) * width]
            if all(close(mine, g) for g, mine in part):
                continue
            # Where terms cancel, what is left of them is rounding: it is measured by the terms.
            sizes = _sizes(root)
            for value, (g, mine) in zip(self.inputs, part):
                if not close(mine, g, sizes.get(value, 0.0)):
                    raise Disagreement(f"the program gave {short(value)} a gradient of {mine!r}, eager {g!r}")
        if read and (gone := read - {*topological_order(self.output)}):
            raise Disagreement(f"the function no longer uses {short(next(iter(gone)))}")


def _largest_term(output: Value) -> float:
    """The largest of what the output is the sum of, somewhere in the graph: by it rounding is measured."""
    sizes = _sizes(output)
    terms = [
        abs(slope * float(operand)) * size
        for node, size in sizes.items()
        for operand, slope in zip(node.operands, cotangents(node, 1.0))
    ]
    return max((x for x in terms if math.isfinite(x)), default=0.0)


def _sizes(output: Value) -> dict[Value, float]:
    """For each Value the sum of |∂output/∂value| over every path to it, which bounds what cancels."""
    sizes = {output: 1.0}
    for node in reversed(topological_order(output)):
        for operand, slope in zip(node.operands, cotangents(node, 1.0)):
            if isinstance(operand, Value):
                sizes[operand] = sizes.get(operand, 0.0) + abs(slope) * sizes[node]
    return sizes
