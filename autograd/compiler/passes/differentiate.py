"""The backward pass as instructions: the local derivatives of the table, evaluated on handles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...primitives import PRIMITIVES
from ...symbols import is_group
from ..ir.patterns import not_readable
from ..ir.tape import CONSTANT, SOURCES, Choice, Handle, Meaning, Tape, grouped, placed
from ..record.arguments import is_tuple

#: What an instruction passes back to an operand: the place of it, or of the two it is the product of.
Part = int | tuple[int, int]


def gradient(tape: Tape, output: int, inputs: Sequence[int]) -> list[int]:
    """Emit ∂output/∂input for each input, an instruction of the tape, and return their places.

    >>> tape = Tape()
    >>> x = tape.handle(tape.source("leaf", 0))
    >>> (slope,) = gradient(tape, (x * x * x).place, [x.place])
    >>> (bend,) = gradient(tape, slope, [x.place])  # what was emitted can be differentiated again
    """
    code, in_lane = tape.code, tape.in_lane
    depends, m = _dependents(tape, output, inputs), Meaning(tape, expand=False)
    totals: dict[int, list[Part]] = {output: [tape.source("const", 1.0)]}
    wanted = set(inputs)
    for i in range(output, -1, -1):
        if i not in totals or not depends[i] or code[i][0] in SOURCES or i in wanted:
            continue
        g = _total(tape, totals.pop(i))
        for operand, cotangent in _cotangents(m, i, g, depends):
            if in_lane[i] and not in_lane[operand]:
                cotangent = _over_lanes(tape, _placed(tape, cotangent))
            if operand in totals:
                totals[operand].append(cotangent)
            else:
                totals[operand] = [cotangent]
    return [_total(tape, totals[i]) if i in totals else tape.source("const", 0.0) for i in inputs]


def _dependents(tape: Tape, output: int, inputs: Sequence[int]) -> bytearray:
    """Which instructions up to the output have a slope by one of the inputs."""
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
    """What was passed back, added in the order it came: of products alone, one sum of products."""
    if len(parts) == 1:
        return _placed(tape, parts[0])
    products = [part for part in parts if isinstance(part, tuple)]
    if len(products) < len(parts):
        return tape.apply("add" if len(parts) == 2 else "sum", tuple([_placed(tape, x) for x in parts]))
    lefts, rights = zip(*products)
    return tape.apply("dot", (*lefts, *rights, tape.source("const", -0.0)))


def _placed(tape: Tape, part: Part) -> int:
    return tape.apply("mul", part) if isinstance(part, tuple) else part


def _over_lanes(tape: Tape, cotangent: int) -> int:
    """What all lanes pass back to an operand they share."""
    if tape.in_lane[cotangent]:
        return tape.apply("lanesum", (cotangent,))
    return tape.apply("mul", (cotangent, tape.source("const", float(tape.lanes))))


def _cotangents(m: Meaning, i: int, g: int, depends: bytearray) -> Iterator[tuple[int, Part]]:
    """What instruction i passes back to each of its operands that depends on an input."""
    tape = m.tape
    operation, operands = tape.code[i]
    if operation == "where":  # what is selected is passed back, conditions have no slope
        condition, a, b = operands
        nothing = tape.source("const", 0.0)
        if depends[a]:
            yield a, tape.apply("where", (condition, g, nothing))
        if depends[b]:
            yield b, tape.apply("where", (condition, nothing, g))
    elif operation == "lanesum":
        yield operands[0], g
    else:
        yield from _products(m, i, g, depends)


def _products(m: Meaning, i: int, g: int, depends: bytearray) -> Iterator[tuple[int, Part]]:
    """The gradient g of a primitive times each of its local derivatives."""
    operation, operands = m.tape.code[i]
    entry = PRIMITIVES[operation]
    out, *handles = [Handle(m.tape, place) for place in (i, *operands)]
    arguments = grouped(entry, handles)
    for rule, argument in zip(entry.derivatives, arguments):
        group: list[Handle] = argument if is_group(argument) else [argument]
        if 1 not in [depends[x.place] for x in group]:
            continue
        try:
            found = rule(m, out, *arguments)
        except MemoryError:
            raise
        except Exception as error:
            raise not_readable(entry, error) from error
        derivatives = found if is_group(found) or is_tuple(found) else (found,)
        for x, derivative in zip(group, derivatives):
            if depends[x.place] and derivative is not None:
                yield x.place, _product(m, g, derivative)


def _product(m: Meaning, g: int, derivative: Any) -> Part:
    tape = m.tape
    if isinstance(derivative, Handle):
        if g not in tape.constants and derivative.place not in tape.constants:
            return g, derivative.place
    elif derivative == 1.0:  # most often, so it is not left to be simplified
        return g
    return placed(tape, passed_back(m, Handle(tape, g), derivative))


def passed_back(m: Meaning, g: Handle, derivative: Any) -> Any:
    """g · derivative, and 0 where the derivative is None: selected, since 0 · inf would be nan."""
    if derivative is None:
        return 0.0
    if isinstance(derivative, Choice):
        a, b = passed_back(m, g, derivative.a), passed_back(m, g, derivative.b)
        return m.where(derivative.condition, a, b)
    return g * derivative
