"""fit: the four steps of training in a loop, with validation, early stopping, callbacks and resuming."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

from autograd import Value, no_grad, topological_order
from autograd.system.messages import replace_controls, type_and_value, type_name

from ..checks import check_function, check_functions, check_result
from ..module import Module
from ..optim.optimizers import Optimizer
from ..optim.schedules import Schedule
from .history import History, read_buffers
from .progress import Progress
from .run import Loss, Run
from .samples import Data, Forward, batches_of, call_each, check_pair, check_samples, mode

#: The largest number of progress lines if there is no bar.
LINES = 20


def evaluate(
    model: Module, data: Data, loss: Callable[[Any, Any], Any], forward: Forward = call_each
) -> float:
    """Compute the loss, or another number, of predictions and targets in evaluation mode and without a graph.

    >>> from nn import MLP, mse_loss
    >>> round(evaluate(MLP(1, [1], seed=0), ([[0.0], [0.0]], [1.0, 3.0]), mse_loss), 6)
    5.0

    Args:
        model: A :class:`Module`.
        data: A pair of inputs and targets.
        loss: A function of predictions and targets, such as a loss or :func:`accuracy`.
        forward: A function ``forward(model, inputs)`` that returns the predictions. By default the model is
            called with one sample at a time.

    Returns:
        The loss as a float.

    Raises:
        TypeError: If ``model`` is not a Module, ``loss`` is not callable or does not return a number, or
            ``data`` is not a pair of inputs and targets.
    """
    if not isinstance(model, Module):
        raise TypeError(
            f"evaluate() expected a Module for model, got {type_and_value(model)}. "
            "Pass a model such as MLP(2, [16, 1])."
        )
    check_function("evaluate", "loss", loss, "Pass a loss such as mse_loss")
    check_function("evaluate", "forward", forward, "Pass a function of the model and the inputs")
    inputs, targets = check_pair("evaluate", "data", data)
    with mode(model, training=False), no_grad():
        return check_result("evaluate", "loss", loss(forward(model, inputs), targets))


def fit(
    model: Module,
    data: Data,
    loss: Loss,
    optimizer: Optimizer,
    *,
    epochs: int,
    batch_size: int | None = 32,
    validation: Data | None = None,
    patience: int | None = None,
    schedule: Schedule | None = None,
    schedule_every: Literal["epoch", "step"] = "epoch",
    callbacks: Iterable[Callable[[Value], object]] = (),
    epoch_callbacks: Iterable[Callable[[History], object]] = (),
    seed: int | None = 0,
    progress: bool = True,
    forward: Forward = call_each,
    resume: History | None = None,
) -> History:
    """Train a model: forward, loss, backward and update for each batch, ``epochs`` times over the data.

    >>> from nn import MLP, SGD, fit, hinge_loss
    >>> from nn.data import two_moons
    >>> model = MLP(2, [8, 1], seed=0)
    >>> optimizer = SGD(model.parameters(), lr=0.2)
    >>> data = two_moons(40, seed=0)
    >>> history = fit(model, data, hinge_loss, optimizer, epochs=10, batch_size=10, progress=False)
    >>> len(history.loss), len(history.step_loss), history.loss[-1] < 0.5 * history.loss[0]
    (10, 40, True)

    If training is interrupted (Ctrl-C, or the stop button of a notebook), it returns the history so far and
    leaves the model as it was after the last complete step. ``fit(..., resume=history)`` with the same
    arguments resumes from there, bit-identical to a run without interruption; a finished run resumes with
    more ``epochs``. Random numbers are repeated if they come from a ``random.Random`` in the model. To keep
    the history through any other error, pass ``resume=History()`` to the first call.

    All arguments are checked before anything changes. The check includes a dry run of the model on one
    sample of each shape, and of the loss on every target.

    Args:
        model: A :class:`Module`.
        data: A pair of inputs and targets.
        loss: A function of predictions and targets that returns a Value, such as :func:`hinge_loss`.
        optimizer: An :class:`Optimizer` of the parameters of the model.
        epochs: The number of passes over the data.
        batch_size: The number of samples in a step; None takes all samples.
        validation: A pair of inputs and targets; their loss is recorded after each epoch.
        patience: A number of epochs; it requires ``validation``. Training stops when the validation loss has
            not decreased for that many epochs. In the end the model has the weights of the epoch with the
            lowest validation loss.
        schedule: A :class:`Schedule` of the optimizer.
        schedule_every: "epoch" or "step": when the schedule makes a step.
        callbacks: Functions of the loss, called after each backward pass, such as ``autograd.watch(model)``.
        epoch_callbacks: Functions of the history, called after each epoch.
        seed: An int from which the order of the samples is drawn in each epoch; None keeps their order.
        progress: Show a progress bar, or lines of text if tqdm is not installed.
        forward: A function ``forward(model, inputs)`` that returns the predictions of a batch. By default the
            model is called with one sample at a time.
        resume: The History of a run to resume.

    Returns:
        The history of the run.

    Raises:
        FloatingPointError: If a loss or a gradient is infinite or nan. No step is made with it.
        ValueError: If data are empty or not finite, the numbers of inputs and targets differ, the loss does
            not depend on a parameter, a setting is out of its range, or ``resume`` is from another run.
        TypeError: If an argument is of the wrong type, or the loss is not a Value.
    """
    run = Run(
        model, optimizer, loss, forward, check_samples("data", data),
        None if validation is None else check_samples("validation", validation),
        epochs, batch_size, seed, patience, schedule, schedule_every,
        check_functions("fit", "callbacks", callbacks),
        check_functions("fit", "epoch_callbacks", epoch_callbacks),
        History() if resume is None else resume,
    )  # fmt: skip
    run.check()
    history = run.history
    history.stopped = ""
    bar = Progress(epochs * run.batches, "training", "step", initial=len(history.step_loss), show=progress)
    with mode(model, training=True):
        try:
            run.restore()
            _train(run, bar)
        except KeyboardInterrupt:
            run.restore()
            history.stopped = "interrupted"
            print(
                f"Interrupted in epoch {min(run.epoch + 1, epochs)} of {epochs}, after {run.batch} of "
                f"{run.batches} batches. Resume with fit(..., resume=history)."
            )
        except BaseException as error:
            run.restore()
            history.stopped = f"ended by {type_name(error)}"
            raise
        finally:
            bar.close()
    return history


def _train(run: Run, bar: Progress) -> None:
    """Train from the current step to the end."""
    while run.epoch < run.epochs and not run.exhausted:
        batches = batches_of(len(run.data.inputs), run.size, run.seed, run.epoch)
        for indices in batches[run.batch :]:
            _step(run, indices)
            bar.advance(loss=f"{run.history.step_loss[-1]:.4g}")
        _end_epoch(run)
        numbers = {name: f"{x[-1]:.4g}" for name in ("loss", "val_loss") if (x := getattr(run.history, name))}
        bar.note(**numbers)
        if run.epoch % -(-run.epochs // LINES) == 0 or run.epoch == run.epochs or run.exhausted:
            line = "  ".join(f"{name} {x}" for name, x in numbers.items())
            bar.say(f"epoch {run.epoch:{len(str(run.epochs))}}/{run.epochs}  {line}")
        for callback in run.epoch_callbacks:
            callback(run.history)
    if run.epoch < run.epochs:
        run.history.stopped = "early stopping"
    if run.patience is not None and run.best is not None:
        run.write(*run.best)


def _step(run: Run, indices: list[int]) -> None:
    """Make the four steps of training on one batch."""
    predictions = run.forward(run.model, [run.data.inputs[i] for i in indices])  # 1 forward
    loss = run.loss(predictions, [run.data.targets[i] for i in indices])  # 2 loss
    if not isinstance(loss, Value):
        raise TypeError(
            f"fit() expected the loss function to return a Value, got {type_and_value(loss)}. "
            "Compute the loss with operations on Values."
        )
    if not run.connected:
        if not set(topological_order(loss)) & set(run.optimizer.parameters):
            raise ValueError(
                f"fit() expected a loss that depends on a parameter of the optimizer, got {loss!r}, which "
                "does not. Look for .data, detach() or no_grad() between the model and the loss."
            )
        run.connected = True
    for p in run.parameters:
        p.zero_grad()
    loss.backward()  # 3 backward
    for callback in run.callbacks:
        callback(loss)
    _check_finite(run, loss)
    run.history.step_loss.append(loss.data)
    run.history.lr.append(run.optimizer.lr)
    run.optimizer.step()  # 4 update
    if run.schedule is not None and run.schedule_every == "step":
        run.schedule.step()
    run.batch, run.total = run.batch + 1, run.total + loss.data * len(indices)
    run.save()


def _check_finite(run: Run, loss: Value) -> None:
    """Raise FloatingPointError if the loss or a gradient is not finite; it would make every weight nan."""
    where = f"in epoch {run.epoch + 1}, batch {run.batch + 1}"
    remedy = "No step was made with it. Try a smaller learning rate, or clip the gradients in a callback."
    if not math.isfinite(loss.data):
        raise FloatingPointError(f"fit() expected a finite loss, got {loss.data!r} {where}. {remedy}")
    for p in run.optimizer.parameters:
        if not math.isfinite(p.grad):
            name = next((name for name, own in run.model.named_parameters() if own is p), repr(p))
            raise FloatingPointError(
                f"fit() expected finite gradients, got {p.grad!r} for {replace_controls(name)} {where}. "
                f"{remedy}"
            )


def _end_epoch(run: Run) -> None:
    """Compute the validation loss, step the schedule, and record the epoch."""
    if run.validation is not None:
        run.history.val_loss.append(evaluate(run.model, run.validation, run.loss, run.forward))
        if run.history.best_epoch == run.epoch:
            run.best = [[p.data for p in run.parameters], read_buffers(run.modules)]
    if run.schedule is not None and run.schedule_every == "epoch":
        run.schedule.step()
    run.history.loss.append(run.total / len(run.data.inputs))
    run.epoch, run.batch, run.total = run.epoch + 1, 0, 0.0
    run.save()
