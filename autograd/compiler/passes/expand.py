"""Expanding: primitives made of others are written out in them, and equal instructions entered once."""

from __future__ import annotations

from collections.abc import Sequence

from ...primitives import PRIMITIVES
from ..ir.patterns import value_of
from ..ir.tape import SIMPLE, SOURCES, Tape, needed


def rewritten(old: Tape, keep: Sequence[int]) -> tuple[Tape, list[int]]:
    """A new tape with what ``keep`` needs of the old one, and where each instruction went.

    What is the same in all lanes leaves them as well. All this is done after the backward pass was
    emitted: nodes merged before it would add up their gradients in another order, which may make inf of
    a nan.
    """
    new = Tape(old.lanes)
    code, apply = old.code, new.apply
    moved = [-1] * len(code)
    for i in needed(old, keep):
        operation, operands = code[i]
        if operation in SOURCES:
            moved[i] = new.source(operation, operands[0])
            continue
        read: tuple[int, ...] = operands
        places = tuple([moved[o] for o in read])
        if operation not in SIMPLE:
            moved[i] = value_of(PRIMITIVES[operation], len(places)).result(new, places)
        elif operation == "lanesum" and not new.in_lane[places[0]]:
            moved[i] = apply("mul", (places[0], new.source("const", float(new.lanes))))
        else:
            moved[i] = apply(operation, places)
    return new, moved
