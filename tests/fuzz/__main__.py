"""Random programs, as many as wanted: ``python -m tests.fuzz --programs 100000``.

They are compared with PyTorch, and for every tenth one, a compiled program is compared with eager execution.
With ``--backend``, all of them run compiled on that backend, and every fourth one reads state from outside
that changes. A failing program is reduced before it is printed. With ``--threads``, they run in that many
threads at once, and must be bit-identical to a single run.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial

from . import outside
from .compiled import differences
from .lockstep import compare
from .programs import Program, program, pure, smaller
from .threads import differing

COMPILED_EVERY, OUTSIDE_EVERY = 10, 4
#: The number of programs that the threads share at a time.
AT_ONCE = 100


def _error(check: Callable[[Program], object], program: Program) -> str:
    """Return the class of the error and the beginning of its message; empty if there is none."""
    try:
        check(program)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:12]}"
    return ""


def _fails_equally(check: Callable[[Program], object], error: str, program: Program) -> bool:
    return _error(check, program) == error


def _compiled(seed: int, counts: Counter[str], backend: str = "python") -> Callable[[Program], None]:
    def check(program: Program) -> None:
        messages = differences(program, seed, backend)
        is_reported = bool(messages) and messages[0].startswith("reported")
        counts["compiled, with a reported fallback" if is_reported else "compiled"] += 1
        if messages and not is_reported:
            raise AssertionError(f"compiled: {messages}")

    return check


def _outside(seed: int, counts: Counter[str], backend: str) -> int:
    """Run a function that reads changing state; return 1 if it was silently wrong."""
    with warnings.catch_warnings():
        messages = outside.differences(seed, backend)
    kind = messages[0].partition(":")[0] if messages else "right"
    if kind.startswith("call"):
        print(f"seed {seed}, state from outside: {messages[0]}", flush=True)
        kind = "silently wrong"
    counts[f"with state from outside: {kind}"] += 1
    return kind == "silently wrong"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed")
    parser.add_argument("--backend", help="run only compiled programs, on this backend")
    parser.add_argument(
        "--threads", type=int, default=0, help="run the programs in this many threads at once"
    )
    options = parser.parse_args()
    warnings.simplefilter("error")
    if options.threads:
        return _in_threads(
            range(options.first, options.first + options.programs), options.threads, options.backend
        )
    counts: Counter[str] = Counter()
    start, failures = time.perf_counter(), 0
    for seed in range(options.first, options.first + options.programs):
        checks = [(program, lambda p: compare(p, counts))]
        if options.backend and seed % OUTSIDE_EVERY == 0:
            failures += _outside(seed, counts, options.backend)
            continue
        if options.backend:
            checks = [(pure, _compiled(seed, counts, options.backend))]
        elif seed % COMPILED_EVERY == 0:
            checks.append((pure, _compiled(seed, counts)))
        for make, check in checks:
            before = Counter(counts)
            if error := _error(check, make(seed)):
                failures += 1
                small = smaller(make(seed), partial(_fails_equally, check, error))
                print(f"seed {seed}: {error}…\n  {small}", flush=True)
                _print_error(check, small)
                counts.clear()  # do not count the runs of the reduction
                counts.update(before)
        if (seed + 1) % 10_000 == 0:
            print(f"{seed + 1 - options.first:,} programs, {failures} failures", flush=True)
    print(f"{time.perf_counter() - start:.0f} s, {failures} failures")
    for what, count in sorted(counts.items()):
        print(f"{count:12,} {what}")
    return min(failures, 1)


def _in_threads(seeds: range, threads: int, backend: str | None) -> int:
    start, failures = time.perf_counter(), 0
    for at in range(0, len(seeds), AT_ONCE):
        block = seeds[at : at + AT_ONCE]
        for seed in differing(block, threads, backend or "python"):
            failures += 1
            print(f"seed {seed} differs among {block.start}…{block.stop - 1}", flush=True)
    took = time.perf_counter() - start
    print(f"{took:.0f} s, {len(seeds):,} programs in {threads} threads, {failures} failures")
    return min(failures, 1)


def _print_error(check: Callable[[Program], object], program: Program) -> None:
    try:
        check(program)
    except Exception as error:
        print(f"  {error}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
