"""Check compiled results against eager execution."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Set
from functools import cache

from ..backward import topological_order
from ..floats import compute
from ..interop.reals import real_to_float
from ..nodes import edges, regroup
from ..operations import data_of
from ..symbols import is_group
from ..system.messages import short
from ..value import Value
from .backends.python import Outcome
from .record.aux import Aux

#: Sums are added in another order than by eager: so far may a number be off, as a part of it, and so
#: far one where terms cancel, as a part of the terms it is the sum of.
TOLERANCES = {"float64": (1e-9, 1e-12), "float32": (1e-3, 1e-4)}

#: So many times the change by the last bits of the leaves is still rounding: sums have many terms.
AS_NEAR = 64


class Disagreement(Exception):
    """A compiled result differs from the eager one.

    ``is_cut`` is True if the program returned nan and eager a number, as behind a dead relu.
    """

    def __init__(self, message: str, is_cut: bool = False) -> None:
        super().__init__(message)
        self.is_cut = is_cut


class Reference:
    """The eager result: the output, and derivatives of ``roots`` with respect to ``inputs``.

    ``gradients`` are ordered as in a program: all inputs for the first root, then for the next. ``used``
    is the set of Values the output was computed from, if it is known already.
    """

    def __init__(
        self,
        output: Value,
        roots: Sequence[Value],
        inputs: Sequence[Value],
        gradients: Sequence[float],
        values: Set[Value] | None = None,
        aux: Aux | None = None,
    ) -> None:
        self.output = output
        self.roots = roots
        self.inputs = inputs
        self.aux = aux
        self.numbers_of_aux = None if aux is None else (aux, aux.numbers)  # before an update
        self.gradients = gradients
        self.used = values

    def outcome(self) -> Outcome:
        """Return the result as that of a program."""
        return Outcome([self.output._data], [*self.gradients], self.numbers_of_aux)

    def _check_loss(self, outcome: Outcome, dtype: str, nearby: Callable[[], list[Reference]]) -> None:
        expected, actual = self.output._data, outcome.losses[0]
        if close(actual, expected, dtype) or close(actual, expected, dtype, _largest_term(self.output)):
            return
        if math.isfinite(actual) and _are_as_near(
            [(expected, actual)], [[reference.output._data] for reference in nearby()]
        ):
            return
        raise Disagreement(f"the program returned {actual!r}, eager {expected!r}")

    def check(
        self, outcome: Outcome, read: Set[Value], dtype: str, nearby: Callable[[], list[Reference]]
    ) -> None:
        """Raise Disagreement unless losses and gradients agree to rounding, and depend on the same leaves.

        ``nearby`` returns eager results for leaves that differ in their last bits.
        """
        nearby = cache(nearby)
        self._check_loss(outcome, dtype, nearby)
        self._check_aux(outcome, dtype)
        self._check_gradients(outcome, dtype, nearby)
        if read and (unused := read - (self.used or ancestors(self.output))):
            raise Disagreement(f"the function no longer uses {short(next(iter(unused)))}")

    def _check_gradients(self, outcome: Outcome, dtype: str, nearby: Callable[[], list[Reference]]) -> None:
        pairs = [*zip(self.gradients, outcome.gradients)]
        width = len(self.inputs)
        for i, root in enumerate(self.roots):
            part = pairs[i * width : (i + 1) * width]
            if all(close(actual, g, dtype) for g, actual in part):
                continue
            # If terms cancel, only rounding is left of them, so the tolerance is relative to the terms.
            sizes = _sizes(root)
            for value, (g, actual) in zip(self.inputs, part):
                if not close(actual, g, dtype, sizes.get(value, 0.0)):
                    if math.isfinite(actual) and _are_as_near(pairs, [x.gradients for x in nearby()]):
                        return
                    raise Disagreement(
                        f"the program returned the gradient {actual!r} for {short(value)}, eager {g!r}",
                        is_cut=math.isnan(actual) and not math.isnan(g),
                    )

    def _check_aux(self, outcome: Outcome, dtype: str) -> None:
        """Raise Disagreement unless the second result has the same containers and, to rounding, numbers."""
        if self.numbers_of_aux is None or outcome.numbers_of_aux is None:
            return
        (expected, numbers), (aux, actual_numbers) = self.numbers_of_aux, outcome.numbers_of_aux
        if expected.structure != aux.structure:
            raise Disagreement("the function returned other containers as aux")
        for x, actual in zip(expected.leaves(numbers), aux.leaves(actual_numbers), strict=True):
            a, b = real_to_float(actual), real_to_float(x)
            if a is None or b is None:
                if repr(actual) != repr(x):
                    raise Disagreement(f"the program returned {actual!r} in aux, eager {x!r}")
            elif not close(a, b, dtype) and not any(
                close(a, b, dtype, _largest_term(value)) for value in expected.values if value._data == b
            ):
                raise Disagreement(f"the program returned {a!r} in aux, eager {b!r}")


def _are_as_near(pairs: Sequence[tuple[float, float]], nearby: Sequence[Sequence[float]]) -> bool:
    """Return True if the numbers of a program differ from eager about as much as those nearby do.

    Once a model has learned its targets, each error p − y is the rounding of p, and so is its gradient.

    Args:
        pairs: The numbers of eager and of a program.
        nearby: The numbers of eager for leaves that differ in their last bits.
    """
    spreads = [max(abs(x - g) for x in others) for (g, _), *others in zip(pairs, *nearby)]
    shares = sorted([s / abs(g) for s, (g, _) in zip(spreads, pairs) if g != 0.0])
    relative = shares[len(shares) // 2] if shares else 0.0  # of half of the numbers
    return all(abs(x - g) <= AS_NEAR * max(s, relative * abs(g)) for (g, x), s in zip(pairs, spreads))


def close(a: float, b: float, dtype: str, terms: float = 0.0) -> bool:
    """Return True if a equals b to rounding; if b is a sum of large terms, the tolerance is larger."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return True
    relative, of_the_terms = TOLERANCES[dtype]
    return abs(a - b) <= relative * abs(b) + of_the_terms * terms < math.inf


def ancestors(output: Value) -> set[Value]:
    """Return every Value that the output was computed from, and itself, in no order."""
    values = {output}
    stack = [output]
    while stack:
        new = {x for x in {*stack.pop().operands}.difference(values) if isinstance(x, Value)}
        values |= new
        stack += new
    return values


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
