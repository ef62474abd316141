"""Graphs that several tests use."""

import math
from collections.abc import Callable

from hypothesis import strategies as st

from autograd import Value, dot, logsumexp
from autograd import sum as total_of
from nn import MLP, hinge_loss
from nn.data import two_moons


def first_example() -> tuple[Value, Value, Value, Value]:
    w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
    p = w * x
    p.label = "p"
    loss = (p - y) ** 2
    loss.label = "loss"
    return w, x, y, loss


def chain(n: int) -> Value:
    y = Value(1.0)
    for _ in range(n):
        y = y * 1.5
    return y


def network() -> Value:
    samples, labels = two_moons(16, seed=0)
    model = MLP(2, [8, 8, 1], seed=0)
    return hinge_loss([model(x) for x in samples], labels)


LABELS = st.sampled_from(
    ["", "", "w", "损失", "e\u0301" * 30, "x" * 10_000, "<b>", "\x1b[31m", "a\nb", "\u202e", "\ud800", "한글"]
)


@st.composite
def labeled_graphs(draw: st.DrawFn) -> Value:
    values = [Value(x, label=draw(LABELS)) for x in draw(st.lists(st.floats(), min_size=1, max_size=3))]
    for _ in range(draw(st.integers(0, 12))):
        a, b = draw(st.sampled_from(values)), draw(st.sampled_from(values[-3:]))
        result = draw(st.sampled_from([a + b, a * b, a - 2.0, b.tanh(), total_of([a, b, a]), 1e-200 / b]))
        result.label = draw(LABELS)
        values.append(result)
    if draw(st.booleans()):
        values[-1].backward()
    return values[-1]


OPERATIONS: list[Callable[[Value, Value], Value]] = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a**2 + 3.0,
    lambda a, b: a**b,
    lambda a, b: -a,
    lambda a, b: abs(a),
    lambda a, b: a.tanh(),
    lambda a, b: a.exp(),
    lambda a, b: a.relu(),
    lambda a, b: a.maximum(b),
    lambda a, b: total_of([a, b, a, 1.0]),
    lambda a, b: dot([a, b, 2.0], [b, b, a], a),
    lambda a, b: logsumexp([a, b, 0.0]),
]
numbers = st.floats(-3.0, 3.0) | st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 1e308, 5e-324])
#: A place among the Values so far, counted from the end, so that results are used, and some of them often.
places = st.integers(0, 40)
Program = list[tuple[Callable[[Value, Value], Value], int, int]]


def programs(most: int) -> st.SearchStrategy[Program]:
    return st.lists(st.tuples(st.sampled_from(OPERATIONS), places, places), max_size=most)


def graph_of(leaves: list[float], program: Program) -> Value:
    values = [Value(x) for x in leaves]
    for make, i, j in program:
        values.append(make(values[-1 - i % len(values)], values[-1 - j % len(values)]))
    return values[-1]


def random_graphs(most: int) -> st.SearchStrategy[Value]:
    """Draw graphs of up to 4 leaves and ``most`` operations, on numbers of every kind."""
    return st.builds(graph_of, st.lists(numbers, min_size=1, max_size=4), programs(most))
