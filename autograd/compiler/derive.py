"""The backward pass as instructions: each rule of the table is read on handles of the tape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..primitives import PRIMITIVES
from .tape import SOURCES, WITHOUT_SLOPE, Handle, Meaning, Tape, groups_of


def gradient(tape: Tape, output: int, inputs: Sequence[int]) -> list[int]:
    """Emit ∂output/∂input for each input, an instruction of the tape, and return their places.

    >>> tape = Tape()
    >>> x = tape.handle(tape.source("leaf", 0))
    >>> (slope,) = gradient(tape, (x * x * x).place, [x.place])
    >>> (bend,) = gradient(tape, slope, [x.place])  # what was emitted can be differentiated again
    """
    m = Meaning(tape, expand=False)
    code = tape.code
    depends = bytearray(len(code))
    for i in inputs:
        depends[i] = 1
    for i in range(output + 1):
        operation, operands = code[i]
        if not depends[i] and operation not in SOURCES and operation not in WITHOUT_SLOPE:
            depends[i] = any(depends[o] for o in operands)
    totals: dict[int, list[Any]] = {output: [1.0]}
    wanted = set(inputs)
    for i in range(output, -1, -1):
        if not depends[i] or i not in totals or code[i][0] in SOURCES or i in wanted:
            continue
        g = _total(m, tape, totals.pop(i))
        for operand, cotangent in _cotangents(m, tape, i, g, depends):
            if tape.in_lane[i] and not tape.in_lane[operand]:
                cotangent = _over_lanes(tape, cotangent)
            totals.setdefault(operand, []).append(cotangent)
    return [_total(m, tape, totals.get(i, [0.0])).place for i in inputs]


def _total(m: Meaning, tape: Tape, cotangents: list[Any]) -> Handle:
    handles = [
        c if isinstance(c, Handle) else tape.handle(tape.source("const", float(c))) for c in cotangents
    ]
    if len(handles) == 1:
        return handles[0]
    if len(handles) == 2:
        return handles[0] + handles[1]
    return m.apply("sum", handles)


def _over_lanes(tape: Tape, cotangent: Any) -> Any:
    """What all lanes pass back to an operand they share."""
    if isinstance(cotangent, Handle) and tape.in_lane[cotangent.place]:
        return tape.handle(tape.emit("lanesum", (cotangent.place,)))
    return cotangent * float(tape.lanes)


def _cotangents(m: Meaning, tape: Tape, i: int, g: Handle, depends: bytearray) -> list[tuple[int, Any]]:
    """What instruction i passes back to each of its operands that depends on an input."""
    operation, operands = tape.code[i]
    if operation == "where":  # what is selected is passed back, conditions have no slope
        condition = tape.handle(operands[0])
        found = []
        if depends[operands[1]]:
            found.append((operands[1], m.where(condition, g, 0.0)))
        if depends[operands[2]]:
            found.append((operands[2], m.where(condition, 0.0, g)))
        return found
    if operation == "lanesum":
        return [(operands[0], g)]
    entry = PRIMITIVES[operation]
    out = tape.handle(i)
    handles = [tape.handle(o) for o in operands]
    if not entry.nary:
        return [
            (o, rule(m, g, out, *handles)) for o, rule in zip(operands, entry.vjps, strict=True) if depends[o]
        ]
    found = []
    grouped = groups_of(entry, handles)
    for rule, group in zip(entry.vjps, grouped, strict=True):
        if isinstance(group, list):
            for lane, operand in enumerate(group):
                if depends[operand.place]:
                    found.append((operand.place, rule(m, g, out, *entry.at_lane(grouped, lane))))
        elif depends[group.place]:
            found.append((group.place, rule(m, g, out, *grouped)))
    return found
