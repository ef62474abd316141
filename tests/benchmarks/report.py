"""The printed report: Markdown tables of medians, ratios and targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from engines import BASELINE, ENGINES
from workloads import LINKS, NODES_A_LINK

#: The ratios to micrograd that are promised: (workload, collector, engine).
TARGETS = {
    ("moons", "on", "glassgrad explicit"): 22.0,
    ("moons", "on", "glassgrad dot"): 55.0,
    ("moons", "off", "glassgrad explicit"): 3.0,
    ("moons", "off", "glassgrad dot"): 5.5,
    ("moons", "on", "glassgrad nn.MLP"): 55.0,
    ("moons", "off", "glassgrad nn.MLP"): 5.5,
    ("gpt", "on", "glassgrad dot"): 40.0,
    ("chain", "on", "glassgrad explicit"): 6.5,
    ("chain", "off", "glassgrad explicit"): 3.0,
}
BYTES_A_NODE = 120
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
    """Three digits or all before the point, and never an exponent: 1,070, 54.6, 0.676."""
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def verdict(reached: bool) -> str:
    return "met" if reached else "**missed**"


def timing_table(workload: str, seconds: dict[tuple[str, str], list[float]]) -> str:
    """A timed workload: for (collector, engine) the seconds of each round, in the order of the rounds."""
    unit, scale = _UNITS[workload]
    rows = []
    for (collector, engine), times in seconds.items():
        base = seconds[collector, BASELINE]
        ratios = [theirs / ours for theirs, ours in zip(base, times, strict=True)]
        ratio = median(ratios)
        target = TARGETS.get((workload, collector, engine))
        rows.append(
            [
                collector,
                engine,
                significant(median(times) * scale),
                f"{ratio:.2f}x" if engine != BASELINE else "1",
                f"{min(ratios):.2f}–{max(ratios):.2f}" if engine != BASELINE else "",
                f"{target:g}x" if target else "",
                verdict(ratio >= target) if target else "",
            ]
        )
    head = ["collector", "engine", f"{unit} (median)", "faster than micrograd", "min–max", "target", ""]
    return table(head, rows, 2)


def memory_table(nodes: dict[str, tuple[float, float]]) -> str:
    """Bytes of a product node for each engine, after the forward and after the backward pass."""
    rows = [
        [
            engine,
            f"{forward:.0f}",
            f"{backward:.0f}",
            f"≤ {BYTES_A_NODE}" if engine == "glassgrad explicit" else "",
            verdict(round(forward, 1) <= BYTES_A_NODE) if engine == "glassgrad explicit" else "",
        ]
        for engine, (forward, backward) in nodes.items()
    ]
    head = ["engine", "bytes a binary node after forward", "after backward", "target", ""]
    return table(head, rows, 1)


def single_table(rows: Iterable[tuple[str, str, str, bool]]) -> str:
    """What is measured of glassgrad alone: what, measured, target, whether it is met."""
    head = ["glassgrad", "measured", "target", ""]
    return table(head, [(*texts, verdict(reached)) for *texts, reached in rows], 1)


def notes(engines: Iterable[str]) -> str:
    """Which engines took part, their versions and what was added to them."""
    lines = []
    for name in engines:
        engine = ENGINES[name]
        lines.append(
            f"- {name}: " + "; ".join(filter(None, [engine.package or "this checkout", engine.note]))
        )
    return "\n".join(lines)
