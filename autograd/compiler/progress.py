"""Progress messages on standard error, if compiling takes longer than a second."""

from __future__ import annotations

import sys
from threading import Lock, Timer
from time import perf_counter
from types import TracebackType
from typing import Self

#: Seconds before the first message.
PATIENCE = 1.0


class Progress:
    """Print the current stage after ``PATIENCE`` seconds, then each new stage, and the end.

    >>> with Progress("loss") as progress:  # too short for a message
    ...     progress.at("tracing")
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._stage = "finding what the function reads"
        self._has_printed = False
        self._lock = Lock()

    def __enter__(self) -> Self:
        self._began = perf_counter()
        self._timer = Timer(PATIENCE, self._report)
        self._timer.daemon = True
        try:
            self._timer.start()
        except BaseException as error:  # Ctrl-C while the thread starts: __exit__ is not called
            self._timer.cancel()
            if isinstance(error.__context__, KeyboardInterrupt):  # threading then fails to release its lock
                raise error.__context__ from None
            raise
        return self

    def at(self, stage: str) -> None:
        """Set the current stage."""
        with self._lock:
            self._stage = stage
            if self._has_printed:
                self._print(stage)

    def _report(self) -> None:
        with self._lock:
            self._has_printed = True
            self._print(f"{self._stage} … (once for arguments of this shape)")

    def _print(self, text: str) -> None:
        print(
            f"compile({self.name}): {perf_counter() - self._began:.1f} s: {text}", file=sys.stderr, flush=True
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._has_printed:
                self._print("done" if error is None else "stopped by an error")
