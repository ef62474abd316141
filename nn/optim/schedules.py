"""Schedules: the learning rate as a function of the step, with PyTorch's names and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

from autograd.system.messages import type_and_value, type_name

from ..checks import check_function, check_int, check_number, check_range, check_result, out_of_range
from .optimizers import Optimizer


def step_lr(step: int, base_lr: float, step_size: int, gamma: float) -> float:
    """Return base_lr multiplied by ``gamma`` once every ``step_size`` steps.

    >>> [step_lr(step, 8.0, step_size=2, gamma=0.5) for step in range(6)]
    [8.0, 8.0, 4.0, 4.0, 2.0, 2.0]
    """
    factor: float = gamma ** (step // step_size)
    return base_lr * factor


def cosine_annealing_lr(step: int, base_lr: float, T_max: int, eta_min: float = 0.0) -> float:
    """Return half a cosine from base_lr down to ``eta_min`` in ``T_max`` steps (Loshchilov and Hutter, 2017).

    >>> [round(cosine_annealing_lr(step, 8.0, T_max=4), 2) for step in range(5)]
    [8.0, 6.83, 4.0, 1.17, 0.0]
    """
    return eta_min + (base_lr - eta_min) * (1.0 + math.cos(math.pi * step / T_max)) / 2.0


def linear_lr(
    step: int, base_lr: float, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
) -> float:
    """Return a linear warm-up from base_lr · start_factor to base_lr · end_factor, constant afterwards.

    >>> [linear_lr(step, 8.0, start_factor=0.25, total_iters=3) for step in range(5)]
    [2.0, 4.0, 6.0, 8.0, 8.0]
    """
    progress = min(step, total_iters) / total_iters
    return base_lr * (start_factor + (end_factor - start_factor) * progress)


class Schedule:
    """Base class of the schedules, which set the learning rate to a pure function of the number of steps.

    The constructor sets the learning rate of step 0. Each call of ``step()``, after an epoch or after a step
    of the optimizer, sets the next one. ``base_lr`` is the learning rate of the optimizer at construction;
    ``last_epoch`` counts the calls of ``step()``.

    Args:
        optimizer: An :class:`Optimizer`.
        lr_at: A function ``lr_at(step, base_lr)`` that returns the learning rate.

    Raises:
        TypeError: If ``optimizer`` is not an Optimizer, or ``lr_at`` is not callable.
        ValueError: If a learning rate is negative or not finite.
    """

    def __init__(self, optimizer: Optimizer, lr_at: Callable[[int, float], float]) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type_name(self)}() expected an Optimizer, got {type_and_value(optimizer)}. "
                "Pass an optimizer of nn, such as SGD(model.parameters())."
            )
        remedy = "Pass a function of the step and the base learning rate"
        check_function(type_name(self), "lr_at", lr_at, remedy)
        self.optimizer = optimizer
        self.base_lr = optimizer.lr
        self._lr_at = lr_at
        self.at(0)

    @property
    def base_lr(self) -> float:
        """The learning rate of the optimizer at construction. It may be assigned between steps."""
        return self._base_lr

    @base_lr.setter
    def base_lr(self, base_lr: float) -> None:
        self._base_lr = check_range(type_name(self), "base_lr", base_lr)

    def step(self) -> None:
        """Set the next learning rate.

        Raises:
            RuntimeError: If something else, such as a second schedule, has changed the learning rate in the
                meantime. The change would be lost otherwise.
        """
        self.check()
        self.at(self.last_epoch + 1)

    def check(self) -> None:
        """Raise RuntimeError if the learning rate is not the one that this schedule has set."""
        if self.optimizer.lr != self._last_lr:
            raise RuntimeError(
                f"{type_name(self)}.step() expected the learning rate {self._last_lr!r}, which it has set, "
                f"got {self.optimizer.lr!r}. To change it, assign base_lr of the schedule. To combine two "
                "schedules, use one LambdaLR."
            )

    def at(self, last_epoch: int) -> None:
        """Set the learning rate of a given step, for example when training resumes from a checkpoint.

        Args:
            last_epoch: The number of steps, 0 or more.

        Raises:
            ValueError: If ``last_epoch`` is negative.
            TypeError: If ``last_epoch`` is not an int.
        """
        check_int(f"{type_name(self)}.at", "last_epoch", last_epoch, least=0)
        lr = self._lr_at(last_epoch, self.base_lr)
        self.optimizer.lr = lr
        self.last_epoch, self._last_lr = last_epoch, self.optimizer.lr

    def get_last_lr(self) -> list[float]:
        """Return the learning rate that this schedule has set, in a list of one, as in PyTorch."""
        return [self._last_lr]

    def __repr__(self) -> str:
        return f"{type_name(self)}(base_lr={self.base_lr!r}, last_epoch={self.last_epoch})"


class LambdaLR(Schedule):
    """The base learning rate multiplied by a function of the number of steps.

    >>> from autograd import Value
    >>> from nn import SGD
    >>> optimizer = SGD([Value(0.0)], lr=8.0)
    >>> schedule = LambdaLR(optimizer, lambda step: 1.0 / (1 + step))
    >>> schedule.step()
    >>> optimizer.lr
    4.0

    Args:
        optimizer: An :class:`Optimizer`.
        lr_lambda: A function of the number of steps that returns the factor.

    Raises:
        TypeError: If ``optimizer`` is not an Optimizer, or ``lr_lambda`` is not callable.
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        check_function(
            "LambdaLR", "lr_lambda", lr_lambda, "Pass a function of the step that returns a factor"
        )
        super().__init__(
            optimizer,
            lambda step, base_lr: base_lr * check_result("LambdaLR", "lr_lambda", lr_lambda(step)),
        )


class StepLR(Schedule):
    """The base learning rate, multiplied by ``gamma`` once every ``step_size`` steps.

    Args:
        optimizer: An :class:`Optimizer`.
        step_size: The number of steps between two changes, 1 or more.
        gamma: The factor, 0 or more.

    Raises:
        ValueError: If ``step_size`` is below 1, or ``gamma`` is negative or not finite.
        TypeError: If ``optimizer`` is not an Optimizer, ``step_size`` is not an int, or ``gamma`` is not a
            number.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        check_int("StepLR", "step_size", step_size)
        check_range("StepLR", "gamma", gamma)
        super().__init__(optimizer, lambda step, base_lr: step_lr(step, base_lr, step_size, gamma))


class CosineAnnealingLR(Schedule):
    """Half a cosine from the base learning rate down to ``eta_min`` in ``T_max`` steps.

    Args:
        optimizer: An :class:`Optimizer`.
        T_max: The number of steps, 1 or more.
        eta_min: The learning rate after ``T_max`` steps, 0 or more.

    Raises:
        ValueError: If ``T_max`` is below 1, or ``eta_min`` is negative or not finite.
        TypeError: If ``optimizer`` is not an Optimizer, ``T_max`` is not an int, or ``eta_min`` is not a
            number.

    Reference: Loshchilov and Hutter (2017).
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        check_int("CosineAnnealingLR", "T_max", T_max)
        check_range("CosineAnnealingLR", "eta_min", eta_min)
        super().__init__(optimizer, lambda step, base_lr: cosine_annealing_lr(step, base_lr, T_max, eta_min))


class LinearLR(Schedule):
    """A linear warm-up of the learning rate over ``total_iters`` steps, constant afterwards.

    Args:
        optimizer: An :class:`Optimizer`.
        start_factor: The factor of the base learning rate at step 0, above 0 and at most 1.
        end_factor: The factor after ``total_iters`` steps, between 0 and 1.
        total_iters: The number of steps, 1 or more.

    Raises:
        ValueError: If a factor or ``total_iters`` is out of its range.
        TypeError: If ``optimizer`` is not an Optimizer, ``total_iters`` is not an int, or a factor is not a
            number.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        check_int("LinearLR", "total_iters", total_iters)
        if not 0.0 < check_number("LinearLR", "start_factor", start_factor) <= 1.0:
            raise out_of_range("LinearLR", "start_factor", start_factor, "a number above 0 and at most 1")
        if not 0.0 <= check_number("LinearLR", "end_factor", end_factor) <= 1.0:
            raise out_of_range("LinearLR", "end_factor", end_factor, "a number between 0 and 1")
        super().__init__(
            optimizer,
            lambda step, base_lr: linear_lr(step, base_lr, start_factor, end_factor, total_iters),
        )
