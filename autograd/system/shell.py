"""Commands in a shell: exit codes, and output streams that lack ∂, are closed or are full."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from .messages import replace_controls

#: Exit codes: 0 for success, 1 if the picture or the output could not be written, 2 if the command line is
#: wrong, 130 after an interrupt, as in shells.
FAILED, USAGE, INTERRUPTED = 1, 2, 130


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors show control characters as symbols."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit."""
        super().error(replace_controls(message, keep="\n"))


def write_any_letter() -> None:
    """Replace letters that the standard output cannot encode, such as ∂, by a question mark."""
    reconfigure: Any = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


def run(main: Callable[[], int], name: str) -> int:
    """Run ``main()`` and return its exit code.

    A closed pipe is not an error. If the output cannot be written, that is reported on standard error.

    Args:
        main: A command, which returns an exit code.
        name: The name of the command, for the message.

    Returns:
        The exit code.
    """
    try:
        code = main()
        if sys.stdout is not None:  # it is None if the shell closed it
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
    if sys.stdout is not None:  # discard the rest of the output, so that Python reports no second error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
