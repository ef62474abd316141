"""Brackets around + and − are kept on every backend: the loss is bit-identical to eager mode."""

import operator
import random
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import pytest

import autograd
import nn
from autograd import Value, compile, grad
from autograd.compiler.backends import choose
from autograd.compiler.program import CompiledStep

from ..._support.compiled import BACKENDS

each_backend = pytest.mark.parametrize("backend", BACKENDS)


@pytest.fixture(autouse=True)
def _numpy_for_small_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the rule by which the numpy backend runs small programs in Python, which is faster."""
    monkeypatch.setattr(choose, "CALL", 0)


#: Something of Values: numbers and leaves in, a Value out.
Formula = Callable[[Sequence[Any]], Any]


def check(step: CompiledStep, leaves: Sequence[Value], *calls: tuple[Any, ...]) -> None:
    """The loss of each call is bit-identical to eager mode, and the gradients are equal to rounding."""
    for call in calls:
        for leaf in leaves:
            leaf.zero_grad()
        loss = step.function(*call)
        loss.backward()
        expected = [leaf.grad for leaf in leaves]
        assert repr(step(*call)) == repr(loss.data)
        assert [leaf.grad for leaf in leaves] == pytest.approx(expected, rel=1e-12, abs=0.0)
        assert not step.fallbacks


# Examples ---------------------------------------------------------------------------------------------


@each_backend
def test_brackets_around_a_difference(backend: str) -> None:
    w = Value(1.0)
    step = compile(lambda a, b: w - (a - b), backend=backend)
    assert step(1e16, 1e16) == 1.0
    assert (step(1e16, 1e16), step(1e300, 1e300), w.grad) == (1.0, 1.0, 1.0)
    assert not step.fallbacks


@each_backend
def test_epoch_seconds(backend: str) -> None:
    w = Value(0.5)
    step = compile(lambda t, t0, t1: (w * (t - (t1 - t0))) ** 2, backend=backend)
    starts = [1.7e9 + 0.123 * k for k in range(10)]
    check(step, [w], *[(3600.25 + k, start, start + 3600.5) for k, start in enumerate(starts)])


@each_backend
def test_difference_of_equal_squares_is_zero(backend: str) -> None:
    w = Value(1.0)
    step = compile(lambda x, y: w * (x * x - y * y), backend=backend)
    for x in (0.1, 0.7, 1e8 / 3, 1e-160):
        assert (step(x, x), w.grad) == (0.0, 0.0)


@each_backend
def test_difference_of_products(backend: str) -> None:
    """Each product is rounded before they are subtracted."""
    rng = random.Random(0)
    leaves = [Value(rng.uniform(1.0, 2.0)) for _ in range(4)]
    a, b, c, d = leaves
    step = compile(lambda x: (a * b - c * d) * x, backend=backend)
    for _ in range(50):
        for leaf in (a, b):
            leaf.data = rng.uniform(1.0, 2.0)
        c.data = a.data
        d.data = b.data * (1.0 + rng.choice([0.0, 2.0**-52, 2.0**-30]))
        check(step, leaves, (rng.choice([1.0, 3.0]),))


@each_backend
def test_sign_of_a_zero(backend: str) -> None:
    a, b = Value(0.0), Value(0.0)
    for formula in (
        lambda: -(a - b),
        lambda: -(a + b),
        lambda: -a - b,
        lambda: 0.0 - (a - b),
        lambda: -0.0 - a,
        lambda: a - -b,
        lambda: -(a * b) - a * b,
    ):
        step = compile(formula, backend=backend)
        for a.data in (0.0, -0.0):
            for b.data in (0.0, -0.0):
                check(step, [a, b], ())


# Compensated sums -------------------------------------------------------------------------------------


def kahan(values: Sequence[Any]) -> Any:
    total, compensation = values[0], 0.0
    for x in values[1:]:
        y = x - compensation
        t = total + y
        compensation = (t - total) - y
        total = t
    return total


def neumaier(values: Sequence[Any]) -> Any:
    total, compensation = values[0], 0.0
    for x in values[1:]:
        t = total + x
        compensation = compensation + ((total - t) + x if abs(total) >= abs(x) else (x - t) + total)
        total = t
    return total + compensation


def two_sum_error(values: Sequence[Any]) -> Any:
    a, b = values[:2]
    s = a + b
    part = s - a
    return (a - (s - part)) + (b - part)


SUMS: list[tuple[Formula, list[float], float]] = [
    (kahan, [1.0, *[1e-16] * 20], 1.0 + 2e-15),
    (neumaier, [1.0, 1e100, 1.0, -1e100], 2.0),
    (two_sum_error, [1e16, 1.0, 0.0, 0.0], 1.0 - ((1e16 + 1.0) - 1e16)),
]


@each_backend
@pytest.mark.parametrize(("formula", "numbers", "total"), SUMS)
def test_compensated_sums_of_arguments(
    formula: Formula, numbers: list[float], total: float, backend: str
) -> None:
    w = Value(1.0)
    step = compile(lambda xs: w * formula(xs), backend=backend)
    assert step(numbers) == pytest.approx(total, rel=1e-15)
    assert reduce(operator.add, numbers) != total  # plain summation is inexact; that of Python 3.12 is not
    check(step, [w], (numbers,), ([x / 3 for x in numbers],), ([x / 7 for x in numbers],))


@each_backend
@pytest.mark.parametrize(("formula", "numbers", "total"), SUMS)
def test_compensated_sums_of_parameters(
    formula: Formula, numbers: list[float], total: float, backend: str
) -> None:
    leaves = [*map(Value, numbers)]
    step = compile(lambda: formula(leaves), backend=backend)
    assert step() == pytest.approx(total, rel=1e-15)
    for part in (3, 7):
        for leaf, x in zip(leaves, numbers):
            leaf.data = x / part
        assert repr(step()) == repr(formula(leaves).data)
    assert not step.fallbacks


@each_backend
def test_compensated_sums_of_each_sample(backend: str) -> None:
    rng = random.Random(0)
    scale = Value(1.0)
    samples = [[rng.choice([1.0, 1e-16, 1e-17]) * rng.random() for _ in range(12)] for _ in range(20)]

    def loss(xs: Any, chosen: Any) -> Value:
        return autograd.sum([kahan([scale * x for x in row]) * c for row, c in zip(xs, chosen)])

    step = compile(loss, backend=backend)
    check(step, [scale], *[(samples, one_of(20, k)) for k in range(20)])


# Random formulas --------------------------------------------------------------------------------------


def one_of(count: int, k: int) -> list[float]:
    return [float(i == k) for i in range(count)]


def magnitude(rng: random.Random) -> float:
    """Draw from a few magnitudes, so that many sums cancel or lose digits."""
    return rng.choice([-1.0, 1.0]) * rng.uniform(1.0, 2.0) * rng.choice([1e-17, 1e-8, 1.0, 1.0, 1e8, 1e17])


def tree(rng: random.Random, leaves: Sequence[Callable[[Sequence[Any]], Any]]) -> Formula:
    """A random tree of +, −, neg and × over all the leaves, in their order."""
    if len(leaves) == 1:
        return leaves[0]
    side = rng.choice([1, len(leaves) - 1, rng.randrange(1, len(leaves))])  # chains to either side, or even
    left, right = tree(rng, leaves[:side]), tree(rng, leaves[side:])
    f = rng.choice([operator.add, operator.add, operator.sub, operator.sub, operator.mul])
    if rng.random() < 0.15:
        return lambda operands: -f(left(operands), right(operands))
    return lambda operands: f(left(operands), right(operands))


def random_formula(rng: random.Random, count: int) -> Formula:
    """Each operand at most once, and constants anywhere between them: no four terms are isomorphic."""
    leaves: list[Callable[[Sequence[Any]], Any]] = [
        operator.itemgetter(k) for k in rng.sample(range(count), rng.randint(2, count))
    ]
    for _ in range(rng.randint(0, 3)):
        x = rng.choice([magnitude(rng), 0.0, -0.0, 1.0, -1.0])
        leaves.insert(rng.randint(0, len(leaves)), lambda operands, x=x: x)
    return tree(rng, leaves)


@each_backend
@pytest.mark.parametrize("seed", range(40))
def test_random_trees(seed: int, backend: str) -> None:
    """50 trees a program; a call chooses one of them, and the others add 0."""
    rng = random.Random(seed)
    parameters = [Value(magnitude(rng)) for _ in range(7)]
    formulas = [random_formula(rng, 10) for _ in range(50)]

    def loss(xs: Any, chosen: Any) -> Value:
        operands = [*parameters, *xs]
        return autograd.sum([formula(operands) * c for formula, c in zip(formulas, chosen)])

    step = compile(loss, backend=backend)
    check(step, parameters, *[([magnitude(rng) for _ in range(3)], one_of(50, k)) for k in range(50)])


@each_backend
@pytest.mark.parametrize("seed", range(10))
def test_random_trees_of_each_sample(seed: int, backend: str) -> None:
    """The samples become a batch; a call chooses one tree of one sample, and all others add 0."""
    rng = random.Random(seed)
    parameters = [Value(magnitude(rng)) for _ in range(6)]
    formulas = [random_formula(rng, 9) for _ in range(12)]

    def loss(xs: Any, chosen: Any) -> Value:
        terms: list[Value] = []
        for row, of_row in zip(xs, chosen):
            operands = [*parameters, *row]
            terms += [formula(operands) * c for formula, c in zip(formulas, of_row)]
        return autograd.sum(terms)

    step = compile(loss, backend=backend)
    for _ in range(30):
        samples = [[magnitude(rng) for _ in range(3)] for _ in range(20)]
        row, k = rng.randrange(20), rng.randrange(12)
        check(step, parameters, (samples, [one_of(12, k if i == row else -1) for i in range(20)]))
    assert backend == "python" or "batch axis of 20" in step.explain()


# Chains, several of which become one call on arrays or a tile ------------------------------------------


def like_size(rng: random.Random) -> float:
    """Draw from one magnitude, so that most sums are rounded otherwise in another order."""
    return rng.uniform(-2.0, 2.0)


def from_a_bias(w: Any, x: Any, b: Any) -> Any:
    for wi, xi in zip(w, x):
        b = b + wi * xi
    return b


CHAINS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "from a bias": from_a_bias,
    "from 0, then a bias": lambda w, x, b: sum(wi * xi for wi, xi in zip(w, x)) + b,
    "from two scalars": lambda w, x, b: from_a_bias(w, x, b - w[0]),
    "a scalar between": lambda w, x, b: from_a_bias(w[:4], x[:4], b) - b * w[1] + w[4] * x[4] + w[2],
    "constants between": lambda w, x, b: 2.5 - from_a_bias(w[:4], x[:4], 0.1) + 0.3 + b * x[4] - 3.0,
    "signs by turns": lambda w, x, b: w[0] * x[0] - w[1] * x[1] + w[2] * x[2] - b + x[3] - w[4] * x[4] + b,
    "products of rows": lambda w, x, b: x[0] * x[1] + w[0] * x[2] + x[3] * x[4] + x[2] * x[4] - w[1] * x[0],
    "a chain in a chain": lambda w, x, b: from_a_bias(w, x, b) - from_a_bias(w[:4], x[:4], b) + w[4] * x[4],
    "of scalars": lambda w, x, b: b * w[0] - w[1] * w[2] + w[3] - w[4] * w[4] + w[0] - b + x[0],
    "two products": lambda w, x, b: w[0] * x[0] + b * x[1],
    "a row and a scalar at last": lambda w, x, b: from_a_bias(w[:4], x[:4], b) - x[4] + w[0],
    "many scalars": lambda w, x, b: from_a_bias([*w, *w], [*w[1:], b, *w], b) + x[0],
    "many products of scalars": lambda w, x, b: from_a_bias([*w, *w], [*w[1:], b, *w], w[0] * b),
    "many products, from a constant": lambda w, x, b: from_a_bias([*w, *w], [*w[1:], b, *w], 2.5),
}


@each_backend
@pytest.mark.parametrize("samples", [1, 150])
@pytest.mark.parametrize("name", CHAINS)
def test_layers_of_chains(name: str, samples: int, backend: str) -> None:
    """7 neurons of 5 inputs: a call chooses one neuron of one sample, and all others add 0."""
    if samples > 1 and backend == "python":
        samples = 2  # too few for a batch
    rng = random.Random(0)
    weights = [[Value(like_size(rng)) for _ in range(5)] for _ in range(7)]
    biases = [Value(like_size(rng)) for _ in range(7)]

    def loss(xs: Any, chosen: Any) -> Value:
        outs = [
            CHAINS[name](w, x, b) * c for x, row in zip(xs, chosen) for w, b, c in zip(weights, biases, row)
        ]
        return autograd.sum(outs)

    step = compile(loss, backend=backend)
    for k in range(14 if samples > 2 else 70):
        xs = [[like_size(rng) for _ in range(5)] for _ in range(samples)]
        row = rng.randrange(samples)
        chosen = [one_of(7, k % 7 if i == row else -1) for i in range(samples)]
        expected = loss(xs, chosen).data
        assert repr(step(xs, chosen)) == repr(expected)
    assert not step.fallbacks


@each_backend
def test_chains_next_to_dots_of_the_same_terms(backend: str) -> None:
    """Instructions with the same terms are computed together, but not if some of them have an order."""
    rng = random.Random(0)
    weights = [[Value(like_size(rng)) for _ in range(2)] for _ in range(6)]
    biases = [Value(like_size(rng)) for _ in range(6)]

    def loss(xs: Any, chosen: Any) -> Value:
        dots = [autograd.dot(w, xs, b) * 0.0 for w, b in zip(weights, biases)]
        chains = [(w[0] * xs[0] + w[1] * xs[1] + b) * c for w, b, c in zip(weights, biases, chosen)]
        return autograd.sum([x for pair in zip(dots, chains) for x in pair])

    step = compile(loss, backend=backend)
    for k in range(60):
        call = [like_size(rng), like_size(rng)], one_of(6, k % 6)
        assert repr(step(*call)) == repr(loss(*call).data)
    assert not step.fallbacks


# What an optimizer and a gradient of a gradient compute -----------------------------------------------


@each_backend
def test_expression_of_a_gradient(backend: str) -> None:
    """An expression of a gradient keeps its brackets too."""
    w = Value(3.0)

    def loss(a: Any, b: Any) -> Value:
        (derivative,) = grad(w * w, [w], create_graph=True)
        return derivative - (a - b)

    step = compile(loss, backend=backend)
    check(step, [w], (1e16, 1e16), (1e17, 1e17), (0.1, 0.3))


class Careful(nn.Optimizer):
    """An optimizer whose rule has brackets that matter: the parameter changes by exactly −lr."""

    @staticmethod
    def rule(parameter: Any, gradient: Any, lr: Any) -> Any:
        away = gradient * 1e16
        return (parameter - ((away + 2.0) - away) * 0.5 * lr,)


@each_backend
def test_rule_of_an_optimizer(backend: str) -> None:
    w = Value(5.0)
    step = compile(lambda x: w * x, Careful([w], lr=1.0), backend=backend)
    assert step.run(3, 1.0) == [5.0, 4.0, 3.0]
    assert (w.data, step.fallbacks) == (2.0, [])
