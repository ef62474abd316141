"""Patterns: a rule is read once, on numbered operands, and its instructions entered as often as wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from ..primitives import Primitive
from .tape import Handle, Meaning, Tape, groups_of, placed


class Pattern:
    """What a rule makes of ``count`` operands: instructions on the operands and on one another.

    >>> tape = Tape()
    >>> x, y = tape.source("leaf", 0), tape.source("const", 1.0)
    >>> product = Pattern(lambda m, a, b: [a * b], 2)
    >>> tape.lines(product.enter(tape, (x, x))), product.enter(tape, (x, y)) == [x]  # folded as it is entered
    (['%2 = mul %0 %0'], True)
    """

    def __init__(self, rule: Callable[..., Sequence[Any]], count: int, expand: bool = False) -> None:
        tape = Tape()
        given = [tape.handle(tape.source("input", i)) for i in range(count)]
        self.results = [placed(tape, x) for x in rule(Meaning(tape, expand), *given)]
        self.code = tape.code[count:]

    def enter(self, tape: Tape, operands: Sequence[int]) -> list[int]:
        """Enter the instructions for some operands, folded as any others, and return the results' places."""
        at = [*operands]
        apply = tape.apply
        for operation, of in self.code:
            if operation == "const":
                at.append(tape.source("const", of[0]))
            elif len(of) == 2:
                at.append(apply(operation, (at[of[0]], at[of[1]])))
            else:
                at.append(apply(operation, tuple([at[i] for i in of])))
        return [at[i] for i in self.results]


@lru_cache(1000)
def value_of(entry: Primitive, width: int) -> Pattern:
    """A primitive of so many operands, written out in what it is made of."""

    def value(m: Meaning, *operands: Handle) -> Sequence[Any]:
        return [m.apply(entry.name, *(groups_of(entry, operands) if entry.nary else operands))]

    return Pattern(value, width, expand=True)


@lru_cache(1000)
def slope_of(entry: Primitive, which: int, width: int, whole: bool = False) -> Pattern:
    """What a rule passes back, of the gradient, the output and so many operands.

    The rule of a group is given one of each group; that of an operand beside them, the ``whole`` groups.
    """
    rule = entry.vjps[which]

    def slope(m: Meaning, g: Handle, out: Handle, *operands: Handle) -> Sequence[Any]:
        return [rule(m, g, out, *(groups_of(entry, operands) if whole else operands))]

    return Pattern(slope, 2 + width)
