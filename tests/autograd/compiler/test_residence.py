"""Parameters that are resident in a compiled step are used as if they were not."""

import copy
import math
import pickle
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from autograd import Value, compile, draw, grad, topological_order
from autograd.compiler.residence import numbers_of
from nn import SGD, Adam, Layer, Parameter, mse_loss

from ..._support.compiled import BACKENDS

each_backend = pytest.mark.parametrize("backend", BACKENDS)


def resident(w: Value) -> bool:
    return hasattr(type(w), "_residence")


def stepped(w: Value, backend: str = "python", steps: int = 1) -> Any:
    """A step on (w·x)², with w·2/5 as the result for x = 1; w is resident."""
    step = compile(lambda x: (w * x) ** 2, SGD([w], lr=0.3), backend=backend)
    for _ in range(steps):
        step(1.0)
    assert resident(w)
    return step


READERS: dict[str, tuple[Callable[[Value], Any], Any]] = {
    "data": (lambda w: w.data, 0.8),
    "grad": (lambda w: w.grad, 4.0),
    "float": (lambda w: w.item(), 0.8),
    "repr": (repr, "Value(0.8, grad=4.0)"),
    "format": (lambda w: f"{w:.1f}", "0.8"),
    "+": (lambda w: (w + 1.0).data, 1.8),
    "reflected": (lambda w: (1.0 - w).data, 0.2),
    "tanh": (lambda w: w.tanh().data, math.tanh(0.8)),
    "comparison": (lambda w: w < 1.0, True),
    "grad()": (lambda w: grad(w * w, w)[0].data, 1.6),
    "detach": (lambda w: w.detach().data, 0.8),
    "copy": (lambda w: copy.copy(w).data, 0.8),
    "deepcopy": (lambda w: copy.deepcopy(w).grad, 4.0),
    "pickle": (lambda w: pickle.loads(pickle.dumps(w)).data, 0.8),
    "draw": (lambda w: "0.8" in draw(w * 1.0).svg, True),
    "order": (lambda w: topological_order(w * 2.0)[0].data, 0.8),
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_sees_current_numbers(reader: str) -> None:
    w = Value(2.0)
    step = stepped(w)
    read, expected = READERS[reader]
    assert read(w) == (pytest.approx(expected, rel=1e-12) if isinstance(expected, float) else expected)
    assert type(w) is Value
    assert step(1.0) == pytest.approx(0.64, rel=1e-12)
    assert w.data == pytest.approx(0.32, rel=1e-12)


WRITERS: dict[str, Callable[[Value], object]] = {
    "data": lambda w: setattr(w, "data", 5.0),
    "__init__": lambda w: w.__init__(5.0),  # type: ignore[misc]
}


@pytest.mark.parametrize("writer", WRITERS)
def test_next_step_reads_a_number_that_was_written(writer: str) -> None:
    w = Value(2.0)
    step = stepped(w)
    WRITERS[writer](w)
    assert step(1.0) == 25.0


def test_gradients_can_be_written_and_accumulated() -> None:
    w = Value(2.0)
    stepped(w)
    w.zero_grad()
    assert (w.grad, w.data) == (0.0, pytest.approx(0.8))
    stepped(w)
    (w * 3.0).backward()
    assert w.grad == pytest.approx(2.0 * 0.8 + 3.0)


@each_backend
def test_steps_that_share_parameters_take_turns(backend: str) -> None:
    w, v = Value(2.0), Value(2.0)
    steps = [compile(lambda x: (w * x) ** 2, SGD([w], lr=lr), backend=backend) for lr in (0.1, 0.3)]
    for k in range(12):
        lr = (0.1, 0.3)[k % 2]
        assert steps[k % 2](1.0) == pytest.approx(v.data**2, rel=1e-12)
        v.data -= lr * 2.0 * v.data
        assert k % 3 or w.data == pytest.approx(v.data, rel=1e-12)
    assert steps[0].value(1.0) == pytest.approx(v.data**2, rel=1e-12)


def test_value_of_a_function_leaves_parameters_resident() -> None:
    w = Value(2.0)
    step = stepped(w)
    step.value(1.0)  # the first call traces the function
    step(1.0)
    for _ in range(3):  # calls 2 and 4 are audited
        step.value(1.0)
    step(1.0)
    assert resident(w)
    assert [*numbers_of([w])] == [pytest.approx(2.0 * 0.4**3)]
    assert resident(w)


@each_backend
def test_programs_for_several_shapes_have_one_memory(backend: str) -> None:
    """The state of the optimizer too, with a reference step by hand after each."""
    layer, other = Layer(2, 1, seed=1), Layer(2, 1, seed=1)

    def loss_of(model: Layer, rows: list[list[float]]) -> Value:
        return mse_loss([model(row) for row in rows], [1.0] * len(rows))

    optimizer, by_hand = Adam(layer.parameters(), lr=0.05), Adam(other.parameters(), lr=0.05)
    step = compile(lambda rows: loss_of(layer, rows), optimizer, backend=backend)
    batches = [([[0.1 * k, 1.0 - 0.2 * k]] * (1 + k % 3),) for k in range(20)]
    expected: list[float] = []
    for (rows,) in batches:
        loss = loss_of(other, rows)
        by_hand.zero_grad()
        loss.backward()
        by_hand.step()
        expected.append(loss.data)
    assert step.each(batches) == pytest.approx(expected, rel=1e-10)
    assert optimizer.state == [pytest.approx(row, rel=1e-10) for row in by_hand.state]
    for p, q in zip(layer.parameters(), other.parameters(), strict=True):
        assert p.data == pytest.approx(q.data, rel=1e-10)
        assert p.grad == pytest.approx(q.grad, rel=1e-8)


def test_parameters_that_notice_their_subclasses_get_their_numbers_at_once() -> None:
    made: list[type] = []

    class Noticed(Value):
        __slots__ = ()

        def __init_subclass__(cls) -> None:
            made.append(cls)

    w = Noticed(2.0)
    step = compile(lambda x: (w * x) ** 2, SGD([w], lr=0.3), backend="python")
    assert [step(1.0), w.data, w.grad] == [4.0, pytest.approx(0.8), 4.0]
    w.data = 3.0
    assert step(1.0) == 9.0
    assert made == []


def test_resident_parameter_keeps_its_class_in_words_and_its_attributes() -> None:
    layer = Layer(1, 1, seed=0)
    step = compile(lambda x: layer([x]) ** 2, SGD(layer.parameters(), lr=0.1), backend="python")
    step(1.0)
    p = layer.parameters()[0]
    assert resident(p)
    assert isinstance(p, Parameter)
    assert (type(p).__name__, type(p).__module__) == ("Parameter", "nn.module")
    assert p.owner is not None
    assert p.label == layer.parameters()[0].label
    assert [name for name, _ in layer.named_parameters()] == ["neurons.0.w.0", "neurons.0.b"]
    copied = pickle.loads(pickle.dumps(layer))
    assert [q.data for q in copied.parameters()] == [q.data for q in layer.parameters()]


def test_numbers_stay_when_the_step_is_gone() -> None:
    w = Value(2.0)
    step = stepped(w)
    gone = weakref.ref(step)
    del step
    assert gone() is None
    assert (w.data, w.grad) == (pytest.approx(0.8), 4.0)


def test_other_parameters_of_the_optimizer_release_the_former() -> None:
    w, v = Value(2.0), Value(2.0)
    optimizer = SGD([w], lr=0.3)
    step = compile(lambda x: (w * x + v) ** 2, optimizer, backend="python")
    step(1.0)
    optimizer.parameters[:] = [v]
    step(1.0)
    assert not resident(w)
    assert w.data == pytest.approx(2.0 - 0.3 * 8.0)


@each_backend
def test_threads_that_read_see_numbers_between_two_steps(backend: str) -> None:
    w = Value(2.0)
    step = stepped(w, backend, 3)
    powers = {2.0 * 0.4**k for k in range(60)}
    seen: list[float] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(w.data)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    losses = [step(1.0) for _ in range(50)]
    done.set()
    for thread in readers:
        thread.join()
    assert losses == pytest.approx([(2.0 * 0.4**k) ** 2 for k in range(3, 53)], rel=1e-9)
    assert all(any(math.isclose(x, y, rel_tol=1e-9) for y in powers) for x in {*seen})


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "python"])
def test_single_precision_stays_in_the_program(backend: str) -> None:
    w = Value(2.0)
    step = compile(lambda x: (w * x) ** 2, SGD([w], lr=0.3), backend=backend, dtype="float32")
    for k in range(5):
        assert step(1.0) == pytest.approx((2.0 * 0.4**k) ** 2, rel=1e-5)
    assert w.data == pytest.approx(2.0 * 0.4**5, rel=1e-5)


def test_interrupted_step_makes_all_parameters_resident(monkeypatch: pytest.MonkeyPatch) -> None:
    ws = [Value(1.0), Value(2.0), Value(3.0)]
    step = compile(lambda x: (ws[0] * ws[1] * ws[2] * x) ** 2, SGD(ws, lr=0.001), backend="python", audit=0)
    step(1.0)
    before = [w.data for w in ws]  # all have their own numbers again
    residence, kinds = step._step._residence, []

    class Interrupts(dict[type, Any]):
        def __getitem__(self, kind: type) -> Any:
            kinds.append(kind)
            if len(kinds) == 2:
                raise KeyboardInterrupt
            return super().__getitem__(kind)

    monkeypatch.setattr(residence, "_classes", Interrupts(residence._classes))
    with pytest.raises(KeyboardInterrupt):
        step(1.0)
    assert [*map(resident, ws)] == [True] * 3
    product = math.prod(before)
    assert [w.data for w in ws] == pytest.approx([x - 0.002 * product**2 / x for x in before], rel=1e-12)


def test_value_made_by_the_class_of_a_resident_parameter_is_plain() -> None:
    w = Value(2.0)
    stepped(w)
    v = type(w)(3.0, label="v")
    assert (type(v), v.data, v.grad, resident(w)) == (Value, 3.0, 0.0, True)


def test_parameter_may_reject_other_attributes() -> None:
    class Strict(Value):
        __slots__ = ()

        def __setattr__(self, name: str, x: object) -> None:
            if name == "__class__":
                raise AttributeError(name)
            super().__setattr__(name, x)

    w = Strict(2.0)
    stepped(w)
    assert (w.data, type(w)) == (pytest.approx(0.8), Strict)


def test_parameters_with_a_dict_are_traced_once() -> None:
    class Tagged(Value):
        pass

    w = Tagged(2.0)
    step = compile(lambda x: (w * x) ** 2, SGD([w], lr=0.3), backend="python")
    for _ in range(3):
        step(1.0)
    assert len(step._step.causes) == 1
    assert w.data == pytest.approx(2.0 * 0.4**3)
