"""Statistics of a model by layer: the sizes of parameters, activations and gradients."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from ...backward import topological_order
from ...system.messages import replace_controls, type_and_value, type_name
from ...value import Value
from ..network.layers import depths_of, layer_of
from ..network.neurons import Instance, Owner, find_instances, owner_of
from ..notation.names import clean
from ..picture.last_pass import factors, last_pass
from ..render.time_limit import in_time

#: The primitives that are activations.
ACTIVATIONS = frozenset({"relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh"})


class Model(Protocol):
    """Object with named parameters, such as ``nn.Module``: leaves, each with a dotted name.

    A parameter with an ``owner`` (see ``neurons.Owner``) belongs to the layer of that module.
    """

    def named_parameters(self) -> Iterable[tuple[str, Value]]: ...


class LayerFlow(NamedTuple):
    """Statistics of one layer. Sizes are root mean squares, None if unknown.

    ``activation`` and ``activation_gradient`` are taken over all units and samples, ``parameter`` and
    ``parameter_gradient`` over the parameters. ``closed`` is the share of units times samples whose local
    derivative is small. ``saturated`` lists the units for which it is small on every sample, and ``dead``
    those for which it is 0 on every sample.
    """

    name: str
    function: str  # "tanh"; "" if it is not known
    units: int | None  # None: only its parameters are known
    samples: int
    parameters: int
    parameter: float
    parameter_gradient: float | None
    activation: float | None
    activation_gradient: float | None
    closed: float | None
    dead: tuple[str, ...]
    saturated: tuple[str, ...]


#: The name of a layer in a list of layers, and of one of its steps.
_LISTED_LAYER = re.compile(r"(?:(.*)\.)?layers\.\d+( #\d+)?")


def titles_of(layers: Sequence[LayerFlow]) -> list[str]:
    """Return the names of layers to display: ``layer 1`` for ``layers.0``, as in the picture of a network.

    Layers with another name keep it.
    """
    with_units = any(layer.units is not None for layer in layers)
    numbers: dict[str, int] = {}
    titles: list[str] = []
    for layer in layers:
        match = _LISTED_LAYER.fullmatch(layer.name)
        if with_units and not match and layer.units is None:  # parameters that are in no layer
            titles.append(layer.name)
            continue
        number = numbers.setdefault(layer.name.partition(" #")[0], len(numbers) + 1)
        part = f"{match[1]} · " if match and match[1] else ""
        titles.append(f"{part}layer {number}{match[2] or ''}" if match else layer.name)
    return titles


def rms(numbers: Sequence[float]) -> float | None:
    """Return the root mean square; None of an empty list, nan if a number is nan.

    >>> rms([3.0, -4.0, 0.0, 0.0])
    2.5
    """
    if not numbers:
        return None
    if any(map(math.isnan, numbers)):
        return math.nan
    return math.hypot(*numbers) / math.sqrt(len(numbers))


def gradients_of(parameters: Iterable[Value], loss: Value | None) -> dict[Value, float | None]:
    """Return the gradients of parameters; None if there was no backward pass from the given loss."""
    if loss is None:
        return {p: p.grad for p in parameters}
    gradients = last_pass(loss)
    return {p: gradients.of(p) for p in parameters}


def read_layers(
    model: Model, loss: Value | None, grads: Mapping[Value, float | None], closed: float, function: str
) -> list[LayerFlow]:
    """Return the layers of a model, inputs first; ``grads`` has the gradients of its parameters.

    The graph of the loss determines the order of neurons, their activations and gradients. Without a
    loss, the layers follow from modules and names: see :class:`_ByName`. An activation is closed if its
    local derivative is below ``closed``.
    """
    pairs = _named_parameters(model)
    if loss is None:
        return [_from_parameters(group, grads) for group in _ByName(model, pairs).groups()]
    return _Graph(model, pairs, loss, grads, closed, function).rows()


def named_parameters_of(model: Model, function: str) -> list[tuple[str, Value]]:
    """Return the parameters with their names; raise TypeError or ValueError if there are none."""
    if not hasattr(model, "named_parameters"):
        raise TypeError(
            f"{function}() expected a model with named_parameters(), got {type_and_value(model)}. "
            "Pass an nn.Module, such as nn.MLP."
        )
    pairs = _named_parameters(model)
    if not pairs:
        raise ValueError(
            f"{function}() expected a model with parameters, got {type_and_value(model)}. "
            "Assign Parameters to its attributes."
        )
    return pairs


def _named_parameters(model: Model) -> list[tuple[str, Value]]:
    return [(_printable(name), parameter) for name, parameter in model.named_parameters()]


def _printable(name: str) -> str:
    """Return a name on one line: names are identifiers, but the key of a dict can be any text."""
    return replace_controls(name[:200])


# Layers by name -----------------------------------------------------------------------------------


class _Group(NamedTuple):
    """Parameters of a row, and the modules they belong to."""

    name: str
    parameters: list[tuple[str, Value]]
    owners: list[Owner]


def _stem(name: str) -> str:
    """Return a name without the numbers at its end: ``w`` for ``w.0``."""
    parts = name.split(".")
    while len(parts) > 1 and parts[-1].isdigit():
        parts.pop()
    return ".".join(parts)


def _parent(name: str) -> str:
    """Return the name of the object with that attribute: ``layers.0`` for ``layers.0.neurons.2``."""
    return _stem(name).rpartition(".")[0]


class _ByName:
    """Layers determined by modules and names: a module that owns parameters is a neuron or a layer.

    It is a neuron if it is in a list of a module inside the model; that module is the layer. Modules in
    a list of the model itself are layers. Parameters of the model itself, or without an owner, are
    grouped by their attribute.
    """

    def __init__(self, model: Model, pairs: list[tuple[str, Value]]) -> None:
        self.top: object = model
        self.pairs = pairs
        self.names: dict[int, str] = {}  # of each owner, by its id
        for name, parameter in pairs:
            owner = owner_of(parameter)
            if owner is not None:
                self.names.setdefault(id(owner), _parent(name))

    def groups(self, owner_ids: Iterable[int] = ()) -> list[_Group]:
        """Return the groups by their first parameter, without owners whose id is in ``owner_ids``."""
        ids = {*owner_ids}
        groups: dict[object, _Group] = {}
        for name, parameter in self.pairs:
            owner = owner_of(parameter)
            if id(owner) not in ids:
                key, title = self._place(name, owner)
                group = groups.setdefault(key, _Group(title, [], []))
                group.parameters.append((name, parameter))
                if owner is not None and all(owner is not x for x in group.owners):
                    group.owners.append(owner)
        return [*groups.values()]

    def _place(self, name: str, owner: Owner | None) -> tuple[object, str]:
        if owner is None or (owner is self.top and not _names_activation(owner)):
            return _stem(name), _stem(name)
        return self.layer(owner)

    def layer(self, owner: Owner) -> tuple[int, str]:
        """Return the id and the name of the layer of a neuron."""
        name = self.names.get(id(owner), "")
        if owner is self.top:
            attributes = {_stem(own) for own, parameter in self.pairs if owner_of(parameter) is owner}
            return id(owner), attributes.pop() if len(attributes) == 1 else type_name(owner)
        parent = layer_of(owner)
        if parent is owner or parent is self.top or _stem(name) == name:
            return id(owner), name or type_name(owner)
        return id(parent), self.names.get(id(parent)) or _parent(name) or type_name(parent)


def _names_activation(owner: Owner) -> bool:
    return isinstance(getattr(owner, "activation", None), str)


def _function(owners: Sequence[Owner]) -> str:
    names = {getattr(owner, "activation", "") for owner in owners}
    name = names.pop() if len(names) == 1 else "mixed" if names else ""
    return clean(name) if isinstance(name, str) else ""


def _gradients(parameters: Iterable[Value], grads: Mapping[Value, float | None]) -> list[float]:
    return [g for p in parameters if (g := grads.get(p)) is not None]


def _from_parameters(group: _Group, grads: Mapping[Value, float | None]) -> LayerFlow:
    """Return a row without activations; a neuron is dead if all its gradients are 0."""
    parameters = [p for _, p in group.parameters]
    dead: tuple[str, ...] = ()
    if len(group.owners) > 1:
        by_owner: dict[str, list[Value]] = {}
        for name, parameter in group.parameters:
            by_owner.setdefault(_parent(name), []).append(parameter)
        dead = tuple(name for name, own in by_owner.items() if not any(grads.get(p) != 0.0 for p in own))
    return LayerFlow(
        group.name, _function(group.owners), None, 0, len(parameters),
        rms([p.data for p in parameters]) or 0.0, rms(_gradients(parameters, grads)),
        None, None, None, dead if len(dead) < len(group.owners) else (), (),
    )  # fmt: skip


# Layers of a graph --------------------------------------------------------------------------------


class _Unit(NamedTuple):
    """Neuron at one depth of the network, with its instances there, one for each sample."""

    owner: Owner
    instances: list[Instance]


class _Graph:
    """Rows of a model in the graph of a loss: the neurons of one module at one depth form a layer."""

    def __init__(
        self,
        model: Model,
        pairs: list[tuple[str, Value]],
        loss: Value,
        grads: Mapping[Value, float | None],
        closed: float,
        function: str,
    ) -> None:
        self.by_name = _ByName(model, pairs)
        self.grads = grads
        self.limit = closed
        self.gradients = last_pass(loss)
        self.first = {parameter: i for i, (_, parameter) in enumerate(pairs)}
        order = topological_order(loss)
        if self.first.keys().isdisjoint(order):
            raise ValueError(
                f"{function}() expected a loss that was computed from this {type_name(model)}, got "
                f"{type_and_value(loss)}, whose graph contains none of its parameters. Pass the loss of this "
                "model."
            )
        own = {id(owner) for p in self.first if (owner := owner_of(p)) is not None}
        # A module with activations inside is a network, not a neuron.
        instances = [
            i
            for i in in_time(find_instances(order))
            if id(i.owner) in own and not any(map(_is_activation, i.nodes[:-1]))
        ]
        self.layers = self._layers(instances, depths_of(order, instances))
        self.after = self._activations_after(order, instances)

    def _layers(self, instances: Sequence[Instance], depths: Mapping[Value, int]) -> list[list[_Unit]]:
        groups: dict[tuple[int, int], dict[int, _Unit]] = {}
        for instance in instances:
            depth, owner = depths[instance.output], instance.owner
            units = groups.setdefault((depth, id(layer_of(owner))), {})
            units.setdefault(id(owner), _Unit(owner, [])).instances.append(instance)
        layers = [sorted(units.values(), key=self._start) for units in groups.values()]
        by_depth = sorted(zip(groups, layers), key=lambda item: (item[0][0], self._start(item[1][0])))
        return [layer for _, layer in by_depth]

    def _own(self, unit: _Unit) -> list[Value]:
        return [p for p in unit.owner.parameters() if p in self.first and owner_of(p) is unit.owner]

    def _start(self, unit: _Unit) -> int:
        return min(self.first[p] for p in self._own(unit))

    def _activations_after(self, order: Sequence[Value], instances: Sequence[Instance]) -> dict[Value, Value]:
        """Return the activation after each module that names none, if its output is used only there."""
        outputs = {instance.output for instance in instances if not _names_activation(instance.owner)}
        if not outputs:
            return {}
        users: dict[Value, list[Value]] = {}
        for node in in_time(order):
            for operand in node.operands:
                if isinstance(operand, Value) and operand in outputs:
                    users.setdefault(operand, []).append(node)
        return {x: nodes[0] for x, nodes in users.items() if len(nodes) == 1 and _is_activation(nodes[0])}

    def rows(self) -> list[LayerFlow]:
        """Return the layers, each after the preceding parameters that are in no neuron."""
        owner_ids = {id(unit.owner) for layer in self.layers for unit in layer}
        others = self.by_name.groups(owner_ids)
        names = [self._name(layer) for layer in self.layers]
        rows: list[LayerFlow] = []
        for i, layer in enumerate(self.layers):
            start = self._start(layer[0])
            while others and self.first[others[0].parameters[0][1]] < start:
                rows.append(_from_parameters(others.pop(0), self.grads))
            suffix = f" #{names[:i].count(names[i]) + 1}" if names.count(names[i]) > 1 else ""
            rows.append(self._row(names[i] + suffix, layer))
        return rows + [_from_parameters(group, self.grads) for group in others]

    def _name(self, layer: Sequence[_Unit]) -> str:
        owner = layer[0].owner
        if len(layer) > 1:
            return _parent(self.by_name.names.get(id(owner), "")) or type_name(layer_of(owner))
        return self.by_name.layer(owner)[1]

    def _row(self, name: str, layer: Sequence[_Unit]) -> LayerFlow:
        parameters = [p for unit in layer for p in self._own(unit)]
        activations: list[float] = []
        gradients: list[float] = []
        functions: set[str] = set()
        dead: list[str] = []
        saturated_units: list[str] = []
        count = 0
        for unit in layer:
            outputs = [self.after.get(x.output, x.output) for x in in_time(unit.instances)]
            activations += [x.data for x in outputs]
            gradients += [g for x in outputs if (g := self.gradients.of(x)) is not None]
            names = {x.primitive.name for x in outputs if x.primitive and _is_activation(x)} or {"linear"}
            functions |= names
            if names == {"linear"}:
                continue
            derivatives = [abs(factors(x)[0]) for x in outputs]
            count += sum(derivative < self.limit for derivative in derivatives)
            title = self.by_name.names.get(id(unit.owner)) or name
            if not any(derivatives):
                dead.append(title)
            elif all(derivative < self.limit for derivative in derivatives):
                saturated_units.append(title)
        return LayerFlow(
            name, functions.pop() if len(functions) == 1 else "mixed", len(layer),
            max(len(unit.instances) for unit in layer), len(parameters),
            rms([p.data for p in parameters]) or 0.0, rms(_gradients(parameters, self.grads)),
            rms(activations), rms(gradients), count / len(activations), tuple(dead), tuple(saturated_units),
        )  # fmt: skip


def _is_activation(x: Value) -> bool:
    return x.primitive is not None and x.primitive.name in ACTIVATIONS
