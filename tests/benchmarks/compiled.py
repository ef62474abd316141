"""compile() beside PyTorch and C, by turns in one process: ``python tests/benchmarks/compiled.py [what …]``.

``moons``, ``wide`` (64, 128, 10 at batch 256), ``gpt`` and ``cost`` (how it grows) need torch, numba and
for the row of C a compiler (``cc``). Single core; the first column is the least of the rounds, the
ratios are medians of the rounds' ratios.
"""

from __future__ import annotations

import ctypes
import math
import random
import shutil
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from workloads import ALPHABET, CONTEXT, END, HEADS, NAMES, VOCABULARY, WIDTH, initial_weights, two_moons

import autograd
from autograd import Value, compile, dot, logsumexp, softmax, take
from nn import MLP, SGD, Adam, hinge_loss

Jobs = dict[str, tuple[Callable[[int], Any], int]]
RATE = 0.05


def again(step: Callable[[], Any]) -> Callable[[int], Any]:
    return lambda n: [step() for _ in range(n)]


def report(title: str, jobs: Jobs, peers: list[str], rounds: int = 9) -> None:
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, (run, count) in jobs.items():
            start = time.perf_counter()
            run(count)
            times[name].append((time.perf_counter() - start) / count * 1e6)
    peers = [p for p in peers if p in jobs]
    print(f"\n{title}\n\n| | µs | {' | '.join(f'{p} / this' for p in peers)} |")
    print("| --- |" + " ---: |" * (1 + len(peers)))
    for name, mine in times.items():
        ratios = (median(a / b for a, b in zip(times[p], mine)) for p in peers)
        print(f"| {name} | {min(mine):,.1f} | {' | '.join(f'{r:.2f}' for r in ratios)} |", flush=True)


def torch_on_one_core() -> Any:
    import torch

    torch.set_num_threads(1)
    return torch


# micrograd's demo ---------------------------------------------------------------------------------


def moons() -> None:
    torch = torch_on_one_core()
    functional = torch.nn.functional
    xs, ys = two_moons()
    start = [w for layer in initial_weights() for weights in layer for w in (*weights, 0.0)]
    inputs, labels = torch.tensor(xs), torch.tensor(ys, dtype=torch.float32)

    def net() -> Any:
        linear, relu = torch.nn.Linear, torch.nn.ReLU
        return torch.nn.Sequential(linear(2, 16), relu(), linear(16, 16), relu(), linear(16, 1))

    documented = net()
    optimizer = torch.optim.SGD(documented.parameters(), lr=RATE)

    def as_documented() -> None:
        scores = documented(inputs)[:, 0]
        decay = sum((p * p).sum() for p in documented.parameters())
        loss = (1 - labels * scores).relu().mean() + 1e-4 * decay
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    tensors = [p.detach().clone().requires_grad_() for p in net().parameters()]

    def leanest() -> None:
        w1, b1, w2, b2, w3, b3 = tensors
        h = functional.linear(functional.linear(inputs, w1, b1).relu(), w2, b2).relu()
        flat = torch.cat([p.view(-1) for p in tensors])
        scores = functional.linear(h, w3, b3)[:, 0]
        loss = (1 - labels * scores).relu().mean() + 1e-4 * flat.dot(flat)
        slopes = torch.autograd.grad(loss, tensors)
        with torch.no_grad():
            torch._foreach_add_(tensors, slopes, alpha=-RATE)

    jobs: Jobs = {"PyTorch": (again(as_documented), 100), "leanest PyTorch": (again(leanest), 100)}
    if (train := in_c(xs, ys, start)) is not None:
        jobs["C, -O3 -march=native"] = train, 3000
    for backend in ("numba", "numpy"):
        model = MLP(2, [16, 16, 1])
        for p, w in zip(model.parameters(), start, strict=True):
            p.data = w

        def loss(xs: Any, ys: Any, model: MLP = model) -> Value:
            decay = autograd.sum([p * p for p in model.parameters()])
            return hinge_loss([model(x) for x in xs], ys) + 1e-4 * decay

        step = compile(loss, SGD(model.parameters(), lr=RATE), backend=backend)
        first = step(xs, ys)
        if train is not None and backend == "numba":
            assert math.isclose(first, in_c(xs, ys, start)(1), rel_tol=1e-12)  # type: ignore[misc]
        for _ in range(40):  # past the first audits
            step(xs, ys)
        jobs[f"{backend}, step.run"] = (lambda n, step=step: step.run(n, xs, ys)), 1000
        jobs[f"{backend}, step()"] = again(lambda step=step: step(xs, ys)), 200
    report("Moons: MLP of 2, 16, 16, 1, 100 samples, hinge loss + L2, SGD", jobs, [*jobs][:3])


def in_c(xs: Any, ys: Any, start: list[float]) -> Callable[[int], Any] | None:
    """The same by hand in C, and checked to give the same first loss."""
    if shutil.which("cc") is None:
        return None
    library = Path(tempfile.mkdtemp()) / "moons.so"
    source = str(Path(__file__).with_name("moons.c"))
    command = ["cc", "-O3", "-march=native", "-shared", "-fPIC", "-o", str(library), source]
    subprocess.run(command, check=True)
    code = ctypes.CDLL(str(library))
    code.train.restype = ctypes.c_double

    def doubles(numbers: Any) -> Any:
        held = array("d", numbers)
        return (ctypes.c_double * len(held)).from_buffer(held)

    code.prepare(doubles([x for row in xs for x in row]), doubles(ys))
    parameters, gradients = doubles(start), doubles([0.0] * len(start))
    return lambda n: code.train(n, ctypes.c_double(RATE), parameters, gradients)


# A wide layer -------------------------------------------------------------------------------------


def wide(batch: int = 256, widths: tuple[int, int, int] = (64, 128, 10)) -> None:
    torch = torch_on_one_core()
    rng = random.Random(0)
    xs = [[rng.gauss(0.0, 1.0) for _ in range(widths[0])] for _ in range(batch)]
    ys = [[rng.gauss(0.0, 1.0) for _ in range(widths[2])] for _ in range(batch)]
    inputs, targets = torch.tensor(xs), torch.tensor(ys)
    net = torch.nn.Sequential(torch.nn.Linear(*widths[:2]), torch.nn.ReLU(), torch.nn.Linear(*widths[1:]))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)

    def as_documented() -> None:
        loss = ((net(inputs) - targets) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    jobs: Jobs = {"PyTorch, float32": (again(as_documented), 50)}
    for backend in ("numba", "numpy"):
        for dtype in ("float64", "float32"):
            model = MLP(widths[0], list(widths[1:]), seed=0)

            def loss(xs: Any, ys: Any, model: MLP = model) -> Value:
                errors = [(p - t) ** 2 for x, y in zip(xs, ys) for p, t in zip(model(x), y)]
                return autograd.sum(errors) * (1.0 / (batch * widths[2]))

            step = compile(loss, SGD(model.parameters(), lr=0.01), backend=backend, dtype=dtype)
            step(xs, ys)
            step.run(3, xs, ys)
            jobs[f"{backend}, {dtype}, step.run"] = (lambda n, step=step: step.run(n, xs, ys)), 50
    report("Wide: MLP of 64, 128, 10, batch 256, squared error, SGD", jobs, ["PyTorch, float32"])


# A GPT in scalars ---------------------------------------------------------------------------------


def gpt() -> None:
    torch = torch_on_one_core()
    nn, functional = torch.nn, torch.nn.functional
    names = [[END, *map(ALPHABET.index, name), END] for name in NAMES]

    class Net(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
            self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
            self.query, self.key, self.content, self.out = (
                nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4)
            )
            self.widen = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
            self.narrow = nn.Linear(4 * WIDTH, WIDTH, bias=False)

        def normed(self, x: Any) -> Any:
            return x * (x.square().mean(-1, keepdim=True) + 1e-5).rsqrt()

        def forward(self, name: Any) -> Any:
            length = name.shape[0]
            x = self.normed(self.tokens(name) + self.positions(torch.arange(length)))
            h = self.normed(x)
            q, k, v = (
                part(h).view(length, HEADS, -1).transpose(0, 1)
                for part in (self.query, self.key, self.content)
            )
            a = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(a.transpose(0, 1).reshape(length, WIDTH))
            return self.head(x + self.narrow(self.widen(self.normed(x)).relu()))

    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    tensors = [torch.tensor(name) for name in names]

    def as_documented(n: int) -> None:
        for k in range(n):
            name = tensors[k % len(tensors)]
            loss = functional.cross_entropy(net(name[:-1]), name[1:])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    loss, parameters = scalar_gpt()
    step = compile(loss, Adam(parameters, lr=0.01), backend="numba")
    for k in range(40):
        step(names[k % len(names)])
    jobs: Jobs = {
        "PyTorch": (as_documented, 40),
        "numba, step.each, another name each step": (
            lambda n: step.each([(names[k % len(names)],) for k in range(n)]),
            40,
        ),
        "numba, step.run, one name": (lambda n: step.run(n, names[0]), 40),
        "numba, step()": (lambda n: [step(names[k % len(names)]) for k in range(n)], 40),
    }
    report("GPT: 1 layer, 16 wide, 4 heads, names of 7 letters, Adam", jobs, ["PyTorch"])


def scalar_gpt() -> tuple[Callable[[Any], Value], list[Value]]:
    """The loss of workloads.py's GPT, as a function of a name."""
    rng = random.Random(1337)

    def matrix(rows: int, columns: int) -> list[list[Value]]:
        return [[Value(rng.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]

    tokens, positions, head = matrix(VOCABULARY, WIDTH), matrix(CONTEXT, WIDTH), matrix(VOCABULARY, WIDTH)
    query, key, content, out = (matrix(WIDTH, WIDTH) for _ in range(4))
    widen, narrow = matrix(4 * WIDTH, WIDTH), matrix(WIDTH, 4 * WIDTH)
    matrices = (tokens, positions, head, query, key, content, out, widen, narrow)
    heads = [slice(i, i + WIDTH // HEADS) for i in range(0, WIDTH, WIDTH // HEADS)]

    def linear(weights: Any, x: Any) -> list[Value]:
        return [dot(row, x) for row in weights]

    def normed(x: Any) -> list[Value]:
        scale = (dot(x, x) * (1.0 / WIDTH) + 1e-5) ** -0.5
        return [a * scale for a in x]

    def attended(q: Any, keys: Any, values: Any) -> list[Value]:
        weights = softmax([dot(q, k) * len(q) ** -0.5 for k in keys])
        return [dot(weights, column) for column in zip(*values)]

    def loss(name: Any) -> Value:
        keys: list[Any] = []
        values: list[Any] = []
        losses = []
        for position, (token, target) in enumerate(pairwise(name)):
            embedded = [take(column, token) for column in zip(*tokens)]
            x = normed([a + b for a, b in zip(embedded, positions[position])])
            h = normed(x)
            q = linear(query, h)
            keys.append(linear(key, h))
            values.append(linear(content, h))
            mixed = [a for s in heads for a in attended(q[s], [k[s] for k in keys], [v[s] for v in values])]
            x = [a + b for a, b in zip(x, linear(out, mixed))]
            x = [a + b for a, b in zip(x, linear(narrow, [a.relu() for a in linear(widen, normed(x))]))]
            logits = linear(head, x)
            losses.append(logsumexp(logits) - take(logits, target))
        return autograd.sum(losses) * (1.0 / len(losses))

    return loss, [p for rows in matrices for row in rows for p in row]


# How the cost grows -------------------------------------------------------------------------------


def cost() -> None:
    """Recording, passes and steps of a chain by its nodes, and steps by lanes: over three decades."""
    print("\n| nodes of a chain | first call, µs a node | a step, ns a node |\n| ---: | ---: | ---: |")
    for links in (30, 300, 3_000, 30_000):
        w, b = Value(0.9), Value(0.1)

        def chain(x: Any, links: int = links, w: Value = w, b: Value = b) -> Value:
            h = x
            for _ in range(links):
                h = (h * w + b).tanh()
            return h

        compile(chain, backend="numba")(0.5)
        step = compile(chain, SGD([w, b], lr=0.0), backend="numba")
        start = time.process_time()
        step(0.5)
        first = time.process_time() - start
        step(0.5)
        start = time.process_time()
        step.run(30, 0.5)
        spent = (time.process_time() - start) / 30
        print(
            f"| {3 * links:,} | {first / links / 3 * 1e6:.1f} | {spent / links / 3 * 1e9:.0f} |", flush=True
        )
    print("\n| samples in lanes | first call, ms | a step, ns a sample |\n| ---: | ---: | ---: |")
    model = MLP(2, [16, 16, 1])
    parameters = model.parameters()

    def loss(xs: Any, ys: Any) -> Value:
        return hinge_loss([model(x) for x in xs], ys) + 1e-4 * autograd.sum([p * p for p in parameters])

    step = compile(loss, SGD(parameters, lr=0.0), backend="numba")
    for samples in (32, 320, 3_200, 32_000):
        xs, ys = two_moons(samples)
        start = time.process_time()
        step(xs, ys)
        first = time.process_time() - start
        step(xs, ys)
        start = time.process_time()
        step.run(30, xs, ys)
        spent = (time.process_time() - start) / 30
        print(f"| {samples:,} | {first * 1e3:.0f} | {spent / samples * 1e9:.0f} |", flush=True)


if __name__ == "__main__":
    for what in sys.argv[1:] or ("moons", "wide", "gpt", "cost"):
        {"moons": moons, "wide": wide, "gpt": gpt, "cost": cost}[what]()
