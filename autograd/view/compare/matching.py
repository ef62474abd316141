"""Which node of one graph is which of another: by shape, by label, by what it is computed from, by place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from .snapshot import Node
from .ulps import same_number


class Matching(NamedTuple):
    """The pairs, from the places of the nodes of ``a`` to those of ``b``.

    ``guessed`` are the leaves of ``a`` that were paired by nothing but their place in graphs of
    different shape.
    """

    pairs: dict[int, int]
    guessed: set[int]


def match(a: Sequence[Node], b: Sequence[Node]) -> Matching:
    """Pair the nodes of two graphs, each given with its root last; every node is in one pair at most.

    Graphs of one shape whose labels do not contradict it are paired node by node. Else labels come
    first, those that one node of each bears; then nodes computed by the same operation from the same
    things; and at last, from the roots down, operands in the same place of nodes that were paired.
    What is left has no partner.
    """
    pairs = _by_label(a, b)
    if len(a) == len(b) and all(map(_same_shape, a, b)) and all(i == j for i, j in pairs.items()):
        return Matching({i: i for i in range(len(a))}, set())
    _by_computation(a, b, pairs)
    return Matching(pairs, _by_place(a, b, pairs))


def computed_alike(m: Node, n: Node, pairs: dict[int, int]) -> bool:
    """Whether two nodes are the same operation on the same operands, a constant being its number."""

    def same(x: int | float, y: int | float) -> bool:
        if isinstance(x, int) or isinstance(y, int):
            return type(x) is type(y) and pairs.get(int(x)) == y
        return same_number(x, y)

    return (
        m.primitive == n.primitive
        and len(m.operands) == len(n.operands)
        and all(map(same, m.operands, n.operands))
    )


def _same_shape(m: Node, n: Node) -> bool:
    """Whether two nodes in the same place of the order are one operation on the same places."""
    return _may_be_one(m, n) and all(
        type(x) is type(y) and (isinstance(x, float) or x == y) for x, y in zip(m.operands, n.operands)
    )


def _may_be_one(m: Node, n: Node) -> bool:
    """Whether nothing tells them apart: operation, number of operands, and the label if both have one."""
    return (
        m.primitive == n.primitive
        and len(m.operands) == len(n.operands)
        and (m.label == n.label or not m.label or not n.label)
    )


def _by_label(a: Sequence[Node], b: Sequence[Node]) -> dict[int, int]:
    ours, theirs = (
        {node.label: i for i, node in enumerate(nodes) if node.label and counts[node.label] == 1}
        for nodes, counts in ((nodes, Counter(node.label for node in nodes)) for nodes in (a, b))
    )
    return {i: theirs[label] for label, i in ours.items() if label in theirs}


def _by_computation(a: Sequence[Node], b: Sequence[Node], pairs: dict[int, int]) -> None:
    """Pair what is computed once in each graph by the same operation from the same numbered things."""
    numbers: dict[object, int] = {}
    ours = _numbered(a, {i: ("pair", i) for i in pairs}, "a", numbers)
    theirs = _numbered(b, {j: ("pair", i) for i, j in pairs.items()}, "b", numbers)
    once = {x for x, n in Counter(ours).items() if n == 1} & {x for x, n in Counter(theirs).items() if n == 1}
    where = {x: j for j, x in enumerate(theirs) if x in once}
    for i, x in enumerate(ours):
        if x in once and i not in pairs and _may_be_one(a[i], b[where[x]]):
            pairs[i] = where[x]


def _numbered(
    nodes: Sequence[Node], known: dict[int, tuple[str, int]], graph: str, numbers: dict[object, int]
) -> list[int]:
    """A number for each node: the same for what is the same operation on operands of the same numbers."""
    result: list[int] = []
    for i, node in enumerate(nodes):
        key: object = known.get(i)
        if key is None and node.primitive:
            key = (node.primitive, *((result[x],) if isinstance(x, int) else repr(x) for x in node.operands))
        elif key is None:
            key = (graph, i)  # a leaf of its own
        result.append(numbers.setdefault(key, len(numbers)))
    return result


def _by_place(a: Sequence[Node], b: Sequence[Node], pairs: dict[int, int]) -> set[int]:
    """Pair the roots, and operands in the same place of paired nodes; gives the nodes of ``a`` paired so."""
    taken = set(pairs.values())
    found: set[int] = set()
    waiting = [*pairs.items()]

    def try_to_pair(i: int, j: int) -> None:
        if i not in pairs and j not in taken and _may_be_one(a[i], b[j]):
            pairs[i] = j
            taken.add(j)
            found.add(i)
            waiting.append((i, j))

    try_to_pair(len(a) - 1, len(b) - 1)
    while waiting:
        i, j = waiting.pop()
        if a[i].primitive == b[j].primitive and len(a[i].operands) == len(b[j].operands):
            for x, y in zip(a[i].operands, b[j].operands):
                if isinstance(x, int) and isinstance(y, int):
                    try_to_pair(x, y)
    return {i for i in found if not a[i].primitive}
