"""The graph as data for the page of explore(), and what the parts of its picture show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...nodes import regroup
from ...value import Value
from ..network.collapsed import Sketch, select_picture
from ..network.neurons import owner_of
from ..notation.names import Names
from ..picture.cards import LIMIT, Picture, keys_of
from ..picture.last_pass import Gradients
from ..picture.page import GraphPicture
from ..render.time_limit import in_time

#: The position of each Value in the topological order.
Places = dict[Value, int]


class Scene(NamedTuple):
    """The picture of a graph, and what its parts show, by the places of Values."""

    picture: Picture
    #: The key of each card, and the Values whose mean it shows.
    cards: list[tuple[str, list[int]]]
    #: The number of each arrow between two Values, the place of the result, and the position of the operand.
    edges: list[tuple[int, int, int]]
    #: The number of each arrow between two neurons, and what it sums, as places and positions.
    flows: list[tuple[int, list[tuple[int, int]]]]
    #: The card that each parameter belongs to, in a network.
    owners: dict[Value, str]
    #: The Values between the leaves and the root that the page can fix, with their names.
    others: dict[Value, str]


def program_of(order: Sequence[Value]) -> dict[str, Any]:
    """Return a graph as data: for each Value its primitive and the places of its operands; 0 for a leaf.

    The constants follow the Values.

    >>> x = Value(2.0)
    >>> program_of([x, x * 3.0])
    {'nodes': [0, ['mul', [0, 2]]], 'constants': [3.0]}
    """
    places: Places = {value: i for i, value in enumerate(order)}
    constants: dict[str, tuple[int, float]] = {}

    def place(x: Value | float) -> int:
        if isinstance(x, Value):
            return places[x]
        return constants.setdefault(repr(x), (len(order) + len(constants), x))[0]  # 0.0 and −0.0 differ

    nodes = [
        [value.primitive.name, regroup(value, [place(x) for x in value.operands])] if value.primitive else 0
        for value in in_time(order)
    ]
    return {"nodes": nodes, "constants": [x for _, x in constants.values()]}


def scene_of(order: list[Value], gradients: dict[Value, float], names: Names) -> Scene:
    """Return the picture that ``draw`` would show, with these gradients.

    A gradient of 0 is shown where none arrives, because moving a leaf may let one through.
    """

    def gradient_of(value: Value) -> float:
        return gradients.get(value, 0.0)

    full = Gradients(gradient_of, gradients.__contains__)
    places: Places = {value: i for i, value in enumerate(order)}
    selected = select_picture(GraphPicture(order, full), LIMIT)
    if isinstance(selected, Sketch):
        return _network(selected, places, names)
    return _graph(selected, order, places, names)


def _graph(picture: Picture, order: Sequence[Value], places: Places, names: Names) -> Scene:
    by_key = {key: value for value, key in keys_of(order).items()}
    cards = [(card.key, [places[by_key[card.key]]]) for card in picture.cards if card.key in by_key]
    edges: list[tuple[int, int, int]] = []
    positions: dict[str, int] = {}  # of the next operand, by the key of the result
    for i, edge in enumerate(picture.edges):
        result, operand = by_key.get(edge.result), by_key.get(edge.operand)
        if result is None or operand is None:
            continue
        start = positions.get(edge.result, 0)
        position = next(j for j in range(start, len(result.operands)) if result.operands[j] is operand)
        positions[edge.result] = position + 1
        edges.append((i, places[result], position))
    others = {value: names[value] for value in order[:-1] if not value.is_leaf}
    return Scene(picture, cards, edges, [], {}, others)


def _network(sketch: Sketch, places: Places, names: Names) -> Scene:
    network = sketch.network
    picture = sketch.picture()
    keys = {card.key for card in picture.cards}
    values: dict[str, list[Value]] = {
        key: [x for x in inputs if isinstance(x, Value)] for key, inputs in network.inputs.items()
    }
    owners: dict[Value, str] = {}
    for layer in network.layers:
        for neuron in layer.neurons:
            values[neuron.key] = [instance.output for instance in neuron.instances]
            own = [p for p in neuron.owner.parameters() if owner_of(p) is neuron.owner]
            owners.update(dict.fromkeys(own, neuron.key))
    values["root"] = [network.root]
    cards = [(key, [places[x] for x in of]) for key, of in values.items() if of and key in keys]
    terms: dict[tuple[str, str], list[tuple[int, int]]] = {}
    display: Callable[[str], str] = lambda key: sketch.display.get(key, key)  # noqa: E731
    for (source, target), _, node, position in network.terms():
        terms.setdefault((display(source), display(target)), []).append((places[node], position))
    flows = [
        (i, terms[flow.operand, flow.result])
        for i, flow in enumerate(picture.flows)
        if flow.strength is not None
    ]
    note = picture.note.partition("\n")[0]
    others = _computed_once(sketch, places, names)
    return Scene(picture._replace(note=note), cards, [], flows, owners, others)


def _computed_once(sketch: Sketch, places: Places, names: Names) -> dict[Value, str]:
    """Return the Values with a label, and the outputs of the neurons that have one output."""
    others = {value: names[value] for value in places if value.label}
    for layer in sketch.network.layers:
        for neuron in layer.neurons:
            if len(neuron.instances) == 1:
                others[neuron.instances[0].output] = sketch.names.of(neuron.instances[0].output)
    return {
        value: name
        for value, name in others.items()
        if not value.is_leaf and value is not sketch.network.root
    }
