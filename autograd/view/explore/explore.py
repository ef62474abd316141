"""explore(): a page in which the leaves of a graph can be dragged, and everything is computed again."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from ...backward import topological_order
from ...nodes import all_gradients
from ...system.files import check_path, write_atomic
from ...system.messages import short, type_and_value
from ...value import Value
from ..draw.graphviz import Drawing, Staging
from ..draw.text_table import text_of
from ..network.neurons import owner_of
from ..notation.names import Names, format_gradient, format_number, operation
from ..picture.cards import LABELED, LIMIT, Card, Picture, Summary
from ..render.graphviz_program import compact
from ..render.options import check_root
from ..render.tables import html_table
from ..render.theme import LIGHT, VARIABLES, css_variables, with_variables
from ..render.time_limit import RenderError, TimeLimit
from ..render.web import SHRINK, html_file, lean_svg, read_source, script_literal, still_picture
from .javascript import rules
from .scene import Scene, program_of, scene_of

#: A larger graph has a still page. At this size a move takes 10 to 20 ms in Chromium, before it is painted.
MOST = 2000
#: The time limit of the picture, in seconds.
TIMEOUT = 10.0
#: A card keeps room for the widest number.
_ROOM = "−1.234e−5"
#: The parts of the script, in their order.
_PARTS = ("passes", "leaves", "picture", "plots", "explore")


class Exploration:
    """Page that computes a graph in the reader's browser: an output of a notebook, or a file.

    The graph is the one that was recorded: a Python ``if`` or the mask of a dropout stays as it was. A Value
    that is fixed on the page has the effect of :func:`autograd.replaced`.
    """

    def __init__(self, root: Value, trained: set[Value], lr: float) -> None:
        self._order = topological_order(root)
        self._names = Names(self._order)
        self._gradients = all_gradients(root)
        self._trained, self._lr = trained, lr
        self._scene = scene_of(self._order, self._gradients, self._names)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a self-contained page; an existing file is replaced atomically.

        Its address contains the state, so that a link leads to a moment: the leaves that were moved, the
        Values that are fixed, the learning rate and the number of steps.

        Args:
            path: A path that ends in ``.html``.

        Returns:
            The path.

        Raises:
            TypeError: If ``path`` is not a str or a path object.
            ValueError: If the path has another ending.
        """
        target = check_path("save", path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise ValueError(
                f"save() expected a path that ends in .html, got {short(target.name)}. Rename the file."
            )
        title = f"Explore {self._names.root}"
        return write_atomic(target, html_file(title, self._widget(is_file=True)).encode())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self._widget(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return text_of(self._scene.picture)

    def _widget(self, is_file: bool = False) -> str:
        picture = self._scene.picture
        room = {card.key: _ROOM for card in picture.cards}
        still = Drawing(picture, LIGHT, TimeLimit(TIMEOUT))
        live = Drawing(_with_room(self._scene), VARIABLES, TimeLimit(TIMEOUT), Staging(room=room))
        script = image = note = ""
        try:
            svg = lean_svg(with_variables(live.svg))
            width, height = map(round, still.size)
            png = base64.b64encode(compact(still.png_in_one_row)).decode()
            image = still_picture(png, still.alt, width, height)
        except (RenderError, ImportError) as error:
            note = f"Without a picture: {error}"
        else:
            count = len(self._order)
            if count > MOST:
                note = f"The page computes up to {MOST:,} Values, and this graph has {count:,}"
            else:
                data = script_literal(self._data(svg, live.prefix, is_file))
                names = {value.primitive.name for value in self._order if value.primitive is not None}
                script = f"<script>({_function()})({data},{rules(names)})</script>"
        remark = note and f"<p>{escape(note)}.</p>"
        return (
            f'<div class="glassgrad-explore" id="{live.prefix}-explore">{image}{remark}'
            f"{self._table()}{script}</div>"
        )

    def _table(self) -> str:
        rows = [
            [
                self._names[value],
                operation(value, self._names),
                format_number(value.data),
                format_gradient(self._gradients.get(value, 0.0)),
            ]
            for value in self._order[-LIMIT:]
        ]
        which = "All" if len(rows) == len(self._order) else "The last"
        table = html_table(("name", "how", "data", "grad"), rows, right=(2, 3))
        summary = f"{which} {len(rows):,} Values as a table, as they were recorded"
        return f"<details><summary>{summary}</summary>{table}</details>"

    def _data(self, svg: str, prefix: str, is_file: bool) -> dict[str, Any]:
        scene, picture = self._scene, self._scene.picture
        labels = {
            card.key: f"{card.name} = {card.expression}" if card.expression and not scene.flows else card.name
            for card in picture.cards
        }
        places = {value: i for i, value in enumerate(self._order)}
        leaves = [
            [places[value], self._names[value], value in self._trained, scene.owners.get(value, "")]
            for value in dict.fromkeys((*scene.owners, *places))
            if value in places and value.is_leaf
        ]
        return {
            "css": f":host{{{css_variables()}}}{read_source('explore/explore.css')}",
            "title": f"The graph of {self._names.root}, computed again as its leaves move",
            "root": self._names.root,
            "svg": svg,
            "prefix": prefix,
            "shrink": SHRINK,
            **_as_json(program_of(self._order)),
            "start": [_number(value.data) if value.is_leaf else 0 for value in self._order],
            "leaves": leaves,
            "others": [[places[value], name] for value, name in scene.others.items()],
            "cards": [[key, shown, labels[key]] for key, shown in scene.cards],
            "edges": scene.edges if len(picture.edges) <= LABELED else [],
            "flows": scene.flows,
            "lr": self._lr,
            "speed": 60 if scene.flows else 10,
            "isFile": is_file,
        }


def _function() -> str:
    """Return the function of the page in JavaScript."""
    parts = "\n".join(read_source(f"explore/{part}.js") for part in _PARTS)
    return f"(data, rules) => {{\n{parts}\n}}"


def _with_room(scene: Scene) -> Picture:
    """Make the cards of neurons as wide as their widest numbers, which the page replaces."""
    changing = {key for key, _ in scene.cards}

    def widen(card: Card) -> Card:
        if not isinstance(card, Summary) or card.key not in changing:
            return card
        return card._replace(data=_ROOM, grad=card.grad and _ROOM)

    return scene.picture._replace(cards=[*map(widen, scene.picture.cards)])


def _number(x: float) -> float | str:
    """Return a number for JSON, which has no inf and no nan."""
    text = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(x))
    return x if text is None else text


def _as_json(program: dict[str, Any]) -> dict[str, Any]:
    return {**program, "constants": [*map(_number, program["constants"])]}


def explore(root: Value, train: Value | Iterable[Value] | None = None, lr: float = 0.01) -> Exploration:
    """Return a page in which the leaves of a graph can be dragged; data and gradients follow at once.

    Name it in a notebook to see it; ``.save("page.html")`` writes a file. A click on any other Value fixes it
    at a number, and a button takes a step of gradient descent. The page computes in the reader's browser,
    with the rules of the table, and needs neither a kernel nor a network. Where scripts do not run, it is a
    picture and a table.

    >>> w, x = Value(2.0, label="w"), Value(5.0, label="x")
    >>> loss = (w * x - 12.0) ** 2
    >>> page = explore(loss, train=w)
    >>> print(page)
    name  how      data  grad
    ────  ───────  ────  ────
    w                 2   −20
    x                 5    −8
    v₁    w·x        10    −4
    v₂    v₁ − 12    −2    −4
    out   v₂²         4     1

    No ``.grad`` is read or written. The page of a graph of more than 2,000 Values is the picture and the
    table, without sliders, and says so.

    Args:
        root: The Value at the end of the graph.
        train: The leaves that a step moves at first; by default the parameters of modules, or no leaf if
            there are none. The page has a box for each leaf.
        lr: The learning rate at first, 0 or more and finite.

    Raises:
        TypeError: If ``root`` has no graph, ``train`` is not a Value or an iterable of Values, or ``lr`` is
            not a number.
        ValueError: If a Value of ``train`` is not a leaf of the graph, or ``lr`` is out of its range.
    """
    check_root("explore", root)
    leaves = [value for value in topological_order(root) if value.is_leaf]
    if train is None:
        trained = {leaf for leaf in leaves if owner_of(leaf) is not None}
    else:
        listed = [train] if isinstance(train, Value) else train
        if isinstance(listed, str) or not isinstance(listed, Iterable):
            raise TypeError(
                f"explore() expected a Value or a list of Values for train, got {type_and_value(train)}. "
                "Pass leaves of the graph."
            )
        trained = _leaves_of([*listed], {*leaves})
    return Exploration(root, trained, _learning_rate(lr))


def _leaves_of(train: list[Any], leaves: set[Value]) -> set[Value]:
    for i, value in enumerate(train):
        if not isinstance(value, Value):
            raise TypeError(
                f"explore() expected Values for train, got {type_and_value(value)} at index {i}. "
                "Pass leaves of the graph."
            )
        if value not in leaves:
            raise ValueError(
                f"explore() expected leaves of the graph for train, got {short(value)} at index {i}. "
                "Pass Values that the graph was computed from."
            )
    return {*train}


def _learning_rate(lr: Any) -> float:
    if isinstance(lr, bool) or not isinstance(lr, (int, float)):
        raise TypeError(f"explore() expected a number for lr, got {type_and_value(lr)}. Pass a float.")
    if not 0.0 <= lr < float("inf"):
        raise ValueError(
            f"explore() expected a finite number of 0 or more for lr, got {type_and_value(lr)}. "
            "Pass a number in this range."
        )
    return float(lr)
