"""Progress: what compiling is at, said on the standard error once it has taken a second."""

from __future__ import annotations

import sys
from threading import Lock, Timer
from time import perf_counter
from types import TracebackType
from typing import Self

#: Seconds of silence.
PATIENCE = 1.0


class Progress:
    """Says a line for the stage that is on when ``PATIENCE`` is over, for each that comes, and at the end.

    >>> with Progress("loss") as progress:  # over before anybody waits
    ...     progress.at("recording")
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._stage = ""
        self._said = False
        self._lock = Lock()

    def __enter__(self) -> Self:
        self._began = perf_counter()
        self._timer = Timer(PATIENCE, self._speak)
        self._timer.daemon = True
        try:
            self._timer.start()
        except BaseException as error:  # Ctrl-C while the thread starts: no __exit__ follows
            self._timer.cancel()
            if isinstance(error.__context__, KeyboardInterrupt):  # threading then fails to release its lock
                raise error.__context__ from None
            raise
        return self

    def at(self, stage: str) -> None:
        """What is being done from now on."""
        with self._lock:
            self._stage = stage
            if self._said:
                self._say(stage)

    def _speak(self) -> None:
        with self._lock:
            self._said = True
            self._say(f"{self._stage} … (once for arguments of this shape)")

    def _say(self, what: str) -> None:
        print(
            f"compile({self.name}): {perf_counter() - self._began:.1f} s: {what}", file=sys.stderr, flush=True
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._said:
                self._say("done" if error is None else "given up")
