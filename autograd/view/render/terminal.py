"""The terminal: its width, and its colors."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

from .tables import Paint

#: Data blue, gradients orange, local derivatives teal, as in all views.
DATA, GRADIENT, LOCAL = "38;5;33", "38;5;208", "38;5;37"
BOLD, FAINT = "1", "2"


class Colors:
    """Painter of text in the colors of the views, or without colors.

    >>> Colors(False).paint("4", DATA)
    '4'
    """

    def __init__(self, on: bool) -> None:
        self.is_enabled = on

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.is_enabled and text else text

    def title(self, text: str) -> str:
        return self.paint(text, BOLD)

    def columns(self, **codes: str) -> Paint:
        by_column = {int(column[1:]): code for column, code in codes.items()}
        return lambda i, text: self.paint(text, by_column[i]) if i in by_column else text


def has_colors(stream: TextIO | None) -> bool:
    """Return True for a terminal with colors, unless NO_COLOR is set (no-color.org)."""
    if stream is None or not hasattr(stream, "isatty") or not stream.isatty():
        return False
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_width() -> int:
    """Return the columns of the terminal, or COLUMNS if that is set; 80 without a terminal."""
    return shutil.get_terminal_size().columns


def encodable(text: str, stream: TextIO | None) -> str:
    """Replace the characters that the encoding of a stream lacks by a ?."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def print_text(text: str, stream: TextIO | None) -> None:
    """Print a text, to a stream or to the standard output."""
    stream = sys.stdout if stream is None else stream
    print(encodable(text, stream), file=stream)
