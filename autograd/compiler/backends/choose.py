"""Choice of a backend."""

from __future__ import annotations

from importlib import import_module

from ...system.messages import type_and_value
from ..passes.fuse import fuse
from ..passes.plan import Plan
from ..passes.schedule import Schedule
from .memory import Layout
from .numba.runner import NumbaRunner
from .numpy import NumpyRunner
from .python import Numbers, PythonRunner, Runner

#: The backends and the packages they need, the fastest first; "auto" is the first whose package is installed.
#: Large layers do not change the order: NumPy's BLAS takes 1.2, 1.0 and 1.9 times as long as numba's tiles
#: for a step of 64-128-10, 128-256-10 and 256-512-10 at batch 256, because its other operations go through
#: memory.
BACKENDS = {"numba": "numba", "numpy": "numpy", "python": None}

#: The number of Python instructions that take about as long as one NumPy call.
CALL = 12
#: For a program of more instructions the depth is computed before its calls are made.
LARGE = 50_000


def choose_backend(backend: str, dtype: str = "float64") -> str:
    """Return the name of the backend; for "auto" the fastest one that is installed.

    Raises:
        ValueError: If there is no such backend or dtype, or the backend does not support the dtype.
    """
    if dtype not in ("float64", "float32"):
        raise ValueError(
            f"compile() expected a dtype, got {type_and_value(dtype)}. Use 'float64' or 'float32'."
        )
    names = ("auto", *BACKENDS)
    if backend not in names:
        raise ValueError(
            f"compile() expected a backend, got {type_and_value(backend)}. "
            f"Use one of {', '.join(map(repr, names))}."
        )
    if backend == "auto":
        backend = next(name for name, package in BACKENDS.items() if package is None or _installed(package))
    if dtype == "float32" and backend == "python":
        raise ValueError(
            "compile() got dtype='float32' for the python backend, which supports float64 only. "
            "Use backend='numpy' or 'numba': pip install 'glassgrad[compile]'."
        )
    return backend


def _installed(package: str) -> bool:
    try:
        import_module(package)
    except ImportError:  # also raised by a version that does not fit another package
        return False
    return True


def make_runner(plan: Plan, backend: str, numbers: Numbers, dtype: str) -> Runner:
    """Return a runner for a plan; the python backend replaces numpy if it is faster for the plan."""
    if backend == "python":
        return PythonRunner(plan)
    try:
        import numpy as np
    except ImportError as error:
        raise ImportError(
            f"The {backend} backend needs NumPy. Install it with pip install 'glassgrad[compile]', "
            "or use backend='python'."
        ) from error
    with np.errstate(over="ignore"):  # a constant beyond the range of float32 becomes an infinity
        if backend == "numba":
            return NumbaRunner(plan, Layout.of(plan, numbers, dtype))
        may_be_deep = plan.batch_inputs is None and dtype == "float64"
        if may_be_deep and len(plan.tape.code) > LARGE and _is_deep(plan):
            return PythonRunner(plan)  # a chain has millions of calls, of 4 kB each
        runner = NumpyRunner(plan, Layout.of(plan, numbers, dtype))
    deep = may_be_deep and len(runner.calls) * CALL > len(runner.fused.order)
    return PythonRunner(plan) if deep else runner


def _is_deep(plan: Plan) -> bool:
    """Return True if NumPy would take longer than Python: each level is one call or more."""
    fused = fuse(plan)
    return max(Schedule(plan, fused).level) * CALL > len(fused.order)
