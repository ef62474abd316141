"""The python backend: a program as one Python function. It needs no package and reorders nothing.

It is the simplest way to run a tape, and the other backends are tested against it. It has no batch axis.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ...floats import FLOATS
from ...ieee import RAISED
from ..ir.tape import SIMPLE, SOURCES, run_instruction
from ..passes.plan import Plan
from ..record.aux import Aux

_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "eq": "=="}
_PLACES = {"leaf": "leaves", "state": "state", "setting": "settings", "input": "inputs"}


#: A row of numbers; a memoryview converts an element to a float when it is read.
Row: TypeAlias = "array[float] | memoryview[float]"


@dataclass
class Numbers:
    """The numbers that a program reads and writes.

    After a runner has updated the leaves and the state, they are views of its memory until its next run.
    """

    leaves: Row
    state: Row
    settings: array[float]
    inputs: array[float]


@dataclass
class Outcome:
    """The losses of the steps taken, and the gradients of the last one.

    If a guard fails, there are fewer steps than requested, and the failed step has written nothing.
    """

    losses: list[float]
    raw_gradients: list[float] | memoryview[float]  # owned by this Outcome
    numbers_of_aux: tuple[Aux, Sequence[float]] | None = None  # if the function has one

    @property
    def aux(self) -> Any:
        """The second result of a function with ``has_aux``."""
        return None if self.numbers_of_aux is None else self.numbers_of_aux[0].build(self.numbers_of_aux[1])

    @property
    def gradients(self) -> list[float]:
        """The gradients, as a list."""
        return [*self.raw_gradients]


class Runner(Protocol):
    """A plan that is ready to run."""

    name: str

    # Take steps and update ``numbers``.
    def run(self, steps: int, numbers: Numbers) -> Outcome: ...


#: A program of more instructions becomes several functions.
MOST_IN_A_FUNCTION = 5_000


class PythonRunner:
    """Runs an unbatched plan as Python source; if Python raises, on the safe path, by single instructions."""

    name = "python"

    def __init__(self, plan: Plan) -> None:
        if plan.batch_inputs is not None:
            raise ValueError("the python backend runs unbatched plans only")
        self.plan = plan
        self.step = self._function()

    def _function(self) -> Any:
        count = len(self.plan.tape.code)
        if count > MOST_IN_A_FUNCTION:
            return self._functions(count)
        lines = [self._line(i, 0) for i in range(count)]
        return _defined([*lines, f"return ({''.join(f'v{i}, ' for i in self.plan.results())})"])

    def _functions(self, count: int) -> Any:
        """Return a function that calls several: CPython needs 3 kB for each line while it compiles one.

        A number that another function reads is stored in the list ``v``.
        """
        code = self.plan.tape.code
        shared = {*self.plan.results()}
        for i, (operation, operands) in enumerate(code):
            if operation not in SOURCES:
                part = i // MOST_IN_A_FUNCTION
                shared.update([o for o in operands if o // MOST_IN_A_FUNCTION != part])
        parts: list[Any] = []
        for first in range(0, count, MOST_IN_A_FUNCTION):
            lines: list[str] = []
            for i in range(first, min(first + MOST_IN_A_FUNCTION, count)):
                lines.append(self._line(i, first))
                if i in shared:
                    lines.append(f"v[{i}] = v{i - first}")
            parts.append(_defined(lines))
        results = self.plan.results()

        def step(*numbers: Any) -> tuple[float, ...]:
            v = [0.0] * count
            for part in parts:
                part(*numbers, v)
            return tuple([v[i] for i in results])

        return step

    def _line(self, i: int, first: int) -> str:
        """Return an instruction of a function whose first one is ``first``; earlier ones are in the list."""
        operation, operands = self.plan.tape.code[i]
        name = f"v{i - first}"
        if operation == "const":
            x: float = operands[0]
            return f"{name} = {x!r}" if math.isfinite(x) else f"{name} = float({str(x)!r})"
        if operation in _PLACES:
            return f"{name} = {_PLACES[operation]}[{operands[0]}]"
        read: tuple[int, ...] = operands
        names = [f"v{o - first}" if o >= first else f"v[{o}]" for o in read]
        return f"{name} = {_expression(operation, names)}"

    def _run_safe_path(self, leaves: Any, state: Any, settings: Any, inputs: Any) -> tuple[float, ...]:
        places = {"leaf": leaves, "state": state, "setting": settings, "input": inputs}
        numbers: list[float] = []
        for operation, operands in self.plan.tape.code:
            if operation == "const":
                numbers.append(operands[0])
            elif operation in SOURCES:
                numbers.append(places[operation][operands[0]])
            else:
                read: tuple[int, ...] = operands
                numbers.append(run_instruction(operation, [numbers[o] for o in read]))
        return tuple([numbers[i] for i in self.plan.results()])

    def run(self, steps: int, numbers: Numbers) -> Outcome:
        """Take steps and update ``numbers``."""
        plan = self.plan
        first, second = 1 + len(plan.gradients), 1 + len(plan.gradients) + len(plan.guards)
        third = second + len(plan.leaf_updates)
        losses: list[float] = []
        gradients: list[float] = []
        numbers.leaves, numbers.state = numbers.leaves[:], numbers.state[:]  # an interrupted run changes none
        for _ in range(steps):
            read = numbers.leaves, numbers.state, numbers.settings, numbers.inputs
            try:
                results = self.step(*read)
            except RAISED:
                results = self._run_safe_path(*read)
            if any(bool(x) is not answer for x, (_, answer) in zip(results[first:second], plan.guards)):
                break
            losses.append(results[0])
            gradients = [*results[1:first]]
            for (k, _), x in zip(plan.leaf_updates, results[second:third]):
                numbers.leaves[k] = x
            for (k, _), x in zip(plan.state_updates, results[third:]):
                numbers.state[k] = x
        return Outcome(losses, gradients)


def _defined(lines: Sequence[str]) -> Any:
    """Return the function with these lines, which are instructions, never a user's text."""
    source = "def step(leaves, state, settings, inputs, v=()):\n " + "\n ".join(lines)
    namespace: dict[str, Any] = {name: getattr(FLOATS, name) for name in SIMPLE if hasattr(FLOATS, name)}
    exec(source, namespace)
    return namespace["step"]


def _expression(operation: str, names: Sequence[str]) -> str:
    if operation in _SIGNS:
        return f"{names[0]} {_SIGNS[operation]} {names[1]}"
    if operation == "neg":
        return f"-{names[0]}"
    if operation == "where":
        return f"{names[1]} if {names[0]} else {names[2]}"
    if operation == "dot":
        half = len(names) // 2
        return f"dot(({''.join(n + ', ' for n in names[:half])}), ({''.join(n + ', ' for n in names[half:-1])}), {names[-1]})"  # noqa: E501
    if operation in ("sum", "largest"):
        return f"{operation}(({''.join(n + ', ' for n in names)}))"
    return f"{operation}({', '.join(names)})"
