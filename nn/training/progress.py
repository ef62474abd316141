"""Progress of a long run, as tqdm's bar or as lines of text."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any


class Progress:
    """A progress bar of tqdm if it is installed, otherwise an occasional line of text.

    >>> progress = Progress(total=2, description="training", unit="step", show=False)
    >>> progress.advance(loss="0.5")
    >>> progress.close()

    ``advance`` reports a unit of work and the numbers to show next to the bar. ``say`` prints a line if there
    is no bar. With ``show=False`` nothing is printed.
    """

    def __init__(
        self, total: int, description: str, unit: str, *, initial: int = 0, show: bool = True
    ) -> None:
        self.bar: Any = None
        self._lines = show
        self._numbers: dict[str, str] = {}
        if show and find_spec("tqdm") is not None:
            from tqdm import tqdm

            self._lines = False
            self.bar = tqdm(total=total, initial=initial, desc=description, unit=unit)

    def advance(self, **numbers: str) -> None:
        """Advance by one unit; the numbers are shown until they are replaced."""
        self.note(**numbers)
        if self.bar is not None:
            self.bar.update()

    def note(self, **numbers: str) -> None:
        """Set the numbers that the bar shows."""
        self._numbers |= numbers
        if self.bar is not None:
            self.bar.set_postfix(self._numbers, refresh=False)

    def say(self, line: str) -> None:
        """Print a line, if there is no bar."""
        if self._lines:
            print(line, flush=True)

    def close(self) -> None:
        """Close the bar and leave it on the screen."""
        if self.bar is not None:
            self.bar.close()
