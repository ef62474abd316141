"""The printed report: Markdown tables of medians, ratios and targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from engines import BASELINE, ENGINES, MICROGPT, PEERS
from workloads import LINKS, NODES_A_LINK

#: Seconds of each round, in the order of the rounds, by (collector, engine).
Times = Mapping[tuple[str, str], Sequence[float]]

#: The target ratios, by (workload, engine, peer), with the collector on and off.
TARGETS: dict[tuple[str, str, str], dict[str, float]] = {
    ("moons", "glassgrad explicit", BASELINE): {"on": 30, "off": 4},
    ("moons", "glassgrad dot", BASELINE): {"on": 80, "off": 10},
    ("moons", "glassgrad nn.MLP", BASELINE): {"on": 55, "off": 5.5},
    ("gpt", "glassgrad explicit", BASELINE): {"on": 21, "off": 2.6},
    ("gpt", "glassgrad explicit", MICROGPT): {"on": 2.3, "off": 1.6},
    ("gpt", "glassgrad dot", BASELINE): {"on": 40},
    ("chain", "glassgrad explicit", BASELINE): {"on": 6, "off": 2.9},
}
BYTES_A_NODE = 144
PEAK_OF_A_MILLION = 2**30
IMPORT_SECONDS = 0.030

_UNITS = {
    "moons": ("ms a step", 1e3),
    "gpt": ("ms a step", 1e3),
    "chain": ("µs a node", 1e6 / (LINKS * NODES_A_LINK)),
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int) -> str:
    """A Markdown table; the columns from ``numbers_from`` on are aligned right."""
    rule = ["---" if i < numbers_from else "---:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def significant(x: float) -> str:
    """Format a number with three digits or all digits before the point, without an exponent: 1,070, 54.6."""
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def verdict(reached: bool) -> str:
    return "met" if reached else "**missed**"


class Measurement(NamedTuple):
    """A figure of glassgrad and its target; ``reached`` is None if there is no target."""

    subject: str
    measured: str
    target: str = ""
    reached: bool | None = None


def ratios(times: Times, collector: str, engine: str, peer: str) -> list[float]:
    """Return the speed of the engine relative to the peer, round by round."""
    pairs = zip(times[collector, peer], times[collector, engine], strict=True)
    return [peer_seconds / seconds for peer_seconds, seconds in pairs]


def timing_table(workload: str, times: Times) -> str:
    """One timed workload: a row for each engine, compared with each peer."""
    unit, scale = _UNITS[workload]
    rows = []
    for (collector, engine), seconds in times.items():
        row = [collector, engine, significant(median(seconds) * scale)]
        for peer in PEERS:
            values = ratios(times, collector, engine, peer)
            spread = f"{min(values):.2f}–{max(values):.2f}"
            row += ["1", ""] if engine == peer else [_times(median(values)), spread]
        rows.append(row)
    head = ["collector", "engine", f"{unit} (median)"]
    for peer in PEERS:
        head += [f"× {peer}", "min–max"]
    return table(head, rows, 2)


def target_ratios(workload: str, times: Times) -> list[Measurement]:
    """The targets of a timed workload, for the engines that took part."""
    rows = []
    for (of, engine, peer), targets in TARGETS.items():
        for collector, target in targets.items():
            if of == workload and (collector, engine) in times:
                ratio = median(ratios(times, collector, engine, peer))
                subject = f"{workload}, collector {collector}: {engine} compared with {peer}"
                rows.append(Measurement(subject, _times(ratio), f"≥ {target:g}x", ratio >= target))
    return rows


def _times(ratio: float) -> str:
    return f"{ratio:.2f}x"


def memory_table(nodes: Mapping[str, tuple[float, float]]) -> str:
    """Bytes of a product node for each engine, after the forward and after the backward pass."""
    rows = [[engine, f"{forward:.0f}", f"{backward:.0f}"] for engine, (forward, backward) in nodes.items()]
    return table(["engine", "bytes a binary node after forward", "after backward"], rows, 1)


def single_table(rows: Iterable[Measurement]) -> str:
    """Measurements of glassgrad with their targets, and the verdict where there is one."""
    body = [[*texts, "" if reached is None else verdict(reached)] for *texts, reached in rows]
    return table(["glassgrad", "measured", "target", ""], body, 1)


def notes(engines: Iterable[str]) -> str:
    """List the engines, their versions and the additions to them."""
    lines = []
    for name in engines:
        engine = ENGINES[name]
        lines.append(
            f"- {name}: " + "; ".join(filter(None, [engine.package or "this checkout", engine.note]))
        )
    return "\n".join(lines)
