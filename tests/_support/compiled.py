"""Differences between compiled programs and eager execution."""

import math
import random

from autograd import CompileWarning, Value, compile, topological_order
from autograd.compiler.backends import choose as backends
from autograd.nodes import contributions, local_derivatives

from .programs import Case, case

#: The backends that are installed; CI has all of them.
BACKENDS = [
    name for name, package in backends.BACKENDS.items() if package is None or backends._installed(package)
]


def eager(case: Case, call: tuple[object, ...]) -> tuple[Value, list[float], float, float]:
    """Return the loss, the gradients, and the scale of the rounding of each if terms cancel."""
    for leaf in case.leaves:
        leaf.zero_grad()
    loss = case.function(*call)
    loss.backward()
    everywhere = [abs(v.grad) for v in topological_order(loss)]
    largest = max((g for g in everywhere if math.isfinite(g)), default=0.0)
    terms = [abs(c.cotangent * c.operand.data) for c in contributions(loss)]
    reach = max((x for x in terms if math.isfinite(x)), default=0.0)
    return loss, [leaf.grad for leaf in case.leaves], largest, reach


def multiplied_on(loss: Value) -> dict[Value, float]:
    """Return the gradients as a program computes them: a derivative of None counts as 0."""
    totals = {loss: 1.0}
    for node in reversed(topological_order(loss)):
        for operand, derivative in zip(node.operands, local_derivatives(node)):
            if isinstance(operand, Value):
                product = 0.0 if derivative is None else totals[node] * derivative
                totals[operand] = totals.get(operand, 0.0) + product
    return totals


def apart(a: float, b: float, largest: float) -> bool:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return False
    return not abs(a - b) <= 1e-7 * abs(b) + 1e-11 * largest < math.inf


def differences(seed: int, backend: str) -> list[str]:
    """List the differences between eager execution and a program that was traced on other numbers."""
    return differences_in(case(seed), seed, backend)


def differences_in(case: Case, seed: int, backend: str) -> list[str]:
    """List the differences for a case; the seed determines how its leaves change between the calls."""
    step = compile(case.function, backend=backend)
    rng = random.Random(seed)
    differences = []
    for k, call in enumerate([*case.calls, case.calls[0]]):
        loss, gradients, largest, reach = eager(case, call)
        try:
            actual = step(*call)
        except CompileWarning as warning:
            return [f"reported: call {k}: {warning}"]
        if apart(actual, loss.data, reach):
            differences.append(f"call {k}: loss {actual!r}, eager {loss.data!r}")
        nan = {leaf for leaf, g in multiplied_on(loss).items() if math.isnan(g)}
        for i, (leaf, g) in enumerate(zip(case.leaves, gradients)):
            if apart(leaf.grad, g, largest) and not (math.isnan(leaf.grad) and leaf in nan):
                differences.append(f"call {k}: gradient {i} {leaf.grad!r}, eager {g!r}")
        for leaf in case.leaves:
            leaf.data = leaf.data + rng.choice([0.0, 0.25, -0.5])
    if step.fallbacks:
        differences.append(step.fallbacks[0])
    return differences
