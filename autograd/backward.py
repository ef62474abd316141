"""The backward pass: finding the order, walking it with the chain rule, and ``grad()``.

Three walks share one meaning. :func:`backpropagate` is the engine, written for speed: it works in
the Values themselves. :func:`contributions` tells every single product of the pass and touches
nothing; the views show what it tells. :func:`grad` runs the rules on Values, so that the gradient is
a graph in turn, or takes its numbers from ``contributions``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from threading import get_ident
from typing import Any, Literal, NamedTuple, overload

from .operations import ON_VALUES
from .primitives import ADD, MUL
from .value import MANY, Recorder, Value, Watch, enable_grad, record_by, recorders, tell, watching, witnesses


def topological_order(root: Value) -> list[Value]:
    """Every Value that ``root`` was computed from, operands before results; ``root`` comes last.

    >>> a = Value(2.0, label="a")
    >>> b = a * a
    >>> [v is a or v is b for v in topological_order(b)]
    [True, True]

    Depth first and iterative, so no graph is too deep. The order depends on the graph alone.
    """
    if not isinstance(root, Value):
        raise TypeError(f"topological_order() takes the Value to end in, not {type(root).__name__} {root!r}")
    return in_order([root], operands_of)


def in_order(roots: Sequence[Value], operands_of: Callable[[Value], Sequence[Value]]) -> list[Value]:
    """What the roots are made from, operands before results, by what each is said to be made from."""
    order: list[Value] = []
    seen: set[Value] = set()
    # A Value goes back on the stack below its operands, under a None that says these are done.
    stack: list[Value | None] = [*reversed(roots)]
    push, pop = stack.append, stack.pop
    while stack:
        node = pop()
        if node is None:
            order.append(pop())  # type: ignore[arg-type]
        elif node not in seen:
            seen.add(node)
            operands = operands_of(node)
            if operands:
                push(node)
                push(None)
                stack += operands[::-1]
            else:
                order.append(node)
    return order


def operands_of(node: Value) -> Sequence[Value]:
    """The operands that are Values, from the slots themselves."""
    a, b = node._a, node._b
    if b is MANY:
        single = node._pa[1]
        operands = [x for group in node._pb for x in group]
        return operands if single is None else [*operands, single]
    if b is None:
        return () if a is None else (a,)
    return (b,) if a is None else (a, b)


# The engine ---------------------------------------------------------------------------------------


def _order_and_mark(root: Value, zero: float) -> list[Value]:
    """The computed Values below ``root``, operands before results, each with ``zero`` as its gradient.

    ``zero`` is a float object made for this pass: it is at once the mark of a Value already seen and
    the −0.0 from which its gradient starts, so each node is written once. (A set of the seen would
    cost 4–9 % of a training step.) Leaves are left alone: their gradients accumulate.
    """
    order: list[Value] = []
    waiting: list[Any] = [None]
    pop = waiting.pop
    # The n-ary Values that wait, each with its groups and operands still to visit. A group that has
    # been is not visited again: n-ary Values may share it, as the neurons of a layer do.
    many: list[Value | None] = [None]
    groups: list[Iterator[tuple[Value, ...]]] = []
    rest: list[Iterator[Value]] = []
    been: set[int] = set()
    node: Any = root
    root._grad = zero
    # The loops are `while True` for CPython 3.11's sake, which speeds up a function after some plain
    # jumps backward, but does not count the conditional ones: the first passes are a quarter faster.
    while True:
        a = node._a  # down along the first operands ...
        while a is not None and a._op is not None and a._grad is not zero:
            a._grad = zero
            waiting.append(node)
            node = a
            a = a._a
        while True:  # ... and up again, until another operand has to be visited first
            b = node._b
            if b is not None and b._op is not None and b._grad is not zero:
                if b is MANY:
                    b = None
                    if many[-1] is not node:
                        for group in node._pb:
                            if id(group) not in been:
                                many.append(node)
                                groups.append(iter(node._pb))
                                rest.append(iter(()))
                                break
                    while many[-1] is node:
                        for b in rest[-1]:
                            if b._op is not None and b._grad is not zero:
                                break
                        else:
                            b = None
                            for group in groups[-1]:
                                if id(group) not in been:
                                    been.add(id(group))  # now and not earlier: what is below the groups
                                    rest[-1] = iter(group)  # before it may share it
                                    break
                            else:
                                many.pop()
                                groups.pop()
                                rest.pop()
                            continue
                        break
                    if b is None:
                        b = node._pa[1]  # the single operand comes last
                    if b is not None and b._op is not None and b._grad is not zero:
                        b._grad = zero
                        waiting.append(node)
                        node = b
                        break
                else:
                    b._grad = zero
                    a = b._a
                    c = b._b
                    if (a is not None and a._op is not None and a._grad is not zero) or (
                        c is not None and c._op is not None and c._grad is not zero
                    ):
                        waiting.append(node)
                        node = b
                        break
                    order.append(b)  # nothing is left to visit below it, as below most products
            order.append(node)
            node = pop()
            if node is None:
                return order


def backpropagate(root: Value, gradient: float) -> list[Value]:
    """Add ∂root/∂leaf · ``gradient`` to every leaf, and set the gradient of every computed Value.

    Gives the computed Values in the order of the pass, results before operands.

    Time is linear in the edges of the graph. ``+`` and ``*`` are written out (they are most of every
    graph; a test holds them to the table), all else asks the table.
    """
    if root._op is None:
        root._grad += gradient
        return []
    order = _order_and_mark(root, float("-0.0"))
    root._grad = gradient
    order.reverse()
    node: Any
    for node in order:
        g = node._grad
        op: Any = node._op
        if op is MUL:
            a = node._a
            if a is not None:
                a._grad += g * node._pb
            b = node._b
            if b is not None:
                b._grad += g * node._pa
        elif op is ADD:
            a = node._a
            if a is not None:
                a._grad += g
            b = node._b
            if b is not None:
                b._grad += g
        elif op.pull is not None:
            node._a._grad += op.pull(g, node._pb, node._pa)
        elif op.nary:
            kept = node._pa
            op.pushes[kept[0]](node._pb, g, *kept)
        else:
            a = node._a
            if a is not None:
                a._grad += op.pulls[0](g, node._datum, node._pa, node._pb)
            b = node._b
            if b is not None:
                b._grad += op.pulls[1](g, node._datum, node._pa, node._pb)
    return order


# The pass told, product by product ----------------------------------------------------------------


class Contribution(NamedTuple):
    """One product of the chain rule: what ``node`` passes back to its operand number ``position``."""

    node: Value
    position: int
    operand: Value
    upstream: float
    cotangent: float


def cotangents(node: Value, g: float) -> list[float]:
    """What ``node`` passes back to each of its operands when its own gradient is ``g``.

    >>> p = Value(2.0) * Value(5.0)
    >>> cotangents(p, 1.0)  # the local derivatives ∂p/∂operand
    [5.0, 2.0]
    """
    op = node._op
    if op is None:
        return []
    if not op.nary:
        primals = (node._pb, node._pa) if len(op.vjps) == 1 else (node._datum, *_two_primals(node))
        return [pull(g, *primals) for pull in op.pulls]
    result: list[float] = []
    for pull, primal in zip(op.pulls, node._pa[3:], strict=True):
        cotangent = pull(g, *node._pa[2:])
        result += cotangent if not isinstance(primal, float) else [cotangent]
    return result


def primals(node: Value) -> tuple[float, list[float]]:
    """The result of a computed node and its operands, as they were in the forward pass.

    >>> a = Value(2.0)
    >>> b = a * 5.0
    >>> a.data = 0.0
    >>> primals(b)
    (10.0, [2.0, 5.0])

    ``+`` keeps none of its operands, since its rule needs none: they are read as they are now.
    """
    op = node._op
    if op is None:
        raise ValueError(f"{node!r} is a leaf: it was not computed")
    if op.nary:
        _, _, result, *groups = node._pa
        return result, [x for group in groups for x in ([group] if isinstance(group, float) else group)]
    if len(op.vjps) == 1:
        return node._pb, [node._pa]
    return node._datum, [*_two_primals(node)]


def regroup(node: Value, flat: Sequence[Any]) -> list[Any]:
    """The operands of a node, or something for each of them, as its primitive takes them: those of an
    n-ary one in the groups they came in."""
    if node._op is None or not node._op.nary:
        return [*flat]
    groups: list[Any] = []
    at = 0
    for primal in node._pa[3:]:
        if not isinstance(primal, float):
            groups.append([*flat[at : at + len(primal)]])
            at += len(primal)
        else:
            groups.append(flat[at])
            at += 1
    return groups


def rerun(node: Value, operands: Sequence[Any]) -> float:
    """What the operation of a computed node gives on other numbers.

    >>> a = Value(2.0)
    >>> rerun(a * 5.0, [3.0, 5.0])
    15.0
    """
    op = node._op
    if op is None:
        raise ValueError(f"{node!r} is a leaf: it was not computed")
    return float(op.run(*regroup(node, operands)))


def _two_primals(node: Value) -> tuple[float, float]:
    if node._op is ADD:  # whose rule needs no numbers, and which stores only a constant
        a, b = node.operands
        return float(a), float(b)
    return node._pa, node._pb


def contributions(root: Value, gradient: float = 1.0) -> Iterator[Contribution]:
    """Every product of a backward pass from ``root``, in its order, without touching any gradient."""
    totals: dict[Value, float] = {root: gradient}
    for node in reversed(topological_order(root)):
        if node._op is None:
            continue
        upstream = totals.pop(node)
        for position, (operand, cotangent) in enumerate(
            zip(node.operands, cotangents(node, upstream), strict=True)
        ):
            if isinstance(operand, Value):
                totals[operand] = totals.get(operand, -0.0) + cotangent
                yield Contribution(node, position, operand, upstream, cotangent)


def gradients(root: Value) -> dict[Value, float]:
    """∂root/∂value for every Value below ``root`` and itself, without touching any gradient.

    >>> a = Value(3.0)
    >>> gradients(a * a)[a]
    6.0
    """
    totals = {root: 1.0}
    for part in contributions(root):
        totals[part.operand] = totals.get(part.operand, -0.0) + part.cotangent
    return totals


# grad() -------------------------------------------------------------------------------------------


@overload
def grad(
    output: Value,
    inputs: Value | Sequence[Value],
    *,
    create_graph: bool = False,
    allow_unused: Literal[False] = False,
) -> list[Value]: ...
@overload
def grad(
    output: Value, inputs: Value | Sequence[Value], *, create_graph: bool = False, allow_unused: Literal[True]
) -> list[Value | None]: ...
def grad(
    output: Value,
    inputs: Value | Sequence[Value],
    *,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Any:
    """∂output/∂input for each of ``inputs``, as a list of Values; no ``.grad`` is touched.

    >>> x = Value(3.0)
    >>> (slope,) = grad(x**3, x, create_graph=True)
    >>> (bend,) = grad(slope, x)
    >>> slope.data, bend.data  # 3·x², 6·x
    (27.0, 18.0)

    With ``create_graph`` the gradients are graphs themselves and can be differentiated again, to any
    order. An input that ``output`` was not computed from raises ValueError, or gives None if
    ``allow_unused``. With ``create_graph`` the rules read the operands again, so it raises
    RuntimeError if the data of one was overwritten since the forward pass.
    """
    if not isinstance(inputs, Value) and not hasattr(inputs, "__iter__"):
        raise TypeError(f"grad() takes a Value or a sequence of them, not {type(inputs).__name__} {inputs!r}")
    wanted = [inputs] if isinstance(inputs, Value) else list(inputs)
    if witnesses and not create_graph:
        tell(None, "grad() without create_graph=True")
    for value in (output, *wanted):
        if not isinstance(value, Value):
            raise TypeError(f"grad() works on Values, not {type(value).__name__} {value!r}")
    if witnesses and (witness := witnesses.pop(get_ident(), None)) is not None:
        try:  # how the rules decide at these numbers is not for a recording
            found = _gradients(output, wanted, create_graph, allow_unused)
        finally:
            witnesses[get_ident()] = witness
        return witness.derived(output, wanted, found)
    return _gradients(output, wanted, create_graph, allow_unused)


def _gradients(output: Value, wanted: list[Value], create_graph: bool, allow_unused: bool) -> list[Any]:
    order = topological_order(output)
    above: set[Value] = set(wanted)  # what depends on an input: all else need not be walked
    passing: dict[Value, list[bool]] = {}  # to which of its operands each of these passes a gradient
    for node in order:
        live = [isinstance(operand, Value) and operand in above for operand in node.operands]
        if any(live):
            above.add(node)
            passing[node] = live
    totals: dict[Any, Any] = {output: 1.0}
    watch = watching() if recorders else None
    for node, live in reversed(passing.items()):
        with _recording_rules(watch) if create_graph else nullcontext():
            g = totals[node]
            products = _recorded_cotangents(node, g, live) if create_graph else cotangents(node, g)
            if watch is not None:
                asked = [None if x is None else float(x) for x in products]
                watch.pulled(output, node, float(g), asked, totals)
            for operand, product, alive in zip(node.operands, products, live, strict=True):
                if alive:
                    totals[operand] = totals[operand] + product if operand in totals else product
    reached = set(order)
    result: list[Value | None] = []
    for i, value in enumerate(wanted):
        if value not in reached:
            if not allow_unused:
                raise ValueError(
                    f"the output was not computed from input {i}, {value!r}: check that it is the very "
                    "Value used, or pass allow_unused=True to get None for it"
                )
            result.append(None)
        else:
            total = totals[value]
            result.append(total if isinstance(total, Value) else Value(total))
    return result


@contextmanager
def _recording_rules(watch: Watch | None) -> Generator[None, None, None]:
    """Record what rules compute. What they choose from may be infinite; what they pass back is looked at."""
    with enable_grad():
        if watch is None:
            yield
            return
        me = get_ident()
        try:
            record_by(me, Recorder(0, watch.silent()))
            yield
        finally:
            record_by(me, Recorder(0, watch))


def _recorded_cotangents(node: Value, g: Value | float, live: list[bool]) -> list[Any]:
    """As :func:`cotangents`, by the rules run on Values, so that they are recorded; None where not live."""
    op: Any = node._op
    if not isinstance(g, Value):  # a rule that selects may give a plain 0.0
        g = Value(g)
    operands = node.operands
    _refuse_overwritten(node, operands)
    if not op.nary:
        return [
            rule(ON_VALUES, g, node, *operands) if alive else None
            for rule, alive in zip(op.vjps, live, strict=True)
        ]
    groups = regroup(node, operands)
    result: list[Any] = []
    for rule, primal in zip(op.vjps, node._pa[3:], strict=True):
        lanes = range(len(primal)) if not isinstance(primal, float) else [None]
        for lane in lanes:
            alive = live[len(result)]
            seen = groups if lane is None else op.at_lane(groups, lane)
            result.append(rule(ON_VALUES, g, node, *seen) if alive else None)
    return result


def _refuse_overwritten(node: Value, operands: Sequence[Value | float]) -> None:
    """A rule run on Values reads them as they are now; refuse if that is not as they were."""
    if node._op is ADD:
        return
    result, then = primals(node)
    for value, number in [*zip(operands, then, strict=True), (node, result)]:
        if isinstance(value, Value) and value._datum is not number and repr(value._datum) != repr(number):
            raise RuntimeError(
                f"{value!r} was {number!r} in the forward pass and has been overwritten since, so its "
                "gradient can't be differentiated again: compute the output again, then call grad()"
            )
