"""One measurement in a process of its own: ``worker.py ENGINE WORKLOAD GC STEPS`` prints JSON.

A fresh process for each, so that no engine's heap or collector is disturbed by another's. It runs in a
thread with a big stack, because the backward pass of the peers is recursive.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
import tracemalloc
from contextlib import nullcontext
from typing import Any

from engines import ENGINES
from machine import peak_bytes
from workloads import operations_alone, products, products_and_sums, timed

STACK = 512 * 2**20
DEPTH = 10**6
#: The operations of a pass inside ``no_grad()``.
OPERATIONS = 20_000


def seconds_a_step(engine: str, workload: str, collector: bool, steps: int) -> dict[str, Any]:
    """The mean of ``steps`` steps after one to warm up, and a few tiny backward passes before it.

    The tiny ones are for CPython 3.11, which may take eight calls of a function to specialize it.

    With the collector on, a full collection falls into some steps and not into others: hence a mean,
    and one stopwatch over all of them. With it off, what a step leaves behind is collected between
    the steps, off the clock.
    """
    adapter = ENGINES[engine].load()
    for _ in range(10):
        (adapter.value(2.0) * adapter.value(3.0) + adapter.value(1.0)).relu().backward()
    step = timed(workload, engine)(adapter)
    results = [step()]
    gc.collect()
    clock = time.perf_counter
    if collector:
        start = clock()
        for _ in range(steps):
            results.append(step())
        spent = clock() - start
    else:
        gc.disable()
        spent = 0.0
        for _ in range(steps):
            start = clock()
            results.append(step())
            spent += clock() - start
            gc.collect()
    return {"seconds": spent / steps, "results": results}


def bytes_a_node(engine: str, nodes: int = 20_000) -> dict[str, Any]:
    """Count the bytes of a product of two Values by tracemalloc, after the forward and the backward pass."""
    adapter = ENGINES[engine].load()
    products(adapter, 100).backward()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    counts = []
    for length in (nodes, 2 * nodes):  # the difference excludes leaves and bookkeeping
        before = tracemalloc.get_traced_memory()[0]
        root = products(adapter, length)
        forward = tracemalloc.get_traced_memory()[0] - before
        root.backward()
        counts.append((forward, tracemalloc.get_traced_memory()[0] - before))
        del root
        gc.collect()
    forward, backward = ((more - less) / nodes for less, more in zip(*counts))
    return {"forward": forward, "backward": backward}


def million(engine: str, nodes: int = DEPTH) -> dict[str, Any]:
    """Measure the peak resident size of a process that runs a chain of 10**6 nodes, forward and backward."""
    adapter = ENGINES[engine].load()
    start = time.perf_counter()
    root = products_and_sums(adapter, nodes)
    root.backward()
    del root
    spent = time.perf_counter() - start
    return {"seconds": spent, "peak": peak_bytes()}


def seconds_an_operation(engine: str, steps: int) -> dict[str, float]:
    """Measure the mean time of an operation inside ``no_grad()``, and outside of it."""
    from autograd import no_grad

    adapter = ENGINES[engine].load()
    answer = {}
    for name, mode in (("no_grad", no_grad), ("recorded", nullcontext)):
        with mode():
            operations_alone(adapter, OPERATIONS)
            start = time.perf_counter()
            for _ in range(steps):
                operations_alone(adapter, OPERATIONS)
            answer[name] = (time.perf_counter() - start) / (steps * OPERATIONS)
    return answer


def main() -> None:
    engine, workload, collector, steps = sys.argv[1:]
    answer: dict[str, Any] = {}

    def run() -> None:
        if workload == "bytes":
            answer.update(bytes_a_node(engine))
        elif workload == "million":
            answer.update(million(engine))
        elif workload == "no_grad":
            answer.update(seconds_an_operation(engine, int(steps)))
        else:
            answer.update(seconds_a_step(engine, workload, collector == "on", int(steps)))

    sys.setrecursionlimit(2 * DEPTH)
    threading.stack_size(STACK)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if not answer:
        sys.exit(1)  # the thread has printed its traceback
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
