"""Saving and loading of states as safetensors or JSON. Never pickle: reading a pickle runs code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from autograd.system.files import check_path, write_atomic
from autograd.system.messages import replace_controls, short, type_name

from ..kinds import is_dict, is_list
from .arrays import DIMENSIONS
from .content import Content, check_depth, content_of, decode_array, encode_floats, unique_names

#: The format that save() writes into every file and load() requires.
FORMAT = "glassgrad state 1"

#: The largest header in bytes that the format of safetensors allows.
MAX_HEADER = 100_000_000

#: The entries of a file that are not its content: the format, the checksum.
Marks = Mapping[str, Any]


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Save the state of a model to a file. The write is atomic.

    >>> import tempfile
    >>> from nn import MLP
    >>> model, other = MLP(2, [3, 1], seed=0), MLP(2, [3, 1], seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/moons.json")
    ...     other.load_state_dict(load(f"{folder}/moons.json"))
    Mismatch(missing_keys=[], unexpected_keys=[])
    >>> other.state_dict() == model.state_dict()
    True

    Every float is stored bit-exact; JSON stores nan and the infinities as strings. ``p.0``, ``p.1``, …
    become one array ``p``. Lists and tuples are loaded as lists; ints, strings and None are stored
    separately from the arrays. If the process is killed, the file is either the old one or the new one. A
    ``.glassgrad-….tmp`` may then remain in its folder, which the next save of that name removes.

    Args:
        model: Any object with a ``state_dict()``, a state, or several of them by name, as in
            ``save({"model": model, "optimizer": optimizer, "epoch": 3}, path)``.
        path: A name that ends in ``.safetensors``, which requires the extra ``train``, or in ``.json``.

    Raises:
        ValueError: If the path has another ending, or the state is empty or cannot be stored.
        TypeError: If ``model`` is not a model or a state, or ``path`` is not a path.
        ImportError: If the path ends in ``.safetensors`` and safetensors is not installed.
        OSError: If the folder is missing or not writable, or the file is read-only.
    """
    path = check_path("save", path)
    to_bytes, _ = _format("save", path)
    try:
        content = content_of(model)
    except ValueError as error:
        raise ValueError(
            f"save() expected a state that fits into a file, got {type_name(model)}: "
            f"{replace_controls(str(error))}. Change the state, and save it again."
        ) from error
    write_atomic(path, to_bytes(content, {"format": FORMAT, "sha256": content.checksum}))


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Load the state from a file that :func:`save` wrote, for ``load_state_dict()``.

    Args:
        path: The name of the file.

    Returns:
        The state. Parts that were saved by name have the same names, as in ``load(path)["optimizer"]``.

    Raises:
        ValueError: If the file is damaged, as its checksum shows, or was not written by :func:`save`, or the
            path has another ending.
        TypeError: If ``path`` is not a path.
        ImportError: If the path ends in ``.safetensors`` and safetensors is not installed.
        OSError: If the file cannot be read.
    """
    path = check_path("load", path)
    _, read = _format("load", path)
    with path.open("rb"):  # a file that cannot be opened raises the OSError of Python
        pass
    try:
        content, marks = read(path)
        if marks.get("format") != FORMAT:
            raise ValueError("its format is not that of save()")
        if marks.get("sha256") != content.checksum:
            raise ValueError("its content does not match its checksum")
        return content.state
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"load() expected an intact file written by save(), got {replace_controls(str(path))}: "
            f"{replace_controls(str(error))}. Save the model again."
        ) from error


def _format(
    function: str, path: Path
) -> tuple[Callable[[Content, Marks], bytes], Callable[[Path], tuple[Content, Marks]]]:
    """Return the functions that write and read a file with that ending."""
    match path.suffix.lower():
        case ".json":
            return _to_json, _from_json
        case ".safetensors":
            _safetensors()
            return _to_safetensors, _from_safetensors
        case _:
            raise ValueError(
                f"{function}() expected a path that ends in .safetensors or .json, got {short(path.name)}. "
                "Rename the file."
            )


def _to_json(content: Content, marks: Marks) -> bytes:
    """Return JSON that a person can read, with a line for each array."""
    arrays, lists, more = content
    entries = {name: x for name, x in (("lists", lists), ("more", more)) if x}
    heading = [f" {json.dumps(name)}: {json.dumps(x)}" for name, x in (dict(marks) | entries).items()]
    rows = [f"  {json.dumps(name)}: {json.dumps(encode_floats(array))}" for name, array in arrays.items()]
    state = ' "state": {\n' + ",\n".join(rows) + "\n }"
    return ("{\n" + ",\n".join([*heading, state]) + "\n}\n").encode()


def _from_json(path: Path) -> tuple[Content, Marks]:
    document = json.loads(path.read_bytes(), object_pairs_hook=unique_names)
    if not is_dict(document) or not isinstance(document.get("state"), dict):
        raise ValueError("it contains no state")
    return _content(document["state"], document.get("lists", []), document.get("more", {})), document


def _content(arrays: dict[str, Any], lists: Any, more: Any) -> Content:
    if not isinstance(lists, list) or not is_dict(more):
        raise ValueError("its lists and other entries are not those of save()")
    for item in more.values():
        check_depth(item)
    return Content({name: decode_array(array, name) for name, array in arrays.items()}, lists, more)


def _safetensors() -> Any:
    try:
        import safetensors.numpy  # pyright: ignore[reportUnusedImport]  (it becomes an attribute)
    except ImportError:
        raise ImportError(
            "save() and load() need the package safetensors for a .safetensors file. "
            'Install it: pip install "glassgrad[train]", or pip install -e ".[train]" in a clone. '
            "A .json file needs no package."
        ) from None
    return safetensors


def _to_safetensors(content: Content, marks: Marks) -> bytes:
    import numpy as np

    arrays, lists, more = content
    if "__metadata__" in arrays:
        raise ValueError(
            "save() expected a name other than '__metadata__', which safetensors reserves. "
            "Rename the entry, or save as .json."
        )
    tensors = {name: np.array(array, dtype=np.float64) for name, array in arrays.items()}
    entries = {"lists": json.dumps(lists), "more": json.dumps(more)}
    file: bytes = _safetensors().numpy.save(tensors, metadata={**marks, **entries})
    return file


def _from_safetensors(path: Path) -> tuple[Content, Marks]:
    import numpy as np

    library = _safetensors()
    with path.open("rb") as file:
        header = _header(file)
        marks = header.pop("__metadata__", {})
        if not is_dict(marks) or marks.get("format") != FORMAT:
            return Content({}, [], {}), {}
        for name, entry in header.items():  # before memory is allocated for the shapes that they claim
            _check_entry(name, entry)
        file.seek(0)
        try:
            tensors: dict[str, Any] = dict(library.deserialize(file.read()))
        except library.SafetensorError as error:
            raise ValueError(str(error)) from error
    arrays = {
        name: np.frombuffer(tensors[name]["data"], "<f8").reshape(entry["shape"]).tolist()
        for name, entry in header.items()
    }
    lists, more = (
        json.loads(marks.get(name, "[]"), object_pairs_hook=unique_names) for name in ("lists", "more")
    )
    return _content(arrays, lists, more), marks


def _header(file: BinaryIO) -> dict[str, Any]:
    """Return the names, dtypes and shapes of a safetensors file, as JSON."""
    size = os.fstat(file.fileno()).st_size - 8
    length = int.from_bytes(file.read(8), "little")
    if length > min(size, MAX_HEADER):
        raise ValueError(f"its header claims {length:,} bytes, but {max(size, 0):,} bytes follow")
    header = json.loads(file.read(length), object_pairs_hook=unique_names)
    if not is_dict(header):
        raise ValueError(f"its header is a {type_name(header)}, not a dict")
    return header


def _check_entry(name: str, entry: Any) -> None:
    """Raise ValueError for an array that nn.save does not write."""
    dtype, shape = (entry.get("dtype"), entry.get("shape")) if is_dict(entry) else (None, None)
    if dtype != "F64":
        raise ValueError(f"its array {name!r} has the dtype {dtype!r}, not 'F64' as save() writes it")
    if not is_list(shape) or len(shape) > DIMENSIONS or 0 in shape:
        raise ValueError(
            f"its array {name!r} has the shape {str(shape)[:40]}, not at most {DIMENSIONS} dimensions of 1 "
            "or more each, as save() writes it"
        )
