"""The first gear, graphs built as the code runs: glassgrad beside micrograd and the peers on PyPI.

Every measurement is a process of its own, and the engines take turns within every round.
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
from workloads import TIMED

TITLES = {
    "moons": "Moons: MLP of 2, 16, 16, 1, 100 samples, hinge loss + L2, one step of forward, backward, SGD",
    "gpt": (
        "GPT: a training step of a scalar GPT (1 layer, 16 wide, 4 heads) on a name of 7 letters, "
        "forward, backward, Adam"
    ),
    "chain": "Chain: 10,000 links of tanh(x·w + b), forward and backward",
}
TABLES = (*TIMED, "memory", "import")
TOLERANCE = 1e-9


def sections(
    environment: Environment, engines: list[str], tables: list[str], rounds: int, steps: int
) -> Iterator[str]:
    """The tables that are asked for, one after another, as Markdown."""
    yield (
        f"{rounds} rounds, in each one process for each engine and collector setting by turns, {steps} steps "
        "a process after one to warm up (and ten tiny backward passes, by which CPython 3.11 has specialised "
        "the engine). Ratios are medians of the rounds' ratios."
    )
    for workload in TIMED:
        if workload in tables:
            yield f"{TITLES[workload]}\n\n{timed(environment, engines, workload, rounds, steps)}"
    singles = []
    if "memory" in tables:
        yield f"Memory, by tracemalloc\n\n{memory(environment, engines)}"
        singles.append(a_million(environment))
    if "import" in tables:
        singles.append(import_time(environment, 4 * rounds + 1))
    if singles:
        yield f"Memory and import\n\n{report.single_table(singles)}"
    yield f"The engines\n\n{report.notes(engines)}"


def measure(environment: Environment, engine: str, workload: str, collector: str, steps: int) -> Any:
    """One worker process: its answer."""
    worker = str(HERE / "worker.py")
    return json.loads(environment.run(worker, engine, workload, collector, str(steps)))


def check_same(workload: str, engine: str, results: Any, expected: Any) -> None:
    """Stop if an engine computed something else than the baseline: then its time means nothing."""
    for step, (ours, theirs) in enumerate(zip(results, expected, strict=True)):
        for x, y in zip(ours, theirs, strict=True):
            if not math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
                raise SystemExit(
                    f"{engine} disagrees with {BASELINE} on {workload}, step {step}: "
                    f"{ours} instead of {theirs}"
                )


def timed(environment: Environment, engines: list[str], workload: str, rounds: int, steps: int) -> str:
    """The table of one timed workload, its engines by turns in every round."""
    engines = [e for e in engines if ENGINES[e].takes_part(workload)]
    seconds: dict[tuple[str, str], list[float]] = {(gc, e): [] for gc in ("on", "off") for e in engines}
    expected: Any = None
    for turn in range(rounds):
        for (collector, engine), times in seconds.items():
            answer = measure(environment, engine, workload, collector, steps)
            expected = expected or answer["results"]
            check_same(workload, engine, answer["results"], expected)
            times.append(answer["seconds"])
        print(f"{workload}: round {turn + 1} of {rounds}", file=sys.stderr)
    return report.timing_table(workload, seconds)


def memory(environment: Environment, engines: list[str]) -> str:
    """The table of bytes a node."""
    answers = {
        e: measure(environment, e, "bytes", "off", 1) for e in engines if ENGINES[e].takes_part("bytes")
    }
    return report.memory_table({e: (a["forward"], a["backward"]) for e, a in answers.items()})


def a_million(environment: Environment) -> tuple[str, str, str, bool]:
    answer = measure(environment, "glassgrad explicit", "million", "on", 1)
    mebibytes = answer["peak"] / 2**20
    return (
        "a chain of 10**6 nodes, forward and backward: peak resident size of the process",
        f"{mebibytes:.0f} MiB ({answer['seconds']:.1f} s)",
        "< 1024 MiB",
        answer["peak"] < report.PEAK_OF_A_MILLION,
    )


def import_time(environment: Environment, processes: int) -> tuple[str, str, str, bool]:
    """``import autograd`` in a fresh process less a bare start, by turns; its .pyc are there already."""
    environment.run("-c", "import autograd")
    extra = []
    for _ in range(processes):
        spent = []
        for code in ("pass", "import autograd"):
            start = time.perf_counter()
            environment.run("-c", code)
            spent.append(time.perf_counter() - start)
        extra.append(spent[1] - spent[0])
    return (
        f"`import autograd` less a bare start, median of {processes} processes",
        f"{median(extra) * 1e3:.1f} ms ({min(extra) * 1e3:.1f}–{max(extra) * 1e3:.1f})",
        f"< {report.IMPORT_SECONDS * 1e3:.0f} ms",
        median(extra) < report.IMPORT_SECONDS,
    )
