"""Lowering for the numba backend: a fused plan becomes an array of ints for interpreter.py.

Instructions of one kind and one level become one, on batched rows or on columns of slots. Slots that are read
together are adjacent. A row is reused once its number is no longer needed. A large batch runs block by block,
so that the rows of a block stay in the nearest cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any

from ...ir.fused import NO_BIAS, Fused, SumOfProducts, Term
from ...ir.tape import SOURCES
from ...passes.fuse import fuse
from ...passes.plan import Plan
from ...passes.schedule import AFTER, BLOCKS, SETTLED, Schedule
from ..memory import Layout
from .units import split_sum, units_of

#: The opcodes: the first number of an instruction.
(
    SLOT_SUM, FUNCTION, ROW_SUM, TILE, GRID, SPLAT, GATHER, SCATTER, PART, GUARD,
) = range(1, 11)  # fmt: skip

#: Kinds of terms of a row sum, in the order of addition: products of two scalars, of a scalar and a row, and
#: of two rows. The second number of each pair is for terms that are subtracted.
UU, UV, VV = (0, 1), (2, 3), (4, 5)
#: A term of a row sum, with its two addresses.
Part = tuple[int, int, int]

FUNCTIONS = (
    "abs", "cos", "erf", "erfc", "exp", "expm1", "log", "log1p", "sin", "sqrt", "tanh", "where",
    "div", "pow", "lt", "le", "eq", "larger",
)  # fmt: skip
NUMBER_OF = {name: i for i, name in enumerate(FUNCTIONS)}

#: The batch elements of a block, and the number whose multiple rows are padded to, the longest vector.
BLOCK, VECTOR = 128, 16
#: A column of several runs of adjacent slots is split if the runs have this length on average, else gathered.
LONG = 16
#: Offsets of addresses until the layout is final: of rows, of temporary columns, and of whole input rows.
_ROWS, _ROOM, _WHOLE = 1 << 40, 1 << 41, 1 << 42


class Machine:
    """A lowered plan: ``program`` and the layout of its memory."""

    def __init__(self, plan: Plan, layout: Layout) -> None:
        self.plan = plan
        self.layout = layout
        self.fused: Fused = fuse(plan)
        self.is_batched = plan.tape.is_batched
        self.batch_size = plan.batch_inputs.size if plan.batch_inputs else 1
        schedule = Schedule(plan, self.fused)
        self.section = schedule.section
        self.block = min(self.batch_size, BLOCK) if schedule.runs_in_blocks else self.batch_size
        self.stride = -(-self.block // VECTOR) * VECTOR
        self.whole_stride = -(-self.batch_size // VECTOR) * VECTOR
        self.slots = layout.outside
        #: The slot and the number of each constant.
        self.constants: dict[str, tuple[int, float]] = {}
        self.one = self._constant(1.0)
        self.zero = self._constant(-0.0)
        self.units = units_of(plan, self.fused, schedule)
        self.slot: dict[int, int] = {}
        self._assign()
        self.trash = self._new_slot()
        self.row: dict[int, int] = {}
        self.rows = 0
        self._free: list[int] = []
        #: Rows that are filled once with a constant: the row and the slot of the constant.
        self.filled: list[tuple[int, int]] = []
        self._splats: dict[int, int] = {}
        self._ones: int | None = None
        self._room = self._most_room = 0
        self.deepest = 1
        self.sections: list[int] = []
        self.code: list[int] = []
        self._lower()

    # Slots ----------------------------------------------------------------------------------------

    def _new_slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def _constant(self, x: float) -> int:
        key = repr(x)
        if key not in self.constants:
            self.constants[key] = self._new_slot(), x
        return self.constants[key][0]

    def _assign(self) -> None:
        """Assign a slot to each unbatched value; results are adjacent, and so are values read together."""
        plan, code = self.plan, self.plan.tape.code
        slot = self.slot
        for i in self.fused.order:
            operation, operands = code[i]
            if operation == "const":
                slot[i] = self._constant(operands[0])
            elif operation in SOURCES and operation != "row":
                slot[i] = self.layout.slot(operation, operands[0])

        is_batched, reads = self.is_batched, self.fused.reads

        def place(every: Iterable[int]) -> None:
            for i in every:
                if i not in slot and not is_batched[i]:
                    slot[i] = self.slots
                    self.slots += 1

        place(plan.gradients)
        place(i for _, i in plan.leaf_updates)
        place(i for _, i in plan.state_updates)
        for kind, members, how in reversed(self.units):
            place(members)
            if kind == "columns":
                for column in self._columns(members):
                    place(column)
            elif kind == "grid" and isinstance(how[0][0], tuple):
                for vector in (*how[1], *how[0]):
                    place(vector)
            else:
                for i in members:
                    place(reads[i])

    def _columns(self, members: Sequence[int]) -> list[tuple[int, ...]]:
        """Return the operands of instructions of one kind: a column for the first, the second, …"""
        sums = self.fused.sums
        if members[0] not in sums:
            return [*zip(*[self.plan.tape.code[i][1] for i in members])]
        pairs = zip(*[[x for _, a, b in sums[i].terms for x in (a, b) if x >= 0] for i in members])
        return [*pairs]

    # Rows -----------------------------------------------------------------------------------------

    def _new_row(self) -> int:
        if self._free:
            return self._free.pop()
        self.rows += 1
        return self.rows - 1

    def _row_address(self, i: int) -> int:
        """Return the address of a row."""
        return _ROWS + self.row[i] * self.stride

    def _splat(self, i: int) -> int:
        """Return the address of a row with a scalar in every element; a constant is written once."""
        if i not in self._splats:
            self._splats[i] = self.rows
            self.rows += 1
            if self.plan.tape.code[i][0] == "const":
                self.filled.append((self._splats[i], self.slot[i]))
            else:
                self.code += [SPLAT, 0, _ROWS + self._splats[i] * self.stride, self.slot[i]]
        return _ROWS + self._splats[i] * self.stride

    def _row_of_ones(self) -> int:
        if self._ones is None:
            self._ones = self.rows
            self.rows += 1
            self.filled.append((self._ones, self.one))
        return _ROWS + self._ones * self.stride

    # Instructions ---------------------------------------------------------------------------------

    def _lower(self) -> None:
        tape = self.plan.tape
        input_rows = self.plan.batch_inputs.rows if self.plan.batch_inputs else []
        inputs = [i for i in self.fused.order if tape.code[i][0] == "row"]
        for i in inputs:
            self.row[i] = tape.code[i][1][0]
        answers: dict[int, list[bool]] = {}
        for i, answer in self.plan.guards:
            if self.is_batched[i]:
                answers.setdefault(i, []).append(answer)
        dying = self._dying() if tape.batch_size else {}
        emit = {kind: getattr(self, f"_emit_{kind}") for kind in ("alone", "columns", "grid", "tile")}
        section = SETTLED
        self.sections = [0]
        self.loads = inputs if self.block < self.batch_size else []
        self.rows = 0 if self.loads else len(input_rows)
        for unit, (kind, members, how) in enumerate(self.units):
            while section < self.section[members[0]]:
                self._begin(section := section + 1)
            if self.is_batched[members[0]]:
                for i in members:
                    self.row[i] = self._new_row()
            self._room = 0
            emit[kind](members, how)
            if answers:
                for i in members:
                    for answer in answers.get(i, ()):
                        self.code += [GUARD, self._row_address(i), answer]
            if unit in dying:
                self._free += [self.row[i] for i in dying[unit]]
        while section < AFTER:
            self._begin(section := section + 1)
        self.sections.append(len(self.code))

    def _dying(self) -> dict[int, list[int]]:
        """Map each unit to the rows that no later unit reads."""
        last: dict[int, int] = {}
        for unit, (_, members, _) in enumerate(self.units):
            for i in members:
                last.setdefault(i, unit)
                for o in self.fused.reads[i]:
                    last[o] = unit
        places: dict[int, list[int]] = {}
        for i, unit in last.items():
            if self.is_batched[i] and self.plan.tape.code[i][0] != "row":
                places.setdefault(unit, []).append(i)
        return places

    def _begin(self, section: int) -> None:
        self.sections.append(len(self.code))
        if section == BLOCKS:
            for i in self.loads:  # whole rows of inputs are stored after the rows of a block
                whole = _WHOLE + self.row[i] * self.whole_stride
                self.row[i] = self._new_row()
                self.code += [PART, self._row_address(i), whole]

    def _emit_alone(self, members: list[int], how: Any) -> None:
        (i,) = members
        total = self.fused.sums.get(i)
        operation, operands = self.plan.tape.code[i]
        if total is None:
            if self.is_batched[i]:
                places = [self._row_address(o) if self.is_batched[o] else self._splat(o) for o in operands]
                self._function(operation, 0, self._row_address(i), places)
            else:
                self._function(operation, 1, self.slot[i], [self.slot[o] for o in operands])
        elif self.is_batched[i]:
            self._row_sum(self._row_address(i), total)
        else:
            self._slot_sum(self.slot[i], total)

    def _slot_sum(self, out: int, total: SumOfProducts) -> None:
        start = self._constant(total.bias)
        terms = [
            (negative, self.slot[a], self.slot[b] if b >= 0 else self.one) for negative, a, b in total.terms
        ]
        for part in _in_parts(terms, total.commutes):
            minus = sum(negative for negative, _, _ in part)
            pairs = [x for _, a, b in part for x in (a, b)]
            self.code += [SLOT_SUM, out, start, len(part) - minus, minus, *pairs]
            start = out

    def _function(self, operation: str, n: int, out: int, places: Sequence[int]) -> None:
        if operation == "largest":  # the largest of two, repeatedly
            before = places[0]
            for place in places[1:] or [before]:
                self.code += [FUNCTION, NUMBER_OF["larger"], n, out, before, place, 0]
                before = out
        else:
            self.code += [FUNCTION, NUMBER_OF[operation], n, out, *[*places, 0, 0][:3]]

    def _row_sum(self, out: int, total: SumOfProducts, onto: bool = False) -> None:
        """Emit a sum of rows, which is added to ``out`` if ``onto`` is set."""
        batched, commutes = self.is_batched, not total.ordered if onto else total.commutes
        parts: list[Part] = []
        for negative, a, b in total.terms:
            if batched[a] or (b >= 0 and batched[b]):
                v, u = (a, b) if batched[a] else (b, a)
                if u >= 0 and batched[u]:
                    parts.append((VV[negative], self._row_address(u), self._row_address(v)))
                else:
                    parts.append((UV[negative], self.slot[u] if u >= 0 else self.one, self._row_address(v)))
            elif commutes or not (onto or _has_rows(parts)):
                parts.append((UU[negative], self.slot[a], self.slot[b] if b >= 0 else self.one))
            elif b < 0:
                parts.append((UV[negative], self.slot[a], self._row_of_ones()))
            else:
                parts.append((UV[negative], self.slot[a], self._splat(b)))
        self._sum(0, out, total.bias, parts, commutes, onto)

    def _sum(
        self, n: int, out: int, bias: float, parts: list[Part], commutes: bool, onto: bool = False
    ) -> None:
        for part in _in_parts(parts, commutes):
            if onto:
                part, bias = sorted([(UV[0], self.one, out), *part], key=itemgetter(0)), -0.0
            kinds = [kind for kind, _, _ in part]
            self.code += [ROW_SUM, n, out, self._constant(bias), *map(kinds.count, (*UU, *UV, *VV))]
            slots = sum(kind in UU for kind in kinds)
            self.code += [x for _, a, b in (*part[slots:], *part[:slots]) for x in (a, b)]
            onto = True

    def _emit_tile(self, members: list[int], how: tuple[bool, tuple[int, ...]]) -> None:
        """Emit sums of the same rows, four at a time."""
        ordered, rows = how
        for four in [members[k : k + 4] for k in range(0, len(members), 4)]:
            sums = [self.fused.sums[i] for i in four]
            if len(four) < 4:
                for i, total in zip(four, sums):
                    self._row_sum(self._row_address(i), total)
                continue
            parts = [split_sum(total, self.is_batched) for total in sums]
            starts = [self._start(t.bias, p.unbatched, ordered) for t, p in zip(sums, parts)]
            self.code += [
                TILE,
                ordered,
                len(rows),
                *map(self._row_address, four),
                *starts,
                *map(self._row_address, rows),
            ]
            self.code += [self.slot[u] for column in zip(*[p.products for p in parts]) for u, _ in column]
            self.deepest = max(self.deepest, 4 * len(rows))
            for i, part in zip(four, parts):
                if part.rest:
                    self._row_sum(
                        self._row_address(i), SumOfProducts(-0.0, part.rest, ordered=ordered), onto=True
                    )

    def _start(self, bias: float, terms: list[Term], ordered: bool) -> int:
        """Emit a sum of scalars and return its address."""
        if not terms:
            return self._constant(bias)
        negative, a, b = terms[0]
        if len(terms) == 1 and b < 0 and not negative and repr(bias) == NO_BIAS:
            return self.slot[a]
        place = self._new_slot()
        self._slot_sum(place, SumOfProducts(bias, terms, ordered=ordered))
        return place

    def _emit_grid(self, members: list[int], how: Any) -> None:
        """Emit dot products of each left row with each right one; or of vectors of slots."""
        lefts, rights = how
        if isinstance(lefts[0], tuple):
            n = len(lefts[0])
            left, right = ([self._vector(v) for v in vectors] for vectors in (lefts, rights))
        else:
            n = 0
            left, right = (
                [self._row_address(v) if v >= 0 else self._row_of_ones() for v in rows]
                for rows in (lefts, rights)
            )
        slots = [self.slot[i] for i in members]
        bias = self._constant(self.fused.sums[members[0]].bias)
        for i in self._fours(len(left)):
            for j in self._fours(len(right)):
                outs = [
                    slots[max(a, 0) * len(right) + max(b, 0)] if a >= 0 and b >= 0 else self.trash
                    for a in i
                    for b in j
                ]
                rows = [left[max(a, 0)] for a in i] + [right[max(b, 0)] for b in j]
                self.code += [GRID, n, len(i), len(j), bias, *rows, *outs]

    def _fours(self, count: int) -> list[list[int]]:
        """Group 0, 1, … by four; −1 fills up the last group, unless it has one element."""
        groups = [[*range(k, min(k + 4, count))] for k in range(0, count, 4)]
        if 1 < len(groups[-1]) < 4:
            groups[-1] += [-1] * (4 - len(groups[-1]))
        return groups

    # Columns --------------------------------------------------------------------------------------

    def _vector(self, ids: Sequence[int]) -> int:
        """Return the address of adjacent slots; emit a gather if the slots are not adjacent."""
        places = [self.slot[i] for i in ids]
        if places == [*range(places[0], places[0] + len(places))]:
            return places[0]
        room = self._more_room(len(ids))
        self.code += [GATHER, len(ids), room, *places]
        return room

    def _more_room(self, n: int) -> int:
        self._room += n
        self._most_room = max(self._most_room, self._room)
        return _ROOM + self._room - n

    def _emit_columns(self, members: list[int], how: Any) -> None:
        """Emit unbatched instructions of one kind as one instruction on columns of slots."""
        members = sorted(members, key=self.slot.__getitem__)
        n = len(members)
        runs = [k for k in range(n) if k == 0 or self.slot[members[k]] != self.slot[members[k - 1]] + 1]
        if 1 < len(runs) <= n // LONG:  # a few long runs are emitted separately
            for first, end in pairwise([*runs, n]):
                self._emit_columns(members[first:end], how)
            return
        places = [self.slot[i] for i in members]
        is_scattered = places != [*range(places[0], places[0] + n)]
        out = self._more_room(n) if is_scattered else places[0]
        total = self.fused.sums.get(members[0])
        columns = self._columns(members)
        if total is None:
            operation = self.plan.tape.code[members[0]][0]
            self._function(operation, n, out, [self._vector(c) for c in columns])
        else:
            parts: list[Part] = []
            remaining = iter(columns)
            for negative, _, b in total.terms:
                pair = [next(remaining) for _ in range(1 + (b >= 0))]
                wide = [column for column in pair if len({*column}) > 1]
                slots = [column for column in pair if len({*column}) == 1]
                if not wide and not total.commutes and _has_rows(parts):
                    wide.append(slots.pop())
                factors = [*[self.slot[column[0]] for column in slots], self.one][: 2 - len(wide)]
                a, b = (*factors, *map(self._vector, wide))
                parts.append(((UU, UV, VV)[len(wide)][negative], a, b))
            self._sum(n, out, total.bias, parts, total.commutes)
        if is_scattered:
            self.code += [SCATTER, n, out, *places]

    # Final layout ---------------------------------------------------------------------------------

    def program(self, np: Any) -> Any:
        """Return the program with final addresses."""
        self.rows_address = -(-(self.slots + self._most_room) // VECTOR) * VECTOR
        #: Whole rows of the inputs: the first rows, or separate rows if there are several blocks.
        self.inputs_address = self.rows_address + self.rows * self.stride * bool(self.loads)
        inputs = len(self.plan.batch_inputs.rows) if self.plan.batch_inputs else 0
        self.size = (
            self.rows_address
            + max(
                self.rows * self.stride, self.inputs_address - self.rows_address + inputs * self.whole_stride
            )
            + 4 * VECTOR
        )  # vectors read beyond the last row; those numbers are not used
        code = np.array(self.code, dtype=np.int64)
        for tag, address in ((_WHOLE, self.inputs_address), (_ROOM, self.slots), (_ROWS, self.rows_address)):
            code[code >= tag] += address - tag
        return code


def _has_rows(parts: list[Part]) -> bool:
    """Return True if the last part has a row; a product of two scalars has no place after it."""
    return bool(parts) and parts[-1][0] >= UV[0]


def _in_parts(terms: list[Any], commute: bool) -> Iterable[list[Any]]:
    """Yield the terms sorted by kind, their first item; in several parts if they do not commute."""
    if commute:
        yield sorted(terms, key=itemgetter(0))
        return
    ends = [k for k in range(1, len(terms)) if terms[k][0] < terms[k - 1][0]]
    for first, end in pairwise([0, *ends, len(terms)]):
        yield terms[first:end]
