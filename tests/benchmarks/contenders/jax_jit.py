"""JAX: a whole step, with its update, in one jit; or a loop over many steps in one jit."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from typing import Any

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
from problems import ADAM_RATE, RATE, Perceptron, Problem
from workloads import HEADS, WIDTH

from . import Program

#: The token after the end of a shorter name.
PADDING = -1


def mlp(problem: Perceptron, dtype: str, loop: bool) -> Program:
    jax.config.update("jax_enable_x64", dtype == "float64")
    parameters = [(rows[:, :-1].T, rows[:, -1]) for rows in map(jnp.array, problem.start)]
    arrays = [tuple(map(jnp.array, batch)) for batch in problem.batches]
    batches = cycle(arrays)

    def loss_function(parameters: Any, inputs: Any, targets: Any) -> Any:
        h = inputs
        for w, b in parameters[:-1]:
            h = jax.nn.relu(h @ w + b)
        w, b = parameters[-1]
        scores = h @ w + b
        if not problem.hinge:
            return jnp.mean((scores - targets) ** 2)
        decay = sum(jnp.sum(p * p) for p in jax.tree.leaves(parameters))
        return jnp.mean(jax.nn.relu(1 - targets * scores[:, 0])) + problem.decay * decay

    def update(parameters: Any, inputs: Any, targets: Any) -> Any:
        loss, slopes = jax.value_and_grad(loss_function)(parameters, inputs, targets)
        return jax.tree.map(lambda p, g: p - RATE * g, parameters, slopes), loss

    step = jax.jit(update)

    @jax.jit
    def steps(n: int, parameters: Any, inputs: Any, targets: Any) -> Any:
        state = parameters, jnp.zeros((), inputs.dtype)
        return jax.lax.fori_loop(0, n, lambda _, state: update(state[0], inputs, targets), state)

    def train(n: int) -> float:
        nonlocal parameters
        if loop:
            parameters, loss = steps(n, parameters, *arrays[0])
        else:
            for batch in islice(batches, n):
                parameters, loss = step(parameters, *batch)
        jax.block_until_ready(parameters)
        return float(loss)

    return Program(train, lambda: numbers_of(parameters))


def gpt(problem: Problem, dtype: str, loop: bool) -> Program:
    """Names of several lengths are padded to the longest: jit compiles for each length."""
    jax.config.update("jax_enable_x64", dtype == "float64")
    if isinstance(problem.batches[0][0][0], int):
        longest = max(len(name) for (name,) in problem.batches)
        names = [([*name, *[PADDING] * (longest - len(name))],) for (name,) in problem.batches]
        return with_adam(gpt_loss, problem.start, names, loop)

    def loss_function(weights: Any, names: Any) -> Any:
        return jnp.mean(jax.vmap(gpt_loss, (None, 0))(weights, names))

    return with_adam(loss_function, problem.start, problem.batches, loop)


def with_adam(loss_function: Callable[..., Any], start: Any, batches: Any, loop: bool) -> Program:
    weights = {name: jnp.array(matrix) for name, matrix in start.items()}
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = weights, zeros, zeros, 0
    loss = jnp.zeros((), weights["head"].dtype)
    arrays = cycle([tuple(map(jnp.array, batch)) for batch in batches])

    def update(state: Any, batch: Any) -> Any:
        weights, first, second, k = state
        loss, slopes = jax.value_and_grad(loss_function)(weights, *batch)
        return adam(weights, slopes, first, second, k + 1), loss

    step = jax.jit(update)
    scan = jax.jit(partial(jax.lax.scan, update))

    def train(n: int) -> float:
        nonlocal state, loss
        if loop:
            state, losses = scan(state, jax.tree.map(lambda *x: jnp.stack(x), *islice(arrays, n)))
            loss = losses[-1]
        else:
            for batch in islice(arrays, n):
                state, loss = step(state, batch)
        jax.block_until_ready(state)
        return float(loss)

    return Program(train, lambda: numbers_of(state[0]))


def gpt_loss(weights: Any, name: Any) -> Any:
    """workloads.py's GPT in arrays. The letters of a name are data; another length is recompiled.

    Padding comes last, so that the causal mask hides it from the letters; the loss leaves it out.
    """
    tokens, targets = name[:-1], name[1:]
    length = len(tokens)
    linear: Callable[[str, Any], Any] = lambda part, x: x @ weights[part].T  # noqa: E731
    x = normed(weights["tokens"][tokens] + weights["positions"][:length])
    h = normed(x)
    q, k, v = (
        linear(part, h).reshape(length, HEADS, -1).swapaxes(0, 1) for part in ("query", "key", "content")
    )
    scores = q @ k.swapaxes(1, 2) * (WIDTH // HEADS) ** -0.5
    causal = jnp.tril(jnp.ones((length, length), bool))
    a = jax.nn.softmax(jnp.where(causal, scores, -jnp.inf)) @ v
    x = x + linear("out", a.swapaxes(0, 1).reshape(length, WIDTH))
    x = x + linear("narrow", jax.nn.relu(linear("widen", normed(x))))
    logs = jax.nn.log_softmax(linear("head", x))
    return -jnp.mean(logs[jnp.arange(length), targets], where=targets != PADDING)


def lstm(problem: Problem, dtype: str, loop: bool) -> Program:
    jax.config.update("jax_enable_x64", dtype == "float64")
    return with_adam(lstm_loss, problem.start, problem.batches, loop)


def lstm_loss(weights: Any, inputs: Any, last: Any, targets: Any) -> Any:
    def cell(state: Any, x: Any) -> Any:
        h, c = state
        sums = x @ weights["weight_ih"].T + weights["bias_ih"] + h @ weights["weight_hh"].T
        i, f, g, o = jnp.split(sums + weights["bias_hh"], 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((len(inputs), weights["weight_hh"].shape[1]), inputs.dtype)
    _, outputs = jax.lax.scan(cell, (zeros, zeros), inputs.swapaxes(0, 1))
    scores = outputs[last, jnp.arange(len(inputs))] @ weights["head"][0, :-1] + weights["head"][0, -1]
    return jnp.mean((scores - targets) ** 2)


def normed(x: Any) -> Any:
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-5)


def adam(weights: Any, slopes: Any, first: Any, second: Any, k: Any) -> Any:
    """Return Adam's update and the state after step k, as pytrees."""
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slopes)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slopes)
    unbias1, unbias2 = 1 - 0.9**k, 1 - 0.999**k
    new_weights = jax.tree.map(
        lambda p, m, v: p - ADAM_RATE * (m / unbias1) / (jnp.sqrt(v / unbias2) + 1e-8), weights, first, second
    )
    return new_weights, first, second, k


def numbers_of(parameters: Any) -> list[float]:
    return [x for p in jax.tree.leaves(parameters) for x in p.ravel().tolist()]
