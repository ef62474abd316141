"""When each instruction of a fused plan runs: its section, and its level within it."""

from __future__ import annotations

from ..ir.fused import Fused
from ..ir.tape import SOURCES
from .plan import Plan

#: Sections of a step: what depends on arguments alone, what changes from step to step, what is done for
#: each block of lanes, and what comes after.
SETTLED, BEFORE, BLOCKS, AFTER = range(4)


class Schedule:
    """Sections and levels; instructions of one level do not depend on each other.

    Numbers in lanes come as early as they can, as they wait for each other anyhow. Uniform ones come as
    late as they can, so that all updates are like instructions of one level.
    """

    def __init__(self, plan: Plan, fused: Fused) -> None:
        code, lanes, in_lane, reads = plan.tape.code, plan.tape.lanes, plan.tape.in_lane, fused.reads
        self.section = section = [SETTLED] * len(code)
        self.level = level = [0] * len(code)
        #: Whether lanes can be done block by block: none of them waits for a sum over all.
        self.parted = True
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
            if lanes and (in_lane[i] or True in [in_lane[o] for o in reads[i]]):
                section[i] = BLOCKS
                if True in [section[o] > BEFORE and not in_lane[o] for o in reads[i]]:
                    self.parted = False
            else:
                section[i] = AFTER if after == BLOCKS else after
        if not self.parted:
            self.section = section = [min(s, BEFORE) for s in section]
        latest = [deepest] * len(code)
        for i in reversed(fused.order):
            operands = reads[i]
            reduces = lanes and True in [in_lane[o] for o in operands]
            if operands and not in_lane[i] and not reduces and section[i] != SETTLED:
                level[i] = latest[i]
            before = level[i] - 1
            for o in operands:
                if before < latest[o]:
                    latest[o] = before
