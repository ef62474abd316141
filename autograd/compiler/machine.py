"""The machine of the numba backend: a fused plan as numbers it can interpret.

It has a word for each uniform number, and rows of lanes, which are used again once their number is no
longer needed. An instruction is its operation, where the result goes, and operands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .fuse import Fused, fuse, operands_of
from .layout import Layout
from .plan import Plan
from .tape import SOURCES

#: The first word of an instruction.
END, WORD_SOP, WORD_FUN, LANE_SOP, LANE_FUN, SPLAT, REDUCE = range(7)

FUNCTIONS = (
    "abs", "cos", "erf", "erfc", "exp", "expm1", "log", "log1p", "sin", "sqrt", "tanh", "where",
    "div", "pow", "lt", "le", "eq", "larger",
)  # fmt: skip
NUMBER_OF = {name: i for i, name in enumerate(FUNCTIONS)}


class Machine:
    """A plan lowered: ``program`` with its words and rows."""

    def __init__(self, plan: Plan, layout: Layout) -> None:
        self.plan = plan
        self.layout = layout
        self.fused: Fused = fuse(plan)
        self.program: list[int] = []
        #: Constants, and the word each is in.
        self.constants: dict[str, tuple[int, float]] = {}
        self.words = layout.outside
        self.word: dict[int, int] = {}
        self.row: dict[int, int] = {}
        #: Rows that are filled once: constants in every lane, by their word.
        self.filled: list[tuple[int, int]] = []
        self.one = self._constant(1.0)
        lanes = plan.lanes
        self.rows = len(lanes.rows) if lanes else 0
        self._splats: dict[int, int] = {}
        self._free: list[int] = []
        #: Uniform numbers that depend on arguments alone, and are worked out once for a run of steps.
        self.settled = self._settled()
        self.order = [i for i in self.fused.order if i in self.settled]
        first = len(self.order)
        self.order += [i for i in self.fused.order if i not in self.settled]
        #: Where in the program what changes from step to step begins.
        self.body = 0
        self._lower(first)
        self.program.append(END)

    def _settled(self) -> set[int]:
        tape = self.plan.tape
        settled: set[int] = set()
        for i in self.fused.order:
            operation, _ = tape.code[i]
            if operation in SOURCES:
                known = operation in ("const", "input")
            else:
                known = not tape.in_lane[i] and settled.issuperset(operands_of(tape, self.fused.sops, i))
            if known:
                settled.add(i)
        return settled

    def _constant(self, x: float) -> int:
        if repr(x) not in self.constants:
            self.constants[repr(x)] = self.words, x
            self.words += 1
        return self.constants[repr(x)][0]

    # Rows -----------------------------------------------------------------------------------------

    def _new_row(self) -> int:
        if self._free:
            return self._free.pop()
        self.rows += 1
        return self.rows - 1

    def _last_uses(self) -> dict[int, int]:
        last: dict[int, int] = {}
        for at, i in enumerate(self.order):
            for o in operands_of(self.plan.tape, self.fused.sops, i):
                last[o] = at
        for place in self.plan.results():
            last[place] = len(self.order)
        return last

    # Instructions ---------------------------------------------------------------------------------

    def _lower(self, first: int) -> None:
        tape = self.plan.tape
        last = self._last_uses()
        for at, i in enumerate(self.order):
            if at == first:
                self.body = len(self.program)
            operation, operands = tape.code[i]
            if operation == "const":
                self.word[i] = self._constant(operands[0])
            elif operation == "lane":
                self.row[i] = operands[0]
            elif operation in ("leaf", "state", "setting", "input"):
                self.word[i] = self.layout.word(operation, operands[0])
            else:
                used = operands_of(tape, self.fused.sops, i)
                if tape.in_lane[i]:
                    self._lane(i, operation, operands)
                else:
                    self._uniform(i, operation, operands)
                for o in {*used}:
                    if tape.in_lane[o] and tape.code[o][0] != "lane" and last[o] == at:
                        self._free.append(self.row[o])

    def _uniform(self, i: int, operation: str, operands: Iterable[int]) -> None:
        sop = self.fused.sops.get(i)
        out = self.word[i] = self.words
        self.words += 1
        if sop is not None and sop.reduces:
            self._reduce(out, sop.terms)
        elif sop is not None:
            pairs: dict[bool, list[int]] = {False: [], True: []}
            for negative, a, b in sop.terms:
                pairs[negative] += [self.word[a], self.word[b] if b >= 0 else self.one]
            plus, minus = pairs[False], pairs[True]
            head = [WORD_SOP, out, self._constant(sop.bias), len(plus) // 2, len(minus) // 2]
            self.program += head + plus + minus
        else:
            words = [self.word[o] for o in operands]
            if operation == "largest":
                self._fold(WORD_FUN, out, words)
            else:
                self.program += [WORD_FUN, NUMBER_OF[operation], out, *[*words, 0, 0][:3]]

    def _fold(self, kind: int, out: int, places: list[int]) -> None:
        """The largest of several, two by two."""
        larger = NUMBER_OF["larger"]
        before = places[0]
        for place in places[1:] or [before]:
            self.program += [kind, larger, out, before, place, 0]
            before = out

    def _reduce(self, out: int, terms: list[tuple[bool, int, int]]) -> None:
        in_lane = self.plan.tape.in_lane
        kinds: dict[Any, list[int]] = {key: [] for key in ("vv+", "vv-", "uv+", "uv-")}
        for negative, a, b in terms:
            sign = "-" if negative else "+"
            if b >= 0 and in_lane[a] and in_lane[b]:
                kinds["vv" + sign] += [self.row[a], self.row[b]]
            else:
                v, u = (a, b) if in_lane[a] else (b, a)
                kinds["uv" + sign] += [self.word[u] if u >= 0 else self.one, self.row[v]]
        self.program += [REDUCE, out, *[len(x) // 2 for x in kinds.values()]]
        for x in kinds.values():
            self.program += x

    def _lane(self, i: int, operation: str, operands: Iterable[int]) -> None:
        in_lane = self.plan.tape.in_lane
        sop = self.fused.sops.get(i)
        if sop is None:
            rows = [self.row[o] if in_lane[o] else self._splat(o) for o in operands]
            out = self.row[i] = self._new_row()
            if operation == "largest":
                self._fold(LANE_FUN, out, rows)
            else:
                self.program += [LANE_FUN, NUMBER_OF[operation], out, *[*rows, 0, 0][:3]]
            return
        kinds: dict[Any, list[int]] = {key: [] for key in ("uu+", "uu-", "vv+", "vv-", "uv+", "uv-")}
        for negative, a, b in sop.terms:
            sign = "-" if negative else "+"
            if not in_lane[a] and not (b >= 0 and in_lane[b]):
                kinds["uu" + sign] += [self.word[a], self.word[b] if b >= 0 else self.one]
            elif b >= 0 and in_lane[a] and in_lane[b]:
                kinds["vv" + sign] += [self.row[a], self.row[b]]
            else:
                v, u = (a, b) if in_lane[a] else (b, a)
                kinds["uv" + sign] += [self.word[u] if u >= 0 else self.one, self.row[v]]
        out = self.row[i] = self._new_row()
        self.program += [LANE_SOP, out, self._constant(sop.bias), *[len(x) // 2 for x in kinds.values()]]
        for x in kinds.values():
            self.program += x

    def _splat(self, i: int) -> int:
        """A row with a uniform number in every lane, filled once where the number is a constant."""
        if i not in self._splats:
            self._splats[i] = self.rows
            self.rows += 1
            if self.plan.tape.code[i][0] == "const":
                self.filled.append((self._splats[i], self.word[i]))
            else:
                self.program += [SPLAT, self._splats[i], self.word[i]]
        return self._splats[i]
