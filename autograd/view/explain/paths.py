"""Paths of a gradient: from the root down to one Value, each with its product of local derivatives.

The number of paths can be exponential in the size of the graph. They are counted without enumeration,
and the largest are found one by one, each in time linear in the graph, by Lawler's partition: without
its best path, a set of paths splits into one set for each place where a path can leave the best one.
The best path of each of these sets is known from one pass over the graph (Lawler, 1972).
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
    """Magnitude |x| as mantissa · 2**exponent, so that products neither overflow nor vanish.

    Sizes are compared as tuples: blocked, zero, finite, infinite, nan. A path is blocked (``kind`` 0) if
    no gradient flows through one of its edges, such as a dead relu; its size stays 0 even if other
    factors are inf.
    """

    kind: int
    exponent: int = 0
    mantissa: float = 0.0


BLOCKED, ZERO, FINITE, INFINITE, NAN = range(5)
ONE = Size(FINITE, 1, 0.5)


def size_of(x: float) -> Size:
    """Return |x| as a Size.

    >>> size_of(-3.0)
    Size(kind=2, exponent=2, mantissa=0.75)
    """
    if math.isfinite(x) and x:
        mantissa, exponent = math.frexp(abs(x))
        return Size(FINITE, exponent, mantissa)
    return Size(NAN if math.isnan(x) else INFINITE if x else ZERO)


def times(above: Size, below: Size) -> Size:
    """Multiply two sizes along a path; ``above`` is nearer the root."""
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
    """Add two sizes."""
    low, high = sorted((a, b))
    if low.kind != FINITE or high.kind != FINITE:
        return high
    mantissa, shift = math.frexp(
        high.mantissa + math.ldexp(low.mantissa, max(low.exponent - high.exponent, -1100))
    )
    return Size(FINITE, high.exponent + shift, mantissa)


def ratio(part: Size, whole: Size) -> float:
    """Divide two sizes; the result is nan for 0/0, inf and nan."""
    if part.kind <= ZERO and whole.kind > ZERO:
        return 0.0 if whole.kind == FINITE else math.nan
    if part.kind != FINITE or whole.kind != FINITE:
        return math.nan
    return math.ldexp(part.mantissa / whole.mantissa, max(part.exponent - whole.exponent, -1100))


class Edge(NamedTuple):
    """Edge of a path from an operation to one of its operands, with the local derivative."""

    node: Value
    position: int
    operand: Value
    local: float
    size: Size


class _Rest(NamedTuple):
    """Best rest of a path from a Value, among those of one kind: its size and its first edge."""

    size: Size
    edge: Edge | None
    kind: int


class _Chain(NamedTuple):
    """Edges of an incomplete path, the last one first."""

    edge: Edge
    before: _Chain | None


class _Set(NamedTuple):
    """Set of all paths that begin with a chain of edges, with the size of the best one."""

    best: Size
    chain: _Chain | None
    size: Size
    at: Value
    kind: int


def _best_of(chain: _Chain | None, size: Size, at: Value, rests: Mapping[int, _Rest]) -> _Set:
    """Return the set of all paths that begin with a chain, which ends at ``at``."""
    best, kind = max((times(size, rest.size), kind) for kind, rest in rests.items())
    return _Set(best, chain, size, at, kind)


def _smallness(path_set: _Set) -> tuple[float, ...]:
    return tuple(-x for x in path_set.best)


def _unroll(chain: _Chain | None) -> list[Edge]:
    edges: list[Edge] = []
    while chain is not None:
        edges.append(chain.edge)
        chain = chain.before
    return edges[::-1]


class Paths:
    """Paths from ``root`` down to ``wrt``.

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
        #: The non-leaf Values on the paths, results before their operands.
        self.downward = [node for node in reversed(order) if node in self.edges]

    @property
    def exists(self) -> bool:
        """True if the root is the Value or was computed from it."""
        return self.root is self.wrt or self.root in self.edges

    @property
    def count(self) -> int:
        """Exact number of paths."""
        return self._accumulate(1, lambda count, edge: count, operator.add)

    @property
    def whole(self) -> Size:
        """Sum of the sizes of all products."""
        return self._accumulate(ONE, lambda size, edge: times(size, edge.size), plus)

    def _accumulate(self, one: T, transform: Callable[[T, Edge], T], add: Callable[[T, T], T]) -> T:
        """Start with ``one`` at the root, transform it along every edge, and add where paths meet."""
        totals: dict[Value, T] = {self.root: one}
        for node in self.downward:
            total = totals.pop(node)  # a count can have thousands of digits: free it early
            for edge in self.edges[node]:
                part = transform(total, edge)
                totals[edge.operand] = add(totals[edge.operand], part) if edge.operand in totals else part
        return totals[self.wrt]

    def largest(self, most: int) -> Iterator[list[Edge]]:
        """Yield the paths with the largest |products|, largest first; nan counts as largest.

        The order of equal paths depends on the graph alone.
        """
        rests = self._rests()
        sets = [_best_of(None, ONE, self.root, rests[self.root])]
        for left in range(most - 1, -1, -1):  # the number of paths still needed
            if not sets:
                return
            chain, size, at, kind = sets.pop(0)[1:]
            while (rest := rests[at][kind]).edge is not None:
                for edge in self.edges[at]:
                    if edge is not rest.edge:
                        longer = times(size, edge.size)
                        path_set = _best_of(_Chain(edge, chain), longer, edge.operand, rests[edge.operand])
                        if len(sets) < left or (sets and path_set.best > sets[-1].best):
                            insort(sets, path_set, key=_smallness)
                            del sets[left:]
                chain, size = _Chain(rest.edge, chain), times(size, rest.edge.size)
                at, kind = rest.edge.operand, rest.kind
            yield _unroll(chain)

    def _rests(self) -> dict[Value, dict[int, _Rest]]:
        """Return the best rest of each kind for each Value: the best one depends on the edges above."""
        rests: dict[Value, dict[int, _Rest]] = {self.wrt: {FINITE: _Rest(ONE, None, FINITE)}}
        for node in reversed(self.downward):
            by_kind: dict[int, _Rest] = {}
            for edge in self.edges[node]:
                for kind, rest in rests[edge.operand].items():
                    size = times(edge.size, rest.size)
                    if size.kind not in by_kind or size > by_kind[size.kind].size:
                        by_kind[size.kind] = _Rest(size, edge, kind)
            rests[node] = by_kind
        return rests


def _edges(node: Value, above: set[Value]) -> Iterator[Edge]:
    for position, (operand, local) in enumerate(zip(node.operands, local_derivatives(node))):
        if isinstance(operand, Value) and operand in above:
            size = Size(BLOCKED) if local is None else size_of(local)
            yield Edge(node, position, operand, 0.0 if local is None else local, size)
