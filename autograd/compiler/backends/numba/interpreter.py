"""The interpreter of the programs of lower.py, which numba compiles once for all of them.

One array holds every number: words, and rows of as many numbers as there are lanes, by the address of
their first. Sums of products are done on vectors of 64 bytes held in registers, as LLVM instructions
that are spelled out here, because no compiler may reorder loops over one array by itself.
"""

# numba's cache goes by the time of one file, so all that is compiled is in this one.
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

#: Of numba and llvmlite, set by :func:`compiled`.
ir: Any = None
types: Any = None
cgutils: Any = None
uintp: Any = None

#: Bytes of a vector; LLVM makes several instructions of one where the processor's are shorter.
VECTOR = 64
#: Where the order is unspecified, LLVM may add in another order, and not round a product before it is added.
LOOSE = ("contract", "reassoc")


class Lanes:
    """LLVM instructions on vectors of lanes, at addresses of the memory that the program names."""

    def __init__(self, context: Any, builder: Any, types_of: Any, arrays: Any) -> None:
        self.builder = builder
        memory, program = (context.make_array(t)(context, builder, a).data for t, a in zip(types_of, arrays))
        self.memory, self.program = memory, program
        self.number = context.get_data_type(types_of[0].dtype)
        self.size = VECTOR // (types_of[0].dtype.bitwidth // 8)
        self.vector = ir.VectorType(self.number, self.size)
        self.index = ir.IntType(64)

    def count(self, x: int) -> Any:
        return ir.Constant(self.index, x)

    def address(self, at: Any) -> Any:
        return self.builder.load(self.builder.gep(self.program, [at]))

    def word(self, at: Any, memory: Any = None) -> Any:
        return self.builder.load(self.builder.gep(self.memory if memory is None else memory, [at]))

    def _pointer(self, at: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(self.memory, [at]), self.vector.as_pointer())

    def load(self, at: Any) -> Any:
        return self.builder.load(self._pointer(at), align=self.number_bytes)

    def store(self, x: Any, at: Any, mask: Any = None) -> None:
        """Write a vector; where the mask is false, what was there stays."""
        if mask is not None:
            x = self.builder.select(mask, x, self.load(at))
        self.builder.store(x, self._pointer(at), align=self.number_bytes)

    @property
    def number_bytes(self) -> Any:
        return VECTOR // self.size

    def splat(self, x: Any) -> Any:
        some = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(some, x, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.size), [0] * self.size)
        return self.builder.shuffle_vector(one, some, zeros)

    def every(self, x: float) -> Any:
        return ir.Constant(self.vector, [x] * self.size)

    def mask(self, left: Any) -> Any:
        """Which lanes of a vector are among the ``left`` ones."""
        wide = ir.VectorType(self.index, self.size)
        some = ir.Constant(wide, ir.Undefined)
        one = self.builder.insert_element(some, left, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.size), [0] * self.size)
        every = self.builder.shuffle_vector(one, some, zeros)
        return self.builder.icmp_signed("<", ir.Constant(wide, [*range(self.size)]), every)

    def keep(self, mask: Any, x: Any, other: float) -> Any:
        return x if mask is None else self.builder.select(mask, x, self.every(other))

    def accumulate(
        self, total: Any, a: Any, b: Any, minus: bool = False, flags: tuple[str, ...] = ()
    ) -> None:
        """total ± a·b, in a register."""
        builder = self.builder
        product = builder.fmul(a, b, flags=flags)
        add = builder.fsub if minus else builder.fadd
        builder.store(add(builder.load(total), product, flags=flags), total)

    def registers(self, count: int) -> list[Any]:
        return [cgutils.alloca_once(self.builder, self.vector) for _ in range(count)]

    def across(self, lanes: Any, wide: int, block: Callable[[Any, int, Any], None]) -> None:
        """``block(first lane, vectors, mask)`` for blocks of ``wide`` vectors, then for the vectors left."""
        builder, size = self.builder, self.size
        full = builder.udiv(lanes, self.count(size * wide))
        with cgutils.for_range(builder, full) as loop:
            block(builder.mul(loop.index, self.count(size * wide)), wide, None)
        done = builder.mul(full, self.count(size * wide))
        rest = builder.udiv(builder.add(builder.sub(lanes, done), self.count(size - 1)), self.count(size))
        with cgutils.for_range(builder, rest) as loop:
            first = builder.add(done, builder.mul(loop.index, self.count(size)))
            block(first, 1, self.mask(builder.sub(lanes, first)))


def _spelled(intrinsic: Any, arguments: int, write: Callable[..., None]) -> Any:
    """What numba calls: an intrinsic of the memory, the program and ``arguments`` more."""

    def codegen(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        lanes = Lanes(context, builder, signature.args[:2], given[:2])
        write(lanes, context, signature.args, *given[2:])
        return context.get_dummy_value()

    names = ", ".join(f"a{i}" for i in range(arguments))
    namespace: dict[str, Any] = {"types": types, "codegen": codegen}
    exec(  # numba asks for as many parameters as there are arguments
        f"def spelled(typing, memory, program, {names}):\n"
        f" return types.void(memory, program, {names}), codegen",
        namespace,
    )
    return intrinsic(namespace["spelled"])


def _write_sum(lanes: Lanes, context: Any, given: Any, at: Any, total: Any, width: Any) -> None:
    """total ± the products of scalars and rows, then of rows, each rounded: how many are at at − 4."""
    builder = lanes.builder
    total = context.cast(builder, total, given[3], given[0].dtype)
    out = lanes.address(builder.sub(at, lanes.count(8)))
    counts = [lanes.address(builder.sub(at, lanes.count(4 - k))) for k in range(4)]
    totals = lanes.registers(4)

    def block(first: Any, wide: int, mask: Any) -> None:
        for register in totals[:wide]:
            builder.store(lanes.splat(total), register)
        begin = at
        for kind, count in enumerate(counts):
            with cgutils.for_range(builder, count) as loop:
                pair = builder.add(begin, builder.mul(loop.index, lanes.count(2)))
                a, b = lanes.address(pair), lanes.address(builder.add(pair, lanes.count(1)))
                b = builder.add(b, first)
                left: Any = None
                if kind < 2:
                    left = lanes.splat(lanes.word(a))
                else:
                    a = builder.add(a, first)
                for k, register in enumerate(totals[:wide]):
                    there = lanes.count(k * lanes.size)
                    x = left if kind < 2 else lanes.load(builder.add(a, there))
                    lanes.accumulate(register, x, lanes.load(builder.add(b, there)), minus=kind % 2 == 1)
            begin = builder.add(begin, builder.mul(count, lanes.count(2)))
        for k, register in enumerate(totals[:wide]):
            there = builder.add(first, lanes.count(k * lanes.size))
            lanes.store(builder.load(register), builder.add(out, there), mask)

    lanes.across(width, 4, block)


def _write_tile(flags: tuple[str, ...], height: int = 4) -> Callable[..., None]:
    def write(lanes: Lanes, context: Any, given: Any, at: Any, depth: Any, width: Any, factors: Any) -> None:
        """``height`` rows at once: a scalar each, and then its factors times the same ``depth`` rows."""
        builder = lanes.builder
        table = context.make_array(given[5])(context, builder, factors).data
        outs = [lanes.address(builder.add(at, lanes.count(k))) for k in range(height)]
        starts = [lanes.word(lanes.address(builder.add(at, lanes.count(height + k)))) for k in range(height)]
        rows = builder.add(at, lanes.count(2 * height))
        totals = lanes.registers(2 * height)

        def block(first: Any, wide: int, mask: Any) -> None:
            for k in range(height):
                for j in range(wide):
                    builder.store(lanes.splat(starts[k]), totals[2 * k + j])
            with cgutils.for_range(builder, depth) as loop:
                row = builder.add(lanes.address(builder.add(rows, loop.index)), first)
                xs = [lanes.load(builder.add(row, lanes.count(j * lanes.size))) for j in range(wide)]
                begin = builder.mul(loop.index, lanes.count(height))
                for k in range(height):
                    factor = lanes.splat(lanes.word(builder.add(begin, lanes.count(k)), table))
                    for j in range(wide):
                        lanes.accumulate(totals[2 * k + j], factor, xs[j], flags=flags)
            for k in range(height):
                for j in range(wide):
                    there = builder.add(first, lanes.count(j * lanes.size))
                    lanes.store(builder.load(totals[2 * k + j]), builder.add(outs[k], there), mask)

        lanes.across(width, 2, block)

    return write


def _write_grid(height: int, across: int) -> Callable[..., None]:
    def write(lanes: Lanes, context: Any, given: Any, at: Any, width: Any, more: Any) -> None:
        """The sums over lanes of the products of each of some rows with each of others."""
        builder = lanes.builder
        addresses = [lanes.address(builder.add(at, lanes.count(k))) for k in range(height + across)]
        bias = lanes.word(lanes.address(builder.sub(at, lanes.count(1))))
        totals = lanes.registers(height * across)
        for register in totals:
            builder.store(lanes.every(-0.0), register)

        def block(first: Any, wide: int, mask: Any) -> None:
            rows = [lanes.load(builder.add(a, first)) for a in addresses]  # masked: −0·1, which adds nothing
            rows = [lanes.keep(mask, row, -0.0 if k < height else 1.0) for k, row in enumerate(rows)]
            for i in range(height):
                for j in range(across):
                    lanes.accumulate(totals[i * across + j], rows[i], rows[height + j], flags=LOOSE)

        lanes.across(width, 1, block)
        for k, register in enumerate(totals):
            total = builder.load(register)
            size = lanes.size
            while size > 1:  # halves onto halves
                size //= 2
                narrow = ir.VectorType(ir.IntType(32), size)
                low, high = (
                    builder.shuffle_vector(total, total, ir.Constant(narrow, [*range(first, first + size)]))
                    for first in (0, size)
                )
                total = builder.fadd(low, high)
            total = builder.extract_element(total, ir.Constant(ir.IntType(32), 0))
            out = lanes.address(builder.add(at, lanes.count(height + across + k)))
            place = builder.gep(lanes.memory, [out])
            before = builder.select(
                builder.icmp_signed("!=", more, lanes.count(0)), builder.load(place), bias
            )
            builder.store(builder.fadd(before, total), place)

    return write


#: Sums of products of rows; what :func:`compiled` makes numba know by these names.
sum_of_products: Any = None
tile: Any = None
ordered_tile: Any = None
grid11: Any = None
grid14: Any = None
grid41: Any = None
grid44: Any = None


def interpret(
    program: Any,
    memory: Any,
    sections: Any,
    lanes: int,
    block: int,
    again: bool,
    steps: int,
    guards: Any,
    fixed: int,
    moves: Any,
    buffer: Any,
    slopes: Any,
    gradients: Any,
    losses: Any,
    loss: int,
    factors: Any,
) -> int:
    """Take steps; the number of those taken, or −1 for a program that is none.

    ``sections`` are where in the program begins what depends on arguments alone, what changes from
    step to step, what is done for each block of lanes, and what comes after. ``guards`` holds pairs of
    a word and the answer, the first ``fixed`` numbers of which change with the arguments alone.
    ``moves`` and ``slopes`` hold runs: where to, where from, and how many. After each step the moves
    are done, all at once, and the slopes are kept in ``gradients``.
    """
    for step in range(steps):
        for section in range(1 if step > 0 or again else 0, 4):
            first = 0
            while True:
                width = min(block, lanes - first) if section == 2 else lanes
                at = sections[section]
                end = sections[section + 1]
                while at < end:
                    kind = program[at]
                    if kind == 1:  # a sum of products of words
                        out = program[at + 1]
                        total = memory[program[at + 2]]
                        plus, minus = program[at + 3], program[at + 4]
                        at += 5
                        for k in range(at, at + 2 * plus, 2):
                            total += memory[program[k]] * memory[program[k + 1]]
                        at += 2 * plus
                        for k in range(at, at + 2 * minus, 2):
                            total -= memory[program[k]] * memory[program[k + 1]]
                        at += 2 * minus
                        memory[out] = total
                    elif kind == 3:  # a sum of products of rows, or of columns of words
                        n = program[at + 1]
                        total = memory[program[at + 3]]
                        plus, minus = program[at + 4], program[at + 5]
                        counts = at + 6
                        pairs = (
                            counts
                            + 4
                            + 2
                            * (
                                program[counts]
                                + program[counts + 1]
                                + program[counts + 2]
                                + program[counts + 3]
                            )
                        )
                        for k in range(pairs, pairs + 2 * plus, 2):
                            total += memory[program[k]] * memory[program[k + 1]]
                        pairs += 2 * plus
                        for k in range(pairs, pairs + 2 * minus, 2):
                            total -= memory[program[k]] * memory[program[k + 1]]
                        sum_of_products(memory, program, at + 10, total, n if n > 0 else width)
                        at = pairs + 2 * minus
                    elif kind == 4:  # four rows that are sums of the same rows, each with its own factors
                        depth = program[at + 2]
                        table = at + 11 + depth
                        for k in range(4 * depth):
                            factors[k] = memory[program[table + k]]
                        if program[at + 1] != 0:
                            ordered_tile(memory, program, at + 3, depth, width, factors)
                        else:
                            tile(memory, program, at + 3, depth, width, factors)
                        at = table + 4 * depth
                    elif kind == 5:  # sums over lanes, or over columns, of each with each
                        n, height, across = program[at + 1], program[at + 2], program[at + 3]
                        n = n if n > 0 else width
                        at += 5
                        if height == 4:
                            if across == 4:
                                grid44(memory, program, at, n, first)
                            else:
                                grid41(memory, program, at, n, first)
                        elif across == 4:
                            grid14(memory, program, at, n, first)
                        else:
                            grid11(memory, program, at, n, first)
                        at += height + across + height * across
                    elif kind == 2:  # a function
                        function = program[at + 1]
                        n = uintp(program[at + 2] if program[at + 2] > 0 else width)
                        o = uintp(program[at + 3])
                        a0, a1, a2 = uintp(program[at + 4]), uintp(program[at + 5]), uintp(program[at + 6])
                        at += 7
                        if function == 11:
                            for k in range(n):  # both are read, so that it becomes a select
                                x, y = memory[a1 + k], memory[a2 + k]
                                memory[o + k] = x if memory[a0 + k] != 0.0 else y
                        elif function == 14:
                            for k in range(n):
                                memory[o + k] = 1.0 if memory[a0 + k] < memory[a1 + k] else 0.0
                        elif function == 15:
                            for k in range(n):
                                memory[o + k] = 1.0 if memory[a0 + k] <= memory[a1 + k] else 0.0
                        elif function == 12:
                            for k in range(n):
                                memory[o + k] = memory[a0 + k] / memory[a1 + k]
                        elif function == 4:
                            for k in range(n):
                                memory[o + k] = math.exp(memory[a0 + k])
                        elif function == 10:
                            for k in range(n):
                                memory[o + k] = math.tanh(memory[a0 + k])
                        elif function == 13:
                            for k in range(n):
                                x, y = memory[a0 + k], memory[a1 + k]
                                if y == 0.5 and x > 0.0:  # as Adam has it: the root of a half is quicker
                                    memory[o + k] = math.sqrt(x)
                                else:
                                    memory[o + k] = x**y
                        elif function == 16:
                            for k in range(n):
                                memory[o + k] = 1.0 if memory[a0 + k] == memory[a1 + k] else 0.0
                        elif function == 17:
                            for k in range(n):
                                x, y = memory[a0 + k], memory[a1 + k]
                                memory[o + k] = y if y > x else x
                        elif function == 0:
                            for k in range(n):
                                memory[o + k] = abs(memory[a0 + k])
                        elif function == 1:
                            for k in range(n):
                                memory[o + k] = math.cos(memory[a0 + k])
                        elif function == 2:
                            for k in range(n):
                                memory[o + k] = math.erf(memory[a0 + k])
                        elif function == 3:
                            for k in range(n):
                                memory[o + k] = math.erfc(memory[a0 + k])
                        elif function == 5:
                            for k in range(n):
                                memory[o + k] = math.expm1(memory[a0 + k])
                        elif function == 6:
                            for k in range(n):
                                memory[o + k] = math.log(memory[a0 + k])
                        elif function == 7:
                            for k in range(n):
                                memory[o + k] = math.log1p(memory[a0 + k])
                        elif function == 8:
                            for k in range(n):
                                memory[o + k] = math.sin(memory[a0 + k])
                        elif function == 9:
                            for k in range(n):
                                memory[o + k] = math.sqrt(memory[a0 + k])
                        else:
                            return -1
                    elif kind == 6:  # a word in every place of a row
                        n = uintp(program[at + 1] if program[at + 1] > 0 else width)
                        o, total = uintp(program[at + 2]), memory[program[at + 3]]
                        at += 4
                        for k in range(n):
                            memory[o + k] = total
                    elif kind == 7:  # words side by side, from wherever they are
                        n, out = program[at + 1], program[at + 2]
                        at += 3
                        for k in range(n):
                            memory[out + k] = memory[program[at + k]]
                        at += n
                    elif kind == 8:  # and to wherever they go
                        n, out = program[at + 1], program[at + 2]
                        at += 3
                        for k in range(n):
                            memory[program[at + k]] = memory[out + k]
                        at += n
                    elif kind == 9:  # this block of a row that holds all lanes
                        o, a0 = uintp(program[at + 1]), uintp(program[at + 2] + first)
                        at += 3
                        for k in range(uintp(width)):
                            memory[o + k] = memory[a0 + k]
                    elif kind == 10:  # a guard on every lane
                        a0, answer = uintp(program[at + 1]), program[at + 2] != 0
                        at += 3
                        failed = 0
                        for k in range(uintp(width)):
                            failed += (memory[a0 + k] != 0.0) != answer
                        if failed > 0:
                            return step
                    else:
                        return -1
                first += width
                if section != 2 or first >= lanes:
                    break
        for k in range(fixed if step > 0 or again else 0, len(guards), 2):
            if (memory[guards[k]] != 0.0) != (guards[k + 1] != 0):
                return step
        losses[step] = memory[loss]
        to = 0
        for k in range(0, len(slopes), 2):
            a0, n = uintp(slopes[k]), uintp(slopes[k + 1])
            for j in range(n):
                gradients[uintp(to) + j] = memory[a0 + j]
            to += slopes[k + 1]
        to = 0
        for k in range(0, len(moves), 3):  # all are read before the first is written
            a0, n = uintp(moves[k + 1]), uintp(moves[k + 2])
            for j in range(n):
                buffer[uintp(to) + j] = memory[a0 + j]
            to += moves[k + 2]
        to = 0
        for k in range(0, len(moves), 3):
            a0, n = uintp(moves[k]), uintp(moves[k + 2])
            for j in range(n):
                memory[a0 + j] = buffer[uintp(to) + j]
            to += moves[k + 2]
    return steps


def compiled(cached: bool) -> Any:
    """The interpreter, compiled when it is first called, or read from numba's cache.

    Raises RuntimeError where it is to be ``cached`` and there is no folder for that.
    """
    import numba.core.cgutils
    import numba.extending
    from llvmlite import ir

    intrinsic = numba.extending.intrinsic
    globals().update(ir=ir, types=numba.types, cgutils=numba.core.cgutils, uintp=numba.uintp)
    globals().update(sum_of_products=_spelled(intrinsic, 3, _write_sum))
    globals().update(tile=_spelled(intrinsic, 4, _write_tile(LOOSE)))
    globals().update(ordered_tile=_spelled(intrinsic, 4, _write_tile(())))
    for height in (1, 4):
        for across in (1, 4):
            globals()[f"grid{height}{across}"] = _spelled(intrinsic, 3, _write_grid(height, across))
    # No flag of fastmath: they are for a whole function, and this one keeps the order of what it adds.
    return numba.njit(cache=cached, error_model="numpy")(interpret)
