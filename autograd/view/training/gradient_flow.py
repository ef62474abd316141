"""Gradients and activations of a model by layer, as a picture and as a table."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ...value import Value
from ..draw.graphviz import Digraph, Drawing, lettering, new_graph
from ..notation.names import LABEL_LENGTH, UNKNOWN, clean, format_gradient, format_number
from ..picture.cards import Card, Picture
from ..picture.layout import Box, text_width
from ..render.options import check_value
from ..render.tables import Table
from ..render.theme import Theme, theme_named
from ..render.time_limit import TIMEOUT, TimeLimit
from .diagnosis import Finding, Measure, Thresholds, findings_of
from .layer_stats import LayerFlow, Model, gradients_of, named_parameters_of, read_layers, titles_of

if TYPE_CHECKING:
    import graphviz

#: The number of layers in a picture, the first and the last ones; the table has all.
SHOWN = 12
#: The number of findings below the picture.
FINDINGS = 5
#: The longest line of the caption, in points.
WIDEST = 700.0
#: The distance between the cards and their height, in points.
GAP, HEIGHT = 64.0, 44.0


class Tile(NamedTuple):
    """Card of a layer; ``strength`` is the size of its gradient from 0 to 1, None if unknown."""

    key: str
    name: str
    function: str
    gradient: str
    strength: float | None
    dashed: bool
    activation: str
    remark: str
    ratio: str  # of its gradient to that of the next card
    arrow: str  # between it and the next card: "solid" or "dashed" and backward; "" if no gradient is known


def _strength(size: float | None, largest: float, smallest: float) -> float | None:
    """Map a size to 0 … 1 by its logarithm; 0 is ``smallest`` times the largest gradient or less."""
    if size is None:
        return None
    if size == 0.0 or largest == 0.0:
        return 0.0
    if not size < largest:  # nan too
        return 1.0
    return max(0.0, 1.0 - (math.log(size) - math.log(largest)) / math.log(smallest))


def _remark(layer: LayerFlow) -> str:
    total = f" of {layer.units}" if layer.units else ""
    both = ((layer.dead, "dead"), (layer.saturated, "saturated"))
    return ", ".join(f"{len(units)}{total} {kind}" for units, kind in both if units)


def tiles_of(layers: Sequence[LayerFlow], limits: Thresholds) -> list[Tile]:
    """Return the cards to draw, inputs first."""
    measure = Measure(layers)
    sizes, titles = measure.sizes, titles_of(layers)
    largest = max((x for x in sizes if x is not None and math.isfinite(x)), default=0.0)
    tiles: list[Tile] = []
    for i, (layer, size) in enumerate(zip(layers, sizes, strict=True)):
        ratio = measure.ratio(i)
        following = sizes[i + 1] if i + 1 < len(sizes) else None
        is_compared = measure.of_activations and size is not None and following
        tile = Tile(
            key=f"l{i}",
            name=titles[i] if len(titles[i]) <= LABEL_LENGTH else f"…{titles[i][1 - LABEL_LENGTH :]}",
            function=layer.function,
            gradient=format_gradient(size),
            strength=_strength(size, largest, limits.vanishing),
            dashed=size == 0.0 or (ratio is not None and ratio < limits.vanishing),
            activation="" if layer.units is None else format_gradient(layer.activation),
            remark=_remark(layer),
            ratio=f"×{format_number(size / following)}"
            if is_compared and size is not None and following
            else "",
            arrow="" if size is None else "dashed" if size == 0.0 else "solid",
        )
        tiles.append(tile)
    if len(tiles) <= SHOWN:
        return tiles
    cut_tile = tiles[-SHOWN // 2 - 1]
    cut = Tile("cut", f"… {len(tiles) - SHOWN} more", "", "", None, False, "", "", "", cut_tile.arrow)
    before = tiles[SHOWN // 2 - 1]._replace(ratio="")
    return [*tiles[: SHOWN // 2 - 1], before, cut, *tiles[-SHOWN // 2 :]]


# The picture --------------------------------------------------------------------------------------


class GradientFlow(Drawing):
    """Gradients and activations by layer, as they were when :func:`gradient_flow` was called.

    They are drawn in a notebook, saved by ``.save(path)``, and printed as a table. ``layers`` contains the
    numbers of each layer, ``findings`` their problems, and ``table`` is the table to display.
    """

    def __init__(
        self,
        layers: list[LayerFlow],
        limits: Thresholds,
        loss: Card | None,
        theme: Theme,
        limit: TimeLimit | None = None,
        found: Sequence[Finding] = (),
    ) -> None:
        self.layers = layers
        self.findings = [*found, *findings_of(layers, limits)]
        self._limits = limits
        self._loss = loss
        self._tiles = tiles_of(layers, limits)
        cards = [Card(t.key, "layer", t.name, t.function, t.activation, t.gradient) for t in self._tiles]
        note = "\n".join(map(str, self.findings))
        super().__init__(Picture([*cards, *([loss] if loss else [])], [], note), theme, limit)

    @cached_property
    def graph(self) -> graphviz.Digraph:
        """``graphviz.Digraph`` of the picture, to change or render; needs the graphviz package."""
        graph: Any = new_graph(self._theme, self.prefix)
        box = self._draw_above(graph, self._draw_chain(graph))
        self._finish(graph, box, self._caption(box.width))
        return graph

    def _split_caption(self) -> tuple[Digraph, Digraph | None]:
        graph, below = new_graph(self._theme, self.prefix), new_graph(self._theme, self.prefix)
        self._finish(graph, self._draw_above(graph, self._draw_chain(graph)), "")
        below.attr(label=f"<{self._caption(WIDEST)}>", labeljust="l")
        return graph, below

    def _draw_above(self, graph: Digraph, box: Box) -> Box:
        """Draw above the chain, in a subclass; return the box around everything."""
        return box

    def _caption(self, width: float) -> str:
        """Return the findings and the legend, in lines of that width, as a label."""
        theme = self._theme
        letters = max(72, int(min(width, WIDEST) / 5.4))
        texts = [(str(finding), theme.ink, 11.5) for finding in self.findings[:FINDINGS]]
        if len(self.findings) > FINDINGS:
            texts.append((f"and {len(self.findings) - FINDINGS} more: see findings", theme.ink, 11.5))
        return "".join(
            lettering(line, color, size) + '<BR ALIGN="LEFT"/>'
            for text, color, size in (*texts, (self._legend(), theme.muted, 10.5))
            for line in textwrap.wrap(text, letters)
        )

    def _finish(self, graph: Digraph, box: Box, caption: str) -> None:
        """Write the caption below, and set the bounding box."""
        left, right = box.x - box.width / 2, box.x + box.width / 2
        bottom, top = box.y - box.height / 2, box.y + box.height / 2
        graph.attr(
            layout="nop", splines="line", outputorder="edgesfirst", labelloc="b", labeljust="l",
            label=f"<{caption}>" if caption else "", bb=f"{left:.2f},{bottom:.2f},{right:.2f},{top:.2f}",
        )  # fmt: skip

    def _legend(self) -> str:
        measure = Measure(self.layers)
        below = format_number(self._limits.vanishing)
        words = f"orange: the root mean square of {measure.symbol}, "
        words += f"dashed below {below} times that of the last layer"
        if measure.of_activations:
            words += "; ×: left divided by right"
        if any(layer.units for layer in self.layers):
            words += "; blue: the root mean square of the activation"
        return words

    def _draw_chain(self, graph: Digraph) -> Box:
        """Draw the cards side by side on the line y = 0, joined by arrows; return the box around them."""
        left, right, previous = 0.0, 0.0, None
        for tile in self._tiles:
            right = left + self._draw_tile(graph, tile, left)
            if previous is not None:
                self._join(graph, previous, tile.key, left - GAP)
            left, previous = right + GAP, tile
        if self._loss is not None and previous is not None:
            self._join(graph, previous, self._loss.key, left - GAP)
            right = left + self._draw_loss(graph, self._loss, left)
        lines = max((bool(t.function or t.activation) + bool(t.remark) for t in self._tiles), default=0)
        bottom = -HEIGHT / 2 - 17.0 * lines
        return Box(right / 2, (HEIGHT / 2 + bottom) / 2, right, HEIGHT / 2 - bottom)

    def _draw_tile(self, graph: Digraph, tile: Tile, left: float) -> float:
        """Draw a card whose left side is at ``left``; return its width."""
        theme = self._theme
        label_width = text_width(f"{tile.function} {tile.activation}", 11.0)
        inner = max(text_width(tile.name, 12.5), text_width(tile.gradient, 12.0), 50.0) + 20.0
        width = max(inner, label_width, text_width(tile.remark, 10.5))
        x = left + width / 2
        fill, border = theme.box
        if tile.strength is not None:
            fill = theme.flow[round(tile.strength * (len(theme.flow) - 1))]
            border = theme.cards["operation"][1]
        ink = theme.ink_on(fill)
        label = lettering(tile.name, ink, 12.0, bold=True)
        if tile.gradient:
            label += "<BR/>" + lettering(tile.gradient, ink, 12.0)
        graph.node(
            tile.key, label=f"<{label}>", id=f"{self.prefix}-{tile.key}", pos=f"{x:.2f},0", fixedsize="true",
            width=f"{width / 72:.4f}", height=f"{HEIGHT / 72:.4f}", fillcolor=fill, color=border,
            style="rounded,filled,dashed" if tile.dashed or tile.key == "cut" else "rounded,filled",
        )  # fmt: skip
        words = [lettering(tile.function, theme.muted, 10.5)] if tile.function else []
        words += [lettering(tile.activation, theme.data, 11.0)] if tile.activation else []
        lines = [" ".join(words), lettering(tile.remark, theme.ink, 10.5) if tile.remark else ""]
        for i, line in enumerate(filter(None, lines)):
            graph.node(
                f"{tile.key}-{i}", label=f"<{line}>", pos=f"{x:.2f},{-HEIGHT / 2 - 13 - 15 * i:.2f}",
                shape="plaintext", fixedsize="true", width=f"{width / 72:.4f}", height=".2",
            )  # fmt: skip
        return width

    def _join(self, graph: Digraph, tile: Tile, target: str, start: float) -> None:
        """Draw the arrow between a tile and the next one: backward if a gradient flows to the tile."""
        theme = self._theme
        graph.edge(
            f"{tile.key}:e", f"{target}:w", color=theme.backward if tile.arrow else theme.forward,
            id=f"{self.prefix}-{tile.key}-on", style=tile.arrow or "solid",
            dir="back" if tile.arrow else "forward",
        )  # fmt: skip
        if tile.ratio:
            graph.node(
                f"{tile.key}-on", label=f"<{lettering(tile.ratio, theme.muted, 10.5)}>",
                pos=f"{start + GAP / 2:.2f},10", shape="plaintext", fixedsize="true", width=".8", height=".2",
            )  # fmt: skip

    def _draw_loss(self, graph: Digraph, card: Card, left: float) -> float:
        theme = self._theme
        width = max(text_width(card.name, 12.5), text_width(card.data, 12.0), 42.0) + 20.0
        fill, border = theme.cards["output"]
        label = lettering(card.name, theme.ink, 12.0, bold=True)
        label += "<BR/>" + lettering(card.data, theme.data, 12.0)
        graph.node(
            card.key, label=f"<{label}>", id=f"{self.prefix}-{card.key}", pos=f"{left + width / 2:.2f},0",
            fixedsize="true", width=f"{width / 72:.4f}", height=f"{HEIGHT / 72:.4f}", fillcolor=fill,
            color=border, style="rounded,filled",
        )  # fmt: skip
        return width

    # Texts and tables -----------------------------------------------------------------------------

    @property
    def alt(self) -> str:
        """Alternative text: every activation and gradient of the picture, and the findings."""
        parts: list[str] = []
        for tile in self._tiles:
            facts = [tile.function, tile.activation and f"activation {tile.activation}"]
            if tile.gradient:
                facts.append(
                    "gradient not computed" if tile.gradient == UNKNOWN else f"gradient {tile.gradient}"
                )
            facts += ["dashed" if tile.dashed else "", tile.remark]
            parts.append(f"{tile.name}: {', '.join(x for x in facts if x)}".removesuffix(": "))
        if self._loss is not None:
            parts.append(f"{self._loss.name} = {self._loss.data}")
        findings = "".join(f" {finding}." for finding in self.findings)
        return f"Gradient flow by layer, inputs first: {'; '.join(parts)}.{findings} In {self._legend()}."

    @property
    def table(self) -> Table:
        """Table of all layers, as text or HTML; all sizes are root mean squares."""
        problems = {
            layer.name: [f.kind for f in self.findings if layer.name in f.where] for layer in self.layers
        }
        titles = titles_of(self.layers)
        has_activations = any(layer.units is not None for layer in self.layers)
        header = ["layer", "function", "parameters", "size", "∂parameter"]
        if has_activations:
            header[2:2] = ["units", "activation", "∂activation", "closed"]
        rows: list[list[str]] = []
        for layer, title in zip(self.layers, titles, strict=True):
            row = [title, layer.function, f"{layer.parameters:,}"]
            row += [format_number(layer.parameter), format_gradient(layer.parameter_gradient)]
            if has_activations and layer.units is not None:
                share = f"{layer.closed or 0.0:.0%}"
                row[2:2] = [
                    f"{layer.units:,}",
                    format_gradient(layer.activation),
                    format_gradient(layer.activation_gradient),
                    share,
                ]
            elif has_activations:
                row[2:2] = [""] * 4
            remark = _remark(layer)
            rows.append([*row, ", ".join([*problems[layer.name], *([remark] if remark else [])])])
        return Table([*header, "finding"], rows, right=range(2, len(header)))

    def __str__(self) -> str:
        return "\n".join([repr(self.table), *(f"- {finding}" for finding in self.findings)])

    __repr__ = __str__


def loss_card(loss: Value | None) -> Card | None:
    """Return the card of the loss."""
    if loss is None:
        return None
    return Card("loss", "output", clean(loss.label) or "loss", "", format_number(loss.data), None)


def gradient_flow(
    model: Model,
    loss: Value | None = None,
    *,
    theme: str = "light",
    vanishing: float = 1e-4,
    exploding: float = 1e4,
    saturated: float = 0.05,
    timeout: float = TIMEOUT,
) -> GradientFlow:
    """Measure gradients and activations by layer; find vanishing and exploding gradients and dead units.

    Call it after ``loss.backward()`` and before ``zero_grad()``. The model alone has the gradients of its
    parameters; with the ``loss``, the activations and their gradients over all samples are read from the
    graph. Sizes are root mean squares, so that layers of different width compare. A unit is *dead* if the
    local derivative of its activation is 0 on every sample, and *saturated* if it is small on every
    sample; ``closed`` in the table is the share of units and samples where it is small.

    >>> w1, w2 = Value(2.0), Value(3.0)
    >>> class Model:
    ...     def named_parameters(self):
    ...         return [("w1", w1), ("w2", w2)]
    >>> (1e-6 * w1 + w2).backward()
    >>> flow = gradient_flow(Model())
    >>> print(*flow.findings)
    the gradient of w1 vanishes: it is 1e−6 times the gradient of w2 (1), below the limit of 1e−4

    Reading a network of 10**6 Values takes about 25 s and 1.1 GB.

    Args:
        model: An object with ``named_parameters()``, such as ``nn.MLP``.
        loss: The loss, as a Value; its gradients are ``·`` before the first backward pass. Without it the
            gradient is the ``grad`` of the parameters, which is 0 before the first backward pass.
        theme: "light" or "dark".
        vanishing: A gradient vanishes below this multiple of that of the layer nearest the loss.
        exploding: A gradient explodes above this multiple of it, or of the size of the parameters.
        saturated: A unit is saturated if its local derivative is smaller on every sample.
        timeout: Time limit in seconds, from reading the graph to the layout.

    Returns:
        The picture, with the numbers in ``.layers`` and the problems in ``.findings``.

    Raises:
        TypeError: If ``model`` has no ``named_parameters()``, ``loss`` is not a Value, or an option is not
            a number.
        ValueError: If the model has no parameters, the loss was not computed from them, or an option is
            out of its range.
        RenderError: If the time limit is exceeded, here or when the picture is shown or saved.

    Reference: Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural
    networks"; Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks".
    """
    pairs = named_parameters_of(model, "gradient_flow")
    if loss is not None:
        check_value("gradient_flow", "loss", loss, "Pass the result of the loss function, or leave it out.")
    limits = Thresholds(vanishing, exploding, saturated)
    limits.check("gradient_flow")
    remedy = "Allow more time (timeout=…), or leave out the loss: gradient_flow(model)."
    time = TimeLimit(timeout, remedy, "gradient_flow")
    with time.running():
        grads = gradients_of([p for _, p in pairs], loss)
        layers = read_layers(model, loss, grads, saturated, "gradient_flow")
        return GradientFlow(layers, limits, loss_card(loss), theme_named(theme, "gradient_flow"), time)
