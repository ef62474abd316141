"""Static arguments are compared by their bits or by identity, and what is read of them is guarded."""

from collections import namedtuple
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

import nn
from autograd import Value, compile

from ..._support.compiled import BACKENDS

each_backend = pytest.mark.parametrize("backend", BACKENDS)
Pair = namedtuple("Pair", "scale shift")


class Tagged(Pair):
    """A namedtuple with attributes besides its items."""

    scale_of_tag = 1.0


@dataclass(frozen=True)
class Depth:
    """``==`` does not compare the scale."""

    depth: int
    scale: float = field(default=1.0, compare=False)


class Same:
    """Equal to all others of its class."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same)

    def __hash__(self) -> int:
        return 0

    def scaled(self, x: Any) -> Any:
        return x * self.scale


@each_backend
def test_changed_attribute_of_a_static_object_is_read(backend: str) -> None:
    w, config = Value(2.0), SimpleNamespace(scale=3.0, inner=SimpleNamespace(scale=1.0))

    def loss(x: Any, config: Any) -> Any:
        return w * x * config.scale * config.inner.scale

    step = compile(loss, static_argnames="config", backend=backend)
    assert [step(1.0, config), step(1.0, config=config)] == [6.0, 6.0]
    config.scale = 5.0
    assert [step(1.0, config), step(1.0, config=config)] == [10.0, 10.0]
    config.inner.scale = 0.5
    assert [step(1.0, config), step(1.0, config=config)] == [5.0, 5.0]
    assert not step.fallbacks


def test_mode_and_parameters_of_a_static_model_are_read() -> None:
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = Value(2.0)

        def __call__(self, x: Any) -> Any:
            return self.w * x if self.training else self.w * x * 0.5

    model = Gate()
    step = compile(lambda model, x: model(x), static_argnames="model")
    assert step(model, 1.0) == 2.0
    model.eval()
    assert step(model, 1.0) == 1.0
    model.w.data = 4.0
    assert step(model, 1.0) == 2.0
    model.w = Value(6.0)
    assert (step(model, 1.0), model.w.grad) == (3.0, 0.5)
    assert not step.fallbacks


@each_backend
@pytest.mark.parametrize("kind", [Same, lambda scale: Depth(3, scale)])
def test_equal_static_objects_have_programs_of_their_own(kind: Any, backend: str) -> None:
    w = Value(2.0)
    step = compile(lambda x, c: w * x * c.scale, static_argnames="c", backend=backend)
    for _ in range(5):
        for scale in (1.0, 4.0):
            assert step(1.0, kind(scale)) == 2.0 * scale
    static = kind(3.0)
    count = len(step._step.causes)
    assert [step(1.0, static) for _ in range(3)] == [6.0] * 3
    assert len(step._step.causes) == count + 1


def test_static_content_is_compared_bit_by_bit() -> None:
    w = Value(2.0)
    step = compile(lambda x, c: w * x * c[0] / c[1], static_argnames="c")
    cases: list[Any] = [
        [1, 2.0],
        (1, 2.0),
        (True, 2.0),
        (1.0, -0.0),
        (1.0, 0.0),
        Pair(3.0, 1.0),
        {0: 1.0, 1: 4.0},
    ]
    for _ in range(3):
        for c in cases:
            copied = type(c)(*c) if isinstance(c, Pair) else type(c)(c)
            expected = (w * 1.0 * c[0] / c[1]).data
            assert step(1.0, copied) == expected
    assert len(step._step.causes) == len(cases)


def test_static_arrays_of_equal_bytes_have_programs_of_their_own() -> None:
    numpy = pytest.importorskip("numpy")
    w = Value(2.0)
    step = compile(lambda x, a: w * x * (a.ndim + a.dtype.itemsize), static_argnames="a")
    for _ in range(2):
        for a in (numpy.zeros(4), numpy.zeros((2, 2)), numpy.zeros(8, dtype="float32")):
            assert step(1.0, a) == 2.0 * (a.ndim + a.dtype.itemsize)
    assert len(step._step.causes) == 3


def test_static_namedtuple_with_other_attributes_is_compared_by_identity() -> None:
    w = Value(2.0)
    step = compile(lambda x, c: w * x * c.scale_of_tag, static_argnames="c")
    for scale in (1.0, 4.0, 1.0):
        tagged = Tagged(1.0, 1.0)
        tagged.scale_of_tag = scale
        assert step(1.0, tagged) == 2.0 * scale


def test_changed_static_list_is_read() -> None:
    w, scales = Value(2.0), [1.0, Value(3.0)]
    step = compile(lambda x, scales: w * x * scales[0] * scales[1], static_argnames="scales")
    assert step(1.0, scales) == 6.0
    scales[0] = 2.0
    assert step(1.0, scales) == 12.0
    scales[1] = Value(5.0)
    assert step(1.0, scales) == 20.0
    assert not step.fallbacks


def test_static_bound_method_is_traced_once() -> None:
    w, same = Value(2.0), Same(3.0)
    step = compile(lambda x, f: w * f(x), static_argnames="f")
    assert [step(1.0, same.scaled) for _ in range(3)] == [6.0] * 3
    assert len(step._step.causes) == 1
    same.scale = 4.0
    assert step(1.0, same.scaled) == 8.0
    assert step(1.0, Same(5.0).scaled) == 10.0
