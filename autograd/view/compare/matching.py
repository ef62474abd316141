"""Matching of the nodes of two graphs: by shape, label, operation and position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from .snapshot import Node
from .ulps import same_number


class Matching(NamedTuple):
    """Pairs of nodes: from the index of a node in ``a`` to the index of its partner in ``b``.

    ``guesses`` contains the leaves of ``a`` that were paired by position alone, in graphs of different
    shape.
    """

    pairs: dict[int, int]
    guesses: set[int]


def match(a: Sequence[Node], b: Sequence[Node]) -> Matching:
    """Pair the nodes of two graphs, each in topological order; a node is in at most one pair.

    Graphs of the same shape whose labels do not contradict it are paired node by node. Otherwise nodes
    with a label that is unique in both graphs are paired first, then nodes with the same operation on
    paired operands, and finally, from the roots down, operands at the same position of paired nodes.
    The other nodes have no partner.
    """
    pairs = _by_label(a, b)
    if len(a) == len(b) and all(map(_same_shape, a, b)) and all(i == j for i, j in pairs.items()):
        return Matching({i: i for i in range(len(a))}, set())
    _by_computation(a, b, pairs)
    return Matching(pairs, _by_place(a, b, pairs))


def is_same_operation(m: Node, n: Node, pairs: dict[int, int]) -> bool:
    """Return True if two nodes apply the same operation to paired operands and equal constants."""

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
    """Return True if two nodes have the same operation on operands of the same indices."""
    return _is_compatible(m, n) and all(
        type(x) is type(y) and (isinstance(x, float) or x == y) for x, y in zip(m.operands, n.operands)
    )


def _is_compatible(m: Node, n: Node) -> bool:
    """Return True if operation, number of operands and labels, if both have one, agree."""
    return (
        m.primitive == n.primitive
        and len(m.operands) == len(n.operands)
        and (m.label == n.label or not m.label or not n.label)
    )


def _by_label(a: Sequence[Node], b: Sequence[Node]) -> dict[int, int]:
    in_a, in_b = (
        {node.label: i for i, node in enumerate(nodes) if node.label and counts[node.label] == 1}
        for nodes, counts in ((nodes, Counter(node.label for node in nodes)) for nodes in (a, b))
    )
    return {i: in_b[label] for label, i in in_a.items() if label in in_b}


def _by_computation(a: Sequence[Node], b: Sequence[Node], pairs: dict[int, int]) -> None:
    """Pair nodes whose operation on operands of the same numbers occurs once in each graph."""
    numbers: dict[object, int] = {}
    in_a = _number_nodes(a, {i: ("pair", i) for i in pairs}, "a", numbers)
    in_b = _number_nodes(b, {j: ("pair", i) for i, j in pairs.items()}, "b", numbers)
    unique = {x for x, n in Counter(in_a).items() if n == 1} & {x for x, n in Counter(in_b).items() if n == 1}
    positions = {x: j for j, x in enumerate(in_b) if x in unique}
    for i, x in enumerate(in_a):
        if x in unique and i not in pairs and _is_compatible(a[i], b[positions[x]]):
            pairs[i] = positions[x]


def _number_nodes(
    nodes: Sequence[Node], keys: dict[int, tuple[str, int]], graph: str, numbers: dict[object, int]
) -> list[int]:
    """Number the nodes: equal operations on operands of equal numbers have the same number."""
    result: list[int] = []
    for i, node in enumerate(nodes):
        key: object = keys.get(i)
        if key is None and node.primitive:
            key = (node.primitive, *((result[x],) if isinstance(x, int) else repr(x) for x in node.operands))
        elif key is None:
            key = (graph, i)  # an unmatched leaf
        result.append(numbers.setdefault(key, len(numbers)))
    return result


def _by_place(a: Sequence[Node], b: Sequence[Node], pairs: dict[int, int]) -> set[int]:
    """Pair the roots, and operands at equal positions of paired nodes; return the leaves paired so."""
    partners = set(pairs.values())
    matches: set[int] = set()
    stack = [*pairs.items()]

    def try_to_pair(i: int, j: int) -> None:
        if i not in pairs and j not in partners and _is_compatible(a[i], b[j]):
            pairs[i] = j
            partners.add(j)
            matches.add(i)
            stack.append((i, j))

    try_to_pair(len(a) - 1, len(b) - 1)
    while stack:
        i, j = stack.pop()
        if a[i].primitive == b[j].primitive and len(a[i].operands) == len(b[j].operands):
            for x, y in zip(a[i].operands, b[j].operands):
                if isinstance(x, int) and isinstance(y, int):
                    try_to_pair(x, y)
    return {i for i in matches if not a[i].primitive}
