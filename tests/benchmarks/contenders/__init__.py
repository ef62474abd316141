"""The contenders of each workload: a few lines each, as in their own documentation.

A contender is made in a process of its own, so nothing is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

import problems

C, NUMPY = "C by hand", "NumPy by hand"
PYTORCH, LEANEST, JAX = "PyTorch", "leanest PyTorch", "JAX jit"
RUN, EACH, STEP = "glassgrad, step.run", "glassgrad, step.each", "glassgrad, step()"
NUMPY_RUN, NUMPY_STEP = "glassgrad on NumPy, step.run", "glassgrad on NumPy, step()"
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

    ``package`` is the package that it needs, in the peers' environment if ``apart``; ``collector`` is
    off in a second row of what makes garbage; ``shown`` says whether the plot has it.
    """

    name: str
    make: str
    settings: dict[str, Any] = field(default_factory=dict)
    package: str = ""
    floats: str = "float64"
    collector: bool = True
    apart: bool = False
    shown: bool = True
    note: str = ""

    def program(self, workload: str) -> Program:
        module, function = self.make.split(".")
        make = getattr(import_module(f"contenders.{module}"), function)
        program: Program = make(getattr(problems, workload)(), **self.settings)
        return program

    @property
    def is_own(self) -> bool:
        return self.name.startswith("glassgrad")

    @property
    def label(self) -> str:
        """The row's name in a table: with what its numbers are, and whether the collector is off."""
        return self.name + ("" if self.collector else ", collector off")


def _compiled(name: str, make: str, backend: str, how: str, floats: str = "float64") -> Contender:
    settings = {"backend": backend, "how": how, "dtype": floats}
    return Contender(name, f"glassgrad.{make}", settings, backend, floats, shown=floats == "float64")


def _torch(name: str, make: str, floats: str = "float32", note: str = "") -> Contender:
    return Contender(name, f"pytorch.{make}", {"dtype": floats}, "torch", floats, note=note)


def _jax(make: str, floats: str = "float64", loop: bool = False) -> Contender:
    name = "JAX jit of all steps" if loop else JAX
    settings = {"dtype": floats, "loop": loop}
    note = "lax.fori_loop or lax.scan in one jit" if loop else "the whole step, with its update"
    return Contender(name, f"jax_jit.{make}", settings, "jax", floats, shown=floats == "float32", note=note)


def _micrograd(collector: bool) -> Contender:
    settings = {"library": "micrograd.nn"}
    note = "its own nn.MLP"
    return Contender(
        MICROGRAD,
        "eager.mlp",
        settings,
        "micrograd",
        collector=collector,
        apart=True,
        shown=collector,
        note=note,
    )


#: By workload. The first steps of the first one are what the others' are compared with.
CONTENDERS = {
    "moons": [
        Contender(EAGER, "eager.mlp", {"library": "nn"}, note="nn.MLP, hinge_loss, SGD"),
        Contender(C, "by_hand.in_c", note="moons.c, -O3 -march=native"),
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
        Contender(EAGER, "eager.mlp", {"library": "nn"}, collector=False, shown=False),
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
}
