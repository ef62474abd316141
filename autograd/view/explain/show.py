"""The graph in a terminal: a tree from the root down to the leaves, its numbers beside it."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from ...backward import topological_order
from ...system.messages import type_and_value
from ...value import Value
from ..notation.names import Names, format_number, known, operation
from ..picture.cards import LIMIT, reservations
from ..picture.last_pass import Gradients, factors, last_pass
from ..render.options import check_int
from ..render.tables import GAP, display_width, fit, pad, wrap
from ..render.terminal import (
    BOLD,
    DATA,
    FAINT,
    GRADIENT,
    LOCAL,
    Colours,
    has_colours,
    print_text,
    terminal_width,
)

#: With less than this for a name, the numbers stand below each name instead of beside it.
ROOM = 12
#: A terminal narrower than this is written to as if it were so wide.
NARROWEST = 24

ABOVE, BELOW = "↑ above", "↓ below"
HEADER = ("data", "grad", "local")


class Line(NamedTuple):
    """A line of the tree: one operand of one operation, or the Value a tree begins with.

    ``rails`` lead to the name, ``under`` stands below them where more is told of the same Value.
    ``numbers`` are data, grad and the local derivative; empty where they are shown elsewhere.
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
    """Print the graph that ``root`` was computed by, as a tree from the root down to the leaves.

    >>> w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
    >>> loss = (w * x - y) ** 2
    >>> loss.label = "loss"
    >>> loss.backward()
    >>> show(loss)
                    data  grad  local
    loss = h₂²         4     1
    └─ h₂ = h₁ − y    −2    −4    ×−4
       ├─ h₁ = w·x    10    −4     ×1
       │  ├─ w         2   −20     ×5
       │  └─ x         5    −8     ×2
       └─ y           12     4    ×−1

    ``local`` is the derivative of the line's parent with respect to it, so a gradient is the sum, over
    its lines, of the parent's gradient times ``local``; ``·`` is a gradient not computed. A Value used
    again is marked ``↑ above`` and not told twice; what would not fit beside the rails is marked
    ``↓ below`` and follows as a tree of its own. Nothing is wider than ``width``, by default the
    terminal's. More than ``limit`` lines are cut down to those nearest the root, and it says so;
    ``limit=None`` shows all. ``color`` decides for or against colours; by default the terminal and
    NO_COLOR do. It prints, to ``file`` if one is given, and returns None, like other things that show.

    A graph of 10**6 Values is read in about 10 s with 0.35 GB.
    """
    if not isinstance(root, Value):
        raise TypeError(f"show() takes the Value to show, not {type_and_value(root)}")
    given = check_int("width", width, NARROWEST, unlimited="that of the terminal")
    most = check_int("limit", limit, unlimited="no limit")
    columns = max(terminal_width(), NARROWEST) if given is None else given
    colours = Colours(has_colours(sys.stdout if file is None else file) if color is None else color)
    print_text(tree_text(root, columns, most, colours), file)


def tree_text(root: Value, width: int, limit: int | None, colours: Colours) -> str:
    """What :func:`show` prints."""
    order = topological_order(root)
    names, gradients = Names(order), last_pass(root)
    lines = [*_lines(root, names, gradients, _operands_shown(root, limit), deepest=width // 9)]
    notes = reservations(order, names, gradients)
    if any(not line.name for line in lines):  # a line for what was left out
        notes.insert(0, f"the {limit} lines nearest {names.root}, of {len(order):,} Values: "
                        "show(…, limit=None) shows them all")  # fmt: skip
    widths = [max(map(display_width, column)) for column in zip(HEADER, *(line.numbers for line in lines))]
    room = width - sum(widths) - len(GAP) * len(widths)
    rails = max(display_width(line.rails) for line in lines)
    page = _beside(lines, room, widths, colours) if room >= rails + ROOM else _below(lines, width, colours)
    return "\n".join([*page, *(part for note in notes for part in wrap(f"({note})", width))])


# What to show -------------------------------------------------------------------------------------


def _operands_shown(root: Value, limit: int | None) -> dict[Value, int]:
    """How many of its operands each Value shows, in ``limit`` lines, those nearest the root."""
    shown = {root: 0}
    lines = 1
    queue = deque([root])
    while queue:
        node = queue.popleft()
        for operand in node.operands:
            if isinstance(operand, Value):
                if lines == limit:
                    return shown
                lines += 1
                shown[node] += 1
                if operand not in shown:
                    shown[operand] = 0
                    queue.append(operand)
    return shown


class _Waiting(NamedTuple):
    """What is still to be told: a Value, or how many operands are left out."""

    what: Value | int
    rails: str
    below: str
    depth: int
    local: str


def _lines(
    root: Value, names: Names, gradients: Gradients, shown: dict[Value, int], deepest: int
) -> Iterator[Line]:
    """The lines from top to bottom; what is deeper than ``deepest`` follows as a tree of its own."""
    told: dict[Value, str] = {}
    trees = deque([root])
    while trees:
        top = trees.popleft()
        told.pop(top, None)
        stack = [_Waiting(top, "", "", 0, "")]
        while stack:
            node, rails, below, depth, local = here = stack.pop()
            if not isinstance(node, Value):
                operands = "operand" if node == 1 else "operands"
                yield Line(rails, below, "", f"… {node:,} more {operands}", ("", "", ""))
                continue
            if node not in told and depth == deepest and shown[node]:
                told[node] = BELOW
                trees.append(node)
            elif node not in told:
                told[node] = ABOVE
                yield _told(node, here, names, gradients)
                stack += reversed(_operands(here, node, shown[node]))
                continue
            yield Line(rails, below, names[node], f"  {told[node]}", ("", "", local))


def _told(node: Value, here: _Waiting, names: Names, gradients: Gradients) -> Line:
    how = operation(node, names)
    under = here.below + ("  " if node.is_leaf else "│ ")
    numbers = format_number(node.data), known(gradients.of(node)), here.local
    return Line(here.rails, under, names[node], how and f" = {how}", numbers)


def _operands(here: _Waiting, node: Value, count: int) -> list[_Waiting]:
    """The operands a Value shows, and how many it does not."""
    pairs = zip(node.operands, factors(node))
    edges = [(x, f"×{format_number(local)}") for x, local in pairs if isinstance(x, Value)]
    hidden = len(edges) - count
    items: list[tuple[Value | int, str]] = [*edges[:count], *([(hidden, "")] if hidden else [])]
    result: list[_Waiting] = []
    for i, (what, local) in enumerate(items, start=1):
        rail, below = ("└─ ", "   ") if i == len(items) else ("├─ ", "│  ")
        result.append(_Waiting(what, here.below + rail, here.below + below, here.depth + 1, local))
    return result


# How it is written --------------------------------------------------------------------------------


def _title(line: Line, room: int, colours: Colours) -> tuple[str, int]:
    """The rails, the name and its expression in at most so many columns, and how many they take."""
    rails = display_width(line.rails)
    mark = 0 if line.numbers[0] else display_width(line.more)  # which is not cut off
    name = fit(line.name, room - rails - mark)
    more = fit(line.more, room - rails - display_width(name))
    text = colours.paint(line.rails, FAINT) + colours.paint(name, BOLD) + colours.paint(more, FAINT)
    return text, rails + display_width(name) + display_width(more)


def _beside(lines: list[Line], room: int, widths: list[int], colours: Colours) -> Iterator[str]:
    """The numbers in columns beside the tree."""
    titles = [_title(line, room, colours) for line in lines]
    tree = max(width for _, width in titles)
    yield GAP.join([" " * tree, *(pad(name, width, right=True) for name, width in zip(HEADER, widths))])
    for line, (title, taken) in zip(lines, titles):
        cells = [pad(cell, width, right=True) for cell, width in zip(line.numbers, widths)]
        painted = map(colours.paint, cells, (DATA, GRADIENT, LOCAL))
        yield GAP.join([title + " " * (tree - taken), *painted]).rstrip()


def _below(lines: list[Line], width: int, colours: Colours) -> Iterator[str]:
    """The numbers below each name, as many on a line as fit."""
    for line in lines:
        data, grad, local = line.numbers
        fields = [(f"data {data}", DATA), (f"grad {grad}", GRADIENT)] if data else []
        text, used = _title(line, width, colours)
        full = bool(data)
        for field, code in [*fields, (local, LOCAL)] if local else fields:
            if full or used + len(GAP) + display_width(field) > width:
                yield text
                text, used, full = colours.paint(line.under, FAINT), display_width(line.under), False
            else:
                text += GAP
                used += len(GAP)
            text += colours.paint(field, code)
            used += display_width(field)
        yield text
