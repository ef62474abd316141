"""A program that only computes, as a function of its leaves and of numbers: compiled, and eager."""

from __future__ import annotations

import random
from typing import Any

from autograd import Value, group, log_softmax, softmax
from autograd.operations import FUNCTIONS
from autograd.primitives import PRIMITIVES

from .._support.compiled import differences_in
from .._support.programs import Case
from .programs import COMPARE, OPERATORS, Program, Statement


class Eager:
    """The state of a program while it runs on Values."""

    def __init__(self, pool: list[Any]) -> None:
        self.pool = pool
        self.groups: list[Any] = []

    def operand(self, x: int | float) -> Any:
        return x if isinstance(x, float) else self.pool[x % len(self.pool)]

    def group_of(self, x: Any) -> Any:
        if isinstance(x, list):
            return [self.operand(item) for item in x]
        return self.groups[x[1] % len(self.groups)] if self.groups else []

    def run(self, statement: Statement) -> None:
        getattr(self, statement[0])(*statement[1:])

    def op(self, name: str, form: str, operands: list[Any]) -> None:
        entry = PRIMITIVES[name]
        arguments = [
            self.group_of(x) if o.endswith("*") else self.operand(x) for x, o in zip(operands, entry.operands)
        ]
        if name == "dot":
            weights, inputs, bias = arguments
            inputs = [*inputs] or [1.0]
            arguments = [weights, [inputs[i % len(inputs)] for i in range(len(weights))], bias]
        by_operator = form == "method" and name in OPERATORS and any(isinstance(x, Value) for x in arguments)
        self.pool.append((OPERATORS if by_operator else FUNCTIONS)[name](*arguments))

    def branch(self, comparison: str, i: int, j: Any, yes: Statement, no: Statement) -> None:
        self.run(yes if COMPARE[comparison](self.operand(i), self.operand(j)) else no)

    def loop(self, times: int, name: str, i: int, j: Any) -> None:
        value, other = self.operand(i), self.operand(j)
        for _ in range(times):
            value = FUNCTIONS[name](value, other)
        self.pool.append(value)

    def share(self, kind: str, operands: list[Any]) -> None:
        operands = tuple(map(self.operand, operands))
        self.groups.append(operands if kind == "tuple" else group(operands))

    def softmax(self, name: str, operands: list[Any]) -> None:
        self.pool += (softmax if name == "softmax" else log_softmax)([*map(self.operand, operands)])


def as_case(program: Program, seed: int) -> Case:
    """The program as a function of its leaves and of two numbers, with three calls."""
    rng = random.Random(seed)
    leaves = [Value(x) for x in program.leaves]

    def function(x: Any, y: Any) -> Value:
        state = Eager([*leaves, FUNCTIONS["mul"](x, 1.0), y * leaves[0]])  # Values in both modes
        for statement in program.statements:
            state.run(statement)
        total: Value = FUNCTIONS["sum"](state.pool[-3:]) + 0.0 * leaves[0]
        return total

    calls = [(rng.gauss(0.0, 1.0), rng.uniform(-2.0, 2.0)) for _ in range(3)]
    return Case(function, leaves, calls, [])


def differences(program: Program, seed: int, backend: str = "python") -> list[str]:
    """Return the differences between compiled and eager; "reported: …" if a warning announced them."""
    return differences_in(as_case(program, seed), seed, backend)
