"""Patterns: a rule is read once, on numbered operands, and its instructions entered as often as wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from ...primitives import Primitive
from ..record.trace import Untraceable
from .tape import Handle, Meaning, Tape, grouped, needed, placed


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
        self.tape, self.count = tape, count
        self.code = tape.code[count:]
        #: Of a rule that gives one of its operands the number of it, and of one that takes one step the step.
        self.operand = self.results[0] if not self.code else None
        self.step: tuple[str, int, int] | None = None
        if len(self.code) == 1 and len(self.code[0][1]) == 2:
            operation, (a, b) = self.code[0]
            self.step = operation, a, b

    def enter(self, tape: Tape, operands: Sequence[int]) -> list[int]:
        """Enter the instructions for some operands, folded as any others, and return the results' places."""
        at = [*operands]
        apply = tape.apply
        for operation, of in self.code:
            if operation == "const":
                at.append(tape.source("const", of[0]))
            else:
                read: tuple[int, ...] = of
                at.append(apply(operation, tuple([at[i] for i in read])))
        return [at[i] for i in self.results]

    def result(self, tape: Tape, operands: Sequence[int]) -> int:
        """The place of the only result; most rules are a product, or pass on what they are given."""
        if self.operand is not None:
            return operands[self.operand]
        if self.step is not None:
            operation, a, b = self.step
            return tape.apply(operation, (operands[a], operands[b]))
        return self.enter(tape, operands)[0]

    def reads(self, which: int) -> set[int]:
        """The numbers of the operands that a result depends on."""
        return {i for i in needed(self.tape, [self.results[which]]) if i < self.count}


@lru_cache(1000)
def value_of(entry: Primitive, width: int) -> Pattern:
    """A primitive of so many operands, written out in what it is made of."""

    def value(m: Meaning, *operands: Handle) -> Sequence[Any]:
        return [m.apply(entry.name, *grouped(entry, operands))]

    try:
        return Pattern(value, width, expand=True)
    except MemoryError:
        raise
    except Exception as error:  # whatever a rule of the user's own does
        raise not_readable(entry, error) from error


def not_readable(entry: Primitive, error: Exception) -> Untraceable:
    """The reason why a rule cannot be evaluated on handles."""
    return Untraceable(f"the rules of {entry.name} cannot be compiled: {error}")
