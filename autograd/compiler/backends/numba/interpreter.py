"""The interpreter of the programs of lower.py; numba compiles it once for all programs.

One array stores every number: slots, and rows with one number for each batch element. A row has the address
of its first number. Sums of products use vectors of 64 bytes in registers. Their LLVM instructions are
written out here, because a compiler cannot prove that it may reorder loops over one array.
"""

# numba invalidates its cache by the time of one file, so all compiled code is in this file.
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

#: Modules and types of numba and llvmlite, set by :func:`make_interpreter`.
ir: Any = None
types: Any = None
cgutils: Any = None
uintp: Any = None

#: Bytes of a vector. If the processor has shorter vectors, LLVM splits the instructions.
VECTOR = 64
#: Flags for sums of unspecified order: LLVM may reorder additions, and fuse a product with an addition.
LOOSE = ("contract", "reassoc")


class VectorBuilder:
    """Emitter of LLVM instructions on vectors, at addresses of the memory that are stored in the program."""

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

    def address(self, index: Any) -> Any:
        return self.builder.load(self.builder.gep(self.program, [index]))

    def slot(self, address: Any, memory: Any = None) -> Any:
        return self.builder.load(self.builder.gep(self.memory if memory is None else memory, [address]))

    def _pointer(self, address: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(self.memory, [address]), self.vector.as_pointer())

    def load(self, address: Any) -> Any:
        return self.builder.load(self._pointer(address), align=self.number_bytes)

    def store(self, x: Any, address: Any, mask: Any = None) -> None:
        """Write a vector; elements where the mask is false stay unchanged."""
        if mask is not None:
            x = self.builder.select(mask, x, self.load(address))
        self.builder.store(x, self._pointer(address), align=self.number_bytes)

    @property
    def number_bytes(self) -> Any:
        return VECTOR // self.size

    def splat(self, x: Any) -> Any:
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(undefined, x, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.size), [0] * self.size)
        return self.builder.shuffle_vector(one, undefined, zeros)

    def every(self, x: float) -> Any:
        return ir.Constant(self.vector, [x] * self.size)

    def mask(self, count: Any) -> Any:
        """Return a mask that is true for the first ``left`` elements of a vector."""
        wide = ir.VectorType(self.index, self.size)
        undefined = ir.Constant(wide, ir.Undefined)
        one = self.builder.insert_element(undefined, count, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.size), [0] * self.size)
        every = self.builder.shuffle_vector(one, undefined, zeros)
        return self.builder.icmp_signed("<", ir.Constant(wide, [*range(self.size)]), every)

    def keep(self, mask: Any, x: Any, other: float) -> Any:
        return x if mask is None else self.builder.select(mask, x, self.every(other))

    def accumulate(
        self, total: Any, a: Any, b: Any, minus: bool = False, flags: tuple[str, ...] = ()
    ) -> None:
        """Compute total ± a·b in a register."""
        builder = self.builder
        product = builder.fmul(a, b, flags=flags)
        add = builder.fsub if minus else builder.fadd
        builder.store(add(builder.load(total), product, flags=flags), total)

    def registers(self, count: int) -> list[Any]:
        return [cgutils.alloca_once(self.builder, self.vector) for _ in range(count)]

    def across(self, count: Any, wide: int, block: Callable[[Any, int, Any], None]) -> None:
        """Call ``block(first element, vectors, mask)`` for each ``wide`` vectors, then for single ones."""
        builder, size = self.builder, self.size
        full = builder.udiv(count, self.count(size * wide))
        with cgutils.for_range(builder, full) as loop:
            block(builder.mul(loop.index, self.count(size * wide)), wide, None)
        start = builder.mul(full, self.count(size * wide))
        rest = builder.udiv(builder.add(builder.sub(count, start), self.count(size - 1)), self.count(size))
        with cgutils.for_range(builder, rest) as loop:
            first = builder.add(start, builder.mul(loop.index, self.count(size)))
            block(first, 1, self.mask(builder.sub(count, first)))


def _make_intrinsic(intrinsic: Any, arguments: int, write: Callable[..., None]) -> Any:
    """Return a numba intrinsic of the memory, the program and ``arguments`` more."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vectors = VectorBuilder(context, builder, signature.args[:2], values[:2])
        write(vectors, context, signature.args, *values[2:])
        return context.get_dummy_value()

    names = ", ".join(f"a{i}" for i in range(arguments))
    namespace: dict[str, Any] = {"types": types, "codegen": codegen}
    exec(  # numba requires one named parameter for each argument
        f"def generated(typing, memory, program, {names}):\n"
        f" return types.void(memory, program, {names}), codegen",
        namespace,
    )
    return intrinsic(namespace["generated"])


def _write_sum(
    vectors: VectorBuilder, context: Any, argument_types: Any, at: Any, total: Any, width: Any
) -> None:
    """Emit total ± products of scalars and rows, then of rows, each rounded; the counts are at at − 4."""
    builder = vectors.builder
    total = context.cast(builder, total, argument_types[3], argument_types[0].dtype)
    out = vectors.address(builder.sub(at, vectors.count(8)))
    counts = [vectors.address(builder.sub(at, vectors.count(4 - k))) for k in range(4)]
    totals = vectors.registers(4)

    def block(first: Any, wide: int, mask: Any) -> None:
        for register in totals[:wide]:
            builder.store(vectors.splat(total), register)
        begin = at
        for kind, count in enumerate(counts):
            with cgutils.for_range(builder, count) as loop:
                pair = builder.add(begin, builder.mul(loop.index, vectors.count(2)))
                a, b = vectors.address(pair), vectors.address(builder.add(pair, vectors.count(1)))
                b = builder.add(b, first)
                factor: Any = None
                if kind < 2:
                    factor = vectors.splat(vectors.slot(a))
                else:
                    a = builder.add(a, first)
                for k, register in enumerate(totals[:wide]):
                    offset = vectors.count(k * vectors.size)
                    x = factor if kind < 2 else vectors.load(builder.add(a, offset))
                    vectors.accumulate(register, x, vectors.load(builder.add(b, offset)), minus=kind % 2 == 1)
            begin = builder.add(begin, builder.mul(count, vectors.count(2)))
        for k, register in enumerate(totals[:wide]):
            offset = builder.add(first, vectors.count(k * vectors.size))
            vectors.store(builder.load(register), builder.add(out, offset), mask)

    vectors.across(width, 4, block)


def _write_tile(flags: tuple[str, ...], height: int = 4) -> Callable[..., None]:
    def write(
        vectors: VectorBuilder,
        context: Any,
        argument_types: Any,
        at: Any,
        depth: Any,
        width: Any,
        factors: Any,
    ) -> None:
        """Emit ``height`` sums at once: a scalar each, then its factors times the same ``depth`` rows."""
        builder = vectors.builder
        table = context.make_array(argument_types[5])(context, builder, factors).data
        outs = [vectors.address(builder.add(at, vectors.count(k))) for k in range(height)]
        starts = [
            vectors.slot(vectors.address(builder.add(at, vectors.count(height + k)))) for k in range(height)
        ]
        rows = builder.add(at, vectors.count(2 * height))
        totals = vectors.registers(2 * height)

        def block(first: Any, wide: int, mask: Any) -> None:
            for k in range(height):
                for j in range(wide):
                    builder.store(vectors.splat(starts[k]), totals[2 * k + j])
            with cgutils.for_range(builder, depth) as loop:
                row = builder.add(vectors.address(builder.add(rows, loop.index)), first)
                xs = [vectors.load(builder.add(row, vectors.count(j * vectors.size))) for j in range(wide)]
                begin = builder.mul(loop.index, vectors.count(height))
                for k in range(height):
                    factor = vectors.splat(vectors.slot(builder.add(begin, vectors.count(k)), table))
                    for j in range(wide):
                        vectors.accumulate(totals[2 * k + j], factor, xs[j], flags=flags)
            for k in range(height):
                for j in range(wide):
                    offset = builder.add(first, vectors.count(j * vectors.size))
                    vectors.store(builder.load(totals[2 * k + j]), builder.add(outs[k], offset), mask)

        vectors.across(width, 2, block)

    return write


def _write_grid(height: int, across: int) -> Callable[..., None]:
    def write(
        vectors: VectorBuilder, context: Any, argument_types: Any, at: Any, width: Any, more: Any
    ) -> None:
        """Emit the dot products of each of some rows with each of others."""
        builder = vectors.builder
        addresses = [vectors.address(builder.add(at, vectors.count(k))) for k in range(height + across)]
        bias = vectors.slot(vectors.address(builder.sub(at, vectors.count(1))))
        totals = vectors.registers(height * across)
        for register in totals:
            builder.store(vectors.every(-0.0), register)

        def block(first: Any, wide: int, mask: Any) -> None:
            rows = [
                vectors.load(builder.add(a, first)) for a in addresses
            ]  # masked: −0·1, which adds nothing
            rows = [vectors.keep(mask, row, -0.0 if k < height else 1.0) for k, row in enumerate(rows)]
            for i in range(height):
                for j in range(across):
                    vectors.accumulate(totals[i * across + j], rows[i], rows[height + j], flags=LOOSE)

        vectors.across(width, 1, block)
        for k, register in enumerate(totals):
            total = builder.load(register)
            size = vectors.size
            while size > 1:  # add the second half to the first
                size //= 2
                narrow = ir.VectorType(ir.IntType(32), size)
                low, high = (
                    builder.shuffle_vector(total, total, ir.Constant(narrow, [*range(first, first + size)]))
                    for first in (0, size)
                )
                total = builder.fadd(low, high)
            total = builder.extract_element(total, ir.Constant(ir.IntType(32), 0))
            out = vectors.address(builder.add(at, vectors.count(height + across + k)))
            place = builder.gep(vectors.memory, [out])
            before = builder.select(
                builder.icmp_signed("!=", more, vectors.count(0)), builder.load(place), bias
            )
            builder.store(builder.fadd(before, total), place)

    return write


#: Sums of products of rows: intrinsics that :func:`make_interpreter` sets.
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
    batch_size: int,
    block: int,
    is_loaded: bool,
    steps: int,
    guards: Any,
    fixed: int,
    moves: Any,
    buffer: Any,
    gradient_runs: Any,
    gradients: Any,
    losses: Any,
    loss: int,
    factors: Any,
) -> int:
    """Take steps; return the number of steps taken, or −1 if the program is invalid.

    ``sections`` has the index in the program where each section begins: instructions that depend on arguments
    alone, those that change from step to step, those of each block of the batch, and those after the blocks.
    ``guards`` has pairs of a slot and the answer; the first ``fixed`` numbers change with the arguments
    alone. ``moves`` has runs (to, from, count) and ``gradient_runs`` runs (from, count). After each step all
    moves are done at once, and the gradients are copied to ``gradients``.
    """
    for step in range(steps):
        for section in range(1 if step > 0 or is_loaded else 0, 4):
            first = 0
            while True:
                width = min(block, batch_size - first) if section == 2 else batch_size
                at = sections[section]
                end = sections[section + 1]
                while at < end:
                    kind = program[at]
                    if kind == 1:  # a sum of products of slots
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
                    elif kind == 3:  # a sum of products of rows, or of columns of slots
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
                    elif kind == 5:  # dot products of all pairs of rows, or of columns
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
                            for k in range(n):  # both are read, so that LLVM emits a select
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
                                if y == 0.5 and x > 0.0:  # frequent in Adam, and sqrt is faster than pow
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
                    elif kind == 6:  # a scalar in every element of a row
                        n = uintp(program[at + 1] if program[at + 1] > 0 else width)
                        o, total = uintp(program[at + 2]), memory[program[at + 3]]
                        at += 4
                        for k in range(n):
                            memory[o + k] = total
                    elif kind == 7:  # gather slots
                        n, out = program[at + 1], program[at + 2]
                        at += 3
                        for k in range(n):
                            memory[out + k] = memory[program[at + k]]
                        at += n
                    elif kind == 8:  # scatter to slots
                        n, out = program[at + 1], program[at + 2]
                        at += 3
                        for k in range(n):
                            memory[program[at + k]] = memory[out + k]
                        at += n
                    elif kind == 9:  # this block of a whole input row
                        o, a0 = uintp(program[at + 1]), uintp(program[at + 2] + first)
                        at += 3
                        for k in range(uintp(width)):
                            memory[o + k] = memory[a0 + k]
                    elif kind == 10:  # a guard on every batch element
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
                if section != 2 or first >= batch_size:
                    break
        for k in range(fixed if step > 0 or is_loaded else 0, len(guards), 2):
            if (memory[guards[k]] != 0.0) != (guards[k + 1] != 0):
                return step
        losses[step] = memory[loss]
        to = 0
        for k in range(0, len(gradient_runs), 2):
            a0, n = uintp(gradient_runs[k]), uintp(gradient_runs[k + 1])
            for j in range(n):
                gradients[uintp(to) + j] = memory[a0 + j]
            to += gradient_runs[k + 1]
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


def make_interpreter(cached: bool) -> Any:
    """Return the interpreter, which numba compiles at its first call or reads from its cache.

    Raises:
        RuntimeError: If ``cached`` is set and there is no folder for the cache.
    """
    import numba.core.cgutils
    import numba.extending
    from llvmlite import ir

    intrinsic = numba.extending.intrinsic
    globals().update(ir=ir, types=numba.types, cgutils=numba.core.cgutils, uintp=numba.uintp)
    globals().update(sum_of_products=_make_intrinsic(intrinsic, 3, _write_sum))
    globals().update(tile=_make_intrinsic(intrinsic, 4, _write_tile(LOOSE)))
    globals().update(ordered_tile=_make_intrinsic(intrinsic, 4, _write_tile(())))
    for height in (1, 4):
        for across in (1, 4):
            globals()[f"grid{height}{across}"] = _make_intrinsic(intrinsic, 3, _write_grid(height, across))
    # fastmath flags hold for a whole function, and this function must keep the order of its additions.
    return numba.njit(cache=cached, error_model="numpy")(interpret)
