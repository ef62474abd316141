"""Operations that ``primitive()`` adds, compiled: on every backend, differentiated twice, and replaced."""

import math
from collections.abc import Callable
from typing import Any

import pytest

import autograd
import nn
from autograd import CompileWarning, Value, compile, grad, primitive
from autograd.primitives import PRIMITIVES

from ..._support.compiled import BACKENDS
from ..._support.table import temporary_primitive

each_backend = pytest.mark.parametrize("backend", BACKENDS)

Rules = tuple[Callable[..., Any], ...]

SOFTSIGN: Rules = (
    lambda m, x: x / (1.0 + m.abs(x)),
    lambda m, out, x: 1.0 / (1.0 + m.abs(x)) / (1.0 + m.abs(x)),
)
#: Like relu, with derivative a; the derivative is None if x is not above 0.
RAMP: Rules = (
    lambda m, a, x: m.where(x > 0.0, a * x, 0.0),
    lambda m, out, a, x: m.where(x > 0.0, x, None),
    lambda m, out, a, x: m.where(x > 0.0, a, None),
)
#: a + t·(b − a)
BLEND: Rules = (
    lambda m, a, b, t: a + t * (b - a),
    lambda m, out, a, b, t: 1.0 - t,
    lambda m, out, a, b, t: t,
    lambda m, out, a, b, t: b - a,
)
#: √(scale · Σ x²); a rule of the user's own may use another one.
NORM: Rules = (
    lambda m, scale, values: m.sqrt(scale * m.dot(values, values, 0.0)),
    lambda m, out, scale, values: 0.5 * m.dot(values, values, 0.0) / out + 0.0 * m.softsign(scale),
    lambda m, out, scale, values: m.each(values, lambda x: scale * x / out),
)


@pytest.fixture
def own() -> Any:
    with (
        temporary_primitive("softsign", *SOFTSIGN),
        temporary_primitive("ramp", *RAMP),
        temporary_primitive("blend", *BLEND, operands="a b t"),
        temporary_primitive("norm", *NORM, operands="scale values*"),
    ):
        yield autograd


def check(function: Callable[..., Value], leaves: list[Value], calls: list[Any], backend: str) -> Any:
    """Compare a compiled function with eager mode; each call writes the leaves first."""
    step = compile(function, backend=backend)
    for k, call in enumerate(calls):
        for leaf in leaves:
            leaf.data = leaf.data * (-1.5 if k % 2 else 0.75)
        got = [step(*call), *[leaf.grad for leaf in leaves]]
        for leaf in leaves:
            leaf.zero_grad()
        expected = function(*call)
        expected.backward()
        assert got == pytest.approx([expected.data, *[leaf.grad for leaf in leaves]], rel=1e-9, abs=1e-12)
    assert not step.fallbacks
    return step


SAMPLES = [([0.5, -1.0, 2.0, 0.25, -3.0],), ([1.5, 0.0, -0.5, 4.0, 1.0],), ([-1.0, -2.0, 0.1, 0.2, 0.3],)] * 3


@each_backend
def test_own_primitives_of_every_shape_are_compiled_in_batches(own: Any, backend: str) -> None:
    w, a, t = Value(1.25), Value(-0.5), Value(0.3)

    def loss(xs: Any) -> Value:
        terms = [
            own.blend(own.ramp(a, w * x), (w * x).softsign(), t) * own.norm(w * w, [x, a, 2.0]) for x in xs
        ]
        return autograd.sum(terms)

    step = check(loss, [w, a, t], SAMPLES, backend)
    assert repr(step).endswith("1 program")


@each_backend
def test_own_primitives_are_differentiated_twice(own: Any, backend: str) -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        return own.norm(z, [x.softsign(), own.ramp(x, y), own.blend(x, y, z)])

    step = compile(f, backend=backend)
    for at in ([0.5, 1.5, 2.0], [0.3, -1.5, 1.0], [1.0, 0.2, 3.0]):
        expected = autograd.hessian(f, at)
        assert step.hessian(at) == [pytest.approx(row, rel=1e-9) for row in expected]
    assert not step.fallbacks


@each_backend
def test_own_primitive_inside_a_gradient_penalty(own: Any, backend: str) -> None:
    w = Value(0.7)

    def loss(x: Any) -> Value:
        (gradient,) = grad((w * x).softsign() * own.ramp(w, w * x), w, create_graph=True)
        return gradient * gradient

    check(loss, [w], [(x,) for x in (1.0, 2.0, 3.0, 0.5, 1.5)], backend)


@each_backend
def test_derivative_none_selects_zero_instead_of_multiplying(own: Any, backend: str) -> None:
    """This holds for a user's rule and for those of the table: 0 · inf would be nan."""
    w, u, v = Value(2.0), Value(3.0), Value(5.0)
    step = compile(lambda x, y: (own.ramp(w, x * u) + (x * v).relu() + 1.0 * w + v) * y, backend=backend)
    for x in (1.0, -1.0, 1.0, -1.0, -2.0):
        value = step(x, math.inf)
        assert value == math.inf
        assert (w.grad, u.grad, v.grad) == (math.inf, math.inf if x > 0.0 else 0.0, math.inf)
    assert not step.fallbacks


@each_backend
def test_replaced_primitive_is_recompiled(backend: str) -> None:
    with temporary_primitive("scaled", lambda m, x: 2.0 * x, lambda m, out, x: 2.0):
        w = Value(1.0)
        step = compile(lambda x: w.scaled() * x, nn.SGD([w], lr=0.0), backend=backend)
        assert [step(1.0) for _ in range(5)] == [2.0] * 5
        primitive("scaled", lambda m, x: 3.0 * x, lambda m, out, x: 3.0)
        assert (step(1.0), w.grad) == (3.0, 3.0)  # call 6 is not audited

        def batches() -> Any:
            yield from [(1.0,)] * 3
            primitive("scaled", lambda m, x: 4.0 * x, lambda m, out, x: 4.0)
            yield from [(1.0,)] * 3

        step(1.0), step(1.0)
        assert step.each(batches()) == [3.0] * 3 + [4.0] * 3
        assert not step.fallbacks


def test_another_primitive_drops_no_program(own: Any) -> None:
    step = compile(lambda x: own.softsign(x) * 2.0)
    step(1.0)
    with temporary_primitive("scaled", lambda m, x: 2.0 * x, lambda m, out, x: 2.0):
        step(2.0)
    assert step(3.0) == 1.5
    assert repr(step).endswith("1 program")


def test_old_version_of_replaced_primitive_falls_back_to_eager() -> None:
    with temporary_primitive("scaled", lambda m, x: 2.0 * x, lambda m, out, x: 2.0):
        old = autograd.scaled
        primitive("scaled", lambda m, x: 3.0 * x, lambda m, out, x: 3.0)
        step = compile(lambda x: old(x) + autograd.scaled(x))
        with pytest.warns(CompileWarning, match="earlier version of the primitive 'scaled'"):
            assert [step(1.0), step(2.0)] == [5.0, 10.0]


UNREADABLE: dict[str, Rules] = {
    "value": (lambda m, x: x if x > 0.0 else 2.0 * x, lambda m, out, x: m.where(x > 0.0, 1.0, 2.0)),
    "derivative": (lambda m, x: m.where(x > 0.0, x, 2.0 * x), lambda m, out, x: 1.0 if x > 0.0 else 2.0),
}


@each_backend
@pytest.mark.parametrize("which", UNREADABLE)
def test_rule_with_python_if_falls_back_to_eager(
    which: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with temporary_primitive("leak", *SOFTSIGN):
        value, derivative = UNREADABLE[which]  # primitive() itself may reject them
        monkeypatch.setattr(PRIMITIVES["leak"], "value", value)
        monkeypatch.setattr(PRIMITIVES["leak"], "derivatives", (derivative,))
        w = Value(1.0)
        step = compile(lambda xs: autograd.sum([autograd.leak(w * x) for x in xs]), backend=backend)
        with pytest.warns(CompileWarning, match=r"the rules of leak cannot be compiled: .* write where"):
            step([1.0, -2.0, 3.0, 4.0])
        assert "the rules of leak" in step.fallbacks[0]
