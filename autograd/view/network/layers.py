"""Layers of a network, and the gradients that flow between its neurons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...value import Value
from ..notation.names import clean
from ..notation.parameters import subscript
from ..picture.last_pass import Gradients, last_pass
from ..render.time_limit import in_time
from .neurons import Input, Instance, Owner, activation_of, owner_of

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

#: The symbol of the units of the last layer.
OUTPUT = "ŷ"


class GraphNeuron(NamedTuple):
    """Neuron with its instances, one for each sample.

    Its name is unique in its layer, such as ``h₂``, and the full name in the network, such as ``h⁽¹⁾₂``. A
    common label of all outputs is both names.
    """

    key: str
    name: str
    full_name: str
    owner: Owner
    instances: list[Instance]


class GraphLayer(NamedTuple):
    """Neurons of one module at the same depth of the network, in order."""

    label: str
    neurons: list[GraphNeuron]


# Neurons in layers --------------------------------------------------------------------------------


def depths_of(order: Sequence[Value], instances: Sequence[Instance]) -> dict[Value, int]:
    """Return the depth of each non-leaf Value: the largest number of neurons on a path to it."""
    outputs = {instance.output for instance in instances}
    depths: dict[Value, int] = {}
    for node in in_time(order):
        if node.primitive is not None:
            depth = max((depths.get(x, 0) for x in node.operands if isinstance(x, Value)), default=0)
            depths[node] = depth + (node in outputs)
    return depths


def _layers(instances: Sequence[Instance], depths: dict[Value, int]) -> list[GraphLayer]:
    by_owner: dict[int, list[Instance]] = {}
    for instance in instances:
        by_owner.setdefault(id(instance.owner), []).append(instance)
    groups: dict[tuple[int, int], list[list[Instance]]] = {}
    for of_one in by_owner.values():
        layer = layer_of(of_one[0].owner)
        groups.setdefault((depths[of_one[0].output], id(layer)), []).append(of_one)
    entries = sorted(groups.items(), key=lambda item: item[0][0])
    last = len(entries) - 1
    ids = [key[1] for key, _ in entries]
    return [
        _layer(
            i,
            OUTPUT if i == last else hidden_layer(i + 1) if last > 1 else "h",
            neurons,
            is_only=ids.count(key[1]) == 1,
        )
        for i, (key, neurons) in enumerate(entries)
    ]


def layer_of(owner: Owner) -> Owner:
    """Return the module that contains a neuron; a neuron without one is its own layer."""
    layer: Owner | None = owner.owner
    return owner if layer is None else layer


def hidden_layer(number: int) -> str:
    """Return the symbol of a hidden layer.

    >>> hidden_layer(12)
    'h⁽¹²⁾'
    """
    return f"h⁽{str(number).translate(_SUPERSCRIPTS)}⁾"


def _layer(index: int, symbol: str, neurons: list[list[Instance]], is_only: bool) -> GraphLayer:
    siblings: dict[int, int] = {}  # from the id of each neuron of the module to its number, from 1
    for parameter in layer_of(neurons[0][0].owner).parameters():
        owner = owner_of(parameter)
        siblings.setdefault(id(owner), len(siblings) + 1)
    neurons.sort(key=lambda instances: siblings.get(id(instances[0].owner), 0))
    members: list[GraphNeuron] = []
    for i, instances in enumerate(neurons, start=1):
        owner = instances[0].owner
        n = siblings.get(id(owner), i) if is_only else i
        unit = "" if symbol == OUTPUT and len(siblings) == 1 else subscript(n)
        label = common_label([x.output for x in instances])
        names = (label, label) if label else (symbol[0] + unit, symbol + unit)
        members.append(GraphNeuron(f"n{index}-{i}", *names, owner, instances))
    kinds = {activation_of(neuron.owner) or "linear" for neuron in members}
    parts = [f"layer {index + 1}", clean(kinds.pop()) if len(kinds) == 1 else "mixed"]
    if any(neuron.name != neuron.full_name for neuron in members):
        parts.insert(1, symbol)
    return GraphLayer(" · ".join(parts), members)


def common_label(values: Sequence[Value | float]) -> str:
    """Return the label that all Values have; empty if they differ.

    >>> common_label([Value(1.0, label="age"), Value(2.0, label="age")])
    'age'
    """
    labels = {clean(x.label) if isinstance(x, Value) else "" for x in values}
    return labels.pop() if len(labels) == 1 else ""


# Gradients between neurons -----------------------------------------------------------------------


class Network:
    """Network of a graph: the card of each Value, and the gradients between the cards.

    ``place`` maps each Value to the key of its card. ``inputs`` contains operands that are multiplied by a
    weight and come from no neuron; ``between`` the operations between neurons that belong to none, by
    the index of the next layer; and ``after`` the operations from the network to the root.
    """

    def __init__(
        self, order: list[Value], instances: list[Instance], gradients: Gradients | None = None
    ) -> None:
        self.size = len(order)
        self._order = order
        self.root = order[-1]
        self.gradients = gradients or last_pass(self.root)
        self.instances = instances
        self.depths = depths_of(order, instances)
        self.layers = _layers(instances, self.depths)
        self.samples = max(len(n.instances) for layer in self.layers for n in layer.neurons)
        self.place: dict[Value, str] = {}
        self.inputs: dict[str, list[Value | float]] = {}
        self.between: dict[int, list[Value]] = {}
        for layer in self.layers:
            for neuron in layer.neurons:
                for instance in in_time(neuron.instances):
                    self.place.update(dict.fromkeys(instance.nodes, neuron.key))
        self._sources = self._find_sources(order)
        self._fed_back = self._find_fed_back()
        self._slots = self._find_inputs()
        self._find_between()
        self.after = self._find_after()

    @property
    def is_most_of_the_graph(self) -> bool:
        """True if most operations have a card; others compute what the network takes for inputs."""
        computed = [x for x in in_time(self._order) if x.primitive is not None]
        return 2 * sum(x in self.place for x in computed) >= len(computed)

    def source(self, layer: int, entry: Input) -> str | None:
        """Return the key of the card of a neuron's input; None for the number that a state starts with."""
        x = entry.operand
        if isinstance(x, Value) and self._is_computed(x):
            return self.place[x]
        return None if self._starts_a_state(layer, entry) else self._slots[layer, entry.position]

    def _starts_a_state(self, layer: int, entry: Input) -> bool:
        """Return True for a number in place of the layer's own output, as in the first step."""
        return (layer, entry.position) in self._fed_back and not isinstance(entry.operand, Value)

    @property
    def recurrent(self) -> bool:
        """True if a layer reads its own outputs, so that its instances are samples and steps."""
        return bool(self._fed_back)

    def _find_sources(self, order: Sequence[Value]) -> dict[Value, frozenset[int]]:
        """Return the layers whose outputs each non-leaf Value comes from, without a neuron in between."""
        layers = {
            neuron.key: frozenset({i}) for i, layer in enumerate(self.layers) for neuron in layer.neurons
        }
        sources: dict[Value, frozenset[int]] = {}
        for node in in_time(order):
            if node in self.place:
                sources[node] = layers[self.place[node]]
            elif node.primitive is not None:
                source_sets = [sources[x] for x in node.operands if isinstance(x, Value) and x in sources]
                sources[node] = frozenset().union(*source_sets)
        return sources

    def _find_fed_back(self) -> set[tuple[int, int]]:
        """Return the layers and positions at which a layer reads its own outputs of the step before."""
        return {
            (i, entry.position)
            for i, layer in enumerate(self.layers)
            for neuron in layer.neurons
            for instance in in_time(neuron.instances)
            for entry in instance.inputs
            if isinstance(entry.operand, Value) and i in self._sources.get(entry.operand, ())
        }

    def _is_computed(self, x: Value | float) -> bool:
        """Return True if a Value depends on a neuron."""
        return (isinstance(x, Value) and self.depths.get(x, 0) > 0) or x in self.place

    def _find_inputs(self) -> dict[tuple[int, int], str]:
        """Return the key of the card for each position of a layer with inputs; equal inputs share a card."""
        inputs: dict[tuple[int, int], tuple[str, list[Value | float]]] = {}
        for i, layer in enumerate(self.layers):
            for neuron in layer.neurons:
                for instance in in_time(neuron.instances):
                    for entry in instance.inputs:
                        if not self._is_computed(entry.operand) and not self._starts_a_state(i, entry):
                            first, values = inputs.setdefault((i, entry.position), (neuron.key, []))
                            if first == neuron.key:
                                values.append(entry.operand)
        slots: dict[tuple[int, int], str] = {}
        keys: dict[tuple[object, ...], str] = {}
        for (layer_index, position), (_, values) in sorted(inputs.items(), key=lambda item: item[0]):
            constant = any(not isinstance(x, Value) for x in values)
            # Equal numbers at different positions are not the same input.
            same = (position if constant else None, *values)
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
        """Assign operations after a single neuron to its card, and those after several to ``between``."""
        trail: list[Value] = []
        operands = [node]
        while len(operands) == 1 and operands[0] not in self.place:
            trail.append(operands[0])
            values = [x for x in operands[0].operands if isinstance(x, Value)]
            operands = values if len({*values}) == 1 else []
        if operands:
            self.place.update(dict.fromkeys(trail, self.place[operands[0]]))
            return
        at = max(layer, 1 + max(self._sources[node]))  # after a layer that reads its own output
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

    def flows(self, first: bool) -> dict[tuple[str, str], float | None]:
        """Return the size of the gradient from each card to the card of an operand; None if it is unknown.

        It is the sum of the magnitudes over all samples, or that of the first sample. The keys are those
        of the operand and of the result.
        """
        sizes: dict[tuple[str, str], float | None] = {}
        shown = self._first_sample() if first else None
        node, contributions = None, None
        for ends, number, result, position in self.terms():
            if result is not node:
                node, contributions = result, self.gradients.contributions(result)
            counts = shown is None or (number == 0 and result.operands[position] in shown)
            size = sizes.get(ends)
            known = contributions is not None and counts and isinstance(result.operands[position], Value)
            sizes[ends] = (size or 0.0) + abs(contributions[position]) if contributions and known else size
        return sizes

    def terms(self) -> Iterator[tuple[tuple[str, str], int, Value, int]]:
        """Yield every operand that leads from one card to another.

        Yields:
            The keys of the cards of operand and result, the number of the sample, the result, and the
            position of the operand.
        """
        for i, layer in enumerate(self.layers):
            for neuron in layer.neurons:
                for number, instance in enumerate(in_time(neuron.instances)):
                    for entry in instance.inputs:
                        if (source := self.source(i, entry)) is not None:
                            yield (source, neuron.key), number, entry.node, entry.at
        for node in in_time((*self.after, *(x for nodes in self.between.values() for x in nodes))):
            for position, x in enumerate(node.operands):
                source = self.place.get(x) if isinstance(x, Value) else None
                if source is not None and source != self.place[node]:
                    yield (source, self.place[node]), 0, node, position

    def _first_sample(self) -> set[Value]:
        """Return the Values of the first sample, except those of its parameters and of the root's card."""
        nodes = {x for values in self.inputs.values() for x in values[:1] if isinstance(x, Value)}
        in_neurons: set[Value] = set()
        for instance in in_time(self.instances):
            in_neurons.update(instance.nodes)
        for layer in self.layers:
            for neuron in layer.neurons:
                nodes.update(neuron.instances[0].nodes)
        keys = {f"b{i}" for i in self.between}

        def continues(node: Value) -> bool:
            key = self.place.get(node)
            operands = [x for x in node.operands if isinstance(x, Value) and x in nodes]
            return any(key in keys or (key is not None and key == self.place.get(x)) for x in operands)

        # Operations after one neuron, such as the mask of dropout, are on the card of that neuron.
        for node in in_time(self._order):
            if node not in in_neurons and continues(node):
                nodes.add(node)
        return nodes
