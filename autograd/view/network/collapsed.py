"""Collapsed picture of a network: a card for each neuron over all samples, a box for each layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, cast

from ...backward import topological_order
from ...operations import data_of
from ...scopes import scope
from ...system.messages import short, type_and_value
from ...value import Value
from ..notation.names import (
    UNKNOWN,
    Names,
    clean,
    format_gradient,
    format_number,
    is_exponent,
    operation,
)
from ..notation.parameters import subscript
from ..picture.cards import (
    LIMIT,
    Card,
    CardGroup,
    Edge,
    Flow,
    Picture,
    Summary,
    constant_card,
    edge_of,
)
from ..picture.last_pass import Gradients, factors
from ..picture.page import GraphPicture, fits_page, is_clearer
from ..render.time_limit import in_time
from .layers import GraphLayer, GraphNeuron, Network, common_label, layer_of
from .neurons import Owner, find_instances, owner_of

#: The type of ``draw(expand=…)``: a layer, a neuron, a model or a scope, or several of them.
Expand = Owner | scope | Iterable[Owner | scope] | None

#: The limits of a picture: cards in a layer, fewer if there are too many arrows; arrows; layers.
COLUMN = (16, 12, 8, 5, 3)
ARROWS = 1200
LAYERS = 24


def network_or_graph(root: Value, limit: int | None = LIMIT, expand: Expand = None) -> Picture:
    """Return the picture of a graph: of all Values if it fits on a page, else of its network or folded.

    >>> network_or_graph(Value(2.0) * 3.0).note
    ''
    """
    modules, parts = _list_modules(expand)
    order = topological_order(root)
    pictures = GraphPicture(order)
    for part in parts:
        if part not in pictures.scopes:
            raise ValueError(
                f"draw() expected a scope of the graph for expand, got {short(part)}, in which nothing of "
                f"{short(root)} was computed. Pass the object of the with statement: with scope(…) as part."
            )
    if modules is not None and not parts:
        instances = find_instances(order)
        if instances:
            return Sketch(order, Network(order, instances), pictures.names, modules, limit).picture()
        if modules:
            raise ValueError(
                f"draw() expected a module of the graph for expand, got {short(modules[0])}, but no module "
                f"computed {short(root)}. Leave expand out."
            )
    if limit is None:
        return pictures.whole()
    selected = select_picture(pictures, limit, parts)
    return selected.picture() if isinstance(selected, Sketch) else selected


def select_picture(pictures: GraphPicture, limit: int, parts: Sequence[scope] = ()) -> Picture | Sketch:
    """Return the picture of a whole graph if it fits, else its network, folded or nearest part."""
    order = pictures.order
    whole = pictures.whole() if len(order) <= limit else None
    if whole is not None and fits_page(whole):
        return whole
    if not pictures.scopes and (network := _network_of(order, pictures.gradients)) is not None:
        return Sketch(order, network, pictures.names, [], limit)
    folded = pictures.folded(parts)
    if folded is not None and len(folded.cards) <= limit and is_clearer(folded, whole):
        return folded
    return whole or pictures.nearest(limit)


def _network_of(order: list[Value], gradients: Gradients) -> Network | None:
    """Return the network that most of a graph is, or None."""
    instances = find_instances(order)
    network = Network(order, instances, gradients) if instances else None
    return network if network is not None and network.is_most_of_the_graph else None


def _list_modules(expand: Expand) -> tuple[list[Owner] | None, list[scope]]:
    """Return the modules and the scopes to open; None if ``expand`` is left out."""
    if expand is None:
        return None, []
    modules: list[Owner] = []
    parts: list[scope] = []
    is_listed = isinstance(expand, Iterable) and not isinstance(expand, str)
    listed: Iterable[Any] = cast("Any", expand) if is_listed else [expand]
    for part in listed:
        if isinstance(part, scope):
            parts.append(part)
        elif hasattr(part, "parameters"):
            modules.append(part)
        else:
            raise TypeError(
                f"draw() expected a module, a scope or a list for expand, got {type_and_value(part)}. "
                "Pass a layer or neuron, such as model.layers[0]."
            )
    if modules and parts:
        raise ValueError(
            "draw() expected either modules or scopes for expand, got both. Pass the scopes alone: within "
            "them, every Value is drawn."
        )
    return modules, parts


def _chain(owner: Owner | None) -> Iterable[Owner]:
    """Yield a module and the modules that contain it."""
    visited: set[int] = set()
    while owner is not None and id(owner) not in visited:
        visited.add(id(owner))
        yield owner
        owner = getattr(owner, "owner", None)


def _data_and_grad(values: Sequence[Value | float], gradients: Gradients) -> tuple[str, str | None]:
    """Format data and gradient of a Value; of several, the mean of data and of |gradient|."""
    data = [data_of(x) for x in values]
    grads = [gradients.of(x) for x in values if isinstance(x, Value)]
    numbers = [g for g in grads if g is not None]
    sizes = numbers if len(values) == 1 else [abs(g) for g in numbers]
    mean = sum(data) / len(data)
    if sizes:
        return format_number(mean), format_gradient(sum(sizes) / len(sizes))
    return format_number(mean), UNKNOWN if grads else None


def _operations(count: int) -> str:
    return f"{count:,} operation{'' if count == 1 else 's'}"


# The picture --------------------------------------------------------------------------------------


class _AssignedNames(Names):
    """Names that the picture of a network assigns; an automatic name is never a user's label."""

    def __init__(self, order: Sequence[Value]) -> None:
        self._names: dict[Value, str] = {}
        self._labels = {clean(value.label) for value in in_time(order) if value.label}
        self._used_names: set[str] = set()
        self.root = ""

    def assign(self, values: Iterable[Value], name: str) -> None:
        self._names.update(dict.fromkeys(values, name))

    def unique(self, label: str, name: str, layer: set[str] | None = None) -> str:
        """Return the label, or else the name, with ``′`` if it is taken in the network or in the layer."""
        names = self._used_names if layer is None else layer
        unique = label or name
        while unique in self._used_names or unique in names or (not label and unique in self._labels):
            unique += "′"
        names.add(unique)
        return unique

    def of(self, operand: Value | float) -> str:
        if isinstance(operand, Value) and operand not in self._names:
            return clean(operand.label) or format_number(operand.data)
        return super().of(operand)


class Sketch:
    """Builder of the cards, boxes and arrows of a network, with some neurons opened."""

    def __init__(
        self,
        order: list[Value],
        network: Network,
        names: Names,
        expand: list[Owner],
        limit: int | None,
    ) -> None:
        self.network = network
        self._names_in_graph = names
        self.cards: list[Card] = []
        self.edges: list[Edge] = []
        self.groups: list[CardGroup] = []
        self.names = _AssignedNames(order)
        self.display: dict[str, str] = {}  # from the key of a card to that of the card displayed for it
        self._root_name = ""
        self.candidates = self._neurons_in(expand)
        self.open_neurons = self._choose_open(self.candidates, limit)

    def picture(self) -> Picture:
        network = self.network
        most = self._column_length()
        self._add_inputs(most)
        indices = self._visible_layers()
        for i, layer in enumerate(network.layers):
            if i in indices:
                self._add_between(i)
                self._add_layer(i, layer, most)
            else:
                self._hide_layer(i, layer, len(network.layers) - len(indices))
        self._add_between(len(network.layers))
        if network.after:
            self._add_root()
        return Picture(self.cards, self.edges, self._note(), self.groups, self._flows())

    # Selection ------------------------------------------------------------------------------------

    def _neurons_in(self, expand: list[Owner]) -> list[GraphNeuron]:
        neurons: dict[str, GraphNeuron] = {}
        for module in expand:
            inside = [
                neuron
                for layer in self.network.layers
                for neuron in layer.neurons
                if any(owner is module for owner in _chain(neuron.owner))
            ]
            if not inside:
                layers = [short(layer_of(layer.neurons[0].owner)) for layer in self.network.layers[:8]]
                raise ValueError(
                    f"draw() expected a module of the graph for expand, got {short(module)}. Pass one of "
                    f"{', '.join(layers)}{', …' if len(self.network.layers) > 8 else ''}."
                )
            neurons.update((neuron.key, neuron) for neuron in inside)
        return list(neurons.values())

    @staticmethod
    def _choose_open(neurons: list[GraphNeuron], limit: int | None) -> set[str]:
        """Return the neurons to open: as many as the limit permits, and at least one."""
        open_neurons: set[str] = set()
        room = math.inf if limit is None else limit
        for neuron in neurons:
            instance = neuron.instances[0]
            room -= len({x for node in instance.nodes for x in (node, *node.operands)})
            if room < 0 and open_neurons:
                break
            open_neurons.add(neuron.key)
        return open_neurons

    def _column_length(self) -> int:
        widths = [len(self.network.inputs), *(len(layer.neurons) for layer in self.network.layers)]
        for most in COLUMN:
            if sum(min(a, most) * min(b, most) for a, b in pairwise(widths)) <= ARROWS:
                return most
        return COLUMN[-1]

    def _visible_layers(self) -> set[int]:
        count = len(self.network.layers)
        if count <= LAYERS:
            return {*range(count)}
        open_layers = {i for i, layer in enumerate(self.network.layers) if self._is_open(layer)}
        return {*range(LAYERS // 2), *range(count - LAYERS // 2, count), *open_layers}

    def _is_open(self, layer: GraphLayer) -> bool:
        return any(neuron.key in self.open_neurons for neuron in layer.neurons)

    # Cards ----------------------------------------------------------------------------------------

    def _add_inputs(self, most: int) -> None:
        inputs = self.network.inputs
        keys = self._shorten([*inputs], most, "inputs")
        column: list[str] = []
        for i, (key, values) in enumerate(inputs.items(), start=1):
            if key in keys:
                name = self.names.unique(common_label(values), f"x{subscript(i)}")
                self._summarize(key, "leaf", name, "", values)
                self.names.assign((x for x in values if isinstance(x, Value)), name)
            elif self.display[key] not in column:
                self._add_cut(self.display[key], f"… {len(inputs) - len(keys)} more")
            if self.display[key] not in column:
                column.append(self.display[key])
        if column:
            self.groups.append(CardGroup("inputs", [[[key]] for key in column]))

    def _shorten(self, keys: list[str], most: int, name: str) -> set[str]:
        """Return the keys to show, the first ones and the last; assign the card displayed for the others."""
        selection = {*keys}
        if len(keys) > most:
            selection = {*keys[: most - 2], keys[-1], *(self.open_neurons & selection)}
        self.display.update((key, key if key in selection else f"more-{name}") for key in keys)
        return selection

    def _summarize(self, key: str, kind: str, name: str, more: str, values: Sequence[Value | float]) -> None:
        # An opened neuron has the numbers of one sample.
        samples = values[:1] if self.open_neurons else values
        self.cards.append(Summary(key, kind, name, more, *_data_and_grad(samples, self.network.gradients)))
        self.display[key] = key

    def _add_cut(self, key: str, name: str) -> None:
        self.cards.append(Card(key, "cut", name, "", "", None))

    def _add_layer(self, index: int, layer: GraphLayer, most: int) -> None:
        blocks: list[list[list[str]]] = []
        names: set[str] = set()  # the names of this layer
        keys = self._shorten([neuron.key for neuron in layer.neurons], most, f"layer{index}")
        cut = f"more-layer{index}"
        for neuron in layer.neurons:
            if neuron.key in self.open_neurons:
                blocks.append(self._open(index, neuron, names))
            elif neuron.key in keys:
                self._add_neuron(neuron, names)
                blocks.append([[neuron.key]])
            elif [[cut]] not in blocks:
                self._add_cut(cut, f"… {len(layer.neurons) - len(keys)} more")
                blocks.append([[cut]])
        self.groups.append(CardGroup(layer.label, blocks))

    def _kind(self, values: Sequence[Value]) -> str:
        return "output" if self.network.root in values else "operation"

    def _add_neuron(self, neuron: GraphNeuron, names: set[str]) -> None:
        outputs = [instance.output for instance in neuron.instances]
        self._summarize(neuron.key, self._kind(outputs), self._name_neuron(neuron, names), "", outputs)

    def _name_neuron(self, neuron: GraphNeuron, names: set[str]) -> str:
        """Assign the full name of a neuron to its outputs; return its name within the layer."""
        outputs = [instance.output for instance in neuron.instances]
        full = self.names.unique(common_label(outputs), neuron.full_name)
        self.names.assign(outputs, full)
        return full if neuron.name == neuron.full_name else self.names.unique("", neuron.name, names)

    def _add_between(self, index: int) -> None:
        if nodes := self.network.between.get(index):
            more = _operations(len(nodes))
            self.cards.append(Summary(f"b{index}", "operation", "other steps", more, "", None))
            self.groups.append(CardGroup("", [[[f"b{index}"]]]))

    def _hide_layer(self, index: int, layer: GraphLayer, count: int) -> None:
        if all(card.key != "more-layers" for card in self.cards):
            self._add_cut("more-layers", f"… {count} more layers")
            self.groups.append(CardGroup("", [[["more-layers"]]]))
        self.display.update((neuron.key, "more-layers") for neuron in layer.neurons)
        self.display[f"b{index}"] = "more-layers"

    def _add_root(self) -> None:
        root = self.network.root
        name = self.names.unique(clean(root.label), "out")
        self._root_name = name
        self._summarize("root", "output", name, _operations(len(self.network.after)), [root])
        self.groups.append(CardGroup("", [[["root"]]]))

    # An opened neuron: ordinary cards, at its first sample -------------------------------------------

    def _open(self, index: int, neuron: GraphNeuron, names: set[str]) -> list[list[str]]:
        """Add the cards of a neuron; return its columns: its operands, then its operations in order."""
        instance = neuron.instances[0]
        keys = {node: f"{neuron.key}-{i}" for i, node in enumerate(instance.nodes)}
        name = self._name_neuron(neuron, names)
        self._name_parts(neuron, names)
        entries = {(entry.node, entry.at): entry for entry in instance.inputs}
        columns: list[list[str]] = [[]]
        input_keys: set[str] = set()
        depths: dict[Value, int] = {}
        for node in instance.nodes:
            locals_of, contributions = factors(node), self.network.gradients.contributions(node)
            for i, x in enumerate(node.operands):
                key = f"{keys[node]}-{i}"
                contribution = None
                if isinstance(x, Value) and contributions is not None:
                    contribution = contributions[i]
                edge = edge_of(key, keys[node], locals_of[i], contribution)
                entry = entries.get((node, i))
                source = None if entry is None else self.network.source(index, entry)
                if source is not None:
                    self._pass_through(self.display.get(source, source), edge)
                    columns[0].append(key)
                    input_keys.add(key)
                    continue
                if not isinstance(x, Value):
                    if is_exponent(node, x):
                        continue
                    self.cards.append(constant_card(key, x))
                    columns[0].append(key)
                elif x not in keys:
                    keys[x] = key
                    self._add_card(key, "leaf", x, self.names[x])
                    columns[0].append(key)
                self.edges.append(edge if not isinstance(x, Value) else edge._replace(operand=keys[x]))
            own = name if node is instance.output else self.names[node]
            self._add_card(keys[node], self._kind([node]), node, own)
            depths[node] = 1 + max(
                (depths.get(x, 0) for x in node.operands if isinstance(x, Value)), default=0
            )
            columns += [[] for _ in range(depths[node] + 1 - len(columns))]
            columns[depths[node]].append(keys[node])
        self.display[neuron.key] = keys[instance.output]
        if len(columns[1]) == 1:  # each input next to its weight
            inputs = [key for key in columns[0] if key in input_keys]
            weights = [key for key in columns[0] if key not in input_keys]
            pairs = [key for pair in zip(weights, inputs) for key in pair]
            columns[0] = pairs + weights[len(inputs) :] + inputs[len(weights) :]
        return columns

    def _pass_through(self, source: str, edge: Edge) -> None:
        """Route an arrow into an opened neuron through a card with its numbers, between the parameters."""
        self.cards.append(Card(edge.operand, "numbers", edge.local, "", "", edge.contribution))
        self.edges.append(edge._replace(operand=source, result=edge.operand, local=""))
        self.edges.append(edge._replace(local=""))

    def _add_card(self, key: str, kind: str, value: Value, name: str) -> None:
        data, grad = _data_and_grad([value], self.network.gradients)
        self.cards.append(Card(key, kind, name, operation(value, self.names), data, grad))

    def _name_parts(self, neuron: GraphNeuron, names: set[str]) -> None:
        """Name parameters and operations as in the picture of the whole graph, within the layer."""
        own = [p for p in neuron.owner.parameters() if owner_of(p) is neuron.owner]
        for value in (*own, *neuron.instances[0].nodes[:-1]):
            if value in self._names_in_graph:
                name = self._names_in_graph[value]
                if not value.label:  # the box says the layer: w₂₁, not w₂₁⁽³⁾
                    name = self.names.unique("", name.partition("⁽")[0], names)
                self.names.assign([value], name)

    # Arrows and texts -----------------------------------------------------------------------------

    def _flows(self) -> list[Flow]:
        cut = {card.key for card in self.cards if card.kind == "cut"}
        sizes: dict[tuple[str, str], float | None] = {}
        for (source, target), size in self.network.flows(first=bool(self.open_neurons)).items():
            if target not in self.open_neurons:
                ends = self.display.get(source, source), self.display.get(target, target)
                if not cut & {*ends}:
                    sizes[ends] = size
                elif ends[0] != ends[1]:
                    sizes[ends] = None  # several arrows in one, whose size is not comparable
        largest = max((x for x in sizes.values() if x is not None and x < math.inf), default=0.0)
        flows = [Flow(*ends, _strength(size, largest), size == 0.0) for ends, size in sizes.items()]
        return sorted(flows, key=lambda flow: flow.strength or 0.0)  # the strongest on top

    def _note(self) -> str:
        network = self.network
        lines = [f"{network.size:,} Values, one card per neuron"]
        if self._is_partial():
            lines[0] += f"; expand opens {len(self.open_neurons)} of its {len(self.candidates)} neurons"
        if network.samples > 1:
            first, many = ("sample", "samples")
            if network.recurrent:
                first, many = ("step of the first sample", "samples and steps")
            if self.open_neurons:
                whole = f"{self._root_name} and the gradients" if network.after else "the gradients"
                lines.append(
                    f"the numbers are those of the first {first}; {whole} of weights and biases "
                    f"include all {network.samples:,} {many}"
                )
            else:
                lines[0] += f"; its numbers are the means of data and |grad| over {network.samples:,} {many}"
        more = "draw(…, expand=model.layers[0]) opens the neurons of layer 1"
        if self._is_partial():
            more = "draw(…, expand=…, limit=None) opens all"
        return "\n".join([*lines, f"{more}, draw(…, limit=None) draws every Value"])

    def _is_partial(self) -> bool:
        return len(self.open_neurons) < len(self.candidates)


def _strength(size: float | None, largest: float) -> float | None:
    """Map a size to 0 … 1 by its logarithm; 0 is a thousandth of the largest or less."""
    if size is None:
        return None
    if not size > 0.0:  # nan too
        return 0.0
    if size >= largest:
        return 1.0
    return max(0.0, 1.0 + math.log10(size / largest) / 3.0)
