"""Attempts to get a silent wrong result from a compiled step: each is right, or a warning reports it."""

import copy
import math
import random
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import autograd
import nn
from autograd import CompileWarning, Mode, TraceError, Value, compile, detect_anomaly, enable_grad, no_grad
from autograd.compiler.audit import _are_as_near

from ..._support.compiled import BACKENDS


def fresh(function: Callable[..., Value], *leaves: Value) -> Callable[..., tuple[float, list[float]]]:
    """Return the loss and the gradients of the leaves in eager mode."""

    def call(*args: Any) -> tuple[float, list[float]]:
        for leaf in leaves:
            leaf.zero_grad()
        loss = function(*args)
        loss.backward()
        return loss.data, [leaf.grad for leaf in leaves]

    return call


# What may change from call to call ----------------------------------------------------------------


def test_arguments_and_leaves_are_read_at_each_call() -> None:
    w = Value(2.0)
    step = compile(lambda x, y: (w * x - y) ** 2)
    assert (step(5.0, 12.0), w.grad) == (4.0, -20.0)
    w.data = 3.0
    assert (step(5.0, 12.0), w.grad) == (9.0, 30.0)
    assert (step(1.0, 1.0), w.grad) == (4.0, 4.0)


def test_a_leaf_used_twice_is_one_leaf() -> None:
    w = Value(3.0)
    step = compile(lambda a: a[0] * a[1])
    assert (step([w, w]), w.grad) == (9.0, 6.0)
    u = Value(5.0)
    assert (step([w, u]), w.grad, u.grad) == (15.0, 5.0, 3.0)
    assert (step([w, w]), w.grad) == (9.0, 6.0)


def test_a_leaf_that_is_an_argument_and_in_the_closure() -> None:
    w = Value(3.0)
    step = compile(lambda a: a * w)
    assert (step(w), w.grad) == (9.0, 6.0)
    assert (step(2.0), w.grad) == (6.0, 2.0)


def test_other_shape_is_retraced() -> None:
    w = Value(2.0)
    step = compile(lambda xs: autograd.sum([w * x for x in xs]))
    for xs in ([1.0], [1.0, 2.0], [1.0] * 9, [2.0], [3.0, 4.0], (5.0, 6.0), [1, True], []):
        if xs:
            assert (step(xs), w.grad) == (2.0 * sum(xs), sum(xs))
        else:
            assert step(xs) == 0.0
            assert step(xs) == 0.0


def test_a_flag_is_part_of_the_shape() -> None:
    w = Value(2.0)
    step = compile(lambda x, square=False: w * x if not square else (w * x) ** 2)
    assert [step(3.0), step(3.0, square=True), step(3.0, square=False), step(3.0)] == [6.0, 36.0, 6.0, 6.0]


def test_a_number_in_the_closure_that_changes() -> None:
    w, rate = Value(2.0), 0.5

    def loss(x: float) -> Value:
        return w * x * rate

    step = compile(loss)
    assert [step(1.0) for _ in range(3)] == [1.0] * 3
    rate = 2.0
    assert step(1.0) == 4.0


def test_a_computed_value_from_outside() -> None:
    w = Value(2.0)
    square = w * w
    step = compile(lambda x: square * x)
    with pytest.warns(CompileWarning, match="computed outside"):
        assert step(3.0) == 12.0
    w.zero_grad()
    assert (step(1.0), w.grad) == (4.0, 4.0)


def test_arguments_of_every_kind() -> None:
    np = pytest.importorskip("numpy")
    w = Value(2.0)

    def loss(rows: Any, more: Any, name: str | None = None) -> Value:
        total = autograd.sum([w * x for row in rows for x in row])
        return total * more["scale"] if name == "scaled" else total

    step = compile(loss)
    for rows in ([[1.0, 2.0], [3.0, 4]], np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1, 2], [3, 4]])):
        for scale in (1.5, 2, np.float64(3.0), 10**400):
            assert step(rows, {"scale": scale}) == 20.0
            assert step(rows, {"scale": scale}, name="scaled") == 20.0 * (scale if scale < 1e9 else math.inf)
    assert w.grad == math.inf
    assert not step.fallbacks


def test_minus_zero_in_the_closure_is_another_number() -> None:
    w, zero = Value(2.0), 0.0

    def loss(x: float) -> Value:
        return x / (w * zero)

    step = compile(loss)
    assert [step(1.0) for _ in range(3)] == [math.inf] * 3
    zero = -0.0
    assert step(1.0) == -math.inf


def test_arguments_that_keep_changing_shape_warn_once() -> None:
    w = Value(2.0)
    step = compile(lambda xs: autograd.sum([w * x for x in xs]), backend="python")
    with pytest.warns(CompileWarning, match="traced 32 times"):
        losses = [step([1.0] * k) for k in range(1, 40)]
    assert losses == [2.0 * k for k in range(1, 40)]
    assert len(step.fallbacks) == 1


@pytest.mark.parametrize("decides", [lambda g: g > 0, lambda g: g == 1.0], ids=[">", "=="])
def test_rule_with_if_on_gradient_calls_its_own_step(decides: Callable[[Any], bool]) -> None:
    class Sign(nn.Optimizer):
        rule = staticmethod(lambda parameter, gradient, lr: (parameter - (lr if decides(gradient) else -lr),))

    w = Value(2.0)
    step = compile(lambda x: w * x, Sign([w], lr=0.5))
    with pytest.warns(CompileWarning, match=r"own step\(\) is called"):
        assert [step(1.0), step(-1.0), *step.run(2, 1.0)] == [2.0, -1.5, 2.0, 1.5]


# Branches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("on", ["data", "parameters"])
def test_branches(on: str) -> None:
    w = Value(1.0)

    def loss(x: Any) -> Value:
        v = x if on == "data" else w * 1.0
        return w * x if v > 0.0 else 3.0 * w + x if v > -2.0 else w * w

    step, expected = compile(loss), fresh(loss, w)
    rng = random.Random(0)
    for _ in range(40):
        x = rng.choice([-3.0, -1.0, 0.0, 1.0, 2.0, math.nan])
        if on == "parameters":
            w.data = rng.choice([-3.0, -1.0, 0.5, 2.0, math.nan])
        value, gradients = expected(Value(x) if isinstance(loss(x), float) else x)
        assert repr((step(x), [w.grad])) == repr((value, gradients))
    assert not step.fallbacks


def test_too_many_branches_fall_back_to_eager_with_warning() -> None:
    w = Value(2.0)

    def loss(x: Any) -> Value:
        for k in range(9):
            if x < k:
                return w * float(k)
        return w * 9.0

    step = compile(loss)
    with pytest.warns(CompileWarning, match="comparisons go other ways"):
        assert [step(k + 0.5) for k in range(8)] == [2.0 * (k + 1) for k in range(8)]
    assert [step(k + 0.5) for k in range(8)] == [2.0 * (k + 1) for k in range(8)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_guard_that_fails_within_a_run_of_steps(backend: str) -> None:
    xs = [0.125] * 8

    def train(compiled: bool) -> tuple[float, list[float]]:
        w = Value(4.0)
        optimizer = nn.SGD([w], lr=0.2)

        def loss(xs: Any) -> Value:
            return autograd.sum([w * w * x if w > 1.0 else 2.0 * w * x for x in xs])

        if compiled:
            return w.data, [*compile(loss, optimizer, backend=backend).run(9, xs), w.data]
        losses = []
        for _ in range(9):
            value = loss(xs)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.data)
        return 4.0, [*losses, w.data]

    expected = train(False)[1]
    assert train(True)[1] == pytest.approx(expected, rel=1e-12)
    assert len(expected) == 10


@pytest.mark.parametrize("backend", BACKENDS)
def test_behind_a_dead_relu_an_infinite_derivative_gives_nan_until_the_next_audit(backend: str) -> None:
    """Eager mode stops there. A program continues with 0, as PyTorch does; see the docstring of compile()."""
    w = Value(4.0)

    def loss(x: Any) -> Value:
        return (w.sqrt() - x).relu() + 0.0 * w

    step, expected = compile(loss, backend=backend), fresh(loss, w)
    for data in (4.0, 9.0):
        w.data = data
        assert (step(1.0), [w.grad]) == expected(1.0)
    w.data = 0.0
    assert expected(1.0) == (0.0, [0.0])
    assert step(1.0) == 0.0
    assert math.isnan(w.grad)
    with pytest.warns(CompileWarning, match=r"in call 4 .* nan .*eager 0\.0: .* or multiplies 0 by inf"):
        step(1.0)
    assert w.grad == 0.0


# Code that cannot be traced -----------------------------------------------------------------------


ESCAPES: dict[str, Callable[[Any, Value], Any]] = {
    ".data": lambda x, w: w * x.data,
    "item": lambda x, w: w * x.item(),
    "float()": lambda x, w: w * float(x),
    "math": lambda x, w: w * math.exp(x),
    "bool()": lambda x, w: w * x if x else w,
    "of a result": lambda x, w: w * (x * w).data,
    "of a parameter": lambda x, w: x * w.data,
    "writing": lambda x, w: (setattr(w, "data", 1.0), w * x)[1],
    "index": lambda x, w: [w, w * w][x],
    "count": lambda x, w: autograd.sum([w for _ in range(x)]),
    "backward": lambda x, w: ((w * x).backward(), w * x)[1],
    "grad": lambda x, w: autograd.grad(w * w * x, w)[0] * w,
    "jacobian": lambda x, w: autograd.jacobian(lambda v: v * v, [x])[0] * w,
    "copy": lambda x, w: copy.copy(w) * x * w,
    "format": lambda x, w: w * float(f"{x * w:.3f}"),
    "format without spec": lambda x, w: w if f"{x}" == "1" else w * 2.0,
    "str()": lambda x, w: w if str(x) == "1" else w * 2.0,
    "in a dict": lambda x, w: {1: w}.get(x, w * 2.0) * 1.0,
    "computed and ==": lambda x, w: w if x + 1 == 2 else w * 2.0,
    "hessian": lambda x, w: autograd.hessian(lambda v: v * v, [x])[0][0] * w,
}


@pytest.mark.parametrize("how", ESCAPES)
def test_number_that_leaves_the_graph_raises_trace_error(how: str) -> None:
    w = Value(2.0)
    escape = ESCAPES[how]
    with pytest.raises(TraceError, match=r"test_soundness\.py:\d+: "):
        compile(lambda x: escape(x, w))(1)
    assert w.data == 2.0 or how == "writing"
    w.data = 3.0
    assert (compile(lambda x: w * x)(2.0), w.grad) == (6.0, 2.0)  # compile() works as before


def test_no_grad_inside_raises_trace_error() -> None:
    w = Value(2.0)

    def loss(x: Any) -> Value:
        with no_grad():
            y = w * x
        return w * y

    with pytest.raises(TraceError, match="no_grad"):
        compile(loss)(1.0)


class Count(Mode):
    """A mode with a hook for each operation."""

    count = 0

    def recorded(self, node: Value) -> None:
        self.count += 1


@pytest.mark.parametrize("mode", [Count, detect_anomaly])
def test_mode_with_hooks_inside_raises_trace_error(mode: type[Mode]) -> None:
    w = Value(2.0)

    def loss(x: Any) -> Value:
        with mode():
            return w * x

    with pytest.raises(TraceError, match=rf"{mode.__name__}\(\).*Enter it around the call"):
        compile(loss)(1.0)


def test_mode_with_hooks_around_the_call_gets_every_operation() -> None:
    w = Value(2.0)
    step = compile(lambda x: w * x + 1.0, nn.SGD([w], lr=0.0))
    assert step.run(5, 3.0) == [7.0] * 5
    with Count() as count:
        assert [step(3.0), *step.run(2, 3.0), *step.each([(3.0,), (3.0,)])] == [7.0] * 5
    assert count.count == 10
    assert repr(step).endswith("1 program")


def test_enable_grad_inside_changes_nothing() -> None:
    w = Value(2.0)

    @enable_grad()
    def loss(x: Any) -> Value:
        with Mode():
            return w * x

    step = compile(loss)
    with no_grad():
        assert [(step(x), w.grad) for x in (3.0, 4.0, 5.0)] == [(6.0, 3.0), (8.0, 4.0), (10.0, 5.0)]
    assert not step.fallbacks


def test_step_inside_a_step_raises_trace_error() -> None:
    w = Value(2.0)
    inner = compile(lambda x: w * x)
    inner(1.0)
    with pytest.raises(TraceError, match="a compiled step"):
        compile(lambda x: w * inner(2.0) * x)(1.0)


def test_random_draws_fall_back_to_eager_and_keep_the_generator() -> None:
    w = Value(2.0)

    def loss(x: Any) -> Value:
        return w * x * random.random()

    random.seed(0)
    expected = [2.0 * 3.0 * random.random() for _ in range(5)]
    random.seed(0)
    step = compile(loss)
    with pytest.warns(CompileWarning, match="random"):
        first = step(3.0)
    assert [first, *[step(3.0) for _ in range(4)]] == expected


def test_draws_from_own_generator_fall_back_to_eager() -> None:
    w, rng = Value(2.0), random.Random(0)
    step = compile(lambda x: w * x * rng.random())
    with pytest.warns(CompileWarning, match="it draws random numbers from rng"):
        step(3.0)
    assert step(3.0) != step(3.0)


def test_function_that_changes_outer_state_falls_back_to_eager() -> None:
    w, calls = Value(2.0), [0.0]

    def loss(x: Any) -> Value:
        calls[0] += 1.0
        return w * x * calls[0]

    step = compile(loss)
    with pytest.warns(CompileWarning, match=r"it changes what it reads, .*: calls\[0\] was 1\.0 and is 2\.0"):
        assert step(1.0) == 2.0
    assert (step(1.0), calls) == (4.0, [2.0])


def test_audit_finds_changes_that_no_guard_compares() -> None:
    w, scale = Value(2.0), [1.0]
    read = iter(lambda: scale[0], None).__next__  # an iterator, whose function no code names
    step = compile(lambda x: w * x * read(), backend="python")
    with pytest.warns(CompileWarning, match="only an audit notices"):
        assert [step(1.0) for _ in range(5)] == [2.0] * 5
    scale[0] = 10.0
    with pytest.warns(CompileWarning, match="calls since number 4 may have been wrong"):
        assert [step(1.0) for _ in range(3)][-1] == 20.0  # call 8
    assert (step(1.0), w.grad) == (20.0, 10.0)


# Exceptions and other company ---------------------------------------------------------------------


def test_errors_of_the_function_are_raised_unchanged() -> None:
    w = Value(2.0)

    def loss(x: Any) -> Value:
        raise KeyError("own")

    step = compile(loss)
    for _ in range(2):
        with pytest.raises(KeyError, match="own"):
            step(1.0)
    assert w.grad == 0.0


def test_exception_inside_function_keeps_parameters() -> None:
    w = Value(2.0)
    fails = [False]

    def loss(x: Any) -> Value:
        if fails[0]:
            raise KeyError("halfway")
        return w * w * x

    step = compile(loss, nn.SGD([w], lr=0.25))
    step(1.0)
    assert w.data == 1.0
    fails[0] = True
    with pytest.raises(KeyError):
        step(1.0)  # an audit, which calls the function
    assert w.data == 1.0
    fails[0] = False
    step(1.0)
    assert w.data == 0.5


@pytest.mark.parametrize("wrong", [iter([1.0]), {1.0}, b"1", 1j])
def test_invalid_argument_raises_type_error(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"expected numbers.* got .*\. "):
        compile(lambda x: Value(1.0))(wrong)


def test_invalid_function_result_or_backend_raises() -> None:
    with pytest.raises(TypeError, match=r"expected the function to return one Value or number, got list \["):
        compile(lambda x: [x])(1.0)
    with pytest.raises(TypeError, match=r"expected a function of Values, got int 3\. Pass the function"):
        compile(3)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"expected a backend, got str 'c'\. Use one of 'auto', 'numba', 'numpy', 'python'"
    ):
        compile(abs, backend="c")


def test_steps_must_be_a_count() -> None:
    step = compile(lambda x: x * 2.0)
    for wrong in (0, -1, 2.0, True):
        with pytest.raises(
            ValueError, match=r"run\(\) expected an int of 1 or more for steps, got \w+ .*\. Pass"
        ):
            step.run(wrong, 1.0)  # type: ignore[arg-type]


def test_threads_take_turns() -> None:
    w = Value(2.0)
    step = compile(lambda xs: autograd.sum([(w * x).tanh() for x in xs]))
    wrong: list[float] = []

    def work(x: float) -> None:
        for _ in range(50):
            if not math.isclose(step([x] * 5), 5.0 * math.tanh(2.0 * x), rel_tol=1e-12):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(k / 10,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_inside_no_grad_it_differentiates_all_the_same() -> None:
    w = Value(2.0)
    step = compile(lambda x: w * x)
    with no_grad():
        assert [(step(3.0), w.grad) for _ in range(3)] == [(6.0, 3.0)] * 3


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    from autograd.modes import active

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    assert not active


@pytest.mark.parametrize("backend", BACKENDS)
def test_model_that_has_learned_its_targets_does_not_fall_back(backend: str) -> None:
    """Each error p − y is the rounding of p then, which depends on the order of additions."""
    model = nn.MLP(30, [8, 1], seed=1)
    rng = random.Random(2)
    xs = [[rng.gauss(0.0, 1.0) for _ in range(30)] for _ in range(20)]
    ys = [model(x).data for x in xs]
    step = compile(
        lambda xs, ys: autograd.sum([(model(x) - y) ** 2 for x, y in zip(xs, ys)]), backend=backend, audit=1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(5):
            for p in model.parameters()[:5]:
                p.data *= 1.0 + k * 2.0**-50
            step(xs, ys)
    assert step.fallbacks == []


def test_a_gradient_that_is_wrong_by_1e8_is_not_taken_for_rounding() -> None:
    """Half of the gradients are rounding alone, the others are well conditioned."""

    def gradients(bit: float) -> list[float]:
        numbers = [(1.0 + 0.1 * k) * (1.0 + bit * (-1) ** k) for k in range(8)]
        return [*[x - round(x, 1) for x in numbers[:4]], *numbers[4:]]

    exact, nearby = gradients(0.0), [gradients(2.0**-52), gradients(-(2.0**-52))]
    good = [g * (1.0 + 2.0**-52) + 1e-16 * (k < 4) for k, g in enumerate(exact)]
    assert _are_as_near([*zip(exact, good)], nearby)
    assert not _are_as_near([*zip(exact, [*good[:7], good[7] * (1.0 + 1e-8)])], nearby)
    assert not _are_as_near([*zip(exact, [1e-12, *good[1:]])], nearby)


CAUGHT: dict[str, Callable[[Value, Value], object]] = {
    "float()": lambda w, x: float(w),
    ".data": lambda w, x: w.data,
    "an index": lambda w, x: [1.0, 2.0, 3.0, 4.0][x],  # type: ignore[call-overload]
    "a key": lambda w, x: {1: 1.0, 2: 2.0}[x],  # type: ignore[index]
    "text": lambda w, x: float(str(w)[6:9]),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("how", CAUGHT)
def test_function_that_catches_a_trace_error_is_not_compiled(how: str, backend: str) -> None:
    w = Value(2.0)

    def loss(x: Any) -> Value:
        try:
            factor: Any = CAUGHT[how](w, x)
        except Exception:
            factor = 1.0
        return w * x * factor

    step = compile(loss, backend=backend, audit=0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = [step(2) for _ in range(3)]
    except TraceError:
        return
    assert results == [loss(2).data] * 3
