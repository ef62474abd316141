"""The same expressions in glassgrad and in PyTorch: recorded answers, and live PyTorch if it is installed."""

import math
import random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd import Value, topological_order
from autograd.primitives import PRIMITIVES

from .._support.pytorch import needs_torch
from ..golden.cases import CASES, Case, Result, glassgrad, in_glassgrad, in_pytorch, pytorch
from ..golden.record import read

GOLDEN = read()


each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)

#: Entries PyTorch has no counterpart of.
WITHOUT_COUNTERPART: set[str] = set()


def _close(actual: float, expected: float) -> bool:
    if math.isnan(actual) or math.isnan(expected):
        return math.isnan(actual) and math.isnan(expected)
    return math.isclose(actual, expected, rel_tol=1e-12, abs_tol=1e-14)


def _agree(actual: Result, expected: Result) -> bool:
    pairs = zip(
        [actual.value, *actual.grads, *actual.seconds],
        [expected.value, *expected.grads, *expected.seconds],
        strict=True,
    )
    return all(_close(a, b) for a, b in pairs)


@each_case
def test_case_agrees_with_the_recorded_answer(case: Case) -> None:
    actual = in_glassgrad(case)
    assert _agree(actual, GOLDEN[case.name]), (actual, GOLDEN[case.name])


def test_every_recorded_answer_belongs_to_a_case() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert set(names) == set(GOLDEN)


def test_every_entry_of_the_table_is_in_a_case() -> None:
    names = set()
    for case in CASES:
        output = case.function(glassgrad(), *map(Value, case.inputs))
        names |= {node.primitive.name for node in topological_order(output) if node.primitive}
    assert set(PRIMITIVES) - names == WITHOUT_COUNTERPART


@pytest.mark.torch
@needs_torch
@each_case
def test_recorded_answer_agrees_with_pytorch(case: Case) -> None:
    live = in_pytorch(case)
    assert _agree(live, GOLDEN[case.name]), (live, GOLDEN[case.name])


# Random programs ----------------------------------------------------------------------------------

STEPS = {
    "add": lambda m, a, b: a + b,
    "sub": lambda m, a, b: a - b,
    "mul": lambda m, a, b: a * b,
    "div": lambda m, a, b: a / (1.0 + b * b),
    "pow": lambda m, a, b: (1.0 + a * a) ** m.tanh(b),
    "neg": lambda m, a, b: -a,
    "exp": lambda m, a, b: m.exp(m.sin(a)),
    "expm1": lambda m, a, b: m.expm1(m.cos(a)),
    "log": lambda m, a, b: m.log(1.5 + a * a),
    "log1p": lambda m, a, b: m.log1p(a * a),
    "sqrt": lambda m, a, b: m.sqrt(1.0 + a * a),
    "sin": lambda m, a, b: m.sin(a),
    "cos": lambda m, a, b: m.cos(a),
    "erf": lambda m, a, b: m.erf(a),
    "erfc": lambda m, a, b: m.erfc(a),
    "sech": lambda m, a, b: m.sech(m.sin(a)),
    "tanh": lambda m, a, b: m.tanh(a),
    "sigmoid": lambda m, a, b: m.sigmoid(a),
    "gelu": lambda m, a, b: m.gelu(a),
    "silu": lambda m, a, b: m.silu(a),
    "softplus": lambda m, a, b: m.softplus(a),
    "sum": lambda m, a, b: m.sum([a, b, a]),
    "dot": lambda m, a, b: m.dot([a, b], [b, a], a),
    "logsumexp": lambda m, a, b: m.logsumexp([a, b]),
    "softmax": lambda m, a, b: m.softmax([a, b, a])[0],
}

programs = st.lists(
    st.tuples(st.sampled_from([*STEPS]), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=15
)
points = st.lists(st.floats(-2.0, 2.0), min_size=1, max_size=4)


def _run(m: Any, program: list[tuple[str, int, int]], inputs: list[Any]) -> Any:
    values = [*inputs]
    for name, i, j in program:
        values.append(STEPS[name](m, values[i % len(values)], values[j % len(values)]))
    return values[-1] + sum(values[:-1])


def _sensitivity(output: Value) -> float:
    """Return the largest change of the output by rounding each number of the graph, in ulps."""
    return sum(abs(node.grad * node.data) for node in topological_order(output))


@pytest.mark.torch
@needs_torch
@settings(max_examples=300, deadline=None)
@given(program=programs, point=points)
def test_random_program_agrees_with_pytorch(program: list[tuple[str, int, int]], point: list[float]) -> None:
    import torch

    leaves = [Value(x) for x in point]
    output = _run(glassgrad(), program, leaves)
    assume(abs(output.data) < 1e6)
    output.backward()
    sensitivity = _sensitivity(output)
    assume(sensitivity < 1e6)
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in point]
    expected = _run(pytorch(), program, tensors)
    expected.backward()
    tolerance = 1e-12 * max(1.0, sensitivity)
    assert math.isclose(output.data, expected.item(), rel_tol=1e-12, abs_tol=tolerance)
    for leaf, tensor in zip(leaves, tensors, strict=True):
        assert math.isclose(leaf.grad, tensor.grad.item(), rel_tol=1e-12, abs_tol=tolerance)


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("seed", range(20))
def test_random_program_differentiated_twice_agrees_with_pytorch(seed: int) -> None:
    rng = random.Random(seed)
    program = [(rng.choice([*STEPS]), rng.randrange(30), rng.randrange(30)) for _ in range(5)]
    point = tuple(rng.uniform(-1.0, 1.0) for _ in range(3))
    case = Case(f"program {seed}", lambda m, *xs: _run(m, program, [*xs]), point, second=True)
    actual, expected = in_glassgrad(case), in_pytorch(case)
    numbers = [*actual.grads, *actual.seconds], [*expected.grads, *expected.seconds]
    largest = max(1.0, *map(abs, numbers[1]))
    assert math.isclose(actual.value, expected.value, rel_tol=1e-12)
    for a, b in zip(*numbers, strict=True):
        assert math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12 * largest)
