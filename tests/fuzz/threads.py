"""Independent programs in several threads at once: bit-identical to single runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from threading import Barrier
from typing import Any

from autograd import CompileWarning, Value, compile, enable_grad, grad, no_grad
from nn import MLP

from .compiled import Eager, as_case
from .lockstep import COPIES
from .programs import Program, Statement, program, pure

#: The number of gradients with create_graph in a program: each graph is much larger than the last.
MOST_GRAPHS = 2
#: The switch interval in seconds. With Python's default, a program ends before another thread runs.
SWITCH = 1e-5


class FullProgram(Eager):
    """The state of a program that runs every statement, on Values only."""

    def __init__(self, program: Program) -> None:
        self.leaves = [Value(x) for x in program.leaves]
        super().__init__([*self.leaves])
        self.models: list[MLP] = []
        self.graphs = 0
        self.errors: list[str] = []
        for statement in program.statements:
            self.run(statement)

    @property
    def numbers(self) -> list[str]:
        """Every number and every gradient, bit-exact."""
        parameters = [p for model in self.models for p in model.parameters()]
        return self.errors + [f"{v.data!r} {v.grad!r}" for v in (*self.pool, *self.leaves, *parameters)]

    def leaf(self, i: int) -> Value:
        return self.leaves[i % len(self.leaves)]

    def detach(self, i: int) -> None:
        self.pool.append(self.operand(i).detach())

    def constant(self, i: int, j: int) -> None:
        self.pool.append(self.operand(i) * self.operand(j).data)

    def no_grad(self, again: bool, statement: Statement) -> None:
        with no_grad(), enable_grad() if again else nullcontext():
            self.run(statement)

    def write(self, i: int, number: float) -> None:
        self.leaf(i).data = number

    def zero(self, i: int | None) -> None:
        for leaf in self.leaves if i is None else [self.leaf(i)]:
            leaf.zero_grad()

    def backward(self, i: int, gradient: float) -> None:
        self.operand(i).backward(gradient)

    def grad(self, i: int, inputs: list[int], create_graph: bool) -> None:
        graph = create_graph and self.graphs < MOST_GRAPHS
        self.graphs += graph
        chosen = [self.operand(k) for k in inputs]
        try:
            gradients = grad(self.operand(i), chosen, create_graph=graph, allow_unused=True)
        except RuntimeError as error:  # an operand was written
            self.errors.append(str(error))
        else:
            self.pool += [x for x in gradients if x is not None]

    def copy(self, way: str, leaves: list[int], other: int) -> None:
        self.leaves.append(COPIES[way](self.leaf(leaves[0])))
        self.pool.append(self.leaves[-1])

    def model(self, seed: int, activation: str, fused: bool) -> None:
        self.models.append(MLP(2, [2, 1], activation=activation, fused=fused, seed=seed))

    def call(self, i: int, a: Any, b: Any) -> None:
        if self.models:
            self.pool.append(self.models[i % len(self.models)]([self.operand(a), self.operand(b)]))

    def copy_model(self, way: str, i: int) -> None:
        if self.models:
            self.models.append(COPIES[way](self.models[i % len(self.models)]))


def compiled_numbers(program: Program, seed: int, backend: str) -> list[str]:
    """Return the results and the gradients of a compiled program, or its warning."""
    case = as_case(program, seed)
    step = compile(case.function, backend=backend)
    numbers = []
    try:
        for call in case.calls:
            numbers += [repr(step(*call)), *(repr(leaf.grad) for leaf in case.leaves)]
    except CompileWarning as warning:
        numbers.append(str(warning))
    return numbers


def run(seed: int, backend: str) -> list[str]:
    """Return the numbers of the program of a seed, and those of its pure program when compiled."""
    return FullProgram(program(seed)).numbers + compiled_numbers(pure(seed), seed, backend)


@contextmanager
def _switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def together(jobs: Sequence[Callable[[], Any]], threads: int) -> list[Any]:
    """Return the results of the jobs, which threads that start at the same moment share."""
    results: list[Any] = [None] * len(jobs)
    start = Barrier(threads)

    def work(first: int) -> None:
        start.wait()
        for i in range(first, len(jobs), threads):
            results[i] = jobs[i]()

    with _switching(), ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    return results


def differing(seeds: Sequence[int], threads: int, backend: str = "python") -> list[int]:
    """Return the seeds of the programs whose numbers among others differ from a single run."""
    # Together first, so that several threads create lazily built state at once.
    among = together([partial(run, seed, backend) for seed in seeds], threads)
    alone = [run(seed, backend) for seed in seeds]
    return [seed for seed, one, other in zip(seeds, alone, among, strict=True) if one != other]
