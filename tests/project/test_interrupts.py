"""An interrupt cannot skip the end of a ``with`` or ``try`` block.

On CPython 3.12 and 3.13, if a loop ends in an ``if``, the jump at its end is not in the exception table of
the block around it. Ctrl-C takes effect at such jumps, so a lock stayed locked and a mode open. A loop in a
block therefore ends in another statement, or is in a function of its own.
"""

import ast
import dis
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import autograd
import nn
from autograd import Value

ROOT = Path(autograd.__file__).parents[1]
FILES = [path for package in (autograd, nn) for path in sorted(Path(package.__file__).parent.rglob("*.py"))]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _blocks(source: str) -> list[tuple[int, range]]:
    """Return the first line of each ``with`` or ``try`` block, and the lines of its body."""
    blocks = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.With | ast.AsyncWith | ast.Try)]
    return [(b.lineno, range(b.body[0].lineno, (b.body[-1].end_lineno or 0) + 1)) for b in blocks]


def unprotected_jumps(source: str) -> list[int]:
    """Return the lines of the backward jumps at which an interrupt skips the end of the block."""
    jumps: list[int] = []
    for code in _codes(compile(source, "source", "exec")):
        # Skip blocks around a comprehension or function: the caller is in the block.
        blocks = [body for start, body in _blocks(source) if start >= code.co_firstlineno]
        table: Any = dis._parse_exception_table(code)  # type: ignore[attr-defined]
        instructions = [x for x in dis.get_instructions(code) if x.positions and x.positions.lineno]
        lines = {x.offset: x.positions.lineno or 0 for x in instructions if x.positions}
        for x in instructions:
            if x.opname == "JUMP_BACKWARD" and not any(e.start <= x.offset < e.end for e in table):
                start, end = lines.get(x.argval, 0), lines[x.offset]
                if any(start in block and end in block for block in blocks):  # the loop is in the block
                    jumps.append(end)
    return jumps


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_jump_in_a_block_is_protected(path: Path) -> None:
    assert not unprotected_jumps(path.read_text(encoding="utf-8"))


def test_jump_outside_every_exception_table_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "with a:\n    for x in y:\n        x()\n"
    assert not unprotected_jumps(source)
    monkeypatch.setattr(dis, "_parse_exception_table", lambda code: [])
    assert unprotected_jumps(source) == [3]


@pytest.mark.skipif(sys.platform == "win32", reason="needs setitimer")
def test_interrupted_backward_leaves_other_threads_free() -> None:
    class Interrupt(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupt

    x = y = Value(1.0)
    for _ in range(30):
        y = y * x + x
    before = signal.signal(signal.SIGALRM, interrupt)
    interrupted, end = 0, time.monotonic() + 60.0
    try:
        while interrupted < 300 and time.monotonic() < end:
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-4 + 1e-6 * interrupted)
                while True:
                    y.backward()
            except Interrupt:
                interrupted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted == 300
    thread = threading.Thread(target=y.backward, daemon=True)
    thread.start()
    thread.join(30.0)
    assert not thread.is_alive(), "the lock of backward() is still locked"
