"""A picture as a graphviz graph, and the drawing that shows it wherever it can be shown."""

from __future__ import annotations

import base64
import math
import os
import re
import zlib
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ...system.files import write_atomic
from ...system.messages import replace_controls, type_and_value
from ...value import Value
from ..network.collapsed import Modules, network_or_graph
from ..picture.cards import LIMIT, Card, Changed, Edge, Flow, Picture, Summary, describe
from ..picture.layout import COLUMN_GAP, Box, Placed, place_cards, text_width
from ..render.graphviz_program import compact, measures_bytes, render
from ..render.options import check_int
from ..render.theme import FAINT, Theme, theme_named
from ..render.time_limit import TIMEOUT, RenderError, TimeLimit, in_time
from .text_table import text_of

if TYPE_CHECKING:
    import graphviz

#: About the width of a notebook's page, in points.
PAGE = 675.0
#: A PNG has no more pixels than about this: a page is no wider, and twenty times as many take seconds.
PNG_PIXELS = 6e6
#: A PNG of more bytes is made compact for a notebook, which keeps every one.
HEAVY = 2**16

#: How often each picture was drawn, by a checksum of what it shows.
_times_drawn: Counter[str] = Counter()


class Staging(NamedTuple):
    """How one moment of a pass is drawn so that every other moment has the same layout.

    ``room``: by the key of a card, the widest text that its gradient ever shows. ``faint``: what is
    still to come, ``marks``: DOT attributes, both by ids without prefix: ``v3``, ``e0-backward``.
    """

    room: Mapping[str, str] = {}
    faint: Collection[str] = ()
    marks: Mapping[str, Mapping[str, str]] = {}


#: A picture that stands alone.
STILL = Staging()


class Digraph(Protocol):
    """What is drawn with of a ``graphviz.Digraph``, which brings no complete types."""

    source: str

    def attr(self, kw: str | None = None, **attributes: str) -> None: ...
    def node(self, name: str, label: str | None = None, **attributes: str) -> None: ...
    def edge(self, tail: str, head: str, /, label: str | None = None, **attributes: str) -> None: ...
    def subgraph(self, *, name: str | None = None) -> AbstractContextManager[Digraph]: ...


def new_graph(theme: Theme, prefix: str, note: str = "") -> Digraph:
    """A graph to fill, in the look of all pictures, with a note below."""
    try:
        import graphviz
    except ImportError:
        raise ImportError(
            'drawing needs the graphviz package: pip install "glassgrad[viz]", or in a clone '
            'pip install -e ".[viz]"'
        ) from None
    font = {"fontname": "Helvetica"}
    graph: Any = graphviz.Digraph(
        graph_attr={
            **font, "rankdir": "LR", "bgcolor": theme.paper, "pad": ".25", "nodesep": ".32",
            "ranksep": ".75", "id": prefix, "fontsize": "11", "fontcolor": theme.muted,
        },
        node_attr={**font, "shape": "box", "fontsize": "12", "margin": "0.08,0.04"},
        edge_attr={**font, "fontsize": "10.5", "arrowsize": ".7"},
    )  # fmt: skip
    if note:
        graph.attr(label=f"<{'<BR/>'.join(map(literal, note.splitlines()))}>", labelloc="b")
    drawn: Digraph = graph
    return drawn


def digraph(picture: Picture, theme: Theme, prefix: str, staging: Staging = STILL) -> Digraph:
    """The picture as a graphviz graph, in which every id begins with ``prefix``."""
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
        _lay_out(graph, picture, theme, prefix)
        return graph
    for i, edge in enumerate(in_time(picture.edges)):
        _add_edge(graph, edge, theme, prefix, f"e{i}", staging)
    return graph


def literal(text: str) -> str:
    """A text as it stands in an HTML-like label, where a backslash starts an escape such as ``\\N``."""
    return escape(replace_controls(text)).replace("\\", "\\\\")


def lettering(text: str, colour: str, size: float, bold: bool = False) -> str:
    """A text in a colour and size, for an HTML-like label."""
    shown = f"<B>{literal(text)}</B>" if bold else literal(text)
    return f'<FONT POINT-SIZE="{size:g}" COLOR="{colour}">{shown}</FONT>'


def _lay_out(graph: Digraph, picture: Picture, theme: Theme, prefix: str) -> None:
    """Say where every card stands, so that no program chooses; arrows run straight, below the cards."""
    placed = place_cards(picture)
    graph.attr(layout="nop", splines="line", outputorder="edgesfirst", bb=_corners(_around(placed.groups)))
    for key, box in in_time(placed.cards.items()):
        width, height = f"{box.width / 72:.4f}", f"{box.height / 72:.4f}"
        graph.node(key, pos=f"{box.x:.2f},{box.y:.2f}", width=width, height=height, fixedsize="true")
    fill, border = theme.box
    for i, (group, box) in enumerate(zip(picture.groups, placed.groups, strict=True)):
        if group.label:
            with graph.subgraph(name=f"cluster_{prefix}-g{i}") as cluster:
                cluster.attr(
                    bb=_corners(box), label=f"<{literal(group.label)}>", fontsize="12", id=f"{prefix}-g{i}"
                )
                cluster.attr(lp=f"{box.x:.2f},{box.y + box.height / 2 - 18:.2f}")
                cluster.attr(style="rounded,filled", fillcolor=fill, color=border)
                for key in group.keys:
                    cluster.node(key)
    for i, flow in enumerate(in_time(picture.flows)):
        _add_flow(graph, flow, placed, theme, f"{prefix}-f{i}")
    passing = {card.key for card in picture.cards if card.kind == "numbers"}
    for i, edge in enumerate(in_time(picture.edges)):
        _add_straight(graph, edge, placed, theme, f"{prefix}-e{i}", edge.result in passing)


def _around(boxes: list[Box]) -> Box:
    left, right = boxes[0].x - boxes[0].width / 2, boxes[-1].x + boxes[-1].width / 2
    bottom = min(box.y - box.height / 2 for box in boxes)
    top = max(box.y + box.height / 2 for box in boxes)
    return Box((left + right) / 2, (bottom + top) / 2, right - left, top - bottom)


def _corners(box: Box) -> str:
    x, y, w, h = box.x, box.y, box.width / 2, box.height / 2
    return f"{x - w:.2f},{y - h:.2f},{x + w:.2f},{y + h:.2f}"


def _ends(operand: str, result: str, placed: Placed) -> tuple[str, str]:
    """From the right side to the left one, unless the arrow runs back or within a column."""
    a, b = placed.cards[operand], placed.cards[result]
    onward = a.x + a.width / 2 < b.x - b.width / 2
    return (f"{operand}:e", f"{result}:w") if onward else (operand, result)


def _add_flow(graph: Digraph, flow: Flow, placed: Placed, theme: Theme, key: str) -> None:
    colour, width = theme.forward, 0.8
    if flow.strength is not None and not flow.vanished:
        colour = theme.flow[round(flow.strength * (len(theme.flow) - 1))]
        width = 0.8 + 3.2 * flow.strength**2
    graph.edge(
        *_ends(flow.operand, flow.result, placed), id=key, color=colour, penwidth=f"{width:.3g}",
        style="dashed" if flow.vanished else "solid",
    )  # fmt: skip


def _numbers(local: str, contribution: str | None, between: str, theme: Theme) -> str:
    label = lettering(local, theme.local, 10.5)
    if contribution is not None:
        label += between + lettering(contribution, theme.gradient, 10.5)
    return label


def _add_straight(graph: Digraph, edge: Edge, placed: Placed, theme: Theme, key: str, onward: bool) -> None:
    """One arrow with both numbers, since two straight ones would lie on one another."""
    graph.edge(
        *_ends(edge.operand, edge.result, placed), id=key, penwidth=f"{edge.width:g}",
        color=theme.forward if edge.contribution is None else theme.backward,
        style="dashed" if edge.vanished else "solid", arrowhead="none" if onward else "normal",
    )  # fmt: skip
    if edge.local:  # as a node, which stands where it is put, and above the arrow
        a, b = placed.cards[edge.operand], placed.cards[edge.result]
        right, distance = a.x + a.width / 2, b.x - b.width / 2 - a.x - a.width / 2
        along = min(COLUMN_GAP, distance) / 2  # before the next column, which an arrow may pass
        x, y = right + along, a.y + (b.y - a.y) * along / distance
        cell = f"<TR><TD>{_numbers(edge.local, edge.contribution, '<BR/>', theme)}</TD></TR>"
        graph.node(
            f"{key}-numbers", label=_boxed(cell), pos=f"{x:.2f},{y:.2f}", fixedsize="true",
            width=".72", height=".36", style="filled", fillcolor=theme.box[0], color=theme.box[0],
        )  # fmt: skip


def _label(card: Card, theme: Theme, tight: bool, room: str) -> str:
    """The card as an HTML-like label: a title, then data and grad with their numbers."""
    if card.kind == "cut":
        return _boxed(f'<TR><TD><FONT COLOR="{theme.muted}">{literal(card.name)}</FONT></TD></TR>')
    if card.kind == "numbers":
        return _boxed(f"<TR><TD>{_numbers(card.name, card.grad, ' ', theme)}</TD></TR>")
    if card.kind == "constant":
        return f'<<FONT COLOR="{theme.data}">{literal(card.data)}</FONT>>'
    title = f'<FONT COLOR="{theme.ink}"><B>{literal(card.name)}</B></FONT>'
    if isinstance(card, Summary):
        return _summary(card, title, theme)
    if card.expression:
        gap = "" if tight and not card.name.isascii() else " "
        title += f'<FONT COLOR="{theme.muted}">{gap}= {literal(card.expression)}</FONT>'
    rows = f'<TR><TD COLSPAN="2">{title}</TD></TR>{_row("data", card.data, theme.data, theme)}'
    if card.grad is not None:
        rows += _row("grad", card.grad, theme.gradient, theme, bold=True, room=room)
    return _boxed(rows)


def _summary(card: Summary, title: str, theme: Theme) -> str:
    """A name and how much is behind it; below, data and grad side by side."""
    small = '<FONT POINT-SIZE="11"'
    more = f'<FONT POINT-SIZE="10" COLOR="{theme.muted}">{literal(card.expression)}</FONT>'
    rows = f'<TR><TD COLSPAN="2">{title}{f" {more}" if card.expression else ""}</TD></TR>'
    cells = f'<TD ALIGN="LEFT" WIDTH="40">{small} COLOR="{theme.data}">{literal(card.data)}</FONT></TD>'
    if card.grad is not None:
        shown = f"<B>{literal(card.grad)}</B>"
        cells += f'<TD ALIGN="RIGHT" WIDTH="40">{small} COLOR="{theme.gradient}">{shown}</FONT></TD>'
    return _boxed(f"{rows}<TR>{cells}</TR>" if card.data else rows)


def _boxed(rows: str) -> str:
    return f'<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">{rows}</TABLE>>'


def _row(what: str, number: str, colour: str, theme: Theme, bold: bool = False, room: str = "") -> str:
    width = max(44, round(text_width(room, 11.0)) + 4 if room else 0)
    return (
        f'<TR><TD ALIGN="LEFT" WIDTH="28">{lettering(what, theme.muted, 11.0)}</TD>'
        f'<TD ALIGN="RIGHT" WIDTH="{width}">{lettering(number, colour, 11.0, bold)}</TD></TR>'
    )


def _add_edge(graph: Digraph, edge: Edge, theme: Theme, prefix: str, key: str, staging: Staging) -> None:
    def drawn(which: str, colour: str, of_label: str, **attributes: str) -> dict[str, str]:
        ends = FAINT if which in staging.faint else ""
        given = {"id": f"{prefix}-{which}", "color": colour + ends, "fontcolor": of_label + ends}
        return {**given, **attributes, **staging.marks.get(which, {})}

    forward = drawn(f"{key}-forward", theme.forward, theme.local, label=edge.local, penwidth="1")
    graph.edge(edge.operand, edge.result, **forward)
    if edge.contribution is not None:
        # Laid out as a second edge beside the forward one, with its arrow at the operand.
        backward = drawn(
            f"{key}-backward", theme.backward, theme.gradient, label=edge.contribution, dir="back",
            penwidth=f"{edge.width:g}", style="dashed" if edge.vanished else "solid",
        )  # fmt: skip
        graph.edge(edge.operand, edge.result, **backward)


_CARD = re.compile(r'<g id="([^"]*)" class="node">.*?</g>', re.DOTALL)
_TEXT = re.compile(r'(<text [^>]*?text-anchor=")start(" x=")([^"]*)"')


def _flush_right(svg: str, picture: Picture, prefix: str) -> str:
    """End the numbers of a card where its columns end, whatever font is there; named by class too.

    The layout program measures letters like − too wide, and a page may replace what a gradient reads.
    """
    rows = {
        f"{prefix}-{card.key}": ["data"] if card.grad is None else ["data", "grad"]
        for card in picture.cards
        if card.kind in ("leaf", "operation", "output") and not isinstance(card, Summary)
    }

    def align(match: re.Match[str]) -> str:
        card, kinds = match[0], rows.get(unescape(match[1]))
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


class Drawable(Protocol):
    """What has a picture of its own, as a compiled step has."""

    # The cards and edges, no more than ``limit``.
    def picture(self, limit: int | None) -> Picture: ...


class Drawing:
    """A graph drawn as it was when :func:`draw` was called: inline in a notebook, or saved.

    A time limit is that of all it makes together: the DOT source, the SVG and the PNG.
    """

    def __init__(
        self, picture: Picture, theme: Theme, limit: TimeLimit | None = None, staging: Staging = STILL
    ) -> None:
        self._picture = picture
        self._theme = theme
        self._limit = limit or TimeLimit(TIMEOUT)
        self._staging = staging
        # Two pictures on one page must not share ids, nor a notebook run again have others than before.
        content = f"{zlib.crc32(repr((picture, theme)).encode('utf-8', 'replace')):08x}"
        _times_drawn[content] += 1
        #: What every id of the picture begins with.
        self.prefix = f"glassgrad-{content}-{_times_drawn[content]}"

    @cached_property
    def graph(self) -> graphviz.Digraph:
        """The ``graphviz.Digraph``, to change or render by hand; needs the graphviz package."""
        with self._limit.running():
            graph: Any = digraph(self._picture, self._theme, self.prefix, self._staging)
        return graph

    @property
    def alt(self) -> str:
        """The picture in words: every value and gradient it shows."""
        return describe(self._picture)

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG element."""
        with self._limit.running():
            return self._finished(render(self.graph.source, "svg", self._limit).decode())

    def _finished(self, text: str) -> str:
        """The SVG of the layout program with titles, numbers that end alike, and an alternative text."""
        text = text[text.index("<svg") :]
        names = {card.key: card.name or card.data for card in self._picture.cards}

        def title(match: re.Match[str]) -> str:  # what a pointer over a card shows
            self._limit.check()
            return f"<title>{escape(names.get(match[1], ''))}</title>"

        text = re.sub(r"<title>(.*?)</title>", title, text).replace("<title></title>\n", "")
        text = _flush_right(text, self._picture, self.prefix)
        told = f'role="img" aria-label="{escape(self.alt)}"'
        return text.replace("<svg ", f'<svg {told} style="max-width:100%;height:auto" ', 1)

    @property
    def _svg_on_page(self) -> str:
        """The SVG as a notebook shows it: one that is wider than a usual page takes the width of this one.

        JupyterLab makes the SVG an image as large as it says it is, whatever its style says; of the
        width it heeds only a percentage, and so a very wide page enlarges the picture.
        """
        size = re.search(r'max-width:100%;height:auto" width="([\d.]+)pt" height="[\d.]+pt"', self.svg)
        if size is None or float(size[1]) <= PAGE:
            return self.svg
        fitted = f'max-width:{size[1]}pt;height:auto" width="100%"'
        return self.svg[: size.start()] + fitted + self.svg[size.end() :]

    @cached_property
    def png(self) -> bytes:
        """The picture as a PNG file: two pixels to the pixel of a page, or fewer if it is very large."""
        width, height = self.size
        scale = min(2.0, math.sqrt(PNG_PIXELS / (width * height)))
        with self._limit.running():
            return render(self.graph.source, "png", self._limit, dots=96.0 * scale)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in the pixels of a page, 96 to the inch."""
        width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', self.svg)[:2]
        return float(width) / 72 * 96, float(height) / 72 * 96

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to ``graph.svg``, ``.png`` or ``.dot``, by the ending of the name.

        What was there before is replaced in one step, once the new file is whole.
        """
        target = Path(path)
        forms = {
            ".svg": self._svg_file,
            ".png": lambda: self.png,
            ".dot": self._dot_file,
            ".gv": self._dot_file,
        }
        form = forms.get(target.suffix.lower())
        if form is None:
            raise ValueError(f"can't tell the format of {str(path)!r}: end the name in .svg, .png or .dot")
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
        except RenderError:  # no time was left for it
            return {"image/svg+xml": svg, "text/plain": str(self)}, {}
        if len(png) > HEAVY:
            png = compact(png, exact=True)
        width, height = map(round, self.size)
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
    expand: Modules = None,
) -> Drawing:
    """Draw the graph that ``root`` was computed by: shown in a notebook, saved by ``.save(path)``.

    >>> w, x = Value(2.0, label="w"), Value(5.0, label="x")
    >>> p = w * x
    >>> p.backward()
    >>> print(draw(p))
    name  how  data  grad
    ────  ───  ────  ────
    w             2     5
    x             5     2
    out   w·x    10     1

    ``theme`` is "light" or "dark". A graph of more than ``limit`` Values is drawn collapsed: one card
    for each neuron, over all the samples it has seen, in a box for each layer. ``expand``, a module or
    a list of them, opens these neurons or layers, at the first sample; ValueError if the graph does
    not use them. Where no module is found, the picture is cut down to the Values nearest the root.
    It says so in either case, and ``limit=None`` draws all. What :func:`compile` gives is drawn as the
    instructions of its last program.

    ``timeout`` is the time in seconds for all of it: reading the graph, writing the DOT source and laying
    it out. A picture that takes longer raises RenderError, here or where it is shown.

    A graph of 10**6 Values is read in about 12 s with 0.35 GB; a network of as many in 40 s with 1.1 GB.
    """
    if not isinstance(root, Value) and not hasattr(root, "picture"):
        raise TypeError(f"draw() takes the Value to draw, not {type_and_value(root)}")
    most = check_int("limit", limit, unlimited="no limit")
    time = TimeLimit(timeout)
    with time.running():
        picture = network_or_graph(root, most, expand) if isinstance(root, Value) else root.picture(most)
        return Drawing(picture, theme_named(theme), time)
