"""How the cost of a compiled program grows with its nodes and with its lanes, over three decades.

``growth.py`` prints the two tables, and runs in a process of its own.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import Any

from report import table
from workloads import two_moons

import autograd
from autograd import Value, compile
from nn import MLP, SGD, hinge_loss


def by_nodes() -> str:
    """Recording and passes, and a step, of a chain by its nodes: three a link."""
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


def by_lanes() -> str:
    """The same of micrograd's demo by its samples."""
    model = MLP(2, [16, 16, 1])
    parameters = model.parameters()

    def loss(xs: Any, ys: Any) -> Value:
        return hinge_loss([model(x) for x in xs], ys) + 1e-4 * autograd.sum([p * p for p in parameters])

    compiled = compile(loss, SGD(parameters, lr=0.0), backend="numba")
    rows = []
    for samples in (32, 320, 3_200, 32_000):
        first, step = first_call_and_step(compiled, *two_moons(samples))
        rows.append([f"{samples:,}", f"{first * 1e3:.0f}", f"{step / samples * 1e9:.0f}"])
    return table(["samples in lanes", "first call, ms", "a step, ns a sample"], rows, 0)


def first_call_and_step(step: Any, *arguments: Any, steps: int = 30) -> tuple[float, float]:
    """Seconds of the processor; the first call works the step out by eager too, to compare."""
    start = time.process_time()
    step(*arguments)
    first = time.process_time() - start
    step(*arguments)
    start = time.process_time()
    step.run(steps, *arguments)
    return first, (time.process_time() - start) / steps


if __name__ == "__main__":
    if find_spec("numba"):
        print(by_nodes(), by_lanes(), sep="\n\n")
    else:
        print("Left out: it is measured with numba (pip install numba)")
