"""Snapshot of a graph: its current numbers, independent of the Values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ...backward import topological_order
from ...system.checks import check_int
from ...value import Value
from ..draw.graphviz import Drawing
from ..notation.names import Names, format_gradient, format_number, operation
from ..picture.cards import LIMIT, Picture, picture_nearest, reservations
from ..picture.last_pass import last_pass
from ..render.options import check_root
from ..render.tables import html_table, html_with_notes, text_table, with_notes
from ..render.terminal import terminal_width
from ..render.theme import theme_named
from ..render.time_limit import TIMEOUT, TimeLimit


class Node(NamedTuple):
    """Record of a Value: name, expression, data and grad; grad is None if it is not computed.

    ``label`` is the user's label, and ``primitive`` the name of the operation, "" for a leaf.
    ``operands`` contains the index of each operand in the snapshot's nodes; a constant is a float.
    """

    name: str
    expression: str
    data: float
    grad: float | None
    label: str
    primitive: str
    operands: tuple[int | float, ...]


class Snapshot(Mapping[str, Node]):
    """Mapping from names to the records of a graph, operands before results; see :func:`snapshot`."""

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
        """Records in topological order; the root is the last."""
        return self._nodes

    @property
    def notes(self) -> tuple[str, ...]:
        """Inconsistencies of the graph: overwritten data, gradients of earlier passes."""
        return self._notes

    @property
    def picture(self) -> Picture:
        """Cards and edges that :meth:`draw` shows; beyond the limit, the part nearest the root."""
        return self._picture

    def __getitem__(self, name: str) -> Node:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._nodes)

    def draw(self, *, theme: str = "light", timeout: float = TIMEOUT) -> Drawing:
        """Draw the recorded graph, as :func:`draw` does.

        Args:
            theme: "light" or "dark".
            timeout: Time limit in seconds.

        Raises:
            ValueError: If an option is out of its range.
            RenderError: If the time limit is exceeded, here or when the drawing is shown or saved.
        """
        time = picture_time(timeout)
        with time.running():
            return Drawing(self._picture, theme_named(theme), time)

    def _rows(self) -> tuple[list[list[str]], list[str]]:
        rows = [
            [node.name, node.expression, format_number(node.data), format_gradient(node.grad)]
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
    """Return the time limit for a picture of a snapshot, which fixed the size of the picture."""
    return TimeLimit(timeout, "Take a snapshot of a smaller part (limit=…), or allow more time (timeout=…).")


def snapshot(root: Value, *, limit: int | None = LIMIT) -> Snapshot:
    """Record the current numbers of the graph of ``root``, to print or :func:`compare` later.

    The snapshot maps the name of each Value to its record, operands before results; repeated labels are
    numbered. It contains only numbers and text: it keeps no Value alive, does not follow later changes of
    the graph, and can be pickled.

    >>> w = Value(2.0, label="w")
    >>> loss = (w * 5.0 - 12.0) ** 2
    >>> before = snapshot(loss)
    >>> loss.backward()
    >>> before["w"].grad is None, snapshot(loss)["w"].grad
    (True, -20.0)

    A graph of 10**6 Values takes about 20 s and 0.65 GB.

    Args:
        root: A Value.
        limit: The number of Values, those nearest the root, that ``.draw()`` will show; None keeps a
            picture of all.

    Raises:
        TypeError: If ``root`` is not a Value, or ``limit`` is not an int.
        ValueError: If ``limit`` is less than 1.
    """
    check_root("snapshot", root)
    most = check_int("snapshot", "limit", limit, "Pass None to keep every Value.", optional=True)
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
