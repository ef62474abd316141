"""The backward pass.

Two functions that may not change a ``.grad`` repeat its loop: ``grad()``, where gradients may be Values, and
``contributions()`` (nodes.py), which yields each product for the views. ``grad()`` visits the whole graph, so
if a derivative is None it may add the products in another order and differ in the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from threading import RLock

from .modes import active, open_modes
from .system.messages import type_and_value
from .tracing import report_escape
from .value import Value, operand_values

#: The lock of a backward pass, because threads may share intermediate Values, whose grad and mark it sets. It
#: is reentrant, so that a signal handler may start a pass of another graph. If that graph shares an
#: intermediate Value with the interrupted pass, the gradients are wrong.
_one_pass = RLock()
#: The numbers of the backward passes.
_numbers = count(1)


def backward(root: Value, gradient: float = 1.0) -> None:
    """Apply the chain rule: each Value passes its gradient, times the local derivative, to each operand.

    It overwrites the gradient of every intermediate Value that it reaches, and adds to those of leaves. If it
    is interrupted, it may have added to some leaves only: set their gradients to 0.0 and start again.
    """
    if active:
        report_escape(root, "backward()")
    with _one_pass:
        order = gradient_order(root)
        root._grad += gradient
        pass_back(order)
        if active:
            for mode in open_modes():
                mode.after_backward(root, order, lambda value: value._grad)


def pass_back(order: list[Value]) -> None:
    """Pass the gradients back, results before operands.

    This loop is not in ``backward()``, because an interrupt at its end could skip the release of the lock: on
    CPython 3.12 and 3.13 a jump back after an ``if`` does not belong to the ``with`` block around it.
    """
    for node in reversed(order):
        g = node._grad
        if node.da is not None:
            node.a._grad += g * node.da
        if node.db is not None:
            node.b._grad += g * node.db
        if node.many is not None:
            for _, receivers, derivatives in node.many:
                for operand, derivative in zip(receivers, derivatives):
                    operand._grad += g * derivative


def gradient_order(root: Value) -> list[Value]:
    """Mark the intermediate Values that a gradient reaches, zero their grad, return them operands first.

    It visits no leaves, and nothing behind a derivative of None, such as that of a dead relu.
    """
    this_pass = next(_numbers)
    order: list[Value] = []
    path: list[Value] = []  # depth first with a list, so that no graph is too deep
    node = root
    if root.is_leaf:
        root.mark = this_pass
        return order
    # A node may be on the path twice, below different results. When it is finished first, it is marked and
    # enters the order. The second time nothing is left to visit: its a and b are marked, and the third branch
    # tests the node's own mark, so as not to list its groups again.
    while True:  # not "while path", which CPython 3.11 specializes only after eight calls
        if node.da is not None and (a := node.a)._primitive is not None and a.mark != this_pass:
            path.append(node)
            node = a
        elif node.db is not None and (b := node.b)._primitive is not None and b.mark != this_pass:
            path.append(node)
            node = b
        elif node.many is not None and node.mark != this_pass and (ahead := unvisited(node, this_pass)):
            path.append(node)
            path += ahead[::-1]
            node = path.pop()
        else:
            if node.mark != this_pass:
                node.mark = this_pass
                node._grad = 0.0
                order.append(node)
            if not path:
                return order
            node = path.pop()


def unvisited(node: Value, this_pass: int) -> list[Value]:
    return [x for _, xs, _ in node.many or () for x in xs if x._primitive and x.mark != this_pass]


def topological_order(root: Value) -> list[Value]:
    """Return every Value that ``root`` was computed from, operands before results; ``root`` comes last.

    It visits the whole graph, also where no gradient flows, and changes nothing in it.

    >>> a = Value(2.0)
    >>> b = a * a
    >>> [v is a or v is b for v in topological_order(b)]
    [True, True]

    Args:
        root: A Value.

    Returns:
        A list of Values, each of them once.

    Raises:
        TypeError: If ``root`` is not a Value.
    """
    if not isinstance(root, Value):
        raise TypeError(f"topological_order() expected a Value, got {type_and_value(root)}. Pass a result.")
    return operands_first([root], operand_values)


def operands_first(roots: Iterable[Value], operands_of: Callable[[Value], Iterable[Value]]) -> list[Value]:
    """Return the roots and everything before them, operands before results."""
    order: dict[Value, None] = {}
    path = [*roots][::-1]
    while path:
        node = path[-1]
        ahead = [x for x in operands_of(node) if x not in order] if node not in order else []
        if ahead:
            path += ahead[::-1]
        else:
            order[path.pop()] = None  # a Value that is in it already keeps its place
    return list(order)
