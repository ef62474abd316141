"""Every primitive, computed with mpmath."""

from collections.abc import Callable
from typing import Any

from mpmath import mp


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _dot(weights: Any, inputs: Any, bias: Any) -> Any:
    return bias + mp.fdot(weights, inputs)


def _logsumexp(values: Any) -> Any:
    return mp.log(mp.fsum(map(mp.exp, values)))


REFERENCES: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda x: -x,
    "pow": mp.power,
    "abs": abs,
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "log1p": mp.log1p,
    "sqrt": mp.sqrt,
    "sin": mp.sin,
    "cos": mp.cos,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "sech": mp.sech,
    "tanh": mp.tanh,
    "sigmoid": _sigmoid,
    "relu": lambda x: max(x, mp.zero),
    "leaky_relu": lambda x: x if x > 0 else mp.mpf(0.01) * x,
    "elu": lambda x: x if x > 0 else mp.expm1(x),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "silu": lambda x: x * _sigmoid(x),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "maximum": max,
    "minimum": min,
    "sum": mp.fsum,
    "dot": _dot,
    "logsumexp": _logsumexp,
}


#: Entries without a counterpart in mpmath, which are compared with finite differences alone.
WITHOUT_REFERENCE = {"take"}
