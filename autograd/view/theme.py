"""The colours: data is blue, gradient is orange, a local derivative is teal, everywhere."""

from __future__ import annotations

from typing import NamedTuple


class Theme(NamedTuple):
    """One set of colours; ``cards`` gives the fill and the border of each kind of card.

    ``box`` is the fill and the border of a group, ``flow`` the shades of a gradient from small to large.
    """

    paper: str
    ink: str
    muted: str
    data: str
    gradient: str
    local: str
    forward: str
    backward: str
    box: tuple[str, str]
    flow: tuple[str, ...]
    cards: dict[str, tuple[str, str]]


LIGHT = Theme(
    paper="#ffffff",
    ink="#0f172a",
    muted="#475569",
    data="#1d4ed8",
    gradient="#c2410c",
    local="#0f766e",
    forward="#94a3b8",
    backward="#ea580c",
    box=("#f8fafc", "#e2e8f0"),
    flow=("#fed7aa", "#fdba74", "#fb923c", "#ea580c", "#c2410c", "#9a3412"),
    cards={
        "leaf": ("#eff6ff", "#3b82f6"),
        "operation": ("#ffffff", "#94a3b8"),
        "output": ("#fff7ed", "#ea580c"),
        "constant": ("#f8fafc", "#cbd5e1"),
        "cut": ("#ffffff", "#cbd5e1"),
    },
)

DARK = Theme(
    paper="#111827",
    ink="#f1f5f9",
    muted="#94a3b8",
    data="#93c5fd",
    gradient="#fdba74",
    local="#5eead4",
    forward="#64748b",
    backward="#f97316",
    box=("#172033", "#334155"),
    flow=("#5f2b11", "#7c2d12", "#b4430f", "#ea580c", "#fb923c", "#fed7aa"),
    cards={
        "leaf": ("#172554", "#3b82f6"),
        "operation": ("#1e293b", "#64748b"),
        "output": ("#431407", "#f97316"),
        "constant": ("#1f2937", "#475569"),
        "cut": ("#111827", "#475569"),
    },
)

THEMES = {"light": LIGHT, "dark": DARK}


def theme_named(name: str) -> Theme:
    """The theme of that name; ValueError names those there are."""
    if name not in THEMES:
        raise ValueError(f"there is no theme {name!r}; choose one of {', '.join(map(repr, THEMES))}")
    return THEMES[name]
