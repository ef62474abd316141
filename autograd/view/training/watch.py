"""Watching a training loop: one picture, updated in place, of the loss so far and the gradient by layer."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from types import TracebackType
from typing import Any, NamedTuple, Self, SupportsFloat, TextIO

from ...system.messages import class_name, type_name
from ...value import Value
from ..draw.graphviz import Digraph, lettering
from ..notation.names import format_number
from ..picture.layout import Box
from ..render.options import seconds
from ..render.tables import fit
from ..render.terminal import encodable, terminal_width
from ..render.theme import Theme, theme_named
from ..render.time_limit import RenderError
from .diagnosis import Finding, Thresholds
from .gradient_flow import GradientFlow
from .layer_stats import LayerFlow, Model, gradients_of, named_parameters_of, read_layers

#: At most these shares of the time go into drawing, and into reading graphs.
DRAWING, READING = 0.05, 0.1
#: The curve has so many points.
POINTS = 100
#: The curve's size and its distance from the cards below, in points.
CURVE_WIDTH, CURVE_HEIGHT, CURVE_GAP = 420.0, 84.0, 34.0
#: A line from point to point, where an arrow would keep its distance.
_LINE = {"arrowhead": "none", "headclip": "false", "tailclip": "false"}
_BLOCKS = "▁▂▃▄▅▆▇█"


class Point(NamedTuple):
    """Some steps in a row: the number of the last one, and the mean of their losses."""

    step: int
    loss: float


def curve_of(losses: Sequence[float], most: int) -> list[Point]:
    """At most so many points for a curve; losses that are no finite numbers are left out.

    >>> curve_of([4.0, 2.0, 1.0, 1.0], most=2)
    [Point(step=2, loss=3.0), Point(step=4, loss=1.0)]
    """
    width = max(1, math.ceil(len(losses) / most))
    points: list[Point] = []
    for start in range(0, len(losses), width):
        finite = [x for x in losses[start : start + width] if math.isfinite(x)]
        if finite:
            points.append(Point(min(start + width, len(losses)), math.fsum(x / len(finite) for x in finite)))
    return points


def sparkline(losses: Sequence[float], most: int = 24) -> str:
    """The curve as one line of text, from the lowest loss to the highest.

    >>> sparkline([8.0, 4.0, 2.0, 1.0])
    '█▄▂▁'
    """
    points = [point.loss for point in curve_of(losses, most)]
    if not points:
        return ""
    low, high = min(points), max(points)
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round(top * _fraction(x, low, high))] for x in points)


def _fraction(x: float, low: float, high: float) -> float:
    """Where x stands between the two; halved first, so that their difference is no overflow."""
    return (x / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.0


class Progress(GradientFlow):
    """The loss of every step so far, above the gradient by layer as it was at ``step``."""

    def __init__(
        self,
        layers: list[LayerFlow],
        step: int,
        limits: Thresholds,
        losses: list[float],
        ended: str,
        theme: Theme,
    ) -> None:
        self.losses = losses
        self._points = curve_of(losses, POINTS)
        self._title = f"step {len(losses):,}{ended and f', {ended}'}"
        if step < len(losses):
            self._title += f" (layers: step {step:,})"
        super().__init__(layers, limits, None, theme, found=_about_loss(losses))

    def _draw_above(self, graph: Digraph, around: Box) -> Box:
        theme = self._theme
        width, bottom = max(around.width, CURVE_WIDTH), around.y + around.height / 2 + CURVE_GAP
        low = min((point.loss for point in self._points), default=0.0)
        high = max((point.loss for point in self._points), default=0.0)
        top = bottom + CURVE_HEIGHT
        for name, y, loss in (("top", top, high), ("bottom", bottom, low)):
            rule = (_place(graph, f"{name}{x:.0f}", x, y) for x in (0.0, width))
            graph.edge(*rule, color=theme.box[1], **_LINE)
            _write(
                graph,
                f"{name}-loss",
                width + 36.0,
                y,
                56.0,
                lettering(format_number(loss), theme.muted, 10.0),
            )
        first, last = (self._points[i].step if self._points else 0 for i in (0, -1))
        places = [
            (
                width * _fraction(point.step, first, last),
                bottom + CURVE_HEIGHT * _fraction(point.loss, low, high),
            )
            for point in self._points
        ]
        ends = [_place(graph, f"p{i}", x, y) for i, (x, y) in enumerate(places)]
        for a, b in pairwise(ends):
            graph.edge(a, b, color=theme.data, penwidth="1.6", **_LINE)
        if ends:
            graph.node(ends[-1], width=".07", height=".07", style="filled", color=theme.data)
        title = lettering("loss ", theme.ink, 12.0, bold=True)
        title += lettering(format_number(self.losses[-1]), theme.data, 12.0, bold=True)
        title += lettering(f"  {self._title}", theme.muted, 11.0)
        _write(graph, "title", width / 2, top + 18.0, width, title)
        floor = around.y - around.height / 2
        return Box((width + 64.0) / 2, (top + 30.0 + floor) / 2, width + 64.0, top + 30.0 - floor)

    @property
    def alt(self) -> str:
        """The picture in words: the losses and gradients it shows."""
        curve = ", ".join(f"{format_number(point.loss)} at step {point.step:,}" for point in self._some())
        now = f"{self._title}, loss {format_number(self.losses[-1])}"
        return f"Training, {now}. The loss so far: {curve}. {super().alt}"

    def _some(self) -> list[Point]:
        return curve_of(self.losses, 8)

    @property
    def line(self) -> str:
        """The picture on one line, for a terminal."""
        gradients = "  ".join(f"{tile.name} {tile.gradient}".strip() for tile in self._tiles)
        head = f"{self._title}  loss {format_number(self.losses[-1])}  {sparkline(self.losses)}"
        return "  ".join([head, f"∂ {gradients}", *map(str, self.findings)])

    def __str__(self) -> str:
        head = f"{self._title}, loss {format_number(self.losses[-1])}  {sparkline(self.losses)}"
        return f"{head}\n{super().__str__()}"

    __repr__ = __str__


def _about_loss(losses: Sequence[float]) -> list[Finding]:
    bad = next((i for i, loss in enumerate(losses, start=1) if not math.isfinite(loss)), None)
    if bad is None:
        return []
    text = f"the loss was {format_number(losses[bad - 1])} at step {bad:,}, for the first time"
    return [Finding("not finite", ("loss",), text)]


def _place(graph: Digraph, key: str, x: float, y: float) -> str:
    """A point to draw a line to."""
    graph.node(key, label="", shape="point", style="invis", width=".01", pos=f"{x:.2f},{y:.2f}")
    return key


def _write(graph: Digraph, key: str, x: float, y: float, width: float, words: str) -> None:
    """Some words, at the left of a box of that width, whose centre is given."""
    cell = f'<TR><TD ALIGN="LEFT" WIDTH="{width:.0f}">{words}</TD></TR>'
    table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{cell}</TABLE>'
    graph.node(
        key, label=f"<{table}>", pos=f"{x:.2f},{y:.2f}", shape="plaintext", fixedsize="true",
        width=f"{width / 72:.4f}", height=".25", margin="0",
    )  # fmt: skip


# Where it is shown --------------------------------------------------------------------------------


class _Notebook:
    """One output of a cell, updated in place by the display protocol of Jupyter: no widget, no comm."""

    def __init__(self) -> None:
        self._display = import_module("IPython.display").display
        self._handle: Any = None

    def show(self, picture: Progress, final: bool) -> None:
        data, metadata = _bundle(picture, final)
        if self._handle is None:
            self._handle = self._display(data, metadata=metadata, raw=True, display_id=True)
        else:
            self._handle.update(data, metadata=metadata, raw=True)


def _bundle(picture: Progress, final: bool) -> tuple[dict[str, str], dict[str, Any]]:
    """What is sent: at the end all there is, so that a saved notebook has its PNG; until then the SVG."""
    if final:
        return picture._repr_mimebundle_()
    try:
        return {"image/svg+xml": picture.svg, "text/plain": str(picture)}, {}
    except (RenderError, ImportError) as error:
        return {"text/plain": f"{error}\n\n{picture}"}, {}


class _Terminal:
    """A line of a terminal, written over in place."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, picture: Progress, final: bool) -> None:
        line = encodable(fit(picture.line, terminal_width() - 1), self._stream)
        self._stream.write(f"\r\x1b[K{line}" + ("\n" if final else ""))
        self._stream.flush()


def _screen() -> _Notebook | _Terminal | None:
    """A notebook, else a terminal, else nothing: a log file is not to be filled with lines."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is not None:
        return _Notebook()
    stream = sys.stderr
    return _Terminal(stream) if stream is not None and stream.isatty() else None


# The loop -----------------------------------------------------------------------------------------


class _Moment(NamedTuple):
    """What a picture is made of. Gradients are kept apart: the next step overwrites those of parameters."""

    step: int
    loss: Value | None
    grads: dict[Value, float | None]


class Live:
    """A training loop being watched: call it with the loss of each step. See :func:`watch`."""

    def __init__(self, model: Model, limits: Thresholds, theme: Theme, interval: float) -> None:
        self.losses: list[float] = []
        #: The latest picture, a :class:`GradientFlow` with the loss above; None before the first step.
        self.picture: Progress | None = None
        self._model = model
        self._parameters = [parameter for _, parameter in named_parameters_of(model)]
        self._limits = limits
        self._theme = theme
        self._interval = interval
        self._latest: _Moment | None = None
        self._screen: _Notebook | _Terminal | None = None
        self._running = False
        self._due = self._read_due = 0.0
        self._read: tuple[list[LayerFlow], int] = [], 0

    def __call__(self, loss: Value | SupportsFloat) -> None:
        """Note the loss of a step; show it if it is time. After ``backward()``, before ``zero_grad()``."""
        value = loss if isinstance(loss, Value) else Value(loss)
        graph = None if value.is_leaf else value
        if not self._running:
            self._screen, self._running = _screen(), True
            self._due = self._read_due = 0.0
        self.losses.append(value.data)
        self._latest = _Moment(len(self.losses), graph, gradients_of(self._parameters, graph))
        if self._screen is not None and time.perf_counter() >= self._due:
            self._refresh("", final=False)

    def close(self, ended: str = "") -> None:
        """Show the last step, and let go of its graph. Leaving the ``with`` does this."""
        if self._running:
            self._running = False
            self._refresh(ended, final=True)
            self._latest = None

    def _refresh(self, ended: str, final: bool) -> None:
        moment = self._latest
        if moment is None:  # interrupted within the first step
            return
        start = time.perf_counter()
        if final or start >= self._read_due:  # reading a graph takes as long as some steps of training
            layers = read_layers(self._model, moment.loss, moment.grads, self._limits.saturated)
            self._read = layers, moment.step
            start, took = time.perf_counter(), time.perf_counter() - start
            self._read_due = start + took / READING
        losses = self.losses[: moment.step]
        self.picture = picture = Progress(*self._read, self._limits, losses, ended, self._theme)
        if self._screen is not None:
            self._screen.show(picture, final)
        end = time.perf_counter()
        self._due = end + max(self._interval, (end - start) / DRAWING)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.close("interrupted" if kind is KeyboardInterrupt else f"ended by {class_name(kind)}")

    def __repr__(self) -> str:
        return (
            f"watching {type_name(self._model)}, nothing yet" if self.picture is None else str(self.picture)
        )

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        return ({"text/plain": repr(self)}, {}) if self.picture is None else self.picture._repr_mimebundle_()


def watch(
    model: Model,
    *,
    theme: str = "light",
    interval: float = 0.5,
    vanishing: float = 1e-4,
    exploding: float = 1e4,
    saturated: float = 0.05,
) -> Live:
    """Watch a training loop: in a notebook one picture, updated in place, of the loss and the gradients.

    >>> w = Value(2.0, label="w")
    >>> class Model:
    ...     def named_parameters(self):
    ...         return [("w", w)]
    >>> with watch(Model()) as live:
    ...     for step in range(3):
    ...         loss = (w * 5.0 - 12.0) ** 2
    ...         w.zero_grad()
    ...         loss.backward()
    ...         live(loss)
    ...         w.data -= 0.01 * w.grad
    >>> [round(x, 6) for x in live.losses]
    [4.0, 1.0, 0.25]

    Call it with the loss after ``backward()`` and before ``zero_grad()``; ``optimizer.step()`` may come
    before or after. It shows the loss of every step and what :func:`gradient_flow` shows of the last one,
    with the same thresholds. In a terminal it is one line, written over in place; where the output is
    neither, as in a log file, nothing is written. A loss that is a plain number gives the gradients of
    the parameters alone.

    A picture is made no more often than every ``interval`` seconds, and so seldom that all of them take
    at most a twentieth of the time. Reading the graph takes a tenth at most, and while that is older
    than the curve, the picture says so. It is laid out by graphviz as every other picture here, in some
    hundredths of a second: it needs no plotting library and no widget, and is there in a saved notebook.

    A loss of 10**6 Values is read in about 25 s with 1.1 GB, at the first step and the last one too; a
    loss that is a plain number is not read.

    When the loop ends, also by an error or an interrupt, the last step is shown; the error goes on.
    Without ``with``, as a callback, say ``live.close()`` at the end: until then the graph of the last
    loss is kept for it. ``live.losses`` and ``live.picture`` stay.
    """
    pause = seconds("interval", interval, zero=True)
    limits = Thresholds(vanishing, exploding, saturated)
    limits.check()
    return Live(model, limits, theme_named(theme), pause)
