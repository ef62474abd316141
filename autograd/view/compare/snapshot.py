"""A moment of a graph: its numbers as they are now, apart from the Values themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ...backward import topological_order
from ...system.messages import type_and_value
from ...value import Value
from ..draw.graphviz import Drawing
from ..notation.names import Names, format_number, known, operation
from ..picture.cards import LIMIT, Picture, picture_nearest, reservations
from ..picture.last_pass import last_pass
from ..render.options import check_int
from ..render.tables import html_table, html_with_notes, text_table, with_notes
from ..render.terminal import terminal_width
from ..render.theme import theme_named
from ..render.time_limit import TIMEOUT, TimeLimit


class Node(NamedTuple):
    """A Value as it was: its name, how it was computed, data and grad (None: not computed).

    ``label`` is what the user called it, ``primitive`` the name of its operation, "" for a leaf.
    ``operands`` are the places of its operands among the nodes; a constant is a float.
    """

    name: str
    expression: str
    data: float
    grad: float | None
    label: str
    primitive: str
    operands: tuple[int | float, ...]


class Snapshot(Mapping[str, Node]):
    """The nodes of a graph at one moment, by name, operands before results; see :func:`snapshot`."""

    __slots__ = ("_by_name", "_nodes", "_notes", "_picture")

    HEADER = ("name", "how", "data", "grad")
    RIGHT = (2, 3)

    def __init__(self, nodes: tuple[Node, ...], notes: tuple[str, ...], picture: Picture) -> None:
        self._nodes = nodes
        self._notes = notes
        self._picture = picture
        self._by_name = {node.name: node for node in nodes}

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes in topological order; the root is the last."""
        return self._nodes

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the numbers do not add up, and why: data overwritten, gradients of earlier passes."""
        return self._notes

    @property
    def picture(self) -> Picture:
        """What :meth:`draw` shows; beyond a limit, the part nearest the root."""
        return self._picture

    def __getitem__(self, name: str) -> Node:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._nodes)

    def draw(self, *, theme: str = "light", timeout: float = TIMEOUT) -> Drawing:
        """The graph as it was, drawn as :func:`draw` does, in at most ``timeout`` seconds."""
        time = picture_time(timeout)
        with time.running():
            return Drawing(self._picture, theme_named(theme), time)

    def _rows(self) -> tuple[list[list[str]], list[str]]:
        rows = [
            [node.name, node.expression, format_number(node.data), known(node.grad)]
            for node in self._nodes[-LIMIT:]
        ]
        notes = [*self._notes]
        if len(rows) < len(self):
            notes.append(f"the last {LIMIT} of {len(self):,}; .nodes has them all")
        return rows, notes

    def __repr__(self) -> str:
        rows, notes = self._rows()
        width = terminal_width()
        return with_notes(text_table(self.HEADER, rows, self.RIGHT, width=width), notes, width)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        rows, notes = self._rows()
        html = html_with_notes(html_table(self.HEADER, rows, self.RIGHT), notes)
        return {"text/html": html, "text/plain": repr(self)}


def picture_time(timeout: float) -> TimeLimit:
    """The time limit of a picture whose size was decided when the snapshot was taken."""
    return TimeLimit(timeout, "Take a snapshot of a smaller part (limit=…), or allow more time (timeout=…).")


def snapshot(root: Value, *, limit: int | None = LIMIT) -> Snapshot:
    """The numbers of the graph below ``root`` at this moment, to look at or :func:`compare` later.

    >>> w = Value(2.0, label="w")
    >>> loss = (w * 5.0 - 12.0) ** 2
    >>> before = snapshot(loss)
    >>> loss.backward()
    >>> before["w"].grad is None, snapshot(loss)["w"].grad
    (True, -20.0)

    A mapping from the name of each Value to its record, operands before results; labels that several
    bear are numbered. It holds numbers and text alone: no Value is kept alive, later changes of the
    graph do not reach it, and it can be pickled. Its ``.draw()`` shows the ``limit`` Values nearest the
    root; ``limit=None`` keeps a picture of all.

    A graph of 10**6 Values takes about 20 s and 0.65 GB.
    """
    if not isinstance(root, Value):
        raise TypeError(f"snapshot() takes the Value to start from, not {type_and_value(root)}")
    most = check_int("limit", limit, unlimited="no limit")
    order = topological_order(root)
    names, gradients = Names(order), last_pass(root)
    places = {value: i for i, value in enumerate(order)}
    nodes = tuple(
        Node(
            names[value],
            operation(value, names),
            value.data,
            gradients.of(value),
            value.label,
            value.primitive.name if value.primitive else "",
            tuple(places[x] if isinstance(x, Value) else x for x in value.operands),
        )
        for value in order
    )
    notes = tuple(reservations(order, names, gradients))
    by = "snapshot(…, limit=None) keeps"
    return Snapshot(nodes, notes, picture_nearest(order, names, gradients, most, by, notes))
