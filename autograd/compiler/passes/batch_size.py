"""Programs for batches of any size, from the traces of two small batches.

The function is traced on the first 5 samples and on the first 7. If the two tapes, with a batch axis, differ
only in numbers that follow from the size, the tape for any size is known. The structure of a trace of the
whole batch is compared with that of 7 samples (digest.py), and an audit needs a few samples only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from struct import pack
from typing import Any

from ...value import Value
from ..ir.tape import SOURCES, Tape
from ..record.arguments import Flat, flatten, is_array
from ..record.digest import DigestTracer, Structures
from ..record.trace import Recording
from .plan import Transcript
from .vectorize import BatchInputs

#: The two batch sizes that are traced, and the smallest batch for which that is done.
SMALL, SMALLEST = (5, 7), 16


class Batch:
    """The arguments that hold samples, and the positions of their numbers among those of the call."""

    def __init__(self, arguments: Sequence[Any], size: int, batched: Sequence[bool]) -> None:
        self.arguments = arguments
        self.size = size
        self.batched = batched
        #: The count of numbers in each argument, or in one sample of it.
        self.widths: list[int] = []
        for argument, many in zip(arguments, batched):
            numbers = Flat()
            flatten(argument, numbers)
            self.widths.append(len(numbers) // size if many else len(numbers))

    @classmethod
    def of(cls, arguments: Sequence[Any]) -> Batch | None:
        """Find the arguments that are as long as the longest one; None if it is short or samples differ."""
        lengths = [_length(a) for a in arguments]
        size = max(lengths, default=0)
        if size < SMALLEST:
            return None
        batched = [n == size for n in lengths]
        for argument, many in zip(arguments, batched):
            if many and not _has_equal_samples(argument):
                return None
        return cls(arguments, size, batched)

    def first(self, few: int) -> list[Any]:
        """Return the arguments with the first ``few`` samples."""
        return select_samples(self.arguments, self.batched, range(few))

    def locate(self, position: int, size: int) -> tuple[int, int, int]:
        """Return the argument of a number, its sample (−1 if there is none), and its place there."""
        for argument, (width, many) in enumerate(zip(self.widths, self.batched)):
            count = width * size if many else width
            if position < count:
                return (argument, *divmod(position, width)) if many else (argument, -1, position)
            position -= count
        raise IndexError(position)

    def position(self, argument: int, sample: int, place: int) -> int:
        """Return the position of a number in a call with all samples; the inverse of ``locate``."""
        before = sum(
            width * self.size if many else width
            for width, many in zip(self.widths[:argument], self.batched[:argument])
        )
        return before + max(sample, 0) * self.widths[argument] + place


def select_samples(arguments: Sequence[Any], batched: Sequence[bool], samples: Sequence[int]) -> list[Any]:
    """Return the arguments with these samples only."""
    return [
        a if not many else type(a)([a[i] for i in samples]) if type(a) in (list, tuple) else a[[*samples]]
        for a, many in zip(arguments, batched)
    ]


def _length(argument: Any) -> int:
    if type(argument) in (list, tuple):
        return len(argument)
    return len(argument) if is_array(argument) and argument.shape else 0


def _has_equal_samples(argument: Any) -> bool:
    """Return True if all samples have one shape."""
    kind, count, *types = flatten(argument, Flat())
    if kind == "array" or (isinstance(count, int) and not (len(types) == 1 and isinstance(types[0], tuple))):
        return True  # an array, a list of floats or of ints, or rows with equal types
    numbers = Flat()  # of all samples, so that samples with Values differ
    return len({repr(flatten(sample, numbers)) for sample in argument}) == 1


def key_of(shapes: Sequence[Any], batch: Batch) -> tuple[Any, ...]:
    """Return the shapes of the arguments without the size of the batch."""
    key: list[Any] = []
    for shape, many in zip(shapes, batch.batched):
        if not many:
            key.append(shape)
        elif shape[0] == "array":
            key.append(("array", "samples", shape[1][1:], shape[2]))
        elif isinstance(shape[1], tuple):
            key.append((shape[0], "samples", shape[1][0]))
        else:
            key.append((shape[0], "samples", *shape[2:]))
    return tuple(key)


#: A constant that depends on the size of the batch.
SizedConstant = Callable[[int], float]


@dataclass
class General:
    """A batched tape for any size of batch."""

    transcript: Transcript
    #: The constants that depend on the size, by their place.
    constants: dict[int, SizedConstant]
    #: The unbatched inputs by their place, and the argument and the place in a sample for each row.
    inputs: dict[int, tuple[int, int, int]]
    rows: list[tuple[int, int]]
    indices: set[tuple[int, int, int]]
    read: set[Value]
    batched: Sequence[bool]
    #: The structure of a few samples, with which that of all is compared.
    structures: Structures
    digest: tuple[Any, ...] = ()

    def tracer(self, batch: Batch, size: int) -> DigestTracer:
        """Return a tracer that describes the structure of so many samples of a batch."""
        sized = [constant(size) for constant in self.constants.values()]
        foreign = [constant(SMALL[-1]) for constant in self.constants.values()] if size != SMALL[-1] else []
        return DigestTracer(self.structures, size, lambda i: batch.locate(i, size), sized, foreign)

    def transcript_for(self, batch: Batch) -> Transcript:
        """Return the tape for such a batch."""
        small = self.transcript
        tape = Tape(batch.size, merges=False)
        for i, (operation, operands) in enumerate(small.tape.code):
            if i in self.constants:
                operands = (self.constants[i](batch.size),)
            elif i in self.inputs:
                operands = (batch.position(*self.inputs[i]),)
            tape.append(operation, operands, small.tape.is_batched[i])
            if operation in SOURCES:
                argument = pack("<d", operands[0]) if operation == "const" else operands[0]
                tape.known.setdefault((operation, argument), i)
        rows = [
            [("input", batch.position(argument, sample, place)) for sample in range(batch.size)]
            for argument, place in self.rows
        ]
        notes = [
            f"generalized from batches of {' and '.join(map(str, SMALL))} to a batch axis of {batch.size}"
        ]
        inputs = BatchInputs(batch.size, rows)
        return Transcript(
            tape,
            small.output,
            small.guards,
            inputs,
            small.order,
            [*small.stages],
            notes,
            small.aux,
            small.aux_places,
        )

    def indices_for(self, batch: Batch) -> set[int]:
        """Return the positions of the numbers that select something, in such a batch."""
        return {
            batch.position(argument, s, place)
            for argument, sample, place in self.indices
            for s in (range(batch.size) if sample >= 0 else (-1,))
        }


def general(
    batch: Batch, recordings: Sequence[Recording], transcripts: Sequence[Transcript]
) -> General | None:
    """Generalize the tapes of two small batches; None unless they differ by the size alone."""
    first, second = transcripts
    a, b = first.tape, second.tape
    same = (
        (first.output, first.guards, first.order, first.aux_places, a.is_batched)
        == (second.output, second.guards, second.order, second.aux_places, b.is_batched)
    ) and len(a.code) == len(b.code)
    if not same or first.batch_inputs is None or second.batch_inputs is None:
        return None
    if (first.batch_inputs.size, second.batch_inputs.size) != SMALL:
        return None
    constants: dict[int, SizedConstant] = {}
    inputs: dict[int, tuple[int, int, int]] = {}
    for i, ((operation, operands), (other, others)) in enumerate(zip(a.code, b.code)):
        if operation != other:
            return None
        if operation == "const":
            if repr(operands[0]) != repr(others[0]):
                if (constant := _sized_constant(operands[0], others[0])) is None:
                    return None
                constants[i] = constant
        elif operation == "input":
            location = batch.locate(operands[0], SMALL[0])
            if location != batch.locate(others[0], SMALL[1]) or location[1] >= 0:
                return None
            inputs[i] = location
        elif operands != others:
            return None
    rows: list[tuple[int, int]] = []
    for row, longer in zip(first.batch_inputs.rows, second.batch_inputs.rows, strict=True):
        places: set[tuple[int, int]] = set()
        for size, sources in zip(SMALL, (row, longer)):
            for element, (kind, position) in enumerate(sources):
                if kind != "input":
                    return None
                argument, sample, place = batch.locate(position, size)
                if sample != element:
                    return None
                places.add((argument, place))
        if len(places) != 1:
            return None
        rows.append(places.pop())
    indices = {batch.locate(p, SMALL[0]) for p in recordings[0].indices}
    live = {*first.order}
    read = {x for x in recordings[0].dependencies if x in live}
    structures = Structures(first.order)
    return General(first, constants, inputs, rows, indices, read, batch.batched, structures)


def _sized_constant(x: float, y: float) -> SizedConstant | None:
    """Return the function of the size that is x and y for the two traced sizes, if there is a simple one."""
    m, n = SMALL
    for k in (x * m, float(round(x * m)) if abs(x) < 1e15 else x, y * n):
        if k / m == x and k / n == y:
            return lambda size: k / size
    if x != 0.0 and math.isfinite(1.0 / x):
        each = round(1.0 / x / m)  # the factor of a mean over several outputs, 1 / (outputs · samples)
        if each and 1.0 / (each * m) == x and 1.0 / (each * n) == y:
            return lambda size: 1.0 / (each * size)
    for k in (x / m, float(round(x / m)) if abs(x) < 1e15 else x):
        if k * m == x and k * n == y:
            return lambda size: k * size
    per_sample = (y - x) / (n - m)
    start = x - per_sample * m
    if per_sample.is_integer() and start.is_integer():
        return lambda size: per_sample * size + start
    return None
