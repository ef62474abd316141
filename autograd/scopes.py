"""scope(): a name for a part of a graph, which pictures show as a box."""

from __future__ import annotations

from itertools import count

from .modes import Mode
from .system.messages import short, type_and_value
from .value import Note, Value

_serials = count()


class scope(Mode):
    """Name the Values that are computed inside, as a part of the graph.

    ``draw`` frames each part, and folds it to one card if the whole graph would not fit on a page;
    ``draw(…, expand=part)`` opens it again. Parts may contain parts. Each ``with`` block and each call of a
    decorated function is a part of its own, such as a time step or an attention head.

    >>> w, x = Value(2.0, label="w"), Value(5.0, label="x")
    >>> with scope("square") as square:
    ...     loss = (w * x - 12.0) ** 2
    >>> square
    scope('square')

    It changes neither the graph nor its gradients, and compiled programs ignore it. Every Value computed
    inside stores its part. A scope applies to the current thread or asyncio task.

    Args:
        name: The title of the box.

    Raises:
        TypeError: If the name is not a str.
        ValueError: If the name is empty.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(
                f"scope() expected a str as the name, got {type_and_value(name)}. Use str() first."
            )
        if not name.strip():
            raise ValueError(f"scope() expected a name, got {short(name)}. Pass the title of the box.")
        self.name = name
        #: Parts of the same name are numbered in the order in which they were made.
        self.serial = next(_serials)

    def _copy(self) -> scope:
        return scope(self.name)

    def recorded(self, node: Value) -> None:
        """Add this part to those of an operation. The inner scopes have done so before."""
        note = node.note
        node._note = Note(note.label, note.place, (self, *note.scopes))

    def __repr__(self) -> str:
        return f"scope({self.name!r})"


def scopes_of(value: Value) -> tuple[scope, ...]:
    """Return the parts that a Value belongs to, the outermost first."""
    scopes: tuple[scope, ...] = value.note.scopes
    return scopes
