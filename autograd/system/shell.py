"""A command as a shell knows it: streams that may have no ∂, be closed or be full, and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from .messages import replace_controls

#: Exit codes: 0 all well, 1 the picture or the output could not be written, 2 the command line is wrong,
#: 130 interrupted, as shells have it.
FAILED, USAGE, INTERRUPTED = 1, 2, 130


class Parser(argparse.ArgumentParser):
    """A parser of command lines whose errors show control characters as symbols."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit."""
        super().error(replace_controls(message, keep="\n"))


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
            print(f"{name}: the output could not be written: {replace_controls(str(error))}", file=sys.stderr)
        code = FAILED
    except KeyboardInterrupt:
        code = INTERRUPTED
    else:
        return code
    if sys.stdout is not None:  # what is left in it goes nowhere, and Python does not complain again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
