"""Which backend runs a plan."""

from __future__ import annotations

from importlib import import_module

from ..passes.plan import Plan
from .memory import Layout
from .numba.runner import NumbaRunner
from .numpy import NumpyRunner
from .python import Numbers, PythonRunner, Runner

#: Those there are, the fastest first; and "auto", the first whose package is installed. Large layers are no
#: reason for another: NumPy's BLAS takes 1.2, 1.0 and 1.9 times as long as numba's tiles for a step of
#: 64-128-10, 128-256-10 and 256-512-10 at batch 256, because all that is no product goes through memory.
BACKENDS = {"numba": "numba", "numpy": "numpy", "python": None}

#: A call of NumPy takes about as long as so many instructions of Python.
CALL = 12


def chosen(backend: str, dtype: str = "float64") -> str:
    """The backend by its name; for "auto" the fastest there is. ValueError if it has no such numbers."""
    if dtype not in ("float64", "float32"):
        raise ValueError(f"there is no dtype {dtype!r} for a program; choose 'float64' or 'float32'")
    if backend != "auto" and backend not in BACKENDS:
        raise ValueError(f"there is no backend {backend!r}; choose one of {', '.join(('auto', *BACKENDS))}")
    if backend == "auto":
        backend = next(name for name, package in BACKENDS.items() if package is None or _installed(package))
    if dtype == "float32" and backend == "python":
        raise ValueError(
            "Python's own floats are float64: float32 needs NumPy or numba, pip install 'glassgrad[compile]'"
        )
    return backend


def _installed(package: str) -> bool:
    try:
        import_module(package)
    except ImportError:  # also of one that is there but does not suit another
        return False
    return True


def ready(plan: Plan, backend: str, numbers: Numbers, dtype: str) -> Runner:
    """The plan made ready to run by a backend, on so many numbers."""
    if backend == "python":
        return PythonRunner(plan)
    try:
        import numpy as np
    except ImportError as error:
        raise ImportError(
            f"the {backend} backend needs numpy: pip install 'glassgrad[compile]', or backend='python'"
        ) from error
    with np.errstate(over="ignore"):  # a constant beyond float32 is an infinity
        if backend == "numba":
            return NumbaRunner(plan, Layout.of(plan, numbers, dtype))
        runner = NumpyRunner(plan, Layout.of(plan, numbers, dtype))
    deep = plan.lanes is None and len(runner.calls) * CALL > len(runner.fused.order)
    return PythonRunner(plan) if deep and dtype == "float64" else runner
