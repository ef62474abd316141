"""Long trainings, on changing samples: eager, compiled, in PyTorch, and on eight threads.

python -m tests._support.long_runs 1000000 [eager] [compiled] [torch] [threads]
"""

from __future__ import annotations

import argparse
import math
import os
import random
import resource
import sys
import threading
import time
import tracemalloc
from array import array
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from autograd import compile
from nn import MLP, SGD, mse_loss

LR = 0.05
WIDTHS = [4, 1]

#: How far a parameter, or the loss of a step, may be from PyTorch's after any number of steps.
#: The samples are those of a smooth function and the activation is tanh, so that training forgets
#: roundings rather than adding them up.
APART = 1e-9

#: The number of last losses that are stored.
KEPT = 1000


def samples(seed: int) -> Iterator[tuple[tuple[float, float], float]]:
    """Yield points that never repeat, each with a smooth function of it as the target."""
    draw = random.Random(seed).uniform
    while True:
        a, b = draw(-1.0, 1.0), draw(-1.0, 1.0)
        yield (a, b), math.sin(2.0 * a) * b


class Run(NamedTuple):
    """The result of a training, and the memory it used."""

    parameters: list[float]
    losses: list[float]  # the last of them
    resident: list[int]  # bytes, at nine moments
    python_bytes: list[int]  # those of Python's own objects, where they were asked for
    seconds: float


def resident() -> int:
    """Return the resident bytes of this process; without /proc, the maximum so far."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _train(steps: int, seed: int, step: Callable[[Any, float], float], parameters: Callable[[], Any]) -> Run:
    first = max(0, steps - KEPT)
    losses = array("d", bytes(8 * (steps - first)))  # made now, so that it takes no memory later
    moments: list[int] = []
    python_bytes: list[int] = []
    every = max(1, steps // 10)
    start = time.perf_counter()
    for number, (x, y) in enumerate(samples(seed)):
        if number % every == 0 and 0 < number < steps:
            moments.append(resident())
            if tracemalloc.is_tracing():
                python_bytes.append(tracemalloc.get_traced_memory()[0])
        if number == steps:
            break
        loss = step(x, y)
        if number >= first:
            losses[number - first] = loss
    return Run(parameters(), losses.tolist(), moments, python_bytes, time.perf_counter() - start)


def eager(steps: int, seed: int = 0) -> Run:
    """Train with the four steps in eager mode."""
    model = MLP(2, WIDTHS, "tanh", seed=seed)
    optimizer = SGD(model.parameters(), lr=LR)

    def step(x: Any, y: float) -> float:
        loss = mse_loss([model(x)], [y])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.data

    return _train(steps, seed, step, lambda: [p.data for p in model.parameters()])


def compiled(steps: int, seed: int = 0, backend: str = "auto") -> Run:
    """Train with a compiled step."""
    model = MLP(2, WIDTHS, "tanh", seed=seed)
    optimizer = SGD(model.parameters(), lr=LR)
    step = compile(lambda x, y: mse_loss([model(x)], [y]), optimizer, backend=backend)
    return _train(steps, seed, step, lambda: [p.data for p in model.parameters()])


def in_torch(steps: int, seed: int = 0) -> Run:
    """Train the same network in PyTorch, in float64."""
    import torch

    from nn import to_torch

    torch.set_num_threads(1)
    net = to_torch(MLP(2, WIDTHS, "tanh", seed=seed))
    optimizer = torch.optim.SGD(net.parameters(), lr=LR, foreach=False)

    def step(x: Any, y: float) -> float:
        error = net(torch.tensor(x, dtype=torch.float64)) - y
        loss = (error * error).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return _train(steps, seed, step, lambda: numbers_of(net))


def numbers_of(net: Any) -> list[float]:
    """Return the parameters of a PyTorch net in the order of nn: per neuron, its weights and its bias."""
    numbers: list[float] = []
    for layer in net:
        if hasattr(layer, "weight"):
            for row, bias in zip(layer.weight.tolist(), layer.bias.tolist()):
                numbers += [*row, bias]
    return numbers


def on_threads(train: Callable[[int, int], Run], steps: int, threads: int = 8) -> list[Run]:
    """Run several trainings at once, each with its own model and samples."""
    runs: dict[int, Run] = {}

    def work(seed: int) -> None:
        runs[seed] = train(steps, seed)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(threads)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    return [runs[seed] for seed in range(threads)]


def apart(a: Run, b: Run) -> float:
    """Return the largest difference between two trainings of the same number of steps."""
    pairs = [*zip(a.parameters, b.parameters, strict=True), *zip(a.losses, b.losses, strict=True)]
    return max(abs(x - y) for x, y in pairs)


def main() -> None:
    """Run the trainings that the command line names, and print their cost."""
    parser = argparse.ArgumentParser(prog="python -m tests._support.long_runs", description=__doc__)
    parser.add_argument("steps", nargs="?", type=int, default=10**6)
    parser.add_argument("which", nargs="*", default=["eager", "compiled", "torch", "threads"])
    options = parser.parse_args()
    ways = {"eager": eager, "compiled": compiled, "torch": in_torch}
    runs: dict[str, Run] = {}
    for name, way in ways.items():
        if name in options.which:
            runs[name] = run = way(options.steps)
            mib = [f"{x / 2**20:.1f}" for x in run.resident]
            print(f"{name}: {options.steps:,} steps in {run.seconds:.0f} s, loss {run.losses[-1]:.3g}")
            print(f"  resident MiB after each tenth: {' '.join(mib)}", flush=True)
    for name in runs.keys() - {"torch"}:
        if "torch" in runs:
            print(f"{name} and PyTorch are at most {apart(runs[name], runs['torch']):.2g} apart")
    if "threads" in options.which:
        for name, train in (("eager", eager), ("compiled", compiled)):
            steps = max(1, options.steps // 10)
            runs_on_threads = on_threads(train, steps)
            single_runs = [train(steps, seed) for seed in range(8)]
            same = [
                a.parameters == b.parameters and a.losses == b.losses
                for a, b in zip(runs_on_threads, single_runs)
            ]
            took = max(run.seconds for run in runs_on_threads)
            print(f"8 threads, {name}, {steps:,} steps each in {took:.0f} s: {sum(same)} of 8 as alone")


if __name__ == "__main__":
    main()
