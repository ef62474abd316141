"""A function that changes what it reads falls back; what it does not read may change."""

import collections
import dataclasses
import os
import re
import warnings
from typing import Any

import pytest

import autograd
import nn
from autograd import CompileWarning, Value, compile

from ..._support.compiled import BACKENDS
from ..._support.outside import Gate, Trainer


def test_a_counter_of_its_own_falls_back() -> None:
    trainer = Trainer()

    def loss(x: Any) -> Value:
        trainer.steps += 1
        return trainer.w * x * (1.0 if trainer.steps < 131 else 2.0)

    step = compile(loss)
    with pytest.warns(CompileWarning, match=r"it changes what it reads, .*: trainer\.steps was 1 and is 2"):
        step(1.0)
    before = trainer.steps
    assert [step(1.0) for _ in range(200)] == [2.0 if before + i < 131 else 4.0 for i in range(1, 201)]


def test_a_cache_that_is_filled_once_is_no_change() -> None:
    cache: dict[str, float] = {}
    w = Value(2.0)

    def loss(x: Any) -> Value:
        if "rate" not in cache:
            cache["rate"] = 0.5
        return w * x * cache["rate"]

    step = compile(loss)
    assert [step(float(x)) for x in range(20)] == [float(x) for x in range(20)]
    cache["rate"] = 2.0
    assert step(1.0) == 4.0
    assert not step.fallbacks


def test_attributes_that_no_code_names_may_change_at_every_call() -> None:
    trainer = Trainer()
    step = compile(trainer.loss)
    for i in range(100):
        trainer.history.append(step(1.0))
        trainer.steps = i
    assert len(step._step.causes) == 1


class Counting(Gate):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.best: Any = None
        self.history: list[float] = []
        self.extra: list[Any] = []


def test_a_module_may_count_while_its_parameters_are_read() -> None:
    model = Counting()
    step = compile(lambda x: model(x) + autograd.sum([p * p for p in model.parameters()]), backend="python")
    for i in range(100):
        model.history.append(step(1.0))
        model.calls = i
        model.best = [p.data for p in model.parameters()]
    assert len(step._step.causes) == 1
    model.extra.append(nn.Parameter(3.0))
    assert (step(1.0), step(1.0)) == (15.0, 15.0)
    model.best = nn.Parameter(4.0)
    assert (step(1.0), step(1.0)) == (31.0, 31.0)


def test_fields_of_a_dataclass_that_are_not_read_may_change() -> None:
    @dataclasses.dataclass
    class Run:
        beta: float = 0.5
        epoch: int = 0

    run, other, w = Run(), Run(2.0, 50), Value(2.0)
    step = compile(lambda x: w * x * run.beta if x != 3.0 else w, backend="python")
    for run.epoch in range(100):
        assert step(1.0) == 1.0
    assert len(step._step.causes) == 1
    step = compile(lambda x: w * x if run == other else w * x * run.beta, backend="python")
    run.beta, results = 2.0, []
    for run.epoch in (0, 0, 0, 50, 50, 0):
        results.append(step(1.0))
    assert results == [4.0, 4.0, 4.0, 2.0, 2.0, 4.0]


def test_a_number_that_changes_at_every_call_falls_back_in_the_end() -> None:
    w, config = Value(2.0), {"t": 0.0}
    step = compile(lambda x: w * x * config["t"], backend="python")
    values = []
    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("always")
        for i in range(100):
            config["t"] = float(i)
            values.append(step(1.0))
    assert re.search(
        r"config\['t'\] was 31\.0 and is 32\.0: pass it as an argument", str(records[-1].message)
    )
    assert values == [2.0 * i for i in range(100)]
    assert len(step.fallbacks) == 2  # after 32 recordings, too
    assert len(step._step.program_causes) <= 16


def test_going_back_and_forth_traces_twice() -> None:
    model = Gate()
    step = compile(lambda x: model(x))
    for i in range(40):
        model.train(i % 2 == 0)
        assert step(3.0) == 6.0
        assert model.w.grad == (3.0 if i % 2 == 0 else 6.0)
    assert len(step._step.causes) == 2


class Everything:
    """An object of which every call changes state of many kinds."""

    calls = 0

    def __init__(self) -> None:
        self.w, self.mean, self.plain = Value(2.0), 0.0, [[0.0], (1.0, [2.0])]
        self.log: list[Any] = []
        self.counts: dict[Any, Any] = {"n": 0.0, "v": self.w}
        self.recent = collections.deque([1.0], maxlen=3)
        self.visited: set[int] = set()
        self.bytes = bytearray(b"ab")

    def __call__(self, x: Any) -> Value:
        plain: Any = self.plain
        self.mean = 0.9 * self.mean + 0.1
        plain[0][0] += 1.0
        plain[1][1].append(len(self.log))
        self.log.append(Value(1.0))
        self.counts["n"] += 1.0
        self.counts[len(self.counts)] = 0.5
        self.recent.append(self.mean)
        self.visited.add(len(self.visited))
        self.bytes[0] = (self.bytes[0] + 1) % 256
        type(self).calls += 1
        type(self).more = getattr(type(self), "more", 0) + 1  # type: ignore[attr-defined]
        self.late = getattr(self, "late", 0) + 1
        sizes = (
            len(self.log)
            + len(self.counts)
            + len(self.visited)
            + len(plain[1][1])
            + self.bytes[0]
            + self.late
        )
        return self.w * x * self.mean * sizes * plain[0][0] * sum(self.recent) * self.calls


def state_of(x: Any) -> str:
    return re.sub(
        "0x[0-9a-f]+", "", repr((vars(x), [v for v in vars(type(x)).items() if v[0] in ("calls", "more")]))
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_state_that_a_function_changes_is_that_of_eager_mode(backend: str) -> None:
    def fresh() -> Any:
        return type("Everything", (Everything,), {"calls": 0})()

    expected, actual = fresh(), fresh()
    step = compile(actual, backend=backend)
    with pytest.warns(CompileWarning, match="falls back to eager: it changes what it reads"):
        assert step(1.0) == expected(1.0).data
    for _ in range(5):
        assert step(2.0) == expected(2.0).data
        actual.w.zero_grad()
        assert state_of(actual) == state_of(expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_running_statistic_of_a_batch_is_that_of_eager_mode(backend: str) -> None:
    class Norm:
        def __init__(self) -> None:
            self.w, self.mean = Value(2.0), 0.0

        def __call__(self, xs: Any) -> Value:
            self.mean = 0.9 * self.mean + 0.1 * len(xs)
            return autograd.sum([self.w * x - self.mean for x in xs])

    expected, actual = Norm(), Norm()
    step = compile(actual, backend=backend)
    with pytest.warns(CompileWarning, match=r"it changes what it reads, .*: Norm\.mean was 2\.0 and is 3\.8"):
        assert step([1.0] * 20) == expected([1.0] * 20).data
    for size in (20, 20, 24, 3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompileWarning)
            assert step([1.0] * size) == expected([1.0] * size).data
        assert actual.mean == expected.mean


def test_running_array_is_that_of_eager_mode() -> None:
    np = pytest.importorskip("numpy")

    class Norm:
        def __init__(self) -> None:
            self.w, self.mean, self.parts = Value(2.0), np.zeros((2, 2)).T, [np.zeros(2, dtype="float32")]

        def __call__(self, x: Any) -> Value:
            self.mean *= 0.5
            self.mean += 1.0
            self.parts[0] += 1
            return self.w * x * self.mean[0, 0] * self.parts[0][1]

    expected, actual = Norm(), Norm()
    step = compile(actual, backend="python")
    with pytest.warns(CompileWarning, match="it changes what it reads"):
        assert step(1.0) == expected(1.0).data
    for _ in range(3):
        assert step(1.0) == expected(1.0).data


def test_state_is_restored_if_tracing_raises_an_error() -> None:
    trainer = Trainer()

    def loss(x: Any) -> Value:
        trainer.steps += 1
        return trainer.w * x.data * trainer.steps

    step = compile(loss)
    with pytest.raises(autograd.TraceError, match=r"\.data"):
        step(1.0)
    assert trainer.steps == 0


def test_state_that_cannot_be_restored_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    w = Value(2.0)
    monkeypatch.setenv("GLASSGRAD_TEST_COUNT", "1")

    def loss(x: Any) -> Value:
        count = float(os.environ["GLASSGRAD_TEST_COUNT"])
        os.environ["GLASSGRAD_TEST_COUNT"] = str(count + 1.0)
        return w * x * count

    with pytest.warns(
        CompileWarning, match=r"the runs that traced it have done so too, which cannot be undone"
    ):
        compile(loss)(1.0)
