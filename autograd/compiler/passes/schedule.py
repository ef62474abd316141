"""Schedule of a fused plan: the section of each instruction, and its level within the section."""

from __future__ import annotations

from ..ir.fused import Fused
from ..ir.tape import SOURCES
from .plan import Plan

#: Sections of a step: instructions that depend on arguments alone, those that change from step to step, those
#: that run once for each block of the batch, and those after the blocks.
SETTLED, BEFORE, BLOCKS, AFTER = range(4)


class Schedule:
    """Sections and levels; instructions of one level do not depend on each other.

    Batched instructions get the earliest possible level, because each depends on the one before anyway.
    Unbatched instructions get the latest one, so that all updates share one level.
    """

    def __init__(self, plan: Plan, fused: Fused) -> None:
        code, is_batched, reads = plan.tape.code, plan.tape.is_batched, fused.reads
        has_batch = plan.tape.batch_size > 0
        self.section = section = [SETTLED] * len(code)
        self.level = level = [0] * len(code)
        #: True if the batch can run block by block: no batched instruction depends on a sum over the batch.
        self.runs_in_blocks = True
        deepest = 0
        for i in fused.order:
            operation, _ = code[i]
            if operation in SOURCES:
                if operation != "const" and operation != "input":
                    section[i] = BEFORE
                continue
            height, after = 0, SETTLED
            for o in reads[i]:
                if level[o] > height:
                    height = level[o]
                if section[o] > after:
                    after = section[o]
            level[i] = height + 1
            if height >= deepest:
                deepest = height + 1
            if has_batch and (is_batched[i] or True in [is_batched[o] for o in reads[i]]):
                section[i] = BLOCKS
                if True in [section[o] > BEFORE and not is_batched[o] for o in reads[i]]:
                    self.runs_in_blocks = False
            else:
                section[i] = AFTER if after == BLOCKS else after
        if not self.runs_in_blocks:
            self.section = section = [min(s, BEFORE) for s in section]
        latest = [deepest] * len(code)
        for i in reversed(fused.order):
            operands = reads[i]
            reduces = has_batch and True in [is_batched[o] for o in operands]
            if operands and not is_batched[i] and not reduces and section[i] != SETTLED:
                level[i] = latest[i]
            before = level[i] - 1
            for o in operands:
                if before < latest[o]:
                    latest[o] = before
