"""The backward pass as instructions: the local derivatives of the table are evaluated on handles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...primitives import PRIMITIVES
from ...symbols import is_group
from ..ir.patterns import not_readable
from ..ir.tape import CONSTANT, SOURCES, Choice, Handle, Meaning, Tape, group_operands, place_of
from ..record.arguments import is_tuple

#: The cotangent of an operand: the place of an instruction, or the places of two factors.
Part = int | tuple[int, int]


def gradient(tape: Tape, output: int, inputs: Sequence[int]) -> list[int]:
    """Emit ∂output/∂input for each input, an instruction of the tape, and return their places.

    >>> tape = Tape()
    >>> x = tape.handle(tape.source("leaf", 0))
    >>> (first,) = gradient(tape, (x * x * x).place, [x.place])
    >>> (second,) = gradient(tape, first, [x.place])  # the emitted instructions can be differentiated again
    """
    code, is_batched = tape.code, tape.is_batched
    depends, m = _dependents(tape, output, inputs), Meaning(tape, expand=False)
    totals: dict[int, list[Part]] = {output: [tape.source("const", 1.0)]}
    input_places = set(inputs)
    for i in range(output, -1, -1):
        if i not in totals or not depends[i] or code[i][0] in SOURCES or i in input_places:
            continue
        g = _total(tape, totals.pop(i))
        for operand, cotangent in _cotangents(m, i, g, depends):
            if is_batched[i] and not is_batched[operand]:
                cotangent = _sum_over_batch(tape, _emit_part(tape, cotangent))
            if operand in totals:
                totals[operand].append(cotangent)
            else:
                totals[operand] = [cotangent]
    return [_total(tape, totals[i]) if i in totals else tape.source("const", 0.0) for i in inputs]


def _dependents(tape: Tape, output: int, inputs: Sequence[int]) -> bytearray:
    """Mark the instructions up to the output that have a gradient with respect to one of the inputs."""
    depends = bytearray(len(tape.code))
    for i in inputs:
        depends[i] = 1
    for i, (operation, operands) in enumerate(tape.code[: output + 1]):
        if operation not in SOURCES and operation not in CONSTANT:
            for o in operands:
                if depends[o]:
                    depends[i] = 1
                    break
    return depends


def _total(tape: Tape, parts: list[Part]) -> int:
    """Add cotangents in the order in which they were emitted; if all are products, by one ``dot``."""
    if len(parts) == 1:
        return _emit_part(tape, parts[0])
    products = [part for part in parts if isinstance(part, tuple)]
    if len(products) < len(parts):
        return tape.apply("add" if len(parts) == 2 else "sum", tuple([_emit_part(tape, x) for x in parts]))
    lefts, rights = zip(*products)
    return tape.apply("dot", (*lefts, *rights, tape.source("const", -0.0)))


def _emit_part(tape: Tape, part: Part) -> int:
    return tape.apply("mul", part) if isinstance(part, tuple) else part


def _sum_over_batch(tape: Tape, cotangent: int) -> int:
    """Sum the cotangent of an operand that all batch elements share."""
    if tape.is_batched[cotangent]:
        return tape.apply("batch_sum", (cotangent,))
    return tape.apply("mul", (cotangent, tape.source("const", float(tape.batch_size))))


def _cotangents(m: Meaning, i: int, g: int, depends: bytearray) -> Iterator[tuple[int, Part]]:
    """Yield each operand of instruction i that depends on an input, and its cotangent."""
    tape = m.tape
    operation, operands = tape.code[i]
    if operation == "where":  # the selected branch receives the cotangent; a condition has no gradient
        condition, a, b = operands
        zero = tape.source("const", 0.0)
        if depends[a]:
            yield a, tape.apply("where", (condition, g, zero))
        if depends[b]:
            yield b, tape.apply("where", (condition, zero, g))
    elif operation == "batch_sum":
        yield operands[0], g
    else:
        yield from _products(m, i, g, depends)


def _products(m: Meaning, i: int, g: int, depends: bytearray) -> Iterator[tuple[int, Part]]:
    """Yield the gradient g of a primitive times each of its local derivatives."""
    operation, operands = m.tape.code[i]
    entry = PRIMITIVES[operation]
    out, *handles = [Handle(m.tape, place) for place in (i, *operands)]
    arguments = group_operands(entry, handles)
    for rule, argument in zip(entry.derivatives, arguments):
        group: list[Handle] = argument if is_group(argument) else [argument]
        if 1 not in [depends[x.place] for x in group]:
            continue
        try:
            result = rule(m, out, *arguments)
        except MemoryError:
            raise
        except Exception as error:
            raise not_readable(entry, error) from error
        derivatives = result if is_group(result) or is_tuple(result) else (result,)
        for x, derivative in zip(group, derivatives):
            if depends[x.place] and derivative is not None:
                yield x.place, _product(m, g, derivative)


def _product(m: Meaning, g: int, derivative: Any) -> Part:
    tape = m.tape
    if isinstance(derivative, Handle):
        if g not in tape.constants and derivative.place not in tape.constants:
            return g, derivative.place
    elif derivative == 1.0:  # the most frequent case, so it skips the simplification of 1·g
        return g
    return place_of(tape, vjp(m, Handle(tape, g), derivative))


def vjp(m: Meaning, g: Handle, derivative: Any) -> Any:
    """Return g · derivative, or 0.0 if the derivative is None; 0 is selected because 0 · inf is nan."""
    if derivative is None:
        return 0.0
    if isinstance(derivative, Choice):
        a, b = vjp(m, g, derivative.a), vjp(m, g, derivative.b)
        return m.where(derivative.condition, a, b)
    return g * derivative
