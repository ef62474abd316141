"""Weights and biases among the leaves of a graph, with their indices in a layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from ...nodes import groups_of
from ...primitives import ADD, DOT, MUL, SUB, SUM_OF
from ...value import Value
from ..render.time_limit import in_time

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def subscript(n: int) -> str:
    """Return the digits of n as a subscript.

    >>> "v" + subscript(12)
    'v₁₂'
    """
    return str(n).translate(_SUBSCRIPTS)


def superscript(n: int) -> str:
    """Return the number of a layer as a superscript in brackets.

    >>> "h" + superscript(2)
    'h⁽²⁾'
    """
    return f"⁽{str(n).translate(_SUPERSCRIPTS)}⁾"


class Role(NamedTuple):
    """Role of a leaf, "weight" or "bias", and its place in the network, such as ``₁₂⁽¹⁾``.

    The place is None outside a module."""

    kind: str
    place: str | None


def roles_of(order: Sequence[Value]) -> dict[Value, Role]:
    """Return the roles of parameters, and of the leaves that are weights or biases of a ``dot``.

    A parameter is a bias if it is only added, as in ``w·x + b``, and a weight otherwise.

    >>> from autograd import dot
    >>> w, x, b = Value(2.0), Value(5.0), Value(1.0)
    >>> roles = roles_of([w, x, b, dot([w], [x], b)])
    >>> roles[w].kind, roles[b].kind, x in roles
    ('weight', 'bias', False)
    """
    kinds: dict[Value, str] = {}
    parameters: dict[Value, None] = {}  # in the order of their first use
    for node in in_time(order):
        for leaf, kind in _uses(node):
            if hasattr(leaf, "owner"):
                parameters[leaf] = None
            if kind and kinds.get(leaf) != "weight":
                kinds[leaf] = kind
    kinds |= {p: "weight" for p in parameters if p not in kinds}
    indices = _Indices(parameters, kinds).indices if parameters else {}
    return {leaf: Role(kind, indices.get(leaf)) for leaf, kind in kinds.items()}


def _uses(node: Value) -> Iterator[tuple[Value, str]]:
    """Yield the leaves among the operands of a node with the kind that the operation gives them, or ""."""
    op = node.primitive
    if op is None:
        return
    if op is DOT:
        weights, inputs, bias = groups_of(node)
        for w, x in zip(weights, inputs):  # p·p, as in a penalty, has no weight
            if _is_leaf(w):
                yield w, "weight" if w is not x else ""
            if _is_leaf(x):
                yield x, "weight" if w is not x and hasattr(x, "owner") else ""
        for b in bias:
            if _is_leaf(b):
                yield b, "bias"
        return
    operands = node.operands
    product = op is MUL and operands[0] is not operands[1]
    kind = "weight" if product else "bias" if op in (ADD, SUB, SUM_OF) else ""
    for x in operands:
        if _is_leaf(x):
            yield x, kind if hasattr(x, "owner") else ""


def _is_leaf(x: Value | float) -> TypeGuard[Value]:
    return isinstance(x, Value) and x.primitive is None


class _Unit(NamedTuple):
    """Module with parameters: a neuron of a layer, with its number there, or a layer of its own (0)."""

    layer: Any
    number: int


class _Indices:
    """Indices of parameters: unit and position, such as ₁₂, and the layer if there are several.

    The layers are numbered in the order in which the graph uses them.
    """

    def __init__(self, parameters: Iterable[Value], kinds: Mapping[Value, str]) -> None:
        self._numbers: dict[int, dict[int, int]] = {}  # by the ids of a module and of the units in it
        owners: dict[int, Any] = {}
        for p in parameters:
            owner: Any = getattr(p, "owner", None)
            if owner is not None:
                owners[id(owner)] = owner
        units = {key: self._unit(owner) for key, owner in owners.items()}
        layers: dict[int, int] = {}
        for unit in units.values():
            layers.setdefault(id(unit.layer), len(layers) + 1)
        own = {key: _own(owner, kinds) for key, owner in owners.items()}
        wide = {id(unit.layer) for key, unit in units.items() if max(unit.number, *map(len, own[key])) > 9}
        self.indices: dict[Value, str] = {}
        for key, (layer, number) in units.items():
            comma = "," if number and id(layer) in wide else ""
            first = subscript(number) if number else ""
            last = superscript(layers[id(layer)]) if len(layers) > 1 else ""
            weights, biases = own[key]
            for group, is_single in ((weights, False), (biases, len(biases) == 1)):
                for i, p in enumerate(group, start=1):
                    self.indices[p] = first + ("" if is_single else comma + subscript(i)) + last

    def _unit(self, owner: Any) -> _Unit:
        """Return the place of a module: units of one kind that a module owns are the neurons of a layer."""
        layer = owner.owner
        if layer is None:
            return _Unit(owner, 0)
        if (numbers := self._numbers.get(id(layer))) is None:
            units = {id(unit): unit for p in layer.parameters() if (unit := getattr(p, "owner", None))}
            is_layer = all(type(unit) is type(owner) and unit.owner is layer for unit in units.values())
            numbers = {key: i for i, key in enumerate(units, start=1)} if is_layer else {}
            self._numbers[id(layer)] = numbers
        return _Unit(layer, numbers[id(owner)]) if id(owner) in numbers else _Unit(owner, 0)


def _own(owner: Any, kinds: Mapping[Value, str]) -> tuple[list[Value], list[Value]]:
    """Return the weights and the biases that a module owns directly, in its order."""
    own: list[Value] = [p for p in owner.parameters() if getattr(p, "owner", None) is owner]
    biases = [p for p in own if kinds.get(p) == "bias"]
    return [p for p in own if kinds.get(p) != "bias"], biases
