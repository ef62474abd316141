"""Deep and wide graphs, memory, threads, and interrupts."""

import gc
import math
import os
import random
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

import autograd
from autograd import Value, grad, topological_order
from autograd.nodes import all_gradients
from autograd.primitives import PRIMITIVES, Primitive

# Depth --------------------------------------------------------------------------------------------

#: Chains whose links are all of one kind.
CHAINS = ["operators", "sum", "dot", "dot of Values", "second operands"]

#: A million nodes deep, with the chain and the thread that the command line names.
DEEP = """
import re, resource, sys, threading
import autograd
from autograd import Value, dot, grad, topological_order

LINKS = {
    "operators": lambda x: -(1.0 * (x + 1.0) - 1.0) * -1.0,
    "sum": lambda x: autograd.sum([x, 1.0]) - 1.0,
    "dot": lambda x: dot([x], [-1.0]),
    "dot of Values": lambda x: dot([x], [one]),
    "second operands": lambda x: 1.0 - (1.0 - 1.0 * (1.0 * x)),
    "mixed": lambda x: dot([-(1.0 * (x + 1.0) - 1.0)], [-1.0]),
}
one = Value(1.0)
link, limit = LINKS[sys.argv[1]], sys.getrecursionlimit()
nodes_per_link = len(topological_order(link(Value(0.5)))) - 1 - (sys.argv[1] == "dot of Values")

def work():
    x = out = Value(0.5)
    for i in range(10**6 // nodes_per_link):
        out = link(out)
    out.backward()
    assert abs(x.grad) == 1.0
    del out
    done.append(True)

done = []
if sys.argv[2] == "main":
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
if sys.platform == "linux":  # whose ru_maxrss includes the parent's memory
    with open("/proc/self/status") as status:
        peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1]) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
assert 2**26 < peak < 2**30, peak
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource is for POSIX")
@pytest.mark.parametrize("thread", ["main", "small stack"])
@pytest.mark.parametrize("chain", ["mixed", *(pytest.param(name, marks=pytest.mark.slow) for name in CHAINS)])
def test_graph_a_million_nodes_deep_is_differentiated_and_freed_within_a_gibibyte(
    chain: str, thread: str
) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", DEEP, chain, thread]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_deep_graph_can_be_ordered_and_differentiated_twice() -> None:
    x = out = Value(0.5)
    for _ in range(10**5):
        out = out * 1.0
    assert len(topological_order(out)) == 10**5 + 1
    assert all_gradients(out)[x] == 1.0
    (first,) = grad(out * out, x, create_graph=True)
    (second,) = grad(first, x)
    assert (first.data, second.data) == (1.0, 2.0)


def test_deep_graph_along_the_second_operand_is_differentiated() -> None:
    x = out = Value(0.5)
    for i in range(10**5):
        out = Value(1.0) * out if i % 2 else autograd.sum([Value(0.0), out])
    out.backward()
    assert x.grad == 1.0


# Width --------------------------------------------------------------------------------------------


def _dense(n: int, reverse: bool = False) -> Value:
    """Build a graph like a DenseNet: each node is the mean of all earlier ones, so all are equal."""
    nodes = [Value(0.5)]
    for i in range(1, n):
        nodes.append(autograd.dot(nodes[::-1] if reverse else nodes, [1.0 / i] * i))
    return nodes[-1]


@pytest.mark.parametrize("reverse", [False, True])
def test_graph_in_which_every_node_uses_all_earlier_ones(reverse: bool) -> None:
    root = _dense(1500, reverse)
    assert math.isclose(root.data, 0.5)
    root.backward()
    order = topological_order(root)
    assert len(order) == 1500
    assert math.isclose(order[0].grad, 1.0)
    assert math.isclose(grad(root, order[0])[0].data, 1.0)


def test_hundred_thousand_edges_into_one_node() -> None:
    x = Value(1.0)
    shared = x * 1.0
    total = autograd.sum([shared * 1.0 for _ in range(10**5)])
    total.backward()
    assert x.grad == shared.grad == 10**5


# Time ---------------------------------------------------------------------------------------------


def _lines_run(work: Callable[[], Any]) -> int:
    """Return the number of executed lines of Python, a measure of time on any machine."""
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


def _tangle(n: int) -> Value:
    """Each node uses two of the last ten, the older one first, in groups and alone."""
    rng = random.Random(0)
    nodes = [Value(0.5)]
    for i in range(n):
        a, b = sorted(rng.choices(range(max(0, i - 10), i + 1), k=2))
        nodes.append(autograd.sum([nodes[a], nodes[b]]) * 0.5 if i % 2 else nodes[a] * nodes[b])
    return nodes[-1]


WALKS: dict[str, Callable[[Value], Any]] = {
    "backward": Value.backward,
    "topological_order": topological_order,
    "grad": lambda root: grad(root, root.operands[0]),
    "all_gradients": all_gradients,
}
each_walk = pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)


@pytest.mark.parametrize(
    "graph", [_chain, _ladder, _shared_by_many, _used_many_times, _wide, _running_total, _tangle]
)
@each_walk
def test_time_is_linear_in_the_nodes(graph: Callable[[int], Value], walk: Callable[[Value], Any]) -> None:
    short, long = (_lines_run(partial(walk, graph(n))) for n in (500, 2000))
    assert long <= 4.4 * short


@pytest.mark.parametrize("reverse", [False, True])
@each_walk
def test_time_is_linear_in_the_edges_of_a_dense_graph(walk: Callable[[Value], Any], reverse: bool) -> None:
    short, long = (_lines_run(partial(walk, _dense(n, reverse))) for n in (60, 120))
    assert long <= 4.4 * short  # of 60·59 / 2 and of 120·119 / 2 edges


# Memory -------------------------------------------------------------------------------------------


def _bytes(make: Callable[[Value, Value], Value]) -> float:
    a, b = Value(1.5), Value(2.5)
    values: list[Any] = [None] * 10_000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for i in range(len(values)):
            values[i] = make(a, b)
        return (tracemalloc.get_traced_memory()[0] - before) / len(values)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("most", "make"),
    [
        (144, lambda a, b: a * b),
        (144, lambda a, b: a + b),
        (144, lambda a, b: a - b),
        (144, lambda a, b: a + 3.0),
        (168, lambda a, b: a.tanh()),  # its local derivative is one more float
        (192, lambda a, b: a / b),  # two more floats
        (120, lambda a, b: Value(3.0)),
    ],
)
def test_node_takes_few_bytes(most: int, make: Callable[[Value, Value], Value]) -> None:
    assert _bytes(make) <= most


def test_label_takes_memory_only_where_there_is_one() -> None:
    label = "label"
    assert _bytes(lambda a, b: Value(1.0)) < _bytes(lambda a, b: Value(1.0, label))


def _alive() -> int:
    return sum(type(x) is Value for x in gc.get_objects())


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("name", [*PRIMITIVES])
def test_dropped_graph_is_freed_at_once(name: str) -> None:
    entry = PRIMITIVES[name]
    before = _alive()
    x = Value(0.5)
    operands = [[x * 1.0, x, x * 2.0] if o.endswith("*") else x * 1.5 for o in entry.operands]
    out = autograd.operations.FUNCTIONS[name](*operands)
    out.backward()
    all_gradients(out)
    derivatives = grad(out, x, create_graph=True)
    grad(derivatives[0], x, allow_unused=True)
    with pytest.raises(ValueError, match="expected inputs that the output was computed from"):
        grad(out, Value(1.0))
    assert _alive() > before + 3
    del x, operands, out, derivatives
    assert _alive() == before


# Interruption -------------------------------------------------------------------------------------


def _workload() -> tuple[list[Value], Value]:
    a, b, c = leaves = [Value(0.5), Value(-1.5), Value(2.0)]
    shared = a * b + c
    hidden = [(shared * c).tanh(), shared.maximum(a) / c, autograd.dot([a, shared], [c, 2.0], b)]
    hidden.append(autograd.logsumexp([*hidden, 1.0]))
    return leaves, autograd.sum([h * h + shared for h in hidden])


def _gradients(leaves: list[Value], root: Value) -> list[float]:
    for leaf in leaves:
        leaf.zero_grad()
    root.backward()
    return [v.grad for v in topological_order(root)]


class Interrupted(BaseException):
    """An interrupt that does not end the test run, unlike KeyboardInterrupt."""


def _stopped_at(line: int, work: Callable[[], Any]) -> bool:
    """Interrupt a function after that many lines; return True if it has as many."""
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


def test_zero_grad_recovers_after_an_interrupt_anywhere_in_the_pass() -> None:
    expected = _gradients(*_workload())
    leaves, root = _workload()
    total = _lines_run(root.backward)
    assert total > 100
    for line in range(1, total):
        assert _stopped_at(line, root.backward), line
        assert _gradients(leaves, root) == expected, line
    with ThreadPoolExecutor(1) as pool:  # and other threads can run a pass: none of them left the lock locked
        assert pool.submit(_gradients, leaves, root).result(timeout=60) == expected


def test_interrupt_anywhere_in_grad_changes_no_gradient() -> None:
    leaves, root = _workload()
    before = _gradients(leaves, root)
    expected = [g.data for g in grad(root, leaves, create_graph=True)]
    total = _lines_run(lambda: grad(root, leaves, create_graph=True))
    for line in random.Random(0).sample(range(1, total), 150):
        assert _stopped_at(line, lambda: grad(root, leaves, create_graph=True)), line
        assert [v.grad for v in topological_order(root)] == before
        assert autograd.is_grad_enabled()
        assert not (leaves[0] * 2.0).is_leaf
    assert [g.data for g in grad(root, leaves, create_graph=True)] == expected


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, RuntimeError])
@pytest.mark.parametrize("of", ["value", "derivatives"])
def test_exception_in_a_rule_reaches_the_caller_and_changes_nothing(
    of: str, error: type[BaseException]
) -> None:
    def fails(*_: Any) -> Any:
        raise error

    leaves, root = _workload()
    expected = _gradients(leaves, root)
    add = autograd.primitive("failing", lambda m, a, b: a * b, *[lambda m, out, a, b: 1.0] * 2)
    entry: Primitive = PRIMITIVES["failing"]
    setattr(entry, of, fails if of == "value" else (fails, fails))
    for _ in range(2):
        with pytest.raises(error):
            add(root, leaves[0])
    assert _gradients(leaves, root) == expected


def test_interrupt_in_a_generator_of_operands_reaches_the_caller() -> None:
    def broken() -> Iterator[Value]:
        yield Value(1.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        autograd.sum(broken())


# Threads ------------------------------------------------------------------------------------------


@contextmanager
def _switching_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def _together(jobs: list[Callable[[], Any]]) -> list[Any]:
    """Return the results of jobs that start at the same moment, each in its own thread."""
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        start.wait()
        return job()

    with _switching_often(), ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result() for future in [pool.submit(run, job) for job in jobs]]


def test_threads_with_their_own_graphs_do_not_disturb_each_other() -> None:
    expected = _gradients(*_workload())

    def work(seed: int) -> list[Any]:
        rng = random.Random(seed)
        results = []
        for _ in range(200):
            if rng.random() < 0.3:
                with autograd.no_grad():
                    assert (Value(1.0) * 2.0).is_leaf
            results.append(_gradients(*_workload()))
        return results

    for results in _together([partial(work, seed) for seed in range(4)]):
        assert results == [expected] * 200


def _shared_chain(links: int) -> tuple[Value, Value]:
    x = b = Value(1.0)
    for i in range(links):
        b = b * 1.0 if i % 2 else b + 0.0
    return x, b


def test_passes_in_threads_through_a_shared_chain_add_up_exactly() -> None:
    x, b = _shared_chain(20_000)
    _together([lambda: (b * 2.0).backward()] * 8)
    assert x.grad == 16.0
    assert b.grad == 2.0


def test_passes_in_threads_through_groups_add_up_exactly() -> None:
    x = b = Value(1.0)
    for i in range(3000):
        b = autograd.dot([b, b], [0.5, 0.5]) if i % 2 else autograd.sum([b, 0.0])
    _together([lambda: (b * 2.0).backward(), b.backward] * 4)
    assert x.grad == 12.0


def test_grad_and_topological_order_run_in_parallel_with_passes() -> None:
    x, b = _shared_chain(3000)

    def reading() -> list[float]:
        numbers = [grad(b * 2.0, x)[0].data for _ in range(5)]
        numbers += [float(len(topological_order(b))), all_gradients(b)[x]]
        return [*numbers, grad(b * b, x, create_graph=True)[0].data]

    results = _together([*[lambda: (b * 2.0).backward()] * 4, *[reading] * 4])
    assert results[4:] == [[2.0] * 5 + [3001.0, 1.0, 2.0]] * 4
    assert x.grad == 8.0


def test_thread_that_a_pass_interrupts_does_not_block_the_others() -> None:
    x, b = _shared_chain(100)

    class Failing(autograd.Mode):
        def after_backward(self, root: Value, order: Any, gradient: Any) -> None:
            raise Interrupted

    def fail() -> None:
        with pytest.raises(Interrupted), Failing():
            b.backward()

    _together([fail, b.backward, fail, b.backward])
    assert x.grad == 4.0


def test_mode_may_run_a_pass_of_its_own_after_a_pass() -> None:
    x, b = _shared_chain(10)
    inner = Value(3.0)

    class Again(autograd.Mode):
        def after_backward(self, root: Value, order: Any, gradient: Any) -> None:
            if root is b:
                (inner * 2.0).backward()

    with Again():
        b.backward()
    assert (x.grad, inner.grad) == (1.0, 2.0)
