"""Any bytes as a file of weights: read whole or refused with ValueError, and a model takes all or nothing.

The checksum keeps a fuzzer out of all that comes after it, so :func:`signed` mends it: the checks are
made on the bytes as they are and on the bytes with the checksum they should have.
"""

from __future__ import annotations

import json
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nn import MLP, SGD, BatchNorm1d, History, Sequential, data, fit, hinge_loss, load, save
from nn.saving import saving as _saving

SUFFIXES = (".json", ".safetensors") if find_spec("safetensors") else (".json",)

TOKENS = (
    "format", "sha256", "state", "lists", "more", "__metadata__", "dtype", "shape", "F64", "F32", "BF16",
    "I64", "data_offsets", "glassgrad state 1", "null", "true", "NaN", "1e999", "nan", "inf", "[", "]", "{",
    "}", '"', ":", ",", "/", ".0", ".1", "model", "run", "loss", "checkpoint", "num_batches_tracked",
)  # fmt: skip


def model() -> Sequential:
    """A small network with weights and with buffers, floats and whole numbers."""
    return Sequential(MLP(1, [2], seed=0), BatchNorm1d(2))


def history() -> History:
    """What a short training run leaves."""
    network = MLP(2, [1], seed=0)
    samples = data.two_moons(2, seed=0)
    return fit(network, samples, hinge_loss, SGD(network.parameters(), lr=0.1), epochs=1, progress=False)


def seeds(suffix: str, folder: Path) -> list[bytes]:
    """Files that nn.save wrote: a model; a training run; every kind of thing."""
    network = model()
    path = folder / f"seed{suffix}"
    found = []
    for what in (
        network,
        {"model": network, "run": history(), "epoch": 3},
        {"a": [0.5, float("nan")], "b": {"c": [[1.0], [2.0]], "d": None, "e": "text", "f": [1, "x"]}},
    ):  # fmt: skip
        save(what, path)
        found.append(path.read_bytes())
    return found


def signed(content: bytes, suffix: str, folder: Path) -> bytes | None:
    """The same file with our format and the right checksum, or None if it has no content to be summed."""
    mend = _signed_json if suffix == ".json" else _signed_safetensors
    try:
        return mend(content, folder)
    except (ValueError, RecursionError, struct.error):
        return None


def _signed_json(content: bytes, folder: Path) -> bytes | None:
    path = folder / "unsigned.json"
    path.write_bytes(content)
    body, document = _saving._from_json(path)
    marks = {"format": _saving.FORMAT, "sha256": body.checksum}
    return json.dumps({**document, **marks}).encode()


def _signed_safetensors(content: bytes, folder: Path) -> bytes | None:
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        return None

    def with_marks(**marks: str) -> bytes:
        text = json.dumps(header | {"__metadata__": header.get("__metadata__", {}) | marks}).encode()
        return struct.pack("<Q", len(text)) + text + content[8 + length :]

    path = folder / "unsigned.safetensors"
    path.write_bytes(with_marks(format=_saving.FORMAT))
    body, _ = _saving._from_safetensors(path)
    return with_marks(format=_saving.FORMAT, sha256=body.checksum)


def check(content: bytes, suffix: str, folder: Path) -> bool:
    """Load the bytes, and give what was read to a model and to its optimizer; whether it could be read."""
    path = folder / f"it{suffix}"
    path.write_bytes(content)
    try:
        state = load(path)
    except ValueError as error:
        told = str(error)
        state = None
    if state is None:
        assert told.startswith(f"load() expected an intact file written by save(), got {path}: "), told
        return False
    assert isinstance(state, dict)
    assert all(isinstance(name, str) for name in state)
    for part in (state, state.get("model"), state.get("run")):
        _whole_or_not_at_all(part)
    _comes_back(state, suffix, folder)
    return True


def _whole_or_not_at_all(state: Any) -> None:
    """A model and a run take the state, or refuse it in words and are what they were."""
    network, run = model(), History(loss=[0.5])
    for take in (
        lambda: network.load_state_dict(state),
        lambda: network.load_state_dict(state, strict=False),
        lambda: run.load_state_dict(state),
    ):
        before, refusal = repr((network.state_dict(), run.state_dict())), None
        try:
            take()
        except (TypeError, ValueError, RuntimeError) as error:
            refusal = error
        assert not isinstance(refusal, RecursionError), refusal
        assert refusal is None or repr((network.state_dict(), run.state_dict())) == before, refusal
        assert all(type(p.data) is float for p in network.parameters())
        assert [type(x) for x in network.state_dict().values()] == [
            type(x) for x in model().state_dict().values()
        ]


def _comes_back(state: dict[str, Any], suffix: str, folder: Path) -> None:
    """What was read can be saved and is read as the same again, where save takes it."""
    path = folder / f"again{suffix}"
    try:
        save(state, path)
    except ValueError:  # as names with a slash within, an empty part
        return
    again = load(path)
    assert _in_order(again) == _in_order(state), (again, state)


def _in_order(state: dict[str, Any]) -> str:
    return json.dumps(state, sort_keys=True)  # with nan, which is not equal to itself
