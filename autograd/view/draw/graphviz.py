"""Drawing of a picture with graphviz: the DOT source, the SVG and the PNG."""

from __future__ import annotations

import base64
import math
import os
import re
import struct
import zlib
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from html import escape, unescape
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ...system.checks import check_int
from ...system.files import check_path, write_atomic
from ...system.messages import replace_controls, short
from ...value import Value
from ..network.collapsed import Expand, network_or_graph
from ..picture.cards import LIMIT, Card, Changed, Edge, Flow, Frame, Picture, Summary, describe
from ..picture.layout import COLUMN_GAP, Box, Placed, place_cards, text_width
from ..picture.page import PAGE_WIDTH, SMALLEST
from ..render.graphviz_program import compact, measures_bytes, render
from ..render.options import check_root
from ..render.rows import in_rows, taken_by
from ..render.theme import FAINT, Theme, theme_named
from ..render.time_limit import TIMEOUT, RenderError, TimeLimit, in_time
from .text_table import text_of

if TYPE_CHECKING:
    import graphviz

#: The longest line of a note, in characters.
NOTE = 120
#: The approximate width of a cell in a notebook, in points.
PAGE = 675.0
#: The widest PNG that is not cut into rows, in CSS pixels.
ROW = PAGE_WIDTH * 96.0 / 72.0
#: The approximate limit of a PNG in pixels: twenty times as many take seconds.
PNG_PIXELS = 6e6
#: A PNG of more bytes is compressed for a notebook, which stores all of them.
HEAVY = 2**16

#: The width that a program which measures bytes adds to a label for each further byte of a letter, in points.
BYTE = 3.3

#: The number of drawings of each picture, by a checksum of its content.
_times_drawn: Counter[str] = Counter()


class Staging(NamedTuple):
    """Appearance of one moment of a pass, in the layout that all its moments share.

    ``room`` maps the key of a card to the widest text its gradient ever has. ``faint`` contains the
    ids of later parts, and ``marks`` maps ids to DOT attributes; these ids have no prefix: ``v3``,
    ``e0-backward``.
    """

    room: Mapping[str, str] = {}
    faint: Collection[str] = ()
    marks: Mapping[str, Mapping[str, str]] = {}


#: The staging of a still picture.
STILL = Staging()


class Digraph(Protocol):
    """Interface of ``graphviz.Digraph``, which has no complete types."""

    source: str

    def attr(self, kw: str | None = None, **attributes: str) -> None: ...
    def node(self, name: str, label: str | None = None, **attributes: str) -> None: ...
    def edge(self, tail: str, head: str, /, label: str | None = None, **attributes: str) -> None: ...
    def subgraph(self, *, name: str | None = None) -> AbstractContextManager[Digraph]: ...


def new_graph(theme: Theme, prefix: str, note: str = "") -> Digraph:
    """Create an empty graph in the style of all pictures, with a note below."""
    try:
        import graphviz
    except ImportError:
        raise ImportError(
            'Drawing needs the graphviz package. Install it: pip install "glassgrad[viz]", or in a clone '
            'pip install -e ".[viz]".'
        ) from None
    font = {"fontname": "Helvetica"}
    graph: Any = graphviz.Digraph(
        graph_attr={
            **font, "rankdir": "LR", "bgcolor": theme.paper, "pad": ".25", "nodesep": ".32",
            "ranksep": ".75", "ordering": "in", "id": prefix, "fontsize": "11", "fontcolor": theme.muted,
        },
        node_attr={**font, "shape": "box", "fontsize": "12", "margin": "0.08,0.04"},
        edge_attr={**font, "fontsize": "10.5", "arrowsize": ".7"},
    )  # fmt: skip
    if note:
        lines = [line for part in note.splitlines() for line in wrap(part, NOTE) or [""]]
        graph.attr(label=f"<{'<BR/>'.join(map(literal, lines))}>", labelloc="b")
    digraph: Digraph = graph
    return digraph


def digraph(picture: Picture, theme: Theme, prefix: str, staging: Staging = STILL) -> Digraph:
    """Convert the picture to a graphviz graph, in which every id begins with ``prefix``."""
    graph = new_graph(theme, prefix, picture.note)
    tight = measures_bytes()
    faint = theme.faint()
    for card in in_time(picture.cards):
        ink = faint if card.key in staging.faint else theme
        fill, border = ink.cards.get(card.kind, (ink.box[0], ink.box[0]))
        style = "rounded,filled,dashed" if card.kind == "cut" else "rounded,filled"
        graph.node(
            card.key,
            label=_label(card, ink, tight, staging.room.get(card.key, "")),
            id=f"{prefix}-{card.key}",
            **{
                "fillcolor": fill,
                "color": border,
                "style": style,
                "penwidth": "3" if isinstance(card, Changed) else "1",
                **staging.marks.get(card.key, {}),
            },
        )
    if picture.groups:
        _lay_out(graph, picture, theme, prefix, tight)
        return graph
    for i, edge in enumerate(in_time(picture.edges)):
        _add_edge(graph, edge, theme, prefix, f"e{i}", staging)
    for i, frame in enumerate(picture.frames):
        _add_frame(graph, frame, theme, f"{prefix}-s{i}")
    return graph


def _add_frame(graph: Digraph, frame: Frame, theme: Theme, key: str) -> None:
    """Put a box around cards, and around the boxes inside."""
    fill, border = theme.box
    with graph.subgraph(name=f"cluster_{key}") as cluster:
        cluster.attr(
            label=f"<{literal(frame.label)}>", fontsize="12", id=key, style="rounded,filled", fillcolor=fill,
            color=border, labeljust="l", margin="12",
        )  # fmt: skip
        for card in frame.keys:
            cluster.node(card)
        for i, inner in enumerate(frame.inner):
            _add_frame(cluster, inner, theme, f"{key}-{i}")


def literal(text: str) -> str:
    """Escape a text for an HTML-like label, in which a backslash starts an escape such as ``\\N``."""
    return escape(replace_controls(text)).replace("\\", "\\\\")


def lettering(text: str, color: str, size: float, bold: bool = False) -> str:
    """Return a text in a color and size, for an HTML-like label."""
    content = f"<B>{literal(text)}</B>" if bold else literal(text)
    return f'<FONT POINT-SIZE="{size:g}" COLOR="{color}">{content}</FONT>'


def _lay_out(graph: Digraph, picture: Picture, theme: Theme, prefix: str, tight: bool) -> None:
    """Set the position of every card, so that graphviz keeps it; arrows run straight, below the cards."""
    layout = place_cards(picture)
    graph.attr(layout="nop", splines="line", outputorder="edgesfirst", bb=_corners(_surround(layout.groups)))
    for key, box in in_time(layout.cards.items()):
        width, height = f"{box.width / 72:.4f}", f"{box.height / 72:.4f}"
        graph.node(key, pos=f"{box.x:.2f},{box.y:.2f}", width=width, height=height, fixedsize="true")
    fill, border = theme.box
    for i, (group, box) in enumerate(zip(picture.groups, layout.groups, strict=True)):
        if group.label:
            with graph.subgraph(name=f"cluster_{prefix}-g{i}") as cluster:
                cluster.attr(
                    bb=_corners(box), label=f"<{literal(group.label)}>", fontsize="12", id=f"{prefix}-g{i}"
                )
                shift = BYTE * (len(group.label.encode()) - len(group.label)) / 2 if tight else 0.0
                cluster.attr(lp=f"{box.x + shift:.2f},{box.y + box.height / 2 - 18:.2f}")
                cluster.attr(style="rounded,filled", fillcolor=fill, color=border)
                for key in group.keys:
                    cluster.node(key)
    for i, flow in enumerate(in_time(picture.flows)):
        _add_flow(graph, flow, layout, theme, f"{prefix}-f{i}")
    numbers = {card.key for card in picture.cards if card.kind == "numbers"}
    for i, edge in enumerate(in_time(picture.edges)):
        _add_straight(graph, edge, layout, theme, f"{prefix}-e{i}", numbers)


def _surround(boxes: list[Box]) -> Box:
    left, right = boxes[0].x - boxes[0].width / 2, boxes[-1].x + boxes[-1].width / 2
    bottom = min(box.y - box.height / 2 for box in boxes)
    top = max(box.y + box.height / 2 for box in boxes)
    return Box((left + right) / 2, (bottom + top) / 2, right - left, top - bottom)


def _corners(box: Box) -> str:
    x, y, w, h = box.x, box.y, box.width / 2, box.height / 2
    return f"{x - w:.2f},{y - h:.2f},{x + w:.2f},{y + h:.2f}"


def _ends(operand: str, result: str, layout: Placed) -> tuple[str, str]:
    """Return the ends of an arrow: right side to left side, unless it runs back or within a column."""
    a, b = layout.cards[operand], layout.cards[result]
    is_forward = a.x + a.width / 2 < b.x - b.width / 2
    return (f"{operand}:e", f"{result}:w") if is_forward else (operand, result)


def _add_flow(graph: Digraph, flow: Flow, layout: Placed, theme: Theme, key: str) -> None:
    """Add the arrow of a gradient, from the result back to the operand; else a slate arrow forward."""
    color, width = theme.forward, 0.8
    if flow.vanished:
        color = theme.backward
    elif flow.strength is not None:
        color = theme.flow[round(flow.strength * (len(theme.flow) - 1))]
        width = 0.8 + 3.2 * flow.strength**2
    graph.edge(
        *_ends(flow.operand, flow.result, layout), id=key, color=color, penwidth=f"{width:.3g}",
        style="dashed" if flow.vanished else "solid", dir="forward" if flow.strength is None else "back",
    )  # fmt: skip


def _numbers(local: str, contribution: str | None, separator: str, theme: Theme) -> str:
    label = lettering(local, theme.local, 10.5)
    if contribution is not None:
        label += separator + lettering(contribution, theme.gradient, 10.5)
    return label


def _add_straight(
    graph: Digraph, edge: Edge, layout: Placed, theme: Theme, key: str, numbers: Collection[str]
) -> None:
    """Add one arrow with both numbers: two straight arrows would cover each other.

    It points backward if there is a contribution. It has no head at a card in ``numbers``, where it goes on.
    """
    backward = edge.contribution is not None
    end = edge.operand if backward else edge.result
    graph.edge(
        *_ends(edge.operand, edge.result, layout), id=key, penwidth=f"{edge.width:g}",
        color=theme.backward if backward else theme.forward, style="dashed" if edge.vanished else "solid",
        dir="none" if end in numbers else "back" if backward else "forward",
    )  # fmt: skip
    if edge.local:  # a node, since its position can be set, unlike that of an edge label
        a, b = layout.cards[edge.operand], layout.cards[edge.result]
        right, distance = a.x + a.width / 2, b.x - b.width / 2 - a.x - a.width / 2
        offset = min(COLUMN_GAP, distance) / 2  # before the next column, which the arrow may cross
        x, y = right + offset, a.y + (b.y - a.y) * offset / distance
        cell = f"<TR><TD>{_numbers(edge.local, edge.contribution, '<BR/>', theme)}</TD></TR>"
        graph.node(
            f"{key}-numbers", label=_table(cell), pos=f"{x:.2f},{y:.2f}", fixedsize="true",
            width=".72", height=".36", style="filled", fillcolor=theme.box[0], color=theme.box[0],
        )  # fmt: skip


def _label(card: Card, theme: Theme, tight: bool, room: str) -> str:
    """HTML-like label of a card: a title, then data and grad."""
    if card.kind == "cut":
        return _table(f'<TR><TD><FONT COLOR="{theme.muted}">{literal(card.name)}</FONT></TD></TR>')
    if card.kind == "numbers":
        return _table(f"<TR><TD>{_numbers(card.name, card.grad, ' ', theme)}</TD></TR>")
    if card.kind == "constant":
        return f'<<FONT COLOR="{theme.data}">{literal(card.data)}</FONT>>'
    title = f'<FONT COLOR="{theme.ink}"><B>{literal(card.name)}</B></FONT>'
    if isinstance(card, Summary):
        return _summary(card, title, theme)
    if card.expression:
        gap = "" if tight and max(card.name, default="") > "\u2000" else " "
        title += f'<FONT COLOR="{theme.muted}">{gap}= {literal(card.expression)}</FONT>'
    rows = f'<TR><TD COLSPAN="2">{title}</TD></TR>{_row("data", card.data, theme.data, theme)}'
    if card.grad is not None:
        rows += _row("grad", card.grad, theme.gradient, theme, bold=True, room=room)
    return _table(rows)


def _summary(card: Summary, title: str, theme: Theme) -> str:
    """Label of a summary: its name and number of operations; below, data and grad side by side."""
    small = '<FONT POINT-SIZE="11"'
    more = f'<FONT POINT-SIZE="10" COLOR="{theme.muted}">{literal(card.expression)}</FONT>'
    rows = f'<TR><TD COLSPAN="2">{title}{f" {more}" if card.expression else ""}</TD></TR>'
    cells = f'<TD ALIGN="LEFT" WIDTH="40">{small} COLOR="{theme.data}">{literal(card.data)}</FONT></TD>'
    if card.grad is not None:
        gradient = f"<B>{literal(card.grad)}</B>"
        cells += f'<TD ALIGN="RIGHT" WIDTH="40">{small} COLOR="{theme.gradient}">{gradient}</FONT></TD>'
    return _table(f"{rows}<TR>{cells}</TR>" if card.data else rows)


def _table(rows: str) -> str:
    return f'<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">{rows}</TABLE>>'


#: A space next to a plain text. The layout program lowers a cell with a single plain text by two points,
#: so that it would not be on one line with a bold text.
_STRUT = '<FONT POINT-SIZE="1"> </FONT>'


def _row(name: str, number: str, color: str, theme: Theme, bold: bool = False, room: str = "") -> str:
    width = max(44, round(text_width(room, 11.0)) + 4 if room else 0)
    value = lettering(number, color, 11.0, bold)
    return (
        f'<TR><TD ALIGN="LEFT" WIDTH="28">{lettering(name, theme.muted, 11.0)}{_STRUT}</TD>'
        f'<TD ALIGN="RIGHT" WIDTH="{width}">{value if bold else _STRUT + value}</TD></TR>'
    )


def _add_edge(graph: Digraph, edge: Edge, theme: Theme, prefix: str, key: str, staging: Staging) -> None:
    def attributes_of(arrow: str, color: str, label_color: str, **attributes: str) -> dict[str, str]:
        alpha = FAINT if arrow in staging.faint else ""
        common = {"id": f"{prefix}-{arrow}", "color": color + alpha, "fontcolor": label_color + alpha}
        return {**common, **attributes, **staging.marks.get(arrow, {})}

    forward = attributes_of(f"{key}-forward", theme.forward, theme.local, label=edge.local, penwidth="1")
    graph.edge(edge.operand, edge.result, **forward)
    if edge.contribution is not None:
        # A second edge next to the forward one, with its arrowhead at the operand.
        backward = attributes_of(
            f"{key}-backward", theme.backward, theme.gradient, label=edge.contribution, dir="back",
            penwidth=f"{edge.width:g}", style="dashed" if edge.vanished else "solid",
        )  # fmt: skip
        graph.edge(edge.operand, edge.result, **backward)


_CARD = re.compile(r'<g id="([^"]*)" class="node">.*?</g>', re.DOTALL)
_TEXT = re.compile(r'(<text [^>]*?text-anchor=")start(" x=")([^"]*)"')
_STRUT_TEXT = re.compile(r'<text [^>]*font-size="1\.00"[^>]*> </text>\n?')


def _flush_right(svg: str, picture: Picture, prefix: str) -> str:
    """Align the numbers of each card to its right edge, and give them the class of their row.

    The layout program measures letters like − too wide, and the stepper replaces the gradients.
    """
    rows = {
        f"{prefix}-{card.key}": ["data"] if card.grad is None else ["data", "grad"]
        for card in picture.cards
        if card.kind in ("leaf", "operation", "output") and not isinstance(card, Summary)
    }

    def align(match: re.Match[str]) -> str:
        card, kinds = _STRUT_TEXT.sub("", match[0]), rows.get(unescape(match[1]))
        texts = list(_TEXT.finditer(card))
        if not kinds or len(texts) <= 2 * len(kinds):
            return card
        outline = [float(x) for x in re.findall(r"([-\d.]+),", card[: texts[0].start()])]
        words, numbers = texts[-2 * len(kinds) :: 2], texts[-2 * len(kinds) + 1 :: 2]
        right = min(outline) + max(outline) - float(words[0][3])
        for kind, text in reversed(list(zip(kinds, numbers, strict=True))):
            start = text[1].replace("<text ", f'<text class="{kind}" ')
            card = f'{card[: text.start()]}{start}end{text[2]}{right:.2f}"{card[text.end() :]}'
        return card

    return _CARD.sub(align, svg)


def _size_of(svg: str) -> tuple[float, float]:
    """Return the width and height in CSS pixels."""
    width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2]
    return float(width) / 72 * 96, float(height) / 72 * 96


class Drawable(Protocol):
    """Object with a picture of its own, such as a compiled function."""

    # The picture has at most ``limit`` cards.
    def picture(self, limit: int | None) -> Picture: ...


class Drawing:
    """Drawing of a graph as it was when :func:`draw` was called.

    It is shown inline in a notebook, printed as a table, and saved by :meth:`save`. The time limit
    holds for the DOT source, the SVG and the PNG together.
    """

    def __init__(
        self, picture: Picture, theme: Theme, limit: TimeLimit | None = None, staging: Staging = STILL
    ) -> None:
        self._picture = picture
        self._theme = theme
        self._limit = limit or TimeLimit(TIMEOUT)
        self._staging = staging
        # Two pictures on one page must not share ids, and a notebook that runs again must get the same ids.
        content = f"{zlib.crc32(repr((picture, theme)).encode('utf-8', 'replace')):08x}"
        _times_drawn[content] += 1
        #: The prefix of every id in the picture.
        self.prefix = f"glassgrad-{content}-{_times_drawn[content]}"

    @cached_property
    def graph(self) -> graphviz.Digraph:
        """``graphviz.Digraph`` of the picture, to change or render; needs the graphviz package."""
        with self._limit.running():
            graph: Any = digraph(self._picture, self._theme, self.prefix, self._staging)
        return graph

    @property
    def alt(self) -> str:
        """Alternative text: every value and gradient of the picture, in words."""
        return describe(self._picture)

    @cached_property
    def svg(self) -> str:
        """SVG element of the picture."""
        with self._limit.running():
            return self._finish_svg(render(self.graph.source, "svg", self._limit).decode())

    def _finish_svg(self, text: str) -> str:
        """Add titles and an alternative text to the SVG of the layout program, and align its numbers."""
        text = text[text.index("<svg") :]
        names = {card.key: card.name or card.data for card in self._picture.cards}

        def title(match: re.Match[str]) -> str:  # the tooltip of a card
            self._limit.check()
            return f"<title>{escape(names.get(unescape(match[1]), ''))}</title>"

        text = re.sub(r"<title>(.*?)</title>", title, text).replace("<title></title>\n", "")
        text = _flush_right(text, self._picture, self.prefix)
        label = f'role="img" aria-label="{escape(self.alt)}"'
        return text.replace("<svg ", f'<svg {label} style="max-width:100%;height:auto" ', 1)

    @property
    def _svg_on_page(self) -> str:
        """SVG for a notebook: a wider picture is scaled to the page, and scrolls if it were too small.

        JupyterLab renders an SVG in its intrinsic size and ignores its style; the only relative size it
        supports is a width in percent.
        """
        size = re.search(r'max-width:100%;height:auto" width="([\d.]+)pt" height="([\d.]+)pt"', self.svg)
        if size is None or float(size[1]) <= PAGE:
            return self.svg
        width, height = float(size[1]) * SMALLEST, float(size[2]) * SMALLEST
        if width <= PAGE:
            style = f'max-width:{size[1]}pt;height:auto" width="100%"'
        else:
            style = f'max-width:none;height:auto" width="{width:.0f}pt" height="{height:.0f}pt"'
        return self.svg[: size.start()] + style + self.svg[size.end() :]

    @cached_property
    def png(self) -> bytes:
        """PNG file of the picture, with two pixels per CSS pixel, or fewer if the picture is very large.

        A picture that is too wide for a page is cut into rows, if Pillow is installed.
        """
        if self.size[0] <= ROW:
            return self.png_in_one_row
        with self._limit.running():
            graph, caption = self._split_caption()
            svg = render(graph.source, "svg", self._limit).decode()
        width, _ = _size_of(svg)
        if width <= ROW:  # only the caption is wider
            return self.png_in_one_row
        below = None if caption is None else self._render(caption)
        return in_rows(self._render(graph), taken_by(svg), ROW / width, below, self._theme.muted)

    def _split_caption(self) -> tuple[Digraph, Digraph | None]:
        """Return the graph without its caption, and the caption as a graph of its own."""
        note = self._picture.note
        graph = digraph(self._picture._replace(note=""), self._theme, self.prefix, self._staging)
        return graph, new_graph(self._theme, self.prefix, note) if note else None

    @cached_property
    def png_in_one_row(self) -> bytes:
        """The same PNG file without rows, for a page that scrolls."""
        return self._render(self.graph)

    @property
    def _scale(self) -> float:
        return min(2.0, math.sqrt(PNG_PIXELS / math.prod(self.size)))

    def _render(self, graph: Any) -> bytes:
        with self._limit.running():
            return render(graph.source, "png", self._limit, dots=96.0 * self._scale)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in CSS pixels, 96 to the inch."""
        return _size_of(self.svg)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a file; an existing file is replaced atomically.

        Args:
            path: A path that ends in ``.svg``, ``.png``, ``.dot`` or ``.gv``, which selects the format.

        Returns:
            The path.

        Raises:
            ValueError: If the path has another ending.
            TypeError: If the path is neither a str nor a path object.
            RenderError: If graphviz is not found, fails or exceeds the time limit.
        """
        target = check_path("save", path)
        forms = {
            ".svg": self._svg_file,
            ".png": lambda: self.png,
            ".dot": self._dot_file,
            ".gv": self._dot_file,
        }
        form = forms.get(target.suffix.lower())
        if form is None:
            raise ValueError(
                f"save() expected a path that ends in .svg, .png, .dot or .gv, got {short(target.name)}. "
                "Rename the file."
            )
        return write_atomic(target, form())

    def _svg_file(self) -> bytes:
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{self.svg}'.encode()

    def _dot_file(self) -> bytes:
        source: str = self.graph.source
        return source.encode()

    def __str__(self) -> str:
        return text_of(self._picture)

    __repr__ = __str__

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        try:
            svg = self._svg_on_page
        except (RenderError, ImportError) as error:
            return {"text/plain": f"{error}\n\n{self}"}, {}
        try:
            png = self.png
        except RenderError:  # the SVG took all of the time
            return {"image/svg+xml": svg, "text/plain": str(self)}, {}
        width, height = (round(x / self._scale) for x in struct.unpack(">II", png[16:24]))
        if len(png) > HEAVY:
            png = compact(png, exact=True)
        return (
            {"image/svg+xml": svg, "image/png": base64.b64encode(png).decode(), "text/plain": str(self)},
            {"image/png": {"width": width, "height": height, "alt": self.alt}},
        )


def draw(
    root: Value | Drawable,
    *,
    theme: str = "light",
    limit: int | None = LIMIT,
    timeout: float = TIMEOUT,
    expand: Expand = None,
) -> Drawing:
    """Draw the graph of ``root``: shown inline in a notebook, saved by ``.save(path)``.

    A graph that does not fit on a page with all its numbers is drawn collapsed. With modules, there is one
    card for each neuron, over all samples, in a box for each layer. Otherwise each part that :func:`scope`
    names becomes one card, and equal parts, such as samples or time steps, are folded to the first, "… × 98"
    and the last. If more than ``limit`` cards are left, only the Values nearest the root are drawn. The
    caption says what is left out. ``print`` shows the numbers as a table. A function from :func:`compile` is
    drawn as the instructions of its last program.

    >>> w, x = Value(2.0, label="w"), Value(5.0, label="x")
    >>> p = w * x
    >>> p.backward()
    >>> print(draw(p))
    name  how  data  grad
    ────  ───  ────  ────
    w             2     5
    x             5     2
    out   w·x    10     1

    Reading a graph of 10**6 Values takes about 12 s and 0.35 GB; a network of that size takes 40 s and
    1.1 GB.

    Args:
        root: A Value, or a function returned by :func:`compile`.
        theme: "light" or "dark".
        limit: The largest number of cards; None draws every Value.
        timeout: Time limit in seconds for reading the graph, writing the DOT source and the layout.
        expand: A module, or a list of modules, whose neurons are drawn in full; the numbers of the picture
            are then those of the first sample. Or a scope, or a list of them, to open.

    Returns:
        The drawing of the current graph.

    Raises:
        TypeError: If ``root`` has no graph, or ``expand`` is not a module, a scope or a list of them.
        ValueError: If an option is out of its range, or the graph does not use what ``expand`` names.
        RenderError: If the time limit is exceeded, here or when the drawing is shown or saved.
    """
    if not hasattr(root, "picture"):
        check_root("draw", root)
    most = check_int("draw", "limit", limit, "Pass None to draw every Value.", optional=True)
    time = TimeLimit(timeout)
    with time.running():
        picture = network_or_graph(root, most, expand) if isinstance(root, Value) else root.picture(most)
        return Drawing(picture, theme_named(theme), time)
