"""Deep and wide graphs, memory, and what an interruption leaves behind."""

import gc
import math
import random
import subprocess
import sys
import threading
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

import autograd
from autograd import Value, grad, topological_order
from autograd.primitives import PRIMITIVES

# Depth --------------------------------------------------------------------------------------------

DEEP = """
import resource, sys, threading
from autograd import Value, dot, grad, topological_order

DEPTH = 10**6
limit = sys.getrecursionlimit()

def work():
    x = out = Value(0.5)
    for i in range(DEPTH // 5):
        out = dot([-(1.0 * (out + 1.0) - 1.0)], [-1.0])
    out.backward()
    assert x.grad == 1.0
    del out
    done.append(True)

done = []
if sys.argv[1] == "main":
    work()
else:
    # CPython 3.13 frees any nested objects, tuples too, up to 10,000 deep on the C stack before it goes
    # on without it; 3.12 goes 50 deep, and 3.14 measures the stack it has.
    threading.stack_size((1024 if sys.version_info[:2] == (3, 13) else 64) * 1024)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
assert done == [True]
assert sys.getrecursionlimit() == limit
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
assert peak < 2**30, peak
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource is for POSIX")
@pytest.mark.parametrize("thread", ["main", "small stack"])
def test_a_million_deep(thread: str) -> None:
    done = subprocess.run([sys.executable, "-c", DEEP, thread], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_deep_graphs_can_be_ordered_and_differentiated_twice() -> None:
    x = out = Value(0.5)
    for _ in range(10**5):
        out = out * 1.0
    assert len(topological_order(out)) == 10**5 + 1
    (slope,) = grad(out * out, x, create_graph=True)
    (bend,) = grad(slope, x)
    assert (slope.data, bend.data) == (1.0, 2.0)


def test_the_second_operand_may_be_the_deep_one() -> None:
    x = out = Value(0.5)
    for i in range(10**5):
        out = Value(1.0) * out if i % 2 else autograd.sum([Value(0.0), out])
    out.backward()
    assert x.grad == 1.0


# Time ---------------------------------------------------------------------------------------------


def _lines_run(work: Callable[[], Any]) -> int:
    """How many lines of Python run: a measure of time that does not depend on the machine."""
    count = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def _chain(n: int) -> Value:
    x = Value(0.5)
    for _ in range(n):
        x = (x * 1.0).sin()
    return x


def _ladder(n: int) -> Value:
    x = Value(0.5)
    for _ in range(n):
        x = x + x
    return x


def _shared_by_many(n: int) -> Value:
    x = Value(0.5).exp()
    return autograd.sum([x * 1.0 for _ in range(n)])


def _used_many_times(n: int) -> Value:
    return autograd.sum([Value(0.5).exp()] * n)


def _wide(n: int) -> Value:
    return autograd.sum([Value(0.5).exp() for _ in range(n)])


def _running_total(n: int) -> Value:
    x, total = Value(0.5).exp(), Value(0.0)
    for _ in range(n):
        total = total + x * total
    return total


@pytest.mark.parametrize("graph", [_chain, _ladder, _shared_by_many, _used_many_times, _wide, _running_total])
@pytest.mark.parametrize(
    "walk",
    [Value.backward, topological_order, lambda root: grad(root, root.operands[0])],
    ids=["backward", "topological_order", "grad"],
)
def test_time_is_linear_in_the_edges(graph: Callable[[int], Value], walk: Callable[[Value], Any]) -> None:
    short, long = (_lines_run(partial(walk, graph(n))) for n in (500, 2000))
    assert long <= 4.4 * short


def test_a_hundred_thousand_edges_into_one_node() -> None:
    x = Value(1.0)
    shared = x * 1.0
    total = autograd.sum([shared * 1.0 for _ in range(10**5)])
    total.backward()
    assert x.grad == shared.grad == 10**5


# Memory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "node", [lambda a, b: a * b, lambda a, b: a + b, lambda a, b: a / b, lambda a, b: a.exp()]
)
def test_a_node_takes_120_bytes(node: Callable[[Value, Value], Value]) -> None:
    a, b = Value(1.5), Value(2.5)
    kept: list[Any] = [None] * 10_000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for i in range(len(kept)):
            kept[i] = node(a, b)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken / len(kept) < 121


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _alive() -> int:
    return sum(type(x) is Value for x in gc.get_objects())


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_dropped_graph_is_freed_at_once(name: str) -> None:
    entry = PRIMITIVES[name]
    before = _alive()
    x = Value(0.5)
    operands = [[x * 1.0, x, x * 2.0] if o.endswith("*") else x * 1.5 for o in entry.operands]
    out = autograd.operations.FUNCTIONS[name](*operands)
    out.backward()
    slopes = grad(out, x, create_graph=True)
    grad(slopes[0], x, allow_unused=True)
    with pytest.raises(ValueError, match="not computed from"):
        grad(out, Value(1.0))
    assert _alive() > before + 3
    del x, operands, out, slopes
    assert _alive() == before


# Interruption -------------------------------------------------------------------------------------


def _workload() -> tuple[list[Value], Value]:
    a, b, c = leaves = [Value(0.5), Value(-1.5), Value(2.0)]
    shared = a * b + c
    hidden = [(shared * c).tanh(), shared.maximum(a) / c, autograd.dot([a, shared], [c, 2.0], b)]
    hidden.append(autograd.logsumexp([*hidden, 1.0]))
    return leaves, autograd.sum([h * h + shared for h in hidden])


def _gradients(leaves: list[Value], root: Value) -> list[float | None]:
    for leaf in leaves:
        leaf.zero_grad()
    root.backward()
    return [v.grad for v in topological_order(root)]


class Interrupted(BaseException):
    """As KeyboardInterrupt, which would end the test run if it escaped."""


def test_an_interrupt_anywhere_in_the_pass_is_made_good_by_zeroing() -> None:
    expected = _gradients(*_workload())
    leaves, root = _workload()
    root.backward()  # the rules are printed when first needed; what is interrupted below is the pass alone
    total = _lines_run(root.backward)
    assert total > 100
    stopped = sum(_stopped_at(line, root.backward) for line in range(1, total))
    assert stopped == total - 1
    for line in range(1, total):
        _stopped_at(line, root.backward)
        assert _gradients(leaves, root) == expected, line


def _stopped_at(line: int, work: Callable[[], Any]) -> bool:
    """Run until that many lines have been run, then interrupt it; whether that happened."""
    count = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        if count == line:
            raise Interrupted
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except Interrupted:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ZeroDivisionError])
@pytest.mark.parametrize("name", ["tanh", "div", "dot", "logsumexp"])
def test_an_exception_in_a_rule_is_made_good_by_zeroing(
    monkeypatch: pytest.MonkeyPatch, name: str, error: type[BaseException]
) -> None:
    expected = _gradients(*_workload())
    leaves, root = _workload()
    entry = PRIMITIVES[name]

    def fails(*operands: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(entry, "pulls", (fails,) * len(entry.pulls))
        patch.setattr(entry, "pushes", defaultdict(lambda: fails))
        if entry.pull is not None:
            patch.setattr(entry, "pull", fails)
        with pytest.raises(error):
            root.backward()
    assert _gradients(leaves, root) == expected


def test_the_caller_sees_an_interrupt_in_the_forward_pass() -> None:
    def broken() -> Iterator[Value]:
        yield Value(1.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        autograd.sum(broken())


# Threads ------------------------------------------------------------------------------------------


def test_threads_with_their_own_graphs_do_not_disturb_each_other() -> None:
    expected = _gradients(*_workload())
    results: list[Any] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(200):
            if rng.random() < 0.3:
                with autograd.no_grad():
                    assert (Value(1.0) * 2.0).is_leaf
            results.append(_gradients(*_workload()))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(results) == 800
    assert all(result == expected for result in results)
    assert not any(math.isnan(g) for g in expected)
