"""Time limit of a picture, from reading the graph to its layout."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import TypeVar

from .options import check_seconds

#: The default time limit of a picture, in seconds.
TIMEOUT = 60.0

#: The default remedy of the error.
_SMALLER = "Draw a smaller part (limit=…), or allow more time (timeout=…)."

T = TypeVar("T")


class RenderError(RuntimeError):
    """Raised if a picture cannot be rendered; the message gives the reason and the remedy."""


class TimeLimit:
    """Time limit of a picture, in seconds; only work within ``running()`` counts.

    >>> limit = TimeLimit(0.001)
    >>> try:
    ...     with limit.running():
    ...         print(sum(in_time(range(10**9))))
    ... except RenderError as error:
    ...     print(error)
    The picture took more than 0.001 seconds and was stopped. Draw a smaller part (limit=…), or allow more \
time (timeout=…).
    """

    def __init__(self, timeout: object, remedy: str = _SMALLER, function: str = "draw") -> None:
        self.seconds = check_seconds(function, "timeout", timeout, f"The default is {TIMEOUT:g}.")
        self.remedy = remedy
        self._spent = 0.0
        self._start: float | None = None

    @contextmanager
    def running(self) -> Generator[None]:
        """Count the time of the enclosed work; ``in_time()`` and ``check()`` then enforce the limit."""
        if _limit.get() is self:  # an enclosing block already counts this time
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
        """Remaining seconds; 0 if the limit is exceeded."""
        spent = self._spent + (0.0 if self._start is None else monotonic() - self._start)
        return max(0.0, self.seconds - spent)

    def error(self) -> RenderError:
        """Return the error for an exceeded limit."""
        return RenderError(
            f"The picture took more than {self.seconds:g} seconds and was stopped. {self.remedy}"
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
    """Iterate over the items; raise RenderError once the running time limit is exceeded.

    Without a running limit, iteration has no overhead.
    """
    limit = _limit.get()
    return iter(items) if limit is None else limit.iterate(items)
