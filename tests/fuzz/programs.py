"""Random programs over a pool of Values: plain data, so that they print, shrink and run again.

A statement is a tuple of its kind and its arguments. An operand is an int, the index of an earlier value
(modulo the number of values, so any statement may be left out), or a float, a constant. A group is a list of
operands, or ``("shared", k)`` for an earlier group.
"""

from __future__ import annotations

import math
import operator
import random
from typing import Any, NamedTuple

from hypothesis import strategies as st

from autograd.primitives import PRIMITIVES

Statement = tuple[Any, ...]

SPECIAL = (0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-300, 1e200, 5e-324, 800.0, -800.0)
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
OPERATORS = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "pow": operator.pow, "neg": operator.neg, "abs": abs,
}  # fmt: skip
ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid")
COPIES = ("copy", "deepcopy", "pickle")


class Program(NamedTuple):
    """The numbers of the leaves, and the statements in order."""

    leaves: tuple[float, ...]
    statements: tuple[Statement, ...]


class Writer:
    """Generator of programs from a ``random.Random``, either Python's or hypothesis's."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.special = rng.random() < 0.15  # uses 0, inf, nan and other special numbers

    def program(self, longest: int = 24) -> Program:
        leaves = tuple(self.number() for _ in range(self.rng.randint(1, 4)))
        return Program(leaves, tuple(self.statement() for _ in range(self.rng.randint(3, longest))))

    def pure(self, longest: int = 10) -> Program:
        """Return a program that only computes, so that it can be compiled."""
        leaves = tuple(self.number() for _ in range(self.rng.randint(1, 4)))
        kinds = [self.rng.choice(PURE) for _ in range(self.rng.randint(1, longest))]
        return Program(leaves, tuple(getattr(self, kind)() for kind in kinds))

    def statement(self) -> Statement:
        return getattr(self, self.rng.choice(KINDS))()

    # Numbers and operands -------------------------------------------------------------------------

    def number(self) -> float:
        rng = self.rng
        if self.special and rng.random() < 0.2:
            return rng.choice(SPECIAL)
        return rng.choice([rng.gauss(0.0, 1.0), rng.uniform(0.2, 2.0), float(rng.randint(-3, 3))])

    def index(self) -> int:
        return -1 - min(self.rng.randint(0, 8), self.rng.randint(0, 8))  # mostly a recent value

    def operand(self) -> int | float:
        return self.number() if self.rng.random() < 0.12 else self.index()

    def group(self) -> Any:
        if self.rng.random() < 0.3:
            return ("shared", self.rng.randint(0, 3))
        return [self.operand() for _ in range(self.rng.choice([0, 1, 2, 2, 3, 5]))]

    # Statements -----------------------------------------------------------------------------------

    def op(self) -> Statement:
        entry = PRIMITIVES[self.rng.choice([*PRIMITIVES])]
        operands = [self.group() if o.endswith("*") else self.operand() for o in entry.operands]
        if entry.name == "take" and self.rng.random() < 0.8:  # otherwise any number, which is rarely an index
            operands[-1] = float(self.rng.randint(0, 2))
        return ("op", entry.name, self.rng.choice(["function", "method"]), operands)

    def branch(self) -> Statement:
        comparison = self.rng.choice([*COMPARE])
        return ("branch", comparison, self.index(), self.operand(), self.op(), self.op())

    def loop(self) -> Statement:
        names = [e.name for e in PRIMITIVES.values() if len(e.operands) == 2 and not e.is_many]
        return ("loop", self.rng.randint(1, 4), self.rng.choice(names), self.index(), self.operand())

    def share(self) -> Statement:
        kind = self.rng.choice(["tuple", "group"])
        return ("share", kind, [self.operand() for _ in range(self.rng.randint(1, 4))])

    def softmax(self) -> Statement:
        name = self.rng.choice(["softmax", "log_softmax"])
        return ("softmax", name, [self.operand() for _ in range(self.rng.randint(1, 4))])

    def detach(self) -> Statement:
        return ("detach", self.index())

    def constant(self) -> Statement:
        return ("constant", self.index(), self.index())

    def no_grad(self) -> Statement:
        return ("no_grad", self.rng.random() < 0.3, self.op())

    def write(self) -> Statement:
        return ("write", self.rng.randint(0, 9), self.number())

    def backward(self) -> Statement:
        return ("backward", self.index(), self.rng.choice([1.0, 1.0, 1.0, self.number()]))

    def zero(self) -> Statement:
        return ("zero", self.rng.choice([None, self.rng.randint(0, 9)]))

    def grad(self) -> Statement:
        inputs = [self.rng.randint(0, 9) for _ in range(self.rng.randint(1, 3))]
        return ("grad", self.index(), inputs, self.rng.random() < 0.7)

    def copy(self) -> Statement:
        return ("copy", self.rng.choice(COPIES), [self.rng.randint(0, 9) for _ in range(2)], self.index())

    def model(self) -> Statement:
        seed, fused = self.rng.randint(0, 99), self.rng.random() < 0.5
        return ("model", seed, self.rng.choice(ACTIVATIONS), fused)

    def call(self) -> Statement:
        return ("call", self.rng.randint(0, 3), self.operand(), self.operand())

    def copy_model(self) -> Statement:
        return ("copy_model", self.rng.choice(COPIES[1:]), self.rng.randint(0, 3))


#: The kinds of statements; repeated ones are drawn more often.
PURE = ("op",) * 8 + ("branch", "loop", "share", "softmax")
KINDS = (
    *PURE, *("op",) * 6, *("backward",) * 4, "detach", "constant", "no_grad", "write", "write", "zero",
    "grad", "grad", "copy", "model", "call", "call", "copy_model",
)  # fmt: skip

programs = st.randoms(use_true_random=False).map(lambda rng: Writer(rng).program())
pure_programs = st.randoms(use_true_random=False).map(lambda rng: Writer(rng).pure())


def program(seed: int) -> Program:
    return Writer(random.Random(seed)).program()


def pure(seed: int) -> Program:
    return Writer(random.Random(seed)).pure()


def smaller(program: Program, fails: Any) -> Program:
    """Return a program that still fails and cannot be shortened by a statement or a leaf."""
    shorter = True
    while shorter:
        shorter = False
        for part in ("statements", "leaves"):
            for i in reversed(range(len(getattr(program, part)))):
                items = getattr(program, part)
                candidate = program._replace(**{part: items[:i] + items[i + 1 :]})
                if candidate.leaves and fails(candidate):
                    program, shorter = candidate, True
    return program
