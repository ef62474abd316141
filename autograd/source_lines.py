"""Source lines: the user's line that computed a Value, and the files that belong to these packages."""

from __future__ import annotations

import linecache
import os
import sys
from itertools import islice
from types import CodeType

from .system.messages import replace_controls
from .value import Value

_HERE = os.path.dirname(os.path.abspath(__file__))


class _OwnFiles(dict[str, bool]):
    """A cache: for each file, True if it belongs to these packages and not to the user."""

    PREFIXES = (_HERE + os.sep, os.path.join(os.path.dirname(_HERE), "nn") + os.sep)

    def __missing__(self, filename: str) -> bool:
        self[filename] = is_own = filename.startswith(self.PREFIXES)
        return is_own


is_own = _OwnFiles()


def source_line(value: Value) -> tuple[str, int, list[str]] | None:
    """Return the file or notebook cell, the line number, and the line with marks below the operation.

    Return None if the Value was not computed inside ``detect_anomaly()``.
    """
    if value.note.place is None:
        return None
    code: CodeType
    at: int
    code, at = value.note.place
    nowhere = (code.co_firstlineno, None, None, None)
    line, last, start, end = next(islice(code.co_positions(), at // 2, None), nowhere)
    line = line or code.co_firstlineno
    linecache.checkcache(code.co_filename)
    source = replace_controls(linecache.getline(code.co_filename, line).rstrip(), keep="\t")
    text = source.lstrip()
    if not text or start is None or end is None:
        return _file(code.co_filename), line, [text] if text else []
    raw = source.encode()  # positions count bytes
    before = len(raw[:start].decode(errors="replace")) - (len(source) - len(text))
    width = len(raw[start : end if last == line else None].decode(errors="replace"))
    marks = " " * before + "^" * width
    return _file(code.co_filename), line, [text] if width == len(text) else [text, marks]


def _file(filename: str) -> str:
    """Return the name of a file as in a traceback, or the name of a notebook cell as in IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if shell and (name := shell.compile.format_code_name(filename)):
        return " ".join(name)
    return f'File "{replace_controls(filename)}"'
