"""Raise an error before any one of the lines of the two packages."""

from __future__ import annotations

import ast
import random
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import autograd
import nn

#: Files whose lines may be interrupted: those of both packages, or of nn alone.
NN = (f"{Path(nn.__file__).parent}/",)
BOTH = (f"{Path(autograd.__file__).parent}/", *NN)

#: Errors that can occur anywhere: after Ctrl-C, and if memory is exhausted.
ERRORS: list[type[BaseException]] = [KeyboardInterrupt, MemoryError]

#: The line at which the last error was raised, to analyze a failure.
where = ""


@cache
def spared(filename: str) -> frozenset[int]:
    """Return the lines of a file that are not interrupted: those of ``finally``, ``with`` and ``try``.

    Clean-up cannot be guarded against an error before it has begun. The lines of ``with`` and ``try`` do
    nothing where Python would notice a signal, and a trace function that raises there is caught by no
    handler around them.
    """
    lines: set[int] = set()
    for node in ast.walk(ast.parse(Path(filename).read_text())):
        if isinstance(node, ast.Try):
            lines.add(node.lineno)
            for inner in node.finalbody:
                lines.update(range(inner.lineno, (inner.end_lineno or inner.lineno) + 1))
        elif isinstance(node, ast.With):
            lines.update(range(node.lineno, node.body[0].lineno))
    return frozenset(lines)


def stopped_at(
    number: int, run: Callable[[], Any], error: type[BaseException], within: tuple[str, ...] = BOTH
) -> bool:
    """Run with the error before the line of that number, from 1; return True if there is such a line."""
    return _count_lines(run, number, error, within) >= number


def lines_of(run: Callable[[], Any], within: tuple[str, ...] = BOTH) -> int:
    """Return the number of lines of a run that can be interrupted."""
    return _count_lines(run, 0, KeyboardInterrupt, within)


def _count_lines(
    run: Callable[[], Any], number: int, error: type[BaseException], within: tuple[str, ...]
) -> int:
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        global where
        nonlocal count
        filename = frame.f_code.co_filename
        if event == "call":
            return trace if filename.startswith(within) else None
        if event == "line" and frame.f_lineno not in spared(filename):
            count += 1
            if count == number:
                sys.settrace(None)
                where = f"{filename}:{frame.f_lineno}"
                raise error
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except error:
        if count < number or not number:
            raise
    finally:
        sys.settrace(before)
    return count


def moments(lines: int, most: int, seed: int) -> Iterator[tuple[int, type[BaseException]]]:
    """Yield line numbers, each with an error: all lines, or a random selection of ``most``."""
    rng = random.Random(seed)
    numbers = range(1, lines + 1) if lines <= most else sorted(rng.sample(range(1, lines + 1), most))
    for number in numbers:
        yield number, rng.choice(ERRORS)
