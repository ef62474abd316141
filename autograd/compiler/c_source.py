"""A program as C: one step with its numbers, and a ``main`` that runs it.

The instructions are those of the plan, so that no derivative is written here. Only the functions of numbers
are C: the kernels below, and the operators.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from ..floats import KERNELS
from ..system.messages import replace_controls
from .backends.python import Numbers
from .ir.tape import CONDITIONS, SOURCES, needed
from .passes.plan import Plan

#: The operators; every function in KERNELS has its name in math.h.
_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "eq": "=="}
_CALLS = {**{name: name for name in KERNELS}, "abs": "fabs", "pow": "pow"}
#: A label of these letters becomes part of the name of a variable.
_NAME = re.compile(r"[A-Za-z0-9_]+$")
_WIDTH = 100
#: The update of fewer parameters is not written as a loop.
FEWEST = 4


def c_source(plan: Plan, numbers: Numbers, name: str) -> str:
    """Return a C program that takes steps from the numbers and prints their losses."""
    return _Program(plan, numbers, name).text()


class _Program:
    def __init__(self, plan: Plan, numbers: Numbers, name: str) -> None:
        self.plan, self.numbers, self.name = plan, numbers, name
        self.code, self.is_batched = plan.tape.code, plan.tape.is_batched
        self.leaves = self._names_of_leaves()
        updates = [place for _, place in (*plan.leaf_updates, *plan.state_updates)]
        self.gradients = [] if updates else plan.gradients[: len(plan.leaves)]
        results = [plan.loss, *updates, *self.gradients, *[place for place, _ in plan.guards]]
        self.order = needed(plan.tape, results)
        self.names = self._names()
        self.level = self._levels()
        self.loop = parameter_loop(plan, self.leaves) if updates else None
        if self.loop is not None:
            self.order = [i for i in self.order if i not in self.loop.inside]
        self.inlined = self._inlined(results)

    # Names ----------------------------------------------------------------------------------------

    def _names_of_leaves(self) -> list[str]:
        labels = [leaf.label for leaf in self.plan.leaves]
        counts = Counter(labels)
        usable = [counts[label] == 1 and _NAME.match(label) is not None for label in labels]
        return [f"p_{label}" if named else f"p[{k}]" for k, (label, named) in enumerate(zip(labels, usable))]

    def _names(self) -> list[str]:
        """Return the expression by which each instruction is read."""
        names: list[str] = []
        for i, (operation, operands) in enumerate(self.code):
            if operation == "const":
                names.append(_literal(operands[0]))
            elif operation == "leaf":
                k: int = operands[0]
                names.append(self.leaves[k])
            elif operation == "input":
                names.append(f"x[{operands[0]}]")
            elif operation == "state":
                names.append(f"state[{operands[0]}]")
            elif operation == "setting":
                names.append("lr")
            elif operation == "row":
                names.append(f"row{operands[0]}[i]")
            else:
                names.append(f"{'c' if operation in CONDITIONS else 'v'}{i}")
        for k, (leaf, place) in enumerate(zip(self.leaves, self.plan.gradients)):
            if self.code[place][0] not in SOURCES and names[place] == f"v{place}":
                is_total = self.code[place][0] == "batch_sum"
                names[place] = f"d{leaf[1:]}" if leaf[1] != "[" else f"d[{k}]" if is_total else f"d{k}"
        if self.code[self.plan.loss][0] not in SOURCES:
            names[self.plan.loss] = "loss"
        return names

    # Loops ----------------------------------------------------------------------------------------

    def _levels(self) -> dict[int, int]:
        """Return for each instruction the loop over the samples that computes it, or that follows it.

        A sum over the samples is complete after the loop of its operand.
        """
        level: dict[int, int] = {}
        for i in self.order:
            operation, operands = self.code[i]
            before = () if operation in SOURCES else operands
            level[i] = max((level[o] for o in before), default=0) + (operation == "batch_sum")
        return level

    def _inlined(self, results: Iterable[int]) -> set[int]:
        """Return the products that a single sum reads: they are written where they are read."""
        uses = Counter(results)
        reader: dict[int, int] = {}
        for i in self.order:
            operation, operands = self.code[i]
            if operation not in SOURCES:
                for o in operands:
                    uses[o] += 1
                    reader[o] = i
        if self.loop is not None:
            uses.update(self.loop.reads)
        return {
            o
            for o, i in reader.items()
            if uses[o] == 1
            and self.code[o][0] == "mul"
            and i not in (self.loop.inside if self.loop is not None else ())
            and self.code[i][0] in ("add", "sub", "sum", "batch_sum")
            and (self.code[i][0] == "batch_sum" or self.is_batched[o] == self.is_batched[i])
            and self.level[o] == self.level[i] - (self.code[i][0] == "batch_sum")
        }

    def _read_later(self) -> set[int]:
        """Return the batched instructions that a later loop reads: each has an array."""
        later: set[int] = set()
        for i in self.order:
            operation, operands = self.code[i]
            if operation not in SOURCES and operation != "batch_sum":
                later |= {o for o in operands if self.is_batched[o] and self.level[o] < self.level[i]}
        return {i for i in later if self.code[i][0] not in SOURCES}

    # Text -----------------------------------------------------------------------------------------

    def text(self) -> str:
        """Return the program."""
        arrays = self._read_later()
        body = self._body(arrays)
        title = replace_controls(self.name).replace("*/", "* /").replace("\\", "/")
        kinds = "forward, backward and update" if self.plan.leaf_updates else "forward and backward"
        lines = [
            f"/* One step of compile({title}): {kinds}, exported by glassgrad.",
            "   cc -O2 step.c -o step -lm && ./step 20 takes 20 steps and prints the loss of each. */",
            "#include <math.h>",
            "#include <stdio.h>",
            "#include <stdlib.h>",
            "",
            *self._data(arrays),
            *self._helpers(),
            "static double step(void) {",
            *body,
            "}",
            "",
            "int main(int argc, char **argv) {",
            "    const int n = argc > 1 ? atoi(argv[1]) : 1;",
            "    for (int k = 0; k < n; k++)",
            '        printf("%.17g\\n", step());',
            "    return 0;",
            "}",
        ]
        return "\n".join(lines) + "\n"

    def _data(self, arrays: Iterable[int]) -> list[str]:
        plan, numbers = self.plan, self.numbers
        order = [*self.order, *(self.loop.inside | self.loop.reads if self.loop is not None else ())]
        used = {self.code[i][0] for i in order}
        lines: list[str] = []
        if plan.batch_inputs is not None:
            lines += [f"#define SAMPLES {plan.batch_inputs.size}", ""]
        read: set[int] = {self.code[i][1][0] for i in self.order if self.code[i][0] == "leaf"}
        read |= {k for k, _ in plan.leaf_updates}
        named = [k for k, leaf in enumerate(self.leaves) if leaf != f"p[{k}]" and k in read]
        if named or any(self.leaves[k] == f"p[{k}]" for k in read):
            lines.append("/* The parameters. */")
        lines += [f"static double {self.leaves[k]} = {_literal(numbers.leaves[k])};" for k in named]
        if any(self.leaves[k] == f"p[{k}]" for k in read):
            lines += _array("static double", "p", [*numbers.leaves])
        if "state" in used or plan.state_updates:
            lines += [
                "",
                "/* The state of the optimizer. */",
                *_array("static double", "state", [*numbers.state]),
            ]
        if "setting" in used:
            lines += ["", f"static const double lr = {_literal(numbers.settings[0])};"]
        if self.gradients:
            lines += ["", "/* The gradient of each parameter. */"]
            lines.append(f"static double gradient[{len(self.gradients)}];")
        if "input" in used:
            lines += ["", "/* The arguments. */", *_array("static const double", "x", [*numbers.inputs])]
        rows: list[int] = sorted({self.code[i][1][0] for i in self.order if self.code[i][0] == "row"})
        if rows and plan.batch_inputs is not None:
            lines += ["", "/* The arguments, each with a number for every sample. */"]
            for r in rows:
                sources = plan.batch_inputs.rows[r]
                row = [_number(source, numbers.inputs) for source in sources]
                lines += _array("static const double", f"row{r}", row, "SAMPLES")
        if arrays:
            lines += ["", "/* Numbers of every sample that a later loop reads. */"]
            for i in sorted(arrays):
                kind = "int" if self.code[i][0] in CONDITIONS else "double"
                lines.append(f"static {kind} {self.names[i]}[SAMPLES];")
        return [*lines, ""]

    def _helpers(self) -> list[str]:
        lines: list[str] = []
        if any(self.code[i][0] == "largest" for i in self.order):
            lines += ["static double larger(double a, double b) {", "    return b > a ? b : a;", "}", ""]
        if self.plan.guards:
            lines += [
                "/* The program holds while every comparison has the answer that it had in Python. */",
                "static void check(int holds) {",
                "    if (!holds) {",
                '        fprintf(stderr, "a comparison has another answer than in the exported program\\n");',
                "        exit(1);",
                "    }",
                "}",
                "",
            ]
        return lines

    def _body(self, arrays: set[int]) -> list[str]:
        lines: list[str] = []
        answers: dict[int, list[bool]] = {}
        for place, answer in self.plan.guards:
            answers.setdefault(place, []).append(answer)
        computed = [i for i in self.order if self.code[i][0] not in SOURCES and i not in self.inlined]
        sums = [i for i in computed if self.code[i][0] == "batch_sum"]
        indexed = {i: f"{self.names[i]}[i]" for i in arrays}
        if any(_is_element(self.names[i]) for i in sums):
            lines.append(f"    double d[{len(self.leaves)}] = {{0.0}};")
        for level in range(1 + max([self.level[i] for i in self.order], default=0)):
            for i in computed:
                if self.level[i] == level and not self.is_batched[i] and self.code[i][0] != "batch_sum":
                    lines += _wrapped(self._statement(i, {}), 4)
                    lines += [f"    check({self._guard(i, answer, {})});" for answer in answers.get(i, ())]
            inside = [i for i in computed if self.level[i] == level and self.is_batched[i]]
            totals = [i for i in sums if self.level[i] == level + 1]
            if not inside and not totals:
                continue
            if scalars := [name for i in totals if not _is_element(name := self.names[i])]:
                lines += _wrapped("double " + ", ".join(f"{name} = 0.0" for name in scalars) + ";", 4)
            lines.append("    for (int i = 0; i < SAMPLES; i++) {")
            for i in inside:
                lines += _wrapped(self._statement(i, indexed), 8)
                lines += [
                    f"        check({self._guard(i, answer, indexed)});" for answer in answers.get(i, ())
                ]
            for i in totals:
                (o,) = self.code[i][1]
                lines.append(f"        {self.names[i]} += {self._read(o, indexed)};")
            lines.append("    }")
        return [*lines, *self._end()]

    def _end(self) -> list[str]:
        """Return the statements that store the results: after all numbers were read."""
        plan = self.plan
        lines = [f"    const double result = {self.names[plan.loss]};"]
        targets = [(self.leaves[k], place) for k, place in plan.leaf_updates]
        targets += [(f"state[{k}]", place) for k, place in plan.state_updates]
        if (loop := self.loop) is not None:
            targets = [(target, place) for target, place in targets if place not in loop.inside]
        targets += [(f"gradient[{k}]", place) for k, place in enumerate(self.gradients)]
        copies: dict[int, str] = {}
        for target, place in targets:
            if self.code[place][0] in ("leaf", "state") and self.names[place] != target:
                copies[place] = f"before{place}"
        lines += [f"    const double {copy} = {self.names[place]};" for place, copy in copies.items()]
        lines += [f"    {target} = {copies.get(place, self.names[place])};" for target, place in targets]
        if loop is not None:
            lines += self._parameter_loop(loop)
        return [*lines, "    return result;"]

    def _parameter_loop(self, loop: ParameterLoop) -> list[str]:
        """Return the update of all parameters as a loop: its instructions are those of the first one."""
        names = [*self.names]
        for i in loop.first:
            names[i] = f"{'c' if self.code[i][0] in CONDITIONS else 'v'}{i}"
        count = len(self.plan.leaf_updates)
        gradients = [self.names[place] for place in self.plan.gradients[:count]]
        are_stored = gradients == [f"d[{k}]" for k in range(count)]
        names[self.plan.gradients[0]] = "d[k]" if are_stored else "g[k]"
        for i, (operation, operands) in enumerate(self.code):
            if operation == "leaf" and operands[0] == 0:
                names[i] = "p[k]"
            elif operation == "state" and operands[0] in loop.states:
                offset: int = operands[0]
                names[i] = f"state[{offset} + k]" if offset else "state[k]"
        lines: list[str] = []
        if not are_stored:
            lines += [f"    const double g[{count}] = {{", *_wrapped(", ".join(gradients), 8), "    };"]
        lines.append(f"    for (int k = 0; k < {count}; k++) {{")
        for i in loop.first:
            operation, operands = self.code[i]
            read: tuple[int, ...] = operands
            kind = "int" if operation in CONDITIONS else "double"
            statement = f"const {kind} {names[i]} = {_expression(operation, [names[o] for o in read])};"
            lines += _wrapped(statement, 8)
        lines += [f"        state[{k} + k] = {names[place]};" for k, place in loop.state_updates if k]
        lines += [f"        state[k] = {names[place]};" for k, place in loop.state_updates if not k]
        return [*lines, f"        p[k] = {names[self.plan.leaf_updates[0][1]]};", "    }"]

    def operands(self, i: int) -> tuple[int, ...]:
        """Return the operands of an instruction that is not a source."""
        return self.code[i][1]

    def _read(self, o: int, indexed: dict[int, str]) -> str:
        """Return an operand: its name, or its formula if it is written where it is read."""
        if o not in self.inlined:
            return indexed.get(o, self.names[o])
        a, b = self.operands(o)
        return f"{indexed.get(a, self.names[a])} * {indexed.get(b, self.names[b])}"

    def _guard(self, i: int, answer: bool, names: dict[int, str]) -> str:
        return ("" if answer else "!") + names.get(i, self.names[i])

    def _statement(self, i: int, indexed: dict[int, str]) -> str:
        operation, operands = self.code[i]
        read: tuple[int, ...] = operands
        text = _expression(operation, [self._read(o, indexed) for o in read])
        if i in indexed:
            return f"{indexed[i]} = {text};"
        return f"const {'int' if operation in CONDITIONS else 'double'} {self.names[i]} = {text};"


def _is_element(name: str) -> bool:
    """Return True for an element of the array of gradients, which are sums over the samples."""
    return name.startswith("d[")


@dataclass
class ParameterLoop:
    """The update of the first parameter, if the update of every other one is the same."""

    first: list[int]  # its instructions, in order
    inside: set[int]  # the instructions of all parameters
    reads: set[int]  # what they read from outside
    states: set[int]  # the places of the state of the first parameter
    state_updates: list[tuple[int, int]]


def parameter_loop(plan: Plan, names: Sequence[str]) -> ParameterLoop | None:
    """Find the update of the first parameter, and compare that of every other one with it."""
    code, count = plan.tape.code, len(plan.leaf_updates)
    if count < FEWEST or [k for k, _ in plan.leaf_updates] != [*range(count)]:
        return None
    if names[:count] != [f"p[{k}]" for k in range(count)]:
        return None
    outside = {*needed(plan.tape, [plan.loss, *plan.gradients[:count], *[i for i, _ in plan.guards]])}
    results: list[list[int]] = [[place] for _, place in plan.leaf_updates]
    state_updates: list[tuple[int, int]] = []
    for k, place in plan.state_updates:
        if k // count in plan.shared:
            continue
        results[k % count].append(place)
        if k % count == 0:
            state_updates.append((k, place))
    cones = [
        [i for i in needed(plan.tape, r) if i not in outside and code[i][0] not in SOURCES] for r in results
    ]
    owners = Counter(i for cone in cones for i in cone)
    cones = [[i for i in cone if owners[i] == 1] for cone in cones]
    reads: set[int] = set()
    signatures: set[Any] = set()
    for k, cone in enumerate(cones):
        local = {i: n for n, i in enumerate(cone)}
        signature: list[Any] = []
        for i in [*cone, *results[k]]:
            is_result = len(signature) >= len(cone)
            operands: tuple[int, ...] = (i,) if is_result else code[i][1]
            operation = "result" if is_result else code[i][0]
            signature.append((operation, *[_role(plan, o, k, count, local) for o in operands]))
            reads.update([o for o in operands if o not in local])
        signatures.add(tuple(signature))
    if len(signatures) > 1 or {r for rs in results for r in rs} & outside:
        return None
    inside = {i for cone in cones for i in cone}
    states: set[int] = {code[o][1][0] for i in cones[0] for o in code[i][1] if code[o][0] == "state"}
    states -= {j for j in states if j // count in plan.shared}
    return ParameterLoop(cones[0], inside, reads, states, state_updates)


def _role(plan: Plan, place: int, k: int, count: int, local: dict[int, int]) -> Any:
    """Return the role of an operand in the update of parameter k: equal roles become one formula."""
    if place in local:
        return "local", local[place]
    if place == plan.gradients[k]:
        return "gradient"
    operation, operands = plan.tape.code[place]
    if operation == "leaf" and operands[0] == k:
        return "parameter"
    if operation == "state" and operands[0] // count not in plan.shared:
        return "state", operands[0] - k
    return "same", place


def _expression(operation: str, names: Sequence[str]) -> str:
    if operation in _INFIX:
        return f"{names[0]} {_INFIX[operation]} {names[1]}"
    if operation == "neg":
        return f"-({names[0]})" if names[0].startswith("-") else f"-{names[0]}"
    if operation == "where":
        return f"{names[0]} ? {names[1]} : {names[2]}"
    if operation == "sum":
        return " + ".join(names) or "0.0"
    if operation == "dot":
        half = len(names) // 2
        products = [f"{a} * {b}" for a, b in zip(names[:half], names[half:-1])]
        return " + ".join([*products, names[-1]])
    if operation == "largest":
        text = names[0]
        for other in names[1:]:
            text = f"larger({text}, {other})"
        return text
    return f"{_CALLS[operation]}({', '.join(names)})"


def _number(source: tuple[str, Any], inputs: Sequence[float]) -> float:
    """Return a number of a row: an argument by its position, or a constant."""
    if source[0] == "input":
        position: int = source[1]
        return inputs[position]
    return float(source[1])


def _literal(x: float) -> str:
    if math.isnan(x):
        return "NAN"
    if math.isinf(x):
        return "INFINITY" if x > 0.0 else "-INFINITY"
    return repr(float(x))


def _array(kind: str, name: str, numbers: Sequence[Any], size: str = "") -> list[str]:
    text = ", ".join(map(_literal, numbers))
    return [f"{kind} {name}[{size or len(numbers)}] = {{", *_wrapped(text, 4), "};"]


def _wrapped(text: str, indent: int) -> list[str]:
    first = " " * indent
    lines = wrap(
        text.replace(" * ", "\0*\0").replace(" = 0.0", "\0=\x000.0"),  # not broken there
        _WIDTH,
        initial_indent=first,
        subsequent_indent=first if text[:5] != "const" else first + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]
