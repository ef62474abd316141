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
from problems import ADAM_RATE, RATE, TOKENS, Matrix, Problem
from workloads import HEADS, WIDTH

from . import Program


def mlp(problem: Problem, dtype: str, loop: bool) -> Program:
    jax.config.update("jax_enable_x64", dtype == "float64")
    parameters = [(rows[:, :-1].T, rows[:, -1]) for rows in map(jnp.array, problem.start)]
    inputs, targets = jnp.array(problem.inputs), jnp.array(problem.targets)

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
            parameters, loss = steps(n, parameters, inputs, targets)
        else:
            for _ in range(n):
                parameters, loss = step(parameters, inputs, targets)
        jax.block_until_ready(parameters)
        return float(loss)

    return Program(train, lambda: numbers_of(parameters))


def gpt(start: dict[str, Matrix], dtype: str, loop: bool) -> Program:
    jax.config.update("jax_enable_x64", dtype == "float64")
    weights = {name: jnp.array(matrix) for name, matrix in start.items()}
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = weights, zeros, zeros, 0
    loss = jnp.zeros((), weights["head"].dtype)
    names = cycle(map(jnp.array, TOKENS))

    def update(state: Any, name: Any) -> Any:
        weights, first, second, k = state
        loss, slopes = jax.value_and_grad(gpt_loss)(weights, name)
        return adam(weights, slopes, first, second, k + 1), loss

    step = jax.jit(update)
    scan = jax.jit(partial(jax.lax.scan, update))

    def train(n: int) -> float:
        nonlocal state, loss
        if loop:
            state, losses = scan(state, jnp.stack([*islice(names, n)]))
            loss = losses[-1]
        else:
            for name in islice(names, n):
                state, loss = step(state, name)
        jax.block_until_ready(state)
        return float(loss)

    return Program(train, lambda: numbers_of(state[0]))


def gpt_loss(weights: Any, name: Any) -> Any:
    """workloads.py's GPT in arrays. The letters of a name are data; another length is recompiled."""
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
    return -jnp.mean(logs[jnp.arange(length), targets])


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
