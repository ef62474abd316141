"""The NumPy backend: instructions of one kind and one level become one call on arrays.

Every unbatched value has a slot, every batched one a row. A group of instructions of one kind writes adjacent
slots or rows. Operands at regular distances are views that are made once; others are gathered at each step.
Sums of products over the same rows become one matrix product, unless their order is given.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from ..ir.fused import NO_BIAS, Fused, SumOfProducts, Term, operands_after_fusing
from ..ir.tape import CONDITIONS, SOURCES
from ..passes.fuse import fuse
from ..passes.plan import Plan
from ..passes.schedule import SETTLED, Schedule
from .memory import InputRows, Layout, Outside
from .python import Numbers, Outcome

#: If a sum has more products than this, one call multiplies all and another one adds them.
MANY = 6


def _import_numpy() -> Any:
    try:
        import numpy
    except ImportError as error:
        raise ImportError(
            "The numpy backend needs NumPy. Install it with pip install 'glassgrad[compile]', "
            "or use backend='python'."
        ) from error
    return numpy


def _elementwise(function: Callable[[float], float]) -> Callable[[Any, Any], None]:
    """Apply a function that NumPy does not have to each element."""

    def apply(x: Any, out: Any) -> None:
        out.flat = [function(v) for v in x.ravel().tolist()]

    return apply


class NumpyRunner:
    """Runs a plan as NumPy calls on preallocated arrays."""

    name = "numpy"

    def __init__(self, plan: Plan, layout: Layout) -> None:
        self.np = np = _import_numpy()
        self.plan = plan
        self.layout = layout
        self.fused: Fused = fuse(plan)
        self.batch_size = plan.batch_inputs.size if plan.batch_inputs else 1
        self.inputs = InputRows(plan, np, layout.dtype)
        self.functions: dict[str, Any] = {
            name: getattr(np, name)
            for name in ("abs", "cos", "exp", "expm1", "log", "log1p", "sin", "sqrt", "tanh")
        } | {
            "div": np.divide, "pow": np.power, "lt": np.less, "le": np.less_equal, "eq": np.equal,
            "erf": _elementwise(math.erf), "erfc": _elementwise(math.erfc),
        }  # fmt: skip
        self.place: dict[int, int] = {}
        groups, slots, rows = self._groups()
        self.slots, self.rows = np.zeros(slots, layout.dtype), np.zeros((rows, self.batch_size), layout.dtype)
        self.outside = Outside(layout, self.slots, np)
        self.bits = np.int32 if layout.dtype == "float32" else np.int64
        #: Conditions have arrays of their own, indexed by the same places.
        self.true_slots, self.true_rows = np.zeros(slots, bool), np.zeros((rows, self.batch_size), bool)
        for i in self.fused.order:
            if plan.tape.code[i][0] == "const":
                self.slots[self.place[i]] = plan.tape.code[i][1][0]
        #: For conditions that select between a number and 0: all bits are set where the number is selected.
        #: The key is the answer for which it is, and whether the condition is batched.
        self.masks = {
            (answer, is_batched): np.zeros(shape, self.bits)
            for is_batched, shape in ((False, slots), (True, (rows, self.batch_size)))
            for answer in (True, False)
        }
        #: For each condition the operands of the selections that use it.
        self.selections: dict[int, list[tuple[int, ...]]] = {}
        for i in self.fused.order:
            operation, operands = plan.tape.code[i]
            if operation == "where":
                self.selections.setdefault(operands[0], []).append(operands)
        #: Calls that are made once while the arguments stay the same, and calls of each step.
        self.settled: list[tuple[Any, tuple[Any, ...]]] = []
        self.calls: list[tuple[Any, tuple[Any, ...]]] = []
        for settled, key, members in groups:
            if settled:
                self._emit(key, members)
        self.settled, self.calls = self.calls, []
        for settled, key, members in groups:
            if not settled:
                self._emit(key, members)
        self.read: array[float] | None = None
        self._results()

    def _larger(self, out: Any, x: Any) -> None:
        self.np.maximum(out, x, out=out)

    # Groups ---------------------------------------------------------------------------------------

    def _groups(self) -> tuple[list[tuple[bool, Any, list[int]]], int, int]:
        """Group the instructions by level and kind; also return the counts of slots and rows.

        The members of a group have adjacent slots or rows, in the order of their operands, so that operands
        are at regular distances where possible.
        """
        tape, sums, place = self.plan.tape, self.fused.sums, self.place
        schedule = Schedule(self.plan, self.fused)
        slots, rows = self.layout.outside, self.inputs.count
        groups: dict[Any, list[int]] = {}
        for i in self.fused.order:
            operation, operands = tape.code[i]
            if operation == "const":
                place[i] = slots
                slots += 1
            elif operation == "row":
                place[i] = operands[0]
            elif operation in SOURCES:
                place[i] = self.layout.slot(operation, operands[0])
            else:
                key = schedule.section[i] != SETTLED, schedule.level[i]
                groups.setdefault(key, []).append(i)
        ordered: list[tuple[bool, Any, list[int]]] = []
        for (changes, _), level in sorted(groups.items()):
            kinds: dict[Any, list[int]] = {}
            for i in level:
                operation, operands = tape.code[i]
                if (total := sums.get(i)) is None:
                    read: tuple[int, ...] = operands
                    kind: Any = (operation, tuple(tape.is_batched[o] for o in read))
                else:
                    kind = self._kind(total)
                kinds.setdefault((tape.is_batched[i], kind), []).append(i)
            for key, members in kinds.items():
                members.sort(key=lambda i: [place[o] for o in operands_after_fusing(tape, sums, i)])
                for part in self._grids(key, members):
                    ordered.append((not changes, key, part))
                    for i in part:
                        place[i] = rows if key[0] else slots
                        rows += key[0]
                        slots += not key[0]
        return ordered, slots, rows

    def _kind(self, total: SumOfProducts) -> Any:
        is_batched = self.plan.tape.is_batched
        for t, (negative, a, b) in enumerate(total.terms):
            if b >= 0 and is_batched[a] and not is_batched[b]:  # the unbatched factor comes first
                total.terms[t] = negative, b, a
        if total.commutes:
            total.terms.sort(
                key=lambda term: (*self._shape(term), [self.place[x] for x in term[:0:-1] if x >= 0])
            )
        shared = () if total.reduces else tuple(b for _, _, b in self._products(total))
        return (
            "reduce" if total.reduces else "sum",
            repr(total.bias),
            tuple(map(self._shape, total.terms)),
            shared,
            total.commutes,
        )

    def _shape(self, term: Term) -> tuple[Any, ...]:
        negative, a, b = term
        is_batched = self.plan.tape.is_batched
        return b < 0, is_batched[a], b >= 0 and is_batched[b], negative

    def _products(self, total: SumOfProducts) -> list[Term]:
        """Return the products of a slot and a row if they form a matrix product, which has no fixed order."""
        if total.ordered:
            return []
        is_batched = self.plan.tape.is_batched
        products = [
            t for t in total.terms if not t[0] and t[2] >= 0 and not is_batched[t[1]] and is_batched[t[2]]
        ]
        return products if len(products) > 1 else []

    def _grids(self, key: Any, members: list[int]) -> list[list[int]]:
        """Split sums over the batch of products of rows into groups of all pairs of left and right rows."""
        kind = key[1]
        if kind[0] != "reduce" or kind[2][0][0]:
            return [members]
        by_pair = {self.fused.sums[i].terms[0][1:]: i for i in members}
        duplicates = [i for i in members if by_pair[self.fused.sums[i].terms[0][1:]] != i]
        rights: dict[int, list[int]] = {}
        for a, b in by_pair:
            rights.setdefault(a, []).append(b)
        parts: dict[tuple[int, ...], list[int]] = {}
        for a, row in rights.items():
            parts.setdefault(tuple(sorted(row, key=lambda b: self.place.get(b, -1))), []).append(a)
        grids = [[by_pair[a, b] for a in lefts for b in row] for row, lefts in parts.items()]
        return grids + [[i] for i in duplicates]

    # Operands -------------------------------------------------------------------------------------

    def _view(self, ids: Sequence[int], wide: bool = False, each: bool = False, memory: Any = None) -> Any:
        """Return the numbers of some instructions as an array, one row for each.

        ``wide``: to be combined with rows. If all are the same instruction, the array has one row, to be
        broadcast, unless ``each`` is set.
        """
        np, code = self.np, self.plan.tape.code
        is_batched = self.plan.tape.is_batched[ids[0]]
        condition = code[ids[0]][0] in CONDITIONS
        if memory is not None:
            pass
        elif condition:
            memory = self.true_rows if is_batched else self.true_slots
        else:
            memory = self.rows if is_batched else self.slots
        places = [self.place[i] for i in ids]
        step = places[1] - places[0] if len(places) > 1 else 1
        if not (each and len(ids) > 1) and all(p == places[0] for p in places):
            view = memory[places[0] : places[0] + 1]
        elif step > 0 and all(b - a == step for a, b in pairwise(places)):
            view = memory[places[0] : places[-1] + 1 : step]
        else:
            view = np.empty((len(ids), *memory.shape[1:]), memory.dtype)
            self.calls.append((np.take, (memory, np.array(places), 0, view, "clip")))
        return view[:, None] if wide and not is_batched else view

    def _matrix(self, table: Sequence[Sequence[int]]) -> Any:
        """Return unbatched values as a matrix: a view if their slots are at regular distances."""
        np = self.np
        places = np.array([[self.place[i] for i in row] for row in table])
        origin = places[0, 0]
        down = places[1, 0] - origin if len(places) > 1 else 1
        along = places[0, 1] - origin if places.shape[1] > 1 else 1
        regular = origin + down * np.arange(len(places))[:, None] + along * np.arange(places.shape[1])
        if down > 0 and along > 0 and (regular == places).all():
            size = self.slots.itemsize
            return np.lib.stride_tricks.as_strided(
                self.slots[origin:], places.shape, (down * size, along * size)
            )
        matrix = np.empty(places.shape, self.slots.dtype)
        self.calls.append((np.take, (self.slots, places, None, matrix, "clip")))
        return matrix

    def _answer(self, columns: Sequence[Sequence[int]]) -> bool | None:
        """Return the answer for which selections between a number and 0 select the number, else None."""
        code = self.plan.tape.code
        for answer, zeros in ((True, columns[2]), (False, columns[1])):
            if all(code[i][0] == "const" and repr(code[i][1][0]) == "0.0" for i in zeros):
                return answer
        return None

    def _emit_masks(self, at: slice, is_batched: bool, members: Sequence[int]) -> None:
        np, call = self.np, self.calls.append
        selections = [operands for i in members for operands in self.selections.get(i, ())]
        answers = {self._answer([[o] for o in operands]) for operands in selections}
        memory = self.true_rows if is_batched else self.true_slots
        for answer in answers - {None}:
            mask = self.masks[bool(answer), is_batched][at]
            call((np.copyto, (mask, memory[at])))
            call((np.negative, (mask, mask)) if answer else (np.subtract, (mask, 1, mask)))

    # Calls ----------------------------------------------------------------------------------------

    def _emit(self, key: Any, members: list[int]) -> None:
        is_batched, kind = key
        first = self.place[members[0]]
        code = self.plan.tape.code
        if kind[0] in CONDITIONS:
            memory = self.true_rows if is_batched else self.true_slots
        else:
            memory = self.rows if is_batched else self.slots
        out = memory[first : first + len(members)]
        if kind[0] == "sum":
            self._emit_sum(out, is_batched, members)
        elif kind[0] == "reduce":
            self._emit_reduce(out, members)
        else:
            columns = [*zip(*[code[i][1] for i in members])]
            answer = self._answer(columns) if kind[0] == "where" else None
            if answer is None:
                self._emit_function(kind[0], [self._view(c, is_batched) for c in columns], out)
            else:
                mask = self._view(
                    columns[0],
                    is_batched,
                    memory=self.masks[answer, self.plan.tape.is_batched[columns[0][0]]],
                )
                branch = self._view(columns[1 if answer else 2], is_batched)
                self._emit_function("where", [None, branch, branch], out, (answer, mask))
            if kind[0] in CONDITIONS:
                self._emit_masks(slice(first, first + len(members)), is_batched, members)

    def _emit_function(self, name: str, operands: list[Any], out: Any, masked: Any = None) -> None:
        np, call = self.np, self.calls.append
        if name == "where":
            condition, a, b = operands
            if masked is not None:
                bits = (a if masked[0] else b).view(self.bits)
                call((np.bitwise_and, (bits, masked[1], out.view(self.bits))))
                return
            call((np.copyto, (out, b)))
            call((np.copyto, (out, a, "same_kind", condition)))
        elif name == "largest":
            call((np.copyto, (out, operands[0])))
            for x in operands[1:]:
                call((self._larger, (out, x)))
        else:
            call((self.functions[name], (*operands, out)))

    def _emit_sum(self, out: Any, is_batched: bool, members: list[int]) -> None:
        np, call = self.np, self.calls.append
        sums = [self.fused.sums[i] for i in members]
        begun = False
        products = self._products(sums[0])
        if is_batched and products:
            table = [[a for _, a, _ in self._products(total)] for total in sums]
            call((np.matmul, (self._matrix(table), self._view([b for _, _, b in products], each=True), out)))
            begun = True
        terms = [[t for t in total.terms if not products or t not in self._products(total)] for total in sums]
        width = len(terms[0])
        bias = sums[0].bias
        has_bias = repr(bias) != NO_BIAS  # the bias still has to be added, as the second summand
        if not is_batched and width > MANY and all(b >= 0 for row in terms for _, _, b in row):
            left, right = (self._matrix([[t[k] for t in row] for row in terms]) for k in (1, 2))
            every = np.empty(left.shape, self.slots.dtype)
            call((np.multiply, (left, right, every)))
            if any(negative for negative, _, _ in terms[0]):
                signs = np.array([-1.0 if negative else 1.0 for negative, _, _ in terms[0]], out.dtype)
                call((np.multiply, (every, signs, every)))
            if sums[0].ordered:
                if has_bias:
                    call((np.add, (every[:, 0], bias, every[:, 0])))
                    has_bias = False
                up_to = np.empty(left.shape, self.slots.dtype)  # add.reduce adds in pairs
                call((np.add.accumulate, (every, 1, None, up_to)))
                call((np.copyto, (out, up_to[:, -1])))
            else:
                call((np.add.reduce, (every, 1, None, out)))
            begun, terms, width = True, [], 0
        total = out if begun else None  # the sum so far; the first summand is not copied to out
        between = np.empty(out.shape, out.dtype) if width else None
        order: Sequence[int] = range(width)
        if sums[0].commutes:  # terms without b first and negative ones last take the fewest calls
            order = sorted(order, key=lambda t: (terms[0][t][0], terms[0][t][2] >= 0))
        for t in order:
            column = [row[t] for row in terms]
            negative = column[0][0]
            x = self._view([a for _, a, _ in column], is_batched)
            if column[0][2] >= 0:
                target = out if total is None else between
                call((np.multiply, (x, self._view([b for _, _, b in column], is_batched), target)))
                x = target
            if total is not None:
                call((np.subtract if negative else np.add, (total, x, out)))
            elif has_bias:
                call((np.subtract, (bias, x, out)) if negative else (np.add, (x, bias, out)))
                has_bias = False
            elif negative:
                call((np.negative, (x, out)))
            else:
                total = x
                continue
            total = out
        if total is None or has_bias:
            call((np.copyto, (out, bias)) if total is None else (np.add, (total, bias, out)))
        elif total is not out:
            call((np.copyto, (out, total)))

    def _emit_reduce(self, out: Any, members: list[int]) -> None:
        """Emit sums over the batch of rows, or of products of two rows."""
        np, call = self.np, self.calls.append
        sums = [self.fused.sums[i] for i in members]
        _, _, b = sums[0].terms[0]
        lefts = [total.terms[0][1] for total in sums]
        if b < 0:
            call((np.add.reduce, (self._view(lefts, each=True), 1, None, out)))
            return
        rights = [total.terms[0][2] for total in sums]
        across = rights.index(rights[0], 1) if rights[0] in rights[1:] else len(rights)
        down = len(rights) // across
        if [*rights] == rights[:across] * down and lefts == [
            x for x in lefts[::across] for _ in range(across)
        ]:
            left, right = self._view(lefts[::across], each=True), self._view(rights[:across], each=True)
            call((np.matmul, (left, right.T, out.reshape(down, across))))
            return
        every = np.empty((len(members), self.batch_size), out.dtype)
        call((np.multiply, (self._view(lefts), self._view(rights), every)))
        call((np.add.reduce, (every, 1, None, out)))

    # A run ----------------------------------------------------------------------------------------

    def _results(self) -> None:
        np, plan, is_batched = self.np, self.plan, self.plan.tape.is_batched
        guards = [(i, a) for i, a in plan.guards if plan.tape.code[i][0] in CONDITIONS]
        self.guards = [
            (
                memory,
                np.array([self.place[i] for i, _ in guards if is_batched[i] == wide], dtype=int),
                np.array([answer for i, answer in guards if is_batched[i] == wide])[(...,) + (None,) * wide],
            )
            for memory, wide in ((self.true_slots, False), (self.true_rows, True))
            if any(is_batched[i] == wide for i, _ in guards)
        ]
        targets = [(self.layout.slot("leaf", k), i) for k, i in plan.leaf_updates]
        targets += [(self.layout.slot("state", k), i) for k, i in plan.state_updates]
        self.update_slots = self._index([slot for slot, _ in targets])
        self.fresh = self._index([self.place[i] for _, i in targets])
        self.moves = bool(targets)
        self.gradients = self._index([self.place[i] for i in plan.gradients])
        self.loss = self.place[plan.loss]

    def _index(self, places: list[int]) -> Any:
        """Return places as a slice if they are adjacent, else as an array."""
        if places and places == [*range(places[0], places[0] + len(places))]:
            return slice(places[0], places[0] + len(places))
        return self.np.array(places, dtype=int)

    def _copied(self, places: Any) -> Any:
        slots = self.slots
        return slots[places].copy() if isinstance(places, slice) else slots.take(places, mode="clip")

    def run(self, steps: int, numbers: Numbers) -> Outcome:
        """Take steps and update ``numbers``."""
        is_loaded = numbers.inputs is self.read  # the same array, so its numbers are in the slots
        self.read = None  # until all are, because Ctrl-C may interrupt
        with self.np.errstate(all="ignore"):  # inf and nan are valid results
            self.outside.load(numbers, is_loaded)
            if self.inputs.count and not is_loaded:
                self.inputs.fill(self.rows[: self.inputs.count], self.outside.inputs)
            losses, gradients = self._steps(steps, () if is_loaded else self.settled)
        self.read = numbers.inputs
        if losses and self.moves:
            self.outside.attach(numbers)
        return Outcome(losses, memoryview(gradients) if losses else [])

    def _steps(self, steps: int, settled: Any) -> tuple[list[float], Any]:
        slots, calls = self.slots, self.calls
        losses: list[float] = []
        gradients: Any = []
        for function, operands in settled:
            function(*operands)
        for rest in reversed(range(steps)):
            for function, operands in calls:
                function(*operands)
            if any((memory[places] != answers).any() for memory, places, answers in self.guards):
                break
            losses.append(float(slots[self.loss]))
            if self.guards or not rest:  # a guard may end the run at the next step
                gradients = self._copied(self.gradients)
            if self.moves:
                slots[self.update_slots] = self._copied(self.fresh)
        return losses, gradients
