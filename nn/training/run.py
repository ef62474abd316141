"""Run: the arguments and the position of a training run, saved after each step and restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autograd import Value
from autograd.system.messages import short, type_and_value

from ..checks import check_function, check_int
from ..module import Module
from ..optim.optimizers import Optimizer
from ..optim.schedules import Schedule
from .history import Checkpoint, History, read_buffers, write_buffers
from .samples import Forward, Samples, dry_run

#: A function of predictions and targets that returns one Value.
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
    connected: bool = False  # True once a loss was found to depend on the parameters

    def check(self) -> None:
        """Raise an error for any invalid argument, before anything changes."""
        if not isinstance(self.model, Module):
            raise TypeError(
                f"fit() expected a Module for model, got {type_and_value(self.model)}. "
                "Pass a model such as MLP(2, [16, 1])."
            )
        if not isinstance(self.optimizer, Optimizer):
            raise TypeError(
                f"fit() expected an Optimizer for optimizer, got {type_and_value(self.optimizer)}. "
                "Pass one of nn, such as SGD(model.parameters())."
            )
        if not isinstance(self.history, History):
            raise TypeError(
                f"fit() expected a History for resume, got {type_and_value(self.history)}. "
                "Pass the History of the run to resume."
            )
        check_function("fit", "loss", self.loss, "Pass a loss such as mse_loss")
        check_function("fit", "forward", self.forward, "Pass a function of the model and the inputs")
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            unset = value is None and name != "epochs"
            if not unset:
                check_int("fit", name, value)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int | None):
            raise TypeError(
                f"fit() expected an int or None for seed, got {type_and_value(self.seed)}. "
                "Pass None to keep the order of the samples."
            )
        if self.patience is not None and self.validation is None:
            raise ValueError(
                f"fit() expected validation data for patience={self.patience}, got validation=None. "
                "Pass validation=(inputs, targets)."
            )
        if not isinstance(self.schedule, Schedule | None):
            raise TypeError(
                f"fit() expected a Schedule or None for schedule, got {type_and_value(self.schedule)}. "
                "Pass one of nn, such as StepLR(optimizer, 10)."
            )
        if self.schedule is not None and self.schedule.optimizer is not self.optimizer:
            raise ValueError(
                f"fit() expected a schedule of its optimizer, got {short(self.schedule)} of another "
                "optimizer. Create the schedule with the optimizer that you pass."
            )
        if self.schedule_every not in ("epoch", "step"):
            raise ValueError(
                "fit() expected 'epoch' or 'step' for schedule_every, got "
                f"{type_and_value(self.schedule_every)}. Pass one of them."
            )
        own = self.model.parameters()
        if not set(own) & set(self.optimizer.parameters):
            raise ValueError(
                f"fit() expected an optimizer of parameters of the model, got {short(self.optimizer)}, "
                "which has none of them. Create it with model.parameters()."
            )
        self.parameters = list(dict.fromkeys([*own, *self.optimizer.parameters]))
        self.modules = self.model.modules()
        self.size = len(self.data.inputs) if self.batch_size is None else self.batch_size
        self.batches = -(-len(self.data.inputs) // self.size)
        dry_run(self.model, self.data, self.loss, self.forward, "data")
        if self.validation is not None:
            dry_run(self.model, self.validation, self.loss, self.forward, "validation")
        if self.history.checkpoint is None:
            if self.schedule is not None:
                self.schedule.check()
            self.save()
        elif differences := [
            f"{name}={short(current)} instead of {short(former)}"
            for name, current in self.settings.items()
            if (former := self.history.checkpoint.settings.get(name)) != current
        ]:
            raise ValueError(
                f"fit() expected the settings of the run to resume, got {', '.join(differences)}. "
                "Pass the same arguments as before, or start a new run without resume."
            )

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that must not differ when a run resumes."""
        hyperparameters = self.optimizer.hyperparameters
        del hyperparameters["lr"]
        return {
            "samples": len(self.data.inputs),
            "validation samples": self.validation and len(self.validation.inputs),
            "batch_size": self.size,
            "seed": self.seed,
            "parameters": len(self.parameters),
            "optimizer": type(self.optimizer).__name__,
            **{name: [*x] if isinstance(x, tuple) else x for name, x in hyperparameters.items()},
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
        checkpoint = self.history.checkpoint
        if checkpoint is None:
            return
        self.epoch, self.batch, self.total = checkpoint.epoch, checkpoint.batch, checkpoint.total
        self.best = checkpoint.best
        self.write(checkpoint.parameters, checkpoint.buffers)
        for state, saved_state in zip(self.optimizer.state, checkpoint.state, strict=True):
            state[:] = saved_state
        if self.schedule is not None and checkpoint.schedule is not None:
            self.schedule.base_lr, last_epoch = checkpoint.schedule
            self.schedule.at(last_epoch)
        self.optimizer.lr = checkpoint.lr
        steps = self.epoch * self.batches + self.batch
        del self.history.step_loss[steps:], self.history.lr[steps:]
        del self.history.loss[self.epoch :], self.history.val_loss[self.epoch :]

    def write(self, parameters: list[float], buffers: dict[str, Any]) -> None:
        """Write the parameters and the buffers of the model."""
        for p, number in zip(self.parameters, parameters, strict=True):
            p.data = number
        write_buffers(self.modules, buffers)

    @property
    def exhausted(self) -> bool:
        """True if the validation loss has not decreased for ``patience`` epochs."""
        best = self.history.best_epoch
        epochs_since_best = len(self.history.val_loss) - (0 if best is None else best + 1)
        return self.patience is not None and epochs_since_best >= self.patience
