"""Readable text of a tape: a name and a formula for every instruction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from ...system.messages import replace_controls
from ...value import Value
from .fused import Fused
from .tape import SOURCES, Tape

_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_INFIX = {
    "add": " + ",
    "sub": " − ",
    "mul": "·",
    "div": " / ",
    "pow": "^",
    "lt": " < ",
    "le": " ≤ ",
    "eq": " == ",
}
_LETTERS = {"input": "x", "state": "s", "row": "r"}
_SOURCE = {"leaf": "leaf", "input": "argument", "state": "state", "row": "row", "setting": "setting"}

#: The number of instructions of a pass that are stored as text.
KEPT = 200
#: If there are more operands than this, only the first ones and the last are listed.
MOST = 6


class Stage(NamedTuple):
    """Result of a pass: the number of instructions, the commonest kinds, and the first ones as text."""

    name: str
    size: int
    kinds: str
    lines: list[str]


def stage(
    name: str, tape: Tape, leaves: Sequence[Value], results: Mapping[int, str], since: int = 0
) -> Stage:
    """Describe the current tape, from instruction ``since`` on."""
    listing = Listing(tape, leaves, results)
    instructions = (i for i in range(since, len(tape.code)) if tape.code[i][0] not in SOURCES)
    return Stage(name, len(tape.code), kinds(tape, since), [*map(listing.line, islice(instructions, KEPT))])


def kinds(tape: Tape, since: int = 0) -> str:
    """Count the instructions of the five commonest kinds."""
    counts = Counter(map(itemgetter(0), islice(tape.code, since, None)))
    ranking = [(count, operation) for operation, count in counts.most_common() if operation not in SOURCES]
    return ", ".join(f"{count:,} {operation}" for count, operation in ranking[:5])


class Listing:
    """Names and formulas of the instructions of a tape, with sums of products if it is fused.

    >>> tape = Tape()
    >>> w = tape.handle(tape.source("leaf", 0))
    >>> out = w * w + 1.0
    >>> listing = Listing(tape, [Value(3.0, label="w")], {out.place: "out"})
    >>> for i in range(len(tape.code)):
    ...     print(listing.line(i))
    w = leaf 1
    v₁ = w·w
    1.0
    out = v₁ + 1.0

    A leaf is named by its label, or p₁, p₂, …. Arguments are named x₁, …, numbers of the optimizer's state
    s₁, …, rows of the batch r₁, …, and computed instructions v with their place. ``[]`` marks an instruction
    that has one number for each batch element.
    """

    def __init__(
        self, tape: Tape, leaves: Sequence[Value], results: Mapping[int, str], fused: Fused | None = None
    ) -> None:
        self.tape = tape
        self.leaves = leaves
        self.results = results
        self.fused = fused
        self._labels = Counter(leaf.label for leaf in leaves)

    def name(self, i: int) -> str:
        """Return the name of an instruction, or the number of a constant."""
        operation, operands = self.tape.code[i]
        if operation == "const":
            return repr(operands[0]).replace("-", "−")
        mark = "[]" if self.tape.is_batched[i] else ""
        if i in self.results:
            return self.results[i] + mark
        if operation == "setting":
            return "lr"
        if operation == "leaf":
            index: int = operands[0]
            return name_of(self.leaves[index], index, self._labels)
        if operation in SOURCES:
            return _LETTERS[operation] + subscript(operands[0] + 1) + mark
        return "v" + subscript(i) + mark

    def text(self, i: int) -> str:
        """Return the formula of an instruction."""
        operation, operands = self.tape.code[i]
        if operation == "const":
            return self.name(i)
        if operation in SOURCES:
            return f"{_SOURCE[operation]} {operands[0] + 1}" if operation != "setting" else "learning rate"
        if self.fused is not None and (total := self.fused.sums.get(i)) is not None:
            return self._sum_of_products(total.bias, total.terms, total.reduces)
        names = [self.name(o) for o in operands]
        if operation in _INFIX:
            return _INFIX[operation].join(names)
        if operation == "neg":
            return f"−{names[0]}"
        if operation == "where":
            return f"{names[1]} if {names[0]} else {names[2]}"
        if operation == "batch_sum":
            return f"Σ {names[0]}"
        if operation == "sum":
            return " + ".join(_cut(names)) or "0.0"
        if operation == "dot":
            half = len(names) // 2
            pairs = [f"{a}·{b}" for a, b in zip(names[:half], names[half:])]
            return " + ".join([*_cut(pairs), names[-1]])
        return f"{operation}({', '.join(_cut(names))})"

    def _sum_of_products(self, bias: float, terms: Sequence[tuple[bool, int, int]], reduces: bool) -> str:
        parts = [
            (negative, self.name(a) + (f"·{self.name(b)}" if b >= 0 else "")) for negative, a, b in terms
        ]
        if bias != 0.0:
            parts.append((bias < 0.0, repr(abs(bias))))
        signed = [("− " if negative else "+ ") + part for negative, part in parts]
        if not signed:
            return repr(bias)
        text = " ".join(_cut(signed))
        text = text[2:] if text.startswith("+ ") else f"−{text[2:]}"
        return f"Σ ({text})" if reduces else text

    def line(self, i: int) -> str:
        """Return the name of an instruction and its formula."""
        text = self.text(i)
        return text if self.name(i) == text else f"{self.name(i)} = {text}"


def name_of(leaf: Value, place: int, labels: Mapping[str, int]) -> str:
    """Return the label of a leaf, with its place unless the label is unique."""
    if not leaf.label:
        return "p" + subscript(place + 1)
    label = replace_controls(leaf.label)
    return label if labels[leaf.label] == 1 else label + subscript(place + 1)


def subscript(number: int) -> str:
    """Return a number in subscript digits."""
    return str(number).translate(_LOWERED)


def _cut(parts: list[str]) -> list[str]:
    return parts if len(parts) <= MOST else [*parts[: MOST - 2], "…", parts[-1]]
