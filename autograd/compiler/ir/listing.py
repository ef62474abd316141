"""A tape as it is read: every instruction by a name, and what it computes in the names of others."""

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
_LETTERS = {"input": "x", "state": "s", "lane": "r"}
_SOURCE = {"leaf": "leaf", "input": "argument", "state": "state", "lane": "row", "setting": "setting"}

#: So many instructions of a pass are kept as text.
KEPT = 200
#: Of more operands than this the first and the last are written.
MOST = 6


class Stage(NamedTuple):
    """What a pass left: how many instructions, of which kinds, and the first of them as text."""

    name: str
    size: int
    kinds: str
    lines: list[str]


def stage(
    name: str, tape: Tape, leaves: Sequence[Value], results: Mapping[int, str], since: int = 0
) -> Stage:
    """The tape as it is now, from the instruction on that a pass has added first."""
    listing = Listing(tape, leaves, results)
    computed = (i for i in range(since, len(tape.code)) if tape.code[i][0] not in SOURCES)
    return Stage(name, len(tape.code), kinds(tape, since), [*map(listing.line, islice(computed, KEPT))])


def kinds(tape: Tape, since: int = 0) -> str:
    """How many instructions there are of the commonest kinds."""
    found = Counter(map(itemgetter(0), islice(tape.code, since, None)))
    computed = [(count, operation) for operation, count in found.most_common() if operation not in SOURCES]
    return ", ".join(f"{count:,} {operation}" for count, operation in computed[:5])


class Listing:
    """Names for the instructions of a tape, and what each computes; of a fused one with its sums of products.

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

    Leaves go by their labels, or p₁, p₂, …; arguments are x₁, …, states of the optimiser s₁, …, rows of lanes
    r₁, …, and what is computed goes by its place. What has a number for each lane is marked ``[]``.
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
        """What an instruction is called; a constant by its number."""
        operation, operands = self.tape.code[i]
        if operation == "const":
            return repr(operands[0]).replace("-", "−")
        lane = "[]" if self.tape.in_lane[i] else ""
        if i in self.results:
            return self.results[i] + lane
        if operation == "setting":
            return "lr"
        if operation == "leaf":
            which: int = operands[0]
            return name_of(self.leaves[which], which, self._labels)
        if operation in SOURCES:
            return _LETTERS[operation] + lowered(operands[0] + 1) + lane
        return "v" + lowered(i) + lane

    def text(self, i: int) -> str:
        """What an instruction computes."""
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
        if operation == "lanesum":
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
        """An instruction by its name, and what it computes."""
        text = self.text(i)
        return text if self.name(i) == text else f"{self.name(i)} = {text}"


def name_of(leaf: Value, place: int, labels: Mapping[str, int]) -> str:
    """A leaf by its label, if no other has it, else by its place."""
    if not leaf.label:
        return "p" + lowered(place + 1)
    label = replace_controls(leaf.label)
    return label if labels[leaf.label] == 1 else label + lowered(place + 1)


def lowered(number: int) -> str:
    """The digits of a number, lowered."""
    return str(number).translate(_LOWERED)


def _cut(parts: list[str]) -> list[str]:
    return parts if len(parts) <= MOST else [*parts[: MOST - 2], "…", parts[-1]]
