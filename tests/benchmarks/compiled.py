"""Compiled mode: glassgrad compared with PyTorch, JAX, CasADi, NumPy and C.

Every contender has a process of its own, on one and the same core, that lives through the rounds and
is asked by turns. Before it is timed it must have taken the same first steps as all the others.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from contenders import (
    CONTENDERS,
    EACH,
    JAX,
    LEANEST,
    NUMPY_RUN,
    PYTORCH,
    RUN,
    STEP,
    C,
    Contender,
)
from environment import HERE, clean_environ
from report import Measurement, significant, single_table, table

TITLES = {
    "moons": "Moons: MLP of 2, 16, 16, 1, 100 samples, hinge loss + L2, SGD",
    "gpt": "GPT: 1 layer, 16 wide, 4 heads, names of 7 letters, another one each step, Adam",
    "wide": "Wide: MLP of 64, 128, 10, batch 256, mean squared error, SGD",
}
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}

HOW = """\
{rounds} rounds; in each every contender is timed once, by turns, in a process of its own, all on one and the
same core. Ratios are medians of the rounds' ratios. All took the same first steps, measured by the losses
and by how far the parameters moved, to 1e-9 (float32: 1e-4). *First step after* counts from the start of the
process: imports, tracing and compiling, from their caches where they keep any. Compiled calls 1, 2, 4, 8, …
are checked against eager, at the price of an eager step; a median leaves out the few rounds that have one."""

#: The peers that others are compared with, a column each; PyTorch and JAX use their default float32.
PEERS = {
    "moons": [(PYTORCH, "float32"), (LEANEST, "float32"), (JAX, "float32"), (C, "float64")],
    "gpt": [(PYTORCH, "float32"), (JAX, "float32")],
    "wide": [(PYTORCH, "float32"), (PYTORCH, "float64"), (JAX, "float32")],
}


class Target(NamedTuple):
    """A target: glassgrad is ``times`` as fast as a peer; both have a name and a dtype."""

    workload: str
    row_key: tuple[str, str]
    peer: tuple[str, str]
    times: float


TARGETS = [
    Target("moons", (RUN, "float64"), (PYTORCH, "float32"), 20),
    Target("moons", (RUN, "float64"), (LEANEST, "float32"), 9),
    Target("moons", (RUN, "float64"), (JAX, "float32"), 3),
    Target("moons", (RUN, "float64"), (C, "float64"), 1 / 2.5),
    Target("moons", (STEP, "float64"), (PYTORCH, "float32"), 9),
    Target("moons", (NUMPY_RUN, "float64"), (PYTORCH, "float32"), 5),
    Target("gpt", (EACH, "float64"), (PYTORCH, "float32"), 4),
    Target("gpt", (EACH, "float64"), (JAX, "float32"), 1),
    Target("wide", (NUMPY_RUN, "float64"), (PYTORCH, "float64"), 1),
    Target("wide", (NUMPY_RUN, "float32"), (PYTORCH, "float32"), 1),
]


@dataclass
class Row:
    """A contender's process, and the seconds of a step in each round."""

    contender: Contender
    process: subprocess.Popen[str]
    numbers: list[list[float]]
    first: float
    version: str
    times: list[float] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        return self.contender.label, self.contender.floats

    def ask(self) -> None:
        assert self.process.stdin
        print(file=self.process.stdin, flush=True)
        answer = answer_of(self.process)
        if "seconds" not in answer:
            raise SystemExit(f"{self.key}: {answer['left_out']}")
        self.times.append(answer["seconds"])

    def stop(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def answer_of(process: subprocess.Popen[str]) -> Any:
    assert process.stdout
    line = process.stdout.readline()
    return json.loads(line) if line else {"left_out": "it ended with an error, printed when it was measured"}


def start(workload: str, contender: Contender, peers: Path, spell: float) -> Row | str:
    """Start its process and take the first steps; return the reason if it is skipped."""
    begin = time.time()
    row = str(CONTENDERS[workload].index(contender))
    python = str(peers) if contender.apart else sys.executable
    process = subprocess.Popen(
        [python, str(HERE / "contender.py"), workload, row, str(spell)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environ(),
        cwd=HERE,
    )
    answer = answer_of(process)
    if "left_out" not in answer:
        return Row(contender, process, answer["numbers"], answer["first"] - begin, answer["version"])
    process.communicate()
    remedy = f" (pip install {contender.package})" if contender.package else ""
    return f"{contender.label} is left out: {answer['left_out']}{remedy}"


def check_same(workload: str, row: Row, expected: Row) -> None:
    """Exit if a contender's losses or the changes of its parameters differ from those of the first one."""
    tolerance = TOLERANCE[row.contender.floats]
    for step, (actual, reference) in enumerate(zip(row.numbers, expected.numbers, strict=True)):
        if not all(math.isclose(a, b, rel_tol=tolerance) for a, b in zip(actual, reference, strict=True)):
            raise SystemExit(
                f"{row.key} disagrees with {expected.key} on {workload}, step {step}: the loss and how far "
                f"the parameters are from their start are {actual} instead of {reference}"
            )


def contest(workload: str, peers: Path, rounds: int, spell: float) -> tuple[list[Row], list[str]]:
    """Time all contenders of a workload by turns; return them, fastest first, and those that are skipped."""
    rows, left_out = [], []
    try:
        for contender in CONTENDERS[workload]:
            row = start(workload, contender, peers, spell)
            if isinstance(row, str):
                left_out.append(row)
            else:
                rows.append(row)
            print(f"{workload}: {row if isinstance(row, str) else row.key}", file=sys.stderr)
        for row in rows:
            check_same(workload, row, rows[0])
        for turn in range(rounds):
            for row in rows:
                row.ask()
            print(f"{workload}: round {turn + 1} of {rounds}", file=sys.stderr)
    finally:
        for row in rows:
            row.stop()
    return sorted(rows, key=lambda row: median(row.times)), left_out


def ratio(row: Row, peer: Row) -> float:
    """Return the speed relative to the peer, as the median over the rounds."""
    return median(peer_seconds / seconds for seconds, peer_seconds in zip(row.times, peer.times, strict=True))


def ratio_table(workload: str, rows: list[Row]) -> str:
    by_key = {row.key: row for row in rows}
    peers = [by_key[key] for key in PEERS[workload] if key in by_key]
    head = ["", "floats", "µs a step (median)", "min–max", "first step after", *map(heading, peers)]
    body = []
    for row in rows:
        name = f"**{row.key[0]}**" if row.contender.is_own else row.key[0]
        middle, least, most = (significant(f(row.times) * 1e6) for f in (median, min, max))
        ratios = [relation(row, peer) for peer in peers]
        body.append([name, row.key[1], middle, f"{least}–{most}", f"{row.first:.1f} s", *ratios])
    return table(head, body, 2)


def heading(peer: Row) -> str:
    if peer.contender.name == C:
        return "time, C = 1"
    return f"× {peer.contender.name}" + (", float64" if peer.contender.floats == "float64" else "")


def relation(row: Row, peer: Row) -> str:
    """Format a ratio: a multiple of the time of C, or the speed relative to other peers."""
    times = ratio(row, peer)
    if peer.contender.name == C:
        return significant(1 / times)
    return f"{significant(times)}×" if times > 0.1 else f"1/{significant(1 / times)}"


def verdicts(contests: dict[str, list[Row]]) -> list[Measurement]:
    """Compare the targets with the measurements."""
    measurements = []
    for workload, *keys, sought in TARGETS:
        by_key = {row.key: row for row in contests.get(workload, [])}
        if not all(key in by_key for key in keys):
            continue
        own, peer = (by_key[key] for key in keys)
        times, what = ratio(own, peer), f"{workload}: {' '.join(own.key)}"
        is_met = times >= sought
        if peer.contender.name == C:
            measurements.append(
                Measurement(f"{what}; time, C = 1", f"{1 / times:.2f}", f"≤ {1 / sought:g}", is_met)
            )
        else:
            target = "ahead" if sought == 1 else f"{sought:g}×"
            measurements.append(
                Measurement(f"{what} compared with {' '.join(peer.key)}", f"{times:.2f}×", target, is_met)
            )
    return measurements


def bars(rows: list[Row]) -> list[tuple[str, float, bool]]:
    """Return the rows of the plot: name, seconds of a step, and True for glassgrad."""
    return [(r.contender.name, median(r.times), r.contender.is_own) for r in rows if r.contender.shown]


def section(workload: str, rows: list[Row], left_out: list[str]) -> str:
    return "\n\n".join([TITLES[workload], ratio_table(workload, rows), *left_out])


def summary(contests: dict[str, list[Row]]) -> Iterator[str]:
    """Return the targets and the list of contenders."""
    if targets := verdicts(contests):
        yield f"Targets\n\n{single_table(targets)}"
    all_rows = [row for rows in contests.values() for row in rows]
    notes = {r.contender.name: r.contender.note for r in all_rows if r.contender.note}
    versions = {r.contender.package: r.version for r in all_rows if r.version}
    lines = [f"- {name}: {note}" for name, note in notes.items()]
    lines.append("- versions: " + ", ".join(map(" ".join, versions.items())))
    yield "The contenders\n\n" + "\n".join(lines)
