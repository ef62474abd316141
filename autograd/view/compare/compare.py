"""Comparison of two snapshots: a table or a picture with the differences marked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...system.messages import type_and_value
from ...value import Value
from ..draw.graphviz import Drawing
from ..notation.names import ELEMENTS, format_gradient, format_number, format_pair
from ..picture.cards import LIMIT, Card, Changed, Picture
from ..render.tables import html_table, html_with_notes, text_table, with_notes
from ..render.terminal import terminal_width
from ..render.theme import theme_named
from ..render.time_limit import TIMEOUT, in_time
from .matching import is_same_operation, match
from .snapshot import Node, Snapshot, picture_time, snapshot
from .ulps import same_number


class Difference(NamedTuple):
    """Row of a comparison: a node before and after, and which of its parts differ.

    ``before`` or ``after`` is None if that graph has no such node. Numbers are compared bit by bit,
    including the sign of zero in data; nan equals nan, and a gradient of None differs from every number.
    """

    before: Node | None
    after: Node | None
    how_differs: bool = False
    data_differs: bool = False
    grad_differs: bool = False

    @property
    def name(self) -> str:
        """Name of the node, or both names if they differ."""
        return " → ".join(dict.fromkeys(node.name for node in (self.before, self.after) if node))

    @property
    def mark(self) -> str:
        """``≠`` for a difference, ``−`` for a node only before, ``+`` for one only after, else empty."""
        if not self.before or not self.after:
            return "−" if self.before else "+"
        return "≠" if self.how_differs or self.data_differs or self.grad_differs else ""


class Comparison:
    """Comparison of two snapshots, node by node in ``rows``; shown as a table."""

    HEADER = ("", "name", "how", "data", "→ data", "Δ data", "grad", "→ grad", "Δ grad")
    RIGHT = range(3, 9)

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self.before = before
        self.after = after
        matching = match(before.nodes, after.nodes)
        self._guess_count = len(matching.guesses)
        #: Every node of both, in the order of ``after``; nodes that are only in ``before`` are inserted.
        self.rows = tuple(_rows(before.nodes, after.nodes, matching.pairs))

    @property
    def changed(self) -> tuple[Difference, ...]:
        """Rows with a difference."""
        return tuple(row for row in self.rows if row.mark)

    @property
    def first(self) -> Difference | None:
        """First row, in the order of the forward pass, with another operation or other data, or None.

        Two runs of the same calculation part there.
        """
        return next((row for row in self.rows if row.how_differs or row.data_differs), None)

    @property
    def summary(self) -> str:
        """Number of differences, in words."""
        counts = {
            "in data": sum(row.data_differs for row in self.rows),
            "in grad": sum(row.grad_differs for row in self.rows),
            "in how they are computed": sum(row.how_differs for row in self.rows),
            "only before (−)": sum(row.after is None for row in self.rows),
            "only after (+)": sum(row.before is None for row in self.rows),
        }
        differences = ", ".join(f"{count:,} {label}" for label, count in counts.items() if count)
        if not differences:
            return f"no difference in {len(self.rows):,} Values"
        return f"{len(self.changed):,} of {len(self.rows):,} Values differ: {differences}"

    @property
    def notes(self) -> list[str]:
        """Reservations: nodes matched by position alone, and inconsistencies of the snapshots."""
        notes: list[str] = []
        if self._guess_count:
            leaves = "1 leaf was" if self._guess_count == 1 else f"{self._guess_count:,} leaves were"
            notes.append(
                f"the graphs have different shapes, and {leaves} matched by position alone: "
                "label the leaves to be sure"
            )
        for graph, name in ((self.before, "before"), (self.after, "after")):
            notes += [f"{name}: {note}" for note in graph.notes]
        return notes

    def draw(self, *, theme: str = "light", timeout: float = TIMEOUT) -> Drawing:
        """Draw the second graph; cards that differ have a thick border and read ``before → after``.

        Args:
            theme: "light" or "dark".
            timeout: Time limit in seconds.

        Raises:
            ValueError: If an option is out of its range.
            RenderError: If the time limit is exceeded, here or when the drawing is shown or saved.
        """
        time = picture_time(timeout)
        with time.running():
            return Drawing(self._picture(), theme_named(theme), time)

    def _picture(self) -> Picture:
        picture = self.after.picture
        after = [row for row in self.rows if row.after]
        rows = {f"v{i}": row for i, row in enumerate(in_time(after))}  # by the keys of the cards
        cards = [_mark_changes(card, rows[card.key]) if card.key in rows else card for card in picture.cards]
        removals = [row.name for row in self.rows if row.after is None]
        notes = [picture.note] if picture.note else []
        if any(isinstance(card, Changed) for card in cards):
            notes.append(
                "thick borders mark differences, before → after; the arrows are from the second graph"
            )
        if removals:
            names = ", ".join(removals if len(removals) <= ELEMENTS + 1 else [*removals[:ELEMENTS], "…"])
            notes.append(f"only before, not drawn: {names}")
        return picture._replace(cards=cards, note="\n".join(notes))

    def _visible_rows(self) -> tuple[list[Difference], list[str]]:
        """Return the displayed rows and the notes below them."""
        first = [] if self.first is None else [f"the forward pass differs from {self.first.name} on"]
        notes = [self.summary, *first, *self.notes]
        if len(self.rows) <= LIMIT:
            return [*self.rows], notes
        rest = f"the first {LIMIT} that differ" if len(self.changed) > LIMIT else "those that differ"
        return [*self.changed[:LIMIT]], [*notes, f"shown: {rest}; .rows has all"]

    def __repr__(self) -> str:
        rows, notes = self._visible_rows()
        cells = [_cells(row) for row in rows]
        columns = _select_columns(cells)
        right = [i for i, column in enumerate(columns) if column in self.RIGHT]
        width = terminal_width()
        table_rows = [_select(columns, row) for row in cells]
        table = text_table(_select(columns, self.HEADER), table_rows, right, width=width, keep=2)
        return with_notes(table, notes, width)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        rows, notes = self._visible_rows()
        cells = [_cells(row) for row in rows]
        columns = _select_columns(cells)
        right = [i for i, column in enumerate(columns) if column in self.RIGHT]
        bold = {
            (i, at)
            for i, row in enumerate(rows)
            for at, column in enumerate(columns)
            if column in _find_differences(row)
        }
        table_rows = [_select(columns, row) for row in cells]
        html = html_with_notes(html_table(_select(columns, self.HEADER), table_rows, right, bold), notes)
        return {"text/html": html, "text/plain": repr(self)}


def _select_columns(cells: list[list[str]]) -> list[int]:
    """Return the columns that are not empty, and always the mark, the name, data and grad."""
    return [i for i in range(len(Comparison.HEADER)) if i in (0, 1, 3, 6) or any(row[i] for row in cells)]


def _select(columns: list[int], row: Sequence[str]) -> list[str]:
    return [row[i] for i in columns]


def _find_differences(row: Difference) -> set[int]:
    """Return the columns with a difference."""
    if not row.before or not row.after:
        return {1, 2}
    return {
        column
        for columns, differs in (
            ((2,), row.how_differs),
            ((4, 5), row.data_differs),
            ((7, 8), row.grad_differs),
        )
        if differs
        for column in columns
    }


def _rows(a: tuple[Node, ...], b: tuple[Node, ...], pairs: dict[int, int]) -> Iterator[Difference]:
    """Yield the nodes of ``b`` in order, each after the unmatched nodes that precede its partner in ``a``."""
    partner = {j: i for i, j in pairs.items()}
    start = 0
    for j, node in enumerate(b):
        if (i := partner.get(j)) is None:
            yield Difference(None, node)
            continue
        yield from (Difference(a[k], None) for k in range(start, i) if k not in pairs)
        start = max(start, i)
        old = a[i]
        if old.grad is None or node.grad is None:
            grad_differs = old.grad is not node.grad
        else:
            grad_differs = not same_number(old.grad + 0.0, node.grad + 0.0)
        how_differs = not is_same_operation(old, node, pairs)
        yield Difference(old, node, how_differs, not same_number(old.data, node.data), grad_differs)
    yield from (Difference(a[k], None) for k in range(start, len(a)) if k not in pairs)


def _mark_changes(card: Card, row: Difference) -> Card:
    """Return the card with its differences marked, or the card itself if it has none."""
    if not row.mark:
        return card
    if not row.before or not row.after:
        return Changed(*card._replace(name=f"+ {card.name}"))
    data, grad = card.data, card.grad
    if row.data_differs:
        data = " → ".join(format_pair(row.before.data, row.after.data))
    if row.grad_differs:
        grad = " → ".join(_grads(row.before.grad, row.after.grad))
    expression = " → ".join((row.before.expression, card.expression)) if row.how_differs else card.expression
    return Changed(*card._replace(expression=expression, data=data, grad=grad))


def _cells(row: Difference) -> list[str]:
    before, after = row.before, row.after
    if not before or not after:
        node: Node = before or after  # type: ignore[assignment]  # one of them is there
        numbers = [["", ""], ["", ""]]
        for cells, number in zip(numbers, (format_number(node.data), format_gradient(node.grad))):
            cells[0 if before else 1] = number
        return [row.mark, row.name, node.expression, *numbers[0], "", *numbers[1], ""]
    expression = after.expression
    if row.how_differs:
        expression = f"{before.expression or '·'} → {expression or '·'}"
    data = [format_number(after.data), "", ""]
    if row.data_differs:
        data = [*format_pair(before.data, after.data), _change(before.data, after.data)]
    grad = [format_gradient(after.grad), "", ""]
    if row.grad_differs:
        grad = [*_grads(before.grad, after.grad), _change(before.grad, after.grad)]
    return [row.mark, row.name, expression, *data, *grad]


def _grads(before: float | None, after: float | None) -> tuple[str, str]:
    if before is None or after is None:
        return format_gradient(before), format_gradient(after)
    return format_pair(before + 0.0, after + 0.0)


def _change(before: float | None, after: float | None) -> str:
    """Return the difference with its sign, or "" if it is undefined."""
    if before is None or after is None or math.isnan(after - before):
        return ""
    change = format_number(after - before)
    return f"+{change}" if after > before else change


def compare(before: Value | Snapshot, after: Value | Snapshot) -> Comparison:
    """Compare two snapshots of a graph, or two graphs, node by node.

    Graphs of the same shape are matched node by node. Otherwise nodes are matched by label, then by
    operation and operands, then by position; a note counts the leaves matched by position alone. A row is
    marked ``≠`` if data, grad or the expression differs, ``−`` if only the first graph has the node, and
    ``+`` if only the second has it.

    >>> w = Value(2.0, label="w")
    >>> loss = (w * 5.0 - 12.0) ** 2
    >>> loss.label = "loss"
    >>> before = snapshot(loss)
    >>> loss.backward()
    >>> compare(before, loss)
       name  how      data  grad  → grad
    ─  ────  ───────  ────  ────  ──────
    ≠  w                 2     ·     −20
    ≠  v₁    w·5        10     ·      −4
    ≠  v₂    v₁ − 12    −2     ·      −4
    ≠  loss  v₂²         4     ·       1
    4 of 4 Values differ: 4 in grad

    Graphs of 10**6 Values take about 5 s and 0.4 GB, plus the snapshots (20 s and 0.65 GB each).

    Args:
        before: A snapshot, or a Value of which a snapshot is taken now.
        after: The same for the second graph; columns with ``→`` show it, and ``Δ`` the change.

    Returns:
        The comparison: ``.draw()`` shows it as a picture, ``.changed`` has the rows that differ.

    Raises:
        TypeError: If an argument is neither a Value nor a snapshot.
    """
    snapshots: list[Snapshot] = []
    for name, x in (("before", before), ("after", after)):
        if not isinstance(x, Value | Snapshot):
            raise TypeError(
                f"compare() expected a Value or a snapshot for {name}, got {type_and_value(x)}. "
                "Take one with snapshot(root)."
            )
        snapshots.append(snapshot(x) if isinstance(x, Value) else x)
    return Comparison(*snapshots)
