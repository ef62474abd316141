"""What the tests generated from the table share: operands of the right shape, readings, float bits."""

import math
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

from autograd import arithmetic, primitives
from autograd.arithmetic import CAREFUL, Ieee, read_on_floats
from autograd.operations import FUNCTIONS, ON_VALUES, make_callable
from autograd.primitives import PRIMITIVES, Primitive
from autograd.value import Value

SPECIAL = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.5, 3.0, -8.0, 30.0, -30.0, 300.0, -300.0, 710.0, -746.0,
    1e-8, -1e-8, 5e-324, -5e-324, 1e-300, 1e308, -1e308, math.inf, -math.inf, math.nan,
]  # fmt: skip

Operands = Sequence[Any]  # a number for each operand of a primitive, a list for each group


def bits(x: float) -> bytes | str:
    """What tells floats apart to the last bit and the sign of zero; every nan is alike."""
    return "nan" if math.isnan(x) else struct.pack("<d", x)


def all_bits(numbers: Sequence[float]) -> list[bytes | str]:
    return [bits(x) for x in numbers]


def is_group(operand: str) -> bool:
    return operand.endswith("*")


def shaped(entry: Primitive, draw: Callable[[], Any], width: int, index: Any = None) -> list[Any]:
    """Operands for a primitive, each number drawn; a group holds ``width`` of them.

    What selects a lane is drawn too if ``index`` says how, else it is that of the last one.
    """
    operands = [[draw() for _ in range(width)] if is_group(o) else o for o in entry.operands]
    if entry.numbered:
        operands[-1] = index() if index else float(width - 1)
    return [draw() if isinstance(o, str) else o for o in operands]


def special_operands(entry: Primitive) -> list[Operands]:
    """The special numbers in every combination, or in 400 random ones for a primitive of many."""
    if not entry.nary:
        return [*product(SPECIAL, repeat=len(entry.operands))]
    rng = random.Random(entry.name)

    def draw() -> float:
        return rng.choice(SPECIAL)

    return [shaped(entry, draw, width, draw) for width in (0, 1, 2, 3) for _ in range(100)]


def flat(operands: Operands) -> list[Any]:
    return [x for operand in operands for x in (operand if isinstance(operand, list) else [operand])]


def like(operands: Operands, numbers: Sequence[Any]) -> list[Any]:
    """Other numbers in the shape of these operands."""
    rest = iter(numbers)
    return [[next(rest) for _ in o] if isinstance(o, list) else next(rest) for o in operands]


def as_leaves(operands: Operands) -> list[Any]:
    return like(operands, [Value(x) for x in flat(operands)])


def call(entry: Primitive, operands: Operands) -> Value:
    return FUNCTIONS[entry.name](*operands)


def careful_value(entry: Primitive, operands: Operands) -> float:
    return float(entry.value(CAREFUL, *like(operands, [Ieee(x) for x in flat(operands)])))


def careful_cotangents(entry: Primitive, g: float, out: float, operands: Operands) -> list[float]:
    """The rules themselves, run on careful floats, lane by lane."""
    careful = like(operands, [Ieee(x) for x in flat(operands)])
    result = []
    for rule, operand in zip(entry.vjps, careful, strict=True):
        if not isinstance(operand, list):
            result.append(float(rule(CAREFUL, Ieee(g), Ieee(out), *careful)))
            continue
        for lane in range(len(operand)):
            result.append(float(rule(CAREFUL, Ieee(g), Ieee(out), *entry.at_lane(careful, lane))))
    return result


@contextmanager
def temporary_primitive(name: str, *rules: Any, **more: Any) -> Iterator[Primitive]:
    """A primitive that is in the table for the time of a test."""
    entry = primitives.primitive(name, *rules, **more)
    try:
        read_on_floats(entry)
        make_callable(entry)
        yield entry
    finally:
        del PRIMITIVES[name]
        FUNCTIONS.pop(name, None)
        arithmetic._BARE.pop(name, None)
        vars(CAREFUL).pop(name, None)
        vars(ON_VALUES).pop(name, None)
        if name in vars(Value):
            delattr(Value, name)
