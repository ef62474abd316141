"""glassgrad in compiled mode: a loss over scalars, compiled."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Callable, Sequence
from itertools import count, cycle, islice, pairwise
from pathlib import Path
from typing import Any

from problems import ADAM_RATE, RATE, Matrix, Perceptron, Problem
from workloads import HEADS, WIDTH

import autograd
from autograd import Value, compile, dot, logsumexp, softmax, take
from nn import MLP, SGD, Adam, LSTMCell, hinge_loss, unroll

from . import Program
from .by_hand import library_of


def model_of(problem: Perceptron) -> MLP:
    model = MLP(problem.widths[0], problem.widths[1:])
    start = [number for rows in problem.start for row in rows for number in row]
    for p, number in zip(model.parameters(), start, strict=True):
        p.data = number
    return model


def loss_of(problem: Perceptron, model: MLP) -> Callable[[Any, Any], Value]:
    parameters = model.parameters()

    def hinge(xs: Any, ys: Any) -> Value:
        decay = autograd.sum([p * p for p in parameters])
        return hinge_loss([model(x) for x in xs], ys) + problem.decay * decay

    def squares(xs: Any, ys: Any) -> Value:
        errors = [(p - t) ** 2 for x, y in zip(xs, ys) for p, t in zip(model(x), y)]
        return autograd.sum(errors) * (1.0 / len(errors))

    return hinge if problem.hinge else squares


def mlp(problem: Perceptron, **settings: str) -> Program:
    model = model_of(problem)
    return _compiled(problem, loss_of(problem, model), SGD(model.parameters(), lr=RATE), **settings)


def exported(problem: Perceptron) -> Program:
    """The program that ``step.source("c")`` exports, with a function in place of its loop of prints."""
    model = model_of(problem)
    step = compile(loss_of(problem, model), SGD(model.parameters(), lr=RATE))
    start = [p.data for p in model.parameters()]
    step(*problem.batches[0])
    for p, number in zip(model.parameters(), start, strict=True):
        p.data = number
    source = step.source("c").replace("static double p[", "double p[")
    train = "double train(int n) { double loss = 0.0; while (n-- > 0) loss = step(); return loss; }"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "step.c"
        path.write_text(f"{source}\n{train}\n", encoding="utf-8")
        code = library_of(path)
    parameters = (ctypes.c_double * len(start)).in_dll(code, "p")
    return Program(code.train, lambda: list(parameters))


def gpt(problem: Problem, **settings: str) -> Program:
    loss, parameters = gpt_loss(problem)
    return _compiled(problem, loss, Adam(parameters, lr=ADAM_RATE), **settings)


def lstm(problem: Problem, **settings: str) -> Program:
    loss, parameters = lstm_loss(problem)
    return _compiled(problem, loss, Adam(parameters, lr=ADAM_RATE), **settings)


def _compiled(problem: Problem, loss: Any, optimizer: Any, backend: str, how: str, dtype: str) -> Program:
    """Train as ``how`` says: by ``step.run`` on the first batch, ``step.each`` or ``step()``."""
    import numpy as np

    step = compile(loss, optimizer, backend=backend, dtype=dtype)
    arrays = [tuple(map(np.array, batch)) for batch in problem.batches]
    batches = cycle(arrays)

    def one_by_one(n: int) -> float:
        for batch in islice(batches, n):
            last = step(*batch)
        return last

    train = {
        "run": lambda n: step.run(n, *arrays[0])[-1],
        "each": lambda n: step.each([*islice(batches, n)])[-1],
        "step": one_by_one,
    }[how]
    return Program(train, lambda: [p.data for p in optimizer.parameters])


def gpt_loss(problem: Problem) -> tuple[Callable[[Any], Value], list[Value]]:
    """The loss of a name or, if a batch has several, the mean of their losses; and the parameters."""
    loss, parameters = scalar_gpt(problem.start)
    if isinstance(problem.batches[0][0][0], int):
        return loss, parameters
    return lambda names: autograd.sum([loss(name) for name in names]) * (1.0 / len(names)), parameters


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


def lstm_loss(problem: Problem) -> tuple[Callable[[Any, Any, Any], Value], list[Value]]:
    """The mean squared error of an LSTM with a neuron on its state after the last input; its parameters."""
    start = problem.start
    units = len(start["weight_hh"][0])
    cell, head = LSTMCell(len(start["weight_ih"][0]), units), MLP(units, [1])
    gates = [*cell.input_gate, *cell.forget_gate, *cell.cell_gate, *cell.output_gate]
    rows = zip(start["weight_ih"], start["weight_hh"], start["bias_ih"], start["bias_hh"], strict=True)
    for neuron, (ih, hh, *biases) in zip(gates, rows, strict=True):
        own = (*neuron.weights_ih, *neuron.weights_hh, neuron.bias_ih, neuron.bias_hh)
        for p, number in zip(own, (*ih, *hh, *biases), strict=True):
            p.data = number
    for p, number in zip(head.parameters(), start["head"][0], strict=True):
        p.data = number

    def loss(inputs: Any, last: Any, targets: Any) -> Value:
        errors = []
        for x, t, target in zip(inputs, last, targets):
            outputs, _ = unroll(cell, x)
            errors.append(head([take(unit, t) for unit in zip(*outputs)]) - target)
        return autograd.sum([e * e for e in errors]) * (1.0 / len(errors))

    return loss, [*cell.parameters(), *head.parameters()]
