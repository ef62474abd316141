"""A file is written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

_REMEDIES = {errno.EACCES: "this folder cannot be written to; save elsewhere"}


def write_atomic(path: Path, content: bytes) -> Path:
    """Put a file in its place in one step: written beside it, forced to the disk, then renamed.

    Killed at any moment, or with the disk full, the old file or the new one is there (and of the killed
    one perhaps a ``.glassgrad-….tmp`` beside it). What is no plain file, such as a pipe, is written to.
    Raises OSError that names the file and, where the folder is why, what to do.
    """
    target = Path(os.path.realpath(path))  # through a link, not in place of it
    folder = target.parent
    if not folder.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "there is no such folder to save in; create it first", str(path)
        )
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a folder; save under another name", str(path))
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return path
    temporary = folder / f".glassgrad-{secrets.token_hex(8)}.tmp"
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
            why = _REMEDIES.get(error.errno or 0, error.strerror)
            raise type(error)(error.errno, why, str(path)) from None
        raise
    if hasattr(os, "O_DIRECTORY"):  # the new name is to survive a loss of power too
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return path
