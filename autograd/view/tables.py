"""Tables: for the terminal, and as HTML for a notebook."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from html import escape

#: What colours a cell: given the column and the padded text.
Paint = Callable[[int, str], str]


def text_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[int] = (),
    paint: Paint = lambda column, text: text,
) -> str:
    """Columns of equal width under a ruled header; those in ``right`` are aligned to the right.

    >>> print(text_table(["name", "data"], [["w", "2"], ["loss", "4"]], right=[1]))
    name  data
    ────  ────
    w        2
    loss     4
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    last = len(widths) - 1

    def line(cells: Sequence[str], colour: Paint) -> str:
        padded = (
            cell.rjust(width) if i in right else cell if i == last else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(colour(i, cell) for i, cell in enumerate(padded)).rstrip()

    plain: Paint = lambda column, text: text  # noqa: E731
    rule = "  ".join("─" * width for width in widths)
    return "\n".join([line(header, plain), rule, *(line(row, paint) for row in rows)])


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """The same table as HTML; every cell is escaped."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f'<{tag} style="text-align:{"right" if i in right else "left"}">{escape(cell)}</{tag}>'
            for i, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells('th', header)}</tr></thead><tbody>{body}</tbody></table>"


class Table:
    """A table to look at: text in a terminal, HTML in a notebook.

    >>> Table(["name", "data"], [["w", "2"]], right=[1])
    name  data
    ────  ────
    w        2
    """

    def __init__(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()
    ) -> None:
        self.header = header
        self.rows = rows
        self.right = right

    def __repr__(self) -> str:
        return text_table(self.header, self.rows, self.right)

    def _repr_html_(self) -> str:
        return html_table(self.header, self.rows, self.right)
