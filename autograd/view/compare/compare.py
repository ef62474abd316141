"""Two moments of a graph, or two graphs, side by side, with what differs marked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...system.messages import type_and_value
from ...value import Value
from ..draw.graphviz import Drawing
from ..notation.names import LANES, apart, format_number, known
from ..picture.cards import LIMIT, Card, Changed, Picture
from ..render.tables import html_table, html_with_notes, text_table, with_notes
from ..render.terminal import terminal_width
from ..render.theme import theme_named
from ..render.time_limit import TIMEOUT, in_time
from .matching import computed_alike, match
from .snapshot import Node, Snapshot, picture_time, snapshot
from .ulps import same_number


class Difference(NamedTuple):
    """A node before and after, None where a graph has no such node, and what of it differs.

    Numbers differ by any bit, if only by the sign of zero; nan is equal to nan, and a gradient not
    computed (None) differs from every number.
    """

    before: Node | None
    after: Node | None
    how_differs: bool = False
    data_differs: bool = False
    grad_differs: bool = False

    @property
    def name(self) -> str:
        """What it is called; both names, if that changed."""
        return " → ".join(dict.fromkeys(node.name for node in (self.before, self.after) if node))

    @property
    def mark(self) -> str:
        """``≠`` where both are there and differ, ``−`` only before, ``+`` only after, else nothing."""
        if not self.before or not self.after:
            return "−" if self.before else "+"
        return "≠" if self.how_differs or self.data_differs or self.grad_differs else ""


class Comparison:
    """What two moments have in common and what not, node by node in ``rows``; shown as a table."""

    HEADER = ("", "name", "how", "data", "→ data", "Δ data", "grad", "→ grad", "Δ grad")
    RIGHT = range(3, 9)

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self.before = before
        self.after = after
        matching = match(before.nodes, after.nodes)
        self._guessed = len(matching.guessed)
        #: Every node of both, in the order of ``after``, those that are only in ``before`` among them.
        self.rows = tuple(_rows(before.nodes, after.nodes, matching.pairs))

    @property
    def changed(self) -> tuple[Difference, ...]:
        """The rows that differ."""
        return tuple(row for row in self.rows if row.mark)

    @property
    def summary(self) -> str:
        """What differs, in words."""
        counts = {
            "in data": sum(row.data_differs for row in self.rows),
            "in grad": sum(row.grad_differs for row in self.rows),
            "in how they are computed": sum(row.how_differs for row in self.rows),
            "only before (−)": sum(row.after is None for row in self.rows),
            "only after (+)": sum(row.before is None for row in self.rows),
        }
        differences = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        if not differences:
            return f"no difference in {len(self.rows):,} Values"
        return f"{len(self.changed):,} of {len(self.rows):,} Values differ: {differences}"

    @property
    def notes(self) -> list[str]:
        """What to keep in mind: a matching that was guessed, numbers that do not add up."""
        notes: list[str] = []
        if self._guessed:
            leaves = "1 leaf was" if self._guessed == 1 else f"{self._guessed:,} leaves were"
            notes.append(
                f"the shapes differ, and {leaves} matched by nothing but the place in the graph: "
                "label the leaves to be sure"
            )
        for moment, when in ((self.before, "before"), (self.after, "after")):
            notes += [f"{when}: {note}" for note in moment.notes]
        return notes

    def draw(self, *, theme: str = "light", timeout: float = TIMEOUT) -> Drawing:
        """The graph as it is after, ``before → after`` and a thick border on every card that differs.

        It takes at most ``timeout`` seconds, as in :func:`draw`.
        """
        time = picture_time(timeout)
        with time.running():
            return Drawing(self._picture(), theme_named(theme), time)

    def _picture(self) -> Picture:
        picture = self.after.picture
        after = [row for row in self.rows if row.after]
        rows = {f"v{i}": row for i, row in enumerate(in_time(after))}  # by the keys of the cards
        cards = [_changed(card, rows[card.key]) if card.key in rows else card for card in picture.cards]
        gone = [row.name for row in self.rows if row.after is None]
        notes = [picture.note] if picture.note else []
        if any(isinstance(card, Changed) for card in cards):
            notes.append("a thick border: what differs, before → after; arrows are those of after")
        if gone:
            names = ", ".join(gone[:LANES]) + (", …" if len(gone) > LANES else "")
            notes.append(f"only before, not drawn: {names}")
        return picture._replace(cards=cards, note="\n".join(notes))

    def _shown(self) -> tuple[list[Difference], list[str]]:
        """The rows that are shown, and what is told below them."""
        told = [self.summary, *self.notes]
        if len(self.rows) <= LIMIT:
            return [*self.rows], told
        rest = f"the first {LIMIT} that differ" if len(self.changed) > LIMIT else "those that differ"
        return [*self.changed[:LIMIT]], [*told, f"shown: {rest}; .rows has all"]

    def __repr__(self) -> str:
        rows, notes = self._shown()
        cells = [_cells(row) for row in rows]
        columns = _told(cells)
        right = [i for i, column in enumerate(columns) if column in self.RIGHT]
        width = terminal_width()
        told = [_of(columns, row) for row in cells]
        table = text_table(_of(columns, self.HEADER), told, right, width=width, keep=2)
        return with_notes(table, notes, width)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        rows, notes = self._shown()
        cells = [_cells(row) for row in rows]
        columns = _told(cells)
        right = [i for i, column in enumerate(columns) if column in self.RIGHT]
        marked = {
            (i, at)
            for i, row in enumerate(rows)
            for at, column in enumerate(columns)
            if column in _differing(row)
        }
        told = [_of(columns, row) for row in cells]
        html = html_with_notes(html_table(_of(columns, self.HEADER), told, right, marked), notes)
        return {"text/html": html, "text/plain": repr(self)}


def _told(cells: list[list[str]]) -> list[int]:
    """The columns that tell anything, and always the mark, the name, data and grad."""
    return [i for i in range(len(Comparison.HEADER)) if i in (0, 1, 3, 6) or any(row[i] for row in cells)]


def _of(columns: list[int], row: Sequence[str]) -> list[str]:
    return [row[i] for i in columns]


def _differing(row: Difference) -> set[int]:
    """The columns of what differs."""
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
    """The nodes of ``b`` in order, and before each what stood before its partner and is gone."""
    back = {j: i for i, j in pairs.items()}
    told = 0
    for j, node in enumerate(b):
        if (i := back.get(j)) is None:
            yield Difference(None, node)
            continue
        yield from (Difference(a[k], None) for k in range(told, i) if k not in pairs)
        told = max(told, i)
        was = a[i]
        if was.grad is None or node.grad is None:
            grad_differs = was.grad is not node.grad
        else:
            grad_differs = not same_number(was.grad, node.grad)
        how_differs = not computed_alike(was, node, pairs)
        yield Difference(was, node, how_differs, not same_number(was.data, node.data), grad_differs)
    yield from (Difference(a[k], None) for k in range(told, len(a)) if k not in pairs)


def _changed(card: Card, row: Difference) -> Card:
    """The card with what it was before; as it is, if nothing differs."""
    if not row.mark:
        return card
    if not row.before or not row.after:
        return Changed(*card._replace(name=f"+ {card.name}"))
    data, grad = card.data, card.grad
    if row.data_differs:
        data = " → ".join(apart(row.before.data, row.after.data))
    if row.grad_differs:
        grad = " → ".join(_grads(row.before.grad, row.after.grad))
    how = " → ".join((row.before.expression, card.expression)) if row.how_differs else card.expression
    return Changed(*card._replace(expression=how, data=data, grad=grad))


def _cells(row: Difference) -> list[str]:
    before, after = row.before, row.after
    if not before or not after:
        node: Node = before or after  # type: ignore[assignment]  # one of them is there
        numbers = [["", ""], ["", ""]]
        for cells, shown in zip(numbers, (format_number(node.data), known(node.grad))):
            cells[0 if before else 1] = shown
        return [row.mark, row.name, node.expression, *numbers[0], "", *numbers[1], ""]
    how = after.expression
    if row.how_differs:
        how = f"{before.expression or '·'} → {how or '·'}"
    data = [format_number(after.data), "", ""]
    if row.data_differs:
        data = [*apart(before.data, after.data), _change(before.data, after.data)]
    grad = [known(after.grad), "", ""]
    if row.grad_differs:
        grad = [*_grads(before.grad, after.grad), _change(before.grad, after.grad)]
    return [row.mark, row.name, how, *data, *grad]


def _grads(before: float | None, after: float | None) -> tuple[str, str]:
    if before is None or after is None:
        return known(before), known(after)
    return apart(before, after)


def _change(before: float | None, after: float | None) -> str:
    """The difference with its sign; nothing where there is none to tell."""
    if before is None or after is None or math.isnan(after - before):
        return ""
    change = format_number(after - before)
    return f"+{change}" if after > before else change


def compare(before: Value | Snapshot, after: Value | Snapshot) -> Comparison:
    """Two moments of a graph, or two graphs: what differs, node by node.

    >>> w = Value(2.0, label="w")
    >>> loss = (w * 5.0 - 12.0) ** 2
    >>> loss.label = "loss"
    >>> before = snapshot(loss)
    >>> loss.backward()
    >>> compare(before, loss)
       name  how      data  grad  → grad
    ─  ────  ───────  ────  ────  ──────
    ≠  w                 2     ·     −20
    ≠  h₁    w·5        10     ·      −4
    ≠  h₂    h₁ − 12    −2     ·      −4
    ≠  loss  h₂²         4     ·       1
    4 of 4 Values differ: 4 in grad

    Each is a snapshot, or a Value, of which one is taken now. ``→`` is after, ``Δ`` the change; both are
    empty where nothing differs, and left out where nothing does at all. Marked ``≠`` is what differs
    in data, in grad or in how it was computed, ``−`` what only the first has, ``+`` what only the
    second has. Graphs of one shape are matched node by node; otherwise labels decide, then what is
    computed by the same operation from the same things, then the place below what was matched. A note
    counts the leaves that only their place tells; what nothing tells is not matched. ``.draw()`` shows
    it as a picture, ``.changed`` gives the rows that differ.

    Graphs of 10**6 Values take about 5 s and 0.4 GB, besides the snapshots (20 s and 0.65 GB each).
    """
    moments: list[Snapshot] = []
    for x in (before, after):
        if not isinstance(x, Value | Snapshot):
            raise TypeError(f"compare() takes Values or snapshots, not {type_and_value(x)}")
        moments.append(snapshot(x) if isinstance(x, Value) else x)
    return Comparison(*moments)
