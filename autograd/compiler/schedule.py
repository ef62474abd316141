"""When each instruction of a fused plan runs: its section, and its level within it."""

from __future__ import annotations

from .fuse import Fused, operands_of
from .plan import Plan
from .tape import SOURCES

#: Sections of a step: what depends on arguments alone, what changes from step to step, what is done for
#: each block of lanes, and what comes after.
SETTLED, BEFORE, BLOCKS, AFTER = range(4)


class Schedule:
    """Sections and levels; instructions of one level do not depend on each other.

    Numbers in lanes come as early as they can, as they wait for each other anyhow. Uniform ones come as
    late as they can, so that all updates are like instructions of one level.
    """

    def __init__(self, plan: Plan, fused: Fused) -> None:
        self.section: dict[int, int] = {}
        self.level: dict[int, int] = {}
        #: Whether lanes can be done block by block: none of them waits for a sum over all.
        self.parted = True
        tape = plan.tape
        operands = {i: operands_of(tape, fused.sops, i) for i in fused.order}
        for i in fused.order:
            operation, _ = tape.code[i]
            if operation in SOURCES:
                self.level[i] = 0
                self.section[i] = SETTLED if operation in ("const", "input") else BEFORE
                continue
            self.level[i] = 1 + max((self.level[o] for o in operands[i]), default=0)
            if tape.in_lane[i] or any(tape.in_lane[o] for o in operands[i]):
                self.section[i] = BLOCKS
                late = (self.section[o] > BEFORE and not tape.in_lane[o] for o in operands[i])
                self.parted &= not any(late)
            else:
                after = max((self.section[o] for o in operands[i]), default=SETTLED)
                self.section[i] = AFTER if after == BLOCKS else after
        if not self.parted:
            self.section = {i: min(s, BEFORE) for i, s in self.section.items()}
        latest = dict.fromkeys(fused.order, max(self.level.values(), default=0))
        for i in reversed(fused.order):
            reduces = any(tape.in_lane[o] for o in operands[i])
            if operands[i] and not tape.in_lane[i] and not reduces and self.section[i] != SETTLED:
                self.level[i] = latest[i]
            for o in operands[i]:
                latest[o] = min(latest[o], self.level[i] - 1)
