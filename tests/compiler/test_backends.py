"""Which backend runs, and what is said where its package is missing."""

import sys

import pytest

import autograd
from autograd import Value, compile
from autograd.compiler import backends, numba_backend


@pytest.mark.parametrize(("backend", "package"), [("numba", "numba"), ("numpy", "numpy")])
def test_a_missing_package_is_named(backend: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    numba_backend._compiled.cache_clear()
    step = compile(lambda x: Value(2.0) * x, backend=backend)
    with pytest.raises(ImportError, match=r"glassgrad\[compile\]"):
        step(1.0)


def test_without_packages_it_is_plain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("numba", "numpy"):
        monkeypatch.setitem(sys.modules, package, None)
    assert backends.chosen("auto") == "python"
    w = Value(2.0)
    step = compile(lambda xs: autograd.sum([w * x for x in xs]))
    assert (step([1.0] * 8), w.grad) == (16.0, 8.0)
    assert "run by python" in step.explain()


def test_numpy_leaves_a_chain_to_python() -> None:
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
