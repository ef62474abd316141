"""Fusing: single-use trees of sums and products become one instruction each, a sum of products.

It is bias ± a·b ± …, where a term without b is a alone. Sums are added in another
order than eager adds them, so the last digits may differ; nan and inf do not, short of an overflow on
the way.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.fused import Fused, SumOfProducts, operands_after_fusing
from ..ir.tape import SOURCES, Tape
from .plan import Plan

_LINEAR = {"add", "sub", "neg", "mul", "sum", "dot", "lanesum"}


def fuse(plan: Plan) -> Fused:
    """Fuse a plan; what is wanted from outside, or used twice, keeps an instruction of its own."""
    tape = plan.tape
    code = tape.code
    uses = [0] * len(code)
    for operation, operands in code:
        if operation not in SOURCES:
            for o in operands:
                uses[o] += 1
    used = bytearray(len(code))
    for place in plan.results():
        uses[place] += 2
        used[place] = 1
    sums: dict[int, SumOfProducts] = {}
    reads: list[Sequence[int]] = [()] * len(code)
    for i in range(len(code) - 1, -1, -1):
        if used[i]:  # what a sum has taken in is read by nobody
            operation, operands = code[i]
            if operation == "mul":
                sums[i] = SumOfProducts(-0.0, [(False, *operands)])
                reads[i] = operands
            elif operation not in SOURCES:
                if operation in _LINEAR:
                    sums[i] = _sum_of_products(tape, i, uses)
                reads[i] = operands_after_fusing(tape, sums, i)
            for o in reads[i]:
                used[o] = 1
    return Fused([i for i, there in enumerate(used) if there], sums, reads)


def _sum_of_products(tape: Tape, i: int, uses: list[int]) -> SumOfProducts:
    code, in_lane = tape.code, tape.in_lane
    total = SumOfProducts(-0.0)
    top = i
    if code[i][0] == "lanesum":
        top = code[i][1][0]
        total.reduces = True
        total.bias = 0.0
        if uses[top] > 1 or code[top][0] not in _LINEAR or not _purely_in_lanes(tape, top):
            total.terms.append((False, top, -1))
            return total
    lane = in_lane[top]
    # ± an operand, or what it is the sum of if nothing else uses it
    waiting = [(top, False)]
    while waiting:
        place, negative = waiting.pop()
        operation, operands = code[place]
        if place != top:
            if operation == "const" and not total.reduces:
                total.bias += -operands[0] if negative else operands[0]
                continue
            if (
                uses[place] > 1
                or operation not in _LINEAR
                or in_lane[place] != lane
                or operation == "lanesum"
            ):
                total.terms.append((negative, place, -1))
                continue
        if operation == "mul":
            total.terms.append((negative, *operands))
        elif operation == "dot":
            half = len(operands) // 2
            total.terms += [(negative, a, b) for a, b in zip(operands[:half], operands[half:-1])]
            waiting.append((operands[-1], negative))
        elif operation == "sub":
            waiting += [(operands[1], not negative), (operands[0], negative)]
        elif operation == "neg":
            waiting.append((operands[0], not negative))
        else:
            waiting += [(o, negative) for o in reversed(operands)]
            if operation == "sum":
                total.bias += -0.0 if negative else 0.0
    return total


def _purely_in_lanes(tape: Tape, place: int) -> bool:
    """Whether the sum of it over lanes is the sum of its terms over lanes, each of which has lanes."""
    operation = tape.code[place][0]
    operands: tuple[int, ...] = tape.code[place][1]
    return operation == "mul" and any(tape.in_lane[o] for o in operands)
