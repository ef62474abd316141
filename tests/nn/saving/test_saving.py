"""save and load: round trips are bit-exact, invalid files raise, and a write is atomic."""

import json
import math
import os
import random
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nn
from autograd import Value
from nn import MLP, Module, Neuron, Parameter, load, save
from nn.saving.arrays import arrays_of, numbers_of
from nn.saving.content import MAX_DEPTH, Content
from nn.saving.saving import FORMAT, _to_json, _to_safetensors

from ..._support.states import Holder, bits, with_former_names

ROOT = Path(nn.__file__).parent.parent

needs_safetensors = pytest.mark.skipif(
    find_spec("safetensors") is None, reason="safetensors is not installed"
)

each_format = pytest.mark.parametrize(
    "suffix", [".json", pytest.param(".safetensors", marks=needs_safetensors)]
)

#: Every kind of float.
FLOATS = (0.1, -0.0, 5e-324, -2.2e-308, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 1e22, 1 / 3)


def in_lists(x: Any, depth: int) -> Any:
    """A number in so many lists. NumPy 1 makes arrays of at most 32 dimensions."""
    for _ in range(depth):
        x = [x]
    return x


def strange() -> MLP:
    """A model with every kind of float among its weights."""
    model = MLP(2, [3, 1], seed=0)
    for parameter, number in zip(model.parameters(), FLOATS):
        parameter.data = number
    return model


# Round trips --------------------------------------------------------------------------------------


@each_format
@pytest.mark.parametrize("make", [strange, Holder, lambda: Neuron(1)])
def test_saved_model_round_trip_is_bit_exact(tmp_path: Path, suffix: str, make: Any) -> None:
    model, other = make(), make()
    save(model, tmp_path / f"model{suffix}")
    state = load(str(tmp_path / f"model{suffix}"))
    assert bits(state) == bits(model.state_dict())
    other.load_state_dict(dict.fromkeys(other.state_dict(), 1.0))
    other.load_state_dict(state)
    assert bits(other.state_dict()) == bits(model.state_dict())


@each_format
def test_file_with_the_former_names_of_a_neuron_is_rejected(tmp_path: Path, suffix: str) -> None:
    model = MLP(2, [3, 1], seed=0)
    save({"model": with_former_names(model.state_dict()), "epoch": 3}, tmp_path / f"old{suffix}")
    other = MLP(2, [3, 1], seed=1)
    before = other.state_dict()
    state = load(tmp_path / f"old{suffix}")["model"]
    with pytest.raises(RuntimeError, match=r"is now '[\w.]+\.[wb]\b.* The weights .* are named w and b\. "):
        other.load_state_dict(state)
    assert other.state_dict() == before


#: Names that look alike, that end in indices, that no one would choose.
names = st.one_of(
    st.lists(st.sampled_from(["a", "b", "0", "1", "2", "00", "-1", ""]), min_size=1, max_size=4).map(
        ".".join
    ),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="/"), max_size=8),
)
states = st.dictionaries(
    names, st.one_of(st.sampled_from(FLOATS), st.floats(allow_nan=True)), min_size=1, max_size=12
)


@given(states)
def test_arrays_contain_every_number_by_name(state: dict[str, float]) -> None:
    arrays = arrays_of(state)
    assert len(arrays) <= len(state)
    back = [pair for name, array in arrays.items() for pair in numbers_of(name, array)]
    assert len(back) == len(state)
    assert bits(dict(back)) == bits(state)


#: What else a state may have in it: of a training run, for instance.
finite = st.floats(allow_nan=False, allow_infinity=False)
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), finite)
mixed = st.recursive(leaves, lambda x: st.lists(x, max_size=4) | st.dictionaries(st.text(max_size=3), x))
trees = st.recursive(
    st.one_of(mixed, states, st.lists(st.floats(), max_size=4), st.lists(st.lists(st.floats(), max_size=2))),
    lambda x: st.dictionaries(names, x, max_size=4),
    max_leaves=8,
)


def without_slashes(x: Any) -> Any:
    return {k.replace("/", ""): without_slashes(v) for k, v in x.items()} if isinstance(x, dict) else x


@each_format
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(state=states)
def test_any_state_round_trip_is_bit_exact(tmp_path: Path, suffix: str, state: dict[str, float]) -> None:
    path = tmp_path / f"state{suffix}"
    save(state, path)
    assert bits(load(path)) == bits(state)
    path.unlink()


@each_format
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    max_examples=60,
)
@given(tree=st.dictionaries(names, trees.map(without_slashes), min_size=1, max_size=4))
def test_nested_state_round_trips_or_raises_value_error(
    tmp_path: Path, suffix: str, tree: dict[str, Any]
) -> None:
    path = tmp_path / f"state{suffix}"
    try:
        save(tree, path)
    except ValueError as error:
        message = str(error)
    else:
        assert operands_first(load(path)) == operands_first(tree)
        path.unlink()
        return
    assert "does not fit into JSON" in message


def operands_first(x: Any) -> str:
    """Return a text that distinguishes nan from inf and 1 from 1.0, but not the order of names."""
    if isinstance(x, dict):
        return f"{{{sorted((name, operands_first(item)) for name, item in x.items())}}}"
    return f"[{[operands_first(item) for item in x]}]" if isinstance(x, list) else repr(x)


@each_format
def test_training_checkpoint_round_trip_is_exact(tmp_path: Path, suffix: str) -> None:
    run = {
        "loss": [0.5, math.nan, 0.25], "val_loss": [], "stopped": "interrupted", "epoch": 3, "lr": 0.1,
        "state": [[1.0, -0.0], [2.0, math.inf]], "ragged": [[1.0], []], "buffers": {},
        "best": [[0.1, 0.2], {"0.mean": [1.0]}], "random": random.Random(0).getstate(), "nesterov": False,
    }  # fmt: skip
    save({"model": strange(), "history": run}, tmp_path / f"run{suffix}")
    back = load(tmp_path / f"run{suffix}")["history"]
    run["random"] = [3, [*run["random"][1]], None]  # type: ignore[index]
    assert operands_first(back) == operands_first(run)
    assert operands_first(load(tmp_path / f"run{suffix}")["model"]) == operands_first(strange().state_dict())


@each_format
def test_several_parts_are_saved_in_one_file(tmp_path: Path, suffix: str) -> None:
    class Counter:
        def state_dict(self) -> dict[str, float]:
            return {"step": 3, "average.0": 0.5}

    model = strange()
    save({"model": model, "optimizer": Counter(), "more": {"x": {"y": 1}}}, tmp_path / f"run{suffix}")
    run = load(tmp_path / f"run{suffix}")
    assert bits(run.pop("model")) == bits(model.state_dict())
    assert operands_first(run) == operands_first(
        {"optimizer": {"step": 3, "average.0": 0.5}, "more": {"x": {"y": 1}}}
    )


@each_format
def test_buffers_are_saved(tmp_path: Path, suffix: str) -> None:
    model, other = Holder(), Holder()
    model.inner.running_mean[1], model.inner.count = 0.25, 9
    save(model, tmp_path / f"m{suffix}")
    other.load_state_dict(load(tmp_path / f"m{suffix}"))
    assert other.inner.running_mean == [0.5, 0.25]
    assert repr(other.inner.count) == "9"


# File formats -------------------------------------------------------------------------------------


def test_numbers_of_one_list_are_one_array() -> None:
    assert arrays_of(Neuron(2, seed=0).state_dict()).keys() == {"w", "b"}
    ragged = {"rows.0.0": 1.0, "rows.1.0": 2.0, "rows.1.1": 3.0, "gap.1": 4.0}
    assert arrays_of(ragged) == {"rows.0": [1.0], "rows.1": [2.0, 3.0], "gap.1": 4.0}


def test_json_file_is_strict_json(tmp_path: Path) -> None:
    neuron = Neuron(2, seed=0)
    neuron.load_state_dict({"w.0": 2.0, "w.1": -math.inf, "b": math.nan})
    save(neuron, tmp_path / "neuron.json")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    document = json.loads((tmp_path / "neuron.json").read_text(), parse_constant=refuse)
    assert document["format"] == "glassgrad state 1"
    assert document["state"] == {"w": [2.0, "-inf"], "b": "nan"}


@needs_safetensors
def test_safetensors_file_has_float64_arrays_by_name(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    model = MLP(2, [3, 1], seed=0)
    save(model, tmp_path / "model.safetensors")
    tensors = load_file(tmp_path / "model.safetensors")
    assert len(tensors) == 2 * 4
    for neuron in (0, 1, 2):
        weights = tensors[f"layers.0.neurons.{neuron}.w"]
        assert (weights.dtype, weights.shape) == ("float64", (2,))
        assert weights.tolist() == [w.data for w in model.layers[0].neurons[neuron].w]
    assert tensors["layers.1.neurons.0.b"].shape == ()


# Invalid files ------------------------------------------------------------------------------------


def damaged(path: Path, content: bytes, intact: dict[str, float]) -> bool:
    """Return True if a changed file raises; otherwise it must load the state of the intact file."""
    path.write_bytes(content)
    try:
        state = load(path)
    except ValueError as error:
        message = str(error)
    else:
        assert bits(state) == bits(intact)
        return False
    assert f"load() expected an intact file written by save(), got {path}: " in message
    assert message.endswith(". Save the model again.")
    return True


@each_format
def test_file_with_a_changed_byte_raises_or_loads_the_same_state(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"neuron{suffix}"
    neuron = Neuron(2, seed=0)
    neuron.load_state_dict({"w.0": 0.1, "w.1": -math.inf, "b": -0.0})
    save(neuron.state_dict() | {"epoch": 3}, path)
    content, intact, rng = path.read_bytes(), neuron.state_dict() | {"epoch": 3}, random.Random(0)
    errors = 0
    for i, byte in enumerate(content):
        others = {byte ^ 1, byte ^ 0x20, byte ^ 0x80, ord("0"), ord(" "), rng.randrange(256)} - {byte}
        for other in others:
            errors += damaged(path, content[:i] + bytes([other]) + content[i + 1 :], intact)
    assert errors > 4 * len(content)


@each_format
def test_truncated_file_raises_value_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"neuron{suffix}"
    neuron = Neuron(2, seed=0)
    save(neuron, path)
    content = path.read_bytes()
    meaning = content.rstrip()  # a last line end says nothing
    assert all(damaged(path, content[:i], neuron.state_dict()) for i in range(len(meaning)))
    assert damaged(path, content + b"x", neuron.state_dict())


def nested(depth: int) -> list[Any]:
    """A list in as many lists."""
    inner: list[Any] = [None]
    for _ in range(depth - 1):
        inner = [inner]
    return inner


def header(text: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text + data


MARKS = json.dumps({"format": FORMAT, "sha256": "", "lists": "[]", "more": "{}"}).encode()


def marked(entries: bytes, data: bytes = b"") -> bytes:
    """A safetensors file with our marks."""
    return header(b'{"__metadata__":' + MARKS + b"," + entries + b"}", data)


def entry(name: str, shape: object, begin: int, end: int, dtype: str = "F64") -> bytes:
    """An array as the header of such a file names it."""
    text = json.dumps({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]})
    return f'"{name}":{text}'.encode()


#: The dtypes of safetensors, with the bits of a number, and one that is none of them.
DTYPES = {
    "BOOL": 8, "U8": 8, "I8": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "C64": 64, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "F1": 1, "f64": 64,
}  # fmt: skip

FOREIGN = {
    "nothing": b"",
    "zeros": bytes(64),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "text": b"w, b\n1.0, 2.0\n",
    "a pickle": b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x04bias\x94G@\x00s.",
    "a list": b"[1.0, 2.0]",
    "other JSON": b'{"state": {"b": 1.0}}',
    "a state that is none": b'{"format": "glassgrad state 1", "sha256": "", "state": [1.0]}',
    "no numbers": b'{"format": "glassgrad state 1", "sha256": "", "state": {"b": {"x": [null]}}}',
    "a whole number": b'{"format": "glassgrad state 1", "sha256": "", "state": {"b": 1' + b"0" * 400 + b"}}",
    "no checksum": b'{"format": "glassgrad state 1", "state": {"b": 1.0}}',
    "deep": b"[" * 100_000,
    "UTF-16": '{"format": 1}'.encode("utf-16"),
    "safetensors of another": header(b'{"b":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}', bytes(8)),
    "of a type without a name": header(b'{"b":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}', bytes(2)),
    "lists that are none": b'{"format": "glassgrad state 1", "sha256": "", "state": {}, "lists": 1}',
    "more that is none": b'{"format": "glassgrad state 1", "sha256": "", "state": {}, "more": [1]}',
    "huge": header(b'{"b":{"dtype":"F64","shape":[1000000000],"data_offsets":[0,8000000000]}}', bytes(8)),
    "a header that is longer than the file": struct.pack("<Q", 2**62) + b"{}",
    "a header of 99 MB": struct.pack("<Q", 99_000_000) + b"{}",
    "a header that is a list": header(b"[]"),
    "a deep header": header(b'{"a":' * 100_000),
    "marks that are a list": header(b'{"__metadata__":["format"]}'),
    "an entry that is a list": marked(b'"b":["F64",[],[0,8]]', bytes(8)),
    "a shape that is none": marked(entry("b", 1, 0, 8), bytes(8)),
    "no numbers in many rows": marked(entry("b", [1_000_000, 0], 0, 0)),
    "a length of -1": marked(entry("b", [-1], 0, 8), bytes(8)),
    "a product that overflows": marked(entry("b", [2**40, 2**40], 0, 8), bytes(8)),
    "a product that overflows to the right size": marked(entry("b", [2**62, 4, 1], 0, 8), bytes(8)),
    "a thousand dimensions": marked(entry("b", [1] * 1000, 0, 8), bytes(8)),
    "33 dimensions": marked(entry("b", [1] * 33, 0, 8), bytes(8)),
    "overlapping offsets": marked(entry("a", [], 0, 8) + b"," + entry("b", [], 0, 8), bytes(8)),
    "a gap between offsets": marked(entry("a", [], 0, 8) + b"," + entry("b", [], 16, 24), bytes(24)),
    "an offset beyond the end": marked(entry("a", [], 0, 8) + b"," + entry("b", [], 8, 16), bytes(8)),
    "offsets that go back": marked(entry("a", [], 8, 0), bytes(8)),
    "more data than offsets": marked(entry("a", [], 0, 8), bytes(16)),
    "an int of a million digits": b'{"format": "glassgrad state 1", "state": {"b": 1' + b"0" * 10**6 + b"}}",
    "beside that is no text": header(b'{"__metadata__":{"format":"glassgrad state 1","lists":[]}}'),
    "beside that is not there": header(b'{"__metadata__":{"format":"glassgrad state 1"}}'),
    **{
        f"of type {dtype}": marked(entry("b", [8], 0, bits, dtype), bytes(bits))
        for dtype, bits in DTYPES.items()
    },
}  # fmt: skip


@each_format
@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_foreign_file_raises_value_error(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"model{suffix}"
    assert damaged(path, content, {})  # imports what reading needs
    tracemalloc.start()
    try:
        assert damaged(path, content, {})
        assert tracemalloc.get_traced_memory()[1] < 1_000_000 + 20 * len(content)
    finally:
        tracemalloc.stop()


@needs_safetensors
@pytest.mark.parametrize("dtype", DTYPES)
def test_array_of_another_dtype_raises_with_its_name(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(FOREIGN[f"of type {dtype}"])
    with pytest.raises(ValueError, match=rf"its array 'b' has the dtype '{dtype}', not 'F64'"):
        load(path)


def signed(arrays: Any, more: Any, suffix: str) -> bytes:
    """A file with the right checksum, also of what save does not write."""
    content = Content(arrays, [], more)
    marks = {"format": FORMAT, "sha256": content.checksum}
    return (_to_json if suffix == ".json" else _to_safetensors)(content, marks)


@each_format
@pytest.mark.parametrize(
    ("arrays", "more", "message"),
    [
        ({"b" * 1001: [0.0] * 3000}, {}, r"the name 'bb\S+ has 1001 characters, more than 1000"),
        ({"b" * 100_000: [0.0] * 3000}, {}, "has 100000 characters, more than 1000"),
        ({"b": 0.0}, {"a" * 1001: None}, "has 1001 characters, more than 1000"),
        ({"b": 0.0}, {"a": nested(101)}, "nested more than 100 deep"),
    ],
)
def test_file_that_expands_much_raises_value_error(
    tmp_path: Path, suffix: str, arrays: Any, more: Any, message: str
) -> None:
    """A name is repeated for each number of its array: of 300 kB there would be 300 MB."""
    check_raises_with_little_memory(tmp_path / f"model{suffix}", signed(arrays, more, suffix), message)


def test_json_array_of_too_many_dimensions_raises_value_error(tmp_path: Path) -> None:
    content = signed({"b": [in_lists(0.0, 32)] * 300}, {}, ".json")
    check_raises_with_little_memory(tmp_path / "model.json", content, "at most 32 dimensions")


def check_raises_with_little_memory(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000 + 100 * path.stat().st_size
    finally:
        tracemalloc.stop()


@each_format
@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"b" * 1001: 0.0}, r"the name 'bb\S+ has 1001 characters, more than 1000"),
        ({"part": {"b" * 1001: 0}}, "has 1001 characters, more than 1000"),
        ({"b": nested(101)}, "nested more than 100 deep"),
        ({"b": nested(5000)}, "nested more than 100 deep"),
    ],
)
def test_state_beyond_the_limits_is_not_saved(tmp_path: Path, suffix: str, state: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        save(state, tmp_path / f"model{suffix}")
    assert not [*tmp_path.iterdir()]


@each_format
def test_longest_name_and_deepest_lists_round_trip(tmp_path: Path, suffix: str) -> None:
    state = {
        "b" * 1000: 0.5,
        "c": nested(100),
        "d": in_lists(1.0, 32),
        "e": in_lists(1.0, 33),
    }
    state["f" + ".0" * 40] = 2.0
    save(state, tmp_path / f"model{suffix}")
    assert load(tmp_path / f"model{suffix}") == state


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (b'"state": {', b'"state": {"b": 1.0, '),
        (b'{\n "format"', b'{"format": "another", "format"'),
        (b'{\n "format"', b'{"state": {"b": 1.0}, "format"'),
        (b'"more": {', b'"more": {"m": 2, '),
    ],
)
def test_json_with_a_repeated_name_raises_value_error(tmp_path: Path, one: bytes, two: bytes) -> None:
    path = tmp_path / "model.json"
    save({"b": 2.0, "m": 3}, path)
    content = path.read_bytes()
    assert content.count(one) == 1
    path.write_bytes(content.replace(one, two))
    with pytest.raises(ValueError, match=r"two entries are named '(b|m|format|state)'"):
        load(path)


@needs_safetensors
def test_safetensors_with_a_repeated_name_raises_value_error(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for entries in (
        entry("b", [1], 0, 8) + b"," + entry("b", [1, 1], 0, 8),
        b'"__metadata__":{},' + entry("b", [], 0, 8),
        entry("b", [], 0, 8)[:-1] + b',"dtype":"F64"}',
    ):
        path.write_bytes(marked(entries, bytes(8)))
        with pytest.raises(ValueError, match=r"two entries are named '(b|__metadata__|dtype)'"):
            load(path)


@pytest.mark.parametrize("array", [[], [[]], [[1.0], []], [[1.0], [2.0, 3.0]], [1.0, [2.0]]])
def test_ragged_array_raises_value_error(tmp_path: Path, array: Any) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(signed({"b": array}, {}, ".json"))
    with pytest.raises(ValueError, match="'b' is not an array"):
        load(path)


@pytest.mark.parametrize(
    ("arrays", "more"),
    [
        ({"a": 1.0, "a/b": 2.0}, {}),
        ({"a": [1.0], "a.0": 2.0}, {}),
        ({"a": 1.0}, {"a": None}),
        ({"a/b": 1.0}, {"a": {}}),
        ({"a/b": 1.0}, {"a": {"b": 2}}),
        ({"a/b/c": 1.0}, {"a": "text"}),
    ],
)
def test_conflicting_names_raise_value_error(tmp_path: Path, arrays: Any, more: Any) -> None:
    """Under the right checksum: what no save has written, a fuzzer does."""
    content = Content(arrays, [], more)
    (tmp_path / "model.json").write_bytes(_to_json(content, {"format": FORMAT, "sha256": content.checksum}))
    with pytest.raises(ValueError, match=r"got .*model.json: .*(not a part|two entries)"):
        load(tmp_path / "model.json")


def test_save_and_load_limit_the_depth_of_parts(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    state: Any = {"a": 1.0}
    for _ in range(MAX_DEPTH):
        state = {"in": state}
    save(state, path)
    assert load(path) == state
    with pytest.raises(ValueError, match=f"nested more than {MAX_DEPTH} deep, at in/in/"):
        save({"in": state}, path)
    content = Content({"/".join("a" * 100_000): 1.0}, [], {})
    path.write_bytes(_to_json(content, {"format": FORMAT, "sha256": content.checksum}))
    with pytest.raises(ValueError, match=f"nested more than {MAX_DEPTH} deep"):
        load(path)


@needs_safetensors
def test_file_with_the_suffix_of_the_other_format_raises(tmp_path: Path) -> None:
    for suffix, other in ((".json", ".safetensors"), (".safetensors", ".json")):
        save(Neuron(1), tmp_path / f"model{suffix}")
        assert damaged(tmp_path / f"other{other}", (tmp_path / f"model{suffix}").read_bytes(), {})


@each_format
def test_missing_file_and_folder_raise_os_errors(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"none{suffix}"):
        load(tmp_path / f"none{suffix}")
    (folder := tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(OSError, match=f"folder{suffix}"):
        load(folder)
    with pytest.raises(IsADirectoryError, match=rf"this is a folder.*folder{suffix}"):
        save(Neuron(1), folder)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("name", ["model", "model.pt", "model.pkl", "model.json.bak", ".json"])
def test_other_suffix_raises_value_error(tmp_path: Path, name: str) -> None:
    for call in (lambda: save(Neuron(1), tmp_path / name), lambda: load(tmp_path / name)):
        with pytest.raises(
            ValueError,
            match=rf"\(\) expected a path that ends in \.safetensors or \.json, got '{name}'\. Rename",
        ):
            call()
    assert not list(tmp_path.iterdir())


def test_capital_letters_are_the_same_suffix(tmp_path: Path) -> None:
    save({"x": 1.0}, tmp_path / "A.JSON")
    assert load(tmp_path / "A.JSON") == {"x": 1.0}


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ("model.json", TypeError, "a model or a state, got str 'model.json'. Pass the model first"),
        (None, TypeError, "got NoneType None"),
        (MLP, TypeError, "got type"),
        ([1.0], TypeError, "got list"),
        ({"x": Value(1.0)}, TypeError, "a real number for 'x' of the state, got Value.*. Pass"),
        ({"part": {"x": [Value(1.0)]}}, TypeError, "'part/x' of the state, got Value"),
        ({"x": [Neuron(1)]}, TypeError, "'x' of the state, got Neuron"),
        ({"x": 1j}, TypeError, "'x' of the state, got complex 1j"),
        ({"x": b"1"}, TypeError, "'x' of the state, got bytes"),
        ({"x": [1, math.nan]}, ValueError, "got dict: .* does not fit into JSON .* Change the state"),
        ({"x": [{1: 1.0}]}, ValueError, "the name 1 in 'x' is not a string"),
        ({"a/b": 1.0}, ValueError, "the name 'a/b' is not a string without '/'"),
        ({1: 1.0}, ValueError, "the name 1 is not a string"),
        ({}, ValueError, "no numbers to save"),
        (Module(), ValueError, "no numbers to save"),
    ],
)
def test_unsaveable_state_raises_and_keeps_the_old_file(
    tmp_path: Path, wrong: Any, error: type[Exception], message: str
) -> None:
    path = tmp_path / "kept.json"
    save({"x": 1.0}, path)
    with pytest.raises(error, match=message):
        save(wrong, path)
    assert load(path) == {"x": 1.0}
    assert [*tmp_path.iterdir()] == [path]


@needs_safetensors
def test_reserved_safetensors_name_raises_value_error(tmp_path: Path) -> None:
    for state in ({"__metadata__": 1.0}, {"__metadata__.0": 1.0}):
        with pytest.raises(ValueError, match="'__metadata__'"):
            save(state, tmp_path / "x.safetensors")
        save(state, tmp_path / "x.json")
        assert load(tmp_path / "x.json") == state
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.parametrize("missing", ["safetensors", "numpy"])
def test_without_safetensors_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "safetensors"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    for call in (
        lambda: save(Neuron(1), tmp_path / "x.safetensors"),
        lambda: load(tmp_path / "x.safetensors"),
    ):
        with pytest.raises(ImportError, match=r"glassgrad\[train\]"):
            call()
    save(Neuron(1), tmp_path / "x.json")


# Atomic writes ------------------------------------------------------------------------------------


@each_format
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"model{suffix}"
    save({"x": 1.0}, path)
    for function, error in (
        ("fsync", OSError(28, "No space left on device")),
        ("replace", OSError(5, "Input/output error")),
        ("replace", KeyboardInterrupt()),
    ):
        with monkeypatch.context() as patched:

            def fail(*_: object, error: BaseException = error) -> None:
                raise error

            patched.setattr(os, function, fail)
            with pytest.raises(type(error)):
                save({"x": 2.0}, path)
        assert load(path) == {"x": 1.0}
        assert [*tmp_path.iterdir()] == [path]


def test_save_to_a_missing_folder_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such folder to save in; create it first: .*none/mod"):
        save(Neuron(1), tmp_path / "none" / "model.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match=r"no such folder to save in"):
        save(Neuron(1), tmp_path / "file" / "model.json")


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder that everyone can reach, as pytest's are not, and only its owner can write to."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def test_save_to_a_read_only_folder_raises(locked: Path) -> None:
    """In a process of its own, which for root's sake is nobody's."""
    folder = locked
    save({"x": 1.0}, folder / "model.json")
    folder.chmod(0o555)
    script = (
        "import os, sys, nn\n"
        "if not os.geteuid(): os.setuid(65534)\n"
        "try: nn.save({'x': 2.0}, sys.argv[1] + '/model.json')\n"
        "except PermissionError as error: print(error.strerror)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, folder], cwd=ROOT, capture_output=True, text=True, check=True
    )
    folder.chmod(0o755)
    assert result.stdout == "this folder cannot be written to; save elsewhere\n"
    assert load(folder / "model.json") == {"x": 1.0}
    assert len([*folder.iterdir()]) == 1


def test_a_new_file_has_the_usual_permissions_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    (plain := tmp_path / "plain").write_text("")
    path = tmp_path / "model.json"
    save(Neuron(1), path)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    path.chmod(0o640)
    save(Neuron(1), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_save_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.json"
    link.symlink_to(Path("real") / "model.json")
    for number in (1.0, 2.0):
        save({"x": number}, link)
        assert link.is_symlink()
        assert load(tmp_path / "real" / "model.json") == {"x": number}


@each_format
def test_reader_during_writes_loads_complete_states(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    save(dict.fromkeys(map(str, range(200)), 0.0), path)
    event = threading.Event()

    def write() -> None:
        for number in range(1, 30):
            save(dict.fromkeys(map(str, range(200)), float(number)), path)
        event.set()

    writer = threading.Thread(target=write)
    writer.start()
    numbers = []
    while not event.is_set():
        (number,) = set(load(path).values())
        numbers.append(number)
    writer.join()
    assert numbers == sorted(numbers)


SAVING = """
import itertools, sys
from nn import save
for i in itertools.count(1):
    save({f"a.{j}": float(i) for j in range(5000)}, sys.argv[1])
    if i == 1:
        print("saved", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of POSIX")
@each_format
def test_killed_save_leaves_the_old_or_the_new_file(tmp_path: Path, suffix: str) -> None:
    path, rng = tmp_path / f"model{suffix}", random.Random(0)
    for _ in range(12):
        process = subprocess.Popen([sys.executable, "-c", SAVING, path], cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"saved\n"
        time.sleep(rng.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        state = load(path)
        assert len(state) == 5000
        assert len(set(state.values())) == 1
        assert all(other.name.startswith(".glassgrad-") for other in {*tmp_path.iterdir()} - {path})
    save({"x": 1.0}, path)
    assert [*tmp_path.iterdir()] == [path]


def test_a_model_with_a_parameter_in_a_dict_of_strange_keys(tmp_path: Path) -> None:
    model = Module()
    model.named = {"": Parameter(1.0), 0: Parameter(2.0), "é\n": Parameter(3.0)}  # type: ignore[attr-defined]
    save(model, tmp_path / "m.json")
    assert load(tmp_path / "m.json") == model.state_dict()
