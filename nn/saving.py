"""Keeping work: the numbers of a model in a file, as safetensors or JSON. Never pickle: reading runs it."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .arrays import Array, arrays_of, numbers_of
from .state import number_like

#: Written into every file. One without it is not ours.
FORMAT = "glassgrad state 1"

#: Between the name of a part and the names in it.
WITHIN = "/"


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write the state of a model into a file, whole or not at all.

    >>> import tempfile
    >>> from nn import MLP
    >>> model, other = MLP(2, [3, 1], seed=0), MLP(2, [3, 1], seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/moons.json")
    ...     other.load_state_dict(load(f"{folder}/moons.json"))
    Mismatch(missing_keys=[], unexpected_keys=[])
    >>> other.state_dict() == model.state_dict()
    True

    ``model`` is anything with a ``state_dict()``, a state, or several under names of their own:
    ``save({"model": model, "optimizer": optimizer}, path)``. The name of the file ends in ``.safetensors``
    (with the extra ``train``) or in ``.json``. Both keep every float to the last bit; JSON, which has no
    word for them, has nan and the infinities as strings. ``p.0``, ``p.1``, … make one array ``p``.

    What was there before is replaced in one step: killed at any moment, the old file or the new one is
    there (and perhaps a ``.glassgrad-….tmp`` beside it). Raises OSError for a folder that is missing or
    cannot be written to.
    """
    path = Path(path)
    write, _ = _format(path)
    state = dict(_flat(model))
    _replace(path, write(arrays_of(state), {"format": FORMAT, "sha256": _digest(state)}))


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The state in a file that :func:`save` wrote, for ``load_state_dict()``.

    Parts that were saved under names come back under them: ``load(path)["optimizer"]``.

    Raises ValueError if the file is damaged or not one of ours, told by the checksum it carries;
    OSError if it cannot be read.
    """
    path = Path(path)
    _, read = _format(path)
    with path.open("rb"):  # what cannot be opened is told by Python in its own words
        pass
    try:
        arrays, marks = read(path)
        if marks.get("format") != FORMAT:
            raise ValueError("it was not written by nn.save")
        state = dict(numbers_of(arrays))
        if marks.get("sha256") != _digest(state):
            raise ValueError("its numbers are not those that were saved, by their checksum")
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged or not a file of glassgrad, and was not read: {error}"
        ) from error
    return _nested(state)


def _flat(what: Any, name: str | None = None) -> Iterator[tuple[str, float]]:
    """Every number with its name; those of a part have its name in front."""
    if callable(getattr(what, "state_dict", None)) and not isinstance(what, type):
        what = what.state_dict()
    if isinstance(what, Mapping):
        if not what:
            raise ValueError("there are no numbers to save" + ("" if name is None else f" in {name!r}"))
        for key, item in what.items():
            if not isinstance(key, str) or WITHIN in key:
                raise ValueError(f"a name in a state is a string without {WITHIN!r}, and not {key!r}")
            yield from _flat(item, key if name is None else f"{name}{WITHIN}{key}")
    elif name is not None:
        yield name, number_like(0.0, what, name)
    else:
        raise TypeError(f"save() takes a model or a state, then a path, not {type(what).__name__} {what!r}")


def _nested(state: dict[str, float]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, number in state.items():
        *parts, last = name.split(WITHIN)
        inside = nested
        for part in parts:
            inside = inside.setdefault(part, {})
        inside[last] = number
    return nested


def _digest(state: dict[str, float]) -> str:
    """A checksum of the numbers by name, whichever way they are written."""
    return hashlib.sha256(
        json.dumps(sorted((name, repr(x)) for name, x in state.items())).encode()
    ).hexdigest()


def _format(path: Path) -> tuple[Callable[..., bytes], Callable[[Path], tuple[Any, Mapping[str, Any]]]]:
    """How to write and how to read a file of that name."""
    match path.suffix.lower():
        case ".json":
            return _to_json, _from_json
        case ".safetensors":
            _safetensors()
            return _to_safetensors, _from_safetensors
    raise ValueError(f"end the name in .safetensors or .json, not {path.name!r}")


def _to_json(arrays: Mapping[str, Array], marks: Mapping[str, str]) -> bytes:
    heading = [f" {json.dumps(key)}: {json.dumps(mark)}" for key, mark in marks.items()]
    rows = [f"  {json.dumps(name)}: {json.dumps(_strict(array))}" for name, array in arrays.items()]
    state = ' "state": {\n' + ",\n".join(rows) + "\n }"
    return ("{\n" + ",\n".join([*heading, state]) + "\n}\n").encode()


def _strict(array: Array) -> Any:
    """What JSON has no number for as a string."""
    if isinstance(array, list):
        return [_strict(item) for item in array]
    return array if math.isfinite(array) else repr(array)


def _from_json(path: Path) -> tuple[Any, Mapping[str, Any]]:
    document = json.loads(path.read_bytes())
    if not isinstance(document, dict) or not isinstance(document.get("state"), dict):
        raise ValueError("it has no state in it")
    return document["state"], document


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            'a .safetensors file needs safetensors: pip install "glassgrad[train]", or '
            'pip install -e ".[train]" in a clone; a .json file needs nothing'
        ) from None
    return safetensors


def _to_safetensors(arrays: Mapping[str, Array], marks: dict[str, str]) -> bytes:
    import numpy as np

    if "__metadata__" in arrays:
        raise ValueError("safetensors keeps the name '__metadata__' for itself: save as .json")
    tensors = {name: np.array(array, dtype=np.float64) for name, array in arrays.items()}
    content: bytes = _safetensors().numpy.save(tensors, metadata=marks)
    return content


def _from_safetensors(path: Path) -> tuple[Any, Mapping[str, Any]]:
    library = _safetensors()
    try:
        with library.safe_open(path, framework="numpy") as file:
            marks = file.metadata() or {}
            names = file.keys() if marks.get("format") == FORMAT else ()  # others have types NumPy lacks
            return {name: file.get_tensor(name).tolist() for name in names}, marks
    except library.SafetensorError as error:
        raise ValueError(str(error)) from error


def _replace(path: Path, content: bytes) -> None:
    """Put a file in its place in one step: written beside it, forced to the disk, then renamed."""
    path = Path(os.path.realpath(path))  # through a link, not in place of it
    folder = path.parent
    if not folder.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "there is no such folder to save in; create it first", str(folder)
        )
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a folder; save under another name", str(path))
    temporary = folder / f".glassgrad-{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except PermissionError as error:
        temporary.unlink(missing_ok=True)
        raise PermissionError(
            error.errno, "this folder cannot be written to; save elsewhere", str(folder)
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # the new name is to survive a loss of power too
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
