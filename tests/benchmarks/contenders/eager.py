"""Graphs that are built at every step: glassgrad in eager mode, and micrograd with its own ``nn``."""

from __future__ import annotations

import builtins
from importlib import import_module
from itertools import cycle, islice
from typing import Any

from problems import ADAM_RATE, RATE, TOKENS, Matrix, Problem

from . import Program


def mlp(problem: Problem, library: str) -> Program:
    """micrograd's demo; for glassgrad with its own sum, loss and optimizer."""
    model = import_module(library).MLP(problem.widths[0], problem.widths[1:])
    start = [number for rows in problem.start for row in rows for number in row]
    for p, number in zip(model.parameters(), start, strict=True):
        p.data = number
    train = _by_nn(problem, model) if library == "nn" else _as_the_demo(problem, model)
    return Program(train, lambda: [p.data for p in model.parameters()])


def _by_nn(problem: Problem, model: Any) -> Any:
    from nn import SGD

    from .glassgrad import loss_of

    loss_function, optimizer = loss_of(problem, model), SGD(model.parameters(), lr=RATE)

    def train(n: int) -> float:
        for _ in range(n):
            loss = loss_function(problem.inputs, problem.targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.data

    return train


def _as_the_demo(problem: Problem, model: Any) -> Any:
    from micrograd.engine import Value

    def train(n: int) -> float:
        for _ in range(n):
            inputs = [list(map(Value, row)) for row in problem.inputs]
            losses = [(1 + -y * model(x)).relu() for x, y in zip(inputs, problem.targets)]
            decay = problem.decay * builtins.sum(p * p for p in model.parameters())
            loss = builtins.sum(losses) * (1.0 / len(losses)) + decay
            model.zero_grad()
            loss.backward()
            for p in model.parameters():
                p.data -= RATE * p.grad
        return loss.data

    return train


def gpt(start: dict[str, Matrix]) -> Program:
    from nn import Adam

    from .glassgrad import scalar_gpt

    loss_function, parameters = scalar_gpt(start)
    optimizer = Adam(parameters, lr=ADAM_RATE)
    names = cycle(TOKENS)

    def train(n: int) -> float:
        for name in islice(names, n):
            loss = loss_function(name)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.data

    return Program(train, lambda: [p.data for p in parameters])
