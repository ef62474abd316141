"""Graphs that are built at every step: glassgrad in eager mode, and micrograd with its own ``nn``."""

from __future__ import annotations

import builtins
from importlib import import_module
from itertools import cycle, islice
from typing import Any

from problems import ADAM_RATE, RATE, Perceptron, Problem

from . import Program


def mlp(problem: Perceptron, library: str = "nn") -> Program:
    """micrograd's demo; for glassgrad with its own sum, loss and optimizer."""
    if library == "nn":
        from .glassgrad import loss_of, model_of

        model = model_of(problem)
        return _by_nn(problem, loss_of(problem, model), model.parameters(), "SGD", RATE)
    model = import_module(library).MLP(problem.widths[0], problem.widths[1:])
    start = [number for rows in problem.start for row in rows for number in row]
    for p, number in zip(model.parameters(), start, strict=True):
        p.data = number
    return Program(_as_the_demo(problem, model), lambda: [p.data for p in model.parameters()])


def gpt(problem: Problem) -> Program:
    from .glassgrad import gpt_loss

    return _by_nn(problem, *gpt_loss(problem), "Adam", ADAM_RATE)


def lstm(problem: Problem) -> Program:
    from .glassgrad import lstm_loss

    return _by_nn(problem, *lstm_loss(problem), "Adam", ADAM_RATE)


def _by_nn(
    problem: Problem, loss_function: Any, parameters: Any, optimizer_class: str, rate: float
) -> Program:
    optimizer = getattr(import_module("nn"), optimizer_class)(parameters, lr=rate)
    batches = cycle(problem.batches)

    def train(n: int) -> float:
        for batch in islice(batches, n):
            loss = loss_function(*batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.data

    return Program(train, lambda: [p.data for p in parameters])


def _as_the_demo(problem: Perceptron, model: Any) -> Any:
    from micrograd.engine import Value

    ((samples, labels),) = problem.batches

    def train(n: int) -> float:
        for _ in range(n):
            inputs = [list(map(Value, row)) for row in samples]
            losses = [(1 + -y * model(x)).relu() for x, y in zip(inputs, labels)]
            decay = problem.decay * builtins.sum(p * p for p in model.parameters())
            loss = builtins.sum(losses) * (1.0 / len(losses)) + decay
            model.zero_grad()
            loss.backward()
            for p in model.parameters():
                p.data -= RATE * p.grad
        return loss.data

    return train
