"""detect_anomaly() reports the first nan or inf with its line, and changes nothing else."""

import asyncio
import builtins
import gc
import inspect
import linecache
import math
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import autograd
from autograd import (
    AnomalyError,
    TraceError,
    Value,
    compile,
    detect_anomaly,
    dot,
    enable_grad,
    grad,
    is_grad_enabled,
    log,
    log_softmax,
    no_grad,
    sqrt,
    topological_order,
)
from autograd.modes import active
from autograd.operations import FUNCTIONS
from autograd.primitives import PRIMITIVES
from autograd.source_lines import source_line
from nn import MLP, SGD, fit, mse_loss

from .._support.table import all_bits, bits, flat, shaped

HERE = Path(__file__)


def anomaly_in(run: Callable[[], Any], **options: bool) -> AnomalyError:
    """Return the error that a function raises inside detect_anomaly()."""
    with pytest.raises(AnomalyError) as info, detect_anomaly(**options):
        run()
    assert not active
    return info.value


def line_of(function: Callable[..., Any], text: str) -> int:
    """Return the line of this file at which the function contains the text."""
    lines, first = inspect.getsourcelines(function)
    (place_of_it,) = (i for i, line in enumerate(lines) if text in line)
    return first + place_of_it


# Messages -----------------------------------------------------------------------------------------


def test_first_nan_of_the_forward_pass_is_reported() -> None:
    w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")

    def run() -> None:
        loss = log(w * x - y) ** 2
        pytest.fail(f"went on to {loss}")

    error = anomaly_in(run)
    assert str(error) == (
        f"""\
log(−2) = nan, in the forward pass
computed here:
  File "{HERE}", line {line_of(run, "loss = log")}
    loss = log(w * x - y) ** 2
           ^^^^^^^^^^^^^^
the expression:
  out = log(w·x − y)
      = log(2·5 − 12)
      = log(−2)
      = nan"""
    )
    assert math.isnan(error.value.data)
    assert len(topological_order(error.value)) == 6  # the graph is complete


def test_first_inf_of_the_backward_pass_is_reported() -> None:
    w, x = Value(2.0, label="w"), Value(5.0, label="x")

    def run() -> None:
        r = (w * x - 10.0).sqrt()
        r.label = "r"
        loss = (r * 3.0 + 12.0) ** 2
        loss.label = "loss"
        loss.backward()

    error = anomaly_in(run)
    r_line, loss_line = line_of(run, "r = "), line_of(run, "loss = ")
    assert str(error) == (
        f"""\
v₂.grad += r.grad · ∂r/∂v₂ = 72 · inf = inf, in the backward pass
r was computed here:
  File "{HERE}", line {r_line}
    r = (w * x - 10.0).sqrt()
        ^^^^^^^^^^^^^^^^^^^^^
the operation:
  r = √v₂ = √0 = 0
the path from loss:
        how      data  ∂loss/∂…
  ────  ───────  ────  ────────  {"─" * len(f"line {loss_line}")}
  loss  v₄²       144         1  line {loss_line}
  v₄    v₃ + 12    12        24  line {loss_line}
  v₃    r·3         0        24  line {loss_line}
  r     √v₂         0        72  line {r_line}"""
    )
    assert error.value.label == "r"
    assert w.grad == math.inf  # the gradient of the interrupted pass, which a picture shows


def test_long_expression_and_long_path_are_cut() -> None:
    def run(last: Callable[[Value], Value]) -> None:
        z = start
        for _ in range(1000):
            z = (z * 1.001).relu()
        last(z)

    start = Value(1.0)
    error = str(anomaly_in(lambda: run(lambda z: (z * 1e308) * 4.0)))
    assert "1e308 = " in error.split("\n")[0]
    assert "of 2,001 operations the 12 nearest" in error
    assert "with v₂₀₀₀ = 2.717" in error
    start.data = 0.0
    error = str(anomaly_in(lambda: run(lambda z: (z + start.sqrt()).backward())))
    assert "∂x₁" in error.split("\n")[0]
    start.data = 1.0

    def deep() -> None:
        z = (start - 1.0).sqrt()
        for _ in range(1000):
            z = z + 1.0
        z.backward()

    error = str(anomaly_in(deep))
    assert "(989 more)" in error
    assert len(error.split("\n")) < 30


def test_report_of_many_operands_lists_the_largest() -> None:
    shared = Value(1e200, label="s") * 1.0
    many = [*(Value(float(i), label=f"a{i}") for i in range(20)), shared, shared]
    error = str(anomaly_in(lambda: dot(many, many)))
    assert "(the 8 largest of 21)" in error
    assert "a12" not in error.split("with ")[1]
    assert "= 1e200" in error.split("with ")[1]


def test_operand_that_was_nan_is_named() -> None:
    bad, before = Value(math.nan, label="bad"), Value(-1.0).log()
    assert "bad was already nan: it is a leaf" in str(anomaly_in(lambda: bad + 1.0))
    assert "was already nan: it was computed outside detect_anomaly()" in str(
        anomaly_in(lambda: before + 1.0)
    )


def test_value_computed_outside_has_no_line() -> None:
    r = Value(0.0).sqrt()
    assert "out was computed outside detect_anomaly(): enter it before" in str(anomaly_in(r.backward))


def test_line_in_a_network_is_that_of_the_user() -> None:
    model = MLP(2, [3, 1], seed=0)
    model.parameters()[0].data = 1e308

    def run() -> None:
        mse_loss([model([1e10, 2.0])], [1.0])

    error = str(anomaly_in(run))
    assert f'File "{HERE}", line {line_of(run, "mse_loss")}' in error
    assert "    mse_loss([model([1e10, 2.0])], [1.0])\n              ^^^^^^^^^^^^^^^^^^\n" in error


def test_statement_of_several_lines_is_marked_to_the_end_of_the_first() -> None:
    source = """if True:\n    y = "∂α", log(\n        x\n    ), 2\n"""
    linecache.cache["<written>"] = len(source), None, source.splitlines(keepends=True), "<written>"
    code = builtins.compile(source, "<written>", "exec")
    error = str(anomaly_in(lambda: exec(code, {"x": Value(-1.0), "log": log})))
    assert '"<written>", line 2\n    y = "∂α", log(\n              ^^^^\nthe expression' in error


def test_code_without_source_shows_the_line_number() -> None:
    code = "x = Value(-1.0)\n\ny = x.log()"
    error = str(anomaly_in(lambda: exec(code, {"Value": Value})))
    assert '  File "<string>", line 3\nthe expression:' in error


# Definition of an anomaly -------------------------------------------------------------------------


def test_infinite_operand_is_not_an_anomaly() -> None:
    logits, hidden = [Value(1.0), Value(2.0)], Value(-math.inf)
    with detect_anomaly():
        out = log_softmax([*logits, logits[0] + hidden])
        (out[0] + out[1]).backward()
        assert (Value(math.inf) * 2.0).data == math.inf
    assert math.isfinite(logits[0].grad)
    assert "inf − inf = nan" in str(anomaly_in(lambda: hidden * -1.0 - hidden * -1.0))


def test_check_nan_and_check_inf_select_the_kind() -> None:
    zero = Value(0.0)
    with detect_anomaly(check_inf=False):
        assert log(zero).data == -math.inf
        zero.sqrt().backward()
    assert "log(0) = −inf" in str(anomaly_in(lambda: log(zero), check_nan=False))
    with detect_anomaly(check_nan=False):
        assert math.isnan(log(zero - 1.0).data)
    assert "0·(−inf) = nan" in str(anomaly_in(lambda: zero * log(zero), check_inf=False))
    assert "0 · inf = nan" in str(anomaly_in(lambda: (zero.sqrt() * 0.0).backward(), check_inf=False))


def test_infinite_sum_of_finite_gradients_is_reported() -> None:
    a = Value(1.0, label="a")

    def run() -> None:
        b = a * 1.0
        b.label = "b"
        (b + b).backward(1.7e308)

    error = str(anomaly_in(run))
    assert error.startswith("∂out/∂b is inf, in the backward pass: its 2 contributions are finite")
    assert f"line {line_of(run, 'b = a')}" in error
    a.grad = None
    assert "its 2 contributions are finite, but their sum is not" in str(
        anomaly_in(lambda: (a + a).backward(1.7e308))
    )


def test_infinite_gradient_of_an_earlier_pass_is_reported() -> None:
    w, x = Value(2.0, label="w"), Value(5.0, label="x")
    w.grad = math.inf
    error = str(anomaly_in((w * x).backward))
    assert "∂out/∂w is inf" in error
    assert "this pass added 5 to the gradient of an earlier one: call zero_grad() first" in error


def test_seed_gradient_of_nan_is_reported() -> None:
    for root in (Value(1.0), Value(1.0) * 2.0):
        error = str(anomaly_in(lambda r=root: r.backward(math.nan)))  # type: ignore[misc]
        assert "it is the seed gradient: check the argument of backward()" in error


def test_grad_is_checked_like_backward() -> None:
    x = Value(0.0, label="x")
    for create_graph in (False, True):
        run = lambda c=create_graph: grad(x.sqrt() * 2.0, x, create_graph=c)  # noqa: E731
        assert str(anomaly_in(run)).startswith("x.grad += v₁.grad · ∂v₁/∂x = 2 · inf = inf, in the backward")
        other = Value(3.0)
        with detect_anomaly():
            grad(
                x.sqrt() * 2.0 + other, other, create_graph=create_graph
            )  # x is not an input, so its gradient is not computed


def test_reported_path_carries_a_gradient() -> None:
    x = Value(0.0, label="x")

    def run() -> None:
        r = x.sqrt()
        (r.maximum(1.0) + r * 1.0 * 1.0).backward()  # no gradient flows through the maximum

    rows = str(anomaly_in(run)).split("the path from out:")[1].strip().split("\n")[2:]
    assert [row.split()[0] for row in rows] == ["out", "v₄", "v₃", "v₁"]


def test_recorded_gradient_has_lines_and_is_checked() -> None:
    x = Value(0.0, label="x")

    def run() -> None:
        (slope,) = grad(x**1.5, x, create_graph=True)
        slope.backward()

    error = str(anomaly_in(run))
    assert "= inf, in the backward pass" in error.split("\n")[0]
    assert f'File "{HERE}", line {line_of(run, "(slope,)")}' in error


def test_create_graph_is_unchanged_inside_the_mode() -> None:
    x = Value(4.0)
    with detect_anomaly():
        (slope,) = grad(x**3, x, create_graph=True)
        assert [slope.data, grad(slope, x)[0].data] == [48.0, 24.0]


def test_unselected_branch_of_a_rule_is_not_an_anomaly() -> None:
    x = Value(0.0)
    with detect_anomaly():
        for f in (lambda: x**2.0, lambda: x.relu(), lambda: x.softplus(), lambda: Value(2.0) ** x):
            (slope,) = grad(f(), x, create_graph=True)
            if not slope.is_leaf:
                slope.backward()
            f().backward()


def test_zero_grad_recovers_after_anomaly() -> None:
    w, x = Value(2.0), Value(5.0)
    anomaly_in(lambda: ((w * x - 10.0).sqrt() + w * x).backward())
    for leaf in (w, x):
        leaf.zero_grad()
    ((w * x - 12.0) ** 2).backward()
    assert (w.grad, x.grad) == (-20.0, -8.0)


# No other change ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRIMITIVES)
def test_every_primitive_is_bit_identical_and_has_its_line(name: str) -> None:
    entry, rng = PRIMITIVES[name], random.Random(name)
    for width in (1, 3):
        numbers = shaped(entry, lambda: rng.uniform(0.5, 1.5), width)

        def leaves(x: Any) -> Any:
            return [*map(Value, x)] if isinstance(x, list) else Value(x)

        inputs, plain_inputs = [leaves(x) for x in numbers], [leaves(x) for x in numbers]
        plain = FUNCTIONS[name](*plain_inputs) * 3.0
        plain.backward()
        with detect_anomaly(check_inf=False):
            watched = FUNCTIONS[name](*inputs) * 3.0
            watched.backward()
        assert bits(watched.data) == bits(plain.data)
        assert all_bits([v.grad for v in flat(inputs)]) == all_bits([v.grad for v in flat(plain_inputs)])
        nodes = [node for node in topological_order(watched) if not node.is_leaf]
        assert [node.primitive for node in nodes] == [
            node.primitive for node in topological_order(plain) if not node.is_leaf
        ]
        for node in nodes:
            assert type(node) is Value
            line = source_line(node)
            assert line is not None
            assert line[0] == f'File "{HERE}"'
            assert "watched = FUNCTIONS" in line[2][0]


def test_constants_and_reflected_operators() -> None:
    x = Value(2.0)
    with detect_anomaly():
        y = 1.0 + (3 * x - 1) / 2.0 - x + 2.0**x
        y.backward()
        sums = x + 1.0, 1.0 + x, x * 3, 3 * x
    assert [v.operands for v in sums] == [(x, 1.0), (1.0, x), (x, 3.0), (3.0, x)]
    assert y.data == 5.5
    assert x.grad == pytest.approx(1.5 - 1.0 + 4.0 * math.log(2.0))


def test_values_computed_inside_work_outside_and_are_freed() -> None:
    w = Value(2.0)
    gc.collect()
    before = sum(type(x) is Value for x in gc.get_objects())
    with detect_anomaly():
        inside = w * 3.0
    outside = [
        inside + w,
        w * inside,
        dot([inside, w], [inside, 1.0]),
        inside**2,
        autograd.maximum(inside, w),
    ]
    assert not any(map(source_line, outside))
    autograd.sum(outside).backward()
    assert w.grad == 4.0 + 12.0 + 37.0 + 36.0 + 3.0
    gc.disable()
    try:
        del inside, outside
        assert sum(type(x) is Value for x in gc.get_objects()) == before
    finally:
        gc.enable()


def test_unrecorded_operation_is_not_checked() -> None:
    x = Value(-1.0)
    with detect_anomaly():
        with no_grad():
            assert not is_grad_enabled()
            assert x.log().is_leaf
            with enable_grad(), pytest.raises(AnomalyError, match=r"log\(−1\) = nan"):
                x.log()
        assert is_grad_enabled()
        assert not (x * 2.0).is_leaf
    with no_grad(), detect_anomaly():
        assert (x * 2.0).is_leaf
        assert (x * x + 1.0).exp().is_leaf
    assert not active


def test_inner_context_decides() -> None:
    x = Value(-1.0)
    with detect_anomaly():
        with detect_anomaly(check_nan=False):
            assert math.isnan(x.log().data)
        with pytest.raises(AnomalyError):
            x.log()
    with detect_anomaly(check_nan=False), pytest.raises(AnomalyError), detect_anomaly():
        x.log()
    assert math.isnan(x.log().data)
    assert source_line(x.log()) is None


def test_inner_context_decides_in_a_backward_pass() -> None:
    x = Value(0.0)
    with detect_anomaly():
        with detect_anomaly(check_inf=False):
            x.sqrt().backward()
        x.zero_grad()
        with pytest.raises(AnomalyError):
            x.sqrt().backward()


def test_label_keeps_the_line() -> None:
    x = Value(2.0)
    with detect_anomaly():
        first, second = [x * factor for factor in (2.0, 3.0)]
        first.label = "first"
        other = x * 4.0
    assert (first.label, second.label, other.label) == ("first", "", "")
    assert source_line(first) == source_line(second)
    assert source_line(other) != source_line(second)


# Decorators, generators, tasks and threads --------------------------------------------------------


@detect_anomaly()
def decorated(x: Value) -> Value:
    return x.log()


@detect_anomaly(check_nan=False)
def decorated_generator(x: Value) -> Iterator[Value]:
    yield x.log()
    yield (x + 1.0).log()


@detect_anomaly()
async def decorated_coroutine(x: Value) -> Value:
    await asyncio.sleep(0)
    return x.log()


@detect_anomaly(check_nan=False)
async def decorated_async_generator(x: Value) -> AsyncIterator[Value]:
    yield x.log()
    await asyncio.sleep(0)
    yield (x + 1.0).log()


def test_detect_anomaly_as_a_decorator() -> None:
    for _ in range(2):
        with pytest.raises(AnomalyError):
            decorated(Value(-1.0))
    assert math.isnan(Value(-1.0).log().data)


def test_decorated_generator_is_checked_only_during_its_steps() -> None:
    x = Value(-1.0)
    steps = decorated_generator(x)
    assert math.isnan(next(steps).data)
    assert (x + 1.0).log().data == -math.inf
    with pytest.raises(AnomalyError, match=r"log\(0\) = −inf"):
        next(steps)
    assert not active


def test_decorated_coroutine_and_async_generator_are_checked() -> None:
    async def run() -> None:
        with pytest.raises(AnomalyError):
            await decorated_coroutine(Value(-1.0))
        steps = decorated_async_generator(Value(-1.0))
        assert math.isnan((await anext(steps)).data)
        assert Value(0.0).log().data == -math.inf
        with pytest.raises(AnomalyError, match=r"log\(0\) = −inf"):
            await anext(steps)

    asyncio.run(run())
    assert not active


def test_interleaved_tasks_do_not_check_each_other() -> None:
    async def watched() -> None:
        with detect_anomaly(check_nan=False):
            await asyncio.sleep(0)
            with detect_anomaly():
                await asyncio.sleep(0)
                with pytest.raises(AnomalyError):
                    Value(-1.0).log()
            await asyncio.sleep(0)
            assert math.isnan(Value(-1.0).log().data)

    async def free() -> None:
        for _ in range(4):
            assert math.isnan(Value(-1.0).log().data)
            assert source_line(Value(1.0) * 2.0) is None
            await asyncio.sleep(0)

    async def run() -> None:
        await asyncio.gather(watched(), free(), watched())

    asyncio.run(run())
    assert not active


def test_other_threads_are_not_checked() -> None:
    values = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: values.append(Value(-1.0).log()))
        thread.start()
        thread.join()
        with pytest.raises(AnomalyError):
            Value(-1.0).log()
    assert math.isnan(values[0].data)
    assert source_line(values[0]) is None


# Training, compiled steps, notebooks --------------------------------------------------------------


def test_training_is_bit_identical() -> None:
    data = [[0.1 * i, -0.2 * i] for i in range(8)], [0.3 * i for i in range(8)]

    def run() -> list[float]:
        model = MLP(2, [4, 1], seed=0)
        fit(model, data, mse_loss, SGD(model.parameters(), lr=0.01), epochs=3, progress=False)
        return [p.data for p in model.parameters()]

    plain = run()
    with detect_anomaly():
        assert run() == plain


def test_divergence_of_training_is_reported_with_its_line() -> None:
    model = MLP(2, [4, 1], seed=0)
    before = [p.data for p in model.parameters()]
    data = [[1e200, -1e200]], [1.0]

    def loss(predictions: list[Value], targets: list[float]) -> Value:
        return (predictions[0] - targets[0]) ** 2

    with pytest.raises(AnomalyError) as info, detect_anomaly():
        fit(model, data, loss, SGD(model.parameters(), lr=0.01), epochs=3, progress=False)
    assert f'File "{HERE}", line {line_of(loss, "return")}' in str(info.value)
    assert [p.data for p in model.parameters()] == before


def test_compiled_step_falls_back_to_eager() -> None:
    w = Value(2.0)
    step = compile(lambda x: sqrt(w * x), backend="python")
    assert step(8.0) == 4.0

    def run() -> None:
        assert step(2.0) == 2.0
        step(0.0)

    error = str(anomaly_in(run))
    assert "sqrt(w * x)" in error
    assert "in the backward pass" in error
    assert step(8.0) == 4.0
    assert w.grad == 1.0
    w.data = 8.0
    with detect_anomaly():
        assert step(2.0) == 4.0


def test_detect_anomaly_inside_a_compiled_function_raises_trace_error() -> None:
    def f(x: Value) -> Value:
        with detect_anomaly():
            return x * 2.0

    with pytest.raises(TraceError, match=r"Enter it around the call of the compiled step"):
        compile(f)(1.0)


NOTEBOOK = [
    "from autograd import Value, detect_anomaly, log",
    "# a comment first\nw = Value(2.0, label='w')\nwith detect_anomaly():\n    u = w - 3.0\n    v = log(u)",
    "with detect_anomaly():\n    r = (w - 2.0).sqrt()\n    r.backward()",
]


def test_line_in_a_notebook_is_that_of_the_cell() -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in NOTEBOOK]
    nbclient.NotebookClient(
        notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": str(HERE.parents[2])}}
    ).execute()
    first, forward, backward = (cell.outputs for cell in notebook.cells)
    assert first == []
    assert forward[0].ename == backward[0].ename == "AnomalyError"
    assert "computed here:\n  Cell In[2], line 5\n    v = log(u)\n        ^^^^^^\n" in forward[0].evalue
    assert "  out = log(w − 3)\n      = log(2 − 3)\n      = log(−1)\n      = nan" in forward[0].evalue
    assert "out was computed here:\n  Cell In[3], line 2\n    r = (w - 2.0).sqrt()\n" in backward[0].evalue
