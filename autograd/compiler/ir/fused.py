"""A fused tape: sums of products, and the other instructions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .tape import SOURCES, Tape

#: A term of a sum of products: True if it is subtracted, the place of a, and the place of b or −1.
Term = tuple[bool, int, int]

#: The bias that adds nothing, as its repr.
NO_BIAS = repr(-0.0)


@dataclass(slots=True)
class SumOfProducts:
    """Sum bias ± a·b ± …; if ``reduces``, it also runs over the batch axis.

    If it is ``ordered``, as additions by + and − are, every product is rounded and the terms are added from
    left to right, beginning with the bias. The order of any other sum is unspecified.
    """

    bias: float
    terms: list[Term] = field(default_factory=list[Term])
    reduces: bool = False
    ordered: bool = False

    @property
    def commutes(self) -> bool:
        """Return True if the terms may be added in any order; a sum of two is the same in both."""
        return not self.ordered or len(self.terms) + (repr(self.bias) != NO_BIAS) <= 2


@dataclass
class Fused:
    """The remaining instructions, in order: each is a sum of products or an operation on operands."""

    order: list[int]
    sums: dict[int, SumOfProducts]
    #: The operands of each instruction, by its place.
    reads: list[Sequence[int]]


def operands_after_fusing(tape: Tape, sums: dict[int, SumOfProducts], i: int) -> Sequence[int]:
    """Return the operands that an instruction reads after fusing."""
    if (total := sums.get(i)) is not None:
        if len(total.terms) == 1:
            ((_, a, b),) = total.terms
            return (a, b) if b >= 0 else (a,)
        return [x for _, a, b in total.terms for x in (a, b) if x >= 0]
    operation, operands = tape.code[i]
    return () if operation in SOURCES else operands
