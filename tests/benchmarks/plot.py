"""The plot of docs/guide/performance.md: a step of micrograd's demo by every contender, logarithmic.

``plot.py`` reads JSON, of each bar the name, the seconds and whether it is ours, and writes
docs/speed-light.svg and docs/speed-dark.svg.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from environment import CHECKOUT
from report import significant

from autograd.view.render.theme import THEMES, Theme

PICTURES = CHECKOUT / "docs"
TITLE = "A training step of micrograd’s moons demo"
SUBTITLE = "MLP of 2, 16, 16, 1, all 100 samples, forward, backward and update; one core, logarithmic"

#: Inches: the width, the start and the greatest length of bars, a bar with its gap, and both margins.
WIDTH, LEFT, LENGTH, BAR, ABOVE, BELOW = 10.0, 3.55, 5.45, 0.36, 0.95, 0.45


def draw(rows: Sequence[tuple[str, float, bool]], theme: Theme, file: Path) -> None:
    """Draw ``rows``, fastest first: a name, the seconds of a step, and True for glassgrad.

    Text stays text, for fonts of the reader, and the file contains no date.
    """
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    style = {
        "font.family": "sans-serif",
        "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
        "font.size": 15,
        "svg.fonttype": "none",
        "svg.hashsalt": "glassgrad",
    }
    seconds = [s for _, s, _ in rows]
    decades = [10.0**k for k in range(-6, 2) if 10.0**k <= max(seconds)]
    tall = BAR * len(rows)
    height = ABOVE + tall + BELOW
    with plt.rc_context(style):
        figure = plt.figure(figsize=(WIDTH, height), facecolor=theme.paper)
        axes = figure.add_axes((LEFT / WIDTH, BELOW / height, LENGTH / WIDTH, tall / height))
        axes.set_axis_off()
        axes.set_xscale("log")
        axes.set_xlim(decades[0], max(seconds))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.vlines(decades, -0.5, len(rows) - 0.5, color=theme.box[1], linewidth=1, zorder=0)
        lengths = [s - decades[0] for s in seconds]
        colors = [theme.data if is_own else theme.forward for _, _, is_own in rows]
        axes.barh(range(len(rows)), lengths, left=decades[0], height=0.66, color=colors)

        def write(text: str, x: float, y: float, across: int, down: int = 0, **how: Any) -> None:
            how = {"va": "center", "ha": "left" if across > 0 else "right", "color": theme.ink} | how
            how["bbox"] = {"facecolor": theme.paper, "edgecolor": "none", "pad": 1.0}  # over the lines
            axes.annotate(text, (x, y), (across, down), textcoords="offset points", **how)

        for i, (name, s, is_own) in enumerate(rows):
            how = {"weight": "bold", "color": theme.data} if is_own else {}
            write(name, decades[0], i, -9, **how)
            write(duration(s), s, i, 7, **how)
        for decade in decades:
            write(
                duration(decade), decade, len(rows) - 0.5, 0, -11, ha="center", color=theme.muted, fontsize=12
            )
        figure.text(0.02, 1 - 0.33 / height, TITLE, fontsize=19, weight="bold", color=theme.ink, va="center")
        figure.text(0.02, 1 - 0.66 / height, SUBTITLE, fontsize=13, color=theme.muted, va="center")
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)


def duration(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3)):
        if seconds * scale >= 1:
            return f"{significant(seconds * scale)} {unit}"
    return f"{significant(seconds * 1e6)} µs"


def main() -> None:
    rows = json.load(sys.stdin)
    for name, theme in THEMES.items():
        draw(rows, theme, PICTURES / f"speed-{name}.svg")


if __name__ == "__main__":
    main()
