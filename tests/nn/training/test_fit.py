"""fit: its steps and epochs, early stopping, and progress."""

import math
import random
from itertools import chain
from typing import Any

import pytest

import autograd
from autograd import Value
from nn import (
    MLP,
    SGD,
    Adam,
    History,
    StepLR,
    cross_entropy,
    evaluate,
    fit,
    hinge_loss,
    mse_loss,
)
from nn.data import two_moons
from nn.training.samples import batches_of

from ..._support.fits import DATA, VALIDATION, Line, numbers_of

# Steps and epochs ---------------------------------------------------------------------------------


def test_fit_is_bit_identical_to_an_explicit_loop() -> None:
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
    calls: list[list[float]] = []
    model = MLP(1, [1], seed=0)

    def forward(model: Any, inputs: Any) -> list[Value]:
        calls.append([x for (x,) in inputs])
        return [model(x) for x in inputs]

    data = [[float(i)] for i in range(7)], [0.0] * 7
    fit(model, data, mse_loss, SGD(model.parameters(), 0.0), epochs=2, batch_size=3, forward=forward)
    rehearsal, *batches = calls
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


def test_fit_accepts_arrays() -> None:
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


def test_evaluate_returns_a_float_without_a_graph() -> None:
    model = MLP(2, [1], seed=0)
    loss = evaluate(model, DATA, hinge_loss)
    assert loss == hinge_loss([model(x) for x in DATA[0]], DATA[1]).data
    assert all(p.grad == 0.0 for p in model.parameters())


def test_callbacks_run_between_backward_and_update() -> None:
    model = MLP(2, [1], seed=0)
    start = numbers_of(model)
    calls: list[Any] = []
    fit(
        model, DATA, hinge_loss, SGD(model.parameters(), 0.1), epochs=1, batch_size=None, progress=False,
        callbacks=[lambda loss: calls.append((loss.data, numbers_of(model), model.parameters()[0].grad))],
        epoch_callbacks=[lambda history: calls.append((history.loss[:], numbers_of(model)))],
    )  # fmt: skip
    (loss, before, slope), (losses, after) = calls
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
def test_fit_steps_the_schedule(every: Any, steps: int) -> None:
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


def test_early_stopping_restores_the_best_weights() -> None:
    """The training data fit a slope of 10, the validation data 1, so the best epoch is an early one."""
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


def test_unexhausted_patience_restores_the_best_weights() -> None:
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


# Progress and repr --------------------------------------------------------------------------------


def _small(**more: Any) -> History:
    model = MLP(2, [1], seed=0)
    return fit(model, DATA, hinge_loss, SGD(model.parameters(), 0.1), batch_size=4, **({"epochs": 3} | more))


def test_progress_without_tqdm_prints_lines(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("nn.training.progress.find_spec", lambda name: None)
    history = _small(epochs=41, validation=VALIDATION)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 14
    assert lines[0] == f"epoch  3/41  loss {history.loss[2]:.4g}  val_loss {history.val_loss[2]:.4g}"
    assert lines[-1].startswith("epoch 41/41  loss ")


def test_progress_with_tqdm_shows_a_bar(capfd: Any) -> None:
    pytest.importorskip("tqdm")
    history = _small(validation=VALIDATION)
    output = capfd.readouterr()
    assert output.out == ""
    assert "9/9" in output.err
    assert f"loss={history.loss[-1]:.4g}, val_loss={history.val_loss[-1]:.4g}" in output.err


def test_progress_false_prints_nothing(capfd: Any) -> None:
    _small(progress=False)
    assert capfd.readouterr() == ("", "")


def test_history_repr_shows_the_losses() -> None:
    assert repr(History()) == "0 epochs, 0 steps"
    assert repr(History(step_loss=[0.5, 0.25])) == "0 epochs, 2 steps\n  step_loss 0.5 → 0.25"
    assert repr(History([0.5, 0.25], [math.nan, 0.75], [0.5, 0.25], stopped="early stopping")) == (
        "2 epochs, 2 steps; early stopping\n"
        "  loss      0.5 → 0.25\n"
        "  val_loss  nan → 0.75, lowest 0.75 in epoch 2"
    )


def test_history_load_state_dict_of_other_keys_raises() -> None:
    history = History([1.0])
    with pytest.raises(ValueError, match=r"the keys loss, val_loss, .* got dict {'weights': \[\]}\. Pass"):
        history.load_state_dict({"weights": []})
    assert history.loss == [1.0]
