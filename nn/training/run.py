"""Run: the arguments and the position of a training run, saved after each step and restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autograd import Value
from autograd.system.messages import short, type_and_value, type_name

from ..checks import check_int
from ..module import Module
from ..optim.optimizers import Optimizer
from ..optim.schedules import Schedule
from .history import Checkpoint, History, read_buffers, write_buffers
from .samples import Forward, Samples, rehearse

#: Predictions and targets to one number.
Loss = Callable[[Any, Any], Value]


@dataclass
class Run:
    """The arguments of fit(), and the position of the run."""

    model: Module
    optimizer: Optimizer
    loss: Loss
    forward: Forward
    data: Samples
    validation: Samples | None
    epochs: int
    batch_size: int | None
    seed: int | None
    patience: int | None
    schedule: Schedule | None
    schedule_every: str
    callbacks: list[Callable[[Value], object]]
    epoch_callbacks: list[Callable[[History], object]]
    history: History
    epoch: int = 0
    batch: int = 0
    total: float = 0.0
    best: list[Any] | None = None
    connected: bool = False  # whether a loss was seen to depend on the parameters

    def check(self) -> None:
        """Raise an error for any invalid argument, before anything changes."""
        if not isinstance(self.model, Module):
            raise TypeError(f"fit trains a Module, not {type_and_value(self.model)}")
        if not isinstance(self.optimizer, Optimizer):
            raise TypeError(f"fit takes an optimiser of nn, such as SGD, not {type_name(self.optimizer)}")
        if not isinstance(self.history, History):
            raise TypeError(f"fit resumes the History of another fit, not {type_name(self.history)}")
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            unset = value is None and name != "epochs"
            if not unset:
                check_int(name, value)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int | None):
            raise TypeError(
                f"seed must be an int, or None to keep the order of the samples, not {short(self.seed)}"
            )
        if self.patience is not None and self.validation is None:
            raise ValueError("patience waits for the validation loss to fall: give validation data")
        if not isinstance(self.schedule, Schedule | None):
            raise TypeError(f"fit takes a schedule of nn, such as StepLR, not {type_name(self.schedule)}")
        if self.schedule is not None and self.schedule.optimizer is not self.optimizer:
            raise ValueError("the schedule is that of another optimiser")
        if self.schedule_every not in ("epoch", "step"):
            raise ValueError(f'schedule_every must be "epoch" or "step", not {short(self.schedule_every)}')
        own = self.model.parameters()
        if not set(own) & set(self.optimizer.parameters):
            raise ValueError("the optimiser moves no parameter of the model: make it of model.parameters()")
        self.parameters = list(dict.fromkeys([*own, *self.optimizer.parameters]))
        self.modules = self.model.modules()
        self.size = len(self.data.inputs) if self.batch_size is None else self.batch_size
        self.batches = -(-len(self.data.inputs) // self.size)
        rehearse(self.model, self.data, self.loss, self.forward, "data")
        if self.validation is not None:
            rehearse(self.model, self.validation, self.loss, self.forward, "validation")
        if self.history.checkpoint is None:
            if self.schedule is not None:
                self.schedule.check()
            self.save()
        elif differing := [
            f"{name} was {short(was)} and is {short(now)}"
            for name, now in self.settings.items()
            if (was := self.history.checkpoint.settings.get(name)) != now
        ]:
            raise ValueError(f"the run to resume was another one: {', '.join(differing)}")

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that must not differ when a run resumes."""
        rest = self.optimizer.hyperparameters
        del rest["lr"]
        return {
            "samples": len(self.data.inputs),
            "validation samples": self.validation and len(self.validation.inputs),
            "batch_size": self.size,
            "seed": self.seed,
            "parameters": len(self.parameters),
            "optimizer": type(self.optimizer).__name__,
            **{name: [*x] if isinstance(x, tuple) else x for name, x in rest.items()},
            "schedule": None if self.schedule is None else type(self.schedule).__name__,
            "schedule_every": self.schedule_every,
        }

    def save(self) -> None:
        """Save the checkpoint. This is atomic: an interrupt leaves the old checkpoint or the new one."""
        self.history.checkpoint = Checkpoint(
            self.settings, self.epoch, self.batch, self.total,
            [p.data for p in self.parameters],
            [[*state] for state in self.optimizer.state],
            self.optimizer.lr,
            None if self.schedule is None else [self.schedule.base_lr, self.schedule.last_epoch],
            read_buffers(self.modules),
            self.best,
        )  # fmt: skip

    def restore(self) -> None:
        """Restore the checkpoint."""
        record = self.history.checkpoint
        if record is None:
            return
        self.epoch, self.batch, self.total, self.best = record.epoch, record.batch, record.total, record.best
        self.put(record.parameters, record.buffers)
        for own, kept in zip(self.optimizer.state, record.state, strict=True):
            own[:] = kept
        if self.schedule is not None and record.schedule is not None:
            self.schedule.base_lr, last_epoch = record.schedule
            self.schedule.at(last_epoch)
        self.optimizer.lr = record.lr
        steps = self.epoch * self.batches + self.batch
        del self.history.step_loss[steps:], self.history.lr[steps:]
        del self.history.loss[self.epoch :], self.history.val_loss[self.epoch :]

    def put(self, parameters: list[float], buffers: dict[str, Any]) -> None:
        """Write the parameters and the buffers of the model."""
        for p, number in zip(self.parameters, parameters, strict=True):
            p.data = number
        write_buffers(self.modules, buffers)

    @property
    def exhausted(self) -> bool:
        """True if the validation loss has not decreased for ``patience`` epochs."""
        best = self.history.best_epoch
        waited = len(self.history.val_loss) - (0 if best is None else best + 1)
        return self.patience is not None and waited >= self.patience
