"""Modes: effects inside a block, which end with the block in every case."""

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from contextvars import copy_context
from types import FrameType
from typing import Any

import pytest

import autograd
from autograd import Mode, Value, enable_grad, grad, is_grad_enabled, modes, no_grad, not_compiled
from autograd.modes import active, open_modes
from autograd.tracing import Tracer, current_tracer, report_escape


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    gc.collect()
    mode_list = open_modes()
    for mode in mode_list:  # so that one failure is not that of the next tests as well
        mode.__exit__()
    assert not mode_list
    assert not active
    assert is_grad_enabled()


def records() -> bool:
    """Return True if an operation is recorded, and check that is_grad_enabled() agrees."""
    is_recorded = not (Value(2.0) * 3.0).is_leaf
    assert is_recorded is is_grad_enabled()
    return is_recorded


def in_thread(function: Callable[[], Any]) -> Any:
    """Return the result of a function that runs in a new thread."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


# no_grad and enable_grad --------------------------------------------------------------------------


def test_results_inside_no_grad_are_leaves_with_the_same_numbers() -> None:
    a = Value(2.0)

    def results() -> list[Value]:
        values = [a + 1, 1 + a, a * a, 3 * a, a - a, 2 / a, a**2, 2**a, -a, abs(a), a.exp(), a.maximum(3.0)]
        values += [(a - 2.0).log(), a / 0.0]  # where Python raises
        values += [autograd.sum([a, a]), autograd.dot([a], [a], a), autograd.dot([a], [2.0], 1)]
        return [*values, *autograd.softmax([a, a]), autograd.take([a, 1.0], 0)]

    nodes = results()
    with no_grad():
        assert not is_grad_enabled()
        leaves = results()
    assert is_grad_enabled()
    assert all(x.is_leaf for x in leaves)
    assert not any(x.is_leaf for x in nodes)
    assert [x.data for x in leaves] == [x.data for x in nodes]


def test_no_grad_computes_no_local_derivative() -> None:
    def explode(*_: Any) -> float:
        raise AssertionError("a local derivative was computed")

    x = Value(2.0)
    autograd.primitive("bare", lambda m, x: x + 1.0, lambda m, out, x: 1.0)
    autograd.primitive("bare2", lambda m, a, b: a + b, lambda m, out, a, b: 1.0, lambda m, out, a, b: 1.0)
    for name in ("bare", "bare2"):
        entry = autograd.primitives.PRIMITIVES[name]
        entry.derivatives = (explode,) * len(entry.derivatives)
    method = autograd.value.unary(autograd.primitives.PRIMITIVES["bare"])
    with no_grad():
        assert method(x).data == 3.0
        assert x.bare2(x).data == 4.0
    with pytest.raises(AssertionError, match="local derivative"):
        method(x)


def test_no_grad_nests() -> None:
    with no_grad():
        with no_grad():
            assert not records()
        assert not records()
    assert records()


def test_enable_grad_records_inside_no_grad() -> None:
    with no_grad():
        with enable_grad():
            assert records()
            with no_grad():
                assert not records()
            assert records()
        assert not records()
    assert records()


def test_no_grad_ends_with_an_exception() -> None:
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert records()


def test_entering_a_mode_twice_raises() -> None:
    mode = no_grad()
    with mode, pytest.raises(RuntimeError, match=r"^no_grad is already entered\. Create another one\."), mode:
        pass
    with mode:  # but it may be entered again
        assert not records()


def test_mode_entered_without_a_block_ends_with_its_last_reference() -> None:
    mode = no_grad().__enter__()
    assert not records()
    del mode
    assert records()
    assert not active


def test_modes_without_exit_leave_no_references() -> None:
    for _ in range(100):
        no_grad().__enter__()
    with no_grad():
        assert len(modes._entered.get()) == 1


def test_leaving_a_mode_twice_changes_nothing() -> None:
    mode = no_grad()
    with mode, enable_grad():
        mode.__exit__()
        assert records()
    mode.__exit__()
    assert records()


# Decorators ---------------------------------------------------------------------------------------


def test_decorated_function_and_its_recursion_do_not_record() -> None:
    @no_grad()
    def answers(n: int) -> list[bool]:
        """Answers."""
        return [*answers(n - 1), records()] if n else []

    assert answers(3) == [False] * 3
    assert records()
    assert (answers.__name__, answers.__doc__) == ("answers", "Answers.")


def test_decorated_function_ends_with_an_exception() -> None:
    @no_grad()
    def fail() -> None:
        raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            fail()
        assert records()


def test_decorated_generator_records_between_its_steps() -> None:
    answers = []

    @no_grad()
    def generate() -> Any:
        try:
            received = yield records()
            yield received, records()
        except KeyError:
            yield "caught", records()
        finally:
            answers.append(records())
        return "result"

    one = generate()
    assert next(one) is False
    assert records()
    assert one.send(5) == (5, False)
    assert records()
    with pytest.raises(StopIteration, match="result"):
        next(one)
    other = generate()
    next(other)
    assert other.throw(KeyError("x")) == ("caught", False)
    assert records()
    other.close()
    dropped = generate()
    next(dropped)
    del dropped
    assert answers == [False] * 3
    assert [*generate()] == [False, (None, False)]


def test_decorated_coroutine_and_its_neighbor_keep_their_modes() -> None:
    @no_grad()
    async def inside() -> int:
        for _ in range(3):
            await asyncio.sleep(0)
            assert not records()
        return 7

    async def outside() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
            assert records()

    async def both() -> list[Any]:
        return await asyncio.gather(inside(), outside(), inside())

    assert asyncio.run(both()) == [7, None, 7]


def test_decorated_asynchronous_generator_records_between_its_steps() -> None:
    answers = []

    @no_grad()
    async def generate() -> Any:
        try:
            await asyncio.sleep(0)
            received = yield records()
            await asyncio.sleep(0)
            yield received, records()
        except KeyError:
            yield "caught", records()
        finally:
            answers.append(records())

    async def use() -> None:
        one = generate()
        assert await one.asend(None) is False
        assert records()
        assert await one.asend(5) == (5, False)
        await one.aclose()
        other = generate()
        await other.__anext__()
        assert await other.athrow(KeyError("x")) == ("caught", False)
        assert records()
        await other.aclose()
        assert [item async for item in generate()] == [False, (None, False)]
        assert answers == [False] * 3

    asyncio.run(use())


def test_decorated_method_gets_its_object() -> None:
    class Model:
        factor = 3.0

        @no_grad()
        def __call__(self, x: Value) -> Value:
            return x * self.factor

        @no_grad()
        @staticmethod
        def double(x: Value) -> Value:
            return x * 2.0

    assert Model()(Value(2.0)).data == 6.0
    assert Model()(Value(2.0)).is_leaf
    assert Model.double(Value(2.0)).is_leaf


# Tasks, threads, generators -----------------------------------------------------------------------


def test_tasks_that_interleave_keep_their_own_modes() -> None:
    async def task(mode: Mode, expected: bool, naps: int) -> None:
        with mode:
            for _ in range(naps):
                await asyncio.sleep(0)
                assert records() is expected
        await asyncio.sleep(0)
        assert records()

    async def main() -> None:
        await asyncio.gather(
            task(no_grad(), False, 2), task(enable_grad(), True, 4), task(no_grad(), False, 6)
        )
        assert records()

    asyncio.run(main())


def test_task_created_inside_a_block_records_when_the_block_has_ended() -> None:
    async def later(event: asyncio.Event) -> list[bool]:
        before = records()
        await event.wait()
        return [before, records()]

    async def main() -> list[bool]:
        event = asyncio.Event()
        with no_grad():
            task = asyncio.create_task(later(event))
            await asyncio.sleep(0)
        event.set()
        return await task

    assert asyncio.run(main()) == [False, True]


def test_cancelled_task_leaves_its_mode() -> None:
    async def sleep() -> None:
        with no_grad():
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(sleep())
        await asyncio.sleep(0)
        assert len(active) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert records()

    asyncio.run(main())


def test_mode_belongs_to_its_thread_alone() -> None:
    with no_grad():
        assert in_thread(records)
        assert not records()


def test_threads_that_enter_and_leave_at_once_do_not_record_for_one_another() -> None:
    wrong: list[str] = []

    def train() -> None:
        a, b = Value(1.0), Value(2.0)
        for _ in range(300):
            with no_grad():
                wrong.extend("recorded" for c in (a + b, a * b, a - b) if not c.is_leaf)
                with enable_grad():
                    wrong.extend("lost" for c in (a + b, a * b, a - b) if c.is_leaf)
            wrong.extend("lost" for c in (a + b, a * b, a - b) if c.is_leaf)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=train) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_thread_that_ends_inside_no_grad_leaves_no_mode() -> None:
    def die() -> None:
        no_grad().__enter__()

    for _ in range(5):
        in_thread(die)
        gc.collect()
        assert not active
        assert in_thread(records)
    assert records()


def test_thread_that_ends_with_a_suspended_generator_leaves_no_mode() -> None:
    def die() -> None:
        next(_paused())

    in_thread(die)
    gc.collect()
    assert not active
    assert records()


def test_mode_of_a_dead_thread_that_is_kept_changes_nothing() -> None:
    references: list[Mode] = []

    def die() -> None:
        references.append(no_grad())
        references[-1].__enter__()

    in_thread(die)
    assert len(active) == 1  # operations take the slower path
    assert records()
    references.clear()
    gc.collect()
    assert not active


def test_mode_closed_in_another_thread_is_closed() -> None:
    mode = no_grad()
    mode.__enter__()
    assert not records()
    in_thread(mode.__exit__)
    assert records()
    assert not active


def _paused(mode: type[Mode] = no_grad) -> Iterator[bool]:
    with mode():
        yield records()
        yield records()


@pytest.mark.parametrize("end", ["close", "close in another thread", "drop", "throw", "exhaust"])
def test_suspended_generator_leaves_no_mode_when_it_ends(end: str) -> None:
    generator: Any = _paused()
    assert next(generator) is False
    assert not records()  # as in PyTorch, a plain block around a yield also covers the caller
    match end:
        case "close":
            generator.close()
        case "close in another thread":
            in_thread(generator.close)
        case "throw":
            with pytest.raises(KeyError):
                generator.throw(KeyError())
        case "exhaust":
            assert [*generator] == [False]
    del generator
    assert records()


def test_generator_started_in_another_thread_covers_that_thread() -> None:
    generator = _paused()
    assert in_thread(lambda: next(generator)) is False
    assert records()
    generator.close()  # in this one
    assert records()


def test_blocks_left_out_of_order_end() -> None:
    first, second = _paused(no_grad), _paused(enable_grad)
    next(first), next(second)
    first.close()
    assert records()
    second.close()
    assert records()
    first, second = _paused(no_grad), _paused(no_grad)
    next(first), next(second)
    first.close()
    assert not records()
    second.close()
    assert records()


def test_exit_stack_enters_modes() -> None:
    with ExitStack() as stack:
        stack.enter_context(no_grad())
        assert not records()
        stack.enter_context(enable_grad())
        assert records()


# Interruption -------------------------------------------------------------------------------------


class Interrupted(BaseException):
    """An interrupt that does not end the test run, unlike KeyboardInterrupt."""


def _interrupted(code: Any, number: int, run: Callable[[], None]) -> bool:
    """Run with an interrupt before a bytecode of the function, from 1; return True if there is one."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        if frame.f_code is not code:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        if event == "opcode" and count == number:
            raise Interrupted
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except Interrupted:
        pass
    finally:
        sys.settrace(before)
    return count >= number


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="the trace function of this test sees too few opcodes on CPython 3.12"
)
@pytest.mark.parametrize("outside", [None, enable_grad])
def test_interrupt_while_a_block_is_entered_leaves_no_mode(outside: type[Mode] | None) -> None:
    entered = []

    def block() -> None:
        with no_grad():
            entered.append(True)

    gc.collect()
    gc.freeze()  # what other tests have left need not be collected after each opcode
    with ExitStack() as stack:
        stack.callback(gc.unfreeze)
        if outside:
            stack.enter_context(outside())
        number = 0
        while _interrupted(Mode.__enter__.__code__, (number := number + 1), block):
            gc.collect()
            assert records(), number
            assert len(active) == (outside is not None), number
    assert number > 20
    assert entered == [True]  # the last time, which nothing interrupted


def test_error_in_the_entering_hook_leaves_no_mode() -> None:
    class Refusing(Mode):
        def entering(self, inner: Mode) -> None:
            raise KeyError(type(inner).__name__)

    with Refusing():
        with pytest.raises(KeyError, match="no_grad"), no_grad():
            pass
        assert records()
        assert len(active) == 1


def test_interrupt_of_a_step_of_a_decorated_generator_leaves_no_mode() -> None:
    @no_grad()
    def generate() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    generator = generate()
    next(generator)
    with pytest.raises(KeyboardInterrupt):
        next(generator)
    assert records()


# Hooks --------------------------------------------------------------------------------------------


class Log(Mode):
    """Record the hooks that the engine calls."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.lines: list[Any] = []

    def recorded(self, node: Value) -> None:
        self.lines.append(node.primitive and node.primitive.name)

    def entering(self, inner: Mode) -> None:
        self.lines.append(f"entered {type(inner).__name__}")

    def after_backward(self, root: Value, order: Any, gradient: Any) -> None:
        self.lines.append(([x.label for x in order], [gradient(x) for x in order], gradient(root)))


def test_recorded_is_called_for_each_operation() -> None:
    x = Value(2.0)
    with Log() as log:
        y = autograd.dot([x], [x], x) + 1.0
        y = -(2.0 * y.tanh()).maximum(0.0)
        autograd.sum([y, 1.0])
        Value(1.0), autograd.exp(1.0)  # leaves
    assert log.lines == ["dot", "add", "tanh", "mul", "maximum", "neg", "sum"]


def test_recorded_is_not_called_inside_no_grad() -> None:
    x = Value(2.0)
    with Log() as log, no_grad():
        x * x, x.exp(), autograd.sum([x, x])
        with enable_grad():
            x + x
    assert log.lines == ["entered no_grad", "entered enable_grad", "add"]


def test_recorded_is_called_innermost_first() -> None:
    calls = []

    class Named(Log):
        def recorded(self, node: Value) -> None:
            calls.append(self.name)

    x = Value(2.0)
    with Named("outer"), Named("inner"):
        x * x
    assert calls == ["inner", "outer"]


def test_hook_that_computes_is_called_again_for_that() -> None:
    class Doubling(Log):
        def recorded(self, node: Value) -> None:
            super().recorded(node)
            if len(self.lines) < 4:
                node + 1.0

    x = Value(2.0)
    with Doubling() as log:
        x * x
    assert log.lines == ["mul", "add", "add", "add"]


def test_error_in_a_hook_reaches_the_caller_and_the_block_ends() -> None:
    class Failing(Mode):
        def recorded(self, node: Value) -> None:
            raise KeyError

    x = Value(2.0)
    with pytest.raises(KeyError), Failing():
        x * x
    assert (x * x).data == 4.0


def test_after_backward_gets_the_visited_nodes_and_their_gradients() -> None:
    x, dead = Value(3.0, label="x"), Value(-1.0, label="dead")
    behind = dead * 2.0
    behind.label = "behind"
    square = x * x
    square.label = "square"
    y = square + behind.relu() + x.detach()
    y.label = "y"
    for node in (behind, y.operands[0], y.operands[0].operands[1]):
        node.label = node.label or "inner"
    with Log() as log:
        y.backward(2.0)
    ((names, gradients, of_root),) = log.lines
    assert sorted(names) == ["inner", "inner", "square", "y"]
    assert names[-1] == "y"
    assert names.index("square") < len(names) - 2
    assert gradients == [2.0] * 4
    assert of_root == 2.0


def test_after_backward_is_called_by_grad_too() -> None:
    x, spare = Value(3.0, label="x"), Value(2.0)
    y = x * x + spare * 4.0
    y.label = "y"
    y.operands[0].label, y.operands[1].label = "square", "product"
    for create_graph in (False, True):
        with Log() as log:
            grad(y, x, create_graph=create_graph)
        ((names, gradients, of_root),) = [line for line in log.lines if isinstance(line, tuple)]
        assert names == ["square", "y"]  # what the input has a part in
        assert (gradients, of_root) == ([1.0, 1.0], 1.0)
    values: list[Any] = []

    class Asking(Mode):
        def after_backward(self, root: Value, order: Any, gradient: Any) -> None:
            values.extend([gradient(x), gradient(spare)])

    with Asking():
        grad(y, x)
    assert values == [6.0, None]


def test_rules_are_recorded_only_in_the_modes_for_rules() -> None:
    class Watching(Log):
        def mode_for_rules(self) -> Mode:
            return inner

    x = Value(3.0)
    y = x**3.0
    inner = Log()
    with Log() as silent, Watching() as watching:
        (first,) = grad(y, x, create_graph=True)
    assert not first.is_leaf
    assert [type(line) for line in silent.lines] == [str, tuple]
    assert silent.lines[0] == "entered Watching"
    assert [type(line) for line in watching.lines] == [tuple]
    assert "mul" in inner.lines
    assert "pow" in inner.lines


def test_mode_may_be_its_own_mode_for_rules() -> None:
    class Everywhere(Log):
        def mode_for_rules(self) -> Mode:
            return self

    x = Value(3.0)
    y = x**3.0
    with Everywhere() as log:
        grad(y, x, create_graph=True)
        assert open_modes() == (log,)
    assert "mul" in log.lines


def test_rules_are_recorded_inside_no_grad() -> None:
    x = Value(3.0)
    y = x * x * x
    with no_grad():
        (first,) = grad(y, x, create_graph=True)
        assert not records()
    assert first.data == 27.0
    assert grad(first, x)[0].data == 18.0


def test_error_in_a_rule_restores_the_modes() -> None:
    x = Value(3.0)
    y = x * x
    x.data = 4.0
    with Log(), no_grad():
        with pytest.raises(RuntimeError):
            grad(y, x, create_graph=True)
        assert not records()
        assert len(open_modes()) == 2
    assert records()


# A tracer -----------------------------------------------------------------------------------------


class Trace(Tracer):
    """Record the events that the tracer receives."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def escaped(self, value: Value | None, how: str) -> None:
        self.lines.append((value, how))

    def untraceable(self, why: str) -> None:
        self.lines.append(why)

    def compared(self, symbol: str, a: Any, b: Any, answer: bool) -> None:
        self.lines.append((symbol, a, b, answer))

    def constant(self, name: str, operands: Any, answer: float) -> Value:
        self.lines.append((name, operands, answer))
        return Value(answer, label="constant")

    def differentiated(self, output: Value, inputs: Any, gradients: list[Any]) -> list[Any]:
        self.lines.append((output, inputs))
        return [*reversed(gradients)]


def test_tracer_receives_comparisons() -> None:
    x, y = Value(2.0), Value(3.0)
    with Trace() as trace:
        answers = [x < y, x <= 2, x > y, x < 1, y >= 3.0]
    assert answers == [True, True, False, False, True]
    assert trace.lines == [
        ("lt", x, y, True),
        ("le", x, 2.0, True),
        ("lt", y, x, False),
        ("lt", x, 1.0, False),
        ("le", 3.0, y, True),
    ]


@pytest.mark.parametrize(
    ("how", "act"),
    [
        (".data", lambda x: x.data),
        (".data", lambda x: x.item()),
        (".grad", lambda x: x.grad),
        ("writing .data", lambda x: setattr(x, "data", 1.0)),
        ("bool()", bool),
        ("formatting", lambda x: f"{x:.2f}"),
        ("backward()", lambda x: x.backward()),
        ("it formats or prints a Value: do so outside", repr),
    ],
)
def test_tracer_receives_numbers_that_leave_the_graph(how: str, act: Callable[[Value], Any]) -> None:
    x = Value(2.0)
    with Trace() as trace:
        act(x)
        _ = x.label, x.operands, hash(x), x == x, x == "2"
    assert trace.lines in ([(x, how)], [how])


def test_tracer_receives_float_and_equality_with_a_number() -> None:
    x = Value(2.0) * 1.0
    with Trace() as trace:
        with pytest.warns(autograd.GradientLostWarning):
            float(x)
        assert x != 2.0
    assert trace.lines == [(x, "float()"), (x, "==")]


def test_tracer_receives_copies_and_derivatives() -> None:
    import copy

    x = Value(2.0)
    y = x * x
    with Trace() as trace:
        copy.copy(x)
        grad(y, x)
        autograd.hessian(lambda a: a * a, [x])
    ways = [how for value, how in trace.lines if isinstance(how, str)]
    assert ways[:3] == ["copying", "grad() without create_graph=True", "jacobian(), hessian() or hvp()"]


def test_tracer_replaces_constants_and_gradients() -> None:
    x, y = Value(2.0), Value(3.0)
    z = x * y
    with Trace() as trace:
        constant = x.detach()
        first = grad(z, [x, y], create_graph=True)
        softened = autograd.softmax([x, y])
        not_compiled("it is random")
    assert (constant.data, constant.label) == (2.0, "constant")
    assert [g.data for g in first] == [2.0, 3.0]  # exchanged
    assert trace.lines[:2] == [("largest", [x], 2.0), (z, [x, y])]
    assert ("largest", [x, y], 3.0) in trace.lines
    assert trace.lines[-1] == "it is random"
    assert len(softened) == 2


def test_innermost_tracer_is_the_current_one() -> None:
    assert current_tracer() is None
    with Trace() as outer, no_grad():
        assert current_tracer() is outer
        with Trace() as inner, Mode():
            assert current_tracer() is inner
            report_escape(None, "example")
        assert in_thread(current_tracer) is None
    assert (outer.lines, inner.lines) == ([], [(None, "example")])
    with Mode():
        assert current_tracer() is None
        report_escape(None, "example"), not_compiled("example")
    report_escape(None, "example"), not_compiled("example")


def test_tracer_without_hooks_changes_nothing() -> None:
    x = Value(2.0)
    y = x * x
    with Tracer() as tracer:
        assert x < 3.0
        assert x.data == 2.0
        assert not tracer.is_index(x)
        assert [g.data for g in grad(y, x, create_graph=True)] == [4.0]
        not_compiled("it is random")
        with pytest.raises(TypeError, match="largest"):
            x.detach()


def test_class_cannot_be_decorated() -> None:
    with pytest.raises(TypeError, match="A mode cannot decorate the class Layer"):

        @no_grad()
        class Layer:
            pass


def test_mode_that_is_entered_again_does_not_open_in_an_earlier_copy_of_the_context() -> None:
    mode = no_grad()
    with mode:
        context = copy_context()
    with mode:
        assert context.run(is_grad_enabled)
        assert not is_grad_enabled()


def test_outer_mode_closed_by_another_thread_does_not_disturb_the_inner_ones() -> None:
    errors: list[BaseException] = []

    def evaluate() -> None:
        try:
            for _ in range(2000):
                with no_grad():
                    assert (Value(1.0) * 2.0).is_leaf
        except BaseException as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(40):
            with no_grad():
                threads = [threading.Thread(target=copy_context().run, args=(evaluate,)) for _ in range(2)]
                for thread in threads:
                    thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not errors
