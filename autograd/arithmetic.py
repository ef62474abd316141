"""The table read on floats: IEEE 754 throughout, and nothing raises for a number.

Python's own arithmetic raises where IEEE has an answer (``1/0``, ``exp(1000)``, ``log(0)``). So each
rule is read twice. The *bare* reading is the rule printed as a Python function on plain floats: as
fast as code written by hand. Where that raises, the *careful* reading runs the rule itself on
:class:`Ieee` floats, whose operators and functions give the IEEE answer.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial, reduce
from itertools import compress, count
from types import SimpleNamespace
from typing import Any

from .primitives import PRIMITIVES, Primitive, Rule
from .symbols import Symbol, Symbols, inline, python_source

_RAISED = (ZeroDivisionError, OverflowError, ValueError)

# One order of summation, left to right without compensation, on every version of Python: the
# builtin keeps to it until 3.11 and is the fastest; since 3.12 it compensates.
if sys.version_info < (3, 12):
    add_up: Callable[[Iterable[float], float], float] = sum
else:
    add_up = partial(reduce, operator.add)


def _sum(values: Iterable[float]) -> float:
    return add_up(values, 0.0)


def _dot(weights: Iterable[float], inputs: Iterable[float], bias: float) -> float:
    return add_up(map(operator.mul, weights, inputs), bias)


def _largest(values: Sequence[float]) -> float:
    return max(values, default=-math.inf)


def _take(values: Sequence[float], index: float) -> float:
    return values[int(index)] if 0.0 <= index < len(values) and index.is_integer() else math.nan


def _each(group: Iterable[float], rule: Callable[[float], float]) -> list[float]:
    return [rule(x) for x in group]


#: The functions that are given, not made from the table. Some raise where IEEE has an answer.
KERNELS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "cos": math.cos,
    "erf": math.erf,
    "erfc": math.erfc,
    "exp": math.exp,
    "expm1": math.expm1,
    "log": math.log,
    "log1p": math.log1p,
    "pow": math.pow,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tanh": math.tanh,
    "sum": _sum,
    "dot": _dot,
    "largest": _largest,
    "take": _take,
}
_NEVER_RAISE = {"abs", "erf", "erfc", "tanh", "sum", "dot", "take"}


class Ieee(float):
    """A float whose operators give the IEEE answer where Python raises.

    >>> Ieee(1.0) / 0.0, Ieee(-8.0) ** 0.5
    (Ieee(inf), Ieee(nan))
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Ieee({float(self)!r})"

    def __add__(self, other: float) -> Ieee:
        return Ieee(float(self) + float(other))

    def __sub__(self, other: float) -> Ieee:
        return Ieee(float(self) - float(other))

    def __mul__(self, other: float) -> Ieee:
        return Ieee(float(self) * float(other))

    def __truediv__(self, other: float) -> Ieee:
        a, b = float(self), float(other)
        if b == 0.0:
            sign = math.copysign(1.0, a) * math.copysign(1.0, b)
            return Ieee(math.nan if a == 0.0 or math.isnan(a) else sign * math.inf)
        return Ieee(a / b)

    def __pow__(self, other: float, modulus: None = None) -> Ieee:
        return _pow(self, other)

    def __radd__(self, other: float) -> Ieee:
        return Ieee(other) + self

    def __rsub__(self, other: float) -> Ieee:
        return Ieee(other) - self

    def __rmul__(self, other: float) -> Ieee:
        return Ieee(other) * self

    def __rtruediv__(self, other: float) -> Ieee:
        return Ieee(other) / self

    def __rpow__(self, other: float, modulus: None = None) -> Ieee:
        return _pow(other, self)

    def __neg__(self) -> Ieee:
        return Ieee(-float(self))


def _pow(a: float, b: float) -> Ieee:
    """C's pow, by Annex F of the C standard, which math.pow follows except where it raises."""
    try:
        return Ieee(math.pow(a, b))
    except (OverflowError, ValueError):
        odd = math.fmod(b, 2.0) in (1.0, -1.0)
        if a == 0.0:
            return Ieee(math.copysign(math.inf, a) if odd else math.inf)
        if a < 0.0 and not float(b).is_integer():
            return Ieee(math.nan)
        return Ieee(-math.inf if a < 0.0 and odd else math.inf)


def _careful_kernels() -> dict[str, Callable[..., Any]]:
    def guarded(kernel: Callable[..., float], answer: Callable[[float], float]) -> Callable[..., Ieee]:
        def careful(x: float) -> Ieee:
            try:
                return Ieee(kernel(x))
            except _RAISED:
                return Ieee(answer(x))

        return careful

    def nan(x: float) -> float:
        return math.nan

    answers: dict[str, Callable[[float], float]] = {
        "exp": lambda x: math.inf,
        "expm1": lambda x: math.inf,
        "log": lambda x: -math.inf if x == 0.0 else math.nan,
        "log1p": lambda x: -math.inf if x == -1.0 else math.nan,
    }

    def total(values: Iterable[float]) -> Ieee:
        return Ieee(_sum(map(float, values)))

    def dot(weights: Iterable[float], inputs: Iterable[float], bias: float) -> Ieee:
        return Ieee(_dot(map(float, weights), map(float, inputs), float(bias)))

    def largest(values: Sequence[float]) -> Ieee:
        return Ieee(_largest(values))

    def take(values: Sequence[float], index: float) -> Ieee:
        return Ieee(_take(values, index))

    def where(condition: bool, a: float, b: float) -> float:
        return a if condition else b

    kernels: dict[str, Callable[..., Any]] = {
        name: guarded(kernel, answers.get(name, nan)) for name, kernel in KERNELS.items()
    }
    return kernels | {
        "pow": _pow,
        "sum": total,
        "dot": dot,
        "largest": largest,
        "take": take,
        "each": _each,
        "where": where,
        "lt": operator.lt,
        "le": operator.le,
        "eq": operator.eq,
    }


#: The rule language on careful floats.
CAREFUL = SimpleNamespace(**_careful_kernels())


def _careful(rule: Rule, *operands: Any) -> float:
    return float(
        rule(CAREFUL, *(Ieee(x) if isinstance(x, float) else [Ieee(v) for v in x] for x in operands))
    )


def _careful_lanes(entry: Primitive, i: int, g: float, out: float, *operands: Any) -> list[float]:
    groups: list[Any] = [[*o] if isinstance(o, Sequence) else o for o in operands]
    lanes = range(max(len(o) for o in groups if not isinstance(o, float)))
    return [_careful(entry.vjps[i], g, out, *entry.at_lane(groups, lane)) for lane in lanes]


_BARE: dict[str, Any] = {
    **KERNELS, "count": count, "inf": math.inf, "nan": math.nan, "_RAISED": _RAISED,
}  # fmt: skip


def _define(parameters: list[str], lines: list[str], rescue: Callable[..., Any]) -> Rule:
    """A Python function of these lines, or what ``rescue`` says where they raise."""
    call = ", ".join(parameters)
    source = f"def it({call}):\n try:\n  " + "\n  ".join(lines)
    source += f"\n except _RAISED:\n  return _rescue({call})\n"
    namespace = {**_BARE, "_rescue": rescue}
    exec(source, namespace)  # our own rules, printed: no text from outside reaches this
    it: Rule = namespace["it"]
    return it


class _Lanes:
    """How a rule of an n-ary primitive runs over the lanes of its groups, as lines of Python."""

    def __init__(self, entry: Primitive, i: int) -> None:
        names = [operand.rstrip("*") for operand in entry.operands]
        groups = [operand.rstrip("*") for operand in entry.operands if operand.endswith("*")]
        self.entry, self.i = entry, i
        self.parameters = ["g", "out", *names]
        self.over_lanes = names[i] in groups
        symbols = [f"lane_{n}" if self.over_lanes and n in groups else n for n in self.parameters]
        numbered = self.over_lanes and entry.numbered
        if numbered:
            symbols.append("lane_number")
        self.expression = entry.vjps[i](Symbols(), *map(Symbol, symbols))
        # Over lanes nothing is computed beforehand: it would be of one lane.
        self.assignments, self.cotangent = (
            ("", inline(self.expression)) if self.over_lanes else python_source(self.expression)
        )
        used = [n for n in groups if f"lane_{n}" in self.cotangent] or [names[i]]
        self.lanes = ", ".join(f"lane_{n}" for n in used)
        self.groups = ", ".join(used)
        if numbered:
            self.lanes += ", lane_number"
            self.groups += ", count()"

    def pull(self) -> Rule:
        """The cotangent as a function of (g, out, *operands): a number, of a group a list."""
        if not self.over_lanes:
            lines = [*self.assignments.splitlines(), f"return {self.cotangent}"]
            return _define(self.parameters, lines, partial(_careful, self.entry.vjps[self.i]))
        source = self.groups if "," not in self.groups else f"zip({self.groups})"
        lines = [f"return [{self.cotangent} for {self.lanes} in {source}]"]
        return _define(self.parameters, lines, partial(_careful_lanes, self.entry, self.i))

    def push(self, cells: str) -> str | None:
        """What adds each cotangent to its cell, as a line; None if making one might raise.

        Then they must all be made before the first is added, or some would be added twice.
        """
        if not _never_raises(self.expression):
            return None
        if not self.over_lanes:
            return f"single._grad += {self.cotangent}"
        return f"for {self.lanes}, cell in zip({self.groups}, {cells}): cell._grad += {self.cotangent}"


def _never_raises(expression: Any) -> bool:
    if not isinstance(expression, Symbol) or not expression.args:
        return True
    return expression.op in ("+", "-", "*", "neg") and all(map(_never_raises, expression.args))


#: Of a group some operands of which are Values, where it does not matter which.
SOME = "some"


class _Pushes(dict[Any, Rule]):
    """For each way its operands can be live, what adds the cotangents of an n-ary node to their gradients.

    ``lives`` says of each group whether its operands are Values: True, False, or which (None: all are).
    A function is printed when first wanted, one for all the groups: one for each takes twice the time.
    Of some live operands there are ways without end, so these share one that reads which at each call.
    """

    def __init__(self, entry: Primitive) -> None:
        self.entry = entry

    def __missing__(self, lives: Any) -> Rule:
        if lives is None or all(live in (True, False, SOME) for live in lives):
            self[lives] = it = self._print(lives)
            return it
        return self[tuple(live if isinstance(live, bool) else SOME for live in lives)]

    def _print(self, lives: Any) -> Rule:
        entry = self.entry
        parameters = ["g", "out", *(operand.rstrip("*") for operand in entry.operands)]
        lines: list[str] = []
        for i, live in enumerate(lives or [True] * len(entry.operands)):
            lanes = _Lanes(entry, i)
            if live is False:
                continue
            line = lanes.push(f"groups[{i}]") if live is True else None
            if line is None:
                made = f"entry.pulls[{i}]({', '.join(parameters)})"
                if live is not True:
                    made = f"compress({made}, lives[{i}])"
                line = f"for c, cell in zip({made}, groups[{i}]): cell._grad += c"
                if not lanes.over_lanes:
                    line = f"single._grad += {made}"
            lines.append(line)
        namespace: dict[str, Any] = {"compress": compress, "count": count, "entry": entry}
        call = f"groups, g, lives, single, {', '.join(parameters[1:])}"
        exec(f"def it({call}):\n " + "\n ".join(lines), namespace)
        it: Rule = namespace["it"]
        return it


def _when_first_called(entry: Primitive, i: int) -> Rule:
    """Stands in for a function until it is wanted: printing all of them would double the import time."""

    def stand_in(*operands: Any) -> Any:
        made = _Lanes(entry, i).pull()
        entry.pulls = (*entry.pulls[:i], made, *entry.pulls[i + 1 :])
        if entry.pull is not None:
            entry.pull = made
        return made(*operands)

    return stand_in


def read_on_floats(entry: Primitive) -> None:
    """Give a primitive its reading on floats.

    ``run(*operands)`` is its value, ``pulls[i](g, out, *operands)`` the cotangent of operand i, and,
    for an n-ary primitive, ``pushes[lives](groups, g, lives, single, out, *operands)`` adds all of
    them to the gradients of the Values in ``groups`` and of ``single``.
    """
    names = [operand.rstrip("*") for operand in entry.operands]
    if entry.name in _NEVER_RAISE:
        entry.run = KERNELS[entry.name]
    else:
        assignments, result = python_source(entry.value(Symbols(), *map(Symbol, names)))
        lines = [*assignments.splitlines(), f"return {result}"]
        entry.run = _define(names, lines, partial(_careful, entry.value))
    if entry.name not in KERNELS:
        _BARE[entry.name] = entry.run
        setattr(CAREFUL, entry.name, partial(entry.value, CAREFUL))
    entry.pulls = tuple(_when_first_called(entry, i) for i in range(len(entry.vjps)))
    if len(entry.vjps) == 1 and not entry.nary:
        (entry.pull,) = entry.pulls
    if entry.nary:
        entry.pushes = _Pushes(entry)


for _entry in PRIMITIVES.values():
    read_on_floats(_entry)
