"""The picture of a large program: arguments, layers, loss and update, in place of its instructions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..system.messages import replace_controls, short, type_name
from .ir.tape import SOURCES, needed
from .passes.plan import Plan

if TYPE_CHECKING:
    from ..view.network.neurons import Owner
    from ..view.picture.cards import Picture

#: The regions of a program that are not layers.
ARGUMENTS, LOSS = -1, -2


class Regions:
    """The layer of each instruction of the forward pass, with the numbers that flow between layers.

    An instruction that reads parameters belongs to their layer, and so does one whose operands all come from
    that layer, such as an activation. Any other that a later layer reads belongs to the deepest layer of its
    operands; the rest is the loss.
    """

    def __init__(self, plan: Plan) -> None:
        from ..view.network.layers import layer_of
        from ..view.network.neurons import owner_of

        self.plan = plan
        self.layers: list[Owner] = []
        self.parameters: list[int] = []
        self._layer_of_leaf: dict[int, int] = {}
        ids: dict[int, int] = {}
        for k, leaf in enumerate(plan.leaves):
            if (owner := owner_of(leaf)) is not None:
                layer = layer_of(owner)
                number = ids.setdefault(id(layer), len(self.layers))
                if number == len(self.layers):
                    self.layers.append(layer)
                    self.parameters.append(0)
                self.parameters[number] += 1
                self._layer_of_leaf[k] = number
        self.forward = needed(plan.tape, [plan.loss])
        self.region = self._regions()
        #: For each pair of regions the instructions of the first that the second reads.
        self.flows: dict[tuple[int, int], set[int]] = {}
        for i in self.forward:
            operation, operands = plan.tape.code[i]
            if operation not in SOURCES:
                for o in operands:
                    a, b = self.region.get(o), self.region[i]
                    if a is not None and a != b and o not in self._leaves:
                        self.flows.setdefault((a, b), set()).add(o)

    def _regions(self) -> dict[int, int]:
        code, is_batched = self.plan.tape.code, self.plan.tape.is_batched
        self._leaves = {i for i in self.forward if code[i][0] == "leaf"}
        read_by_layer: set[int] = set()  # the instructions that a layer depends on
        own: dict[int, int] = {}
        for i in self.forward:
            operation, operands = code[i]
            if operation in SOURCES:
                continue
            leaves: list[int] = [code[o][1][0] for o in operands if o in self._leaves]
            layers = {self._layer_of_leaf.get(k, LOSS) for k in leaves}
            if len(layers) == 1 and LOSS not in layers and not {*operands} <= self._leaves:
                (own[i],) = layers
        for i in reversed(self.forward):
            if (i in own or i in read_by_layer) and code[i][0] not in SOURCES:
                read_by_layer.update(code[i][1])
        region: dict[int, int] = {}
        for i in self.forward:
            operation, operands = code[i]
            if operation in ("input", "row"):
                region[i] = ARGUMENTS
            elif i == self.plan.loss:
                region[i] = LOSS
            elif i in own:
                region[i] = own[i]
            elif operation not in SOURCES:
                read: tuple[int, ...] = operands
                operand_regions = {region[o] for o in read if o in region}
                layers = operand_regions - {ARGUMENTS, LOSS}
                alone = len(operand_regions) == 1 and (is_batched[i] or not self.plan.tape.batch_size)
                if layers and (alone or i in read_by_layer):
                    region[i] = max(layers)
                else:
                    region[i] = ARGUMENTS if i in read_by_layer else LOSS
        return region


def structure(plan: Plan, optimizer: object) -> Picture | None:
    """Return the picture of the layers of a program; None if it has no modules."""
    from ..view.picture.cards import Card, Edge, Picture, Summary

    regions = Regions(plan)
    if not regions.layers or plan.tape.code[plan.loss][0] in SOURCES:
        return None
    size = plan.tape.batch_size

    def flow_of(places: Iterable[int]) -> str:
        parts = [plan.tape.is_batched[i] for i in places]
        batched = [f"{sum(parts):,} × {size:,}"] if any(parts) else []
        return " + ".join([*batched, *([f"{len(parts) - sum(parts):,}"] if not all(parts) else [])])

    used = {a for a, _ in regions.flows} | {b for _, b in regions.flows}
    cards: list[Card] = []
    if ARGUMENTS in used:
        places = {o for (a, _), places in regions.flows.items() if a == ARGUMENTS for o in places}
        cards.append(Summary(_key(ARGUMENTS), "leaf", "arguments", flow_of(places), "", None))
    for number, layer in enumerate(regions.layers):
        count = regions.parameters[number]
        text = f"{count:,} parameter{'s' * (count != 1)}"
        cards.append(Summary(_key(number), "operation", _name_of(layer), text, "", None))
    forward = sum(plan.tape.code[i][0] not in SOURCES for i in regions.forward)
    loss = [i for i, region in regions.region.items() if region == LOSS]
    note = f"{len(loss):,} instruction{'s' * (len(loss) != 1)}"
    cards.append(Summary(_key(LOSS), "output", "loss", note, "", None))
    edges = [Edge(_key(a), _key(b), flow_of(x), None, 0.8, False) for (a, b), x in regions.flows.items()]
    if plan.leaf_updates:
        count = len(plan.leaf_updates)
        text = f"{count:,} parameter{'s' * (count != 1)}"
        cards.append(Summary("update", "operation", f"update: {type_name(optimizer)}", text, "", None))
        edges.append(Edge(_key(LOSS), "update", "", None, 0.8, False))
    total = sum(operation != "const" for operation, _ in plan.tape.code)
    notes = [f"a program of {total:,} instructions, {forward:,} of them in the forward pass"]
    if size:
        notes[0] += f"; n × {size:,} means n numbers for each of {size:,} samples"
    notes.append("draw(…, limit=None) draws every instruction")
    return Picture(cards, edges, "\n".join(notes))


def _name_of(layer: Owner) -> str:
    """Return the repr of a layer; of a module that contains others, the name of its class."""
    text = repr(layer)
    return type_name(layer) if "\n" in text else replace_controls(short(layer))


def _key(region: int) -> str:
    return {ARGUMENTS: "arguments", LOSS: "loss"}.get(region, f"layer{region}")
