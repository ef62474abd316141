"""Read the edges and local derivatives that a Value stores, for the views, the checks and ``grad()``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .backward import operands_first
from .floats import compute
from .operations import data_of, stored_group
from .primitives import Primitive
from .value import Value


def edges(node: Value) -> Iterator[tuple[Value, float]]:
    """Yield the operands that receive a gradient from a Value, each with the local derivative.

    >>> x = Value(3.0)
    >>> list(edges(x * 5.0))
    [(Value(3.0), 5.0)]
    """
    for operand, derivative in ((node.a, node.da), (node.b, node.db)):
        if derivative is not None:
            yield operand, derivative
    for _, receivers, derivatives in node.many or ():
        yield from zip(receivers, derivatives)


def local_derivatives(node: Value) -> list[float | None]:
    """Return ∂node/∂operand for each of its operands, in order; None where no gradient flows.

    >>> local_derivatives(Value(3.0) * 5.0), local_derivatives(Value(-1.0).relu())
    ([5.0, None], [None])
    """
    op = node.primitive
    if op is None or node.many is None:
        return [node.da, node.db][: len(node.operands)]
    result: list[float | None] = []
    for i, (operands, receivers, derivatives) in enumerate(node.many):
        skipped = positions_of_none(op, node, i)
        rest = zip(receivers, derivatives)
        receiver, derivative = next(rest, (None, None))
        for position, operand in enumerate(operands):
            is_next = receiver is operand and position not in skipped
            result.append(derivative if is_next else None)
            if is_next:
                receiver, derivative = next(rest, (None, None))
    return result


def positions_of_none(op: Primitive, node: Value, i: int) -> list[int]:
    """Return the positions in group ``i`` where the derivative is None, if the operands leave that open.

    A node does not store them. They matter only for an operand that is in the group twice, once with a
    derivative and once without.
    """
    operands, receivers, _ = (node.many or ())[i]
    values = [x for x in operands if isinstance(x, Value)]
    if len(receivers) in (0, len(values)) or len({*values}) == len(values):
        return []
    _, derivatives = recompute_rules(op, node)
    pairs = enumerate(zip(operands, derivatives[i]))
    skipped = [j for j, (x, d) in pairs if isinstance(x, Value) and d is None]
    # If an operand was overwritten since the forward pass, another one may be selected now.
    return skipped if len(values) - len(skipped) == len(receivers) else []


def regroup(node: Value, flat: Sequence[Any]) -> list[Any]:
    """Arrange a flat list of items, one for each operand, as the primitive expects: a group as a list."""
    if node.primitive is None or node.many is None:
        return [*flat]
    rest = iter(flat)
    pairs = zip(node.primitive.operands, node.many)
    return [[next(rest) for _ in g] if name.endswith("*") else next(rest) for name, (g, _, _) in pairs]


def groups_of(node: Value) -> list[Sequence[Value | float]]:
    """Return the operands of each group of a non-leaf node; a single operand is a group of one."""
    return [(x,) for x in node.operands] if node.many is None else [operands for operands, _, _ in node.many]


def recompute(node: Value, numbers: Sequence[float]) -> float:
    """Compute the operation of a node on other numbers.

    >>> a = Value(2.0)
    >>> recompute(a * 5.0, [3.0, 5.0])
    15.0
    """
    if node.primitive is None:
        raise ValueError(f"recompute() expected a non-leaf Value, got {node!r}. Pass a computed Value.")
    return compute(node.primitive, regroup(node, numbers))[0]


def recompute_rules(op: Primitive, node: Value) -> tuple[float, list[Any]]:
    """Compute the data of a node, and its derivatives by group, from the current data of its operands."""
    numbers = regroup(node, [*map(data_of, node.operands)])
    needed = [any(isinstance(x, Value) for x in group) for group in groups_of(node)]
    return compute(op, numbers, needed)


def is_unchanged(node: Value) -> bool:
    """Return True if the current operands lead to the data and local derivatives that ``node`` stores.

    >>> x = Value(2.0)
    >>> y = x * x
    >>> before = is_unchanged(y)
    >>> x.data = 3.0
    >>> before, is_unchanged(y)
    (True, False)
    """
    op = node.primitive
    if op is None:
        return True
    data, derivatives = recompute_rules(op, node)
    actual = [(node, data)]
    for group, derivative in zip(groups_of(node), derivatives):
        _, receivers, passed = stored_group(group, derivative)
        actual += zip(receivers, passed)
    stored = [(node, node._data), *edges(node)]
    # They are compared as text, so that nan equals nan.
    return [(id(x), repr(d)) for x, d in actual] == [(id(x), repr(d)) for x, d in stored]


def shown_gradient(node: Value, root: Value) -> float | None:
    """Return ∂root/∂node as a picture of ``root`` shows it; None if no backward pass has visited ``root``.

    Behind a dead relu it is 0.0, because the last pass did not reach ``node`` and its grad is out of date. If
    a leaf already has a gradient, from another graph or assigned by the user, that is returned.
    """
    if root.mark == 0 and (not node.is_leaf or node._grad == 0.0):
        return None
    return node._grad if node.is_leaf or node.mark >= root.mark else 0.0


class Contribution(NamedTuple):
    """One product of the chain rule, from ``node`` to its operand number ``position``.

    ``upstream`` is the gradient of ``node``, ``local`` the local derivative, and ``cotangent`` their product.
    Behind a dead relu ``local`` and ``cotangent`` are 0.0, because no gradient flows, not even 0·∞.
    """

    node: Value
    position: int
    operand: Value
    upstream: float
    local: float
    cotangent: float


def contributions(root: Value, gradient: float = 1.0) -> Iterator[Contribution]:
    """Yield every product of a backward pass from ``root``, in its order, without changing any gradient.

    A dead relu contributes 0 to its operand, and nothing behind that is visited.
    """
    totals: dict[Value, float] = {root: gradient}
    visited: set[Value] = set()  # these have propagated their gradient, and receive no more contributions
    for node in reversed(operands_first([root], lambda node: [x for x, _ in edges(node)])):
        if node.is_leaf:
            continue
        upstream = totals.pop(node)
        visited.add(node)
        for position, (operand, local) in enumerate(zip(node.operands, local_derivatives(node))):
            if not isinstance(operand, Value) or (local is None and operand in visited):
                continue
            if local is None:
                yield Contribution(node, position, operand, upstream, 0.0, 0.0)
            else:
                totals[operand] = totals.get(operand, 0.0) + upstream * local
                yield Contribution(node, position, operand, upstream, local, upstream * local)


def all_gradients(root: Value) -> dict[Value, float]:
    """Return ∂root/∂value for ``root`` and every Value below it, without changing any gradient.

    >>> a = Value(3.0)
    >>> all_gradients(a * a)[a]
    6.0
    """
    totals = {root: 1.0}
    for part in contributions(root):
        totals[part.operand] = totals.get(part.operand, 0.0) + part.cotangent
    return totals
