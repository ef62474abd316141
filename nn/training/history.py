"""History: the losses of a training run, and the checkpoint from which it resumes."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from autograd.system.messages import replace_controls, type_and_value

from ..checks import check_number
from ..inputs import is_listed
from ..kinds import is_mapping
from ..module import Module


class Checkpoint(NamedTuple):
    """The complete state of a run after a step, made of numbers, lists and dicts only."""

    settings: dict[str, Any]  # the settings that must be the same when the run resumes
    epoch: int  # the number of complete epochs
    batch: int  # the number of complete batches of the next epoch
    total: float  # the sum of the losses of the samples in these batches
    parameters: list[float]
    state: list[list[float]]  # the state of the optimizer for each parameter
    lr: float
    schedule: list[Any] | None  # base_lr and last_epoch of the schedule
    buffers: dict[str, Any]  # the running statistics and random states of the modules
    best: list[Any] | None  # parameters and buffers at the lowest validation loss


@dataclass(repr=False)
class History:
    """The history of a run of :func:`nn.fit`: its losses, and the checkpoint from which it resumes.

    >>> history = History(loss=[0.5, 0.25], val_loss=[0.5, 0.375], step_loss=[0.5, 0.25], lr=[0.1, 0.1])
    >>> history
    2 epochs, 2 steps
      loss      0.5 → 0.25
      val_loss  0.5 → 0.375, lowest 0.375 in epoch 2
    >>> history.best_epoch
    1

    ``state_dict()`` consists of numbers, strings, lists and dicts only, so that it can be written as JSON. A
    History that has loaded it can be resumed in another process.
    """

    #: The mean training loss over the samples, for each epoch.
    loss: list[float] = field(default_factory=list[float])
    #: The loss on the validation data, after each epoch.
    val_loss: list[float] = field(default_factory=list[float])
    #: The loss of the batch, for each step.
    step_loss: list[float] = field(default_factory=list[float])
    #: The learning rate, for each step.
    lr: list[float] = field(default_factory=list[float])
    #: The reason why the run ended early, such as "interrupted" or "early stopping"; otherwise empty.
    stopped: str = ""
    #: The state from which the run resumes.
    checkpoint: Checkpoint | None = None

    def __post_init__(self) -> None:
        for name in ("loss", "val_loss", "step_loss", "lr"):
            numbers = vars(self)[name]
            if not is_listed(numbers):
                raise TypeError(
                    f"History() expected a list of numbers for {name}, got {type_and_value(numbers)}. "
                    "Leave it out, as fit() does."
                )
            vars(self)[name] = [check_number("History", f"{name}[{i}]", x) for i, x in enumerate(numbers)]

    @property
    def best_epoch(self) -> int | None:
        """The index of the epoch with the lowest validation loss, the first of equals; None without one."""
        finite = [i for i, loss in enumerate(self.val_loss) if not math.isnan(loss)]
        return min(finite, key=self.val_loss.__getitem__, default=None)

    def state_dict(self) -> dict[str, Any]:
        """Return the whole history as numbers, strings, lists and dicts."""
        attributes = vars(self) | {"checkpoint": self.checkpoint and self.checkpoint._asdict()}
        return {name: [*x] if isinstance(x, list) else x for name, x in attributes.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Replace the history by a saved one.

        Args:
            state_dict: The ``state_dict()`` of a History.

        Raises:
            ValueError: If the keys are not those of a History and its checkpoint.
            TypeError: If ``state_dict`` is not a mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"History.load_state_dict() expected a mapping, got {type_and_value(state_dict)}. "
                "Pass the state_dict() of a History."
            )
        if set(state_dict) != set(vars(self)):
            raise ValueError(
                f"History.load_state_dict() expected the keys {', '.join(vars(self))}, got "
                f"{type_and_value(state_dict)}. Pass the state_dict() of a History."
            )
        checkpoint = state_dict["checkpoint"]
        if checkpoint is not None and (not is_mapping(checkpoint) or {*checkpoint} != {*Checkpoint._fields}):
            raise ValueError(
                f"History.load_state_dict() expected a dict with the keys {', '.join(Checkpoint._fields)} "
                f"for state_dict['checkpoint'], got {type_and_value(checkpoint)}. Pass the state_dict() of "
                "a History."
            )
        self.__dict__.update(state_dict, checkpoint=checkpoint and Checkpoint(**checkpoint))

    def __repr__(self) -> str:
        head = f"{_count(len(self.loss), 'epoch')}, {_count(len(self.step_loss), 'step')}"
        lines = [head + (f"; {replace_controls(self.stopped)}" if self.stopped else "")]
        if self.loss:
            lines.append(f"  loss      {self.loss[0]:.4g} → {self.loss[-1]:.4g}")
        elif self.step_loss:
            lines.append(f"  step_loss {self.step_loss[0]:.4g} → {self.step_loss[-1]:.4g}")
        if self.val_loss:
            line = f"  val_loss  {self.val_loss[0]:.4g} → {self.val_loss[-1]:.4g}"
            if (best := self.best_epoch) is not None:
                line += f", lowest {self.val_loss[best]:.4g} in epoch {best + 1}"
            lines.append(line)
        return "\n".join(lines)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


# Buffers of a run: running statistics and random states of the modules, but not their parameters ------


def read_buffers(modules: Sequence[Module]) -> dict[str, Any]:
    """Return copies of the numbers, lists of numbers and generator states in the attributes of modules."""
    buffers: dict[str, Any] = {}
    for i, module in enumerate(modules):
        for name, attribute in vars(module).items():
            if (copy := _copy_plain(attribute)) is not None:
                buffers[f"{i}.{name}"] = copy
    return buffers


def write_buffers(modules: Sequence[Module], buffers: dict[str, Any]) -> None:
    """Restore the attributes that :func:`read_buffers` returned."""
    for key, saved in buffers.items():
        place, _, name = key.partition(".")
        attributes = vars(modules[int(place)])
        if isinstance(generator := attributes.get(name), random.Random):
            version, internal, spare = saved
            generator.setstate((version, tuple(internal), spare))
        elif isinstance(own := attributes.get(name), list):
            own[:] = saved
        else:
            attributes[name] = tuple(saved) if isinstance(own, tuple) else saved


def _copy_plain(x: Any) -> Any:
    if type(x) is float or type(x) is int:
        return x
    if type(x) is list or type(x) is tuple:
        items: list[Any] = [*x]
        return items if all(type(item) is float or type(item) is int for item in items) else None
    return x.getstate() if isinstance(x, random.Random) else None
