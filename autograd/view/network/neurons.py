"""Neurons of a graph, inferred from the parameters that Values use, without a cost in the forward pass.

A *neuron* is here any owner of parameters. A Value that uses some of them is a part of the neuron, and
parts that use different parameters are joined. Once all parameters are used, the parts form an *instance*
of the neuron: its output for one sample. A product of a weight with itself, as in a penalty, has no input
and is not an instance. The sum of two samples' outputs uses the same parameters twice and is not one either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any, NamedTuple, Protocol

from ...nodes import regroup
from ...primitives import MUL
from ...value import Value
from ..render.time_limit import in_time


class Owner(Protocol):
    """Module with parameters. It can have an ``activation``, the name of a primitive.

    Its ``owner`` is the module that contains it, such as the layer of a neuron, or None. Each of its
    parameters is a Value with an ``owner``.
    """

    @property
    def owner(self) -> Any: ...

    def parameters(self) -> Sequence[Value]: ...


class Input(NamedTuple):
    """Input multiplied by parameter ``position`` of a neuron: operand ``at`` of ``node``."""

    position: int
    operand: Value | float
    node: Value
    at: int


class Instance(NamedTuple):
    """Neuron evaluated on one sample: its Values, operands before results, and its inputs."""

    owner: Owner
    nodes: list[Value]
    inputs: list[Input]

    @property
    def output(self) -> Value:
        return self.nodes[-1]


class _Part:
    """Values of one neuron and the parameters they use; ``target`` is the part that it was joined with."""

    __slots__ = ("complete", "has_activation", "nodes", "owner", "parameters", "target")

    def __init__(self, owner: Owner, parameters: set[Value]) -> None:
        self.owner = owner
        self.parameters = parameters
        self.nodes: list[Value] = []
        self.complete = self.has_activation = False
        self.target: _Part | None = None


def owner_of(x: Value | float) -> Owner | None:
    """Return the owner of a parameter; None for anything else."""
    if not isinstance(x, Value) or x.primitive is not None:
        return None
    owner: Owner | None = getattr(x, "owner", None)
    return owner


def activation_of(owner: Owner) -> str:
    """Return the name of a module's activation; "" for none or "linear"."""
    name = getattr(owner, "activation", "")
    return name if isinstance(name, str) and name != "linear" else ""


def find_instances(order: Sequence[Value]) -> list[Instance]:
    """Return the instances of neurons in a graph, given and returned in topological order.

    There are none if no Value is a parameter with an owner:

    >>> a = Value(2.0)
    >>> find_instances([a, a * 3.0])
    []
    """
    return _Search().run(order)


class _Search:
    def __init__(self) -> None:
        self._parts: dict[Value, _Part] = {}
        self._own: dict[int, dict[Value, int]] = {}  # by the id of the owner

    def run(self, order: Sequence[Value]) -> list[Instance]:
        for node in in_time(order):
            if node.primitive is not None:
                self._visit(node)
        by_part: dict[_Part, list[Value]] = {}
        for node in in_time(order):
            part = self._part(node)
            if part is not None and part.complete:
                by_part.setdefault(part, []).append(node)
        instances = [
            Instance(part.owner, nodes, [*self._inputs(part, nodes)])
            for part, nodes in in_time(by_part.items())
        ]
        place = {node: i for i, node in enumerate(order)}
        return sorted((i for i in instances if i.inputs), key=lambda i: place[i.output])

    def _part(self, node: Value | float) -> _Part | None:
        part = self._parts.get(node) if isinstance(node, Value) else None
        while part is not None and part.target is not None:
            part = part.target
        return part

    def _own_of(self, owner: Owner) -> dict[Value, int]:
        """Return the parameters owned directly, not through a submodule, with their positions."""
        own = self._own.get(id(owner))
        if own is None:
            direct = [p for p in owner.parameters() if owner_of(p) is owner]
            own = self._own[id(owner)] = {p: i for i, p in enumerate(direct)}
        return own

    def _visit(self, node: Value) -> None:
        operands = node.operands
        owner = next((candidate for x in operands if (candidate := owner_of(x)) is not None), None)
        if owner is None:
            self._continue(node, operands)
            return
        direct = [x for x in operands if isinstance(x, Value) and owner_of(x) is owner]
        weights = {*direct}
        if len(weights) < len(direct):
            return  # p·p
        of_owner = {part: None for x in operands if (part := self._part(x)) and part.owner is owner}
        parts = [part for part in of_owner if not part.complete]
        is_joint = _disjoint([weights, *(part.parameters for part in parts)])
        self._join(node, owner, parts if is_joint else [], weights)

    def _continue(self, node: Value, operands: tuple[Value | float, ...]) -> None:
        """Add a node without parameters to the neuron of its operands, if there is only one."""
        non_leaves = [x for x in operands if isinstance(x, Value) and x.primitive is not None]
        parts = [*dict.fromkeys(self._part(x) for x in non_leaves)]
        first = parts[0] if parts else None
        if first is None:
            return
        candidates = [p for p in parts if p is not None and not p.complete and p.owner is first.owner]
        if len(candidates) == len(parts):
            if _disjoint([p.parameters for p in candidates]):
                self._join(node, first.owner, candidates, set())
        elif parts == [first] and self._activates(node, operands, first):
            first.has_activation = True
            self._join(node, first.owner, [first], set())

    def _activates(self, node: Value, operands: tuple[Value | float, ...], part: _Part) -> bool:
        op = node.primitive
        activation = activation_of(part.owner)
        return (
            op is not None
            and op.name == activation != ""
            and not part.has_activation
            and operands[0] is part.nodes[-1]
        )

    def _join(self, node: Value, owner: Owner, parts: list[_Part], parameters: set[Value]) -> None:
        target = max(parts, key=lambda part: len(part.nodes), default=None) or _Part(owner, set())
        for part in parts:
            if part is not target:
                part.target = target
                target.parameters |= part.parameters
                target.nodes += part.nodes
        target.parameters |= parameters
        target.nodes.append(node)
        target.complete = len(target.parameters) == len(self._own_of(owner))
        self._parts[node] = target

    def _inputs(self, part: _Part, nodes: list[Value]) -> Iterator[Input]:
        own = self._own_of(part.owner)
        for node in nodes:
            operands = node.operands
            for i, j in _opposites(node, len(operands)):
                weight, x = operands[i], operands[j]
                if not isinstance(weight, Value) or weight not in own:
                    continue
                if isinstance(x, Value) and (x in own or self._part(x) is part):
                    continue
                yield Input(own[weight], x, node, j)


def _opposites(node: Value, count: int) -> list[tuple[int, int]]:
    """Return the pairs of operands that are multiplied: in a product, or element by element in ``dot``.

    The two operands of any other operation are a pair too, unless one is a constant, as in w².
    """
    op = node.primitive
    if op is not None and op.is_many:
        groups: list[list[int]] = [group for group in regroup(node, range(count)) if isinstance(group, list)]
        return [pair for a, b in permutations(groups, 2) for pair in zip(a, b, strict=True)]
    if count != 2 or (op is not MUL and not all(isinstance(x, Value) for x in node.operands)):
        return []
    return [(0, 1), (1, 0)]


def _disjoint(sets: Sequence[set[Value]]) -> bool:
    if len(sets) == 2:  # the common case, much faster if one set is large
        return sets[0].isdisjoint(sets[1])
    return len(set[Value]().union(*sets)) == sum(map(len, sets))
