"""Tables, as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from html import escape

#: Function that colors a cell, given its column and its padded text.
Paint = Callable[[int, str], str]

#: The separator of columns.
GAP = "  "


def display_width(text: str) -> int:
    """Count the columns of a text in a terminal: two for a wide letter, none for a combining mark.

    >>> display_width("loss"), display_width("損失"), display_width("e" + chr(0x301))
    (4, 4, 1)

    Reference: Unicode Standard Annex 11; ambiguous letters are narrow.
    """
    if text.isascii():
        return len(text)
    return sum(map(_letter_width, text))


@lru_cache(4096)
def _letter_width(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf") or "\u1160" <= letter <= "\u11ff":
        return 0  # the last: vowels and finals that join the Korean syllable before them
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def fit(text: str, width: int) -> str:
    """Return the text if it fits into ``width`` columns, else its beginning and an ellipsis.

    >>> fit("gradient", 8), fit("gradient", 5)
    ('gradient', 'grad…')
    """
    if display_width(text) <= width:
        return text
    room = width - 1
    for i, letter in enumerate(text):
        room -= _letter_width(letter)
        if room < 0:
            return text[:i] + "…" if width > 0 else ""
    return text


def pad(text: str, width: int, right: bool = False) -> str:
    """The text with spaces to that width, after it, or before it if it is aligned to the ``right``."""
    spaces = " " * (width - display_width(text))
    return spaces + text if right else text + spaces


def wrap(text: str, width: int) -> list[str]:
    """Break a text between words into lines of at most ``width`` columns.

    >>> wrap("a gradient of zero", 10)
    ['a gradient', 'of zero']
    """
    lines: list[str] = []
    for word in text.split():
        if lines and display_width(lines[-1]) + 1 + display_width(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(fit(word, width))
    return lines


def text_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[int] = (),
    paint: Paint = lambda column, text: text,
    *,
    width: int | None = None,
    keep: int = 1,
) -> str:
    """Format a table with a ruled header; the columns in ``right`` are aligned to the right.

    >>> print(text_table(["name", "data"], [["w", "2"], ["loss", "4"]], right=[1]))
    name  data
    ────  ────
    w        2
    loss     4

    A table wider than ``width`` is split into parts, one below the other, each with the first ``keep``
    columns.
    """
    widths = [max(map(display_width, column)) for column in zip(header, *rows, strict=True)]
    plain: Paint = lambda column, text: text  # noqa: E731

    def part(columns: Sequence[int]) -> str:
        def line(cells: Sequence[str], color: Paint) -> str:
            fields = (
                color(
                    i,
                    cells[i] if i == columns[-1] and i not in right else pad(cells[i], widths[i], i in right),
                )
                for i in columns
            )
            return GAP.join(fields).rstrip()

        rule = GAP.join("─" * widths[i] for i in columns)
        return "\n".join([line(header, plain), rule, *(line(row, paint) for row in rows)])

    return "\n\n".join(map(part, _parts(widths, width, keep)))


def with_notes(table: str, notes: Sequence[str], width: int) -> str:
    """Append notes to a text table, in lines of at most ``width`` columns."""
    return "\n".join([table, *(line for note in notes for line in wrap(note, width))])


def _parts(widths: Sequence[int], width: int | None, keep: int) -> Iterator[list[int]]:
    """Yield the columns of each part: as many as fit, and at least one besides those kept."""
    first = [*range(keep)]
    first_width = sum(widths[i] + len(GAP) for i in first)
    part, part_width = [*first], first_width
    for i in range(keep, len(widths)):
        if width is not None and len(part) > keep and part_width + widths[i] > width:
            yield part
            part, part_width = [*first], first_width
        part.append(i)
        part_width += widths[i] + len(GAP)
    yield part


#: The style of a marked cell, on light and dark pages.
MARKED = "font-weight:bold;background:rgba(128,128,128,.2)"


def html_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[int] = (),
    bold: Collection[tuple[int, int]] = (),
) -> str:
    """Format a table as HTML; every cell is escaped, and ``bold`` cells (row, column) stand out."""

    def cells(tag: str, row: Sequence[str], at: int) -> str:
        return "".join(
            f'<{tag} style="text-align:{"right" if i in right else "left"}'
            f'{f";{MARKED}" if (at, i) in bold else ""}">{escape(cell)}</{tag}>'
            for i, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row, at)}</tr>" for at, row in enumerate(rows))
    return f"<table><thead><tr>{cells('th', header, -1)}</tr></thead><tbody>{body}</tbody></table>"


class Table:
    """Table that prints as text and is displayed as HTML in a notebook.

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


def html_with_notes(table: str, notes: Sequence[str]) -> str:
    """Append notes to an HTML table, as paragraphs."""
    return table + "".join(f"<p>{escape(note)}</p>" for note in notes)
