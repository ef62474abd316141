"""The time that a picture may take, from reading the graph to its layout."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import TypeVar

from .options import seconds

#: A picture is given up after so many seconds, if no others are given.
TIMEOUT = 60.0

#: The remedy where no other is given.
_SMALLER = "Draw a smaller part (limit=…), or allow more time (timeout=…)."

T = TypeVar("T")


class RenderError(RuntimeError):
    """A picture could not be made; the message says why and what to do."""


class TimeLimit:
    """The seconds that a picture may take in all; only work within ``running()`` counts.

    >>> limit = TimeLimit(0.001)
    >>> try:
    ...     with limit.running():
    ...         print(sum(in_time(range(10**9))))
    ... except RenderError as error:
    ...     print(error)
    the picture took more than 0.001 seconds and was given up. Draw a smaller part (limit=…), or allow more \
time (timeout=…).
    """

    def __init__(self, timeout: object, remedy: str = _SMALLER) -> None:
        self.seconds = seconds("timeout", timeout)
        self.remedy = remedy
        self._spent = 0.0
        self._start: float | None = None

    @contextmanager
    def running(self) -> Generator[None]:
        """Count the time of the work inside, which ``in_time()`` and ``check()`` end by a RenderError."""
        if _limit.get() is self:  # a part of work that is counted already
            yield
            return
        token, self._start = _limit.set(self), monotonic()
        try:
            yield
            self.check()
        finally:
            self._spent, self._start = self._spent + monotonic() - self._start, None
            _limit.reset(token)

    @property
    def left(self) -> float:
        """The seconds that are left, 0 if there are none."""
        spent = self._spent + (0.0 if self._start is None else monotonic() - self._start)
        return max(0.0, self.seconds - spent)

    def error(self) -> RenderError:
        """The error for a picture that takes longer."""
        return RenderError(
            f"the picture took more than {self.seconds:g} seconds and was given up. {self.remedy}"
        )

    def check(self) -> None:
        """Raise RenderError if no time is left."""
        if not self.left:
            raise self.error()

    def iterate(self, items: Iterable[T]) -> Iterator[T]:
        end = monotonic() + self.left
        for item in items:
            if monotonic() > end:
                raise self.error()
            yield item


_limit: ContextVar[TimeLimit | None] = ContextVar("time_limit", default=None)


def in_time(items: Iterable[T]) -> Iterator[T]:
    """Iterate until the time of the picture that is being made is over: then RenderError.

    Without a limit it costs nothing.
    """
    limit = _limit.get()
    return iter(items) if limit is None else limit.iterate(items)
