"""What a model's layers hold and receive, as numbers: how large activations and gradients are."""

from __future__ import annotations

import math
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
    """What has named parameters, such as ``nn.Module``: leaves, each with a dotted name.

    If a parameter has an ``owner`` (see ``neurons.Owner``), it is counted to that module's layer.
    """

    def named_parameters(self) -> Iterable[tuple[str, Value]]: ...


class LayerFlow(NamedTuple):
    """What one layer holds and what flows back to it. Sizes are root mean squares, None if not known.

    ``activation`` and ``activation_gradient`` are taken over all units and samples, ``parameter`` and
    ``parameter_gradient`` over the parameters. ``closed`` is the share of the activations, out of units
    times samples, that pass next to nothing back; a unit that is closed for every sample is
    ``saturated``, or ``dead`` if it passes nothing at all. These two list units by name.
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


def rms(numbers: Sequence[float]) -> float | None:
    """The root mean square; None of no numbers, nan if one of them is nan.

    >>> rms([3.0, -4.0, 0.0, 0.0])
    2.5
    """
    if not numbers:
        return None
    if any(map(math.isnan, numbers)):
        return math.nan
    return math.hypot(*numbers) / math.sqrt(len(numbers))


def gradients_of(parameters: Iterable[Value], loss: Value | None) -> dict[Value, float | None]:
    """The gradients of parameters; None if a loss is given and no backward pass went from it."""
    if loss is None:
        return {p: p.grad for p in parameters}
    gradients = last_pass(loss)
    return {p: gradients.of(p) for p in parameters}


def read_layers(
    model: Model, loss: Value | None, grads: Mapping[Value, float | None], closed: float
) -> list[LayerFlow]:
    """The layers of a model, inputs first, with its parameters' gradients as ``grads`` has them.

    From the graph below ``loss`` comes which neurons follow which, what they gave and what reached
    them. Without it a layer is what the modules tell: see :class:`_ByName`. ``closed`` is the local
    derivative below which an activation passes next to nothing back.
    """
    named = named_parameters_of(model)
    if loss is None:
        return [_from_parameters(group, grads) for group in _ByName(model, named).groups()]
    return _Graph(model, named, loss, grads, closed).rows()


def named_parameters_of(model: Model) -> list[tuple[str, Value]]:
    """The parameters with their names; TypeError or ValueError if there are none to look at."""
    if not hasattr(model, "named_parameters"):
        raise TypeError(
            f"what is wanted is a model with named_parameters(), such as nn.MLP, not {type_and_value(model)}"
        )
    named = [(_printable(name), parameter) for name, parameter in model.named_parameters()]
    if not named:
        raise ValueError(f"{type_name(model)} has no parameters, so no gradient flows to it")
    return named


def _printable(name: str) -> str:
    """A name on one line: names are identifiers, but the key of a dict may be anything."""
    return replace_controls(name[:200])


# Layers by name -----------------------------------------------------------------------------------


class _Group(NamedTuple):
    """Parameters that make a row, and the modules they belong to."""

    name: str
    parameters: list[tuple[str, Value]]
    owners: list[Owner]


def _stem(name: str) -> str:
    """A name without the numbers it ends in: ``w.0`` is one of ``w``."""
    parts = name.split(".")
    while len(parts) > 1 and parts[-1].isdigit():
        parts.pop()
    return ".".join(parts)


def _parent(name: str) -> str:
    """What holds the attribute of that name: ``layers.0`` for ``layers.0.neurons.2``."""
    return _stem(name).rpartition(".")[0]


class _ByName:
    """Layers as modules and names tell: a module that owns parameters is a neuron or a layer itself.

    It is a neuron if it stands in a list of a module inside the model, which then is the layer. Lists
    of the model itself are taken for layers one after another. Parameters of the model itself, or that
    have no owner, are grouped by the attribute they are in.
    """

    def __init__(self, model: Model, named: list[tuple[str, Value]]) -> None:
        self.top: object = model
        self.named = named
        self.names: dict[int, str] = {}  # of each owner, by its id
        for name, parameter in named:
            owner = owner_of(parameter)
            if owner is not None:
                self.names.setdefault(id(owner), _parent(name))

    def groups(self, covered: Iterable[int] = ()) -> list[_Group]:
        """The groups in the order of their first parameter, without owners whose id is ``covered``."""
        without = {*covered}
        groups: dict[object, _Group] = {}
        for name, parameter in self.named:
            owner = owner_of(parameter)
            if id(owner) not in without:
                key, shown = self._place(name, owner)
                group = groups.setdefault(key, _Group(shown, [], []))
                group.parameters.append((name, parameter))
                if owner is not None and all(owner is not x for x in group.owners):
                    group.owners.append(owner)
        return [*groups.values()]

    def _place(self, name: str, owner: Owner | None) -> tuple[object, str]:
        if owner is None or (owner is self.top and not _says_activation(owner)):
            return _stem(name), _stem(name)
        return self.layer(owner)

    def layer(self, owner: Owner) -> tuple[int, str]:
        """The layer a neuron belongs to: its id and its name."""
        name = self.names.get(id(owner), "")
        if owner is self.top:
            attributes = {_stem(own) for own, parameter in self.named if owner_of(parameter) is owner}
            return id(owner), attributes.pop() if len(attributes) == 1 else type_name(owner)
        parent = layer_of(owner)
        if parent is owner or parent is self.top or _stem(name) == name:
            return id(owner), name or type_name(owner)
        return id(parent), self.names.get(id(parent)) or _parent(name) or type_name(parent)


def _says_activation(owner: Owner) -> bool:
    return isinstance(getattr(owner, "activation", None), str)


def _function(owners: Sequence[Owner]) -> str:
    said = {getattr(owner, "activation", "") for owner in owners}
    name = said.pop() if len(said) == 1 else "mixed" if said else ""
    return clean(name) if isinstance(name, str) else ""


def _gradients(parameters: Iterable[Value], grads: Mapping[Value, float | None]) -> list[float]:
    return [g for p in parameters if (g := grads.get(p)) is not None]


def _from_parameters(group: _Group, grads: Mapping[Value, float | None]) -> LayerFlow:
    """A row without activations; of several neurons, those all of whose gradients are 0 are dead."""
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
    """A neuron at one depth of the network, with its instances there, one for each sample."""

    owner: Owner
    instances: list[Instance]


class _Graph:
    """The rows of a model that a loss was computed by: neurons of one module at one depth are a layer."""

    def __init__(
        self,
        model: Model,
        named: list[tuple[str, Value]],
        loss: Value,
        grads: Mapping[Value, float | None],
        closed: float,
    ) -> None:
        self.by_name = _ByName(model, named)
        self.grads = grads
        self.limit = closed
        self.gradients = last_pass(loss)
        self.first = {parameter: i for i, (_, parameter) in enumerate(named)}
        order = topological_order(loss)
        if self.first.keys().isdisjoint(order):
            raise ValueError(
                f"the loss was not computed by this {type_name(model)}: none of its parameters is in the "
                "graph of the loss"
            )
        own = {id(owner) for p in self.first if (owner := owner_of(p)) is not None}
        # A module with activations inside is a network in itself, not a neuron.
        instances = [
            i
            for i in in_time(find_instances(order))
            if id(i.owner) in own and not any(map(_is_activation, i.nodes[:-1]))
        ]
        self.layers = self._layers(instances, depths_of(order, instances))
        self.after = self._activations_after(order, instances)

    def _layers(self, instances: Sequence[Instance], depths: Mapping[Value, int]) -> list[list[_Unit]]:
        found: dict[tuple[int, int], dict[int, _Unit]] = {}
        for instance in instances:
            depth, owner = depths[instance.output], instance.owner
            units = found.setdefault((depth, id(layer_of(owner))), {})
            units.setdefault(id(owner), _Unit(owner, [])).instances.append(instance)
        layers = [sorted(units.values(), key=self._start) for units in found.values()]
        by_depth = sorted(zip(found, layers), key=lambda item: (item[0][0], self._start(item[1][0])))
        return [layer for _, layer in by_depth]

    def _own(self, unit: _Unit) -> list[Value]:
        return [p for p in unit.owner.parameters() if p in self.first and owner_of(p) is unit.owner]

    def _start(self, unit: _Unit) -> int:
        return min(self.first[p] for p in self._own(unit))

    def _activations_after(self, order: Sequence[Value], instances: Sequence[Instance]) -> dict[Value, Value]:
        """Of modules that name no activation: the one their output goes through, if it goes nowhere else."""
        outputs = {instance.output for instance in instances if not _says_activation(instance.owner)}
        if not outputs:
            return {}
        users: dict[Value, list[Value]] = {}
        for node in in_time(order):
            for operand in node.operands:
                if isinstance(operand, Value) and operand in outputs:
                    users.setdefault(operand, []).append(node)
        return {x: nodes[0] for x, nodes in users.items() if len(nodes) == 1 and _is_activation(nodes[0])}

    def rows(self) -> list[LayerFlow]:
        """The layers, and before each the parameters that stand before its own and are in no neuron."""
        covered = {id(unit.owner) for layer in self.layers for unit in layer}
        others = self.by_name.groups(covered)
        names = [self._name(layer) for layer in self.layers]
        rows: list[LayerFlow] = []
        for i, layer in enumerate(self.layers):
            start = self._start(layer[0])
            while others and self.first[others[0].parameters[0][1]] < start:
                rows.append(_from_parameters(others.pop(0), self.grads))
            again = f" #{names[:i].count(names[i]) + 1}" if names.count(names[i]) > 1 else ""
            rows.append(self._row(names[i] + again, layer))
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
        saturated: list[str] = []
        shut = 0
        for unit in layer:
            outputs = [self.after.get(x.output, x.output) for x in in_time(unit.instances)]
            activations += [x.data for x in outputs]
            gradients += [g for x in outputs if (g := self.gradients.of(x)) is not None]
            found = {x.primitive.name for x in outputs if x.primitive and _is_activation(x)} or {"linear"}
            functions |= found
            if found == {"linear"}:
                continue
            slopes = [abs(factors(x)[0]) for x in outputs]
            shut += sum(slope < self.limit for slope in slopes)
            named = self.by_name.names.get(id(unit.owner)) or name
            if not any(slopes):
                dead.append(named)
            elif all(slope < self.limit for slope in slopes):
                saturated.append(named)
        return LayerFlow(
            name, functions.pop() if len(functions) == 1 else "mixed", len(layer),
            max(len(unit.instances) for unit in layer), len(parameters),
            rms([p.data for p in parameters]) or 0.0, rms(_gradients(parameters, self.grads)),
            rms(activations), rms(gradients), shut / len(activations), tuple(dead), tuple(saturated),
        )  # fmt: skip


def _is_activation(x: Value) -> bool:
    return x.primitive is not None and x.primitive.name in ACTIVATIONS
