"""Expansion: composite primitives become simple instructions, and equal instructions are merged."""

from __future__ import annotations

from collections.abc import Sequence

from ...primitives import PRIMITIVES
from ..ir.patterns import value_of
from ..ir.tape import SIMPLE, SOURCES, Tape, needed


def expand(old: Tape, keep: Sequence[int]) -> tuple[Tape, list[int]]:
    """Return a new tape with the instructions that ``keep`` needs, and the new place of each instruction.

    An instruction that is equal for all batch elements is no longer batched. This pass comes after
    differentiation: nodes merged before it would accumulate their gradients in another order, which may turn
    nan into inf.
    """
    new = Tape(old.batch_size)
    code, apply = old.code, new.apply
    copies = [-1] * len(code)
    for i in needed(old, keep):
        operation, operands = code[i]
        if operation in SOURCES:
            copies[i] = new.source(operation, operands[0])
            continue
        read: tuple[int, ...] = operands
        places = tuple([copies[o] for o in read])
        if operation not in SIMPLE:
            copies[i] = value_of(PRIMITIVES[operation], len(places)).result(new, places)
        elif operation == "batch_sum" and not new.is_batched[places[0]]:
            copies[i] = apply("mul", (places[0], new.source("const", float(new.batch_size))))
        else:
            copies[i] = apply(operation, places)
    return new, copies
