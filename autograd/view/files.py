"""A file is written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path


def write(path: Path, content: bytes) -> Path:
    """Put a file in its place in one step: written beside it, then renamed.

    Killed at any moment, or with the disk full, the old file or the new one is there (and of the killed
    one perhaps a ``.glassgrad-….tmp`` beside it). What is no plain file, such as a pipe, is written to.
    """
    target = Path(os.path.realpath(path))  # through a link, not in place of it
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return path
    temporary = target.parent / f".glassgrad-{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename == str(temporary):  # whose name says nothing
            raise type(error)(error.errno, error.strerror, str(path)) from None
        raise
    return path
