"""The backward pass as instructions: each rule of the table is entered where an instruction has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..primitives import PRIMITIVES
from .pattern import slope_of
from .tape import SOURCES, WITHOUT_SLOPE, Tape, groups_of

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
    depends = _dependents(tape, output, inputs)
    totals: dict[int, list[Part]] = {output: [tape.source("const", 1.0)]}
    wanted = set(inputs)
    for i in range(output, -1, -1):
        if i not in totals or not depends[i] or code[i][0] in SOURCES or i in wanted:
            continue
        g = _total(tape, totals.pop(i))
        for operand, cotangent in _cotangents(tape, i, g, depends):
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
        if operation not in SOURCES and operation not in WITHOUT_SLOPE:
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


def _cotangents(tape: Tape, i: int, g: int, depends: bytearray) -> Iterator[tuple[int, Part]]:
    """What instruction i passes back to each of its operands that depends on an input."""
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
        entry = PRIMITIVES[operation]
        if not entry.nary:
            seen = (g, i, *operands)
            for k, o in enumerate(operands):
                if depends[o]:
                    yield o, slope_of(entry, k, len(operands)).product(tape, seen)
            return
        groups = groups_of(entry, operands)
        for k, group in enumerate(groups):
            if entry.operands[k].endswith("*"):
                rule = slope_of(entry, k, len(groups) + entry.numbered)
                for lane, o in enumerate(group):
                    if depends[o]:
                        some = entry.at_lane(groups, lane)
                        if entry.numbered:  # by the lane's own number, a constant
                            some[-1] = tape.source("const", some[-1])
                        yield o, rule.product(tape, (g, i, *some))
            elif depends[group]:
                yield group, slope_of(entry, k, len(operands), whole=True).product(tape, (g, i, *operands))
