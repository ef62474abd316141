"""One contender in a process of its own: ``contender.py WORKLOAD ROW SPELL`` answers in JSON.

At first it takes a few steps one by one, for its numbers to be compared, and finds out how many fill
SPELL seconds; then for each line it reads it takes so many and says how many seconds one took.
"""

from __future__ import annotations

import gc
import json
import math
import os
import sys
import time
from importlib.metadata import version

#: Standard output is for the results; output of libraries goes to standard error.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

STEPS_COMPARED = 4


def answer(**items: object) -> None:
    print(json.dumps(items), file=ANSWERS, flush=True)


def main() -> None:
    workload, row, spell = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import machine
    from contenders import CONTENDERS, UnavailableError

    contender = CONTENDERS[workload][row]
    numbers: list[tuple[float, float]] = []
    first = call = 0.0
    try:
        problem = contender.problem(workload)
        program = contender.program(problem)
        start, train = program.parameters(), program.train
        for _ in range(STEPS_COMPARED):
            begin = time.time()
            loss = train(1)
            if not numbers:
                first = time.time()
                call = first - begin
            numbers.append((loss, math.dist(start, program.parameters())))
    except (ImportError, UnavailableError) as reason:
        answer(left_out=str(reason))
        return
    if not contender.collector:
        gc.disable()

    def seconds(n: int) -> float:
        begin = time.perf_counter()
        train(n)
        spent = time.perf_counter() - begin
        if not contender.collector:
            gc.collect()
        return spent

    train(len(problem.batches))  # each shape of a batch is compiled
    n = 1
    while (spent := min(seconds(n) for _ in range(3))) < spell / 4:  # of three in a row one has no audit
        n *= 4
    n = max(1, round(n * spell / spent))
    train(n)  # a jit over n steps compiles for n
    package_version = version(contender.package) if contender.package else ""
    answer(numbers=numbers, first=first, call=call, peak=machine.peak_bytes(), version=package_version)
    for _ in sys.stdin:
        answer(seconds=seconds(n) / n)


if __name__ == "__main__":
    main()
