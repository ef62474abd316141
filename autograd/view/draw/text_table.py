"""Text table of a picture, for a terminal or where graphviz is not installed."""

from __future__ import annotations

from ..picture.cards import Card, Picture, Summary
from ..render.tables import Paint, text_table

HEADER = ("name", "how", "data", "grad")


def text_of(picture: Picture, paint: Paint = lambda column, text: text) -> str:
    """Return a table with a line for each Value, operands first; ``·`` means not computed."""
    label_of = picture.label_of()

    def how(card: Card) -> str:
        if not isinstance(card, Summary):
            return card.expression
        return ", ".join(part for part in (label_of.get(card.key), card.expression) if part)

    rows = [
        [card.name, how(card), card.data, card.grad or ""]
        for card in picture.cards
        if card.kind not in ("constant", "cut", "numbers")
    ]
    table = text_table(HEADER, rows, right=(2, 3), paint=paint)
    return f"{table}\n({picture.note})" if picture.note else table
