"""``timeout``: the time that a picture may take in all, from reading the graph to its layout."""

import inspect
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import autograd
from autograd import Value, compare, compile, dot, draw, gradient_flow, snapshot
from autograd.view.compare.compare import Comparison
from autograd.view.compare.snapshot import Snapshot
from autograd.view.draw.graphviz import Drawing
from autograd.view.render.time_limit import RenderError, TimeLimit, in_time
from nn import MLP

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs scripts that can be run")


def chain(length: int) -> Value:
    y = Value(1.0)
    for _ in range(length - 1):
        y = y * 1.0001
    return y


def dense(length: int) -> Value:
    """Each operation reads 30 others."""
    values = [Value(0.01 * i) for i in range(30)]
    while len(values) < length:
        values.append(autograd.sum(values[-30:]) / 30.0)
    return values[-1]


def network() -> tuple[MLP, Value]:
    model = MLP(4, [8, 8, 1], seed=1)
    loss = autograd.sum([(out[0] if isinstance(out, list) else out) for out in
                         (model([0.1 * i, 0.2, 0.3, 0.4]) for i in range(200))])  # fmt: skip
    return model, loss


def compile_step() -> object:
    step = compile(lambda x: dot([x] * 50, [x * 2.0] * 50).tanh())
    step(Value(0.5))
    return step


GRAPHS: dict[str, Callable[[], Value]] = {
    "a chain": lambda: chain(10_000),
    "of many arrows": lambda: dense(10_000),
    "an operation of many operands": lambda: dot([Value(1.0)] * 5_000, [Value(2.0)] * 5_000),
}


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_picture_of_ten_thousand_values_stops_in_time(graph: str) -> None:
    root = GRAPHS[graph]()
    root.backward()
    start = time.perf_counter()
    with pytest.raises(RenderError, match=r"took more than 1 seconds .*\(limit=…\).*\(timeout=…\)"):
        _ = draw(root, limit=None, timeout=1).svg
    assert time.perf_counter() - start < 10.0  # of many arrows: 19 seconds while the layout alone was limited


# A clock of our own -------------------------------------------------------------------------------


class Clock:
    """Moves by ``step`` whenever it is read, and when a test moves it."""

    def __init__(self) -> None:
        self.seconds, self.step = 0.0, 0.0

    def __call__(self) -> float:
        self.seconds += self.step
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("autograd.view.render.time_limit.monotonic", clock)
    return clock


MODEL, LOSS = network()
LONG = chain(2_000)
#: Every call that takes a timeout, with the remedy that its error names.
CALLS: dict[str, tuple[Callable[[float], object], str]] = {
    "draw, cut down": (lambda t: draw(LONG, timeout=t), "limit=…"),
    "draw, of all": (lambda t: draw(LONG, limit=None, timeout=t), "limit=…"),
    "draw, a network": (lambda t: draw(LOSS, timeout=t), "limit=…"),
    "draw, compiled": (lambda t: draw(compile_step(), limit=None, timeout=t), "limit=…"),
    "Snapshot.draw": (lambda t: snapshot(LONG, limit=None).draw(timeout=t).graph, "limit=…"),
    "Comparison.draw": (lambda t: compare(LONG, LONG).draw(timeout=t).graph, "limit=…"),
    "gradient_flow": (lambda t: gradient_flow(MODEL, LOSS, timeout=t), "leave out the loss"),
}


def test_every_call_with_a_timeout_is_listed() -> None:
    public = [getattr(autograd, name) for name in autograd.__all__]
    names = {
        function.__qualname__
        for owner in (*public, Snapshot, Comparison, Drawing)
        for function in (vars(owner).values() if isinstance(owner, type) else [owner])
        if inspect.isfunction(function) and "timeout" in inspect.signature(function).parameters
    }
    assert names == {name.partition(",")[0] for name in CALLS}


@pytest.mark.parametrize("call", CALLS)
def test_the_error_of_every_call_names_the_remedy(call: str, clock: Clock) -> None:
    draw_within, remedy = CALLS[call]
    draw_within(1.0)  # the clock stands
    clock.step = 0.1
    with pytest.raises(RenderError, match=r"^The picture took more than 1 seconds .*timeout=…") as error:
        draw_within(1.0)
    assert remedy in str(error.value)


def test_the_dot_source_is_made_within_the_time(clock: Clock) -> None:
    drawing = draw(LONG, limit=None, timeout=5)
    clock.step = 0.01
    with pytest.raises(RenderError, match="took more than 5 seconds"):
        _ = drawing.graph


def test_time_between_the_call_and_its_picture_does_not_count(clock: Clock, tmp_path: Path) -> None:
    drawing = draw(chain(5), timeout=1)
    clock.seconds += 100.0
    assert drawing.save(tmp_path / "g.dot").exists()


def test_time_spent_on_one_part_is_subtracted_from_the_next(clock: Clock) -> None:
    limit = TimeLimit(10.0)
    for spent in (4.0, 5.0):
        with limit.running():
            clock.seconds += spent
    assert limit.left == 1.0
    with pytest.raises(RenderError, match="took more than 10 seconds"), limit.running():
        clock.seconds += 2.0
    assert limit.left == 0.0


def test_nested_running_blocks_are_counted_once(clock: Clock) -> None:
    limit = TimeLimit(10.0)
    with limit.running():
        clock.seconds += 1.0
        with limit.running():
            clock.seconds += 2.0
        assert limit.left == 7.0
    assert limit.left == 7.0


def test_time_limit_is_inactive_after_an_error(clock: Clock) -> None:
    clock.step = 1.0
    with pytest.raises(RenderError):
        draw(LONG, timeout=3)
    assert isinstance(in_time([1, 2]), Iterator)
    assert [*in_time(range(100))] == [*range(100)]


# The layout ---------------------------------------------------------------------------------------


@pytest.fixture
def slow_layout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> float:
    """A layout program that takes so many seconds, of the clock on the wall."""
    program = tmp_path / "dot"
    svg = '<svg width=\\"10pt\\" height=\\"10pt\\"></svg>'
    program.write_text(f'#!{sys.executable}\nimport time\ntime.sleep(1.0)\nprint("{svg}")\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("autograd.view.render.graphviz_program.layout_program", lambda: str(program))
    return 1.0


@posix
def test_both_layouts_share_the_time(slow_layout: float) -> None:
    drawing = draw(chain(5), timeout=1.8)
    assert drawing.svg
    with pytest.raises(RenderError, match=r"took more than 1\.8 seconds"):
        _ = drawing.png
    data, metadata = drawing._repr_mimebundle_()
    assert (set(data), metadata) == ({"image/svg+xml", "text/plain"}, {})  # a notebook shows what there is


@posix
def test_no_layout_is_begun_when_no_time_is_left(slow_layout: float, clock: Clock) -> None:
    drawing = draw(chain(5), timeout=1)
    with drawing._limit.running():
        clock.seconds += 0.999
    start = time.perf_counter()
    with pytest.raises(RenderError, match="took more than 1 seconds"):
        _ = drawing.svg
    assert time.perf_counter() - start < slow_layout
