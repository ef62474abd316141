"""The choice of a backend, and the errors for missing packages."""

import pickle
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import autograd
from autograd import Value, compile
from autograd.compiler.backends import choose as backends
from autograd.compiler.backends.numba import interpreter
from autograd.compiler.backends.numba import runner as numba_backend


@pytest.fixture
def fresh_interpreter() -> Iterator[None]:
    """Clear the cached interpreter, before and after the test."""
    numba_backend._compiled.cache_clear(), numba_backend._uncached.cache_clear()
    yield
    numba_backend._compiled.cache_clear(), numba_backend._uncached.cache_clear()


@pytest.mark.parametrize(("backend", "package"), [("numba", "numba"), ("numpy", "numpy")])
def test_missing_package_raises_import_error_with_remedy(
    backend: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    numba_backend._compiled.cache_clear()
    step = compile(lambda x: Value(2.0) * x, backend=backend)
    with pytest.raises(ImportError, match=r"glassgrad\[compile\]"):
        step(1.0)


def test_auto_without_packages_uses_python(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("numba", "numpy"):
        monkeypatch.setitem(sys.modules, package, None)
    assert backends.choose_backend("auto") == "python"
    w = Value(2.0)
    step = compile(lambda xs: autograd.sum([w * x for x in xs]))
    assert (step([1.0] * 8), w.grad) == (16.0, 8.0)
    assert "run by python" in step.explain()


def test_numpy_uses_python_for_a_deep_chain() -> None:
    pytest.importorskip("numpy")
    w = Value(0.5)

    def chain(x: float) -> Value:
        h = w * x
        for _ in range(20):
            h = (h * w).tanh()
        return h

    deep, wide = (
        compile(chain, backend="numpy"),
        compile(lambda xs: autograd.sum([w * x for x in xs]), backend="numpy"),
    )
    deep(1.0), wide([1.0] * 8)
    assert "run by python" in deep.explain()
    assert "run by numpy" in wide.explain()


@pytest.mark.parametrize(
    ("error", "when"),
    [
        (RuntimeError("cannot cache function 'interpret': no locator available"), "created"),
        (PermissionError(13, "Permission denied"), "called"),
        (pickle.UnpicklingError("pickle data was truncated"), "called"),
    ],
)
def test_unusable_numba_cache_warns_and_continues(
    error: Exception,
    when: str,
    fresh_interpreter: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """numba looks for its folder when the interpreter is created, and reads and writes at its first call."""
    pytest.importorskip("numba")
    good = interpreter.make_interpreter(cached=True)

    def broken(*_: Any) -> int:
        raise error

    def compiled(cached: bool) -> Any:
        if not cached:
            return good
        return broken() if when == "created" else broken

    monkeypatch.setattr(numba_backend, "make_interpreter", compiled)
    w = Value(2.0)
    for _ in range(2):
        step = compile(lambda x, y: (w * x - y) ** 2, backend="numba")
        assert [(step(5.0, 12.0), w.grad) for _ in range(3)] == [(4.0, -20.0)] * 3
    assert str(error) in caplog.text
    assert "NUMBA_CACHE_DIR" in caplog.text
    assert len(caplog.records) == 1  # one warning only
