"""Time to build a program, and its growth and that of a step with nodes and batch size, over three decades.

``growth.py`` prints the tables, and runs in a process of its own.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from statistics import median
from typing import Any

import problems
from contenders.glassgrad import scalar_gpt
from report import table
from workloads import two_moons

import autograd
from autograd import Value, compile, topological_order
from autograd.compiler import build
from nn import MLP, SGD, hinge_loss


def explicit(parameters: list[list[list[Value]]]) -> Any:
    """The loss of micrograd's demo with a node for each product and each sum."""

    def loss(xs: Any, ys: Any) -> Value:
        total: Any = 0.0
        for x, y in zip(xs, ys):
            h = x
            for k, layer in enumerate(parameters):
                sums = []
                for *weights, bias in layer:
                    a = bias
                    for w, u in zip(weights, h):
                        a = a + w * u
                    sums.append(a.relu() if k < len(parameters) - 1 else a)
                h = sums
            total = total + (1.0 - y * h[0]).relu()
        return total * (1.0 / len(xs))

    return loss


def by_functions() -> str:
    """Time two traces of a function and all passes, without the audit of the first call."""
    sizes = ((2, 16), (16, 16), (16, 1))
    weights = [[[Value(0.1 * (i + j)) for i in range(n + 1)] for j in range(m)] for n, m in sizes]
    model = MLP(2, [16, 16, 1])
    gpt, letters = scalar_gpt(problems.gpt().start)
    functions: dict[str, tuple[Any, list[Value], tuple[Any, ...]]] = {
        "moons, a node a product": (
            explicit(weights),
            [w for layer in weights for row in layer for w in row],
            two_moons(100),
        ),
        "moons, nn.MLP": (
            lambda xs, ys: hinge_loss([model(x) for x in xs], ys),
            model.parameters(),
            two_moons(100),
        ),
        "GPT, a name of 7 letters": (gpt, letters, ([0, 5, 13, 13, 1, 2, 7, 0],)),
    }
    make = build.Builder.make
    rows = []
    for name, (function, parameters, arguments) in functions.items():
        seconds: list[float] = []

        def timed(*arguments: Any, seconds: list[float] = seconds) -> Any:
            start = time.process_time()
            program = make(*arguments)
            seconds.append(time.process_time() - start)
            return program

        build.Builder.make = timed  # type: ignore[method-assign]
        for _ in range(5):
            compile(function, SGD(parameters, lr=0.0), backend="numba")(*arguments)
        build.Builder.make = make  # type: ignore[method-assign]
        nodes = [v for v in topological_order(function(*arguments)) if not v.is_leaf]
        operands = sum(len(v.operands) for v in nodes)
        median_seconds = median(seconds)
        rows.append(
            [
                name,
                f"{len(nodes):,}",
                f"{operands:,}",
                f"{median_seconds * 1e3:.0f}",
                f"{median_seconds / len(nodes) * 1e6:.1f}",
                f"{median_seconds / operands * 1e6:.1f}",
            ]
        )
    return table(["a program of", "nodes", "operands", "made in, ms", "µs a node", "µs an operand"], rows, 1)


def by_nodes() -> str:
    """Tabulate the first call and a step of a chain by its nodes, three for each link."""
    rows = []
    for links in (30, 300, 3_000, 30_000):
        w, b = Value(0.9), Value(0.1)

        def chain(x: Any, links: int = links, w: Value = w, b: Value = b) -> Value:
            h = x
            for _ in range(links):
                h = (h * w + b).tanh()
            return h

        compile(chain, backend="numba")(0.5)
        first, step = first_call_and_step(compile(chain, SGD([w, b], lr=0.0), backend="numba"), 0.5)
        nodes = 3 * links
        rows.append([f"{nodes:,}", f"{first / nodes * 1e6:.1f}", f"{step / nodes * 1e9:.0f}"])
    return table(["nodes of a chain", "first call, µs a node", "a step, ns a node"], rows, 0)


def by_batch_elements() -> str:
    """Tabulate the same for micrograd's demo by its samples."""
    model = MLP(2, [16, 16, 1])
    parameters = model.parameters()

    def loss(xs: Any, ys: Any) -> Value:
        return hinge_loss([model(x) for x in xs], ys) + 1e-4 * autograd.sum([p * p for p in parameters])

    compiled = compile(loss, SGD(parameters, lr=0.0), backend="numba")
    rows = []
    for samples in (32, 320, 3_200, 32_000):
        first, step = first_call_and_step(compiled, *two_moons(samples))
        rows.append([f"{samples:,}", f"{first * 1e3:.0f}", f"{step / samples * 1e9:.0f}"])
    return table(["batch elements", "first call, ms", "a step, ns a sample"], rows, 0)


def first_call_and_step(step: Any, *arguments: Any, steps: int = 30) -> tuple[float, float]:
    """Measure processor seconds; the first call also runs the step in eager mode, as its audit."""
    start = time.process_time()
    step(*arguments)
    first = time.process_time() - start
    step(*arguments)
    start = time.process_time()
    step.run(steps, *arguments)
    return first, (time.process_time() - start) / steps


if __name__ == "__main__":
    if find_spec("numba"):
        print(by_functions(), by_nodes(), by_batch_elements(), sep="\n\n")
    else:
        print("Left out: it is measured with numba (pip install numba)")
