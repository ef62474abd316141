"""The colours: data is blue, gradient is orange, a local derivative is teal, everywhere."""

from __future__ import annotations

from typing import Any, NamedTuple

#: What makes a colour one of 12 percent.
FAINT = "1f"


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

    def ink_on(self, fill: str) -> str:
        """What to write with on a fill: the ink or the colour of the paper, whichever stands out more."""
        return max(self.ink, self.paper, key=lambda ink: contrast(ink, fill))

    def faint(self) -> Theme:
        """The same colours at 12 percent, for what is still to come."""
        cards = {kind: (fill + FAINT, border + FAINT) for kind, (fill, border) in self.cards.items()}
        plain: dict[str, Any] = {
            name: colour + FAINT for name, colour in self._asdict().items() if isinstance(colour, str)
        }
        return self._replace(**plain, cards=cards)


def contrast(one: str, other: str) -> float:
    """How much two colours such as "#0f172a" stand out from one another, from 1 to 21.

    >>> contrast("#000000", "#ffffff")
    21.0

    The contrast ratio of the Web Content Accessibility Guidelines 2.1, which want 4.5 for text.
    """
    dark, light = sorted(map(_luminance, (one, other)))
    return round((light + 0.05) / (dark + 0.05), 6)


def _luminance(colour: str) -> float:
    red, green, blue = (
        x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4
        for x in (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
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


def theme_named(name: str) -> Theme:
    """The theme of that name; ValueError names those there are."""
    if name not in THEMES:
        raise ValueError(f"there is no theme {name!r}; choose one of {', '.join(map(repr, THEMES))}")
    return THEMES[name]


def _colours(theme: Theme) -> dict[str, str]:
    """The colours of a theme by the names of CSS variables; without those of networks."""
    plain = {
        name.replace("_", "-"): colour for name, colour in theme._asdict().items() if isinstance(colour, str)
    }
    cards = {
        f"{kind}-{part}": colour
        for kind, pair in theme.cards.items()
        for part, colour in zip(("fill", "border"), pair, strict=True)
    }
    return plain | cards


def shades(theme: Theme) -> list[tuple[int, ...]]:
    """The colours of a theme and those between each and its paper, as red, green and blue.

    >>> shades(LIGHT)[:2]
    [(255, 255, 255), (15, 23, 42)]

    Of two that nobody tells apart there is one, for Pillow might choose the wrong one.
    """
    paper, *others = (tuple(bytes.fromhex(colour[1:])) for colour in _colours(theme).values())
    found = [paper]
    for share in (1.0, 0.75, 0.5, 0.25, int(FAINT, 16) / 255):
        for colour in others:
            mixed = tuple(round(share * a + (1 - share) * b) for a, b in zip(colour, paper))
            if all(max(abs(a - b) for a, b in zip(mixed, other)) >= 10 for other in found):
                found.append(mixed)
    return found


#: The colours that no page has, each for a CSS variable: what is drawn in them follows its reader.
_STANDS_FOR = {name: f"#{number:06x}" for number, name in enumerate(_colours(LIGHT), start=0x0F00F1)}
VARIABLES = LIGHT._replace(
    **{name: _STANDS_FOR[name] for name in LIGHT._fields if name in _STANDS_FOR},
    box=(_STANDS_FOR["paper"],) * 2,
    flow=(_STANDS_FOR["backward"],),
    cards={kind: (_STANDS_FOR[f"{kind}-fill"], _STANDS_FOR[f"{kind}-border"]) for kind in LIGHT.cards},
)


def with_variables(svg: str) -> str:
    """An SVG that was drawn with ``VARIABLES``, its colours those of :func:`css_variables`."""
    for name, colour in _STANDS_FOR.items():
        svg = svg.replace(f'"{colour}"', f'"var(--{name})"')
    return svg


def css_variables() -> str:
    """The declaration of every colour, light and dark, by the ``color-scheme`` of where it is used."""
    light, dark = _colours(LIGHT), _colours(DARK)
    return "".join(f"--{name}:light-dark({light[name]},{dark[name]});" for name in light)
