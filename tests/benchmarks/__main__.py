"""Measure glassgrad beside its peers and print Markdown tables: ``python tests/benchmarks``.

The first run makes an environment with the peers under ``.benchmarks/``. Times on a shared machine
wander, so the engines take turns within every round and what to quote is the ratio.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import report
from engines import BASELINE, ENGINES
from environment import CHECKOUT, HERE, Environment
from workloads import TIMED

TITLES = {
    "moons": "Moons: MLP of 2, 16, 16, 1, 100 samples, hinge loss + L2, one step of forward, backward, SGD",
    "gpt": (
        "GPT: a training step of a scalar GPT (1 layer, 16 wide, 4 heads) on a name of 7 letters, "
        "forward, backward, Adam"
    ),
    "chain": "Chain: 10,000 links of tanh(x·w + b), forward and backward",
}
TOLERANCE = 1e-9


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


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tests/benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of every timed workload (9)")
    parser.add_argument("--steps", type=int, default=5, help="steps timed in one process (5)")
    parser.add_argument("--only", nargs="+", choices=[*TIMED, "memory", "import"], help="measure only these")
    parser.add_argument("--engines", nargs="+", choices=[*ENGINES], help=f"only these, and {BASELINE}")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 2 steps: does it run at all?")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.steps = 3, 2
    return options


def main() -> None:
    options = arguments()
    environment = Environment()
    engines = environment.prepare()
    if options.engines:
        engines = [e for e in engines if e == BASELINE or e in options.engines]
    chosen = options.only or [*TIMED, "memory", "import"]
    command = shlex.join(["python", Path(HERE).relative_to(CHECKOUT).as_posix(), *sys.argv[1:]])
    print(report.heading(command, options.rounds, options.steps), flush=True)
    for workload in TIMED:
        if workload in chosen:
            rows = timed(environment, engines, workload, options.rounds, options.steps)
            print(f"\n{TITLES[workload]}\n\n{rows}", flush=True)
    singles = []
    if "memory" in chosen:
        print(f"\nMemory, by tracemalloc\n\n{memory(environment, engines)}", flush=True)
        singles.append(a_million(environment))
    if "import" in chosen:
        singles.append(import_time(environment, 7 if options.quick else 21))
    if singles:
        print(f"\nMemory and import\n\n{report.single_table(singles)}")
    print(f"\nThe engines\n\n{report.notes(engines)}")


if __name__ == "__main__":
    main()
