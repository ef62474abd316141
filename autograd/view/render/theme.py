"""Colors of all views: data is blue, gradients are orange, local derivatives are teal."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...system.messages import type_and_value

#: The suffix that gives a color an opacity of 12 percent.
FAINT = "1f"


class Theme(NamedTuple):
    """Set of colors; ``cards`` contains the fill and the border of each kind of card.

    ``box`` is the fill and the border of a group, and ``flow`` the shades of gradients from small to large.
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

    def ink_on(self, fill: str) -> str:
        """Return the text color for a fill: ink or paper, the one with more contrast."""
        return max(self.ink, self.paper, key=lambda ink: contrast(ink, fill))

    def faint(self) -> Theme:
        """Return the same colors at 12 percent, for parts that appear later."""
        cards = {kind: (fill + FAINT, border + FAINT) for kind, (fill, border) in self.cards.items()}
        plain: dict[str, Any] = {
            name: color + FAINT for name, color in self._asdict().items() if isinstance(color, str)
        }
        return self._replace(**plain, cards=cards)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colors such as "#0f172a", from 1 to 21.

    >>> contrast("#000000", "#ffffff")
    21.0

    The ratio is that of the Web Content Accessibility Guidelines 2.1, which require 4.5 for text.
    """
    dark, light = sorted(map(_luminance, (first, second)))
    return round((light + 0.05) / (dark + 0.05), 6)


def _luminance(color: str) -> float:
    red, green, blue = (
        x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4
        for x in (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


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


def theme_named(name: object, function: str = "draw") -> Theme:
    """Return the theme of that name; raise ValueError if there is none."""
    if not isinstance(name, str) or name not in THEMES:
        choices = " or ".join(map(repr, THEMES))
        raise ValueError(
            f"{function}() expected {choices} for theme, got {type_and_value(name)}. Use one of them."
        )
    return THEMES[name]


def _colors(theme: Theme) -> dict[str, str]:
    """Return the colors of a theme by the names of CSS variables, without those of networks."""
    plain = {
        name.replace("_", "-"): color for name, color in theme._asdict().items() if isinstance(color, str)
    }
    cards = {
        f"{kind}-{part}": color
        for kind, pair in theme.cards.items()
        for part, color in zip(("fill", "border"), pair, strict=True)
    }
    return plain | cards


def shades(theme: Theme) -> list[tuple[int, ...]]:
    """Return the colors of a theme, and mixtures of each with the paper, as red, green and blue.

    >>> shades(LIGHT)[:2]
    [(255, 255, 255), (15, 23, 42)]

    Of nearly equal colors only one is included, since Pillow could choose the wrong one.
    """
    paper, *others = (tuple(bytes.fromhex(color[1:])) for color in _colors(theme).values())
    colors = [paper]
    for share in (1.0, 0.75, 0.5, 0.25, int(FAINT, 16) / 255):
        for color in others:
            mixed = tuple(round(share * a + (1 - share) * b) for a, b in zip(color, paper))
            if all(max(abs(a - b) for a, b in zip(mixed, other)) >= 10 for other in colors):
                colors.append(mixed)
    return colors


#: Placeholder colors, each for a CSS variable, so that a drawing follows the light or dark setting.
_PLACEHOLDERS = {name: f"#{number:06x}" for number, name in enumerate(_colors(LIGHT), start=0x0F00F1)}
VARIABLES = LIGHT._replace(
    **{name: _PLACEHOLDERS[name] for name in LIGHT._fields if name in _PLACEHOLDERS},
    box=(_PLACEHOLDERS["paper"],) * 2,
    flow=(_PLACEHOLDERS["backward"],),
    cards={kind: (_PLACEHOLDERS[f"{kind}-fill"], _PLACEHOLDERS[f"{kind}-border"]) for kind in LIGHT.cards},
)


def with_variables(svg: str) -> str:
    """Replace the colors of an SVG drawn with ``VARIABLES`` by those of :func:`css_variables`."""
    for name, color in _PLACEHOLDERS.items():
        svg = svg.replace(f'"{color}"', f'"var(--{name})"')
    return svg


def css_variables() -> str:
    """Return the declarations of all colors, which depend on the ``color-scheme`` of the element."""
    light, dark = _colors(LIGHT), _colors(DARK)
    return "".join(f"--{name}:light-dark({light[name]},{dark[name]});" for name in light)
