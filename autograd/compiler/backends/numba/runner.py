"""The numba backend: the programs of lower.py, run by the interpreter, which is compiled once and cached."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterable
from functools import cache
from typing import Any

from ....system.messages import replace_controls, type_name
from ...passes.plan import Plan
from ..memory import InputRows, Layout, Outside
from ..python import Numbers, Outcome
from .interpreter import compiled
from .lower import Machine

LOG = logging.getLogger("autograd.compiler")


@cache
def _compiled() -> Any:
    try:
        return compiled(cached=True)
    except ImportError as error:
        raise ImportError(
            "the numba backend needs numba: pip install 'glassgrad[compile]', or backend='numpy'"
        ) from error
    except RuntimeError as error:
        return _without_cache(error)


@cache
def _uncached() -> Any:
    return compiled(cached=False)


def _without_cache(why: Exception) -> Any:
    if not _uncached.cache_info().currsize:
        LOG.warning(
            "numba can't keep what it compiles, and takes some seconds for it in each process (%s: %s); let "
            "the environment variable NUMBA_CACHE_DIR name a folder of your own",
            type_name(why),
            replace_controls(str(why)),
        )
    return _uncached()


class NumbaRunner:
    """Runs a plan by the interpreter."""

    name = "numba"

    def __init__(self, plan: Plan, layout: Layout) -> None:
        self.step = _compiled()
        import numpy as np

        self.np = np
        self.layout = layout
        machine = Machine(plan, layout)
        word = machine.word
        self.lanes, self.block = machine.lanes, machine.block
        self.program = machine.program(np)
        self.sections = np.array(machine.sections, dtype=np.int64)
        self.memory = np.zeros(machine.size, layout.dtype)
        for place, x in machine.constants.values():
            self.memory[place] = x
        for row, place in machine.filled:
            start = machine.rows_at + row * machine.stride
            self.memory[start : start + machine.stride] = self.memory[place]
        guards = [(i, answer) for i, answer in plan.guards if i in word]
        guards.sort(key=lambda guard: machine.section[guard[0]] > 0)
        self.fixed = 2 * sum(machine.section[i] == 0 for i, _ in guards)
        self.guards = np.array([x for i, answer in guards for x in (word[i], answer)], dtype=np.int64)
        targets = [(layout.word("leaf", k), word[i]) for k, i in plan.moved]
        targets += [(layout.word("state", k), word[i]) for k, i in plan.kept]
        self.moves = np.array([*_runs(targets)], dtype=np.int64).ravel()
        self.buffer = np.zeros(len(targets), layout.dtype)
        slopes = enumerate(word[i] for i in plan.gradients)
        self.slopes = np.array([(start, n) for _, start, n in _runs(slopes)], dtype=np.int64).ravel()
        self.gradients = np.zeros(len(plan.gradients))
        self.factors = np.zeros(machine.deepest, layout.dtype)
        self.loss = word[plan.loss]
        self.outside = Outside(layout, self.memory, np)
        self.inputs = InputRows(plan, np, layout.dtype, machine.whole)
        first = machine.inputs_at
        self.input_rows = self.memory[first : first + self.inputs.count * machine.whole]
        self.input_rows = self.input_rows.reshape(self.inputs.count, machine.whole)
        self.read: array[float] | None = None

    def run(self, steps: int, numbers: Numbers) -> Outcome:
        """Take steps, moving ``numbers`` along."""
        again = numbers.inputs is self.read  # the very array, which is there as it was read
        self.outside.load(numbers, again)
        if self.inputs.count and not again:
            self.inputs.fill(self.input_rows, self.outside.inputs)
        losses = self.np.empty(steps)
        arguments = (
            self.program, self.memory, self.sections, self.lanes, self.block, again, steps,
            self.guards, self.fixed, self.moves, self.buffer, self.slopes, self.gradients,
            losses, self.loss, self.factors,
        )  # fmt: skip
        try:
            taken = self.step(*arguments)
        except Exception as error:  # its cache is cut off, or another user's; whatever else comes again
            self.step = _without_cache(error)
            taken = self.step(*arguments)
        if taken < 0:
            raise RuntimeError("the program has an operation the interpreter does not know")
        self.read = numbers.inputs if taken else None  # a guard on arguments alone is asked again
        if taken and len(self.moves):
            self.outside.moved(numbers)
        slopes: Any = self.gradients.copy()
        return Outcome(losses[:taken].tolist(), memoryview(slopes) if taken else [])


def _runs(pairs: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int, int]]:
    """Pairs that go up together, as (first, first, how many)."""
    first, n = (0, 0), 0
    for a, b in pairs:
        if n and (a, b) == (first[0] + n, first[1] + n):
            n += 1
        else:
            if n:
                yield *first, n
            first, n = (a, b), 1
    if n:
        yield *first, n
