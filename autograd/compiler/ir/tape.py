"""The tape: a list of instructions, each referred to by its index.

The rules of the table are evaluated on :class:`Handle`: an operator, or a function that ``m`` offers, emits
an instruction. Constants are folded as floats.py computes them. Other instructions are simplified only if the
result is exact in IEEE arithmetic for every number, nan and inf included.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ...floats import KERNELS, apply_each, compute, largest_of, positions_of
from ...primitives import PRIMITIVES, Primitive

#: Sources of numbers: a constant, a live leaf, an argument, a setting of the optimizer, a number of its
#: state, or a row with one number for each batch element. The second item of such an instruction is not an
#: operand.
SOURCES = {"const", "leaf", "input", "setting", "state", "row"}
CONDITIONS: dict[str, Callable[[float, float], bool]] = {
    "lt": operator.lt, "le": operator.le, "eq": operator.eq,
}  # fmt: skip
#: Operations that may be simplified even if no operand is a constant.
_SIMPLIFIED = {"where", "neg"}
#: Operations without a derivative: no gradient flows back through them.
CONSTANT = {*CONDITIONS, "largest"}
#: The instructions that remain once primitives are expanded into others.
SIMPLE = {
    *KERNELS, *CONDITIONS, "add", "sub", "mul", "div", "pow", "neg", "abs", "sum", "dot", "largest", "where",
    "batch_sum",
}  # fmt: skip
#: The instructions that are not primitives. A primitive on a tape cannot have one of these names.
RESERVED = {*SOURCES, *CONSTANT, "where", "batch_sum"}


class Tape:
    """List of instructions (operation, operands), with operands before results.

    >>> tape = Tape()
    >>> x = tape.handle(tape.source("leaf", 0))
    >>> y = x * x + 2.0 * (x * x)
    >>> print(tape)
    %0 = leaf 0
    %1 = mul %0 %0
    %2 = const 2.0
    %3 = mul %2 %1
    %4 = add %1 %3

    ``is_batched[i]`` is True if instruction i has one number for each of ``batch_size`` elements. Equal
    instructions are entered once if the tape ``merges`` them. It does not while gradients still have to be
    accumulated, which is done in the order of eager mode.
    """

    def __init__(self, batch_size: int = 0, merges: bool = True) -> None:
        self.batch_size = batch_size
        self.merges = merges
        self.code: list[tuple[str, tuple[Any, ...]]] = []
        self.is_batched: list[bool] = []
        self.known: dict[Any, int] = {}
        #: The places of the constants.
        self.constants: set[int] = set()

    def source(self, kind: str, datum: Any) -> int:
        key = (kind, struct.pack("<d", datum) if kind == "const" else datum)
        place = self.known.get(key)
        if place is None:
            place = self.known[key] = self.append(kind, (datum,), kind == "row")
        return place

    def append(self, operation: str, operands: tuple[Any, ...], is_batched: bool = False) -> int:
        """Add an instruction, even if there is an equal one."""
        if operation == "const":
            self.constants.add(len(self.code))
        self.code.append((operation, operands))
        self.is_batched.append(is_batched)
        return len(self.code) - 1

    def apply(self, operation: str, operands: tuple[int, ...]) -> int:
        """Return the place of an instruction, which is added unless the tape has an equal one.

        Constants are folded, and no-ops are left out.
        """
        if not operands or operation in _SIMPLIFIED or not self.constants.isdisjoint(operands):
            simpler = self._simpler(operation, operands)
            if simpler is not None:
                return simpler
        key = (operation, operands)
        is_batched = self.is_batched
        place = len(is_batched)
        if self.merges and (known := self.known.setdefault(key, place)) != place:
            return known
        self.code.append(key)
        is_batched.append(
            self.batch_size > 0 and operation != "batch_sum" and True in [is_batched[i] for i in operands]
        )
        return place

    def constant(self, place: int) -> float | None:
        """Return the number of a constant, or None for any other instruction."""
        operation, operands = self.code[place]
        return operands[0] if operation == "const" else None

    def _simpler(self, operation: str, operands: tuple[int, ...]) -> int | None:
        code = self.code
        if operation == "where":
            condition, a, b = operands
            if a == b:
                return a
            if code[condition][0] == "const":
                return a if code[condition][1][0] else b
            return None
        if operation == "batch_sum":
            return None
        if self.constants.issuperset(operands):
            return self.source("const", run_instruction(operation, [code[i][1][0] for i in operands]))
        if operands[2:]:
            return None
        constants: list[Any] = [code[i][1][0] if i in self.constants else None for i in operands]
        if operation == "mul":
            a, b = constants
            x, factor = (operands[1], a) if b is None else (operands[0], b)
            if factor == -1.0:
                return self.apply("neg", (x,))
            return x if factor == 1.0 else None
        if operation in ("add", "sub") and constants[1] == 0.0:
            # x − 0 and x + −0 are x to the sign of a zero; x + 0 and x − −0 are not.
            negative = math.copysign(1.0, constants[1]) < 0.0
            return operands[0] if negative == (operation == "add") else None
        if operation == "add" and constants[0] == 0.0 and math.copysign(1.0, constants[0]) < 0.0:
            return operands[1]
        if operation == "div" and constants[1] == 1.0:
            return operands[0]
        if operation == "pow":
            if constants[1] == 1.0:
                return operands[0]
            if constants[1] == 2.0:
                return self.apply("mul", (operands[0], operands[0]))
            if constants[1] == -1.0:
                return self.apply("div", (self.source("const", 1.0), operands[0]))
        if operation == "neg" and code[operands[0]][0] == "neg":
            return int(code[operands[0]][1][0])
        return None

    def handle(self, place: int) -> Handle:
        return Handle(self, place)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, places: Sequence[int] | None = None) -> list[str]:
        """Return each instruction as text; batched instructions are marked with ``[]``."""
        lines: list[str] = []
        for i in range(len(self.code)) if places is None else places:
            operation, operands = self.code[i]
            mark = "[]" if self.is_batched[i] else ""
            names = [repr(o) if operation in SOURCES else f"%{o}" for o in operands]
            lines.append(f"%{i}{mark} = {operation} {' '.join(names)}")
        return lines


def group_operands(entry: Primitive, operands: Sequence[Any]) -> list[Any]:
    """Arrange operands in a row as a primitive takes them: those of a group in a list.

    >>> group_operands(PRIMITIVES["dot"], [2.0, 3.0, 4.0, 5.0, 1.0])
    [[2.0, 3.0], [4.0, 5.0], 1.0]
    """
    if not entry.is_many:
        return [*operands]
    groups = sum(name.endswith("*") for name in entry.operands)
    width = (len(operands) - len(entry.operands) + groups) // max(groups, 1)
    rest = iter(operands)
    return [[*islice(rest, width)] if name.endswith("*") else next(rest) for name in entry.operands]


def run_instruction(operation: str, numbers: Sequence[float]) -> float:
    """Evaluate one instruction on floats by the table; a condition returns 1 or 0.

    >>> run_instruction("div", [1.0, 0.0]), run_instruction("lt", [1.0, 2.0])
    (inf, 1.0)
    """
    if operation in PRIMITIVES:
        entry = PRIMITIVES[operation]
        return float(compute(entry, group_operands(entry, numbers))[0])
    if operation == "largest":
        return largest_of(numbers)
    if operation == "where":
        condition, a, b = numbers
        return a if condition else b
    a, b = numbers
    return float(CONDITIONS[operation](a, b))


class Handle:
    """The result of an instruction: the operand on which rules are evaluated."""

    __slots__ = ("place", "tape")

    #: NumPy would make an array of handles, which is not a handle.
    __array_ufunc__ = None

    def __init__(self, tape: Tape, place: int) -> None:
        self.tape = tape
        self.place = place

    def __repr__(self) -> str:
        return f"<handle {self.tape.lines([self.place])[0]}>"

    def __bool__(self) -> bool:
        raise TypeError("a condition on a handle is decided when the program runs: write where(c, a, b)")

    def __eq__(self, other: object) -> bool:
        raise TypeError("a condition on a handle is decided when the program runs: write m.eq(a, b)")

    __hash__ = object.__hash__

    def _with(self, operation: str, other: Any) -> Handle:
        tape = self.tape
        return Handle(tape, tape.apply(operation, (self.place, place_of(tape, other))))

    def _from(self, operation: str, other: Any) -> Handle:
        tape = self.tape
        return Handle(tape, tape.apply(operation, (place_of(tape, other), self.place)))

    def __add__(self, other: Any) -> Handle:
        return self._with("add", other)

    def __radd__(self, other: Any) -> Handle:
        return self._from("add", other)

    def __sub__(self, other: Any) -> Handle:
        return self._with("sub", other)

    def __rsub__(self, other: Any) -> Handle:
        return self._from("sub", other)

    def __mul__(self, other: Any) -> Handle:
        return self._with("mul", other)

    def __rmul__(self, other: Any) -> Handle:
        return self._from("mul", other)

    def __truediv__(self, other: Any) -> Handle:
        return self._with("div", other)

    def __rtruediv__(self, other: Any) -> Handle:
        return self._from("div", other)

    def __pow__(self, other: Any) -> Handle:
        return self._with("pow", other)

    def __rpow__(self, other: Any) -> Handle:
        return self._from("pow", other)

    def __lt__(self, other: Any) -> Handle:
        return self._with("lt", other)

    def __le__(self, other: Any) -> Handle:
        return self._with("le", other)

    def __gt__(self, other: Any) -> Handle:
        return self._from("lt", other)

    def __ge__(self, other: Any) -> Handle:
        return self._from("le", other)

    def __neg__(self) -> Handle:
        return Handle(self.tape, self.tape.apply("neg", (self.place,)))

    def __abs__(self) -> Handle:
        return Handle(self.tape, self.tape.apply("abs", (self.place,)))


def place_of(tape: Tape, x: Any) -> int:
    """Return the place of a handle, or of a number as a constant."""
    return x.place if isinstance(x, Handle) else tape.source("const", float(x))


@dataclass(frozen=True, slots=True)
class Choice:
    """Local derivative that is None in one of its branches: a if the condition holds, else b."""

    condition: Handle
    a: Any
    b: Any


class Meaning:
    """The functions that ``m`` offers, on handles.

    If ``expand`` is set, a primitive made of others is expanded into them. If not, it is entered by its name,
    so that it can be differentiated by its rule.
    """

    def __init__(self, tape: Tape, expand: bool) -> None:
        self.tape = tape
        self.expand = expand

    each = staticmethod(apply_each)
    positions = staticmethod(positions_of)

    def where(self, condition: Handle | bool, a: Any, b: Any) -> Any:
        """Select a if the condition holds, else b; return a :class:`Choice` if a branch is None."""
        if not isinstance(condition, Handle):
            return a if condition else b
        tape = self.tape
        if (answer := tape.constant(condition.place)) is not None:
            return a if answer else b
        if a is None or b is None or isinstance(a, Choice) or isinstance(b, Choice):
            return Choice(condition, a, b)
        return Handle(tape, tape.apply("where", (condition.place, place_of(tape, a), place_of(tape, b))))

    def apply(self, name: str, *operands: Handle | float | list[Any]) -> Handle:
        """Apply a function that ``m`` offers; a group of operands is a list."""
        tape = self.tape
        if self.expand and name not in SIMPLE:
            result = self._take(*operands) if name == "take" else PRIMITIVES[name].value(self, *operands)
            return tape.handle(place_of(tape, result))
        places: list[int] = []
        for x in operands:
            if isinstance(x, (list, tuple)):
                places += [place_of(tape, y) for y in x]
            else:
                places.append(place_of(tape, x))
        return Handle(tape, tape.apply(name, tuple(places)))

    def _take(self, values: Any, index: Any) -> Any:
        """Select by one comparison for each value; two takes with the same index share the comparisons."""
        selected: Any = math.nan
        for k in reversed(range(len(values))):
            selected = self.where(self.eq(index, float(k)), values[k], selected)
        return selected

    def __getattr__(self, name: str) -> Callable[..., Handle]:
        if name not in PRIMITIVES and name not in ("eq", "largest"):
            raise AttributeError(f"the rule language has no function {name!r}")

        def function(*operands: Any) -> Handle:
            return self.apply(name, *operands)

        setattr(self, name, function)
        return function


def needed(tape: Tape, keep: Sequence[int]) -> list[int]:
    """Return the instructions of ``keep`` and those that they depend on, in order."""
    marks = bytearray(len(tape.code))
    for i in keep:
        marks[i] = 1
    for i in range(len(tape.code) - 1, -1, -1):
        if marks[i]:
            operation, operands = tape.code[i]
            if operation not in SOURCES:
                for o in operands:
                    marks[o] = 1
    return [i for i, mark in enumerate(marks) if mark]
