"""Programs in several threads at once, each a program of its own: the same bits as alone."""

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

#: Of so many gradients may a program go on with graphs: each is a good deal larger than what it is of.
MOST_GRAPHS = 2
#: Seconds after which Python lets another thread run; by default a program is over before that.
SWITCH = 1e-5


class Whole(Eager):
    """The state of a program of which every statement is run, on Values alone."""

    def __init__(self, program: Program) -> None:
        self.leaves = [Value(x) for x in program.leaves]
        super().__init__([*self.leaves])
        self.models: list[MLP] = []
        self.graphs = 0
        self.said: list[str] = []
        for statement in program.statements:
            self.run(statement)

    @property
    def numbers(self) -> list[str]:
        """Every number and every gradient, to the bit."""
        parameters = [p for model in self.models for p in model.parameters()]
        return self.said + [f"{v.data!r} {v.grad!r}" for v in (*self.pool, *self.leaves, *parameters)]

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
            found = grad(self.operand(i), chosen, create_graph=graph, allow_unused=True)
        except RuntimeError as error:  # an operand was written
            self.said.append(str(error))
        else:
            self.pool += [x for x in found if x is not None]

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
    """The results and the gradients of a compiled program, or what it warned of."""
    made = as_case(program, seed)
    step = compile(made.function, backend=backend)
    found = []
    try:
        for call in made.calls:
            found += [repr(step(*call)), *(repr(leaf.grad) for leaf in made.leaves)]
    except CompileWarning as warning:
        found.append(str(warning))
    return found


def run(seed: int, backend: str) -> list[str]:
    """What the program of a seed comes to as it is, and what its pure one comes to compiled."""
    return Whole(program(seed)).numbers + compiled_numbers(pure(seed), seed, backend)


@contextmanager
def _switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def together(jobs: Sequence[Callable[[], Any]], threads: int) -> list[Any]:
    """What the jobs give when that many threads, which start at the same moment, share them."""
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
    """The seeds of the programs that came to something else among others than they did alone."""
    # First together: what is made when it is first needed is then made by several at once.
    among = together([partial(run, seed, backend) for seed in seeds], threads)
    alone = [run(seed, backend) for seed in seeds]
    return [seed for seed, one, other in zip(seeds, alone, among, strict=True) if one != other]
