"""A program as one Python function: no package is needed, and nothing is reordered.

This is the plainest way to run a tape, and the others are tested against it. It has no lanes.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ...floats import FLOATS
from ...ieee import RAISED
from ..ir.tape import SIMPLE, SOURCES, run_instruction
from ..passes.plan import Plan

_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "eq": "=="}
_PLACES = {"leaf": "leaves", "state": "state", "setting": "settings", "input": "inputs"}


#: Numbers one after another; those of a memoryview are made floats when somebody asks.
Row: TypeAlias = "array[float] | memoryview[float]"


@dataclass
class Numbers:
    """What a program reads and writes, resident from step to step.

    Where a runner has moved the leaves and the state, they are those of its memory, until it runs again.
    """

    leaves: Row
    state: Row
    settings: array[float]
    inputs: array[float]


@dataclass
class Outcome:
    """The steps that were taken: their losses, and the gradients of the last one.

    Fewer than asked for if a guard failed, before anything of that step was written.
    """

    losses: list[float]
    slopes: list[float] | memoryview[float]  # its own

    @property
    def gradients(self) -> list[float]:
        """The gradients, as a list."""
        return [*self.slopes]


class Runner(Protocol):
    """A plan made ready to run."""

    name: str

    # Take steps, moving ``numbers`` along.
    def run(self, steps: int, numbers: Numbers) -> Outcome: ...


class PythonRunner:
    """Runs a flat plan as Python source; where Python raises, instruction by instruction."""

    name = "python"

    def __init__(self, plan: Plan) -> None:
        if plan.lanes is not None:
            raise ValueError("the Python backend runs flat plans only")
        self.plan = plan
        self.step = self._function()

    def _function(self) -> Any:
        code = self.plan.tape.code
        lines: list[str] = []
        for i, (operation, operands) in enumerate(code):
            if operation == "const":
                lines.append(f"v{i} = float({str(operands[0])!r})" if operands[0] - operands[0] != 0.0
                             else f"v{i} = {operands[0]!r}")  # fmt: skip
            elif operation in _PLACES:
                lines.append(f"v{i} = {_PLACES[operation]}[{operands[0]}]")
            else:
                lines.append(f"v{i} = {_expression(operation, [f'v{o}' for o in operands])}")
        lines.append(f"return ({''.join(f'v{i}, ' for i in self.plan.results())})")
        source = "def step(leaves, state, settings, inputs):\n " + "\n ".join(lines)
        namespace: dict[str, Any] = {name: getattr(FLOATS, name) for name in SIMPLE if hasattr(FLOATS, name)}
        exec(source, namespace)  # our own instructions, printed: no text from outside reaches this
        return namespace["step"]

    def _careful(self, leaves: Any, state: Any, settings: Any, inputs: Any) -> tuple[float, ...]:
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
        """Take steps, moving ``numbers`` along."""
        plan = self.plan
        first, second = 1 + len(plan.gradients), 1 + len(plan.gradients) + len(plan.guards)
        third = second + len(plan.moved)
        losses: list[float] = []
        gradients: list[float] = []
        for _ in range(steps):
            read = numbers.leaves, numbers.state, numbers.settings, numbers.inputs
            try:
                results = self.step(*read)
            except RAISED:
                results = self._careful(*read)
            if any(bool(x) is not answer for x, (_, answer) in zip(results[first:second], plan.guards)):
                break
            losses.append(results[0])
            gradients = [*results[1:first]]
            for (k, _), x in zip(plan.moved, results[second:third]):
                numbers.leaves[k] = x
            for (k, _), x in zip(plan.kept, results[third:]):
                numbers.state[k] = x
        return Outcome(losses, gradients)


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
