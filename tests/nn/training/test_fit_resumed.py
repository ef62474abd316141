"""fit: a run that was interrupted anywhere resumes bit-identically."""

import _thread
import json
import random
import threading
from typing import Any

import pytest

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
    RMSprop,
    StepLR,
    fit,
    hinge_loss,
)
from nn.data import two_moons

from ..._support.faults import NN, lines_of, stopped_at
from ..._support.fits import DATA, VALIDATION, Noisy, numbers_of


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
            self.model.random.getstate(), self.model.mean, self.model.count, self.model.sums,
            history.state_dict() | {"stopped": ""},
        )  # fmt: skip


settings = pytest.mark.parametrize("which", range(4), ids=["momentum", "adam", "rmsprop", "adamw"])


@settings
def test_resumed_run_is_bit_identical(which: int, capsys: Any) -> None:
    whole = Setting(which)
    expected = whole.everything(whole.fit())
    lines = lines_of(Setting(which).fit, NN)
    rng = random.Random(which)
    for _ in range(40):
        setting, history = Setting(which), History()
        assert stopped_at(rng.randint(1, lines), lambda s=setting, h=history: s.fit(h), KeyboardInterrupt, NN)
        if rng.random() < 0.5:  # more than once
            stopped_at(
                rng.randint(1, lines // 2), lambda s=setting, h=history: s.fit(h), KeyboardInterrupt, NN
            )
        assert setting.everything(setting.fit(history)) == expected


@settings
def test_interrupt_restores_the_last_complete_step(which: int, capsys: Any) -> None:
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
def test_run_resumes_in_another_process_from_json(which: int, capsys: Any) -> None:
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
        p.data = 0.125  # replaces the initial weight
    history.load_state_dict(json.loads(text))
    assert fresh.everything(fresh.fit(history)) == expected


@settings
def test_finished_run_resumes_with_more_epochs(which: int) -> None:
    whole, halves = Setting(which), Setting(which)
    expected = whole.everything(whole.fit(epochs=6, patience=10))
    assert halves.everything(halves.fit(halves.fit(epochs=2, patience=10), epochs=6, patience=10)) == expected


def test_resuming_a_finished_run_is_a_no_op() -> None:
    setting = Setting(0)
    history = setting.fit()
    before = setting.everything(history)
    assert setting.everything(setting.fit(history)) == before


@pytest.mark.usefixtures("interruptible")
def test_interrupt_from_another_thread_resumes(capsys: Any) -> None:
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


def test_other_error_restores_the_last_complete_step_and_resumes() -> None:
    whole = Setting(1)
    expected = whole.everything(whole.fit())
    setting, history = Setting(1), History()
    assert stopped_at(10_000, lambda: setting.fit(history), OSError, NN)
    assert history.stopped == "ended by OSError"
    assert setting.everything(setting.fit(history)) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 5}, "batch_size=5 instead of 4. Pass the same arguments"),
        ({"seed": 3}, "seed=3 instead of 0"),
        ({"validation": None, "patience": None}, "validation samples=None instead of 6"),
        ({"data": two_moons(12, 0.1, seed=0)}, "samples=12 instead of 11"),
        ({"schedule": None}, "schedule=None instead of 'StepLR'"),
        ({"optimizer": "adam"}, "optimizer='Adam' instead of 'SGD'"),
        ({"model": "other"}, "parameters=3 instead of 9"),
    ],
)
def test_resume_with_other_settings_raises_value_error(change: dict[str, Any], message: str) -> None:
    setting = Setting(0)
    history = setting.fit(epochs=1)
    model: Module = MLP(2, [1], seed=0) if change.get("model") else setting.model
    before = numbers_of(model), len(history.step_loss)
    optimizer: Any = setting.optimizer
    if len(change) == 1 and {"model", "optimizer"} & set(change):
        optimizer = (Adam if "optimizer" in change else SGD)(model.parameters(), 0.1)
    arguments = {
        "data": DATA, "loss": hinge_loss, "epochs": 2, "batch_size": 4, "validation": VALIDATION,
        "schedule": setting.schedule if optimizer is setting.optimizer else None, "progress": False,
        "resume": history,
    } | {name: x for name, x in change.items() if name not in ("model", "optimizer")}  # fmt: skip
    with pytest.raises(ValueError, match=message):
        fit(model, optimizer=optimizer, **arguments)
    assert (numbers_of(model), len(history.step_loss)) == before
