"""The lowering for the numba backend: a fused plan as numbers for interpreter.py to go through.

Like instructions of a level become one, on rows of lanes or on columns of words; words are laid out so
that what is read together lies together. Rows are used again once their number is no longer needed, and
many lanes are done block by block, so that the rows of a block stay in the nearest cache.
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
from .units import parted, units_of

#: The first number of an instruction.
(
    WORD_SUM, FUNCTION, ROW_SUM, TILE, GRID, SPLAT, GATHER, SCATTER, PART, GUARD,
) = range(1, 11)  # fmt: skip

#: Terms of a row sum in the order in which they are added, those that are subtracted second: products of two
#: scalars, of a scalar and a row, and of two rows.
UU, UV, VV = (0, 1), (2, 3), (4, 5)
#: A term of a row sum, with its two addresses.
Part = tuple[int, int, int]

FUNCTIONS = (
    "abs", "cos", "erf", "erfc", "exp", "expm1", "log", "log1p", "sin", "sqrt", "tanh", "where",
    "div", "pow", "lt", "le", "eq", "larger",
)  # fmt: skip
NUMBER_OF = {name: i for i, name in enumerate(FUNCTIONS)}

#: Lanes of a block, and numbers that rows are padded to a multiple of: a vector of the longest kind.
BLOCK, VECTOR = 128, 16
#: Columns of words that lie apart are parted if the parts are so long on average, and else moved together.
LONG = 16
#: Until all is laid out: addresses from here on are those of rows, of room for columns, and of inputs.
_ROWS, _ROOM, _WHOLE = 1 << 40, 1 << 41, 1 << 42


class Machine:
    """A plan lowered: ``program`` with its memory."""

    def __init__(self, plan: Plan, layout: Layout) -> None:
        self.plan = plan
        self.layout = layout
        self.fused: Fused = fuse(plan)
        self.in_lane = plan.tape.in_lane
        self.lanes = plan.lanes.width if plan.lanes else 1
        schedule = Schedule(plan, self.fused)
        self.section = schedule.section
        self.block = min(self.lanes, BLOCK) if schedule.parted else self.lanes
        self.stride = -(-self.block // VECTOR) * VECTOR
        self.whole = -(-self.lanes // VECTOR) * VECTOR
        self.words = layout.outside
        #: Constants, and the word each is in.
        self.constants: dict[str, tuple[int, float]] = {}
        self.one = self._constant(1.0)
        self.nothing = self._constant(-0.0)
        self.units = units_of(plan, self.fused, schedule)
        self.word: dict[int, int] = {}
        self._assign()
        self.trash = self._new_word()
        self.row: dict[int, int] = {}
        self.rows = 0
        self._free: list[int] = []
        #: Rows that are filled once: constants in every lane, by their word.
        self.filled: list[tuple[int, int]] = []
        self._splats: dict[int, int] = {}
        self._ones: int | None = None
        self._room = self._most_room = 0
        self.deepest = 1
        self.sections: list[int] = []
        self.code: list[int] = []
        self._lower()

    # Words ----------------------------------------------------------------------------------------

    def _new_word(self) -> int:
        self.words += 1
        return self.words - 1

    def _constant(self, x: float) -> int:
        key = repr(x)
        if key not in self.constants:
            self.constants[key] = self._new_word(), x
        return self.constants[key][0]

    def _assign(self) -> None:
        """A word for each uniform number: side by side what is a result, then what is read together."""
        plan, code = self.plan, self.plan.tape.code
        word = self.word
        for i in self.fused.order:
            operation, operands = code[i]
            if operation == "const":
                word[i] = self._constant(operands[0])
            elif operation in SOURCES and operation != "lane":
                word[i] = self.layout.word(operation, operands[0])

        in_lane, reads = self.in_lane, self.fused.reads

        def place(every: Iterable[int]) -> None:
            for i in every:
                if i not in word and not in_lane[i]:
                    word[i] = self.words
                    self.words += 1

        place(plan.gradients)
        place(i for _, i in plan.moved)
        place(i for _, i in plan.kept)
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
        """The operands of like instructions, each in turn for all of them; −1 where there is none."""
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

    def _at(self, i: int) -> int:
        """The address of a row."""
        return _ROWS + self.row[i] * self.stride

    def _splat(self, i: int) -> int:
        """The address of a row with a word in every lane, filled once where it is a constant."""
        if i not in self._splats:
            self._splats[i] = self.rows
            self.rows += 1
            if self.plan.tape.code[i][0] == "const":
                self.filled.append((self._splats[i], self.word[i]))
            else:
                self.code += [SPLAT, 0, _ROWS + self._splats[i] * self.stride, self.word[i]]
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
        lane_rows = self.plan.lanes.rows if self.plan.lanes else []
        inputs = [i for i in self.fused.order if tape.code[i][0] == "lane"]
        for i in inputs:
            self.row[i] = tape.code[i][1][0]
        answers: dict[int, list[bool]] = {}
        for i, answer in self.plan.guards:
            if self.in_lane[i]:
                answers.setdefault(i, []).append(answer)
        dying = self._dying() if tape.lanes else {}
        emit = {kind: getattr(self, f"_emit_{kind}") for kind in ("alone", "columns", "grid", "tile")}
        section = SETTLED
        self.sections = [0]
        self.loads = inputs if self.block < self.lanes else []
        self.rows = 0 if self.loads else len(lane_rows)
        for at, (kind, members, how) in enumerate(self.units):
            while section < self.section[members[0]]:
                self._begin(section := section + 1)
            if self.in_lane[members[0]]:
                for i in members:
                    self.row[i] = self._new_row()
            self._room = 0
            emit[kind](members, how)
            if answers:
                for i in members:
                    for answer in answers.get(i, ()):
                        self.code += [GUARD, self._at(i), answer]
            if at in dying:
                self._free += [self.row[i] for i in dying[at]]
        while section < AFTER:
            self._begin(section := section + 1)
        self.sections.append(len(self.code))

    def _dying(self) -> dict[int, list[int]]:
        """By the unit the rows that nothing after it reads."""
        last: dict[int, int] = {}
        for at, (_, members, _) in enumerate(self.units):
            for i in members:
                last.setdefault(i, at)
                for o in self.fused.reads[i]:
                    last[o] = at
        found: dict[int, list[int]] = {}
        for i, at in last.items():
            if self.in_lane[i] and self.plan.tape.code[i][0] != "lane":
                found.setdefault(at, []).append(i)
        return found

    def _begin(self, section: int) -> None:
        self.sections.append(len(self.code))
        if section == BLOCKS:
            for i in self.loads:  # all lanes of an input are kept beyond the rows
                whole = _WHOLE + self.row[i] * self.whole
                self.row[i] = self._new_row()
                self.code += [PART, self._at(i), whole]

    def _emit_alone(self, members: list[int], how: Any) -> None:
        (i,) = members
        total = self.fused.sums.get(i)
        operation, operands = self.plan.tape.code[i]
        if total is None:
            if self.in_lane[i]:
                places = [self._at(o) if self.in_lane[o] else self._splat(o) for o in operands]
                self._function(operation, 0, self._at(i), places)
            else:
                self._function(operation, 1, self.word[i], [self.word[o] for o in operands])
        elif self.in_lane[i]:
            self._row_sum(self._at(i), total)
        else:
            self._word_sum(self.word[i], total)

    def _word_sum(self, out: int, total: SumOfProducts) -> None:
        start = self._constant(total.bias)
        terms = [
            (negative, self.word[a], self.word[b] if b >= 0 else self.one) for negative, a, b in total.terms
        ]
        for part in _in_parts(terms, total.commutes):
            minus = sum(negative for negative, _, _ in part)
            pairs = [x for _, a, b in part for x in (a, b)]
            self.code += [WORD_SUM, out, start, len(part) - minus, minus, *pairs]
            start = out

    def _function(self, operation: str, n: int, out: int, places: Sequence[int]) -> None:
        if operation == "largest":  # two by two
            before = places[0]
            for place in places[1:] or [before]:
                self.code += [FUNCTION, NUMBER_OF["larger"], n, out, before, place, 0]
                before = out
        else:
            self.code += [FUNCTION, NUMBER_OF[operation], n, out, *[*places, 0, 0][:3]]

    def _row_sum(self, out: int, total: SumOfProducts, onto: bool = False) -> None:
        """Emit a sum of rows, which is added to ``out`` if ``onto`` is set."""
        lane, commutes = self.in_lane, not total.ordered if onto else total.commutes
        parts: list[Part] = []
        for negative, a, b in total.terms:
            if lane[a] or (b >= 0 and lane[b]):
                v, u = (a, b) if lane[a] else (b, a)
                if u >= 0 and lane[u]:
                    parts.append((VV[negative], self._at(u), self._at(v)))
                else:
                    parts.append((UV[negative], self.word[u] if u >= 0 else self.one, self._at(v)))
            elif commutes or not (onto or _has_rows(parts)):
                parts.append((UU[negative], self.word[a], self.word[b] if b >= 0 else self.one))
            elif b < 0:
                parts.append((UV[negative], self.word[a], self._row_of_ones()))
            else:
                parts.append((UV[negative], self.word[a], self._splat(b)))
        self._sum(0, out, total.bias, parts, commutes, onto)

    def _sum(
        self, n: int, out: int, bias: float, parts: list[Part], commutes: bool, onto: bool = False
    ) -> None:
        for part in _in_parts(parts, commutes):
            if onto:
                part, bias = sorted([(UV[0], self.one, out), *part], key=itemgetter(0)), -0.0
            kinds = [kind for kind, _, _ in part]
            self.code += [ROW_SUM, n, out, self._constant(bias), *map(kinds.count, (*UU, *UV, *VV))]
            words = sum(kind in UU for kind in kinds)
            self.code += [x for _, a, b in (*part[words:], *part[:words]) for x in (a, b)]
            onto = True

    def _emit_tile(self, members: list[int], how: tuple[bool, tuple[int, ...]]) -> None:
        """Rows that are sums of the same rows, four at a time."""
        ordered, rows = how
        for four in [members[k : k + 4] for k in range(0, len(members), 4)]:
            sums = [self.fused.sums[i] for i in four]
            if len(four) < 4:
                for i, total in zip(four, sums):
                    self._row_sum(self._at(i), total)
                continue
            parts = [parted(total, self.in_lane) for total in sums]
            starts = [self._start(t.bias, p.unbatched, ordered) for t, p in zip(sums, parts)]
            self.code += [TILE, ordered, len(rows), *map(self._at, four), *starts, *map(self._at, rows)]
            self.code += [self.word[u] for column in zip(*[p.products for p in parts]) for u, _ in column]
            self.deepest = max(self.deepest, 4 * len(rows))
            for i, part in zip(four, parts):
                if part.rest:
                    self._row_sum(self._at(i), SumOfProducts(-0.0, part.rest, ordered=ordered), onto=True)

    def _start(self, bias: float, terms: list[Term], ordered: bool) -> int:
        """The address of a sum of scalars."""
        if not terms:
            return self._constant(bias)
        negative, a, b = terms[0]
        if len(terms) == 1 and b < 0 and not negative and repr(bias) == NO_BIAS:
            return self.word[a]
        place = self._new_word()
        self._word_sum(place, SumOfProducts(bias, terms, ordered=ordered))
        return place

    def _emit_grid(self, members: list[int], how: Any) -> None:
        """Sums over lanes, or over the places of vectors of words, of each left one with each right one."""
        lefts, rights = how
        if isinstance(lefts[0], tuple):
            n = len(lefts[0])
            left, right = ([self._vector(v) for v in vectors] for vectors in (lefts, rights))
        else:
            n = 0
            left, right = (
                [self._at(v) if v >= 0 else self._row_of_ones() for v in rows] for rows in (lefts, rights)
            )
        words = [self.word[i] for i in members]
        bias = self._constant(self.fused.sums[members[0]].bias)
        for i in self._fours(len(left)):
            for j in self._fours(len(right)):
                outs = [
                    words[max(a, 0) * len(right) + max(b, 0)] if a >= 0 and b >= 0 else self.trash
                    for a in i
                    for b in j
                ]
                rows = [left[max(a, 0)] for a in i] + [right[max(b, 0)] for b in j]
                self.code += [GRID, n, len(i), len(j), bias, *rows, *outs]

    def _fours(self, count: int) -> list[list[int]]:
        """0, 1, … in fours; −1 fills up the last, but for one that is left alone."""
        found = [[*range(k, min(k + 4, count))] for k in range(0, count, 4)]
        if 1 < len(found[-1]) < 4:
            found[-1] += [-1] * (4 - len(found[-1]))
        return found

    # Columns --------------------------------------------------------------------------------------

    def _vector(self, ids: Sequence[int]) -> int:
        """The address of words side by side, gathered if they are not."""
        places = [self.word[i] for i in ids]
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
        """Like instructions on words, as one on columns of them."""
        members = sorted(members, key=self.word.__getitem__)
        n = len(members)
        runs = [k for k in range(n) if k == 0 or self.word[members[k]] != self.word[members[k - 1]] + 1]
        if 1 < len(runs) <= n // LONG:  # a few long ones: one after another
            for first, end in pairwise([*runs, n]):
                self._emit_columns(members[first:end], how)
            return
        places = [self.word[i] for i in members]
        apart = places != [*range(places[0], places[0] + n)]
        out = self._more_room(n) if apart else places[0]
        total = self.fused.sums.get(members[0])
        columns = self._columns(members)
        if total is None:
            operation = self.plan.tape.code[members[0]][0]
            self._function(operation, n, out, [self._vector(c) for c in columns])
        else:
            parts: list[Part] = []
            waiting = iter(columns)
            for negative, _, b in total.terms:
                both = [next(waiting) for _ in range(1 + (b >= 0))]
                wide = [column for column in both if len({*column}) > 1]
                words = [column for column in both if len({*column}) == 1]
                if not wide and not total.commutes and _has_rows(parts):
                    wide.append(words.pop())
                factors = [*[self.word[column[0]] for column in words], self.one][: 2 - len(wide)]
                a, b = (*factors, *map(self._vector, wide))
                parts.append(((UU, UV, VV)[len(wide)][negative], a, b))
            self._sum(n, out, total.bias, parts, total.commutes)
        if apart:
            self.code += [SCATTER, n, out, *places]

    # All laid out ---------------------------------------------------------------------------------

    def program(self, np: Any) -> Any:
        """The program, with the addresses as they are in the end."""
        self.rows_at = -(-(self.words + self._most_room) // VECTOR) * VECTOR
        #: All lanes of the inputs: the first rows, or rows of their own if there are several blocks.
        self.inputs_at = self.rows_at + self.rows * self.stride * bool(self.loads)
        inputs = len(self.plan.lanes.rows) if self.plan.lanes else 0
        self.size = (
            self.rows_at
            + max(self.rows * self.stride, self.inputs_at - self.rows_at + inputs * self.whole)
            + 4 * VECTOR
        )  # what is read beyond the last row is not used
        code = np.array(self.code, dtype=np.int64)
        for tag, address in ((_WHOLE, self.inputs_at), (_ROOM, self.words), (_ROWS, self.rows_at)):
            code[code >= tag] += address - tag
        return code


def _has_rows(parts: list[Part]) -> bool:
    """Return True if the last part has a row; a product of two scalars has no place after it."""
    return bool(parts) and parts[-1][0] >= UV[0]


def _in_parts(terms: list[Any], commute: bool) -> Iterable[list[Any]]:
    """The terms sorted by the first item, their kind; in several parts if they do not commute."""
    if commute:
        yield sorted(terms, key=itemgetter(0))
        return
    ends = [k for k in range(1, len(terms)) if terms[k][0] < terms[k - 1][0]]
    for first, end in pairwise([0, *ends, len(terms)]):
        yield terms[first:end]
