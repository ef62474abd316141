"""fit: what it does each step and epoch, interrupts anywhere and goes on to the same bits, refuses early."""

import _thread
import json
import math
import random
import sys
import threading
from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest

import autograd
from autograd import Value
from nn import (
    MLP,
    SGD,
    Adam,
    AdamW,
    CosineAnnealingLR,
    History,
    LinearLR,
    Module,
    Parameter,
    RMSprop,
    StepLR,
    binary_cross_entropy_with_logits,
    cross_entropy,
    evaluate,
    fit,
    hinge_loss,
    mse_loss,
)
from nn.data import two_moons
from nn.samples import batches_of

DATA = two_moons(11, 0.1, seed=0)
VALIDATION = two_moons(6, 0.1, seed=1)


class Noisy(Module):
    """A network with what else a module may keep: random numbers and a running mean."""

    def __init__(self) -> None:
        self.inner = MLP(2, [2, 1], "tanh", seed=0)
        self.random = random.Random(7)
        self.mean, self.seen, self.sums = 0.0, 0, [0.0, 0.0]

    def __call__(self, x: Any) -> Value:
        out: Value = self.inner(x)
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * out.data
            self.seen += 1
            self.sums[0] += out.data
            return out * self.random.uniform(0.8, 1.2)
        return out - 0.1 * self.mean


def numbers_of(model: Module) -> list[float]:
    return [p.data for p in model.parameters()]


# What it does -------------------------------------------------------------------------------------


def test_it_is_the_loop_written_out() -> None:
    inputs, labels = DATA
    model, other = MLP(2, [3, 1], seed=0), MLP(2, [3, 1], seed=0)
    history = fit(
        model, DATA, hinge_loss, SGD(model.parameters(), 0.2), epochs=3, batch_size=4, seed=5, progress=False
    )
    optimizer = SGD(other.parameters(), 0.2)
    losses, means = [], []
    for epoch in range(3):
        total = 0.0
        for batch in batches_of(11, 4, 5, epoch):
            loss = hinge_loss([other(inputs[i]) for i in batch], [labels[i] for i in batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.data)
            total += len(batch) * loss.data
        means.append(total / 11)
    assert numbers_of(model) == numbers_of(other)
    assert history.step_loss == losses
    assert history.loss == means
    assert history.lr == [0.2] * 9
    assert (history.val_loss, history.stopped, history.best_epoch) == ([], "", None)


def test_an_epoch_has_each_sample_once_in_another_order() -> None:
    seen: list[list[float]] = []
    model = MLP(1, [1], seed=0)

    def forward(model: Any, inputs: Any) -> list[Value]:
        seen.append([x for (x,) in inputs])
        return [model(x) for x in inputs]

    data = [[float(i)] for i in range(7)], [0.0] * 7
    fit(model, data, mse_loss, SGD(model.parameters(), 0.0), epochs=2, batch_size=3, forward=forward)
    rehearsal, *batches = seen
    assert rehearsal == [0.0]
    assert [len(batch) for batch in batches] == [3, 3, 1, 3, 3, 1]
    first, second = [*chain(*batches[:3])], [*chain(*batches[3:])]
    assert sorted(first) == sorted(second) == [float(i) for i in range(7)]
    assert first != second
    assert first != sorted(first)


def test_batches_repeat_with_the_seed_and_keep_the_order_without_one() -> None:
    assert batches_of(9, 4, 3, 2) == batches_of(9, 4, 3, 2)
    assert len({str(batches_of(9, 4, seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9
    assert batches_of(5, 2, None, 7) == [[0, 1], [2, 3], [4]]


def test_without_a_batch_size_all_samples_make_one_step() -> None:
    model = MLP(2, [1], seed=0)
    history = fit(
        model, DATA, hinge_loss, SGD(model.parameters(), 0.1), epochs=4, batch_size=None, progress=False
    )
    assert len(history.step_loss) == 4
    assert history.step_loss == history.loss


def test_moons_are_learned() -> None:
    data, held_out = two_moons(60, 0.1, seed=0), two_moons(60, 0.1, seed=1)
    model = MLP(2, [8, 8, 1], seed=0)
    history = fit(
        model, data, hinge_loss, Adam(model.parameters(), 0.02), epochs=30, batch_size=10,
        validation=held_out, patience=10, progress=False,
    )  # fmt: skip

    def right(scores: Any, labels: Any) -> float:
        return sum((score.data > 0) == (label > 0) for score, label in zip(scores, labels)) / len(labels)

    assert evaluate(model, data, right) == 1.0
    assert evaluate(model, held_out, right) >= 0.95
    assert history.loss[-1] < 0.05 < 0.5 < history.loss[0]


def test_several_classes_are_learned() -> None:
    rng = random.Random(0)
    targets = [i % 3 for i in range(30)]
    inputs = [(rng.gauss(3.0 * (t == 1), 0.3), rng.gauss(3.0 * (t == 2), 0.3)) for t in targets]
    model = MLP(2, [3], seed=0)
    history = fit(
        model,
        (inputs, targets),
        cross_entropy,
        Adam(model.parameters(), 0.1),
        epochs=30,
        batch_size=10,
        progress=False,
    )
    assert history.loss[-1] < 0.1
    assert [max(range(3), key=lambda j: model(x)[j].data) for x in inputs] == targets


def test_arrays_are_data() -> None:
    import numpy as np

    results = []
    for wrap in (list, np.array):
        model = MLP(2, [2, 1], seed=0)
        data = wrap(DATA[0]), wrap(DATA[1])
        fit(model, data, hinge_loss, SGD(model.parameters(), 0.1), epochs=2, batch_size=4, progress=False)
        results.append(numbers_of(model))
    assert results[0] == results[1]


def test_the_model_trains_in_training_mode_and_is_validated_in_evaluation() -> None:
    modes: list[tuple[bool, bool]] = []

    class Moody(MLP):
        def __call__(self, x: Any) -> Any:
            modes.append((self.training, autograd.is_grad_enabled()))
            return super().__call__(x)

    model = Moody(2, [1], seed=0)
    model.layers[0].training = False
    model.training = False
    fit(
        model, DATA, hinge_loss, SGD(model.parameters(), 0.1), epochs=1, validation=VALIDATION, progress=False
    )
    assert modes == [(False, False)] * 2 + [(True, True)] * 11 + [(False, False)] * 6
    assert [m.training for m in model.modules()] == [False, False, True], "as each was before"


def test_evaluate_gives_a_number_and_leaves_no_graph_behind() -> None:
    model = MLP(2, [1], seed=0)
    loss = evaluate(model, DATA, hinge_loss)
    assert loss == hinge_loss([model(x) for x in DATA[0]], DATA[1]).data
    assert all(p.grad is None for p in model.parameters())


def test_callbacks_come_between_backward_and_update() -> None:
    model = MLP(2, [1], seed=0)
    start = numbers_of(model)
    seen: list[Any] = []
    fit(
        model, DATA, hinge_loss, SGD(model.parameters(), 0.1), epochs=1, batch_size=None, progress=False,
        callbacks=[lambda loss: seen.append((loss.data, numbers_of(model), model.parameters()[0].grad))],
        epoch_callbacks=[lambda history: seen.append((history.loss[:], numbers_of(model)))],
    )  # fmt: skip
    (loss, before, slope), (losses, after) = seen
    assert before == start
    assert slope != 0.0
    assert after == numbers_of(model) != start
    assert losses == [loss]


def test_a_callback_may_clip_the_gradients() -> None:
    model = MLP(2, [1], seed=0)

    def clip(loss: Value) -> None:
        for p in model.parameters():
            p.grad = 0.0

    start = numbers_of(model)
    fit(model, DATA, hinge_loss, SGD(model.parameters(), 0.1), epochs=1, callbacks=[clip], progress=False)
    assert numbers_of(model) == start


def test_watch_is_a_callback() -> None:
    model = MLP(2, [2, 1], seed=0)
    with autograd.watch(model) as live:
        history = fit(
            model, DATA, hinge_loss, SGD(model.parameters(), 0.1), epochs=2, batch_size=4,
            callbacks=[live], progress=False,
        )  # fmt: skip
    assert live.losses == history.step_loss


@pytest.mark.parametrize(("every", "steps"), [("epoch", 3), ("step", 9)])
def test_a_schedule_moves_on(every: Any, steps: int) -> None:
    model = MLP(2, [1], seed=0)
    optimizer = SGD(model.parameters(), 0.8)
    schedule = StepLR(optimizer, 1, 0.5)
    history = fit(
        model, DATA, hinge_loss, optimizer, epochs=3, batch_size=4,
        schedule=schedule, schedule_every=every, progress=False,
    )  # fmt: skip
    assert schedule.last_epoch == steps
    group = 9 // steps
    assert history.lr == [0.8 * 0.5 ** (i // group) for i in range(9)]


# Early stopping -----------------------------------------------------------------------------------


class Line(Module):
    def __init__(self) -> None:
        self.slope = Parameter(0.0)

    def __call__(self, x: float) -> Value:
        return self.slope * x


def test_early_stopping_restores_the_best_weights() -> None:
    """The data want a slope of 10, the validation 1: it is best on the way past."""
    model, slopes = Line(), []
    data, validation = ([1.0], [10.0]), ([1.0], [1.0])
    history = fit(
        model, data, mse_loss, SGD(model.parameters(), 0.01), epochs=50, validation=validation, patience=3,
        epoch_callbacks=[lambda history: slopes.append(model.slope.data)], progress=False,
    )  # fmt: skip
    best = min(range(len(slopes)), key=lambda i: abs(slopes[i] - 1.0))
    assert history.best_epoch == best == 4
    assert len(history.loss) == best + 1 + 3
    assert history.stopped == "early stopping"
    assert model.slope.data == slopes[best] != slopes[-1]


def test_patience_that_is_never_exhausted_gives_the_best_weights_all_the_same() -> None:
    model = Line()
    history = fit(
        model, ([1.0], [10.0]), mse_loss, SGD(model.parameters(), 0.01), epochs=7,
        validation=([1.0], [1.0]), patience=30, progress=False,
    )  # fmt: skip
    assert (history.best_epoch, len(history.loss), history.stopped) == (4, 7, "")
    assert (model.slope.data - 1.0) ** 2 == history.val_loss[4]


def test_without_patience_validation_changes_nothing() -> None:
    results = []
    for validation in (None, ([1.0], [1.0])):
        model = Line()
        history = fit(
            model, ([1.0], [10.0]), mse_loss, SGD(model.parameters(), 0.01), epochs=7,
            validation=validation, progress=False,
        )  # fmt: skip
        results.append((model.slope.data, history.loss))
    assert results[0] == results[1]


# Interrupted, and resumed -------------------------------------------------------------------------


class Setting:
    """A run with everything: momentum or the like, a schedule, validation, random numbers."""

    def __init__(self, which: int) -> None:
        self.model = Noisy()
        p = self.model.parameters()
        self.optimizer = [
            SGD(p, 0.1, momentum=0.9, dampening=0.1), Adam(p, 0.05), RMSprop(p, 0.01, momentum=0.5), AdamW(p),
        ][which]  # fmt: skip
        self.schedule = [
            lambda: StepLR(self.optimizer, 2, 0.5),
            lambda: LinearLR(self.optimizer),
            lambda: CosineAnnealingLR(self.optimizer, 5),
            lambda: None,
        ][which]()
        self.every: Any = ["epoch", "step", "step", "epoch"][which]

    def fit(self, resume: History | None = None, epochs: int = 4, **more: Any) -> History:
        return fit(
            self.model, DATA, hinge_loss, self.optimizer, epochs=epochs, batch_size=4,
            validation=VALIDATION, schedule=self.schedule, schedule_every=self.every, progress=False,
            resume=resume, **({"patience": 3} | more),
        )  # fmt: skip

    def everything(self, history: History) -> Any:
        """All that should be the same, to the bit."""
        return (
            numbers_of(self.model), self.optimizer.state, self.optimizer.lr,
            self.schedule and self.schedule.last_epoch,
            self.model.random.getstate(), self.model.mean, self.model.seen, self.model.sums,
            history.state_dict() | {"stopped": ""},
        )  # fmt: skip


settings = pytest.mark.parametrize("which", range(4), ids=["momentum", "adam", "rmsprop", "adamw"])


def interrupted_at(line: int, run: Callable[[], Any], error: type[BaseException] = KeyboardInterrupt) -> bool:
    """Run, with an interrupt before that line of nn to be executed; whether it came to that."""
    left = line

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal left
        if event == "call":
            return trace if frame.f_globals.get("__name__", "").startswith("nn.") else None
        if event == "line":
            left -= 1
            if left == 0:
                sys.settrace(None)
                raise error
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except error:
        pass
    finally:
        sys.settrace(before)
    return left <= 0


def lines_of(run: Callable[[], Any]) -> int:
    """How many lines of nn a run executes."""
    count = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        if event == "call":
            return trace if frame.f_globals.get("__name__", "").startswith("nn.") else None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


@settings
def test_interrupted_anywhere_it_goes_on_to_the_same_bits(which: int, capsys: Any) -> None:
    whole = Setting(which)
    expected = whole.everything(whole.fit())
    lines = lines_of(Setting(which).fit)
    rng = random.Random(which)
    for _ in range(40):
        setting, history = Setting(which), History()
        assert interrupted_at(rng.randint(1, lines), lambda s=setting, h=history: s.fit(h))
        if rng.random() < 0.5:  # more than once
            interrupted_at(rng.randint(1, lines // 2), lambda s=setting, h=history: s.fit(h))
        assert setting.everything(setting.fit(history)) == expected


@settings
def test_interrupted_it_gives_the_history_and_the_model_after_the_last_whole_step(
    which: int, capsys: Any
) -> None:
    after_each: list[Any] = []
    setting = Setting(which)

    def note(loss: Value) -> None:
        after_each.append((numbers_of(setting.model), [[*s] for s in setting.optimizer.state]))
        if len(after_each) == 6:
            raise KeyboardInterrupt

    history = setting.fit(callbacks=[note])
    assert history.stopped == "interrupted"
    assert len(history.step_loss) == 5
    assert (len(history.loss), len(history.val_loss)) == (1, 1)
    assert (numbers_of(setting.model), setting.optimizer.state) == after_each[-1]
    assert "Interrupted in epoch 2 of 4, after 2 of 3 batches" in capsys.readouterr().out
    assert repr(history).startswith("1 epoch, 5 steps; interrupted\n")
    assert setting.model.training


@settings
def test_a_run_goes_on_in_another_process_by_way_of_json(which: int, capsys: Any) -> None:
    whole = Setting(which)
    expected = whole.everything(whole.fit())
    setting = Setting(which)
    calls = iter(range(100))

    def stop(loss: Value) -> None:
        if next(calls) == 7:
            raise KeyboardInterrupt

    text = json.dumps(setting.fit(callbacks=[stop]).state_dict())
    fresh, history = Setting(which), History()
    for p in fresh.model.parameters():
        p.data = 0.125  # whatever it was made with
    history.load_state_dict(json.loads(text))
    assert fresh.everything(fresh.fit(history)) == expected


@settings
def test_a_finished_run_goes_on_for_more_epochs(which: int) -> None:
    whole, halves = Setting(which), Setting(which)
    expected = whole.everything(whole.fit(epochs=6, patience=10))
    assert halves.everything(halves.fit(halves.fit(epochs=2, patience=10), epochs=6, patience=10)) == expected


def test_a_finished_run_resumed_is_finished() -> None:
    setting = Setting(0)
    history = setting.fit()
    before = setting.everything(history)
    assert setting.everything(setting.fit(history)) == before


@pytest.mark.usefixtures("interruptible")
def test_a_real_interrupt_from_another_thread(capsys: Any) -> None:
    setting = Setting(0)
    timer = threading.Timer(0.05, _thread.interrupt_main)
    timer.start()
    history = setting.fit(epochs=100_000, patience=100_000)
    timer.join()
    assert history.stopped == "interrupted"
    steps = len(history.step_loss)
    more = Setting(0)
    epochs = steps // 3 + 1
    expected = more.everything(more.fit(epochs=epochs, patience=100_000))
    assert setting.everything(setting.fit(history, epochs=epochs, patience=100_000)) == expected


def test_any_other_error_leaves_the_model_after_the_last_whole_step_and_goes_on_too() -> None:
    whole = Setting(1)
    expected = whole.everything(whole.fit())
    setting, history = Setting(1), History()
    assert interrupted_at(10_000, lambda: setting.fit(history), OSError)
    assert history.stopped == "ended by OSError"
    assert setting.everything(setting.fit(history)) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 5}, "batch_size was 4 and is 5"),
        ({"seed": 3}, "seed was 0 and is 3"),
        ({"validation": None, "patience": None}, "validation samples was 6 and is None"),
        ({"data": two_moons(12, 0.1, seed=0)}, "samples was 11 and is 12"),
        ({"schedule": None}, "schedule was 'StepLR' and is None"),
        ({"optimizer": "adam"}, "optimizer was 'SGD' and is 'Adam'"),
        ({"model": "other"}, "parameters was 9 and is 3"),
    ],
)
def test_another_run_is_not_resumed(change: dict[str, Any], message: str) -> None:
    setting = Setting(0)
    history = setting.fit(epochs=1)
    model: Module = MLP(2, [1], seed=0) if change.get("model") else setting.model
    before = numbers_of(model), len(history.step_loss)
    optimizer: Any = setting.optimizer
    if len(change) == 1 and {"model", "optimizer"} & set(change):
        optimizer = (Adam if "optimizer" in change else SGD)(model.parameters(), 0.1)
    given = {
        "data": DATA, "loss": hinge_loss, "epochs": 2, "batch_size": 4, "validation": VALIDATION,
        "schedule": setting.schedule if optimizer is setting.optimizer else None, "progress": False,
        "resume": history,
    } | {name: x for name, x in change.items() if name not in ("model", "optimizer")}  # fmt: skip
    with pytest.raises(ValueError, match=message):
        fit(model, optimizer=optimizer, **given)
    assert (numbers_of(model), len(history.step_loss)) == before


# What is refused, before anything changes ---------------------------------------------------------


def _refused(
    error: type[Exception],
    message: str,
    *,
    model: Any = None,
    data: Any = DATA,
    loss: Any = hinge_loss,
    **more: Any,
) -> pytest.ExceptionInfo[Exception]:
    model = MLP(2, [2, 1], seed=0) if model is None else model
    before = numbers_of(model)
    optimizer = more.pop("optimizer", None) or SGD(model.parameters(), 0.1, momentum=0.5)
    with pytest.raises(error, match=message) as caught:
        fit(model, data, loss, optimizer, **({"epochs": 2, "batch_size": 4, "progress": False} | more))
    assert numbers_of(model) == before
    assert all(p.grad is None for p in model.parameters())
    assert model.training
    if getattr(optimizer, "parameters", None) == model.parameters():
        assert optimizer.state == [[0.0, 0.0]] * len(before)
    return caught


def _with(place: int, what: Any, i: int) -> Any:
    data = [*DATA[0]], [*DATA[1]]
    data[place][i] = what
    return data


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_data_that_are_not_finite(bad: float) -> None:
    import numpy as np

    _refused(ValueError, f"the input of sample 9 of data holds {bad!r}", data=_with(0, (0.5, bad), 9))
    _refused(ValueError, f"the target of sample 9 of data holds {bad!r}", data=_with(1, bad, 9))
    _refused(ValueError, "sample 2 of validation holds", validation=([(0, 0)] * 3, [1, 1, bad]))
    array = np.array(DATA[0])
    array[3, 1] = bad
    _refused(ValueError, "the input of sample 3 of data holds ", data=(array, DATA[1]))


def test_labels_out_of_range_of_the_last_sample() -> None:
    caught = _refused(ValueError, "a label of the hinge loss is −1 or 1, not 0.0", data=_with(1, 0, 10))
    assert caught.value.__notes__ == ["(with the targets of data; nothing has been changed)"]
    _refused(
        ValueError, "a probability between 0 and 1, not -1.0", loss=binary_cross_entropy_with_logits
    )  # the moons have −1 and 1
    _refused(
        ValueError, "the target of sample 10 is 2, but the classes are 0 to 1", model=MLP(2, [2], seed=0),
        loss=cross_entropy, data=(DATA[0], [0] * 10 + [2]),
    )  # fmt: skip
    _refused(ValueError, "not 0.5", validation=([(0.0, 0.0)] * 2, [1, 0.5]))


def test_a_sample_of_another_shape() -> None:
    caught = _refused(
        ValueError, "the network takes 2 inputs, but was given 3", data=_with(0, (1.0, 2.0, 3.0), 9)
    )
    assert caught.value.__notes__ == ["(with the input of sample 9 of data; nothing has been changed)"]
    _refused(TypeError, "takes a sequence of 2 inputs", data=_with(0, 1.0, 9))
    _refused(TypeError, "real number, not str", data=_with(1, "1", 9))
    _refused(TypeError, "real number, not list", data=_with(1, [1], 9))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (([], []), ValueError, "data is empty: give at least one sample"),
        (([(0.0, 0.0)], [1, 1]), ValueError, "data has 1 inputs and 2 targets; give as many of each"),
        ([(0.0, 0.0)], TypeError, "data must be a pair of inputs and targets, not list"),
        ({"x": 1, "y": 2}, TypeError, "data must be a pair of inputs and targets, not dict"),
        (None, TypeError, "data must be a pair of inputs and targets, not NoneType"),
        ((iter([(0.0, 0.0)]), [1]), TypeError, "the inputs of data must be a sequence, not list_iterator"),
        (([(0.0, 0.0)], 1), TypeError, "the targets of data must be a sequence, not int"),
    ],
)
def test_data_that_are_none(data: Any, error: Any, message: str) -> None:
    _refused(error, message, data=data)
    if data is not None:
        wanted = (
            message.replace("of data", "of validation")
            if "of data" in message
            else message.replace("data", "validation")
        )
        _refused(error, wanted, validation=data)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "patience"])
@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "3"], ids=repr)
def test_counts_are_ints_of_1_or_more(name: str, wrong: Any) -> None:
    kind = type(wrong).__name__
    error, wanted = (
        (ValueError, f"1 or more, not {wrong}")
        if kind == "int"
        else (TypeError, f"an int, not {kind} {wrong!r}")
    )
    _refused(error, f"{name} must be {wanted}", validation=VALIDATION, **{name: wrong})


def test_arguments_of_another_kind() -> None:
    _refused(TypeError, "epochs must be an int, not NoneType None", epochs=None)
    _refused(TypeError, "seed must be an int, or None", seed=random.Random(0))
    _refused(ValueError, "patience waits for the validation loss to fall: give validation data", patience=2)
    _refused(ValueError, 'schedule_every must be "epoch" or "step", not \'batch\'', schedule_every="batch")
    _refused(TypeError, "fit takes a schedule of nn, such as StepLR, not float", schedule=0.5)
    _refused(TypeError, "fit takes an optimiser of nn, such as SGD, not str", optimizer="adam")
    _refused(TypeError, "fit resumes the History of another fit, not bool", resume=True)
    other = MLP(2, [1], seed=0)
    _refused(
        ValueError, "the optimiser moves no parameter of the model", optimizer=SGD(other.parameters(), 1.0)
    )
    _refused(
        ValueError,
        "the schedule is that of another optimiser",
        schedule=StepLR(SGD(other.parameters(), 1.0), 1),
    )
    with pytest.raises(TypeError, match="fit trains a Module, not function"):
        fit(lambda x: x, DATA, hinge_loss, SGD(other.parameters(), 0.1), epochs=1)  # type: ignore[arg-type]


def test_a_schedule_that_is_not_in_charge() -> None:
    model = MLP(2, [2, 1], seed=0)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.5)
    schedule = StepLR(optimizer, 1)
    optimizer.lr = 0.7
    _refused(RuntimeError, "by something else", model=model, optimizer=optimizer, schedule=schedule)


def test_a_loss_that_is_no_value_or_hangs_in_the_air() -> None:
    for loss, error, message in [
        (lambda p, t: 1.0, TypeError, "the loss must give a Value, not float 1.0"),
        (lambda p, t: hinge_loss([x.detach() for x in p], t), ValueError, "computed from no parameter"),
        (lambda p, t: Value(1.0), ValueError, "computed from no parameter"),
    ]:
        model = MLP(2, [1], seed=0)
        before = numbers_of(model)
        with pytest.raises(error, match=message):
            fit(model, DATA, loss, SGD(model.parameters(), 0.1), epochs=1, progress=False)
        assert numbers_of(model) == before


def test_a_run_that_diverges_stops_before_the_weights_are_nan() -> None:
    model, history = Line(), History()
    data = [1e3], [1.0]
    with pytest.raises(
        FloatingPointError, match=r"the loss is inf in epoch \d+, batch 1; no step .* learning rate"
    ):
        fit(model, data, mse_loss, SGD(model.parameters(), 1.0), epochs=500, progress=False, resume=history)
    assert math.isfinite(model.slope.data)
    assert all(map(math.isfinite, history.step_loss))
    assert history.stopped == "ended by FloatingPointError"
    assert len(history.step_loss) > 10


def test_a_gradient_that_is_not_finite_is_named() -> None:
    class Root(Line):
        def __call__(self, x: float) -> Value:
            return (self.slope * x).sqrt()

    model = Root()
    with pytest.raises(FloatingPointError, match=r"the gradient of slope is -?(inf|nan) in epoch 1, batch 1"):
        fit(model, ([1.0], [1.0]), mse_loss, SGD(model.parameters(), 0.1), epochs=1, progress=False)
    assert model.slope.data == 0.0


# What is shown ------------------------------------------------------------------------------------


def _small(**more: Any) -> History:
    model = MLP(2, [1], seed=0)
    return fit(model, DATA, hinge_loss, SGD(model.parameters(), 0.1), batch_size=4, **({"epochs": 3} | more))


def test_lines_where_there_is_no_tqdm(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("nn.progress.find_spec", lambda name: None)
    history = _small(epochs=41, validation=VALIDATION)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 14
    assert lines[0] == f"epoch  3/41  loss {history.loss[2]:.4g}  val_loss {history.val_loss[2]:.4g}"
    assert lines[-1].startswith("epoch 41/41  loss ")


def test_a_bar_where_there_is(capfd: Any) -> None:
    pytest.importorskip("tqdm")
    history = _small(validation=VALIDATION)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "9/9" in shown.err
    assert f"loss={history.loss[-1]:.4g}, val_loss={history.val_loss[-1]:.4g}" in shown.err


def test_nothing_if_so_wished(capfd: Any) -> None:
    _small(progress=False)
    assert capfd.readouterr() == ("", "")


def test_a_history_is_told_in_lines() -> None:
    assert repr(History()) == "0 epochs, 0 steps"
    assert repr(History(step_loss=[0.5, 0.25])) == "0 epochs, 2 steps\n  step_loss 0.5 → 0.25"
    assert repr(History([0.5, 0.25], [math.nan, 0.75], [0.5, 0.25], stopped="early stopping")) == (
        "2 epochs, 2 steps; early stopping\n"
        "  loss      0.5 → 0.25\n"
        "  val_loss  nan → 0.75, lowest 0.75 in epoch 2"
    )


def test_a_history_of_something_else_is_refused() -> None:
    history = History([1.0])
    with pytest.raises(ValueError, match=r"a history consists of loss, val_loss, .* not weights"):
        history.load_state_dict({"weights": []})
    assert history.loss == [1.0]
