"""A graph from its root on: what is nearest comes first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from ...value import Value


def by_distance(root: Value) -> Iterator[tuple[Value, int]]:
    """Every Value that ``root`` was computed from, once, with the number of operations between; itself first.

    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> [(value.label, distance) for value, distance in by_distance(a * b + a)]
    [('', 0), ('', 1), ('a', 1), ('b', 2)]

    It goes no further than it is asked, so of a large graph the first few cost little.
    """
    yield root, 0
    found = {root}
    queue = deque([(root, 0)])
    while queue:
        node, distance = queue.popleft()
        for operand in node.operands:
            if isinstance(operand, Value) and operand not in found:
                found.add(operand)
                queue.append((operand, distance + 1))
                yield operand, distance + 1
