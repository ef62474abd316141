"""Which backend runs a plan."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from .layout import Layout
from .numba_backend import NumbaRunner
from .numpy_backend import NumpyRunner
from .plan import Plan
from .python_backend import Numbers, PythonRunner, Runner

#: Those there are, the fastest first; and "auto", the first whose package is installed.
BACKENDS = {"numba": "numba", "numpy": "numpy", "python": None}


def chosen(backend: str) -> str:
    """The backend by its name; for "auto" the fastest there is."""
    if backend == "auto":
        return next(name for name, package in BACKENDS.items() if package is None or _installed(package))
    if backend not in BACKENDS:
        raise ValueError(f"there is no backend {backend!r}; choose one of {', '.join(('auto', *BACKENDS))}")
    return backend


def _installed(package: str) -> bool:
    if package in sys.modules:
        return sys.modules[package] is not None
    return find_spec(package) is not None


def ready(plan: Plan, backend: str, numbers: Numbers) -> Runner:
    """The plan made ready to run by a backend, on so many numbers."""
    if backend == "numba":
        return NumbaRunner(plan, Layout.of(plan, numbers))
    if backend == "numpy":
        runner = NumpyRunner(plan, Layout.of(plan, numbers))
        # A call of NumPy takes about as long as a dozen instructions of Python.
        deep = plan.lanes is None and len(runner.calls) * 12 > len(runner.fused.order)
        return PythonRunner(plan) if deep else runner
    return PythonRunner(plan)
