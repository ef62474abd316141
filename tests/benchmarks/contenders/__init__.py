"""The contenders of each workload: a few lines each, as in their own documentation.

A contender is made in a process of its own, so nothing is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

import problems
from problems import ONE_BATCH

C, EXPORTED, NUMPY = "C by hand", "glassgrad, exported as C", "NumPy by hand"
PYTORCH, LEANEST, JAX = "PyTorch", "leanest PyTorch", "JAX jit"
RUN, EACH, STEP = "glassgrad, step.run", "glassgrad, step.each", "glassgrad, step()"
NUMPY_RUN, NUMPY_STEP = "glassgrad on NumPy, step.run", "glassgrad on NumPy, step()"
ONE_LENGTH = "glassgrad, step.each of one length"
EAGER, MICROGRAD = "glassgrad, eager", "micrograd"


class UnavailableError(Exception):
    """The reason why a contender cannot run on this machine, with the package to install."""


class Program(NamedTuple):
    """Training: ``train(n)`` takes n steps and returns the loss before the last one."""

    train: Callable[[int], float]
    parameters: Callable[[], list[float]]


@dataclass(frozen=True)
class Contender:
    """A row: ``make``, of a module here, makes its program of a problem and ``settings``.

    ``data`` names a part of the batches (see ``Problem.narrowed``); rows are compared with those of the same.
    ``package`` is the package that it needs, in the peers' environment if ``apart``; ``collector`` is
    off in a second row of what makes garbage; ``shown`` says whether the plot has it.
    """

    name: str
    make: str
    settings: dict[str, Any] = field(default_factory=dict)
    data: str = ""
    package: str = ""
    floats: str = "float64"
    collector: bool = True
    apart: bool = False
    shown: bool = True
    note: str = ""

    def problem(self, workload: str) -> problems.Problem:
        problem: problems.Problem = getattr(problems, workload)()
        return problem.narrowed(self.data) if self.data else problem

    def program(self, problem: problems.Problem) -> Program:
        module, function = self.make.split(".")
        make = getattr(import_module(f"contenders.{module}"), function)
        program: Program = make(problem, **self.settings)
        return program

    @property
    def is_own(self) -> bool:
        return self.name.startswith("glassgrad")

    @property
    def label(self) -> str:
        """The row's name in a table: with the part of the batches, and whether the collector is off."""
        return ", ".join([self.name, *filter(None, [self.data, "" if self.collector else "collector off"])])


def _compiled(
    name: str, make: str, backend: str, how: str, floats: str = "float64", data: str = ""
) -> Contender:
    settings = {"backend": backend, "how": how, "dtype": floats}
    return Contender(name, f"glassgrad.{make}", settings, data, backend, floats, shown=floats == "float64")


def _torch(name: str, make: str, floats: str = "float32", note: str = "") -> Contender:
    return Contender(name, f"pytorch.{make}", {"dtype": floats}, "", "torch", floats, note=note)


def _jax(make: str, floats: str = "float64", loop: bool = False, data: str = "") -> Contender:
    name = "JAX jit of all steps" if loop else JAX
    settings = {"dtype": floats, "loop": loop}
    note = "lax.fori_loop or lax.scan in one jit" if loop else "the whole step, with its update"
    return Contender(
        name, f"jax_jit.{make}", settings, data, "jax", floats, shown=floats == "float32", note=note
    )


def _micrograd(collector: bool) -> Contender:
    settings = {"library": "micrograd.nn"}
    note = "its own nn.MLP"
    return Contender(
        MICROGRAD,
        "eager.mlp",
        settings,
        package="micrograd",
        collector=collector,
        apart=True,
        shown=collector,
        note=note,
    )


#: The moons of 10,000 samples and more.
_MANY_MOONS = [
    _jax("mlp"),
    _jax("mlp", "float32"),
    _jax("mlp", "float32", loop=True),
    _torch(PYTORCH, "documented"),
    _compiled(STEP, "mlp", "numba", "step"),
]

#: By workload. The first steps of the first one are what the others' are compared with.
CONTENDERS = {
    "moons": [
        Contender(EAGER, "eager.mlp", note="nn.MLP, hinge_loss, SGD"),
        Contender(C, "by_hand.in_c", note="moons.c, -O3 -march=native"),
        Contender(EXPORTED, "glassgrad.exported", note='step.source("c"), compiled by the same flags'),
        _compiled(RUN, "mlp", "numba", "run"),
        _compiled(RUN, "mlp", "numba", "run", "float32"),
        _compiled(STEP, "mlp", "numba", "step"),
        _compiled(NUMPY_RUN, "mlp", "numpy", "run"),
        _compiled(NUMPY_STEP, "mlp", "numpy", "step"),
        _jax("mlp"),
        _jax("mlp", "float32"),
        _jax("mlp", loop=True),
        _jax("mlp", "float32", loop=True),
        Contender(NUMPY, "by_hand.in_numpy", package="numpy"),
        _torch(
            PYTORCH, "documented", note="nn.Sequential and optim.SGD, as its documentation writes the loop"
        ),
        _torch(LEANEST, "leanest", note="no module and no optimizer: autograd.grad and one foreach update"),
        _torch("torch.compile of the loss", "compiled", note="in the documented loop"),
        _torch("torch.compile of the step", "compiled_step", note="torch.func.grad_and_value and the update"),
        Contender("CasADi SX", "casadi_sx.mlp", package="casadi", note="one Function, run by its VM"),
        Contender(EAGER, "eager.mlp", collector=False, shown=False),
        _micrograd(collector=True),
        _micrograd(collector=False),
    ],
    "gpt": [
        Contender(EAGER, "eager.gpt"),
        _compiled(EACH, "gpt", "numba", "each"),
        _compiled(STEP, "gpt", "numba", "step"),
        _jax("gpt"),
        _jax("gpt", "float32"),
        _jax("gpt", loop=True),
        _jax("gpt", "float32", loop=True),
        _torch(PYTORCH, "gpt"),
    ],
    "wide": [
        Contender(NUMPY, "by_hand.in_numpy", package="numpy"),
        _compiled(NUMPY_RUN, "mlp", "numpy", "run"),
        _compiled(NUMPY_RUN, "mlp", "numpy", "run", "float32"),
        _compiled(RUN, "mlp", "numba", "run"),
        _jax("mlp"),
        _jax("mlp", "float32"),
        _torch(PYTORCH, "documented"),
        _torch(PYTORCH, "documented", "float64"),
    ],
    "wide_batches": [
        Contender(NUMPY, "by_hand.in_numpy", package="numpy"),
        _compiled(RUN, "mlp", "numba", "run", data=ONE_BATCH),
        _compiled(STEP, "mlp", "numba", "step"),
        _compiled(EACH, "mlp", "numba", "each"),
        _jax("mlp"),
        _jax("mlp", "float32"),
        _torch(PYTORCH, "documented"),
    ],
    "wider": [
        Contender(EAGER, "eager.mlp"),
        _jax("mlp", loop=True, data=ONE_BATCH),
        _compiled(RUN, "mlp", "numba", "run", data=ONE_BATCH),
        _compiled(STEP, "mlp", "numba", "step", data=ONE_BATCH),
        _compiled(STEP, "mlp", "numba", "step"),
        _compiled(EACH, "mlp", "numba", "each"),
        _jax("mlp"),
        _jax("mlp", "float32"),
        _torch(PYTORCH, "documented"),
    ],
    "moons_10k": [Contender(EAGER, "eager.mlp"), *_MANY_MOONS, _compiled(RUN, "mlp", "numba", "run")],
    "moons_100k": _MANY_MOONS,
    "gpt_mixed": [
        Contender(EAGER, "eager.gpt"),
        _compiled(EACH, "gpt", "numba", "each"),
        *[_compiled(ONE_LENGTH, "gpt", "numba", "each", data=f"{n} letters") for n in range(3, 10)],
        _jax("gpt"),
        _jax("gpt", "float32"),
        _jax("gpt", "float32", loop=True),
        _torch(PYTORCH, "gpt"),
    ],
    "gpt_batch": [
        Contender(EAGER, "eager.gpt"),
        _compiled(EACH, "gpt", "numba", "each"),
        _jax("gpt"),
        _jax("gpt", "float32"),
        _jax("gpt", "float32", loop=True),
        _torch(PYTORCH, "gpt"),
    ],
    "lstm": [
        Contender(EAGER, "eager.lstm"),
        _compiled(EACH, "lstm", "numba", "each"),
        _jax("lstm"),
        _jax("lstm", "float32"),
        _torch(PYTORCH, "lstm"),
    ],
}
