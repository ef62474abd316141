"""Samples: the training data, checked before anything changes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Generator, Mapping, Sequence, Set
from contextlib import contextmanager
from typing import Any, NamedTuple

from autograd import Value, no_grad
from autograd.system.messages import type_name

from ..kinds import is_sequence
from ..module import Module

#: Inputs and targets, as many of each.
Data = tuple[Sequence[Any], Sequence[Any]]
#: A function of a model and inputs that returns a prediction for each input.
Forward = Callable[[Any, Sequence[Any]], Any]


def each(model: Any, inputs: Sequence[Any]) -> list[Any]:
    """Return the predictions of a model that takes one sample per call.

    >>> each(abs, [-1.0, 2.0])
    [1.0, 2.0]
    """
    return [model(x) for x in inputs]


class Samples(NamedTuple):
    """Inputs and their targets, checked by :func:`checked`."""

    inputs: list[Any]
    targets: list[Any]


def pair(data: Any, what: str) -> Data:
    """Return the inputs and the targets; raise TypeError if the data are not such a pair."""
    if not _has_length(data) or len(data) != 2:
        raise TypeError(f"{what} must be a pair of inputs and targets, not {type_name(data)}")
    for part, name in zip(data, ("inputs", "targets")):
        if not _has_length(part):
            raise TypeError(f"the {name} of {what} must be a sequence, not {type_name(part)}")
    inputs, targets = data
    return inputs, targets


def _has_length(x: Any) -> bool:
    return hasattr(x, "__len__") and not isinstance(x, str | Mapping | Set)


def checked(data: Any, what: str) -> Samples:
    """Return the data if there are as many targets as inputs, at least one, and all numbers are finite."""
    inputs, targets = pair(data, what)
    if len(inputs) != len(targets):
        raise ValueError(f"{what} has {len(inputs)} inputs and {len(targets)} targets; give as many of each")
    if not len(inputs):
        raise ValueError(f"{what} is empty: give at least one sample")
    for i, sample in enumerate(zip(inputs, targets)):
        for part, name in zip(sample, ("input", "target")):
            if (bad := not_finite(part)) is not None:
                raise ValueError(
                    f"the {name} of sample {i} of {what} holds {bad!r}: training would make nan of every "
                    "weight; leave the sample out, or fill in what is missing"
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
    except (TypeError, ValueError, OverflowError):  # no number, or a huge int: not ours to judge
        return None


def rehearse(
    model: Module, samples: Samples, loss: Callable[[Any, Any], Any], forward: Forward, what: str
) -> None:
    """Raise the error of a wrong shape or label before training starts.

    One sample of each shape is passed through the model. Its outputs stand for those of all samples of that
    shape, and the loss is computed with every target.
    """
    with mode(model, training=False), no_grad():
        outputs = _outputs_by_shape(model, samples, forward, what)
        try:
            loss([outputs[_shape(x)] for x in samples.inputs], samples.targets)
        except Exception as error:
            error.add_note(f"(with the targets of {what}; nothing has been changed)")
            raise


def _outputs_by_shape(model: Module, samples: Samples, forward: Forward, what: str) -> dict[Any, Any]:
    outputs: dict[Any, Any] = {}
    for i, x in enumerate(samples.inputs):
        shape = _shape(x)
        if shape not in outputs:
            try:
                (outputs[shape],) = forward(model, [x])
            except Exception as error:
                error.add_note(f"(with the input of sample {i} of {what}; nothing has been changed)")
                raise
    return outputs


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
        for module, was in before:
            module.training = was


def batches_of(count: int, size: int, seed: int | None, epoch: int) -> list[list[int]]:
    """Return the samples of an epoch in batches, by index; the same seed and epoch give the same order.

    >>> batches_of(5, size=2, seed=None, epoch=0)  # no seed: in order
    [[0, 1], [2, 3], [4]]
    """
    order = [*range(count)]
    if seed is not None:
        random.Random(f"{seed} {epoch}").shuffle(order)
    return [order[start : start + size] for start in range(0, count, size)]
