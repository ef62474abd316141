"""Fusion: each sum and the products that only it uses become one instruction, a sum of products.

It is bias ± a·b ± …, where a term without b is a alone. Brackets around + and − are kept: a chain of
additions and subtractions is added from left to right, after the operands in brackets are computed. Inside a
``sum`` or a ``dot`` and over the batch axis the order is unspecified: last digits may differ from eager mode.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.fused import Fused, SumOfProducts, Term, operands_after_fusing
from ..ir.tape import SOURCES, Tape
from .plan import Plan

_LINEAR = {"add", "sub", "neg", "mul", "sum", "dot", "batch_sum"}


def fuse(plan: Plan) -> Fused:
    """Fuse a plan; results, and instructions that are used twice, are not fused into others."""
    tape = plan.tape
    code = tape.code
    uses = [0] * len(code)
    for operation, operands in code:
        if operation not in SOURCES:
            for o in operands:
                uses[o] += 1
    marks = bytearray(len(code))
    for place in plan.results():
        uses[place] += 2
        marks[place] = 1
    fusing = _Fusing(tape, uses)
    sums: dict[int, SumOfProducts] = {}
    reads: list[Sequence[int]] = [()] * len(code)
    for i in range(len(code) - 1, -1, -1):
        if marks[i]:  # skip instructions already fused into a sum
            operation = code[i][0]
            if operation in _LINEAR:
                sums[i] = fusing.sum_at(i)
            reads[i] = operands_after_fusing(tape, sums, i)
            for o in reads[i]:
                marks[o] = 1
    return Fused([i for i, mark in enumerate(marks) if mark], sums, reads)


class _Fusing:
    """Builder of the sums of products of a tape; each includes the operations that only it uses."""

    def __init__(self, tape: Tape, uses: list[int]) -> None:
        self.code, self.is_batched, self.uses = tape.code, tape.is_batched, uses

    def sum_at(self, i: int) -> SumOfProducts:
        """Return the sum of products that an instruction computes."""
        operation, operands = self.code[i]
        if operation == "batch_sum":
            return self._over_batch(operands[0])
        if operation == "mul":
            return SumOfProducts(-0.0, [(False, *operands)])
        if operation in ("sum", "dot"):
            return self._in_any_order(i)
        return self._in_order(i)

    def _in_order(self, i: int) -> SumOfProducts:
        """Fuse binary additions and subtractions with those of the left operand."""
        terms: list[Term] = []  # in reverse order
        place = i
        while True:
            operation, operands = self.code[place]
            if operation != "neg":
                terms.append(self._term(operands[1], operation == "sub", i))
            left = operands[0]
            if operation == "neg" or not (self._is_own(left, i) and self.code[left][0] in ("add", "sub")):
                terms.append(self._term(left, operation == "neg", i))
                break
            place = left
        total = SumOfProducts(-0.0, terms[::-1], ordered=True)
        for term in total.terms[:2]:  # the bias and the first term commute
            negative, a, b = term
            if b < 0 and self.code[a][0] == "const":
                x: float = self.code[a][1][0]
                total.bias = -x if negative else x
                total.terms.remove(term)
                break
        return total

    def _in_any_order(self, i: int) -> SumOfProducts:
        """Fuse a ``sum`` or a ``dot``."""
        operation = self.code[i][0]
        operands: tuple[int, ...] = self.code[i][1]
        total = SumOfProducts(0.0 if operation == "sum" else -0.0)
        if operation == "dot":
            half = len(operands) // 2
            total.terms = [(False, a, b) for a, b in zip(operands[:half], operands[half:-1])]
            operands = operands[-1:]
        for o in operands:
            if self.code[o][0] == "const":
                total.bias += self.code[o][1][0]
            else:
                total.terms.append(self._term(o, False, i))
        return total

    def _over_batch(self, top: int) -> SumOfProducts:
        operation, operands = self.code[top]
        if operation == "mul" and self.uses[top] == 1:
            a, b = operands
            if self.is_batched[a] and self.is_batched[b]:
                return SumOfProducts(0.0, [(False, a, b)], reduces=True)
        return SumOfProducts(0.0, [(False, top, -1)], reduces=True)

    def _term(self, place: int, negative: bool, i: int) -> Term:
        """Return a term: ± an operand of i, or a product that only i uses.

        Negation is exact, so it becomes the sign.
        """
        operation, operands = self.code[place]
        if self._is_own(place, i):
            if operation == "neg":
                return self._term(operands[0], not negative, i)
            if operation == "mul":
                a, b = operands
                return negative, a, b
        return negative, place, -1

    def _is_own(self, place: int, i: int) -> bool:
        """Return True if i alone uses an instruction, and both are batched or neither is."""
        return self.uses[place] == 1 and self.is_batched[place] == self.is_batched[i]
