"""Eager mode: glassgrad compared with micrograd, a peer in the style of microgpt, and the peers on PyPI.

Every measurement is a process of its own, and the engines take turns within every round.
(``contenders/eager.py`` has the eager rows of the compiled tables.)
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import report
from engines import BASELINE, ENGINES
from environment import HERE, Environment
from report import Measurement, Times
from workloads import TIMED

TITLES = {
    "moons": "Moons: MLP of 2, 16, 16, 1, 100 samples, hinge loss + L2, one step of forward, backward, SGD",
    "gpt": (
        "GPT: a training step of a scalar GPT (1 layer, 16 wide, 4 heads) on a name of 7 letters, "
        "forward, backward, Adam; glassgrad explicit and the peers differ only in their Value"
    ),
    "chain": "Chain: 10,000 links of tanh(x·w + b), forward and backward",
}
TABLES = (*TIMED, "memory", "no_grad", "import")
TOLERANCE = 1e-9


def sections(
    environment: Environment, engines: list[str], tables: list[str], rounds: int, steps: int
) -> Iterator[str]:
    """Yield the requested tables as Markdown."""
    yield (
        f"{rounds} rounds, in each one process for each engine and collector setting by turns, {steps} steps "
        "a process after one to warm up (and ten tiny backward passes, by which CPython 3.11 has specialized "
        "the engine). Ratios are medians of the rounds' ratios."
    )
    measurements: list[Measurement] = []
    for workload in TIMED:
        if workload in tables:
            times = timed(environment, engines, workload, rounds, steps)
            yield f"{TITLES[workload]}\n\n{report.timing_table(workload, times)}"
            measurements += report.target_ratios(workload, times)
    if "memory" in tables:
        nodes = memory(environment, engines)
        yield f"Memory, by tracemalloc\n\n{report.memory_table(nodes)}"
        if "glassgrad explicit" in nodes:
            measurements.append(binary_node(nodes["glassgrad explicit"][0]))
        measurements.append(a_million(environment))
    if "no_grad" in tables:
        measurements.append(time_no_grad(environment, rounds, steps))
    if "import" in tables:
        measurements.append(import_time(environment, 4 * rounds + 1))
    if measurements:
        yield f"Targets\n\n{report.single_table(measurements)}"
    yield f"The engines\n\n{report.notes(engines)}"


def measure(environment: Environment, engine: str, workload: str, collector: str, steps: int) -> Any:
    """Run one worker process and return its result."""
    worker = str(HERE / "worker.py")
    return json.loads(environment.run(worker, engine, workload, collector, str(steps)))


def check_same(workload: str, engine: str, results: Any, expected: Any) -> None:
    """Exit if an engine's results differ from the baseline, because its time would mean nothing."""
    for step, (numbers, reference) in enumerate(zip(results, expected, strict=True)):
        for x, y in zip(numbers, reference, strict=True):
            if not math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
                raise SystemExit(
                    f"{engine} disagrees with {BASELINE} on {workload}, step {step}: "
                    f"{numbers} instead of {reference}"
                )


def timed(environment: Environment, engines: list[str], workload: str, rounds: int, steps: int) -> Times:
    """Time the engines of one workload, by turns in every round."""
    engines = [e for e in engines if ENGINES[e].takes_part(workload)]
    seconds: dict[tuple[str, str], list[float]] = {(gc, e): [] for gc in ("on", "off") for e in engines}
    expected: Any = None
    for turn in range(rounds):
        for (collector, engine), measured in seconds.items():
            answer = measure(environment, engine, workload, collector, steps)
            expected = expected or answer["results"]
            check_same(workload, engine, answer["results"], expected)
            measured.append(answer["seconds"])
        print(f"{workload}: round {turn + 1} of {rounds}", file=sys.stderr)
    return seconds


def memory(environment: Environment, engines: list[str]) -> dict[str, tuple[float, float]]:
    """Measure the bytes of a node after the forward and after the backward pass, for each engine."""
    answers = {
        e: measure(environment, e, "bytes", "off", 1) for e in engines if ENGINES[e].takes_part("bytes")
    }
    return {e: (a["forward"], a["backward"]) for e, a in answers.items()}


def binary_node(forward: float) -> Measurement:
    return Measurement(
        "a binary node after the forward pass",
        f"{forward:.0f} bytes",
        f"≤ {report.BYTES_A_NODE} bytes",
        round(forward, 1) <= report.BYTES_A_NODE,
    )


def a_million(environment: Environment) -> Measurement:
    answer = measure(environment, "glassgrad explicit", "million", "on", 1)
    mebibytes = answer["peak"] / 2**20
    return Measurement(
        "a chain of 10**6 nodes, forward and backward: peak resident size of the process",
        f"{mebibytes:.0f} MiB ({answer['seconds']:.1f} s)",
        f"≤ {report.PEAK_OF_A_MILLION / 2**20:.0f} MiB",
        answer["peak"] <= report.PEAK_OF_A_MILLION,
    )


def time_no_grad(environment: Environment, rounds: int, steps: int) -> Measurement:
    answers = [measure(environment, "glassgrad explicit", "no_grad", "on", steps) for _ in range(rounds)]
    inside, recorded = (median(a[name] for a in answers) * 1e9 for name in ("no_grad", "recorded"))
    subject = "an operation inside `no_grad()`, 10,000 times x·w + b"
    return Measurement(subject, f"{inside:.0f} ns ({recorded:.0f} ns if recorded)")


def import_time(environment: Environment, processes: int) -> Measurement:
    """Time ``import autograd`` in a new process, minus a bare start; its .pyc files exist already."""
    environment.run("-c", "import autograd")
    extra = []
    for _ in range(processes):
        spent = []
        for code in ("pass", "import autograd"):
            start = time.perf_counter()
            environment.run("-c", code)
            spent.append(time.perf_counter() - start)
        extra.append(spent[1] - spent[0])
    return Measurement(
        f"`import autograd` less a bare start, median of {processes} processes",
        f"{median(extra) * 1e3:.1f} ms ({min(extra) * 1e3:.1f}–{max(extra) * 1e3:.1f})",
        f"≤ {report.IMPORT_SECONDS * 1e3:.0f} ms",
        median(extra) <= report.IMPORT_SECONDS,
    )
