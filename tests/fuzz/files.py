"""Any bytes as a file of weights: load() reads all of it or raises ValueError, and loading a state is atomic.

The checksum would stop a fuzzer before all later checks, so :func:`signed` corrects it: each check runs on
the original bytes and on the bytes with a correct checksum.
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
    """Return a small network with weights and with buffers, floats and ints."""
    return Sequential(MLP(1, [2], seed=0), BatchNorm1d(2))


def history() -> History:
    """Return the history of a short training run."""
    network = MLP(2, [1], seed=0)
    samples = data.two_moons(2, seed=0)
    return fit(network, samples, hinge_loss, SGD(network.parameters(), lr=0.1), epochs=1, progress=False)


def seeds(suffix: str, folder: Path) -> list[bytes]:
    """Return files that nn.save wrote: a model, a training run, and every type of content."""
    network = model()
    path = folder / f"seed{suffix}"
    contents = []
    for what in (
        network,
        {"model": network, "run": history(), "epoch": 3},
        {"a": [0.5, float("nan")], "b": {"c": [[1.0], [2.0]], "d": None, "e": "text", "f": [1, "x"]}},
    ):  # fmt: skip
        save(what, path)
        contents.append(path.read_bytes())
    return contents


def signed(content: bytes, suffix: str, folder: Path) -> bytes | None:
    """Return the file with the right format and checksum, or None if it has no content to sum."""
    sign = _signed_json if suffix == ".json" else _signed_safetensors
    try:
        return sign(content, folder)
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
    """Load the bytes, and load the result into a model and a run; return True if the file was read."""
    path = folder / f"it{suffix}"
    path.write_bytes(content)
    try:
        state = load(path)
    except ValueError as error:
        state, message = None, str(error)
    if state is None:
        assert message.startswith(f"load() expected an intact file written by save(), got {path}: "), message
        return False
    assert isinstance(state, dict)
    assert all(isinstance(name, str) for name in state)
    for part in (state, state.get("model"), state.get("run")):
        _check_atomic_load(part)
    _check_round_trip(state, suffix, folder)
    return True


def _check_atomic_load(state: Any) -> None:
    """Check that a model and a run load the state, or raise an error and do not change."""
    network, run = model(), History(loss=[0.5])
    for load_into in (
        lambda: network.load_state_dict(state),
        lambda: network.load_state_dict(state, strict=False),
        lambda: run.load_state_dict(state),
    ):
        before, failure = repr((network.state_dict(), run.state_dict())), None
        try:
            load_into()
        except (TypeError, ValueError, RuntimeError) as error:
            failure = error
        assert not isinstance(failure, RecursionError), failure
        assert failure is None or repr((network.state_dict(), run.state_dict())) == before, failure
        assert all(type(p.data) is float for p in network.parameters())
        assert [type(x) for x in network.state_dict().values()] == [
            type(x) for x in model().state_dict().values()
        ]


def _check_round_trip(state: dict[str, Any], suffix: str, folder: Path) -> None:
    """Check that a loaded state is the same after save and load, if save accepts it."""
    path = folder / f"again{suffix}"
    try:
        save(state, path)
    except ValueError:  # for example for a name that contains a slash
        return
    again = load(path)
    assert _in_order(again) == _in_order(state), (again, state)


def _in_order(state: dict[str, Any]) -> str:
    return json.dumps(state, sort_keys=True)  # as text, because nan is not equal to itself
