"""Helpers of the tests that are generated from the table: operands, evaluations, bits of floats."""

import math
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

from autograd import Value, primitive, user_primitives
from autograd.floats import FLOATS, IEEE
from autograd.ieee import IeeeFloat
from autograd.operations import FUNCTIONS, VALUES
from autograd.primitives import PRIMITIVES, Primitive

SPECIAL = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.5, 3.0, -8.0, 30.0, -30.0, 300.0, -300.0, 710.0, -746.0,
    1e-8, -1e-8, 5e-324, -5e-324, 1e-300, 1e308, -1e308, math.inf, -math.inf, math.nan,
]  # fmt: skip

#: The entries that are operators, which are neither public functions nor named methods.
OPERATORS = ["add", "sub", "mul", "div", "neg", "pow", "abs"]

Operands = Sequence[Any]  # a number for each operand of a primitive, a list for each group


def bits(x: float | None) -> bytes | str:
    """Return the bits of a float, which include the sign of zero; all nans are equal."""
    if x is None:
        return "None"
    return "nan" if math.isnan(x) else struct.pack("<d", x)


def all_bits(numbers: Sequence[float | None]) -> list[bytes | str]:
    return [bits(x) for x in numbers]


def is_group(operand: str) -> bool:
    return operand.endswith("*")


def shaped(entry: Primitive, draw: Callable[[], Any], width: int, index: Any = None) -> list[Any]:
    """Draw operands for a primitive; a group has ``width`` of them.

    An index is drawn by ``index`` if it is passed; otherwise it is that of the last element.
    """
    operands = [[draw() for _ in range(width)] if is_group(o) else o for o in entry.operands]
    if "index" in entry.operands:
        operands[-1] = index() if index else float(width - 1)
    return [draw() if isinstance(o, str) else o for o in operands]


def special_operands(entry: Primitive) -> list[Operands]:
    """Return the special numbers in every combination, or in 400 random ones for a primitive of many."""
    if not entry.is_many:
        return [*product(SPECIAL, repeat=len(entry.operands))]
    rng = random.Random(entry.name)

    def draw() -> float:
        return rng.choice(SPECIAL)

    return [shaped(entry, draw, width, draw) for width in (0, 1, 2, 3) for _ in range(100)]


#: Beyond these no accuracy is promised.
LARGEST_OPERAND = {"gelu": 8.0}


def ordinary_operands(entry: Primitive) -> list[list[Any]]:
    """Return 60 random operands, near 0 and of all sizes."""
    rng = random.Random(entry.name)
    largest = LARGEST_OPERAND.get(entry.name, 300.0)

    def near() -> float:
        return rng.uniform(-min(8.0, largest), min(8.0, largest))

    def wide() -> float:
        return rng.choice([-1.0, 1.0]) * min(largest, 10.0 ** rng.uniform(-12.0, 2.4))

    return [shaped(entry, draw, 3) for draw in (near, wide) for _ in range(30)]


def flat(operands: Operands) -> list[Any]:
    return [x for operand in operands for x in (operand if isinstance(operand, list) else [operand])]


def like(operands: Operands, numbers: Sequence[Any]) -> list[Any]:
    """Arrange other numbers in the shape of these operands."""
    rest = iter(numbers)
    return [[next(rest) for _ in o] if isinstance(o, list) else next(rest) for o in operands]


def as_leaves(operands: Operands) -> list[Any]:
    return like(operands, [Value(x) for x in flat(operands)])


def call(entry: Primitive, operands: Operands) -> Value:
    return FUNCTIONS[entry.name](*operands)


# The table itself, evaluated ----------------------------------------------------------------------


def evaluated(
    entry: Primitive, m: Any, kind: type[float], operands: Operands
) -> tuple[float, list[float | None]]:
    """Return the result and the local derivative with respect to each number, directly from the rules."""
    operands = like(operands, [kind(x) for x in flat(operands)])
    out = kind(entry.value(m, *operands))
    derivatives: list[float | None] = []
    for rule, operand in zip(entry.derivatives, operands, strict=True):
        derivative = rule(m, out, *operands)
        if isinstance(operand, list):
            derivatives += [None] * len(operand) if derivative is None else derivative
        else:
            derivatives.append(derivative)
    return float(out), [None if d is None else float(d) for d in derivatives]


def safely_evaluated(entry: Primitive, operands: Operands) -> tuple[float, list[float | None]]:
    """Return the same on IEEE floats, which never raise."""
    return evaluated(entry, IEEE, IeeeFloat, operands)


# Primitives for a test ----------------------------------------------------------------------------


def forget(name: str) -> None:
    """Remove a primitive that ``primitive()`` has added from the table."""
    for table in (PRIMITIVES, FUNCTIONS, user_primitives.added, vars(VALUES)):
        table.pop(name, None)
    for owner in (FLOATS, IEEE, Value):
        if name in vars(owner):
            delattr(owner, name)


@contextmanager
def temporary_primitive(name: str, *rules: Any, **more: Any) -> Iterator[Primitive]:
    """Add a primitive to the table for the duration of a test."""
    primitive(name, *rules, **more)
    try:
        yield PRIMITIVES[name]
    finally:
        forget(name)
