"""A picture as a graphviz graph, and the drawing that shows it wherever it can be shown."""

from __future__ import annotations

import base64
import itertools
import os
import re
import struct
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..value import Value
from .graph import LIMIT, Card, Edge, Picture, describe, picture_of
from .rendering import TIMEOUT, RenderError, measures_bytes, render
from .text import text_of
from .theme import Theme, theme_named

if TYPE_CHECKING:
    import graphviz

_drawings = itertools.count(1)


def _digraph(picture: Picture, theme: Theme, prefix: str) -> graphviz.Digraph:
    try:
        import graphviz
    except ImportError:
        raise ImportError(
            'drawing needs the graphviz package: install it with pip install "glassgrad[viz]"'
        ) from None
    font = {"fontname": "Helvetica"}
    graph = graphviz.Digraph(
        graph_attr={
            **font, "rankdir": "LR", "bgcolor": theme.paper, "pad": ".25", "nodesep": ".32",
            "ranksep": ".75", "id": prefix, "fontsize": "11", "fontcolor": theme.muted,
        },
        node_attr={**font, "shape": "box", "fontsize": "12", "margin": "0.08,0.04"},
        edge_attr={**font, "fontsize": "10.5", "arrowsize": ".7"},
    )  # fmt: skip
    if picture.note:
        graph.attr(label=picture.note, labelloc="b")
    tight = measures_bytes()
    for card in picture.cards:
        fill, border = theme.cards[card.kind]
        style = "rounded,filled,dashed" if card.kind == "cut" else "rounded,filled"
        graph.node(
            card.key,
            label=_label(card, theme, tight),
            id=f"{prefix}-{card.key}",
            fillcolor=fill,
            color=border,
            style=style,
        )
    for i, edge in enumerate(picture.edges):
        _add_edge(graph, edge, theme, f"{prefix}-e{i}")
    return graph


def _label(card: Card, theme: Theme, tight: bool) -> str:
    """The card as an HTML-like label: a title, then data and grad with their numbers."""
    if card.kind == "cut":
        return _boxed(f'<TR><TD><FONT COLOR="{theme.muted}">{escape(card.name)}</FONT></TD></TR>')
    if card.kind == "constant":
        return f'<<FONT COLOR="{theme.data}">{escape(card.data)}</FONT>>'
    title = f'<FONT COLOR="{theme.ink}"><B>{escape(card.name)}</B></FONT>'
    if card.expression:
        gap = "" if tight and not card.name.isascii() else " "
        title += f'<FONT COLOR="{theme.muted}">{gap}= {escape(card.expression)}</FONT>'
    rows = f'<TR><TD COLSPAN="2">{title}</TD></TR>{_row("data", escape(card.data), theme.data, theme)}'
    if card.grad is not None:
        rows += _row("grad", f"<B>{escape(card.grad)}</B>", theme.gradient, theme)
    return _boxed(rows)


def _boxed(rows: str) -> str:
    return f'<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">{rows}</TABLE>>'


def _row(what: str, shown: str, colour: str, theme: Theme) -> str:
    small = '<FONT POINT-SIZE="11"'
    return (
        f'<TR><TD ALIGN="LEFT" WIDTH="28">{small} COLOR="{theme.muted}">{what}</FONT></TD>'
        f'<TD ALIGN="RIGHT" WIDTH="44">{small} COLOR="{colour}">{shown}</FONT></TD></TR>'
    )


def _add_edge(graph: graphviz.Digraph, edge: Edge, theme: Theme, key: str) -> None:
    graph.edge(
        edge.operand, edge.result, label=edge.local, id=f"{key}-forward", color=theme.forward,
        fontcolor=theme.local, penwidth="1",
    )  # fmt: skip
    if edge.contribution is not None:
        # Laid out as a second edge beside the forward one, with its arrow at the operand.
        graph.edge(
            edge.operand, edge.result, dir="back", label=edge.contribution, id=f"{key}-backward",
            color=theme.backward, fontcolor=theme.gradient, penwidth=f"{edge.width:g}",
            style="dashed" if edge.vanished else "solid",
        )  # fmt: skip


class Drawing:
    """A graph drawn as it was when :func:`draw` was called: inline in a notebook, or saved."""

    def __init__(self, picture: Picture, theme: Theme, timeout: float) -> None:
        self._picture = picture
        self._theme = theme
        self._timeout = timeout
        # Two pictures on one page must not share ids.
        self._prefix = f"glassgrad-{os.getpid()}-{next(_drawings)}"

    @cached_property
    def graph(self) -> graphviz.Digraph:
        """The ``graphviz.Digraph``, to change or render by hand; needs the graphviz package."""
        return _digraph(self._picture, self._theme, self._prefix)

    @property
    def alt(self) -> str:
        """The picture in words: every value and gradient it shows."""
        return describe(self._picture)

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG element."""
        text = render(self.graph.source, "svg", self._timeout).decode()
        text = text[text.index("<svg") :]
        names = {card.key: card.name or card.data for card in self._picture.cards}

        def title(match: re.Match[str]) -> str:  # what a pointer over a card shows
            return f"<title>{escape(names.get(match[1], ''))}</title>"

        text = re.sub(r"<title>(.*?)</title>", title, text).replace("<title></title>\n", "")
        return text.replace("<svg ", f'<svg role="img" aria-label="{escape(self.alt)}" ', 1)

    @cached_property
    def png(self) -> bytes:
        """The picture as a PNG file, two pixels to the point."""
        return render(self.graph.source, "png", self._timeout)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to ``graph.svg``, ``.png`` or ``.dot``, by the ending of the name."""
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
        target.write_bytes(form())
        return target

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
            svg, png = self.svg, self.png
        except (RenderError, ImportError) as error:
            return {"text/plain": f"{error}\n\n{self}"}, {}
        width, height = struct.unpack(">II", png[16:24])
        return (
            {"image/svg+xml": svg, "image/png": base64.b64encode(png).decode(), "text/plain": str(self)},
            {"image/png": {"width": width // 2, "height": height // 2, "alt": self.alt}},
        )


def draw(
    root: Value, *, theme: str = "light", limit: int | None = LIMIT, timeout: float = TIMEOUT
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

    ``theme`` is "light" or "dark". A graph of more than ``limit`` Values is cut down to those
    nearest the root, and the picture says so; None draws all. A layout that takes longer than
    ``timeout`` seconds is given up with RenderError.
    """
    if not isinstance(root, Value):
        raise TypeError(f"draw() takes the Value to draw, not {type(root).__name__} {root!r}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be 1 or more, or None for no limit, not {limit}")
    return Drawing(picture_of(root, limit), theme_named(theme), timeout)
