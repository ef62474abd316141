"""CasADi: the step as one SX function of scalars, which its virtual machine runs."""

from __future__ import annotations

import casadi
from problems import RATE, Perceptron

from . import Program


def mlp(problem: Perceptron) -> Program:
    ((samples, labels),) = problem.batches
    count = sum(len(rows) * len(rows[0]) for rows in problem.start)
    parameters = casadi.SX.sym("p", count)
    inputs = casadi.SX.sym("x", problem.widths[0], len(samples))
    targets = casadi.SX.sym("y", 1, len(samples))
    h, at = inputs, 0
    for rows in problem.start:
        if h is not inputs:
            h = casadi.fmax(h, 0)
        size, width = len(rows), len(rows[0])
        matrix = casadi.reshape(parameters[at : at + size * width], width, size).T
        h = matrix[:, :-1] @ h + casadi.repmat(matrix[:, -1], 1, h.shape[1])
        at += size * width
    loss = casadi.sum2(casadi.fmax(1 - targets * h, 0)) / h.shape[1]
    loss += problem.decay * casadi.sumsqr(parameters)
    result = parameters - RATE * casadi.gradient(loss, parameters)
    step = casadi.Function("step", [parameters, inputs, targets], [result, loss])
    numbers = casadi.DM([number for rows in problem.start for row in rows for number in row])
    batch = casadi.DM(samples).T, casadi.DM(labels).T

    def train(n: int) -> float:
        nonlocal numbers
        for _ in range(n):
            numbers, loss = step(numbers, *batch)
        return float(loss)

    return Program(train, lambda: [float(x) for x in numbers.nonzeros()])
