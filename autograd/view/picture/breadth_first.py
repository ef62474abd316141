"""Breadth-first traversal of a graph, from its root."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from ...value import Value


def by_distance(root: Value) -> Iterator[tuple[Value, int]]:
    """Yield ``root`` and every Value it was computed from, once, with its distance in operations.

    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> [(value.label, distance) for value, distance in by_distance(a * b + a)]
    [('', 0), ('', 1), ('a', 1), ('b', 2)]

    The traversal is lazy, so that the first few Values of a large graph are cheap.
    """
    yield root, 0
    visited = {root}
    queue = deque([(root, 0)])
    while queue:
        node, distance = queue.popleft()
        for operand in node.operands:
            if isinstance(operand, Value) and operand not in visited:
                visited.add(operand)
                queue.append((operand, distance + 1))
                yield operand, distance + 1
