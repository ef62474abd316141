"""Samples: the training data, checked before anything changes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Generator, Mapping, Sequence, Set
from contextlib import contextmanager
from typing import Any, NamedTuple

from autograd import Value, no_grad
from autograd.system.messages import type_and_value

from ..inputs import is_listed
from ..kinds import is_sequence
from ..module import Module

#: Inputs and targets, as many of each.
Data = tuple[Sequence[Any], Sequence[Any]]
#: A function of a model and inputs that returns a prediction for each input.
Forward = Callable[[Any, Sequence[Any]], Any]


def call_each(model: Any, inputs: Sequence[Any]) -> list[Any]:
    """Return the predictions of a model that takes one sample per call.

    >>> call_each(abs, [-1.0, 2.0])
    [1.0, 2.0]
    """
    return [model(x) for x in inputs]


class Samples(NamedTuple):
    """Inputs and their targets, checked by :func:`check_samples`."""

    inputs: list[Any]
    targets: list[Any]


def check_pair(function: str, name: str, data: Any) -> Data:
    """Return the inputs and the targets; raise TypeError if the data are not such a pair."""
    if not _has_length(data) or len(data) != 2:
        raise TypeError(
            f"{function}() expected a pair of inputs and targets for {name}, got {type_and_value(data)}. "
            "Pass (inputs, targets)."
        )
    for i, part in enumerate(data):
        if not _has_length(part):
            raise TypeError(
                f"{function}() expected a sequence for {name}[{i}], the {('inputs', 'targets')[i]}, got "
                f"{type_and_value(part)}. Pass a list or an array."
            )
    inputs, targets = data
    return inputs, targets


def _has_length(x: Any) -> bool:
    return hasattr(x, "__len__") and not isinstance(x, str | Mapping | Set)


def check_samples(name: str, data: Any) -> Samples:
    """Return the data if there are as many targets as inputs, at least one, and all numbers are finite."""
    inputs, targets = check_pair("fit", name, data)
    if len(inputs) != len(targets):
        raise ValueError(
            f"fit() expected as many targets as inputs in {name}, got {len(inputs)} inputs and "
            f"{len(targets)} targets. Pass one target for each input."
        )
    if not len(inputs):
        raise ValueError(
            f"fit() expected at least one sample in {name}, got {type_and_value(data)}. Add a sample."
        )
    for i, sample in enumerate(zip(inputs, targets)):
        for j, part in enumerate(sample):
            if (bad := not_finite(part)) is not None:
                raise ValueError(
                    f"fit() expected finite numbers, got {bad!r} in {name}[{j}][{i}], the "
                    f"{('input', 'target')[j]} of sample {i}. It would make every weight nan. Remove the "
                    "sample, or replace the number."
                )
    return Samples([*inputs], [*targets])


def not_finite(x: Any) -> float | None:
    """Return the first number in x that is nan or infinite; None if there is none.

    >>> not_finite([1.0, [2, float("inf")]])
    inf
    """
    if type(x) is float:
        return None if math.isfinite(x) else x
    if isinstance(x, Value):
        return not_finite(x.data)
    if hasattr(x, "__iter__") and not isinstance(x, str | Mapping | Set) and getattr(x, "ndim", 1) > 0:
        return next((bad for item in x if (bad := not_finite(item)) is not None), None)
    try:
        return not_finite(float(x))  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError, OverflowError):  # not a number, or a huge int: the model or loss decides
        return None


def dry_run(
    model: Module, samples: Samples, loss: Callable[[Any, Any], Any], forward: Forward, name: str
) -> None:
    """Raise the error of a wrong shape or label before training starts.

    One sample of each shape is passed through the model. Its outputs stand for those of all samples of that
    shape, and the loss is computed with every target.
    """
    with mode(model, training=False), no_grad():
        outputs = _outputs_by_shape(model, samples, forward, name)
        try:
            loss([outputs[_shape(x)] for x in samples.inputs], samples.targets)
        except Exception as error:
            error.add_note(f"The error was raised with the targets of {name}. Nothing was changed.")
            raise


def _outputs_by_shape(model: Module, samples: Samples, forward: Forward, name: str) -> dict[Any, Any]:
    outputs: dict[Any, Any] = {}
    for i, x in enumerate(samples.inputs):
        shape = _shape(x)
        if shape not in outputs:
            try:
                outputs[shape] = _prediction(forward(model, [x]))
            except Exception as error:
                error.add_note(
                    f"The error was raised with the input of sample {i} of {name}. Nothing was changed."
                )
                raise
    return outputs


def _prediction(predictions: Any) -> Any:
    """Return the prediction in a list of one; raise an error for any other result of ``forward``."""
    if not is_listed(predictions):
        raise TypeError(
            f"fit() expected forward to return a list of predictions, got {type_and_value(predictions)}. "
            "Return one prediction for each input."
        )
    items = [*predictions]
    if len(items) != 1:
        raise ValueError(
            f"fit() expected forward to return one prediction for an input, got "
            f"{type_and_value(predictions)}. Return one prediction for each input."
        )
    return items[0]


def _shape(x: Any) -> Any:
    if is_sequence(x):
        return (*map(_shape, x),)
    return getattr(x, "shape", None)


@contextmanager
def mode(model: Module, training: bool) -> Generator[None, None, None]:
    """Switch a model to training or evaluation mode; restore the mode of each module afterwards."""
    before = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, training_before in before:
            module.training = training_before


def batches_of(count: int, size: int, seed: int | None, epoch: int) -> list[list[int]]:
    """Return the samples of an epoch in batches, by index; the same seed and epoch give the same order.

    >>> batches_of(5, size=2, seed=None, epoch=0)  # no seed: in order
    [[0, 1], [2, 3], [4]]
    """
    order = [*range(count)]
    if seed is not None:
        random.Random(f"{seed} {epoch}").shuffle(order)
    return [order[start : start + size] for start in range(0, count, size)]
