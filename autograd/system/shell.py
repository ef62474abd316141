"""A command as a shell knows it: streams that may have no ∂, be closed or be full, and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: Exit codes: 0 all well, 1 the picture or the output could not be written, 2 the command line is wrong,
#: 130 interrupted, as shells have it.
FAILED, USAGE, INTERRUPTED = 1, 2, 130


def write_any_letter() -> None:
    """Let a standard output that has no ∂ get a ?, not an error."""
    reconfigure: Any = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


def run(main: Callable[[], int], name: str) -> int:
    """The exit code of ``main()``: whoever stops reading is no error, and output with no place is told."""
    try:
        code = main()
        if sys.stdout is not None:  # which it is where the shell closed it
            sys.stdout.flush()
    except BrokenPipeError:  # | head
        code = 0
    except OSError as error:
        with suppress(OSError):
            print(f"{name}: the output could not be written: {error}", file=sys.stderr)
        code = FAILED
    except KeyboardInterrupt:
        code = INTERRUPTED
    else:
        return code
    if sys.stdout is not None:  # what is left in it goes nowhere, and Python does not complain again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
