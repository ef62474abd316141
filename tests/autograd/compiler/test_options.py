"""Audits, static arguments, ``strict=True``, and changes between the steps of ``each``."""

import math
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

import autograd
import nn
from autograd import CompileWarning, TraceError, Value, compile
from autograd.compiler import program

from ..._support.compiled import BACKENDS
from ..._support.outside import Gate, Kind, agrees


@pytest.mark.parametrize("backend", [backend for backend in BACKENDS if backend != "python"])
def test_an_audit_runs_a_handful_of_samples(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    audited = program.StepReplay.eager

    def count_samples(self: program.StepReplay, call: Any, leaves: Any) -> Any:
        sizes.append(len(call.args[0]))
        return audited(self, call, leaves)

    monkeypatch.setattr(program.StepReplay, "eager", count_samples)
    model = nn.MLP(2, [3, 1], "tanh", seed=0)
    step = compile(
        lambda xs: autograd.sum([model(x) ** 2 for x in xs]), nn.Adam(model.parameters()), backend=backend
    )
    rng = random.Random(0)
    for _ in range(40):
        step([[rng.gauss(0.0, 1.0) for _ in range(2)] for _ in range(200)])
    assert sizes == [5] * 6  # at calls 1, 2, 4, 8, 16, 32
    assert not step.fallbacks


@pytest.mark.parametrize(
    ("audit", "expected"),
    [(None, [1, 2, 4, 8, 16]), (7, [1, 8, 15]), (1, [*range(1, 21)]), (0, [])],
)
def test_how_often_it_is_audited(
    audit: int | None, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    eager = program.StepReplay.eager
    w = Value(2.0)
    step = compile(lambda x: w * x, audit=audit)

    def count_calls(self: program.StepReplay, *args: Any) -> Any:
        calls.append(self.program_causes[0][0].calls)
        return eager(self, *args)

    monkeypatch.setattr(program.StepReplay, "eager", count_calls)
    assert [step(1.0) for _ in range(20)] == [2.0] * 20
    assert calls == expected


AUDIT_REMEDY = "Pass the number of calls between audits, 0 for no audit, or None for the default."


@pytest.mark.parametrize(
    ("option", "wrong", "error", "message"),
    [
        ("audit", -1, ValueError, f"an int of 0 or more for audit, got int -1. {AUDIT_REMEDY}"),
        ("audit", 1.5, TypeError, f"an int of 0 or more for audit, got float 1.5. {AUDIT_REMEDY}"),
        ("audit", True, TypeError, f"an int of 0 or more for audit, got bool True. {AUDIT_REMEDY}"),
        ("optimizer", "sgd", TypeError, (
            "an optimizer with parameters, zero_grad() and step(), got str 'sgd'. "
            "Pass an optimizer of nn, such as SGD(model.parameters())."
        )),
        ("backend", ["numpy"], ValueError, (
            "a backend, got list ['numpy']. Use one of 'auto', 'numba', 'numpy', 'python'."
        )),
        ("watch", 3, TypeError, "a sequence of objects for watch, got int 3. Put the object into a list."),
        ("static_argnames", 3, TypeError, (
            "a name or a sequence of names for static_argnames, got int 3. Put the name into a list."
        )),
        ("static_argnames", ["y"], ValueError, (
            "names of arguments for static_argnames, got str 'y'. The arguments of the function are: x."
        )),
        ("static_argnames", [["x"]], ValueError, (
            "names of arguments for static_argnames, got list ['x']. The arguments of the function are: x."
        )),
    ],
)  # fmt: skip
def test_compile_with_an_invalid_option_raises(
    option: str, wrong: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{re.escape(f'compile() expected {message}')}$"):
        compile(lambda x: x, **{option: wrong})


def test_each_of_a_number_raises_type_error() -> None:
    message = "each() expected a sequence of batches, got float 1.0. Pass a list of tuples of arguments."
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        compile(lambda x: x).each(1.0)  # type: ignore[arg-type]


def test_static_arguments_select_a_program() -> None:
    w = Value(2.0)

    def loss(x: Any, power: int, *, kind: Any = None) -> Value:
        total = w * x
        for _ in range(power - 1):
            total = total * w
        return total if kind is None else -total

    step = compile(loss, static_argnames=["power", "kind"])
    for x in (1.0, 3.0):
        for power in (1, 2, 3):
            assert (step(x, power), w.grad) == (x * 2.0**power, x * power * 2.0 ** (power - 1))
            assert step(x, power=power, kind=Kind.LINE) == -x * 2.0**power
    assert len(step._step.causes) == 6
    with pytest.warns(CompileWarning, match="cannot be interpreted as an integer"):
        compile(loss)(1.0, 2)


def test_static_arguments_of_other_bits_are_retraced() -> None:
    w = Value(2.0)
    step = compile(lambda x, zero: x / (w * zero), static_argnames="zero")
    assert [step(1.0, zero) for zero in (0.0, -0.0, 0.0)] == [math.inf, -math.inf, math.inf]


def test_strict_raises_in_place_of_falling_back() -> None:
    w, box = Value(2.0), iter([])
    for function, why in (
        (lambda x: w * x * random.random(), "draws random numbers from random"),
        (lambda x: w * x if box else w, "it reads box, a list_iterator"),
    ):
        step = compile(function, strict=True)
        for _ in range(2):
            with pytest.raises(TraceError, match=why):
                step(1.0)
        assert w.grad == 0.0
    assert compile(lambda x: w * x, strict=True)(3.0) == 6.0


def test_the_mode_may_change_between_the_steps_of_each() -> None:
    model = Gate()
    optimizer = nn.SGD(model.parameters(), lr=0.125)
    step = compile(lambda x: model(x), optimizer)
    expected: list[float] = []

    def batches() -> Iterator[tuple[float]]:
        w = 2.0
        for i in range(40):
            model.train(i % 3 != 0)
            assert model.w.data == w
            expected.append(w if i % 3 != 0 else w * w * 0.5)
            w -= 0.125 * (1.0 if i % 3 != 0 else w)
            yield (1.0,)

    assert all(map(agrees, step.each(batches()), expected))
    assert len(expected) == 40
    assert not step.fallbacks
