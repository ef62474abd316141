"""The numba backend: an interpreter of machine.py's programs, compiled once and cached for all of them."""

from __future__ import annotations

import math
from array import array
from functools import cache
from typing import Any

from .layout import InputRows, Layout
from .machine import Machine
from .plan import Plan
from .python_backend import Numbers, Outcome


def interpret(
    program: Any,
    body: int,
    words: Any,
    column: Any,
    rows: Any,
    lanes: int,
    steps: int,
    guards: Any,
    fixed: int,
    moved: Any,
    fresh: Any,
    buffer: Any,
    gradients: Any,
    slopes: Any,
    losses: Any,
    loss: int,
) -> int:
    """Take steps; the number of those taken. ``column`` is ``words`` as rows of one.

    ``body`` is where what changes from step to step begins, and ``fixed`` where the guards do that may.
    ``guards`` holds pairs: a word, or −1 − a row, and the answer. After each step the words of ``moved``
    are written anew with those of ``fresh``, and the words of ``slopes`` are kept in ``gradients``.
    """
    for step in range(steps):
        at = body if step else 0
        while True:
            kind = program[at]
            if kind == 1:  # a sum of products of words
                out = program[at + 1]
                total = words[program[at + 2]]
                plus, minus = program[at + 3], program[at + 4]
                at += 5
                for k in range(at, at + 2 * plus, 2):
                    total += words[program[k]] * words[program[k + 1]]
                at += 2 * plus
                for k in range(at, at + 2 * minus, 2):
                    total -= words[program[k]] * words[program[k + 1]]
                at += 2 * minus
                words[out] = total
            elif kind == 3:  # a sum of products of rows
                o = program[at + 1]
                total = words[program[at + 2]]
                uu1, uu2, vv1, vv2, uv1, uv2 = (
                    program[at + 3], program[at + 4], program[at + 5],
                    program[at + 6], program[at + 7], program[at + 8],
                )  # fmt: skip
                at += 9
                for k in range(at, at + 2 * uu1, 2):
                    total += words[program[k]] * words[program[k + 1]]
                at += 2 * uu1
                for k in range(at, at + 2 * uu2, 2):
                    total -= words[program[k]] * words[program[k + 1]]
                at += 2 * uu2
                uv = at + 2 * vv1 + 2 * vv2
                # The first products are stored, not added: a pass over the row less.
                if uv1 >= 4:
                    c0, c1, c2, c3 = (
                        words[program[uv]], words[program[uv + 2]],
                        words[program[uv + 4]], words[program[uv + 6]],
                    )  # fmt: skip
                    a0, a1, a2, a3 = (
                        program[uv + 1], program[uv + 3],
                        program[uv + 5], program[uv + 7],
                    )  # fmt: skip
                    for lane in range(lanes):
                        rows[o, lane] = (
                            total
                            + c0 * rows[a0, lane]
                            + c1 * rows[a1, lane]
                            + c2 * rows[a2, lane]
                            + c3 * rows[a3, lane]
                        )
                    done = 4
                elif uv1 >= 2:
                    c0, c1 = words[program[uv]], words[program[uv + 2]]
                    a0, a1 = program[uv + 1], program[uv + 3]
                    for lane in range(lanes):
                        rows[o, lane] = total + c0 * rows[a0, lane] + c1 * rows[a1, lane]
                    done = 2
                elif vv1 >= 1:
                    a0, a1 = program[at], program[at + 1]
                    for lane in range(lanes):
                        rows[o, lane] = total + rows[a0, lane] * rows[a1, lane]
                    at += 2
                    vv1 -= 1
                    done = 0
                elif uv1 == 1:
                    c0, a0 = words[program[uv]], program[uv + 1]
                    for lane in range(lanes):
                        rows[o, lane] = total + c0 * rows[a0, lane]
                    done = 1
                else:
                    for lane in range(lanes):
                        rows[o, lane] = total
                    done = 0
                for k in range(at, at + 2 * vv1, 2):
                    a0, a1 = program[k], program[k + 1]
                    for lane in range(lanes):
                        rows[o, lane] += rows[a0, lane] * rows[a1, lane]
                at += 2 * vv1
                for k in range(at, at + 2 * vv2, 2):
                    a0, a1 = program[k], program[k + 1]
                    for lane in range(lanes):
                        rows[o, lane] -= rows[a0, lane] * rows[a1, lane]
                at = uv
                k = at + 2 * done
                end = at + 2 * uv1
                while k + 8 <= end:
                    c0, c1, c2, c3 = (
                        words[program[k]], words[program[k + 2]],
                        words[program[k + 4]], words[program[k + 6]],
                    )  # fmt: skip
                    a0, a1, a2, a3 = (
                        program[k + 1], program[k + 3],
                        program[k + 5], program[k + 7],
                    )  # fmt: skip
                    for lane in range(lanes):
                        rows[o, lane] += (
                            c0 * rows[a0, lane]
                            + c1 * rows[a1, lane]
                            + c2 * rows[a2, lane]
                            + c3 * rows[a3, lane]
                        )
                    k += 8
                while k < end:
                    c0, a0 = words[program[k]], program[k + 1]
                    for lane in range(lanes):
                        rows[o, lane] += c0 * rows[a0, lane]
                    k += 2
                at = end
                for k in range(at, at + 2 * uv2, 2):
                    c0, a0 = words[program[k]], program[k + 1]
                    for lane in range(lanes):
                        rows[o, lane] -= c0 * rows[a0, lane]
                at += 2 * uv2
            elif kind == 6:  # sums of products of rows, over the lanes
                out = program[at + 1]
                vv1, vv2, uv1, uv2 = program[at + 2], program[at + 3], program[at + 4], program[at + 5]
                at += 6
                total = 0.0
                for k in range(at, at + 2 * (vv1 + vv2), 2):
                    a0, a1 = program[k], program[k + 1]
                    part = 0.0
                    for lane in range(lanes):
                        part += rows[a0, lane] * rows[a1, lane]
                    total += part if k < at + 2 * vv1 else -part
                at += 2 * (vv1 + vv2)
                for k in range(at, at + 2 * (uv1 + uv2), 2):
                    c0, a0 = words[program[k]], program[k + 1]
                    part = 0.0
                    for lane in range(lanes):
                        part += rows[a0, lane]
                    total += c0 * part if k < at + 2 * uv1 else -(c0 * part)
                at += 2 * (uv1 + uv2)
                words[out] = total
            elif kind == 2 or kind == 4:  # a function of words, or of rows
                function = program[at + 1]
                if kind == 2:
                    memory, width = column, 1
                else:
                    memory, width = rows, lanes
                o = program[at + 2]
                a0, a1, a2 = program[at + 3], program[at + 4], program[at + 5]
                at += 6
                if function == 11:
                    for k in range(width):
                        x, y = memory[a1, k], memory[a2, k]  # both are read, so that it becomes a select
                        memory[o, k] = x if memory[a0, k] != 0.0 else y
                elif function == 14:
                    for k in range(width):
                        memory[o, k] = 1.0 if memory[a0, k] < memory[a1, k] else 0.0
                elif function == 15:
                    for k in range(width):
                        memory[o, k] = 1.0 if memory[a0, k] <= memory[a1, k] else 0.0
                elif function == 12:
                    for k in range(width):
                        memory[o, k] = memory[a0, k] / memory[a1, k]
                elif function == 4:
                    for k in range(width):
                        memory[o, k] = math.exp(memory[a0, k])
                elif function == 10:
                    for k in range(width):
                        memory[o, k] = math.tanh(memory[a0, k])
                elif function == 13:
                    for k in range(width):
                        memory[o, k] = memory[a0, k] ** memory[a1, k]
                elif function == 16:
                    for k in range(width):
                        memory[o, k] = 1.0 if memory[a0, k] == memory[a1, k] else 0.0
                elif function == 17:
                    for k in range(width):
                        x, y = memory[a0, k], memory[a1, k]
                        memory[o, k] = y if y > x else x
                elif function == 0:
                    for k in range(width):
                        memory[o, k] = abs(memory[a0, k])
                elif function == 1:
                    for k in range(width):
                        memory[o, k] = math.cos(memory[a0, k])
                elif function == 2:
                    for k in range(width):
                        memory[o, k] = math.erf(memory[a0, k])
                elif function == 3:
                    for k in range(width):
                        memory[o, k] = math.erfc(memory[a0, k])
                elif function == 5:
                    for k in range(width):
                        memory[o, k] = math.expm1(memory[a0, k])
                elif function == 6:
                    for k in range(width):
                        memory[o, k] = math.log(memory[a0, k])
                elif function == 7:
                    for k in range(width):
                        memory[o, k] = math.log1p(memory[a0, k])
                elif function == 8:
                    for k in range(width):
                        memory[o, k] = math.sin(memory[a0, k])
                elif function == 9:
                    for k in range(width):
                        memory[o, k] = math.sqrt(memory[a0, k])
                else:
                    return -1
            elif kind == 5:
                o, total = program[at + 1], words[program[at + 2]]
                for lane in range(lanes):
                    rows[o, lane] = total
                at += 3
            else:
                break
        for k in range(fixed if step else 0, len(guards), 2):
            if guards[k] >= 0:
                if (words[guards[k]] != 0.0) != (guards[k + 1] != 0):
                    return step
            else:
                o = -1 - guards[k]
                for lane in range(lanes):
                    if (rows[o, lane] != 0.0) != (guards[k + 1] != 0):
                        return step
        losses[step] = words[loss]
        for k in range(len(slopes)):
            gradients[k] = words[slopes[k]]
        for k in range(len(moved)):  # all are read before the first is written
            buffer[k] = words[fresh[k]]
        for k in range(len(moved)):
            words[moved[k]] = buffer[k]
    return steps


@cache
def _compiled() -> Any:
    try:
        from numba import njit
    except ImportError as error:
        raise ImportError(
            "the numba backend needs numba: pip install 'glassgrad[compile]', or backend='numpy'"
        ) from error
    # Sums may be reordered and products fused into them; nan and inf are never assumed away.
    return njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"})(interpret)


class NumbaRunner:
    """Runs a plan by the interpreter."""

    name = "numba"

    def __init__(self, plan: Plan, layout: Layout) -> None:
        self.step = _compiled()
        import numpy as np

        self.np = np
        self.layout = layout
        machine = Machine(plan, layout)
        self.lanes = plan.lanes.width if plan.lanes else 1
        self.program = np.array(machine.program, dtype=np.int64)
        self.words = np.zeros(machine.words)
        for word, x in machine.constants.values():
            self.words[word] = x
        self.rows = np.zeros((max(machine.rows, 1), self.lanes))
        for row, word in machine.filled:
            self.rows[row] = self.words[word]
        self.body = machine.body
        settled = [(i, answer) for i, answer in plan.guards if i in machine.settled]
        self.fixed = 2 * len(settled)
        guards = settled + [(i, answer) for i, answer in plan.guards if i not in machine.settled]
        at = [machine.word[i] if i in machine.word else -1 - machine.row[i] for i, _ in guards]
        place = [*zip(at, [answer for _, answer in guards])]
        self.guards = np.array([x for pair in place for x in pair], dtype=np.int64)
        targets = [(layout.word("leaf", k), i) for k, i in plan.moved]
        targets += [(layout.word("state", k), i) for k, i in plan.kept]
        self.moved = np.array([word for word, _ in targets], dtype=np.int64)
        self.fresh = np.array([machine.word[i] for _, i in targets], dtype=np.int64)
        self.buffer = np.zeros(len(targets))
        self.slopes = np.array([machine.word[i] for i in plan.gradients], dtype=np.int64)
        self.gradients = np.zeros(len(plan.gradients))
        self.loss = machine.word[plan.loss]
        self.inputs = InputRows(plan, np)
        self.input_rows = self.rows[: self.inputs.count]

    def run(self, steps: int, numbers: Numbers) -> Outcome:
        """Take steps, moving ``numbers`` along."""
        np, layout = self.np, self.layout
        at = 0
        for kind in (numbers.leaves, numbers.state, numbers.settings, numbers.inputs):
            if kind:
                self.words[at : at + len(kind)] = np.frombuffer(kind)
                at += len(kind)
        if self.inputs.count:
            self.inputs.fill(self.input_rows, self.words[at - layout.inputs : at])
        losses = np.empty(steps)
        taken = self.step(
            self.program, self.body, self.words, self.words[:, None], self.rows, self.lanes, steps,
            self.guards, self.fixed, self.moved, self.fresh, self.buffer, self.gradients, self.slopes,
            losses, self.loss,
        )  # fmt: skip
        if taken < 0:
            raise RuntimeError("the program has an operation the interpreter does not know")
        if taken and len(self.moved):
            words = self.words[: layout.leaves + layout.state].tobytes()
            numbers.leaves = array("d", words[: 8 * layout.leaves])
            numbers.state = array("d", words[8 * layout.leaves :])
        return Outcome(losses[:taken].tolist(), self.gradients.tolist() if taken else [])
