"""Atomic writes of files."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from .messages import type_and_value

if sys.platform != "win32":
    import fcntl

_REMEDIES = {errno.EACCES: "this folder cannot be written to; save elsewhere"}

#: On Windows, where files are not locked, a temporary file that is older than this is removed, in seconds.
_LEFT_OVER = 24 * 3600.0


def check_path(function: str, path: str | os.PathLike[str]) -> Path:
    """Return the path of a file; raise TypeError unless it is a str or a path object.

    >>> check_path("save", b"a.json")
    Traceback (most recent call last):
    TypeError: save() expected a str or a Path for path, got bytes b'a.json'. Pass the name of a file.
    """
    try:
        return Path(path)
    except TypeError:
        raise TypeError(
            f"{function}() expected a str or a Path for path, got {type_and_value(path)}. "
            "Pass the name of a file."
        ) from None


def write_atomic(path: Path, content: bytes) -> Path:
    """Write a file atomically: to a temporary file in the same folder, which is synced and then renamed.

    If the process is killed at any moment, or the disk is full, either the old or the new file exists. A
    killed write may leave a ``.glassgrad-….tmp`` in the folder, which the next write of the same name
    removes. A special file, such as a pipe, is written directly.

    Args:
        path: The file. If it is a link, its target is replaced.
        content: The bytes.

    Returns:
        ``path``.

    Raises:
        OSError: If the file or its folder cannot be written. The message names the file and the remedy.
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
    if os.access(folder, os.W_OK) and target.exists() and _is_read_only(target):
        raise PermissionError(
            errno.EACCES, "this file is read-only; make it writable or save under another name", str(path)
        )
    prefix = f".glassgrad-{zlib.crc32(os.fsencode(target.name)):08x}-"
    _remove_left_over(folder, prefix)
    try:
        _replace(target, content, prefix)
    except OSError as error:
        if Path(str(error.filename)).name.startswith(prefix):  # the caller does not know this name
            why = _REMEDIES.get(error.errno or 0, error.strerror)
            raise type(error)(error.errno, why, str(path)) from None
        raise
    if hasattr(os, "O_DIRECTORY"):  # so that the new name survives a loss of power
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return path


def _is_read_only(target: Path) -> bool:
    """Return True if nobody may write to the file, or this process may not. Root may write to any file."""
    return not target.stat().st_mode & 0o222 or not os.access(target, os.W_OK)


def _replace(target: Path, content: bytes, prefix: str) -> None:
    """Write a temporary file in the folder of the target, and rename it. If that fails, remove it."""
    temporary = target.parent / f"{prefix}{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as file:
            _lock(file, wait=True)  # until the file is renamed
            if not temporary.exists():  # another process may have removed it before it was locked
                return _replace(target, content, prefix)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, temporary)
            if sys.platform == "win32":  # an open file cannot be renamed there
                file.close()
            os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _lock(file: BinaryIO, wait: bool) -> bool:
    """Lock a file until it is closed or the process ends; return False if that is not possible."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # another process has it, or the file system has no locks
        return False
    return True


def _remove_left_over(folder: Path, prefix: str) -> None:
    """Remove the temporary files of killed processes, except those that a process is writing."""
    try:
        names = os.listdir(folder)
    except OSError:  # the folder cannot be listed
        return
    for name in names:
        if name.startswith(prefix) and name.endswith(".tmp"):
            with suppress(OSError):  # another process was faster, or it belongs to another user
                _remove_if_left_over(folder / name)


def _remove_if_left_over(temporary: Path) -> None:
    if not stat.S_ISREG(temporary.lstat().st_mode):
        return
    if sys.platform == "win32":
        if time.time() - temporary.stat().st_mtime > _LEFT_OVER:
            temporary.unlink()
        return
    with temporary.open("r+b") as file:  # NFS locks only files that are open for writing
        if _lock(file, wait=False):
            temporary.unlink()
