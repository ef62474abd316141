"""A few random programs, command lines and files in every run; ``python -m tests.fuzz`` runs more."""

import os
import random
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograd import TraceError, Value, modes
from autograd.compiler.guards.guard import Guard
from autograd.primitives import PRIMITIVES

from .._support.compiled import BACKENDS
from . import command_line, files, lockstep, outside
from .compiled import differences
from .programs import KINDS, Program, program, programs, pure, pure_programs, smaller
from .threads import differing

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
each_suffix = pytest.mark.parametrize("suffix", files.SUFFIXES)


# Whole programs -----------------------------------------------------------------------------------


@pytest.mark.torch
@needs_torch
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs)
def test_programs_agree_with_pytorch(program: Program) -> None:
    lockstep.compare(program)


@pytest.mark.slow
@pytest.mark.torch
@needs_torch
def test_many_programs_agree_with_pytorch() -> None:
    counts: Counter[str] = Counter()
    for seed in range(5000):
        lockstep.compare(program(seed), counts)
    # Nearly all gradients are within the range where they can be compared.
    assert counts["gradients"] > 20_000
    assert counts["gradients beyond the range"] < counts["gradients"] / 20
    assert counts["gradients that go on"] > 300


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pure_programs, st.integers(0, 99))
def test_compiled_programs_agree_with_eager(program: Program, seed: int) -> None:
    messages = differences(program, seed)
    assert not messages or messages[0].startswith("reported")


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_many_compiled_programs_agree_with_eager(backend: str) -> None:
    assert not [d for seed in range(300) if (d := differences(pure(seed), seed, backend))]


@pytest.mark.parametrize("backend", BACKENDS)
def test_state_from_outside_is_never_silently_wrong(backend: str) -> None:
    """``FUZZ_SEED`` is the first seed; CI uses different ones every day."""
    first = int(os.environ.get("FUZZ_SEED", "0"))
    messages = {seed: outside.differences(seed, backend) for seed in range(first, first + 40)}
    assert not {
        seed: wrong for seed, wrong in messages.items() if wrong and not wrong[0].startswith("reported")
    }


def test_guard_that_always_holds_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guard, "holds", lambda self: True)
    assert any(outside.differences(seed) for seed in range(20))


@pytest.mark.parametrize("backend", BACKENDS)
def test_programs_in_threads_are_bit_identical_to_single_runs(backend: str) -> None:
    assert not differing(range(60), 4, backend)


class SharedByThreads:
    """A variable shared by all threads, in place of a thread-local one."""

    def __init__(self) -> None:
        self.value: Any = ()

    def get(self) -> Any:
        return self.value

    def set(self, value: Any) -> None:
        self.value = value


def test_state_shared_by_threads_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    """If threads shared the open modes, no_grad() in one would stop the recording in another."""
    monkeypatch.setattr(modes, "_entered", SharedByThreads())
    try:
        with pytest.raises((AssertionError, AttributeError, KeyError, RuntimeError, TraceError)):  # noqa: PT012
            for first in range(0, 3000, 60):
                assert not differing(range(first, first + 60), 8)
    finally:
        modes.active.clear()


def test_programs_have_every_primitive_and_every_kind_of_statement() -> None:
    statements = [statement for seed in range(400) for statement in program(seed).statements]
    assert {statement[0] for statement in statements} == {*KINDS}
    assert {statement[1] for statement in statements if statement[0] == "op"} == {*PRIMITIVES}


def test_failing_program_is_reduced() -> None:
    big = Program((1.0, 2.0), (("a",), ("b",), ("c",), ("b",)))
    assert smaller(big, lambda p: ("b",) in p.statements) == Program((1.0,), (("b",),))


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "a gradient that is not zeroed": (Value, "zero_grad", lambda self: None),
    "a gradient that is not accumulated": (
        Value,
        "backward",
        lambda self, gradient=1.0, old=Value.backward: (self.zero_grad(), old(self, gradient)),
    ),
    "a detached Value that is not a new one": (Value, "detach", lambda self: self),
    "an operator with its operands exchanged": (Value, "__rsub__", lambda self, other: self + -other),
}


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutant_is_detected(mutant: tuple[Any, str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*mutant)
    with pytest.raises(lockstep.Difference):  # noqa: PT012
        for seed in range(500):
            lockstep.compare(program(seed))


# The command line ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", command_line.SEEDS)
def test_command_line_computes_or_raises(text: str, tmp_path: Path) -> None:
    command_line.check(text, tmp_path)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    tokens=st.lists(st.sampled_from(command_line.TOKENS), max_size=12),
    seed=st.sampled_from(command_line.SEEDS),
)
def test_random_command_line_computes_or_raises(tokens: list[str], seed: str, tmp_path: Path) -> None:
    command_line.check("".join(tokens), tmp_path)
    expression, *inputs = seed.split("\n")
    at = len(tokens) % (len(expression) + 1)
    command_line.check("\n".join([expression[:at] + " ".join(tokens) + expression[at:], *inputs]), tmp_path)


def test_audit_hook_detects_eval(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command_line, "compute", lambda source, inputs: Value(eval(source)))
    with pytest.raises(AssertionError, match="exec"):
        command_line.check("1 + 1", tmp_path)


# Weight files -------------------------------------------------------------------------------------


@each_suffix
def test_saved_file_is_read_with_its_own_and_a_new_checksum(suffix: str, tmp_path: Path) -> None:
    for content in files.seeds(suffix, tmp_path):
        signed = files.signed(content, suffix, tmp_path)
        assert signed is not None
        assert files.check(content, suffix, tmp_path)
        assert files.check(signed, suffix, tmp_path)


@each_suffix
def test_changed_file_is_read_completely_or_rejected(suffix: str, tmp_path: Path) -> None:
    """The checksum is corrected, so that the changes reach the reader."""
    rng = random.Random(0)
    seeds = files.seeds(suffix, tmp_path)
    words = [
        word.encode() for word in ("null", "[", "]", "{}", "/", ".0", "1e999", '"a"', ":", ",", "-", "0")
    ]
    read = 0
    for _ in range(400):
        content = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(content))
            new = rng.choice([b"", bytes([rng.randrange(256)]), rng.choice(words)])
            content[at : at + rng.randint(0, 3)] = new
        signed = files.signed(bytes(content), suffix, tmp_path)
        files.check(bytes(content), suffix, tmp_path)
        read += signed is not None and files.check(signed, suffix, tmp_path)
    assert read > 5
