"""replaced(): a recorded graph, computed again with one Value fixed."""

from __future__ import annotations

from typing import Any, SupportsFloat

from .backward import operands_first
from .floats import compute
from .interop.reals import require_float
from .modes import enable_grad
from .nodes import groups_of, regroup
from .operations import data_of, stored_group
from .system.messages import short, type_and_value
from .value import Value, operand_values, record


@enable_grad()
def replaced(root: Value, value: Value, number: SupportsFloat) -> Value:
    """Compute a graph again with one Value fixed at a number, and return the new root.

    The recorded operations are applied again, to the same leaves and their current data; the old graph does
    not change. The fixed Value is a leaf of the new graph, so no gradient flows to the Values that it was
    computed from. Labels, source lines and scopes are copied. A Python ``if`` or a random mask stays as it
    was recorded.

    >>> w, x, y = Value(2.0), Value(5.0), Value(12.0)
    >>> p = w * x
    >>> loss = (p - y) ** 2
    >>> replaced(loss, p, 11.0).data  # (11 − 12)²
    1.0

    Args:
        root: The Value at the end of the graph.
        value: The Value to fix: intermediate, a leaf, or ``root`` itself.
        number: Its new data.

    Returns:
        A Value. Its graph is recorded, also inside ``no_grad()``.

    Raises:
        TypeError: If ``root`` or ``value`` is not a Value, or ``number`` is not a real number.
        ValueError: If ``root`` was not computed from ``value``.
    """
    for name, x in (("root", root), ("value", value)):
        if not isinstance(x, Value):
            raise TypeError(
                f"replaced() expected a Value for {name}, got {type_and_value(x)}. Pass a Value of the graph."
            )
    data = require_float(number, "replaced()", "number")
    order = operands_first([root], lambda node: [] if node is value else operand_values(node))
    if value not in {*order}:
        raise ValueError(
            f"replaced() expected a Value of the graph for value, got {short(value)}. "
            "Pass a Value that root was computed from, not a copy."
        )
    fixed = Value(data)
    fixed._note = value.note
    copies = {value: fixed}
    for node in order:
        if node not in copies:
            copies[node] = node if node.is_leaf else _apply_again(node, copies)
    return copies[root]


def _apply_again(node: Value, copies: dict[Value, Value]) -> Value:
    """Apply the primitive of a node, and not a newer one of the same name, to the copies of its operands."""
    op: Any = node.primitive
    groups = [tuple([copies[x] if isinstance(x, Value) else x for x in g]) for g in groups_of(node)]
    numbers = regroup(node, [data_of(x) for group in groups for x in group])
    needed = [any(isinstance(x, Value) for x in group) for group in groups]
    data, derivatives = compute(op, numbers, needed)
    if node.many is None:
        a, b = (*[x for (x,) in groups], None)[:2]
        da, db = (*derivatives, None)[:2]
        copy = record(data, op, a, b, da, db)
    else:
        copy = record(data, op, many=(*map(stored_group, groups, derivatives),))
    copy._note = node.note
    return copy
