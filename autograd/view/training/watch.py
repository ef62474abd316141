"""Live view of a training loop: one picture, updated in place, of the loss and the gradients by layer."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from types import TracebackType
from typing import Any, NamedTuple, Self, SupportsFloat, TextIO

from ...interop.reals import require_float
from ...system.messages import class_name, type_name
from ...value import Value
from ..draw.graphviz import Digraph, lettering
from ..notation.names import format_number
from ..picture.layout import Box
from ..render.options import check_seconds
from ..render.tables import fit
from ..render.terminal import encodable, terminal_width
from ..render.theme import Theme, theme_named
from ..render.time_limit import RenderError
from .diagnosis import Finding, Thresholds
from .gradient_flow import GradientFlow
from .layer_stats import LayerFlow, Model, gradients_of, named_parameters_of, read_layers

#: The largest shares of the time for drawing and for reading graphs.
DRAWING, READING = 0.05, 0.1
#: The number of points of the curve.
POINTS = 100
#: The curve's size and its distance from the cards below, in points.
CURVE_WIDTH, CURVE_HEIGHT, CURVE_GAP = 420.0, 84.0, 34.0
#: Attributes of a line from point to point: an arrow would keep a distance.
_LINE = {"arrowhead": "none", "headclip": "false", "tailclip": "false"}
_BLOCKS = "▁▂▃▄▅▆▇█"


class Point(NamedTuple):
    """Consecutive steps: the number of the last one, and the mean of their losses."""

    step: int
    loss: float


def curve_of(losses: Sequence[float], most: int) -> list[Point]:
    """Average the losses to at most ``most`` points; losses that are not finite are left out.

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
    """Return the curve as one line of text, scaled from the lowest loss to the highest.

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
    """Return the position of x between low and high; halving first prevents an overflow."""
    return (x / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.0


class Progress(GradientFlow):
    """Picture of the losses so far, above the gradients by layer at ``step``."""

    def __init__(
        self,
        layers: list[LayerFlow],
        step: int,
        limits: Thresholds,
        losses: list[float],
        remark: str,
        theme: Theme,
    ) -> None:
        self.losses = losses
        self._points = curve_of(losses, POINTS)
        self._title = f"step {len(losses):,}{remark and f', {remark}'}"
        if step < len(losses):
            self._title += f" (layers: step {step:,})"
        super().__init__(layers, limits, None, theme, found=_about_loss(losses))

    def _draw_above(self, graph: Digraph, box: Box) -> Box:
        theme = self._theme
        width, bottom = max(box.width, CURVE_WIDTH), box.y + box.height / 2 + CURVE_GAP
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
        floor = box.y - box.height / 2
        return Box((width + 64.0) / 2, (top + 30.0 + floor) / 2, width + 64.0, top + 30.0 - floor)

    @property
    def alt(self) -> str:
        """Alternative text: the losses and gradients of the picture."""
        curve = ", ".join(f"{format_number(point.loss)} at step {point.step:,}" for point in self._some())
        latest = f"{self._title}, loss {format_number(self.losses[-1])}"
        return f"Training, {latest}. The loss so far: {curve}. {super().alt}"

    def _some(self) -> list[Point]:
        return curve_of(self.losses, 8)

    @property
    def line(self) -> str:
        """Picture as one line of text, for a terminal."""
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
    """Add an invisible point, the end of a line."""
    graph.node(key, label="", shape="point", style="invis", width=".01", pos=f"{x:.2f},{y:.2f}")
    return key


def _write(graph: Digraph, key: str, x: float, y: float, width: float, words: str) -> None:
    """Write words at the left of a box with that center and width."""
    cell = f'<TR><TD ALIGN="LEFT" WIDTH="{width:.0f}">{words}</TD></TR>'
    table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{cell}</TABLE>'
    graph.node(
        key, label=f"<{table}>", pos=f"{x:.2f},{y:.2f}", shape="plaintext", fixedsize="true",
        width=f"{width / 72:.4f}", height=".25", margin="0",
    )  # fmt: skip


# Outputs ------------------------------------------------------------------------------------------


class _Notebook:
    """Output of a notebook cell, updated in place by the display protocol of Jupyter, without a widget."""

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
    """Return the data to send: the SVG, and at the end all formats, so that a saved notebook has a PNG."""
    if final:
        return picture._repr_mimebundle_()
    try:
        return {"image/svg+xml": picture.svg, "text/plain": str(picture)}, {}
    except (RenderError, ImportError) as error:
        return {"text/plain": f"{error}\n\n{picture}"}, {}


class _Terminal:
    """Line of a terminal, overwritten in place."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, picture: Progress, final: bool) -> None:
        line = encodable(fit(picture.line, terminal_width() - 1), self._stream)
        self._stream.write(f"\r\x1b[K{line}" + ("\n" if final else ""))
        self._stream.flush()


def _screen() -> _Notebook | _Terminal | None:
    """Return a notebook or a terminal; None for anything else, such as a log file."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is not None:
        return _Notebook()
    stream = sys.stderr
    return _Terminal(stream) if stream is not None and stream.isatty() else None


# Training loop ------------------------------------------------------------------------------------


class _Moment(NamedTuple):
    """Data of a picture. The gradients are copies, since the next step overwrites those of parameters."""

    step: int
    loss: Value | None
    grads: dict[Value, float | None]


class Live:
    """Live view of a training loop: call it with the loss of each step. See :func:`watch`."""

    def __init__(self, model: Model, limits: Thresholds, theme: Theme, interval: float) -> None:
        self.losses: list[float] = []
        #: The latest picture, a :class:`GradientFlow` with the loss above; None before the first step.
        self.picture: Progress | None = None
        self._model = model
        self._parameters = [parameter for _, parameter in named_parameters_of(model, "watch")]
        self._limits = limits
        self._theme = theme
        self._interval = interval
        self._latest: _Moment | None = None
        self._screen: _Notebook | _Terminal | None = None
        self._running = False
        self._due = self._read_due = 0.0
        self._read: tuple[list[LayerFlow], int] = [], 0

    def __call__(self, loss: Value | SupportsFloat) -> None:
        """Record the loss of a step, and update the picture if it is due.

        Call it after ``backward()`` and before ``zero_grad()``.

        Args:
            loss: The loss as a Value, or as a number, which has no graph.
        """
        value = loss if isinstance(loss, Value) else Value(require_float(loss, "watch()", "loss"))
        graph = None if value.is_leaf else value
        if not self._running:
            self._screen, self._running = _screen(), True
            self._due = self._read_due = 0.0
        self.losses.append(value.data)
        self._latest = _Moment(len(self.losses), graph, gradients_of(self._parameters, graph))
        if self._screen is not None and time.perf_counter() >= self._due:
            self._refresh("", final=False)

    def close(self, ended: str = "") -> None:
        """Show the last step and release its graph; leaving the ``with`` block does this.

        Args:
            ended: A remark for the title, such as "interrupted".
        """
        if self._running:
            self._running = False
            self._refresh(ended, final=True)
            self._latest = None

    def _refresh(self, remark: str, final: bool) -> None:
        moment = self._latest
        if moment is None:  # interrupted during the first step
            return
        start = time.perf_counter()
        if final or start >= self._read_due:  # reading a graph takes as long as some steps of training
            layers = read_layers(self._model, moment.loss, moment.grads, self._limits.saturated, "watch")
            self._read = layers, moment.step
            start, duration = time.perf_counter(), time.perf_counter() - start
            self._read_due = start + duration / READING
        losses = self.losses[: moment.step]
        self.picture = picture = Progress(*self._read, self._limits, losses, remark, self._theme)
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
            f"watching {type_name(self._model)}, no step yet" if self.picture is None else str(self.picture)
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
    """Watch a training loop: a notebook shows one picture, updated in place, of the loss and the gradients.

    The picture has the loss of every step and the :func:`gradient_flow` of the last one. A terminal shows
    one line, overwritten in place; anything else, such as a log file, gets no output. All pictures take at
    most a twentieth of the time, and reading graphs a tenth. When the loop ends, also by an error or an
    interrupt, the last step is shown.

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

    Call ``live`` with the loss after ``backward()`` and before ``zero_grad()``. If the loss is a number and
    not a Value, only the gradients of the parameters are shown. Without ``with``, call ``live.close()`` at
    the end: until then the graph of the last loss is kept. Reading the graph of a loss of 10**6 Values
    takes about 25 s and 1.1 GB, at the first and the last step too.

    Args:
        model: An object with ``named_parameters()``, such as ``nn.MLP``.
        theme: "light" or "dark".
        interval: The least time between two pictures, in seconds.
        vanishing: A gradient vanishes below this multiple of that of the layer nearest the loss.
        exploding: A gradient explodes above this multiple of it, or of the size of the parameters.
        saturated: A unit is saturated if its local derivative is smaller on every sample.

    Returns:
        The live view: ``.losses`` and ``.picture`` remain after the loop.

    Raises:
        TypeError: If ``model`` has no ``named_parameters()``, or an option is not a number.
        ValueError: If the model has no parameters, or an option is out of its range.
    """
    pause = check_seconds("watch", "interval", interval, "The default is 0.5.", zero=True)
    limits = Thresholds(vanishing, exploding, saturated)
    limits.check("watch")
    return Live(model, limits, theme_named(theme, "watch"), pause)
