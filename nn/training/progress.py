"""Progress: how far a long run is, as tqdm's bar or as lines of text."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any


class Progress:
    """tqdm's progress bar where it is installed, else a line now and then.

    >>> progress = Progress(total=2, description="training", unit="step", show=False)
    >>> progress.advance(loss="0.5")
    >>> progress.close()

    ``advance`` for each unit of work, with what the bar is to say; ``say`` for a line, which is printed
    where there is no bar. With ``show=False`` neither is seen.
    """

    def __init__(self, total: int, description: str, unit: str, *, done: int = 0, show: bool = True) -> None:
        self.bar: Any = None
        self._lines = show
        self._numbers: dict[str, str] = {}
        if show and find_spec("tqdm") is not None:
            from tqdm import tqdm

            self._lines = False
            self.bar = tqdm(total=total, initial=done, desc=description, unit=unit)

    def advance(self, **numbers: str) -> None:
        """One more unit is done; the numbers stay until they are given again."""
        self.note(**numbers)
        if self.bar is not None:
            self.bar.update()

    def note(self, **numbers: str) -> None:
        """What the bar says from now on."""
        self._numbers |= numbers
        if self.bar is not None:
            self.bar.set_postfix(self._numbers, refresh=False)

    def say(self, line: str) -> None:
        """Print a line, if there is no bar."""
        if self._lines:
            print(line, flush=True)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.close()
