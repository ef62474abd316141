"""The numba backend: the interpreter, compiled once and cached, runs the programs of lower.py."""

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
from .interpreter import make_interpreter
from .lower import Machine

LOG = logging.getLogger("autograd.compiler")


@cache
def _compiled() -> Any:
    try:
        return make_interpreter(cached=True)
    except ImportError as error:
        raise ImportError(
            "The numba backend needs numba. Install it with pip install 'glassgrad[compile]', "
            "or use backend='numpy'."
        ) from error
    except RuntimeError as error:
        return _without_cache(error)


@cache
def _uncached() -> Any:
    return make_interpreter(cached=False)


def _without_cache(error: Exception) -> Any:
    if not _uncached.cache_info().currsize:
        LOG.warning(
            "numba cannot write or read its cache, so it compiles for some seconds in each process (%s: %s). "
            "Set the environment variable NUMBA_CACHE_DIR to a folder that you can write to.",
            type_name(error),
            replace_controls(str(error)),
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
        slot = machine.slot
        self.batch_size, self.block = machine.batch_size, machine.block
        self.program = machine.program(np)
        self.sections = np.array(machine.sections, dtype=np.int64)
        self.memory = np.zeros(machine.size, layout.dtype)
        for place, x in machine.constants.values():
            self.memory[place] = x
        for row, place in machine.filled:
            start = machine.rows_address + row * machine.stride
            self.memory[start : start + machine.stride] = self.memory[place]
        guards = [(i, answer) for i, answer in plan.guards if i in slot]
        guards.sort(key=lambda guard: machine.section[guard[0]] > 0)
        self.fixed = 2 * sum(machine.section[i] == 0 for i, _ in guards)
        self.guards = np.array([x for i, answer in guards for x in (slot[i], answer)], dtype=np.int64)
        targets = [(layout.slot("leaf", k), slot[i]) for k, i in plan.leaf_updates]
        targets += [(layout.slot("state", k), slot[i]) for k, i in plan.state_updates]
        self.moves = np.array([*_runs(targets)], dtype=np.int64).ravel()
        self.buffer = np.zeros(len(targets), layout.dtype)
        sources = enumerate(slot[i] for i in plan.gradients)
        self.gradient_runs = np.array([(start, n) for _, start, n in _runs(sources)], dtype=np.int64).ravel()
        self.gradients = np.zeros(len(plan.gradients))
        self.factors = np.zeros(machine.deepest, layout.dtype)
        self.loss = slot[plan.loss]
        self.outside = Outside(layout, self.memory, np)
        self.inputs = InputRows(plan, np, layout.dtype, machine.whole_stride)
        first = machine.inputs_address
        self.input_rows = self.memory[first : first + self.inputs.count * machine.whole_stride]
        self.input_rows = self.input_rows.reshape(self.inputs.count, machine.whole_stride)
        self.read: array[float] | None = None

    def run(self, steps: int, numbers: Numbers) -> Outcome:
        """Take steps and update ``numbers``."""
        is_loaded = numbers.inputs is self.read  # the same array, so its numbers are in the slots
        self.read = None  # until all are, because Ctrl-C may interrupt
        self.outside.load(numbers, is_loaded)
        if self.inputs.count and not is_loaded:
            self.inputs.fill(self.input_rows, self.outside.inputs)
        losses = self.np.empty(steps)
        arguments = (
            self.program, self.memory, self.sections, self.batch_size, self.block, is_loaded, steps,
            self.guards, self.fixed, self.moves, self.buffer, self.gradient_runs, self.gradients,
            losses, self.loss, self.factors,
        )  # fmt: skip
        try:
            count = self.step(*arguments)
        except Exception as error:  # a damaged cache, or one of another user; other errors repeat
            self.step = _without_cache(error)
            count = self.step(*arguments)
        if count < 0:
            raise RuntimeError("the program has an invalid opcode")
        self.read = numbers.inputs if count else None  # the next run checks guards on arguments again
        if count and len(self.moves):
            self.outside.attach(numbers)
        gradients: Any = self.gradients.copy()
        return Outcome(losses[:count].tolist(), memoryview(gradients) if count else [])


def _runs(pairs: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int, int]]:
    """Merge pairs whose items both increase by 1 into runs (first, first, count)."""
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
