"""glassgrad: a scalar reverse-mode autograd engine you can see through.

>>> from autograd import Value
>>> w, x, y = Value(2.0), Value(5.0), Value(12.0)
>>> loss = (w * x - y) ** 2
>>> loss.backward()
>>> w.grad
-20.0
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if os.path.isdir(os.path.join(os.path.dirname(__file__), "numpy")):
    raise ImportError(
        "HIPS autograd and glassgrad are installed over one another: both are imported as autograd. "
        "Uninstall both (pip uninstall autograd glassgrad), then install glassgrad where the other is not"
    )

from .anomaly import AnomalyError, detect_anomaly
from .backward import grad, topological_order
from .checking import GradientError, check_grads
from .composed import log_softmax, softmax, take
from .functional import hessian, hvp, jacobian
from .operations import FUNCTIONS, group
from .primitives import PRIMITIVES
from .value import Value, enable_grad, is_grad_enabled, no_grad, not_compiled

#: Every primitive that Python has no operator for is a function too: exp(x), dot(w, x, b), ...
_functions = {
    name: function
    for name, function in FUNCTIONS.items()
    if not PRIMITIVES[name].operator and name != "take"  # that of composed.py, which takes an int
}
globals().update(_functions)

#: What is loaded when first used: the views would double the time that importing takes.
_VIEWS = {
    "CompileWarning": ".compiler.program",
    "TraceError": ".compiler.trace",
    "compare": ".view.comparison",
    "compare_with_torch": ".view.torch_comparison",
    "compile": ".compiler.program",
    "draw": ".view.dot",
    "explain": ".view.explaining",
    "formula": ".view.nested",
    "gradient_flow": ".view.flow",
    "show": ".view.tree",
    "snapshot": ".view.snapshots",
    "steps": ".view.stepping",
    "watch": ".view.live",
}

if TYPE_CHECKING:
    from collections.abc import Callable

    from .compiler.program import CompileWarning, compile
    from .compiler.trace import TraceError
    from .view.comparison import compare
    from .view.dot import draw
    from .view.explaining import explain
    from .view.flow import gradient_flow
    from .view.live import watch
    from .view.nested import formula
    from .view.snapshots import snapshot
    from .view.stepping import steps
    from .view.torch_comparison import compare_with_torch
    from .view.tree import show

    def __getattr__(name: str) -> Callable[..., Value]: ...

else:

    def __getattr__(name: str) -> object:
        if name not in _VIEWS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found = getattr(import_module(_VIEWS[name], __name__), name)
        return found

    def __dir__() -> list[str]:
        return sorted(__all__)


__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]  (it cannot follow the table)
    "AnomalyError",
    "CompileWarning",
    "GradientError",
    "TraceError",
    "Value",
    "check_grads",
    "compare",
    "compare_with_torch",
    "compile",
    "detect_anomaly",
    "draw",
    "enable_grad",
    "explain",
    "formula",
    "grad",
    "gradient_flow",
    "group",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "log_softmax",
    "no_grad",
    "not_compiled",
    "show",
    "snapshot",
    "softmax",
    "steps",
    "take",
    "topological_order",
    "watch",
    *_functions,
]
