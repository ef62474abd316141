"""Growth of work with size, counted in function calls: the same on a fast machine and on a busy one."""

import sys
from collections.abc import Callable
from types import FrameType


def calls_of(work: Callable[[], object]) -> int:
    """Count the calls of Python and C functions that ``work`` makes in this thread."""
    count = 0

    def profile(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def is_linear(work: Callable[[int], Callable[[], object]], size: int) -> bool:
    """Return True if four times the size makes at most five times the calls.

    ``work(size)`` prepares the input, which is not counted, and returns the function to measure.
    """
    return calls_of(work(4 * size)) <= 5 * calls_of(work(size))
