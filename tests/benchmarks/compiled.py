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
from statistics import fmean, median
from typing import Any, NamedTuple

from contenders import (
    CONTENDERS,
    EACH,
    EAGER,
    JAX,
    LEANEST,
    NUMPY_RUN,
    ONE_LENGTH,
    PYTORCH,
    RUN,
    STEP,
    C,
    Contender,
)
from environment import HERE, clean_environ
from problems import ONE_BATCH
from report import Measurement, significant, single_table, table

TITLES = {
    "moons": "Moons: MLP of 2, 16, 16, 1, 100 samples, hinge loss + L2, SGD",
    "gpt": "GPT: 1 layer, 16 wide, 4 heads, names of 7 letters, another one each step, Adam",
    "wide": "Wide: MLP of 64, 128, 10, batch 256, mean squared error, SGD",
    "wide_batches": "New batches: the same MLP, another batch of 256 each step",
    "wider": "Wider: MLP of 784, 128, 10, another batch of 64 each step, mean squared error, SGD",
    "moons_10k": "Moons, 10,000 samples: the MLP, loss and SGD of 100 samples",
    "moons_100k": "Moons, 100,000 samples: the same",
    "gpt_mixed": "GPT, names of 3 to 9 letters: another one each step; JAX pads them to 9",
    "gpt_batch": "GPT, batches of 16 names of 7 letters, another one each step",
    "lstm": "LSTM: 4 inputs, 16 units, Adam, 16 sequences a batch, padded to 4, 8, 12 or 16 (PyTorch packs)",
}
#: Samples of a step, where a table has the time of one.
SAMPLES = {"gpt_batch": 16}
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}

HOW = """\
{rounds} rounds; in each every contender is timed once, by turns, in a process of its own, all on one and the
same core. Ratios are medians of the rounds' ratios. All took the same first steps, measured by the losses
and by how far the parameters moved, to 1e-9 (float32: 1e-4). *First step after* counts from the start of the
process: imports, tracing and compiling, from their caches where they keep any. *First call* is this step
alone, and *peak* the largest resident size of the process. glassgrad gets NumPy arrays, in eager mode lists,
and PyTorch and JAX theirs. Compiled calls 1, 2, 4, 8, … are checked against eager, at the price of an eager
step; a median leaves out the few rounds that have one."""

#: Rows on one batch, in tables in which the others have a new one each step.
RUN_ONE, STEP_ONE = f"{RUN}, {ONE_BATCH}", f"{STEP}, {ONE_BATCH}"

#: The peers that others are compared with, a column each; PyTorch and JAX use their default float32.
PEERS = {
    "moons": [(PYTORCH, "float32"), (LEANEST, "float32"), (JAX, "float32"), (C, "float64")],
    "gpt": [(PYTORCH, "float32"), (JAX, "float32")],
    "wide": [(PYTORCH, "float32"), (PYTORCH, "float64"), (JAX, "float32")],
    "wide_batches": [(PYTORCH, "float32"), (JAX, "float32"), (RUN_ONE, "float64")],
    "wider": [(PYTORCH, "float32"), (JAX, "float32"), (RUN_ONE, "float64")],
    "moons_10k": [(PYTORCH, "float32"), (JAX, "float32"), (RUN, "float64")],
    "moons_100k": [(PYTORCH, "float32"), (JAX, "float32")],
    "gpt_mixed": [(PYTORCH, "float32"), (JAX, "float32")],
    "gpt_batch": [(PYTORCH, "float32"), (JAX, "float32")],
    "lstm": [(PYTORCH, "float32"), (JAX, "float32")],
}


class Target(NamedTuple):
    """A target: glassgrad is ``times`` as fast as a peer; both have a label and a dtype.

    The name of several rows stands for the mean of their times.
    """

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
    Target("wide_batches", (STEP, "float64"), (RUN_ONE, "float64"), 1 / 1.3),
    Target("wide_batches", (EACH, "float64"), (RUN_ONE, "float64"), 1 / 1.3),
    Target("wider", (STEP_ONE, "float64"), (RUN_ONE, "float64"), 1 / 1.3),
    Target("gpt_mixed", (EACH, "float64"), (ONE_LENGTH, "float64"), 1 / 1.3),
    Target("gpt_mixed", (EACH, "float64"), (PYTORCH, "float32"), 5),
]
#: The most eager steps that the first call of step() takes, and the most MB of its process, by workload.
FIRST_CALLS = {"wider": 5, "moons_10k": 1.5}
PEAKS = {"moons_10k": 300}


@dataclass
class Row:
    """A contender's process, and the seconds of a step in each round."""

    contender: Contender
    process: subprocess.Popen[str]
    numbers: list[list[float]]
    first: float
    call: float
    peak: float
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
        return Row(contender, process, **answer | {"first": answer["first"] - begin})
    process.communicate()
    remedy = f" (pip install {contender.package})" if contender.package else ""
    return f"{contender.label} is left out: {answer['left_out']}{remedy}"


def check_same(workload: str, row: Row, expected: Row) -> None:
    """Exit if a contender's losses or the changes of its parameters differ from those of another."""
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
            check_same(workload, row, next(r for r in rows if r.contender.data == row.contender.data))
        for turn in range(rounds):
            for row in rows:
                row.ask()
            print(f"{workload}: round {turn + 1} of {rounds}", file=sys.stderr)
    finally:
        for row in rows:
            row.stop()
    return sorted(rows, key=lambda row: median(row.times)), left_out


def seconds(rows: list[Row], key: tuple[str, str]) -> list[float]:
    """Return the seconds of each round, of the row with this key or the mean of those with this name."""
    found = [row for row in rows if row.key == key]
    found = found or [row for row in rows if (row.contender.name, row.contender.floats) == key]
    return [fmean(times) for times in zip(*(row.times for row in found), strict=True)]


def ratio(times: list[float], peer_times: list[float]) -> float:
    """Return the speed relative to the peer, as the median over the rounds."""
    return median(peer / own for own, peer in zip(times, peer_times, strict=True))


def ratio_table(workload: str, rows: list[Row]) -> str:
    by_key = {row.key: row for row in rows}
    peers = [by_key[key] for key in PEERS[workload] if key in by_key]
    samples = SAMPLES.get(workload, 1)
    unit = "µs a step" if samples == 1 else "µs a sample"
    head = ["", "floats", f"{unit} (median)", "min–max", "first step after", "first call", "peak"]
    body = []
    for row in rows:
        name = f"**{row.key[0]}**" if row.contender.is_own else row.key[0]
        middle, least, most = (significant(f(row.times) * 1e6 / samples) for f in (median, min, max))
        once = [f"{row.first:.1f} s", f"{significant(row.call)} s", f"{row.peak / 1e6:.0f} MB"]
        ratios = [relation(row, peer) for peer in peers]
        body.append([name, row.key[1], middle, f"{least}–{most}", *once, *ratios])
    return table([*head, *map(heading, peers)], body, 2)


def heading(peer: Row) -> str:
    if is_unit(peer):
        return f"time, {peer.contender.name.split()[-1] if peer.contender.is_own else 'C'} = 1"
    return f"× {peer.contender.name}" + (", float64" if peer.contender.floats == "float64" else "")


def is_unit(peer: Row) -> bool:
    """Return True if times are multiples of the peer's: of C, and of glassgrad itself."""
    return peer.contender.name == C or peer.contender.is_own


def relation(row: Row, peer: Row) -> str:
    """Format a ratio: a multiple of the time of C or glassgrad, or the speed relative to other peers."""
    times = ratio(row.times, peer.times)
    if is_unit(peer):
        return significant(1 / times)
    return f"{significant(times)}×" if times > 0.1 else f"1/{significant(1 / times)}"


def verdicts(contests: dict[str, list[Row]]) -> Iterator[Measurement]:
    """Compare the targets with the measurements."""
    for workload, key, peer, sought in TARGETS:
        own_times, peer_times = (seconds(contests.get(workload, []), k) for k in (key, peer))
        if not own_times or not peer_times:
            continue
        times, what = ratio(own_times, peer_times), f"{workload}: {' '.join(key)}"
        if sought < 1:
            name = "C" if peer[0] == C else peer[0]
            yield Measurement(
                f"{what}; time, {name} = 1", f"{1 / times:.2f}", f"≤ {1 / sought:g}", times >= sought
            )
        else:
            target = "ahead" if sought == 1 else f"{sought:g}×"
            yield Measurement(
                f"{what} compared with {' '.join(peer)}", f"{times:.2f}×", target, times >= sought
            )
    for workload, rows in contests.items():
        by_label = {row.contender.label: row for row in rows}
        if STEP not in by_label:
            continue
        if EAGER in by_label and (most := FIRST_CALLS.get(workload)):
            steps = by_label[STEP].call / median(by_label[EAGER].times)
            subject = f"{workload}: first call of step(), in eager steps"
            yield Measurement(subject, f"{steps:.2f}", f"≤ {most:g}", steps <= most)
        if most := PEAKS.get(workload):
            peak = by_label[STEP].peak / 1e6
            subject = f"{workload}: peak resident size with step()"
            yield Measurement(subject, f"{peak:.0f} MB", f"< {most} MB", peak < most)


def bars(rows: list[Row]) -> list[tuple[str, float, bool]]:
    """Return the rows of the plot: name, seconds of a step, and True for glassgrad."""
    return [(r.contender.name, median(r.times), r.contender.is_own) for r in rows if r.contender.shown]


def section(workload: str, rows: list[Row], left_out: list[str]) -> str:
    return "\n\n".join([TITLES[workload], ratio_table(workload, rows), *left_out])


def summary(contests: dict[str, list[Row]]) -> Iterator[str]:
    """Return the targets and the list of contenders."""
    if targets := [*verdicts(contests)]:
        yield f"Targets\n\n{single_table(targets)}"
    all_rows = [row for rows in contests.values() for row in rows]
    notes = {r.contender.name: r.contender.note for r in all_rows if r.contender.note}
    versions = {r.contender.package: r.version for r in all_rows if r.version}
    lines = [f"- {name}: {note}" for name, note in notes.items()]
    lines.append("- versions: " + ", ".join(map(" ".join, versions.items())))
    yield "The contenders\n\n" + "\n".join(lines)
