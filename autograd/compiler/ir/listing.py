"""Readable text of a tape: a name and a formula for every instruction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import islice
from operator import itemgetter
from typing import NamedTuple, TypeVar

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

_Part = TypeVar("_Part")
_Gap = TypeVar("_Gap")

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

    @cached_property
    def _labels(self) -> Counter[str]:
        return Counter(leaf.label for leaf in self.leaves)

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
            leaf = self.leaves[index]
            return name_of(leaf, index, self._labels if leaf.label else {})
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
        if operation == "sum":
            return " + ".join(self._names(operands)) or "0.0"
        if operation == "dot":
            half = len(operands) // 2
            pairs = _cut([*zip(operands[:half], operands[half:])], None)
            products = ["…" if pair is None else "·".join(map(self.name, pair)) for pair in pairs]
            return " + ".join([*products, self.name(operands[-1])])
        names = self._names(operands)
        if operation in _INFIX:
            return _INFIX[operation].join(names)
        if operation == "neg":
            return f"−{names[0]}"
        if operation == "where":
            return f"{names[1]} if {names[0]} else {names[2]}"
        if operation == "batch_sum":
            return f"Σ {names[0]}"
        return f"{operation}({', '.join(names)})"

    def _names(self, operands: Sequence[int]) -> list[str]:
        return ["…" if o is None else self.name(o) for o in _cut(operands, None)]

    def _sum_of_products(self, bias: float, terms: Sequence[tuple[bool, int, int]], reduces: bool) -> str:
        if not terms and bias == 0.0:
            return repr(bias)
        signed: list[str] = []
        for i in _cut(range(len(terms) + (bias != 0.0)), None):  # the bias comes last
            if i is None:
                signed.append("…")
            elif i == len(terms):
                signed.append(f"{'−' if bias < 0.0 else '+'} {abs(bias)!r}")
            else:
                negative, a, b = terms[i]
                product = self.name(a) + (f"·{self.name(b)}" if b >= 0 else "")
                signed.append(f"{'−' if negative else '+'} {product}")
        text = " ".join(signed)
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


def _cut(parts: Sequence[_Part], gap: _Gap) -> Sequence[_Part | _Gap]:
    """Return the first parts, a gap and the last part, if there are more than ``MOST``."""
    return parts if len(parts) <= MOST else [*parts[: MOST - 2], gap, parts[-1]]
