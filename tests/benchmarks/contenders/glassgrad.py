"""glassgrad in compiled mode: a loss over scalars, compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, cycle, islice, pairwise
from typing import Any

from problems import ADAM_RATE, RATE, TOKENS, Matrix, Problem
from workloads import HEADS, WIDTH

import autograd
from autograd import Value, compile, dot, logsumexp, softmax, take
from nn import MLP, SGD, Adam, hinge_loss

from . import Program


def model_of(problem: Problem) -> MLP:
    model = MLP(problem.widths[0], problem.widths[1:])
    start = [number for rows in problem.start for row in rows for number in row]
    for p, number in zip(model.parameters(), start, strict=True):
        p.data = number
    return model


def loss_of(problem: Problem, model: MLP) -> Callable[[Any, Any], Value]:
    parameters = model.parameters()

    def hinge(xs: Any, ys: Any) -> Value:
        decay = autograd.sum([p * p for p in parameters])
        return hinge_loss([model(x) for x in xs], ys) + problem.decay * decay

    def squares(xs: Any, ys: Any) -> Value:
        errors = [(p - t) ** 2 for x, y in zip(xs, ys) for p, t in zip(model(x), y)]
        return autograd.sum(errors) * (1.0 / len(errors))

    return hinge if problem.hinge else squares


def mlp(problem: Problem, backend: str, how: str, dtype: str) -> Program:
    model = model_of(problem)
    xs, ys = problem.inputs, problem.targets
    step = compile(loss_of(problem, model), SGD(model.parameters(), lr=RATE), backend=backend, dtype=dtype)

    def one_by_one(n: int) -> float:
        for _ in range(n):
            loss = step(xs, ys)
        return loss

    train = one_by_one if how == "step" else lambda n: step.run(n, xs, ys)[-1]
    return Program(train, lambda: [p.data for p in model.parameters()])


def gpt(start: dict[str, Matrix], backend: str, how: str, dtype: str) -> Program:
    loss, parameters = scalar_gpt(start)
    step = compile(loss, Adam(parameters, lr=ADAM_RATE), backend=backend, dtype=dtype)
    names = cycle(TOKENS)

    def one_by_one(n: int) -> float:
        for name in islice(names, n):
            loss = step(name)
        return loss

    train = one_by_one if how == "step" else lambda n: step.each([(name,) for name in islice(names, n)])[-1]
    return Program(train, lambda: [p.data for p in parameters])


def scalar_gpt(start: dict[str, Matrix]) -> tuple[Callable[[Sequence[int]], Value], list[Value]]:
    """The loss of workloads.py's GPT as a function of a name, and its parameters."""
    weights = {name: [[Value(x) for x in row] for row in matrix] for name, matrix in start.items()}
    heads = [slice(i, i + WIDTH // HEADS) for i in range(0, WIDTH, WIDTH // HEADS)]

    def linear(name: str, x: Any) -> list[Value]:
        return [dot(row, x) for row in weights[name]]

    def normed(x: Any) -> list[Value]:
        scale = (dot(x, x) * (1.0 / WIDTH) + 1e-5) ** -0.5
        return [a * scale for a in x]

    def add(x: Any, y: Any) -> list[Value]:
        return [a + b for a, b in zip(x, y)]

    def attended(q: Any, keys: Any, values: Any) -> list[Value]:
        shares = softmax([dot(q, k) * len(q) ** -0.5 for k in keys])
        return [dot(shares, column) for column in zip(*values)]

    def loss(name: Sequence[int]) -> Value:
        keys: list[Any] = []
        values: list[Any] = []
        losses = []
        for position, token, target in zip(count(), *zip(*pairwise(name))):
            embedded = [take(column, token) for column in zip(*weights["tokens"])]
            x = normed(add(embedded, weights["positions"][position]))
            h = normed(x)
            q = linear("query", h)
            keys.append(linear("key", h))
            values.append(linear("content", h))
            mixed = [a for s in heads for a in attended(q[s], [k[s] for k in keys], [v[s] for v in values])]
            x = add(x, linear("out", mixed))
            x = add(x, linear("narrow", [a.relu() for a in linear("widen", normed(x))]))
            logits = linear("head", x)
            losses.append(logsumexp(logits) - take(logits, target))
        return autograd.sum(losses) * (1.0 / len(losses))

    return loss, [p for rows in weights.values() for row in rows for p in row]
