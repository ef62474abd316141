"""The paths of a gradient: from the root down to one Value, each with its product of local derivatives.

Their number can be exponential in the size of the graph. So they are counted without being walked,
and the largest are found one by one, each in time linear in the graph, by Lawler's partition: when
the best path of a set is taken out, what remains falls into one set for each place where a path can
leave it, and the best of each such set is known from one pass over the graph (Lawler, 1972).
"""

from __future__ import annotations

import math
import operator
from bisect import insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from ...backward import topological_order
from ...nodes import local_derivatives
from ...value import Value

T = TypeVar("T")


class Size(NamedTuple):
    """|x| of any magnitude, mantissa · 2**exponent, so that no product overflows or vanishes.

    Compared as tuples: nothing, zero, finite, infinite, nan. Of ``kind`` 0 is a path on which nothing is
    passed back, as through a dead relu: it stays 0 whatever its other factors are, even inf.
    """

    kind: int
    exponent: int = 0
    mantissa: float = 0.0


BLOCKED, ZERO, FINITE, INFINITE, NAN = range(5)
ONE = Size(FINITE, 1, 0.5)


def size_of(x: float) -> Size:
    """|x| as a Size.

    >>> size_of(-3.0)
    Size(kind=2, exponent=2, mantissa=0.75)
    """
    if math.isfinite(x) and x:
        mantissa, exponent = math.frexp(abs(x))
        return Size(FINITE, exponent, mantissa)
    return Size(NAN if math.isnan(x) else INFINITE if x else ZERO)


def times(above: Size, below: Size) -> Size:
    """The size of a product along a path; ``above`` is nearer the root."""
    if above.kind == below.kind == FINITE:
        mantissa, shift = math.frexp(above.mantissa * below.mantissa)
        return Size(FINITE, above.exponent + below.exponent + shift, mantissa)
    kinds = {above.kind, below.kind}
    if BLOCKED in kinds:
        return Size(BLOCKED)
    if NAN in kinds or kinds == {INFINITE, ZERO}:
        return Size(NAN)
    return Size(INFINITE if INFINITE in kinds else ZERO)


def plus(a: Size, b: Size) -> Size:
    """The size of |x| + |y|."""
    low, high = sorted((a, b))
    if low.kind != FINITE or high.kind != FINITE:
        return high
    mantissa, shift = math.frexp(
        high.mantissa + math.ldexp(low.mantissa, max(low.exponent - high.exponent, -1100))
    )
    return Size(FINITE, high.exponent + shift, mantissa)


def ratio(part: Size, whole: Size) -> float:
    """part / whole; 0/0 and what has no size is nan."""
    if part.kind <= ZERO and whole.kind > ZERO:
        return 0.0 if whole.kind == FINITE else math.nan
    if part.kind != FINITE or whole.kind != FINITE:
        return math.nan
    return math.ldexp(part.mantissa / whole.mantissa, max(part.exponent - whole.exponent, -1100))


class Edge(NamedTuple):
    """An operand of an operation, on the way down to the Value: which, and how much passes there."""

    node: Value
    position: int
    operand: Value
    local: float
    size: Size


class _Rest(NamedTuple):
    """The best way on from a Value among those of one kind: its size, and the first edge of it."""

    size: Size
    edge: Edge | None
    kind: int


class _Chain(NamedTuple):
    """The edges of a path so far, the last one first."""

    edge: Edge
    before: _Chain | None


class _Set(NamedTuple):
    """All paths that begin with a chain of edges, by their best."""

    best: Size
    chain: _Chain | None
    size: Size
    at: Value
    kind: int


def _best_of(chain: _Chain | None, size: Size, at: Value, rests: Mapping[int, _Rest]) -> _Set:
    """The set of all paths that begin with a chain, which came to ``at`` with that size."""
    best, kind = max((times(size, rest.size), kind) for kind, rest in rests.items())
    return _Set(best, chain, size, at, kind)


def _smallness(found: _Set) -> tuple[float, ...]:
    return tuple(-x for x in found.best)


def _unrolled(chain: _Chain | None) -> list[Edge]:
    edges: list[Edge] = []
    while chain is not None:
        edges.append(chain.edge)
        chain = chain.before
    return edges[::-1]


class Paths:
    """The paths from ``root`` down to ``wrt``.

    >>> a = Value(3.0)
    >>> paths = Paths(a * a + a, a)
    >>> paths.count
    3
    >>> [[edge.local for edge in path] for path in paths.largest(2)]
    [[1.0, 3.0], [1.0, 3.0]]
    """

    def __init__(self, root: Value, wrt: Value, order: Sequence[Value] = ()) -> None:
        self.root, self.wrt = root, wrt
        above = {wrt}
        self.edges: dict[Value, list[Edge]] = {}
        order = order or topological_order(root)
        for node in order:
            if node is not wrt and any(isinstance(x, Value) and x in above for x in node.operands):
                above.add(node)
                self.edges[node] = [*_edges(node, above)]
        #: What the root passes on first: operands come after the results made of them.
        self.downward = [node for node in reversed(order) if node in self.edges]

    @property
    def exists(self) -> bool:
        """Return True if the root was computed from the Value, or is it."""
        return self.root is self.wrt or self.root in self.edges

    @property
    def count(self) -> int:
        """How many paths there are, exactly."""
        return self._gathered(1, lambda count, edge: count, operator.add)

    @property
    def whole(self) -> Size:
        """The sum of the sizes of all products."""
        return self._gathered(ONE, lambda size, edge: times(size, edge.size), plus)

    def _gathered(self, one: T, along: Callable[[T, Edge], T], add: Callable[[T, T], T]) -> T:
        """What reaches the Value when one starts at the root, goes along every edge, and adds up."""
        totals: dict[Value, T] = {self.root: one}
        for node in self.downward:
            here = totals.pop(node)  # a count may have thousands of digits: keep none too long
            for edge in self.edges[node]:
                part = along(here, edge)
                totals[edge.operand] = add(totals[edge.operand], part) if edge.operand in totals else part
        return totals[self.wrt]

    def largest(self, most: int) -> Iterator[list[Edge]]:
        """The paths with the largest products in size, the largest first; nan counts as largest.

        Of equals, the one found first: which that is depends on the graph alone.
        """
        rests = self._rests()
        sets = [_best_of(None, ONE, self.root, rests[self.root])]
        for left in range(most - 1, -1, -1):  # how many more will be wanted
            if not sets:
                return
            chain, size, at, kind = sets.pop(0)[1:]
            while (rest := rests[at][kind]).edge is not None:
                for edge in self.edges[at]:
                    if edge is not rest.edge:
                        passed = times(size, edge.size)
                        found = _best_of(_Chain(edge, chain), passed, edge.operand, rests[edge.operand])
                        if len(sets) < left or (sets and found.best > sets[-1].best):
                            insort(sets, found, key=_smallness)
                            del sets[left:]
                chain, size = _Chain(rest.edge, chain), times(size, rest.edge.size)
                at, kind = rest.edge.operand, rest.kind
            yield _unrolled(chain)

    def _rests(self) -> dict[Value, dict[int, _Rest]]:
        """For each Value the best ways on of each kind: which is best depends on what is above."""
        rests: dict[Value, dict[int, _Rest]] = {self.wrt: {FINITE: _Rest(ONE, None, FINITE)}}
        for node in reversed(self.downward):
            here: dict[int, _Rest] = {}
            for edge in self.edges[node]:
                for kind, rest in rests[edge.operand].items():
                    size = times(edge.size, rest.size)
                    if size.kind not in here or size > here[size.kind].size:
                        here[size.kind] = _Rest(size, edge, kind)
            rests[node] = here
        return rests


def _edges(node: Value, above: set[Value]) -> Iterator[Edge]:
    for position, (operand, local) in enumerate(zip(node.operands, local_derivatives(node))):
        if isinstance(operand, Value) and operand in above:
            size = Size(BLOCKED) if local is None else size_of(local)
            yield Edge(node, position, operand, 0.0 if local is None else local, size)
