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
        "Uninstall both (pip uninstall autograd glassgrad), then install glassgrad in another environment."
    )

from .anomaly import AnomalyError, detect_anomaly
from .backward import topological_order
from .checking import GradientError, check_grads
from .composed import group, log_odds, log_softmax, softmax, take
from .functional import hessian, hvp, jacobian
from .gradients import grad
from .modes import Mode, enable_grad, is_grad_enabled, no_grad
from .operations import (
    cos,
    dot,
    elu,
    erf,
    erfc,
    exp,
    expm1,
    gelu,
    leaky_relu,
    log,
    log1p,
    logsumexp,
    maximum,
    minimum,
    relu,
    sech,
    sigmoid,
    silu,
    sin,
    softplus,
    sqrt,
    sum,
    tanh,
)
from .replacement import replaced
from .scopes import scope
from .tracing import not_compiled
from .user_primitives import added, primitive, reserved
from .value import GradientLostWarning, Value

#: Names that are loaded on first use, because importing the views would double the import time.
_VIEWS = {
    "CompileWarning": ".compiler.program",
    "TraceError": ".compiler.record.trace",
    "compare": ".view.compare.compare",
    "compare_with_torch": ".view.compare.with_torch",
    "compile": ".compiler.program",
    "draw": ".view.draw.graphviz",
    "explain": ".view.explain.explain",
    "explore": ".view.explore.explore",
    "formula": ".view.explain.formula",
    "gradient_flow": ".view.training.gradient_flow",
    "show": ".view.explain.show",
    "snapshot": ".view.compare.snapshot",
    "steps": ".view.steps.steps",
    "watch": ".view.training.watch",
}

if TYPE_CHECKING:
    from .compiler.program import CompileWarning, compile
    from .compiler.record.trace import TraceError
    from .view.compare.compare import compare
    from .view.compare.snapshot import snapshot
    from .view.compare.with_torch import compare_with_torch
    from .view.draw.graphviz import draw
    from .view.explain.explain import explain
    from .view.explain.formula import formula
    from .view.explain.show import show
    from .view.explore.explore import explore
    from .view.steps.steps import steps
    from .view.training.gradient_flow import gradient_flow
    from .view.training.watch import watch

else:

    def __getattr__(name: str) -> object:
        """Load a view or the compiler, or return a function that ``primitive()`` has added."""
        if name in added:
            return added[name]
        if name not in _VIEWS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value = getattr(import_module(_VIEWS[name], __name__), name)
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)


__all__ = [
    "AnomalyError",
    "CompileWarning",
    "GradientError",
    "GradientLostWarning",
    "Mode",
    "TraceError",
    "Value",
    "check_grads",
    "compare",
    "compare_with_torch",
    "compile",
    "cos",
    "detect_anomaly",
    "dot",
    "draw",
    "elu",
    "enable_grad",
    "erf",
    "erfc",
    "exp",
    "explain",
    "explore",
    "expm1",
    "formula",
    "gelu",
    "grad",
    "gradient_flow",
    "group",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "leaky_relu",
    "log",
    "log1p",
    "log_odds",
    "log_softmax",
    "logsumexp",
    "maximum",
    "minimum",
    "no_grad",
    "not_compiled",
    "primitive",
    "relu",
    "replaced",
    "scope",
    "sech",
    "show",
    "sigmoid",
    "silu",
    "sin",
    "snapshot",
    "softmax",
    "softplus",
    "sqrt",
    "steps",
    "sum",
    "take",
    "tanh",
    "topological_order",
    "watch",
]

# A user's primitive cannot take a name of this package or of its modules.
reserved.update(__all__, (name.partition(".")[0] for name in os.listdir(os.path.dirname(__file__))))
