"""A graph in a terminal: a tree from the root down to the leaves, with its numbers."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from ...backward import topological_order
from ...system.checks import check_int
from ...system.messages import type_and_value
from ...value import Value
from ..notation.names import Names, format_factor, format_gradient, format_number, operation
from ..picture.cards import LIMIT, reservations
from ..picture.last_pass import Gradients, factors, last_pass
from ..render.options import check_root
from ..render.tables import GAP, display_width, fit, pad, wrap
from ..render.terminal import (
    BOLD,
    DATA,
    FAINT,
    GRADIENT,
    LOCAL,
    Colors,
    has_colors,
    print_text,
    terminal_width,
)

#: With fewer columns for a name, the numbers stand below each name instead of in columns.
ROOM = 12
#: The smallest width; a narrower terminal is written to as if it had this width.
NARROWEST = 24

ABOVE, BELOW = "↑ above", "↓ below"
HEADER = ("data", "grad", "local")


class Line(NamedTuple):
    """Line of the tree: one operand of one operation, or the root of a tree.

    ``rails`` are the lines that lead to the name, ``under`` those on its continuation lines.
    ``numbers`` are data, grad and the local derivative; they are empty if another line shows them.
    """

    rails: str
    under: str
    name: str
    more: str
    numbers: tuple[str, str, str]


def show(
    root: Value,
    *,
    width: int | None = None,
    limit: int | None = LIMIT,
    color: bool | None = None,
    file: TextIO | None = None,
) -> None:
    """Print the graph of ``root`` as a tree, from the root down to the leaves.

    The column ``local`` contains the derivative of the parent with respect to the line's Value, so a
    gradient is the sum of parent gradient times ``local`` over its lines; ``·`` means not computed.
    A Value that was printed before is marked ``↑ above``. A subtree that is too deep for the width is
    marked ``↓ below`` and follows as a tree of its own.

    >>> w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
    >>> loss = (w * x - y) ** 2
    >>> loss.label = "loss"
    >>> loss.backward()
    >>> show(loss)
                    data  grad  local
    loss = v₂²         4     1
    └─ v₂ = v₁ − y    −2    −4    ×−4
       ├─ v₁ = w·x    10    −4     ×1
       │  ├─ w         2   −20     ×5
       │  └─ x         5    −8     ×2
       └─ y           12     4    ×−1

    Reading a graph of 10**6 Values takes about 10 s and 0.35 GB.

    Args:
        root: A Value.
        width: The largest number of columns; None uses the width of the terminal.
        limit: The largest number of lines, those nearest the root; None prints all.
        color: Print in color; None decides by the terminal and the variable NO_COLOR.
        file: The stream to print to; None uses the standard output.

    Raises:
        TypeError: If ``root`` is not a Value, or an option has the wrong type.
        ValueError: If ``width`` is less than 24, or ``limit`` less than 1.
    """
    check_root("show", root)
    remedy = "Pass None for the width of the terminal."
    fixed_width = check_int("show", "width", width, remedy, least=NARROWEST, optional=True)
    most = check_int("show", "limit", limit, "Pass None to print every line.", optional=True)
    columns = max(terminal_width(), NARROWEST) if fixed_width is None else fixed_width
    if file is not None and not hasattr(file, "write"):
        raise TypeError(
            f"show() expected an open file for file, got {type_and_value(file)}. "
            "Leave it out for the standard output."
        )
    colors = Colors(has_colors(sys.stdout if file is None else file) if color is None else color)
    print_text(tree_text(root, columns, most, colors), file)


def tree_text(root: Value, width: int, limit: int | None, colors: Colors) -> str:
    """Return the text that :func:`show` prints."""
    order = topological_order(root)
    names, gradients = Names(order), last_pass(root)
    lines = [*_lines(root, names, gradients, _count_operands(root, limit), deepest=width // 9)]
    notes = reservations(order, names, gradients)
    if any(not line.name for line in lines):  # a line that counts operands left out
        notes.insert(0, f"the {limit} lines nearest {names.root}, of {len(order):,} Values: "
                        "show(…, limit=None) shows them all")  # fmt: skip
    widths = [max(map(display_width, column)) for column in zip(HEADER, *(line.numbers for line in lines))]
    room = width - sum(widths) - len(GAP) * len(widths)
    rails = max(display_width(line.rails) for line in lines)
    page = (
        _with_columns(lines, room, widths, colors)
        if room >= rails + ROOM
        else _with_numbers_below(lines, width, colors)
    )
    return "\n".join([*page, *(part for note in notes for part in wrap(f"({note})", width))])


# Lines --------------------------------------------------------------------------------------------


def _count_operands(root: Value, limit: int | None) -> dict[Value, int]:
    """Count the operands that each Value shows, if ``limit`` lines nearest the root are shown."""
    counts = {root: 0}
    lines = 1
    queue = deque([root])
    while queue:
        node = queue.popleft()
        for operand in node.operands:
            if isinstance(operand, Value):
                if lines == limit:
                    return counts
                lines += 1
                counts[node] += 1
                if operand not in counts:
                    counts[operand] = 0
                    queue.append(operand)
    return counts


class _Pending(NamedTuple):
    """Line still to be written: a Value, or the number of operands that are left out."""

    item: Value | int
    rails: str
    below: str
    depth: int
    local: str


def _lines(
    root: Value, names: Names, gradients: Gradients, counts: dict[Value, int], deepest: int
) -> Iterator[Line]:
    """Yield the lines from top to bottom; subtrees below ``deepest`` follow as trees of their own."""
    marks: dict[Value, str] = {}
    trees = deque([root])
    while trees:
        top = trees.popleft()
        marks.pop(top, None)
        stack = [_Pending(top, "", "", 0, "")]
        while stack:
            node, rails, below, depth, local = entry = stack.pop()
            if not isinstance(node, Value):
                operands = "operand" if node == 1 else "operands"
                yield Line(rails, below, "", f"… {node:,} more {operands}", ("", "", ""))
                continue
            if node not in marks and depth == deepest and counts[node]:
                marks[node] = BELOW
                trees.append(node)
            elif node not in marks:
                marks[node] = ABOVE
                yield _full_line(node, entry, names, gradients)
                stack += reversed(_operands(entry, node, counts[node]))
                continue
            yield Line(rails, below, names[node], f"  {marks[node]}", ("", "", local))


def _full_line(node: Value, entry: _Pending, names: Names, gradients: Gradients) -> Line:
    expression = operation(node, names)
    prefix = entry.below + ("  " if node.is_leaf else "│ ")
    numbers = format_number(node.data), format_gradient(gradients.of(node)), entry.local
    return Line(entry.rails, prefix, names[node], expression and f" = {expression}", numbers)


def _operands(entry: _Pending, node: Value, count: int) -> list[_Pending]:
    """Return the operands that a Value shows, and the number of those left out."""
    pairs = zip(node.operands, factors(node))
    edges = [(x, format_factor(local)) for x, local in pairs if isinstance(x, Value)]
    rest = len(edges) - count
    items: list[tuple[Value | int, str]] = [*edges[:count], *([(rest, "")] if rest else [])]
    result: list[_Pending] = []
    for i, (item, local) in enumerate(items, start=1):
        rail, below = ("└─ ", "   ") if i == len(items) else ("├─ ", "│  ")
        result.append(_Pending(item, entry.below + rail, entry.below + below, entry.depth + 1, local))
    return result


# Layout -------------------------------------------------------------------------------------------


def _title(line: Line, room: int, colors: Colors) -> tuple[str, int]:
    """Return rails, name and expression in at most ``room`` columns, and the columns they take."""
    rails = display_width(line.rails)
    mark = 0 if line.numbers[0] else display_width(line.more)  # a mark is never cut off
    name = fit(line.name, room - rails - mark)
    more = fit(line.more, room - rails - display_width(name))
    text = colors.paint(line.rails, FAINT) + colors.paint(name, BOLD) + colors.paint(more, FAINT)
    return text, rails + display_width(name) + display_width(more)


def _with_columns(lines: list[Line], room: int, widths: list[int], colors: Colors) -> Iterator[str]:
    """Yield the tree with its numbers in columns on the right."""
    titles = [_title(line, room, colors) for line in lines]
    tree = max(width for _, width in titles)
    yield GAP.join([" " * tree, *(pad(name, width, right=True) for name, width in zip(HEADER, widths))])
    for line, (title, title_width) in zip(lines, titles):
        cells = [pad(cell, width, right=True) for cell, width in zip(line.numbers, widths)]
        columns = map(colors.paint, cells, (DATA, GRADIENT, LOCAL))
        yield GAP.join([title + " " * (tree - title_width), *columns]).rstrip()


def _with_numbers_below(lines: list[Line], width: int, colors: Colors) -> Iterator[str]:
    """Yield the tree with the numbers below each name, as many on a line as fit."""
    for line in lines:
        data, grad, local = line.numbers
        fields = [(f"data {data}", DATA), (f"grad {grad}", GRADIENT)] if data else []
        text, position = _title(line, width, colors)
        full = bool(data)
        for field, code in [*fields, (local, LOCAL)] if local else fields:
            if full or position + len(GAP) + display_width(field) > width:
                yield text
                text, position, full = colors.paint(line.under, FAINT), display_width(line.under), False
            else:
                text += GAP
                position += len(GAP)
            text += colors.paint(field, code)
            position += display_width(field)
        yield text
