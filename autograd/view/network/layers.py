"""Which neurons form a layer, and what flows from one to another: a network before it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...value import Value
from ..notation.names import clean, subscript
from ..picture.last_pass import last_pass
from ..render.time_limit import in_time
from .neurons import Input, Instance, Owner, activation_of, owner_of

#: The letters of the layers, as they follow one another; the last layer is ``o``.
LETTERS = "hgfqrstuvwklmnpabcde"


class GraphNeuron(NamedTuple):
    """A neuron with its instances, one for each sample."""

    key: str
    name: str
    owner: Owner
    instances: list[Instance]


class GraphLayer(NamedTuple):
    """Neurons that belong to one module and see the same depth of the network, in order."""

    label: str
    letter: str
    neurons: list[GraphNeuron]


# Neurons in layers --------------------------------------------------------------------------------


def depths_of(order: Sequence[Value], instances: Sequence[Instance]) -> dict[Value, int]:
    """How many neurons a computed Value has behind it, at the most."""
    outputs = {instance.output for instance in instances}
    depths: dict[Value, int] = {}
    for node in in_time(order):
        if node.primitive is not None:
            behind = max((depths.get(x, 0) for x in node.operands if isinstance(x, Value)), default=0)
            depths[node] = behind + (node in outputs)
    return depths


def _layers(instances: Sequence[Instance], depths: dict[Value, int]) -> list[GraphLayer]:
    by_owner: dict[int, list[Instance]] = {}
    for instance in instances:
        by_owner.setdefault(id(instance.owner), []).append(instance)
    found: dict[tuple[int, int], list[list[Instance]]] = {}
    for of_one in by_owner.values():
        layer = layer_of(of_one[0].owner)
        found.setdefault((depths[of_one[0].output], id(layer)), []).append(of_one)
    ordered = sorted(found.items(), key=lambda item: item[0][0])
    last = len(ordered) - 1
    ids = [key[1] for key, _ in ordered]
    return [
        _layer(i, "o" if i == last else _letter(i), neurons, whole=ids.count(key[1]) == 1)
        for i, (key, neurons) in enumerate(ordered)
    ]


def layer_of(owner: Owner) -> Owner:
    """The module a neuron belongs to; one that stands alone is its own layer."""
    layer: Owner | None = owner.owner
    return owner if layer is None else layer


def _letter(i: int) -> str:
    return LETTERS[i % len(LETTERS)] + "′" * (i // len(LETTERS))


def _layer(index: int, letter: str, neurons: list[list[Instance]], whole: bool) -> GraphLayer:
    siblings: dict[int, int] = {}  # the id of each neuron of the module, with its number from 1
    for parameter in layer_of(neurons[0][0].owner).parameters():
        owner = owner_of(parameter)
        siblings.setdefault(id(owner), len(siblings) + 1)
    neurons.sort(key=lambda instances: siblings.get(id(instances[0].owner), 0))
    members: list[GraphNeuron] = []
    for i, instances in enumerate(neurons, start=1):
        owner = instances[0].owner
        n = siblings.get(id(owner), i) if whole else i
        alone = letter == "o" and len(siblings) == 1
        name = common_label([x.output for x in instances]) or (letter if alone else letter + subscript(n))
        members.append(GraphNeuron(f"n{index}-{i}", name, owner, instances))
    kinds = {activation_of(neuron.owner) or "linear" for neuron in members}
    shown = clean(kinds.pop()) if len(kinds) == 1 else "mixed"
    return GraphLayer(f"layer {index + 1} · {shown}", letter, members)


def common_label(values: Sequence[Value | float]) -> str:
    """The label that all of the Values bear; empty if they differ.

    >>> common_label([Value(1.0, label="age"), Value(2.0, label="age")])
    'age'
    """
    labels = {clean(x.label) if isinstance(x, Value) else "" for x in values}
    return labels.pop() if len(labels) == 1 else ""


# What flows where ---------------------------------------------------------------------------------


class Network:
    """Where each Value belongs (``place``: the key of its card), and the gradient between the cards.

    Beside the neurons there are ``inputs``, what is opposite to a weight and comes from no neuron;
    ``between``, the operations from neuron to neuron that belong to none, by the number of the layer
    they stand before; and ``after``, all that leads from the network to the root.
    """

    def __init__(self, order: list[Value], instances: list[Instance]) -> None:
        self.size = len(order)
        self.root = order[-1]
        self.gradients = last_pass(self.root)
        self.instances = instances
        self.depths = depths_of(order, instances)
        self.layers = _layers(instances, self.depths)
        self.samples = max(len(n.instances) for layer in self.layers for n in layer.neurons)
        self.place: dict[Value, str] = {}
        self.inputs: dict[str, list[Value | float]] = {}
        self.between: dict[int, list[Value]] = {}
        self.flows: dict[tuple[str, str], float | None] = {}
        for layer in self.layers:
            for neuron in layer.neurons:
                for instance in in_time(neuron.instances):
                    self.place.update(dict.fromkeys(instance.nodes, neuron.key))
        self._sources = self._find_sources(order)
        self._fed_back = self._find_fed_back()
        self._slots = self._find_inputs()
        self._find_between()
        self.after = self._find_after()
        self._find_flows()

    def source(self, layer: int, entry: Input) -> str | None:
        """The key of the card that an input of a neuron comes from; None for a number a state starts at."""
        x = entry.operand
        if isinstance(x, Value) and self._is_computed(x):
            return self.place[x]
        return None if self._starts_a_state(layer, entry) else self._slots[layer, entry.position]

    def _starts_a_state(self, layer: int, entry: Input) -> bool:
        """Whether it is a number where at other steps the layer sees its own answer."""
        return (layer, entry.position) in self._fed_back and not isinstance(entry.operand, Value)

    @property
    def recurrent(self) -> bool:
        """Whether a layer sees its own answers, so that its instances are of samples and of steps."""
        return bool(self._fed_back)

    def _find_sources(self, order: Sequence[Value]) -> dict[Value, frozenset[int]]:
        """The layers whose answers a computed Value comes from, without another neuron on the way."""
        layers = {
            neuron.key: frozenset({i}) for i, layer in enumerate(self.layers) for neuron in layer.neurons
        }
        sources: dict[Value, frozenset[int]] = {}
        for node in in_time(order):
            if node in self.place:
                sources[node] = layers[self.place[node]]
            elif node.primitive is not None:
                behind = [sources[x] for x in node.operands if isinstance(x, Value) and x in sources]
                sources[node] = frozenset().union(*behind)
        return sources

    def _find_fed_back(self) -> set[tuple[int, int]]:
        """The positions at which a layer sees its own answers, of the step before."""
        return {
            (i, entry.position)
            for i, layer in enumerate(self.layers)
            for neuron in layer.neurons
            for instance in in_time(neuron.instances)
            for entry in instance.inputs
            if isinstance(entry.operand, Value) and i in self._sources.get(entry.operand, ())
        }

    def _is_computed(self, x: Value | float) -> bool:
        """Whether a neuron is behind it."""
        return (isinstance(x, Value) and self.depths.get(x, 0) > 0) or x in self.place

    def _find_inputs(self) -> dict[tuple[int, int], str]:
        """A card for each position of each layer that sees inputs; layers that see the same share it."""
        seen: dict[tuple[int, int], tuple[str, list[Value | float]]] = {}
        for i, layer in enumerate(self.layers):
            for neuron in layer.neurons:
                for instance in in_time(neuron.instances):
                    for entry in instance.inputs:
                        if not self._is_computed(entry.operand) and not self._starts_a_state(i, entry):
                            first, values = seen.setdefault((i, entry.position), (neuron.key, []))
                            if first == neuron.key:
                                values.append(entry.operand)
        slots: dict[tuple[int, int], str] = {}
        keys: dict[tuple[object, ...], str] = {}
        for (layer_index, position), (_, values) in sorted(seen.items(), key=lambda item: item[0]):
            constant = any(not isinstance(x, Value) for x in values)
            same = (position if constant else None, *values)  # equal numbers alone do not tell x₁ from x₂
            key = keys.setdefault(same, f"x{len(keys)}")
            slots[layer_index, position] = key
            self.inputs[key] = [*dict.fromkeys(values)] if not constant else values
        for key, values in self.inputs.items():
            self.place.update((x, key) for x in values if isinstance(x, Value) and x not in self.place)
        return slots

    def _find_between(self) -> None:
        for i, layer in enumerate(self.layers):
            for neuron in layer.neurons:
                for instance in in_time(neuron.instances):
                    for entry in instance.inputs:
                        if isinstance(entry.operand, Value) and self._is_computed(entry.operand):
                            self._place_between(entry.operand, i)

    def _place_between(self, node: Value, layer: int) -> None:
        """What an operand came through on its way from neurons: one alone takes it in, several do not."""
        trail: list[Value] = []
        behind = [node]
        while len(behind) == 1 and behind[0] not in self.place:
            trail.append(behind[0])
            values = [x for x in behind[0].operands if isinstance(x, Value)]
            behind = values if len({*values}) == 1 else []
        if behind:
            self.place.update(dict.fromkeys(trail, self.place[behind[0]]))
            return
        at = max(
            layer, 1 + max(self._sources[node])
        )  # after the layer, if it is what that hands on to itself
        stack = [node]
        while stack:
            node = stack.pop()
            if node.primitive is not None and node not in self.place:
                self.place[node] = f"b{at}"
                self.between.setdefault(at, []).append(node)
                stack += [x for x in node.operands if isinstance(x, Value)]

    def _find_after(self) -> list[Value]:
        after: list[Value] = []
        stack = [self.root]
        while stack:
            node = stack.pop()
            if node.primitive is not None and node not in self.place:
                self.place[node] = "root"
                after.append(node)
                stack += [x for x in node.operands if isinstance(x, Value)]
        return after

    def _find_flows(self) -> None:
        for i, layer in enumerate(self.layers):
            for neuron in layer.neurons:
                for instance in in_time(neuron.instances):
                    node, passed = None, None
                    for entry in instance.inputs:
                        if entry.node is not node:
                            node, passed = entry.node, self.gradients.passed_back(entry.node)
                        live = isinstance(entry.operand, Value) and passed is not None
                        cotangent = passed[entry.at] if live and passed is not None else None
                        if (source := self.source(i, entry)) is not None:
                            self._add(source, neuron.key, cotangent)
        for node in in_time((*self.after, *(x for nodes in self.between.values() for x in nodes))):
            passed = self.gradients.passed_back(node)
            for position, x in enumerate(node.operands):
                source = self.place.get(x) if isinstance(x, Value) else None
                if source is not None and source != self.place[node]:
                    self._add(source, self.place[node], None if passed is None else passed[position])

    def _add(self, source: str, target: str, cotangent: float | None) -> None:
        total = self.flows.get((source, target))
        if cotangent is not None:
            total = (total or 0.0) + abs(cotangent)
        self.flows[source, target] = total
