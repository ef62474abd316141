"""Long chains: a program of several Python functions, deep programs with NumPy, and the largest program."""

import pytest

from autograd import CompileWarning, Value, compile, tanh
from autograd.compiler import build
from autograd.compiler.backends import choose
from autograd.compiler.backends import python as python_backend

from ..._support.compiled import BACKENDS, differences

each_backend = pytest.mark.parametrize("backend", BACKENDS)


@pytest.mark.parametrize("seed", range(30))
def test_a_program_of_several_functions_computes_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_backend, "MOST_IN_A_FUNCTION", 1 + seed % 7)
    assert differences(seed, "python") == []


@each_backend
def test_a_long_chain_matches_eager(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "LARGE", 1_000)
    w, b = Value(0.5), Value(0.1)

    def chain(x: Value) -> Value:
        for _ in range(3_000):
            x = tanh(x * w + b)
        return x

    chain(Value(0.3)).backward()
    expected = w.grad, b.grad
    step = compile(chain, backend=backend)
    for _ in range(3):
        assert step(0.3) == pytest.approx(chain(Value(0.3)).data, rel=1e-14)
        assert (w.grad, b.grad) == pytest.approx(expected, rel=1e-12)
    assert not step.fallbacks
    ((program, _),) = step._step.program_causes
    assert program.runner.name == ("numba" if backend == "numba" else "python")


@each_backend
def test_a_program_beyond_the_limit_falls_back(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "MOST_INSTRUCTIONS", 10)
    w = Value(2.0)

    def power(x: Value) -> Value:
        result = x * w
        for _ in range(9):
            result = tanh(result) * w
        return result

    step = compile(power, backend=backend)
    with pytest.warns(
        CompileWarning, match=r"its program has \d+ instructions, and the limit is 10: compile"
    ):
        loss = step(1.0)
    assert loss == power(Value(1.0)).data
    assert step(0.5) == power(Value(0.5)).data
    assert len(step.fallbacks) == 1
