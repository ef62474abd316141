"""Batches of any size: two small ones tell what a sample is, and what depends on the size.

Of arguments that hold samples the first few are traced, and then a few more. If the two tapes, with a batch
axis, are the same except for numbers that follow from the size, the tape of any size is known. With it the
trace of a whole batch is compared, sample by sample, and a few samples of a batch can be audited.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from struct import pack
from typing import Any

from ...value import Value
from ..ir.tape import SOURCES, Tape
from ..record.arguments import Flat, flatten
from ..record.trace import Recording
from .plan import Traced
from .vectorize import BatchInputs

#: The sizes that are recorded, and how large a batch must be for it to be worth that.
SMALL, WORTH_IT = (5, 7), 16


class Batch:
    """Which arguments hold samples, and where the numbers of each are among all."""

    def __init__(self, arguments: Sequence[Any], size: int, batched: Sequence[bool]) -> None:
        self.arguments = arguments
        self.size = size
        self.batched = batched
        #: Of each argument how many numbers it has, or each of its samples.
        self.widths: list[int] = []
        for argument, many in zip(arguments, batched):
            numbers = Flat()
            flatten(argument, numbers)
            self.widths.append(len(numbers) // size if many else len(numbers))

    @classmethod
    def of(cls, arguments: Sequence[Any]) -> Batch | None:
        """The arguments that are as long as the longest of them, if that is long and samples are alike."""
        lengths = [_length(a) for a in arguments]
        size = max(lengths, default=0)
        if size < WORTH_IT:
            return None
        batched = [n == size for n in lengths]
        for argument, many in zip(arguments, batched):
            if many and len({repr(flatten(sample, Flat())) for sample in argument}) > 1:
                return None
        return cls(arguments, size, batched)

    def first(self, few: int) -> list[Any]:
        """The arguments with so many samples."""
        return picked(self.arguments, self.batched, range(few))

    def locate(self, position: int, size: int) -> tuple[int, int, int]:
        """Of which argument a number is, of which sample (or −1), and its place there."""
        for which, (width, many) in enumerate(zip(self.widths, self.batched)):
            count = width * size if many else width
            if position < count:
                return (which, *divmod(position, width)) if many else (which, -1, position)
            position -= count
        raise IndexError(position)

    def position(self, which: int, sample: int, place: int) -> int:
        """The number at such a place, in a call of all samples."""
        before = sum(
            width * self.size if many else width
            for width, many in zip(self.widths[:which], self.batched[:which])
        )
        return before + max(sample, 0) * self.widths[which] + place


def picked(arguments: Sequence[Any], batched: Sequence[bool], samples: Sequence[int]) -> list[Any]:
    """The arguments with these samples only."""
    return [
        a if not many else type(a)([a[i] for i in samples]) if type(a) in (list, tuple) else a[[*samples]]
        for a, many in zip(arguments, batched)
    ]


def _length(argument: Any) -> int:
    if type(argument) in (list, tuple):
        return len(argument)
    return int(argument.shape[0]) if getattr(argument, "shape", ()) else 0


def key_of(shapes: Sequence[Any], batch: Batch) -> tuple[Any, ...]:
    """The shapes of the arguments without the size of the batch."""
    key: list[Any] = []
    for shape, many in zip(shapes, batch.batched):
        if not many:
            key.append(shape)
        elif shape[0] == "array":
            key.append(("array", "samples", shape[1][1:]))
        elif isinstance(shape[1], tuple):
            key.append((shape[0], "samples", shape[1][0]))
        else:
            key.append((shape[0], "samples", *shape[2:]))
    return tuple(key)


#: A constant of a size.
Constant = Callable[[int], float]


@dataclass
class General:
    """A tape in lanes for any size of batch."""

    traced: Traced
    #: The constants that depend on the size, by their place.
    constants: dict[int, Constant]
    #: The arguments that are no lane's, and those of each row: which argument, and the place in a sample.
    inputs: dict[int, tuple[int, int, int]]
    rows: list[tuple[int, int]]
    indices: set[tuple[int, int, int]]
    read: set[Value]
    batched: Sequence[bool]

    def is_that_of(self, found: Traced, batch: Batch) -> bool:
        """Return True if the tape of all samples of a batch is the one that a few of them let expect.

        A constant that depends on the size, such as 1 / size, may be off by rounding.
        """
        expected = self.traced_for(batch)
        return (
            found.lanes is not None
            and expected.lanes is not None
            and (found.output, found.guards, found.order, found.tape.in_lane, found.lanes.rows)
            == (expected.output, expected.guards, expected.order, expected.tape.in_lane, expected.lanes.rows)
            and all(map(_same_instruction, found.tape.code, expected.tape.code))
            and len(found.tape.code) == len(expected.tape.code)
        )

    def traced_for(self, batch: Batch) -> Traced:
        """The tape for such a batch."""
        then = self.traced
        tape = Tape(batch.size, merges=False)
        for i, (operation, operands) in enumerate(then.tape.code):
            if i in self.constants:
                operands = (self.constants[i](batch.size),)
            elif i in self.inputs:
                operands = (batch.position(*self.inputs[i]),)
            tape.append(operation, operands, then.tape.in_lane[i])
            if operation in SOURCES:
                which = pack("<d", operands[0]) if operation == "const" else operands[0]
                tape.known.setdefault((operation, which), i)
        rows = [
            [("input", batch.position(which, sample, place)) for sample in range(batch.size)]
            for which, place in self.rows
        ]
        notes = [f"from batches of {' and '.join(map(str, SMALL))}: {batch.size} lanes"]
        return Traced(
            tape, then.output, then.guards, BatchInputs(batch.size, rows), then.order, [*then.stages], notes
        )

    def indices_for(self, batch: Batch) -> set[int]:
        """The arguments that select something."""
        return {
            batch.position(which, s, place)
            for which, sample, place in self.indices
            for s in (range(batch.size) if sample >= 0 else (-1,))
        }


def general(batch: Batch, recordings: Sequence[Recording], traces: Sequence[Traced]) -> General | None:
    """What two small batches have in common, if their tapes differ by the size alone."""
    first, second = traces
    a, b = first.tape, second.tape
    same = (
        (first.output, first.guards, first.order, a.in_lane)
        == (second.output, second.guards, second.order, b.in_lane)
    ) and len(a.code) == len(b.code)
    if not same or first.lanes is None or second.lanes is None:
        return None
    if (first.lanes.width, second.lanes.width) != SMALL:
        return None
    constants: dict[int, Constant] = {}
    inputs: dict[int, tuple[int, int, int]] = {}
    for i, ((operation, operands), (other, others)) in enumerate(zip(a.code, b.code)):
        if operation != other:
            return None
        if operation == "const":
            if repr(operands[0]) != repr(others[0]):
                if (found := _of_the_size(operands[0], others[0])) is None:
                    return None
                constants[i] = found
        elif operation == "input":
            here = batch.locate(operands[0], SMALL[0])
            if here != batch.locate(others[0], SMALL[1]) or here[1] >= 0:
                return None
            inputs[i] = here
        elif operands != others:
            return None
    rows: list[tuple[int, int]] = []
    for row, longer in zip(first.lanes.rows, second.lanes.rows, strict=True):
        places: set[tuple[int, int]] = set()
        for size, sources in zip(SMALL, (row, longer)):
            for lane, (kind, position) in enumerate(sources):
                if kind != "input":
                    return None
                which, sample, place = batch.locate(position, size)
                if sample != lane:
                    return None
                places.add((which, place))
        if len(places) != 1:
            return None
        rows.append(places.pop())
    indices = {batch.locate(p, SMALL[0]) for p in recordings[0].indices}
    live = {*first.order}
    read = {x for x in recordings[0].reached if x in live}
    return General(first, constants, inputs, rows, indices, read, batch.batched)


def _same_instruction(a: tuple[str, Any], b: tuple[str, Any]) -> bool:
    if a[0] != "const" or b[0] != "const":
        return a == b
    (x,), (y,) = a[1], b[1]
    return repr(x) == repr(y) or (x != 0.0 and math.isclose(x, y, rel_tol=1e-12))


def _of_the_size(x: float, y: float) -> Constant | None:
    """The constant of any size that is x and y for the two that were recorded."""
    m, n = SMALL
    for k in (x * m, float(round(x * m)) if abs(x) < 1e15 else x, y * n):
        if k / m == x and k / n == y:
            return lambda size: k / size
    if x != 0.0 and math.isfinite(1.0 / x):
        each = round(1.0 / x / m)  # as the mean of several outputs a sample, 1 / (outputs · samples)
        if each and 1.0 / (each * m) == x and 1.0 / (each * n) == y:
            return lambda size: 1.0 / (each * size)
    for k in (x / m, float(round(x / m)) if abs(x) < 1e15 else x):
        if k * m == x and k * n == y:
            return lambda size: k * size
    slope = (y - x) / (n - m)
    start = x - slope * m
    if slope.is_integer() and start.is_integer():
        return lambda size: slope * size + start
    return None
