"""Threads that a function starts or uses fall back to eager execution: a trace does not see what they do."""

import contextvars
import queue
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import autograd
from autograd import CompileWarning, Value, compile, no_grad
from autograd.compiler.record.trace import FunctionTracer

w = Value(2.0)


def branch(x: Any) -> Value:
    return w * x if x > 6.0 else w * x * 3.0


def in_threads(x: Any) -> Value:
    results: list[Value] = []
    threads = [threading.Thread(target=lambda y=y: results.append(branch(y))) for y in (x, x + 0.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return autograd.sum(results)


def in_a_new_pool(x: Any) -> Value:
    with ThreadPoolExecutor(2) as pool:
        return autograd.sum([*pool.map(branch, [x, x + 1.0])])


def falls_back(function: Callable[[Any], Value], reason: str) -> None:
    step = compile(function, backend="python")
    with pytest.warns(CompileWarning, match=f"falls back to eager: it uses {reason}"):
        assert step(1.0) == function(1.0).data
    for x in (2.0, 3.0, 7.0, 8.0, 1.0):
        assert step(x) == function(x).data


def test_function_that_starts_threads_falls_back() -> None:
    falls_back(in_threads, "threading.Thread, and what other threads do cannot be traced")
    falls_back(in_a_new_pool, "concurrent.ThreadPoolExecutor")


def test_pool_that_was_started_before_falls_back() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(float).result()
        falls_back(lambda x: pool.submit(branch, x).result(), "concurrent.ThreadPoolExecutor")


def test_queue_that_another_thread_reads_falls_back() -> None:
    work: queue.Queue[Any] = queue.Queue()
    results: queue.Queue[Any] = queue.Queue()

    def serve() -> None:
        while (x := work.get()) is not None:
            results.put(branch(x))

    def loss(x: Any) -> Value:
        work.put(x)
        return results.get(timeout=60.0)  # type: ignore[no-any-return]

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        falls_back(loss, "queue.Queue")
    finally:
        work.put(None)
        thread.join()


def test_pool_imported_when_the_function_runs_falls_back() -> None:
    code = """
        import warnings
        import concurrent.futures
        from autograd import Value, compile

        w = Value(2.0)

        def loss(x):
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                return pool.submit(lambda: w * x if x > 6.0 else w * x * 3.0).result()

        warnings.simplefilter("ignore")
        step = compile(loss, backend="python")
        print([step(x) for x in (1.0, 2.0, 7.0)], step.fallbacks)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.startswith("[6.0, 12.0, 14.0]")
    assert "falls back to eager: it uses " in output


def test_values_in_another_context_fall_back() -> None:
    falls_back(lambda x: contextvars.Context().run(branch, x), "Values in another thread or context")


def test_thread_that_computes_at_the_same_time_does_not_matter() -> None:
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            with no_grad():
                _ = (Value(1.0) * 2.0 > 1.0, Value(1.0).data)

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        step = compile(lambda x: autograd.sum([branch(x) for _ in range(200)]), backend="python")
        assert [step(x) for x in (1.0, 7.0)] == [1200.0, 2800.0]
    finally:
        stop.set()
        thread.join()
    assert not step.fallbacks


def test_newer_thread_counts_if_it_ends_while_the_function_is_traced() -> None:
    event, stop = threading.Event(), threading.Event()

    def compute() -> None:
        _ = Value(1.0) > 0.0
        event.set()
        stop.wait()

    thread = threading.Thread(target=compute)
    with FunctionTracer() as tracer:
        thread.start()
        event.wait()
        assert not tracer.has_missed()  # the rest of the program may have started it
        stop.set()
        thread.join()
        assert tracer.has_missed()


def test_lock_is_no_thread() -> None:
    lock = threading.Lock()

    def loss(x: Any) -> Value:
        with lock:
            return w * x

    step = compile(loss, backend="python")
    assert [step(x) for x in (1.0, 7.0)] == [2.0, 14.0]
    assert not step.fallbacks
