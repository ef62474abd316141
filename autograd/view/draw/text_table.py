"""Text table of a picture, for a terminal or where graphviz is not installed."""

from __future__ import annotations

from ..picture.cards import Card, Picture, Summary
from ..render.tables import Paint, text_table

HEADER = ("name", "how", "data", "grad")


def text_of(picture: Picture, paint: Paint = lambda column, text: text) -> str:
    """Return a table with a line for each Value, operands first; ``·`` means not computed."""
    label_of = picture.label_of()

    def expression(card: Card) -> str:
        label = label_of.get(card.key, "")
        if isinstance(card, Summary):
            return ", ".join(part for part in (label, card.expression) if part)
        return f"{card.expression}  in {label}" if label and picture.frames else card.expression

    rows = [
        [card.name, expression(card), card.data, card.grad or ""]
        for card in picture.cards
        if card.kind not in ("constant", "numbers") and (card.kind != "cut" or card.expression)
    ]
    table = text_table(HEADER, rows, right=(2, 3), paint=paint)
    return f"{table}\n({picture.note})" if picture.note else table
