"""Expressions that both glassgrad and PyTorch evaluate, over named inputs.

``function(m, *inputs)`` is written once; ``m`` is the library. If ``second`` is set, the derivatives of the
sum of the first derivatives are compared too.
"""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

INF, NAN = math.inf, math.nan


class Case(NamedTuple):
    """One expression at one point."""

    name: str
    function: Callable[..., Any]
    inputs: tuple[float, ...]
    second: bool = False


class Result(NamedTuple):
    """The result of a library for a case."""

    value: float
    grads: list[float]
    seconds: list[float]


# The two libraries --------------------------------------------------------------------------------


def glassgrad() -> SimpleNamespace:
    from autograd import log_softmax, softmax
    from autograd.operations import FUNCTIONS

    return SimpleNamespace(**FUNCTIONS, softmax=softmax, log_softmax=log_softmax)


def in_glassgrad(case: Case) -> Result:
    from autograd import Value, grad

    m = glassgrad()
    leaves = [Value(x) for x in case.inputs]
    out = case.function(m, *leaves)
    out.backward()
    grads = [leaf.grad for leaf in leaves]
    seconds = []
    if case.second:
        total = m.sum(g for g in grad(out, leaves, create_graph=True, allow_unused=True) if g is not None)
        gradients = [None] * len(leaves) if total.is_leaf else grad(total, leaves, allow_unused=True)
        seconds = [0.0 if g is None else g.data for g in gradients]
    return Result(out.data, grads, seconds)


def pytorch() -> SimpleNamespace:
    import torch
    import torch.nn.functional as F

    def each(function: Callable[..., Any]) -> Callable[[list[Any]], list[Any]]:
        return lambda xs: [*function(torch.stack([*xs]), 0)]

    def sech(x: Any) -> Any:
        near = 1.0 / torch.cosh(x.clamp(-100.0, 100.0))  # its derivative is nan where cosh overflows
        return torch.where(x.abs() < 100.0, near, 2.0 * torch.exp(-x.abs()))

    one = {name: getattr(torch, name) for name in TORCH_NAMES_ITSELF}
    return SimpleNamespace(
        **one,
        add=torch.add,
        sub=torch.sub,
        mul=torch.mul,
        div=torch.div,
        relu=F.relu,
        leaky_relu=lambda x: F.leaky_relu(x, 0.01),
        elu=F.elu,
        gelu=F.gelu,
        silu=F.silu,
        sech=sech,
        softplus=lambda x: torch.logaddexp(x, torch.zeros_like(x)),  # F.softplus cuts off at 20
        sum=lambda xs: torch.stack([*xs]).sum(),
        dot=lambda ws, xs, b=0.0: torch.stack([*ws]) @ torch.stack([*xs]) + b,
        logsumexp=lambda xs: torch.logsumexp(torch.stack([*xs]), 0),
        take=lambda xs, index: torch.take(torch.stack([*xs]), torch.tensor(int(index))),
        softmax=each(torch.softmax),
        log_softmax=each(torch.log_softmax),
    )


TORCH_NAMES_ITSELF = (
    "abs", "cos", "erf", "erfc", "exp", "expm1", "log", "log1p", "maximum", "minimum", "neg", "pow",
    "sigmoid", "sin", "sqrt", "tanh",
)  # fmt: skip


def in_pytorch(case: Case) -> Result:
    import torch

    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in case.inputs]
    out = case.function(pytorch(), *leaves)
    firsts = torch.autograd.grad(out, leaves, create_graph=case.second, allow_unused=True)
    grads = [0.0 if g is None else g.item() for g in firsts]
    seconds = []
    if case.second:
        total = sum(g for g in firsts if g is not None)
        gradients = (
            torch.autograd.grad(total, leaves, allow_unused=True)
            if total.requires_grad
            else [None] * len(leaves)
        )
        seconds = [0.0 if g is None else g.item() for g in gradients]
    return Result(out.item(), grads, seconds)


# Every primitive by name, at ordinary and at special points ---------------------------------------

UNARY = (
    "neg", "abs", "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "erf", "erfc", "sech", "tanh",
    "sigmoid", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus",
)  # fmt: skip
BINARY = ("add", "sub", "mul", "div", "pow", "maximum", "minimum")

ORDINARY = (0.3, 1.0, 2.5, -0.4, -1.5)
EXTREME = (0.0, -0.0, INF, -INF, NAN, 1e-300, 30.0, -30.0, 1000.0, -1000.0)
PAIRS = ((2.0, 3.0), (0.5, -1.5), (1.5, 0.25))
EXTREME_PAIRS = (
    (0.0, 0.0), (-0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, -0.0), (0.0, -1.0), (0.0, 2.0), (-8.0, 0.5),
    (-8.0, 3.0), (-2.0, 2.0), (1.0, 1.0), (3.0, 3.0), (-3.0, -3.0), (INF, 1.0), (1.0, INF), (-INF, 2.0),
    (2.0, -INF), (INF, INF), (INF, -INF), (INF, 0.0), (0.0, INF), (NAN, 1.0), (1.0, NAN), (NAN, 0.0),
    (NAN, NAN), (1e308, 1e308), (1e308, 1e-308), (1e-300, 1e-300), (10.0, 1000.0), (-10.0, 1001.0),
)  # fmt: skip


def _named(name: str) -> Callable[..., Any]:
    return lambda m, *xs: getattr(m, name)(*xs)


def _named_cases() -> list[Case]:
    cases = []
    for names, ordinary, extreme in (
        (UNARY, [(x,) for x in ORDINARY], [(x,) for x in EXTREME]),
        (BINARY, PAIRS, EXTREME_PAIRS),
    ):
        for name in names:
            for point in (*ordinary, *extreme):
                label = f"{name}({', '.join(map(repr, point))})"
                cases.append(Case(label, _named(name), point, second=point in ordinary))
    return cases


# Expressions --------------------------------------------------------------------------------------


def _micrograd_readme(m: Any, a: Any, b: Any) -> Any:
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + m.relu(b + a)
    d = d + 3 * d + m.relu(b - a)
    e = c - d
    f = e**2
    g = f / 2.0
    return g + 10.0 / f


def _chain(m: Any, x: Any) -> Any:
    for _ in range(500):
        x = m.sin(x) + 0.1 * x
    return x


def _doubling(m: Any, x: Any) -> Any:
    for _ in range(40):
        x = x + x
    return x


def _mlp(m: Any, *weights: Any) -> Any:
    rest = iter(weights)
    total = 0.0
    hidden_weights = [[next(rest) for _ in range(3)] for _ in range(3)]
    output_weights = [next(rest) for _ in range(4)]
    for x1, x2, y in ((0.5, -1.0, 1.0), (-0.3, 0.8, -1.0), (1.2, 0.1, 1.0)):
        hidden = [m.tanh(w1 * x1 + w2 * x2 + b) for w1, w2, b in hidden_weights]
        score = m.dot(output_weights[:3], hidden, output_weights[3])
        total = total + m.softplus(-y * score)
    return total / 3.0


def _cross_entropy(m: Any, *logits: Any) -> Any:
    return -m.log_softmax(logits)[1]


def _softmax_first(m: Any, *logits: Any) -> Any:
    return m.softmax(logits)[0]


def _entropy(m: Any, *logits: Any) -> Any:
    return -m.sum(p * m.log(p) for p in m.softmax(logits))


MLP_WEIGHTS = (0.4, -0.7, 0.1, -1.1, 0.3, 0.2, 0.9, 0.5, -0.3, 1.3, -0.8, 0.6, 0.05)

EXPRESSIONS = [
    Case("the first example", lambda m, w, x, y: (w * x - y) ** 2, (2.0, 5.0, 12.0), True),
    Case("micrograd's readme", _micrograd_readme, (-4.0, 2.0), True),
    Case("a + a", lambda m, a: a + a, (3.0,), True),
    Case("a * a", lambda m, a: a * a, (3.0,), True),
    Case("a - a", lambda m, a: a - a, (3.0,), True),
    Case("a / a", lambda m, a: a / a, (3.0,), True),
    Case("a ** a", lambda m, a: a**a, (1.7,), True),
    Case("maximum(a, a)", lambda m, a: m.maximum(a, a), (3.0,)),
    Case("a diamond", lambda m, a, b: (a * b) * (a + b) + m.exp(a * b), (0.3, -1.2), True),
    Case("unused input", lambda m, a, b: a * 2.0, (3.0, 4.0), True),
    Case("reflected operators", lambda m, x: (2.0 - x) * (3.0 / x) + 2.0**x - (1.0 + x) * -x, (1.3,), True),
    Case("x ** 5", lambda m, x: x**5, (-1.4,), True),
    Case("x ** 0.5", lambda m, x: x**0.5, (2.0,), True),
    Case("x ** 0.5 below zero", lambda m, x: x**0.5, (-8.0,)),
    Case("x ** -1 at zero", lambda m, x: x**-1, (0.0,)),
    Case("x ** 0 at zero", lambda m, x: x**0, (0.0,)),
    Case("x ** 1 at zero", lambda m, x: x**1, (0.0,)),
    Case("x ** 2 at zero", lambda m, x: x**2, (0.0,), True),
    Case("0 ** x at zero", lambda m, x: 0.0**x, (0.0,)),
    Case("1 / x at zero", lambda m, x: 1.0 / x, (0.0,)),
    Case("0 * inf", lambda m, x, y: x * y, (0.0, INF)),
    Case("relu of a sum at zero", lambda m, x, y: m.relu(x - y), (1.5, 1.5)),
    Case("infinite gradient at a dead relu", lambda m, x: m.log(m.relu(x)), (-1.0,)),
    Case("sqrt of relu at zero", lambda m, x: m.sqrt(m.relu(x)), (0.0,)),
    Case("sqrt of a square at zero", lambda m, x: m.sqrt(x * x), (0.0,)),
    Case("a chain of 500", _chain, (0.7,)),
    Case("40 doublings", _doubling, (1.5,)),
    Case("a small MLP", _mlp, MLP_WEIGHTS, True),
    Case("dot", lambda m, a, b, c, d: m.dot([a, b], [c, d], 0.5), (1.0, 2.0, 3.0, 4.0), True),
    Case("dot with a bias", lambda m, a, b, c: m.dot([a, b], [b, a], c), (1.5, -2.0, 3.0), True),
    Case("sum", lambda m, a, b, c: m.sum([a, b, c, a]), (1.0, 2.5, -3.0), True),
    Case("sum with inf", lambda m, a, b: m.sum([a, b]), (INF, -INF)),
    Case("logsumexp", lambda m, *xs: m.logsumexp(xs), (0.3, -1.0, 2.0), True),
    Case("logsumexp of large", lambda m, *xs: m.logsumexp(xs), (1000.0, 1000.5, -1000.0), True),
    Case("logsumexp with -inf", lambda m, *xs: m.logsumexp(xs), (-INF, 1.0, 2.0)),
    Case("logsumexp of -inf", lambda m, *xs: m.logsumexp(xs), (-INF, -INF)),
    Case("logsumexp with inf", lambda m, *xs: m.logsumexp(xs), (INF, 1.0)),
    Case("logsumexp of inf", lambda m, *xs: m.logsumexp(xs), (INF, INF)),
    Case("logsumexp with nan", lambda m, *xs: m.logsumexp(xs), (NAN, 1.0)),
    Case("logsumexp with nan last", lambda m, *xs: m.logsumexp(xs), (1.0, NAN)),
    Case("logsumexp of one", lambda m, x: m.logsumexp([x]), (4.0,)),
    Case("take", lambda m, *xs: m.take(xs, 1.0) ** 3 * m.take(xs, 0.0), (0.5, -1.5, 2.0), True),
    Case("softmax", _softmax_first, (0.3, -1.0, 2.0), True),
    Case("softmax of large logits", _softmax_first, (1000.0, 999.0, -1000.0)),
    Case("softmax of equal logits", _softmax_first, (1e6, 1e6)),
    Case("softmax with a masked logit", _softmax_first, (1.0, -INF, 2.0)),
    Case("softmax of a masked logit", _softmax_first, (-INF, 1.0)),
    Case("softmax with an infinite logit", _softmax_first, (INF, 1.0)),
    Case("softmax with nan", _softmax_first, (1.0, NAN)),
    Case("cross entropy", _cross_entropy, (0.3, -1.0, 2.0), True),
    Case("cross entropy of large logits", _cross_entropy, (1000.0, -1000.0, 0.0)),
    Case("cross entropy with a masked logit", _cross_entropy, (1.0, 2.0, -INF)),
    Case("cross entropy of a masked logit", _cross_entropy, (1.0, -INF)),
    Case("entropy", _entropy, (0.3, -1.0, 2.0), True),
    Case("gaussian", lambda m, x, s: m.exp(-0.5 * (x / s) ** 2) / (s * 2.5), (0.7, 1.3), True),
    Case("hinge", lambda m, w, x: m.relu(1.0 - w * x) + 0.01 * w * w, (0.4, 1.1), True),
    Case("gated unit", lambda m, x, y: m.silu(x) * m.sigmoid(y) + m.gelu(x * y), (0.6, -0.9), True),
]

CASES = [*_named_cases(), *EXPRESSIONS]
