"""Patterns: a rule is evaluated once on placeholder operands; its instructions are copied for each use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from ...primitives import Primitive
from ..record.trace import Untraceable
from .tape import Handle, Meaning, Tape, group_operands, needed, place_of


class Pattern:
    """The instructions that a rule emits for ``count`` operands.

    >>> tape = Tape()
    >>> x, y = tape.source("leaf", 0), tape.source("const", 1.0)
    >>> product = Pattern(lambda m, a, b: [a * b], 2)
    >>> tape.lines(product.enter(tape, (x, x))), product.enter(tape, (x, y)) == [x]  # x·1 is folded to x
    (['%2 = mul %0 %0'], True)
    """

    def __init__(self, rule: Callable[..., Sequence[Any]], count: int, expand: bool = False) -> None:
        tape = Tape()
        inputs = [tape.handle(tape.source("input", i)) for i in range(count)]
        self.results = [place_of(tape, x) for x in rule(Meaning(tape, expand), *inputs)]
        self.tape, self.count = tape, count
        self.code = tape.code[count:]
        #: The index of the operand, if the rule returns one of its operands; the single binary instruction,
        #: if the rule emits no other. Both are fast paths.
        self.operand = self.results[0] if not self.code else None
        self.step: tuple[str, int, int] | None = None
        if len(self.code) == 1 and len(self.code[0][1]) == 2:
            operation, (a, b) = self.code[0]
            self.step = operation, a, b

    def enter(self, tape: Tape, operands: Sequence[int]) -> list[int]:
        """Add the instructions for some operands, folded as usual, and return the places of the results."""
        places = [*operands]
        apply = tape.apply
        for operation, inputs in self.code:
            if operation == "const":
                places.append(tape.source("const", inputs[0]))
            else:
                read: tuple[int, ...] = inputs
                places.append(apply(operation, tuple([places[i] for i in read])))
        return [places[i] for i in self.results]

    def result(self, tape: Tape, operands: Sequence[int]) -> int:
        """Add the instructions and return the place of the only result."""
        if self.operand is not None:
            return operands[self.operand]
        if self.step is not None:
            operation, a, b = self.step
            return tape.apply(operation, (operands[a], operands[b]))
        return self.enter(tape, operands)[0]

    def reads(self, index: int) -> set[int]:
        """Return the indices of the operands that a result depends on."""
        return {i for i in needed(self.tape, [self.results[index]]) if i < self.count}


@lru_cache(1000)
def value_of(entry: Primitive, width: int) -> Pattern:
    """Return the pattern of a primitive with ``width`` operands, expanded into simpler primitives."""

    def value(m: Meaning, *operands: Handle) -> Sequence[Any]:
        return [m.apply(entry.name, *group_operands(entry, operands))]

    try:
        return Pattern(value, width, expand=True)
    except MemoryError:
        raise
    except Exception as error:  # a user's rule may raise anything
        raise not_readable(entry, error) from error


def not_readable(entry: Primitive, error: Exception) -> Untraceable:
    """Return the error for a rule that cannot be evaluated on handles."""
    return Untraceable(f"the rules of {entry.name} cannot be compiled: {error}")
