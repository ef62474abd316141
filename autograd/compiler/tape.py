"""The tape: a list of instructions, each known by its place in it.

The rules of the table are read on :class:`Handle`: an operator, or a function of the rule language,
emits an instruction. Constants are folded with the careful floats of arithmetic.py, and of the rest
only what is exact in IEEE arithmetic for every number, nan and inf included.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

from ..arithmetic import CAREFUL, KERNELS, Ieee
from ..primitives import PRIMITIVES, Primitive

#: Where numbers come from: a constant, a live leaf, an argument, a setting of the optimiser, one of
#: its states, or the row of a lane. The second item of such an instruction is no operand.
SOURCES = {"const", "leaf", "input", "setting", "state", "lane"}
CONDITIONS = {"lt", "le", "eq"}
#: What may be simpler than it looks without a constant among its operands.
_LOOKED_INTO = {"where", "neg"}
#: What has no rule, for no gradient flows back through it.
WITHOUT_SLOPE = CONDITIONS | {"largest"}
#: What an instruction can do once primitives are expanded.
INFIX: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
}
#: What is an instruction still once primitives are written out in others.
SIMPLE = {*INFIX, *KERNELS, *CONDITIONS, "neg", "where", "lanesum"} - {"take"}


class Tape:
    """Instructions (operation, operands), operands before results.

    >>> tape = Tape()
    >>> x = tape.handle(tape.source("leaf", 0))
    >>> y = x * x + 2.0 * (x * x)
    >>> print(tape)
    %0 = leaf 0
    %1 = mul %0 %0
    %2 = const 2.0
    %3 = mul %2 %1
    %4 = add %1 %3

    ``in_lane[i]`` says whether instruction i has a number for each of the ``lanes`` rather than one. Equal
    instructions are entered once if the tape ``merges`` them: not while gradients are still to be added up,
    in the order of eager.
    """

    def __init__(self, lanes: int = 0, merges: bool = True) -> None:
        self.lanes = lanes
        self.merges = merges
        self.code: list[tuple[str, tuple[Any, ...]]] = []
        self.in_lane: list[bool] = []
        self.known: dict[Any, int] = {}
        #: The places of the constants.
        self.constants: set[int] = set()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"known": {}}  # a tape that is finished is not added to

    def source(self, kind: str, which: Any) -> int:
        key = (kind, struct.pack("<d", which) if kind == "const" else which)
        place = self.known.get(key)
        if place is None:
            place = self.known[key] = self.append(kind, (which,), kind == "lane")
        return place

    def append(self, operation: str, operands: tuple[Any, ...], in_lane: bool = False) -> int:
        """An instruction of its own, even if there is an equal one."""
        if operation == "const":
            self.constants.add(len(self.code))
        self.code.append((operation, operands))
        self.in_lane.append(in_lane)
        return len(self.code) - 1

    def apply(self, operation: str, operands: tuple[int, ...]) -> int:
        """The place of an instruction, which is entered unless it is there already.

        Constants are folded, and what changes nothing is left out.
        """
        if not operands or operation in _LOOKED_INTO or not self.constants.isdisjoint(operands):
            simpler = self._simpler(operation, operands)
            if simpler is not None:
                return simpler
        key = (operation, operands)
        in_lane = self.in_lane
        place = len(in_lane)
        if self.merges and (known := self.known.setdefault(key, place)) != place:
            return known
        self.code.append(key)
        in_lane.append(self.lanes > 0 and operation != "lanesum" and True in [in_lane[i] for i in operands])
        return place

    def constant(self, place: int) -> float | None:
        """The number, if the instruction is a constant."""
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
        if operation == "lanesum":
            return None
        if self.constants.issuperset(operands):
            return self.source("const", evaluate(operation, [code[i][1][0] for i in operands]))
        if operands[2:]:
            return None
        constants: list[Any] = [code[i][1][0] if i in self.constants else None for i in operands]
        if operation == "mul":
            a, b = constants
            return operands[1] if a == 1.0 else operands[0] if b == 1.0 else None
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

    def lines(self, shown: Sequence[int] | None = None) -> list[str]:
        """Each instruction as text; lane instructions are marked with ``[]``."""
        lines: list[str] = []
        for i in range(len(self.code)) if shown is None else shown:
            operation, operands = self.code[i]
            mark = "[]" if self.in_lane[i] else ""
            names = [repr(o) if operation in SOURCES else f"%{o}" for o in operands]
            lines.append(f"%{i}{mark} = {operation} {' '.join(names)}")
        return lines


def groups_of(entry: Primitive, operands: Sequence[Any]) -> list[Any]:
    """Operands in a row, as the groups and the single operand that an n-ary primitive takes."""
    groups = sum(operand.endswith("*") for operand in entry.operands)
    singles = len(entry.operands) - groups
    width = (len(operands) - singles) // groups
    found: list[Any] = [list(operands[i * width : (i + 1) * width]) for i in range(groups)]
    return found + list(operands[groups * width :])


def evaluate(operation: str, numbers: Sequence[float]) -> float:
    """One instruction on floats, by the careful reading of the table; a condition gives 1 or 0.

    >>> evaluate("div", [1.0, 0.0]), evaluate("lt", [1.0, 2.0])
    (inf, 1.0)
    """
    careful = [Ieee(x) for x in numbers]
    if operation in INFIX:
        return float(INFIX[operation](*careful))
    if operation == "neg":
        return -numbers[0]
    if operation == "largest":
        return float(CAREFUL.largest(careful))
    if operation in PRIMITIVES:
        entry = PRIMITIVES[operation]
        return float(entry.value(CAREFUL, *(groups_of(entry, careful) if entry.nary else careful)))
    return float(getattr(CAREFUL, operation)(*careful))


class Handle:
    """A number that an instruction will compute: what rules are read on."""

    __slots__ = ("place", "tape")

    #: An array of handles would be no handle.
    __array_ufunc__ = None

    def __init__(self, tape: Tape, place: int) -> None:
        self.tape = tape
        self.place = place

    def __repr__(self) -> str:
        return f"<handle {self.tape.lines([self.place])[0]}>"

    def __bool__(self) -> bool:
        raise TypeError("a condition on a handle is decided when the program runs: write where(c, a, b)")

    def _with(self, operation: str, other: Any) -> Handle:
        tape = self.tape
        return Handle(tape, tape.apply(operation, (self.place, placed(tape, other))))

    def _from(self, operation: str, other: Any) -> Handle:
        tape = self.tape
        return Handle(tape, tape.apply(operation, (placed(tape, other), self.place)))

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

    def __neg__(self) -> Handle:
        return Handle(self.tape, self.tape.apply("neg", (self.place,)))

    def __abs__(self) -> Handle:
        return Handle(self.tape, self.tape.apply("abs", (self.place,)))


def placed(tape: Tape, x: Any) -> int:
    """The place of a handle, or of a number as a constant."""
    return x.place if isinstance(x, Handle) else tape.source("const", float(x))


class Meaning:
    """The rule language on handles.

    ``expand`` says whether a primitive that is made of others is written out in them, as its value
    says, or entered by its name (so that it can be differentiated by its rule).
    """

    def __init__(self, tape: Tape, expand: bool) -> None:
        self.tape = tape
        self.expand = expand

    def each(self, group: Sequence[Any], rule: Callable[[Any], Any]) -> list[Any]:
        return [rule(x) for x in group]

    def apply(self, name: str, *operands: Handle | float | list[Any]) -> Handle:
        """A function of the rule language; a group is a list."""
        tape = self.tape
        if self.expand and name not in SIMPLE:
            made = self._take(*operands) if name == "take" else PRIMITIVES[name].value(self, *operands)
            return tape.handle(placed(tape, made))
        places: list[int] = []
        for x in operands:
            if isinstance(x, list):
                places += [placed(tape, y) for y in x]
            else:
                places.append(placed(tape, x))
        return Handle(tape, tape.apply(name, tuple(places)))

    def _take(self, values: Any, index: Any) -> Any:
        """Selected one after another; of a take by the same index the comparisons are shared."""
        taken: Any = math.nan
        for k in reversed(range(len(values))):
            taken = self.where(self.eq(index, float(k)), values[k], taken)
        return taken

    def __getattr__(self, name: str) -> Callable[..., Handle]:
        if name not in PRIMITIVES and name not in KERNELS and name not in {*CONDITIONS, "where"}:
            raise AttributeError(f"the rule language has no function {name!r}")

        def function(*operands: Any) -> Handle:
            return self.apply(name, *operands)

        setattr(self, name, function)
        return function


def needed(tape: Tape, keep: Sequence[int]) -> list[int]:
    """The instructions that those of ``keep`` depend on, themselves included, in order."""
    used = bytearray(len(tape.code))
    for i in keep:
        used[i] = 1
    for i in range(len(tape.code) - 1, -1, -1):
        if used[i]:
            operation, operands = tape.code[i]
            if operation not in SOURCES:
                for o in operands:
                    used[o] = 1
    return [i for i, there in enumerate(used) if there]
