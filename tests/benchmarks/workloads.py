"""The workloads: plain functions over an :class:`~engines.Adapter`, the same code for every engine.

A timed workload is made by ``moons(adapter)``, ``gpt(adapter)`` or ``chain(adapter)``, which give a
``step`` to call: one step is a forward pass, a backward pass and the dropping of its graph, and
returns numbers that must be the same whatever the engine.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from engines import Adapter

Step = Callable[[], list[float]]

#: Links of the chain, each tanh(x·w + b) and so three nodes.
LINKS = 10_000
NODES_A_LINK = 3


def two_moons(samples: int = 100, noise: float = 0.1) -> tuple[list[list[float]], list[int]]:
    """Points of two interleaving half circles, shuffled, and the half each belongs to as −1 or 1."""
    rng = random.Random(1337)
    points = []
    for i in range(samples):
        angle = math.pi * (i // 2) / (samples // 2 - 1)
        upper = i % 2 == 0
        x = math.cos(angle) if upper else 1 - math.cos(angle)
        y = math.sin(angle) if upper else 0.5 - math.sin(angle)
        points.append(([x + rng.gauss(0, noise), y + rng.gauss(0, noise)], -1 if upper else 1))
    rng.shuffle(points)
    return [x for x, _ in points], [y for _, y in points]


def initial_weights() -> list[list[list[float]]]:
    """For each layer of an MLP of 2, 16, 16, 1 the weights of each neuron; every bias starts at 0."""
    rng = random.Random(1337)
    return [[[rng.uniform(-1, 1) for _ in range(n)] for _ in range(m)] for n, m in pairwise([2, 16, 16, 1])]


def moons(engine: Adapter) -> Step:
    """micrograd's demo: an MLP of 2, 16, 16, 1, hinge loss + L2, one full-batch step of SGD."""
    value, neuron, total = engine.value, engine.neuron, engine.total
    xs, ys = two_moons()
    layers = [[((*map(value, weights),), value(0.0)) for weights in layer] for layer in initial_weights()]
    params = [p for layer in layers for w, b in layer for p in (*w, b)]
    k = 0

    def model(x: list[Any]) -> Any:
        for layer in layers[:-1]:
            x = tuple([neuron(w, x, b).relu() for w, b in layer])
        ((w, b),) = layers[-1]
        return neuron(w, x, b)

    def step() -> list[float]:
        nonlocal k
        inputs = [tuple([value(x) for x in row]) for row in xs]
        scores = [model(row) for row in inputs]
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(ys, scores)]
        data_loss = total(losses) * (1.0 / len(losses))
        reg_loss = 1e-4 * total([p * p for p in params])
        loss = data_loss + reg_loss
        for p in params:
            p.grad = 0.0
        loss.backward()
        rate = 1.0 - 0.9 * k / 100
        k += 1
        for p in params:
            p.data -= rate * p.grad
        return [loss.data]

    return step


def moons_by_nn(engine: Adapter) -> Step:
    """The same training with ``nn``, which accepts numbers as inputs."""
    from nn import MLP, SGD, hinge_loss

    total = engine.total
    xs, ys = two_moons()
    model = MLP(2, [16, 16, 1])
    start = [w for layer in initial_weights() for weights in layer for w in (*weights, 0.0)]
    for p, w in zip(model.parameters(), start, strict=True):
        p.data = w
    optimizer = SGD(model.parameters(), lr=1.0)
    k = 0

    def step() -> list[float]:
        nonlocal k
        data_loss = hinge_loss([model(x) for x in xs], ys)
        reg_loss = 1e-4 * total([p * p for p in model.parameters()])
        loss = data_loss + reg_loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = 1.0 - 0.9 * k / 100
        k += 1
        optimizer.step()
        return [loss.data]

    return step


#: The GPT, of the size of Karpathy's microgpt: 4,192 parameters.
WIDTH, HEADS, CONTEXT = 16, 4, 16
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
END = len(ALPHABET)
VOCABULARY = END + 1
NAMES = ("camilla", "abigail", "matthew", "jocelyn", "raymond", "melissa", "zachary", "beatriz")


def gpt(engine: Adapter) -> Step:
    """One layer of causal self-attention and an MLP, on one name a step: cross-entropy and Adam.

    The architecture is GPT-2's with RMSNorm for LayerNorm, relu for GeLU and no biases. With an adapter
    of products and sums it is a script in the style of microgpt in which only the Value is replaced.
    """
    value, dot, total = engine.value, engine.dot, engine.total
    softmax, cross_entropy = engine.softmax, engine.cross_entropy
    rng = random.Random(1337)

    def matrix(rows: int, columns: int) -> list[list[Any]]:
        return [[value(rng.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]

    tokens, positions, head = matrix(VOCABULARY, WIDTH), matrix(CONTEXT, WIDTH), matrix(VOCABULARY, WIDTH)
    query, key, content, out = (matrix(WIDTH, WIDTH) for _ in range(4))
    widen, narrow = matrix(4 * WIDTH, WIDTH), matrix(WIDTH, 4 * WIDTH)
    matrices = (tokens, positions, head, query, key, content, out, widen, narrow)
    params = [p for matrix in matrices for row in matrix for p in row]
    head_slices = [slice(i, i + WIDTH // HEADS) for i in range(0, WIDTH, WIDTH // HEADS)]
    adam = adam_on(params, 0.01)
    k = 0

    def linear(weights: list[list[Any]], x: list[Any]) -> list[Any]:
        return [dot(row, x) for row in weights]

    def normed(x: list[Any]) -> list[Any]:
        scale = (dot(x, x) * (1.0 / WIDTH) + 1e-5) ** -0.5
        return [xi * scale for xi in x]

    def add(x: list[Any], y: list[Any]) -> list[Any]:
        return [xi + yi for xi, yi in zip(x, y)]

    def attended(q: list[Any], keys: list[list[Any]], values: list[list[Any]]) -> list[Any]:
        scale = len(q) ** -0.5
        weights = softmax([dot(q, k) * scale for k in keys])
        return [dot(weights, column) for column in zip(*values)]

    def logits(token: int, position: int, keys: list[list[Any]], values: list[list[Any]]) -> list[Any]:
        x = normed(add(tokens[token], positions[position]))
        h = normed(x)
        q = linear(query, h)
        keys.append(linear(key, h))
        values.append(linear(content, h))
        heads = [attended(q[i], [k[i] for k in keys], [v[i] for v in values]) for i in head_slices]
        x = add(x, linear(out, [a for head in heads for a in head]))
        h = [a.relu() for a in linear(widen, normed(x))]
        x = add(x, linear(narrow, h))
        return linear(head, x)

    def step() -> list[float]:
        nonlocal k
        name = [END, *map(ALPHABET.index, NAMES[k % len(NAMES)]), END]
        k += 1
        keys: list[list[Any]] = []
        values: list[list[Any]] = []
        losses = [
            cross_entropy(logits(token, i, keys, values), target)
            for i, (token, target) in enumerate(pairwise(name))
        ]
        loss = total(losses) * (1.0 / len(losses))
        for p in params:
            p.grad = 0.0
        loss.backward()
        adam()
        return [loss.data]

    return step


def adam_on(params: list[Any], rate: float, beta1: float = 0.9, beta2: float = 0.999) -> Callable[[], None]:
    """Adam for the parameters of any engine; its state is plain floats."""
    first, second = [0.0] * len(params), [0.0] * len(params)
    k = 0

    def adam() -> None:
        nonlocal k
        k += 1
        unbias1, unbias2 = 1 - beta1**k, 1 - beta2**k
        for i, p in enumerate(params):
            g = p.grad
            first[i] = m = beta1 * first[i] + (1 - beta1) * g
            second[i] = v = beta2 * second[i] + (1 - beta2) * g * g
            p.data -= rate * (m / unbias1) / (math.sqrt(v / unbias2) + 1e-8)

    return adam


def chain(engine: Adapter, links: int = LINKS) -> Step:
    """A deep graph that measures only the engine: tanh(x·w + b), ``links`` times."""
    tanh = engine.tanh
    w, b, x = engine.value(0.9), engine.value(0.1), engine.value(0.5)

    def step() -> list[float]:
        h = x
        for _ in range(links):
            h = tanh(h * w + b)
        for p in (w, b, x):
            p.grad = 0.0
        h.backward()
        return [h.data, w.grad, b.grad]

    return step


TIMED: dict[str, Callable[[Adapter], Step]] = {"moons": moons, "gpt": gpt, "chain": chain}


def timed(workload: str, engine: str) -> Callable[[Adapter], Step]:
    """Return the function that creates the step of a workload for an engine."""
    return moons_by_nn if (workload, engine) == ("moons", "glassgrad nn.MLP") else TIMED[workload]


def operations_alone(engine: Adapter, operations: int) -> None:
    """Compute x·w + b, two operations each time, and drop the result at once."""
    w, b, x = engine.value(0.9), engine.value(0.1), engine.value(0.5)
    for _ in range(operations // 2):
        x * w + b


def products_and_sums(engine: Adapter, nodes: int) -> Any:
    """A chain of ``nodes`` binary nodes, ``*`` and ``+`` by turns; only its last node stays referenced."""
    w, b, h = engine.value(0.9), engine.value(0.1), engine.value(0.5)
    for _ in range(nodes // 2):
        h = h * w + b
    return h


def products(engine: Adapter, nodes: int) -> Any:
    """A chain of ``nodes`` products of two Values, the binary node that stores the most."""
    w, h = engine.value(0.999), engine.value(0.5)
    for _ in range(nodes):
        h = h * w
    return h
